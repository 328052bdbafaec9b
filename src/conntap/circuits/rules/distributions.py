"""Distributions as frozen values: each turns uniform numbers into its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from conntap.errors import OptionError, unknown

__all__ = [
    "Discrete",
    "Distribution",
    "Fixed",
    "Gamma",
    "Normal",
    "Poisson",
    "PositivePoisson",
    "TruncatedNormal",
    "distribution_from_dict",
]

_MOST_MEAN = 1e9


class Distribution(Protocol):
    """What every distribution can do."""

    def quantiles(self, uniforms: np.ndarray) -> np.ndarray:
        """The value below which a share of `uniforms` (from 0 to 1, without 1) lies: of their shape."""

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """The share that lies at or below each value."""


@dataclass(frozen=True)
class Fixed:
    """Always one value, a number or text.

    >>> Fixed(2.5).quantiles(np.array([0.1, 0.9])).tolist()
    [2.5, 2.5]
    """

    value: float | str

    def __post_init__(self) -> None:
        if not isinstance(self.value, str):
            _check(self, ("value",))

    def quantiles(self, uniforms: np.ndarray) -> np.ndarray:
        """The value, for each."""
        return np.full(np.shape(uniforms), self.value)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """0 below the value, 1 from it on."""
        return (np.asarray(values) >= self.value).astype(np.float64)


@dataclass(frozen=True)
class Normal:
    """Normal, by mean and standard deviation.

    >>> Normal(1.0, 2.0).quantiles(np.array([0.5])).tolist()
    [1.0]
    """

    mean: float
    sd: float

    def __post_init__(self) -> None:
        _check(self, ("mean", "sd"), ("sd",))

    def quantiles(self, uniforms: np.ndarray) -> np.ndarray:
        """By the inverse of the normal integral."""
        from scipy.special import ndtri

        return self.mean + self.sd * ndtri(_open(uniforms))

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """The normal integral."""
        from scipy.special import ndtr

        return ndtr((np.asarray(values) - self.mean) / self.sd) if self.sd else Fixed(self.mean).cdf(values)


@dataclass(frozen=True)
class TruncatedNormal:
    """A normal of that mean and standard deviation, held within bounds by leaving out what lies beyond.

    >>> TruncatedNormal(0.0, 1.0, -1.0, 1.0).quantiles(np.array([0.5])).round(9).tolist()
    [0.0]
    """

    mean: float
    sd: float
    lower: float
    upper: float

    def __post_init__(self) -> None:
        _check(self, ("mean", "sd", "lower", "upper"), ("sd",))
        if not self.lower <= self.upper:
            raise OptionError(f"rules.TruncatedNormal: lower is {self.lower}, upper {self.upper}; give lower <= upper.")

    def quantiles(self, uniforms: np.ndarray) -> np.ndarray:
        """By the inverse of the normal integral between the bounds, taken from the nearer tail."""
        from scipy.special import log_ndtr, ndtri_exp

        if self._is_one():
            return np.full(np.shape(uniforms), min(max(self.mean, self.lower), self.upper))
        low, high = self._ends()
        if self._is_flat():
            return np.clip(self.lower + np.asarray(uniforms) * (self.upper - self.lower), self.lower, self.upper)
        share, rest, sign = np.log(_open(uniforms)), np.log1p(-_open(uniforms)), 1.0
        if low > 0:  # in the upper tail, seen from the other side
            low, high, share, rest, sign = -high, -low, rest, share, -1.0
        z = sign * ndtri_exp(np.logaddexp(log_ndtr(low) + rest, log_ndtr(high) + share))
        return np.clip(self.mean + self.sd * z, self.lower, self.upper)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """The normal integral from the lower bound, over that between both."""
        from scipy.stats import truncnorm

        if self._is_one():
            return Fixed(min(max(self.mean, self.lower), self.upper)).cdf(values)
        if self._is_flat():
            return np.clip((np.asarray(values) - self.lower) / (self.upper - self.lower), 0.0, 1.0)
        return truncnorm.cdf(values, *self._ends(), loc=self.mean, scale=self.sd)

    def _ends(self) -> tuple[float, float]:
        return (self.lower - self.mean) / self.sd, (self.upper - self.mean) / self.sd

    def _is_one(self) -> bool:
        """Whether one value is all there is."""
        return not self.sd or self.lower == self.upper

    def _is_flat(self) -> bool:
        """Whether the bounds are so near each other that floats cannot tell the normal between them."""
        low, high = self._ends()
        return high - low < 1e-12 * max(1.0, abs(low), abs(high))


@dataclass(frozen=True)
class Gamma:
    """Gamma, by mean and standard deviation: shape (mean / sd)^2, scale sd^2 / mean.

    >>> Gamma(2.0, 2.0).quantiles(np.array([1 - math.exp(-1)])).round(9).tolist()
    [2.0]
    """

    mean: float
    sd: float

    def __post_init__(self) -> None:
        _check(self, ("mean", "sd"), ("mean", "sd"))
        if self.sd and not (self.mean > 0 and math.isfinite(self.shape) and self.scale > 0):
            raise OptionError(f"rules.Gamma: mean {self.mean} with sd {self.sd}; give a mean above 0, or sd 0.")

    @property
    def shape(self) -> float:
        """The shape; infinite without spread."""
        return (self.mean / self.sd) ** 2 if self.sd else math.inf

    @property
    def scale(self) -> float:
        """The scale; 0 without spread."""
        return self.sd**2 / self.mean if self.sd else 0.0

    def quantiles(self, uniforms: np.ndarray) -> np.ndarray:
        """By the inverse of the incomplete gamma function."""
        from scipy.special import gammaincinv

        return self.scale * gammaincinv(self.shape, uniforms) if self.sd else np.full(np.shape(uniforms), self.mean)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """The incomplete gamma function."""
        from scipy.special import gammainc

        if not self.sd:
            return Fixed(self.mean).cdf(values)
        return gammainc(self.shape, np.maximum(values, 0.0) / self.scale)


@dataclass(frozen=True)
class Poisson:
    """Poisson, by its mean.

    >>> Poisson(1.0).quantiles(np.array([0.3, 0.5, 0.9])).tolist()
    [0.0, 1.0, 2.0]
    """

    mean: float

    def __post_init__(self) -> None:
        _check(self, ("mean",), ("mean",))
        _check_mean(self)

    def quantiles(self, uniforms: np.ndarray) -> np.ndarray:
        """The least whole number with so large a share at or below it."""
        from scipy.stats import poisson

        return _stepped(uniforms, poisson.cdf, *_poisson_span(self.mean), self.mean)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """The share at or below each value."""
        from scipy.stats import poisson

        return poisson.cdf(values, self.mean)


@dataclass(frozen=True)
class PositivePoisson:
    """Poisson of which zero is left out, by the `rate` of the whole; its mean is rate / (1 - exp(-rate)).

    >>> PositivePoisson(1.0).quantiles(np.array([0.3, 0.7, 0.9])).tolist()
    [1.0, 2.0, 3.0]
    """

    rate: float

    def __post_init__(self) -> None:
        _check(self, ("rate",), ("rate",))
        _check_mean(self)

    def quantiles(self, uniforms: np.ndarray) -> np.ndarray:
        """The least whole number from 1 on with so large a share at or below it."""
        low, high = _poisson_span(self.rate)
        return _stepped(uniforms, lambda values, _: self.cdf(values), max(low, 1), max(high, 2), self.rate)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """The share at or below each value; all lies at 1 where the rate is 0."""
        from scipy.stats import poisson

        values = np.asarray(values, dtype=np.float64)
        if self.rate < 1e-8:
            return (values >= 1).astype(np.float64)
        zero = -np.expm1(-self.rate)
        return np.where(values < 1, 0.0, 1 - poisson.sf(values, self.rate) / zero)


@dataclass(frozen=True)
class Discrete:
    """Listed values, numbers or text, each with a probability.

    >>> Discrete((1.0, 5.0), (0.25, 0.75)).quantiles(np.array([0.2, 0.3])).tolist()
    [1.0, 5.0]
    """

    values: tuple[float, ...] | tuple[str, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        p = np.asarray(self.probabilities, dtype=np.float64)
        if not len(self.values) or len(self.values) != len(p) or len(set(self.values)) < len(p):
            raise OptionError(
                f"rules.Discrete: {len(self.values)} values, {len(p)} probabilities; give one each, none twice."
            )
        if not ((p >= 0).all() and abs(p.sum() - 1) < 1e-6):
            raise OptionError(f"rules.Discrete: probabilities add up to {p.sum()}; give numbers from 0 on that give 1.")
        if not (all(isinstance(each, str) for each in self.values) or np.isfinite(self._numbers()).all()):
            raise OptionError("rules.Discrete: values must be all text, or all finite numbers.")

    def _numbers(self) -> np.ndarray:
        try:
            return np.asarray(self.values, dtype=np.float64)
        except (TypeError, ValueError):
            return np.array([np.nan])

    def quantiles(self, uniforms: np.ndarray) -> np.ndarray:
        """The first value, in the order given, with so large a share in it and those before."""
        steps = np.cumsum(self.probabilities)
        last = max(number for number, p in enumerate(self.probabilities) if p > 0)
        return np.asarray(self.values)[np.minimum(np.searchsorted(steps, uniforms, side="right"), last)]

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """The share at or below each value, where they are numbers; of text, that of those up to it in the order given."""
        p = np.asarray(self.probabilities)
        if isinstance(self.values[0], str):
            order = dict(zip(self.values, np.cumsum(p), strict=True))
            return np.array([order.get(each, 0.0) for each in np.asarray(values).ravel()]).reshape(np.shape(values))
        order = np.argsort(self._numbers(), kind="stable")
        steps = np.append(0.0, np.cumsum(p[order]))
        return steps[np.searchsorted(self._numbers()[order], values, side="right")]


KINDS: dict[str, type] = {
    "constant": Fixed,
    "normal": Normal,
    "truncnorm": TruncatedNormal,
    "gamma": Gamma,
    "poisson": Poisson,
    "ztpoisson": PositivePoisson,
    "discrete": Discrete,
}


def distribution_from_dict(values: Mapping[str, Any], *, where: str = "distribution") -> Distribution:
    """The distribution of a kind: constant, normal, truncnorm, gamma, poisson, ztpoisson or discrete.

    Raises
    ------
    OptionError
        An unknown kind or name, a number that makes no sense.

    Examples
    --------
    >>> distribution_from_dict({"kind": "gamma", "mean": 2.0, "sd": 1.0})
    Gamma(mean=2.0, sd=1.0)
    """
    kinds = KINDS | {each.__name__: each for each in KINDS.values()}
    kind = values.get("kind") if isinstance(values, Mapping) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise OptionError(unknown(where, "kind of distribution", kind, KINDS))
    names = [each.name for each in fields(kinds[kind])]
    given = {name: value for name, value in values.items() if name != "kind"}
    if set(given) != set(names):
        raise OptionError(f"{where}: {kind} takes {', '.join(names)}; got {', '.join(map(str, given)) or 'none'}.")
    try:
        return kinds[kind](**{name: tuple(each) if isinstance(each, list) else each for name, each in given.items()})
    except (TypeError, ValueError) as error:
        raise OptionError(f"{where}: {kind} takes {', '.join(names)}; {error}.") from None


def _check(distribution: Any, names: tuple[str, ...], at_least_0: tuple[str, ...] = ()) -> None:
    for name in names:
        value = getattr(distribution, name)
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)
        if not number or (name in at_least_0 and value < 0):
            wanted = "a number from 0 on" if name in at_least_0 else "a finite number"
            raise OptionError(f"rules.{type(distribution).__name__}: {name} is {value!r}; give {wanted}.")


def _check_mean(distribution: Any) -> None:
    (name,) = distribution.__dataclass_fields__
    if getattr(distribution, name) > _MOST_MEAN:
        raise OptionError(f"rules.{type(distribution).__name__}: {name} exceeds {_MOST_MEAN:.0e}; take a normal.")


def _open(uniforms: np.ndarray) -> np.ndarray:
    """Held off 0 and 1, where a normal is infinite."""
    return np.clip(uniforms, 2.0**-54, 1 - 2.0**-53)


def _poisson_span(mean: float) -> tuple[int, int]:
    """Whole numbers between which all but nothing lies."""
    far = 40 + 9 * math.sqrt(mean)
    return max(0, math.floor(mean - far)), math.ceil(mean + far)


def _stepped(uniforms: np.ndarray, cdf: Any, low: int, high: int, mean: float) -> np.ndarray:
    steps = cdf(np.arange(low, high), mean)
    return (low + np.searchsorted(steps, uniforms, side="left")).astype(np.float64)

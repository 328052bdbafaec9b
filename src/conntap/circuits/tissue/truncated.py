"""A normal law between two ends that has the mean and the standard deviation asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from conntap.errors import OptionError, one_of

__all__ = ["TruncatedNormal", "truncated_normal"]

_FLATTEST = 1e-9  # precision, in units of the sd asked for, below which a law is as flat as an exponential
_DROP = 45.0  # how far the logarithm of a density falls before the rest no longer counts


@dataclass(frozen=True)
class TruncatedNormal:
    """A normal law cut off at two ends, or on the whole numbers between them; made by `truncated_normal`.

    Parameters
    ----------
    mean, sd
        Of what is drawn.
    low, high
        The ends; they belong to it.
    location, scale
        Those of the normal law before it is cut off; a scale of 0 always gives the mean.
    values
        What is drawn: any number ("real"), or whole numbers in proportion to the density there ("whole").
    """

    mean: float
    sd: float
    low: float
    high: float
    location: float
    scale: float
    values: Literal["real", "whole"] = "real"

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...] | None = None) -> Any:
        """Values of that size: float64, or int64 where whole; one for None. Each takes one random number."""
        drawn = self.quantile(rng.random(size))
        drawn = drawn.astype(np.int64) if self.values == "whole" else drawn
        return drawn[()] if size is None else drawn

    def cdf(self, value: Any) -> np.ndarray:
        """The share of what is drawn that is at most each value."""
        value = np.asarray(value, dtype=np.float64)
        if self.scale == 0:
            return np.where(value >= self.mean, 1.0, 0.0)
        if self.values == "whole":
            numbers, below = self._steps()
            return np.concatenate([[0.0], below])[np.searchsorted(numbers, value, side="right")]
        from scipy.special import log_ndtr

        low, high, side = self._ends()
        at = side * (np.clip(value, self.low, self.high) - self.location) / self.scale
        share = np.exp(
            _log_of_difference(log_ndtr(at), log_ndtr(low)) - _log_of_difference(log_ndtr(high), log_ndtr(low))
        )
        share = share if side > 0 else 1 - share
        return np.clip(np.where(value < self.low, 0.0, np.where(value >= self.high, 1.0, share)), 0, 1)

    def quantile(self, share: Any) -> np.ndarray:
        """The value that each share, from 0 to 1, of what is drawn does not exceed.

        Raises
        ------
        OptionError
            A share below 0, above 1 or NaN.
        """
        share = np.asarray(share, dtype=np.float64)
        if not ((share >= 0) & (share <= 1)).all():
            raise OptionError("truncated normal: a share is not from 0 to 1.")
        if self.scale == 0:
            return np.full(share.shape, self.mean)
        if self.values == "whole":
            numbers, below = self._steps()
            return numbers[np.searchsorted(below, share).clip(max=len(numbers) - 1)].astype(np.float64)
        from scipy.special import log_ndtr, ndtri_exp

        low, high, side = self._ends()
        share = share if side > 0 else 1 - share
        with np.errstate(divide="ignore"):
            inner = np.log(share) + _log_of_difference(log_ndtr(high), log_ndtr(low))
        at = ndtri_exp(np.minimum(np.logaddexp(log_ndtr(low), inner), log_ndtr(high)))
        found = np.clip(self.location + side * at * self.scale, self.low, self.high)
        return np.where(share == 1, self.high if side > 0 else self.low, found)

    def _ends(self) -> tuple[float, float, int]:
        """The ends in units of the scale, mirrored so that the heavier tail is the left one; and the side."""
        low, high = (self.low - self.location) / self.scale, (self.high - self.location) / self.scale
        return (low, high, 1) if low <= 0 else (-high, -low, -1)

    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        """The whole numbers, and the share up to each."""
        numbers = _whole_numbers(self.low, self.high)
        logs = -(((numbers - self.location) / self.scale) ** 2) / 2
        below = np.cumsum(np.exp(logs - logs.max()))
        return numbers, below / below[-1]


def truncated_normal(
    mean: float,
    sd: float,
    low: float,
    high: float,
    *,
    values: Literal["real", "whole"] = "real",
    where: str = "truncated_normal",
) -> TruncatedNormal:
    """A normal law between two ends whose mean and standard deviation, after it is cut off, are those asked for.

    Of all laws between the ends with that mean and standard deviation it has the largest entropy. On whole numbers it is the discrete
    normal law, whose probabilities are in proportion to the normal density at each: nothing is rounded, so that mean and
    standard deviation of the whole numbers too are those asked for.

    Parameters
    ----------
    mean, sd
        Of what is drawn; an sd of 0 gives always the mean.
    low, high
        The ends, which belong to it.
    values
        Draw any number ("real") or whole ones ("whole").
    where
        For the message: which option it is.

    Returns
    -------
    A frozen object with `.draw(rng, size)`, `.mean`, `.sd`, `.cdf(value)`, `.quantile(share)`, and the `.location` and `.scale` of the
    normal law before it is cut off.

    Raises
    ------
    OptionError
        Numbers that are not finite; a mean that does not lie between the ends; a standard deviation larger than that of an
        exponential law between the ends with that mean, the flattest limit of a normal one; whole numbers that cannot have so small
        a standard deviation.

    Notes
    -----
    For each precision the tilt that gives the mean is found, then the precision that gives the standard deviation; both are
    monotone. A few milliseconds, once for each four numbers. The exponential limit: Castillo, 1994, "The singly truncated normal
    distribution", doi:10.1007/BF00773592. On whole numbers: Kemp, 1997, doi:10.1016/S0378-3758(97)00020-7.

    Examples
    --------
    >>> areas = truncated_normal(191.6, 160.6, 0, 1000)
    >>> drawn = areas.draw(np.random.default_rng(0), 100_000)
    >>> round(drawn.mean()), round(drawn.std()), float(drawn.min()) >= 0
    (191, 160, True)
    >>> feet = truncated_normal(2.06, 1.1, 1, 5, values="whole")
    >>> feet.draw(np.random.default_rng(0), 5).tolist()
    [2, 1, 1, 1, 3]
    """
    one_of(f"{where}.values", values, ("real", "whole"))
    numbers = {"mean": mean, "sd": sd, "low": low, "high": high}
    for name, given in numbers.items():
        if isinstance(given, bool) or not isinstance(given, int | float | np.number) or not math.isfinite(given):
            raise OptionError(f"{where}.{name}: {given!r}; give a finite number.")
    mean, sd, low, high = (float(each) for each in numbers.values())
    if sd < 0:
        raise OptionError(f"{where}.sd: {sd:g}; give 0 or more.")
    constant = sd == 0 and low <= mean <= high and (values == "real" or mean.is_integer())
    if not constant and not low < mean < high:
        raise OptionError(f"{where}.mean: {mean:g} must lie between the ends {low:g} and {high:g}.")
    location, scale = (mean, 0.0) if constant else _solved(mean, sd, low, high, values, where)
    return TruncatedNormal(mean, sd, low, high, location, scale, values)


@cache
def _solved(mean: float, sd: float, low: float, high: float, values: str, where: str) -> tuple[float, float]:
    """Location and scale of the normal law, worked out in units of the sd asked for, from the mean asked for."""
    from scipy.optimize import brentq

    unit = sd if sd > 0 else 1.0
    if values == "whole":
        numbers = (_whole_numbers(low, high, where) - mean) / unit

        def law(tilt: float, precision: float) -> tuple[np.ndarray, np.ndarray]:
            logs = tilt * numbers - precision * numbers**2 / 2
            return numbers, np.exp(logs - logs.max())
    else:

        def law(tilt: float, precision: float) -> tuple[np.ndarray, np.ndarray]:
            return _on_nodes(tilt, precision, (low - mean) / unit, (high - mean) / unit)

    def excess(precision: float) -> float:
        _, variance = _moments(*law(_tilt(law, precision), precision))
        return variance * (unit / sd) ** 2 - 1 if sd > 0 else 1.0

    flattest = excess(_FLATTEST)
    if flattest < -1e-6:
        limit = sd * math.sqrt(1 + flattest)
        raise OptionError(
            f"{where}.sd: {sd:g}; between {low:g} and {high:g} a normal law of mean {mean:g} has at most {limit:.6g}. Give a smaller one."
        )
    steepest = 1.0
    while values == "whole" and excess(steepest) > 0:
        steepest *= 2
        if steepest * (1 / unit) ** 2 > 600:
            raise OptionError(
                f"{where}.sd: {sd:g}; whole numbers with the mean {mean:g} spread more. Give a larger one."
            )
    if flattest <= 0:
        precision = _FLATTEST
    elif excess(steepest) >= 0:
        precision = steepest
    else:
        precision = math.exp(
            brentq(lambda log: excess(math.exp(log)), math.log(_FLATTEST), math.log(steepest), xtol=1e-14, rtol=1e-14)
        )
    return mean + unit * _tilt(law, precision) / precision, unit / math.sqrt(precision)


def _tilt(law: Callable[[float, float], tuple[np.ndarray, np.ndarray]], precision: float) -> float:
    """The tilt at which a law of that precision has the mean 0; the mean rises with it."""
    from scipy.optimize import brentq

    def mean(tilt: float) -> float:
        return _moments(*law(tilt, precision))[0]

    reach = 1.0
    while mean(reach) < 0 or mean(-reach) > 0:
        reach *= 2
    return brentq(mean, -reach, reach, xtol=1e-15, rtol=1e-14)


def _on_nodes(tilt: float, precision: float, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of exp(tilt y - precision y^2 / 2) where it counts, by Gauss and Legendre."""
    peak = min(max(tilt / precision, low), high)
    slope = tilt - precision * peak
    left, right = (
        2 * _DROP / (steep + math.sqrt(steep * steep + 2 * precision * _DROP))
        for steep in (max(slope, 0), max(-slope, 0))
    )
    begin, end = max(low, peak - left), min(high, peak + right)
    nodes, weights = _gauss()
    y = begin + (end - begin) * nodes
    away = y - peak
    return y, weights * np.exp(slope * away - precision * away**2 / 2)


def _moments(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    total = weights.sum()
    mean = float(weights @ values / total)
    return mean, float(weights @ (values - mean) ** 2 / total)


@cache
def _gauss() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(160)
    return (nodes + 1) / 2, weights / 2


def _whole_numbers(low: float, high: float, where: str = "truncated_normal") -> np.ndarray:
    if high - low > 1e6:
        raise OptionError(f"{where}: more than a million whole numbers between {low:g} and {high:g}.")
    return np.arange(math.ceil(low), math.floor(high) + 1, dtype=np.float64)


def _log_of_difference(larger: Any, smaller: Any) -> Any:
    with np.errstate(divide="ignore"):
        return larger + np.log(-np.expm1(np.minimum(smaller - larger, 0)))

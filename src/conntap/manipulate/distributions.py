"""Numbers drawn from named distributions, as documents write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conntap.errors import OptionError, known, unknown

__all__ = ["DISTRIBUTIONS", "drawn_from"]

DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "constant": ("value",),
    "discrete": ("values", "weights"),
    "gamma": ("mean", "std"),
    "lognormal": ("mean", "std"),
    "normal": ("mean", "std"),
    "poisson": ("mean",),
    "truncated_normal": ("mean", "std", "low", "high"),
    "uniform": ("low", "high"),
    "zero_truncated_poisson": ("rate",),
}
"""The kinds and their parameters. `mean` and `std` are those of the numbers drawn, but for the truncated normal, where
they are those of the whole normal; `rate` is the mean of the whole Poisson."""

_BOUNDS = {"truncated_normal": ("low", "high")}  # may be infinite
_OPTIONAL = {"weights": None, "low": -np.inf, "high": np.inf}


def drawn_from(distribution: Mapping[str, Any], n: int, rng: np.random.Generator, where: str) -> np.ndarray:
    """`n` independent numbers from a distribution such as `{"kind": "normal", "mean": 1, "std": 0.2}`.

    Parameters
    ----------
    distribution
        `kind` and its parameters, as in `DISTRIBUTIONS`.
    where
        What it is an option of, for errors.

    Returns
    -------
    Shape (n,): floats; of discrete ones what the values are.

    Raises
    ------
    OptionError
        An unknown kind or parameter, one that is missing or makes no sense.

    Examples
    --------
    >>> drawn_from({"kind": "uniform", "low": 1, "high": 2}, 2, np.random.default_rng(0), "example").round(2)
    array([1.64, 1.27])
    >>> drawn_from({"kind": "unifrom"}, 2, np.random.default_rng(0), "example")
    Traceback (most recent call last):
    conntap.errors.OptionError: example: unknown distribution 'unifrom'; known: constant, discrete, gamma, lognormal, \
normal, poisson, truncated_normal, uniform, zero_truncated_poisson. Did you mean 'uniform'?
    """
    if not isinstance(distribution, Mapping) or "kind" not in distribution:
        raise OptionError(
            f"{where}: {distribution!r}; give a distribution, such as {{kind: normal, mean: 1, std: 0.2}}."
        )
    kind = distribution["kind"]
    if not isinstance(kind, str) or kind not in DISTRIBUTIONS:
        raise OptionError(unknown(where, "distribution", kind, DISTRIBUTIONS))
    given = {name: value for name, value in distribution.items() if name != "kind"}
    for name in given:
        if name not in DISTRIBUTIONS[kind]:
            raise OptionError(unknown(where, f"parameter of {kind}", name, DISTRIBUTIONS[kind]))
    for name in DISTRIBUTIONS[kind]:
        if name not in given and (name not in _OPTIONAL or kind == "uniform"):
            raise OptionError(f"{where}: {kind} lacks {name!r}; it takes {known(DISTRIBUTIONS[kind])}. Give it.")
    numbers = {name: given.get(name, _OPTIONAL.get(name)) for name in DISTRIBUTIONS[kind]}
    if kind != "discrete":
        _check(kind, numbers, where)
    try:
        with np.errstate(all="ignore"):
            drawn = _DRAWS[kind](numbers, n, rng, where)
    except (ValueError, OverflowError, TypeError) as error:
        if isinstance(error, OptionError):
            raise
        raise OptionError(f"{where}: {kind} cannot be drawn from ({error}). Give other parameters.") from None
    if kind != "discrete" and not np.isfinite(drawn).all():
        raise OptionError(f"{where}: {kind} gives what is no finite number. Give other parameters.")
    return drawn


def _check(kind: str, numbers: Mapping[str, Any], where: str) -> None:
    for name, value in numbers.items():
        is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool) and value == value
        least = 0 if name in ("std", "rate") or (name == "mean" and kind in ("gamma", "lognormal", "poisson")) else None
        if (
            not is_number
            or (least is not None and value < least)
            or (not _is_finite(value) and name not in _BOUNDS.get(kind, ()))
        ):
            wanted = "a finite number" if least is None else "a finite number from 0 on"
            raise OptionError(f"{where}.{name}: {value!r}; give {wanted}.")
    if "low" in numbers and not numbers["low"] < numbers["high"]:
        raise OptionError(f"{where}: low {numbers['low']} and high {numbers['high']}; give a higher high.")
    strictly = {
        "gamma": ("mean",),
        "lognormal": ("mean",),
        "zero_truncated_poisson": ("rate",),
        "truncated_normal": ("std",),
    }
    for name in strictly.get(kind, ()):
        if numbers[name] == 0:
            raise OptionError(f"{where}.{name}: 0; give a number above 0.")


def _is_finite(value: Any) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except OverflowError:  # of a whole number beyond all floats
        return False


def _truncated_normal(numbers: Mapping[str, float], n: int, rng: np.random.Generator, where: str) -> np.ndarray:
    from scipy.special import ndtr, ndtri

    mean, std = numbers["mean"], numbers["std"]
    low, high = (numbers["low"] - mean) / std, (numbers["high"] - mean) / std
    sign = -1.0 if low > 0 else 1.0  # the lower tail is the precise one
    first, last = (ndtr(low), ndtr(high)) if sign > 0 else (ndtr(-high), ndtr(-low))
    if not first < last:
        raise OptionError(
            f"{where}: no number of this normal lies from {numbers['low']} to {numbers['high']}. Widen them."
        )
    found = mean + std * sign * ndtri(rng.uniform(first, last, n))
    return np.clip(found, numbers["low"], numbers["high"])


def _discrete(numbers: Mapping[str, Any], n: int, rng: np.random.Generator, where: str) -> np.ndarray:
    values = np.asarray(numbers["values"])
    if values.ndim != 1 or len(values) == 0:
        raise OptionError(f"{where}.values: {numbers['values']!r}; give a list of at least one.")
    weights = np.ones(len(values)) if numbers["weights"] is None else np.asarray(numbers["weights"], dtype=np.float64)
    if weights.shape != values.shape or not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
        raise OptionError(
            f"{where}.weights: give one number from 0 on for each of the {len(values)} values, not all 0."
        )
    return values[rng.choice(len(values), n, p=weights / weights.sum())]


def _gamma(numbers: Mapping[str, float], n: int, rng: np.random.Generator, where: str) -> np.ndarray:
    mean, std = numbers["mean"], numbers["std"]
    return rng.gamma((mean / std) ** 2, std**2 / mean, n) if std else np.full(n, float(mean))


def _lognormal(numbers: Mapping[str, float], n: int, rng: np.random.Generator, where: str) -> np.ndarray:
    spread = np.log1p((numbers["std"] / numbers["mean"]) ** 2)
    return rng.lognormal(np.log(numbers["mean"]) - spread / 2, np.sqrt(spread), n)


def _zero_truncated_poisson(numbers: Mapping[str, float], n: int, rng: np.random.Generator, where: str) -> np.ndarray:
    """One event, and those after it: its time in a Poisson process that is known to have one, then the rest."""
    rate = numbers["rate"]
    first = -np.log1p(rng.random(n) * np.expm1(-rate))
    return 1.0 + rng.poisson(np.maximum(rate - first, 0.0))


_DRAWS: dict[str, Callable[..., np.ndarray]] = {
    "constant": lambda given, n, rng, where: np.full(n, float(given["value"])),
    "discrete": _discrete,
    "gamma": _gamma,
    "lognormal": _lognormal,
    "normal": lambda given, n, rng, where: rng.normal(given["mean"], given["std"], n),
    "poisson": lambda given, n, rng, where: rng.poisson(given["mean"], n).astype(np.float64),
    "truncated_normal": _truncated_normal,
    "uniform": lambda given, n, rng, where: rng.uniform(given["low"], given["high"], n),
    "zero_truncated_poisson": _zero_truncated_poisson,
}

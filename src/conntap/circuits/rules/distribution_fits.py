"""Distributions fitted to values, by likelihood, with standard errors from the Fisher information."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conntap.circuits.rules.distributions import (
    KINDS,
    Discrete,
    Distribution,
    Fixed,
    Gamma,
    Normal,
    Poisson,
    PositivePoisson,
    TruncatedNormal,
)
from conntap.errors import OptionError, unknown

__all__ = ["fit_distribution"]

_WIDEST = 20.0  # the sd of a truncated normal, in spans between its bounds: flatter ones cannot be told from that
_MOST_VALUES = 10_000
_STEPS = 200
Fitted = tuple[Distribution, dict[str, float]]


def fit_distribution(
    values: np.ndarray,
    *,
    kind: str,
    lower: float | None = None,
    upper: float | None = None,
    where: str = "fit_distribution",
) -> Fitted:
    """Fit a distribution to values by likelihood.

    Parameters
    ----------
    values
        Shape (values,), one or more, finite; text for "constant" and "discrete" only.
    kind
        constant (the mean; of text the most frequent), normal, truncnorm, gamma, poisson, ztpoisson or discrete.
    lower, upper
        The bounds of a truncnorm; default: the least and the greatest value.
    where
        For errors.

    Returns
    -------
    The distribution, and the standard error of each of its numbers (NaN where values do not tell).

    Raises
    ------
    OptionError
        An unknown kind, no values, or such as the kind cannot give.

    Notes
    -----
    Linear in values. Gamma: shape and scale by the one root of log k - digamma(k); truncated normal: the mean and variance
    within the bounds are those of the values, sd at most 20 times the span of the bounds.

    Examples
    --------
    >>> fit_distribution(np.array([1.0, 2.0, 3.0]), kind="poisson")
    (Poisson(mean=2.0), {'mean': 0.816496580927726})
    """
    if kind not in KINDS:
        raise OptionError(unknown(where, "kind of distribution", kind, KINDS))
    values = np.asarray(values)
    if not len(values):
        raise OptionError(f"{where}: there are no values to fit to.")
    if kind == "discrete":
        return _discrete(values, where)
    if values.dtype.kind in "UOST":
        if kind != "constant":
            raise OptionError(f"{where}: text cannot be {kind}; take discrete or constant.")
        found, counts = np.unique(values, return_counts=True)
        return Fixed(str(found[counts.argmax()])), {}
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise OptionError(f"{where}: {int((~np.isfinite(numbers)).sum())} of {len(numbers)} values are not finite.")
    if kind == "truncnorm":
        return _truncated(numbers, lower, upper, where)
    if kind == "gamma" and numbers.min() <= 0:
        raise OptionError(f"{where}: a gamma needs values above 0; the least is {numbers.min()}.")
    if kind in ("poisson", "ztpoisson"):
        least = 0 if kind == "poisson" else 1
        if numbers.min() < least or (numbers != np.rint(numbers)).any():
            raise OptionError(f"{where}: a {kind} needs whole numbers from {least} on; the least is {numbers.min()}.")
    return _SIMPLE[kind](numbers)


def _fixed(values: np.ndarray) -> Fitted:
    mean = float(values.mean())
    return Fixed(float(values[0]) if (values == values[0]).all() else mean), {}


def _normal(values: np.ndarray) -> Fitted:
    sd, n = float(values.std()), len(values)
    return Normal(float(values.mean()), sd), {"mean": sd / math.sqrt(n), "sd": sd / math.sqrt(2 * n)}


def _gamma(values: np.ndarray) -> Fitted:
    """By the root of log k - digamma(k) = log mean - mean log."""
    from scipy.optimize import brentq
    from scipy.special import digamma, polygamma

    mean, n = float(values.mean()), len(values)
    gap = math.log(mean) - float(np.log(values).mean())
    if gap < 1e-12:
        return Gamma(mean, 0.0), {"mean": 0.0, "sd": 0.0}
    shape = math.exp(brentq(lambda log: log - digamma(math.exp(log)) - gap, -25, 30, xtol=1e-13))
    sd = mean / math.sqrt(shape)
    # mean and shape are orthogonal: var(mean) = mean^2 / (n k), var(k) = 1 / (n (trigamma(k) - 1 / k))
    by_shape = max(float(polygamma(1, shape)) - 1 / shape, 1 / (2 * shape**2))
    variance = (1 / shape) * mean**2 / (n * shape) + (sd / (2 * shape)) ** 2 / (n * by_shape)
    return Gamma(mean, sd), {"mean": sd / math.sqrt(n), "sd": math.sqrt(variance)}


def _poisson(values: np.ndarray) -> Fitted:
    mean = float(values.mean())
    return Poisson(mean), {"mean": math.sqrt(mean / len(values))}


def _positive_poisson(values: np.ndarray) -> Fitted:
    """By the root of rate / (1 - exp(-rate)) = mean."""
    from scipy.optimize import brentq

    mean = float(values.mean())
    if mean <= 1:
        return PositivePoisson(0.0), {"rate": math.nan}
    rate = brentq(lambda r: r / -math.expm1(-r) - mean if r else 1 - mean, 0.0, mean + 1)
    zero = -math.expm1(-rate)
    information = 1 / (rate * zero) - math.exp(-rate) / zero**2
    return PositivePoisson(rate), {"rate": 1 / math.sqrt(len(values) * information) if information > 0 else math.nan}


def _discrete(values: np.ndarray, where: str) -> Fitted:
    found, counts = np.unique(values.astype(str) if values.dtype.kind in "OT" else values, return_counts=True)
    if len(found) > _MOST_VALUES:
        raise OptionError(f"{where}: {len(found)} different values are too many for discrete; take another kind.")
    p = counts / counts.sum()
    errors = np.sqrt(p * (1 - p) / counts.sum())
    text = found.dtype.kind == "U"
    names = [str(each) if text else float(each) for each in found]
    return Discrete(tuple(names), tuple(p.tolist())), {str(k): float(e) for k, e in zip(names, errors, strict=True)}


def _truncated(values: np.ndarray, lower: float | None, upper: float | None, where: str) -> Fitted:
    """In the natural numbers of the family the likelihood is concave: up from the moments."""
    low = float(values.min()) if lower is None else float(lower)
    high = float(values.max()) if upper is None else float(upper)
    if values.min() < low or values.max() > high:
        raise OptionError(
            f"{where}: values from {values.min()} to {values.max()} lie beyond the bounds {low} to {high}."
        )
    span, nan = high - low, {"mean": math.nan, "sd": math.nan}
    mean, variance = float(values.mean()), float(values.var())
    if span == 0 or variance <= 1e-24 * max(mean**2, span**2):
        return TruncatedNormal(mean, 0.0, low, high), nan
    moments = np.array([(mean - low) / span, (variance + (mean - low) ** 2) / span**2])  # between bounds of 0 and 1

    start_mean, start_variance = moments[0], moments[1] - moments[0] ** 2
    start = np.array([start_mean / start_variance, 0.5 / start_variance])
    least = 0.5 / _WIDEST**2
    found = _climbed(np.maximum(start, [-np.inf, least]), moments, least)
    own_mean, own_variance = found[0] / (2 * found[1]), 0.5 / found[1]
    fitted = TruncatedNormal(float(low + span * own_mean), span * math.sqrt(own_variance), low, high)
    if found[1] <= least * 1.01:
        return fitted, nan
    return fitted, _truncated_errors(found, own_mean, own_variance, span, len(values))


def _climbed(numbers: np.ndarray, moments: np.ndarray, least: float) -> np.ndarray:
    """Newton's steps up the likelihood of (mean / sd^2, 1 / sd^2 / 2), halved where they overshoot; the second is held at
    `least` or above."""
    value = _loss(numbers, moments)
    for _ in range(_STEPS):
        _, first, second, third, fourth = _integrals(*numbers)
        slope = np.array([moments[0] - first, second - moments[1]])
        cross = -(third - first * second)
        bend = np.array([[second - first**2, cross], [cross, fourth - second**2]])
        step = np.linalg.pinv(bend, hermitian=True) @ slope
        if numbers[1] + step[1] < least:  # along the bound
            step[1] = least - numbers[1]
            step[0] = (slope[0] - cross * step[1]) / bend[0, 0]
        size, new = 1.0, _loss(numbers + step, moments)
        while not new < value and size > 1e-6:
            size /= 2
            new = _loss(numbers + size * step, moments)
        if not new < value:
            break
        done = value - new < 1e-14
        numbers, value = numbers + size * step, new
        if done:
            break
    return numbers


def _loss(numbers: np.ndarray, moments: np.ndarray) -> float:
    """Minus the logarithm of the likelihood a value."""
    return _integrals(*numbers)[0] - numbers[0] * moments[0] + numbers[1] * moments[1]


def _integrals(slope: float, bend: float) -> tuple[float, ...]:
    """Of exp(slope x - bend x^2) from 0 to 1: the logarithm, and the first four moments."""
    nodes, weights = _NODES
    peak = min(max(slope / (2 * bend), 0.0), 1.0)
    sd = 1 / math.sqrt(2 * bend)
    fall = max(abs(slope - 2 * bend * peak), 1e-12)
    width = min(12 * sd, 45 / fall) if peak in (0.0, 1.0) else 12 * sd
    low, high = max(0.0, peak - width), min(1.0, peak + width)
    x = low + (high - low) * nodes
    height = slope * x - bend * x**2
    top = height.max()
    density = weights * np.exp(height - top)
    total = density.sum()
    return top + math.log(total * (high - low)), *(float((density @ x**power) / total) for power in (1, 2, 3, 4))


def _truncated_errors(numbers: np.ndarray, mean: float, variance: float, span: float, n: int) -> dict[str, float]:
    """From the covariance of (x, x^2), which is the information about the natural numbers."""
    _, first, second, third, fourth = _integrals(*numbers)
    cross = -(third - first * second)
    information = np.array([[second - first**2, cross], [cross, fourth - second**2]])
    # mean = s / (2 b), sd = 1 / sqrt(2 b)
    slopes = np.array([[1 / (2 * numbers[1]), -mean / numbers[1]], [0.0, -math.sqrt(variance) / (2 * numbers[1])]])
    if not np.isfinite(information).all() or np.linalg.cond(information) > 1e14:
        return {"mean": math.nan, "sd": math.nan}
    variances = np.diag(slopes @ np.linalg.inv(information) @ slopes.T) / n
    mean_error, sd_error = (span * math.sqrt(each) if each > 0 else math.nan for each in variances)
    return {"mean": mean_error, "sd": sd_error}


def _legendre(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights from 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(number)
    return (nodes + 1) / 2, weights / 2


_NODES = _legendre(120)
_SIMPLE: Mapping[str, Callable[[Any], Fitted]] = {
    "constant": _fixed,
    "normal": _normal,
    "gamma": _gamma,
    "poisson": _poisson,
    "ztpoisson": _positive_poisson,
}

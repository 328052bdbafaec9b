"""Scores as a mixture of two groups, connected and not: how probable it is that a score is of the first."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.interpolate import BSpline
from scipy.optimize import isotonic_regression, minimize
from scipy.special import erf, erfc, log_ndtr, ndtr, ndtri_exp

from conntap.errors import OptionError

__all__ = ["connected"]

_FEWEST = 100
_MIDDLE = 0.75  # the share of values, from the lowest, that the null group is fitted to
_BINS = 120
_PARTS = 6  # of the spline of the log density


def connected(values: np.ndarray, where: str, *, null: Literal["normal", "folded", "standard"]) -> np.ndarray:
    """The probability of each value not to be of the null group, which large values tell.

    Parameters
    ----------
    values
        Shape (pairs,). Values of exactly 0 are of pairs that nothing was found of: probability 0.
    where
        The function that asks, for messages.
    null
        What values are of the null group: "normal", whose mean and width are fitted to the lower three quarters of the
        values; "folded": the largest of several sizes of normal values around 0, whose width and number are fitted (one is
        a folded normal distribution, several what a peak over lags gives); "standard": normal of mean 0 and width 1.

    Returns
    -------
    float64, shape (pairs,), never falling as values rise.

    Raises
    ------
    OptionError
        Fewer than 100 values that are not 0, no spread, or values that are not finite.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = connected(np.append(rng.normal(size=5000), rng.normal(6, 1, size=500)), "here", null="normal")
    >>> bool(abs(found.sum() - 500) < 100), bool(found[-500:].mean() > 0.9)
    (True, True)
    """
    if not np.isfinite(values).all():
        raise OptionError(
            f"{where}: {np.count_nonzero(~np.isfinite(values)):,} scores are not finite. Leave these pairs out."
        )
    told = values != 0
    used = values[told]
    if len(used) < _FEWEST:
        raise OptionError(
            f"{where}: {len(used)} scores other than 0; at least {_FEWEST} are needed to tell two groups."
        )
    high = np.quantile(used, _MIDDLE)
    if not high > np.quantile(used, 0.2):
        raise OptionError(f"{where}: most scores are equal; two groups cannot be told. Take a method of graded scores.")
    z = used if null == "standard" else _folded(used, high) if null == "folded" else _normal(used, high)
    share = min(1.0, np.mean(used <= high) / ndtr(z[used <= high].max()))
    found = np.zeros(len(values))
    found[told] = _summing(_rising(z, 1 - _null_share(z, share)), (1 - share) * len(z))
    return found


def _normal(values: np.ndarray, high: float) -> np.ndarray:
    """Standard scores by the normal distribution, cut at `high`, that is the likeliest of the values below."""
    within = values[values <= high]
    middle, scale = float(np.median(within)), float(high - np.quantile(within, 0.1))
    scaled = (within - middle) / scale
    first, second, end = scaled.mean(), np.mean(scaled**2), (high - middle) / scale

    def cost(at: np.ndarray) -> float:
        mean, spread = at[0], np.exp(at[1])
        return float((second - 2 * mean * first + mean**2) / (2 * spread**2) + at[1] + log_ndtr((end - mean) / spread))

    at = minimize(cost, [0.0, -0.5], bounds=[(-2.0, 2.0), (-2.5, 1.5)], method="L-BFGS-B").x
    return (values - middle - scale * at[0]) / (scale * np.exp(at[1]))


def _folded(values: np.ndarray, high: float) -> np.ndarray:
    """Standard scores by the distribution of the largest of k sizes of normal values, cut at `high`: F(x) = erf(x / s)^k."""
    sizes = np.abs(values) / high
    within = sizes[sizes <= 1.0]
    second = np.mean(within**2)

    def cost(at: np.ndarray) -> float:
        width, number = np.exp(at)
        inner = np.mean(np.log(np.maximum(erf(within / width), 1e-300)))
        return float(-at[1] - (number - 1) * inner + second / width**2 + at[0] + number * np.log(erf(1 / width)))

    at = minimize(cost, [0.0, 0.3], bounds=[(-2.0, 2.0), (-0.7, 4.0)], method="L-BFGS-B").x
    width, number = np.exp(at)
    below = np.log1p(-np.minimum(erfc(sizes / width), 1 - 1e-16)) * number
    with np.errstate(divide="ignore"):
        above = np.where(below > -1e-10, np.log(number) + _log_erfc(sizes / width), np.log(-np.expm1(below)))
    return np.where(below < np.log(0.5), ndtri_exp(np.minimum(below, 0.0)), -ndtri_exp(np.minimum(above, 0.0)))


def _log_erfc(x: np.ndarray) -> np.ndarray:
    return np.log(2.0) + log_ndtr(-np.sqrt(2.0) * x)


def _summing(probability: np.ndarray, total: float) -> np.ndarray:
    """The probabilities raised to a power, so that they sum to no more than there is beside the null group.

    Noise of the density that is cut off at 0 makes small ones too large; large ones stay.
    """
    low, high = 1.0, 3.0
    if probability.sum() <= total:
        return probability
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if (probability**middle).sum() > total else (low, middle)
    return probability**high


def _null_share(z: np.ndarray, share: float) -> np.ndarray:
    """For each value how much of the density there is of the null group: the local false discovery rate.

    The density is that of arcsinh(z), which has tails that bins can hold.
    """
    u = np.arcsinh(z)
    counts, edges = np.histogram(u, bins=_BINS)
    middles, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    density = _smoothed(middles, counts) / (len(z) * width)
    at = np.sinh(middles)
    null = share * np.exp(-0.5 * at**2) / np.sqrt(2 * np.pi) * np.cosh(middles)
    ratio = np.log(np.maximum(null, 1e-300)) - np.log(np.maximum(density, 1e-300))
    return np.exp(np.minimum(np.interp(u, middles, ratio), 1.0))


def _smoothed(at: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Expected counts by a Poisson regression on a cubic spline (Lindsey's method)."""
    weights = np.cumsum(np.sqrt(counts))
    inner = np.interp(np.linspace(0, 1, _PARTS + 1)[1:-1], weights / weights[-1], at)
    knots = np.concatenate([[at[0]] * 4, inner, [at[-1]] * 4])
    basis = BSpline.design_matrix(at, knots, 3).toarray()
    log_mean = np.log(counts + 0.5)
    ridge = 1e-6 * np.eye(basis.shape[1])
    for _ in range(50):
        mean = np.exp(np.minimum(log_mean, 40.0))
        weighted = basis.T * mean
        before = log_mean
        log_mean = basis @ np.linalg.solve(weighted @ basis + ridge, weighted @ log_mean + basis.T @ (counts - mean))
        if np.abs(log_mean - before).max() < 1e-8:
            break
    return np.exp(np.minimum(log_mean, 40.0))


def _rising(z: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """The probabilities, nearest to those given, that never fall as z rises; 0 below the centre."""
    out = np.zeros(len(z))
    chosen = np.flatnonzero(z > 0)
    order = chosen[np.argsort(z[chosen], kind="stable")]
    if len(order):
        out[order] = np.clip(isotonic_regression(probability[order]).x, 0.0, 1.0)
    return out

"""Fitting connection rules to counts of pairs by distance."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from conntap.circuits.rules.values import Bipolar, Constant, Exponential
from conntap.errors import OptionError, one_of

__all__ = ["Fit", "fit"]

_STEPS = 200
_BARRIERS = (1e-2, 1e-5, 1e-8)
_TOUCHING = 1e-6  # a logarithm of p so near 0 that p is held at 1
_STEEPEST = 700.0
_NOTHING = 40.0  # minus the logarithm of what counts as no probability


@dataclass(frozen=True)
class Fit:
    """A fitted rule, the standard error of each of its numbers (NaN where the data do not say), and what it rests on."""

    rule: Constant | Exponential | Bipolar
    errors: Mapping[str, float]
    pairs: int
    connections: int
    unbounded: frozenset[str] = frozenset()
    """The numbers that fit the better the farther they go: the rule holds them far on the way."""

    def values(self) -> dict[str, float]:
        """The fitted numbers by name; NaN where there were no pairs, or where no finite number fits best."""
        told = [name for name in self.errors if self.pairs and name not in self.unbounded]
        return {name: float(getattr(self.rule, name)) if name in told else np.nan for name in self.errors}


def fit(
    pairs: np.ndarray,
    connections: np.ndarray,
    distances_um: np.ndarray,
    *,
    order: Literal[1, 2, 3],
    method: Literal["likelihood", "least-squares"] = "likelihood",
    positions: tuple[str, ...] = ("x", "y", "z"),
    axis: str = "y",
) -> Fit:
    """Fit a rule to the pairs and the connections in bins of distance.

    "likelihood" takes each pair as a Bernoulli trial at the distance of its bin: the likelihood of (log a, b) is concave, so
    Newton's steps find its one maximum; within the distances that occur the rule stays at or below 1 (where that holds it
    back, errors are NaN). "least-squares" takes
    each bin's probability, weighted by its inverse variance as estimated from (connections + 1/2) / (pairs + 1).

    Parameters
    ----------
    pairs, connections
        Shape (sides, bins): one side for orders 1 and 2 (more are added up); for order 3 three: post less far along the
        axis than pre, as far (left out of the fit), farther.
    distances_um
        Shape (bins,): the distance that stands for each bin. Bins much narrower than 1 / b give no error worth naming.
    order
        1: p. 2: a exp(-b d). 3: the same with two pairs of numbers.
    method
        How.
    positions, axis
        What the rule will be evaluated by.

    Returns
    -------
    The rule and its standard errors (from the Fisher information, delta method). Without connections a and b are 0; b
    is 0 where all pairs are at one distance. Where all connections are at one distance, the least or the greatest of
    several, no finite a and b fit best: they are `unbounded`, and their errors NaN.

    Raises
    ------
    OptionError
        An unknown order, or sides that do not fit it.

    Notes
    -----
    Linear in bins for each of some ten steps. Rules by order: Gal et al., 2020, doi:10.1101/656058.

    Examples
    --------
    >>> d = np.arange(5.0, 200.0, 10.0)
    >>> pairs = np.full(20, 10**8)
    >>> found = fit(pairs, np.rint(pairs * 0.3 * np.exp(-0.02 * d)), d, order=2)
    >>> round(found.rule.a, 6), round(found.rule.b, 6)
    (0.3, 0.02)
    """
    one_of("rules.fit.method", method, ("likelihood", "least-squares"))
    pairs, connections = (np.atleast_2d(np.asarray(each, dtype=np.float64)) for each in (pairs, connections))
    total = int(pairs.sum()), int(connections.sum())
    if order == 1:
        p = total[1] / total[0] if total[0] else 0.0
        error = np.sqrt(p * (1 - p) / total[0]) if total[0] else np.nan
        return Fit(Constant(p), {"p": float(error)}, *total)
    if order == 2:
        together = pairs.sum(axis=0), connections.sum(axis=0), distances_um
        a, b, *errors = _exponential(*together, method)
        rule, lost = Exponential(a, b, positions=positions), ("a", "b") if _separated(*together) else ()
        return Fit(rule, dict(zip(("a", "b"), errors, strict=True)), *total, frozenset(lost))
    if order != 3 or len(pairs) != 3:
        raise OptionError(f"rules.fit: order {order!r} of {len(pairs)} sides; give order 1, 2, or 3 with three sides.")
    a1, b1, *errors1 = _exponential(pairs[0], connections[0], distances_um, method)
    a2, b2, *errors2 = _exponential(pairs[2], connections[2], distances_um, method)
    names = ("a_negative", "b_negative", "a_positive", "b_positive")
    rule = Bipolar(a1, b1, a2, b2, positions=positions, axis=axis)
    lost = [_separated(pairs[side], connections[side], distances_um) for side in (0, 0, 2, 2)]
    unbounded = frozenset(name for name, each in zip(names, lost, strict=True) if each)
    return Fit(rule, dict(zip(names, errors1 + errors2, strict=True)), *total, unbounded)


def _separated(n: np.ndarray, k: np.ndarray, distances: np.ndarray) -> bool:
    """Whether all connections are at one distance, the least or the greatest of several: the steeper the better."""
    distances = np.asarray(distances, dtype=np.float64)
    among, connected = distances[n > 0], np.unique(distances[k > 0])
    return len(connected) == 1 and among.min() < among.max() and connected[0] in (among.min(), among.max())


def _exponential(n: np.ndarray, k: np.ndarray, distances: np.ndarray, method: str) -> tuple[float, float, float, float]:
    """a, b and their standard errors from n pairs, k of them connected, at each distance."""
    there = n > 0
    n, k, d = n[there], k[there], np.asarray(distances, dtype=np.float64)[there]
    if k.sum() == 0:
        return 0.0, 0.0, np.nan, np.nan
    if (k == n).all():
        return 1.0, 0.0, 0.0, 0.0
    if len(d) == 1:
        p = float(k[0] / n[0])
        return p, 0.0, float(np.sqrt(p * (1 - p) / n[0])), np.nan
    if _separated(n, k, d):
        return *_steep(n, k, d), np.nan, np.nan
    if method == "least-squares":
        return _least_squares(n, k, d)
    return _likeliest(n, k, d)


def _steep(n: np.ndarray, k: np.ndarray, d: np.ndarray) -> tuple[float, float]:
    """Numbers that give the probability at the one distance with connections, and next to nothing at the others, as far
    as numbers go."""
    own = d[k > 0][0]
    p = float(k[d == own].sum() / n[d == own].sum())
    gap = np.abs(d[d != own] - own).min()
    b = min(_NOTHING / gap, _STEEPEST / max(own, gap)) * (1.0 if own < d.max() else -1.0)
    return p * float(np.exp(b * own)), float(b)


def _likeliest(n: np.ndarray, k: np.ndarray, d: np.ndarray) -> tuple[float, float, float, float]:
    """Up the likelihood of log p = level - slope * (d - middle) / spread, kept below 0 by a barrier that is let down."""
    middle = float((k * d).sum() / k.sum())
    spread = float(np.sqrt((n * (d - middle) ** 2).sum() / n.sum()))
    design = np.stack([np.ones(len(d)), -(d - middle) / spread], axis=1)
    numbers = np.array([np.log(k.sum() / n.sum()), 0.0])
    for barrier in _BARRIERS:
        numbers = _climbed(n, k, design, numbers, barrier)
    log_p = design @ numbers
    b = numbers[1] / spread
    a = np.exp(np.clip(numbers[0] + b * middle, -_STEEPEST, _STEEPEST))
    if log_p.max() > -_TOUCHING:
        return float(a), float(b), np.nan, np.nan
    weights = n * np.exp(log_p) / -np.expm1(log_p)
    covariance = np.linalg.pinv((design * weights[:, None]).T @ design)
    towards = np.array([1.0, middle / spread])
    error = np.sqrt(towards @ covariance @ towards)
    return float(a), float(b), float(a * error), float(np.sqrt(covariance[1, 1]) / spread)


def _climbed(n: np.ndarray, k: np.ndarray, design: np.ndarray, numbers: np.ndarray, barrier: float) -> np.ndarray:
    """Newton's steps up a concave function, halved where they overshoot; the ends of the distances hold the barrier."""
    span = np.ptp(design[:, 1])
    ends = design[[int(design[:, 1].argmin()), int(design[:, 1].argmax())]]
    value = _height(n, k, design @ numbers, ends @ numbers, barrier)
    for _ in range(_STEPS):
        log_p, log_ends = design @ numbers, ends @ numbers
        odds = np.exp(log_p) / -np.expm1(log_p)
        slope = design.T @ (k - (n - k) * odds) + ends.T @ (barrier / log_ends)
        bend = (design * ((n - k) * odds * (1 + odds))[:, None]).T @ design
        bend += (ends * (barrier / log_ends**2)[:, None]).T @ ends
        step = np.linalg.pinv(bend, hermitian=True) @ slope
        if step @ slope < 1e-12 * max(1.0, abs(value)):
            break
        size, new = 2.0, -np.inf
        while size > 1e-12 and not new > value:
            size /= 2
            new = _height(n, k, design @ (numbers + size * step), ends @ (numbers + size * step), barrier)
        if not new > value or abs(numbers[1] + size * step[1]) * span > _STEEPEST:
            break
        numbers, value = numbers + size * step, new
    return numbers


def _height(n: np.ndarray, k: np.ndarray, log_p: np.ndarray, log_ends: np.ndarray, barrier: float) -> float:
    """The logarithm of the likelihood, and the barrier."""
    if not (log_ends < 0).all() or not (log_p < 0).all():
        return -np.inf
    return float((k * log_p + (n - k) * np.log(-np.expm1(log_p))).sum() + barrier * np.log(-log_ends).sum())


def _least_squares(n: np.ndarray, k: np.ndarray, d: np.ndarray) -> tuple[float, float, float, float]:
    from scipy.optimize import curve_fit

    guess = (k + 0.5) / (n + 1)
    sigma = np.sqrt(guess * (1 - guess) / n)
    start = _likeliest(n, k, d)[:2]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where the errors cannot be told they are infinite
            (a, b), covariance = curve_fit(_curve, d, k / n, p0=start, sigma=sigma, absolute_sigma=True)
    except RuntimeError as problem:
        raise OptionError(f"rules.fit: least squares do not converge ({problem}). Take method 'likelihood'.") from None
    errors = np.sqrt(np.diag(covariance))
    errors[~np.isfinite(errors)] = np.nan
    return max(float(a), 0.0), float(b), float(errors[0]), float(errors[1])


def _curve(d: np.ndarray, a: float, b: float) -> np.ndarray:
    return a * np.exp(-b * d)

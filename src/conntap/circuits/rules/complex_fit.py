"""Fitting a sum of two exponentials of distance, and how sure its numbers are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conntap.circuits.rules.fitting import Fit, fit
from conntap.circuits.rules.tables import DoubleExponential

__all__ = ["fit_double", "information_errors"]

NAMES = ("a_near", "b_near", "power", "a_far", "b_far")
_FLOOR = 1e-12
_STARTS = ((0.5, 1.0), (0.5, 2.0), (0.9, 1.0), (0.9, 2.0))
_POWERS = (0.25, 6.0)
_LOG_LEAST = -60.0
_ROUGH = {"maxiter": 100, "maxfun": 150, "ftol": 1e-11}
_FINE = {"maxiter": 300, "maxfun": 500, "ftol": 1e-14, "gtol": 1e-9}
_WORTH = 3.0  # three more numbers must make the data that much likelier, in logarithms (Akaike)


def fit_double(
    pairs: np.ndarray, connections: np.ndarray, distances_um: np.ndarray, *, positions: Sequence[str] = ("x", "y", "z")
) -> Fit:
    """Fit a_near exp(-b_near d^power) + a_far exp(-b_far d) to pairs and connections by distance, by likelihood.

    Parameters
    ----------
    pairs, connections
        Shape (bins,).
    distances_um
        Shape (bins,): the distance that stands for each bin.
    positions
        What the rule will be evaluated by.

    Returns
    -------
    The likeliest of what is found from several beginnings; a exp(-b d) alone, as the far part, where the near part does not
    earn its three numbers (Akaike's criterion). Errors from the Fisher information, NaN where the data do not tell.

    Notes
    -----
    L-BFGS-B over logarithms (`power` from 0.25 to 6), linear in bins a step. The likelihood of a sum is not concave: another
    maximum may be as good.

    Examples
    --------
    >>> d = np.arange(5.0, 600.0, 10.0)
    >>> p = 0.3 * np.exp(-((d / 100) ** 2)) + 0.05 * np.exp(-d / 400)
    >>> found = fit_double(np.full(60, 10**9), np.rint(10**9 * p), d)
    >>> round(found.rule.power, 3), round(1 / found.rule.b_far)
    (2.0, 400)
    """
    from scipy.optimize import minimize

    there = np.asarray(pairs) > 0
    n, k, d = (np.asarray(each, dtype=np.float64)[there] for each in (pairs, connections, distances_um))
    simple = fit(n, k, d, order=2, positions=tuple(positions)) if len(n) else None
    totals = int(n.sum()), int(k.sum())
    if simple is None or not simple.rule.a or simple.unbounded or len(np.unique(d)) < len(NAMES):
        a, b = (simple.rule.a, max(simple.rule.b, 0.0)) if simple else (0.0, 0.0)
        rule = DoubleExponential(0.0, 0.0, 1.0, a, b, tuple(positions))
        return Fit(rule, dict.fromkeys(NAMES, np.nan), *totals, simple.unbounded if simple else frozenset())
    scale = float((k * d).sum() / k.sum()) or 1.0
    bounds = [(_LOG_LEAST, 10.0), (_LOG_LEAST, 10.0), tuple(np.log(_POWERS)), (_LOG_LEAST, 10.0), (_LOG_LEAST, 10.0)]
    level, fall = np.log(simple.rule.a), np.log(max(simple.rule.b * scale, 1e-3))
    best = None
    for share, power in _STARTS:
        start = [level + np.log(share), fall + 0.7 * power, np.log(power), level + np.log1p(-share), fall - 0.7]
        start = np.clip(start, [low + 1e-6 for low, _ in bounds], [high - 1e-6 for _, high in bounds])
        found = minimize(_loss, start, (n, k, d / scale), "L-BFGS-B", True, bounds=bounds, options=_ROUGH)
        best = found if best is None or found.fun < best.fun else best
    best = minimize(_loss, best.x, (n, k, d / scale), "L-BFGS-B", True, bounds=bounds, options=_FINE)
    alone = -_likelihood(n, k, np.minimum(simple.rule.a * np.exp(-simple.rule.b * d), 1.0)) / n.sum()
    if (alone - best.fun) * n.sum() < _WORTH:
        rule = DoubleExponential(0.0, 0.0, 1.0, simple.rule.a, max(simple.rule.b, 0.0), tuple(positions))
        far = {"a_far": simple.errors["a"], "b_far": simple.errors["b"]}
        return Fit(rule, dict.fromkeys(NAMES, np.nan) | far, *totals)
    a_near, b_near, power, a_far, b_far = np.exp(best.x)
    numbers = np.array([a_near, b_near / scale**power, power, a_far, b_far / scale])
    rule = DoubleExponential(*numbers.tolist(), tuple(positions))
    slopes = np.stack(_slopes(numbers, d), axis=1)
    errors = information_errors(n, rule.at(d), slopes)
    return Fit(rule, dict(zip(NAMES, errors.tolist(), strict=True)), *totals)


def information_errors(n: np.ndarray, p: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Standard errors of numbers from the Fisher information of n trials at each p, whose slopes are (bins, numbers).

    Examples
    --------
    >>> information_errors(np.array([100.0]), np.array([0.5]), np.ones((1, 1)))
    array([0.05])
    """
    inside = (p > 0) & (p < 1)
    weights = n[inside] / (p[inside] * (1 - p[inside]))
    sizes = np.sqrt((slopes[inside] ** 2 * weights[:, None]).sum(axis=0))
    errors = np.full(slopes.shape[1], np.nan)
    told = sizes > 0
    scaled = slopes[inside][:, told] / sizes[told]
    information = (scaled * weights[:, None]).T @ scaled
    if told.any() and np.linalg.cond(information) < 1e12:
        errors[told] = np.sqrt(np.diag(np.linalg.inv(information))) / sizes[told]
    return errors


def _likelihood(n: np.ndarray, k: np.ndarray, p: np.ndarray) -> float:
    p = np.clip(p, _FLOOR, 1 - _FLOOR)
    return float((k * np.log(p) + (n - k) * np.log1p(-p)).sum())


def _loss(logs: np.ndarray, n: np.ndarray, k: np.ndarray, d: np.ndarray) -> tuple[float, np.ndarray]:
    """Minus the logarithm of the likelihood a pair, and its slope over the logarithms of the numbers."""
    numbers = np.exp(logs)
    a_near, b_near, power, a_far, b_far = numbers
    raw = a_near * np.exp(-b_near * d**power) + a_far * np.exp(-b_far * d)
    p = np.clip(raw, _FLOOR, 1 - _FLOOR)
    total = n.sum()
    pull = np.where(raw < 1 - _FLOOR, k / p - (n - k) / (1 - p), 0.0)
    value = -_likelihood(n, k, p) / total + float(np.maximum(raw - 1, 0).sum())
    each = np.stack(_slopes(numbers, d))
    slopes, beyond = (each @ pull) * numbers, (each @ (raw > 1)) * numbers
    return value, -slopes / total + beyond


def _slopes(numbers: np.ndarray, d: np.ndarray) -> list[np.ndarray]:
    """How p changes with each number."""
    a_near, b_near, power, a_far, b_far = numbers
    near, far, raised = np.exp(-b_near * d**power), np.exp(-b_far * d), d**power
    with np.errstate(divide="ignore", invalid="ignore"):
        by_power = np.where(d > 0, -a_near * b_near * raised * np.log(d) * near, 0.0)
    return [near, -a_near * raised * near, by_power, far, -a_far * d * far]

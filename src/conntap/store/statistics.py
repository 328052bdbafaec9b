"""Numbers against the numbers of random draws: effect sizes, empirical p-values, false discovery rates."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["COLUMNS", "adjusted", "discovery_rates", "statistics"]

COLUMNS = ["value", "mean", "sd", "z", "ratio", "p_upper", "p_lower", "p", "q", "draws", "p_floor"]
_ROUNDING = 100 * np.finfo(np.float64).eps


def statistics(
    value: np.ndarray, at: np.ndarray, drawn: np.ndarray, absent: np.ndarray, fill: float = 0.0
) -> pd.DataFrame:
    """Each value against its draws.

    Parameters
    ----------
    value
        Shape (values,): the originals; NaN where there is none.
    at, drawn
        Shape (draws in all,): which value a draw belongs to, and its number; no NaN.
    absent, fill
        Shape (values,): draws of each value that lack it, and what they count for.

    Returns
    -------
    The columns that `conntap.store.Dataset.against` explains, one row a value.

    Examples
    --------
    >>> statistics(np.array([9.0]), np.zeros(3, int), np.array([2.0, 4.0, 3.0]), np.zeros(1, int))[["mean", "z", "p"]]
       mean    z    p
    0   3.0  6.0  0.5
    """
    n = len(value)
    count = np.bincount(at, minlength=n) + absent
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (np.bincount(at, drawn, minlength=n) + absent * fill) / count
        squares = np.bincount(at, (drawn - mean[at]) ** 2, minlength=n) + absent * (fill - mean) ** 2
        sd = np.sqrt(squares / (count - 1.0))
        sd[_all_equal(at, drawn, absent, fill, n)] = 0.0
        sd[count < 2] = np.nan
        rounding = np.where(np.isfinite(value), np.abs(_ROUNDING * value), 0.0)
        least, most = value - rounding, value + rounding
        upper = np.bincount(at, drawn >= least[at], minlength=n) + absent * (fill >= least)
        lower = np.bincount(at, drawn <= most[at], minlength=n) + absent * (fill <= most)
        p_upper, p_lower = (1 + upper) / (count + 1), (1 + lower) / (count + 1)
        z = np.where(sd > 0, (value - mean) / sd, np.nan)
        ratio = np.where(mean != 0, value / mean, np.nan)
    p = np.minimum(1.0, 2 * np.minimum(p_upper, p_lower))
    unknown_p = np.isnan(value) | (count == 0)
    for each in (p_upper, p_lower, p):
        each[unknown_p] = np.nan
    columns = [value, mean, sd, z, ratio, p_upper, p_lower, p, p, count, 1 / (count + 1)]
    table = pd.DataFrame(dict(zip(COLUMNS, columns)))
    return table.assign(q=discovery_rates(table))


def _all_equal(at: np.ndarray, drawn: np.ndarray, absent: np.ndarray, fill: float, n: int) -> np.ndarray:
    """Whether the draws of an entry differ by rounding only."""
    low, high = np.where(absent > 0, fill, np.inf), np.where(absent > 0, fill, -np.inf)
    np.minimum.at(low, at, drawn)
    np.maximum.at(high, at, drawn)
    return high - low <= _ROUNDING * np.maximum(np.abs(low), np.abs(high))


def discovery_rates(table: pd.DataFrame) -> np.ndarray:
    """The false discovery rate of each row; rows that the null model cannot change have none and are not counted.

    Examples
    --------
    >>> table = pd.DataFrame({"value": [5.0, 9.0], "mean": [5.0, 2.0], "sd": [0.0, 1.0], "p": [1.0, 0.05]})
    >>> discovery_rates(table).tolist()
    [nan, 0.05]
    """
    value, mean, sd = (table[name].to_numpy(dtype=float) for name in ("value", "mean", "sd"))
    fixed = (sd == 0) & np.isclose(value, mean, rtol=_ROUNDING, atol=0)
    return adjusted(np.where(fixed, np.nan, table["p"].to_numpy(dtype=float)))


def adjusted(p: np.ndarray) -> np.ndarray:
    """The false discovery rate at which each of many p-values would be called significant.

    Benjamini & Hochberg, 1995, doi:10.1111/j.2517-6161.1995.tb02031.x: p times the number of tests over its rank, made
    monotone. NaN stays NaN and is not counted.

    Examples
    --------
    >>> adjusted(np.array([0.01, np.nan, 0.5, 0.02])).round(3).tolist()
    [0.03, nan, 0.5, 0.03]
    """
    result = np.full(len(p), np.nan)
    order = np.argsort(p, kind="stable")[: np.count_nonzero(~np.isnan(p))]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    result[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return result

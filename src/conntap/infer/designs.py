"""The normal equations of regression over lags, from covariances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conntap.infer.covariances import Covariances

__all__ = ["design"]


def design(found: Covariances, lags: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """The normal equations of x(t) on x(t - lag), with a constant: exactly those of the table of lagged frames.

    Parameters
    ----------
    found
        Covariances at 0, at the lags and at their differences.
    lags
        Ascending lags.

    Returns
    -------
    Shape (lags * nodes, lags * nodes), lag by lag: products of predictors; (lags * nodes, nodes): of predictors with
    targets; (nodes,): of targets with themselves; the number of rows. All of deviations from the rows' means.

    Examples
    --------
    >>> from conntap.infer.covariances import covariances
    >>> values = np.array([[0.0], [1.0], [0.0], [3.0]])
    >>> [each.tolist() for each in design(covariances([values], lags=[0, 1]), [1])[:3]]
    [[[0.6666666666666667]], [[-1.3333333333333335]], [4.666666666666667]]
    """
    n, rows, most = len(found.means), found.frames - max(lags), max(lags)
    gaps = {lag: _gap(found, lag, most) for lag in {0, *lags}}

    def block(early: int, late: int) -> np.ndarray:
        if early < late:
            return block(late, early).T
        apart = early - late
        part = found.products[apart].copy()
        head, tail = found.head, found.tail
        part -= head[: most - early].T @ head[apart : most - late]
        part -= tail[most - early : most - apart].T @ tail[most - late :]
        part -= np.outer(gaps[early], gaps[late]) / rows
        return part

    gram = np.empty((len(lags) * n, len(lags) * n))
    for i, a in enumerate(lags):
        for j, b in enumerate(lags):
            gram[i * n : (i + 1) * n, j * n : (j + 1) * n] = block(a, b)
    cross = np.concatenate([block(a, 0) for a in lags])
    return gram, cross, np.diagonal(block(0, 0)).copy(), rows


def _gap(found: Covariances, lag: int, most: int) -> np.ndarray:
    """Shape (nodes,): sum of deviations over the frames t - lag of rows t = most ... frames - 1."""
    return -found.head[: most - lag].sum(axis=0) - found.tail[most - lag :].sum(axis=0)

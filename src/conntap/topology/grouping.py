"""Edges in the order of their ends, and what is done connection by connection in that order."""

from __future__ import annotations

import sys

import numpy as np
from scipy import sparse

__all__ = ["order_by_ends", "rescale_groups"]

_MANY = 100_000  # from here on counting is worth what it needs
_KERNELS = "conntap.topology._grouping"  # to load them takes as long as they save on 100 million edges
_NONE = np.empty(0, dtype=np.int64)


def order_by_ends(pre: np.ndarray, post: np.ndarray, n_pre: int, n_post: int) -> np.ndarray:
    """The positions that sort edges by `pre`, then by `post`; equal ones keep their order.

    Parameters
    ----------
    pre, post
        Shape (edges,): the ends of each edge, whole numbers in 0..n_pre-1 and 0..n_post-1.
    n_pre, n_post
        Their bounds.

    Returns
    -------
    int64, shape (edges,): positions.

    Notes
    -----
    Linear in nodes and edges where there are many edges: two passes of counting, one where the edges are sorted by `post`
    already, none where they are sorted.

    Examples
    --------
    >>> order_by_ends(np.array([1, 0, 1]), np.array([0, 2, 0]), 2, 3).tolist()
    [1, 0, 2]
    """
    is_rising = post[1:] >= post[:-1]
    if ((pre[1:] > pre[:-1]) | ((pre[1:] == pre[:-1]) & is_rising)).all():
        return np.arange(len(pre), dtype=np.int64)
    if len(pre) < _MANY or n_pre + n_post > 4 * len(pre):
        return np.lexsort((post, pre)).astype(np.int64, copy=False)
    before = None if is_rising.all() else _by(post, None, n_post)
    return _by(pre, before, n_pre)


def _by(keys: np.ndarray, before: np.ndarray | None, n_keys: int) -> np.ndarray:
    """The positions by key, those of one key as in `before` (None: as they stand)."""
    if _KERNELS not in sys.modules and len(keys) < 2**31 - 1:
        rows = np.arange(len(keys) + 1, dtype=np.int32)
        keys = keys if before is None else keys[before]
        order = sparse.csr_array((np.zeros(len(keys), dtype=np.int8), keys, rows), (len(keys), n_keys)).tocsc().indices
        return order.astype(np.int64) if before is None else before[order]
    from conntap.topology._grouping import placed

    order = np.empty(len(keys), dtype=np.int64)
    placed(keys, _NONE if before is None else before, n_keys, order)
    return order


def rescale_groups(
    values: np.ndarray, order: np.ndarray, starts: np.ndarray, is_gone: np.ndarray
) -> tuple[np.ndarray, int]:
    """Multiply what is left of each group so that its sum is what it was with what is gone.

    Parameters
    ----------
    values
        Floats, shape (edges,).
    order, starts
        The positions of the edges of one group after another, and where in it each group begins.
    is_gone
        Boolean, in that order.

    Returns
    -------
    The values, of the same type: those of groups of which nothing or everything is gone are untouched, as are those gone;
    and the number of groups of which what is left adds up to 0 while the whole did not.

    Notes
    -----
    Linear. Sums and factors are computed with 64 bits.

    Examples
    --------
    >>> values = np.array([1.0, 3.0, 5.0])
    >>> rescale_groups(values, np.arange(3), np.array([0, 2]), np.array([False, True, False]))
    (array([4., 3., 5.]), 0)
    """
    counts = np.diff(np.append(starts, len(order)))
    lost = np.bincount(np.repeat(np.arange(len(counts)), counts)[is_gone], minlength=len(counts))
    is_touched = (lost > 0) & (lost < counts)
    rows, sizes, result = np.flatnonzero(np.repeat(is_touched, counts)), counts[is_touched], values.copy()
    places, gone, group = order[rows], is_gone[rows], np.repeat(np.arange(len(sizes)), sizes)
    wide = values[places].astype(np.float64)
    before = np.bincount(
        group, wide, minlength=len(sizes)
    )  # adds up in order, so any part of the groups gives the same
    left = np.bincount(group, np.where(gone, 0.0, wide), minlength=len(sizes))
    is_impossible = (left == 0) & (before != 0)
    with np.errstate(invalid="ignore"):
        factors = np.divide(before, left, out=np.ones(len(sizes)), where=(left != before) & ~is_impossible)
    stays = np.flatnonzero(~gone & (factors != 1)[group])
    result[places[stays]] = values[places[stays]] * factors[group[stays]]
    return result, int(is_impossible.sum())

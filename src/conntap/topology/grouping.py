"""Edges in the order of their ends, and what is done connection by connection in that order."""

from __future__ import annotations

import numpy as np

__all__ = ["order_by_ends", "rescale_groups"]

_MANY = 100_000  # from here on counting is worth its compilation
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
    from conntap.topology._grouping import placed

    before, order = _NONE, np.empty(len(pre), dtype=np.int64)
    if not is_rising.all():
        before = np.empty(len(pre), dtype=np.int64)
        placed(post, _NONE, n_post, before)
    placed(pre, before, n_pre, order)
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
    from conntap.topology._grouping import rescaled

    result = values.copy()
    return result, int(
        rescaled(
            order.astype(np.int64, copy=False), starts.astype(np.int64, copy=False), is_gone, np.array(values), result
        )
    )

"""Sorting edges by their ends."""

from __future__ import annotations

import numpy as np

__all__ = ["order_of_pairs"]


def order_of_pairs(first: np.ndarray, second: np.ndarray, n_first: int, n_second: int) -> np.ndarray:
    """The positions that sort pairs by `first`, then by `second`; equal pairs keep their order.

    Parameters
    ----------
    first, second
        Shape (pairs,): whole numbers in 0..n_first-1 and 0..n_second-1.
    n_first, n_second
        Their bounds.

    Returns
    -------
    Shape (pairs,): positions.

    Notes
    -----
    O(n log n). Where both ends and the position fit into 63 bits they are sorted as one number, which takes a
    quarter of the time of `numpy.lexsort`; otherwise that is what runs.

    Examples
    --------
    >>> order_of_pairs(np.array([1, 0, 1]), np.array([0, 2, 0]), 2, 3).tolist()
    [1, 0, 2]
    """
    n = len(first)
    shift = max(n - 1, 1).bit_length()
    if max(n_first * n_second - 1, 1).bit_length() + shift > 63:
        return np.lexsort((second, first))
    packed = first.astype(np.int64) * n_second
    packed += second
    packed <<= shift
    packed |= np.arange(n)
    packed.sort()
    packed &= (1 << shift) - 1
    return packed

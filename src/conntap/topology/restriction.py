"""The part of a graph in CSR arrays that lies among some of its nodes."""

from __future__ import annotations

import numpy as np

__all__ = ["restricted"]


def restricted(indptr: np.ndarray, indices: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The connections among some nodes, in a graph of as many nodes as before.

    Parameters
    ----------
    indptr, indices
        The graph in CSR form.
    among
        A mask of its nodes, boolean, shape (nodes,).

    Returns
    -------
    `indptr` and `indices` of the part, and the positions in `indices` of the connections that it keeps.

    Notes
    -----
    Linear in nodes and connections.

    Examples
    --------
    >>> part = restricted(np.array([0, 2, 3, 3]), np.array([1, 2, 2]), np.array([True, False, True]))
    >>> [each.tolist() for each in part]
    [[0, 1, 1, 1], [2], [1]]
    """
    inside = np.repeat(among, np.diff(np.asarray(indptr))) & among[indices]
    begins = np.append(0, np.cumsum(inside))[np.asarray(indptr)]
    kept = np.flatnonzero(inside)
    return begins.astype(np.int64), indices[kept], kept

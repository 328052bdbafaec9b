"""Plain graphs as CSR arrays: no loops, no doubles, sorted rows."""

from __future__ import annotations

import numpy as np
from scipy import sparse

__all__ = ["simple_graph"]


def simple_graph(pre: np.ndarray, post: np.ndarray, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """The simple directed graph under a list of edges: parallel edges merged, self-loops dropped.

    Parameters
    ----------
    pre, post
        Shape (edges,): the ends of each edge, from 0 to n_nodes - 1.
    n_nodes
        Number of nodes.

    Returns
    -------
    `indptr`, int64 of shape (n_nodes + 1,), and `indices`, int32 of shape (connections,): node v projects to
    `indices[indptr[v]:indptr[v + 1]]`, in rising order.

    Notes
    -----
    Linear in nodes and edges; about 20 bytes an edge while it runs.

    Examples
    --------
    >>> indptr, indices = simple_graph(np.array([0, 0, 1, 1]), np.array([1, 1, 1, 0]), 2)
    >>> indptr.tolist(), indices.tolist()
    ([0, 1, 2], [1, 0])
    """
    keep = pre != post
    if not keep.all():
        pre, post = pre[keep], post[keep]
    ones = np.ones(len(pre), dtype=np.int8)
    matrix = sparse.coo_array((ones, (pre, post)), shape=(n_nodes, n_nodes)).tocsr()
    matrix.sort_indices()
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)

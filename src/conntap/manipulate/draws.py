"""The connectomes that sets of different numbers stand for."""

from __future__ import annotations

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.topology.subsets import chosen, distinct, distinct_in, in_order

__all__ = ["as_pairs", "chosen", "distinct", "distinct_in", "from_codes", "from_links", "from_rows", "in_order"]


def as_pairs(codes: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of nodes low < high that rising numbers below n (n - 1) / 2 stand for.

    >>> [part.tolist() for part in as_pairs(np.arange(3), 3)]
    [[0, 0, 1], [1, 2, 2]]
    """
    nodes = np.arange(n + 1, dtype=np.int64)
    starts = nodes * (n - 1) - nodes * (nodes - 1) // 2
    low = np.repeat(nodes[:n], np.diff(np.searchsorted(codes, starts)))
    return low, codes - starts[low] + low + 1


def from_codes(connectome: Connectome, codes: np.ndarray) -> Connectome:
    """The same nodes with the connections that rising numbers below n (n - 1) stand for: each node's others in turn."""
    n_nodes = connectome.n_nodes
    starts = np.arange(n_nodes + 1, dtype=np.int64) * (n_nodes - 1)
    pre = np.repeat(np.arange(n_nodes, dtype=np.int32), np.diff(np.searchsorted(codes, starts)))
    post = (codes - starts[pre]).astype(np.int32)
    post += post >= pre
    return connectome.with_edges(pre, post)


def from_rows(connectome: Connectome, indptr: np.ndarray, indices: np.ndarray) -> Connectome:
    """The same nodes with the connections of a graph in CSR form."""
    pre = np.repeat(np.arange(connectome.n_nodes, dtype=np.int32), np.diff(indptr).astype(np.int64))
    return connectome.with_edges(pre, indices.astype(np.int32))


def from_links(connectome: Connectome, low: np.ndarray, high: np.ndarray, kind: np.ndarray) -> Connectome:
    """The same nodes with links (1: low to high, 2: high to low, 3: both) as connections, sorted by (pre, post)."""
    from conntap.topology.graphs import simple_graph

    up, down = (kind & 1).astype(bool), (kind & 2).astype(bool)
    pre, post = np.concatenate([low[up], high[down]]), np.concatenate([high[up], low[down]])
    return from_rows(connectome, *simple_graph(pre.astype(np.int32), post.astype(np.int32), connectome.n_nodes))

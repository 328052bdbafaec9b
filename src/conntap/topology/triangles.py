"""Directed triangles at each node, and cores."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from conntap.errors import whole
from conntap.topology.threads import mapped

__all__ = ["core_numbers_of", "directed_triangles", "transposed"]

_LOOKUPS_A_CHUNK = 20_000_000


def transposed(indptr: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The graph with every connection turned round, in the same form.

    Examples
    --------
    >>> [part.tolist() for part in transposed(np.array([0, 2, 2]), np.array([0, 1]))]
    [[0, 1, 2], [0, 0]]
    """
    n_nodes = len(indptr) - 1
    ones = np.ones(len(indices), dtype=np.int8)
    matrix = sparse.csr_array((ones, indices, indptr), shape=(n_nodes, n_nodes)).tocsc()
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)


def directed_triangles(indptr: np.ndarray, indices: np.ndarray, *, threads: int = 1) -> np.ndarray:
    """Count the directed triangles at each node by the place the node has in them.

    Parameters
    ----------
    indptr, indices
        A simple graph in CSR form, as `conntap.topology.graphs.simple_graph` makes it.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    int64, shape (nodes, 4): 3-cycles through the node, and transitive triangles of which it is the middle, the sink
    and the source.

    Raises
    ------
    OptionError
        `threads` is less than 1.

    Notes
    -----
    Time: the sum over connections of the out-degrees of both ends. Memory: the graph twice and a byte a node a thread.

    Examples
    --------
    >>> directed_triangles(np.array([0, 2, 3, 3]), np.array([1, 2, 2])).tolist()
    [[0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]]
    """
    from conntap.topology._triangles import count_triangles

    whole("clustering.threads", threads, 1)
    degrees = np.diff(indptr)
    turned = transposed(indptr, indices)
    work = np.add.reduceat(np.append(degrees[indices], 0), indptr[:-1]) * (degrees > 0) if len(degrees) else degrees
    work = work + np.add.reduceat(np.append(degrees[turned[1]], 0), turned[0][:-1]) * (np.diff(turned[0]) > 0)
    total = np.cumsum(work)
    parts = max(1, int(total[-1]) // _LOOKUPS_A_CHUNK if len(total) else 1, 4 * threads)
    cuts = np.searchsorted(total, np.linspace(0, total[-1] if len(total) else 0, parts + 1)[1:-1])
    nodes = np.split(np.arange(len(degrees), dtype=np.uint64), cuts)
    arrays = [array.astype(kind) for array, kind in zip((indptr, indices, *turned), (np.uint64, np.uint32) * 2)]

    def count(part: np.ndarray) -> np.ndarray:
        counts = np.empty((len(part), 4), dtype=np.uint64)
        count_triangles(*arrays, part, counts)
        return counts.astype(np.int64)

    return np.concatenate(list(mapped(count, nodes, threads)))


def core_numbers_of(begins: np.ndarray, ends: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Core numbers of nodes of given degrees.

    Parameters
    ----------
    begins, ends
        CSR arrays: the nodes whose degree falls by one when a node is taken away.
    degrees
        int64, shape (nodes,).

    Returns
    -------
    int64, shape (nodes,).

    Notes
    -----
    Linear in nodes and connections: Batagelj and Zaversnik, 2003, arXiv:cs/0310049.

    Examples
    --------
    >>> core_numbers_of(np.array([0, 1, 2, 2]), np.array([1, 0]), np.array([1, 1, 0])).tolist()
    [1, 1, 0]
    """
    from conntap.topology._triangles import peel

    numbers = np.array(degrees, dtype=np.int64)
    peel(np.asarray(begins, np.int64), np.asarray(ends, np.int32), numbers)
    return numbers

"""Directed simplices of a graph in CSR arrays by their source."""

from __future__ import annotations

import numpy as np

from conntap.errors import OptionError
from conntap.topology.simplices import MOST_SIMPLICES, estimate_simplices
from conntap.topology.threads import mapped

__all__ = ["count_by_source"]

_MOST_AS_BITS = 8192  # candidates whose graph is kept as a matrix of bits (8 MiB)


def count_by_source(
    indptr: np.ndarray,
    indices: np.ndarray,
    sources: np.ndarray,
    *,
    max_dimension: int | None = None,
    threads: int = 1,
) -> np.ndarray:
    """Count the directed simplices of each dimension that begin at each of some nodes.

    Parameters
    ----------
    indptr, indices
        The graph in CSR form: shapes (nodes + 1,) and (connections,), rows sorted, no loops, no doubles.
    sources
        The nodes wanted.
    max_dimension
        Count up to this dimension; default: all.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    int64, shape (sources, largest dimension that occurs + 1).

    Raises
    ------
    OptionError
        `max_dimension` or `threads` out of range, or too many simplices to count: then limit `max_dimension`.

    Notes
    -----
    The graph around a node is laid out in bits and searched once for each dimension; simplices of the largest are not
    visited.

    Examples
    --------
    >>> count_by_source(np.array([0, 2, 3, 3]), np.array([1, 2, 2]), np.array([0, 2])).tolist()
    [[1, 2, 1], [1, 0, 0]]
    """
    from conntap.topology._kernels import DEEPEST
    from conntap.topology._listing import list_from

    if threads < 1:
        raise OptionError(f"simplices by source.threads: {threads}; give 1 or more.")
    top = DEEPEST if max_dimension is None else min(max_dimension, DEEPEST)
    if isinstance(max_dimension, bool) or top < 0:
        raise OptionError(f"simplices by source.max_dimension: {max_dimension!r}; give a whole number from 0 on.")
    if len(indices) and estimate_simplices(indptr, indices)[: top + 1].sum() > MOST_SIMPLICES:
        raise OptionError("simplices by source: too many simplices to count (estimated); give max_dimension.")
    graph = np.asarray(indptr).astype(np.uint64), np.asarray(indices).astype(np.uint32)
    any_simplex, nothing = np.empty(0, np.uint8), np.empty((0, 1), np.uint32)

    def count(root: int) -> list[int]:
        roots, counts = np.array([root], dtype=np.uint64), [1]
        while counts[-1] and len(counts) <= top:
            options = np.uint64(len(counts)), np.uint64(_MOST_AS_BITS), any_simplex
            counts.append(int(list_from(*graph, roots, *options, np.zeros(52, np.uint64), nothing, np.uint64(1))))
        return counts

    counts = np.zeros((len(sources), top + 1), dtype=np.int64)
    for row, each in enumerate(mapped(count, np.asarray(sources).tolist(), threads)):
        counts[row, : len(each)] = each
    deepest = int(np.flatnonzero(counts.any(axis=0)).max(initial=0))
    return counts[:, : deepest + 1]

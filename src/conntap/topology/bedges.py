"""Connections inside directed simplices by the places of their ends."""

from __future__ import annotations

import numpy as np

from conntap.errors import OptionError
from conntap.topology.maximal import both_ways, chunks_of
from conntap.topology.simplices import MOST_SIMPLICES, estimate_simplices
from conntap.topology.threads import mapped

__all__ = ["MOST_VISITS", "count_bedges"]

MOST_VISITS = 2**41  # partial simplices visited (hours): given up
_MOST_AS_BITS = 4096  # candidates whose graph is kept as matrices of bits (4 MiB)


def count_bedges(
    indptr: np.ndarray, indices: np.ndarray, *, max_dimension: int | None = None, threads: int = 1
) -> list[np.ndarray]:
    """Sum, over the directed simplices of each dimension, the adjacency of the graph on their nodes.

    Parameters
    ----------
    indptr, indices
        The graph in CSR form: shapes (nodes + 1,) and (connections,), rows sorted, no loops, no doubles (as
        `conntap.topology.graphs.simple_graph` makes it).
    max_dimension
        Go up to this dimension; default: all.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    One matrix a dimension from 0 to the largest that occurs, int64, shape (k + 1, k + 1): entry [i, j] is the number
    of k-simplices whose node at place i projects to that at place j. Above the diagonal this is the number of simplices.

    Raises
    ------
    OptionError
        `max_dimension` or `threads` out of range, more simplices than can be visited (an estimate of more than 10^14,
        or more than 2^41 visits), or a sum beyond 64 bits: then limit `max_dimension`.

    Notes
    -----
    Visits the simplices up to one dimension before the last once, at a cost in proportion to the connections that run
    back inside them. Memory: the graph three times, and some MiB a thread.

    Examples
    --------
    >>> [matrix.tolist() for matrix in count_bedges(np.array([0, 1, 2]), np.array([1, 0]))]
    [[[0]], [[0, 2], [2, 0]]]
    """
    top = _top(max_dimension, threads)
    if top == 0 or not len(indices):
        return [np.zeros((1, 1), dtype=np.int64)]
    counts, sums = _search(np.asarray(indptr), np.asarray(indices), top, threads)
    if max(counts) > np.iinfo(np.int64).max:
        raise OptionError(f"bedge counts: {max(counts):.3g} simplices do not fit 64 bits; limit max_dimension.")
    matrices = [np.zeros((1, 1), dtype=np.int64)]
    for dimension in range(1, max(k for k, count in enumerate(counts) if count) + 1):
        within = sums[dimension, : dimension + 1, : dimension + 1].astype(np.int64)
        matrices.append(within + np.triu(np.full_like(within, counts[dimension]), 1))
    return matrices


def _top(max_dimension: int | None, threads: int) -> int:
    from conntap.topology._kernels import DEEPEST

    if threads < 1:
        raise OptionError(f"bedge counts.threads: {threads}; give 1 or more.")
    if max_dimension is None:
        return DEEPEST
    if isinstance(max_dimension, bool) or not isinstance(max_dimension, int | np.integer) or max_dimension < 0:
        raise OptionError(f"bedge counts.max_dimension: {max_dimension!r}; give a whole number from 0 on.")
    return min(int(max_dimension), DEEPEST)


def _search(indptr: np.ndarray, indices: np.ndarray, top: int, threads: int) -> tuple[list[int], np.ndarray]:
    from conntap.topology._bedges import PLACES, bedges_from

    expected = estimate_simplices(indptr, indices)[: top + 1].sum()
    if expected > MOST_SIMPLICES:
        raise OptionError(
            f"bedge counts: about {expected:.1g} directed simplices (estimated) are too many to visit; "
            "give max_dimension."
        )
    graph = both_ways(indptr, indices)
    limits = np.uint64(top), np.uint64(_MOST_AS_BITS), np.uint64(MOST_VISITS)

    def count(roots: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
        counts, sums = np.zeros(PLACES, np.uint64), np.zeros((PLACES,) * 3, np.uint64)
        return int(bedges_from(*graph, roots, *limits, counts, sums)), counts, sums

    visits, totals, sums = 0, [0] * PLACES, np.zeros((PLACES,) * 3, np.uint64)
    for more, counts, part in mapped(count, chunks_of(indptr, indices), threads):
        visits += more
        if visits > MOST_VISITS:
            raise OptionError(f"bedge counts: more than {MOST_VISITS:.1g} simplices to visit; give max_dimension.")
        totals = [total + int(each) for total, each in zip(totals, counts, strict=True)]
        sums += part  # each entry is at most the number of simplices, which is checked
    return totals, sums

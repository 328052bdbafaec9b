"""Directed simplices of a graph in CSR arrays."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from conntap.errors import OptionError
from conntap.topology.threads import mapped

__all__ = ["MOST_SIMPLICES", "MOST_VISITS", "count_simplices", "estimate_simplices"]

MOST_SIMPLICES = 10**14  # more than this by the estimate: not begun
MOST_VISITS = 2**43  # partial simplices visited (hours): given up
_LARGEST = 2**63  # counts stay below
_MOST_AS_BITS = 8192  # candidates whose graph is kept as a matrix of bits (8 MiB)
_MUCH_LESS = 0.8  # of the look-ups: worth turning the graph round
_LOOKUPS_A_CHUNK = 20_000_000  # of a large graph; a small one is cut into up to 64 chunks of some use


def count_simplices(
    indptr: np.ndarray, indices: np.ndarray, *, max_dimension: int | None = None, threads: int = 1
) -> np.ndarray:
    """Count the directed simplices of a simple graph by dimension.

    Parameters
    ----------
    indptr, indices
        The graph in CSR form: shapes (nodes + 1,) and (connections,), rows sorted, no loops, no doubles (as
        `conntap.topology.graphs.simple_graph` makes it).
    max_dimension
        Count up to this dimension; default: all.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    int64, shape (largest dimension that occurs + 1,): simplices of each dimension, nodes first.

    Raises
    ------
    OptionError
        `max_dimension` or `threads` out of range, or more simplices than can be counted (an estimate of more
        than 10^14, or a search beyond 2^43 visits): then limit `max_dimension`.

    Notes
    -----
    For each node the graph among its out-neighbours is laid out in bits: time grows with the sum over connections of
    the lesser in-degree of their ends (or out-degree, of the graph turned round, where that is less), plus the
    simplices up to one dimension before the last. Memory: 10 bytes a connection for up to
    65,536 nodes, else 16; 11 bytes a node and at most some 16 MiB a thread. Definition and algorithm of the
    search: Luetgehetmann et al., 2020, doi:10.3390/a13010019.

    Examples
    --------
    >>> count_simplices(np.array([0, 2, 3, 3]), np.array([1, 2, 2])).tolist()
    [3, 3, 1]
    """
    top = _top(max_dimension)
    if threads < 1:
        raise OptionError(f"count_simplices.threads: {threads}; give 1 or more.")
    n_nodes = len(indptr) - 1
    graph = np.asarray(indptr).astype(np.uint64), np.asarray(indices).astype(np.uint32)
    totals = [n_nodes] if top == 0 else [n_nodes, len(indices)]
    if top > 1 and len(indices):
        _refuse_if_hopeless(*graph, top)
        totals = [n_nodes, *_search(*graph, top, threads)[1:]]
    if max(totals) > np.iinfo(np.int64).max:
        raise OptionError(f"count_simplices: {max(totals):.3g} simplices do not fit 64 bits; limit max_dimension.")
    counts = np.array(totals, dtype=np.int64)
    return counts[: max(1, int(np.flatnonzero(counts).max(initial=0)) + 1)]


def estimate_simplices(indptr: np.ndarray, indices: np.ndarray, *, descents: int = 1024) -> np.ndarray:
    """Estimate the number of directed simplices by dimension from random descents.

    A quick look before counting: unbiased up to its two halves (descents from nodes drawn evenly, and from the
    nodes with most connections, of which the larger is taken), but heavy-tailed, so good for powers of ten.
    The draws have a fixed seed of their own.

    Parameters
    ----------
    indptr, indices
        As for `count_simplices`.
    descents
        Random descents of each half.

    Returns
    -------
    float64, shape (dimensions,): the estimate by dimension, nodes first.

    Notes
    -----
    Milliseconds: linear in descents and in the degrees met. Knuth, 1975, doi:10.1090/S0025-5718-1975-0373371-6.

    Examples
    --------
    >>> complete = np.arange(0, 13, 3), np.array([1, 2, 3, 0, 2, 3, 0, 1, 3, 0, 1, 2])
    >>> estimate_simplices(*complete).tolist()
    [4.0, 12.0, 24.0, 24.0]
    """
    from conntap.topology._kernels import DEEPEST, estimate

    indptr, indices = np.asarray(indptr).astype(np.uint64), np.asarray(indices).astype(np.uint32)
    n_nodes = len(indptr) - 1
    degrees = np.diff(indptr).astype(np.int64)
    most = np.argsort(-degrees, kind="stable")[: min(n_nodes, 256)]
    evenly = np.unique(np.linspace(0, n_nodes - 1, min(n_nodes, 1024)).astype(np.int64)) if n_nodes else most
    halves = np.zeros((2, DEEPEST + 2))
    weights = (degrees + 1.0) ** 4, np.ones(n_nodes)
    for half, roots, weight in zip(halves, (most, evenly), weights, strict=True):
        if len(roots):
            repeats = max(1, descents // len(roots))
            estimate(indptr, indices, roots.astype(np.uint64), repeats, weight, np.uint64(2020), half)
    halves[1] *= n_nodes / max(1, len(evenly))
    result = halves.max(axis=0)
    result[0] = n_nodes
    return result[: max(1, int(np.flatnonzero(result).max(initial=0)) + 1)]


def _top(max_dimension: int | None) -> int:
    from conntap.topology._kernels import DEEPEST

    if max_dimension is None:
        return DEEPEST
    if isinstance(max_dimension, bool) or not isinstance(max_dimension, int | np.integer) or max_dimension < 0:
        raise OptionError(f"count_simplices.max_dimension: {max_dimension!r}; give a whole number from 0 on.")
    return min(int(max_dimension), DEEPEST)


def _refuse_if_hopeless(indptr: np.ndarray, indices: np.ndarray, top: int) -> None:
    expected = estimate_simplices(indptr, indices)[: top + 1]
    if expected.sum() > MOST_SIMPLICES:
        feasible = max(1, int(np.searchsorted(np.cumsum(expected), 1e10)) - 1)
        raise OptionError(
            f"count_simplices: about {expected.sum():.1g} directed simplices (estimated) are too many to count; "
            f"give max_dimension, for instance {feasible} (about {expected[: feasible + 1].sum():.1g} simplices)."
        )


def _search(indptr: np.ndarray, indices: np.ndarray, top: int, threads: int) -> list[int]:
    from conntap.topology._kernels import DEEPEST, count_from

    graph = _prepared(indptr, indices)
    longest = int(np.diff(graph[0]).max())
    most, budget = np.uint64(_MOST_AS_BITS), min(MOST_VISITS, _LARGEST // longest)  # no visit adds more than `longest`

    def count(roots: np.ndarray) -> tuple[np.ndarray, int]:
        counts = np.zeros(DEEPEST + 2, dtype=np.uint64)
        return counts, int(count_from(*graph, roots, np.uint64(top), most, np.uint64(budget), counts))

    totals, visits = [0] * (DEEPEST + 2), 0
    for counts, more in mapped(count, _chunks(*graph[:3]), threads):
        visits += more
        if visits > budget:
            raise OptionError(
                f"count_simplices: this graph has more than {budget:.1g} directed simplices, too many to count; "
                "give max_dimension."
            )
        totals = [total + int(count) for total, count in zip(totals, counts, strict=True)]
    return totals


def _prepared(indptr: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, ...]:
    """The graph, turned round where that is less work, with nodes named by in-degree, and what each shares."""
    from conntap.topology._kernels import in_degrees, rarer_ends, relabelled

    n_nodes = len(indptr) - 1
    outs, ins = np.diff(indptr).astype(np.uint32), in_degrees(indices, n_nodes)
    if rarer_ends(indptr, indices, outs) < _MUCH_LESS * rarer_ends(indptr, indices, ins):
        matrix = sparse.csr_array((np.ones(len(indices), np.int8), indices, indptr), shape=(n_nodes, n_nodes)).tocsc()
        indptr, indices, ins = matrix.indptr.astype(np.uint64), matrix.indices.astype(np.uint32), outs
    rank = np.empty(n_nodes, np.uint32)
    rank[np.argsort(ins, kind="stable")] = np.arange(n_nodes, dtype=np.uint32)
    name = np.uint16 if n_nodes <= 2**16 else np.uint32
    begins, shares = np.empty(n_nodes + 1, np.uint64), np.empty(2 * n_nodes + 1, np.uint64)
    ends, shared = np.empty(len(indices), name), np.empty(len(indices), name)
    relabelled(indptr, indices, rank, begins, ends, shares, shared)
    return begins, ends, shares, shared


def _chunks(begins: np.ndarray, ends: np.ndarray, shares: np.ndarray) -> list[np.ndarray]:
    """All nodes, cut where the look-ups add up to a chunk's worth."""
    from conntap.topology._kernels import look_ups

    work = look_ups(begins, ends, shares)
    total = int(work[-1])
    parts = max(1, total // _LOOKUPS_A_CHUNK, min(64, total // 200_000))
    cuts = np.searchsorted(work, np.linspace(0, total, parts + 1)[1:-1])
    return [part for part in np.split(np.arange(len(begins) - 1, dtype=np.uint64), cuts) if len(part)]

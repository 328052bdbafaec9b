"""Maximal directed simplices of a graph in CSR arrays."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import sparse

from conntap.errors import OptionError, unknown
from conntap.topology.restriction import restricted
from conntap.topology.simplices import MOST_SIMPLICES, estimate_simplices
from conntap.topology.threads import mapped

__all__ = ["MOST_VISITS", "both_ways", "chunks_of", "count_maximal_simplices", "maximal_simplices_of", "oriented"]

MOST_VISITS = 2**41  # simplices visited (hours): given up
_MOST_WORDS = 2**20  # of a matrix of bits (8 MiB)
_EVERYWHERE = np.empty(0, np.uint8)  # simplices of all nodes
_LOOKUPS_A_CHUNK = 20_000_000  # of a large graph; a small one is cut into up to 64 chunks of some use


def count_maximal_simplices(
    indptr: np.ndarray,
    indices: np.ndarray,
    *,
    among: np.ndarray | None = None,
    max_dimension: int | None = None,
    threads: int = 1,
) -> np.ndarray:
    """Count the maximal directed simplices of a simple graph by dimension.

    Parameters
    ----------
    indptr, indices
        The graph in CSR form: shapes (nodes + 1,) and (connections,), rows sorted, no loops, no doubles (as
        `conntap.topology.graphs.simple_graph` makes it).
    among
        A mask of nodes, boolean: count the simplices that lie among them; default: all. What is maximal in the graph
        does not depend on it.
    max_dimension
        Count up to this dimension; default: all. What is maximal does not depend on it either.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    int64, shape (largest dimension of a maximal simplex + 1,): maximal simplices of each dimension, nodes first.

    Raises
    ------
    OptionError
        `max_dimension` or `threads` out of range, or more simplices than can be visited (an estimate of more than
        10^14, or more than 2^41 visits): then limit `max_dimension`.

    Notes
    -----
    Visits every simplex up to `max_dimension` once, of those nodes. For each node the graph around it is laid out in bits, which takes
    time in proportion to the degrees of its neighbours. Memory: the graph three times, and at most 8 MiB of bits a
    thread per level. Definition: Luetgehetmann et al., 2020, doi:10.3390/a13010019.

    Examples
    --------
    >>> count_maximal_simplices(np.array([0, 2, 3, 4, 4]), np.array([1, 2, 2, 3])).tolist()
    [0, 1, 1]
    """
    top = _checked(max_dimension, threads)
    indptr, indices = np.asarray(indptr), np.asarray(indices)
    there = np.ones(len(indptr) - 1, dtype=bool) if among is None else np.asarray(among, dtype=bool)
    totals = [int((_isolated(indptr, indices) & there).sum())]
    if top > 0 and len(indices):
        totals += _search(indptr, indices, there, top, threads)[1:]
    counts = np.array(totals, dtype=np.int64)
    return counts[: max(1, int(np.flatnonzero(counts).max(initial=0)) + 1)]


def maximal_simplices_of(indptr: np.ndarray, indices: np.ndarray, *, dimension: int, threads: int = 1) -> np.ndarray:
    """List the maximal directed simplices of one dimension.

    Parameters
    ----------
    indptr, indices, threads
        As for `count_maximal_simplices`.
    dimension
        The dimension.

    Returns
    -------
    int32, shape (simplices, dimension + 1): the nodes of each, source first, rows in rising order.

    Raises
    ------
    OptionError
        As for `count_maximal_simplices`.

    Notes
    -----
    As for `count_maximal_simplices`, twice: the simplices are counted first, then written.

    Examples
    --------
    >>> maximal_simplices_of(np.array([0, 2, 3, 4, 4]), np.array([1, 2, 2, 3]), dimension=2).tolist()
    [[0, 1, 2]]
    """
    top = _checked(dimension, threads)
    indptr, indices = np.asarray(indptr), np.asarray(indices)
    if top == 0:
        return np.flatnonzero(_isolated(indptr, indices)).astype(np.int32)[:, None]
    if dimension > top or not len(indices):
        return np.empty((0, dimension + 1), dtype=np.int32)
    return _listed(indptr, indices, top, threads)


def oriented(
    indptr: np.ndarray, indices: np.ndarray, *, kind: Literal["directed", "reciprocal", "undirected"]
) -> tuple[np.ndarray, np.ndarray]:
    """The graph whose directed simplices are the simplices of a kind.

    Parameters
    ----------
    indptr, indices
        A simple graph in CSR form.
    kind
        "directed": the graph itself. "reciprocal", "undirected": the connections that run both ways, or any way, each
        once, from the lower node to the higher; then each clique is one simplex.

    Returns
    -------
    `indptr` (int64) and `indices` (int32) of that graph.

    Raises
    ------
    OptionError
        Another kind.

    Examples
    --------
    >>> graph = oriented(np.array([0, 1, 2]), np.array([1, 0]), kind="reciprocal")
    >>> [part.tolist() for part in graph]
    [[0, 1, 1], [1]]
    """
    if kind not in ("directed", "reciprocal", "undirected"):
        raise OptionError(unknown("kind", "kind of simplices", kind, ["directed", "reciprocal", "undirected"]))
    if kind == "directed":
        return indptr, indices
    n = len(indptr) - 1
    matrix = sparse.csr_array((np.ones(len(indices), np.int8), indices, indptr), shape=(n, n))
    both = matrix.multiply(matrix.T) if kind == "reciprocal" else matrix.maximum(matrix.T)
    upper = sparse.triu(both, k=1).tocsr()
    upper.sort_indices()
    return upper.indptr.astype(np.int64), upper.indices.astype(np.int32)


def _checked(max_dimension: int | None, threads: int) -> int:
    from conntap.topology._kernels import DEEPEST

    if threads < 1:
        raise OptionError(f"maximal simplices.threads: {threads}; give 1 or more.")
    if max_dimension is None:
        return DEEPEST
    if isinstance(max_dimension, bool) or not isinstance(max_dimension, int | np.integer) or max_dimension < 0:
        raise OptionError(f"maximal simplices.dimension: {max_dimension!r}; give a whole number from 0 on.")
    return min(int(max_dimension), DEEPEST)


def _isolated(indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
    return (np.diff(indptr) == 0) & (np.bincount(indices, minlength=len(indptr) - 1) == 0)


def both_ways(indptr: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, ...]:
    """The graph and its transpose, unsigned."""
    n = len(indptr) - 1
    turned = sparse.csr_array((np.ones(len(indices), np.int8), indices, indptr), shape=(n, n)).tocsc()
    turned.sort_indices()
    parts = (indptr, indices, turned.indptr, turned.indices)
    return tuple(part.astype(kind) for part, kind in zip(parts, (np.uint64, np.uint32) * 2, strict=True))


def _refuse_if_hopeless(indptr: np.ndarray, indices: np.ndarray, top: int) -> None:
    expected = estimate_simplices(indptr, indices)[: top + 1]
    if expected.sum() > MOST_SIMPLICES:
        feasible = max(1, int(np.searchsorted(np.cumsum(expected), 1e10)) - 1)
        raise OptionError(
            f"maximal simplices: about {expected.sum():.1g} directed simplices (estimated) are too many to visit; "
            f"limit the dimension, for instance to {feasible} (about {expected[: feasible + 1].sum():.1g} simplices)."
        )


def _run(
    graph: tuple[np.ndarray, ...],
    among: np.ndarray,
    roots: np.ndarray,
    top: int,
    counts: np.ndarray,
    found: np.ndarray,
    wanted: int,
):
    from conntap.topology._maximal import maximal_from

    limits = np.uint64(_MOST_WORDS), np.uint64(MOST_VISITS)
    visits, written = maximal_from(*graph, among, roots, np.uint64(top), *limits, counts, np.uint64(wanted), found)
    return int(visits), int(written)


def _search(indptr: np.ndarray, indices: np.ndarray, there: np.ndarray, top: int, threads: int) -> list[int]:
    _refuse_if_hopeless(*restricted(indptr, indices, there)[:2], top)
    graph, among = both_ways(indptr, indices), _EVERYWHERE if there.all() else there.view(np.uint8)

    def count(roots: np.ndarray) -> tuple[np.ndarray, int]:
        counts = np.zeros(48, dtype=np.uint64)
        visits, _ = _run(graph, among, roots[there[roots]], top, counts, np.empty((0, 1), np.uint32), 0)
        return counts, visits

    totals, visits = [0] * 48, 0
    for counts, more in mapped(count, chunks_of(indptr, indices), threads):
        visits += more
        _refuse_if_visited(visits)
        totals = [total + int(count) for total, count in zip(totals, counts, strict=True)]
    return totals


def _refuse_if_visited(visits: int) -> None:
    if visits > MOST_VISITS:
        raise OptionError(
            f"maximal simplices: this graph has more than {MOST_VISITS:.1g} directed simplices, too many to visit; "
            "limit the dimension."
        )


def _listed(indptr: np.ndarray, indices: np.ndarray, dimension: int, threads: int) -> np.ndarray:
    _refuse_if_hopeless(indptr, indices, dimension)
    graph = both_ways(indptr, indices)
    pieces = chunks_of(indptr, indices)

    def count(roots: np.ndarray) -> tuple[int, int]:
        counts = np.zeros(48, dtype=np.uint64)
        visits, _ = _run(graph, _EVERYWHERE, roots, dimension, counts, np.empty((0, 1), np.uint32), 0)
        return int(counts[dimension]), visits

    def fill(piece: tuple[np.ndarray, np.ndarray]) -> None:
        _run(graph, _EVERYWHERE, piece[0], dimension, np.zeros(48, dtype=np.uint64), piece[1], dimension)

    sizes = []
    for size, visits in mapped(count, pieces, threads):
        _refuse_if_visited(visits)
        sizes.append(size)
    found = np.empty((sum(sizes), dimension + 1), dtype=np.uint32)
    for _ in mapped(fill, zip(pieces, np.split(found, np.cumsum(sizes)[:-1]), strict=True), threads):
        pass
    return found.view(np.int32)


def chunks_of(indptr: np.ndarray, indices: np.ndarray) -> list[np.ndarray]:
    """All nodes, cut where the look-ups add up to a chunk's worth."""
    degrees = np.diff(indptr).astype(np.int64)
    work = np.append(0, np.cumsum(degrees[indices] + 1))[indptr.astype(np.int64)]
    total = int(work[-1])
    parts = max(1, total // _LOOKUPS_A_CHUNK, min(64, total // 200_000))
    cuts = np.searchsorted(work, np.linspace(0, total, parts + 1)[1:-1])
    return [part for part in np.split(np.arange(len(degrees), dtype=np.uint64), cuts) if len(part)]

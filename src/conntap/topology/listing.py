"""Lists of the directed simplices of a graph in CSR arrays."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from conntap.errors import OptionError
from conntap.topology.simplices import MOST_SIMPLICES, estimate_simplices
from conntap.topology.threads import mapped

__all__ = ["MEMORY_GB", "iterate_simplices_of", "simplices_of"]

MEMORY_GB = 4.0
_MOST_AS_BITS = 8192  # candidates whose graph is kept as a matrix of bits (8 MiB)
_LOOKUPS_A_CHUNK = 20_000_000  # of a large graph; a small one is cut into up to 64 chunks of some use


def simplices_of(
    indptr: np.ndarray,
    indices: np.ndarray,
    *,
    dimension: int,
    chosen: np.ndarray | None = None,
    memory_gb: float = MEMORY_GB,
    threads: int = 1,
) -> np.ndarray:
    """List the directed simplices of one dimension.

    Parameters
    ----------
    indptr, indices
        The graph in CSR form: shapes (nodes + 1,) and (connections,), rows sorted, no loops, no doubles (as
        `conntap.topology.graphs.simple_graph` makes it).
    dimension
        The dimension.
    chosen
        Boolean, one a node: only simplices with at least one of these nodes.
    memory_gb
        Refuse a list larger than this.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    int32, shape (simplices, dimension + 1): the nodes of each, source first, rows in rising order.

    Raises
    ------
    OptionError
        `dimension` or `threads` out of range, more simplices than fit `memory_gb`, or too many to count.

    Notes
    -----
    The simplices are counted first, then written. Visits every simplex up to one dimension before.

    Examples
    --------
    >>> simplices_of(np.array([0, 2, 3, 3]), np.array([1, 2, 2]), dimension=1).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """
    _check(dimension, threads)
    if dimension == 0:
        return _nodes(indptr, chosen)
    if not len(indices):
        return np.empty((0, dimension + 1), dtype=np.int32)
    _refuse_if_hopeless(indptr, indices, dimension, memory_gb if chosen is None else np.inf)
    search = _Search(indptr, indices, dimension, chosen)
    pieces = _chunks(indptr, indices)
    sizes = list(mapped(search.count, pieces, threads))
    _refuse_if_large(sum(sizes), dimension, memory_gb)
    found = np.empty((sum(sizes), dimension + 1), dtype=np.uint32)
    parts = zip(pieces, np.split(found, np.cumsum(sizes)[:-1]), strict=True)
    deque(mapped(lambda part: search.fill(*part, _start()), parts, threads), maxlen=0)
    return found.view(np.int32)


def iterate_simplices_of(
    indptr: np.ndarray,
    indices: np.ndarray,
    *,
    dimension: int,
    chunk_size: int = 1_000_000,
    chosen: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """Give the directed simplices of one dimension a chunk at a time.

    Parameters
    ----------
    indptr, indices, dimension, chosen
        As for `simplices_of`.
    chunk_size
        Simplices a chunk; the last may be smaller.

    Returns
    -------
    An iterator of int32 arrays of shape (simplices, dimension + 1); together the rows that `simplices_of` gives.

    Raises
    ------
    OptionError
        `dimension` or `chunk_size` out of range.

    Notes
    -----
    One chunk exists at a time; between two of them the place of the search is kept, and the neighbourhood of one node
    is laid out anew.

    Examples
    --------
    >>> graph = np.array([0, 2, 3, 3]), np.array([1, 2, 2])
    >>> [chunk.tolist() for chunk in iterate_simplices_of(*graph, dimension=1, chunk_size=2)]
    [[[0, 1], [0, 2]], [[1, 2]]]
    """
    _check(dimension, 1)
    if chunk_size < 1:
        raise OptionError(f"simplices.chunk_size: {chunk_size}; give 1 or more.")
    return _chunked(indptr, indices, dimension, chunk_size, chosen)


def _chunked(
    indptr: np.ndarray, indices: np.ndarray, dimension: int, chunk_size: int, chosen: np.ndarray | None
) -> Iterator[np.ndarray]:
    if dimension == 0:
        nodes = _nodes(indptr, chosen)
        yield from (nodes[begin : begin + chunk_size] for begin in range(0, len(nodes), chunk_size))
        return
    search, state = _Search(indptr, indices, dimension, chosen), _start()
    roots = np.arange(len(indptr) - 1, dtype=np.uint64)
    while state[0] < len(roots):
        found = np.empty((chunk_size, dimension + 1), dtype=np.uint32)
        written = search.fill(roots, found, state)
        if written:
            yield found[:written].view(np.int32)


class _Search:
    """The kernel with what all its calls share."""

    def __init__(self, indptr: np.ndarray, indices: np.ndarray, dimension: int, chosen: np.ndarray | None) -> None:
        self.graph = np.asarray(indptr).astype(np.uint64), np.asarray(indices).astype(np.uint32)
        self.dimension = dimension
        self.chosen = np.empty(0, np.uint8) if chosen is None else np.asarray(chosen).astype(np.uint8)

    def count(self, roots: np.ndarray) -> int:
        return self._run(roots, np.empty((0, 1), np.uint32), _start(), 1)

    def fill(self, roots: np.ndarray, found: np.ndarray, state: np.ndarray) -> int:
        return self._run(roots, found, state, 0)

    def _run(self, roots: np.ndarray, found: np.ndarray, state: np.ndarray, counting: int) -> int:
        from conntap.topology._listing import list_from

        options = np.uint64(self.dimension), np.uint64(_MOST_AS_BITS)
        return int(list_from(*self.graph, roots, *options, self.chosen, state, found, np.uint64(counting)))


def _start() -> np.ndarray:
    return np.zeros(52, dtype=np.uint64)


def _nodes(indptr: np.ndarray, chosen: np.ndarray | None) -> np.ndarray:
    nodes = np.arange(len(indptr) - 1, dtype=np.int32)
    return (nodes if chosen is None else nodes[np.asarray(chosen, dtype=bool)])[:, None]


def _check(dimension: int, threads: int) -> None:
    from conntap.topology._kernels import DEEPEST

    if isinstance(dimension, bool) or not isinstance(dimension, int | np.integer) or not 0 <= dimension <= DEEPEST:
        raise OptionError(f"simplices.dimension: {dimension!r}; give a whole number from 0 to {DEEPEST}.")
    if threads < 1:
        raise OptionError(f"simplices.threads: {threads}; give 1 or more.")


def _refuse_if_hopeless(indptr: np.ndarray, indices: np.ndarray, dimension: int, memory_gb: float) -> None:
    """Refuse what an estimate shows to be far too much; it may be wrong by a power of ten."""
    expected = estimate_simplices(indptr, indices)[: dimension + 1]
    if expected.sum() > MOST_SIMPLICES:
        raise OptionError(
            f"simplices: about {expected.sum():.1g} directed simplices (estimated) up to dimension {dimension} are too "
            "many to visit; choose a lower dimension, or fewer nodes."
        )
    if len(expected) > dimension:
        _refuse_if_large(expected[dimension] / 100, dimension, memory_gb, estimated=expected[dimension])


def _refuse_if_large(count: float, dimension: int, memory_gb: float, *, estimated: float | None = None) -> None:
    size = 4 * (dimension + 1) * 1e-9
    if count * size > memory_gb:
        number = f"{count:,}" if estimated is None else f"about {estimated:.1g}"
        size *= count if estimated is None else estimated
        raise OptionError(
            f"simplices: {number} simplices of dimension {dimension} take {size:.3g} GB, more than memory_gb = "
            f"{memory_gb:g}. Raise it, choose fewer nodes, or use iterate_simplices, which gives a chunk at a time."
        )


def _chunks(indptr: np.ndarray, indices: np.ndarray) -> list[np.ndarray]:
    """All nodes, cut where the look-ups add up to a chunk's worth."""
    degrees = np.diff(indptr).astype(np.int64)
    work = np.append(0, np.cumsum(degrees[indices] + 1))[np.asarray(indptr).astype(np.int64)]
    total = int(work[-1])
    parts = max(1, total // _LOOKUPS_A_CHUNK, min(64, total // 200_000))
    cuts = np.searchsorted(work, np.linspace(0, total, parts + 1)[1:-1])
    return [part for part in np.split(np.arange(len(degrees), dtype=np.uint64), cuts) if len(part)]

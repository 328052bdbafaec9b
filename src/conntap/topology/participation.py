"""In how many directed simplices of a graph in CSR arrays each node and each connection takes part."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from conntap.errors import OptionError, known
from conntap.topology.simplices import MOST_SIMPLICES, estimate_simplices
from conntap.topology.threads import mapped

__all__ = ["MOST_VISITS", "edge_participation", "node_participation"]

MOST_VISITS = 2**43  # simplices visited (hours): given up; so many times 64 are still within 64 bits
_MOST_AS_BITS = 8192  # candidates whose graph is kept as a matrix of bits (8 MiB)
_MOST_INNER = 2**23  # counts of connections among candidates (64 MiB)
_LOOKUPS_A_CHUNK = 20_000_000  # of a large graph; a small one is cut into up to 64 chunks of some use


def node_participation(
    indptr: np.ndarray,
    indices: np.ndarray,
    *,
    max_dimension: int | None = None,
    position: Literal["any", "source", "sink"] | int = "any",
    threads: int = 1,
) -> np.ndarray:
    """Count the directed simplices of each dimension that each node takes part in.

    Parameters
    ----------
    indptr, indices
        The graph in CSR form: shapes (nodes + 1,) and (connections,), rows sorted, no loops, no doubles (as
        `conntap.topology.graphs.simple_graph` makes it).
    max_dimension
        Count up to this dimension; default: all.
    position
        Where the node stands in the simplex: anywhere, at the source, at the sink, or at this place from 0, the source.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    int64, shape (nodes, largest dimension of what was counted + 1).

    Raises
    ------
    OptionError
        An option is out of range, or there are too many simplices (an estimate of more than 10^14, or a search beyond
        2^43 visits): then limit `max_dimension`.

    Notes
    -----
    Time as for `count_simplices` and up to twice as much: simplices of the last two dimensions of a search are not
    visited. Memory: the graph, and in each thread 8 bytes a node and dimension and up to 12 MiB. Definition: Reimann et
    al., 2017, doi:10.3389/fncom.2017.00048.

    Examples
    --------
    >>> node_participation(np.array([0, 2, 3, 3]), np.array([1, 2, 2])).tolist()
    [[1, 2, 1], [1, 2, 1], [1, 2, 1]]
    """
    where = "node_participation"
    top = _checked(where, max_dimension, threads)
    place = _place(where, position)
    if position == "sink":
        indptr, indices, _ = _turned(indptr, indices)
    table = np.zeros((top + 1, len(indptr) - 1), np.uint64)
    if top > 0 and len(indices):
        table = _nodes(_unsigned(indptr, indices), top, place, threads)
    table[0] = 0 if isinstance(place, int) and place > 0 else 1
    deepest = int(np.flatnonzero(table.any(axis=1)).max(initial=0))
    return np.ascontiguousarray(table[: deepest + 1].T).view(np.int64)


def edge_participation(
    indptr: np.ndarray,
    indices: np.ndarray,
    *,
    max_dimension: int | None = None,
    position: Literal["any", "spine", "first", "last"] = "any",
    threads: int = 1,
) -> np.ndarray:
    """Count the directed simplices of each dimension that each connection takes part in.

    Parameters
    ----------
    indptr, indices, max_dimension, threads
        As for `node_participation`.
    position
        Where the connection stands in the simplex (v0 ... vk): between any of its nodes, between some v(i) and v(i + 1)
        (the spine), between v0 and v1 (first), or between v(k - 1) and vk (last).

    Returns
    -------
    int64, shape (connections, largest dimension of what was counted): connections in CSR order, dimensions from 1 on.

    Raises
    ------
    OptionError
        As for `node_participation`.

    Notes
    -----
    Visits the simplices of all dimensions but the last, for "first" and "last" but the last two. Memory: 8 bytes a
    connection and dimension, once for all threads, 20 bytes a connection, and up to 200 MiB a thread. Definition: as
    for `node_participation`.

    Examples
    --------
    >>> edge_participation(np.array([0, 2, 3, 3]), np.array([1, 2, 2])).tolist()
    [[1, 1], [1, 1], [1, 1]]
    >>> edge_participation(np.array([0, 2, 3, 3]), np.array([1, 2, 2]), position="spine").tolist()
    [[1, 1], [1, 0], [1, 1]]
    """
    where = "edge_participation"
    top = _checked(where, max_dimension, threads)
    if position not in ("any", "spine", "first", "last"):
        raise OptionError(f"{where}.position: {position!r}; known: {known(('any', 'spine', 'first', 'last'))}.")
    if top == 0 or not len(indices):
        return np.zeros((len(indices), 0), np.int64)
    if position != "last":
        return _edges(_unsigned(indptr, indices), top, position, threads)
    *turned, order = _turned(indptr, indices)
    found = _edges(_unsigned(*turned), top, "first", threads)
    result = np.empty_like(found)
    result[order] = found
    return result


def _checked(where: str, max_dimension: int | None, threads: int) -> int:
    from conntap.topology._kernels import DEEPEST

    if threads < 1:
        raise OptionError(f"{where}.threads: {threads}; give 1 or more.")
    if max_dimension is None:
        return DEEPEST
    if isinstance(max_dimension, bool) or not isinstance(max_dimension, int | np.integer) or max_dimension < 0:
        raise OptionError(f"{where}.max_dimension: {max_dimension!r}; give a whole number from 0 on.")
    return min(int(max_dimension), DEEPEST)


def _place(where: str, position: Any) -> int | str:
    """The place that counts, or "any"; from the source on, also where "sink" is meant."""
    if isinstance(position, str) and position in ("any", "source", "sink"):
        return "any" if position == "any" else 0
    if isinstance(position, bool) or not isinstance(position, int | np.integer) or position < 0:
        raise OptionError(f"{where}.position: {position!r}; known: any, source, sink, or a place from 0 on.")
    return int(position)


def _unsigned(indptr: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(indptr).astype(np.uint64), np.asarray(indices).astype(np.uint32)


def _turned(indptr: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The graph with every connection turned round, and where each of its connections stood."""
    n_nodes = len(indptr) - 1
    order = np.argsort(indices, kind="stable")
    pre = np.repeat(np.arange(n_nodes, dtype=np.int32), np.diff(indptr))
    begins = np.append(0, np.cumsum(np.bincount(indices, minlength=n_nodes)))
    return begins, pre[order], order


def _refuse_if_hopeless(where: str, expected: np.ndarray) -> None:
    if expected.sum() > MOST_SIMPLICES:
        feasible = max(1, int(np.searchsorted(np.cumsum(expected), 1e10)) - 1)
        raise OptionError(
            f"{where}: about {expected.sum():.1g} directed simplices (estimated) are too many to count; "
            f"give max_dimension, for instance {feasible} (about {expected[: feasible + 1].sum():.1g} simplices)."
        )


def _nodes(graph: tuple[np.ndarray, np.ndarray], top: int, place: int | str, threads: int) -> np.ndarray:
    """The table by dimension and node; a table a thread is filled, their sum given back."""
    from conntap.topology._kernels import DEEPEST
    from conntap.topology.bits import ALL

    where = "node_participation"
    _refuse_if_hopeless(where, estimate_simplices(*graph)[: top + 1])
    n_nodes = len(graph[0]) - 1
    rank, graph = _relabelled(graph)
    counted = np.zeros(DEEPEST + 3, np.uint64)
    counted[slice(None) if place == "any" else slice(place, place + 1)] = ALL
    spare: list[np.ndarray] = []

    def work(roots: np.ndarray) -> int:
        table = spare.pop() if spare else np.zeros((DEEPEST + 2) * n_nodes, np.uint64)
        visits, _, _ = _run((*graph, None, None), roots, top, False, (counted, counted), table, 0, False)
        spare.append(table)
        return visits

    _finish(where, mapped(work, _chunks(*graph[:3]), threads))
    table = spare[0]
    for each in spare[1:]:
        table += each
    return table.reshape(DEEPEST + 2, n_nodes)[:, rank]


def _edges(graph: tuple[np.ndarray, np.ndarray], top: int, position: str, threads: int) -> np.ndarray:
    """The table by connection and dimension; one table for all threads."""
    from conntap.topology._kernels import DEEPEST
    from conntap.topology.bits import ALL

    where = "edge_participation"
    expected = estimate_simplices(*graph)[: top + 1]
    _refuse_if_hopeless(where, expected)
    n_edges, width = len(graph[1]), min(top, len(expected))
    graph = _with_positions(graph)
    if position == "first":
        graph = *graph[:-1], None
    as_middle, as_last = np.zeros((2, DEEPEST + 3), np.uint64)
    if position == "any":
        as_middle[:], as_last[:] = ALL, ALL
    elif position == "first":
        as_middle[1] = ALL
    table = np.zeros(n_edges * width, np.uint64)
    beyond: list[tuple[np.ndarray, np.ndarray]] = []

    def work(roots: np.ndarray) -> int:
        masks = as_middle, as_last
        visits, *more = _run(graph, roots, top, position == "spine", masks, table, width, threads > 1)
        if len(more[0]):
            beyond.append(more)
        return visits

    _finish(where, mapped(work, _chunks(*graph[:3]), threads))
    table = _widened(table.reshape(n_edges, width), beyond, DEEPEST + 3)
    deepest = int(np.flatnonzero(table.any(axis=0)).max(initial=0))
    return table[:, : deepest + 1].view(np.int64)


def _widened(table: np.ndarray, beyond: list[tuple[np.ndarray, np.ndarray]], stride: int) -> np.ndarray:
    """The table with the counts that had no column in it."""
    if not beyond:
        return table
    width = 1 + max(int((places % stride).max()) for places, _ in beyond)
    wider = np.zeros((len(table), width), np.uint64)
    wider[:, : table.shape[1]] = table
    for places, counts in beyond:
        np.add.at(wider, (places // stride, places % stride), counts)
    return wider


def _run(graph, roots, top, spine, masks, table, width, threaded) -> tuple[int, np.ndarray, np.ndarray]:
    from conntap.topology import _participation as compiled

    inner = graph[-1] is not None
    scratch = compiled.scratch_for(len(graph[0]) - 1, np.uint64 if inner else graph[1].dtype)
    limits = (np.uint64(each) for each in (_MOST_AS_BITS, _MOST_INNER, MOST_VISITS))
    pairs = np.zeros(compiled.MOST_PAIRS, np.uint64) if inner else None
    options = np.uint64(top), spine, *(each.copy() for each in masks), *limits
    visits, places, counts = compiled.participation_from(
        *graph, roots, *options, table, np.uint64(width), threaded, scratch, pairs
    )
    return int(visits), places, counts


def _finish(where: str, visits: Any) -> None:
    """Work until all is done, or too much."""
    total = 0
    for each in visits:
        total += each
        if total > MOST_VISITS:
            raise OptionError(
                f"{where}: this graph has more than {MOST_VISITS:.1g} directed simplices, too many to count; "
                "give max_dimension."
            )


def _relabelled(graph: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The new names, by rising in-degree, and the graph under them with what each node shares."""
    from conntap.topology._kernels import relabelled

    indptr, indices = graph
    n_nodes = len(indptr) - 1
    rank = np.empty(n_nodes, np.uint32)
    rank[np.argsort(np.bincount(indices, minlength=n_nodes), kind="stable")] = np.arange(n_nodes, dtype=np.uint32)
    begins, shares = np.empty(n_nodes + 1, np.uint64), np.empty(2 * n_nodes + 1, np.uint64)
    ends, shared = np.empty((2, len(indices)), np.uint32)
    relabelled(indptr, indices, rank, begins, ends, shares, shared)
    return rank, (begins, ends, shares, shared)


def _with_positions(graph: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, ...]:
    """The graph under new names with what each node shares, and where each connection stood before."""
    from conntap.topology._participation import origins

    rank, renamed = _relabelled(graph)
    kind = np.uint32 if len(graph[1]) < 2**32 else np.uint64
    origin, positions = np.empty((2, len(graph[1])), kind)
    origins(*graph, rank, *renamed[:3], origin, positions)
    return *renamed, origin, positions


def _chunks(begins: np.ndarray, ends: np.ndarray, shares: np.ndarray) -> list[np.ndarray]:
    """All nodes, cut where the look-ups add up to a chunk's worth."""
    looked_up = np.diff(shares[::2]).astype(np.int64) + 1
    work = np.append(0, np.cumsum(looked_up[ends]))[begins.astype(np.int64)]
    total = int(work[-1])
    parts = max(1, total // _LOOKUPS_A_CHUNK, min(64, total // 200_000))
    cuts = np.searchsorted(work, np.linspace(0, total, parts + 1)[1:-1])
    return [part for part in np.split(np.arange(len(begins) - 1, dtype=np.uint64), cuts) if len(part)]

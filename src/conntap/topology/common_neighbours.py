"""The neighbours that two nodes share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import comb
from typing import Literal

import numpy as np

from conntap.errors import OptionError
from conntap.topology.graphs import simple_graph
from conntap.topology.threads import mapped
from conntap.topology.triangles import transposed

__all__ = ["Direction", "count_shared", "partners", "shared_of_connections"]

Direction = Literal["in", "out", "both"]

_LOOKUPS_A_CHUNK = 20_000_000


def partners(indptr: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The partners of each node in any direction, each once, in CSR form.

    Examples
    --------
    >>> [part.tolist() for part in partners(np.array([0, 1, 2, 2]), np.array([1, 0]))]
    [[0, 1, 2, 2], [1, 0]]
    """
    n_nodes = len(indptr) - 1
    pre = np.repeat(np.arange(n_nodes, dtype=np.int32), np.diff(indptr))
    return simple_graph(np.append(pre, indices), np.append(indices, pre), n_nodes)


def count_shared(
    indptr: np.ndarray, indices: np.ndarray, *, direction: Direction = "out", threads: int = 1
) -> np.ndarray:
    """Count the pairs of nodes by the number of neighbours they share and by how they are connected.

    Parameters
    ----------
    indptr, indices
        A simple graph in CSR form, as `conntap.topology.graphs.simple_graph` makes it.
    direction
        Whose neighbours: the nodes that project to both ("in"), to which both project ("out"), or that are partners of
        both in any direction.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    int64, shape (most shared + 1, 3): unordered pairs with no, one and two connections, by neighbours shared.

    Raises
    ------
    OptionError
        `threads` is less than 1.

    Notes
    -----
    Time: half the sum of squares of the other side's degrees, and up to half a look-up for each ordered pair of nodes
    where many share something. Memory: the graph four times and 16 bytes a node a thread. Like the entries of A A^T,
    which is never laid out.

    Examples
    --------
    >>> count_shared(np.array([0, 2, 3, 3]), np.array([1, 2, 2])).tolist()
    [[0, 2, 0], [0, 1, 0]]
    """
    from conntap.topology._common_neighbours import shared_by_pairs

    lists, back, graph, turned = _lists(indptr, indices, direction, threads)
    n_nodes = len(indptr) - 1
    size = 4 * (int(np.diff(lists[0].astype(np.int64)).max(initial=0)) + 1)

    def tally(part: tuple[int, int]) -> np.ndarray:
        tallies = np.zeros(size, dtype=np.uint64)
        shared_by_pairs(*lists, *back, *graph, *turned, np.uint64(part[0]), np.uint64(part[1]), tallies)
        return tallies.astype(np.int64)

    tallies = sum(mapped(tally, _parts(lists, np.diff(back[0].astype(np.int64)), threads), threads)).reshape(-1, 4)
    counts = np.stack([tallies[:, 0], tallies[:, 1] + tallies[:, 2], tallies[:, 3]], axis=1)
    counts[0, 0] = 0
    counts[0, 0] = comb(n_nodes, 2) - counts.sum()
    return counts[: int(np.flatnonzero(counts.any(axis=1)).max(initial=0)) + 1]


def shared_of_connections(
    indptr: np.ndarray, indices: np.ndarray, *, direction: Direction = "out", threads: int = 1
) -> np.ndarray:
    """Count the neighbours that the two ends of each connection share.

    Parameters
    ----------
    indptr, indices, direction, threads
        As for `count_shared`.

    Returns
    -------
    int32, shape (connections,), in the order of `indices`.

    Raises
    ------
    OptionError
        `threads` is less than 1.

    Notes
    -----
    Time: the sum over connections of the second end's neighbours. Memory: the graph three times.

    Examples
    --------
    >>> shared_of_connections(np.array([0, 2, 3, 3]), np.array([1, 2, 2])).tolist()
    [1, 0, 0]
    """
    from conntap.topology._common_neighbours import shared_by_connections

    lists, _, graph, _ = _lists(indptr, indices, direction, threads)
    counts = np.zeros(len(indices), dtype=np.int32)

    def count(part: tuple[int, int]) -> None:
        shared_by_connections(*lists, *graph, np.uint64(part[0]), np.uint64(part[1]), counts)

    for _ in mapped(count, _parts(graph, np.diff(lists[0].astype(np.int64)), threads), threads):
        pass
    return counts


Lists = tuple[np.ndarray, np.ndarray]


def _lists(indptr: np.ndarray, indices: np.ndarray, direction: str, threads: int) -> list[Lists]:
    """The neighbours meant, whose neighbour each node is, the graph and its transpose."""
    if threads < 1:
        raise OptionError(f"common_neighbours.threads: {threads}; give 1 or more.")
    known: dict[str, Callable[[Lists, Lists], tuple[Lists, Lists]]] = {
        "out": lambda out, into: (out, into),
        "in": lambda out, into: (into, out),
        "both": lambda out, into: (partners(*out),) * 2,
    }
    if direction not in known:
        raise OptionError(f"common_neighbours.direction: {direction!r}; give 'in', 'out' or 'both'.")
    out, into = (indptr, indices), transposed(indptr, indices)
    return [(one.astype(np.uint64), two.astype(np.uint32)) for one, two in (*known[direction](out, into), out, into)]


def _parts(lists: Lists, lengths: np.ndarray, threads: int) -> list[tuple[int, int]]:
    """Ranges of nodes of about as many look-ups each: for each entry of a node's list the length of that one's own."""
    begins = lists[0].astype(np.int64)
    work = np.append(0, np.cumsum(lengths[lists[1]]))[begins] + np.arange(len(begins)) * (len(begins) // 16 + 1)
    pieces = max(1, int(work[-1]) // _LOOKUPS_A_CHUNK, 8 * threads if threads > 1 else 1)
    cuts = np.searchsorted(work, np.linspace(0, int(work[-1]), pieces + 1)[1:-1]).tolist()
    bounds = sorted({0, *cuts, len(begins) - 1})
    return list(pairwise(bounds)) or [(0, 0)]

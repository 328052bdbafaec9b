"""The sixteen classes of triads: three nodes and what connects them."""

from __future__ import annotations

from itertools import pairwise, product
from math import comb

import numpy as np

from conntap.errors import OptionError
from conntap.topology.common_neighbours import partners
from conntap.topology.threads import mapped
from conntap.topology.triad_classes import CLASS, DYADS, OPEN, TRIADS, WEDGES
from conntap.topology.triangles import transposed

__all__ = ["count_dyads", "count_triads", "sample_triads"]

_LOOKUPS_A_CHUNK = 20_000_000
_DRAWS_AT_ONCE = 1_000_000


def count_dyads(indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Count the partners of each node by the kind of dyad.

    Parameters
    ----------
    indptr, indices
        A simple graph in CSR form, as `conntap.topology.graphs.simple_graph` makes it.

    Returns
    -------
    int64, shape (nodes, 3): partners that the node projects to and that do not project back, those that only project
    to it, and reciprocal ones.

    Notes
    -----
    Linear in nodes and connections.

    Examples
    --------
    >>> count_dyads(np.array([0, 2, 3, 3]), np.array([1, 2, 0])).tolist()
    [[1, 0, 1], [0, 0, 1], [0, 1, 0]]
    """
    return _dyads(_typed(indptr, indices))


def count_triads(indptr: np.ndarray, indices: np.ndarray, *, threads: int = 1) -> np.ndarray:
    """Count all triads of nodes by class.

    Parameters
    ----------
    indptr, indices
        A simple graph in CSR form, as `conntap.topology.graphs.simple_graph` makes it.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    int64, shape (16,): triads of the classes `TRIADS`.

    Raises
    ------
    OptionError
        `threads` is less than 1, or there are more than 2^63 - 1 triads of a class (from 3.8 million nodes on).

    Notes
    -----
    Only triangles are searched for: each is met once, from its node of fewest partners, in time of the sum over
    connected pairs of the partners that have more partners still (at most connections^1.5). All other classes follow
    from them and from the dyads at each node. Memory: the graph three times, and a byte a node a thread. Search by
    degree: Chiba and Nishizeki, 1985, doi:10.1137/0214017.

    Examples
    --------
    >>> counts = count_triads(np.array([0, 2, 3, 3]), np.array([1, 2, 2]))
    >>> TRIADS[counts.argmax()]
    '030T'
    """
    if threads < 1:
        raise OptionError(f"count_triads.threads: {threads}; give 1 or more.")
    graph = _typed(indptr, indices)
    kinds = _dyads(graph)
    return _from_triangles(_triangles(graph, kinds, threads), kinds)


def sample_triads(
    indptr: np.ndarray, indices: np.ndarray, *, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the number of connected triads of each class from random ones.

    Parameters
    ----------
    indptr, indices
        A simple graph in CSR form, as `conntap.topology.graphs.simple_graph` makes it.
    draws
        Random triads looked at.
    rng
        The source of randomness.

    Returns
    -------
    float64, shape (16,) each: the estimates for the classes `TRIADS`, and their standard errors; NaN for the three
    classes that are not connected.

    Raises
    ------
    OptionError
        `draws` is less than 1.

    Notes
    -----
    A node and two of its partners are drawn evenly from all such; a triangle can be drawn from each of its three nodes,
    which the estimate allows for. Linear in connections, then less than a microsecond a draw. Seshadhri, Pinar and Kolda,
    2013, doi:10.1137/1.9781611972832.2.

    Examples
    --------
    >>> counts, errors = sample_triads(np.array([0, 2, 3, 3]), np.array([1, 2, 2]), draws=10, rng=np.random.default_rng(1))
    >>> counts[TRIADS.index("030T")], errors[TRIADS.index("030T")]
    (np.float64(1.0), np.float64(0.0))
    """
    if draws < 1:
        raise OptionError(f"sample_triads.draws: {draws}; give 1 or more.")
    begins, ends = partners(indptr, indices)
    degrees = np.diff(begins)
    total = int((degrees * (degrees - 1) // 2).sum())
    found = np.zeros(len(TRIADS), dtype=np.int64)
    if total:
        graph = np.asarray(indptr).astype(np.uint64), np.asarray(indices).astype(np.uint32)
        for first in range(0, draws, _DRAWS_AT_ONCE):
            _draw(graph, begins, ends, min(_DRAWS_AT_ONCE, draws - first), rng, found)
    share, times = found / draws, np.array([3 if DYADS[name][2] == 0 else 1 for name in TRIADS])
    estimates, errors = share * total / times, np.sqrt(share * (1 - share) / draws) * total / times
    estimates[:3] = errors[:3] = np.nan
    return estimates, errors


Graph = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _typed(indptr: np.ndarray, indices: np.ndarray) -> Graph:
    graph = np.asarray(indptr, np.int64), np.asarray(indices, np.int32)
    return *graph, *transposed(*graph)


def _dyads(graph: Graph) -> np.ndarray:
    from conntap.topology._triads import dyads

    kinds = np.empty((len(graph[0]) - 1, 3), dtype=np.int64)
    dyads(*graph, kinds)
    return kinds


def _triangles(graph: Graph, kinds: np.ndarray, threads: int) -> np.ndarray:
    """Triangles of partners, by class."""
    from conntap.topology._triads import closed, forward

    n_nodes, partners = len(kinds), kinds.sum(axis=1)
    order = np.argsort(partners, kind="stable").astype(np.int32)
    rank = np.empty(n_nodes, dtype=np.int32)
    rank[order] = np.arange(n_nodes, dtype=np.int32)
    begins, ends = np.zeros(3 * n_nodes + 1, dtype=np.uint64), np.empty(int(partners.sum()) // 2, dtype=np.uint32)
    forward(*graph, order, rank, begins, ends)

    def count(part: tuple[int, int]) -> np.ndarray:
        tallies = np.zeros(36, dtype=np.uint64)
        closed(begins, ends, np.uint64(part[0]), np.uint64(part[1]), tallies)
        return tallies.astype(np.int64)

    tallies = sum(mapped(count, _parts(begins[::3].astype(np.int64), ends, threads), threads))
    counts = np.zeros(len(TRIADS), dtype=np.int64)
    for uv, vw, uw in product(range(3), repeat=3):
        counts[CLASS[(uv + 1) + 4 * (vw + 1) + 16 * (uw + 1)]] += tallies[12 * uv + 4 * vw + 1 + uw]
    return counts


def _parts(begins: np.ndarray, ends: np.ndarray, threads: int) -> list[tuple[int, int]]:
    """Ranges of ranks of about as many look-ups each."""
    work = np.append(0, np.cumsum(np.diff(begins)[ends]))[begins]
    pieces = max(1, int(work[-1]) // _LOOKUPS_A_CHUNK, 8 * threads if threads > 1 else 1)
    cuts = np.searchsorted(work, np.linspace(0, int(work[-1]), pieces + 1)[1:-1]).tolist()
    bounds = [0, *cuts, len(begins) - 1]
    return [(first, last) for first, last in pairwise(bounds) if last > first] or [(0, 0)]


def _from_triangles(triangles: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """All classes: pairs of neighbouring dyads less those of triangles; dyads less those of all these; the rest."""
    n_nodes, (out, into, both) = len(kinds), kinds.T
    pairs = [out * (out - 1) // 2, into * (into - 1) // 2, out * into, both * into, both * out, both * (both - 1) // 2]
    counts = [int(count) for count in triangles]
    for name, number, closed in zip(OPEN, pairs, WEDGES.tolist(), strict=True):
        counts[TRIADS.index(name)] = _total(number) - sum(w * c for w, c in zip(closed, triangles.tolist()))
    dyads = {TRIADS.index("102"): (_total(both) // 2, 0), TRIADS.index("012"): (_total(out), 1)}
    for number, (there, place) in dyads.items():
        others = sum(DYADS[name][place] * count for name, count in zip(TRIADS[3:], counts[3:]))
        counts[number] = there * max(0, n_nodes - 2) - others
    counts[0] = comb(n_nodes, 3) - sum(counts[1:])
    if max(counts) > np.iinfo(np.int64).max:
        raise OptionError(
            f"count_triads: {max(counts):.2g} triads of one class among {n_nodes} nodes do not fit 64 bits; "
            "take a part of the nodes."
        )
    return np.array(counts, dtype=np.int64)


def _total(numbers: np.ndarray) -> int:
    """The sum of numbers that are not negative, however large."""
    return int((numbers >> 32).sum() << 32) + int((numbers & 0xFFFFFFFF).sum())


def _draw(
    graph: tuple[np.ndarray, np.ndarray],
    begins: np.ndarray,
    ends: np.ndarray,
    draws: int,
    rng: np.random.Generator,
    found: np.ndarray,
) -> None:
    """Add to `found` the classes of random pairs of partners of a node; `begins` and `ends` are the partners."""
    from conntap.topology._triads import classes_of

    degrees = np.diff(begins)
    ahead = np.cumsum(degrees * (degrees - 1) // 2)
    centre = np.searchsorted(ahead, np.sort(rng.integers(ahead[-1], size=draws)), side="right")
    one, other = rng.integers(degrees[centre]), rng.integers(degrees[centre] - 1)
    other += other >= one
    nodes = [each.astype(np.uint64) for each in (centre, ends[begins[centre] + one], ends[begins[centre] + other])]
    classes_of(*graph, *nodes, CLASS, found)

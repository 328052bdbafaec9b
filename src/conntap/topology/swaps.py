"""Chains that rewire a simple directed graph sweep by sweep and keep what each node has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from conntap.errors import OptionError, whole
from conntap.topology.threads import mapped

__all__ = ["degree_sweeps", "links", "reciprocity_sweeps"]

_PAIRS_A_CHUNK = 1024
Links = tuple[np.ndarray, np.ndarray, np.ndarray]


def degree_sweeps(
    indptr: np.ndarray, indices: np.ndarray, *, rng: np.random.Generator, threads: int = 1
) -> Iterator[np.ndarray]:
    """Rewire without end and keep every in- and out-degree; give the graph after each sweep.

    A sweep pairs all nodes at random and lets each pair share out anew the successors that only one of the two has
    (a global curveball trade), then does the same with predecessors; between the two, as many directed triangles are
    tried as there are nodes, and turned round. Loops and doubles never arise. Each of these steps leaves the uniform
    law over all simple graphs of the same degrees as it is, and together they reach every one of these.

    Parameters
    ----------
    indptr, indices
        The graph in CSR form: shapes (nodes + 1,) and (connections,), rows sorted, no loops, no doubles. Untouched.
    rng
        The source of randomness: of each sweep's pairs, and of a seed for what they do.
    threads
        Threads that share the trades; the result does not depend on it.

    Yields
    ------
    uint32, shape (connections,): the rows of successors, sorted; `indptr` stays. One array, overwritten by each sweep.

    Raises
    ------
    OptionError
        `threads` is less than 1, or there are 2^32 connections or more.

    Notes
    -----
    A sweep is linear in connections; 8 bytes a connection. Trades: Carstens, Berger and Strona, 2016,
    arXiv:1609.05137; all nodes at once: Carstens et al., 2018, doi:10.4230/LIPIcs.ESA.2018.11; why triangles:
    Berger and Mueller-Hannemann, 2010, doi:10.1007/978-3-642-16926-7_21.

    Examples
    --------
    >>> ring = np.array([0, 1, 2, 3]), np.array([1, 2, 0])
    >>> sweeps = degree_sweeps(*ring, rng=np.random.default_rng(1))
    >>> sorted({tuple(next(sweeps).tolist()) for _ in range(20)})
    [(1, 2, 0), (2, 0, 1)]
    """
    from conntap.topology._swaps import trade, transposed, turn_cycles

    _check(indices, threads)
    n_nodes = len(indptr) - 1
    outward, successors = np.asarray(indptr).astype(np.uint64), np.asarray(indices).astype(np.uint32)
    inward = np.append(0, np.cumsum(np.bincount(indices, minlength=n_nodes))).astype(np.uint64)
    predecessors = np.empty_like(successors)
    sources = np.repeat(np.arange(n_nodes, dtype=np.uint32), np.diff(indptr))
    while True:
        seeds = rng.integers(0, 2**64, 3, dtype=np.uint64)
        _traded(trade, (outward, successors), rng.permutation(n_nodes), seeds[0], threads)
        if len(successors):
            turn_cycles(outward, successors, sources, np.uint64(n_nodes), seeds[1])
        transposed(outward, successors, inward, predecessors)
        _traded(trade, (inward, predecessors), rng.permutation(n_nodes), seeds[2], threads)
        transposed(inward, predecessors, outward, successors)
        yield successors


def links(indptr: np.ndarray, indices: np.ndarray) -> Links:
    """The pairs of connected nodes: low node, high node and kind, 1 where the low one projects, 2 the high one, 3 both.

    Parameters
    ----------
    indptr, indices
        A simple graph in CSR form.

    Returns
    -------
    Three arrays of shape (links,), uint32, uint32 and uint8, in the order of low and high.

    Notes
    -----
    Linear in connections.

    Examples
    --------
    >>> [part.tolist() for part in links(np.array([0, 2, 3, 3]), np.array([1, 2, 0]))]
    [[0, 0], [1, 2], [3, 1]]
    """
    from conntap.topology._swaps import linked, transposed

    outward, successors = np.asarray(indptr).astype(np.uint64), np.asarray(indices).astype(np.uint32)
    counts = np.bincount(successors, minlength=len(outward) - 1)
    inward = np.append(0, np.cumsum(counts)).astype(np.uint64)
    predecessors = np.empty_like(successors)
    transposed(outward, successors, inward, predecessors)
    parts = tuple(np.empty(len(successors), dtype) for dtype in (np.uint32, np.uint32, np.uint8))
    found = int(linked(outward, successors, inward, predecessors, *parts))
    return tuple(part[:found].copy() for part in parts)  # type: ignore[return-value]


def reciprocity_sweeps(
    low: np.ndarray,
    high: np.ndarray,
    kind: np.ndarray,
    n_nodes: int,
    *,
    rng: np.random.Generator,
    threads: int = 1,
) -> Iterator[Links]:
    """Rewire without end and keep each node's reciprocal, outgoing and incoming links; give the links after each sweep.

    A sweep divides the nodes into two sides at random. Two nodes of one side share out anew the links to the other
    side in which they differ: for each partner the kinds of their links (none, out, in, both) stay or change places,
    and each of the two keeps its number of every kind; a one-way link between the two may turn round in this. All nodes
    of one side do so in pairs, then all of the other. Each of these steps leaves the uniform law over all graphs of the
    same numbers as it is.

    Parameters
    ----------
    low, high, kind
        Shape (links,): as `links` gives them. Untouched.
    n_nodes
        Number of nodes.
    rng
        The source of randomness: of each sweep's sides and pairs, and of a seed for what they do.
    threads
        Threads that share the trades; the result does not depend on it.

    Yields
    ------
    The links after a sweep, in no particular order: arrays that the next sweep overwrites.

    Raises
    ------
    OptionError
        `threads` is less than 1, or there are 2^30 nodes or more.

    Notes
    -----
    A sweep is linear in links and moves about half of them; some 25 bytes a link.

    Examples
    --------
    >>> sweeps = reciprocity_sweeps(*links(np.array([0, 1, 2, 3]), np.array([1, 2, 0])), 3, rng=np.random.default_rng(1))
    >>> low, high, kind = next(sweeps)
    >>> sorted(zip(low.tolist(), high.tolist()))
    [(0, 1), (0, 2), (1, 2)]
    """
    _check(low, threads)
    if n_nodes >= 2**30:
        raise OptionError(f"reciprocity_sweeps: {n_nodes} nodes; 2^30 or more are not supported. Take a part of them.")
    state = tuple(np.array(each, dtype) for each, dtype in zip((low, high, kind), (np.uint32, np.uint32, np.uint8)))
    rows = [np.zeros(n_nodes + 1, np.uint64) for _ in range(2)]
    keys = [np.empty(len(low), np.uint32) for _ in range(2)]
    while True:
        _sweep(state, rows, keys, rng, threads)
        yield state


def _sweep(state: Links, rows: list, keys: list, rng: np.random.Generator, threads: int) -> None:
    from conntap.topology._swaps import between, links_of, trade_kinds, transposed_kinds

    n_nodes = len(rows[0]) - 1
    order, size = rng.permutation(n_nodes), n_nodes // 2
    seeds = rng.integers(0, 2**64, 2, dtype=np.uint64)
    side, slot, first = np.zeros(n_nodes, np.uint8), np.empty(n_nodes, np.uint32), (size + 1) // 2
    side[order[size:]] = 1
    slot[order[:size]], slot[order[size:]] = np.arange(size) // 2, first + np.arange(n_nodes - size) // 2
    own, own_at = np.zeros(n_nodes // 2 + 2, np.uint8), np.zeros(n_nodes // 2 + 2, np.uint64)
    kept = between(*state, side, slot, rows[0], keys[0], own, own_at)
    inside = np.flatnonzero(own)
    transposed_kinds(rows[0], keys[0], rows[1], keys[1])
    _traded(trade_kinds, (rows[1], keys[1], own[first:]), order[size:], seeds[0], threads)
    transposed_kinds(rows[1], keys[1], rows[0], keys[0])
    _traded(trade_kinds, (rows[0], keys[0], own), order[:size], seeds[1], threads)
    links_of(rows[0], keys[0], *state, kept)
    state[2][own_at[inside]] = own[inside]


def _traded(
    kernel: Callable[..., None], rows: tuple[np.ndarray, ...], order: np.ndarray, seed: np.uint64, threads: int
) -> None:
    pairs, n_pairs = order.astype(np.uint32), len(order) // 2
    starts = range(0, n_pairs, _PAIRS_A_CHUNK)

    def work(start: int) -> None:
        kernel(*rows, pairs, np.uint64(start), np.uint64(min(start + _PAIRS_A_CHUNK, n_pairs)), seed)

    for _ in mapped(work, starts, threads):
        pass


def _check(edges: np.ndarray, threads: int) -> None:
    whole("sweeps.threads", threads, 1)
    if len(edges) >= 2**32:
        raise OptionError(f"sweeps: {len(edges)} connections; 2^32 or more are not supported. Take a part of them.")

"""Lists of the directed simplices of a connectome."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection, selected
from conntap.errors import one_of, told_as, whole
from conntap.topology.listing import MEMORY_GB, iterate_simplices_of, simplices_of
from conntap.topology.maximal import count_maximal_simplices, maximal_simplices_of
from conntap.topology.simplices import count_simplices

__all__ = ["iterate_simplices", "simplex_lists"]


def simplex_lists(
    connectome: Connectome,
    *,
    dimensions: int | list[int] | None = None,
    nodes: Selection | None = None,
    within: Literal["lie", "meet"] = "lie",
    only: Literal["all", "maximal"] = "all",
    memory_gb: float = MEMORY_GB,
    threads: int = 1,
) -> list[np.ndarray]:
    """List the directed simplices by dimension.

    A directed simplex of dimension k is an ordered tuple of nodes (v0 ... vk) with a connection from vi to vj for all
    i < j. Parallel edges are merged, self-loops ignored.

    Parameters
    ----------
    connectome
        A square connectome.
    dimensions
        The dimensions wanted, in the order wanted; one; or, by default, all that occur, from 0 on.
    nodes
        List only simplices of these nodes; default: all.
    within
        Simplices that "lie" in these nodes wholly, or that "meet" them in one node at least.
    only
        "all" simplices, or the "maximal" ones: those to which no node of the connectome can be added at any place.
    memory_gb
        Refuse a list of one dimension larger than this.
    threads
        Threads that share the work; the lists do not depend on it.

    Returns
    -------
    One int32 array a dimension, shape (simplices, dimension + 1): positions of nodes, source first, sink last; rows in
    rising order.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is out of range, a list does not fit `memory_gb` (told before it is
        made; see `iterate_simplices`), or there are too many simplices to count.

    Notes
    -----
    4 (k + 1) bytes a simplex. The simplices are counted first, then written: about twice the time of counting, and of
    visiting those of one dimension less.

    Examples
    --------
    >>> [rows.tolist() for rows in simplex_lists(Connectome(3, [0, 0, 1], [1, 2, 2]), dimensions=[1, 2])]
    [[[0, 1], [0, 2], [1, 2]], [[0, 1, 2]]]
    """
    one_of("simplex_lists.only", only, ["all", "maximal"])
    whole("simplex_lists.threads", threads, 1)
    graph, chosen = _graph(connectome, nodes, within, "simplex_lists", keep_all=only == "maximal")
    if dimensions is None:
        count = count_maximal_simplices if only == "maximal" else count_simplices
        dimensions = list(range(len(told_as("simplex_lists", count)(*graph, threads=threads))))
    wanted = [dimensions] if np.ndim(dimensions) == 0 else list(dimensions)
    for each in wanted:
        whole("simplex_lists.dimensions", each, 0)
    if only == "all":
        each = {"chosen": chosen, "memory_gb": memory_gb, "threads": threads}
        listed = told_as("simplex_lists", simplices_of)
        return [listed(*graph, dimension=dimension, **each) for dimension in wanted]
    listed = told_as("simplex_lists", maximal_simplices_of)
    rows = [listed(*graph, dimension=dimension, threads=threads) for dimension in wanted]
    return rows if chosen is None else [_kept(each, chosen, within) for each in rows]


def iterate_simplices(
    connectome: Connectome,
    *,
    dimension: int,
    chunk_size: int = 1_000_000,
    nodes: Selection | None = None,
    within: Literal["lie", "meet"] = "lie",
) -> Iterator[np.ndarray]:
    """Give the directed simplices of one dimension a chunk at a time, for lists that do not fit memory.

    Parameters
    ----------
    connectome
        A square connectome.
    dimension
        The dimension.
    chunk_size
        Simplices a chunk; the last may be smaller.
    nodes, within
        As for `simplex_lists`.

    Returns
    -------
    An iterator of int32 arrays of shape (simplices, dimension + 1): together, the rows that `simplex_lists` gives.

    Raises
    ------
    OptionError
        The connectome is rectangular, or an option is out of range.

    Notes
    -----
    One chunk and the neighbourhood of one node are held at a time. Nothing is counted before.

    Examples
    --------
    >>> chunks = iterate_simplices(Connectome(3, [0, 0, 1], [1, 2, 2]), dimension=1, chunk_size=2)
    >>> [chunk.tolist() for chunk in chunks]
    [[[0, 1], [0, 2]], [[1, 2]]]
    """
    whole("iterate_simplices.dimension", dimension, 0)
    whole("iterate_simplices.chunk_size", chunk_size, 1)
    graph, chosen = _graph(connectome, nodes, within, "iterate_simplices", keep_all=False)
    return told_as("iterate_simplices", iterate_simplices_of)(
        *graph, dimension=dimension, chunk_size=chunk_size, chosen=chosen
    )


def _graph(
    connectome: Connectome, nodes: Selection | None, within: str, where: str, *, keep_all: bool
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray | None]:
    """The graph to search, and which nodes its simplices must meet (None: whichever)."""
    graph = simple(connectome, where)
    one_of(f"{where}.within", within, ["lie", "meet"])
    if nodes is None:
        return graph, None
    chosen = np.zeros(connectome.n_nodes, dtype=bool)
    chosen[selected(connectome.nodes, nodes, f"{where}.nodes")] = True
    if within == "meet" or keep_all:
        return graph, chosen
    indptr, indices = graph
    keep = np.repeat(chosen, np.diff(indptr)) & chosen[indices]
    # nodes that are not chosen have lost their connections; as simplices of dimension 0 they still must go
    return (np.append(0, np.cumsum(keep))[indptr], indices[keep]), chosen


def _kept(rows: np.ndarray, chosen: np.ndarray, within: str) -> np.ndarray:
    some = chosen[rows]
    return rows[some.all(axis=1) if within == "lie" else some.any(axis=1)]

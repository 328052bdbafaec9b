"""In how many directed simplices each node and each edge of a connectome takes part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.analyze.simplices import simplex_counts
from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection, selected
from conntap.errors import one_of, told_as, whole
from conntap.topology import participation as kernels
from conntap.topology.restriction import restricted

__all__ = ["edge_participation", "node_participation", "simplicial_degrees"]


def node_participation(
    connectome: Connectome,
    *,
    position: Literal["any", "source", "sink"] | int = "any",
    nodes: Selection | None = None,
    within: Literal["meet", "lie"] = "lie",
    max_dimension: int | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Count the directed simplices of each dimension that each node takes part in.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    position
        Where the node stands in the simplex: anywhere, at the source, at the sink, or at this place, from 0 at the
        source.
    nodes
        Count only simplices of these nodes; default: all.
    within
        Simplices that "lie" wholly in the given nodes, or that "meet" them: with one node of theirs or more.
    max_dimension
        Count up to this dimension; default: all.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    int64, one row a node, all of them, indexed by "id" in node order; columns "dimension" from 0 to the largest that
    occurs, whatever the place.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is out of range or no node is as told, or there are too many simplices
        to count (an estimate of more than 10^14, or hours of search): then limit `max_dimension`.

    Notes
    -----
    Takes up to twice the time of `simplex_counts`, once more for those that meet some nodes; memory: the connections, and 8 bytes a node and dimension in each
    thread. Over all nodes the column of dimension k adds up to k + 1 times the number of k-simplices; of one place to
    that number. Reimann et al., 2017, doi:10.3389/fncom.2017.00048.

    Examples
    --------
    >>> node_participation(Connectome(["a", "b", "c", "d"], [0, 0, 1, 2], [1, 2, 2, 3])).loc["c"].to_dict()
    {0: 1, 1: 3, 2: 1}
    """
    whole("node_participation.threads", threads, 1)
    graph = simple(connectome, "node_participation")
    chosen = _chosen(connectome, nodes, within, "node_participation")
    options = {"max_dimension": max_dimension, "threads": threads}

    def count(among: np.ndarray) -> np.ndarray:
        part = graph if among.all() else restricted(*graph, among)[:2]
        table = kernels.node_participation(*part, position=position, **options)
        table[~among] = 0
        return table

    counts = _table(count, chosen, within)
    if counts.shape[1] < 2 and not isinstance(position, str):  # no simplex reaches that place: the columns stay
        dimensions = len(simplex_counts(connectome, nodes=nodes, within=within, **options))
        counts = np.pad(counts, ((0, 0), (0, dimensions - counts.shape[1])))
    elif counts.shape[1] == 0:
        counts = np.zeros((len(counts), 1), dtype=np.int64)
    return _by_dimension(counts, connectome.nodes.index, 0)


def simplicial_degrees(
    connectome: Connectome,
    *,
    direction: Literal["in", "out", "both"] = "out",
    max_dimension: int | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Count the directed simplices of each dimension at whose end each node stands: its degrees of higher order.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    direction
        "out": simplices of which the node is the source, all others being its targets; "in": of which it is the sink;
        "both": the sum.
    max_dimension
        Count up to this dimension; default: all.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    int64, one row a node, indexed by "id" in node order; columns "dimension" from 1 (the degree) to the largest that
    occurs.

    Raises
    ------
    OptionError
        As for `node_participation`, or the direction is unknown.

    Notes
    -----
    Cost as for `node_participation`; twice the time for "both". Dimension k counts k-simplices that begin or end in the node,
    itself among their nodes, where `degrees_from` counts in dimension k - 1 what is left of them without it; some call
    the number of (k+1)-simplices the k-degree. Reimann et al., 2017, doi:10.3389/fncom.2017.00048.

    Examples
    --------
    >>> simplicial_degrees(Connectome(3, [0, 0, 1], [1, 2, 2])).loc[0].to_dict()
    {1: 2, 2: 1}
    """
    graph = simple(connectome, "simplicial_degrees")
    positions = {"out": ["source"], "in": ["sink"], "both": ["source", "sink"]}
    one_of("simplicial_degrees.direction", direction, positions)
    whole("simplicial_degrees.threads", threads, 1)
    count = told_as("simplicial_degrees", kernels.node_participation)
    counts = sum(
        count(*graph, position=each, max_dimension=max_dimension, threads=threads)[:, 1:]
        for each in positions[direction]
    )
    return _by_dimension(counts, connectome.nodes.index, 1)


def edge_participation(
    connectome: Connectome,
    *,
    position: Literal["any", "spine", "first", "last"] = "any",
    nodes: Selection | None = None,
    within: Literal["meet", "lie"] = "lie",
    max_dimension: int | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Count the directed simplices of each dimension that each edge takes part in.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    position
        Where the edge stands in the simplex (v0 ... vk): between any of its nodes, between some v(i) and v(i + 1) (the
        spine), between v0 and v1 (first), or between v(k - 1) and vk (last).
    nodes, within, max_dimension, threads
        As for `node_participation`.

    Returns
    -------
    int64, one row an edge, indexed by "edge": its position in the connectome; columns "dimension" from 1 to the largest
    that occurs. Parallel edges all have the counts of their connection, self-loops zeros.

    Raises
    ------
    OptionError
        As for `node_participation`.

    Notes
    -----
    Visits the simplices of all dimensions but the last; memory: 16 bytes an edge and dimension, and up to 200 MiB a
    thread. Over all connections the column of dimension k adds up to k (k + 1) / 2 times the number of k-simplices, of
    the spine to k times that number. Reimann et al., 2017, doi:10.3389/fncom.2017.00048.

    Examples
    --------
    >>> edge_participation(Connectome(4, [0, 0, 1, 2], [1, 2, 2, 3]))[2].tolist()
    [1, 1, 1, 0]
    """
    one_of("edge_participation.position", position, ["any", "spine", "first", "last"])
    whole("edge_participation.threads", threads, 1)
    indptr, indices = simple(connectome, "edge_participation")
    chosen = _chosen(connectome, nodes, within, "edge_participation")
    options = {"position": position, "max_dimension": max_dimension, "threads": threads}

    def count(among: np.ndarray) -> np.ndarray:
        if among.all():
            return kernels.edge_participation(indptr, indices, **options)
        *part, kept = restricted(indptr, indices, among)
        found = kernels.edge_participation(*part, **options)
        table = np.zeros((len(indices), found.shape[1]), dtype=np.int64)
        table[kept] = found
        return table

    counts = _table(count, chosen, within)
    at = positions_of_edges(connectome, indptr, indices)
    rows = counts
    if len(at) != len(counts) or (at[1:] <= at[:-1]).any():
        rows = np.zeros((len(at), counts.shape[1]), dtype=np.int64)
        rows[at >= 0] = counts[at[at >= 0]]
    return _by_dimension(rows, pd.RangeIndex(connectome.n_edges, name="edge"), 1)


def positions_of_edges(connectome: Connectome, indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Where each edge's connection stands in the simple graph; -1 for self-loops.

    Examples
    --------
    >>> connectome = Connectome(2, [1, 0, 0, 0], [0, 1, 0, 1])
    >>> positions_of_edges(connectome, *simple(connectome, "example")).tolist()
    [1, 0, -1, 0]
    """
    n_nodes = connectome.n_nodes
    keys = np.repeat(np.arange(n_nodes, dtype=np.int64) * n_nodes, np.diff(indptr))
    keys += indices
    wanted = connectome.pre.astype(np.int64) * n_nodes + connectome.post
    at = np.searchsorted(keys, wanted)
    at[connectome.pre == connectome.post] = -1
    return at


def _chosen(connectome: Connectome, nodes: Selection | None, within: str, where: str) -> np.ndarray:
    """A mask of the nodes that are meant."""
    one_of(f"{where}.within", within, ["meet", "lie"])
    chosen = np.zeros(connectome.n_nodes, dtype=bool)
    chosen[selected(connectome.nodes, nodes, f"{where}.nodes")] = True
    return chosen


def _table(count: Callable[[np.ndarray], np.ndarray], chosen: np.ndarray, within: str) -> np.ndarray:
    """What `count` says of the simplices among all of some nodes: of those that lie in, or meet, the nodes chosen."""
    if within == "lie" or chosen.all():
        return count(chosen)
    table, others = count(np.ones_like(chosen)), count(~chosen)
    table[:, : others.shape[1]] -= others
    return table[:, : int(np.flatnonzero(table.any(axis=0)).max(initial=-1)) + 1]


def _by_dimension(counts: np.ndarray, index: pd.Index, first: int) -> pd.DataFrame:
    columns = pd.RangeIndex(first, first + counts.shape[1], name="dimension")
    return pd.DataFrame(counts, index=index, columns=columns)

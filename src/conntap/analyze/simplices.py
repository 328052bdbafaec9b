"""Simplices of a connectome, counted."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError, one_of, told_as, whole
from conntap.topology.maximal import oriented
from conntap.topology.simplices import count_simplices

__all__ = ["euler_characteristic", "simplex_counts"]


def simplex_counts(
    connectome: Connectome,
    *,
    max_dimension: int | None = None,
    kind: Literal["directed", "reciprocal", "undirected"] = "directed",
    nodes: Selection | None = None,
    within: Literal["meet", "lie"] = "lie",
    per: Literal["connectome", "node"] = "connectome",
    threads: int = 1,
) -> pd.Series:
    """Count the simplices of each dimension.

    A directed simplex of dimension k is an ordered tuple of nodes (v0 ... vk) with a connection from vi to vj
    for all i < j: dimension 0 are the nodes, 1 the connections, 2 the transitive triangles. A set of nodes with
    reciprocal connections carries several. Parallel edges are merged, self-loops ignored.

    Parameters
    ----------
    connectome
        A square connectome.
    max_dimension
        Count up to this dimension; default: all.
    kind
        "directed" simplices; cliques of the "reciprocal" connections; or cliques of the "undirected" graph under
        the connectome. Each clique counts once.
    nodes
        Count only simplices of these nodes; default: all.
    within
        Simplices that "lie" wholly in the given nodes, or that "meet" them: with one node of theirs or more.
    per
        Counts of the whole "connectome", or divided by the number of its simplices of dimension 0: per "node".
    threads
        Threads that share the work; the counts do not depend on it.

    Returns
    -------
    int64 (per node: float64), named "count", indexed by "dimension" from 0 to the largest that occurs.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is out of range or no node is as told, or there are too many
        simplices to count (an estimate of more than 10^14, or hours of search): then limit `max_dimension`.

    Notes
    -----
    Time grows with the sum over connections of the lesser in-degree of their ends, plus the number of simplices up to
    one dimension before the last; memory with the connections. Simplices that meet some nodes are those of the
    connectome less those of all other nodes. Directed simplices: Reimann et al., 2017, doi:10.3389/fncom.2017.00048.

    Examples
    --------
    >>> triangle = Connectome(3, [0, 0, 1], [1, 2, 2])
    >>> simplex_counts(triangle).to_dict()
    {0: 3, 1: 3, 2: 1}
    >>> simplex_counts(triangle, nodes=[2], within="meet").to_dict()
    {0: 1, 1: 2, 2: 1}
    """
    known = {"kind": ["directed", "reciprocal", "undirected"], "within": ["meet", "lie"], "per": ["connectome", "node"]}
    for option, value in {"kind": kind, "within": within, "per": per}.items():
        one_of(f"simplex_counts.{option}", value, known[option])
    whole("simplex_counts.threads", threads, 1)
    graph = simple(connectome, "simplex_counts")
    chosen = np.zeros(connectome.n_nodes, dtype=bool)
    chosen[selected(connectome.nodes, nodes, "simplex_counts.nodes")] = True

    def count(among: np.ndarray) -> np.ndarray:
        search = told_as("simplex_counts", count_simplices)
        return search(*_part(graph, among, kind), max_dimension=max_dimension, threads=threads)

    counts = count(chosen if within == "lie" else np.ones_like(chosen))
    if within == "meet":
        others = count(~chosen)
        counts[: len(others)] -= others
        counts = counts[: max(1, int(np.flatnonzero(counts).max(initial=0)) + 1)]
    result = pd.Series(counts, index=pd.RangeIndex(len(counts), name="dimension"), name="count")
    return result if per == "connectome" else result / result.iloc[0]


def euler_characteristic(
    connectome: Connectome,
    *,
    kind: Literal["directed", "reciprocal", "undirected"] = "directed",
    threads: int = 1,
) -> int:
    """The alternating sum of the counts of simplices of all dimensions.

    It is that of the Betti numbers of the same complex too, whatever the field.

    Parameters
    ----------
    connectome
        A square connectome.
    kind
        Which simplices, as for `simplex_counts`.
    threads
        Threads that share the work; the number does not depend on it.

    Returns
    -------
    A whole number: simplices of even dimension less those of odd dimension.

    Raises
    ------
    OptionError
        The connectome is rectangular, `kind` or `threads` is out of range, or there are too many simplices to count all
        of them, which is needed here: then take a smaller connectome.

    Notes
    -----
    Costs what `simplex_counts` costs.

    Examples
    --------
    >>> euler_characteristic(Connectome(3, [0, 1, 2], [1, 2, 0]))
    0
    """
    try:
        counts = told_as("euler_characteristic", simplex_counts)(connectome, kind=kind, threads=threads).tolist()
    except OptionError as error:
        if "max_dimension" not in str(error):
            raise
        raise OptionError(
            "euler_characteristic: there are too many simplices to count those of all dimensions, which is needed here; "
            "take a smaller connectome, or some of its nodes."
        ) from error
    return sum(counts[::2]) - sum(counts[1::2])


def _part(
    graph: tuple[np.ndarray, np.ndarray], among: np.ndarray, kind: Literal["directed", "reciprocal", "undirected"]
) -> tuple[np.ndarray, np.ndarray]:
    """The graph among some nodes (a mask), such that its directed simplices are the simplices of a kind."""
    if kind == "directed" and among.all():
        return graph
    indptr, indices = graph
    n = len(among)
    matrix = sparse.csr_array((np.ones(len(indices), dtype=np.int8), indices, indptr), shape=(n, n))
    kept = np.flatnonzero(among)
    if kind != "directed":  # cliques are found soonest from the node of least degree on
        degrees = np.diff(indptr) + np.bincount(indices, minlength=n)
        kept = kept[np.argsort(degrees[kept], kind="stable")]
    part = matrix[kept][:, kept]
    part.sort_indices()
    return oriented(part.indptr, part.indices, kind=kind)

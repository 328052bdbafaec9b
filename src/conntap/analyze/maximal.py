"""Maximal directed simplices of a connectome."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection, selected
from conntap.errors import one_of, told_as, whole
from conntap.topology.maximal import count_maximal_simplices, oriented

__all__ = ["maximal_simplex_counts"]


def maximal_simplex_counts(
    connectome: Connectome,
    *,
    max_dimension: int | None = None,
    kind: Literal["directed", "reciprocal", "undirected"] = "directed",
    nodes: Selection | None = None,
    within: Literal["meet", "lie"] = "lie",
    threads: int = 1,
) -> pd.Series:
    """Count the maximal simplices of each dimension: those that are part of no larger one.

    A directed simplex is maximal where no node can be inserted at any place of its order. Parallel edges are merged,
    self-loops ignored.

    Parameters
    ----------
    connectome
        A square connectome.
    max_dimension
        Count up to this dimension; default: all. What is maximal does not depend on it.
    kind
        "directed" simplices; maximal cliques of the "reciprocal" connections; or maximal cliques of the "undirected"
        graph under the connectome.
    nodes
        Count only simplices of these nodes; default: all. What is maximal in the connectome does not depend on it: for
        those maximal among some nodes take the part, `connectome.subset(nodes)`.
    within
        Simplices that "lie" wholly in the given nodes, or that "meet" them: with one node of theirs or more.
    threads
        Threads that share the work; the counts do not depend on it.

    Returns
    -------
    int64, named "count", indexed by "dimension" from 0 to the largest of a maximal simplex.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is out of range or no node is as told, or there are too many simplices
        to visit: then limit `max_dimension`.

    Notes
    -----
    Visits every simplex once, maximal or not; about two to three times the cost of counting all of them. Memory grows
    with the connections. Of those that lie in some nodes only the simplices of these are visited; those that meet them are
    all less those of all other nodes. Luetgehetmann et al., 2020, doi:10.3390/a13010019.

    Examples
    --------
    >>> maximal_simplex_counts(Connectome(4, [0, 0, 1, 2], [1, 2, 2, 3])).to_dict()
    {0: 0, 1: 1, 2: 1}
    >>> maximal_simplex_counts(Connectome(4, [0, 0, 1, 2], [1, 2, 2, 3]), nodes=[1, 2, 3]).to_dict()
    {0: 0, 1: 1}
    """
    one_of("maximal_simplex_counts.kind", kind, ["directed", "reciprocal", "undirected"])
    whole("maximal_simplex_counts.threads", threads, 1)
    if max_dimension is not None:
        whole("maximal_simplex_counts.max_dimension", max_dimension, 0)
    one_of("maximal_simplex_counts.within", within, ["meet", "lie"])
    graph = oriented(*simple(connectome, "maximal_simplex_counts"), kind=kind)
    chosen = np.zeros(connectome.n_nodes, dtype=bool)
    chosen[selected(connectome.nodes, nodes, "maximal_simplex_counts.nodes")] = True

    def count(among: np.ndarray) -> np.ndarray:
        count = told_as("maximal_simplex_counts", count_maximal_simplices)
        return count(*graph, among=among, max_dimension=max_dimension, threads=threads)

    counts = count(chosen if within == "lie" else np.ones_like(chosen))
    if within == "meet" and not chosen.all():
        others = count(~chosen)
        counts[: len(others)] -= others
        counts = counts[: max(1, int(np.flatnonzero(counts).max(initial=0)) + 1)]
    return pd.Series(counts, index=pd.RangeIndex(len(counts), name="dimension"), name="count")

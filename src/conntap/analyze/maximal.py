"""Maximal directed simplices of a connectome."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import one_of, whole
from conntap.topology.maximal import count_maximal_simplices, oriented

__all__ = ["maximal_simplex_counts"]


def maximal_simplex_counts(
    connectome: Connectome,
    *,
    max_dimension: int | None = None,
    kind: Literal["directed", "reciprocal", "undirected"] = "directed",
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
    threads
        Threads that share the work; the counts do not depend on it.

    Returns
    -------
    int64, named "count", indexed by "dimension" from 0 to the largest of a maximal simplex.

    Raises
    ------
    OptionError
        The connectome is rectangular, `max_dimension` or `threads` is out of range, or there are too many simplices to
        visit: then limit `max_dimension`.

    Notes
    -----
    Visits every simplex once, maximal or not; about two to three times the cost of counting all of them. Memory grows
    with the connections. Luetgehetmann et al., 2020, doi:10.3390/a13010019.

    Examples
    --------
    >>> maximal_simplex_counts(Connectome(4, [0, 0, 1, 2], [1, 2, 2, 3])).to_dict()
    {0: 0, 1: 1, 2: 1}
    """
    one_of("maximal_simplex_counts.kind", kind, ["directed", "reciprocal", "undirected"])
    whole("maximal_simplex_counts.threads", threads, 1)
    if max_dimension is not None:
        whole("maximal_simplex_counts.max_dimension", max_dimension, 0)
    graph = oriented(*simple(connectome, "maximal_simplex_counts"), kind=kind)
    counts = count_maximal_simplices(*graph, max_dimension=max_dimension, threads=threads)
    return pd.Series(counts, index=pd.RangeIndex(len(counts), name="dimension"), name="count")

"""Directed simplices of a connectome."""

from __future__ import annotations

import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.topology.simplices import count_simplices

__all__ = ["simplex_counts"]


def simplex_counts(connectome: Connectome, *, max_dimension: int | None = None, threads: int = 1) -> pd.Series:
    """Count the directed simplices of each dimension.

    A directed simplex of dimension k is an ordered tuple of nodes (v0 ... vk) with a connection from vi to vj
    for all i < j: dimension 0 are the nodes, 1 the connections, 2 the transitive triangles. A set of nodes with
    reciprocal connections carries several. Parallel edges are merged, self-loops ignored.

    Parameters
    ----------
    connectome
        A square connectome.
    max_dimension
        Count up to this dimension; default: all.
    threads
        Threads that share the work; the counts do not depend on it.

    Returns
    -------
    int64, named "count", indexed by "dimension" from 0 to the largest that occurs.

    Raises
    ------
    OptionError
        The connectome is rectangular, `max_dimension` or `threads` is out of range, or there are too many
        simplices to count (an estimate of more than 10^14, or hours of search): then limit `max_dimension`.

    Notes
    -----
    Time grows with the sum over connections of the target's out-degree, plus the number of simplices up to one
    dimension before the last; memory with the connections. Directed simplices: Reimann et al., 2017,
    doi:10.3389/fncom.2017.00048.

    Examples
    --------
    >>> simplex_counts(Connectome(3, [0, 0, 1], [1, 2, 2])).to_dict()
    {0: 3, 1: 3, 2: 1}
    """
    graph = simple(connectome, "simplex_counts")
    counts = count_simplices(*graph, max_dimension=max_dimension, threads=threads)
    return pd.Series(counts, index=pd.RangeIndex(len(counts), name="dimension"), name="count")

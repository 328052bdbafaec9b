"""Connections inside the directed simplices of a connectome."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import told_as, whole
from conntap.topology.bedges import count_bedges

__all__ = ["bedge_counts"]


def bedge_counts(connectome: Connectome, *, max_dimension: int | None = None, threads: int = 1) -> pd.DataFrame:
    """Sum, over the directed simplices of each dimension, the adjacency of the graph on their nodes.

    The entry (k, i, j) is the number of k-simplices whose node at place i projects to the node at place j, places
    counted from the source (0) to the sink (k). Above the diagonal it is the number of k-simplices; below, it measures
    the recurrence inside them: in dimension 1 the reciprocal connections. Parallel edges are merged, self-loops ignored.

    Parameters
    ----------
    connectome
        A square connectome.
    max_dimension
        Go up to this dimension; default: all.
    threads
        Threads that share the work; the sums do not depend on it.

    Returns
    -------
    Int64 (the type that holds missing values), one row for each "dimension" and place "pre", one column for each place
    "post"; missing where a place is beyond the dimension. `table.loc[k].iloc[:, : k + 1]` is the matrix of dimension k.

    Raises
    ------
    OptionError
        The connectome is rectangular, `max_dimension` or `threads` is out of range, or there are too many simplices to
        visit: then limit `max_dimension`.

    Notes
    -----
    Simplices are not listed: time grows with the simplices up to one dimension before the last, times the connections
    that run back inside them; memory with the connections. Bidirectional edges in simplices: Egas Santander et al., 2025,
    doi:10.1016/j.isci.2024.111585.

    Examples
    --------
    >>> table = bedge_counts(Connectome(3, [0, 0, 1, 2], [1, 2, 2, 1]))
    >>> table.loc[2].values.tolist()
    [[0, 2, 2], [0, 0, 2], [0, 2, 0]]
    """
    whole("bedge_counts.threads", threads, 1)
    count = told_as("bedge_counts", count_bedges)
    matrices = count(*simple(connectome, "bedge_counts"), max_dimension=max_dimension, threads=threads)
    wide = len(matrices)
    rows = pd.MultiIndex.from_tuples([(k, i) for k in range(wide) for i in range(k + 1)], names=["dimension", "pre"])
    values, missing = np.zeros((len(rows), wide), np.int64), np.ones((len(rows), wide), bool)
    for dimension, matrix in enumerate(matrices):
        begin = dimension * (dimension + 1) // 2
        values[begin : begin + dimension + 1, : dimension + 1] = matrix
        missing[begin : begin + dimension + 1, : dimension + 1] = False
    columns = {post: pd.array(values[:, post], dtype="Int64") for post in range(wide)}
    for post, column in columns.items():
        column[missing[:, post]] = pd.NA
    return pd.DataFrame(columns, index=rows).rename_axis(columns="post")

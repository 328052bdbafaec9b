"""Simplices of one population that project to single nodes of another."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError, known, told_as, whole
from conntap.topology.graphs import simple_graph
from conntap.topology.sources import count_by_source

__all__ = ["degrees_from"]


def degrees_from(
    connectome: Connectome,
    projection: Connectome | None = None,
    *,
    pre: Selection | None = None,
    post: Selection | None = None,
    max_dimension: int | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Count, for each target, the simplices of a source population all of whose nodes project to it.

    The k-in-degree of a target is the number of k-simplices among the source nodes whose nodes all project to it; in
    dimension 0 this is its in-degree from these nodes. Dimension k counts k-simplices of the sources, where
    `simplicial_degrees` counts in dimension k + 1 those that they make with the target. Parallel edges are merged,
    self-loops ignored.

    Parameters
    ----------
    connectome
        A square connectome: the sources, and without `projection` the targets too.
    projection
        A connectome from these sources to others: its pre nodes have ids that the connectome has. Default: the
        connectome itself.
    pre
        The source nodes, of the connectome; default: all.
    post
        The targets, of the post nodes; default: all.
    max_dimension
        Count up to this dimension; default: all.
    threads
        Threads that share the work; the counts do not depend on it.

    Returns
    -------
    int64, one row a target, indexed by "id" in the order of the targets; columns "dimension" from 0 on.

    Raises
    ------
    OptionError
        The connectome is rectangular, the pre nodes of `projection` are not among its nodes, a selection does not fit,
        an option is out of range, or there are too many simplices to count.

    Notes
    -----
    Each is a simplex of one dimension more in the graph of both, with the target as its sink: the counting of simplices
    from the targets alone, with all connections turned round. Cross-column k-in-degree: Egas Santander et al., 2025,
    doi:10.1016/j.isci.2024.111585.

    Examples
    --------
    >>> column = Connectome(list("abcx"), [0, 0, 1, 0, 1, 2], [1, 2, 2, 3, 3, 3])
    >>> degrees_from(column, pre=["a", "b", "c"], post=["x"]).loc["x"].to_dict()
    {0: 3, 1: 3, 2: 1}
    """
    whole("degrees_from.threads", threads, 1)
    if max_dimension is not None:
        whole("degrees_from.max_dimension", max_dimension, 0)
    indptr, indices = simple(connectome, "degrees_from")
    n = connectome.n_nodes
    chosen = np.zeros(n, dtype=bool)
    chosen[selected(connectome.nodes, pre, "degrees_from.pre")] = True
    targets = connectome.nodes if projection is None else projection.post_nodes
    wanted = selected(targets, post, "degrees_from.post")
    inner_pre, inner_post = np.repeat(np.arange(n, dtype=np.int32), np.diff(indptr)), indices
    cross_pre, cross_post = (inner_pre, inner_post) if projection is None else _projected(connectome, projection)
    among, across = chosen[inner_pre] & chosen[inner_post], chosen[cross_pre]
    begins = np.concatenate([inner_post[among], cross_post[across] + n])
    ends = np.concatenate([inner_pre[among], cross_pre[across]])
    turned = simple_graph(begins, ends, n + len(targets))
    if max_dimension is not None:
        max_dimension += 1
    count = told_as("degrees_from", count_by_source)
    counts = count(*turned, wanted + n, max_dimension=max_dimension, threads=threads)[:, 1:]
    if counts.shape[1] == 0:
        counts = np.zeros((len(wanted), 1), dtype=np.int64)
    columns = pd.RangeIndex(counts.shape[1], name="dimension")
    return pd.DataFrame(counts, index=targets.index[wanted], columns=columns)


def _projected(connectome: Connectome, projection: Connectome) -> tuple[np.ndarray, np.ndarray]:
    """The edges of the projection, from positions of nodes in the connectome."""
    if not connectome.nodes.index.is_unique:
        raise OptionError("degrees_from: ids repeat across populations, so they do not tell the sources apart.")
    ids = projection.pre_nodes.index
    rows = connectome.nodes.index.get_indexer(ids)
    if (rows < 0).any():
        raise OptionError(
            f"degrees_from.projection: {int((rows < 0).sum())} of its {len(ids)} pre nodes are not among the nodes of "
            f"the connectome: {known(ids[rows < 0], most=5)}. Give a projection from these nodes."
        )
    pre, post = projection.pre, projection.post
    if projection.is_square:
        pre, post = pre[pre != post], post[pre != post]
    return rows[pre].astype(np.int32), post

"""Skeletons: the edges of a connectome that the directed simplices of a dimension are made of."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.analyze.participation import edge_participation
from conntap.circuits.connectome import Connectome
from conntap.errors import one_of, told_as, whole
from conntap.topology import participation as kernels

__all__ = ["skeleton", "skeleton_reciprocity"]

_POSITIONS = ("any", "spine", "first", "last")


def skeleton(
    connectome: Connectome,
    *,
    dimension: int,
    position: Literal["any", "spine", "first", "last"] = "any",
    min_participation: int = 1,
    threads: int = 1,
) -> Connectome:
    """Keep the edges that take part in directed simplices of one dimension.

    All nodes and all properties stay; of parallel edges all stay or none; self-loops go.

    Parameters
    ----------
    connectome
        A square connectome.
    dimension
        The dimension of the simplices, from 1 on.
    position
        Where the edge stands in the simplex (v0 ... vk): between any of its nodes, between some v(i) and v(i + 1) (the
        spine), between v0 and v1 (first), or between v(k - 1) and vk (last).
    min_participation
        The simplices that an edge must take part in.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    Connectome: the same nodes, and of the edges those kept, in their order.

    Raises
    ------
    OptionError
        As for `edge_participation`, or `dimension` or `min_participation` is less than 1.

    Notes
    -----
    Cost: `edge_participation` up to `dimension`. The spine of a simplex is its path from source to sink, the only one
    through all of its nodes. Egas Santander et al., 2025, doi:10.1016/j.isci.2024.111585.

    Examples
    --------
    >>> skeleton(Connectome(4, [0, 0, 1, 2], [1, 2, 2, 3]), dimension=2, position="spine").edges
       pre  post
    0    0     1
    1    1     2
    """
    for name, value in (("dimension", dimension), ("min_participation", min_participation), ("threads", threads)):
        whole(f"skeleton.{name}", value, 1)
    one_of("skeleton.position", position, _POSITIONS)
    count = told_as("skeleton", edge_participation)
    table = count(connectome, position=position, max_dimension=dimension, threads=threads)
    if dimension not in table.columns:
        return connectome.filter(np.zeros(connectome.n_edges, dtype=bool))
    return connectome.filter(table[dimension].to_numpy() >= min_participation)


def skeleton_reciprocity(
    connectome: Connectome,
    *,
    position: Literal["any", "spine", "first", "last"] = "any",
    max_dimension: int | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Count the connections of each dimension's skeleton, and those that are reciprocal within it.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    position
        Which connections of a simplex belong to the skeleton, as for `skeleton`.
    max_dimension
        Up to this dimension; default: all.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    Indexed by "dimension" from 1 to the largest that occurs: `connections` (int64), `reciprocal` (int64; those whose
    opposite is in the skeleton as well, two a pair) and `fraction` (float64; of them among all).

    Raises
    ------
    OptionError
        As for `edge_participation`.

    Notes
    -----
    Cost: `edge_participation`. Egas Santander et al., 2025, doi:10.1016/j.isci.2024.111585.

    Examples
    --------
    >>> skeleton_reciprocity(Connectome(3, [0, 0, 1, 2], [1, 2, 2, 1]))
               connections  reciprocal  fraction
    dimension
    1                    4           2       0.5
    2                    4           2       0.5
    """
    one_of("skeleton_reciprocity.position", position, _POSITIONS)
    whole("skeleton_reciprocity.threads", threads, 1)
    indptr, indices = simple(connectome, "skeleton_reciprocity")
    count = told_as("skeleton_reciprocity", kernels.edge_participation)
    counts = count(indptr, indices, position=position, max_dimension=max_dimension, threads=threads)
    forward, backward = _reciprocal(indptr, indices)
    rows = []
    for k in range(counts.shape[1]):
        there = counts[:, k] > 0
        rows.append((np.count_nonzero(there), np.count_nonzero(there[forward] & there[backward])))
    table = np.array(rows, dtype=np.int64).reshape(-1, 2)
    result = pd.DataFrame(table, columns=["connections", "reciprocal"])
    result["fraction"] = result["reciprocal"] / result["connections"]
    return result.set_axis(pd.RangeIndex(1, len(result) + 1, name="dimension"))


def _reciprocal(indptr: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positions of all reciprocal connections, and of the opposite of each."""
    n_nodes = len(indptr) - 1
    pre = np.repeat(np.arange(n_nodes, dtype=np.int64), np.diff(indptr))
    keys, opposite = pre * n_nodes + indices, indices * np.int64(n_nodes) + pre
    at = np.minimum(np.searchsorted(keys, opposite), max(len(keys) - 1, 0))
    forward = np.flatnonzero(keys[at] == opposite) if len(keys) else at
    return forward, at[forward]

"""How many connections each node has, and which way they go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import Grouping, grouped
from conntap.topology.graphs import simple_graph

__all__ = ["degrees", "direction_bias", "direction_bias_by_group"]


def degrees(connectome: Connectome, *, by: Grouping | None = None) -> pd.DataFrame:
    """Count the connections into and out of each node.

    Connections are counted, not synapses: parallel edges are merged, self-loops ignored.

    Parameters
    ----------
    connectome
        Square, or rectangular: then pre nodes have connections out, post nodes in.
    by
        Count the partners of each group apart: a node property, or several whose combinations are the groups. Partners
        without a group are not counted.

    Returns
    -------
    int64, one row a node, indexed by "id" in node order (rectangular: by "side", "pre" or "post", and "id"): `in`, `out`
    and their sum `total` (a reciprocal partner counts twice). With `by` these are the level "direction" of the columns,
    above the partners' groups.

    Raises
    ------
    OptionError
        A property of `by` is unknown.

    Notes
    -----
    Linear in nodes and edges; with `by` also in nodes times groups.

    Examples
    --------
    >>> degrees(Connectome(["a", "b"], [0, 0, 1], [1, 1, 1])).loc["b"].to_dict()
    {'in': 1, 'out': 0, 'total': 1}
    """
    nodes, pre, post = _in_one(connectome)
    indptr, indices = simple_graph(pre, post, len(nodes))
    if by is not None:
        return _by_group(nodes, indptr, indices, by)
    inward = np.bincount(indices, minlength=len(nodes)).astype(np.int64)
    outward = np.diff(indptr)
    return pd.DataFrame({"in": inward, "out": outward, "total": inward + outward}, index=nodes.index)


def direction_bias(connectome: Connectome) -> pd.Series:
    """Whether each node rather sends or receives.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.

    Returns
    -------
    float64, named "bias", indexed by "id" in node order: (out - in) / (out + in) of its degrees, from -1 (only receives)
    to 1 (only sends); NaN without connections.

    Raises
    ------
    OptionError
        The connectome is rectangular.

    Notes
    -----
    Linear in nodes and edges.

    Examples
    --------
    >>> direction_bias(Connectome(3, [0, 0, 1], [1, 2, 2])).tolist()
    [1.0, 0.0, -1.0]
    """
    indptr, indices = simple(connectome, "direction_bias")
    bias = _bias(np.diff(indptr), np.bincount(indices, minlength=connectome.n_nodes))
    return pd.Series(bias, index=connectome.nodes.index, name="bias")


def direction_bias_by_group(connectome: Connectome, *, by: Grouping) -> pd.DataFrame:
    """Whether each group of nodes rather sends to others or receives from them.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    by
        The groups: a node property, or several. Nodes without a group are others to all groups.

    Returns
    -------
    One row a group: int64 `nodes`, `within` (connections between its nodes), `out` (to others) and `in` (from others),
    and float64 `bias` = (out - in) / (out + in), NaN where it has none with others.

    Raises
    ------
    OptionError
        The connectome is rectangular, or a property is unknown.

    Notes
    -----
    Linear in nodes and edges.

    Examples
    --------
    >>> nodes = pd.DataFrame({"ei": ["e", "e", "i"]})
    >>> direction_bias_by_group(Connectome(nodes, [0, 0, 1], [1, 2, 2]), by="ei").loc["e"].to_dict()
    {'nodes': 2.0, 'within': 1.0, 'out': 2.0, 'in': 0.0, 'bias': 1.0}
    """
    indptr, indices = simple(connectome, "direction_bias_by_group")
    codes, groups = grouped(connectome.nodes, by, "direction_bias_by_group.by")
    pre, post = np.repeat(codes, np.diff(indptr)), codes[indices]
    inside = pre == post

    def counted(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(chosen[chosen >= 0], minlength=len(groups))

    table = pd.DataFrame({"nodes": counted(codes), "within": counted(pre[inside])}, index=groups)
    table["out"], table["in"] = counted(pre[~inside]), counted(post[~inside])
    table["bias"] = _bias(table["out"].to_numpy(), table["in"].to_numpy())
    return table


def _in_one(connectome: Connectome) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Nodes and ends of edges; those of a rectangular connectome in one table, its sides the first level of its index."""
    if connectome.is_square:
        return connectome.nodes, connectome.pre, connectome.post
    sides = {"pre": connectome.pre_nodes, "post": connectome.post_nodes}
    nodes = pd.concat(sides, names=["side", "id"])
    return nodes, connectome.pre.astype(np.int64), connectome.post.astype(np.int64) + connectome.n_pre


def _by_group(nodes: pd.DataFrame, indptr: np.ndarray, indices: np.ndarray, by: Any) -> pd.DataFrame:
    codes, groups = grouped(nodes, by, "degrees.by")
    pre = np.repeat(np.arange(len(nodes)), np.diff(indptr))
    shape = len(nodes), len(groups)

    def counted(of: np.ndarray, partners: np.ndarray) -> np.ndarray:
        known = codes[partners] >= 0
        flat = of[known].astype(np.int64) * shape[1] + codes[partners[known]]
        return np.bincount(flat, minlength=shape[0] * shape[1]).astype(np.int64).reshape(shape)

    inward, outward = counted(indices, pre), counted(pre, indices)
    tables = {"in": inward, "out": outward, "total": inward + outward}
    frames = {name: pd.DataFrame(table, index=nodes.index, columns=groups) for name, table in tables.items()}
    return pd.concat(frames, axis=1, names=["direction"])


def _bias(out: np.ndarray, into: np.ndarray) -> np.ndarray:
    total = (out + into).astype(float)
    return np.divide(out - into, total, out=np.full(len(total), np.nan), where=total > 0)

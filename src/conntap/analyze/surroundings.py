"""The neighbourhoods of nodes: who is there, how they connect, what they carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError, one_of, told_as, unknown, whole
from conntap.topology.neighbourhoods import (
    Centre,
    Direction,
    check_surroundings,
    map_neighbourhoods,
    neighbourhood_sizes,
)
from conntap.topology.simplices import count_simplices

__all__ = [
    "neighbourhood",
    "neighbourhood_simplices",
    "neighbourhood_values",
    "neighbourhoods",
    "over_neighbourhoods",
]


def neighbourhood(
    connectome: Connectome, *, around: Selection, direction: Direction = "both", centre: Centre = "with"
) -> Connectome:
    """The part of a connectome around a node, or around several.

    Parameters
    ----------
    connectome
        A square connectome.
    around
        The nodes in the centre: an expression over properties, a mapping from properties to values, or ids.
    direction
        Which partners belong: those that project to the centre ("in"), those it projects to ("out"), or both.
    centre
        Whether the centre itself belongs; without it, a node of the centre is left out even where it is a partner of
        another.

    Returns
    -------
    A connectome of these nodes, in node order, with all edges among them and their properties.

    Raises
    ------
    OptionError
        The connectome is rectangular, or the selection does not fit.

    Notes
    -----
    Linear in nodes and edges.

    Examples
    --------
    >>> chain = Connectome(list("abcd"), [0, 1, 2], [1, 2, 3])
    >>> neighbourhood(chain, around=["c"]).ids.tolist(), neighbourhood(chain, around=["c"], direction="in").ids.tolist()
    (['b', 'c', 'd'], ['b', 'c'])
    """
    simple(connectome, "neighbourhood")
    check_surroundings("neighbourhood", direction, centre)
    inside = np.zeros(connectome.n_nodes, dtype=bool)
    inside[selected(connectome.nodes, around, "neighbourhood.around")] = True
    members = inside.copy()
    if direction != "in":
        members[connectome.post[inside[connectome.pre]]] = True
    if direction != "out":
        members[connectome.pre[inside[connectome.post]]] = True
    return connectome.subset(members if centre == "with" else members & ~inside)


def neighbourhoods(
    connectome: Connectome,
    *,
    direction: Direction = "both",
    centre: Centre = "with",
    nodes: Selection | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Count the nodes and connections around each node.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    direction
        Which partners belong to a node's neighbourhood: those that project to it ("in"), those it projects to ("out"),
        or both.
    centre
        Whether the node itself belongs to its neighbourhood.
    nodes
        The nodes whose neighbourhoods are wanted; default: all.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    One row a node wanted, indexed by "id": int64 `nodes`, `connections` and `reciprocal` (connections that are
    reciprocated, two a pair), float64 `density` (connections over ordered pairs) and `reciprocity` (reciprocal over
    connections); NaN where there is no pair or no connection.

    Raises
    ------
    OptionError
        The connectome is rectangular, the selection does not fit, or `threads` is less than 1.

    Notes
    -----
    Time: for each node the sum of its members' degrees. Conceicao et al., 2022, doi:10.1162/netn_a_00228.

    Examples
    --------
    >>> table = neighbourhoods(Connectome(list("abc"), [0, 1, 1], [1, 0, 2]), nodes=["a", "b"])
    >>> table[["nodes", "connections", "reciprocal"]].to_numpy().tolist()
    [[2, 2, 2], [3, 3, 2]]
    """
    graph = simple(connectome, "neighbourhoods")
    check_surroundings("neighbourhoods", direction, centre)
    rows = selected(connectome.nodes, nodes, "neighbourhoods.nodes")
    counts = neighbourhood_sizes(*graph, nodes=rows, direction=direction, centre=centre, threads=threads)
    table = pd.DataFrame(counts, columns=["nodes", "connections", "reciprocal"], index=connectome.nodes.index[rows])
    pairs = (table["nodes"] * (table["nodes"] - 1)).replace(0, np.nan)
    table["density"] = table["connections"] / pairs
    table["reciprocity"] = table["reciprocal"] / table["connections"].replace(0, np.nan)
    return table


def neighbourhood_simplices(
    connectome: Connectome,
    *,
    direction: Direction = "both",
    centre: Centre = "with",
    max_dimension: int | None = None,
    nodes: Selection | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Count the directed simplices in the neighbourhood of each node.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    direction, centre, nodes, threads
        As for `neighbourhoods`.
    max_dimension
        Count up to this dimension; default: all.

    Returns
    -------
    int64, one row a node wanted, indexed by "id"; a column a dimension, from 0 to the largest that occurs.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option does not fit, or a neighbourhood has too many simplices to count.

    Notes
    -----
    Time: that of `simplex_counts` on every neighbourhood.

    Examples
    --------
    >>> neighbourhood_simplices(Connectome(list("abc"), [0, 0, 1], [1, 2, 2]), direction="in").loc["c"].tolist()
    [3, 3, 1]
    """
    graph = simple(connectome, "neighbourhood_simplices")
    check_surroundings("neighbourhood_simplices", direction, centre)
    whole("neighbourhood_simplices.threads", threads, 1)
    rows = selected(connectome.nodes, nodes, "neighbourhood_simplices.nodes")

    def counts(_: np.ndarray, indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
        return told_as("neighbourhood_simplices", count_simplices)(indptr, indices, max_dimension=max_dimension)

    how = {"nodes": rows, "direction": direction, "centre": centre, "threads": threads}
    found = list(map_neighbourhoods(counts, *graph, **how))
    table = np.zeros((len(found), max(map(len, found), default=1)), dtype=np.int64)
    for row, each in zip(table, found, strict=True):
        row[: len(each)] = each
    columns = pd.RangeIndex(table.shape[1], name="dimension")
    return pd.DataFrame(table, index=connectome.nodes.index[rows], columns=columns)


def neighbourhood_values(
    connectome: Connectome,
    *,
    values: str,
    statistic: Literal["mean", "sum", "sd", "sem"] = "mean",
    direction: Direction = "both",
    centre: Centre = "without",
) -> pd.Series:
    """Summarise a property of the nodes in the neighbourhood of each node.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    values
        A node property of numbers; missing ones are left out.
    statistic
        The mean, the sum, the standard deviation (n in the denominator) or the standard error of the mean.
    direction, centre
        As for `neighbourhoods`; here the node itself is left out unless asked for.

    Returns
    -------
    float64, named by the property, indexed by "id" in node order; NaN where a neighbourhood holds no value (`sum`: 0).

    Raises
    ------
    OptionError
        The connectome is rectangular, or the property is unknown or holds no numbers.

    Notes
    -----
    Linear in nodes and connections.

    Examples
    --------
    >>> nodes = pd.DataFrame({"depth": [1.0, 2.0, 6.0]})
    >>> neighbourhood_values(Connectome(nodes, [0, 0], [1, 2]), values="depth").tolist()
    [4.0, 1.0, 1.0]
    """
    indptr, indices = simple(connectome, "neighbourhood_values")
    check_surroundings("neighbourhood_values", direction, centre)
    if values not in connectome.nodes.columns:
        raise OptionError(unknown("neighbourhood_values.values", "node property", values, connectome.nodes.columns))
    if not pd.api.types.is_numeric_dtype(connectome.nodes[values]):
        raise OptionError(f"neighbourhood_values.values: {values!r} holds no numbers. Name a property of numbers.")
    one_of("neighbourhood_values.statistic", statistic, ("mean", "sum", "sd", "sem"))
    near = _near(indptr, indices, direction, centre)
    column = connectome.nodes[values].to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(column).any():
        raise OptionError(f"neighbourhood_values.values: {values!r} holds infinite values. Make them missing first.")
    result = _summary(near, column, statistic)
    return pd.Series(result, index=connectome.nodes.index, name=values)


def over_neighbourhoods(
    connectome: Connectome,
    *,
    measure: Callable[[Connectome], Any],
    direction: Direction = "both",
    centre: Centre = "with",
    nodes: Selection | None = None,
) -> pd.Series | pd.DataFrame:
    """Take any measure of the neighbourhood of each node.

    Parameters
    ----------
    connectome
        A square connectome.
    measure
        A function of a connectome that gives a number or a series.
    direction, centre, nodes
        As for `neighbourhoods`.

    Returns
    -------
    One row a node wanted, indexed by "id": a series of numbers, or a table whose columns are the series' entries (NaN
    where a neighbourhood lacks one).

    Raises
    ------
    OptionError
        The connectome is rectangular, or the selection does not fit.

    Notes
    -----
    One neighbourhood exists at a time. A pass over the edges and one call of the measure a node.

    Examples
    --------
    >>> from conntap.analyze import simplex_counts
    >>> order = Connectome(3, [0, 0, 1], [1, 2, 2])
    >>> over_neighbourhoods(order, measure=simplex_counts, direction="out").fillna(0).to_numpy().tolist()
    [[3.0, 3.0, 1.0], [2.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    graph = simple(connectome, "over_neighbourhoods")
    check_surroundings("over_neighbourhoods", direction, centre)
    rows = selected(connectome.nodes, nodes, "over_neighbourhoods.nodes")
    members = map_neighbourhoods(lambda each, *_: each, *graph, nodes=rows, direction=direction, centre=centre)
    found = [measure(connectome.subset(np.isin(np.arange(connectome.n_nodes), each))) for each in members]
    index = connectome.nodes.index[rows]
    if found and isinstance(found[0], pd.Series):
        return pd.DataFrame(found).set_axis(index)
    return pd.Series(found, index=index, name=getattr(measure, "__name__", None))


def _summary(near: sparse.csr_array, column: np.ndarray, statistic: str) -> np.ndarray:
    """The statistic of the values of each row's members; two passes, so that large values do not cancel."""
    there = ~np.isnan(column)
    held = np.where(there, column, 0.0)
    count, total = near @ there.astype(float), near @ held
    if statistic == "sum":
        return total
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / count
        if statistic == "mean":
            return mean
        rows = np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
        apart = np.where(there[near.indices], (held[near.indices] - mean[rows]) ** 2, 0.0)
        sd = np.sqrt(np.bincount(rows, apart, minlength=near.shape[0]) / count)
        return sd if statistic == "sd" else np.where(count > 1, sd / np.sqrt(count - 1), np.nan)


def _near(indptr: np.ndarray, indices: np.ndarray, direction: Direction, centre: Centre) -> sparse.csr_array:
    """The matrix whose row of a node has a one for each member of its neighbourhood."""
    n_nodes = len(indptr) - 1
    matrix = sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=(n_nodes, n_nodes))
    near = {"out": lambda: matrix, "in": lambda: matrix.T.tocsr(), "both": lambda: (matrix + matrix.T).tocsr()}
    found = near[direction]()
    found.data[:] = 1.0
    return found + sparse.eye_array(n_nodes, format="csr") if centre == "with" else found

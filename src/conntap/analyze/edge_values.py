"""Values of connections by how many simplices they are in, and values of pairs of nodes by where these stand in simplices."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.analyze.positions import (
    MERGES,
    MULTIPLICITIES,
    POSITIONS,
    STATISTICS,
    Statistic,
    check_choices,
    levels,
    merged_values,
    summary,
    weights_of,
)
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, told_as, whole
from conntap.topology.participation import edge_participation

__all__ = ["edge_values_by_participation", "pair_values_by_position"]


def edge_values_by_participation(
    connectome: Connectome,
    *,
    values: str,
    dimension: int,
    position: Literal["any", "spine", "first", "last"] = "any",
    statistic: Statistic = "mean",
    merge: Literal["mean", "sum", "min", "max"] = "mean",
    points: int = 100,
    threads: int = 1,
) -> pd.DataFrame:
    """Summarise an edge property over the connections that are in more than so many simplices of a dimension.

    Parameters
    ----------
    connectome
        A square connectome; self-loops are ignored.
    values
        An edge property of numbers. Connections without a value are left out of the statistic.
    dimension
        The dimension of the simplices, from 1 on.
    position
        Where the connection stands in the simplex, as for `edge_values_by_position`.
    statistic
        As for `values_by_position`.
    merge
        How the values of parallel edges make that of their connection; those without a value are left out.
    points
        At most so many thresholds: 0, and numbers of simplices that connections are in, the largest among them.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    One row a threshold, indexed by "more_than", rising: `connections` (int64) in more simplices than this, and `value`
    (float64; NaN where none of them has one).

    Raises
    ------
    OptionError
        The connectome is rectangular, there is no such property of numbers, an option is out of range, or there are too
        many simplices.

    Notes
    -----
    Time and memory of edge participation up to `dimension`. Of each connection weighted by the simplices it is in:
    `edge_values_by_position`. Egas Santander et al., 2025, doi:10.1016/j.isci.2024.111585.

    Examples
    --------
    >>> circuit = Connectome(4, [0, 0, 1, 2], [1, 2, 2, 3], properties={"weight": [1.0, 4.0, 4.0, 7.0]})
    >>> edge_values_by_participation(circuit, values="weight", dimension=2).reset_index().to_numpy().tolist()
    [[0.0, 3.0, 3.0], [1.0, 0.0, nan]]
    """
    where = "edge_values_by_participation"
    choices = {"position": (position, POSITIONS), "statistic": (statistic, STATISTICS), "merge": (merge, MERGES)}
    check_choices(where, threads, **choices)
    whole(f"{where}.dimension", dimension, 1)
    whole(f"{where}.points", points, 2)
    graph = simple(connectome, where)
    numbers = merged_values(connectome, graph, values, merge, where)
    count = told_as("edge_values_by_participation", edge_participation)
    table = count(*graph, position=position, max_dimension=dimension, threads=threads)
    taken = table[:, dimension - 1] if dimension <= table.shape[1] else np.zeros(len(numbers), dtype=np.int64)
    thresholds = levels(taken, points, where)
    connections = [int((taken > each).sum()) for each in thresholds]
    column = [summary(numbers, (taken > each).astype(np.int64), statistic) for each in thresholds]
    index = pd.Index(thresholds, name="more_than")
    return pd.DataFrame({"connections": connections, "value": column}, index=index)


def pair_values_by_position(
    connectome: Connectome,
    pairs: np.ndarray | pd.DataFrame,
    *,
    position: Literal["any", "spine", "first", "last"] = "last",
    counted: Literal["simplices", "distinct"] = "simplices",
    max_dimension: int | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Summarise a matrix of values of pairs of nodes over the connections at a position in simplices, by dimension.

    Such as the correlations of the activity of nodes, over the last connections of simplices.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    pairs
        A value for each pair [pre, post]: an array of shape (nodes, nodes) in node order, or a table with ids of nodes as
        index and as columns, in any order. NaN, and pairs that the table lacks (nodes not recorded), are left out.
    position
        Which connections of a simplex, as for `edge_values_by_position`.
    counted
        Whether a connection's value counts once for each of the "simplices" in which it takes that place, or once where it
        takes it in any ("distinct").
    max_dimension
        Go up to this dimension; default: all.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    Indexed by "dimension" from 1 to the largest that occurs: `connections` (int64; those at the position that have a
    value), `count` (int64; how often their values count) and, in float64, `mean`, `sd` (of all, n is the denominator),
    `error` (the standard error of the mean, as of `count` values drawn independently); NaN where there are too few.

    Raises
    ------
    OptionError
        The connectome is rectangular, `pairs` does not fit or holds no numbers, an option is out of range, or there are too
        many simplices: then limit `max_dimension`.

    Notes
    -----
    As edge participation, which it counts: 8 bytes a connection and dimension; no simplices are listed. Values that count
    several times are not independent: for tests take "distinct". Reimann et al., 2017, doi:10.3389/fncom.2017.00048.

    Examples
    --------
    >>> correlations = np.array([[1.0, 0.3, 0.2], [0.3, 1.0, 0.6], [0.2, 0.6, 1.0]])
    >>> pair_values_by_position(Connectome(3, [0, 0, 1], [1, 2, 2]), correlations)["mean"].round(3).to_dict()
    {1: 0.367, 2: 0.6}
    """
    where = "pair_values_by_position"
    check_choices(where, threads, position=(position, POSITIONS), counted=(counted, MULTIPLICITIES))
    graph = simple(connectome, where)
    numbers = _of_connections(connectome, graph, pairs, where)
    count = told_as("pair_values_by_position", edge_participation)
    table = count(*graph, position=position, max_dimension=max_dimension, threads=threads)
    there = ~np.isnan(numbers)
    rows = []
    for column in table.T:
        weights = weights_of(column, counted) * there
        count = int(weights.sum())
        mean, sd = (summary(numbers, weights, each) for each in ("mean", "sd"))
        rows.append((np.count_nonzero(weights), count, mean, sd, sd / np.sqrt(count - 1) if count > 1 else np.nan))
    result = pd.DataFrame(rows, columns=["connections", "count", "mean", "sd", "error"])
    result = result.astype({"connections": np.int64, "count": np.int64, "mean": float, "sd": float, "error": float})
    return result.set_axis(pd.RangeIndex(1, len(rows) + 1, name="dimension"))


def _of_connections(
    connectome: Connectome, graph: tuple[np.ndarray, np.ndarray], pairs: np.ndarray | pd.DataFrame, where: str
) -> np.ndarray:
    """The value of each connection of the simple graph; NaN where there is none."""
    indptr, indices = graph
    pre, n = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)), connectome.n_nodes
    rows = columns = np.arange(n)
    if isinstance(pairs, pd.DataFrame):
        rows, columns = (_rows(connectome, axis, where) for axis in (pairs.index, pairs.columns))
        pairs = pairs.to_numpy(dtype=float, na_value=np.nan) if _numeric(pairs) else pairs.to_numpy()
    elif np.shape(pairs) != (n, n):
        raise OptionError(
            f"{where}.pairs: shape {np.shape(pairs)} for {n} nodes. Give one value a pair of nodes, or a table by their ids."
        )
    if isinstance(pairs, np.ma.MaskedArray) and pairs.dtype.kind in "biuf":
        pairs = pairs.astype(float).filled(np.nan)
    pairs = np.asarray(pairs)
    if pairs.dtype.kind not in "biuf":
        raise OptionError(f"{where}.pairs: holds no numbers ({pairs.dtype}). Give a matrix of numbers.")
    at, to = rows[pre], columns[indices]
    found = np.full(len(indices), np.nan)
    known_pairs = (at >= 0) & (to >= 0)
    found[known_pairs] = pairs[at[known_pairs], to[known_pairs]]
    return found


def _rows(connectome: Connectome, ids: pd.Index, where: str) -> np.ndarray:
    """The place of each node among some ids; -1 where it is not among them."""
    nodes = connectome.nodes.index
    if not ids.is_unique or not nodes.is_unique:
        raise OptionError(f"{where}.pairs: ids repeat, so they do not tell nodes apart. Give an array in node order.")
    if len(ids) and not ids.isin(nodes).any():
        raise OptionError(
            f"{where}.pairs: none of the table's ids is an id of a node. Give ids as index and as columns."
        )
    return ids.get_indexer(nodes)


def _numeric(table: pd.DataFrame) -> bool:
    return all(pd.api.types.is_numeric_dtype(each) and each.kind != "c" for each in table.dtypes)

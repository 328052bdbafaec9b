"""Values of nodes and connections by where they stand in simplices, and by how many they are in."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, told_as, unknown, whole
from conntap.topology.participation import edge_participation, node_participation

__all__ = [
    "MERGES",
    "MULTIPLICITIES",
    "POSITIONS",
    "STATISTICS",
    "Statistic",
    "check_choices",
    "edge_values_by_position",
    "levels",
    "merged_values",
    "summary",
    "values_by_participation",
    "values_by_position",
    "weights_of",
]

Statistic = Literal["mean", "sum", "sd", "min", "max"]
STATISTICS = ("mean", "sum", "sd", "min", "max")
MULTIPLICITIES = ("simplices", "distinct")
MERGES = ("mean", "sum", "min", "max")
POSITIONS = ("any", "spine", "first", "last")


def values_by_position(
    connectome: Connectome,
    *,
    values: str,
    statistic: Statistic = "mean",
    counted: Literal["simplices", "distinct"] = "simplices",
    max_dimension: int | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Summarise a node property by the place that nodes take in simplices, from source to sink.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    values
        A node property of numbers. Nodes without a value are left out; infinite ones give infinite values, or NaN.
    statistic
        The mean, the sum, the standard deviation ("sd", of all, not of a sample: n is the denominator), the least or the
        largest value.
    counted
        Whether a node's value counts once for each of the "simplices" in which it takes that place, or once where it
        takes it in any ("distinct").
    max_dimension
        Go up to this dimension; default: all.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    Floats, one row a "dimension" from 0 on, one column a "position" from 0, the source; NaN beyond the sink, and where
    no node with a value takes the place.

    Raises
    ------
    OptionError
        The connectome is rectangular, there is no such property of numbers, an option is out of range, or there are too
        many simplices: then limit `max_dimension`.

    Notes
    -----
    Participation of the nodes is counted once for each place, without listing simplices. Simplices by position: Reimann
    et al., 2017, doi:10.3389/fncom.2017.00048.

    Examples
    --------
    >>> depths = pd.DataFrame({"depth": [1.0, 5.0, 9.0]})
    >>> values_by_position(Connectome(depths, [0, 0, 1], [1, 2, 2]), values="depth").loc[2].tolist()
    [1.0, 5.0, 9.0]
    """
    where = "values_by_position"
    check_choices(where, threads, statistic=(statistic, STATISTICS), counted=(counted, MULTIPLICITIES))
    graph = simple(connectome, where)
    numbers = _numbers(connectome.nodes, values, where)
    options = {"max_dimension": max_dimension, "threads": threads}
    count = told_as("values_by_position", node_participation)
    tables = [count(*graph, position=0, **options)]
    deepest = tables[0].shape[1] - 1
    options["max_dimension"] = deepest
    tables += [count(*graph, position=place, **options) for place in range(1, deepest + 1)]
    result = np.full((deepest + 1, deepest + 1), np.nan)
    for place, table in enumerate(tables):
        for dimension in range(place, table.shape[1]):
            result[dimension, place] = summary(numbers, weights_of(table[:, dimension], counted), statistic)
    places = pd.RangeIndex(deepest + 1, name="position")
    return pd.DataFrame(result, index=places.rename("dimension"), columns=places)


def edge_values_by_position(
    connectome: Connectome,
    *,
    values: str,
    position: Literal["any", "spine", "first", "last"] = "any",
    statistic: Statistic = "mean",
    counted: Literal["simplices", "distinct"] = "simplices",
    merge: Literal["mean", "sum", "min", "max"] = "mean",
    max_dimension: int | None = None,
    threads: int = 1,
) -> pd.Series:
    """Summarise an edge property over the connections at a position in simplices, by dimension.

    Parameters
    ----------
    connectome
        A square connectome; self-loops are ignored.
    values
        An edge property of numbers. Connections without a value are left out.
    position
        Connections between "any" two nodes of a simplex (v0 ... vk); between neighbours in its order (the "spine");
        the "first", from v0 to v1; or the "last", from v(k - 1) to vk.
    statistic, counted, max_dimension, threads
        As for `values_by_position`.
    merge
        How the values of parallel edges make that of their connection; those without a value are left out.

    Returns
    -------
    Floats, named `values`, indexed by "dimension" from 1 on; NaN where no connection with a value is in a simplex.

    Raises
    ------
    OptionError
        The connectome is rectangular, there is no such property of numbers, an option is out of range, or there are too
        many simplices: then limit `max_dimension`.

    Notes
    -----
    As edge participation, which it counts: 8 bytes a connection and dimension.

    Examples
    --------
    >>> triangle = Connectome(3, [0, 0, 1], [1, 2, 2], properties={"weight": [1.0, 4.0, 3.0]})
    >>> edge_values_by_position(triangle, values="weight", position="spine").tolist()
    [2.6666666666666665, 2.0]
    """
    where = "edge_values_by_position"
    checks = {"statistic": (statistic, STATISTICS), "counted": (counted, MULTIPLICITIES), "merge": (merge, MERGES)}
    checks["position"] = (position, POSITIONS)
    check_choices(where, threads, **checks)
    graph = simple(connectome, where)
    numbers = merged_values(connectome, graph, values, merge, where)
    count = told_as("edge_values_by_position", edge_participation)
    table = count(*graph, position=position, max_dimension=max_dimension, threads=threads)
    columns = [summary(numbers, weights_of(column, counted), statistic) for column in table.T]
    index = pd.RangeIndex(1, len(columns) + 1, name="dimension")
    return pd.Series(columns, index=index, name=values, dtype=float)


def values_by_participation(
    connectome: Connectome,
    *,
    values: str,
    dimension: int,
    statistic: Statistic = "mean",
    points: int = 100,
    threads: int = 1,
) -> pd.DataFrame:
    """Summarise a node property over the nodes that are in more than so many simplices of a dimension.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    values
        A node property of numbers. Nodes without a value are left out of the statistic.
    dimension
        The dimension of the simplices.
    statistic
        As for `values_by_position`.
    points
        At most so many thresholds: 0, and numbers of simplices that nodes are in, the largest among them.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    One row a threshold, indexed by "more_than", rising: `nodes` (int64) in more simplices than this, and `value`
    (NaN where none of them has one).

    Raises
    ------
    OptionError
        The connectome is rectangular, there is no such property of numbers, an option is out of range, or there are too
        many simplices.

    Notes
    -----
    Time of counting the participation of nodes.

    Examples
    --------
    >>> nodes = pd.DataFrame({"depth": [2.0, 5.0, 9.0, 1.0]})
    >>> table = values_by_participation(Connectome(nodes, [0, 0, 1, 2], [1, 2, 2, 3]), values="depth", dimension=1)
    >>> table.reset_index().to_numpy().tolist()
    [[0.0, 4.0, 4.25], [1.0, 3.0, 5.333333333333333], [2.0, 1.0, 9.0], [3.0, 0.0, nan]]
    """
    where = "values_by_participation"
    check_choices(where, threads, statistic=(statistic, STATISTICS))
    whole(f"{where}.dimension", dimension, 0)
    whole(f"{where}.points", points, 2)
    graph = simple(connectome, where)
    numbers = _numbers(connectome.nodes, values, where)
    count = told_as("values_by_participation", node_participation)
    table = count(*graph, max_dimension=dimension, threads=threads)
    taken = table[:, dimension] if dimension < table.shape[1] else np.zeros(len(numbers), dtype=np.int64)
    thresholds = levels(taken, points, where)
    nodes = [int((taken > each).sum()) for each in thresholds]
    column = [summary(numbers, (taken > each).astype(np.int64), statistic) for each in thresholds]
    return pd.DataFrame({"nodes": nodes, "value": column}, index=pd.Index(thresholds, name="more_than"))


def levels(taken: np.ndarray, points: int, where: str) -> np.ndarray:
    """Zero and the different numbers there are, thinned evenly to at most `points`, the largest kept.

    >>> levels(np.array([4, 2, 2, 9]), 3, "example")
    array([0, 4, 9])
    """
    whole(f"{where}.points", points, 2)
    all_levels = np.unique(np.append(taken, 0))
    if len(all_levels) <= points:
        return all_levels
    return all_levels[np.unique(np.linspace(0, len(all_levels) - 1, points).round().astype(np.int64))]


def summary(values: np.ndarray, weights: np.ndarray, statistic: str) -> float:
    """A statistic of values that count so many times each; NaN where nothing counts.

    >>> summary(np.array([1.0, 4.0]), np.array([2, 1]), "mean")
    2.0
    """
    there = (weights > 0) & ~np.isnan(values)
    values, weights = values[there], weights[there].astype(float)
    if not len(values):
        return np.nan
    if statistic in ("min", "max"):
        return float(values.min() if statistic == "min" else values.max())
    with np.errstate(invalid="ignore", over="ignore"):  # of infinite values
        if statistic == "sum":
            return float(values @ weights)
        mean = values @ weights / weights.sum()
        return float(mean if statistic == "mean" else np.sqrt((values - mean) ** 2 @ weights / weights.sum()))


def weights_of(counts: np.ndarray, counted: str) -> np.ndarray:
    """How often something counts that is in so many simplices.

    >>> weights_of(np.array([0, 3]), "distinct")
    array([0, 1])
    """
    return counts if counted == "simplices" else (counts > 0).astype(np.int64)


def check_choices(where: str, threads: int, **choices: tuple[str, tuple[str, ...]]) -> None:
    """Refuse choices that are not known, and a number of threads that is none.

    >>> check_choices("example", 1, counted=("distinct", MULTIPLICITIES))
    """
    whole(f"{where}.threads", threads, 1)
    for option, (choice, choices_known) in choices.items():
        one_of(f"{where}.{option}", choice, choices_known)


def _numbers(nodes: pd.DataFrame, name: str, where: str) -> np.ndarray:
    if name not in nodes.columns:
        raise OptionError(unknown(f"{where}.values", "node property", name, nodes.columns))
    return _floats(nodes[name], f"{where}.values: node property {name!r}")


def _floats(column: pd.Series, what: str) -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(column) or column.dtype.kind == "c":
        raise OptionError(f"{what} holds no numbers. Name one that does.")
    return column.to_numpy(dtype=float, na_value=np.nan)


def merged_values(
    connectome: Connectome, graph: tuple[np.ndarray, np.ndarray], name: str, merge: str, where: str
) -> np.ndarray:
    """One value a connection, in the order of the simple graph.

    >>> double = Connectome(2, [0, 0, 1], [1, 1, 1], properties={"weight": [1.0, 2.0, 9.0]})
    >>> merged_values(double, simple(double, "example"), "weight", "sum", "example")
    array([3.])
    """
    if name not in connectome.properties:
        raise OptionError(unknown(f"{where}.values", "edge property", name, connectome.properties))
    numbers = _floats(pd.Series(connectome.properties[name]), f"{where}.values: edge property {name!r}")
    pre, post = connectome.pre.astype(np.int64), connectome.post
    keep = pre != post
    keys = pre[keep] * connectome.n_nodes + post[keep]
    of_connections = pd.Series(numbers[keep]).groupby(keys, sort=True)
    with np.errstate(invalid="ignore", over="ignore"):  # of infinite values
        merged = of_connections.sum(min_count=1) if merge == "sum" else of_connections.agg(merge)
    if len(merged) != len(graph[1]):
        raise OptionError(f"{where}: the connections do not fit the graph.")
    return merged.to_numpy(dtype=float)

"""Connections between groups of nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Literal

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import Grouping, grouped
from conntap.circuits.rules.points import places
from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError, one_of, unknown, whole
from conntap.topology.pairs import Places, connected_pairs, count_pairs

__all__ = [
    "check_length",
    "connected",
    "degrees_between",
    "measured_pathways",
    "pathway_index",
    "pathway_statistics",
    "ratio",
]


def pathway_statistics(
    connectome: Connectome,
    *,
    by: Grouping,
    post_by: Grouping | None = None,
    within_um: float | None = None,
    positions: Sequence[str] = ("x", "y", "z"),
    weights: Sequence[str] = (),
    threads: int = 1,
) -> pd.DataFrame:
    """Measure each pathway: how likely a connection is, of how many edges, and the means of edge properties.

    A pathway is a group of pre nodes and a group of post nodes. Self-loops count nowhere, nor do nodes that lack a
    value of `by` or, where it is asked for, a position. A rectangular connectome is taken as it is: every pre node
    makes a pair with every post node.

    Parameters
    ----------
    connectome
        Square or rectangular.
    by
        The node property (or several, whose combinations count) that makes the groups.
    post_by
        The same for post nodes, where they are grouped otherwise.
    within_um
        Take only pairs at this distance or nearer; default: all.
    positions
        Node properties that hold the position, in um; used with `within_um`.
    weights
        Numeric edge properties (a weight, a delay) to average; none of them named "edges".
    threads
        Threads that share the search for near pairs; the result does not depend on it.

    Returns
    -------
    One row for each pre and each post group, indexed by `pre_NAME` and `post_NAME` for each property: `pairs` of
    different nodes, connected pairs (`connections`), `edges` (all int64), `probability` = connections / pairs,
    `edges_mean` and `edges_sd` (edges of a connection), and `NAME_mean`, `NAME_sd` over the edges for each of `weights`.
    A standard deviation has n as the denominator: it is that of all, not of a sample. NaN where there is nothing to
    divide by, or where infinite values make it so.

    Raises
    ------
    OptionError
        An unknown property, one that is not numeric or named "edges", or a number out of range.

    Notes
    -----
    Linear in nodes, edges and pathways; with `within_um` about 0.7 ns for each pair of nodes.

    Examples
    --------
    >>> nodes = pd.DataFrame({"ei": ["e", "e", "i"]})
    >>> table = pathway_statistics(Connectome(nodes, [0, 0, 2, 2], [1, 2, 0, 0]), by="ei")
    >>> table.loc[("i", "e"), ["pairs", "connections", "edges", "probability", "edges_mean"]].tolist()
    [2.0, 1.0, 2.0, 0.5, 2.0]
    """
    table = measured_pathways(
        "pathway_statistics",
        connectome,
        by,
        post_by=post_by,
        within_um=within_um,
        positions=positions,
        weights={"weights": weights},
        threads=threads,
    )
    return table.drop(columns=["edges_sem", "edges_min", "edges_max"])


def degrees_between(
    connectome: Connectome,
    *,
    pre: Selection | None = None,
    post: Selection | None = None,
    by: str | None = None,
    direction: Literal["in", "out"] = "in",
) -> pd.Series | pd.DataFrame:
    """Count for each post node its presynaptic partners among chosen pre nodes, or the other way round.

    Serves rectangular connectomes too, such as the inputs of a column from another. Parallel edges count once;
    self-loops of a square connectome do not count.

    Parameters
    ----------
    connectome
        Square or rectangular.
    pre, post
        The pre and the post nodes that count; default: all.
    by
        A property of the partners: they are counted for each of its values.
    direction
        "in": one row a post node, counting pre partners; "out": one row a pre node, counting post partners.

    Returns
    -------
    int64, indexed by "id" in the order of the chosen nodes: a series named "degree", or with `by` a table with a column
    for each value of that property among the chosen partners, and the property's name over them.

    Raises
    ------
    OptionError
        An unknown property or id, or a selection that does not fit.

    Notes
    -----
    Linear in nodes and edges, and in the size of the table.

    Examples
    --------
    >>> inputs = Connectome(pd.DataFrame({"kind": ["a", "b", "b"]}), [0, 1, 2], [0, 0, 1], post_nodes=["u", "v"])
    >>> degrees_between(inputs, by="kind").loc["u"].to_dict()
    {'a': 1, 'b': 1}
    """
    tables = connectome.pre_nodes, connectome.post_nodes
    rows = [
        selected(table, choice, f"degrees_between.{side}")
        for table, choice, side in zip(tables, (pre, post), ("pre", "post"), strict=True)
    ]
    one_of("degrees_between.direction", direction, ("in", "out"))
    own, other = (1, 0) if direction == "in" else (0, 1)
    ends = connected(connectome)
    number = np.full(len(tables[own]), -1)
    number[rows[own]] = np.arange(len(rows[own]))
    partners = tables[other].iloc[rows[other]]
    group = np.full(len(tables[other]), -1)
    if by is None:
        codes, groups = np.zeros(len(partners), dtype=np.int64), pd.RangeIndex(1)
    else:
        codes, groups = grouped(partners, by, "degrees_between.by")
    group[rows[other]] = codes
    row, column = number[ends[own]], group[ends[other]]
    there = (row >= 0) & (column >= 0)
    shape = len(rows[own]), len(groups)
    counts = np.bincount(row[there] * shape[1] + column[there], minlength=shape[0] * shape[1]).reshape(shape)
    index = tables[own].index[rows[own]]
    if by is None:
        return pd.Series(counts[:, 0].astype(np.int64), index=index, name="degree")
    return pd.DataFrame(counts.astype(np.int64), index=index, columns=groups)


def measured_pathways(
    where: str,
    connectome: Connectome,
    by: Grouping,
    *,
    post_by: Grouping | None,
    within_um: float | None,
    positions: Sequence[str],
    weights: Mapping[str, Sequence[str]],
    threads: int,
) -> pd.DataFrame:
    """What `pathway_statistics` gives, and `edges_sem`, `edges_min` and `edges_max` over connections.

    Options are as there, but for `where`, which errors begin with, and `weights`: edge properties under the name of the
    option that holds them. The standard error is the standard deviation of the sample (n - 1) over the root of n.

    Examples
    --------
    >>> small = Connectome(pd.DataFrame({"ei": ["e", "e"]}), [0, 0, 0, 1], [1, 1, 1, 0])
    >>> options = {"post_by": None, "within_um": None, "positions": (), "weights": {}, "threads": 1}
    >>> measured_pathways("example", small, "ei", **options)[["edges_mean", "edges_sem", "edges_min", "edges_max"]]
                     edges_mean  edges_sem  edges_min  edges_max
    pre_ei post_ei
    e      e                2.0        1.0        1.0        3.0
    """
    whole(f"{where}.threads", threads, 1)
    columns = {name: _numbers(connectome, name, f"{where}.{option}") for option in weights for name in weights[option]}
    codes, groups = grouped(connectome.pre_nodes, by, f"{where}.by")
    post_codes, post_groups = (codes, groups)
    if post_by is not None or not connectome.is_square:
        name = f"{where}.by" if post_by is None else f"{where}.post_by"
        post_codes, post_groups = grouped(connectome.post_nodes, by if post_by is None else post_by, name)
    shape = len(groups), len(post_groups)
    edges = np.arange(connectome.n_edges)
    if connectome.is_square:
        edges = edges[connectome.pre != connectome.post]
    if within_um is None:
        pairs = _all_pairs(codes, post_codes, shape, connectome.is_square)
    else:
        near, codes, post_codes = _near(connectome, (codes, post_codes), positions, within_um, where)
        pairs = _near_pairs(connectome, codes, post_codes, shape, positions, within_um, threads)
        edges = edges[near[edges]]
    edges = edges[(codes[connectome.pre[edges]] >= 0) & (post_codes[connectome.post[edges]] >= 0)]
    return _table(connectome, edges, (codes, post_codes), (groups, post_groups), pairs, columns)


def connected(connectome: Connectome) -> tuple[np.ndarray, np.ndarray]:
    """The rows of both ends of each connection: each pair once, without self-loops where the connectome is square.

    Examples
    --------
    >>> [ends.tolist() for ends in connected(Connectome(2, [0, 0, 1], [1, 1, 1]))]
    [[0], [1]]
    """
    n_post = None if connectome.is_square else connectome.n_post
    return connected_pairs(connectome.pre, connectome.post, connectome.n_pre, n_post)


def pathway_index(pre: pd.Index, post: pd.Index) -> pd.MultiIndex:
    """All pairs of a pre and a post group, pre by pre, as levels `pre_NAME` and `post_NAME`.

    Examples
    --------
    >>> pathway_index(pd.Index([4, 5], name="layer"), pd.Index(["e"], name="ei")).tolist()
    [(4, 'e'), (5, 'e')]
    """
    rows = np.repeat(np.arange(len(pre)), len(post)), np.tile(np.arange(len(post)), len(pre))
    arrays, names = [], []
    for side, groups, taken in zip(("pre", "post"), (pre, post), rows, strict=True):
        for level in range(groups.nlevels):
            arrays.append(groups.get_level_values(level).take(taken))
            names.append(f"{side}_{groups.names[level]}")
    return pd.MultiIndex.from_arrays(arrays, names=names)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole as floats, NaN where the whole is 0.

    Examples
    --------
    >>> ratio(np.array([1, 0]), np.array([2, 0])).tolist()
    [0.5, nan]
    """
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0, dtype=np.float64)


def check_length(where: str, value: object, *, positive: bool = False) -> None:
    """Refuse what is no finite length, from 0 on or above it.

    Examples
    --------
    >>> check_length("example.within_um", -1)
    Traceback (most recent call last):
    conntap.errors.OptionError: example.within_um: -1; give a distance from 0 on.
    """
    number = isinstance(value, Real) and not isinstance(value, bool) and 0 <= value < np.inf
    if not number or (positive and value == 0):
        raise OptionError(f"{where}: {value!r}; give a {'length above 0' if positive else 'distance from 0 on'}.")


def _all_pairs(codes: np.ndarray, post_codes: np.ndarray, shape: tuple[int, int], same: bool) -> np.ndarray:
    """The number of pairs of different nodes of each pathway."""
    sizes, post_sizes = (
        np.bincount(each[each >= 0], minlength=n) for each, n in zip((codes, post_codes), shape, strict=True)
    )
    pairs = np.multiply.outer(sizes, post_sizes).ravel()
    if same:
        both = (codes >= 0) & (post_codes >= 0)
        pairs = pairs - np.bincount(codes[both] * shape[1] + post_codes[both], minlength=len(pairs))
    return pairs


def _near(
    connectome: Connectome,
    codes: tuple[np.ndarray, np.ndarray],
    positions: Sequence[str],
    within_um: float,
    where: str,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which edges are short enough; and the groups of the nodes, -1 for those without a position."""
    check_length(f"{where}.within_um", within_um)
    points, _, known = places(connectome.pre_nodes, positions, None, where)
    others, _, others_known = places(connectome.post_nodes, positions, None, where)
    squares = np.zeros(connectome.n_edges)
    for axis in range(points.shape[1]):
        squares += (others[connectome.post, axis] - points[connectome.pre, axis]) ** 2
    near = np.sqrt(squares) <= within_um
    return near, np.where(known, codes[0], -1), np.where(others_known, codes[1], -1)


def _near_pairs(
    connectome: Connectome,
    codes: np.ndarray,
    post_codes: np.ndarray,
    shape: tuple[int, int],
    positions: Sequence[str],
    within_um: float,
    threads: int,
) -> np.ndarray:
    sides = []
    for nodes, code, n in zip((connectome.pre_nodes, connectome.post_nodes), (codes, post_codes), shape, strict=True):
        there = code >= 0
        points = places(nodes, positions, None, "pathway_statistics")[0]
        sides.append((Places(points[there], code[there], n), np.flatnonzero(there)))
    (pre, rows), (post, post_rows) = sides
    same = connectome.is_square and shape[0] == shape[1] and np.array_equal(codes, post_codes)
    width = float(np.nextafter(within_um, np.inf))
    nothing = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    pairs, _ = count_pairs(pre, None if same else post, nothing, width=width, n_bins=1, threads=threads)
    pairs = pairs.reshape(shape)
    if connectome.is_square and not same:
        itself = np.intersect1d(rows, post_rows)
        np.subtract.at(pairs, (codes[itself], post_codes[itself]), 1)
    return pairs.ravel()


def _table(
    connectome: Connectome,
    edges: np.ndarray,
    codes: tuple[np.ndarray, np.ndarray],
    groups: tuple[pd.Index, pd.Index],
    pairs: np.ndarray,
    columns: dict[str, np.ndarray],
) -> pd.DataFrame:
    n_pathways = len(groups[0]) * len(groups[1])
    merged = connectome.with_edges(connectome.pre[edges], connectome.post[edges]).adjacency()
    pre = np.repeat(np.arange(connectome.n_pre), np.diff(merged.indptr))
    pathway = codes[0][pre] * len(groups[1]) + codes[1][merged.indices]
    connections, mean, sd = _moments(pathway, merged.data, n_pathways)
    least, most = _extremes(pathway, merged.data, n_pathways)
    of_edge = codes[0][connectome.pre[edges]] * len(groups[1]) + codes[1][connectome.post[edges]]
    table = {
        "pairs": pairs.astype(np.int64),
        "connections": connections,
        "edges": np.bincount(of_edge, minlength=n_pathways).astype(np.int64),
        "probability": ratio(connections, pairs),
        "edges_mean": mean,
        "edges_sd": sd,
        "edges_sem": sd / np.sqrt(np.where(connections > 1, connections - 1.0, np.nan)),
        "edges_min": least,
        "edges_max": most,
    }
    for name, values in columns.items():
        _, table[f"{name}_mean"], table[f"{name}_sd"] = _moments(of_edge, values[edges], n_pathways)
    return pd.DataFrame(table, index=pathway_index(*groups))


def _moments(groups: np.ndarray, values: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How many values each group has, their mean and their standard deviation."""
    values = values.astype(np.float64)
    counts = np.bincount(groups, minlength=n).astype(np.int64)
    with np.errstate(invalid="ignore", over="ignore"):  # of infinite values
        mean = ratio(np.bincount(groups, weights=values, minlength=n), counts)
        squares = np.bincount(groups, weights=(values - mean[groups]) ** 2, minlength=n)
    return counts, mean, np.sqrt(ratio(squares, counts))


def _extremes(groups: np.ndarray, values: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest value of each group, NaN where it has none."""
    least, most = np.full(n, np.nan), np.full(n, np.nan)
    np.fmin.at(least, groups, values.astype(np.float64))
    np.fmax.at(most, groups, values.astype(np.float64))
    return least, most


def _numbers(connectome: Connectome, name: str, where: str) -> np.ndarray:
    if name == "edges":
        raise OptionError(f"{where}: the columns of 'edges' are those of the edges themselves. Rename the property.")
    if name not in connectome.properties:
        raise OptionError(unknown(f"{where}", "edge property", name, connectome.properties))
    values = connectome.properties[name]
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        raise OptionError(f"{where}: edge property {name!r} is not numeric; choose a numeric one.")
    return values

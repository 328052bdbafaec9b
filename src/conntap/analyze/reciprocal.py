"""Connections that are returned."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import Grouping, grouped
from conntap.topology.triads import count_dyads

__all__ = ["reciprocity", "reciprocity_by_group"]


def reciprocity(connectome: Connectome) -> pd.Series:
    """How many connections are returned, and how many would be by chance.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.

    Returns
    -------
    float64, named "value", indexed by "quantity": `connections`; `reciprocal`, those that are returned; `pairs`, the
    reciprocal pairs (half of them); `expected_pairs`; `fraction` = reciprocal / connections; `expected_fraction`, in a
    random connectome of as many connections; `ratio` of the two; and `correlation` = (fraction - density) / (1 -
    density). NaN where there is nothing to divide by.

    Raises
    ------
    OptionError
        The connectome is rectangular.

    Notes
    -----
    Linear in nodes and edges. Expected fraction: (connections - 1) / (n (n - 1) - 1), exact for Erdos-Renyi connectomes
    of a given number. Correlation: Garlaschelli and Loffredo, 2004, doi:10.1103/PhysRevLett.93.268701.

    Examples
    --------
    >>> values = reciprocity(Connectome(3, [0, 1, 1], [1, 0, 2]))
    >>> values[["connections", "reciprocal", "pairs", "expected_fraction"]].tolist()
    [3.0, 2.0, 1.0, 0.4]
    """
    indptr, indices = simple(connectome, "reciprocity")
    connections, places = len(indices), connectome.n_nodes * (connectome.n_nodes - 1)
    reciprocal = int(count_dyads(indptr, indices)[:, 2].sum())
    fraction, density = _ratio(reciprocal, connections), _ratio(connections, places)
    expected = _ratio(connections - 1, places - 1) if connections else float("nan")
    values = {
        "connections": connections,
        "reciprocal": reciprocal,
        "pairs": reciprocal // 2,
        "expected_pairs": expected * connections / 2 if connections else 0.0,
        "fraction": fraction,
        "expected_fraction": expected,
        "ratio": _ratio(fraction, expected),
        "correlation": _ratio(fraction - density, 1 - density),
    }
    return pd.Series(values, index=pd.Index(list(values), name="quantity", dtype="str"), name="value", dtype=float)


def reciprocity_by_group(connectome: Connectome, *, by: Grouping) -> pd.DataFrame:
    """How many connections from one group to another are returned, and how many would be by chance.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    by
        The groups: a node property, or several. Connections of nodes without a group count nowhere.

    Returns
    -------
    One row for each pre and each post group, indexed by `pre_NAME` and `post_NAME` for each property: int64
    `connections` and `reciprocal` (those that are returned); float64 `fraction` = reciprocal / connections, `expected`,
    the probability of a connection from a node of the post group to another of the pre group (within a group, that of
    one more beside the connection itself: (connections - 1) / (pairs - 1)), and `ratio` = fraction / expected. NaN where
    there is nothing to divide by.

    Raises
    ------
    OptionError
        The connectome is rectangular, or a property is unknown.

    Notes
    -----
    Linear in nodes, and in connections but for their sorting; and in pairs of groups.

    Examples
    --------
    >>> nodes = pd.DataFrame({"ei": ["e", "e", "i"]})
    >>> table = reciprocity_by_group(Connectome(nodes, [0, 2, 1], [2, 0, 2]), by="ei")
    >>> table.loc[("e", "i")].to_dict()
    {'connections': 2.0, 'reciprocal': 1.0, 'fraction': 0.5, 'expected': 0.5, 'ratio': 1.0}
    >>> chain = Connectome(pd.DataFrame({"ei": ["e", "e", "e"]}), [0, 1, 1], [1, 0, 2])
    >>> reciprocity_by_group(chain, by="ei")["expected"].tolist()
    [0.4]
    """
    indptr, indices = simple(connectome, "reciprocity_by_group")
    codes, groups = grouped(connectome.nodes, by, "reciprocity_by_group.by")
    n_nodes, n_groups = len(codes), len(groups)
    pre, post = np.repeat(np.arange(n_nodes, dtype=np.int64), np.diff(indptr)), indices.astype(np.int64)
    returned = np.isin(post * n_nodes + pre, pre * n_nodes + post, assume_unique=True)
    known = (codes[pre] >= 0) & (codes[post] >= 0)
    pathway = codes[pre] * n_groups + codes[post]
    connections = np.bincount(pathway[known], minlength=n_groups**2).reshape(n_groups, n_groups)
    reciprocal = np.bincount(pathway[known & returned], minlength=n_groups**2)
    sizes = np.bincount(codes[codes >= 0], minlength=n_groups)
    others, places = _others(connections, np.outer(sizes, sizes) - np.diag(sizes))
    table = pd.DataFrame({"connections": connections.ravel(), "reciprocal": reciprocal}, index=_pathways(groups))
    table["fraction"] = table["reciprocal"] / table["connections"].where(table["connections"] > 0)
    table["expected"] = np.divide(others, places, out=np.full(places.shape, np.nan), where=places > 0).T.ravel()
    table["ratio"] = table["fraction"] / table["expected"].where(table["expected"] > 0)
    return table


def _ratio(above: float, below: float) -> float:
    return above / below if below and np.isfinite(below) else float("nan")


def _others(connections: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Connections and places of the opposite pathway; within a group but for the connection that may be returned."""
    itself = np.eye(len(connections), dtype=np.int64)
    return connections - itself, np.where((itself > 0) & (connections == 0), 0, places - itself)


def _pathways(groups: pd.Index) -> pd.MultiIndex:
    """Each group beside each, the second changing fastest."""
    first, second = np.divmod(np.arange(len(groups) ** 2), max(1, len(groups)))
    sides = [
        groups.take(rows).to_frame(index=False).add_prefix(prefix)
        for rows, prefix in ((first, "pre_"), (second, "post_"))
    ]
    return pd.MultiIndex.from_frame(pd.concat(sides, axis=1))

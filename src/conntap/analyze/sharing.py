"""The neighbours that two nodes share, and what they have to do with a connection between them."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import one_of, whole
from conntap.topology.common_neighbours import Direction, count_shared, partners
from conntap.topology.common_neighbours_expectations import from_connections, from_degrees
from conntap.topology.triangles import transposed

__all__ = [
    "common_neighbour_bias",
    "common_neighbour_excess",
    "common_neighbour_slope",
    "common_neighbours",
]

Expectation = Literal["erdos-renyi", "degrees"]


def common_neighbours(connectome: Connectome, *, direction: Direction = "out", threads: int = 1) -> pd.Series:
    """Count the pairs of nodes by the number of neighbours that they share.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    direction
        Whose neighbours: the nodes that project to both ("in", also called afferent), those to which both project
        ("out", efferent), or the partners of both in any direction.
    threads
        Threads that share the work; the counts do not depend on it.

    Returns
    -------
    int64, named "pairs", indexed by "common" from 0 to the most that a pair shares; the sum is that of all unordered
    pairs of nodes.

    Raises
    ------
    OptionError
        The connectome is rectangular, `direction` is unknown, or `threads` is less than 1.

    Notes
    -----
    Time: half the sum of squares of the neighbours' degrees, plus half a step a pair of nodes where most share some;
    memory: the connections four times, never a matrix of pairs.

    Examples
    --------
    >>> common_neighbours(Connectome(4, [0, 0, 1, 1], [2, 3, 2, 3])).to_dict()
    {0: 5, 1: 0, 2: 1}
    """
    counts = _shared(connectome, direction, threads, "common_neighbours")[1].sum(axis=1)
    return pd.Series(counts, index=_numbered(len(counts)), name="pairs")


def common_neighbour_excess(
    connectome: Connectome, *, direction: Direction = "out", expectation: Expectation = "degrees", threads: int = 1
) -> pd.DataFrame:
    """Count the pairs of nodes by the number of neighbours that they share, beside what chance would give.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    direction
        Whose neighbours, as for `common_neighbours`.
    expectation
        What chance is: as many connections among any nodes ("erdos-renyi"), or nodes of the given degrees that choose
        their neighbours independently, by the neighbours' degrees ("degrees").
    threads
        Threads that share the work; the counts do not depend on it.

    Returns
    -------
    Indexed by "common", from 0 to the most that a pair shares: int64 `pairs`, float64 `expected`, and `contrast` =
    (pairs - expected) / (pairs + expected), from -1 to 1 (NaN where there is neither).

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is unknown, or `threads` is less than 1.

    Notes
    -----
    Cost: that of `common_neighbours`, and the square of the number of different degrees. Expected: a binomial
    distribution of n - 2 neighbours with probability p^2 (p: the density, for both directions that of connected
    pairs); or for each pair of degrees d_i d_j a Poisson distribution of mean proportional to d_i d_j, such that the
    mean over all pairs is that of the connectome, then cut off at n - 2 neighbours, the most possible, and raised to a sum
    of 1 again. What is expected beyond the most that a pair shares is not shown.

    Examples
    --------
    >>> table = common_neighbour_excess(Connectome(4, [0, 0, 1, 1], [2, 3, 2, 3]))
    >>> table.round(2).loc[2].tolist()
    [1.0, 0.4, 0.43]
    """
    one_of("common_neighbour_excess.expectation", expectation, get_args(Expectation))
    graph, pairs = _shared(connectome, direction, threads, "common_neighbour_excess")
    pairs = pairs.sum(axis=1)
    if expectation == "erdos-renyi":
        links = len(partners(*graph)[1]) if direction == "both" else len(graph[1])
        expected = from_connections(len(graph[0]) - 1, links, len(pairs))
    else:
        expected = from_degrees(*_degrees(graph, direction), len(pairs))
    both = pairs + expected
    contrast = np.divide(pairs - expected, both, out=np.full(len(pairs), np.nan), where=both > 0)
    columns = {"pairs": pairs, "expected": expected, "contrast": contrast}
    return pd.DataFrame(columns, index=_numbered(len(pairs)))


def common_neighbour_bias(connectome: Connectome, *, direction: Direction = "out", threads: int = 1) -> pd.DataFrame:
    """How likely two nodes are to connect, by the number of neighbours that they share.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    direction
        Whose neighbours, as for `common_neighbours`.
    threads
        Threads that share the work; the counts do not depend on it.

    Returns
    -------
    Indexed by "common", from 0 to the most that a pair shares: int64 `pairs` (unordered), `connections` among them, and
    `reciprocal` (pairs that connect both ways); float64 `probability` = connections / (2 pairs) and
    `reciprocal_probability` = reciprocal / pairs, NaN where there is no pair.

    Raises
    ------
    OptionError
        The connectome is rectangular, `direction` is unknown, or `threads` is less than 1.

    Notes
    -----
    Cost: that of `common_neighbours`. Perin, Berger and Markram, 2011, doi:10.1073/pnas.1016051108.

    Examples
    --------
    >>> common_neighbour_bias(Connectome(3, [0, 0, 1], [1, 2, 2]))["probability"].tolist()
    [0.5, 0.5]
    """
    counts = _shared(connectome, direction, threads, "common_neighbour_bias")[1]
    pairs, connections, reciprocal = counts.sum(axis=1), counts[:, 1] + 2 * counts[:, 2], counts[:, 2]
    table = pd.DataFrame({"pairs": pairs, "connections": connections, "reciprocal": reciprocal})
    some = table["pairs"].where(table["pairs"] > 0)
    table["probability"], table["reciprocal_probability"] = connections / (2 * some), reciprocal / some
    return table.set_axis(_numbered(len(table)))


def common_neighbour_slope(connectome: Connectome, *, direction: Direction = "out", threads: int = 1) -> pd.DataFrame:
    """How much likelier a connection becomes with each neighbour that two nodes share.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    direction
        Whose neighbours, as for `common_neighbours`.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    float64, indexed by "kind": "connection" (over ordered pairs) and "reciprocal" (over unordered pairs). `slope`, of
    the line of least squares through all pairs, a probability a neighbour; `relative`, that over the mean probability;
    `correlation` (Pearson's). NaN where all pairs share equally many, or all or none connect (correlation).

    Raises
    ------
    OptionError
        The connectome is rectangular, `direction` is unknown, or `threads` is less than 1.

    Notes
    -----
    Cost: that of `common_neighbours`. Perin, Berger and Markram, 2011, doi:10.1073/pnas.1016051108.

    Examples
    --------
    >>> rule = common_neighbour_slope(Connectome(4, [0, 0, 1, 1, 0], [2, 3, 2, 3, 1]))
    >>> rule.loc["connection"].round(3).tolist()
    [0.05, 0.12, 0.076]
    """
    counts = _shared(connectome, direction, threads, "common_neighbour_slope")[1]
    pairs, shared = counts.sum(axis=1).astype(float), np.arange(len(counts), dtype=float)
    hits = {"connection": (counts[:, 1] + 2 * counts[:, 2]) / 2, "reciprocal": counts[:, 2].astype(float)}
    rows = [_line(shared, pairs, found) for found in hits.values()]
    index = pd.Index(list(hits), name="kind", dtype="str")
    return pd.DataFrame(rows, columns=["slope", "relative", "correlation"], index=index, dtype=float)


def _shared(
    connectome: Connectome, direction: Direction, threads: int, where: str
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """The graph, and its pairs by neighbours shared and connections, once the options are checked."""
    one_of(f"{where}.direction", direction, get_args(Direction))
    whole(f"{where}.threads", threads, 1)
    graph = simple(connectome, where)
    return graph, count_shared(*graph, direction=direction, threads=threads)


def _numbered(length: int) -> pd.RangeIndex:
    return pd.RangeIndex(length, name="common")


def _degrees(graph: tuple[np.ndarray, np.ndarray], direction: str) -> tuple[np.ndarray, np.ndarray]:
    """How many neighbours each node has, and of how many it is one."""
    if direction == "both":
        return (np.diff(partners(*graph)[0]),) * 2
    out, into = np.diff(graph[0]), np.diff(transposed(*graph)[0])
    return (out, into) if direction == "out" else (into, out)


def _line(x: np.ndarray, pairs: np.ndarray, hits: np.ndarray) -> tuple[float, float, float]:
    """Slope, slope over mean, and correlation of 0 or 1 against x, with so many pairs and hits of each x."""
    n = pairs.sum()
    mean_x, mean_y = ((pairs @ x) / n, hits.sum() / n) if n else (0.0, 0.0)
    spread = pairs @ (x - mean_x) ** 2
    together = (hits - pairs * mean_y) @ (x - mean_x)
    slope = together / spread if spread > 0 else np.nan
    varies = spread > 0 and 0 < mean_y < 1
    correlation = together / np.sqrt(spread * n * mean_y * (1 - mean_y)) if varies else np.nan
    return slope, slope / mean_y if mean_y > 0 else np.nan, correlation

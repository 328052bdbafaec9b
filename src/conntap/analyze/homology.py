"""Homology of a connectome's directed flag complex: holes by dimension, and how long they last."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, known, one_of, told_as, unknown, whole
from conntap.topology import homology
from conntap.topology.maximal import oriented

__all__ = ["betti_bounds", "betti_numbers", "persistence"]


def betti_numbers(
    connectome: Connectome,
    *,
    max_dimension: int | None = None,
    kind: Literal["directed", "reciprocal", "undirected"] = "directed",
    memory_gb: float = 4.0,
    threads: int = 1,
) -> pd.Series:
    """Count the independent holes of each dimension of the flag complex, exactly.

    The Betti number of dimension k is the number of independent cycles of k-simplices that bound nothing, over the
    field of two elements: dimension 0 counts the connected components (directions aside), 1 the loops that no
    triangles fill, 2 the cavities. Simplices are those of `simplex_counts`: parallel edges are merged, self-loops
    ignored. The alternating sum over all dimensions is the Euler characteristic.

    Parameters
    ----------
    connectome
        A square connectome.
    max_dimension
        Up to this dimension, which takes the simplices of one dimension more; default: all.
    kind
        Holes of the complex of "directed" simplices; of cliques of the "reciprocal" connections; or of cliques of the
        "undirected" graph under the connectome. Each clique is one simplex.
    memory_gb
        Refuse what would take more memory.
    threads
        Threads that share the elimination of what the cheap part leaves over, where that is large; the numbers do not
        depend on it.

    Returns
    -------
    int64, named "betti", indexed by "dimension" from 0 to the largest of a simplex, at most `max_dimension`.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is out of range, or the simplices of a dimension, or the matrix left
        over by the elimination, would take more than `memory_gb`: then limit `max_dimension`, or ask for
        `betti_bounds`.

    Notes
    -----
    Time grows with the number of simplices where their boundary matrices are eliminated without fill-in, as those of
    real connectomes nearly are, and with the cube of what is left: random graphs near the density where a dimension's
    holes appear are hard. Memory: about 8 (k + 1) + 100 bytes a simplex of dimension k, one dimension at a time, which
    may take half of `memory_gb`; the matrix left over may take the other half.
    Luetgehetmann et al., 2020, doi:10.3390/a13010019; Reimann et al., 2017, doi:10.3389/fncom.2017.00048.

    Examples
    --------
    >>> betti_numbers(Connectome(3, [0, 1, 2], [1, 2, 0])).to_dict()
    {0: 1, 1: 1}
    >>> betti_numbers(Connectome(3, [0, 1, 2], [1, 2, 0]), kind="undirected").to_dict()
    {0: 1, 1: 0, 2: 0}
    """
    whole("betti_numbers.threads", threads, 1)
    graph = _of_kind(connectome, kind, "betti_numbers")
    count = told_as("betti_numbers", homology.betti)
    values = count(*graph, max_dimension, memory_gb=memory_gb, threads=threads)
    return pd.Series(values, index=pd.RangeIndex(len(values), name="dimension"), name="betti")


def _of_kind(
    connectome: Connectome, kind: Literal["directed", "reciprocal", "undirected"], where: str
) -> tuple[np.ndarray, np.ndarray]:
    """The graph whose directed simplices are the simplices of a kind, with few from any node."""
    one_of(f"{where}.kind", kind, ["directed", "reciprocal", "undirected"])
    indptr, indices = simple(connectome, where)
    if kind == "directed":
        return indptr, indices
    n = len(indptr) - 1
    matrix = sparse.csr_array((np.ones(len(indices), dtype=np.int8), indices, indptr), shape=(n, n))
    order = np.argsort(np.diff(indptr) + np.bincount(indices, minlength=n), kind="stable")
    part = matrix[order][:, order]
    part.sort_indices()
    return oriented(part.indptr, part.indices, kind=kind)


def betti_bounds(
    connectome: Connectome,
    *,
    max_dimension: int | None = None,
    kind: Literal["directed", "reciprocal", "undirected"] = "directed",
    memory_gb: float = 4.0,
    dense_rows: int = 4096,
    threads: int = 1,
) -> pd.DataFrame:
    """Bound the Betti numbers of each dimension from below and above, in bounded time and memory.

    The bounds always hold; where `lower` and `upper` are equal the number is exact. Nothing is guessed.

    Parameters
    ----------
    connectome
        A square connectome.
    max_dimension
        Up to this dimension; default: all.
    kind
        Which simplices, as for `betti_numbers`.
    memory_gb
        Dimensions whose simplices would take more memory are counted, not listed, and bounded by their number.
    dense_rows
        Where the matrix that is left over by the cheap elimination has more rows and more columns than these, so many
        of them are taken: time grows with their square.
    threads
        As for `betti_numbers`.

    Returns
    -------
    int64, one row a dimension ("dimension", from 0): `lower` and `upper`.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is out of range, or there are too many simplices to count.

    Notes
    -----
    Every pivot found belongs to the exact elimination: a boundary's rank is at least their number, and at most that
    and the smaller side of what is left, or what the ranks of its neighbours leave to it. Cost as `betti_numbers`
    without its hard part.

    Examples
    --------
    >>> betti_bounds(Connectome(3, [0, 1, 2], [1, 2, 0])).loc[1].to_dict()
    {'lower': 1, 'upper': 1}
    """
    whole("betti_bounds.dense_rows", dense_rows, 0)
    whole("betti_bounds.threads", threads, 1)
    graph = _of_kind(connectome, kind, "betti_bounds")
    bounds = told_as("betti_bounds", homology.betti_bounds)
    lower, upper = bounds(*graph, max_dimension, memory_gb=memory_gb, dense_rows=dense_rows, threads=threads)
    return pd.DataFrame({"lower": lower, "upper": upper}, index=pd.RangeIndex(len(lower), name="dimension"))


def persistence(
    connectome: Connectome,
    *,
    weight: str,
    order: Literal["rising", "falling"] = "falling",
    merge: Literal["sum", "mean", "min", "max", "first"] = "sum",
    max_dimension: int = 1,
    start: float | None = None,
    memory_gb: float = 4.0,
) -> pd.DataFrame:
    """Follow the holes of each dimension while connections come in the order of a weight.

    All nodes are there at the start; then connections come one after another and a simplex comes with the last of its
    connections, so that at each weight there stands the directed flag complex of the connections up to there. A hole
    is born at one weight and dies at another; those that live for no time are left out.

    Parameters
    ----------
    connectome
        A square connectome.
    weight
        A numeric edge property.
    order
        "falling": the largest weights first (strengths); "rising": the smallest first (lengths, delays).
    merge
        How the weights of parallel edges become one of the connection. Self-loops are ignored.
    max_dimension
        Up to this dimension, which takes the simplices of one dimension more.
    start
        The weight at which the nodes come, before the first connection or with it; default: with it.
    memory_gb
        Refuse what would take more memory.

    Returns
    -------
    One row a hole, by dimension and then birth ("feature", from 0): `dimension` (int64), `birth` and `death`
    (float64). What stays to the end has the death inf ("rising") or -inf ("falling").

    Raises
    ------
    OptionError
        The connectome is rectangular, `weight` is unknown, no number or missing somewhere, an option is out of range,
        or the work would take more than `memory_gb`.

    Notes
    -----
    Persistent cohomology over two elements, with clearing and without work for most columns; in the worst case cubic
    in the number of simplices. de Silva et al., 2011, doi:10.1088/0266-5611/27/12/124003; Luetgehetmann et al., 2020,
    doi:10.3390/a13010019.

    Examples
    --------
    >>> loop = Connectome(3, [0, 1, 2], [1, 2, 0], properties={"synapses": [5, 9, 2]})
    >>> persistence(loop, weight="synapses").query("dimension == 1").to_dict("list")
    {'dimension': [1], 'birth': [2.0], 'death': [-inf]}
    """
    graph = simple(connectome, "persistence")
    one_of("persistence.order", order, ["rising", "falling"])
    one_of("persistence.merge", merge, ["sum", "mean", "min", "max", "first"])
    whole("persistence.max_dimension", max_dimension, 0)
    sign = 1.0 if order == "rising" else -1.0
    weights = sign * _weights(connectome, weight, merge)
    given = None if start is None else sign * start
    if given is not None and len(weights) and not given <= weights.min():
        raise OptionError(
            f"persistence.start: {start:g} comes after the first connection, {sign * weights.min():g}; give an earlier "
            "weight, or none."
        )
    dimension, birth, death = homology.persistence(*graph, weights, max_dimension, start=given, memory_gb=memory_gb)
    index = pd.RangeIndex(len(dimension), name="feature")
    return pd.DataFrame({"dimension": dimension, "birth": sign * birth + 0.0, "death": sign * death + 0.0}, index=index)


def _weights(connectome: Connectome, weight: str, merge: str) -> np.ndarray:
    """The weight of each connection, in the order of the simple graph."""
    if weight not in connectome.properties:
        raise OptionError(unknown("persistence.weight", "edge property", weight, connectome.properties))
    values = connectome.properties[weight]
    if isinstance(values, pd.Categorical) or values.dtype.kind not in "iufb":
        numeric = [name for name, each in connectome.properties.items() if getattr(each, "dtype", None) is not None]
        raise OptionError(
            f"persistence.weight: {weight!r} is no number; edge properties: {known(numeric)}. Give a number."
        )
    plain = connectome.with_edges(connectome.pre, connectome.post, properties={"weight": values.astype(np.float64)})
    merged = plain.connections(merge={"weight": merge})
    weights = np.asarray(merged.properties["weight"], dtype=np.float64)[merged.pre != merged.post]
    if not np.isfinite(weights).all():
        missing = np.count_nonzero(~np.isfinite(weights))
        raise OptionError(
            f"persistence.weight: {weight!r} is missing or infinite at {missing} connections. Leave these out first."
        )
    return weights

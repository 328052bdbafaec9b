"""Clustering of directed connections, and cores."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import one_of
from conntap.topology.triangles import core_numbers_of, directed_triangles, transposed

__all__ = ["clustering", "core_numbers"]


def clustering(connectome: Connectome, *, threads: int = 1) -> pd.DataFrame:
    """The directed clustering coefficients of each node.

    Each is the number of triangles of one kind at the node over the number that its partners could form.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    float64, one row a node, indexed by "id" in node order; NaN where the partners could form none. `cycle` (3-cycles
    through the node), `middle`, `sink` and `source` (transitive triangles with the node at that place; the literature
    also says middleman, in and out), `all` (any of these four) and `transitive` (any of the last three: the transitive
    clustering coefficient).

    Raises
    ------
    OptionError
        The connectome is rectangular, or `threads` is less than 1.

    Notes
    -----
    With in-, out- and total degrees i, o, t = i + o and r reciprocal partners the denominators are i o - r (cycle and
    middle), i (i - 1), o (o - 1), t (t - 1) - 2 r (all), and t (t - 1) - (i o + r) (transitive). Time: the sum over
    connections of the out-degrees of both ends. Fagiolo, 2007, doi:10.1103/PhysRevE.76.026107; transitive: Conceicao
    et al., 2022, doi:10.1162/netn_a_00228.

    Examples
    --------
    >>> ring = Connectome(3, [0, 1, 2], [1, 2, 0])
    >>> clustering(ring).loc[0, ["cycle", "middle", "all"]].tolist()
    [1.0, 0.0, 0.5]
    """
    indptr, indices = simple(connectome, "clustering")
    cycle, middle, sink, source = directed_triangles(indptr, indices, threads=threads).T.astype(float)
    out, into = np.diff(indptr), np.diff(transposed(indptr, indices)[0])
    mutual, total = _mutual(indptr, indices), out + into
    through, transitive = into * out - mutual, middle + sink + source
    ratios = {
        "cycle": (cycle, through),
        "middle": (middle, through),
        "sink": (sink, into * (into - 1)),
        "source": (source, out * (out - 1)),
        "all": (cycle + transitive, total * (total - 1) - 2 * mutual),
        "transitive": (transitive, total * (total - 1) - into * out - mutual),
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {name: np.where(most > 0, found / most, np.nan) for name, (found, most) in ratios.items()}
    return pd.DataFrame(columns, index=connectome.nodes.index)


def core_numbers(connectome: Connectome, *, direction: Literal["in", "out", "both"] = "both") -> pd.Series:
    """The largest k of each node such that it belongs to the k-core.

    The k-core is the largest part of the connectome in which each node has k connections or more within the part.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    direction
        Which connections count: into the node, out of it, or both (a reciprocal partner counts twice).

    Returns
    -------
    int64, named "core", indexed by "id" in node order.

    Raises
    ------
    OptionError
        The connectome is rectangular.

    Notes
    -----
    Linear in nodes and connections: Batagelj and Zaversnik, 2003, arXiv:cs/0310049.

    Examples
    --------
    >>> core_numbers(Connectome(["a", "b", "c"], [0, 1, 1], [1, 0, 2])).to_dict()
    {'a': 2, 'b': 2, 'c': 1}
    """
    out = simple(connectome, "core_numbers")
    one_of("core_numbers.direction", direction, ("in", "out", "both"))
    into = transposed(*out)
    if direction == "in":
        numbers = core_numbers_of(*out, np.diff(into[0]))
    elif direction == "out":
        numbers = core_numbers_of(*into, np.diff(out[0]))
    else:
        numbers = core_numbers_of(*_joined(out, into), np.diff(out[0]) + np.diff(into[0]))
    return pd.Series(numbers, index=connectome.nodes.index, name="core")


def _mutual(indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """The number of reciprocal partners of each node."""
    n_nodes = len(indptr) - 1
    pre = np.repeat(np.arange(n_nodes, dtype=np.int64), np.diff(indptr))
    forward, backward = pre * n_nodes + indices, indices * np.int64(n_nodes) + pre
    return np.bincount(pre[np.isin(forward, backward, assume_unique=True)], minlength=n_nodes)


def _joined(out: tuple[np.ndarray, np.ndarray], into: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Both directions in one list a node; a reciprocal partner stands in it twice."""
    degrees = np.diff(out[0]), np.diff(into[0])
    begins = out[0] + into[0]
    ends = np.empty(begins[-1], dtype=np.int32)
    for (indptr, indices), degree, shift in ((out, degrees[0], 0), (into, degrees[1], degrees[0])):
        ends[np.repeat(begins[:-1] + shift - indptr[:-1], degree) + np.arange(len(indices))] = indices
    return begins, ends

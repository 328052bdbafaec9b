"""Whether nodes of many connections connect among themselves."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import one_of

__all__ = ["degrees_of", "rich_club"]

Direction = Literal["in", "out", "both"]


def rich_club(connectome: Connectome, *, direction: Direction = "both") -> pd.DataFrame:
    """How densely the nodes of more than k connections connect among themselves, for every k.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    direction
        Which connections make the degree: into a node, out of it, or both (a reciprocal partner counts twice).

    Returns
    -------
    Indexed by "degree" k, from 0 to the largest degree less one: int64 `nodes` of a degree above k and `connections`
    among them; float64 `density`, the rich-club coefficient: connections over ordered pairs of these nodes; `expected`,
    the same from the in- and out-degrees alone; and `ratio` = density / expected. NaN where there is nothing to divide
    by.

    Raises
    ------
    OptionError
        The connectome is rectangular, or `direction` is unknown.

    Notes
    -----
    Linear in nodes, connections and the largest degree: a connection counts up to the smaller degree of its ends.
    Expected: a connection from i to j has the probability out_i in_j / c, with c such that all add up to the number of
    connections; where some exceed 1, random connectomes of these degrees and `compare` say more. Colizza et al., 2006,
    doi:10.1038/nphys209.

    Examples
    --------
    >>> hub = Connectome(4, [0, 1, 0, 0, 2], [1, 0, 2, 3, 1])
    >>> rich_club(hub)[["nodes", "connections", "density"]].loc[1].tolist()
    [3.0, 4.0, 0.6666666666666666]
    """
    indptr, indices = simple(connectome, "rich_club")
    out, into = np.diff(indptr), np.bincount(indices, minlength=connectome.n_nodes)
    degree = degrees_of(indptr, indices, direction, "rich_club")
    most = int(degree.max(initial=0))
    poorer = np.minimum(np.repeat(degree, out), degree[indices])
    nodes, connections = _above(degree, most), _above(poorer, most)
    sent, received, itself = (_above(degree, most, each.astype(float)) for each in (out, into, out * into))
    all_of = len(indices) ** 2 - float(out @ into)
    expected = (sent * received - itself) * (len(indices) / all_of if all_of > 0 else np.nan)
    places = np.where(nodes > 1, nodes * (nodes - 1), np.nan)
    table = pd.DataFrame({"nodes": nodes, "connections": connections}, index=pd.RangeIndex(most, name="degree"))
    table["density"], table["expected"] = connections / places, expected / places
    table["ratio"] = table["density"] / table["expected"].where(table["expected"] > 0)
    return table


def degrees_of(indptr: np.ndarray, indices: np.ndarray, direction: str, where: str) -> np.ndarray:
    """The degrees of one direction, or their sum.

    Examples
    --------
    >>> degrees_of(np.array([0, 1, 1]), np.array([1]), "both", "example").tolist()
    [1, 1]
    """
    out, into = np.diff(indptr), np.bincount(indices, minlength=len(indptr) - 1)
    known = {"in": into, "out": out, "both": out + into}
    one_of(f"{where}.direction", direction, known)
    return known[direction]


def _above(values: np.ndarray, most: int, weights: np.ndarray | None = None) -> np.ndarray:
    """How many (or what weight) of the values are above 0, 1 ... most - 1."""
    counts = np.bincount(values, weights, minlength=most + 1)
    return np.cumsum(counts[::-1])[::-1][1:]

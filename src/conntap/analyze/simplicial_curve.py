"""How densely the nodes of many simplices are connected among each other."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.analyze.positions import levels
from conntap.circuits.connectome import Connectome
from conntap.errors import told_as, whole
from conntap.topology.participation import node_participation

__all__ = ["simplicial_rich_club"]


def simplicial_rich_club(
    connectome: Connectome,
    *,
    dimensions: int | list[int] | None = None,
    points: int = 100,
    threads: int = 1,
) -> pd.DataFrame:
    """Give the density of connections among the nodes that are in more than so many simplices.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    dimensions
        The dimensions of the simplices; one; or, by default, all that occur from 1 on.
    points
        At most so many thresholds a dimension: 0, and numbers of simplices that nodes are in, the largest among them.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    One row for each "dimension" and threshold "more_than": `nodes` in more simplices than this, `connections` among
    them (both int64), and `density`, the share of ordered pairs of them that are connected (NaN for less than two).

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is out of range, or there are too many simplices: then give lower
        dimensions.

    Notes
    -----
    Time of counting the participation of nodes, and of sorting the connections once for each dimension. Opsahl et al.,
    2008, doi:10.1103/PhysRevLett.101.168702, with the number of simplices as richness.

    Examples
    --------
    >>> simplicial_rich_club(Connectome(4, [0, 0, 1, 2], [1, 2, 2, 3]), dimensions=2)["density"].to_dict()
    {(2, 0): 0.5, (2, 1): nan}
    """
    where = "simplicial_rich_club"
    wanted = None if dimensions is None else [dimensions] if np.ndim(dimensions) == 0 else list(dimensions)
    for each in wanted or []:
        whole(f"{where}.dimensions", each, 0)
    whole(f"{where}.points", points, 1)
    whole(f"{where}.threads", threads, 1)
    indptr, indices = simple(connectome, where)
    top = None if wanted is None else max(wanted, default=0)
    count = told_as("simplicial_rich_club", node_participation)
    table = count(indptr, indices, max_dimension=top, threads=threads)
    wanted = range(1, table.shape[1]) if wanted is None else wanted
    pre = np.repeat(np.arange(connectome.n_nodes), np.diff(indptr))
    curves = {}
    for dimension in wanted:
        taken = table[:, dimension] if dimension < table.shape[1] else np.zeros(connectome.n_nodes, dtype=np.int64)
        curves[dimension] = _curve(taken, np.minimum(taken[pre], taken[indices]), levels(taken, points, where))
    if not curves:
        empty = pd.MultiIndex.from_arrays([np.empty(0, np.int64)] * 2, names=["dimension", "more_than"])
        return _curve(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)).set_axis(empty)
    return pd.concat(curves, names=["dimension"])


def _curve(taken: np.ndarray, lower: np.ndarray, thresholds: np.ndarray) -> pd.DataFrame:
    """The curve, from the simplices of each node and the lower number of each connection's two ends."""
    nodes = len(taken) - np.searchsorted(np.sort(taken), thresholds, side="right")
    connections = len(lower) - np.searchsorted(np.sort(lower), thresholds, side="right")
    pairs = nodes * (nodes - 1)
    density = np.divide(connections, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    index = pd.Index(thresholds, name="more_than")
    return pd.DataFrame({"nodes": nodes, "connections": connections, "density": density}, index=index)

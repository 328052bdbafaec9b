"""How far each node is from all others along connections."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from conntap.analyze.components import labels_of
from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import one_of, whole
from conntap.topology.common_neighbours import partners
from conntap.topology.paths import Reach, reach
from conntap.topology.triangles import transposed

__all__ = ["closeness", "eccentricity"]

Direction = Literal["in", "out", "both"]


def closeness(
    connectome: Connectome,
    *,
    direction: Direction = "in",
    component: Literal["whole", "weak", "strong"] = "whole",
    threads: int = 1,
) -> pd.Series:
    """How near each node is to the others.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    direction
        Which paths count: to the node ("in", as networkx has it), from it ("out"), or along connections of either
        direction ("both").
    component
        Of which nodes: of the "whole" connectome, or of each node's weakly or strongly connected component by itself, as
        if there were nothing else.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    float64, named "closeness", indexed by "id" in node order, from 0 to 1: r / (sum of the distances of the r nodes that
    have a path) times r / (n - 1), n the nodes of the whole or of the component; 0 where none has one.

    Raises
    ------
    OptionError
        The connectome is rectangular, `direction` or `component` is unknown, or `threads` is less than 1.

    Notes
    -----
    Cost: that of `path_lengths`. Within a strong component, or a weak one with paths of either direction, the second
    factor is 1. It is that of Wasserman and Faust, 1994, for connectomes that fall apart, also networkx's default;
    without it, divide by r / (n - 1). Freeman, 1978, doi:10.1016/0378-8733(78)90021-7.

    Examples
    --------
    >>> closeness(Connectome(3, [0, 1], [1, 2])).round(2).tolist()
    [0.0, 0.5, 0.67]
    >>> closeness(Connectome(3, [0, 1, 0], [1, 0, 2]), component="strong").tolist()
    [1.0, 1.0, 0.0]
    """
    one_of("closeness.component", component, ["whole", "weak", "strong"])
    labels = np.zeros(connectome.n_pre, dtype=np.int64)
    if component != "whole":
        labels = labels_of(connectome, component, "closeness")
    found = _found(connectome, direction, threads, "closeness", None if component == "whole" else labels)
    others = found.reached.astype(float)
    share = others / np.maximum(1, np.bincount(labels)[labels] - 1)
    near = np.divide(others * share, found.far, out=np.zeros(len(others)), where=found.far > 0)
    return pd.Series(near, index=connectome.nodes.index, name="closeness")


def eccentricity(connectome: Connectome, *, direction: Direction = "out", threads: int = 1) -> pd.Series:
    """The longest of the shortest paths of each node.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    direction
        Which paths count: from the node ("out"), to it ("in"), or along connections of either direction ("both").
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    int64, named "eccentricity", indexed by "id" in node order, all of them: of each node the length of the longest of its
    shortest paths, over the others that it has a path with; 0 for a node that has a path with none.

    Raises
    ------
    OptionError
        The connectome is rectangular, `direction` is unknown, or `threads` is less than 1.

    Notes
    -----
    Cost: that of `path_lengths`. Hage and Harary, 1995, doi:10.1016/0378-8733(94)00248-9.

    Examples
    --------
    >>> eccentricity(Connectome(3, [0, 1], [1, 2])).tolist()
    [2, 1, 0]
    """
    found = _found(connectome, direction, threads, "eccentricity")
    return pd.Series(found.last, index=connectome.nodes.index, name="eccentricity")


def _found(connectome: Connectome, direction: str, threads: int, where: str, labels: np.ndarray | None = None) -> Reach:
    """Distances to each node, along connections, against them, or either way; among nodes of equal labels."""
    known = {"in": lambda *graph: graph, "out": transposed, "both": partners}
    one_of(f"{where}.direction", direction, known)
    whole(f"{where}.threads", threads, 1)
    indptr, indices = simple(connectome, where)
    if labels is not None:
        keep = np.repeat(labels, np.diff(indptr)) == labels[indices]
        indptr, indices = np.append(0, np.cumsum(keep))[indptr], indices[keep]
    return reach(*known[direction](indptr, indices), threads=threads)

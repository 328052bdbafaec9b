"""The parts into which a connectome falls."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import one_of

__all__ = ["component_sizes", "connected_components", "labels_of", "largest_component"]

Kind = Literal["weak", "strong"]


def connected_components(connectome: Connectome) -> pd.DataFrame:
    """The weakly and the strongly connected component of each node.

    Parameters
    ----------
    connectome
        A square connectome.

    Returns
    -------
    int64, one row a node, indexed by "id" in node order: `weak` (there is a path between any two nodes, along or against
    connections) and `strong` (along connections both ways). Components are numbered from 0, the largest first, ties by
    their first node.

    Raises
    ------
    OptionError
        The connectome is rectangular.

    Notes
    -----
    Linear in nodes and edges, by scipy. Pearce, 2005, for the strong ones.

    Examples
    --------
    >>> connected_components(Connectome(4, [0, 1, 2], [1, 2, 1])).to_dict("list")
    {'weak': [0, 0, 0, 1], 'strong': [1, 0, 0, 2]}
    """
    columns = {kind: labels_of(connectome, kind, "connected_components") for kind in get_args(Kind)}
    return pd.DataFrame(columns, index=connectome.nodes.index)


def component_sizes(connectome: Connectome, *, kind: Kind = "strong") -> pd.Series:
    """The number of nodes of each connected component.

    Parameters
    ----------
    connectome
        A square connectome.
    kind
        Weakly or strongly connected, as in `connected_components`.

    Returns
    -------
    int64, named "nodes", indexed by "component": the numbers of `connected_components`, the largest first.

    Raises
    ------
    OptionError
        The connectome is rectangular, or `kind` is unknown.

    Notes
    -----
    Linear in nodes and edges.

    Examples
    --------
    >>> component_sizes(Connectome(4, [0, 1, 2], [1, 2, 1])).tolist()
    [2, 1, 1]
    """
    one_of("component_sizes.kind", kind, get_args(Kind))
    sizes = np.bincount(labels_of(connectome, kind, "component_sizes")).astype(np.int64)
    return pd.Series(sizes, index=pd.RangeIndex(len(sizes), name="component"), name="nodes")


def largest_component(connectome: Connectome, *, kind: Kind = "strong") -> Connectome:
    """Keep the largest connected component.

    Its nodes and the edges among them stay, self-loops and parallel edges too, with their properties, in their order.

    Parameters
    ----------
    connectome
        A square connectome.
    kind
        Weakly or strongly connected, as in `connected_components`.

    Returns
    -------
    Connectome: component 0 of `connected_components`; of several that are as large, the one whose first node comes first.

    Raises
    ------
    OptionError
        The connectome is rectangular, or `kind` is unknown.

    Notes
    -----
    Linear in nodes and edges.

    Examples
    --------
    >>> largest_component(Connectome(list("abcd"), [0, 1, 2, 2], [1, 2, 1, 3])).edges.to_numpy().tolist()
    [['b', 'c'], ['c', 'b']]
    """
    one_of("largest_component.kind", kind, get_args(Kind))
    return connectome.subset(labels_of(connectome, kind, "largest_component") == 0)


def labels_of(connectome: Connectome, kind: str, where: str) -> np.ndarray:
    """The component of each node, numbered by falling size, then by first node.

    Examples
    --------
    >>> labels_of(Connectome(4, [0, 1, 2], [1, 2, 1]), "strong", "example").tolist()
    [1, 0, 0, 2]
    """
    indptr, indices = simple(connectome, where)
    n_nodes = len(indptr) - 1
    if not n_nodes:
        return np.empty(0, dtype=np.int64)
    matrix = sparse.csr_array((np.ones(len(indices), dtype=np.int8), indices, indptr), shape=(n_nodes, n_nodes))
    labels = csgraph.connected_components(matrix, connection=kind)[1]
    _, first, labels, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return rank[labels.ravel()]

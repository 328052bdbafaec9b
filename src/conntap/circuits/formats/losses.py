"""What a format does not keep of a connectome that is written to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.formats.options import TABLES
from conntap.errors import known

__all__ = ["losses"]


def losses(connectome: Connectome, kind: str, given: dict[str, Any]) -> list[str]:
    """The parts of a connectome that writing it as an edge list or a matrix drops, in words; none for other formats.

    Parameters
    ----------
    connectome
        What is written.
    kind
        The format.
    given
        The options of writing. Edge properties left out by `properties` were left out on purpose and are no loss.

    Examples
    --------
    >>> c = Connectome(["a", "b"], [0, 0], [1, 1], properties={"weight": [1.0, 2.0]})
    >>> losses(c, "npy", {})
    ['ids', 'edge properties (weight)', 'parallel edges (1 merged)']
    >>> losses(c, "npy", {"weight": "weight"}), losses(c, "csv", {}), losses(c, "hdf5", {})
    (['ids', 'parallel edges (1 merged)'], [], [])
    """
    if kind in TABLES:
        return [] if given.get("nodes") is not None else [*_node_properties(connectome), *_of_edge_list(connectome)]
    if kind in ("npz", "npy"):
        return [*_node_properties(connectome), *_of_matrix(connectome, kind, given.get("weight"))]
    return []


def _node_properties(connectome: Connectome) -> list[str]:
    names = dict.fromkeys([*connectome.pre_nodes.columns, *connectome.post_nodes.columns])
    return [f"node properties ({known(names)})"] if names else []


def _of_edge_list(connectome: Connectome) -> list[str]:
    touched = [np.zeros(n, dtype=bool) for n in (connectome.n_pre, connectome.n_post)]
    touched[0][connectome.pre], touched[1][connectome.post] = True, True
    if connectome.is_square:
        lonely, told = int((~(touched[0] | touched[1])).sum()), []
    else:
        lonely, told = sum(int((~each).sum()) for each in touched), ["that pre and post nodes are two tables"]
    return ([f"nodes without edges ({lonely})"] if lonely else []) + told


def _of_matrix(connectome: Connectome, kind: str, weight: str | None) -> list[str]:
    found = []
    numbered = all(_numbered(table.index) for table in (connectome.pre_nodes, connectome.post_nodes))
    if not numbered and (kind == "npy" or not connectome.is_square):
        found.append("ids")
    dropped = [name for name in connectome.properties if name != weight]
    if dropped:
        found.append(f"edge properties ({known(dropped)})")
    matrix = connectome.adjacency(weight)
    if matrix.nnz < connectome.n_edges:
        found.append(f"parallel edges ({connectome.n_edges - matrix.nnz} merged)")
    zeros = int((matrix.data == 0).sum())
    if kind == "npy" and zeros:
        found.append(f"edges whose sum is 0 ({zeros})")
    return found


def _numbered(index: pd.Index) -> bool:
    """Whether ids are the row numbers, which a matrix has anyway."""
    return index.dtype.kind in "iu" and np.array_equal(index.to_numpy(), np.arange(len(index)))

"""Ids of recorded nodes: an index without repeats, the rows of some of them, and what is known of them: a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conntap.errors import ActivityError, known

__all__ = ["frozen", "id_index", "ids_and_nodes", "known_of", "nodes_of", "rows_of"]

_COPIES_ON_WRITE = int(pd.__version__.split(".")[0]) >= 3  # a shallow copy of a table is safe from 3 on


def id_index(ids: Any, where: str) -> pd.Index:
    """Ids as an index named id; a number n means 0..n-1.

    Examples
    --------
    >>> id_index(3, "Spikes.ids").tolist()
    [0, 1, 2]
    """
    if isinstance(ids, int | np.integer) and not isinstance(ids, bool):
        return pd.RangeIndex(ids, name="id")
    index = pd.Index(ids, name="id")
    if isinstance(index, pd.MultiIndex) or index.dtype.kind in "fcb":
        raise ActivityError(f"{where}: ids of type {index.dtype}; give whole numbers or labels.")
    if not index.is_unique:
        raise ActivityError(f"{where}: id {index[index.duplicated()].tolist()[0]!r} stands twice; give each node once.")
    return index


def rows_of(index: pd.Index, ids: Any, where: str) -> np.ndarray:
    """The rows of ids in an index; all must be there.

    Examples
    --------
    >>> rows_of(pd.Index([7, 9]), [9], "Spikes.of").tolist()
    [1]
    """
    wanted = pd.Index(np.atleast_1d(np.asarray(ids)))
    if len(wanted) == 0:
        return np.empty(0, dtype=np.intp)
    rows = index.get_indexer(wanted)
    if (rows < 0).any():
        missing = wanted[rows < 0].unique()
        raise ActivityError(
            f"{where}: {len(missing)} ids are not among the {len(index)} recorded: {known(missing, most=5)}. "
            "Give ids that were recorded."
        )
    return rows


def frozen(array: np.ndarray) -> np.ndarray:
    """A read-only view, the array itself untouched.

    Examples
    --------
    >>> frozen(np.zeros(2)).flags.writeable
    False
    """
    view = array.view()
    view.flags.writeable = False
    return view


def ids_and_nodes(ids: Any, nodes: pd.DataFrame | None, where: str) -> tuple[pd.Index, pd.DataFrame | None]:
    """Ids as an index and the table of what is known of each, in the same order; None where it has no columns.

    Without ids they are the table's index.

    Examples
    --------
    >>> ids_and_nodes([9, 7], pd.DataFrame({"x": [1.0, 2.0]}, index=[7, 9]), "Spikes")[1]["x"].tolist()
    [2.0, 1.0]
    """
    if nodes is None:
        return id_index(ids, f"{where}.ids"), None
    if not isinstance(nodes, pd.DataFrame):
        raise ActivityError(f"{where}.nodes: a {type(nodes).__name__}; give a table indexed by the ids of the nodes.")
    own = id_index(nodes.index, f"{where}.nodes")
    index = own if ids is None else id_index(ids, f"{where}.ids")
    table = nodes.take(rows_of(own, index, f"{where}.nodes"))
    table.columns = [str(column) for column in table.columns]
    if not table.columns.is_unique:
        raise ActivityError(f"{where}.nodes: a column stands twice among {known(table.columns)}. Name each once.")
    table.index = index
    return index, table if len(table.columns) else None


def nodes_of(index: pd.Index, table: pd.DataFrame | None) -> pd.DataFrame:
    """The table of nodes, which may be written to without changing this one.

    Examples
    --------
    >>> nodes_of(pd.Index([7, 9], name="id"), None).shape
    (2, 0)
    """
    return pd.DataFrame(index=index) if table is None else table.copy(deep=not _COPIES_ON_WRITE)


def known_of(table: pd.DataFrame | None) -> str:
    """What a repr says of the table of nodes.

    Examples
    --------
    >>> known_of(pd.DataFrame({"x": [1.0], "y": [2.0]})), known_of(None)
    ('; node properties: x, y', '')
    """
    return "" if table is None else f"; node properties: {', '.join(table.columns)}"

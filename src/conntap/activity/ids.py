"""Ids of recorded nodes: an index without repeats, and the rows of some of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conntap.errors import ActivityError, known

__all__ = ["frozen", "id_index", "rows_of"]


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

"""Ids of nodes as tables give them, kept exact: whole numbers of 64 bits or labels, never floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conntap.errors import FormatError, known

__all__ = ["Ids", "exact_ids", "rows_among", "same_kind", "union_of"]

Ids = np.ndarray | pd.Categorical
"""Whole numbers (int64 or uint64), or labels as a Categorical without missing values."""


def exact_ids(values: Any, where: str) -> Ids:
    """Ids from a column, exact; blanks around labels go.

    Parameters
    ----------
    values
        A pandas Series, or an array, of whole numbers or text.
    where
        File and column for messages.

    Raises
    ------
    FormatError
        A missing id, a fraction, or a number beyond 2^53 that came as a float and so lost its last digits.

    Examples
    --------
    >>> exact_ids(pd.Series(["AVA ", "AVB"]), "edges.csv: pre").tolist()
    ['AVA', 'AVB']
    """
    values = values.array if isinstance(values, pd.Series) else np.asarray(values)
    if values.dtype.kind in "iu" and not isinstance(values, pd.Categorical):
        return _whole(values, where)
    if values.dtype.kind == "f" and not isinstance(values, pd.Categorical):
        return _whole_floats(np.asarray(values), where)
    if values.dtype.kind in "bcmM":
        raise FormatError(f"{where}: {values.dtype} cannot be ids. Choose a column of whole numbers or labels.")
    return _labels(values, where)


def union_of(pre: Ids, post: Ids, where: str) -> pd.Index:
    """All ids that edges name, sorted.

    Raises
    ------
    FormatError
        A negative number: it is no position, and as an id it must stand in a node table.
    """
    if isinstance(pre, pd.Categorical):
        return pd.Index(np.union1d(pre.categories.to_numpy(object), post.categories.to_numpy(object)), dtype="str")
    ids = np.union1d(pd.unique(pre), pd.unique(post))
    if len(ids) and ids[0] < 0:
        raise FormatError(
            f"{where}: negative ids ({known(ids[ids < 0], most=5)}). Give a node table that holds them, or drop these rows."
        )
    return pd.Index(ids)


def rows_among(index: pd.Index, ids: Ids, where: str) -> np.ndarray:
    """Row positions of ids in a node table's index; every id must be there.

    Raises
    ------
    FormatError
        Ids that the table lacks, some of them named.
    """
    named = ids.categories if isinstance(ids, pd.Categorical) else ids
    if index.dtype.kind not in "iu" and not isinstance(ids, pd.Categorical):
        named = pd.Index(named).astype(str)
    elif index.dtype.kind in "iu" and not isinstance(ids, pd.Categorical):
        index, named = _alike(index, named)
    rows = index.get_indexer(pd.Index(named))
    missing = rows < 0
    if missing.any():
        lacking = pd.Index(np.asarray(named)[missing]).unique()
        raise FormatError(
            f"{where}: {len(lacking)} ids are not in the node table of {len(index)}: {known(lacking, most=5)}. "
            "Check which column holds the ids (node_id=), or leave nodes out to take them from the edges."
        )
    return rows[ids.codes] if isinstance(ids, pd.Categorical) else rows


def same_kind(a: Ids, b: Ids) -> tuple[Ids, Ids]:
    """Both as numbers of one type or both as labels."""
    if isinstance(a, pd.Categorical) == isinstance(b, pd.Categorical):
        return (a, b) if isinstance(a, pd.Categorical) else _one_type(a, b)
    return tuple(each if isinstance(each, pd.Categorical) else _as_labels(each) for each in (a, b))  # type: ignore[return-value]


def _alike(index: pd.Index, ids: np.ndarray) -> tuple[pd.Index, np.ndarray]:
    a, b = _one_type(index.to_numpy(), ids)
    return (index if a.dtype == index.dtype else pd.Index(a)), b


def _one_type(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if a.dtype == b.dtype:
        return a, b
    kinds = {each.dtype.kind for each in (a, b)}
    if kinds == {"i", "u"} and any(len(each) and int(each.max()) >= 2**63 for each in (a, b)):
        if any(len(each) and int(each.min()) < 0 for each in (a, b)):
            return a.astype(object), b.astype(object)
        return a.astype(np.uint64), b.astype(np.uint64)
    wide = np.uint64 if kinds == {"u"} else np.int64
    return a.astype(wide), b.astype(wide)


def _whole(values: Any, where: str) -> np.ndarray:
    if pd.isna(values).any():
        raise _missing(np.asarray(pd.isna(values)), where)
    plain = np.asarray(values)
    if plain.dtype == object:
        plain = values.to_numpy(values.dtype.numpy_dtype)
    if plain.dtype.kind == "u" and (len(plain) == 0 or int(plain.max()) < 2**63):
        return plain.astype(np.int64)
    return plain.astype(np.uint64 if plain.dtype.kind == "u" else np.int64, copy=False)


def _whole_floats(values: np.ndarray, where: str) -> np.ndarray:
    if not np.isfinite(values).all():
        raise _missing(~np.isfinite(values), where)
    if (values != np.floor(values)).any():
        row = int(np.flatnonzero(values != np.floor(values))[0])
        raise FormatError(f"{where}: {values[row]} in row {row} is no id. Give whole numbers or labels.")
    if len(values) and np.abs(values).max() >= 2**53:
        raise FormatError(
            f"{where}: ids beyond 2^53 stand as floats and have lost digits. Write them as whole numbers."
        )
    return values.astype(np.int64)


def _labels(values: Any, where: str) -> pd.Categorical:
    given = values if isinstance(values, pd.Categorical) else pd.Categorical(values)
    if (given.codes < 0).any():
        raise _missing(given.codes < 0, where)
    if len(given) == 0:
        return pd.Categorical([], categories=pd.Index([], dtype="str"))
    stripped = pd.Index(given.categories.astype(str).str.strip())
    codes, labels = pd.factorize(stripped, sort=True)
    codes = codes[given.codes]
    if "" in labels:
        raise _missing(codes == labels.get_loc(""), where)
    return pd.Categorical.from_codes(codes, categories=labels).remove_unused_categories()


def _as_labels(ids: np.ndarray) -> pd.Categorical:
    codes, numbers = pd.factorize(ids)
    return pd.Categorical.from_codes(codes, categories=pd.Index(numbers).astype(str))


def _missing(where_missing: np.ndarray, where: str) -> FormatError:
    rows = np.flatnonzero(where_missing)
    return FormatError(
        f"{where}: {len(rows)} ids are missing, first in row {int(rows[0])} (counted from 0). Fill or drop these rows."
    )

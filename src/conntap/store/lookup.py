"""Finding cases: by row, by value, by query, with errors that name what is near."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from conntap.errors import StoreError, known, unknown
from conntap.store.queries import meets

__all__ = ["case_index", "row", "rows", "rows_of_slice", "summary"]


def row(cases: pd.DataFrame, case: Any, where: str) -> int:
    """The row of exactly one case.

    Parameters
    ----------
    cases
        One row a case.
    case
        A row number; a mapping from case column to value; or a value or tuple of values of the leading
        columns.
    where
        What the cases belong to, for errors.

    Raises
    ------
    StoreError
        No case or several match, or a column or value is unknown.

    Examples
    --------
    >>> row(pd.DataFrame({"subtarget": ["A", "B"], "draw": [0, 0]}), ("B", 0), "counts")
    1
    """
    if isinstance(case, int | np.integer) and not isinstance(case, bool):
        if not -len(cases) <= case < len(cases):
            raise StoreError(f"{where}: row {case} is out of range; there are {len(cases)} cases.")
        return int(case) % len(cases)
    if not isinstance(case, Mapping):
        case = _leading(cases, case if isinstance(case, tuple) else (case,), where)
    found = np.flatnonzero(_matching(cases, case, where))
    if len(found) == 1:
        return int(found[0])
    if len(found) == 0:
        raise StoreError(f"{where}: no case has {_phrase(case)} together. Look into .cases.")
    open_columns = [name for name in cases if name not in case and cases[name].iloc[found].nunique(dropna=False) > 1]
    raise StoreError(
        f"{where}: {len(found)} cases have {_phrase(case)}; they differ in {known(open_columns)}. "
        "Say which, or use .load or .frame."
    )


def rows_of_slice(cases: pd.DataFrame, chosen: slice, where: str) -> np.ndarray:
    """The rows of a slice, as those of a list are.

    Parameters
    ----------
    cases
        One row a case.
    chosen
        Row numbers; negative ones count from the end.
    where
        What the cases belong to, for errors.

    Raises
    ------
    StoreError
        A bound that is no row number, or a step of 0.

    Examples
    --------
    >>> rows_of_slice(pd.DataFrame({"draw": [0, 1, 2]}), slice(-2, None), "counts").tolist()
    [1, 2]
    """
    try:
        return np.arange(len(cases))[chosen]
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"{where}: {chosen.start!r}:{chosen.stop!r} ({error}); a slice is of row numbers. "
            "Choose by value with .load(column=[...])."
        ) from None


def rows(cases: pd.DataFrame, query: str | None, columns: Mapping[str, Any], where: str) -> np.ndarray:
    """The rows that meet a query and have the given values, in order.

    Parameters
    ----------
    cases
        One row a case.
    query
        A condition on the case columns, see `conntap.store.queries.meets`; None for all.
    columns
        Case column -> value, or list of values, to keep.
    where
        What the cases belong to, for errors.

    Raises
    ------
    StoreError
        An unknown column, a value that no case has, or a query that cannot be evaluated.

    Examples
    --------
    >>> rows(pd.DataFrame({"draw": [0, 1, 2]}), "draw > 0", {"draw": [0, 1]}, "counts").tolist()
    [1]
    """
    keep = _matching(cases, columns, where)
    if query is not None:
        keep &= meets(cases, query, where)
    return np.flatnonzero(keep)


def case_index(cases: pd.DataFrame, rows: np.ndarray) -> pd.Index:
    """The case columns of some rows as a MultiIndex (row numbers where there are no columns).

    Examples
    --------
    >>> case_index(pd.DataFrame({"draw": [0, 1]}), np.array([1])).tolist()
    [(1,)]
    """
    if cases.shape[1] == 0:
        return pd.RangeIndex(len(rows))
    chosen = cases.iloc[rows]
    return pd.MultiIndex.from_arrays([chosen[name] for name in chosen], names=list(chosen.columns))


def summary(column: pd.Series) -> str:
    """A few words on the values of a case column.

    Examples
    --------
    >>> summary(pd.Series([0, 1, 2, 2])), summary(pd.Series(["A", "B"]))
    ('3 values from 0 to 2', 'A, B')
    """
    distinct = column.dropna().unique()
    if pd.api.types.is_numeric_dtype(column) and len(distinct) > 2:
        return f"{len(distinct)} values from {distinct.min()} to {distinct.max()}"
    return known(distinct, most=6)


def _leading(cases: pd.DataFrame, values: tuple[Any, ...], where: str) -> dict[str, Any]:
    names = list(cases.columns)
    if len(values) > len(names):
        raise StoreError(f"{where}: {len(values)} values for the case columns {known(names)}. Give fewer.")
    return dict(zip(names, values))


def _matching(cases: pd.DataFrame, wanted: Mapping[str, Any], where: str) -> np.ndarray:
    keep = np.ones(len(cases), dtype=bool)
    for name, value in wanted.items():
        if name not in cases:
            raise StoreError(unknown(where, "case column", name, cases.columns))
        keep &= _having(cases[name], value, f"{where}: {name}")
    return keep


def _having(column: pd.Series, value: Any, where: str) -> np.ndarray:
    several = isinstance(value, list | set | frozenset | np.ndarray | pd.Series | pd.Index | range)
    keep = np.zeros(len(column), dtype=bool)
    for each in list(value) if several else [value]:
        equal = _equal(column, each)
        if not equal.any():
            raise StoreError(unknown(where, "value", each, column.dropna().unique()))
        keep |= equal
    return keep


def _equal(column: pd.Series, value: Any) -> np.ndarray:
    if value is None or (np.isscalar(value) and pd.isna(value)):
        return column.isna().to_numpy()
    if isinstance(value, tuple):
        return np.fromiter((each == value for each in column), dtype=bool, count=len(column))
    if column.dtype == object:
        return np.fromiter((type(each) is not tuple and each == value for each in column), bool, len(column))
    return np.asarray((column == value).fillna(False), dtype=bool)


def _phrase(case: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in case.items()) or "nothing asked for"

"""Tables as delimited text (CSV, TSV, blanks; gzip too): their columns, read exactly."""

from __future__ import annotations

import gzip
import io
import warnings
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.formats.guess import head_of
from conntap.circuits.formats.limits import unpacked
from conntap.circuits.formats.text_lines import has_leading_zeros, line_of_row, refuse_short_lines
from conntap.errors import FormatError

__all__ = ["read_text_table", "text_columns", "write_text_table"]

_pandas = tuple(int(part) for part in pd.__version__.split(".")[:2])
_MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "<NA>"]
_EXACT = {} if _pandas >= (3, 1) else {"float_precision": "round_trip"}  # exact by itself from 3.1 on


def text_columns(path: Path, *, columns: Sequence[str] | None) -> list[str]:
    """The names of the columns: those given, else those of the first line, blanks around them gone.

    Raises
    ------
    FormatError
        A first line of numbers only, a name that stands twice, or another number of fields than names given.
    """
    fields = _fields(path)
    if columns is not None:
        if len(columns) != len(fields):
            raise FormatError(
                f"{path}: {len(columns)} column names for {len(fields)} fields ({', '.join(fields)}). Name each."
            )
        return [str(each) for each in columns]
    if all(_is_number(each) for each in fields):
        raise FormatError(
            f"{path}: the first line ({', '.join(fields)}) is data, not names of columns. "
            'Name them: columns=["pre", "post", ...].'
        )
    names = [name or f"Unnamed: {position}" for position, name in enumerate(fields)]
    again = next((name for position, name in enumerate(names) if name in names[:position]), None)
    if again is not None:
        raise FormatError(f"{path}: two columns are named {again!r}. Rename one.")
    return names


def read_text_table(
    path: Path, *, wanted: Collection[str], ids: Collection[str], columns: Sequence[str] | None
) -> pd.DataFrame:
    """The wanted columns; text as categories with blanks stripped, except for ids, which stay as they stand.

    Whole numbers beyond 2^53 beside missing ones come as Int64. Ids of which any is written with leading zeros (007) are
    text, all of their column.

    Raises
    ------
    FormatError
        Lines that do not parse, that have more or fewer fields than there are names, or a missing id among numbers.
    """
    names = text_columns(path, columns=columns)
    separator, skip = _separator(path)
    missing = {name: [""] if name in ids else _MISSING for name in names}
    options = {
        "sep": separator,
        "names": names,
        "header": 0 if columns is None else None,
        "skiprows": skip,
        "usecols": None if set(names[:-1]) <= set(wanted) else [n for n in names if n in wanted or n == names[-1]],
        "index_col": False,
        "keep_default_na": False,
        "na_values": missing,
        "skipinitialspace": True,
        "low_memory": False,
        **_EXACT,
        "encoding": "utf-8-sig",
    }
    place = {"separator": separator, "skip": skip + (columns is None)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = _csv(path, options)
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError, OSError, EOFError) as error:
        raise FormatError(f"{path}: the lines do not parse as a table ({error}). Check the file.") from None
    if table[names[-1]].isna().any():
        refuse_short_lines(path, n=len(names), separator=separator, skip=skip)
    table = table[[name for name in names if name in wanted]]
    table = _ids_as_written(path, table, ids, options)
    for name in table.columns:
        if name in ids:
            _refuse_missing_ids(path, table[name], **place)
    for name in table.columns:
        if name not in ids and table[name].dtype.kind in "OUST":
            table[name] = _stripped(table[name])
        elif name not in ids and _lost_digits(table[name]):
            table[name] = _whole(path, {**options, "usecols": [name], "dtype": {name: "Int64"}}, table[name])
    return table


def write_text_table(table: pd.DataFrame, path: Path, *, separator: str, gz: bool) -> None:
    """Write a table as text with a line of names; gzip without a time stamp, so equal input gives equal bytes."""
    with open(path, "wb") as plain, ExitStack() as stack:
        target = plain
        if gz:
            target = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=plain, compresslevel=6, mtime=0))
        text = stack.enter_context(io.TextIOWrapper(target, encoding="utf-8", newline="", write_through=False))
        table.to_csv(text, sep=separator, index=False, lineterminator="\n")


def _fields(path: Path) -> list[str]:
    separator, skip = _separator(path)
    try:
        options = {"sep": separator, "skiprows": skip, "nrows": 1, "header": None, "dtype": str}
        first = _csv(path, options | {"keep_default_na": False, "skipinitialspace": True, "encoding": "utf-8-sig"})
    except (ValueError, OSError, EOFError) as error:
        raise FormatError(f"{path}: no table can be read from it ({error}). Check the file.") from None
    return [str(each).strip() for each in first.iloc[0]]


def _separator(path: Path) -> tuple[str, int]:
    """What parts the fields, and how many lines of comment (`#`) come first."""
    lines = head_of(path).decode("utf-8-sig", errors="replace").splitlines()
    skip = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    if skip == len(lines):
        raise FormatError(f"{path}: no line but comments at its beginning. Give a table of edges.")
    counts = {mark: lines[skip].count(mark) for mark in ",\t;"}
    best = max(counts, key=lambda mark: counts[mark])
    return (best if counts[best] else r"\s+"), skip


def _csv(path: Path, options: dict[str, Any]) -> pd.DataFrame:
    if not _is_packed(path):
        return pd.read_csv(path, compression=None, **options)
    with unpacked(path) as file:
        return pd.read_csv(file, **options)


def _is_packed(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _ids_as_written(path: Path, table: pd.DataFrame, ids: Collection[str], options: dict[str, Any]) -> pd.DataFrame:
    """The table with ids of which any has leading zeros as text: 007 and 7 are two nodes."""
    numbers = [name for name in table.columns if name in ids and table[name].dtype.kind in "iuf"]
    if not numbers or not has_leading_zeros(path):
        return table
    as_text = _csv(path, {**options, "usecols": numbers, "dtype": str})
    written = [name for name in numbers if as_text[name].str.match(r"\s*[+-]?0\d").any()]
    return table.assign(**{name: as_text[name] for name in written})


def _refuse_missing_ids(path: Path, column: pd.Series, *, separator: str, skip: int) -> None:
    """Raise where numbers stand beside `nan` or its like, which is no node's name there."""
    if column.dtype.kind not in "OUST":
        return
    given = pd.Series(column.dropna().unique()).astype(str).str.strip()
    missing = given.isin(_MISSING)
    if missing.any() and not missing.all() and pd.to_numeric(given[~missing], errors="coerce").notna().all():
        row = int(np.flatnonzero(column.astype(str).str.strip().isin(_MISSING))[0])
        line = line_of_row(path, row, separator=separator, skip=skip)
        raise FormatError(
            f"{path}: line {line}: {column.name} is missing ({column.iloc[row]}). Fill or drop such rows."
        )


def _stripped(column: pd.Series) -> pd.Series:
    given = pd.Categorical(column)
    if len(given.categories) == 0:
        return pd.Series(pd.Categorical(column.astype("str")), index=column.index)
    codes, labels = pd.factorize(pd.Index(given.categories.astype(str).str.strip()), sort=True)
    codes = np.append(codes, -1)[given.codes]
    return pd.Series(pd.Categorical.from_codes(codes, categories=labels), index=column.index)


def _lost_digits(column: pd.Series) -> bool:
    """Whether whole numbers beyond 2^53 may have become floats because some are missing."""
    if column.dtype.kind != "f" or not column.isna().any():
        return False
    values = column.dropna().to_numpy()
    return bool(len(values) and (values == np.floor(values)).all() and np.abs(values).max() >= 2**53)


def _whole(path: Path, options: dict[str, Any], floats: pd.Series) -> pd.Series:
    """The column read again as whole numbers, or as it was where they are none."""
    try:
        return _csv(path, options).iloc[:, 0]
    except (ValueError, TypeError, OverflowError):
        return floats


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

"""Tables as parquet and feather files, read and written through pyarrow."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from conntap.errors import FormatError, MissingExtra

__all__ = ["arrow_columns", "read_arrow_table", "write_arrow_table"]


def arrow_columns(path: Path, kind: str) -> list[str]:
    """The names of the columns of a parquet or feather file."""
    return [str(name) for name in _schema(path, kind).names]


def read_arrow_table(path: Path, kind: str, *, wanted: Collection[str], ids: Collection[str]) -> pd.DataFrame:
    """The wanted columns; text as categories; whole numbers beyond 2^53 beside missing ones as Int64.

    Raises
    ------
    FormatError
        A missing id or a nested column.
    """
    schema = _schema(path, kind)
    names = [name for name in schema.names if name in wanted]
    try:
        if kind == "parquet":
            table = _module("parquet").read_table(path, columns=names)
        else:
            table = _module("feather").read_table(path, columns=names)
            table.validate(full=True)  # a damaged file must not reach the conversion
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: cannot be read as {kind} ({error}). Check the file.") from None
    frame = {name: _column(table.column(name), f"{path}: {name}", name in ids) for name in names}
    return pd.DataFrame(frame, index=pd.RangeIndex(table.num_rows))


def write_arrow_table(table: pd.DataFrame, path: Path, kind: str) -> None:
    """Write a table as parquet or feather, its index left out."""
    arrow = _module("").Table.from_pandas(table, preserve_index=False)
    if kind == "parquet":
        _module("parquet").write_table(arrow, path, compression="zstd")
    else:
        _module("feather").write_feather(arrow, str(path))


def _module(name: str) -> Any:
    try:
        import pyarrow
        import pyarrow.feather
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra("formats", package="pyarrow", needed_for="reading and writing parquet and feather") from None
    return getattr(pyarrow, name) if name else pyarrow


def _schema(path: Path, kind: str) -> Any:
    pyarrow = _module("")
    try:
        if kind == "parquet":
            return _module("parquet").read_schema(path)
        return _module("feather").read_table(path, columns=[], memory_map=True).schema if _is_old(path) else _ipc(path)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise FormatError(f"{path}: cannot be read as {kind} ({error}). Check the file.") from None


def _is_old(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"FEA1"


def _ipc(path: Path) -> Any:
    pyarrow = _module("")
    with pyarrow.memory_map(str(path)) as source:
        return pyarrow.ipc.open_file(source).schema


def _column(column: Any, where: str, is_id: bool) -> Any:
    types = _module("").types
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if types.is_nested(kind):
        raise FormatError(
            f"{where}: a column of {column.type} is no property. Choose the columns with properties=[...]."
        )
    if column.null_count and is_id:
        row = int(column.is_null().to_numpy(zero_copy_only=False).argmax())
        raise FormatError(
            f"{where}: {column.null_count} ids are missing, first in row {row} (counted from 0). Fill or drop these rows."
        )
    if column.null_count and types.is_integer(kind) and _beyond_floats(column):
        return column.to_pandas(types_mapper={kind: pd.Int64Dtype()}.get).array
    series = column.to_pandas()
    return pd.Categorical(series) if series.dtype.kind in "OUST" and not is_id else series.array


def _beyond_floats(column: Any) -> bool:
    from pyarrow import compute

    low, high = (bound.as_py() for bound in compute.min_max(column).values())
    return low is not None and max(abs(low), abs(high)) >= 2**53

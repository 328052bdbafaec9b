"""Node and edge types: the CSV table that gives all nodes or edges of one type their common properties."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from conntap.errors import CircuitError, known
from conntap.store.files import why_unreadable

__all__ = ["read_types"]

_MISSING = ["", "NULL", "null", "NaN", "nan", "None", "NONE"]


def read_types(path: Path, key: str) -> pd.DataFrame:
    """Read a table of types: space separated, text in double quotes where it holds spaces.

    Parameters
    ----------
    path
        The CSV file; its first line names the columns.
    key
        The column of ids: `node_type_id` or `edge_type_id`.

    Returns
    -------
    Indexed by type id, sorted. A column whose every value is a number is numeric, the others are text
    (Categorical). NULL, NaN and None are missing values.

    Raises
    ------
    CircuitError
        No such file, no column of ids, an id that is no whole number or stands twice, or a line with more
        or fewer values than there are columns.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "types.csv"
    >>> _ = path.write_text('node_type_id model tau\\n101 "LIF big" 5.5\\n100 LIF NULL\\n')
    >>> read_types(path, "node_type_id")
                    model  tau
    node_type_id
    100               LIF  NaN
    101           LIF big  5.5
    """
    header, lines = _lines(path)
    if key not in header:
        raise CircuitError(f"{path}: no column {key!r}; columns: {known(header)}. Name the column of ids so.")
    if len(set(header)) != len(header):
        raise CircuitError(f"{path}: a column name stands twice in {known(header)}. Give each once.")
    table = pd.DataFrame({name: _column([line[i] for line in lines]) for i, name in enumerate(header)})
    ids = pd.to_numeric(table.pop(key).astype(object), errors="coerce").to_numpy(dtype=float)
    if len(ids) and not np.all(ids == np.floor(ids)):
        raise CircuitError(f"{path}: {key}: a value that is no whole number. Give each type an integer id.")
    table.index = pd.Index(ids.astype(np.int64), name=key)
    if not table.index.is_unique:
        again = table.index[table.index.duplicated()][0]
        raise CircuitError(f"{path}: {key} {again} stands twice. Give each type one line.")
    return table.sort_index()


def _lines(path: Path) -> tuple[list[str], list[list[str]]]:
    why = why_unreadable(path)
    if why is not None:
        raise CircuitError(f"{path}: cannot be read ({why}). Correct the path in the configuration.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=" ", skipinitialspace=True)
            rows = [(reader.line_num, row[:-1] if row[-1] == "" else row) for row in reader if any(row)]
    except OSError as error:
        raise CircuitError(
            f"{path}: cannot be read ({error.strerror}). Correct the path in the configuration."
        ) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise CircuitError(f"{path}: no table of types: {error}. Give a space-separated CSV file.") from None
    if not rows:
        raise CircuitError(f"{path}: empty. Give a line of column names and one line for each type.")
    header = rows[0][1]
    for number, row in rows[1:]:
        if len(row) != len(header):
            raise CircuitError(
                f"{path}: line {number} has {len(row)} values for {len(header)} columns. "
                "Put text with spaces in double quotes and NULL where there is none."
            )
    return header, [row for _, row in rows[1:]]


def _column(texts: list[str]) -> pd.Series:
    values = pd.Series([None if text in _MISSING else text for text in texts], dtype=object)
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().equals(values.notna()) and numbers.notna().any():
        return numbers
    return pd.Series(pd.Categorical(values))

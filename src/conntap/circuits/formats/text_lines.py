"""What a table's reader does not tell of the lines of a text file: short ones, and numbers written with leading zeros."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from conntap.circuits.formats.limits import unpacked
from conntap.errors import FormatError

__all__ = ["has_leading_zeros", "line_of_row", "refuse_short_lines"]

_BLOCK = 1 << 22


def has_leading_zeros(path: Path) -> bool:
    """Whether any number in a file may be written like 007; a look at the bytes, much faster than parsing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w+") as file:
    ...     _ = file.write("pre,post\\n007,7\\n") and file.flush()
    ...     has_leading_zeros(Path(file.name))
    True
    """
    tail = b"\n"
    with unpacked(path) as file:
        while block := file.read(_BLOCK):
            data = np.frombuffer(tail + block, dtype=np.uint8)
            before = data[:-2]
            zeros = (data[1:-1] == 48) & (data[2:] >= 48) & (data[2:] < 58)
            if (zeros & (((before < 45) & (before != 43)) | (before == 59))).any():
                return True
            tail = (tail + block)[-2:]
    return False


def refuse_short_lines(path: Path, *, n: int, separator: str, skip: int) -> None:
    """Raise for the first line with fewer fields than the table has columns.

    Raises
    ------
    FormatError
        There is such a line.
    """
    for number, fields in _lines(path, separator, skip):
        if len(fields) < n:
            raise FormatError(f"{path}: line {number} has {len(fields)} fields for {n} columns. Fill it in or drop it.")


def line_of_row(path: Path, row: int, *, separator: str, skip: int) -> int:
    """The number of the line that holds a row; `skip` says how many lines come before row 0."""
    return next((number for i, (number, _) in enumerate(_lines(path, separator, skip)) if i == row), 0)


def _lines(path: Path, separator: str, skip: int) -> Iterator[tuple[int, list[str]]]:
    with unpacked(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        for _ in range(skip):
            next(text, None)
        if len(separator) > 1:
            rows: Iterator[Any] = ((i, line.split()) for i, line in enumerate(text, start=1))
        else:
            reader = csv.reader(text, delimiter=separator, skipinitialspace=True)
            rows = ((reader.line_num, fields) for fields in reader)
        for number, fields in rows:
            if (fields and any(map(str.strip, fields))) or len(fields) > 1:
                yield number + skip, fields

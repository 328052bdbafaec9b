"""Values that are alike as one table, read column by column instead of value by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from conntap.store.builtin import decode_names
from conntap.store.codings import one_coding
from conntap.store.columns import decode_column, decode_index, plain_name, unpack_text
from conntap.store.unpacking import GroupReader

__all__ = ["Stack", "stacked"]


@dataclass(frozen=True)
class Stack:
    """Lines of several values under each other.

    Parameters
    ----------
    places
        For each line the place of its case.
    table
        The lines.
    """

    places: np.ndarray
    table: pd.DataFrame


def stacked(reader: GroupReader, at: np.ndarray, positions: np.ndarray, name: str) -> list[Stack]:
    """Scalars, tables, series or dictionaries of scalars of one group as few tables.

    Parameters
    ----------
    reader
        The group.
    at
        The place of the case of each value.
    positions
        Of the values in the group.
    name
        For the column of scalars and series.

    Returns
    -------
    One stack for each distinct set of attributes; none where the values are no lines.
    """
    stacks = []
    for attrs, own_at, own in _batches(reader, at, positions):
        match reader.encoding:
            case "scalar":
                stack: Stack | None = Stack(own_at, pd.DataFrame({name: _scalar(reader, attrs, own, "")}))
            case "mapping":
                stack = _mapping(reader, attrs, own_at, own)
            case _:
                stack = _rows(reader, attrs, own_at, own, name)
        if stack is None:
            return []
        stacks.append(stack)
    return stacks


def _batches(
    reader: GroupReader, at: np.ndarray, positions: np.ndarray
) -> Iterator[tuple[dict[str, Any], np.ndarray, np.ndarray]]:
    """Values that share their attributes, so that their columns are alike."""
    distinct, codes = reader.attrs()
    if codes is None:
        yield distinct[0], at, positions
        return
    own = codes[positions]
    for code in np.unique(own).tolist():
        yield distinct[code], at[own == code], positions[own == code]


def _rows(reader: GroupReader, attrs: Mapping[str, Any], at: np.ndarray, positions: np.ndarray, name: str) -> Stack:
    """The lines of tables or series that are alike."""
    columns = attrs["columns"] if reader.encoding == "table" else [{"name": plain_name(name, ""), **attrs["values"]}]
    lengths = _lengths(reader, positions, attrs["index"], columns)
    levels = [
        _within(lengths) if spec["kind"] == "range" else _column(reader, f"index.{number}", spec, positions, lengths)
        for number, spec in enumerate(attrs["index"])
    ]
    data = {
        number: _column(reader, f"column.{number}", spec, positions, lengths) for number, spec in enumerate(columns)
    }
    table = pd.DataFrame(data, index=decode_index(attrs["index"], levels))
    table.columns = decode_names({**attrs, "columns": columns})
    return Stack(np.repeat(at, lengths), table)


def _scalar(reader: GroupReader, attrs: Mapping[str, Any], positions: np.ndarray, prefix: str) -> Any:
    """One scalar a value, as a column."""
    match attrs["kind"]:
        case "number":
            return reader.gather(f"{prefix}value", positions)[0]
        case "none":
            return np.full(len(positions), None, dtype=object)
    texts = unpack_text(*reader.gather(f"{prefix}utf8", positions))
    values = np.empty(len(texts), dtype=object)
    values[:] = [int(text) for text in texts] if attrs["kind"] == "integer" else texts
    return values


def _mapping(reader: GroupReader, attrs: Mapping[str, Any], at: np.ndarray, positions: np.ndarray) -> Stack | None:
    """Dictionaries of scalars as one line each; None where something else is in them."""
    if any(encoding != "scalar" for _, encoding, _, _ in attrs["parts"]):
        return None
    columns = {
        name: _scalar(reader, own, positions, f"{number}.") for number, (name, _, _, own) in enumerate(attrs["parts"])
    }
    return Stack(at, pd.DataFrame(columns, index=pd.RangeIndex(len(at))).infer_objects())


def _lengths(reader: GroupReader, positions: np.ndarray, index: list, columns: list) -> np.ndarray:
    if "rows" in reader.described:
        return reader.gather("rows", positions)[0]
    first = {"text": "codes", "category": "codes"}.get(index[0]["kind"], "values")
    offsets = reader.offsets(f"index.0.{first}")
    return offsets[positions + 1] - offsets[positions]


def _within(lengths: np.ndarray) -> np.ndarray:
    """0, 1, 2 ... afresh for each length."""
    starts = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum())) - np.repeat(starts, lengths)


def _column(
    reader: GroupReader, prefix: str, spec: Mapping[str, Any], positions: np.ndarray, lengths: np.ndarray
) -> Any:
    parts = [name.removeprefix(f"{prefix}.") for name in reader.described if name.startswith(f"{prefix}.")]
    arrays = {part: reader.gather(f"{prefix}.{part}", positions) for part in parts}
    if "codes" not in arrays:
        return decode_column(spec, {part: values for part, (values, _) in arrays.items()})
    coded, ordered = one_coding(arrays, lengths, ordered=spec.get("ordered", False))
    return decode_column({**spec, "ordered": ordered}, coded)

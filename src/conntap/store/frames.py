"""Many values as one table, read column by column instead of value by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from conntap.errors import StoreError, known
from conntap.store.builtin import decode_names
from conntap.store.columns import decode_column, decode_index, pack_text, plain_name, unpack_text
from conntap.store.groups import GroupReader

__all__ = ["Part", "assemble", "with_cases"]

_ROWS = ("scalar", "series", "table")


@dataclass(frozen=True)
class Part:
    """Values of several cases, one under the other.

    Parameters
    ----------
    rows
        The row of the case that each line belongs to.
    table
        The lines; its index is the values' own (meaningless for scalars).
    levels
        Whether the values have an index of their own.
    """

    rows: np.ndarray
    table: pd.DataFrame
    levels: bool


def assemble(
    pieces: Sequence[tuple[GroupReader, np.ndarray, np.ndarray]], n: int, rows: np.ndarray, where: str, name: str
) -> Part:
    """The values of n cases, one under the other in the order of the cases.

    Parameters
    ----------
    pieces
        For each group of values: its reader, the places (0..n-1) of its values among the cases, and their
        positions in the group.
    n, rows
        The number of cases, and the row of each.
    where, name
        For errors, and for the column of scalars and series.

    Raises
    ------
    StoreError
        Values that are not rows, or of several kinds.
    """
    kinds = {reader.encoding for reader, _, _ in pieces}
    if len(kinds) > 1 or not kinds <= set(_ROWS):
        raise StoreError(
            f"{where}: values of encoding {known(kinds)} do not make one table; only all scalars, all series or all "
            "tables do. Use .load, or .summarize with a function that gives a number."
        )
    if kinds <= {"scalar"}:
        return Part(rows, pd.DataFrame({name: _scalars(pieces, n)}), levels=False)
    batches = [batch for reader, at, positions in pieces for batch in _batches(reader, at, positions)]
    tables, lines = zip(*(_stacked(*batch, name) for batch in batches))
    table, places = (tables[0], lines[0]) if len(tables) == 1 else _joined(tables, lines)
    return Part(rows[places], table, levels=True)


def with_cases(part: Part, cases: pd.DataFrame, shown: list[str], name: str) -> pd.DataFrame:
    """The lines of a part under an index of case columns and the values' own levels."""
    if not shown and not part.levels:
        shown = list(cases.columns)
    if not shown and not part.levels:
        return part.table
    levels, codes, names = [], [], []
    for column in shown:
        code, distinct = _factorized(cases[column])
        levels.append(distinct)
        codes.append(code[part.rows])
        names.append(column)
    if part.levels:
        for level, code, own in _own_levels(part.table.index, names):
            levels.append(level)
            codes.append(code)
            names.append(own)
    table = part.table.copy(deep=False)
    if len(levels) == 1:
        table.index = pd.Index(levels[0].take(codes[0]) if (codes[0] >= 0).all() else _taken(levels[0], codes[0]))
        table.index.name = names[0]
    else:
        table.index = pd.MultiIndex(levels=levels, codes=codes, names=names, verify_integrity=False)
    return table


def _factorized(values: Any) -> tuple[np.ndarray, pd.Index]:
    codes, distinct = pd.factorize(values)
    return codes, pd.Index(distinct)


def _taken(level: pd.Index, codes: np.ndarray) -> pd.Index:
    return pd.MultiIndex(levels=[level], codes=[codes], verify_integrity=False).get_level_values(0)


def _own_levels(index: pd.Index, taken: list[str]) -> list[tuple[pd.Index, np.ndarray, Any]]:
    found = []
    for number in range(index.nlevels):
        own = index.names[number]
        if own is None:
            own = "entry" if index.nlevels == 1 else f"entry_{number}"
        while own in taken or own in [each[2] for each in found]:
            own = f"value_{own}"
        if isinstance(index, pd.MultiIndex):
            found.append((index.levels[number], index.codes[number], own))
        else:
            codes, distinct = _factorized(index)
            found.append((distinct, codes, own))
    return found


def _scalars(pieces: Sequence[tuple[GroupReader, np.ndarray, np.ndarray]], n: int) -> Any:
    """One column of scalars: of numbers or of booleans where all are, else of objects; None becomes missing."""
    read = [(at, _scalar_column(reader, positions)) for reader, at, positions in pieces]
    held = [values for _, values in read if values is not None]
    kinds = {values.dtype.kind for values in held}
    lacking = len(held) < len(read)
    if held and ((kinds == {"b"} and not lacking) or kinds <= set("iufc")):
        column = np.full(n, np.nan if lacking else 0, dtype=np.result_type(*held, *[np.float64] * lacking))
        for at, values in read:
            if values is not None:
                column[at] = values
        return column
    objects = np.full(n, None, dtype=object)
    for at, values in read:
        if values is not None:
            objects[at] = values.astype(object)
    return pd.Series(objects, dtype=object).infer_objects()


def _scalar_column(reader: GroupReader, positions: np.ndarray) -> np.ndarray | None:
    if "value" in reader.described:
        return reader.gather("value", positions)[0]
    if "utf8" not in reader.described:
        return None
    texts = unpack_text(*reader.gather("utf8", positions))
    distinct, codes = reader.attrs()
    kinds = [distinct[0 if codes is None else int(codes[position])]["kind"] for position in positions]
    values = np.empty(len(texts), dtype=object)
    values[:] = [int(text) if kind == "integer" else text for text, kind in zip(texts, kinds)]
    return values


def _batches(reader: GroupReader, at: np.ndarray, positions: np.ndarray):
    """Values that share their attributes too, so that their columns are alike."""
    distinct, codes = reader.attrs()
    if codes is None:
        yield reader, distinct[0], at, positions
        return
    own = codes[positions]
    for code in np.unique(own).tolist():
        yield reader, distinct[code], at[own == code], positions[own == code]


def _stacked(
    reader: GroupReader, attrs: Mapping[str, Any], at: np.ndarray, positions: np.ndarray, name: str
) -> tuple[pd.DataFrame, np.ndarray]:
    """The lines of values that are alike, and the place of the case of each."""
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
    return table, np.repeat(at, lengths)


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
    return decode_column(spec, _one_coding(arrays, lengths))


def _one_coding(arrays: Mapping[str, tuple[np.ndarray, np.ndarray]], lengths: np.ndarray) -> dict[str, np.ndarray]:
    """Codes that each refer to the categories of their own value, as codes into the categories of all."""
    codes, _ = arrays["codes"]
    if "categories" in arrays:
        listed, counts = arrays["categories"]
        to_common, common = pd.factorize(listed)
        found = {"categories": common}
    else:
        utf8, sizes = arrays["utf8"], arrays["lengths"]
        counts = sizes[1]
        to_common, firsts = _same_texts(utf8[0], sizes[0])
        found = firsts
    starts = np.repeat(np.cumsum(counts) - counts, lengths)
    wide = codes.astype(np.intp)
    looked_up = to_common[np.where(wide >= 0, wide + starts, 0)] if len(to_common) else np.zeros(len(wide), np.intp)
    found["codes"] = np.where(wide >= 0, looked_up, -1)
    return found


def _same_texts(utf8: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    texts = np.array(unpack_text(utf8, sizes), dtype=object)
    codes, distinct = pd.factorize(texts)
    return codes, pack_text(list(distinct))


def _joined(tables: Sequence[pd.DataFrame], lines: Sequence[np.ndarray]) -> tuple[pd.DataFrame, np.ndarray]:
    """Tables under each other, in the order of the cases."""
    filled = [table for table in tables if len(table)] or list(tables[:1])
    places = np.concatenate([at for at, table in zip(lines, tables) if len(table)] or [lines[0]])
    order = np.argsort(places, kind="stable")
    return pd.concat(filled).iloc[order], places[order]

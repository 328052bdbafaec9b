"""Many values as one table under an index of cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from conntap.errors import StoreError, known
from conntap.store.stacking import Stack, stacked
from conntap.store.unpacking import GroupReader

__all__ = ["Part", "assemble", "with_cases"]

_ONE_TABLE = ({"scalar"}, {"mapping"}, {"series"}, {"table"})


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
    lacking
        Column -> shape (lines,): the lines whose value has no such column; only for columns that some lack.
    """

    rows: np.ndarray
    table: pd.DataFrame
    levels: bool
    lacking: Mapping[Any, np.ndarray] = field(default_factory=dict)


def assemble(
    pieces: Sequence[tuple[GroupReader, np.ndarray, np.ndarray]], rows: np.ndarray, where: str, name: str
) -> Part:
    """The values of some cases, one under the other in the order of the cases.

    Parameters
    ----------
    pieces
        For each group of values: its reader, the places of its values among the cases, and their positions in
        the group.
    rows
        The row of each case.
    where, name
        For errors, and for the column of scalars and series.

    Raises
    ------
    StoreError
        Values that are not rows, or of several kinds.
    """
    kinds = {reader.encoding for reader, _, _ in pieces}
    stacks = [stack for piece in pieces for stack in stacked(*piece, name)] if kinds in _ONE_TABLE else []
    if kinds and not stacks:
        raise StoreError(
            f"{where}: values of encoding {known(kinds)} do not make one table; only all scalars, all series, all tables "
            "or all dictionaries of scalars do. Use .load, or .summarize with a function that gives a number."
        )
    if not stacks:
        return Part(rows, pd.DataFrame({name: []}), levels=False)
    if kinds == {"scalar"}:
        return Part(rows, pd.DataFrame({name: _scalars(stacks, name, len(rows))}), levels=False)
    table, places, lacking = _joined(stacks)
    return Part(rows[places], table, levels=kinds != {"mapping"}, lacking=lacking)


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


def _scalars(stacks: Sequence[Stack], name: str, n: int) -> Any:
    """One column of scalars: of numbers or of booleans where all are, else of objects; None becomes missing."""
    columns = [(stack.places, stack.table[name].to_numpy()) for stack in stacks]
    held = [values for _, values in columns if not _is_none(values)]
    kinds = {values.dtype.kind for values in held}
    lacking = len(held) < len(columns)
    if held and ((kinds == {"b"} and not lacking) or kinds <= set("iufc")):
        column = np.full(n, np.nan if lacking else 0, dtype=np.result_type(*held, *[np.float64] * lacking))
    else:
        column = np.full(n, None, dtype=object)
    for places, values in columns:
        if not _is_none(values):
            column[places] = values
    return pd.Series(column).infer_objects() if column.dtype.hasobject else column


def _is_none(values: np.ndarray) -> bool:
    return values.dtype.hasobject and all(value is None for value in values)


def _joined(stacks: Sequence[Stack]) -> tuple[pd.DataFrame, np.ndarray, dict[Any, np.ndarray]]:
    """Tables under each other in the order of the cases, the place of each line's case, and which lack a column."""
    filled = [stack for stack in stacks if len(stack.table)] or list(stacks)
    columns = list(dict.fromkeys(name for stack in stacks for name in stack.table.columns))
    if len(filled) == 1 and len(columns) == len(filled[0].table.columns):
        return filled[0].table, filled[0].places, {}
    table = pd.concat([stack.table for stack in filled])
    places = np.concatenate([stack.places for stack in filled])
    order = np.argsort(places, kind="stable")
    lengths = [len(stack.table) for stack in filled]
    lacks = {name: [name not in stack.table for stack in filled] for name in columns}
    lacking = {name: np.repeat(each, lengths)[order] for name, each in lacks.items() if any(each)}
    missing = [name for name in columns if name not in table]
    table = table.iloc[order]
    return (table.reindex(columns=[*table.columns, *missing]) if missing else table), places[order], lacking

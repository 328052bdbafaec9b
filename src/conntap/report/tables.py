"""Tables of the page: the first rows of a long one, and its quantiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from conntap.report.drawing import label
from conntap.report.glyphs import triad_of
from conntap.report.wording import column, number

__all__ = ["Table", "quantiles", "table"]

_NAMING = frozenset(("id", "pre", "post", "node", "seed", "draw", "repeat", "population"))
_SHARES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
_NAMES = ("least", "5 %", "25 %", "median", "75 %", "95 %", "greatest")


@dataclass(frozen=True)
class Table:
    """A table ready for the page: every cell is text; some have the drawing of a class of triads before it.

    `glyphs` maps (row, column) to the class; the row of the heads is -1. `tones` maps it to "good" or "bad".
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    note: str = ""
    glyphs: Mapping[tuple[int, int], str] = field(default_factory=dict)
    tones: Mapping[tuple[int, int], str] = field(default_factory=dict)


def table(
    frame: pd.DataFrame,
    *,
    caption: str,
    most: int = 20,
    columns: int = 16,
    total: int | None = None,
    entries: str = "",
    note: str = "",
) -> Table:
    """The first rows of a frame without its index, and a note of how many there are.

    Parameters
    ----------
    frame
        Any columns; numbers are aligned.
    caption
        What it shows.
    most, columns
        How many rows and columns to show.
    total
        The number of rows there are where `frame` holds only some; default its own.
    entries
        What the columns are; those that are a "triad" or a "motif" have its drawing in their heads.
    note
        What stands below the table.

    Returns
    -------
    A table of text.

    Examples
    --------
    >>> table(pd.DataFrame({"n": range(600)}), caption="Sizes").note
    'Showing 20 of 600 rows.'
    """
    total = len(frame) if total is None else total
    shown = frame.iloc[:most, :columns]
    cells = [_cells(shown.iloc[:, position]) for position in range(shown.shape[1])]
    notes = [note.strip()] if note else []
    notes += [f"Showing {len(shown):,} of {total:,} rows."] if total > len(shown) else []
    if frame.shape[1] > columns:
        left_out = [label(name, 40) for name in frame.columns[columns : columns + 40]]
        more = ", …" if frame.shape[1] > columns + 40 else ""
        notes.append(
            f"Showing {columns} of {frame.shape[1]:,} columns. Left out: {', '.join(left_out)}{more}; tap show --columns shows them."
        )
    drawn = _drawn(shown)
    glyphs = {(-1, position): triad_of(name, entries) for position, name in enumerate(shown.columns)}
    return Table(
        caption=caption,
        heads=tuple(label(name, 40) for name in shown.columns),
        rows=tuple(zip(*cells, strict=True)) if cells else (),
        numeric=tuple(_is_numeric(shown.iloc[:, each]) and (0, each) not in drawn for each in range(shown.shape[1])),
        note=" ".join(notes),
        glyphs=drawn | {place: name for place, name in glyphs.items() if name},
    )


def _drawn(shown: pd.DataFrame) -> dict[tuple[int, int], str]:
    """The classes of triads in the cells of columns that hold nothing else."""
    glyphs: dict[tuple[int, int], str] = {}
    for position, what in enumerate(map(str, shown.columns)):
        names = [triad_of(each, what) for each in shown.iloc[:, position].tolist()]
        if all(names):
            glyphs |= {(row, position): name for row, name in enumerate(names)}
    return glyphs


def quantiles(
    frame: pd.DataFrame,
    *,
    caption: str,
    columns: int = 16,
    head: str = "",
    parts: Sequence[tuple[str, np.ndarray]] = (),
) -> Table | None:
    """The quantiles of each numeric column, a row a column; None where there is no number.

    Parameters
    ----------
    frame
        Any columns.
    caption, head
        What it shows, and what its rows are.
    columns
        How many rows to show at most.
    parts
        Names and rows of what is not to be pooled: each column has a row for each of them; default one.

    Returns
    -------
    A table of text, or None.

    Examples
    --------
    >>> quantiles(pd.DataFrame({"n": [1, 2, 3]}), caption="Sizes").rows[0][4:7]
    ('1.5', '2', '2.5')
    """
    rows = []
    every = [(title, position) for position in range(frame.shape[1]) for title in range(max(1, len(parts)))]
    for part, position in every:
        values = frame.iloc[:, position]
        if not _is_numeric(values):
            continue
        name, inside = parts[part] if parts else ("", slice(None))
        numbers = values[inside].to_numpy(dtype=float, na_value=np.nan)
        numbers = numbers[np.isfinite(numbers)]
        if len(numbers):
            title = f"{name} · {label(values.name, 40)}" if name else label(values.name, 40)
            rows.append([title, len(numbers), *np.quantile(numbers, _SHARES)])
    if not rows:
        return None
    made = [tuple(_row(row)) for row in rows[: max(columns, 24 if parts else 0)]]
    note = f"Showing {len(made)} of {len(rows):,} rows." if len(made) < len(rows) else ""
    names = [triad_of(row[0].split(" · ")[-1], head.split(" · ")[-1]) for row in made]
    glyphs = {(place, 0): name for place, name in enumerate(names) if name}
    return Table(caption, (head, "values", *_NAMES), tuple(made), (False, *[True] * (len(_NAMES) + 1)), note, glyphs)


def _cells(values: pd.Series) -> list[str]:
    """A column as text; ids and the like are names, not amounts."""
    name = str(values.name)
    if values.dtype.kind in "iu" and (name in _NAMING or name.endswith("_id")):
        return ["–" if name == "draw" and value < 0 else str(value) for value in values.tolist()]
    return column(values)


def _row(row: list) -> list[str]:
    return [row[0], number(row[1]), *(number(float(value)) for value in row[2:])]


def _is_numeric(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)

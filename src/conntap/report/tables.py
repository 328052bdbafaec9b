"""Tables of the page: the first rows of a long one, and its quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from conntap.report.drawing import label
from conntap.report.wording import column, number

__all__ = ["Table", "quantiles", "table"]

_NAMING = frozenset(("id", "pre", "post", "node", "seed", "draw", "repeat", "population"))
_SHARES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
_NAMES = ("least", "5 %", "25 %", "median", "75 %", "95 %", "greatest")


@dataclass(frozen=True)
class Table:
    """A table ready for the page: every cell is text."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    note: str = ""


def table(frame: pd.DataFrame, *, caption: str, most: int = 20, columns: int = 16, total: int | None = None) -> Table:
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
    notes = [f"Showing {len(shown):,} of {total:,} rows."] if total > len(shown) else []
    if frame.shape[1] > columns:
        notes.append(f"Showing {columns} of {frame.shape[1]:,} columns.")
    return Table(
        caption=caption,
        heads=tuple(label(name, 40) for name in shown.columns),
        rows=tuple(zip(*cells, strict=True)) if cells else (),
        numeric=tuple(_is_numeric(shown.iloc[:, position]) for position in range(shown.shape[1])),
        note=" ".join(notes),
    )


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
    return Table(caption, (head, "values", *_NAMES), tuple(made), (False, *[True] * (len(_NAMES) + 1)), note)


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

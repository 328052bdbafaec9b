"""Results as tables for a terminal; printing them is the command line's."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich import box
from rich.markup import escape
from rich.table import Table

from conntap.errors import StoreError
from conntap.store import Dataset, Store

__all__ = ["overview", "rich_table", "telling", "values"]

_WIDEST = 16


def overview(store: Store) -> pd.DataFrame:
    """One row a stage: its step, its cases, whether units are missing, its description."""
    rows = []
    for name in store:
        dataset = store[name]
        units, done = dataset.attrs.get("units"), dataset.attrs.get("units_done")
        rows.append({
            "stage": name,
            "step": dataset.step,
            "values": len(dataset),
            "index": ", ".join(map(str, dataset.cases.columns)),
            "units": "complete" if units == done else f"{done} of {units}",
            "description": dataset.description.strip(),
        })  # fmt: skip
    return pd.DataFrame(rows)


def telling(store: Store) -> str | None:
    """The stage whose table says most: the first with controls, else the first of numbers or series."""
    numbers = [name for name in store if set(store[name].encodings) <= {"scalar", "series"} and len(store[name])]
    return next((name for name in numbers if "control" in store[name].cases.columns), next(iter(numbers), None))


def values(dataset: Dataset, *, query: str | None = None) -> pd.DataFrame:
    """The values of a stage as one table, a row a case where that fits.

    Draws of a control become their mean and standard deviation, so that the original stands beside what chance
    gives.
    """
    try:
        frame = dataset.frame(query=query)
    except StoreError:
        table = dataset.cases if query is None else dataset.cases.query(query)
        return table.assign(
            value=[_brief(dataset[int(row)]) for row in table.index[:200]] + [""] * max(0, len(table) - 200)
        )
    cases = [column for column in dataset.cases.columns if column in frame.index.names]
    own = [name for name in frame.index.names if name not in cases]
    if len(frame.columns) == 1 and len(own) == 1:
        level = frame.index.get_level_values(own[0]).unique()
        if len(level) <= _WIDEST:
            frame = frame.iloc[:, 0].unstack(own[0])
            frame.columns = [f"{own[0]} {each}" for each in frame.columns]
            frame = frame.fillna(0) if (frame.fillna(0) % 1 == 0).all(axis=None) else frame
            own = []
    table = frame.reset_index()
    if "draw" in table and len(table) > 2:
        table = _summarized(table, [column for column in [*cases, *own] if column != "draw"])
    return table


def rich_table(rows: list[dict[str, Any]], *, title: str) -> tuple[Table, int]:
    """Rows of equal keys as a table of rich, and the width below which it would cut a word or a number."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold", padding=(0, 1, 0, 0))
    needed = 1
    for name in rows[0] if rows else ():
        cells = [_cell(row[name]) for row in rows]
        numeric = all(cell[:1].isdigit() or cell[:1] in "-" for cell in cells)
        widest = min(32, max((len(word) for cell in (name, *cells) for word in cell.split()), default=1))
        table.add_column(name, justify="right" if numeric else "left", min_width=widest, overflow="fold")
        needed += widest + 1
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    return table, needed


def _summarized(table: pd.DataFrame, cases: list[str]) -> pd.DataFrame:
    numbers = [c for c in table.columns if c not in (*cases, "draw") and pd.api.types.is_numeric_dtype(table[c])]
    grouped = table.groupby(cases, dropna=False, sort=False)
    mean, sd, draws = grouped[numbers].mean(), grouped[numbers].std(ddof=1), grouped.size()
    shown: dict[str, Any] = {}
    for column in numbers:
        shown[column] = [
            f"{_plain(m)} ± {s:,.2g}" if s > 0 else _plain(m) for m, s in zip(mean[column], sd[column], strict=True)
        ]
    return pd.DataFrame({"draws": draws.to_numpy(), **shown}, index=mean.index).reset_index()


def _plain(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def _brief(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"{len(value)} items"
    if hasattr(value, "shape"):
        return f"{type(value).__name__} of shape {value.shape}"
    text = repr(value).splitlines()[0]
    return text if len(text) < 90 else text[:87] + "..."


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) or (hasattr(value, "dtype") and value.dtype.kind == "f"):
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    if isinstance(value, int) or (hasattr(value, "dtype") and value.dtype.kind in "iu"):
        return f"{int(value):,}"
    return escape(str(value))

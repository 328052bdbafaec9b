"""Results as tables for a terminal; printing them is the command line's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.markup import escape
from rich.table import Table

from conntap.circuits import Circuit
from conntap.store import Dataset, File, Store

__all__ = ["fitting", "overview", "rich_table", "telling", "values"]

_WIDEST = 16
_TABULAR = {"scalar", "series", "table", "mapping"}


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


def values(dataset: Dataset, *, query: str | None = None, longest: int | None = 90) -> pd.DataFrame:
    """The values of a stage as one table, a row a case where that fits.

    Of circuits and files the path is told; other values that are no numbers in at most `longest` characters, None for any.

    Draws of a control become their mean and standard deviation, so that the original stands beside what chance
    gives. Of whole numbers, an entry that a value lacks counts as 0 if another value of the same swept options has it
    (no simplices of that dimension); anything else that is not there is missing.
    """
    if not set(dataset.encodings) <= _TABULAR or not len(dataset):
        table = dataset.cases if query is None else dataset.load(query).index.to_frame(index=False)
        chosen = dataset.load(query).iloc[: None if longest is None else 200] if len(dataset) else []
        told = [_brief(each, longest) for each in chosen]
        return table.assign(value=[*told, *[""] * (len(table) - len(told))])
    frame = dataset.frame(query=query)
    cases = [column for column in dataset.cases.columns if column in frame.index.names]
    own = [name for name in frame.index.names if name is not None and name not in cases]
    frame = frame.rename(columns={name: f"value_{name}" for name in frame.columns if name in frame.index.names})
    table = frame.reset_index()
    if not own and None in frame.index.names:
        table = table.drop(columns=[name for name in ("index", "level_0") if name in table])
    numbers = [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])]
    if len(frame.columns) == 1 and numbers and len(own) == 1 and table[own[0]].nunique() <= _WIDEST and cases:
        swept = [name for name in cases if f"each {name}" in dataset.options]
        table, own = _widened(table, cases, own[0], frame.columns[0], swept), []
    elif len(frame.columns) == 1 and numbers and len(own) == 1 and len(table) <= _WIDEST and not cases:
        table, own = _in_one_row(table, own[0], frame.columns[0]), []
    if "draw" in table and len(table) > 2:
        table = _summarized(table, [column for column in [*cases, *own] if column != "draw"])
    return table


def _widened(table: pd.DataFrame, cases: list[str], own: str, name: str, swept: list[str]) -> pd.DataFrame:
    """One row a case, one column an entry."""
    at = table.groupby(cases, dropna=False, sort=False).ngroup().to_numpy()
    wide = table.loc[~pd.Series(at).duplicated().to_numpy(), cases].reset_index(drop=True)
    alike = wide.groupby(swept, dropna=False).ngroup().to_numpy() if swept else np.zeros(len(wide), dtype=int)
    counts = pd.api.types.is_integer_dtype(table[name])
    for entry in table[own].unique():
        here = (table[own] == entry).to_numpy()
        column = np.full(len(wide), np.nan)
        head = _head(own, entry, wide)
        if counts:
            column[np.isin(alike, alike[at[here]])] = 0
        column[at[here]] = table.loc[here, name].astype(float)
        wide[head] = column
    return wide


def _head(own: str, entry: Any, beside: pd.DataFrame) -> str:
    """The head of the column of an entry: its name; of numbers, and where another column is called so, with what they are."""
    return entry if isinstance(entry, str) and entry not in beside else f"{own} {entry}"


def _in_one_row(table: pd.DataFrame, own: str, name: str) -> pd.DataFrame:
    heads = [_head(own, entry, pd.DataFrame()) for entry in table[own]]
    return pd.DataFrame([dict(zip(heads, table[name], strict=True))])


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
            (f"{_plain(m)} ± {s:,.2g}" if s > 0 else _plain(m)) if pd.notna(m) else None
            for m, s in zip(mean[column], sd[column], strict=True)
        ]
    return pd.DataFrame({"draws": draws.to_numpy(), **shown}, index=mean.index).reset_index()


def _plain(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def fitting(table: pd.DataFrame, width: int) -> list[Any]:
    """The first columns that fit side by side into so many characters; one at least."""
    kept: list[Any] = []
    for name in table.columns:
        cells = [_cell(each) for each in table[name]]
        width -= max(len(word) for cell in (str(name), *cells) for word in (cell.split() or [""])) + 2
        if kept and width < 0:
            break
        kept.append(name)
    return kept


def _brief(value: Any, longest: int | None) -> str:
    if isinstance(value, Circuit | File):
        return str(value.path)
    if isinstance(value, list | tuple):
        return f"{len(value)} items"
    if hasattr(value, "shape"):
        return f"{type(value).__name__} of shape {value.shape}"
    text = repr(value).splitlines()[0]
    return text if longest is None or len(text) < longest else text[: longest - 3] + "..."


def _cell(value: Any) -> str:
    if value is None or (not isinstance(value, str | list | tuple | dict) and pd.isna(value) is True):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) or (hasattr(value, "dtype") and value.dtype.kind == "f"):
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    if isinstance(value, int) or (hasattr(value, "dtype") and value.dtype.kind in "iu"):
        return f"{int(value):,}"
    return escape(str(value))

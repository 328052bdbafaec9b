"""Originals against their controls: the figures of z and ratio, and the table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Key, Note, Sample
from conntap.report.cases import facets
from conntap.report.tables import Table, quantiles, table
from conntap.report.wording import number

__all__ = ["statistics"]

_MEASURES = frozenset(("value", "mean", "sd", "z", "ratio", "p", "p_upper", "p_lower", "draws", "p_floor", "control"))
_SHOWN = ("value", "mean", "sd", "z", "ratio", "p")


def statistics(sample: Sample, *, entry: str = "") -> list[Block | Table]:
    """How each original compares with each of its controls; empty without controls.

    Parameters
    ----------
    sample
        The cases; its `against` gives the table of statistics of one control.
    entry
        The name of the values' own index, such as "dimension"; empty for scalars.

    Returns
    -------
    A gallery of z and ratio, the first rows of the table, and the quantiles of z where the table is long.
    """
    tables = {name: sample.against(name) for name in sample.controls}
    tables = {name: _one_entry(_flat(frame), sample) for name, frame in tables.items() if len(frame)}
    if not tables:
        return []
    stacked = pd.concat([frame.assign(control=name) for name, frame in tables.items()], ignore_index=True)
    own = [name for name in stacked.columns if name in sample.cases.columns and name not in ("control", "draw")]
    names = [name for name in own if name in sample.columns]
    place = _entry_column(stacked, sample)
    shown = [*names, *([place] if place else []), "control", *(name for name in _SHOWN if name in stacked)]
    order = stacked.groupby([*own, *([place] if place else [])], sort=False, dropna=False, observed=True).ngroup()
    stacked = stacked.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)
    blocks: list[Block | Table] = [
        _gallery(tables, sample, place, own),
        table(stacked[shown], caption="Originals against their controls."),
    ]
    summary = _summary(stacked, place) if len(stacked) > 20 else None
    return [*blocks, *([summary] if summary is not None else []), Note(_floor(stacked))]


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.reset_index() if any(name is not None for name in frame.index.names) else frame.reset_index(drop=True)


def _one_entry(frame: pd.DataFrame, sample: Sample) -> pd.DataFrame:
    """The same with several levels of the values' own index joined into one of text."""
    rest = [name for name in frame.columns if name not in _MEASURES and name not in sample.cases.columns]
    if len(rest) < 2:
        return frame
    joined = [" · ".join(_word(part) for part in parts) for parts in zip(*(frame[name] for name in rest))]
    return frame.drop(columns=rest).assign(**{"entry": joined})


def _entry_column(stacked: pd.DataFrame, sample: Sample) -> str:
    """The name of the values' own index; several levels become one column of text."""
    rest = [name for name in stacked.columns if name not in _MEASURES and name not in sample.cases.columns]
    return rest[0] if rest else ""


def _gallery(tables: dict[str, pd.DataFrame], sample: Sample, place: str, own: list[str]) -> Gallery:
    figures = []
    for measure, title, reference in (("z", "z score", 0.0), ("ratio", "original / mean of control", 1.0)):
        wide = {name: _wide(frame, measure, sample, place, own) for name, frame in tables.items() if measure in frame}
        figure = plots.against(wide, x_label=place, y_label=title, reference=reference, title=title)
        figures.append((title, figure))
    caption = "Originals against their controls: diamonds are the median over cases, dots single cases (at most 60 drawn); a ratio of 0 has no place on a logarithmic axis."
    keys = [Key(name, position, "dot") for position, name in enumerate(tables, start=1)]
    return Gallery(figures, caption, keys)


def _wide(frame: pd.DataFrame, measure: str, sample: Sample, place: str, own: list[str]) -> pd.DataFrame:
    """Rows are cases, columns the entries; the panels' titles stand for entries where values are scalars."""
    if place:
        by = [name for name in own if name in frame]
        key = frame.groupby(by, sort=False, dropna=False, observed=True).ngroup() if by else np.zeros(len(frame), int)
        long = pd.DataFrame({"case": key, "entry": frame[place], "value": frame[measure].astype(float)})
        return long.groupby(["case", "entry"], sort=False, dropna=False, observed=True)["value"].first().unstack()
    columns = [name for name in sample.columns if name in frame]
    values = frame[measure].to_numpy(dtype=float)
    groups = {title or "all": pd.Series(values[rows]) for title, rows in facets(frame, columns)}
    return pd.DataFrame(groups)


def _summary(stacked: pd.DataFrame, place: str) -> Table | None:
    by = ["control", place] if place else ["control"]
    groups = stacked.groupby(by, sort=False, dropna=False, observed=True)["z"]
    columns = {" · ".join(_word(part) for part in (key if isinstance(key, tuple) else (key,))): z for key, z in groups}
    frame = pd.DataFrame({name: z.reset_index(drop=True) for name, z in columns.items()})
    return quantiles(frame, caption="Quantiles of z over cases.", columns=24, head=" · ".join(by))


def _word(part: object) -> str:
    return part if isinstance(part, str) else number(part)  # type: ignore[arg-type]


def _floor(stacked: pd.DataFrame) -> str:
    text = "z is the distance from the control's mean in its standard deviations; it is empty where these are 0. "
    if "draws" not in stacked:
        return text + "p is empirical and two-sided."
    parts = []
    for name, group in stacked.groupby("control", sort=False):
        fewest, most = int(group["draws"].min()), int(group["draws"].max())
        span = f"{most}" if fewest == most else f"{fewest} to {most}"
        parts.append(
            f"{name} with {span} has {number(1 / (most + 1), 2)}, so p ≥ {number(min(1.0, 2 / (most + 1)), 2)}"
        )
    return text + (
        "p is empirical and two-sided: twice the share of draws at least as extreme on the nearer side, the original "
        f"counted among them. So the least one-sided p is 1/(draws + 1): {'; '.join(parts)}."
    )

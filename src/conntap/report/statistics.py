"""Originals against their controls: the figures of z and ratio, and the table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Key, Note, Sample
from conntap.report.cases import apart, facets, fewer, groups
from conntap.report.glyphs import TRIADS
from conntap.report.labels import DRAWS
from conntap.report.tables import Table, quantiles, table
from conntap.report.wording import number

__all__ = ["statistics"]

_MEASURES = frozenset(
    ("value", "mean", "sd", "z", "ratio", "p", "p_upper", "p_lower", "q", "draws", "p_floor", "control")
)
_ROWS = 40  # of the table; of more, the quantiles too
_PARTS = 6  # slices or swept options, each with two figures
_SHOWN = ("value", "mean", "sd", "z", "ratio", "p")


def statistics(sample: Sample, *, sweep: str = "", fill_value: float | None = 0.0) -> list[Block | Table]:
    """How each original compares with each of its controls; empty without controls.

    Parameters
    ----------
    sample
        The cases; its `against` gives the table of statistics of one control.
    sweep
        The option that is the x axis of single numbers; default none.
    fill_value
        What an entry counts for that an original or a draw lacks and another one of the same original has;
        None where they are no counts.

    Returns
    -------
    A gallery of z and ratio, the first rows of the table, and the quantiles of z where the table is long.
    """
    tables = {name: sample.against(name, fill_value=fill_value) for name in sample.controls}
    tables = {name: _one_entry(_flat(frame), sample) for name, frame in tables.items() if len(frame)}
    if not tables:
        return []
    stacked = pd.concat([frame.assign(control=name) for name, frame in tables.items()], ignore_index=True)
    own = [name for name in sample.cases.columns if name in stacked and name not in (*DRAWS, sweep)]
    place = sweep if sweep in stacked else _entry_column(stacked, sample)
    stacked = _sorted(_in_order(stacked, place), [*own, *([place] if place else [])])
    names = [name for name in own if name in sample.columns]
    shown = [*names, *([place] if place else []), "control", *(name for name in _SHOWN if name in stacked)]
    parts = _parts(stacked, sample, own)
    blocks: list[Block | Table] = [
        _gallery(stacked, sample, place, own, parts),
        table(stacked[shown], caption="Originals against their controls.", most=_ROWS),
    ]
    summary = _summary(stacked, place, parts) if len(stacked) > _ROWS and names else None
    return [*blocks, *([summary] if summary is not None else []), Note(_floor(stacked))]


def _in_order(stacked: pd.DataFrame, place: str) -> pd.DataFrame:
    """The classes of triads in the order in which they grow; other entries as they stand."""
    if place != "triad":
        return stacked
    names = list(TRIADS)
    rank = stacked[place].map(lambda name: names.index(name) if name in names else len(names))
    return stacked.iloc[np.argsort(rank.to_numpy(), kind="stable")].reset_index(drop=True)


def _sorted(stacked: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The same with the controls of one original, and entry of it, below each other."""
    if not by:
        return stacked
    order = stacked.groupby(by, sort=False, dropna=False, observed=True).ngroup()
    return stacked.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)


def _parts(stacked: pd.DataFrame, sample: Sample, own: list[str]) -> list[tuple[str, np.ndarray]]:
    """What is never pooled, in the order of the cases: (name, rows)."""
    found = groups(stacked, apart(stacked[own]))
    order = [title for title, _ in groups(sample.cases, [name for name in apart(sample.cases) if name in own])]
    return sorted(found, key=lambda part: order.index(part[0]) if part[0] in order else len(order))


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


def _gallery(
    stacked: pd.DataFrame, sample: Sample, place: str, own: list[str], parts: list[tuple[str, np.ndarray]]
) -> Gallery:
    figures = []
    kept, note = fewer(parts if place else [("", np.arange(len(stacked)))], _PARTS)
    for part, rows in kept:
        tables = {name: stacked.iloc[rows].query("control == @name") for name in sample.controls}
        for measure, word, reference in (("z", "z score", 0.0), ("ratio", "original / mean of control", 1.0)):
            wide = {
                name: _wide(frame, measure, sample, place, own) for name, frame in tables.items() if measure in frame
            }
            title = f"{part} · {'z' if measure == 'z' else 'ratio'}" if part else word
            figure = plots.against(wide, x_label=place, y_label=word, reference=reference, title=title)
            figures.append((title, figure))
    caption = "Originals against their controls: diamonds are the median over cases, dots single cases (at most 60 drawn); where the axis of ratios is logarithmic, those of 0 are not drawn."
    keys = [Key(name, position, "dot") for position, name in enumerate(sample.controls, start=1)]
    return Gallery(figures, caption + note.replace("panels", "parts"), keys)


def _wide(frame: pd.DataFrame, measure: str, sample: Sample, place: str, own: list[str]) -> pd.DataFrame:
    """Rows are cases, columns the entries; the panels' titles stand for entries where values are scalars."""
    if place:
        key = frame.groupby(own, sort=False, dropna=False, observed=True).ngroup() if own else np.zeros(len(frame), int)
        long = pd.DataFrame({"case": key, "entry": frame[place], "value": frame[measure].astype(float)})
        return long.groupby(["case", "entry"], sort=False, dropna=False, observed=True)["value"].first().unstack()
    columns = [name for name in sample.columns if name in frame]
    values = frame[measure].to_numpy(dtype=float)
    return pd.DataFrame({title or "all": pd.Series(values[rows]) for title, rows in facets(frame, columns)})


def _summary(stacked: pd.DataFrame, place: str, parts: list[tuple[str, np.ndarray]]) -> Table | None:
    by = ["control", place] if place else ["control"]
    columns = {}
    for part, rows in parts:
        for key, z in stacked.iloc[rows].groupby(by, sort=False, dropna=False, observed=True)["z"]:
            words = [part] * bool(part) + [_word(each) for each in key]
            columns[" · ".join(words)] = z.reset_index(drop=True)
    head = " · ".join(["part"] * (len(parts) > 1) + by)
    return quantiles(pd.DataFrame(columns), caption="Quantiles of z over cases.", columns=24, head=head)


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

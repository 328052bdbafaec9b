"""Tables that set something before beside the same after, and tables of checks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Key, Note, Sample
from conntap.report.cases import fewer
from conntap.report.drawing import label
from conntap.report.tables import Table, table
from conntap.report.wording import counted, number

__all__ = ["changed", "checked", "is_change", "is_check"]

_CHANGE = {"before", "after", "change", "ratio"}
_SIDES = ("before", "after")
_CHECK = ["expected", "found", "wrong", "holds"]


def is_change(value: pd.DataFrame) -> bool:
    """Whether a table has something before and after, a row an entry, as `analyze.change` gives it."""
    return set(value.columns) == _CHANGE and value.index.nlevels == 1 and value.index.is_unique and len(value) <= 40


def is_check(value: pd.DataFrame) -> bool:
    """Whether a table says of each of some checks whether it holds, as `circuits.check_removed` gives it."""
    return list(map(str, value.columns)) == _CHECK and value.index.name == "check"


def changed(sample: Sample, frames: list[pd.DataFrame]) -> list[Block | Table]:
    """Before and after in one picture for each case, then the numbers."""
    titles = sample.labels if len(frames) > 1 else [""] * len(frames)
    entry = next((str(each.index.name) for each in frames if each.index.name is not None), "entry")
    panels, note = fewer([(titles[row], np.array([row])) for row in sample.own.tolist()])
    span = np.concatenate([frames[row][list(_SIDES)].to_numpy(dtype=float).ravel() for row in sample.own.tolist()])
    span = (np.nanmin(span), np.nanmax(span)) if np.isfinite(span).any() else ()
    figures = [(title or sample.name, _figure(frames[int(rows[0])], entry, title, span)) for title, rows in panels]
    keys = [Key("before", 0), Key("after", 1)]
    caption = f"Before and after, by {label(entry)}.{note}{sample.note}"
    return [Gallery(figures, caption, keys), *_numbers(sample, frames, entry)]


def _figure(frame: pd.DataFrame, entry: str, title: str, span: Sequence[float]) -> Figure:
    before, after = (pd.DataFrame([frame[name].to_numpy(dtype=float)], columns=frame.index) for name in _SIDES)
    return plots.profile(before, {"after": after}, x_label=entry, y_label="value", title=title, span=span)


def _numbers(sample: Sample, frames: list[pd.DataFrame], entry: str) -> list[Table]:
    rows = []
    for row in sample.own.tolist():
        case = {name: sample.cases[name].iloc[row] for name in sample.columns}
        rows += [{**case, **each} for each in frames[row].rename_axis(entry).reset_index().to_dict("records")]
    frame = pd.DataFrame(rows)
    return [table(frame, caption="Before, after, and their difference and ratio.", most=60, total=len(frame))]


def checked(sample: Sample, frames: list[pd.DataFrame]) -> list[Block | Table]:
    """Whether all checks hold in a sentence, and a list of them; the numbers of those that do not."""
    both = pd.concat(dict(enumerate(frames)), names=["case"])
    holds = both["holds"].astype(bool)
    names = list(dict.fromkeys(both.index.get_level_values("check").tolist()))
    told = (
        f"All {counted(len(both), 'check')} hold"
        if holds.all()
        else f"{(~holds).sum():,} of {len(both):,} checks do not hold"
    )
    blocks: list[Block | Table] = [Note(f"{told}{', in ' + counted(len(frames), 'case') if len(frames) > 1 else ''}.")]
    grid = holds.unstack("check")[names].astype(object).where(lambda each: each.isna() | (each == False), "holds")  # noqa: E712
    for (row, name), fine in holds.items():
        if not fine:
            wrong = both.loc[(row, name), "wrong"]
            grid.loc[row, name] = f"{number(int(wrong))} wrong" if wrong == wrong else "does not hold"
    cases = sample.cases[sample.columns].reset_index(drop=True)
    shown = pd.concat([cases, grid.reset_index(drop=True)], axis=1)
    return [*blocks, table(shown, caption="Which checks hold.", total=sample.total)]

"""Methods of inference side by side: the stages that judge estimates of one truth, in one panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conntap.report import plots
from conntap.report.blocks import Gallery, Key
from conntap.report.cases import apart, groups
from conntap.report.drawing import INKS, canvas, colour, dots, label, nothing, number_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from conntap.store import Dataset

__all__ = ["MEASURES", "beside", "judged", "measure_keys", "side_by_side"]

MEASURES = {
    "roc_auc": "area under the ROC curve",
    "pr_auc": "average precision",
    "precision_at_true": "precision of as many as there are",
    "sign_accuracy": "share of signs that are right",
    "precision_of_kept": "precision of those kept",
    "recall_of_kept": "recall of those kept",
}
_SWEPT = ("roc_auc", "pr_auc")
_ROWS = 40
_LINES = 8
_POINTS = 60
_LEVELS = (3, 40)  # values of an option that is an axis
_STEP = "infer.score"


def judged(stages: Sequence[Dataset]) -> list[list[Dataset]]:
    """The stages of `infer.score` that judge estimates of one truth in one way, where there are several."""
    found: dict[tuple[str, ...], list[Dataset]] = {}
    for each in stages:
        if each.step == _STEP and len(each) and each.encodings == ("series",):
            told = (each.inputs.get("truth"), *(each.options.get(name) for name in ("edges", "pairs")))
            found.setdefault(tuple(map(str, told)), []).append(each)
    return [each for each in found.values() if len(each) > 1]


def side_by_side(stages: Sequence[Dataset]) -> list[Gallery]:
    """What `judged` found together, as figures: a row a method and what was swept, and each method over what all sweep."""
    names = _short([each.name for each in stages])
    tables = {name: _table(each) for name, each in zip(names, stages)}
    rows = {
        " · ".join(filter(None, (name, title))): wide.iloc[at]
        for name, (cases, wide) in tables.items()
        for title, at in groups(cases, apart(cases))
    }
    pooled = len(rows) > _ROWS
    shown = {name: wide for name, (_, wide) in tables.items()} if pooled else rows
    caption = "How well the scores of pairs tell connections, by method. " + _points_caption(shown, pooled=pooled)
    overview = Gallery([("methods side by side", beside(shown))], caption, measure_keys(shown))
    return [overview, *_over_sweep(tables)]


def _table(dataset: Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The cases, and a row of measures for each."""
    wide = pd.DataFrame([value.astype(float) for value in dataset]).reset_index(drop=True)
    return dataset.cases.reset_index(drop=True), wide


def _short(names: list[str]) -> list[str]:
    """Names without the words that all begin with.

    Examples
    --------
    >>> _short(["score_of_lag", "score_of_partial"]), _short(["score", "score_of_lag"])
    (['lag', 'partial'], ['score', 'score_of_lag'])
    """
    words = [name.split("_") for name in names]
    same = 0
    while all(len(each) > same + 1 and each[same] == words[0][same] for each in words):
        same += 1
    return ["_".join(each[same:]) for each in words]


def _over_sweep(tables: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]) -> list[Gallery]:
    """A panel a measure over the numeric option that several methods share; methods without it are level."""
    sweep = _shared_sweep([cases for cases, _ in tables.values()])
    if sweep is None:
        return []
    levels = np.unique(np.concatenate([cases[sweep].dropna() for cases, _ in tables.values() if sweep in cases]))
    lines: dict[str, pd.DataFrame] = {}
    for name, (cases, wide) in tables.items():
        for title, at in groups(cases, [each for each in apart(cases) if each != sweep]):
            part = wide.iloc[at]
            by = part.groupby(cases[sweep].to_numpy()[at]).median() if sweep in cases else _level(part, levels)
            lines[" · ".join(filter(None, (name, title)))] = by
    kept = dict(list(lines.items())[:_LINES])
    figures = []
    for measure in _SWEPT:
        series = {name: each[measure] for name, each in kept.items() if measure in each}
        figures.append((measure, plots.curves(series, x_label=sweep, y_label=measure, title=MEASURES[measure])))
    caption = f"Methods over {label(sweep)}: medians over the cases that differ in nothing else."
    if any(sweep not in cases for cases, _ in tables.values()):
        caption += " Level lines are of methods that do not depend on it."
    if len(lines) > len(kept):
        caption += f" {len(kept)} of {len(lines)} lines are drawn."
    return [Gallery(figures, caption, [Key(name, position) for position, name in enumerate(kept)])]


def _level(wide: pd.DataFrame, levels: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame([wide.median()] * len(levels), index=levels)


def _shared_sweep(cases: Sequence[pd.DataFrame]) -> str | None:
    """The one option of several values that at least two stages have."""
    low, high = _LEVELS
    found = [
        name
        for each in cases
        for name in apart(each)
        if pd.api.types.is_numeric_dtype(each[name]) and low <= each[name].nunique() <= high
    ]
    several = [name for name in dict.fromkeys(found) if found.count(name) > 1]
    return several[0] if len(several) == 1 else None


def measure_keys(rows: Mapping[str, pd.DataFrame]) -> list[Key]:
    """The legend of `beside`."""
    names = list(MEASURES)
    return [Key(MEASURES[name], names.index(name), "dot") for name in names if _has(rows, name)]


def _has(rows: Mapping[str, pd.DataFrame], name: str) -> bool:
    return any(name in each and each[name].notna().any() for each in rows.values())


def _points_caption(rows: Mapping[str, Any], *, pooled: bool = False) -> str:
    text = "Upright ticks: the share of pairs that are connected, which is the average precision of chance."
    if max((len(each) for each in rows.values()), default=0) > 1:
        text = "Small points are single cases, large ones their median. " + text
    return text + (" All cases of a stage are pooled, since they are many." if pooled else "")


def beside(rows: Mapping[str, pd.DataFrame], *, title: str = "") -> Figure:
    """Measures of inference, a row a method and one colour a measure.

    Parameters
    ----------
    rows
        Name -> table of shape (cases, measures) with columns as `infer.score` names them. The first 40 are drawn.
    title
        What the panel shows.

    Returns
    -------
    A figure 430 pixels wide and as tall as the rows ask for; the axis is from 0 to 1. Cases are small points, their medians
    large ones.

    Examples
    --------
    >>> one = pd.DataFrame({"roc_auc": [0.9, 0.8], "pr_auc": [0.5, 0.4], "prevalence": [0.1, 0.1]})
    >>> [text.get_text() for text in beside({"lag": one, "partial": one}).axes[0].get_yticklabels()]
    ['lag', 'partial']
    """
    shown = list(rows.items())[:_ROWS]
    with canvas(430, 76 + 24 * max(2, len(shown)), title=title) as axes:
        if not any(_has(rows, name) for name in MEASURES):
            nothing(axes)
            return axes.figure
        for place, (_, wide) in enumerate(shown):
            if "prevalence" in wide:
                axes.plot([wide["prevalence"].median()], [place], "|", color=INKS["muted"][0], markersize=13)
            for position, name in enumerate(MEASURES):
                values = wide[name].dropna().to_numpy() if name in wide else np.empty(0)
                if len(values) > 1:
                    part = values[np.unique(np.linspace(0, len(values) - 1, min(_POINTS, len(values))).astype(int))]
                    dots(axes, part, np.full(len(part), place), size=3.6, color=colour(position), alpha=0.4)
                if len(values):
                    axes.plot([np.median(values)], [place], "o", color=colour(position), markersize=6.5, zorder=4)
        number_axis(axes, "x", [0.0, 0.5], log=False)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_yticks(range(len(shown)), [label(name, 36) for name, _ in shown])
        axes.grid(axis="y", visible=False)
    return axes.figure

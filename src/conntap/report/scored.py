"""Stages that judge an inference or describe recordings: scores, curves of scores, and what recordings are like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Key, Note, Sample
from conntap.report.cases import apart, fewer, groups
from conntap.report.drawing import DASHES, INKS, canvas, colour, label, nothing, number_axis
from conntap.report.entries import sweep_of
from conntap.report.methods import MEASURES, beside, measure_keys
from conntap.report.tables import Table, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["curve_kind", "curves", "descriptions", "is_description", "is_score", "scores"]

_CURVES = {
    "roc": ("false_positive_rate", "true_positive_rate"),
    "precision_recall": ("recall", "precision"),
}
_LINES = 8
_GRID = 201
_OF_TRACES = (
    "Events of traces are rises from one step to the next by more than 4 standard deviations of what noise makes. Spikes below "
    "the noise are missed, so neurons fire more often than this; infer.deconvolved estimates their spikes."
)
_EVENTS = "events of a node (Hz)"
_TOLD = {
    "duration_s": "duration (s)",
    "dt_ms": "time step (ms)",
    "frame_rate_hz": "frame rate (Hz)",
    "n_steps": "steps",
    "n_nodes": "nodes",
    "rate_hz": "rate of a node (Hz)",
    "snr": "signal-to-noise ratio",
    "missing": "missing (share of values)",
    "dead": "dead nodes",
    "duplicated": "duplicated nodes",
}
_DESCRIBED = ("rate_hz", "burstiness", "synchrony", "snr", "frame_rate_hz", "duration_s")


def is_score(value: pd.Series) -> bool:
    """Whether a series is what `infer.score` gives.

    Examples
    --------
    >>> is_score(pd.Series([0.9, 0.4], pd.Index(["roc_auc", "pr_auc"], name="measure")))
    True
    """
    return value.index.nlevels == 1 and value.index.name == "measure" and {"roc_auc", "pr_auc"} <= set(value.index)


def scores(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage of scores: a panel a measure over what is swept or by case, and the numbers."""
    wide = pd.DataFrame([value.astype(float) for value in sample.read()]).reset_index(drop=True)
    parts, note = fewer(groups(sample.cases, apart(sample.cases)), 24)
    sweep = sweep_of(sample)
    figures, keys = [], []
    if len(wide) == 1:
        tall = wide.T.set_axis(["value"], axis=1).rename_axis("measure").reset_index()
        return [table(tall, caption="How well the scores of pairs tell connections.")]
    if sweep is None:
        rows = dict(zip(_unlike([title or sample.name for title, _ in parts]), (wide.iloc[rows] for _, rows in parts)))
        figures, keys = [(sample.name, beside(rows))], measure_keys(rows)
    else:
        measures = [name for name in MEASURES if name in wide and wide[name].notna().any()]
        figures, keys = _swept(sample, wide[measures], sweep)
        chance = {"roc_auc": 0.5, "pr_auc": float(wide["prevalence"].median()) if "prevalence" in wide else np.nan}
        for name, figure in figures:
            for value in chance.values() if name not in MEASURES else [chance.get(name, np.nan)]:
                _chance(figure.axes[0], value)
    several = max((len(rows) for _, rows in parts), default=0) > 1
    caption = "How well the scores of pairs tell connections."
    if sweep is None:
        caption += " Small points are single cases, large ones their median." if several else ""
        caption += " Upright ticks: the share of pairs that are connected, which is the average precision of chance."
    else:
        caption += " Medians over the cases that differ in nothing else." if several else ""
        caption += " Dashed: what chance gives (of the average precision, the share of pairs that are connected)."
    return [Gallery(figures, caption + note + sample.note, keys), _table(sample, wide)]


def _unlike(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out


def _swept(sample: Sample, wide: pd.DataFrame, sweep: str) -> tuple[list[tuple[str, Figure]], list[Key]]:
    """Measures over the option that is swept: in one panel; where other options vary, a panel a measure."""
    others = [column for column in apart(sample.cases) if column != sweep]
    at = sample.cases[sweep].to_numpy()
    if not others:
        lines = {MEASURES[name]: wide[name].groupby(at).median() for name in wide}
        figure = plots.curves(lines, x_label=sweep, y_label="measure")
        return [(sample.name, figure)], [Key(title, position) for position, title in enumerate(lines)]
    parts = groups(sample.cases, others)[:_LINES]
    figures = []
    for name in [name for name in ("roc_auc", "pr_auc", "precision_at_true") if name in wide]:
        lines = {title: wide[name].iloc[rows].groupby(at[rows]).median() for title, rows in parts}
        figures.append((name, plots.curves(lines, x_label=sweep, y_label=name, title=MEASURES[name])))
    return figures, [Key(title, position) for position, (title, _) in enumerate(parts)]


def _chance(axes: Axes, value: float) -> None:
    if np.isfinite(value) and axes.axison:
        axes.axhline(value, color=INKS["muted"][0], linewidth=1, linestyle="--", zorder=1)


def _table(sample: Sample, wide: pd.DataFrame) -> Table:
    names = sample.cases[sample.columns].reset_index(drop=True)
    return table(pd.concat([names, wide], axis=1).head(40), caption="The scores.", most=40, total=len(wide))


def curve_kind(frame: pd.DataFrame) -> str:
    """ "roc", "precision_recall", or empty for any other table.

    Examples
    --------
    >>> curve_kind(pd.DataFrame(columns=["threshold", "recall", "precision", "n"])), curve_kind(pd.DataFrame({"n": [1]}))
    ('precision_recall', '')
    """
    return next((name for name, pair in _CURVES.items() if {*pair, "threshold"} <= set(frame.columns)), "")


def curves(sample: Sample, frames: list[pd.DataFrame], kind: str) -> list[Block | Table]:
    """The blocks of a stage of such curves: all in one panel, cases that may be pooled in one colour."""
    x, y = _CURVES[kind]
    parts, note = fewer(groups(sample.cases, apart(sample.cases)), _LINES)
    named = {title or sample.name: [frames[row] for row in rows.tolist()] for title, rows in parts}
    figure = _figure(named, x, y, diagonal=kind == "roc")
    several = max(map(len, named.values()), default=0) > 1
    caption = (
        "True against false positive rates as the threshold falls; dashed, what chance gives."
        if kind == "roc"
        else "Precision against recall as the threshold falls."
    )
    caption += " Thin lines are single cases, thick ones their mean." if several else ""
    keys = [Key(title, position) for position, title in enumerate(named)]
    rows = [_point(frame, x, y, kind) for frame in frames]
    names = sample.cases[sample.columns].reset_index(drop=True)
    facts = pd.concat([names, pd.DataFrame(rows)], axis=1).head(40)
    gallery = Gallery(
        [(kind.replace("_", " "), figure)], caption + note.replace("panels", "curves") + sample.note, keys
    )
    return [gallery, table(facts, caption="Some points of the curves.", most=40, total=len(frames))]


def _figure(named: Mapping[str, list[pd.DataFrame]], x: str, y: str, *, diagonal: bool) -> Figure:
    with canvas(380, 360) as axes:
        if not any(len(frame) for frames in named.values() for frame in frames):
            nothing(axes)
            return axes.figure
        grid = np.linspace(0, 1, _GRID)
        if diagonal:
            axes.plot([0, 1], [0, 1], color=INKS["muted"][0], linewidth=1, linestyle="--")
        for position, frames in enumerate(named.values()):
            tone, dash = colour(position), DASHES[position % len(DASHES)]
            each = [_on(grid, frame[x].to_numpy(dtype=float), frame[y].to_numpy(dtype=float)) for frame in frames]
            if len(each) > 1:
                for line in each[:30]:
                    axes.plot(grid, line, color=tone, linewidth=0.7, alpha=0.45)
            axes.plot(grid, np.mean(each, axis=0), color=tone, linewidth=2, linestyle=dash)
        for which in "xy":
            number_axis(axes, which, [0.0, 0.5], log=False)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.set_box_aspect(0.9)
        axes.set_xlabel(x.replace("_", " "))
        axes.set_ylabel(y.replace("_", " "))
    return axes.figure


def _on(grid: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A curve at the points of a grid; before its first point it is level."""
    order = np.argsort(x, kind="stable")
    return np.interp(grid, x[order], y[order])


def _point(frame: pd.DataFrame, x: str, y: str, kind: str) -> dict[str, float]:
    at = (0.01, 0.05, 0.1) if kind == "roc" else (0.1, 0.25, 0.5)
    told = "true rate at false rate " if kind == "roc" else "precision at recall "
    grid = np.asarray(at)
    found = _on(grid, frame[x].to_numpy(dtype=float), frame[y].to_numpy(dtype=float))
    return {f"{told}{share:g}": float(value) for share, value in zip(at, found)}


def is_description(value: Any) -> bool:
    """Whether a dictionary is what `infer.describe_recording` gives."""
    return isinstance(value, dict) and {"kind", "burstiness", "n_nodes", "advice"} <= set(value)


def descriptions(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage of descriptions of recordings: a table, and where there are several, their numbers beside."""
    told = pd.DataFrame(list(sample.read()))
    names = sample.cases[sample.columns].reset_index(drop=True)
    advice = told["advice"].astype(str)
    notes: list[Block | Table] = [
        Note(f"{label(name, 40)}: {text}" if len(told) > 1 else text)
        for name, text in zip(sample.labels[:12], advice)
        if text.strip()
    ]
    facts = told.drop(columns="advice")
    heads_of = _TOLD | {"rate_hz": _rate(told["kind"])}
    if (told["kind"] == "traces").any():
        notes.insert(0, Note(_OF_TRACES))
    if len(told) <= 4:
        heads = _unlike(list(sample.labels)) if len(told) > 1 else ["value"]
        tall = facts.rename(columns=heads_of).T.set_axis(heads, axis=1).rename_axis("what").reset_index().astype(object)
        return [table(_in_words(tall), caption="What the recordings are like."), *notes]
    figures = []
    for name in _DESCRIBED:
        values = pd.to_numeric(facts[name], errors="coerce")
        if values.notna().any() and values.nunique() > 1:
            own = dict(zip(_unlike(list(sample.labels))[:24], values.tolist()))
            figures.append((name, plots.intervals(own, {}, x_label=heads_of.get(name, name))))
    gallery = [Gallery(figures, "What the recordings are like." + sample.note)] if figures else []
    shown = pd.concat([names, facts.rename(columns=heads_of)], axis=1)
    return [*gallery, table(shown.head(40), caption="The recordings.", most=40, columns=20, total=len(told)), *notes]


def _rate(kinds: pd.Series) -> str:
    """What the rate of recordings counts."""
    traces = (kinds == "traces").to_numpy()
    return _EVENTS if traces.all() else f"rate or {_EVENTS}" if traces.any() else _TOLD["rate_hz"]


def _in_words(tall: pd.DataFrame) -> pd.DataFrame:
    def word(value: Any) -> str:
        if isinstance(value, float | np.floating):
            return "–" if np.isnan(value) else f"{value:,.4g}"
        return f"{value:,}" if isinstance(value, int | np.integer) else str(value).replace("_", " ")

    return tall.map(word)

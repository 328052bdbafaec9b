"""What was built beside what is published: a table with pass and miss, and where each lies."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from conntap.report.blocks import Block, Gallery, Key, Note, Sample
from conntap.report.drawing import INKS, canvas, colour, label, nothing, tick
from conntap.report.tables import Table, table
from conntap.report.wording import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["comparison", "is_validation", "validated"]

_COLUMNS = frozenset(
    ("quantity", "unit", "mean", "sd", "published", "published_sd", "low", "high", "source", "verdict")
)
_TONES = {"pass": "good", "miss": "bad"}
_BETWEEN = 32  # pixels between the rows of two quantities: room for the numbers of a scale
_COLOURS = {"pass": 2, "miss": 6, "unknown": 7}


def is_validation(frame: pd.DataFrame) -> bool:
    """Whether a table sets what was built beside what is published.

    >>> is_validation(pd.DataFrame({"quantity": ["n"]}))
    False
    """
    return set(map(str, frame.columns)) >= _COLUMNS


def validated(sample: Sample, frames: list[pd.DataFrame]) -> list[Block | Table]:
    """The blocks of a stage of such tables: how many are met, and for each of the first cases a figure and the table."""
    blocks: list[Block | Table] = []
    for name, frame in list(zip(sample.labels, frames, strict=True))[:4]:
        counts = frame["verdict"].astype(str).value_counts()
        whose = "" if name == "all" else f"{name}: "
        known = int(counts.get("pass", 0) + counts.get("miss", 0))
        missed = sorted({_words(each) for each in frame.loc[frame["verdict"] == "miss", "quantity"].tolist()})
        told = f"{whose}{counts.get('pass', 0)} of {known} published values are met."
        blocks.append(Note(told + (f" Missed, of some source at least: {', '.join(missed)}." if missed else "")))
        caption = (
            "Each quantity on a scale of its own: band and bar, what was built (mean and standard deviation); points, what is "
            "published, with its standard deviation or the tolerance where none is told."
        )
        keys = [Key("built", 0, "band"), Key("published, met", 2, "dot"), Key("published, missed", 6, "dot")]
        blocks.append(Gallery([(f"{whose}beside what is published", comparison(frame))], caption, keys, "wide"))
        blocks.append(_verdicts(frame, f"{whose}What was built beside what is published."))
    if len(frames) > 4:
        blocks.append(Note(f"The first 4 of {sample.total:,} values are shown."))
    return blocks


def _words(quantity: object) -> str:
    return str(quantity).replace("_", " ")


def _verdicts(frame: pd.DataFrame, caption: str) -> Table:
    shown = pd.DataFrame(
        {
            "quantity": [_words(each) for each in frame["quantity"]],
            "unit": [_unit(each) for each in frame["unit"].astype(str)],
            "built": [_pair(*each) for each in frame[["mean", "sd"]].to_numpy(dtype=float)],
            "published": [_pair(*each) for each in frame[["published", "published_sd"]].to_numpy(dtype=float)],
            "source": frame["source"].astype(str).to_numpy(),
            "verdict": frame["verdict"].astype(str).to_numpy(),
        }
    )
    place = len(shown.columns) - 1
    tones = {(row, place): _TONES[each] for row, each in enumerate(shown["verdict"]) if each in _TONES}
    made = table(shown, caption=caption, most=60)
    return Table(made.caption, made.heads, made.rows, made.numeric, made.note, made.glyphs, tones)


def _unit(text: str) -> str:
    """A unit as it is printed.

    >>> _unit("um3"), _unit("1/mm3")
    ('µm³', '1/mm³')
    """
    return text.replace("um", "µm").replace("3", "³").replace("2", "²")


def _pair(mean: float, sd: float) -> str:
    words = number(float(mean))
    return words if np.isnan(sd) or np.isnan(mean) else f"{words} ± {number(float(sd))}"


def comparison(frame: pd.DataFrame) -> Figure:
    """What was built and each published value of it, a block a quantity, each on a scale of its own.

    Returns
    -------
    A figure 760 pixels wide, as high as there are rows.

    Examples
    --------
    >>> columns = dict(quantity="n", unit="", mean=2.0, sd=1.0, n=3, published=2.0, published_sd=1.0, low=1.0, high=3.0)
    >>> len(comparison(pd.DataFrame([columns | dict(source="someone", verdict="pass")])).axes)
    1
    """
    groups = list(frame.groupby("quantity", sort=False))
    height = 18 * len(frame) + _BETWEEN * len(groups) + 26
    with canvas(760, max(height, 80)) as axes:
        axes.grid(visible=False)
        axes.set_axis_off()
        if not len(frame):
            nothing(axes)
            return axes.figure
        top = 0.0
        for name, rows in groups:
            _strip(axes, str(name), rows, top)
            top -= 18 * len(rows) + _BETWEEN
        axes.set_xlim(-0.45, 1.68)
        axes.set_ylim(top + 4, 18)
    return axes.figure


def _strip(axes: Axes, name: str, rows: pd.DataFrame, top: float) -> None:
    """One quantity: its name at the left, the values in the middle, the sources at the right."""
    mean, sd = (float(rows[each].iloc[0]) for each in ("mean", "sd"))
    low, high = (rows[each].to_numpy(dtype=float) for each in ("low", "high"))
    spread = 0.0 if np.isnan(sd) else sd
    ends = np.array([*low, *high, mean - spread, mean + spread])
    ends = ends[np.isfinite(ends)]
    least, most = float(ends.min()), float(ends.max())
    span = (most - least) or abs(most) or 1.0
    least, most = least - 0.05 * span, most + 0.05 * span
    at = lambda value: (value - least) / (most - least)  # noqa: E731
    bottom, muted = top - 18 * (len(rows) - 1), INKS["muted"][0]
    unit = _unit(str(rows["unit"].iloc[0]))
    middle = (top + bottom) / 2
    axes.text(-0.44, middle + 5, label(_words(name), 30), va="center", fontsize=10.5, color=INKS["ink"][0])
    built = "not known" if np.isnan(mean) else f"{_pair(mean, sd)}{f' {unit}' if unit else ''}"
    axes.text(-0.44, middle - 8, built, va="center", fontsize=9.5, color=colour(0))
    _scale(axes, at, (least, most), bottom - 10)
    if not np.isnan(mean):
        edges = [at(mean - spread), at(mean + spread)]
        axes.fill_between(edges, bottom - 9, top + 9, color=colour(0), alpha=0.14, linewidth=0, zorder=1)
        axes.plot([at(mean)] * 2, [bottom - 9, top + 9], color=colour(0), linewidth=2, zorder=2)
    for place, row in enumerate(rows.itertuples(index=False)):
        y, tone = top - 18 * place, colour(_COLOURS.get(str(row.verdict), 7))
        axes.plot([at(row.low), at(row.high)], [y, y], color=tone, linewidth=1.6, zorder=3, solid_capstyle="round")
        axes.plot([at(row.published)], [y], color=tone, marker="o", markersize=5.5, zorder=4)
        text = f"{label(row.source, 30)}: {_pair(row.published, row.published_sd)}"
        axes.text(1.05, y, text, va="center", fontsize=9, color=muted)


def _scale(axes: Axes, at: Callable[[float], float], ends: tuple[float, float], height: float) -> None:
    """The line under one quantity, with the numbers of some round places."""
    from matplotlib.ticker import MaxNLocator

    axes.plot([0, 1], [height] * 2, color=INKS["line"][0], linewidth=0.8, zorder=0)
    for value in MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(*ends).tolist():
        if ends[0] <= value <= ends[1]:
            axes.plot([at(value)] * 2, [height, height - 3], color=INKS["line"][0], linewidth=0.8, zorder=0)
            words = tick(0.0 if abs(value) < 1e-12 * (ends[1] - ends[0]) else value)
            axes.text(at(value), height - 4, words, ha="center", va="top", fontsize=8, color=INKS["muted"][0])

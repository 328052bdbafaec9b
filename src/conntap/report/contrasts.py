"""Figures of how far originals lie from their controls: a number beside its draws, and z or ratio by entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from conntap.report.drawing import (
    INKS,
    canvas,
    colour,
    dots,
    finite,
    label,
    nothing,
    number_axis,
    tick,
    wants_log,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

from conntap.report.glyphs import triad_glyphs
from conntap.report.profiles import aligned, entries_of, entry_axis, place_entries, quantile_rows

__all__ = ["against", "intervals"]


def intervals(
    originals: Mapping[str, float],
    controls: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
    *,
    x_label: str = "",
    title: str = "",
) -> Figure:
    """One number for each case as a point, above the mean, standard deviation and range of each control.

    Parameters
    ----------
    originals
        Case -> value.
    controls
        Name of the control -> case -> the values of its draws.
    x_label, title
        What the axis and the panel show.

    Returns
    -------
    A figure 430 pixels wide, as high as its cases need.

    Examples
    --------
    >>> len(intervals({"a": 3.0}, {"shuffled": {"a": [1.0, 2.0]}}).axes)
    1
    """
    controls = controls or {}
    cases = list(dict.fromkeys([*originals, *(case for draws in controls.values() for case in draws)]))
    every = [*originals.values(), *(v for draws in controls.values() for values in draws.values() for v in values)]
    values = finite(every)
    with canvas(height=96 + 24 * max(len(cases), 3), title=title) as axes:
        if len(values) == 0:
            nothing(axes)
            return axes.figure
        for position, draws in enumerate(controls.values(), start=1):
            for row, case in enumerate(cases):
                _interval(axes, row + 0.5 * position / (len(controls) + 1), finite(draws.get(case, [])), position)
        kept = [row for row, case in enumerate(cases) if np.isfinite(float(originals.get(case, np.nan)))]
        axes.plot([originals[cases[row]] for row in kept], kept, "o", color=colour(0), markersize=6.5, zorder=5)
        number_axis(axes, "x", values, log=wants_log(values))
        axes.set_yticks(range(len(cases)), [label(case) for case in cases])
        axes.set_ylim(len(cases) - 0.3, -0.7)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(label(x_label))
    return axes.figure


def _interval(axes: Axes, y: float, values: np.ndarray, position: int) -> None:
    if len(values) == 0:
        return
    tone, mean = colour(position), values.mean()
    sd = values.std(ddof=1) if len(values) > 1 else 0.0
    axes.plot([values.min(), values.max()], [y, y], color=tone, linewidth=1.2, alpha=0.7)
    axes.plot([mean - sd, mean + sd], [y, y], color=tone, linewidth=5, alpha=0.4, solid_capstyle="butt")
    axes.plot([mean], [y], "|", color=tone, markersize=9, markeredgewidth=1.6)


def against(
    measures: Mapping[str, pd.DataFrame], *, x_label: str = "", y_label: str = "", reference: float = 0, title: str = ""
) -> Figure:
    """How far the originals lie from each control, for each entry: the median case and the single ones.

    Parameters
    ----------
    measures
        Name of the control -> table of shape (cases, entries) of a z score or a ratio.
    reference
        The value that means no difference, drawn as a line: 0 for z, 1 for a ratio.
    x_label, y_label, title
        What the axes and the panel show.

    Returns
    -------
    A figure of 430 by 290 pixels. Ratios that span much get a logarithmic axis (ratios of 0 are not drawn
    then); scores beyond fifty one that is linear between -10 and 10 and logarithmic outside.

    Examples
    --------
    >>> len(against({"shuffled": pd.DataFrame([[0.0, 2.5], [0.1, 3.5]])}).axes)
    1
    """
    entries = entries_of(list(measures.values()))
    tables = [aligned(frame, entries) for frame in measures.values()]
    values = finite(np.concatenate([table.ravel() for table in tables])) if tables else finite([])
    with canvas(title=title) as axes:
        if len(values) == 0:
            nothing(axes)
            return axes.figure
        x, named = place_entries(entries)
        gap = float(np.diff(np.unique(x)).min()) if len(np.unique(x)) > 1 else 1.0
        axes.axhline(reference, color=INKS["muted"][0], linewidth=1)
        for position, table in enumerate(tables):
            offset = gap * 0.5 * ((position + 0.5) / len(tables) - 0.5)
            _scores(axes, x + offset, table, position + 1)
        _score_axis(axes, values, reference)
        entry_axis(axes, x, entries, named)
        axes.set_xlim(x.min() - 0.6 * gap, x.max() + 0.6 * gap)
        triad_glyphs(axes, x, entries, x_label)
        axes.set_xlabel(label(x_label))
        axes.set_ylabel(label(y_label))
    return axes.figure


def _scores(axes: Axes, x: np.ndarray, table: np.ndarray, position: int) -> None:
    shown = table if len(table) <= 60 else table[np.linspace(0, len(table) - 1, 60).astype(int)]
    dots(axes, np.tile(x, len(shown)), shown.ravel(), size=4, color=colour(position), alpha=0.4)
    middle = quantile_rows(table, [0.5])[0]
    axes.plot(x, middle, "D", color=colour(position), markersize=6, linestyle="none", zorder=4)


def _score_axis(axes: Axes, values: np.ndarray, reference: float) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    plain = FuncFormatter(lambda value, _: tick(value))
    positive = values[values > 0]
    if reference == 1 and len(positive) and values.min() >= 0 and positive.max() > 4 * min(positive.min(), 1):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(FixedLocator(_steps(min(positive.min(), 1), positive.max())))
    elif reference == 0 and np.abs(values).max() > 50:
        axes.set_yscale("symlog", linthresh=10, linscale=1)
        largest = np.abs(values).max()
        powers = (
            np.array(_steps(10, largest)) if largest < 1e4 else 10.0 ** np.arange(1, np.ceil(np.log10(largest)) + 1)
        )
        axes.yaxis.set_major_locator(FixedLocator([*-powers[::-1], -5, 0, 5, *powers]))
        axes.set_ylim(-_beyond(-values.min()), _beyond(values.max()))
    else:
        number_axis(axes, "y", np.append(values, reference + 0.5), log=False)
        return
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(plain)


def _beyond(value: float) -> float:
    """A little above a value, and above 0, to see a point at the end of the axis whole."""
    return float(value * 1.4 if value > 10 else max(value, 0) + 1.5)


def _steps(low: float, high: float) -> list[float]:
    """Ticks of a logarithmic axis: 1, 2, 5 and so on over few decades, powers of ten over many."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    factors = (1, 2, 5) if len(powers) <= 4 else (1,)
    every = max(1, len(powers) // 6)
    return [factor * 10.0**power for power in powers[::every] for factor in factors]

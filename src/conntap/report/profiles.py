"""Figures of values over the entries they share, with a band for each control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conntap.report.drawing import (
    DASHES,
    canvas,
    colour,
    dots,
    finite,
    label,
    nothing,
    number_axis,
    wants_log,
)
from conntap.report.glyphs import triad_glyphs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["aligned", "entries_of", "entry_axis", "place_entries", "profile", "quantile_rows"]

_FEW = 12  # up to so many cases are drawn one by one; more as a median and quantiles


def profile(
    originals: pd.DataFrame,
    controls: Mapping[str, pd.DataFrame] | None = None,
    *,
    x_label: str = "",
    y_label: str = "",
    title: str = "",
    span: Sequence[float] = (),
) -> Figure:
    """Values over the entries they share, such as simplices by dimension, with a band for each control.

    One case is a line, up to twelve are thin lines with their median, more are their median with the
    quartiles and the 5 % to 95 % quantiles. A control beside one case shows its draws' mean, standard
    deviation and range; beside several cases, the median and the same quantiles of all its values.

    Parameters
    ----------
    originals
        Shape (cases, entries): columns are the entries in order; numbers or text.
    controls
        Name -> table of shape (draws, entries); entries may differ from the originals'.
    x_label, y_label, title
        What the axes and the panel show.
    span
        Values whose range the y axis shares with other panels; default the panel's own.

    Returns
    -------
    A figure of 430 by 290 pixels; the value axis is logarithmic (with a true zero) where values span much.

    Notes
    -----
    Linear in the number of values; what is drawn is bounded by the number of entries.

    Examples
    --------
    >>> figure = profile(pd.DataFrame([[9, 20, 4]]), {"shuffled": pd.DataFrame([[9, 20, 1], [9, 20, 0]])})
    >>> len(figure.axes)
    1
    """
    controls = {name: frame for name, frame in (controls or {}).items() if frame.size}
    entries = entries_of([originals, *controls.values()])
    tables = [aligned(frame, entries) for frame in (originals, *controls.values())]
    values = np.concatenate([finite(table) for table in tables] + [finite(span)])
    with canvas(title=title) as axes:
        if len(values) == 0 or not entries:
            nothing(axes)
            return axes.figure
        x, named = place_entries(entries)
        named = named or x_label == "motif"  # numbers that are names
        single = len(originals) == 1
        draw_band, draw_cases = (_bars, _points) if named else (_band, _cases)
        for position, table in enumerate(tables[1:], start=1):
            draw_band(axes, x + (0.12 * position if named else 0), table, position, spread=single)
        draw_cases(axes, x, tables[0])
        log = wants_log(values)
        number_axis(axes, "y", values, log=log)
        _span(axes, finite(span), log=log)
        entry_axis(axes, x, entries, named)
        triad_glyphs(axes, x, entries, x_label)
        axes.set_xlabel(label(x_label))
        axes.set_ylabel(label(y_label))
    return axes.figure


def entries_of(frames: Sequence[pd.DataFrame]) -> list[Any]:
    """The union of the columns in order of first appearance; sorted where all are numbers."""
    entries = list(dict.fromkeys(entry for frame in frames for entry in frame.columns))
    if all(isinstance(entry, int | float | np.number) for entry in entries):
        return sorted(entries)
    return entries


def aligned(frame: pd.DataFrame, entries: list[Any]) -> np.ndarray:
    """Shape (rows, entries): the numbers of a frame in the order of the entries; NaN where one is lacking."""
    values = frame.reindex(columns=entries).to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(values), np.clip(values, -1e300, 1e300), np.nan)


def place_entries(entries: list[Any]) -> tuple[np.ndarray, bool]:
    """Where entries stand on the x axis, and whether they are names and not numbers."""
    numbers = all(isinstance(entry, int | float | np.number) and np.isfinite(entry) for entry in entries)
    return (np.asarray(entries, dtype=float), False) if numbers else (np.arange(len(entries), dtype=float), True)


def quantile_rows(table: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Column-wise quantiles that leave NaN out; NaN where a column has nothing."""
    out = np.full((len(shares), table.shape[1]), np.nan)
    filled = ~np.isnan(table).all(axis=0)
    if filled.any() and len(table):
        out[:, filled] = np.nanquantile(table[:, filled], shares, axis=0)
    return out


def _spreads(table: np.ndarray, *, spread: bool) -> np.ndarray:
    """Shape (5, entries): least, -sd, mean, +sd, greatest; or the 5, 25, 50, 75, 95 % quantiles."""
    if not spread:
        return quantile_rows(table, (0.05, 0.25, 0.5, 0.75, 0.95))
    low, high = quantile_rows(table, (0, 1))
    values = pd.DataFrame(table)
    mean, sd = values.mean().to_numpy(), values.std().fillna(0).to_numpy()
    below = np.where(low >= 0, np.maximum(mean - sd, 0), mean - sd)
    return np.stack([low, below, mean, mean + sd, high])


def _band(axes: Axes, x: np.ndarray, table: np.ndarray, position: int, *, spread: bool) -> None:
    low, quarter, middle, upper, high = _spreads(table, spread=spread)
    tone = colour(position)
    axes.fill_between(x, low, high, color=tone, alpha=0.16, linewidth=0)
    axes.fill_between(x, quarter, upper, color=tone, alpha=0.3, linewidth=0)
    axes.plot(x, middle, color=tone, linestyle=DASHES[position % len(DASHES)], linewidth=1.5)


def _bars(axes: Axes, x: np.ndarray, table: np.ndarray, position: int, *, spread: bool) -> None:
    """A control beside named entries, which have no line between them: upright bars and ticks."""
    low, quarter, middle, upper, high = _spreads(table, spread=spread)
    axes.vlines(x, low, high, color=colour(position), linewidth=1.2, alpha=0.7)
    axes.vlines(x, quarter, upper, color=colour(position), linewidth=5, alpha=0.4)
    axes.plot(x, middle, "_", color=colour(position), markersize=9, markeredgewidth=1.6)


def _points(axes: Axes, x: np.ndarray, table: np.ndarray) -> None:
    if len(table) > 1:
        shown = table[np.unique(np.linspace(0, len(table) - 1, min(60, len(table))).astype(int))]
        dots(axes, np.tile(x, len(shown)), shown.ravel(), size=4, color=colour(0), alpha=0.45)
        table = quantile_rows(table, [0.5])
    if len(table):
        axes.plot(x, table[0], "o", color=colour(0), markersize=6.5, zorder=4)


def _span(axes: Axes, values: np.ndarray, *, log: bool) -> None:
    """The y axis that panels share."""
    if len(values) == 0 or values.min() == values.max():
        return
    low, high = values.min(), values.max()
    if log:
        axes.set_ylim(low / 1.4 if axes.get_yscale() == "log" or low >= 2 else -0.15, high * 1.6)
    else:
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))


def _cases(axes: Axes, x: np.ndarray, table: np.ndarray) -> None:
    tone = colour(0)
    if len(table) == 0:
        return
    if len(table) == 1:
        axes.plot(x, table[0], "o-", color=tone, linewidth=2)
        return
    low, quarter, middle, upper, high = quantile_rows(table, (0.05, 0.25, 0.5, 0.75, 0.95))
    if len(table) <= _FEW:
        for row in table:
            axes.plot(x, row, color=tone, linewidth=0.9, alpha=0.5)
    else:
        axes.fill_between(x, low, high, color=tone, alpha=0.16, linewidth=0)
        axes.fill_between(x, quarter, upper, color=tone, alpha=0.3, linewidth=0)
    axes.plot(x, middle, "o-", color=tone, linewidth=2.2)


def entry_axis(axes: Axes, x: np.ndarray, entries: list[Any], named: bool) -> None:
    """Label the x axis with the entries; at most 24 names, turned where they crowd."""
    if not named:
        number_axis(axes, "x", x, log=False)
        return
    step = max(1, -(-len(entries) // 24))
    crowded = len(entries) > 5 or sum(len(str(entry)) for entry in entries) > 36
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(x[::step], [label(entry, 16) for entry in entries[::step]], **turned)
    axes.set_xlim(x[0] - 0.6, x[-1] + 0.6)

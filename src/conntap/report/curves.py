"""Figures of several named curves over one axis, such as participation by layer or a rule beside what it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conntap.report.drawing import DASHES, canvas, colour, finite, label, nothing, number_axis, wants_log
from conntap.report.glyphs import triad_glyphs
from conntap.report.profiles import entries_of, entry_axis, place_entries

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["curves"]

_MOST = 8
_POINTS = 200


def curves(
    named: Mapping[str, pd.Series],
    *,
    bare: Sequence[str] = (),
    x_label: str = "",
    y_label: str = "",
    title: str = "",
) -> Figure:
    """Several series over the entries they share, each in a colour of its own.

    Parameters
    ----------
    named
        Name -> numbers by entry; entries are numbers or names. The first eight are drawn, of each 200 points at most.
    bare
        The names drawn as a line without points, and over the others: what a model says.
    x_label, y_label, title
        What the axes and the panel show.

    Returns
    -------
    A figure of 430 by 290 pixels; the value axis is logarithmic (with a true zero) where values span much.

    Notes
    -----
    Linear in the number of values.

    Examples
    --------
    >>> figure = curves({"found": pd.Series([0.2, 0.1], [25.0, 75.0]), "fitted": pd.Series([0.19, 0.1], [25.0, 75.0])})
    >>> len(figure.axes[0].lines)
    2
    """
    named = {name: _thinned(series) for name, series in list(named.items())[:_MOST]}
    frames = [series.to_frame().T for series in named.values()]
    entries: list[Any] = entries_of(frames) if frames else []
    tables = [np.asarray(series.reindex(entries), dtype=float) for series in named.values()]
    values = finite(np.concatenate(tables)) if tables else finite([])
    with canvas(title=title) as axes:
        if len(values) == 0:
            nothing(axes)
            return axes.figure
        x, texts = place_entries(entries)
        texts = texts or x_label == "motif"  # numbers that are names
        for position, (name, numbers) in enumerate(zip(named, tables, strict=True)):
            kept = np.isfinite(numbers)
            plain = name in bare
            marks = {"marker": "" if plain else "o", "linestyle": "-" if plain else DASHES[position % len(DASHES)]}
            if texts and plain:
                marks = {"marker": "_", "markersize": 12, "markeredgewidth": 2, "linestyle": "none"}
            elif texts or (bare and not plain):
                marks["linestyle"] = "none"
            axes.plot(x[kept], numbers[kept], color=colour(position), zorder=4 if plain else 3, **marks)
        number_axis(axes, "y", values, log=wants_log(values))
        entry_axis(axes, x, entries, texts)
        triad_glyphs(axes, x, entries, x_label)
        axes.set_xlabel(label(x_label))
        axes.set_ylabel(label(y_label))
    return axes.figure


def _thinned(series: pd.Series) -> pd.Series:
    if len(series) <= _POINTS:
        return series
    return series.iloc[np.unique(np.linspace(0, len(series) - 1, _POINTS).astype(int))]

"""Figures of points: where nodes are and when they spike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conntap.report.drawing import (
    canvas,
    colour,
    dots,
    finite,
    label,
    nothing,
    number_axis,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["positions", "raster"]


def positions(
    x: Any, y: Any, groups: Any = None, *, x_label: str = "x (µm)", y_label: str = "y (µm)", title: str = ""
) -> Figure:
    """Points in a plane of equal scale, coloured by group.

    Parameters
    ----------
    x, y
        Shape (nodes,): coordinates, in µm unless the labels say otherwise.
    groups
        Shape (nodes,): the group of each, at most eight kinds; None for one colour.
    x_label, y_label, title
        What the axes and the panel show.

    Returns
    -------
    A figure 330 pixels high and at most 430 wide, with at most 2,500 points, evenly chosen.

    Examples
    --------
    >>> len(positions([0, 1], [0, 2], ["EXC", "INH"]).axes)
    1
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    x, y = (np.clip(each, -1e300, 1e300) for each in (x, y))
    kinds = pd.Categorical(["all"] * len(x) if groups is None else groups)
    rows = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    size = 6.0 if len(rows) < 200 else 4.0 if len(rows) < 1000 else 3.0
    rows = rows[np.unique(np.linspace(0, max(len(rows) - 1, 0), min(2500, len(rows))).astype(int))]
    with canvas(_width(x[rows], y[rows]), 330, title=title) as axes:
        if len(rows) == 0:
            nothing(axes, "no positions")
            return axes.figure
        for position in range(len(kinds.categories)):
            here = rows[kinds.codes[rows] == position]
            dots(axes, x[here], y[here], size=size, color=colour(position), alpha=0.75)
        axes.set_aspect("equal", adjustable="datalim")
        number_axis(axes, "x", x[rows] + 0.5, log=False)
        number_axis(axes, "y", y[rows] + 0.5, log=False)
        axes.margins(0.06)
        axes.set_xlabel(label(x_label))
        axes.set_ylabel(label(y_label))
    return axes.figure


def _width(x: np.ndarray, y: np.ndarray) -> float:
    """Pixels across, so that a tall narrow cloud does not stand in an empty field."""
    across, upwards = (float(np.ptp(each)) if len(each) else 0.0 for each in (x, y))
    return float(np.clip(90 + 260 * across / upwards, 230, 430)) if upwards > 0 else 430.0


def raster(times_ms: Any, rows: Any, *, x_label: str = "", y_label: str = "node", title: str = "") -> Figure:
    """Spikes as points: when on the x axis, whose on the y axis.

    Parameters
    ----------
    times_ms
        Shape (spikes,): the time of each.
    rows
        Shape (spikes,): the row of the node that fired it; numbers or names.
    x_label, y_label, title
        What the axes and the panel show; without an `x_label` the time and its unit.

    Returns
    -------
    A figure of 430 by 290 pixels with at most 4,000 spikes, evenly chosen; times beyond 5 s are shown in seconds.

    Examples
    --------
    >>> len(raster([0.5, 3.0], [0, 1]).axes)
    1
    """
    times = np.asarray(times_ms, dtype=float)
    places = np.asarray(rows)
    if places.dtype.kind not in "iuf":
        places = pd.factorize(places)[0]
    in_seconds = np.abs(finite(times)).max(initial=0) > 5000
    times = times / 1000 if in_seconds else times
    chosen = np.unique(np.linspace(0, max(len(times) - 1, 0), min(4000, len(times))).astype(int))
    with canvas(title=title) as axes:
        if not np.isfinite(times).any():
            nothing(axes, "no spikes")
            return axes.figure
        dots(axes, times[chosen], places[chosen], size=2.2, color=colour(0), alpha=0.8)
        number_axis(axes, "x", times, log=False)
        number_axis(axes, "y", places, log=False)
        axes.set_xlabel(label(x_label or ("time (s)" if in_seconds else "time (ms)")))
        axes.set_ylabel(label(y_label))
    return axes.figure

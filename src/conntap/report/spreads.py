"""Figures of how numbers and kinds are spread: histograms, tails and shares."""

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
    tick,
    wants_log,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["distribution", "shares", "tail"]


def distribution(
    groups: Mapping[str, Any], *, x_label: str = "", y_label: str = "share of values", title: str = ""
) -> Figure:
    """Histograms of several groups of numbers over common bins, each as a share of its group.

    Parameters
    ----------
    groups
        Name -> numbers of any shape; the first is filled, the others are outlines.
    x_label, y_label, title
        What the axes and the panel show.

    Returns
    -------
    A figure of 430 by 290 pixels; bins are whole numbers where the values are and span little.

    Notes
    -----
    Linear in the number of values; at most 40 bins.

    Examples
    --------
    >>> len(distribution({"delay": [1.0, 2.0, 2.5]}).axes)
    1
    """
    arrays = [finite(values) for values in groups.values()]
    values = np.concatenate([*arrays, finite([])])
    with canvas(title=title) as axes:
        if len(values) == 0:
            nothing(axes)
            return axes.figure
        log = wants_log(values) and values.max() > 1000 * np.median(values[values > 0])
        edges = _bins(values, log=log)
        for position, array in enumerate(arrays):
            if len(array):
                heights = np.histogram(array, edges)[0] / len(array)
                fill = {"fill": True, "alpha": 0.35} if position == 0 else {}
                axes.stairs(heights, edges, color=colour(position), **fill)
                axes.stairs(heights, edges, color=colour(position), linewidth=1.5, linestyle=DASHES[position % 8])
        number_axis(axes, "x", values, log=log)
        number_axis(axes, "y", [0.5], log=False)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(label(x_label, 40))
        axes.set_ylabel(label(y_label))
    return axes.figure


def _bins(values: np.ndarray, *, log: bool) -> np.ndarray:
    low, high = values.min(), values.max()
    if log:
        positive = values[values > 0]
        edges = np.geomspace(positive.min(), high, 31)
        return np.append(0, edges) if low <= 0 else edges
    if np.array_equal(values, np.round(values)) and high - low <= 40:
        return np.arange(low, high + 2) - 0.5
    if high - low <= 1e-12 * max(abs(high), abs(low)):
        pad = max(abs(high), 1e-300) / 2
        return np.array([low - pad, low + pad])
    return np.linspace(low, high, min(40, max(8, int(np.sqrt(len(values))))) + 1)


def tail(
    groups: Mapping[str, Sequence[Any]],
    *,
    x_label: str = "",
    y_label: str = "share of nodes with as many or more",
    title: str = "",
) -> Figure:
    """How many nodes have a value or more (the complementary distribution), both axes logarithmic.

    Parameters
    ----------
    groups
        Name -> one array of non-negative numbers for each case. The cases of the first group are drawn
        faint (at most thirty, evenly chosen) under all of them pooled; other groups are drawn pooled.
    x_label, y_label, title
        What the axes and the panel show.

    Returns
    -------
    A figure of 430 by 290 pixels. Zeros count in the shares and are not drawn; where all other values are one,
    it is a point.

    Notes
    -----
    Sorting: n log n in the number of values; each curve keeps at most 160 points. Source: Clauset, Shalizi,
    Newman, 2009, doi:10.1137/070710111, section 2.

    Examples
    --------
    >>> len(tail({"original": [[0, 1, 2, 2, 9]]}).axes)
    1
    """
    pooled = [
        finite(np.concatenate([finite(a) for a in arrays])) if len(arrays) else finite([]) for arrays in groups.values()
    ]
    values = np.concatenate([*pooled, finite([])])
    with canvas(title=title) as axes:
        if not np.any(values > 0):
            nothing(axes, "no values above zero")
            return axes.figure
        first = [finite(array) for array in next(iter(groups.values()))]
        if len(first) > 1:
            for row in np.unique(np.linspace(0, len(first) - 1, min(30, len(first))).astype(int)):
                axes.plot(*_survival(first[row]), color=colour(0), linewidth=0.8, alpha=0.35)
        for position, array in reversed(list(enumerate(pooled))):
            x, share = _survival(array)
            axes.plot(
                x,
                share,
                marker="o" if len(x) == 1 else "",  # a line of one point is invisible
                markersize=7 if position == 0 else 4.5,
                color=colour(position),
                linestyle=DASHES[position % 8],
                linewidth=2.2 if position == 0 else 1.5,
            )
        _tail_axes(axes, values)
        axes.set_xlabel(label(x_label, 40))
        axes.set_ylabel(label(y_label, 40))
    return axes.figure


def _tail_axes(axes: Axes, values: np.ndarray) -> None:
    positive = values[values > 0]
    wide = positive.max() > 5 * positive.min()
    subs = (1, 2, 5) if positive.max() < 200 * positive.min() else (1,)
    axes.set_yscale("log")
    if wide:
        axes.set_xscale("log")
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis, log in ((axes.xaxis, wide), (axes.yaxis, True)):
        if log:
            axis.set_major_locator(LogLocator(10, subs=subs if axis is axes.xaxis else (1,), numticks=12))
            axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def _survival(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct positive values and the share of all values that are as large or larger."""
    x, counts = np.unique(values, return_counts=True)
    share = counts[::-1].cumsum()[::-1] / max(len(values), 1)
    x, share = x[x > 0], share[x > 0]
    if len(x) > 160:
        wanted = np.geomspace(x[0], x[-1], 160)
        rows = np.unique(np.clip(np.searchsorted(x, wanted), 0, len(x) - 1))
        x, share = x[rows], share[rows]
    return x, share


def shares(counts: pd.DataFrame, *, x_label: str = "share", title: str = "", most: int = 16) -> Figure:
    """How a whole divides into categories: bars of the pooled share, a point for each case.

    Parameters
    ----------
    counts
        Shape (cases, categories): how many of each; columns are the categories.
    x_label, title
        What the axis and the panel show.
    most
        More categories than this are drawn as the largest ones and the rest together.

    Returns
    -------
    A figure 430 pixels wide, as high as its categories need; at most sixty cases are drawn as points.

    Examples
    --------
    >>> len(shares(pd.DataFrame({"EXC": [80], "INH": [20]})).axes)
    1
    """
    counts = _largest(counts.fillna(0), most)
    total = counts.to_numpy(dtype=float).sum()
    with canvas(height=86 + 22 * max(counts.shape[1], 3), title=title) as axes:
        if total <= 0:
            nothing(axes)
            return axes.figure
        rows = np.arange(counts.shape[1])
        pooled = counts.sum().to_numpy(dtype=float) / total
        axes.barh(rows, pooled, height=0.62, color=colour(0), alpha=0.35)
        axes.barh(rows, pooled, height=0.62, fill=False, edgecolor=colour(0), linewidth=1)
        cases = counts.loc[counts.sum(axis=1) > 0]
        if len(cases) > 1:
            kept = cases.iloc[np.unique(np.linspace(0, len(cases) - 1, min(60, len(cases))).astype(int))]
            each = kept.to_numpy(dtype=float) / kept.sum(axis=1).to_numpy(dtype=float)[:, None]
            dots(axes, each.ravel(), np.tile(rows, len(each)), size=4.5, color=colour(1), alpha=0.55)
        axes.set_yticks(rows, [label(name, 22) for name in counts.columns])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        number_axis(axes, "x", [0.5], log=False)
        axes.set_xlim(left=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(label(x_label, 40))
    return axes.figure


def _largest(counts: pd.DataFrame, most: int) -> pd.DataFrame:
    if counts.shape[1] <= most:
        return counts
    kept = set(np.argsort(-counts.sum().to_numpy(), kind="stable")[: most - 1].tolist())
    inside = [position for position in range(counts.shape[1]) if position in kept]
    outside = [position for position in range(counts.shape[1]) if position not in kept]
    rest = counts.iloc[:, outside].sum(axis=1).rename(f"{len(outside)} others")
    return pd.concat([counts.iloc[:, inside], rest], axis=1)

"""The figure that suits one measured value, alone or against draws of a null model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from conntap.errors import OptionError

__all__ = ["check_format", "drawn", "drawn_against", "save"]

_ENTRIES = 40  # more than so many are shown as a distribution
_GROUPS = 8
_FORMATS = (".png", ".svg", ".pdf")

Figure: TypeAlias = Any
"""A figure of matplotlib, which only `report` imports."""


def drawn(value: Any, name: str) -> Figure:
    """A figure of a measured value: a point, a line by entry, a heat map, or how many entries are spread.

    Raises
    ------
    OptionError
        It holds no numbers.
    """
    from conntap.report import plots

    if isinstance(value, list) and all(isinstance(each, np.ndarray) and each.ndim == 2 for each in value):
        sizes = pd.RangeIndex(len(value), name="dimension")
        value = pd.Series([len(each) for each in value], index=sizes, name="simplices")
    if isinstance(value, int | float | np.number):
        return plots.intervals({name: float(value)}, x_label=name)
    if isinstance(value, pd.Series) and pd.api.types.is_numeric_dtype(value):
        return _series(value, name)
    if isinstance(value, pd.DataFrame) and not value.select_dtypes("number").empty:
        return _table(value.select_dtypes("number"), name)
    raise OptionError(f"tap measure --plot: {name} gives no numbers, so there is nothing to draw. Leave --plot out.")


def _series(value: pd.Series, name: str) -> Figure:
    from conntap.report import plots

    label = name if value.name is None else str(value.name)
    if len(value) > _ENTRIES or not value.index.is_unique:
        return plots.distribution({label: value.to_numpy(dtype=float, na_value=np.nan)}, x_label=label, title=name)
    row = pd.DataFrame([value.to_numpy(dtype=float, na_value=np.nan)], columns=_entries(value.index))
    return plots.profile(row, x_label=_names(value.index), y_label=label, title=name)


def _table(value: pd.DataFrame, name: str) -> Figure:
    from conntap.report import plots

    if len(value) == 1 and len(value.columns) <= _ENTRIES:
        return _series(value.iloc[0], name)
    if len(value) > _ENTRIES:
        columns = list(value.columns)[:_GROUPS]
        label = value.columns.name
        groups = {f"{label} {each}" if label else str(each): value[each].to_numpy(dtype=float) for each in columns}
        return _with_names(plots.distribution(groups, x_label=name, title=name), list(groups))
    if len(value.columns) > 1:
        axes = {"x_label": str(value.columns.name or "column"), "y_label": _names(value.index)}
        rows, columns = list(map(str, _entries(value.index))), list(map(str, value.columns))
        return plots.heatmap(value.to_numpy(dtype=float), title=name, rows=rows, columns=columns, **axes)
    return _series(value.iloc[:, 0], name)


def _with_names(figure: Figure, names: list[str]) -> Figure:
    from conntap.report.drawing import colour

    (axes,) = figure.axes
    for position, name in enumerate(names):
        axes.plot([], [], color=colour(position), label=name)
    axes.legend(frameon=False)
    return figure


def drawn_against(table: pd.DataFrame, name: str, null: str) -> Figure:
    """A figure of `compare`'s table: the values with a band of the draws' mean and standard deviation; of very many
    entries their z."""
    from conntap.report import plots

    if len(table) > _ENTRIES:
        return plots.distribution({f"z against {null}": table["z"].to_numpy(dtype=float)}, x_label="z", title=name)
    entries = _entries(table.index)
    mean, sd = table["mean"].to_numpy(dtype=float), table["sd"].fillna(0.0).to_numpy(dtype=float)
    band = pd.DataFrame([mean - sd, mean, mean + sd], columns=entries)  # its mean and deviation are those of the draws
    own = pd.DataFrame([table["value"].to_numpy(dtype=float)], columns=entries)
    title = f"against {null}: mean ± sd of {int(table['draws'].max())}"
    return plots.profile(own, {null: band}, x_label=_names(table.index), y_label=name, title=title)


def _entries(index: pd.Index) -> list[Any]:
    return [", ".join(map(str, each)) if isinstance(each, tuple) else each for each in index.tolist()]


def _names(index: pd.Index) -> str:
    return ", ".join(str(each) for each in index.names if each is not None)


def check_format(path: Path) -> None:
    """Refuse a file name that says no format of figures.

    Raises
    ------
    OptionError
        It ends in none of .png, .svg and .pdf.
    """
    if path.suffix.lower() not in _FORMATS:
        raise OptionError(f"tap measure --plot {path}: no name of a figure. Name it .png, .svg or .pdf.")


def save(figure: Figure, path: Path) -> None:
    """Write a figure on white paper, in the format that the file's name says.

    Raises
    ------
    OptionError
        No such format.
    """
    check_format(path)
    figure.savefig(path, dpi=144, facecolor="white")

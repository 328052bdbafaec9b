"""Tables whose rows have places: where they are, and how many belong to each cell."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Key, Sample
from conntap.report.drawing import label
from conntap.report.grouping import grouping, is_naming
from conntap.report.tables import Table
from conntap.report.wording import counted

__all__ = ["AXES", "axes_of", "owned", "places"]

AXES = ("x", "y", "z")
_WIDER = 1.5  # how much wider than y another axis is where it is drawn instead
_OWNERS = ("astrocyte", "neuron")


def axes_of(frame: pd.DataFrame) -> list[list[str]]:
    """The columns that are places, such as target_x and target_y, those that belong together in one list.

    Examples
    --------
    >>> axes_of(pd.DataFrame({"n": [1], "target_x": [0.0], "target_y": [0.0], "tau_x": [1.0]}))
    [['target_x', 'target_y']]
    """
    names = [str(name) for name in frame.columns]
    starts = dict.fromkeys(name[:-1] for name in names if name in AXES or name[-2:] in ("_x", "_y", "_z"))
    found = [[start + axis for axis in AXES if start + axis in names] for start in starts]
    return [each for each in found if len(each) > 1]


def places(frames: dict[int, pd.DataFrame], sample: Sample) -> list[Block | Table]:
    """Where the rows of the first case that has places are, coloured by a text column with few kinds: x across and y upwards,
    as in all flat pictures, unless z is much wider."""
    row = next((row for row, frame in frames.items() if len(frame) and _plane(frame)), None)
    if row is None:
        return []
    frame, wide = frames[row], _plane(frames[row])
    by = grouping(frame)
    figure = plots.positions(
        frame[wide[0]],
        frame[wide[1]],
        None if by is None else frame[by].astype(str),
        x_label=f"{label(wide[0])} (µm)",
        y_label=f"{label(wide[1])} (µm)",
    )
    kinds = [] if by is None else sorted(frame[by].astype(str).unique())
    keys = [Key(f"{label(by, 16)} {label(kind, 20)}", position, "dot") for position, kind in enumerate(kinds)]
    what = f"Positions in {sample.labels[row]}" if len(frames) > 1 else "Positions"
    many = counted(len(frame), "row" if any(map(is_naming, frame.columns)) else "node")
    return [Gallery([("positions", figure)], f"{what}: {many}{', 2,500 of them drawn' * (len(frame) > 2500)}.", keys)]


def _plane(frame: pd.DataFrame) -> list[str]:
    """The two columns that are drawn: of x, y, z, or of the first that are places."""
    found = axes_of(frame)
    names = next((each for each in found if each[0] in AXES), found[0] if found else [])
    axes = [each for each in names if isinstance(frame[each], pd.Series) and frame[each].dtype.kind in "iuf"]
    if len(axes) < 3:
        return axes if len(axes) == 2 else []
    extents = [float(np.ptp(finite)) if len(finite := _finite(frame[each])) else 0.0 for each in axes]
    least = int(np.argmin(extents[:2]))
    return axes[:2] if extents[2] <= _WIDER * extents[least] else [each for each in axes if each != axes[least]]


def _finite(column: pd.Series) -> np.ndarray:
    numbers = column.to_numpy(dtype=float, na_value=np.nan)
    return numbers[np.isfinite(numbers)]


def owned(frames: dict[int, pd.DataFrame], sample: Sample) -> list[Block | Table]:
    """How many rows each astrocyte or neuron has, of those that have some."""
    figures = []
    for name in _OWNERS:
        counts = [frame[name].value_counts().to_numpy() for frame in frames.values() if name in frame]
        if counts and sum(map(len, counts)) > 1:
            words = {"x_label": f"rows of one {name}", "y_label": f"share of {name}s with some"}
            figures.append((f"rows of one {name}", plots.distribution({"original": np.concatenate(counts)}, **words)))
    what = " and ".join(name for name in _OWNERS if any(name in frame for frame in frames.values()))
    return [Gallery(figures, f"How many rows belong to each {what}.{sample.note}")] if figures else []

"""Stages of tables whose rows are no nodes: curves, grids of groups, values by name; and participation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Key, Note, Sample, control_keys
from conntap.report.cases import fewer
from conntap.report.drawing import label
from conntap.report.grouping import groupings
from conntap.report.numbers import profiles
from conntap.report.pathways import by_pathway, joined_sides, sides
from conntap.report.statistics import statistics
from conntap.report.tables import Table, table

__all__ = ["measured", "shape"]

_NODES = (None, "id", "edge", "node")
_ENTRIES = 60  # rows that are named, or points of a curve; more are a distribution
_SIDE = 64  # groups to a side of a grid
_PANELS = 8
_COMPARED = 4  # columns set against their controls
_ERRORS = ("error", "sd", "sem")
_PROPERTIES = 2
_MODELS = {"fitted": ("probability", "value"), "expected": ("count", "observed", "value"), "mean": ("value",)}


def shape(frame: pd.DataFrame) -> str:
    """What a table is: "participation", "curve", "names", "grid", "pathways" (of several levels), or "rows" (of nodes, edges
    or anything else).

    Examples
    --------
    >>> shape(pd.DataFrame({"probability": [0.2, 0.1]}, index=pd.Index([25.0, 75.0], name="distance_um")))
    'curve'
    >>> pairs = pd.MultiIndex.from_product([["e", "i"], ["e", "i"]], names=["pre", "post"])
    >>> shape(pd.DataFrame({"connections": range(4)}, index=pairs)), shape(pd.DataFrame({"in": [1]}))
    ('grid', 'rows')
    """
    index = frame.index
    if not frame.columns.is_unique or not index.is_unique:
        return "rows"
    if index.nlevels == 2 and None not in index.names:
        small = all(len(level) <= _SIDE for level in index.remove_unused_levels().levels)
        return "grid" if small else "rows"
    if index.nlevels > 1:
        return "pathways" if sides(frame) is not None else "rows"
    if index.name in _NODES:
        return "participation" if frame.columns.name == "dimension" and len(frame) > 1 else "rows"
    if len(index) > _ENTRIES:
        return "rows"
    return "curve" if pd.api.types.is_numeric_dtype(index) else "names"


def measured(sample: Sample, frames: list[pd.DataFrame]) -> list[Block | Table] | None:
    """The blocks of tables that a measure gave; None where their rows are nodes, edges or anything else."""
    shapes = {shape(frame) for frame in frames if len(frame)}
    if len(shapes) != 1:
        return None
    (kind,) = shapes
    if kind == "rows":
        return None
    if kind == "pathways":
        return _pathways(sample, frames)
    if kind == "participation":
        return _participation(sample, frames)
    figures = _grids(sample, frames) if kind == "grid" else _curves(sample, frames)
    return [*figures, *_compared(sample, frames), *_whole(sample, frames)]


def _pathways(sample: Sample, frames: list[pd.DataFrame]) -> list[Block | Table] | None:
    """Tables of pathways by several properties as grids; those with more to a pathway as curves and grids of parameters."""
    joint = [joined_sides(frame) if sides(frame) else frame for frame in frames]
    own = [frame for frame in joint if len(frame)]
    if any(not frame.index.is_unique for frame in own):
        return None
    if {shape(frame) for frame in own} == {"grid"}:
        return [*_grids(sample, joint), *_compared(sample, frames), *_whole(sample, frames)]
    figures = by_pathway(sample, joint, *_few(sample))
    return None if figures is None else [*figures, *_whole(sample, frames)]


def _compared(sample: Sample, frames: list[pd.DataFrame]) -> list[Block | Table]:
    """Originals against their controls, column by column; together where the columns are one scale."""
    own = [frames[row] for row in sample.own.tolist()]
    names = [name for name in _varied(own) if str(name) not in (*_MODELS, *_ERRORS)]
    counts = all(each.dtype.kind in "iu" for frame in frames for _, each in frame.items())
    tables = {name: sample.against(name, fill_value=0.0 if counts else None) for name in sample.controls}
    tables = {name: frame[frame["draws"] > 0] for name, frame in tables.items()}
    if any(frame.columns.name is not None for frame in own) or not any(map(_has_columns, tables.values())):
        return statistics(replace(sample, against=lambda name, **_: tables[name]))
    blocks: list[Block | Table] = []
    seen: list[np.ndarray] = []
    for name in names[:_COMPARED]:
        of = {control: _of_column(frame, name) for control, frame in tables.items()}
        z = np.concatenate([frame["z"].to_numpy() for frame in of.values()])
        new = not any(len(z) == len(other) and np.allclose(z, other, equal_nan=True) for other in seen)
        if new and any((frame["sd"].gt(0) | frame["value"].ne(frame["mean"])).any() for frame in of.values()):
            seen.append(z)
            shown = statistics(replace(sample, against=lambda control, of=of, **_: of[control]))
            blocks = [each for each in blocks if not isinstance(each, Note)]  # what z and p are is said once
            blocks += [_entitled(each, str(name)) for each in shown]
    return blocks


def _has_columns(frame: pd.DataFrame) -> bool:
    return "column" in frame.index.names


def _of_column(frame: pd.DataFrame, name: Any) -> pd.DataFrame:
    if not _has_columns(frame):
        return frame
    return frame[frame.index.get_level_values("column") == name].droplevel("column")


def _entitled(block: Block | Table, name: str) -> Block | Table:
    """The same with the name of a column before its caption."""
    return (
        block
        if isinstance(block, Note)
        else replace(block, caption=f"{label(name)}: {block.caption[:1].lower()}{block.caption[1:]}")
    )


def _varied(own: list[pd.DataFrame]) -> list[Any]:
    """The columns of numbers that are neither the same everywhere nor the same as an earlier one."""
    names = list(dict.fromkeys(name for frame in own for name in _numeric(frame)))
    numbers = {name: np.concatenate([_numbers(frame, name) for frame in own if name in frame]) for name in names}
    kept: dict[Any, np.ndarray] = {}
    for name, each in numbers.items():
        finite = each[np.isfinite(each)]
        new = not any(np.array_equal(each, other, equal_nan=True) for other in kept.values())
        if len(finite) and (finite != finite[0]).any() and new:
            kept[name] = each
    return list(kept)


def _numeric(frame: pd.DataFrame) -> list[Any]:
    return [name for name in frame if pd.api.types.is_numeric_dtype(frame[name]) and frame[name].dtype.kind != "b"]


def _curves(sample: Sample, frames: list[pd.DataFrame]) -> list[Block | Table]:
    """A panel a column over the index, with the controls' bands; a model's column over what it models."""
    own = [frames[row] for row in sample.own.tolist()]
    names = [name for name in _varied(own) if str(name) not in _ERRORS]
    x = str(next(frame.index.name for frame in own if len(frame)))
    models = {name: next((of for of in _MODELS[name] if of in names), None) for name in names if name in _MODELS}
    pairs = {of: model for model, of in models.items() if of is not None}
    blocks: list[Block | Table] = []
    for of, model in pairs.items():
        blocks.append(_modelled(sample, frames, of, model, x))
    left = [name for name in names if name not in pairs.values() and (sample.controls or name not in pairs)]
    left = [name for name in left if not _untouched(sample, frames, name)]
    for name in left[:_PANELS]:
        entries = list(dict.fromkeys(entry for frame in frames for entry in frame.index.tolist()))
        rows = [dict(zip(frame.index.tolist(), _numbers(frame, name))) for frame in frames]
        blocks.append(profiles(sample, pd.DataFrame(rows, columns=_ordered(entries), dtype=float), x, str(name)))
    return blocks


def _untouched(sample: Sample, frames: list[pd.DataFrame], name: Any) -> bool:
    """Whether the controls keep a column as it is; the table holds it, then, and a figure would say nothing."""
    if not sample.controls:
        return False
    first = frames[int(sample.own[0])]
    return len(sample.own) == 1 and all(np.array_equal(_numbers(f, name), _numbers(first, name)) for f in frames)


def _ordered(entries: list[Any]) -> list[Any]:
    return sorted(entries) if all(isinstance(entry, int | float) for entry in entries) else entries


def _numbers(frame: pd.DataFrame, name: Any) -> np.ndarray:
    if name not in frame:
        return np.full(len(frame), np.nan)
    return frame[name].to_numpy(dtype=float, na_value=np.nan)


def _modelled(sample: Sample, frames: list[pd.DataFrame], of: Any, model: Any, x: str) -> Gallery:
    figures = []
    rows, note = _few(sample)
    for row in rows:
        frame, title = frames[row], _title(sample, row)
        named = {str(name): pd.Series(_numbers(frame, name), frame.index) for name in (of, model)}
        figure = plots.curves(named, bare=[str(model)], x_label=x, y_label=str(of), title=title)
        figures.append((title or str(of), figure))
    keys = [Key(str(of), 0, "dot"), Key(str(model), 1, "line")]
    return Gallery(figures, f"{label(of)} by {label(x)}, and what is {label(model)}.{note}{sample.note}", keys)


def _grids(sample: Sample, frames: list[pd.DataFrame]) -> list[Block | Table]:
    """A heat map a column (or a value of the first level, where the columns are one scale), of a few originals."""
    figures = []
    rows, note = _few(sample)
    for row in rows:
        frame, case = frames[row], _title(sample, row)
        each = _by_level(frame) if frame.columns.name is not None else _by_column(frame, _varied([frame]))
        for name, wide in each[: _panels([name for name, _ in each], len(rows))]:
            title = " · ".join(part for part in (case, name) if part)
            names = {"y_label": str(wide.index.name), "x_label": str(wide.columns.name)}
            drawn = {"rows": wide.index.tolist(), "columns": wide.columns.tolist(), "top": _top(frame, name)}
            figures.append((title, plots.heatmap(wide.to_numpy(dtype=float), title=title, **names, **drawn)))
    return [Gallery(figures, f"The values by {' and '.join(_levels(frames))}.{note}{sample.note}", size="small")]


def _panels(names: list[str], cases: int) -> int:
    """How many panels a case has; where they come in threes, before and after and change, whole threes."""
    most = max(2, _PANELS // cases)
    return max(3, (most + 1) // 3 * 3) if names and names[0].endswith("_before") else most


def _top(frame: pd.DataFrame, name: str) -> float | None:
    """The largest number of a measure before or after, which both are drawn to."""
    start, _, end = name.rpartition("_")
    pair = [f"{start}_before", f"{start}_after"]
    if end not in ("before", "after") or not set(pair) <= set(frame.columns):
        return None
    numbers = np.abs(frame[pair].to_numpy(dtype=float))
    finite = numbers[np.isfinite(numbers)]
    return float(finite.max()) if len(finite) else None


def _levels(frames: list[pd.DataFrame]) -> list[str]:
    frame = next(frame for frame in frames if len(frame))
    names = [*frame.index.names[1:], frame.columns.name] if frame.columns.name is not None else frame.index.names
    return [label(name) for name in names]


def _by_column(frame: pd.DataFrame, names: list[Any]) -> list[tuple[str, pd.DataFrame]]:
    return [(str(name), frame[name].unstack(sort=False)) for name in names if str(name) not in _ERRORS]


def _by_level(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    first = frame.index.names[0]
    pieces = frame.groupby(level=0, sort=False, observed=True)
    each = ((key, piece.droplevel(0).dropna(axis=1, how="all")) for key, piece in pieces)
    return [
        (f"{first} {key}", piece.rename_axis(columns=frame.columns.name))
        for key, piece in each
        if piece.to_numpy().any()
    ]


def _participation(sample: Sample, frames: list[pd.DataFrame]) -> list[Block | Table]:
    """The mean over nodes by dimension, with the controls; of groups of nodes where their properties are known."""
    means = pd.DataFrame([frame.mean() for frame in frames], dtype=float)
    entries = sorted(means.columns)
    what = "edges" if any(frame.index.name == "edge" for frame in frames) else "nodes"
    blocks: list[Block | Table] = [profiles(sample, means[entries].fillna(0.0), "dimension", f"mean over {what}")]
    return [*blocks, *_by_groups(sample, frames), *_spreads(sample, frames, what)]


def _by_groups(sample: Sample, frames: list[pd.DataFrame]) -> list[Block | Table]:
    """The mean over the nodes of a group, a gallery for each of two properties."""
    rows, note = _few(sample)
    groups = {row: _groups(sample, row, frames[row]) for row in rows}
    names = list(dict.fromkeys(name for each in groups.values() for name in each))[:_PROPERTIES]
    blocks: list[Block | Table] = []
    for by in names:
        figures, keys = [], {}
        for row in rows:
            if by not in groups[row]:
                continue
            parts = frames[row].groupby(groups[row][by].to_numpy(), observed=True)
            named = {str(key): part.mean() for key, part in parts}
            keys |= {key: Key(f"{label(by, 16)} {label(key, 20)}", n) for n, key in enumerate(named)}
            title = _title(sample, row)
            figure = plots.curves(named, x_label="dimension", y_label="mean over nodes", title=title)
            figures.append((title or f"by {by}", figure))
        caption = f"The mean over the nodes of each {label(by)}.{note}{sample.note}"
        blocks.append(Gallery(figures, caption, list(keys.values())))
    return blocks


def _spreads(sample: Sample, frames: list[pd.DataFrame], what: str) -> list[Block | Table]:
    """How the values are spread, a panel a dimension."""
    own = [frames[row] for row in sample.own.tolist()]
    dimensions = sorted(name for name in _varied(own) if name > 0)[:6]
    figures = []
    for dimension in dimensions:
        groups = {"original": [frames[row] for row in sample.own.tolist()]}
        groups |= {name: [f for f, drawn in zip(frames, sample.drawn(name)) if drawn] for name in sample.controls}
        arrays = {name: [_numbers(f, dimension) for f in each if dimension in f] for name, each in groups.items()}
        title = f"dimension {dimension}"
        figures.append(
            (
                title,
                plots.tail(arrays, x_label="simplices", y_label=f"share of {what} with as many or more", title=title),
            )
        )
    caption = f"Share of {what} with at least so many; both axes are logarithmic, and zeros are counted but not drawn."
    keys = control_keys(sample.controls, first="original, pooled", shape="line")
    return [Gallery(figures, caption + sample.note, keys)] if figures else []


def _groups(sample: Sample, row: int, frame: pd.DataFrame) -> dict[Any, pd.Series]:
    """The properties to group the measured nodes by, where the input's nodes are known."""
    nodes = sample.nodes(row)
    if nodes is None or not nodes.index.is_unique or not frame.index.isin(nodes.index).all():
        return {}
    inside = nodes.loc[frame.index]
    return {by: inside[by].astype(str) for by in groupings(inside)}


def _few(sample: Sample) -> tuple[list[int], str]:
    """The rows of a few originals, and the sentence that says so."""
    own = sample.own.tolist()
    kept, note = fewer([("", np.array([row])) for row in own], _PANELS)
    return [int(rows[0]) for _, rows in kept], note.replace("panels are", "cases are")


def _title(sample: Sample, row: int) -> str:
    return sample.labels[row] if len(sample.own) > 1 else ""


def _whole(sample: Sample, frames: list[pd.DataFrame]) -> list[Block | Table]:
    """The originals' tables, the first twenty rows."""
    pieces = []
    for row in sample.own.tolist():
        own = {name: sample.cases[name].iloc[row] for name in sample.columns}
        part = frames[row].reset_index()
        part.columns = [str(each) if not isinstance(each, str) else each for each in part.columns]
        pieces.append(pd.concat([pd.DataFrame([own] * len(part)), part], axis=1))
        if sum(map(len, pieces)) >= 40:
            break
    total = sum(len(frames[row]) for row in sample.own.tolist())
    whole = pd.concat([each.loc[:, ~each.columns.duplicated()] for each in pieces], ignore_index=True)
    return (
        [table(whole, caption=f"The values{' of the originals' * bool(sample.controls)}.", most=40, total=total)]
        if total
        else []
    )

"""Stages of tables: degrees, node populations, subtargets, and tables of any other columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Key, Note, Sample, control_keys
from conntap.report.drawing import label
from conntap.report.tables import Table, quantiles, table
from conntap.report.wording import counted

__all__ = ["composition", "degree_figures", "places", "subtargets", "tables"]

_DEGREES = frozenset(("in", "out", "total", "degree", "in_degree", "out_degree", "total_degree"))
_AXES = ("x", "y", "z")
_COLOURED = 8


def tables(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are tables, such as nodes with their properties or degrees."""
    frames = list(sample.read())
    own = [frame for frame, wanted in zip(frames, sample.originals) if wanted] or frames
    degrees = [name for name in _columns(own, numeric=True) if str(name) in _DEGREES]
    blocks: list[Block | Table] = []
    if degrees:
        groups = {"original": own} | {
            name: [frame for frame, drawn in zip(frames, sample.drawn(name)) if drawn] for name in sample.controls
        }
        blocks.append(_tails(sample, groups, degrees))
    blocks += composition(own, sample)
    blocks += places(own, sample)
    blocks += _others(sample, frames, own, {*degrees, *_AXES})
    return [*blocks, *_rows(sample, frames)]


def _columns(frames: list[pd.DataFrame], *, numeric: bool) -> list[Any]:
    names = dict.fromkeys(name for frame in frames for name in frame.columns)
    return [name for name in names if all(_is_number(f[name]) == numeric for f in frames if _holds(f, name))]


def _holds(frame: pd.DataFrame, name: Any) -> bool:
    return name in frame.columns and isinstance(frame[name], pd.Series)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _tails(sample: Sample, groups: dict[str, list[pd.DataFrame]], degrees: list[Any]) -> Gallery:
    figures = []
    for name in degrees:
        arrays = {group: [_numbers(f[name]) for f in frames if _holds(f, name)] for group, frames in groups.items()}
        title = str(name) if "degree" in str(name) else f"{name}-degree"
        figures.append((title, plots.tail(arrays, x_label=title, title=title)))
    own = {f"{name}-degree": [_numbers(f[name]) for f in groups["original"] if _holds(f, name)] for name in degrees}
    return Gallery(figures, degree_caption(own) + sample.note, _tail_keys(sample.controls))


def _tail_keys(controls: list[str]) -> list[Key]:
    return control_keys(controls, first="original, pooled", shape="line")


def _numbers(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=float, na_value=np.nan)


def degree_caption(arrays: dict[str, list[np.ndarray]]) -> str:
    """What figures of degrees show, with the share of nodes that have none."""
    cases = max(map(len, arrays.values()), default=0)
    text = "Share of nodes with at least so many connections; both axes are logarithmic."
    if cases > 1:
        text += f" Thin: {'single cases' if cases <= 30 else f'30 of {cases:,} cases'}; thick: all pooled."
    none = {name: np.concatenate(each) == 0 for name, each in arrays.items() if each}
    without = [f"{100 * zero.mean():.2g} % of nodes have {label(name)} 0" for name, zero in none.items() if zero.any()]
    return text + (f" Not drawn: {', '.join(without)}." if without else "")


def degree_figures(inward: list[np.ndarray], outward: list[np.ndarray]) -> Gallery:
    """The gallery of in- and out-degrees of some connectomes, one array a case."""
    figures = []
    for title, arrays in (("in-degree", inward), ("out-degree", outward)):
        figures.append((title, plots.tail({"original": arrays}, x_label=title, title=title)))
    return Gallery(figures, degree_caption({"in-degree": inward, "out-degree": outward}), [])


def composition(frames: list[pd.DataFrame], sample: Sample, most: int = 6) -> list[Block | Table]:
    """Bars of how nodes divide by each text column; columns with hundreds of kinds are left out."""
    figures = []
    for name in _columns(frames, numeric=False):
        counts = [f[name].astype(str).value_counts(sort=False) for f in frames if _holds(f, name) and len(f)]
        kinds = sorted({kind for count in counts for kind in count.index})
        if 1 < len(kinds) <= 400 and len(figures) < most:
            wide = pd.DataFrame(counts).reindex(columns=kinds).fillna(0)
            figures.append((str(name), plots.shares(wide, x_label="share of rows", title=str(name))))
    if not figures:
        return []
    caption = "Composition by text column."
    keys = [Key("all cases pooled", 0, "band")]
    if len(frames) > 1:
        keys.append(Key(f"single cases{' (at most 60)' if len(frames) > 60 else ''}", 1, "dot"))
    return [Gallery(figures, caption + sample.note, keys)]


def places(frames: list[pd.DataFrame], sample: Sample) -> list[Block | Table]:
    """Where the nodes of the first case are, coloured by a text column with few kinds."""
    frame = next((f for f in frames if len(f) and sum(axis in f.columns for axis in _AXES) >= 2), None)
    if frame is None:
        return []
    axes = [axis for axis in _AXES if axis in frame.columns and _is_number(frame[axis])]
    if len(axes) < 2:
        return []
    extents = {axis: np.ptp(finite) if len(finite := _finite(frame[axis])) else 0.0 for axis in axes}
    wide = sorted(sorted(axes, key=lambda axis: -extents[axis])[:2])
    by = grouping(frame)
    figure = plots.positions(
        frame[wide[0]],
        frame[wide[1]],
        None if by is None else frame[by].astype(str),
        x_label=f"{wide[0]} (µm)",
        y_label=f"{wide[1]} (µm)",
    )
    kinds = [] if by is None else sorted(frame[by].astype(str).unique())
    keys = [Key(f"{label(by, 16)} {label(kind, 20)}", position, "dot") for position, kind in enumerate(kinds)]
    first = sample.labels[int(np.argmax(sample.originals))] if len(sample.labels) else ""
    what = f"Positions in {first}" if len(frames) > 1 else "Positions"
    return [
        Gallery(
            [("positions", figure)],
            f"{what}: {counted(len(frame), 'node')}{', 2,500 of them drawn' * (len(frame) > 2500)}.",
            keys,
        )
    ]


def _finite(column: pd.Series) -> np.ndarray:
    numbers = _numbers(column)
    return numbers[np.isfinite(numbers)]


def grouping(frame: pd.DataFrame) -> Any:
    """The property to colour or sort nodes by: a well-known one, else the first with few kinds; or None."""
    known = ("ei", "synapse_class", "layer", "cell_class", "class", "region", "cell_type", "population")
    few = [n for n in frame.columns if isinstance(frame[n], pd.Series) and frame[n].dtype.kind not in "fc"]
    few = [n for n in few if n not in _AXES and 2 <= frame[n].astype(str).nunique() <= _COLOURED]
    text = [n for n in few if not _is_number(frame[n])]
    return next((n for n in known if n in few), text[0] if text else None)


def _others(sample: Sample, frames: list[pd.DataFrame], own: list[pd.DataFrame], shown: set) -> list[Block | Table]:
    names = [name for name in _columns(own, numeric=True) if name not in shown]
    figures = []
    for name in names[:6]:
        groups = {"original": np.concatenate([_numbers(f[name]) for f in own if _holds(f, name)])}
        for control in sample.controls:
            drawn = [
                _numbers(f[name]) for f, wanted in zip(frames, sample.drawn(control)) if wanted and _holds(f, name)
            ]
            groups[control] = np.concatenate([np.empty(0), *drawn])
        figures.append((str(name), plots.distribution(groups, x_label=str(name), y_label="share of rows")))
    if not figures:
        return []
    more = f" {len(names) - 6} more numeric columns are not drawn." if len(names) > 6 else ""
    caption = f"Numeric columns, the rows of all cases pooled.{more}"
    return [Gallery(figures, caption + sample.note, control_keys(sample.controls, shape="line"))]


def _rows(sample: Sample, frames: list[pd.DataFrame]) -> list[Table]:
    """The first rows of the first cases, and the quantiles of all of them."""
    total = sum(map(len, frames))
    first, rows = [], 0
    for position, frame in enumerate(frames):
        if rows >= 20:
            break
        part = frame.head(20 - rows).reset_index(drop=frame.index.names == [None])
        own = {name: sample.cases[name].iloc[position] for name in (*sample.columns, *_drawn(sample))}
        first.append(pd.concat([pd.DataFrame([own] * len(part)), part.reset_index(drop=True)], axis=1))
        rows += len(part)
    if not first:
        return []
    heads = [f.loc[:, ~f.columns.duplicated()] for f in first]
    made = [table(pd.concat(heads, ignore_index=True), caption="The tables' first rows.", total=total)]
    own = [f for f, wanted in zip(frames, sample.originals) if wanted] or frames
    pooled = pd.concat([f.loc[:, ~f.columns.duplicated()] for f in own], ignore_index=True)
    whose = " of the originals" if sample.controls else ""
    summary = quantiles(
        pooled, caption=f"Quantiles over {counted(len(pooled), 'row')}{whose}.{sample.note}", head="column"
    )
    return made + ([summary] if summary is not None and len(pooled) > 20 else [])


def _drawn(sample: Sample) -> tuple[str, ...]:
    return ("control", "draw") if sample.controls and "draw" in sample.cases.columns else ()


def subtargets(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage that defines subtargets: how many, how large, where."""
    blocks: list[Block | Table] = []
    for value, name in zip(sample.read(), sample.labels[:4]):
        info = pd.DataFrame(value.info)
        sizes = pd.Series([len(value[position].ids) for position in range(len(value.names))], dtype=float)
        what = f"{counted(len(sizes), 'subtarget')}{'' if name == 'all' else f' of {name}'}"
        figures = [
            ("nodes", plots.distribution({"n": sizes}, x_label="nodes in a subtarget", y_label="share of subtargets"))
        ]
        axes = [axis for axis in info.columns if str(axis).removeprefix("center_").removesuffix("_um") in _AXES]
        if len(axes) >= 2 and len(info):
            x, y = (info[axis].to_numpy(dtype=float) for axis in axes[:2])
            figures.append(("centres", plots.positions(x, y, x_label=f"{axes[0]} (µm)", y_label=f"{axes[1]} (µm)")))
        blocks.append(
            Gallery(figures, f"{what}: how many nodes they have{', and their centres' * (len(figures) > 1)}.")
        )
        shown = (
            info.reset_index()
            if "n_nodes" in info.columns
            else info.assign(n_nodes=sizes.astype(int).to_numpy()).reset_index()
        )
        blocks.append(table(shown, caption=f"{what}."))
        summary = quantiles(shown, caption="Quantiles over subtargets.", head="column") if len(shown) > 20 else None
        blocks += [summary] if summary is not None else []
    if len(sample.cases) > 4:
        blocks.append(Note(f"The first 4 of {sample.total:,} values are shown."))
    return blocks

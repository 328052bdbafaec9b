"""Stages of tables: degrees, node populations and tables of any other columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conntap.report import plots
from conntap.report.before_after import changed, checked, is_change, is_check
from conntap.report.blocks import Block, Gallery, Key, Sample, control_keys
from conntap.report.cases import fewer
from conntap.report.drawing import label
from conntap.report.grouping import is_naming
from conntap.report.measures import measured
from conntap.report.positioned import AXES, axes_of, owned, places
from conntap.report.scored import curve_kind, curves
from conntap.report.tables import Table, quantiles, table
from conntap.report.validation import is_validation, validated
from conntap.report.wording import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["composition", "degree_figures", "tables"]

_DEGREES = frozenset(("in", "out", "total", "degree", "in_degree", "out_degree", "total_degree"))
_PANELS = 12


def tables(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are tables, such as nodes with their properties or degrees."""
    frames = list(sample.read())
    if frames and all(map(is_change, frames)):
        return changed(sample, frames)
    if frames and all(map(is_check, frames)):
        return checked(sample, frames)
    if frames and all(map(is_validation, frames)):
        return validated(sample, frames)
    kinds = {curve_kind(frame) for frame in frames}
    if len(kinds) == 1 and "" not in kinds:
        return curves(sample, frames, kinds.pop())
    shown = measured(sample, frames)
    if shown is not None:
        return shown
    own = {row: frames[row] for row in sample.own.tolist()}
    degrees = [name for name in _columns(list(own.values()), numeric=True) if str(name) in _DEGREES]
    blocks: list[Block | Table] = [_tails(sample, frames, degrees)] if degrees else []
    blocks += composition(own, sample)
    blocks += places(own, sample)
    blocks += owned(own, sample)
    told = {name for frame in own.values() for axes in axes_of(frame) for name in axes}
    told |= {name for frame in own.values() for name in frame.columns if is_naming(name)}
    blocks += _others(sample, frames, list(own.values()), {*degrees, *AXES, *told})
    return [*blocks, *_rows(sample, frames)]


def _columns(frames: list[pd.DataFrame], *, numeric: bool) -> list[Any]:
    names = dict.fromkeys(name for frame in frames for name in frame.columns)
    return [name for name in names if all(_is_number(f[name]) == numeric for f in frames if _holds(f, name))]


def _holds(frame: pd.DataFrame, name: Any) -> bool:
    return name in frame.columns and isinstance(frame[name], pd.Series)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _tails(sample: Sample, frames: list[pd.DataFrame], degrees: list[Any]) -> Gallery:
    figures = []
    parts, note = fewer(sample.parts, max(1, _PANELS // len(degrees)))
    for part, inside in parts:
        for name in degrees:
            arrays = _by_control(sample, frames, name, inside)
            word = str(name) if "degree" in str(name) else f"{name}-degree"
            title = f"{part} · {word}" if part else word
            figures.append((title, plots.tail(arrays, x_label=word, title=title)))
    own = [frames[row] for row in sample.own.tolist()]
    zeros = {f"{name}-degree": [_numbers(f[name]) for f in own if _holds(f, name)] for name in degrees}
    return Gallery(figures, degree_caption(zeros) + _of_parts(note) + sample.note, _tail_keys(sample.controls))


def _by_control(sample: Sample, frames: list[pd.DataFrame], name: Any, inside: np.ndarray) -> dict[str, list]:
    """The numbers of one column by original and control, an array a case, of the cases inside."""
    masks = {"original": sample.originals if sample.originals.any() else np.ones(len(frames), dtype=bool)}
    masks |= {control: sample.drawn(control) for control in sample.controls}
    return {
        group: [_numbers(frames[row][name]) for row in np.flatnonzero(mask & inside) if _holds(frames[row], name)]
        for group, mask in masks.items()
    }


def _of_parts(note: str) -> str:
    return note.replace("panels are", "parts are")


def _tail_keys(controls: list[str]) -> list[Key]:
    return control_keys(controls, first="original, pooled", shape="line")


def _numbers(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=float, na_value=np.nan)


def degree_caption(arrays: dict[str, list[np.ndarray]]) -> str:
    """What figures of degrees show, with the share of nodes that have none."""
    cases = max(map(len, arrays.values()), default=0)
    text = "Share of nodes with at least so many connections; both axes are logarithmic."
    if cases > 1:
        text += f" Thin: {'single cases' if cases <= 30 else f'30 cases of a panel at most, of {cases:,} in all'}; thick: all of a panel pooled."
    none = {name: np.concatenate(each) == 0 for name, each in arrays.items() if each}
    without = [f"{100 * zero.mean():.2g} % of nodes have {label(name)} 0" for name, zero in none.items() if zero.any()]
    return text + (f" Not drawn: {', '.join(without)}." if without else "")


def degree_figures(inward: dict[int, np.ndarray], outward: dict[int, np.ndarray], sample: Sample) -> Gallery:
    """The gallery of in- and out-degrees of some connectomes: row of the case -> an array."""
    figures = []
    parts, note = fewer(sample.parts, _PANELS // 2)
    for part, inside in parts:
        for word, arrays in (("in-degree", inward), ("out-degree", outward)):
            each = {"original": [array for row, array in arrays.items() if inside[row]]}
            title = f"{part} · {word}" if part else word
            figures.append((title, plots.tail(each, x_label=word, title=title)))
    caption = degree_caption({"in-degree": list(inward.values()), "out-degree": list(outward.values())})
    return Gallery(figures, caption + _of_parts(note), [])


def composition(frames: dict[int, pd.DataFrame], sample: Sample, most: int = 6) -> list[Block | Table]:
    """Bars of how nodes divide by each text column (row of the case -> table); not of hundreds of kinds."""
    parts, note = fewer([(part, rows) for part, inside in sample.parts if (rows := _inside(frames, inside))], most)
    names = _columns(list(frames.values()), numeric=False)
    figures, several = [], 0
    for part, rows in parts:
        for name in names[: max(1, most // len(parts))] if len(parts) > 1 else names:
            figure = _composed([frames[row] for row in rows], name, f"{part} · {name}" if part else str(name))
            if figure is not None and len(figures) < most:
                figures.append((f"{part} · {name}" if part else str(name), figure))
                several = max(several, len(rows))
    if not figures:
        return []
    caption = f"Composition by text column.{_of_parts(note)}"
    keys = [Key("all cases pooled", 0, "band")]
    if several > 1:
        keys.append(Key(f"single cases{' (at most 60)' if several > 60 else ''}", 1, "dot"))
    return [Gallery(figures, caption + sample.note, keys)]


def _inside(frames: dict[int, pd.DataFrame], inside: np.ndarray) -> list[int]:
    return [row for row in frames if inside[row]]


def _composed(frames: list[pd.DataFrame], name: Any, title: str) -> Figure | None:
    """Bars of the kinds of one text column; None where there is one kind or hundreds."""
    counts = [f[name].astype(str).value_counts(sort=False) for f in frames if _holds(f, name) and len(f)]
    kinds = sorted({kind for count in counts for kind in count.index})
    if not 1 < len(kinds) <= 400:
        return None
    wide = pd.DataFrame(counts).reindex(columns=kinds).fillna(0)
    return plots.shares(wide, x_label="share of rows", title=title)


def _others(sample: Sample, frames: list[pd.DataFrame], own: list[pd.DataFrame], shown: set) -> list[Block | Table]:
    names = [name for name in _columns(own, numeric=True) if name not in shown]
    parts, note = fewer(sample.parts, 6)
    drawn = names[: max(1, 6 // len(parts))]
    figures = []
    for part, inside in parts:
        for name in drawn:
            arrays = _by_control(sample, frames, name, inside)
            pooled = {group: np.concatenate([np.empty(0), *each]) for group, each in arrays.items()}
            title = f"{part} · {name}" if part else str(name)
            about = {"x_label": str(name), "y_label": "share of rows", "title": part and title}
            figures.append((title, plots.distribution(pooled, **about)))
    if not figures:
        return []
    more = f" {len(names) - len(drawn)} more numeric columns are not drawn." if len(names) > len(drawn) else ""
    caption = f"Numeric columns, the rows of all cases pooled{', by part' * (len(parts) > 1)}.{more}{_of_parts(note)}"
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
    return [*made, *_quantiles(sample, {row: frames[row] for row in sample.own.tolist()})]


def _quantiles(sample: Sample, own: dict[int, pd.DataFrame]) -> list[Table]:
    """The quantiles of all rows of the originals, by part."""
    pooled = pd.concat([f.loc[:, ~f.columns.duplicated()] for f in own.values()], ignore_index=True)
    if len(pooled) <= 20:
        return []
    lengths = [len(f) for f in own.values()]
    parts = [(title, np.repeat(inside[sample.own], lengths)) for title, inside in sample.parts]
    whose = " of the originals" if sample.controls else ""
    caption = f"Quantiles over {counted(len(pooled), 'row')}{whose}{', by part' * (len(parts) > 1)}.{sample.note}"
    pooled = pooled[[name for name in pooled.columns if not is_naming(name)]]
    summary = quantiles(pooled, caption=caption, head="column", parts=parts)
    return [summary] if summary is not None else []


def _drawn(sample: Sample) -> tuple[str, ...]:
    return ("control", "draw") if sample.controls and "draw" in sample.cases.columns else ()

"""Stages of matrices: connectomes, sparse matrices, arrays and spikes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Sample
from conntap.report.drawing import label
from conntap.report.nodes import composition, degree_figures, grouping, places
from conntap.report.numbers import scalars, series
from conntap.report.tables import Table, quantiles, table
from conntap.report.wording import counted, short

__all__ = ["arrays", "connectomes", "matrices", "others", "spikes", "traces"]

_PICTURES = 12


def connectomes(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are connectomes: their size, pictures, degrees and nodes."""
    pictured = _pictured(sample)
    rows, figures, inward, outward, nodes, ordered = [], [], [], [], [], set()
    for position, value in enumerate(sample.read()):
        matrix = value.adjacency()
        rows.append(
            {"nodes": value.n_pre} if value.is_square else {"pre nodes": value.n_pre, "post nodes": value.n_post}
        )
        rows[-1] |= {"edges": value.n_edges, **_density(matrix)}
        if position in pictured:
            by = grouping(value.nodes) if value.is_square else None
            ordered.add(by)
            figures.append((pictured[position], _picture(matrix, value, by, pictured[position])))
        if sample.originals[position]:
            inward.append(np.bincount(matrix.indices, minlength=matrix.shape[1]))
            outward.append(np.diff(matrix.indptr))
            nodes.append(value.pre_nodes)
    caption = _picture_caption(sample, ordered - {None})
    blocks: list[Block | Table] = [Gallery(figures, caption, size="small"), degree_figures(inward, outward)]
    return [*blocks, *composition(nodes, sample, most=4), *places(nodes, sample), *_sizes(sample, rows)]


def _pictured(sample: Sample) -> dict[int, str]:
    """Row -> title of the cases to picture: originals evenly chosen, each beside the first draw of a control."""
    own = np.flatnonzero(sample.originals) if sample.originals.any() else np.arange(len(sample.cases))
    pool = pd.Series(range(len(sample.cases)))
    beside = {
        name: pool[sample.drawn(name)].groupby(np.asarray(sample.labels)[sample.drawn(name)]).first()
        for name in sample.controls
    }
    each = 1 + len(beside)
    chosen = own[np.unique(np.linspace(0, max(len(own) - 1, 0), min(len(own), max(1, _PICTURES // each))).astype(int))]
    wanted: dict[int, str] = {}
    for row in chosen.tolist():
        name = sample.labels[row]
        wanted[row] = name if name != "all" else sample.name
        wanted |= {int(rows[name]): f"{name} · {control}" for control, rows in beside.items() if name in rows.index}
    return dict(list(wanted.items())[:_PICTURES])


def _density(matrix: Any) -> dict[str, Any]:
    pairs = matrix.shape[0] * matrix.shape[1]
    square = matrix.shape[0] == matrix.shape[1]
    both = int((matrix.astype(bool).multiply(matrix.astype(bool).T)).sum()) if square else 0
    loops = int((matrix.diagonal() != 0).sum()) if square else 0
    own = {"connected pairs": int(matrix.nnz), "density (%)": 100 * matrix.nnz / pairs if pairs else np.nan}
    if square:
        apart = matrix.nnz - loops
        own |= {"reciprocal (%)": 100 * (both - loops) / apart if apart else np.nan}
    return own


def _picture(matrix: Any, value: Any, by: Any, title: str) -> Any:
    if by is None:
        return plots.adjacency(matrix, title=title)
    groups = value.nodes[by].astype(str).to_numpy(dtype=object)
    return plots.adjacency(matrix, order=np.argsort(groups, kind="stable"), groups=groups, title=title)


def _picture_caption(sample: Sample, ordered: set) -> str:
    by = f", nodes sorted by {', '.join(sorted(label(name) for name in ordered))}" if ordered else ""
    text = f"Connections from pre (rows) to post (columns){by}. Matrices beyond 128 nodes are binned; colour grows with the square root of the share of connected pairs."
    drawn, controls = int(sample.originals.sum()), bool(sample.controls)
    if drawn * (1 + len(sample.controls)) > _PICTURES or len(sample.cases) < sample.total:
        text += f" {_PICTURES} pictures at most, of {sample.total:,} cases, evenly chosen."
    return text + (" Beside each original, the first draw of each control." if controls else "")


def _sizes(sample: Sample, rows: list[dict[str, Any]]) -> list[Table]:
    own = [*sample.columns, *[name for name in ("control", "draw") if sample.controls and name in sample.cases.columns]]
    facts = pd.DataFrame(rows)
    names = sample.cases[own].reset_index(drop=True)
    made = [table(pd.concat([names, facts], axis=1), caption="Size of each case.", total=sample.total)]
    caption = f"Quantiles over {counted(len(facts), 'case')}.{sample.note}"
    summary = quantiles(facts, caption=caption, head="of each case") if len(facts) > 20 else None
    return made + ([summary] if summary is not None else [])


def matrices(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are sparse matrices."""
    pictured = _pictured(sample)
    figures, rows = [], []
    for position, value in enumerate(sample.read()):
        matrix = value.tocsr()
        rows.append(
            {"rows": matrix.shape[0], "columns": matrix.shape[1], "entries": int(matrix.nnz), **_density(matrix)}
        )
        if position in pictured:
            figures.append((pictured[position], plots.adjacency(matrix, title=pictured[position])))
    return [Gallery(figures, _picture_caption(sample, set()), size="small"), *_sizes(sample, rows)]


def arrays(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are numeric arrays: short ones as series, matrices as heat maps."""
    first = next(sample.read())
    if first.ndim == 0:
        return scalars(_as(sample, lambda value: float(value)))
    if first.ndim == 1:
        return series(_as(sample, lambda value: pd.Series(np.ravel(value)).rename_axis("position")))
    pictured = dict(list(_pictured(sample).items())[:6])
    figures, rows = [], []
    for position, value in enumerate(sample.read()):
        rows.append({"shape": " × ".join(map(str, value.shape)), **_range(value)})
        if position in pictured and value.ndim == 2:
            figures.append((pictured[position], plots.heatmap(value, title=pictured[position])))
    caption = "Values of the arrays, rows downwards; larger ones are drawn as the means of bins (128 to a side)."
    more = f" {len(figures)} of {sample.total:,} are drawn." if len(figures) < sample.total else ""
    gallery = [Gallery(figures, caption + more)] if figures else []
    return [*gallery, *_sizes(sample, rows)]


def _as(sample: Sample, turn: Any) -> Sample:
    def read() -> Iterator[Any]:
        return (turn(value) for value in sample.read())

    return Sample(sample.name, sample.cases, sample.total, read, lambda _: pd.DataFrame())


def _range(value: np.ndarray) -> dict[str, float]:
    numbers = np.asarray(value, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if numbers.size == 0:
        return {"least": np.nan, "mean": np.nan, "greatest": np.nan}
    return {"least": numbers.min(), "mean": numbers.mean(), "greatest": numbers.max()}


def spikes(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are spikes."""
    figures, rows = [], []
    for name, value in zip(sample.labels, sample.read()):
        times = np.asarray(value.times_ms, dtype=float)
        rows.append(
            {
                "spikes": len(times),
                "nodes": value.n_nodes,
                "nodes that spike": len(np.unique(value.rows)),
                "duration (ms)": value.duration_ms,
            }
        )
        if len(figures) < 6:
            figures.append((name, plots.raster(times, value.rows, title=name if name != "all" else "")))
    caption = (
        "Spikes: time across, nodes upwards in the order of their ids; at most 4,000 spikes a panel, evenly chosen."
    )
    return [Gallery(figures, caption), *_sizes(sample, rows)]


def traces(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are traces: a row a node, time across."""
    figures, rows = [], []
    for name, value in zip(sample.labels, sample.read()):
        values = np.asarray(value.to_numpy(), dtype=float)
        rows.append({"steps": value.n_steps, "dt (ms)": value.dt_ms, "nodes": value.n_nodes, **_range(values)})
        if len(figures) < 6:
            title = name if name != "all" else ""
            figures.append(
                (name, plots.heatmap(values.T, x_label=f"step of {value.dt_ms:g} ms", y_label="node", title=title))
            )
    units = sorted({str(value.unit) for value in sample.read()} - {""})
    unit = f" ({', '.join(map(label, units))})" if units else ""
    caption = f"Traces{unit}: time across, a row a node; larger ones are drawn as the means of bins."
    return [Gallery(figures, caption), *_sizes(sample, rows)]


def others(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are of a kind without pictures: a few words each."""
    words = [_words(value) for value in sample.read()]
    names = sample.cases[sample.columns].reset_index(drop=True)
    return [table(pd.concat([names, pd.DataFrame({"value": words})], axis=1), caption="Values.", total=sample.total)]


def _words(value: Any) -> str:
    if hasattr(value, "read_bytes") and hasattr(value, "path"):
        try:
            return f"{value.path.name}, {value.path.stat().st_size:,} bytes"
        except OSError:
            return f"{value.path.name} (its bytes are not beside the store)"
    return short(value, 200)

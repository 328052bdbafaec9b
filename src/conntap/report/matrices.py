"""Stages of matrices: connectomes, sparse matrices, arrays and spikes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Note, Sample
from conntap.report.drawing import label
from conntap.report.grouping import grouping
from conntap.report.inferred import all_scored, inferred
from conntap.report.nodes import composition, degree_figures
from conntap.report.numbers import scalars, series
from conntap.report.positioned import places
from conntap.report.tables import Table, quantiles, table
from conntap.report.wording import counted, short

__all__ = ["arrays", "connectomes", "matrices", "others", "spikes", "traces"]

_PICTURES = 12


def connectomes(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are connectomes: their size, pictures, degrees and nodes."""
    if all_scored(next(sample.read())) and all(map(all_scored, sample.read())):
        return inferred(sample)
    pictured = _pictured(sample)
    rows, figures, ordered = [], [], set()
    inward: dict[int, np.ndarray] = {}
    outward: dict[int, np.ndarray] = {}
    nodes: dict[int, pd.DataFrame] = {}
    own = set(sample.own.tolist())
    for position, value in enumerate(sample.read()):
        matrix = value.adjacency()
        square = bool(value.is_square)
        rows.append(
            ({"nodes": value.n_pre} if square else {"pre nodes": value.n_pre, "post nodes": value.n_post})
            | {"edges": value.n_edges, **density(matrix, square=square)}
        )
        if position in pictured:
            by = grouping(value.nodes) if square else None
            ordered.add(by)
            figures.append((pictured[position], _picture(matrix, value, by, pictured[position])))
        if position in own:
            outward[position], inward[position] = _degrees(matrix, square=square)
            nodes[position] = value.pre_nodes
    caption = _picture_caption(sample, ordered - {None})
    blocks: list[Block | Table] = [Gallery(figures, caption, size="small"), degree_figures(inward, outward, sample)]
    if _are_of_the_input(nodes, sample):
        return [*blocks, Note("The nodes are those of what it was made of, which shows them."), *_sizes(sample, rows)]
    return [*blocks, *composition(nodes, sample, most=4), *places(nodes, sample), *_sizes(sample, rows)]


def _are_of_the_input(nodes: dict[int, pd.DataFrame], sample: Sample) -> bool:
    """Whether each connectome has the nodes of the one that it was made of; looked at of the first and the last."""
    rows = list(nodes)
    for row in {*rows[:1], *rows[-1:]}:
        before = sample.nodes(row)
        if before is None or not before.equals(nodes[row]):
            return False
    return bool(rows)


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


def _connected(matrix: Any, *, square: bool) -> Any:
    """Which pairs are connected, as a CSR matrix of True; without the diagonal where rows and columns are one set."""
    entries = matrix.tocoo()
    pre, post = (each[entries.data != 0] for each in entries.coords)
    kept = pre != post if square else np.ones(len(pre), dtype=bool)
    return sparse.csr_array((np.ones(kept.sum(), dtype=bool), (pre[kept], post[kept])), shape=matrix.shape)


def _degrees(matrix: Any, *, square: bool) -> tuple[np.ndarray, np.ndarray]:
    """Shapes (pre,) and (post,): to how many, and from how many, other nodes each is connected."""
    connected = _connected(matrix, square=square)
    return np.diff(connected.indptr), np.bincount(connected.indices, minlength=matrix.shape[1])


def density(matrix: Any, *, square: bool) -> dict[str, Any]:
    """How many pairs are connected, and which share of those there can be.

    Parameters
    ----------
    matrix
        Sparse, shape (pre, post).
    square
        Whether rows and columns are the same nodes: then pairs are those of two different nodes, the loops
        stand apart, and the share of pairs that are connected both ways is given.

    Returns
    -------
    Name -> number; density in percent of n (n - 1) pairs, or of pre times post.

    Examples
    --------
    >>> from scipy import sparse
    >>> density(sparse.csr_array([[1, 1], [0, 1]]), square=True)
    {'connected pairs': 1, 'loops': 2, 'density (%)': 50.0, 'reciprocal (%)': 0.0}
    """
    connected = _connected(matrix, square=square)
    pairs = matrix.shape[0] * (matrix.shape[1] - square)
    share = 100 * connected.nnz / pairs if pairs else np.nan
    if not square:
        return {"connected pairs": int(connected.nnz), "density (%)": share}
    loops = int(np.count_nonzero(matrix.diagonal()))
    both = 100 * connected.multiply(connected.T).sum() / connected.nnz if connected.nnz else np.nan
    return {"connected pairs": connected.nnz, "loops": loops, "density (%)": share, "reciprocal (%)": float(both)}


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
        text += f" {_PICTURES} pictures at most, of {sample.total:,} values, evenly chosen."
    return text + (" Beside each original, the first draw of each control." if controls else "")


def _sizes(sample: Sample, rows: list[dict[str, Any]]) -> list[Table]:
    own = [*sample.columns, *[name for name in ("control", "draw") if sample.controls and name in sample.cases.columns]]
    facts = pd.DataFrame(rows)
    if "loops" in facts and not facts["loops"].fillna(0).any():
        facts = facts.drop(columns="loops")
    names = sample.cases[own].reset_index(drop=True)
    made = [table(pd.concat([names, facts], axis=1), caption="Size of each case.", total=sample.total)]
    if len(facts) <= 20:
        return made
    caption = f"Quantiles over {counted(len(facts), 'value')}{', by part' * (len(sample.parts) > 1)}.{sample.note}"
    summary = quantiles(facts, caption=caption, head="of each case", parts=sample.parts)
    return made + ([summary] if summary is not None else [])


def matrices(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are sparse matrices."""
    pictured = _pictured(sample)
    figures, rows = [], []
    for position, value in enumerate(sample.read()):
        matrix = value.tocsr()
        shape = {"rows": matrix.shape[0], "columns": matrix.shape[1], "entries": int(matrix.nnz)}
        rows.append(shape | density(matrix, square=matrix.shape[0] == matrix.shape[1]))
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

    return Sample(sample.name, sample.cases, sample.total, read, lambda *_, **__: pd.DataFrame())


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
                "duration (s)": value.duration_ms / 1000,
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

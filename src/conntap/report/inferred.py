"""Stages of inferred connectomes: every ordered pair with its score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Sample
from conntap.report.cases import fewer
from conntap.report.drawing import INKS, canvas, colour, finite, label, nothing, number_axis, tick
from conntap.report.grouping import grouping
from conntap.report.nodes import composition
from conntap.report.tables import Table, table
from conntap.report.wording import number, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["all_scored", "inferred", "score_histogram"]

_PANELS = 6
_PRECISION = 0.8
_TOP = 10


def all_scored(value: Any) -> bool:
    """Whether a connectome holds a score for every ordered pair of its nodes."""
    n = value.n_pre
    return bool(value.is_square) and n > 1 and "score" in value.properties and value.n_edges == n * (n - 1)


def inferred(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage of such connectomes: scores as matrices and as histograms, numbers, the strongest pairs."""
    shown = {int(rows[0]) for _, rows in fewer([("", np.array([row])) for row in sample.own.tolist()], _PANELS)[0]}
    matrices, histograms, rows, strongest = [], [], [], []
    nodes: dict[int, pd.DataFrame] = {}
    ordered: set[Any] = set()
    for position, value in enumerate(sample.read()):
        scores = np.asarray(value.properties["score"], dtype=float)
        threshold, expected = _threshold(value, scores)
        rows.append(_facts(value, scores, threshold, expected))
        nodes[position] = value.nodes[[name for name in value.nodes if str(name).startswith("inferred")]]
        if position in shown:
            title = sample.labels[position] if len(sample.own) > 1 else ""
            by = grouping(value.nodes)
            ordered.add(by)
            matrices.append((title or "scores", _matrix(value, scores, by, title)))
            histograms.append((title or "scores", score_histogram(scores, threshold=threshold, title=title)))
        if not strongest:
            strongest.append(_strongest(value, scores))
    names = sample.cases[sample.columns].reset_index(drop=True)
    facts = pd.concat([names, pd.DataFrame(rows)], axis=1).dropna(axis=1, how="all")
    which = f" of {sample.labels[0]}" if len(sample.cases) > 1 else ""
    return [
        table(strongest[0], caption=f"The strongest pairs{which}.", note=_meaning(strongest[0])),
        Gallery(matrices, _matrix_caption(ordered - {None}) + _of(matrices, sample), size="small"),
        Gallery(histograms, _histogram_caption(rows) + _of(histograms, sample)),
        table(
            _upright(facts), caption="The scores in numbers.", most=40, total=sample.total if len(facts) > 1 else None
        ),
        *composition({row: nodes[row] for row in sample.own.tolist()}, sample, most=4),
    ]


def _upright(facts: pd.DataFrame) -> pd.DataFrame:
    """The facts of one case as rows, which are never too wide; of several the first, a row a case."""
    if len(facts) != 1:
        return facts.head(40)
    return pd.DataFrame({"what": list(map(str, facts)), "value": [plain(each) for each in facts.iloc[0]]})


def _of(figures: list[Any], sample: Sample) -> str:
    return f" {len(figures)} of {sample.total:,} are drawn." if len(figures) < sample.total else ""


def _threshold(value: Any, scores: np.ndarray) -> tuple[float, int]:
    """The score down to which pairs were kept, or else are expected to be right 8 times of 10, and how many these are.

    NaN and 0 where neither is known.
    """
    if "kept" in value.properties:
        kept = scores[np.asarray(value.properties["kept"], dtype=bool)]
        return (float(kept.min()), len(kept)) if len(kept) else (np.nan, 0)
    if "probability" not in value.properties:
        return np.nan, 0
    order = np.argsort(-scores, kind="stable")
    means = np.cumsum(np.nan_to_num(np.asarray(value.properties["probability"], dtype=float)[order]))
    reached = np.flatnonzero(means / np.arange(1, len(order) + 1) >= _PRECISION - 1e-12)
    return (float(scores[order[reached[-1]]]), int(reached[-1]) + 1) if len(reached) else (np.nan, 0)


def _facts(value: Any, scores: np.ndarray, threshold: float, expected: int) -> dict[str, Any]:
    properties = value.properties
    facts = {
        "nodes": value.n_nodes,
        "pairs": value.n_edges,
        "median score": float(np.median(scores)),
        "99 %": float(np.quantile(scores, 0.99)),
        "greatest": float(scores.max()),
        "scores of 0 (%)": 100 * float(np.mean(scores == 0)),
    }
    if "kept" in properties:
        facts |= {"threshold": threshold, "pairs kept": expected}
    elif "probability" in properties:
        facts |= {"threshold for 0.8": threshold, "pairs above": expected}
    if "p_value" in properties:
        facts["p < 0.01"] = int((np.asarray(properties["p_value"], dtype=float) < 0.01).sum())
    if "sign" in properties:
        facts["inhibitory (%)"] = 100 * float(np.mean(np.asarray(properties["sign"], dtype=float) < 0))
    return facts


def _matrix(value: Any, scores: np.ndarray, by: Any, title: str) -> Figure:
    """Scores [pre, post], nodes sorted by group and then by what they score in sum; colours end at the 99.5 % quantile."""
    n = value.n_nodes
    matrix = np.zeros((n, n))
    signed = np.asarray(value.properties["sign"], dtype=float) if "sign" in value.properties else 1.0
    matrix[value.pre, value.post] = np.where(np.isfinite(scores), scores, 0.0) * np.where(signed == 0, 1.0, signed)
    top = float(np.quantile(np.abs(matrix[value.pre, value.post]), 0.995)) or float(np.abs(matrix).max())
    groups = np.zeros(n) if by is None else pd.factorize(value.nodes[by].astype(str), sort=True)[0]
    order = np.lexsort((-(np.abs(matrix).sum(axis=0) + np.abs(matrix).sum(axis=1)), groups))
    shown = np.clip(matrix[np.ix_(order, order)], -top, top)
    return plots.heatmap(shown, x_label="post", y_label="pre", title=title)


def _matrix_caption(by: set[Any]) -> str:
    groups = f"by {', '.join(sorted(label(name) for name in by))}, then " if by else ""
    return (
        f"Scores from pre (rows) to post (columns), nodes sorted {groups}by the sum of their scores; those found to inhibit "
        "in the other colour. Colours end at the 99.5 % quantile; matrices beyond 128 nodes are binned."
    )


def _histogram_caption(rows: list[dict[str, Any]]) -> str:
    text = "How many pairs have a score; the axis of pairs is logarithmic, and so is that of scores where a few lie far out."
    if any("threshold" in row for row in rows):
        text += " Dashed: pairs above it were kept."
    if any("threshold for 0.8" in row for row in rows):
        text += " Dashed: above it, pairs are expected to be connections with a precision of 0.8."
    return text


def _strongest(value: Any, scores: np.ndarray) -> pd.DataFrame:
    order = np.argsort(-scores, kind="stable")[:_TOP]
    shown = value.edges.iloc[order].drop(columns="kept", errors="ignore").reset_index(drop=True)
    if "probability" in shown:
        shown["probability"] = [_chance(each) for each in shown["probability"].astype(float)]
    return shown


def _chance(probability: float) -> str:
    """A probability as text; what four digits would show as certain is told as more or less than the last of them.

    Examples
    --------
    >>> [_chance(each) for each in (0.99999, 0.25, 1e-9, float("nan"))]
    ['> 0.999', '0.25', '< 0.001', '–']
    """
    if probability > 0.999 or probability < 0.001:
        return "> 0.999" if probability > 0.999 else "< 0.001"
    return number(probability, 3)


def _meaning(shown: pd.DataFrame) -> str:
    """What the scores of a table mean."""
    text = (
        " Scores have no unit: they rank the pairs of one recording by one method, larger is more probably connected."
    )
    return text + (
        " The probability is that of a connection, as the method expects it." if "probability" in shown else ""
    )


def score_histogram(scores: Any, *, threshold: float = np.nan, title: str = "") -> Figure:
    """How many pairs have a score, on a logarithmic axis, and a threshold.

    Parameters
    ----------
    scores
        Numbers of any shape.
    threshold
        Where a dashed line stands; NaN, nowhere.
    title
        What the panel shows.

    Returns
    -------
    A figure of 430 by 250 pixels; 60 bins, equally wide on the axis. Where few scores lie far beyond the others, so that these
    or a threshold would stand in the first bins, the axis of scores is linear about 0 and logarithmic beyond.

    Notes
    -----
    Linear in the scores.

    Examples
    --------
    >>> len(score_histogram([0.1, 0.2, 0.9], threshold=0.5).axes)
    1
    """
    values = finite(scores)
    with canvas(430, 250, title=title) as axes:
        if len(values) == 0:
            nothing(axes)
            return axes.figure
        low, high = float(values.min()), float(values.max())
        pad = 0.0 if high - low > 1e-9 * max(abs(low), abs(high)) else max(abs(high) / 2, 1e-300)
        width = _linear_width(values, threshold)
        counts, edges = np.histogram(values, _bins(low - pad, high + pad, width))
        axes.stairs(counts, edges, color=colour(0), fill=True, alpha=0.35)
        axes.stairs(counts, edges, color=colour(0), linewidth=1.4)
        if np.isfinite(threshold):
            axes.axvline(threshold, color=INKS["muted"][0], linewidth=1.2, linestyle="--")
        if width:
            _bend(axes, width, low, high)
        else:
            number_axis(axes, "x", values, log=False)
        number_axis(axes, "y", [0, counts.max()], log=bool(counts.max() > 30))
        axes.set_ylim(bottom=0)
        axes.set_xlabel("score (no unit; larger: more probably connected)")
        axes.set_ylabel("pairs")
    return axes.figure


def _linear_width(values: np.ndarray, threshold: float) -> float:
    """How far from 0 the axis of scores is linear, where the middle ones or those below a threshold would crowd into few
    bins; 0 where none would."""
    low, high, first, last = np.quantile(values, (0, 1, 0.1, 0.9))
    below = threshold - low if np.isfinite(threshold) and low < threshold < high else np.inf
    if min(last - first, below) > (high - low) / 20:
        return 0.0
    sizes = np.abs(values[values != 0])
    usual = (last - first) / 2 or (float(np.quantile(sizes, 0.1)) if len(sizes) else 0.0)
    if np.isfinite(below) and threshold:
        usual = min(usual, abs(threshold) / 2) or abs(threshold) / 2
    return max(usual, 1e-9 * max(abs(low), abs(high))) if high > low else 0.0


def _bins(low: float, high: float, width: float) -> np.ndarray:
    """The edges of 60 bins that are equally wide on the axis."""
    if not width:
        return np.linspace(low, high, 61)
    edges = width * np.sinh(np.linspace(np.arcsinh(low / width), np.arcsinh(high / width), 61))
    edges[[0, -1]] = low, high
    return edges


def _bend(axes: Axes, width: float, low: float, high: float) -> None:
    """An axis that is linear about 0 and logarithmic beyond, with ticks at powers of ten."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("asinh", linear_width=width)
    ends = np.arcsinh(np.array([low, high]) / width)
    axes.set_xlim(*(width * np.sinh(ends + 0.02 * np.ptp(ends) * np.array([-1, 1]))))
    first, last = (int(np.ceil(np.log10(each))) for each in (width, max(abs(low), abs(high), 10 * width)))
    powers = 10.0 ** np.arange(first, last + 1, max(1, -(-(last - first) // 5)))
    ticks = [each for each in (*-powers[::-1], 0.0, *powers) if min(low, 0) <= each <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))

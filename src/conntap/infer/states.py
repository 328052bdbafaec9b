"""Recordings as states of few values in machine words, and the level below which a population is calm."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from conntap.activity import Spikes, Traces
from conntap.infer.cross_counts import in_bins
from conntap.infer.recordings import checked_pieces, moderate, steps_of

__all__ = ["Thermometers", "calm_level", "thermometers"]

_SAMPLE = 1 << 25  # values that are looked at for the scales
_STRETCHES = 32


class Thermometers(NamedTuple):
    """Bits of shape (nodes, edges, words): which frames reach an edge; the mean over nodes of each frame; frames."""

    bits: np.ndarray
    average: np.ndarray
    n_frames: int


def thermometers(
    activity: Spikes | Traces, where: str, *, edges: np.ndarray | None, differenced: bool, bin_ms: float
) -> Thermometers:
    """Which frames of an activity, or of its backward differences, reach the edges.

    Parameters
    ----------
    edges
        Ascending, in the unit of the values; default: one spike, or of traces three robust deviations above the median of
        each node.

    Examples
    --------
    >>> held = thermometers(Traces([[0.0], [5.0], [6.0]], dt_ms=1), "here", edges=np.array([1.0]), differenced=True, bin_ms=1)
    >>> int(held.bits[0, 0, 0]), held.average.tolist()
    (6, [0.0, 5.0, 6.0])
    """
    if isinstance(activity, Spikes) and not differenced:
        return _of_spikes(activity, where, np.array([1.0]) if edges is None else edges, bin_ms)
    if isinstance(activity, Spikes):
        from conntap.infer.recordings import binned

        activity = binned(activity, bin_ms=bin_ms)
    return _of_traces(activity, where, edges, differenced)


def calm_level(average: np.ndarray) -> float:
    """The level that a population's average passes in bursts alone: a third of the way from its mode to its peak.

    The mode is the peak of a histogram with bins by Freedman and Diaconis.

    Examples
    --------
    >>> calm = np.random.default_rng(1).normal(0.1, 0.01, 10_000)
    >>> bool(0.38 < calm_level(np.concatenate([calm, np.linspace(0.2, 1, 1000)])) < 0.42)
    True
    """
    low, middle, high = np.quantile(average, [0.0, 0.5, 1.0])
    apart = np.subtract(*np.quantile(average, [0.75, 0.25]))
    if not (apart > 0 and high > low):
        return float(high)
    top = min(high, middle + 20 * apart)
    n_bins = int(np.clip((top - low) * np.cbrt(len(average)) / (2 * apart), 10, 10_000))
    counts, ends = np.histogram(average, bins=n_bins, range=(low, top))
    mode = (ends[counts.argmax()] + ends[counts.argmax() + 1]) / 2
    return float(mode + (high - mode) / 3)


def _of_spikes(spikes: Spikes, where: str, edges: np.ndarray, bin_ms: float) -> Thermometers:
    from conntap.infer._states import add_events

    held = in_bins(spikes, where, bin_ms)
    cells, counts = np.unique(held.bins * held.n_nodes + held.rows, return_counts=True)
    out = np.zeros((held.n_nodes, len(edges), -(-held.n_bins // 64)), dtype=np.uint64)
    add_events(cells % max(1, held.n_nodes), cells // max(1, held.n_nodes), counts.astype(np.float64), edges, out)
    average = np.bincount(held.bins, minlength=held.n_bins) / max(1, held.n_nodes)
    return Thermometers(out, average, held.n_bins)


def _of_traces(traces: Traces, where: str, edges: np.ndarray | None, differenced: bool) -> Thermometers:
    from conntap.infer._states import add_values

    n = traces.n_nodes
    steps = max(64, steps_of(traces) // 64 * 64)
    by_node = _edges(traces, differenced) if edges is None else np.repeat(edges[:, None], n, axis=1)
    out = np.zeros((n, len(by_node), -(-traces.n_steps // 64)), dtype=np.uint64)
    average, first, before = np.zeros(traces.n_steps), 0, None
    for piece in checked_pieces(traces, where, steps):
        values = np.ascontiguousarray(piece, dtype=np.float64)
        average[first : first + len(values)] = values.mean(axis=1) if n else 0.0
        if differenced:
            changes = np.diff(values, axis=0, prepend=values[:1] if before is None else before)
            before, values = values[-1:], changes
        add_values(values, by_node, first, out)
        first += len(values)
    return Thermometers(out, average, traces.n_steps)


def _edges(traces: Traces, differenced: bool) -> np.ndarray:
    """Shape (1, nodes): the median and three robust deviations, of stretches spread evenly over the recording.

    Where more than half of the values are equal, one standard deviation takes their place; dead nodes reach no edge.
    """
    most = int(np.clip(_SAMPLE // max(1, traces.n_nodes), 2000, 20_000))
    n_steps = traces.n_steps
    if n_steps <= most:
        parts = [np.asarray(traces.values[:], dtype=np.float64)]
    else:
        length = most // _STRETCHES
        starts = np.linspace(0, n_steps - length, _STRETCHES).astype(int)
        parts = [np.asarray(traces.values[a : a + length], dtype=np.float64) for a in starts]
    for part in parts:
        moderate(part, traces, "transfer_entropy")
    with np.errstate(invalid="ignore"):  # what is not finite is refused with the pieces, and reaches no edge here
        seen = np.concatenate([np.diff(part, axis=0) if differenced else part for part in parts])
        seen = np.where(np.isfinite(seen), seen, 0.0)
    middle = np.median(seen, axis=0)
    apart = 3 * 1.4826 * np.median(np.abs(seen - middle), axis=0)
    apart = np.where(apart > 0, apart, seen.std(axis=0))
    return np.where(apart > 0, middle + apart, np.inf)[None]

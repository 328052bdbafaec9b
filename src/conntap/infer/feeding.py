"""What feeds the calcium: the derivative of a trace without its own decay."""

from __future__ import annotations

from functools import partial

import numpy as np

from conntap.activity.spikes import Spikes
from conntap.activity.traces import Traces
from conntap.errors import ActivityError, OptionError
from conntap.infer.decays import estimated
from conntap.infer.filters import Weighed, savgol_weights, savitzky_golay
from conntap.infer.flowing import mapped

__all__ = ["feed"]

_FEWEST = 32  # frames away from spikes that tell a slope


def feed(
    traces: Traces,
    spikes: Spikes | None = None,
    *,
    window: int = 31,
    order: int = 3,
    tau_ms: float | None = None,
    away_ms: float | None = None,
) -> Traces:
    """What comes into each trace beside its own decay: feed = ds - b s, with b the slope of ds on s away from spikes.

    Parameters
    ----------
    traces
        Fluorescence without NaN; lazy ones stay lazy, after a first pass for the slopes.
    spikes
        The true spikes of (at least) these nodes, where they are known; default: b is -1/tau as `infer.kinetics` tells it
        from the traces, where spikes are left out by the frames in which a trace rises.
    window
        Frames of the Savitzky-Golay filters of s and ds: an odd number.
    order
        Degree of their polynomials.
    tau_ms
        Given: b is -1 / tau_ms.
    away_ms
        How far a frame must be from a spike of its node to count as away; default: half a window.

    Returns
    -------
    Traces of the same steps and nodes, per ms; float32 where the input is, else float64.

    Raises
    ------
    OptionError
        A window, order, tau or distance out of its range.
    ActivityError
        Fewer frames than `window`; NaN; a node that has no spikes listed; or no slope for any node: then give tau_ms.

    Notes
    -----
    Two filters of `window` operations a value, with spikes twice. A node without a slope of its own below 0 (dead, or never
    away from spikes) takes the median of the others. s and ds: Savitzky-Golay of 31 frames and order 3.

    Examples
    --------
    >>> decay = Traces(np.exp(-np.arange(200.0) / 20)[:, None], dt_ms=10)
    >>> np.allclose(feed(decay, tau_ms=200.0).to_numpy(), 0, atol=1e-4)
    True
    """
    if tau_ms is not None and not (np.isfinite(tau_ms) and tau_ms > 0):
        raise OptionError(f"feed.tau_ms: {tau_ms}; give a positive time.")
    if away_ms is not None and not (np.isfinite(away_ms) and away_ms >= 0):
        raise OptionError(f"feed.away_ms: {away_ms}; give a time from 0 on.")
    smooth, change = (savitzky_golay(traces, window=window, order=order, derivative=each) for each in (0, 1))
    if tau_ms is not None:
        slopes = np.full(traces.n_nodes, -1 / tau_ms)
    elif traces.n_nodes == 0:
        slopes = np.empty(0)
    elif spikes is None:
        slopes = -1 / estimated(traces, "slope", "spectrum", 262_144, traces.n_nodes)["tau_ms"].to_numpy()
    else:
        away = round((window // 2 if away_ms is None else away_ms / traces.dt_ms) + 1e-9)
        slopes = _slopes(smooth, change, spikes.of(traces.ids), away, window // 2)
    fits = [savgol_weights(window, order, each, traces.dt_ms) for each in (0, 1)]
    unit = f"{traces.unit or '1'}/ms"
    return mapped(traces, partial(_Feeding, fits, _known(slopes)), where="feed", unit=unit)


class _Feeding:
    """Both filters at once."""

    def __init__(self, fits: list[tuple[np.ndarray, ...]], slopes: np.ndarray) -> None:
        self.smooth, self.change = (Weighed(*fit) for fit in fits)
        self.slopes = slopes

    def push(self, block: np.ndarray) -> np.ndarray:
        smooth = self.smooth.push(block)
        return self.change.push(block) - smooth * self.slopes.astype(smooth.dtype)

    def finish(self) -> np.ndarray:
        smooth = self.smooth.finish()
        return self.change.finish() - smooth * self.slopes.astype(smooth.dtype)


def _slopes(smooth: Traces, change: Traces, spikes: Spikes, away: int, half: int) -> np.ndarray:
    """Of each node the slope over frames without a spike within so many frames, and no nearer to the ends than `half`."""
    frames = np.floor((spikes.times_ms - smooth.start_ms) / smooth.dt_ms + 1e-9).astype(np.int64)
    sums = np.zeros((5, smooth.n_nodes))
    first = 0
    origin = next(smooth.pieces(1))[0].astype(
        np.float64
    )  # sums about a value of each trace, so that an offset is no loss
    for x, y in zip(smooth.pieces(), change.pieces(), strict=True):
        free = _away(frames - first, spikes.rows, away, x.shape)
        free[: max(0, half - first)] = False
        free[max(0, smooth.n_steps - half - first) :] = False
        x, y = np.where(free, x - origin, 0.0), np.where(free, y, 0.0)
        sums += [free.sum(axis=0), x.sum(axis=0), y.sum(axis=0), (x * x).sum(axis=0), (x * y).sum(axis=0)]
        first += len(x)
    n, sx, sy, sxx, sxy = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = sxx - sx * sx / n
        return np.where((n >= _FEWEST) & (spread > 1e-12 * sxx), (sxy - sx * sy / n) / spread, np.nan)


def _away(frames: np.ndarray, rows: np.ndarray, away: int, shape: tuple[int, int]) -> np.ndarray:
    """Whether each frame of each node is free of spikes within so many frames."""
    near = (frames >= -away) & (frames < shape[0] + away)
    count = np.zeros((shape[0] + 1, shape[1]), np.int32)
    np.add.at(count, (np.maximum(frames[near] - away, 0), rows[near]), 1)
    np.add.at(count, (np.minimum(frames[near] + away + 1, shape[0]), rows[near]), -1)
    return count[:-1].cumsum(axis=0) == 0


def _known(slopes: np.ndarray) -> np.ndarray:
    """Slopes that are negative as they are, others as the median of those."""
    good = slopes < 0
    if not good.any() and len(slopes):
        raise ActivityError("feed: no node has a slope that tells its decay. Give tau_ms.")
    return np.where(good, slopes, np.median(slopes[good])) if len(slopes) else slopes

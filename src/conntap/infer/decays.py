"""How fast calcium decays and how noisy its recording is, told from traces alone, without spikes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd
from scipy import fft, signal

from conntap.activity.traces import Traces
from conntap.errors import ActivityError, one_of, whole
from conntap.infer.flowing import without_nan
from conntap.infer.recordings import sized
from conntap.infer.rises import with_rises

__all__ = ["estimated", "kinetics", "sample"]

_STRETCH = 4096  # frames
_TAUS = 96
_LOWEST = 0.1  # cycles a frame: the lowest frequency at which noise is looked for


def kinetics(
    traces: Traces,
    *,
    tau: Literal["slope", "autocovariance"] = "slope",
    noise: Literal["spectrum", "autocovariance", "residuals"] = "spectrum",
    rise: Literal["none", "autocovariance"] = "none",
    most_frames: int = 262_144,
) -> pd.DataFrame:
    """The decay time of each channel's calcium and the noise of its recording; the time in which it rises, where asked for.

    Parameters
    ----------
    traces
        Fluorescence without NaN, in memory or lazy.
    tau
        "slope": of the slope of the smoothed derivative on the smoothed trace where the trace falls, which is right also
        where spikes come in bursts; "autocovariance": of the exponential (plus a constant) that fits the autocovariance
        from lag 1 on, where noise is gone, and that stands in where there is no slope.
    noise
        "spectrum": what the power spectrum, above a tenth of the frame rate, has beside that of a decay; "autocovariance":
        what lag 0 has more than the exponential; "residuals": what a deconvolution without penalty and rise leaves
        over.
    rise
        "none": calcium rises within a frame; "autocovariance": the time constant of its rise, of the difference of exponentials
        (plus a constant) that fits the autocovariance, with the decay that `tau` says ("autocovariance": with that which fits
        best together with it).
    most_frames
        Of longer recordings, stretches of 4,096 frames spread evenly are looked at.

    Returns
    -------
    Indexed by id: `tau_ms`, `noise` (standard deviation of a frame), `signal` (that of the calcium) and, where asked for,
    `rise_ms`, all float64. A
    channel whose decay cannot be told has tau_ms NaN: dead, or without activity above the noise, or decaying faster
    than a frame or slower than the stretches.

    Raises
    ------
    OptionError
        An unknown method.
    ActivityError
        Fewer than 16 frames, or NaN.

    Notes
    -----
    A Fourier transform of the frames looked at, and of a slope some 20 ms a channel. Simulated (2 spikes per s, tau 400
    ms, an hour at 50 Hz), both taus are within 15 % of the truth and the noise within 5 %, at a noise of a tenth of a
    spike up to one; in bursts of 300 ms the slope is within 7 %, the autocovariance 15 to 20 % too slow. A rise of 80 ms is found within 10 % by
    the median of channels that fire independently; in bursts it is as slow as spikes follow each other. The slope is that of
    Stetter et al. 2012, doi:10.1371/journal.pcbi.1002653, by the trace a window before as instrument; the others:
    Friedrich, Zhou and Paninski 2017, doi:10.1371/journal.pcbi.1005423.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> calcium = signal.lfilter([1], [1, -0.95], rng.poisson(0.05, (20_000, 1)), axis=0)
    >>> table = kinetics(Traces(calcium + rng.normal(0, 0.3, calcium.shape), dt_ms=20))
    >>> table["tau_ms"].round(-2).tolist(), table["noise"].round(1).tolist()
    ([400.0], [0.3])
    """
    one_of("kinetics.tau", tau, ("slope", "autocovariance"))
    one_of("kinetics.noise", noise, ("spectrum", "autocovariance", "residuals"))
    one_of("kinetics.rise", rise, ("none", "autocovariance"))
    whole("kinetics.most_frames", most_frames, _STRETCH)
    return estimated(traces, tau, noise, most_frames, traces.n_nodes, rise)


def estimated(
    traces: Traces, tau: str, noise: str, most_frames: int, most_slopes: int, rise: str = "none"
) -> pd.DataFrame:
    """The table of `kinetics`, with slopes of at most so many channels, spread evenly among those that decay.

    Examples
    --------
    >>> table = estimated(Traces(np.zeros((20, 2)), dt_ms=1), "slope", "spectrum", 4096, 1)
    >>> table["tau_ms"].isna().all(), table["noise"].tolist()
    (np.True_, [0.0, 0.0])
    """
    if traces.n_steps < 16:
        raise ActivityError(f"kinetics: {traces.n_steps} frames; 16 are needed. Record longer.")
    covariance, power = _moments(traces, most_frames)
    decay, variance = _exponential(covariance)
    if tau == "slope":
        decay = _slopes(traces, decay, most_slopes)
    rising = np.zeros(traces.n_nodes)
    if rise != "none":
        decay, rising, variance = with_rises(covariance, decay, variance, "together" if tau != "slope" else "given")
    with np.errstate(divide="ignore", invalid="ignore"):
        tau_ms = np.where(decay > 0, -traces.dt_ms / np.log(decay), np.nan)
        rise_ms = np.where(np.isnan(tau_ms), np.nan, -traces.dt_ms / np.log(rising))
    if noise == "spectrum":
        squared = _white(power, decay, rising)
    elif noise == "autocovariance":
        squared = covariance[0] - variance
    else:
        squared = _residual(traces, decay) ** 2
    squared = np.clip(squared, 0, covariance[0])
    own = {"tau_ms": tau_ms, "noise": np.sqrt(squared), "signal": np.sqrt(np.maximum(0, covariance[0] - squared))}
    own |= {} if rise == "none" else {"rise_ms": rise_ms}
    return pd.DataFrame(own, index=pd.Index(traces.ids, name="id"))


def sample(traces: Traces, most_frames: int, length: int, where: str) -> Iterator[np.ndarray]:
    """Stretches of so many frames spread evenly over the recording, in order, together at most so many frames.

    Examples
    --------
    >>> [piece.ravel().tolist() for piece in sample(Traces(np.arange(9)[:, None], dt_ms=1), 4, 2, "here")]
    [[0, 1], [7, 8]]
    """
    n = traces.n_steps
    length = min(length, n)
    if n <= most_frames:
        starts = np.arange(0, n - length + 1, length)
    else:
        starts = np.linspace(0, n - length, max(1, most_frames // length)).astype(int)
    blocks = (np.asarray(traces.values[start : start + length]) for start in starts)
    for block in sized(blocks, traces, where):
        without_nan(block, where)
        yield block


def _moments(traces: Traces, most_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Autocovariances, shape (lags, nodes), and power at high frequencies, shape (frequencies, nodes)."""
    length = min(_STRETCH, traces.n_steps)
    n_lags = max(4, length // 4)
    size = fft.next_fast_len(length + n_lags, real=True)
    covariance = np.zeros((n_lags, traces.n_nodes))
    lowest = int(_LOWEST * length)
    power = np.zeros((length // 2 + 1 - lowest, traces.n_nodes))
    window = np.hanning(length + 2)[1:-1]
    pairs = (length - np.arange(n_lags))[:, None]
    n_stretches = 0
    for block in sample(traces, most_frames, _STRETCH, "kinetics"):
        for nodes in (slice(at, at + 64) for at in range(0, traces.n_nodes, 64)):
            own = block[:, nodes].T.astype(np.float64, order="C")
            own -= own.mean(axis=1, keepdims=True)
            spectrum = fft.rfft(own, size, axis=1)
            covariance[:, nodes] += fft.irfft(np.abs(spectrum) ** 2, size, axis=1)[:, :n_lags].T / pairs
            high = fft.rfft(own * window, axis=1)[:, lowest:]
            power[:, nodes] += np.abs(high.T) ** 2 / (window @ window)
        n_stretches += 1
    return covariance / n_stretches, power / n_stretches


def _exponential(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """g and A of A g^k + constant, from lag 1 on as far as three times where it fell to 1/e; NaN where nothing decays."""
    n_lags, n_nodes = covariance.shape
    decay, variance = np.full(n_nodes, np.nan), np.zeros(n_nodes)
    for node in range(n_nodes):
        own = covariance[:, node]
        if not own[1] > 1e-6 * own[0] or own[0] <= 0:
            continue
        fallen = np.flatnonzero(own[1:] < own[1] / np.e)
        last = int(np.clip(3 * (fallen[0] + 1 if len(fallen) else n_lags), 6, n_lags - 1))
        found = _fitted(own[1 : last + 1])
        if found is not None:
            decay[node], variance[node] = found
    return decay, variance


def _fitted(own: np.ndarray) -> tuple[float, float] | None:
    """The best g by a grid of time constants, narrowed thrice; None at the ends of the grid or with A below 0."""
    lags = np.arange(1, len(own) + 1)
    centred = own - own.mean()
    low, high = np.log(0.2), np.log(2.0 * len(own))
    for _ in range(3):
        logs = np.linspace(low, high, _TAUS)
        curves = np.exp(-lags / np.exp(logs)[:, None])
        curves -= curves.mean(axis=1, keepdims=True)
        along = curves @ centred
        at = int(np.argmax(np.where(along > 0, along**2 / (curves**2).sum(axis=1), -1.0)))
        if along[at] <= 0 or at in (0, _TAUS - 1):
            return None
        best, size = logs[at], along[at] / (curves[at] @ curves[at])
        low, high = logs[at - 1], logs[at + 1]
    return float(np.exp(-1 / np.exp(best))), float(size)


def _white(power: np.ndarray, decay: np.ndarray, rising: np.ndarray) -> np.ndarray:
    """The level beside that of white spikes that rise and decay, both from 0 on; least squares, relative to what is expected."""
    angles = np.linspace(2 * np.pi * _LOWEST, np.pi, len(power))[:, None]
    shape = 1 / (1 + decay**2 - 2 * decay * np.cos(angles)) / (1 + rising**2 - 2 * rising * np.cos(angles))
    level, share = power.mean(axis=0), np.zeros(power.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(4):
            weight = 1 / (level + share * shape) ** 2
            weight = np.where(np.isfinite(weight), weight, 1.0)
            total, x, y = weight.sum(axis=0), (weight * shape).sum(axis=0), (weight * power).sum(axis=0)
            xx, xy = (weight * shape**2).sum(axis=0), (weight * shape * power).sum(axis=0)
            share = np.nan_to_num(np.clip((total * xy - x * y) / (total * xx - x * x), 0, y / x))
            level = np.maximum(0, (y - share * np.nan_to_num(x)) / total)
    return level


def _slopes(traces: Traces, decay: np.ndarray, most: int) -> np.ndarray:
    """g of the robust slope of the derivative on the trace, both smoothed over half a decay of the median channel, where the trace falls."""
    found = decay.copy()
    chosen = np.flatnonzero(decay > 0)
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(most, len(chosen))).astype(int)]
    blocks = [
        each[:, chosen].astype(np.float64, order="C") for each in sample(traces, 32 * _STRETCH, _STRETCH, "kinetics")
    ]
    if not len(chosen):
        return found
    window = int(np.clip(-0.5 / np.log(np.median(decay[chosen])), 2, 15)) * 2 + 1
    if len(blocks[0]) < 4 * window:
        return found
    parts = [[_smoothed(each, window, n) for n in (0, 1)] for each in blocks]
    smooth, change = (np.concatenate([part[n][window:] for part in parts]) for n in (0, 1))
    before = np.concatenate([part[0][:-window] for part in parts])
    for at, node in enumerate(chosen):
        slope = _robust_slope(*(np.ascontiguousarray(each[:, at]) for each in (smooth, change, before)))
        found[node] = np.exp(slope) if slope < 0 else decay[node]
    return found


def _smoothed(values: np.ndarray, window: int, derivative: int) -> np.ndarray:
    """A parabola's value or derivative, where whole windows fit."""
    from conntap.infer._weighing import weigh

    out = np.empty((len(values) - window + 1, values.shape[1]))
    weigh(values, signal.savgol_coeffs(window, 2, deriv=derivative, use="dot"), out)
    return out


def _robust_slope(smooth: np.ndarray, change: np.ndarray, before: np.ndarray) -> float:
    """The slope of the change on the trace without frames that rise far above the line: they hold spikes.

    The trace a window before tells how high it is apart from the present noise, which would flatten or steepen the line.
    """
    keep = change < np.median(change) + 2 * np.abs(change - np.median(change)).mean()
    slope = np.nan
    for _ in range(8):
        own = before[keep] - before[keep].mean() if keep.any() else before[keep]
        along = own @ smooth[keep]
        if keep.sum() < 8 or not along > 0:
            return np.nan
        slope = own @ change[keep] / along
        off = change - slope * smooth
        few = off[keep][:: 1 + keep.sum() // 8192]
        middle = np.median(few)
        earlier, keep = keep, off < middle + 3 * 1.4826 * np.median(np.abs(few - middle))
        if np.count_nonzero(earlier != keep) <= 1e-3 * len(keep):
            break
    return float(slope)


def _residual(traces: Traces, decay: np.ndarray) -> np.ndarray:
    from conntap.infer._pools import residual
    from conntap.infer.deconvolution import tables_of

    values = np.concatenate(list(sample(traces, 32_768, 8192, "kinetics"))).T.astype(np.float64)
    known = np.where(np.isnan(decay), 0.5, decay)
    noise = np.zeros(len(values))
    residual(np.ascontiguousarray(values), np.quantile(values, 0.1, axis=1), *tables_of(known), noise)
    return noise

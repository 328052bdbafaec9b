"""Filters over frames: Savitzky-Golay, low-pass, differences, thresholds, and weights by the activity of all."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from scipy import signal

from conntap.activity.traces import Traces
from conntap.errors import ActivityError, OptionError, whole
from conntap.infer.flowing import Pointwise, mapped

__all__ = [
    "coarsened",
    "Weighed",
    "differenced",
    "low_pass",
    "savgol_weights",
    "savitzky_golay",
    "thresholded",
    "weighted_by_activity",
]

Weights = Literal["centred", "trailing"] | list[float]
_WEIGHTS = {"centred": ([1.0, 1.0, 1.0], 1), "trailing": ([1.0, 1.0, 0.8, 0.4], 0)}


def savitzky_golay(traces: Traces, *, window: int = 31, order: int = 3, derivative: int = 0) -> Traces:
    """Each value, or its derivative, of the polynomial fitted to the frames around it.

    Parameters
    ----------
    traces
        Without NaN; lazy ones stay lazy.
    window
        Frames of a fit: an odd number. At both ends the first and last fit are followed.
    order
        Degree of the polynomial, less than `window`.
    derivative
        0: the value; 1: its change per ms; and so on.

    Returns
    -------
    Traces of the same steps and nodes: float32 where the input is, else float64; unit "UNIT/ms^n" of a derivative.

    Raises
    ------
    OptionError
        An even window, or an order or derivative that does not fit it.
    ActivityError
        Fewer frames than `window`, or NaN.

    Notes
    -----
    `window` operations a value; lazy traces are read in pieces whose size does not change the values. Savitzky and Golay
    1964, doi:10.1021/ac60214a047; ends as scipy.signal.savgol_filter's mode "interp".

    Examples
    --------
    >>> ramp = Traces([[0.0], [2.0], [4.0], [6.0]], dt_ms=2)
    >>> savitzky_golay(ramp, window=3, order=1, derivative=1).to_numpy().ravel().round(9).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    whole("savitzky_golay.window", window, 1)
    whole("savitzky_golay.order", order, 0)
    whole("savitzky_golay.derivative", derivative, 0)
    if window % 2 == 0 or order >= window:
        raise OptionError(f"savitzky_golay: window {window}, order {order}; give an odd window above the order.")
    _long_enough(traces, window, "savitzky_golay")
    make = partial(Weighed, *savgol_weights(window, order, derivative, traces.dt_ms))
    unit = traces.unit if derivative == 0 else f"{traces.unit or '1'}/ms" + (f"^{derivative}" if derivative > 1 else "")
    return mapped(traces, make, where="savitzky_golay", unit=unit)


def low_pass(
    traces: Traces, *, weights: Weights = "centred", ahead: int = 0, cutoff_hz: float | None = None, order: int = 2
) -> Traces:
    """Traces smoothed by a weighted sum over frames, or by a Butterworth filter.

    Parameters
    ----------
    traces
        Without NaN; lazy ones stay lazy.
    weights
        "centred": x[t-1] + x[t] + x[t+1]; "trailing": x[t] + x[t-1] + 0.8 x[t-2] + 0.4 x[t-3]; or any weights of
        x[t + ahead], x[t + ahead - 1] and so on. Before the first frame and after the last, these are repeated.
    ahead
        How many frames after t the own weights begin.
    cutoff_hz
        Given: instead of weights a Butterworth filter, whose gain here is 1/sqrt(2). It looks back only (so it delays),
        and begins as if the first frame had always been.
    order
        That filter's order.

    Returns
    -------
    Traces of the same steps and nodes: float32 where the input is, else float64.

    Raises
    ------
    OptionError
        No weights, `ahead` outside them, or a cutoff that is not between 0 and half the frame rate.
    ActivityError
        Fewer frames than weights, or NaN.

    Notes
    -----
    As many operations a value as there are weights; lazy traces are read in pieces whose size does not change the values.
    The two named filters: Sutera et al. 2014, arXiv:1406.7865.

    Examples
    --------
    >>> spike = Traces([[0.0], [0.0], [1.0], [0.0], [0.0]], dt_ms=20)
    >>> low_pass(spike, weights="trailing").to_numpy().ravel().tolist()
    [0.0, 0.0, 1.0, 1.0, 0.8]
    """
    if cutoff_hz is not None:
        whole("low_pass.order", order, 1)
        most = 500 / traces.dt_ms
        if not 0 < cutoff_hz < most:
            raise OptionError(f"low_pass.cutoff_hz: {cutoff_hz}; give a value between 0 and {most:g} Hz.")
        sections = signal.butter(order, cutoff_hz, fs=1000 / traces.dt_ms, output="sos")
        return mapped(traces, partial(_Recursive, sections), where="low_pass")
    if isinstance(weights, str) and weights not in _WEIGHTS:
        raise OptionError(f"low_pass.weights: {weights!r}; give centred, trailing, or a list of numbers.")
    own, ahead = _WEIGHTS[weights] if isinstance(weights, str) else (list(weights), ahead)
    if not own or not np.isfinite(own).all() or not 0 <= ahead < len(own):
        raise OptionError(
            f"low_pass: weights {own}, ahead {ahead}; give numbers, and an ahead from 0 below their count."
        )
    _long_enough(traces, len(own), "low_pass")
    return mapped(traces, partial(_repeating, own, ahead), where="low_pass")


def differenced(traces: Traces, *, frames: int = 1) -> Traces:
    """The change of each value since some frames before.

    Parameters
    ----------
    traces
        Without NaN; lazy ones stay lazy.
    frames
        How many frames before; the first so many values are 0.

    Returns
    -------
    Traces of the same steps and nodes: float32 where the input is, else float64.

    Raises
    ------
    OptionError
        `frames` is no whole number from 1 on.
    ActivityError
        No more frames than these, or NaN.

    Notes
    -----
    Linear in values; lazy traces are read in pieces whose size does not change the values.

    Examples
    --------
    >>> differenced(Traces([[1.0], [3.0], [2.0]], dt_ms=20)).to_numpy().ravel().tolist()
    [0.0, 2.0, -1.0]
    """
    whole("differenced.frames", frames, 1)
    _long_enough(traces, frames + 1, "differenced")
    weights = np.zeros(frames + 1)
    weights[0], weights[-1] = -1.0, 1.0
    make = partial(Weighed, weights, np.zeros((frames, frames + 1)), np.zeros((0, frames + 1)))
    return mapped(traces, make, where="differenced")


def coarsened(traces: Traces, *, frames: int) -> Traces:
    """Each few frames as one: their mean.

    Parameters
    ----------
    traces
        Without NaN; lazy ones stay lazy.
    frames
        How many become one; what is left at the end is dropped.

    Returns
    -------
    Traces of the same nodes, of steps so many times as long; float32 where the input is, else float64.

    Raises
    ------
    OptionError
        `frames` is no whole number from 1 on.
    ActivityError
        Fewer frames than these, or NaN.

    Notes
    -----
    Linear in values; lazy traces are read in pieces whose size does not change the values. Noise falls with the root of
    `frames`, and so does what there is to compute.

    Examples
    --------
    >>> coarsened(Traces([[1.0], [3.0], [2.0], [4.0], [9.0]], dt_ms=20), frames=2).to_numpy().ravel().tolist()
    [2.0, 3.0]
    """
    whole("coarsened.frames", frames, 1)
    _long_enough(traces, frames, "coarsened")
    return mapped(traces, partial(_Averaging, frames), where="coarsened", every=frames)


def thresholded(traces: Traces, *, threshold: float, below: float = 0.0) -> Traces:
    """Values at or above a threshold as they are, all others set to one value.

    Parameters
    ----------
    traces
        Without NaN; lazy ones stay lazy.
    threshold
        In the unit of the traces.
    below
        What smaller values become.

    Returns
    -------
    Traces of the same steps and nodes: float32 where the input is, else float64.

    Raises
    ------
    OptionError
        A threshold or `below` that is not finite.
    ActivityError
        NaN among the values.

    Notes
    -----
    Linear in values. The thresholds of the connectomics challenge's winner were .100 to .210 of the differences of
    low-passed fluorescence: Sutera et al. 2014, arXiv:1406.7865.

    Examples
    --------
    >>> thresholded(Traces([[0.1], [0.3], [0.2]], dt_ms=20), threshold=0.2).to_numpy().ravel().tolist()
    [0.0, 0.3, 0.2]
    """
    if not (np.isfinite(threshold) and np.isfinite(below)):
        raise OptionError(f"thresholded: threshold {threshold}, below {below}; give finite numbers.")
    make = partial(Pointwise, partial(_from_threshold, threshold=threshold, below=below))
    return mapped(traces, make, where="thresholded")


def weighted_by_activity(traces: Traces) -> Traces:
    """Values weighted so that frames in which few are active count more: (x + 1)^(1 + 1/sum_j x_j).

    Parameters
    ----------
    traces
        Values from 0 on, such as `infer.thresholded` leaves; lazy ones stay lazy.

    Returns
    -------
    Traces of the same steps and nodes: 1 where x is 0; float32 where the input is, else float64. All nodes enter the sum
    of each frame: choose nodes before.

    Raises
    ------
    ActivityError
        A negative value, or NaN, as soon as it is read.

    Notes
    -----
    Linear in values; one power for each that is not 0. Sutera et al. 2014, arXiv:1406.7865.

    Examples
    --------
    >>> weighted_by_activity(Traces([[1.0, 1.0], [3.0, 0.0]], dt_ms=20)).to_numpy().round(3).tolist()
    [[2.828, 2.828], [6.35, 1.0]]
    """
    return mapped(traces, partial(Pointwise, _weighted), where="weighted_by_activity")


class Weighed:
    """The filter of a weighted sum over neighbouring frames; both ends have weights of their own.

    `weights` go with as many frames in a row; `first` and `last`, of shape (rows, frames), give the rows before and after
    the sums from the first and the last so many frames.

    Examples
    --------
    >>> filter = Weighed([1.0, 1.0], np.zeros((1, 2)), np.zeros((0, 2)))
    >>> filter.push(np.array([[1.0], [2.0]])).ravel().tolist(), filter.push(np.array([[3.0]])).ravel().tolist()
    ([0.0, 3.0], [5.0])
    """

    def __init__(self, weights: np.ndarray, first: np.ndarray, last: np.ndarray) -> None:
        self.weights, self.first, self.last = np.asarray(weights, float), first, last
        self.held: np.ndarray | None = None  # what was seen before the first sum, then the last frames
        self.begun = False

    def push(self, block: np.ndarray) -> np.ndarray:
        """The sums that end within the block."""
        from conntap.infer._weighing import weigh

        length, block = len(self.weights), real(block)
        fresh = len(block)
        seen = block if self.held is None else np.concatenate([self.held, block])
        rows = len(seen) - length + 1 if not self.begun else fresh
        self.held = seen[max(0, len(seen) - length) :].copy()
        if rows <= 0:
            return seen[:0]
        out = np.empty((rows, seen.shape[1]), seen.dtype)
        weigh(np.ascontiguousarray(seen[len(seen) - rows - length + 1 :]), self.weights, out)
        if self.begun:
            return out
        self.begun = True
        return np.concatenate([(self.first @ seen[:length]).astype(seen.dtype), out]) if len(self.first) else out

    def finish(self) -> np.ndarray:
        """The rows after the last sum."""
        return (self.last @ self.held).astype(self.held.dtype) if self.begun and len(self.last) else self.held[:0]


class _Averaging:
    """The filter of means; frames of a mean that is not whole are held."""

    def __init__(self, frames: int) -> None:
        self.frames, self.held = frames, None

    def push(self, block: np.ndarray) -> np.ndarray:
        block = real(block)
        block = block if self.held is None else np.concatenate([self.held, block])
        rows = len(block) // self.frames
        self.held = block[rows * self.frames :].copy()
        whole_ones = block[: rows * self.frames].reshape(rows, self.frames, block.shape[1])
        return whole_ones.mean(axis=1, dtype=np.float64).astype(block.dtype, copy=False)

    def finish(self) -> np.ndarray:
        return self.held[:0]


class _Recursive:
    """The filter of second-order sections, at rest on the first frame."""

    def __init__(self, sections: np.ndarray) -> None:
        self.sections, self.state, self.none = sections, None, None

    def push(self, block: np.ndarray) -> np.ndarray:
        block = real(block)
        self.none = block[:0]
        if len(block) == 0:
            return block
        if self.state is None:
            self.state = signal.sosfilt_zi(self.sections)[:, :, None] * block[0].astype(float)
        out, self.state = signal.sosfilt(self.sections, block, axis=0, zi=self.state)
        return out.astype(block.dtype, copy=False)

    def finish(self) -> np.ndarray:
        return self.none


def real(block: np.ndarray) -> np.ndarray:
    """float32 as it is, all else as float64.

    Examples
    --------
    >>> real(np.array([1], np.int16)).dtype
    dtype('float64')
    """
    return block if block.dtype == np.float32 else block.astype(np.float64, copy=False)


def savgol_weights(window: int, order: int, derivative: int, dt_ms: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `Weighed` takes: the weights in the middle, before the first and after the last middle.

    Examples
    --------
    >>> [each.round(3).tolist() for each in savgol_weights(3, 0, 0, 2.0)]
    [[0.333, 0.333, 0.333], [[0.333, 0.333, 0.333]], [[0.333, 0.333, 0.333]]]
    """
    if derivative > order:
        fits = [np.zeros(window)] * window
    else:
        options = {"deriv": derivative, "delta": dt_ms, "use": "dot"}
        fits = [signal.savgol_coeffs(window, order, pos=at, **options) for at in range(window)]
    half, shape = window // 2, (window // 2, window)
    return fits[half], np.array(fits[:half]).reshape(shape), np.array(fits[half + 1 :]).reshape(shape)


def _repeating(weights: list[float], ahead: int) -> Weighed:
    """Sums whose frames beyond the ends are those at the ends."""
    length = len(weights)
    before = length - 1 - ahead
    in_time = np.array(weights[::-1], dtype=float)  # of x[t - before] to x[t + ahead]
    first, last = np.zeros((before, length)), np.zeros((ahead, length))
    for t in range(before):
        np.add.at(first[t], np.maximum(np.arange(length) + t - before, 0), in_time)
    for t in range(ahead):
        np.add.at(last[t], np.minimum(np.arange(length) + t + 1, length - 1), in_time)
    return Weighed(in_time, first, last)


def _long_enough(traces: Traces, frames: int, where: str) -> None:
    if traces.n_steps < frames:
        raise ActivityError(f"{where}: {traces.n_steps} frames; {frames} are needed. Record longer, or ask for fewer.")


def _from_threshold(block: np.ndarray, threshold: float, below: float) -> np.ndarray:
    block = real(block)
    return np.where(block >= threshold, block, block.dtype.type(below))


def _weighted(block: np.ndarray) -> np.ndarray:
    block = real(block)
    if block.size and block.min() < 0:
        raise ActivityError("weighted_by_activity: negative values. Keep those from 0 on: infer.thresholded.")
    sums = np.add.reduce(block, axis=1, dtype=np.float64)
    out = np.ones_like(block)
    steps, nodes = np.nonzero(block)
    logs = np.log1p(block[steps, nodes].astype(np.float64))
    out[steps, nodes] = np.exp(logs + logs / sums[steps])
    return out

"""Recordings as they might have been without connections, and parts of recordings put together anew."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from conntap.activity import Spikes, Traces
from conntap.activity.lazy import box_of, boxed
from conntap.errors import OptionError, one_of
from conntap.infer.flowing import like, without_nan

__all__ = ["resampled", "surrogate"]

_OF_SPIKES = ("shift", "jitter", "dither", "intervals", "poisson")
_OF_TRACES = ("shift", "phase")


def surrogate(
    activity: Spikes | Traces,
    *,
    kind: Literal["shift", "jitter", "dither", "intervals", "poisson", "phase"] = "shift",
    width_ms: float | None = None,
    rng: np.random.Generator,
) -> Spikes | Traces:
    """The recording as it might have been had no neuron acted on another.

    Keeps the nodes, the stretch of time, and each node's number of spikes (or its mean and variance). What else it keeps is
    what a null model assumes: choose the one that keeps what is not to be found.

    Parameters
    ----------
    activity
        Spikes, or traces of any kind.
    kind
        "shift" turns each node's activity round in time by an amount of its own: keeps all of each node's activity but
        what nodes have in common. Of spikes also: "jitter" places each spike anew within its window of `width_ms`, and
        "dither" moves it by up to `width_ms` either way: both keep what is common on longer times (bursts, slow rates);
        "intervals" puts each node's intervals into another order; "poisson" places its spikes anywhere. Of traces also:
        "phase" draws the phase of each frequency anew: keeps the power spectrum.
    width_ms
        Of "jitter" and "dither" alone; default 25 ms, longer than synapses act.
    rng
        Source of randomness.

    Returns
    -------
    Activity of the same kind; shifted traces are lazy where they were, "phase" reads them into memory.

    Raises
    ------
    OptionError
        A kind that spikes or traces do not have, a width that is not positive, or one for a kind without.
    ActivityError
        Missing values among traces whose phase is asked for.

    Notes
    -----
    Time for sorting the spikes, or a Fourier transform of each trace. Louis, Borgelt & Gruen, 2010,
    https://doi.org/10.1007/978-1-4419-5675-0_17; phases: Theiler et al., 1992,
    https://doi.org/10.1016/0167-2789(92)90102-S.

    Examples
    --------
    >>> spikes = Spikes([0, 0, 1], [1.0, 30.0, 31.0], duration_ms=50)
    >>> found = surrogate(spikes, kind="jitter", width_ms=10, rng=np.random.default_rng(0))
    >>> (found.times_ms // 10).tolist(), found.node_ids.tolist()
    ([0.0, 3.0, 3.0], [0, 1, 0])
    """
    is_spikes = isinstance(activity, Spikes)
    one_of("surrogate.kind", kind, _OF_SPIKES if is_spikes else _OF_TRACES)
    width = _width(kind, width_ms)
    if is_spikes:
        return _with_times(activity, *_moved(activity, kind, width, rng))
    if kind == "phase":
        return _with_new_phases(activity, rng)
    by = rng.integers(0, max(1, activity.n_steps), size=activity.n_nodes)
    values: Any = Shifted(activity.values, by)
    return like(activity, values[:] if isinstance(activity.values, np.ndarray) else values)


def resampled(activity: Spikes | Traces, *, block_s: float = 10.0, rng: np.random.Generator) -> Spikes | Traces:
    """The recording put together anew of stretches of it, drawn with replacement: a block bootstrap.

    Keeps the nodes, the length, and within the stretches everything that neurons have in common. What inference finds in
    many of these tells how much of it hangs on the stretch that happened to be recorded.

    Parameters
    ----------
    activity
        Spikes, or traces of any kind, lazy ones too.
    block_s
        Length of the stretches: far longer than what is inferred from (lags, bursts), far shorter than the recording. The
        last is cut where the recording's length is reached.
    rng
        Source of randomness.

    Returns
    -------
    Activity of the same kind and length; traces are lazy where they were.

    Raises
    ------
    OptionError
        A length that is not positive, or longer than the recording.

    Notes
    -----
    Linear in spikes or values. The first frames of a stretch follow the last of another: one in `block_s` is wrong. Moving
    blocks: Kuensch, 1989, https://doi.org/10.1214/aos/1176347265.

    Examples
    --------
    >>> traces = Traces(np.arange(6.0).reshape(6, 1), dt_ms=500)
    >>> resampled(traces, block_s=1.0, rng=np.random.default_rng(1)).to_numpy().ravel().tolist()
    [2.0, 3.0, 2.0, 3.0, 3.0, 4.0]
    """
    length = 1000.0 * block_s
    if not 0 < length <= activity.duration_ms:
        raise OptionError(
            f"resampled.block_s: {block_s}; give a length up to that of the recording, {activity.duration_ms / 1000:g} s."
        )
    if isinstance(activity, Spikes):
        return _with_times(activity, *_spikes_of_blocks(activity, length, rng))
    steps = max(1, round(length / activity.dt_ms))
    first = rng.integers(0, activity.n_steps - steps + 1, size=math.ceil(activity.n_steps / steps))
    values: Any = Blocks(activity.values, first, steps)
    return like(activity, values[:] if isinstance(activity.values, np.ndarray) else values)


class Shifted:
    """Values of shape (time, nodes), each column turned round in time by so many steps."""

    def __init__(self, source: Any, by: np.ndarray) -> None:
        self.source, self.by, self.shape, self.dtype = source, by, tuple(source.shape), np.dtype(source.dtype)

    def box(self, first: int, stop: int, left: int, right: int) -> np.ndarray:
        """Rows [first, stop) and columns [left, right)."""
        out = np.empty((stop - first, right - left), self.dtype)
        n = self.shape[0]
        for column in range(left, right):
            at = first
            while at < stop:
                begin = (at - int(self.by[column])) % n
                end = min(n, begin + stop - at)
                out[at - first : at - first + end - begin, column - left] = box_of(
                    self.source, begin, end, column, column + 1
                )[:, 0]
                at += end - begin
        return out

    def __getitem__(self, key: Any) -> np.ndarray:
        return boxed(self.shape, key, self.box)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)


class Blocks:
    """Stretches of so many steps of other values, one after another, cut at the length of these."""

    def __init__(self, source: Any, first: np.ndarray, steps: int) -> None:
        self.source, self.first, self.steps = source, first, steps
        self.shape, self.dtype = tuple(source.shape), np.dtype(source.dtype)

    def box(self, first: int, stop: int, left: int, right: int) -> np.ndarray:
        """Rows [first, stop) and columns [left, right)."""
        out = np.empty((stop - first, right - left), self.dtype)
        at = first
        while at < stop:
            block, within = divmod(at, self.steps)
            taken = min(self.steps - within, stop - at)
            begin = int(self.first[block]) + within
            out[at - first : at - first + taken] = box_of(self.source, begin, begin + taken, left, right)
            at += taken
        return out

    def __getitem__(self, key: Any) -> np.ndarray:
        return boxed(self.shape, key, self.box)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)


def _width(kind: str, width_ms: float | None) -> float:
    if kind not in ("jitter", "dither"):
        if width_ms is not None:
            raise OptionError(f"surrogate.width_ms: is of jitter and dither, not of {kind}. Leave it out.")
        return 0.0
    width = 25.0 if width_ms is None else float(width_ms)
    if not 0 < width < math.inf:
        raise OptionError(f"surrogate.width_ms: {width_ms}; give a positive width.")
    return width


def _moved(spikes: Spikes, kind: str, width: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows and times of the spikes, times from the recording's start."""
    rows, times, duration = spikes.rows, spikes.times_ms - spikes.start_ms, spikes.duration_ms
    if kind == "shift":
        turned = times + (rng.random(spikes.n_nodes) * duration)[rows]
        return rows, np.where(turned >= duration, turned - duration, turned)
    if kind == "poisson":
        return rows, rng.random(len(times)) * duration
    if kind == "jitter":
        begin = np.floor(times / width) * width
        return rows, begin + rng.random(len(times)) * (np.minimum(begin + width, duration) - begin)
    if kind == "dither":
        moved = times + (2 * rng.random(len(times)) - 1) * width
        moved = np.abs(moved)  # what leaves the recording is turned back into it
        return rows, np.clip(np.where(moved > duration, 2 * duration - moved, moved), 0.0, duration)
    return _reordered(rows, times, rng)


def _reordered(rows: np.ndarray, times: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Each node's intervals, that before its first spike among them, in another order; its last spike stays."""
    order = np.lexsort((times, rows))
    rows, times = rows[order], times[order]
    is_first = np.ones(len(rows), dtype=bool)
    is_first[1:] = rows[1:] != rows[:-1]
    intervals = np.where(is_first, times, np.diff(times, prepend=0.0))
    intervals = intervals[np.lexsort((rng.random(len(rows)), rows))]
    total = np.cumsum(intervals)
    before = (total - intervals)[is_first]
    moved = total - np.repeat(before, np.diff(np.append(np.flatnonzero(is_first), len(rows))))
    return rows, np.clip(moved, 0.0, times.max(initial=0.0))


def _spikes_of_blocks(spikes: Spikes, length: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    duration, times = spikes.duration_ms, spikes.times_ms - spikes.start_ms
    n = math.ceil(duration / length - 1e-9)
    begins = rng.random(n) * (duration - length)
    lengths = np.minimum(length, duration - np.arange(n) * length)
    first, stop = np.searchsorted(times, begins), np.searchsorted(times, begins + lengths)
    taken = np.concatenate([np.arange(a, b) for a, b in zip(first, stop, strict=True)] or [np.empty(0, np.int64)])
    shift = np.repeat(np.arange(n) * length - begins, stop - first)
    return spikes.rows[taken], np.clip(times[taken] + shift, 0.0, duration)


def _with_times(spikes: Spikes, rows: np.ndarray, times: np.ndarray) -> Spikes:
    return Spikes(
        spikes.ids[rows],
        np.minimum(spikes.start_ms + times, spikes.stop_ms),
        duration_ms=spikes.duration_ms,
        start_ms=spikes.start_ms,
        nodes=spikes.nodes,
    )


def _with_new_phases(traces: Traces, rng: np.random.Generator) -> Traces:
    """Each trace with the phases of its frequencies drawn anew; that of the mean, and of the fastest, which are real, stay."""
    values = traces.to_numpy()
    without_nan(values, "surrogate")
    n = len(values)
    kind = np.float32 if values.dtype == np.float32 else np.float64
    out = np.empty(values.shape, dtype=kind)
    for column in range(values.shape[1] if n else 0):
        spectrum = np.fft.rfft(values[:, column].astype(np.float64))
        inner = slice(1, (n + 1) // 2)
        turned = np.exp(2j * np.pi * rng.random(len(spectrum[inner])))
        spectrum[inner] *= turned
        out[:, column] = np.fft.irfft(spectrum, n=n)
    return like(traces, out)

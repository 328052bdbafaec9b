"""Fluorescence relative to what it is at rest: a running quantile, streamed."""

from __future__ import annotations

from functools import partial

import numpy as np

from conntap.activity.traces import Traces
from conntap.errors import ActivityError, OptionError
from conntap.infer.filters import real
from conntap.infer.flowing import mapped

__all__ = ["detrended", "dff"]

_MOST = 1024  # values of a window that are looked at


def detrended(traces: Traces, *, window_ms: float = 60_000.0, quantile: float = 0.1) -> Traces:
    """Traces without their slow drift: less a running quantile.

    Parameters
    ----------
    traces
        Without NaN; lazy ones stay lazy.
    window_ms
        Around a frame, of how much the quantile is taken; at the ends of what there is. It should hold several active and
        silent times.
    quantile
        From 0 to 1: a low one follows what a trace is at rest.

    Returns
    -------
    Traces of the same steps and nodes; float32 where the input is, else float64. A constant channel becomes 0.

    Raises
    ------
    OptionError
        A quantile outside 0 to 1, or a window shorter than a frame.
    ActivityError
        NaN among the values.

    Notes
    -----
    The quantile is that of up to 1,024 values spread evenly over the window, at every quarter of a window, and runs straight
    between. Some 30 operations a value; lazy traces are read in pieces, which hold a window and a half of all nodes and do
    not change the values.

    Examples
    --------
    >>> steps = Traces(np.repeat([5.0, 8.0], 8)[:, None], dt_ms=10)
    >>> detrended(steps, window_ms=40, quantile=0.5).to_numpy()[[0, 15], 0].tolist()
    [0.0, 0.0]
    """
    make = _plan(traces, window_ms, quantile, "detrended")
    return mapped(traces, partial(make, relative=False), where="detrended")


def dff(traces: Traces, *, window_ms: float = 60_000.0, quantile: float = 0.1, offset: float = 0.0) -> Traces:
    """Fluorescence relative to what it is at rest: (F - F0) / F0, with F0 a running quantile.

    Parameters
    ----------
    traces
        Fluorescence above its dark level, without NaN; lazy ones stay lazy.
    window_ms
        Around a frame, of how much the quantile is taken; at the ends of what there is.
    quantile
        From 0 to 1.
    offset
        The dark level, which is taken off F first.

    Returns
    -------
    Traces of the same steps and nodes, unit "dF/F"; float32 where the input is, else float64. A constant channel becomes 0.

    Raises
    ------
    OptionError
        A quantile outside 0 to 1, a window shorter than a frame, or an offset that is not finite.
    ActivityError
        NaN, or an F0 that is not above 0, as soon as it is read.

    Notes
    -----
    As `infer.detrended`. A running percentile as baseline: Jia et al. 2011, doi:10.1038/nprot.2010.169 (who take a minimum).

    Examples
    --------
    >>> one = Traces([[2.0], [2.0], [3.0], [2.0], [2.0]], dt_ms=10)
    >>> dff(one, window_ms=50, quantile=0.5).to_numpy().ravel().tolist()
    [0.0, 0.0, 0.5, 0.0, 0.0]
    """
    if not np.isfinite(offset):
        raise OptionError(f"dff.offset: {offset}; give a finite number.")
    make = _plan(traces, window_ms, quantile, "dff")
    return mapped(traces, partial(make, relative=True, offset=offset), where="dff", unit="dF/F")


def _plan(traces: Traces, window_ms: float, quantile: float, where: str) -> partial:
    if not 0 <= quantile <= 1:
        raise OptionError(f"{where}.quantile: {quantile}; give a share from 0 to 1.")
    if not (np.isfinite(window_ms) and window_ms >= traces.dt_ms):
        raise OptionError(f"{where}.window_ms: {window_ms}; give a time of at least a frame, {traces.dt_ms:g} ms.")
    return partial(_Resting, max(1, round(window_ms / traces.dt_ms / 2)), quantile)


class _Resting:
    """The filter: frames from half a window before the last knot on are held; knots lie at every quarter of a window."""

    def __init__(self, half: int, quantile: float, relative: bool, offset: float = 0.0) -> None:
        self.half, self.quantile, self.relative, self.offset = half, quantile, relative, offset
        self.step = max(1, half // 2)
        self.held: np.ndarray | None = None
        self.first = 0  # frame of the first one held
        self.knot, self.level = 0, None  # the last knot's frame and quantiles

    def push(self, block: np.ndarray) -> np.ndarray:
        """All rows before the last knot whose window is whole."""
        block = real(block)
        self.held = block if self.held is None else np.concatenate([self.held, block])
        return self._told(ended=False)

    def finish(self) -> np.ndarray:
        """All other rows, with windows that end where the recording ends."""
        return self._told(ended=True)

    def _told(self, ended: bool) -> np.ndarray:
        stop, out = self.first + len(self.held), [self.held[:0]]
        if self.level is None and stop and (ended or stop >= self.half):
            self.level = self._level(0)
        while self.level is not None:
            after = self.knot + self.step
            if after + self.half > stop and not (ended and after < stop):
                break
            level = self._level(after)
            share = (np.arange(self.step) / self.step)[:, None]
            out.append(self._relative(self.knot, self.level + share * (level - self.level)))
            self.knot, self.level = after, level
        if ended and self.level is not None:
            out.append(self._relative(self.knot, np.repeat(self.level[None], stop - self.knot, axis=0)))
        keep = max(0, self.knot - self.half - self.first) if self.level is not None else 0
        self.held, self.first = self.held[keep:].copy() if keep else self.held, self.first + keep
        return np.concatenate(out)

    def _level(self, knot: int) -> np.ndarray:
        low = max(0, knot - self.half) - self.first
        window = self.held[low : knot + self.half - self.first]
        window = np.ascontiguousarray(window[:: -(-len(window) // _MOST)].T)
        return np.quantile(window, self.quantile, axis=1).astype(np.float64)

    def _relative(self, knot: int, level: np.ndarray) -> np.ndarray:
        own = self.held[knot - self.first : knot - self.first + len(level)]
        change = own - level
        if self.relative:
            rest = level - self.offset
            if ((rest <= 0) & (change != 0)).any():
                bad = int(((rest <= 0) & (change != 0)).any(axis=0).sum())
                raise ActivityError(
                    f"dff: F0 is not above 0 in {bad} of {own.shape[1]} channels. Give their dark level as offset, or use "
                    "infer.detrended."
                )
            change = np.divide(change, rest, out=np.zeros_like(change), where=rest > 0)
        return change.astype(own.dtype, copy=False)

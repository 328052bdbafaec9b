"""Covariances of all pairs at several lags, from pieces of a recording in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conntap.activity import Spikes, Traces
from conntap.errors import ActivityError, OptionError
from conntap.infer.lags import checked_lags, step_ms
from conntap.infer.recordings import checked, sized

__all__ = ["Covariances", "Sums", "covariances", "of_activity"]


@dataclass(frozen=True)
class Covariances:
    """Sums of products of deviations from the means, at some lags; all else of linear methods follows from them.

    Parameters
    ----------
    frames
        Number of time steps.
    means
        Shape (nodes,).
    products
        Lag -> shape (pre, post): sum over t of (x_pre(t - lag) - mean) (x_post(t) - mean).
    head, tail
        Shape (largest lag, nodes): deviations of the first and last frames.

    Examples
    --------
    >>> found = covariances([[[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]], lags=[0, 1])
    >>> found.at(1).tolist()
    [[-0.015625, 0.171875], [-0.015625, -0.078125]]
    """

    frames: int
    means: np.ndarray
    products: dict[int, np.ndarray]
    head: np.ndarray
    tail: np.ndarray

    def at(self, lag: int) -> np.ndarray:
        """Shape (pre, post): covariance of pre, `lag` frames earlier, with post: the sum of products over all frames."""
        return self.products[lag] / self.frames

    def deviations(self) -> np.ndarray:
        """Shape (nodes,): standard deviations; 0 of a dead channel."""
        variances = np.maximum(np.diagonal(self.products[0]) / self.frames, 0.0)
        dead = variances <= 1e-20 * self.means**2
        return np.sqrt(np.where(dead, 0.0, variances))

    def correlation(self, lag: int) -> np.ndarray:
        """Shape (pre, post): covariance over the standard deviations; 0 where a channel is dead."""
        deviations = self.deviations()
        over = np.divide(1.0, deviations, out=np.zeros_like(deviations), where=deviations > 0)
        result = self.at(lag)
        result *= over[:, None]
        result *= over
        return result


def covariances(pieces: Iterable[Any], *, lags: Sequence[int]) -> Covariances:
    """Covariances at several lags of what comes piece by piece; how it was cut changes nothing, not one bit.

    Parameters
    ----------
    pieces
        Consecutive stretches of values, each of shape (time, nodes).
    lags
        Whole frames from 0 on; lag 0 is computed in any case.

    Raises
    ------
    ActivityError
        No frames, or values that are not finite.
    OptionError
        Lags that are no whole numbers from 0 on, or not shorter than the recording.

    Notes
    -----
    Time: frames x nodes^2, times the lags where they are two at most; more lags come from Fourier transforms of short
    segments, together at about the cost of one and a half. 32-bit values are multiplied as such within blocks of a few
    thousand frames, and blocks are summed in 64 bits. Memory: a block, and 8 nodes^2 bytes for each lag.

    Examples
    --------
    >>> covariances([np.eye(2), -np.eye(2)], lags=[0]).at(0).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    lags = checked_lags(lags, "covariances.lags")
    from conntap.infer import _lagged

    total: Sums | None = None
    for block, shift, length in _blocks(pieces, lags):
        if total is None:
            total = Sums(shift, lags)
            segments = _lagged.Segments(lags, length, block.dtype) if length else None
        total.add(block[max(lags) :])
        if segments and len(block) >= 64 * length:
            segments.add(block, total.products)
        else:
            _lagged.add_direct(block, max(lags), total.products)
    if total is None:
        raise ActivityError("covariances: no frames. Give a recording of three at least.")
    return total.centred()


def of_activity(
    activity: Spikes | Traces, where: str, *, lags: Sequence[int], bin_ms: float | None = None
) -> Covariances:
    """Covariances of spikes, counted in bins (default 1 ms), or of traces, by their frames.

    Examples
    --------
    >>> of_activity(Traces([[1.0], [3.0], [5.0]], dt_ms=1), "here", lags=[0]).means.tolist()
    [3.0]
    """
    bin_ms = step_ms(activity, where, bin_ms)
    if isinstance(activity, Spikes):
        from conntap.infer.counting import spike_covariances

        checked(activity, where)
        return spike_covariances(activity, bin_ms=bin_ms, lags=lags)
    if activity.n_steps < 3:
        raise ActivityError(f"{where}: {activity.n_steps} frames; give a recording of three at least.")
    return covariances(sized(activity.pieces(4096), activity, where), lags=lags)


class Sums:
    """What is summed over blocks, of values less a shift near the mean."""

    def __init__(self, shift: np.ndarray, lags: tuple[int, ...]) -> None:
        n = len(shift)
        self.shift = shift.astype(np.float64)
        self.sum, self.frames = np.zeros(n), 0
        self.products = {lag: np.zeros((n, n)) for lag in lags}
        self.head = self.tail = np.zeros((0, n))

    def add(self, new: np.ndarray) -> None:
        most = max(self.products)
        self.frames += len(new)
        self.sum += _sums(new)
        if len(self.head) < most:
            self.head = np.concatenate([self.head, new[: most - len(self.head)].astype(np.float64)])
        self.tail = np.concatenate([self.tail, new[max(0, len(new) - most) :].astype(np.float64)])
        self.tail = self.tail[max(0, len(self.tail) - most) :]

    def centred(self) -> Covariances:
        most = max(self.products)
        if most >= self.frames:
            raise OptionError(f"covariances.lags: {most} frames, the recording has {self.frames}. Give shorter lags.")
        mean = self.sum / self.frames
        for lag, total in self.products.items():
            later = self.sum - self.head[:lag].sum(axis=0)
            earlier = self.sum - self.tail[most - lag :].sum(axis=0)
            total -= np.outer(mean, later - (self.frames - lag) * mean)
            total -= np.outer(earlier, mean)
        return Covariances(self.frames, self.shift + mean, self.products, self.head - mean, self.tail - mean)


def _sums(values: np.ndarray) -> np.ndarray:
    """Shape (nodes,): sums over the frames; refuses what is not finite."""
    ones = np.ones(min(len(values), 1024), dtype=values.dtype)
    total = np.zeros(values.shape[1])
    for first in range(0, len(values), 1024):
        part = values[first : first + 1024]
        total += ones[: len(part)] @ part
    if not np.isfinite(total).all():
        bad = np.flatnonzero(~np.isfinite(total))
        raise ActivityError(
            f"covariances: values that are not finite in {len(bad)} of {len(total)} channels, the first in column "
            f"{bad[0]}. Mend the recording: infer.mended."
        )
    return total


def _blocks(pieces: Iterable[Any], lags: tuple[int, ...]) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Pieces cut anew into blocks of one size, less a shift, after as many frames of the block before as lags reach.

    With each block the shift, near the means of the first one, and the length of segments. A block is overwritten by
    the next.
    """
    from conntap.infer._lagged import segment_length

    keep, held, size, first = max(lags), 0, 0, True
    for piece in pieces:
        piece = np.asarray(piece)
        if not size:
            n, kind = piece.shape[1], np.dtype(np.float32 if piece.dtype == np.float32 else np.float64)
            length = segment_length(lags, n)
            room = 2**27 if length else 2**25
            size = int(np.clip(room // (kind.itemsize * max(1, n)), 8192 if length else 4096, 65536))
            size = -(-size // length) * length if length else size
            block, shift = np.zeros((keep + size, n), dtype=kind), np.zeros(n, dtype=kind)
        while len(piece):
            taken, piece = piece[: size - held], piece[size - held :]
            with np.errstate(invalid="ignore", over="ignore"):
                np.subtract(taken, shift, out=block[keep + held : keep + held + len(taken)], casting="unsafe")
            held += len(taken)
            if held == size:
                shift = _shifted(block[keep:]) if first else shift
                yield block, shift, length
                block[:keep], held, first = block[size:].copy(), 0, False
    if held:
        shift = _shifted(block[keep : keep + held]) if first else shift
        yield block[: keep + held], shift, length


def _shifted(values: np.ndarray) -> np.ndarray:
    """The means, taken away from the values."""
    with np.errstate(invalid="ignore", over="ignore"):
        shift = values.mean(axis=0, dtype=np.float64).astype(values.dtype)
        values -= shift
    return shift

"""Covariances of all pairs at several lags, from pieces of a recording in one pass; of spikes, event by event."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conntap.activity import Spikes, Traces
from conntap.errors import ActivityError, OptionError
from conntap.infer.lags import checked_lags, step_ms

__all__ = ["Covariances", "counted", "covariances", "design", "of_activity", "spike_covariances"]


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

    most, length = max(lags), _lagged.segment_length(lags)
    total: _Sums | None = None
    for block in _blocks(pieces, length, most):
        _check_finite(block)
        if total is None:
            total = _Sums(block[most:], lags)
            kind, shift = block.dtype, total.shift.astype(block.dtype)
            previous = np.zeros((most, block.shape[1]), dtype=kind)
        new = block[most:] - shift
        block = np.concatenate([previous, new])
        previous = block[len(block) - most :]
        if length:
            _lagged.add_transformed(block, most, total.products, length)
        else:
            _lagged.add_direct(block, most, total.products)
        total.add(new)
    if total is None:
        raise ActivityError("covariances: no frames. Give a recording of three at least.")
    return total.centred()


def spike_covariances(spikes: Spikes, *, bin_ms: float, lags: Sequence[int]) -> Covariances:
    """Covariances of spike counts at several lags, from the spikes alone; counts are exact.

    Parameters
    ----------
    spikes
        What was recorded.
    bin_ms
        Width of a bin; the counts are those of `Spikes.counts`.
    lags
        Whole bins from 0 on.

    Notes
    -----
    Time: the pairs of spikes at these lags; 10,000 times less than products of counts where neurons fire in 1 % of
    bins. Memory: 16 nodes^2 bytes for each lag.

    Examples
    --------
    >>> spikes = Spikes([0, 1], [1.0, 2.0], duration_ms=4, ids=2)
    >>> spike_covariances(spikes, bin_ms=1, lags=[1]).at(1).tolist()
    [[-0.078125, 0.171875], [-0.078125, -0.078125]]
    """
    lags = checked_lags(lags, "covariances.lags")
    frames, bins = _bins(spikes, bin_ms)
    n, most = spikes.n_nodes, max(lags)
    from conntap.infer import _lagged

    found = np.zeros((len(lags), n, n), dtype=np.int64)
    _lagged.add_counts(spikes.rows, bins, np.array(lags), found)
    if most >= frames:
        raise OptionError(f"covariances.lags: {most} bins, the recording has {frames}. Give shorter lags.")
    sums = _Sums.__new__(_Sums)
    sums.shift, sums.sum, sums.frames = np.zeros(n), np.bincount(spikes.rows, minlength=n).astype(np.float64), frames
    sums.products = {lag: each.astype(np.float64) for lag, each in zip(lags, found, strict=True)}
    sums.head, sums.tail = (_dense(spikes.rows, bins, start, most, n) for start in (0, frames - most))
    return sums.centred()


def counted(spikes: Spikes, bin_ms: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The bins and neurons with spikes, in this order, and how many they hold.

    Examples
    --------
    >>> [each.tolist() for each in counted(Spikes([1, 1, 0], [0.0, 0.5, 2.0], duration_ms=3), 1.0)]
    [[0, 2], [1, 0], [2, 1]]
    """
    cells, counts = np.unique(_bins(spikes, bin_ms)[1] * spikes.n_nodes + spikes.rows, return_counts=True)
    return cells // max(1, spikes.n_nodes), cells % max(1, spikes.n_nodes), counts


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
        return spike_covariances(activity, bin_ms=bin_ms, lags=lags)
    if activity.n_steps < 3:
        raise ActivityError(f"{where}: {activity.n_steps} frames; give a recording of three at least.")
    return covariances(activity.pieces(4096), lags=lags)


def design(found: Covariances, lags: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """The normal equations of x(t) on x(t - lag), with a constant: exactly those of the table of lagged frames.

    Parameters
    ----------
    found
        Covariances at 0, at the lags and at their differences.
    lags
        Ascending lags.

    Returns
    -------
    Shape (lags * nodes, lags * nodes), lag by lag: products of predictors; (lags * nodes, nodes): of predictors with
    targets; (nodes,): of targets with themselves; the number of rows. All of deviations from the rows' means.

    Examples
    --------
    >>> values = np.array([[0.0], [1.0], [0.0], [3.0]])
    >>> [each.tolist() for each in design(covariances([values], lags=[0, 1]), [1])[:3]]
    [[[0.6666666666666667]], [[-1.3333333333333335]], [4.666666666666667]]
    """
    n, rows, most = len(found.means), found.frames - max(lags), max(lags)
    gaps = {lag: _gap(found, lag, most) for lag in {0, *lags}}

    def block(early: int, late: int) -> np.ndarray:
        if early < late:
            return block(late, early).T
        apart = early - late
        part = found.products[apart].copy()
        head, tail = found.head, found.tail
        part -= head[: most - early].T @ head[apart : most - late]
        part -= tail[most - early : most - apart].T @ tail[most - late :]
        part -= np.outer(gaps[early], gaps[late]) / rows
        return part

    gram = np.empty((len(lags) * n, len(lags) * n))
    for i, a in enumerate(lags):
        for j, b in enumerate(lags):
            gram[i * n : (i + 1) * n, j * n : (j + 1) * n] = block(a, b)
    cross = np.concatenate([block(a, 0) for a in lags])
    return gram, cross, np.diagonal(block(0, 0)).copy(), rows


def _gap(found: Covariances, lag: int, most: int) -> np.ndarray:
    """Shape (nodes,): sum of deviations over the frames t - lag of rows t = most ... frames - 1."""
    return -found.head[: most - lag].sum(axis=0) - found.tail[most - lag :].sum(axis=0)


class _Sums:
    """What is summed over blocks, of values less a shift near the mean."""

    def __init__(self, first: np.ndarray, lags: tuple[int, ...]) -> None:
        n = first.shape[1]
        self.shift = first.mean(axis=0, dtype=np.float64).astype(first.dtype).astype(np.float64)
        self.sum, self.frames = np.zeros(n), 0
        self.products = {lag: np.zeros((n, n)) for lag in lags}
        self.head = self.tail = np.zeros((0, n))

    def add(self, new: np.ndarray) -> None:
        most = max(self.products)
        self.frames += len(new)
        self.sum += new.sum(axis=0, dtype=np.float64)
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


def _check_finite(block: np.ndarray) -> None:
    with np.errstate(invalid="ignore", over="ignore"):
        sums = block.sum(axis=0, dtype=np.float64)
    if not np.isfinite(sums).all():
        bad = np.flatnonzero(~np.isfinite(sums))
        raise ActivityError(
            f"covariances: values that are not finite in {len(bad)} of {len(sums)} channels, the first in column "
            f"{bad[0]}. Mend the recording: infer.mended."
        )


def _blocks(pieces: Iterable[Any], length: int, keep: int) -> Iterator[np.ndarray]:
    """Pieces cut anew into blocks of one size, each with `keep` empty rows before it."""
    waiting: list[np.ndarray] = []
    held, size = 0, 0
    for piece in pieces:
        piece = np.asarray(piece)
        if piece.dtype != np.float32:
            piece = piece.astype(np.float64, copy=False)
        if not size:
            n = max(1, piece.shape[1])
            size = length * int(np.clip(400_000 // n, 48, 384)) if length else int(np.clip(8_000_000 // n, 1024, 16384))
        while len(piece):
            taken = piece[: size - held]
            waiting.append(taken)
            held, piece = held + len(taken), piece[len(taken) :]
            if held == size:
                yield _joined(waiting, keep)
                waiting, held = [], 0
    if held:
        yield _joined(waiting, keep)


def _joined(parts: list[np.ndarray], keep: int) -> np.ndarray:
    return np.concatenate([np.zeros((keep, parts[0].shape[1]), dtype=parts[0].dtype), *parts])


def _bins(spikes: Spikes, bin_ms: float) -> tuple[int, np.ndarray]:
    """The number of bins, and that of each spike, ascending: those of `Spikes.counts`."""
    frames = max(1, math.ceil(spikes.duration_ms / bin_ms - 1e-9))
    bins = ((spikes.times_ms - spikes.start_ms) / bin_ms + 1e-9).astype(np.int64)
    return frames, np.minimum(bins, frames - 1)


def _dense(rows: np.ndarray, bins: np.ndarray, start: int, count: int, n: int) -> np.ndarray:
    """Shape (count, n): counts in the bins from `start` on."""
    a, b = np.searchsorted(bins, [start, start + count])
    table = np.zeros((count, n))
    np.add.at(table, (bins[a:b] - start, rows[a:b]), 1.0)
    return table

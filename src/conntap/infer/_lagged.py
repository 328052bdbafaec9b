"""Kernels of lagged products: dense blocks by Fourier transforms of short segments, events pair by pair."""

from __future__ import annotations

import math

import numba
import numpy as np


def segment_length(lags: tuple[int, ...], n: int) -> int:
    """Frames of a segment for the Fourier way; 0 where products lag by lag cost less."""
    most, reach = max(lags), sum(lags)
    least = max(2 * most, 32 if n >= 500 else 64, math.sqrt(reach * n / 4))
    length = min(2 ** math.ceil(math.log2(least)), max(256, 2 * most + most % 2))
    transformed = 1.05 + reach / length + (1.2 * length + 40) / max(1, n) + 0.05 * len(lags)  # as measured
    direct = sum(0.5 if lag == 0 else 1.0 for lag in lags)
    return length if transformed < direct else 0


def add_direct(block: np.ndarray, keep: int, out: dict[int, np.ndarray]) -> None:
    """Add the products of frames [keep:] with those `lag` earlier to out[lag][pre, post]."""
    later, n = block[keep:], block.shape[1]
    width = max(1, n) if n <= 4096 else 1024
    for lag, total in out.items():
        earlier = block[keep - lag : len(block) - lag]
        for a in range(0, n, width):
            b = min(a + width, n)
            if lag:
                total[a:b] += earlier[:, a:b].T @ later
                continue
            own = later[:, a:b]
            total[a:b, a:b] += own.T @ own  # numpy sees one array and multiplies half
            part = own.T @ later[:, b:]
            total[a:b, b:] += part
            total[b:, a:b] += part.T


class Segments:
    """The same sums: within segments of `length` frames by Fourier transforms, across their borders frame by frame.

    With spectra X of segments the circular sum of x_i(t - lag) x_j(t) is the inverse transform of conj(X_i) X_j, whose
    real part is symmetric and whose imaginary part is skew in i and j, so half of each is computed. What a segment's
    end gives to its own beginning is taken away where the borders are added. `length` is even and above every lag.
    """

    def __init__(self, lags: tuple[int, ...], length: int, kind: np.dtype, width: int = 128) -> None:
        half, turn = length // 2, 2 * np.pi / length
        waves = np.outer(np.arange(half + 1), np.arange(length)) % length * turn
        transform = np.empty((length, length))
        transform[::2], transform[1::2] = np.cos(waves[:-1]), np.sin(waves[:-1])
        transform[1] = np.cos(waves[-1])  # the first wave has no sine, and so has room for the last one
        angles = np.outer(lags, [0, half, *range(1, half)]) * turn
        weights = np.where(np.arange(half + 1) < 2, 1.0, 2.0) / length
        self.lags, self.length, self.width = lags, length, width
        self.transform = transform.astype(kind)
        self.even = (np.cos(angles) * weights).astype(kind)
        self.odd = np.ascontiguousarray((np.sin(angles) * weights)[:, 2:].astype(kind))
        self.room: dict[str, np.ndarray] = {}

    def add(self, block: np.ndarray, out: dict[int, np.ndarray]) -> None:
        """Add the products of frames from the largest lag on with those earlier to out[lag][pre, post]."""
        length, keep, n = self.length, max(self.lags), block.shape[1]
        count = -(-(len(block) - keep) // length)
        missing = keep + count * length - len(block)
        if missing:
            block = np.concatenate([block, np.zeros((missing, n), dtype=block.dtype)])
        starts = keep + length * np.arange(count)
        for lag in self.lags:
            if lag:
                at = (starts[:, None] + np.arange(lag)).ravel()
                out[lag] += (block[at - lag] - block[at - lag + length]).T @ block[at]
        spectra = self._spectra(block[keep:].reshape(count, length, n))
        for a in range(0, n, self.width):
            self._add_panel(spectra, a, min(a + self.width, n), out)

    def _array(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Room that is used again: fresh memory costs as much as what is done with it."""
        size = int(np.prod(shape))
        if name not in self.room or len(self.room[name]) < size:
            self.room[name] = np.empty(size, dtype=self.transform.dtype)
        return self.room[name][:size].reshape(shape)

    def _spectra(self, segments: np.ndarray) -> np.ndarray:
        """Shape (waves, 2, segments, nodes): real and imaginary parts; of wave 0 its own and that of the last wave."""
        count, length, n = segments.shape
        found = self._array("spectra", (length, count * n))
        few = max(1, 500_000 // max(1, length * n))
        for first in range(0, count, few):
            some = np.ascontiguousarray(segments[first : first + few].transpose(1, 0, 2)).reshape(length, -1)
            np.matmul(self.transform, some, out=found[:, first * n : first * n + some.shape[1]])
        return found.reshape(length // 2, 2, count, n)

    def _add_panel(self, spectra: np.ndarray, a: int, b: int, out: dict[int, np.ndarray]) -> None:
        """Of nodes a to b with those from a on: the products of each wave, then the lags that all waves make."""
        half, _, count, n = spectra.shape
        wide = b - a
        both, mixed = self._array("even", (half + 1, wide, n - a)), self._array("odd", (half - 1, wide, n - a))
        turned = self._array("turned", (2 * count, wide))
        waves = [spectra[0, 0], spectra[0, 1], *spectra[1:].reshape(half - 1, 2 * count, n)]
        for parts, total in zip(waves, both, strict=True):
            own = parts[:, a:b]
            total[:, :wide] = own.T @ own  # numpy sees one array and multiplies half
            np.matmul(own.T, parts[:, b:], out=total[:, wide:])
        for parts, total in zip(waves[2:], mixed, strict=True):
            np.negative(parts[count:, a:b], out=turned[:count])
            turned[count:] = parts[:count, a:b]
            own = turned[:count].T @ turned[count:]
            np.subtract(own, own.T, out=total[:, :wide])
            np.matmul(turned.T, parts[:, b:], out=total[:, wide:])
        symmetric = np.matmul(
            self.even, both.reshape(half + 1, -1), out=self._array("c", (len(self.lags), wide * (n - a)))
        )
        skew = np.matmul(self.odd, mixed.reshape(half - 1, -1), out=self._array("s", symmetric.shape))
        for lag, c, s in zip(self.lags, symmetric.reshape(-1, wide, n - a), skew.reshape(-1, wide, n - a), strict=True):
            out[lag][a:b, a:] += c + s
            out[lag][b:, a:b] += (c - s)[:, wide:].T


@numba.njit(cache=True, nogil=True)
def add_events(rows, values, bounds, lags, out):
    """Add values[a] * values[b] to out[lag, rows[a], rows[b]] for each a one lag of frames before b.

    bounds[t] is the first event of frame t.
    """
    frames = len(bounds) - 1
    for k in range(len(lags)):
        lag = lags[k]
        total = out[k]
        for t in range(lag, frames):
            first, last = bounds[t], bounds[t + 1]
            if first == last:
                continue
            for a in range(bounds[t - lag], bounds[t - lag + 1]):
                line = total[rows[a]]
                value = values[a]
                for b in range(first, last):
                    line[rows[b]] += value * values[b]


@numba.njit(cache=True, nogil=True)
def add_counts(rows, bins, lags, out):
    """The same for events that count one each and need no table of frames: bins ascend."""
    events = len(bins)
    for k in range(len(lags)):
        lag = lags[k]
        total = out[k]
        first = 0
        last = 0
        for a in range(events):
            wanted = bins[a] + lag
            while first < events and bins[first] < wanted:
                first += 1
            if last < first:
                last = first
            while last < events and bins[last] == wanted:
                last += 1
            line = total[rows[a]]
            for b in range(first, last):
                line[rows[b]] += 1

"""Kernels of lagged products: dense blocks by Fourier transforms of short segments, events pair by pair."""

from __future__ import annotations

import numba
import numpy as np


def segment_length(lags: tuple[int, ...]) -> int:
    """Frames of a segment for the Fourier way; 0 where products lag by lag cost less."""
    most = max(lags)
    length = max(72, 8 * most)
    transformed = 1.4 * (length + most) / length + sum(lags) / length + 0.25 * len(lags)  # as measured
    direct = sum(0.6 if lag == 0 else 1.0 for lag in lags)
    return length if transformed < direct else 0


def add_direct(block: np.ndarray, keep: int, out: dict[int, np.ndarray]) -> None:
    """Add the products of frames [keep:] with those `lag` earlier to out[lag][pre, post]."""
    later, n = block[keep:], block.shape[1]
    width = n if n <= 4096 else 1024
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


def add_transformed(block: np.ndarray, keep: int, out: dict[int, np.ndarray], length: int) -> None:
    """The same sums: within segments of `length` frames by Fourier transforms, across their borders frame by frame.

    With spectra X of segments padded by the largest lag, the sum of x_i(t - lag) x_j(t) is the inverse transform of
    conj(X_i) X_j, whose real part is symmetric and whose imaginary part is skew in i and j.
    """
    lags, n, kind = tuple(out), block.shape[1], block.dtype
    points = length + max(lags)
    count = -(-(len(block) - keep) // length)
    if count * length != len(block) - keep:
        block = np.concatenate([block, np.zeros((keep + count * length - len(block), n), dtype=kind)])
    _add_across(block, keep, out, count, length)
    waves = 2 * np.pi * np.arange(points // 2 + 1) / points
    turns = np.outer(waves, np.arange(length))
    transform = np.stack([np.cos(turns), -np.sin(turns)], axis=1).reshape(-1, length).astype(kind)
    segments = block[keep:].reshape(count, length, n).transpose(1, 0, 2).reshape(length, count * n)
    spectra = (transform @ segments).reshape(len(waves), 2, count, n)
    once = (np.arange(len(waves)) == 0) | (2 * np.arange(len(waves)) == points)
    weights = np.where(once, 1.0, 2.0) / points
    even = (np.cos(np.outer(lags, waves)) * weights).astype(kind)
    odd = (np.sin(np.outer(lags, waves)) * weights).astype(kind)
    width = int(np.clip(-(-n // 8), 64, 512))
    for a in range(0, n, width):
        b = min(a + width, n)
        _add_panel(spectra, even, odd, out, a, b)


def _add_panel(
    spectra: np.ndarray, even: np.ndarray, odd: np.ndarray, out: dict[int, np.ndarray], a: int, b: int
) -> None:
    n_waves, _, count, n = spectra.shape
    both = np.empty((n_waves, b - a, n - a), dtype=spectra.dtype)
    mixed = np.empty((n_waves, b - a, n), dtype=spectra.dtype)
    for each, symmetric, skew in zip(spectra, both, mixed, strict=True):
        parts = each.reshape(2 * count, n)
        own = parts[:, a:b]
        symmetric[:, : b - a] = own.T @ own
        np.matmul(own.T, parts[:, b:], out=symmetric[:, b - a :])
        np.matmul(each[0][:, a:b].T, each[1], out=skew)
    for lag, c, s in zip(out, even, odd, strict=True):
        total = out[lag]
        symmetric = (c @ both.reshape(n_waves, -1)).reshape(b - a, n - a)
        total[a:b, a:] += symmetric
        total[b:, a:b] += symmetric[:, b - a :].T
        if lag:
            skew = (s @ mixed.reshape(n_waves, -1)).reshape(b - a, n)
            total[a:b] -= skew
            total[:, a:b] += skew.T


def _add_across(block: np.ndarray, keep: int, out: dict[int, np.ndarray], count: int, length: int) -> None:
    starts = keep + length * np.arange(count)
    for lag, total in out.items():
        if lag:
            at = (starts[:, None] + np.arange(lag)).ravel()
            total += block[at - lag].T @ block[at]


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

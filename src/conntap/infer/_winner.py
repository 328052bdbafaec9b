"""Kernels of the challenge's method: rises of smoothed fluorescence as sparse events, and their sums of products."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def count_rises(block, taps, least):
    """How many values of the filtered block, frame by frame, reach the threshold."""
    frames, n = block.shape[0] - len(taps) + 1, block.shape[1]
    counts = np.zeros(frames, dtype=np.int64)
    line = np.empty(n, dtype=np.float32)
    for t in range(frames):
        _filter(block, taps, t, line)
        for i in range(n):
            counts[t] += line[i] >= least
    return counts


@numba.njit(cache=True, nogil=True)
def list_rises(block, taps, least, rows, values):
    """The same values, frame by frame, with their columns."""
    frames, n = block.shape[0] - len(taps) + 1, block.shape[1]
    line = np.empty(n, dtype=np.float32)
    at = 0
    for t in range(frames):
        _filter(block, taps, t, line)
        for i in range(n):
            if line[i] >= least:
                rows[at] = i
                values[at] = line[i]
                at += 1


@numba.njit(cache=True, nogil=True, inline="always")
def _filter(block, taps, t, line):
    line[:] = 0
    for k in range(len(taps)):
        if taps[k] != 0:
            weight = taps[k]
            earlier = block[t + len(taps) - 1 - k]
            for i in range(len(line)):
                line[i] += weight * earlier[i]


@numba.njit(cache=True, nogil=True)
def frame_sums(bounds, values):
    """The sum of the values of each frame."""
    sums = np.zeros(len(bounds) - 1)
    for t in range(len(sums)):
        for e in range(bounds[t], bounds[t + 1]):
            sums[t] += values[e]
    return sums


@numba.njit(cache=True, nogil=True)
def add_quiet(bounds, rows, values, busy, out):
    """Add the products of values within each frame of fewer events than `busy` to the upper triangle of out."""
    for t in range(len(bounds) - 1):
        first, last = bounds[t], bounds[t + 1]
        if last - first >= busy:
            continue
        for a in range(first, last):
            line = out[rows[a]]
            value = values[a]
            for b in range(a, last):
                line[rows[b]] += value * values[b]


@numba.njit(cache=True, nogil=True)
def fill(bounds, rows, values, frames, table):
    """Write the events of some frames into a table (frames, nodes) of zeros."""
    for k in range(len(frames)):
        for e in range(bounds[frames[k]], bounds[frames[k] + 1]):
            table[k, rows[e]] = values[e]


@numba.njit(cache=True, nogil=True)
def count_following(bounds, rows, values, low, high, out):
    """For each pair how often the second's value in the next frame lies from low to high above that of the first.

    Frames in which the first does not rise count as value 0; `out` must be zero.
    """
    n = out.shape[0]
    alone = np.zeros(n, dtype=np.int64)
    table = np.zeros(n, dtype=np.float32)
    for t in range(len(bounds) - 2):
        first, last = bounds[t + 1], bounds[t + 2]
        many = 4 * (last - first) > n
        if many:
            table[:] = 0
        for b in range(first, last):
            alone[rows[b]] += low < values[b] < high
            if many:
                table[rows[b]] = values[b]
        for a in range(bounds[t], bounds[t + 1]):
            line = out[rows[a]]
            least, most = values[a] + low, values[a] + high
            if many:
                for j in range(n):
                    v = table[j]
                    line[j] += np.int32((v > least) & (v < most)) - np.int32((v > low) & (v < high))
            else:
                for b in range(first, last):
                    v = values[b]
                    line[rows[b]] += np.int32((v > least) & (v < most)) - np.int32((v > low) & (v < high))
    for i in range(n):
        for j in range(n):
            out[i, j] += alone[j]

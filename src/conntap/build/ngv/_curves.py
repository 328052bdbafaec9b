"""Kernels: smooth curves through the points of sections."""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def _rounded(line):
    """Corners cut at a quarter and three quarters of each piece; the ends stay (Chaikin)."""
    n = len(line)
    if n < 3:
        return line
    cut = np.empty((2 * n - 2, line.shape[1]))
    cut[0], cut[-1] = line[0], line[-1]
    at = 1
    for i in range(n - 1):
        if i > 0:
            cut[at] = 0.75 * line[i] + 0.25 * line[i + 1]
            at += 1
        if i < n - 2:
            cut[at] = 0.25 * line[i] + 0.75 * line[i + 1]
            at += 1
    return cut


@numba.njit(cache=True, nogil=True)
def length_of(line):
    """Of a line of straight pieces."""
    total = 0.0
    for i in range(len(line) - 1):
        total += np.sqrt(((line[i + 1] - line[i]) ** 2).sum())
    return total


@numba.njit(cache=True, nogil=True)
def spaced(line, pieces):
    """Points at equal lengths along a line."""
    out = np.empty((pieces + 1, 3))
    total = length_of(line)
    passed, at = 0.0, 0
    step = np.sqrt(((line[1] - line[0]) ** 2).sum())
    for i in range(pieces):
        goal = total * i / pieces
        while at < len(line) - 2 and passed + step < goal:
            passed += step
            at += 1
            step = np.sqrt(((line[at + 1] - line[at]) ** 2).sum())
        share = (goal - passed) / step if step > 0 else 0.0
        out[i] = line[at] + min(max(share, 0.0), 1.0) * (line[at + 1] - line[at])
    out[pieces] = line[-1]
    return out


@numba.njit(cache=True, nogil=True)
def rounded(points, begins, rounds):
    """Each section's line with its corners rounded, one after the other, and where each begins."""
    n = 0
    for k in range(len(begins) - 1):
        n += max(2, (begins[k + 1] - begins[k] - 2) * 2**rounds + 2)
    out, starts = np.empty((n, 3)), np.empty(len(begins), dtype=np.int64)
    at = 0
    for k in range(len(begins) - 1):
        line = points[begins[k] : begins[k + 1]].copy()
        for _ in range(rounds):
            line = _rounded(line)
        starts[k] = at
        out[at : at + len(line)] = line
        at += len(line)
    starts[-1] = at
    return out[:at], starts


@numba.njit(cache=True, nogil=True)
def winding(points, begins, waves, strength, low, high, step_um):
    """Sections that wind about their lines by waves, kept in the box, in pieces of about `step_um`; where each begins; their length.

    Waves: shape (sections, modes, 3). The mode m moves the point at the share u of the way by strength * length * sin(m pi u) / m^2.
    """
    total, n = 0.0, 0
    lines = [points[:2].copy() for _ in range(0)]
    for k in range(len(begins) - 1):
        line = points[begins[k] : begins[k + 1]]
        length = length_of(line)
        fine = spaced(line, max(4, int(np.ceil(2 * length / step_um))))
        for i in range(1, len(fine) - 1):
            share = i / (len(fine) - 1)
            for m in range(waves.shape[1]):
                wave = strength * min(length, 80.0) * np.sin((m + 1) * np.pi * share) / (m + 1) ** 2
                for axis in range(3):
                    fine[i, axis] += wave * waves[k, m, axis]
            for axis in range(3):
                fine[i, axis] = min(max(fine[i, axis], low[axis]), high[axis])
        length = length_of(fine)
        line = spaced(fine, max(1, int(np.round(length / step_um))))
        total += length_of(line)
        n += len(line)
        lines.append(line)
    out, starts = np.empty((n, 3)), np.empty(len(begins), dtype=np.int64)
    at = 0
    for k in range(len(lines)):
        starts[k] = at
        out[at : at + len(lines[k])] = lines[k]
        at += len(lines[k])
    starts[-1] = at
    return out, starts, total

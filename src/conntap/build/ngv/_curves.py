"""Kernels: smooth curves through the points of sections."""

import numba
import numpy as np

STIFF_UM, MOST_UM = 40.0, 80.0  # short sections wind less than in proportion to their length, long ones no more
SMOOTH_UM = 6.0  # over about how far a line is smoothed
SHARP = 0.7  # cosine of the most by which a line turns from a piece to the next; but in loops
TURN = -0.2  # cosine of the turn from which on a line is cut short


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
def _unfolded(line):
    """Without inner points at which the line turns back sharply; of a loop two stay."""
    line = line.copy()
    n = len(line)
    least = 4 if ((line[0] - line[-1]) ** 2).sum() == 0.0 else 2
    i = 1
    while i < n - 1 and n > least:
        before, after = line[i] - line[i - 1], line[i + 1] - line[i]
        if (before * after).sum() < TURN * np.sqrt((before**2).sum() * (after**2).sum()):
            line[i : n - 1] = line[i + 1 : n].copy()
            n -= 1
            i = max(1, i - 1)
        else:
            i += 1
    return line[:n]


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
        line = _unfolded(points[begins[k] : begins[k + 1]])
        for _ in range(rounds):
            line = _rounded(line)
        starts[k] = at
        out[at : at + len(line)] = line
        at += len(line)
    starts[-1] = at
    return out[:at], starts


@numba.njit(cache=True, nogil=True)
def _smooth(line, spare, rounds):
    """Each point but the ends to a quarter of its neighbours' and half of its own place, over and over."""
    for _ in range(rounds):
        for i in range(1, len(line) - 1):
            for axis in range(3):
                spare[i, axis] = 0.25 * line[i - 1, axis] + 0.5 * line[i, axis] + 0.25 * line[i + 1, axis]
        line[:] = spare


@numba.njit(cache=True, nogil=True)
def _is_sharp(line):
    """Whether a line turns anywhere by more than it may; loops may."""
    if ((line[0] - line[-1]) ** 2).sum() == 0.0:
        return False
    for i in range(1, len(line) - 1):
        before, after = line[i] - line[i - 1], line[i + 1] - line[i]
        if (before * after).sum() < SHARP * np.sqrt((before**2).sum() * (after**2).sum()):
            return True
    return False


@numba.njit(cache=True, nogil=True)
def winding(points, begins, waves, strength, low, high, step_um):
    """Sections that wind about their lines by waves, kept in the box, in pieces of about `step_um`; where each begins; their length.

    Waves: shape (sections, modes, 3). The mode m moves the point at the share u of the way by strength * size * sin(m pi u) / m^2.
    """
    total, n = 0.0, 0
    lines = [points[:2].copy() for _ in range(0)]
    for k in range(len(begins) - 1):
        line = points[begins[k] : begins[k + 1]]
        length = length_of(line)
        fine = spaced(line, max(4, int(np.ceil(2 * length / step_um))))
        size = min(length * length / (length + STIFF_UM), MOST_UM)
        rounds = max(4, int(SMOOTH_UM**2 / max(length / (len(fine) - 1), 0.3) ** 2))
        for i in range(1, len(fine) - 1):
            share = i / (len(fine) - 1)
            for m in range(waves.shape[1]):
                wave = strength * size * np.sin((m + 1) * np.pi * share) / (m + 1) ** 2
                for axis in range(3):
                    fine[i, axis] += wave * waves[k, m, axis]
            for axis in range(3):
                fine[i, axis] = min(max(fine[i, axis], low[axis]), high[axis])
        _smooth(fine, fine.copy(), rounds)
        line = spaced(fine, max(1, int(np.round(length_of(fine) / step_um))))
        for _ in range(12):
            if not _is_sharp(line):
                break
            rounds *= 2
            _smooth(fine, fine.copy(), rounds)
            line = spaced(fine, max(1, int(np.round(length_of(fine) / step_um))))
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

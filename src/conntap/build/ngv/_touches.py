"""Kernels: which segments of different cells come near each other, and the nearest segment of points."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["candidates", "mark_owners", "nearest_segments", "pairs_near"]

SEVERAL = -2
NOBODY = -1


@njit(cache=True, nogil=True)
def _span(start, end, radius, margin, low, step, shape, first, last):
    """The voxels of a segment's box, widened by its radius and a margin."""
    for axis in range(3):
        a, b = start[axis], end[axis]
        if a > b:
            a, b = b, a
        k = np.int64(np.floor((a - radius - margin - low[axis]) / step))
        first[axis] = min(max(k, 0), shape[axis] - 1)
        k = np.int64(np.floor((b + radius + margin - low[axis]) / step))
        last[axis] = min(max(k, 0), shape[axis] - 1)


@njit(cache=True, nogil=True)
def mark_owners(start, end, radius, cell, margin, low, step, shape, owners):
    """Write into each voxel the cell that has a segment there, or that several have."""
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for s in range(cell.shape[0]):
        _span(start[s], end[s], radius[s], margin, low, step, shape, first, last)
        for i in range(first[0], last[0] + 1):
            for j in range(first[1], last[1] + 1):
                for k in range(first[2], last[2] + 1):
                    at = (i * shape[1] + j) * shape[2] + k
                    if owners[at] == NOBODY:
                        owners[at] = cell[s]
                    elif owners[at] != cell[s]:
                        owners[at] = SEVERAL


@njit(cache=True, nogil=True)
def candidates(start, end, radius, margin, low, step, shape, owners):
    """Which segments have a voxel that several cells have."""
    n = start.shape[0]
    result = np.zeros(n, np.bool_)
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for s in range(n):
        _span(start[s], end[s], radius[s], margin, low, step, shape, first, last)
        for i in range(first[0], last[0] + 1):
            for j in range(first[1], last[1] + 1):
                for k in range(first[2], last[2] + 1):
                    if owners[(i * shape[1] + j) * shape[2] + k] == SEVERAL:
                        result[s] = True
    return result


@njit(cache=True, nogil=True)
def _clip(x):
    return min(max(x, 0.0), 1.0)


@njit(cache=True, nogil=True)
def closest(p, q, u, v):
    """Where two segments p-q and u-v of some length come closest: places along each, from 0 to 1, and the squared distance."""
    a = e = f = b = c = 0.0
    for axis in range(3):
        d1, d2, r = q[axis] - p[axis], v[axis] - u[axis], p[axis] - u[axis]
        a += d1 * d1
        e += d2 * d2
        f += d2 * r
        b += d1 * d2
        c += d1 * r
    across = a * e - b * b
    s = _clip((b * f - c * e) / across) if across > 1e-12 * a * e else 0.0
    t = (b * s + f) / e
    if t < 0.0:
        t = 0.0
        s = _clip(-c / a)
    elif t > 1.0:
        t = 1.0
        s = _clip((b - c) / a)
    apart = 0.0
    for axis in range(3):
        d = p[axis] + s * (q[axis] - p[axis]) - u[axis] - t * (v[axis] - u[axis])
        apart += d * d
    return s, t, apart


@njit(cache=True, nogil=True)
def pairs_near(start, end, radius, cell, margin, low, step, shape, found, places):
    """Pairs of segments of different cells whose surfaces are at most 2 margins apart, into `found`; how many there are.

    A pair is looked at in the voxel of the lower corner of what their boxes share, so once; the segment of the lower cell comes first,
    whatever the order of segments, so that roundings are the same.
    """
    n = cell.shape[0]
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    mine, theirs = np.empty(3, np.int64), np.empty(3, np.int64)
    counts = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int64)
    for turn in range(2):
        if turn == 1:
            for v in range(counts.shape[0] - 1):
                counts[v + 1] += counts[v]
            fill = counts[:-1].copy()
            there = np.empty(counts[-1], np.int64)
        for s in range(n):
            _span(start[s], end[s], radius[s], margin, low, step, shape, first, last)
            for i in range(first[0], last[0] + 1):
                for j in range(first[1], last[1] + 1):
                    for k in range(first[2], last[2] + 1):
                        at = (i * shape[1] + j) * shape[2] + k
                        if turn == 0:
                            counts[at + 1] += 1
                        else:
                            there[fill[at]] = s
                            fill[at] += 1
    total = np.int64(0)
    for at in range(counts.shape[0] - 1):
        for x in range(counts[at], counts[at + 1]):
            a = there[x]
            _span(start[a], end[a], radius[a], margin, low, step, shape, first, last)
            for axis in range(3):
                mine[axis] = first[axis]
            for y in range(x + 1, counts[at + 1]):
                b = there[y]
                if cell[a] == cell[b]:
                    continue
                _span(start[b], end[b], radius[b], margin, low, step, shape, theirs, last)
                corner = np.int64(0)
                for axis in range(3):
                    corner = corner * shape[axis] + max(mine[axis], theirs[axis])
                if corner != at:
                    continue
                one, two = (a, b) if cell[a] < cell[b] else (b, a)
                s, t, apart = closest(start[one], end[one], start[two], end[two])
                reach = radius[one] + radius[two] + 2 * margin
                if apart <= reach * reach:
                    if total < found.shape[0]:
                        found[total, 0], found[total, 1] = one, two
                        places[total, 0], places[total, 1] = s, t
                        places[total, 2] = np.sqrt(apart) - radius[a] - radius[b]
                    total += 1
    return total


@njit(cache=True, nogil=True)
def nearest_segments(points, start, end, order, starts, low, step, shape, half, found, places):
    """The nearest segment of each point, the place along it from 0 to 1, and how far it is.

    Segments stand sorted by the voxel of their middle; `half` is half the length of the longest. Shells of voxels are looked at until
    none can hold a nearer one.
    """
    home = np.empty(3, np.int64)
    widest = max(shape[0], shape[1], shape[2])
    for n in range(points.shape[0]):
        for axis in range(3):
            k = np.int64(np.floor((points[n, axis] - low[axis]) / step))
            home[axis] = min(max(k, 0), shape[axis] - 1)
        best, chosen, place = np.inf, np.int64(-1), 0.0
        shell = 0
        while shell <= widest:
            for i in range(max(home[0] - shell, 0), min(home[0] + shell, shape[0] - 1) + 1):
                for j in range(max(home[1] - shell, 0), min(home[1] + shell, shape[1] - 1) + 1):
                    inner = abs(i - home[0]) < shell and abs(j - home[1]) < shell
                    for k in range(max(home[2] - shell, 0), min(home[2] + shell, shape[2] - 1) + 1):
                        if inner and abs(k - home[2]) < shell:
                            continue
                        at = (i * shape[1] + j) * shape[2] + k
                        for x in range(starts[at], starts[at + 1]):
                            s = order[x]
                            along, whole = 0.0, 0.0
                            for axis in range(3):
                                d = end[s, axis] - start[s, axis]
                                along += d * (points[n, axis] - start[s, axis])
                                whole += d * d
                            t = _clip(along / whole)
                            apart = 0.0
                            for axis in range(3):
                                d = start[s, axis] + t * (end[s, axis] - start[s, axis]) - points[n, axis]
                                apart += d * d
                            if apart < best or (apart == best and s < chosen):
                                best, chosen, place = apart, s, t
            reach = np.sqrt(best) + half
            if chosen >= 0 and reach <= shell * step:
                break
            shell += 1
        found[n], places[n, 0], places[n, 1] = chosen, place, np.sqrt(best)

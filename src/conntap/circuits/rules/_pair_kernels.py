"""Compiled kernels over pairs of nodes: what is told of a pair, how many pairs fall into each cell, and what a table says.

Coordinates stand in columns, one row an axis. What is told of a pair (a feature) is of one of four kinds: a distance
over some axes, post - pre on one, the pre node's place on one, or the sign of post - pre on one.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["DISTANCE", "OFFSET", "PLACE", "SIDE", "count_all", "count_listed", "interpolate"]

DISTANCE, OFFSET, PLACE, SIDE = range(4)
_BLOCK = 256
_MOST_FEATURES = 8


def _compiled(function):
    """The function compiled without the interpreter's lock, and kept on disk where there is a place for it."""
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return njit(nogil=True)(function)


@_compiled
def _values(kinds, used, pre, post, row, begin, end, found):
    """What is told of the pairs of pre node `row` and the post nodes `begin` to `end`: `found` (features, block)."""
    size = end - begin
    for feature in range(len(kinds)):
        kind, out = kinds[feature], found[feature]
        for at in range(size):
            out[at] = 0.0
        for axis in range(len(pre)):
            if not used[feature, axis]:
                continue
            one, along = pre[axis, row], post[axis, begin:end]
            if kind == DISTANCE:
                for at in range(size):
                    step = along[at] - one
                    out[at] += step * step
            elif kind == OFFSET:
                for at in range(size):
                    out[at] = along[at] - one
            elif kind == PLACE:
                for at in range(size):
                    out[at] = one
            else:
                for at in range(size):
                    out[at] = (1.0 if along[at] > one else 0.0) - (1.0 if along[at] < one else 0.0)
        if kind == DISTANCE:
            for at in range(size):
                out[at] = np.sqrt(out[at])


@_compiled
def _cells(kinds, used, origins, widths, sizes, pre, post, row, begin, end, values, cells):
    """The cell of each pair; the number of cells for those outside."""
    _values(kinds, used, pre, post, row, begin, end, values)
    size = end - begin
    total = np.int32(1)
    for feature in range(len(kinds)):
        total *= np.int32(sizes[feature])
    for at in range(size):
        cells[at] = 0
    for feature in range(len(kinds)):
        origin, width, most = origins[feature], widths[feature], np.int32(sizes[feature])
        limit, own = np.float64(sizes[feature]), values[feature]
        for at in range(size):
            place = (own[at] - origin) / width
            inside = (place >= 0.0) & (place < limit) & (cells[at] >= 0)
            cells[at] = cells[at] * most + np.int32(place) if inside else np.int32(-1)
    for at in range(size):
        cells[at] = cells[at] if cells[at] >= 0 else total


@_compiled
def count_all(kinds, used, origins, widths, sizes, pre, post, bases, first, last, same, counts):
    """Add the pairs of the pre nodes `first` to `last` with all post nodes, but themselves where both are the `same`.

    Parameters: float64 columns (axes, nodes) of both; int64 `bases`, where the cells of each post node's group begin;
    `counts`, int64, flat, which is added to.
    """
    values = np.empty((len(kinds), _BLOCK), np.float64)
    cells = np.empty(_BLOCK, np.int32)
    for row in range(first, last):
        begin = 0
        while begin < len(bases):
            end = min(begin + _BLOCK, len(bases))
            _cells(kinds, used, origins, widths, sizes, pre, post, row, begin, end, values, cells)
            for at in range(end - begin):
                counts[bases[begin + at] + cells[at]] += 1
            if same and begin <= row < end:
                counts[bases[row] + cells[row - begin]] -= 1
            begin = end


@_compiled
def count_listed(kinds, used, origins, widths, sizes, pre, post, pre_bases, bases, rows, others, counts):
    """Add the listed pairs to `counts`, int64, flat."""
    values = np.empty((len(kinds), 1), np.float64)
    cells = np.empty(1, np.int32)
    for pair in range(len(rows)):
        one, other = rows[pair], others[pair]
        _cells(kinds, used, origins, widths, sizes, pre, post, one, other, other + 1, values, cells)
        counts[pre_bases[one] + bases[other] + cells[0]] += 1


@_compiled
def interpolate(kinds, used, origins, widths, sizes, table, pre, post, found):
    """Linear between the middles of cells, flat from there to the ends, 0 outside: `found` (pre nodes, post nodes)."""
    n_features = len(kinds)
    values = np.empty((n_features, _BLOCK), np.float64)
    below = np.empty(_MOST_FEATURES, np.int64)
    share = np.empty(_MOST_FEATURES, np.float64)
    for row in range(found.shape[0]):
        begin = 0
        while begin < found.shape[1]:
            end = min(begin + _BLOCK, found.shape[1])
            _values(kinds, used, pre, post, row, begin, end, values)
            for at in range(end - begin):
                inside, lacking = True, False
                for feature in range(n_features):
                    place = (values[feature, at] - origins[feature]) / widths[feature]
                    lacking |= np.isnan(place)
                    inside &= (place >= 0.0) & (place < sizes[feature])
                    place = min(max(place - 0.5, 0.0), sizes[feature] - 1.0)
                    low = 0 if lacking else min(int(place), max(sizes[feature] - 2, 0))
                    below[feature], share[feature] = low, place - low
                if lacking or not inside:
                    found[row, begin + at] = np.nan if lacking else 0.0
                    continue
                total = 0.0
                for corner in range(1 << n_features):
                    weight, cell = 1.0, 0
                    for feature in range(n_features):
                        up = (corner >> feature) & 1
                        weight *= share[feature] if up else 1.0 - share[feature]
                        cell = cell * sizes[feature] + below[feature] + up
                    if weight > 0.0:
                        total += weight * table[cell]
                found[row, begin + at] = total
            begin = end

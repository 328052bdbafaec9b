"""Compiled kernels over pairs of points: how many at each distance, and which of them.

Points stand in columns, one row an axis, sorted by group. A pair's cell is its bin of distance, after those of the
smaller sides where sides are told apart: a node less far along an axis, as far, or farther.
"""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["count_between", "count_listed", "pick"]

_BLOCK = 256


@compiled
def _cells(columns, others, heights, other_heights, row, begin, end, width, n_bins, sided, distances, cells):
    """The cell of the pairs of point `row` with the points `begin` to `end`, at most a block of them."""
    size = end - begin
    one = columns[0, row]
    along = others[0, begin:end]
    for at in range(size):
        step = along[at] - one
        distances[at] = step * step
    for axis in range(1, len(columns)):
        one = columns[axis, row]
        along = others[axis, begin:end]
        for at in range(size):
            step = along[at] - one
            distances[at] += step * step
    beyond = np.float64(n_bins)
    for at in range(size):
        apart = np.sqrt(distances[at]) / width
        cells[at] = np.int32(apart if apart < beyond else beyond)
    if sided:
        one = heights[row]
        along = other_heights[begin:end]
        stride = np.int32(n_bins + 1)
        for at in range(size):
            cells[at] += stride * (np.int32(along[at] >= one) + np.int32(along[at] > one))


@compiled
def count_between(
    columns, others, heights, other_heights, begins, width, n_bins, sided, first, last, same, counts, more
):
    """Add the pairs of the points `first` to `last` with all others, or with all later ones where these are the `same`.

    Parameters: float64 columns of shape (axes, points) and heights of both; int64 begins of the groups of the others;
    int64 counts of shape (groups of others, cells), and `more` for every second pair, since two tables in turn wait less.
    """
    distances = np.empty(_BLOCK, np.float64)
    cells = np.empty(_BLOCK, np.int32)
    for row in range(first, last):
        for group in range(len(begins) - 1):
            begin, stop = begins[group], begins[group + 1]
            if same:
                begin = max(begin, row + 1)
            even, odd = counts[group], more[group]
            while begin < stop:
                end = min(begin + _BLOCK, stop)
                _cells(columns, others, heights, other_heights, row, begin, end, width, n_bins, sided, distances, cells)
                size = end - begin
                for at in range(0, size - 1, 2):
                    even[np.uint32(cells[at])] += 1
                    odd[np.uint32(cells[at + 1])] += 1
                if size & 1:
                    even[np.uint32(cells[size - 1])] += 1
                begin = end


@compiled
def count_listed(
    columns, others, heights, other_heights, groups, other_groups, pre, post, width, n_bins, sided, counts
):
    """Add the listed pairs to `counts`, int64 of shape (groups, groups of others, cells)."""
    distances = np.empty(1, np.float64)
    cells = np.empty(1, np.int32)
    for pair in range(len(pre)):
        one, other = pre[pair], post[pair]
        _cells(columns, others, heights, other_heights, one, other, other + 1, width, n_bins, sided, distances, cells)
        counts[groups[one], other_groups[other], cells[0]] += 1


@compiled
def pick(
    columns,
    others,
    heights,
    other_heights,
    begins,
    width,
    n_bins,
    sided,
    first,
    last,
    same,
    seen,
    wanted,
    at,
    until,
    ends,
):
    """Write the pairs whose number within their group and cell is wanted to `ends`, and give how many there are.

    Parameters: as for `count_between`; `seen`, int64 of shape (groups of others, cells), the number of the first pair of
    each; `wanted`, int64, rising within each, from `at` to `until`; `ends`, int64 of shape (pairs wanted, 2). The pairs
    of a point with itself are passed over where both are the `same`.
    """
    distances = np.empty(_BLOCK, np.float64)
    cells = np.empty(_BLOCK, np.int32)
    found = 0
    upcoming = np.full(at.shape, -1, np.int64)
    for group in range(at.shape[0]):
        for cell in range(at.shape[1]):
            if at[group, cell] < until[group, cell]:
                upcoming[group, cell] = wanted[at[group, cell]]
    for row in range(first, last):
        for group in range(len(begins) - 1):
            begin, stop = begins[group], begins[group + 1]
            numbers, following = seen[group], upcoming[group]
            while begin < stop:
                end = min(begin + _BLOCK, stop)
                _cells(columns, others, heights, other_heights, row, begin, end, width, n_bins, sided, distances, cells)
                for k in range(end - begin):
                    cell = np.uint32(cells[k])
                    if same and begin + k == row:
                        continue
                    number = numbers[cell]
                    numbers[cell] = number + 1
                    if number == following[cell]:
                        ends[found, 0] = row
                        ends[found, 1] = begin + k
                        found += 1
                        at[group, cell] += 1
                        place = at[group, cell]
                        following[cell] = wanted[place] if place < until[group, cell] else -1
                begin = end
    return found

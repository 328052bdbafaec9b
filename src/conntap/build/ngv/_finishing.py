"""Kernels that finish what has grown: sections in order, fewer points, thickness; flat, and longer than other functions."""

from __future__ import annotations

import math

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["ordered", "resampled", "thick"]


@compiled
def ordered(owners, parents):
    """Sections depth first, the children of each in their order; and the rows of points, section by section.

    Returns the old number of each new section, and where the points of each old one begin, among the rows returned last.
    """
    n = len(parents)
    starts = np.zeros(n + 1, np.int64)
    for i in range(len(owners)):
        starts[owners[i] + 1] += 1
    for section in range(n):
        starts[section + 1] += starts[section]
    ends, rows = starts[:-1].copy(), np.empty(len(owners), np.int64)
    for i in range(len(owners)):
        rows[ends[owners[i]]] = i
        ends[owners[i]] += 1
    first, following = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    stack, n_stack = np.empty(n, np.int64), 0
    for section in range(n - 1, -1, -1):
        if parents[section] >= 0:
            following[section] = first[parents[section]]
            first[parents[section]] = section
    for section in range(n - 1, -1, -1):
        if parents[section] < 0:
            stack[n_stack] = section
            n_stack += 1
    order, at = np.empty(n, np.int64), 0
    while n_stack:
        n_stack -= 1
        section = stack[n_stack]
        order[at] = section
        at += 1
        children = n_stack
        child = first[section]
        while child >= 0:
            stack[n_stack] = child
            n_stack += 1
            child = following[child]
        stack[children:n_stack] = stack[children:n_stack][::-1].copy()
    return order, starts, rows


@compiled
def resampled(points, starts, rows, order, parents, points_per_um):
    """Sections with even points along them; the first one repeats the parent's last.

    Returns points, where each section's begin, parents (all in the new order), and the lengths of the polylines before.
    """
    n = len(order)
    rank = np.empty(n, np.int64)
    for new in range(n):
        rank[order[new]] = new
    lengths, n_segments, new_starts = np.empty(n), np.empty(n, np.int64), np.zeros(n + 1, np.int64)
    new_parents = np.full(n, -1, np.int64)
    for new in range(n):
        section = order[new]
        before = rows[starts[section]]
        if parents[section] >= 0:
            before = rows[starts[parents[section] + 1] - 1]
            new_parents[new] = rank[parents[section]]
        total = 0.0
        for at in range(starts[section], starts[section + 1]):
            row = rows[at]
            step = 0.0
            for axis in range(3):
                step += (points[row, axis] - points[before, axis]) ** 2
            total += math.sqrt(step)
            before = row
        lengths[new] = total
        n_segments[new] = max(1, math.ceil(total * points_per_um - 1e-6))
        new_starts[new + 1] = new_starts[new] + n_segments[new] + 1
    result = np.empty((new_starts[n], 3))
    for new in range(n):
        section = order[new]
        before = rows[starts[section]]
        if parents[section] >= 0:
            before = rows[starts[parents[section] + 1] - 1]
        put, last = new_starts[new], rows[starts[section + 1] - 1]
        for axis in range(3):
            result[put, axis] = points[before, axis]
            result[put + n_segments[new], axis] = points[last, axis]
        gap, done, wanted = lengths[new] / n_segments[new], 0.0, 1
        for at in range(starts[section], starts[section + 1]):
            row = rows[at]
            step = 0.0
            for axis in range(3):
                step += (points[row, axis] - points[before, axis]) ** 2
            step = math.sqrt(step)
            while wanted < n_segments[new] and done + step >= wanted * gap and step > 0.0:
                part = (wanted * gap - done) / step
                for axis in range(3):
                    result[put + wanted, axis] = points[before, axis] + part * (
                        points[row, axis] - points[before, axis]
                    )
                wanted += 1
            done += step
            before = row
        while wanted < n_segments[new]:  # rounding: what is left lies at the end
            for axis in range(3):
                result[put + wanted, axis] = points[last, axis]
            wanted += 1
    return result, new_starts, new_parents, lengths


@compiled
def thick(parents, starts, trees, tips, trunks, taper):
    """Diameters of points: at a fork d^p = d1^p + d2^p, with the power of each tree at which its trunk is as thick as asked.

    `tips` are the diameters of sections where they end; `trunks` those of trees. Sections stand parents first. Returns diameters
    and the powers.
    """
    n, n_trees = len(parents), len(trunks)
    is_parent = np.zeros(n, np.bool_)
    for section in range(n):
        if parents[section] >= 0:
            is_parent[parents[section]] = True
    largest, least_power = np.zeros(n_trees), np.full(n_trees, 1.0)
    for section in range(n):
        if not is_parent[section]:
            largest[trees[section]] = max(largest[trees[section]], tips[section])
    powers, high = least_power.copy(), np.full(n_trees, 200.0)
    low = np.full(n_trees, 1.0)
    sums = np.empty(n_trees)
    for _ in range(60):
        for tree in range(n_trees):
            powers[tree], sums[tree] = (low[tree] + high[tree]) / 2, 0.0
        for section in range(n):
            if not is_parent[section]:
                tree = trees[section]
                sums[tree] += (tips[section] / largest[tree]) ** powers[tree]
        for tree in range(n_trees):
            if sums[tree] > 0.0 and largest[tree] * sums[tree] ** (1.0 / powers[tree]) > trunks[tree]:
                low[tree] = powers[tree]
            else:
                high[tree] = powers[tree]
    ends = np.zeros(n)
    for section in range(n - 1, -1, -1):
        tree = trees[section]
        if not is_parent[section]:
            ends[section] = (tips[section] / largest[tree]) ** powers[tree]
        if parents[section] >= 0:
            ends[parents[section]] += ends[section]
    for section in range(n):
        tree = trees[section]
        ends[section] = largest[tree] * ends[section] ** (1.0 / powers[tree])
    diameters = np.empty(starts[n])
    for section in range(n):
        begin = ends[section] * (1.0 + taper)
        if parents[section] >= 0:
            begin = max(ends[section], min(begin, ends[parents[section]]))
        count = starts[section + 1] - starts[section]
        for i in range(count):
            part = i / (count - 1.0)
            diameters[starts[section] + i] = begin + part * (ends[section] - begin)
    return diameters, powers

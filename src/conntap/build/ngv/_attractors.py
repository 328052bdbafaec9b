"""Kernels of clouds of attractors: points in a convex polyhedron, and their grid; flat, and longer than other functions."""

from __future__ import annotations

import numpy as np

from conntap.topology._random import STEP, mixed
from conntap.topology.bits import compiled

__all__ = ["gridded", "scattered", "unit"]

_UNIT = 1.0 / 9007199254740992.0


@compiled
def unit(state):
    """A number from 0 to below 1 drawn at a state."""
    return np.float64(mixed(state) >> np.uint64(11)) * _UNIT


@compiled
def scattered(points, begin, centre, corners, cumulated, hole, seed):
    """Fill `points` from row `begin` on evenly in the tetrahedra between a centre and triangles, outside a ball about the hole.

    `corners` are the triangles, shape (n, 3, 3); `cumulated` their tetrahedra's volumes summed up; `hole` is x, y, z, radius. Of
    a thousand draws in a row that hit the hole the last one stays.
    """
    state = seed
    total = cumulated[-1]
    for row in range(begin, len(points)):
        for _ in range(1000):
            state += STEP
            chosen = min(np.searchsorted(cumulated, unit(state) * total, side="right"), len(cumulated) - 1)
            state += STEP
            a = unit(state)
            state += STEP
            b = unit(state)
            state += STEP
            c = unit(state)
            # Rocchini and Cignoni, 2000, doi:10.1080/10867651.2000.10487528: fold the cube into the tetrahedron
            if a + b > 1.0:
                a, b = 1.0 - a, 1.0 - b
            if b + c > 1.0:
                b, c = 1.0 - c, 1.0 - a - b
            elif a + b + c > 1.0:
                a, c = 1.0 - b - c, a + b + c - 1.0
            away = 0.0
            for axis in range(3):
                value = (
                    (1.0 - a - b - c) * centre[axis]
                    + a * corners[chosen, 0, axis]
                    + b * corners[chosen, 1, axis]
                    + c * corners[chosen, 2, axis]
                )
                points[row, axis] = value
                away += (value - hole[axis]) ** 2
            if away >= hole[3] * hole[3]:
                break


@compiled
def gridded(points, low, size, shape):
    """Points sorted by the cells of a grid: their coordinates, and where each cell's begin and end."""
    n = len(points)
    cells = np.empty(n, np.int64)
    starts = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int64)
    for i in range(n):
        cell = np.int64(0)
        for axis in range(3):
            at = np.int64((points[i, axis] - low[axis]) / size)
            cell = cell * shape[axis] + min(max(at, 0), shape[axis] - 1)
        cells[i] = cell
        starts[cell + 1] += 1
    for cell in range(len(starts) - 1):
        starts[cell + 1] += starts[cell]
    ends = starts[:-1].copy()
    ordered = np.empty((n, 3))
    for i in range(n):
        row = ends[cells[i]]
        ends[cells[i]] += 1
        for axis in range(3):
            ordered[row, axis] = points[i, axis]
    return ordered, starts, ends

"""Kernels: points in boxes of a grid, and which of them lie in convex cells."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["fill_within", "rank_by_voxel"]


@njit(cache=True, nogil=True)
def rank_by_voxel(points, low, step, shape):
    """Order of points voxel by voxel, and where each voxel's begin; a counting sort, so that equal voxels keep their order."""
    n = points.shape[0]
    voxel = np.empty(n, np.int64)
    starts = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int64)
    for i in range(n):
        at = np.int64(0)
        for axis in range(3):
            k = np.int64((points[i, axis] - low[axis]) / step)
            at = at * shape[axis] + min(max(k, 0), shape[axis] - 1)
        voxel[i] = at
        starts[at + 1] += 1
    for v in range(starts.shape[0] - 1):
        starts[v + 1] += starts[v]
    fill = starts[:-1].copy()
    order = np.empty(n, np.int64)
    for i in range(n):
        order[fill[voxel[i]]] = i
        fill[voxel[i]] += 1
    return order, starts


@njit(cache=True, nogil=True)
def fill_within(points, order, starts, low, step, shape, normals, offsets, plane_starts, boxes, tolerance, found):
    """For each convex cell the points within it, into `found` as far as it reaches; how many each cell has."""
    n_cells = boxes.shape[0]
    counts = np.zeros(n_cells, np.int64)
    at = np.int64(0)
    first = np.empty(3, np.int64)
    last = np.empty(3, np.int64)
    for cell in range(n_cells):
        a, b = plane_starts[cell], plane_starts[cell + 1]
        if a == b:
            continue
        for axis in range(3):
            k = np.int64(np.floor((boxes[cell, 0, axis] - tolerance - low[axis]) / step))
            first[axis] = min(max(k, 0), shape[axis] - 1)
            k = np.int64(np.floor((boxes[cell, 1, axis] + tolerance - low[axis]) / step))
            last[axis] = min(max(k, 0), shape[axis] - 1)
        begin = at
        for i in range(first[0], last[0] + 1):
            for j in range(first[1], last[1] + 1):
                row = (i * shape[1] + j) * shape[2]
                for place in range(starts[row + first[2]], starts[row + last[2] + 1]):
                    x, y, z = points[place, 0], points[place, 1], points[place, 2]
                    inside = True
                    for p in range(a, b):
                        if normals[p, 0] * x + normals[p, 1] * y + normals[p, 2] * z > offsets[p] + tolerance:
                            inside = False
                            break
                    if inside:
                        if at < found.shape[0]:
                            found[at] = order[place]
                        at += 1
        counts[cell] = at - begin
        if at <= found.shape[0]:
            found[begin:at].sort()
    return counts

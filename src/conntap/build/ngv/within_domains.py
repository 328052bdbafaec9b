"""Which points lie in which domains."""

from __future__ import annotations

import numpy as np

from conntap.circuits.tissue import Domains

__all__ = ["points_within"]

_A_VOXEL = 8  # points, about
_MOST_VOXELS = 1 << 24


def points_within(domains: Domains, points: np.ndarray, *, tolerance_um: float = 1e-9) -> tuple[np.ndarray, np.ndarray]:
    """For each domain the points in it; where domains overlap, a point is in several.

    Parameters
    ----------
    points
        Shape (points, 3), um; finite.
    tolerance_um
        How far beyond a face a point still belongs.

    Returns
    -------
    The domain and the point of each pair, sorted by domain, then point; int64.

    Notes
    -----
    Points are sorted into voxels; of each domain the voxels of its bounding box are looked at. Time and memory grow with points, domains
    and pairs.
    """
    from conntap.build.ngv._within_domains import fill_within, rank_by_voxel

    points = np.ascontiguousarray(points, dtype=np.float64)
    none = np.empty(0, dtype=np.int64)
    if not len(points) or not len(domains.meshes.points):
        return none, none
    low, step, shape = _grid(points)
    order, starts = rank_by_voxel(points, low, step, shape)
    cells = (*_planes(domains), _boxes(domains))
    ordered, room = points[order], len(points) * 5 // 4 + 1024
    while True:
        found = np.empty(room, dtype=np.int64)
        counts = fill_within(ordered, order, starts, low, step, shape, *cells, tolerance_um, found)
        if counts.sum() <= room:
            return np.repeat(np.arange(len(domains)), counts), found[: counts.sum()]
        room = int(counts.sum())


def _grid(points: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """The lower corner, the size of cubic voxels and their number along each axis."""
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    aim = min(max(1, len(points) // _A_VOXEL), _MOST_VOXELS)
    step = float(max(np.prod(extent.clip(min=1e-3)) / aim, 1e-9) ** (1 / 3))
    while np.prod(np.floor(extent / step) + 1) > 4 * aim + 64:
        step *= 1.3
    return low, step, (np.floor(extent / step) + 1).astype(np.int64)


def _planes(domains: Domains) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outward normals and offsets of the different faces of all domains, and where each one's begin."""
    normals, offsets, counts = [np.empty((0, 3))], [np.empty(0)], []
    for number in range(len(domains)):
        each, offset = domains.planes(number)
        near = np.round(np.column_stack([each, offset / max(1.0, np.abs(offset).max(initial=0))]), 9)
        _, first = np.unique(near, axis=0, return_index=True)
        normals.append(each[np.sort(first)])
        offsets.append(offset[np.sort(first)])
        counts.append(len(first))
    starts = np.cumsum([0, *counts])
    return np.concatenate(normals), np.concatenate(offsets), starts


def _boxes(domains: Domains) -> np.ndarray:
    """The bounding box of each domain, shape (domains, 2, 3); of an empty one whatever."""
    meshes, n = domains.meshes, len(domains)
    starts = meshes.point_starts
    full = np.flatnonzero(np.diff(starts))
    boxes = np.zeros((n, 2, 3))
    boxes[full, 0] = np.minimum.reduceat(meshes.points, starts[full], axis=0)
    boxes[full, 1] = np.maximum.reduceat(meshes.points, starts[full], axis=0)
    return boxes

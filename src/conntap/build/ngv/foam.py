"""The graph in which capillaries lie: the edges of a relaxed Voronoi diagram inside a box."""

from __future__ import annotations

import numpy as np

__all__ = ["components", "foam"]

_ROUNDS = 2
_SAMPLES = 40
_SHORTEST = 0.1  # of the width of a cell: shorter edges are drawn together
_MARGIN = 2.0


def foam(size: np.ndarray, width_um: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Points, edges between them and how many of the points, the first ones, lie within the walls: the rest on them.

    Parameters
    ----------
    size
        Of the box, whose lower corner is 0; um.
    width_um
        The cubic root of the volume of a mean cell.
    """
    from scipy.spatial import Voronoi

    margin = _MARGIN * width_um
    spread = size + 2 * margin
    seeds = rng.random((max(16, round(float(np.prod(spread / width_um)))), 3)) * spread
    for _ in range(_ROUNDS):
        seeds = _relaxed(seeds, spread, rng)
    cells = Voronoi(seeds - margin)
    return _clipped(*_joined(cells.vertices, _edges_of(cells.ridge_vertices), size, _SHORTEST * width_um), size)


def _relaxed(seeds: np.ndarray, spread: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each seed moved to the middle of its cell, told from random points (Lloyd, doi:10.1109/TIT.1982.1056489)."""
    from scipy.spatial import cKDTree

    n = len(seeds)
    points = rng.random((n * _SAMPLES, 3)) * spread
    owner = cKDTree(seeds).query(points)[1]
    count = np.bincount(owner, minlength=n)
    sums = np.column_stack([np.bincount(owner, weights=points[:, i], minlength=n) for i in range(3)])
    return np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], seeds)


def _edges_of(ridges: list[list[int]]) -> np.ndarray:
    """The different edges of the faces, those to infinity left out."""
    sizes = np.array([len(each) for each in ridges])
    flat = np.concatenate([np.asarray(each) for each in ridges])
    ends = np.cumsum(sizes)
    following = np.roll(flat, -1)
    following[ends - 1] = flat[ends - sizes]
    edges = np.sort(np.column_stack([flat, following]), axis=1)
    return np.unique(edges[edges[:, 0] >= 0], axis=0)


def _joined(points: np.ndarray, edges: np.ndarray, size: np.ndarray, shortest: float) -> tuple[np.ndarray, np.ndarray]:
    """Without points and edges far outside, and with the ends of short edges drawn together."""
    near = ((points > -size.max()) & (points < 2 * size.max() + size)).all(axis=1)
    edges = edges[near[edges].all(axis=1)]
    short = np.sqrt(((points[edges[:, 0]] - points[edges[:, 1]]) ** 2).sum(axis=1)) < shortest
    label = components(edges[short], len(points))
    count = np.bincount(label)
    middle = np.column_stack([np.bincount(label, weights=np.where(near, points[:, i], 0.0)) for i in range(3)])
    edges = np.unique(np.sort(label[edges], axis=1), axis=0)
    return middle / count[:, None], edges[edges[:, 0] != edges[:, 1]]


def _clipped(points: np.ndarray, edges: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The part inside the box; edges that leave it end at its wall."""
    inside = ((points > 0) & (points < size)).all(axis=1)
    edges = edges[inside[edges].any(axis=1)]
    edges = np.where(inside[edges[:, :1]], edges, edges[:, ::-1])  # the inner end first
    crossing = np.flatnonzero(~inside[edges[:, 1]])
    start, way = points[edges[crossing, 0]], points[edges[crossing, 1]] - points[edges[crossing, 0]]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(way > 0, (size - start) / way, np.where(way < 0, -start / way, np.inf)).min(axis=1)
    ends = np.clip(start + way * share[:, None], 0.0, size)
    used = np.flatnonzero(np.bincount(edges[inside[edges]].ravel(), minlength=len(points)) > 0)
    number = np.full(len(points), -1)
    number[used] = np.arange(len(used))
    edges = number[edges]
    edges[crossing, 1] = len(used) + np.arange(len(crossing))
    return np.concatenate([points[used], ends]), edges, len(used)


def components(edges: np.ndarray, n: int) -> np.ndarray:
    """For each of n points the number of the connected part of the graph in which it lies."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)

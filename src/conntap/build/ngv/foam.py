"""The graph in which capillaries lie: the edges of a relaxed Voronoi diagram inside a box."""

from __future__ import annotations

import numpy as np

__all__ = ["clipped", "components", "foam", "share_inside"]

_ROUNDS = 2
_SAMPLES = 40
_SHORTEST = 0.1  # of the width of a cell: shorter edges are drawn together
_MARGIN, _KEPT = 2.5, 1.0  # around the box, in widths of a cell: where there are cells, and where their edges are kept


def foam(size: np.ndarray, width_um: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points, and edges between them, in a box and somewhat around it.

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
    edges = _edges_of(cells.ridge_vertices)
    near = ((cells.vertices > -_KEPT * width_um) & (cells.vertices < size + _KEPT * width_um)).all(axis=1)
    return _joined(cells.vertices, edges[near[edges].all(axis=1)], _SHORTEST * width_um)


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


def _joined(points: np.ndarray, edges: np.ndarray, shortest: float) -> tuple[np.ndarray, np.ndarray]:
    """The points that edges use, with the ends of short edges drawn together."""
    used, edges = np.unique(edges, return_inverse=True)
    points, edges = points[used], edges.reshape(-1, 2)
    short = np.sqrt(((points[edges[:, 0]] - points[edges[:, 1]]) ** 2).sum(axis=1)) < shortest
    label = components(edges[short], len(points))
    middle = np.column_stack([np.bincount(label, weights=points[:, i]) for i in range(3)])
    edges = np.unique(np.sort(label[edges], axis=1), axis=0)
    return middle / np.bincount(label)[:, None], edges[edges[:, 0] != edges[:, 1]]


def share_inside(points: np.ndarray, edges: np.ndarray, size: np.ndarray) -> np.ndarray:
    """For each edge the share of it that lies in the box, seen from the end inside; 0 without one."""
    inside = ((points > 0) & (points < size)).all(axis=1)
    start = np.where(inside[edges[:, :1]], points[edges[:, 0]], points[edges[:, 1]])
    way = np.where(inside[edges[:, :1]], 1.0, -1.0) * (points[edges[:, 1]] - points[edges[:, 0]])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(way > 0, (size - start) / way, np.where(way < 0, -start / way, np.inf)).min(axis=1)
    return np.where(inside[edges].any(axis=1), np.minimum(share, 1.0), 0.0)


def clipped(
    points: np.ndarray, edges: np.ndarray, size: np.ndarray, shortest: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points with those where edges pass a wall; the edges that stay, ending at the wall if they pass it; and their numbers.

    Those that pass it at once stay out.
    """
    share = share_inside(points, edges, size)
    long = share * np.sqrt(((points[edges[:, 0]] - points[edges[:, 1]]) ** 2).sum(axis=1)) >= shortest
    stays = np.flatnonzero((share == 1.0) | ((share > 0) & long))
    inside = ((points > 0) & (points < size)).all(axis=1)
    kept = np.where(inside[edges[stays, :1]], edges[stays], edges[stays][:, ::-1])  # the inner end first
    crossing = np.flatnonzero(share[stays] < 1.0)
    start, end = points[kept[crossing, 0]], points[kept[crossing, 1]]
    kept[crossing, 1] = len(points) + np.arange(len(crossing))
    walls = np.clip(start + (end - start) * share[stays][crossing, None], 0.0, size)
    return np.concatenate([points, walls]), kept, stays


def components(edges: np.ndarray, n: int) -> np.ndarray:
    """For each of n points the number of the connected part of the graph in which it lies."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)

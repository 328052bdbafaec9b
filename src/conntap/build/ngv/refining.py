"""Triangles of a surface made smaller where they are too large; the surface stays where it is."""

from __future__ import annotations

import numpy as np

__all__ = ["refined", "separated"]

_MOST = 1_000_000  # triangles to which a coarse surface is refined, about
_ROUNDS = 40


def refined(points: np.ndarray, triangles: np.ndarray, longest_um: float) -> tuple[np.ndarray, np.ndarray]:
    """Halve sides longer than a length, round by round; neighbours are split along, so that no gap opens.

    Sides may stay longer where else there were more than four times as many triangles, or a million.

    Parameters
    ----------
    points, triangles
        Of the surface; float64, int32.
    longest_um
        The longest side that stays.
    """
    from conntap.build.ngv._patches import long_sided

    rows, area = long_sided(points, triangles, longest_um)
    if not len(rows):
        return points, triangles
    longest_um = max(longest_um, float(np.sqrt(2.3 * area / max(4 * len(triangles), _MOST))))
    for _ in range(_ROUNDS):
        rows, _ = long_sided(points, triangles, longest_um)
        if not len(rows):
            break
        ends = points[triangles[rows]]
        sides = np.sqrt(((np.roll(ends, -1, axis=1) - ends) ** 2).sum(axis=2))
        points, triangles, _ = _split(points, triangles, rows, sides > longest_um)
    return points, triangles


def separated(
    points: np.ndarray, triangles: np.ndarray, of_triangle: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Split triangles that hold several places until each holds one.

    Parameters
    ----------
    of_triangle, weights
        The triangle of each place, and the weights of its second and third corner there.

    Returns
    -------
    Points, triangles, and the triangle and weights of each place anew.
    """
    from conntap.build.ngv._patches import touching

    held, number = np.unique(of_triangle, return_counts=True)
    crowded = held[number > 1]
    if not len(crowded):
        return points, triangles, of_triangle, weights
    rows = touching(triangles, _with_neighbours(triangles, triangles[crowded], len(points)))
    used, local = np.unique(triangles[rows], return_inverse=True)
    there = np.flatnonzero(np.isin(of_triangle, rows))
    part = _separated(points[used], local.reshape(-1, 3), np.searchsorted(rows, of_triangle[there]), weights[there])
    own_points, own_triangles, own_of, own_weights = part
    number_of = np.concatenate([used, len(points) + np.arange(len(own_points) - len(used))]).astype(triangles.dtype)
    row_of = np.concatenate([rows, len(triangles) + np.arange(len(own_triangles) - len(rows))])
    out = np.concatenate([triangles, number_of[own_triangles[len(rows) :]]])
    out[rows] = number_of[own_triangles[: len(rows)]]
    of_triangle, weights = of_triangle.copy(), weights.copy()
    of_triangle[there], weights[there] = row_of[own_of], own_weights
    return np.concatenate([points, own_points[len(used) :]]), out, of_triangle, weights


def _with_neighbours(triangles: np.ndarray, some: np.ndarray, n_points: int) -> np.ndarray:
    """Which points belong to a triangle that has a point of some triangles."""
    from conntap.build.ngv._patches import touching

    marked = np.zeros(n_points, dtype=np.bool_)
    marked[some] = True
    marked[triangles[touching(triangles, marked)]] = True
    return marked


def _separated(
    points: np.ndarray, triangles: np.ndarray, of_triangle: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    from conntap.build.ngv._fronts import nearest_triangles

    triangles, of_triangle, weights = triangles.astype(np.int32), of_triangle.copy(), weights.copy()
    for _ in range(_ROUNDS):
        held, number = np.unique(of_triangle, return_counts=True)
        crowded = held[number > 1]
        if not len(crowded):
            break
        is_marked = np.isin(_side_keys(triangles, len(points)), _side_keys(triangles[crowded], len(points)))
        rows = np.flatnonzero(is_marked.any(axis=1))
        moved = np.flatnonzero(np.isin(of_triangle, rows))
        corners = points[triangles[of_triangle[moved]]]
        share = np.column_stack([1 - weights[moved].sum(axis=1), weights[moved]])
        places = (corners * share[:, :, None]).sum(axis=1)
        points, triangles, changed = _split(points, triangles, rows, is_marked[rows])
        within = 1e-6 + 1e-9 * np.abs(places).max()
        found, inside, _ = nearest_triangles(places, points, triangles[changed], within)
        of_triangle[moved], weights[moved] = changed[found], inside
    return points, triangles, of_triangle, weights


def _side_keys(triangles: np.ndarray, n_points: int) -> np.ndarray:
    """A number for each side of each triangle, the same from both sides."""
    u, v = triangles.astype(np.int64), np.roll(triangles, -1, axis=1).astype(np.int64)
    return np.minimum(u, v) * n_points + np.maximum(u, v)


def _split(
    points: np.ndarray, triangles: np.ndarray, rows: np.ndarray, is_marked: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Halve the marked sides of some triangles; all that have a marked side must be there. The third: which rows are new or changed."""
    key, middle = np.unique(_side_keys(triangles[rows], len(points))[is_marked], return_inverse=True)
    u, v = np.divmod(key, len(points))
    middles = np.full(is_marked.shape, -1, dtype=np.int64)
    middles[is_marked] = len(points) + middle
    number = is_marked.sum(axis=1)
    turn = np.where(
        number == 2, (is_marked.argmin(axis=1) + 1) % 3, is_marked.argmax(axis=1)
    )  # two: the third is unmarked
    place = (turn[:, None] + np.arange(3)) % 3
    (a, b, c), (m, n, o) = (np.take_along_axis(each, place, axis=1).T for each in (triangles[rows], middles))
    parts = {1: [(a, m, c), (m, b, c)], 2: [(m, b, n), (a, m, n), (a, n, c)]}
    parts[3] = [(m, n, o), (a, m, o), (m, b, n), (o, n, c)]
    out = triangles.copy()
    more = []
    for count, made in parts.items():
        chosen = number == count
        out[rows[chosen]] = np.stack(made[0], axis=1)[chosen]
        more += [np.stack(each, axis=1)[chosen] for each in made[1:]]
    added = np.concatenate(more).astype(triangles.dtype)
    changed = np.concatenate([rows, len(out) + np.arange(len(added))])
    return np.concatenate([points, (points[u] + points[v]) / 2]), np.concatenate([out, added]), changed

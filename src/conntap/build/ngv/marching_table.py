"""Triangles through a cube whose corners lie inside or outside a surface: a table made so that surfaces are closed manifolds.

Where a face has two inside corners across from each other, these are parted: so both cubes at a face agree. No diagonal of a
polygon lies in a face of the cube, where that of the next cube might lie too: so an edge never belongs to more than two triangles.
"""

from __future__ import annotations

from functools import cache

import numpy as np

__all__ = ["CORNERS", "EDGES", "triangle_table"]

CORNERS = [(i & 1, i >> 1 & 1, i >> 2 & 1) for i in range(8)]
EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if bin(a ^ b).count("1") == 1]
_AT = {frozenset(edge): number for number, edge in enumerate(EDGES)}
_FACES = [  # corners, counterclockwise seen from outside
    (0, 2, 3, 1),
    (4, 5, 7, 6),
    (0, 1, 5, 4),
    (2, 6, 7, 3),
    (0, 4, 6, 2),
    (1, 3, 7, 5),
]


@cache
def triangle_table() -> tuple[np.ndarray, np.ndarray]:
    """For each of the 256 sets of inside corners (bit i: corner i) the number of triangles, and their edges of the cube.

    Returns
    -------
    Shape (256,), and (256, most, 3), filled up with -1.

    Examples
    --------
    >>> count, triangles = triangle_table()
    >>> count[1], sorted(EDGES[each] for each in triangles[1, 0])
    (np.int64(1), [(0, 1), (0, 2), (0, 4)])
    """
    found = [_triangles(case) for case in range(256)]
    counts = np.array([len(each) for each in found])
    table = np.full((256, counts.max(), 3), -1)
    for case, triangles in enumerate(found):
        if triangles:
            table[case, : len(triangles)] = triangles
    return counts, table


def _triangles(case: int) -> list[tuple[int, int, int]]:
    return [triangle for loop in _loops(case) for triangle in _cut(loop)]


def _loops(case: int) -> list[list[int]]:
    """The polygons, as edges of the cube that they pass; on each face a line goes around each run of inside corners."""
    inside = [bool(case >> corner & 1) for corner in range(8)]
    following: dict[int, int] = {}
    for face in _FACES:
        for i in range(4):
            if inside[face[i]] or not inside[face[(i + 1) % 4]]:
                continue
            j = i + 1
            while inside[face[(j + 1) % 4]]:
                j += 1
            entered = _AT[frozenset((face[i], face[(i + 1) % 4]))]
            following[entered] = _AT[frozenset((face[j % 4], face[(j + 1) % 4]))]
    loops = []
    while following:
        start = at = min(following)
        loop = [start]
        while (at := following.pop(at)) != start:
            loop.append(at)
        loops.append(loop)
    return loops


def _cut(loop: list[int]) -> list[tuple[int, int, int]]:
    """A polygon as triangles, no diagonal of which lies in a face."""
    if len(loop) < 4:
        return [(loop[0], loop[1], loop[2])]
    for i in range(1, len(loop) - 1):  # the corner of the triangle on the side from the last to the first
        rest = [(loop[0], loop[i])] * (i > 1) + [(loop[i], loop[-1])] * (i < len(loop) - 2)
        if any(_in_a_face(*diagonal) for diagonal in rest):
            continue
        left, right = (_cut(loop[: i + 1]) if i > 1 else []), (_cut(loop[i:]) if i < len(loop) - 2 else [])
        if (i == 1 or left) and (i == len(loop) - 2 or right):
            return [(loop[0], loop[i], loop[-1]), *left, *right]
    return []


def _in_a_face(one: int, other: int) -> bool:
    corners = {*EDGES[one], *EDGES[other]}
    return any(corners <= set(face) for face in _FACES)

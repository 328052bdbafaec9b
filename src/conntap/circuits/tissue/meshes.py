"""Surfaces of triangles: one, or many in flat arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from conntap.circuits.tissue.arrays import frozen, starts_of, within
from conntap.errors import CircuitError

__all__ = ["Mesh", "Meshes"]


@dataclass(frozen=True, eq=False, repr=False)
class Mesh:
    """A surface of triangles.

    Parameters
    ----------
    points
        Shape (points, 3), um.
    triangles
        Shape (triangles, 3): numbers of points; seen from outside they run counterclockwise.

    Raises
    ------
    CircuitError
        Wrong shapes, values that are not finite, numbers of points that are not there.

    Examples
    --------
    >>> Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    Mesh(3 points, 1 triangles)
    """

    points: np.ndarray
    triangles: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", frozen("Mesh.points", self.points, (None, 3), np.float64))
        object.__setattr__(self, "triangles", frozen("Mesh.triangles", self.triangles, (None, 3), np.int64))
        within("Mesh.triangles", self.triangles, len(self.points))

    def __repr__(self) -> str:
        return f"Mesh({len(self.points):,} points, {len(self.triangles):,} triangles)"

    @property
    def normals(self) -> np.ndarray:
        """Shape (triangles, 3): outward, as long as twice the triangle's area; um^2."""
        a, b, c = (self.points[self.triangles[:, i]] for i in range(3))
        return np.cross(b - a, c - a)

    @property
    def areas(self) -> np.ndarray:
        """Of each triangle, um^2."""
        return np.sqrt((self.normals**2).sum(axis=1)) / 2

    @property
    def volume(self) -> float:
        """What a closed surface encloses, um^3."""
        if not len(self.triangles):
            return 0.0
        centre = self.points.mean(axis=0)
        return float(((self.points[self.triangles[:, 0]] - centre) * self.normals).sum() / 6)

    @property
    def is_closed(self) -> bool:
        """Whether each edge belongs to two triangles, which run through it in opposite directions."""
        if not len(self.triangles):
            return False
        edges = np.concatenate([self.triangles[:, [i, (i + 1) % 3]] for i in range(3)])
        n = len(self.points)
        there, back = edges[:, 0] * n + edges[:, 1], edges[:, 1] * n + edges[:, 0]
        there, back = np.sort(there), np.sort(back)
        return bool(np.array_equal(there, back) and (np.diff(there) > 0).all())


@dataclass(frozen=True, eq=False, repr=False)
class Meshes:
    """Many surfaces in flat arrays.

    Parameters
    ----------
    points, point_starts
        Those of all surfaces one after the other, shape (points, 3), um; where each surface's begin, and the end.
    triangles, triangle_starts
        Shape (triangles, 3), each numbered within its own surface; where each surface's begin, and the end.

    Raises
    ------
    CircuitError
        The arrays do not fit each other.

    Examples
    --------
    >>> one = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> two = Meshes.of([one, one])
    >>> two, two[1]
    (Meshes(2 surfaces, 6 points, 2 triangles), Mesh(3 points, 1 triangles))
    """

    points: np.ndarray
    point_starts: np.ndarray
    triangles: np.ndarray
    triangle_starts: np.ndarray

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "points", frozen("Meshes.points", self.points, (None, 3), np.float64))
        put(self, "triangles", frozen("Meshes.triangles", self.triangles, (None, 3), np.int64))
        put(self, "point_starts", starts_of("Meshes.point_starts", self.point_starts, len(self.points)))
        put(self, "triangle_starts", starts_of("Meshes.triangle_starts", self.triangle_starts, len(self.triangles)))
        within("Meshes.triangles", self.triangles, len(self.points))
        if len(self.triangles) and (self.triangles.max(axis=1) >= np.diff(self.point_starts)[self.owners]).any():
            raise CircuitError("Meshes.triangles: a triangle has a point beyond those of its surface.")

    @classmethod
    def of(cls, surfaces: Iterable[Mesh]) -> Meshes:
        """Of single surfaces."""
        surfaces = list(surfaces)
        counts = [[len(each.points), len(each.triangles)] for each in surfaces]
        starts = np.concatenate([np.zeros((1, 2), dtype=np.int64), np.cumsum(np.reshape(counts, (-1, 2)), axis=0)])
        points = np.concatenate([np.empty((0, 3)), *(each.points for each in surfaces)])
        triangles = np.concatenate([np.empty((0, 3), dtype=np.int64), *(each.triangles for each in surfaces)])
        return cls(points, starts[:, 0].astype(np.int64), triangles, starts[:, 1].astype(np.int64))

    def __repr__(self) -> str:
        return f"Meshes({len(self):,} surfaces, {len(self.points):,} points, {len(self.triangles):,} triangles)"

    def __len__(self) -> int:
        return len(self.point_starts) - 1

    def __getitem__(self, number: int) -> Mesh:
        if not -len(self) <= number < len(self):
            raise IndexError(f"{number}: there are {len(self)} surfaces.")
        number %= len(self)
        points = self.points[self.point_starts[number] : self.point_starts[number + 1]]
        return Mesh(points, self.triangles[self.triangle_starts[number] : self.triangle_starts[number + 1]])

    def __iter__(self) -> Iterator[Mesh]:
        return (self[number] for number in range(len(self)))

    @property
    def owners(self) -> np.ndarray:
        """For each triangle the surface that it belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.triangle_starts))

    @property
    def _corners(self) -> tuple[Any, ...]:
        flat = self.triangles + self.point_starts[:-1][self.owners][:, None]
        return tuple(self.points[flat[:, i]] for i in range(3))

    @property
    def areas(self) -> np.ndarray:
        """Of each surface, um^2."""
        a, b, c = self._corners
        size = np.sqrt((np.cross(b - a, c - a) ** 2).sum(axis=1)) / 2
        return np.bincount(self.owners, weights=size, minlength=len(self))

    @property
    def volumes(self) -> np.ndarray:
        """What each closed surface encloses, um^3."""
        a, b, c = self._corners
        centres = self.points[self.point_starts[:-1].clip(max=max(0, len(self.points) - 1))] if len(self.points) else a
        shift = centres[self.owners] if len(self.triangles) else np.empty((0, 3))
        a, b, c = a - shift, b - shift, c - shift
        return np.bincount(self.owners, weights=(a * np.cross(b, c)).sum(axis=1) / 6, minlength=len(self))

"""Domains: the convex piece of tissue that each astrocyte holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conntap.circuits.tissue.arrays import frozen
from conntap.circuits.tissue.meshes import Meshes
from conntap.errors import CircuitError

__all__ = ["Domains"]


@dataclass(frozen=True, eq=False, repr=False)
class Domains:
    """A convex polyhedron for each astrocyte, in the order of their table.

    Parameters
    ----------
    meshes
        Their closed surfaces, as they are with overlap; an astrocyte without a domain has an empty one.
    neighbours
        Shape (triangles,): beyond each triangle, the astrocyte whose domain lies there; negative: a wall (-1 ... -6: lower and upper
        x, y, z; -7: the border of a region).
    scalings
        Shape (astrocytes,): by how much each was scaled about its centre, from the one without overlap.

    Raises
    ------
    CircuitError
        Arrays that do not fit each other.
    """

    meshes: Meshes
    neighbours: np.ndarray
    scalings: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.meshes)
        for name, length, dtype in (("neighbours", len(self.meshes.triangles), np.int64), ("scalings", n, np.float64)):
            object.__setattr__(self, name, frozen(f"Domains.{name}", getattr(self, name), (length,), dtype))
        if self.neighbours.size and self.neighbours.max() >= n:
            raise CircuitError(f"Domains.neighbours: {self.neighbours.max()}; there are {n} domains, counted from 0.")

    def __repr__(self) -> str:
        return f"Domains({len(self):,} polyhedra, {self.volumes.sum():,.0f} um^3)"

    def __len__(self) -> int:
        return len(self.meshes)

    @property
    def volumes(self) -> np.ndarray:
        """Of each domain, um^3."""
        return self.meshes.volumes

    def planes(self, astrocyte: int) -> tuple[np.ndarray, np.ndarray]:
        """The half-spaces whose common part a domain is: outward unit normals, shape (k, 3), and offsets: normal . x <= offset."""
        mesh = self.meshes[astrocyte]
        begin, end = self.meshes.triangle_starts[astrocyte : astrocyte + 2]
        owners = np.zeros(end - begin, dtype=np.int64)
        planes, _ = _half_spaces(owners, self.neighbours[begin:end], mesh.points[mesh.triangles])
        return planes[:, :3], planes[:, 3]

    def all_planes(self) -> tuple[np.ndarray, np.ndarray]:
        """The half-spaces of all domains, shape (planes, 4): unit normals and offsets; the domain of each, in order."""
        owners = self.meshes.owners
        flat = self.meshes.triangles + self.meshes.point_starts[:-1][owners][:, None]
        return _half_spaces(owners, self.neighbours, self.meshes.points[flat])

    def contains(self, astrocyte: int, points: np.ndarray, *, tolerance_um: float = 1e-9) -> np.ndarray:
        """Which points, of shape (n, 3), lie in an astrocyte's domain; its border belongs to it."""
        normals, offsets = self.planes(astrocyte)
        points = np.asarray(points, dtype=np.float64)
        if not len(normals):
            return np.zeros(len(points), dtype=bool)
        return (points @ normals.T <= offsets + tolerance_um).all(axis=1)

    def neighbours_of(self, astrocyte: int) -> np.ndarray:
        """The astrocytes whose domains touch this one's, sorted."""
        begin, end = self.meshes.triangle_starts[astrocyte : astrocyte + 2]
        found = np.unique(self.neighbours[begin:end])
        return found[found >= 0]


def _half_spaces(owners: np.ndarray, neighbours: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One half-space for all triangles of a domain with the same neighbour, where they lie in a plane; else one for each.

    A face's normal so is that of its whole area: that of a sliver of a triangle may point anywhere.
    """
    if not len(owners):
        return np.empty((0, 4)), np.empty(0, dtype=np.int64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.sqrt((normals**2).sum(axis=1))
    number = np.arange(len(owners))
    group = _grouped(owners, neighbours, np.zeros_like(number))
    total = _summed(normals, group)
    whole = np.sqrt((total**2).sum(axis=1))
    flat = whole >= (1 - 1e-9) * np.bincount(group, weights=areas, minlength=len(whole))
    group = _grouped(owners, neighbours, np.where(flat[group], -1, number))
    total, owner = _summed(normals, group), np.zeros(group.max() + 1, dtype=np.int64)
    owner[group] = owners
    size = np.sqrt((total**2).sum(axis=1))
    largest = np.zeros(owners.max() + 1)
    np.maximum.at(largest, owner, size)
    keep = size > 1e-12 * largest[owner].clip(min=1e-300)
    normal = np.divide(total, size[:, None], out=np.zeros_like(total), where=keep[:, None])
    centres = np.zeros((len(largest), 3))
    centres[owners] = corners[:, 0]
    offset = np.full(len(size), -np.inf)
    reach = ((corners - centres[owners][:, None]) * normal[group][:, None]).sum(axis=2).max(axis=1)
    np.maximum.at(offset, group, reach)
    offset += (normal * centres[owner]).sum(axis=1)
    return np.column_stack([normal, offset])[keep], owner[keep]


def _grouped(*keys: np.ndarray) -> np.ndarray:
    """The number of each row's group, in the order of their keys."""
    return np.unique(np.stack(keys, axis=1), axis=0, return_inverse=True)[1].reshape(-1)


def _summed(vectors: np.ndarray, group: np.ndarray) -> np.ndarray:
    n = group.max() + 1
    return np.stack([np.bincount(group, weights=vectors[:, k], minlength=n) for k in range(3)], axis=1)

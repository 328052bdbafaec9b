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
        normals = mesh.normals
        size = np.sqrt((normals**2).sum(axis=1))
        keep = size > 1e-12 * max(1e-300, size.max(initial=0.0))
        normals = normals[keep] / size[keep, None]
        return normals, (normals * mesh.points[mesh.triangles[keep, 0]]).sum(axis=1)

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

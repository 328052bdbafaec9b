"""What a cell's processes grow toward: its synapses, and points scattered in its domain."""

from __future__ import annotations

import numpy as np

from conntap.build.ngv.growth import Growth
from conntap.circuits.tissue.meshes import Mesh

__all__ = ["attractor_cloud", "attractor_grid", "scaled_corners"]


def scaled_corners(domain: Mesh, scaling: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A convex domain scaled about the mean of its corners: that centre, its triangles, shape (n, 3, 3), and the volumes of the
    tetrahedra between both."""
    if not len(domain.triangles):
        return np.zeros(3), np.empty((0, 3, 3)), np.empty(0)
    centre = domain.points[np.unique(domain.triangles)].mean(axis=0)
    corners = centre + scaling * (domain.points[domain.triangles] - centre)
    a, b, c = (corners[:, i] - centre for i in range(3))
    return centre, corners, np.abs((a * np.cross(b, c)).sum(axis=1)) / 6


def attractor_cloud(
    domain: Mesh, synapses: np.ndarray, soma: np.ndarray, growth: Growth, rng: np.random.Generator
) -> np.ndarray:
    """Attractors of a cell: its synapses, topped up evenly; outside its soma.

    Parameters
    ----------
    domain
        Its domain.
    synapses
        Shape (n, 3), um.
    soma
        x, y, z, radius; um.

    Returns
    -------
    Shape (attractors, 3), um.
    """
    from conntap.build.ngv._attractors import scattered

    apart = ((synapses - soma[:3]) ** 2).sum(axis=1) >= soma[3] ** 2
    synapses = synapses[apart]
    if len(synapses) > growth.most_attractors:
        synapses = synapses[np.sort(rng.choice(len(synapses), int(growth.most_attractors), replace=False))]
    centre, corners, volumes = scaled_corners(domain, growth.attractor_scaling)
    wanted = min(int(growth.most_attractors), round(growth.attractors_per_um3 * volumes.sum()))
    cloud = np.empty((max(len(synapses), wanted), 3))
    cloud[: len(synapses)] = synapses
    seed = np.uint64(rng.integers(2**63))
    if wanted > len(synapses):
        scattered(cloud, len(synapses), centre, corners, np.cumsum(volumes), soma, seed)
    return cloud


def attractor_grid(cloud: np.ndarray, size_um: float) -> tuple[np.ndarray, ...]:
    """Points in a grid of cubes: sorted coordinates, where each cube's begin and end, its corner, the size, its shape."""
    from conntap.build.ngv._attractors import gridded

    low = cloud.min(axis=0) if len(cloud) else np.zeros(3)
    high = cloud.max(axis=0) if len(cloud) else np.zeros(3)
    size = max(size_um, float((high - low).max(initial=0.0)) / 100)
    shape = (np.floor((high - low) / size).astype(np.int64) + 1).clip(min=1)
    return (*gridded(cloud, low, size, shape), low, size, shape)

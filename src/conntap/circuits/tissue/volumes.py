"""Volumes of voxels: densities, regions, masks, each value with its place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conntap.circuits.tissue.arrays import frozen
from conntap.errors import CircuitError

__all__ = ["Volume"]

_FAR = 2.0**62


@dataclass(frozen=True, eq=False, repr=False)
class Volume:
    """Values of the voxels of a grid in space.

    Parameters
    ----------
    values
        Shape (i, j, k), of numbers or booleans; NaN is a voxel outside.
    origin
        Where the corner of voxel (0, 0, 0) lies, um.
    directions
        Shape (3, 3): the row of an axis is the step, in um, from one voxel to the next along it. Three numbers: the sizes of voxels
        whose axes are x, y, z.

    Raises
    ------
    CircuitError
        Not three dimensions, or axes that lie in one plane.

    Examples
    --------
    >>> v = Volume(np.full((2, 2, 3), 7.0), [0, 0, 0], [10, 10, 20])
    >>> v, round(v.voxel_um3), v.at(np.array([[5, 5, 50], [5, 5, 70]])).tolist()
    (Volume(2 x 2 x 3 voxels of float64), 2000, [7.0, 0.0])
    """

    values: np.ndarray
    origin: np.ndarray
    directions: np.ndarray

    def __post_init__(self) -> None:
        values = np.array(self.values, order="C")
        if values.ndim != 3 or values.dtype.kind not in "biuf":
            raise CircuitError(f"Volume.values: {values.dtype} of {values.ndim} dimensions; give numbers in 3.")
        values.flags.writeable = False
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "origin", frozen("Volume.origin", self.origin, (3,), np.float64))
        directions = np.asarray(self.directions)
        directions = np.diag(directions) if directions.shape == (3,) else directions
        object.__setattr__(self, "directions", frozen("Volume.directions", directions, (3, 3), np.float64))
        if not abs(np.linalg.det(self.directions)) > 0:
            raise CircuitError("Volume.directions: the axes lie in one plane; they must span the space.")

    def __repr__(self) -> str:
        return f"Volume({' x '.join(map(str, self.values.shape))} voxels of {self.values.dtype})"

    @property
    def voxel_um3(self) -> float:
        """The volume of a voxel, um^3."""
        return float(abs(np.linalg.det(self.directions)))

    @property
    def box(self) -> np.ndarray:
        """The lower and the upper corner of the box that holds all voxels, shape (2, 3), um."""
        steps = np.array(np.meshgrid(*((0, n) for n in self.values.shape), indexing="ij")).reshape(3, -1).T
        corners = self.origin + steps @ self.directions
        return np.stack([corners.min(axis=0), corners.max(axis=0)])

    def voxels(self, points: np.ndarray) -> np.ndarray:
        """The voxel of each point of shape (n, 3), which may be one outside the grid, -1 where a coordinate is NaN; int64."""
        places = self._places(points)
        return np.clip(np.where(np.isnan(places), -1, places), -_FAR, _FAR).astype(np.int64)

    def at(self, points: np.ndarray, *, outside: float = 0) -> np.ndarray:
        """The value at each point of shape (n, 3); `outside` beyond the grid, and where a coordinate is NaN."""
        places = self._places(points)
        inside = ((places >= 0) & (places < self.values.shape)).all(axis=1)
        try:
            result = np.full(len(places), outside, dtype=self.values.dtype)
        except (OverflowError, ValueError):
            raise CircuitError(
                f"Volume.at.outside: {outside} is none of {self.values.dtype}; give a number of the volume's type."
            ) from None
        result[inside] = self.values[tuple(places[inside].astype(np.int64).T)]
        return result

    def _places(self, points: np.ndarray) -> np.ndarray:
        return np.floor((np.asarray(points) - self.origin) @ np.linalg.inv(self.directions))

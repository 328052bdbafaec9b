"""Atlases: volumes of region numbers in NRRD files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conntap.errors import CircuitError, MissingExtra
from conntap.store.files import why_unreadable

__all__ = ["Atlas", "read_atlas"]

_UM = {"": 1.0, "um": 1.0, "µm": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "mm": 1000.0, "nm": 0.001}


@dataclass(frozen=True)
class Atlas:
    """Region numbers, shape (i, j, k), and where voxel (0, 0, 0) begins and how the axes run (um)."""

    numbers: np.ndarray
    origin: np.ndarray
    directions: np.ndarray

    def at(self, points: np.ndarray) -> np.ndarray:
        """The region number at each point of shape (points, 3); 0 outside."""
        voxels = np.floor((points - self.origin) @ np.linalg.inv(self.directions)).astype(np.int64)
        inside = ((voxels >= 0) & (voxels < self.numbers.shape)).all(axis=1)
        result = np.zeros(len(points), dtype=np.int64)
        result[inside] = self.numbers[tuple(voxels[inside].T)]
        return result

    def sizes(self, numbers: np.ndarray) -> np.ndarray:
        """How many voxels have each of the numbers (given sorted)."""
        flat = self.numbers.ravel()
        place = np.searchsorted(numbers, flat).clip(max=max(0, len(numbers) - 1))
        return np.bincount(place[numbers[place] == flat], minlength=len(numbers)) if len(numbers) else numbers


def read_atlas(path: Path, first_voxel: str) -> Atlas:
    """The atlas in an NRRD file; `first_voxel` says what of it the space origin is, its corner or its centre.

    Raises
    ------
    CircuitError
        The file is missing, damaged, not of whole numbers in three dimensions, or names a data file in another
        folder.
    MissingExtra
        pynrrd is not installed.
    """
    try:
        import nrrd
    except ImportError:
        raise MissingExtra("formats", package="pynrrd", needed_for="reading an atlas") from None
    path = Path(path)
    why = why_unreadable(path)
    if why is not None:
        raise CircuitError(f"{path}: cannot be read ({why}).")
    try:
        with path.open("rb") as file:
            header = nrrd.read_header(file)
            _check_header(path, header)
            numbers = nrrd.read_data(header, file, str(path))
    except CircuitError:
        raise
    except OSError as error:
        raise CircuitError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except Exception as error:
        raise CircuitError(f"{path}: is no whole NRRD file: {error}") from None
    if numbers.dtype.kind not in "iu" or numbers.ndim != 3:
        raise CircuitError(f"{path}: {numbers.dtype} of {numbers.ndim} dimensions; an atlas has whole numbers in 3.")
    origin, directions = _geometry(path, header)
    if first_voxel == "centre":
        origin = origin - directions.sum(axis=0) / 2
    return Atlas(numbers, origin, directions)


def _check_header(path: Path, header: Mapping[str, Any]) -> None:
    """Refuse data outside the header's folder: a file that came from elsewhere shall not open others."""
    data = header.get("data file", header.get("datafile"))
    if data is None:
        return
    folder = path.resolve().parent
    if not isinstance(data, str) or data.upper().startswith("LIST") or (folder / data).resolve().parent != folder:
        raise CircuitError(f"{path}: its data file {data!r} is not one file beside it. Attach the data to the header.")


def _geometry(path: Path, header: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    units = {str(unit).strip().lower() for unit in header.get("space units", [])} or {""}
    if len(units) > 1 or not units <= _UM.keys():
        raise CircuitError(f"{path}: space units {sorted(units)}; give um, mm or nm for all axes.")
    directions = header.get("space directions")
    if directions is None and "spacings" in header:
        directions = np.diag(header["spacings"])
    directions = np.asarray(np.eye(3) if directions is None else directions, dtype=float)
    origin = np.asarray(header.get("space origin", np.zeros(3)), dtype=float)
    if directions.shape != (3, 3) or origin.shape != (3,) or not np.isfinite(directions).all():
        raise CircuitError(f"{path}: its space directions and origin are not of three axes in three dimensions.")
    if abs(np.linalg.det(directions)) == 0:
        raise CircuitError(f"{path}: its space directions lie in one plane; they must span the space.")
    scale = _UM[units.pop()]
    return origin * scale, directions * scale

"""Atlases: volumes of region numbers in NRRD files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from conntap.circuits.tissue import Volume
from conntap.circuits.tissue.voxel_files import read_volume
from conntap.errors import CircuitError

__all__ = ["read_atlas", "voxel_counts"]


def read_atlas(path: Path, first_voxel: Literal["corner", "centre"]) -> Volume:
    """The atlas in an NRRD file; `first_voxel` says what of it the space origin is, its corner or its centre.

    Raises
    ------
    CircuitError
        The file is missing, damaged, not of whole numbers in three dimensions, or names a data file in another
        folder.
    MissingExtra
        pynrrd is not installed.
    """
    atlas = read_volume(path, first_voxel=first_voxel)
    if atlas.values.dtype.kind not in "iu":
        raise CircuitError(f"{path}: {atlas.values.dtype} of 3 dimensions; an atlas has whole numbers in 3.")
    return atlas


def voxel_counts(atlas: Volume, numbers: np.ndarray) -> np.ndarray:
    """How many voxels of an atlas have each of the numbers (given sorted)."""
    flat = atlas.values.ravel()
    place = np.searchsorted(numbers, flat).clip(max=max(0, len(numbers) - 1))
    return np.bincount(place[numbers[place] == flat], minlength=len(numbers)) if len(numbers) else numbers

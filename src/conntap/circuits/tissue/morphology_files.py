"""Morphologies of many cells as HDF5 v1 files, one a cell, that MorphIO reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from conntap.circuits.sonata.hdf5 import opened
from conntap.circuits.tissue.morphology_sets import MorphologySet
from conntap.errors import CircuitError, known
from conntap.store.new_hdf5 import new_hdf5

__all__ = ["check_names", "read_morphology", "write_morphologies"]

_GLIA = np.array([1], dtype=np.uint32)  # the family of cells, in MorphIO's numbers
_CONTOUR = 16  # points of a soma


def write_morphologies(morphologies: MorphologySet, folder: str | Path) -> None:
    """Write each cell as FOLDER/NAME.h5, centred at its soma, by the column `morphology` of the table.

    The centre is that in float32, as nodes of SONATA have it: what is read plus the node's place is where the point was, to some 1e-6 um.

    Parameters
    ----------
    folder
        Made if need be; files of the same names are replaced.

    Raises
    ------
    CircuitError
        There are no names, a name stands twice or cannot name a file.

    Notes
    -----
    `points` (x, y, z, diameter; um), `structure` (first point, type, parent; row 0 is the soma) and `perimeters`, as MorphIO's
    specification of HDF5 v1.3 for glia has them. The soma is a circle in the plane of x and y.
    """
    names = _names(morphologies)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        _write(morphologies.cell(number), folder / f"{name}.h5")


def _names(morphologies: MorphologySet) -> list[str]:
    if "morphology" not in morphologies.table:
        raise CircuitError(f"write_morphologies: no column 'morphology'; known: {known(morphologies.table.columns)}.")
    names = [str(each) for each in morphologies.table["morphology"]]
    check_names("write_morphologies", names)
    return names


def check_names(where: str, names: list[str]) -> None:
    """Refuse names that cannot name a file each.

    Raises
    ------
    CircuitError
        A name is empty, has a slash, or stands twice.
    """
    for name in names:
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise CircuitError(f"{where}: {name!r} cannot name a file. Leave out slashes.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise CircuitError(f"{where}: the name {twice!r} stands twice. Give each cell its own.")


def _write(cell: MorphologySet, path: Path) -> None:
    row = cell.table.iloc[0]
    soma = np.array([row["x"], row["y"], row["z"]], dtype=np.float32).astype(np.float64)
    points = np.column_stack([cell.points - soma, cell.diameters])
    structure = np.column_stack([cell.section_starts[:-1] + _CONTOUR, cell.kinds, cell.parents + 1])
    angles, flat = np.arange(_CONTOUR) * (2 * np.pi / _CONTOUR), np.zeros(_CONTOUR)
    circle = np.column_stack([row["radius"] * np.cos(angles), row["radius"] * np.sin(angles), flat, flat])
    with new_hdf5(path) as file:
        file["points"] = np.concatenate([circle, points]).astype(np.float32)
        file["structure"] = np.concatenate([[[0, 1, -1]], structure]).astype(np.int32)
        file["perimeters"] = np.concatenate([flat, cell.perimeters]).astype(np.float32)
        about = file.create_group("metadata")
        about.attrs["version"] = np.array([1, 3], dtype=np.uint32)
        about.attrs["cell_family"] = _GLIA


def read_morphology(path: str | Path) -> MorphologySet:
    """Read a file that `write_morphologies` wrote, as a set of one cell that is centred at its soma.

    Raises
    ------
    CircuitError
        The file is missing, damaged, or has no such layout.

    Examples
    --------
    >>> import tempfile
    >>> table = pd.DataFrame({"astrocyte": [0], "x": 5.0, "y": 0.0, "z": 0.0, "radius": 3.0, "morphology": ["one"]})
    >>> cell = MorphologySet(table, [[5, 0, 0], [8, 0, 0]], [1, 1], [3, 3], [0, 2], [-1], [3], [0, 1])
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_morphologies(cell, folder)
    >>> read_morphology(folder / "one.h5").points.tolist()
    [[0.0, 0.0, 0.0], [3.0, 0.0, 0.0]]
    """
    path = Path(path)
    with opened(path) as file:
        points, structure = file["points"][()], file["structure"][()]
        perimeters = file["perimeters"][()] if "perimeters" in file else np.zeros(len(points))
    if points.ndim != 2 or points.shape[1] != 4 or structure.ndim != 2 or structure.shape[1] != 3:
        raise CircuitError(f"{path}: points {points.shape} and structure {structure.shape}; give (n, 4) and (n, 3).")
    if not len(structure) or structure[0, 1] != 1 or len(perimeters) != len(points):
        raise CircuitError(f"{path}: does not begin with a soma, or lacks perimeters.")
    starts = np.append(structure[1:, 0], len(points)) if len(structure) > 1 else np.array([len(points)])
    first = int(starts[0])
    radius = float(np.sqrt((points[:first, :3].astype(np.float64) ** 2).sum(axis=1)).mean()) if first else 0.0
    table = pd.DataFrame({"astrocyte": [0], "x": 0.0, "y": 0.0, "z": 0.0, "radius": radius})
    try:
        return MorphologySet(
            table.assign(morphology=path.stem),
            points[first:, :3],
            points[first:, 3],
            perimeters[first:],
            starts - first,
            structure[1:, 2] - 1,
            structure[1:, 1],
            [0, len(structure) - 1],
        )
    except CircuitError as error:
        raise CircuitError(f"{path}: {error}") from None

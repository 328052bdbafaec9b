"""Files of domains and of the patches of endfeet: groups of rows in flat datasets, as the field keeps them.

`data/NAME` holds the rows of all groups, `offsets/NAME` where each group's begin, and the end. Tools that read files of ArchNGV read
these.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from conntap.circuits.sonata.hdf5 import opened
from conntap.circuits.tissue.domains import Domains
from conntap.circuits.tissue.endfeet import Endfeet
from conntap.circuits.tissue.meshes import Meshes
from conntap.errors import CircuitError
from conntap.store.new_hdf5 import new_hdf5

__all__ = ["read_domains", "read_endfeet", "write_domains", "write_endfeet"]

_PACKED_AT_MOST = 1100  # times as many bytes as are stored: what gzip can do


def write_domains(domains: Domains, path: str | Path) -> None:
    """Write domains: `points` (um), `triangle_data` (face, three points), `neighbors` (of each triangle), `scaling_factors`.

    Parameters
    ----------
    path
        The file; one that is there is replaced.

    Notes
    -----
    Triangles that lie in one plane and have one neighbour are one face.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.circuits.tissue.meshes import Mesh
    >>> corner = Mesh(np.vstack([np.zeros(3), np.eye(3)]), [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    >>> path = Path(tempfile.mkdtemp()) / "microdomains.h5"
    >>> write_domains(Domains(Meshes.of([corner]), [-1, -2, -3, -4], [1.0]), path)
    >>> read_domains(path).volumes.round(6).tolist()
    [0.166667]
    """
    meshes = domains.meshes
    triangles = np.column_stack([_faces(domains), meshes.triangles])
    with new_hdf5(path) as file:
        data, offsets = (file.create_group(name, track_order=True) for name in ("data", "offsets"))
        for name, values, starts in (
            ("points", meshes.points, meshes.point_starts),
            ("triangle_data", triangles, meshes.triangle_starts),
            ("neighbors", domains.neighbours, meshes.triangle_starts),
        ):
            data[name], offsets[name] = values, starts
        data["scaling_factors"] = domains.scalings


def _faces(domains: Domains) -> np.ndarray:
    """For each triangle the number of its face within its domain: of those with its neighbour and its plane."""
    meshes = domains.meshes
    flat = meshes.triangles + meshes.point_starts[:-1][meshes.owners][:, None]
    a, b, c = (meshes.points[flat[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    normal = np.round(normal / np.sqrt((normal**2).sum(axis=1)).clip(min=1e-300)[:, None], 5) + 0.0
    keys = pd.DataFrame(np.column_stack([meshes.owners, domains.neighbours, normal]))
    face = keys.groupby(list(keys.columns), sort=False).ngroup().to_numpy()
    owners = meshes.owners
    first = np.full(len(meshes), np.iinfo(np.int64).max)
    np.minimum.at(first, owners, face)
    return face - first[owners] if len(face) else face


def read_domains(path: str | Path) -> Domains:
    """Read a file of domains.

    Raises
    ------
    CircuitError
        The file is missing, damaged, or of another layout.
    """
    with opened(Path(path)) as file:
        points, point_starts = _group(path, file, "points")
        triangles, triangle_starts = _group(path, file, "triangle_data")
        neighbours, neighbour_starts = _group(path, file, "neighbors")
        scalings = _values(path, file, "data/scaling_factors") if "data/scaling_factors" in file else None
    if triangles.ndim != 2 or triangles.shape[1] != 4:
        raise CircuitError(f"{path}: data/triangle_data has shape {triangles.shape}; give (triangles, 4).")
    if not np.array_equal(neighbour_starts, triangle_starts):
        raise CircuitError(
            f"{path}: offsets/neighbors are not offsets/triangle_data; there is one neighbour a triangle."
        )
    meshes = _meshes(path, points, point_starts, triangles[:, 1:], triangle_starts)
    scalings = np.ones(len(meshes)) if scalings is None else scalings
    return _made(path, lambda: Domains(meshes, neighbours.reshape(-1), scalings))


def write_endfeet(endfeet: Endfeet, path: str | Path) -> None:
    """Write the patches of endfeet: `points`, `triangles`, `surface_area`, `unreduced_surface_area`, `surface_thickness`.

    Parameters
    ----------
    path
        The file; one that is there is replaced.
    """
    meshes, table = endfeet.meshes, endfeet.table
    with new_hdf5(path) as file:
        data, offsets = (file.create_group(name, track_order=True) for name in ("data", "offsets"))
        data["points"], offsets["points"] = meshes.points, meshes.point_starts
        data["triangles"], offsets["triangles"] = meshes.triangles, meshes.triangle_starts
        data["surface_area"] = table["area"].to_numpy(dtype=np.float32)
        data["unreduced_surface_area"] = table["unreduced_area"].to_numpy(dtype=np.float32)
        data["surface_thickness"] = table["thickness"].to_numpy(dtype=np.float32)


def read_endfeet(path: str | Path, astrocytes: np.ndarray) -> Endfeet:
    """Read the patches of endfeet.

    Parameters
    ----------
    astrocytes
        Shape (endfeet,): the astrocyte of each, which the edges tell and this file does not.

    Raises
    ------
    CircuitError
        The file is missing, damaged, of another layout, or of another number of endfeet.
    """
    with opened(Path(path)) as file:
        meshes = _meshes(path, *_group(path, file, "points"), *_group(path, file, "triangles"))
        names = {"area": "surface_area", "unreduced_area": "unreduced_surface_area", "thickness": "surface_thickness"}
        values = {name: _values(path, file, f"data/{there}") for name, there in names.items()}
    if {len(meshes), *(len(each) for each in values.values())} != {len(astrocytes)}:
        raise CircuitError(f"{path}: {len(meshes)} patches of {len(astrocytes)} endfeet; there is one for each.")
    index = pd.RangeIndex(len(meshes), name="endfoot_id")
    table = pd.DataFrame({"astrocyte": np.asarray(astrocytes, dtype=np.int64), **values}, index=index)
    return _made(path, lambda: Endfeet(table, meshes))


def _group(path: str | Path, file: h5py.File, name: str) -> tuple[np.ndarray, np.ndarray]:
    return _values(path, file, f"data/{name}"), _values(path, file, f"offsets/{name}")


def _values(path: str | Path, file: h5py.File, name: str) -> np.ndarray:
    found = file.get(name)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "iuf":
        raise CircuitError(f"{path}: no dataset of numbers {name!r}. It must be made as microdomains and endfeet are.")
    if found.nbytes > _PACKED_AT_MOST * (found.id.get_storage_size() + 64):
        raise CircuitError(
            f"{path}: {name!r} says that it holds {found.nbytes:,} bytes and does not. The file is damaged."
        )
    return found[()]


def _meshes(
    path: str | Path, points: np.ndarray, starts: np.ndarray, triangles: np.ndarray, ends: np.ndarray
) -> Meshes:
    return _made(path, lambda: Meshes(points, starts, triangles, ends))


def _made(path: str | Path, make):  # type: ignore[no-untyped-def]
    """What a function makes; where it does not fit together, the error says which file it is."""
    try:
        return make()
    except CircuitError as error:
        raise CircuitError(f"{path}: {error}") from None

"""Surfaces of files that others made, and files of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from conntap.circuits.tissue.meshes import Mesh
from conntap.errors import CircuitError, FormatError, MissingExtra, one_of

__all__ = ["surface_from", "write_surface"]

_LEAST_UM, _MOST_UM = 0.5, 1e9  # across a surface: what is less or more is in other units
_ENDINGS = ("obj", "off", "ply", "stl")


def surface_from(*, path: Path, holes: Literal["refuse", "fill", "keep"] = "refuse") -> Mesh:
    """Read a surface of triangles that you have: OBJ, OFF, PLY or STL.

    Points at the same place become one, triangles without area and points that none uses are dropped, and a surface whose volume
    would be negative is turned inside out: all that leaves it where it is.

    Parameters
    ----------
    path
        The file; um.
    holes
        Of a surface that is not closed: `refuse` it, `fill` holes of three or four sides and refuse what is left open, or `keep`
        it as it is (areas are still right, volumes are not).

    Returns
    -------
    The surface; closed, unless kept open.

    Raises
    ------
    FormatError
        No such file, an ending that is not known, a file that is no such surface.
    CircuitError
        Points that are not finite; a surface less than 0.5 um across (other units), one that is not closed, or whose edges belong to more than two triangles: with their number and where the first is.
    MissingExtra
        trimesh is not installed.

    Notes
    -----
    Time and memory grow with the file. Read by trimesh, in which nothing else is done to the surface.

    Examples
    --------
    >>> import tempfile
    >>> ball = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_surface(ball, path=Path(folder) / "ball.ply")
    ...     surface_from(path=Path(folder) / "ball.ply")
    Mesh(4 points, 4 triangles)
    """
    trimesh = _trimesh("reading surfaces")
    path = Path(path)
    one_of("surface_from.holes", holes, ("refuse", "fill", "keep"))
    ending = _ending("surface_from.path", path)
    if not path.is_file():
        raise FormatError(f"surface_from.path: no file {path}.")
    try:
        with path.open("rb") as file:
            read = trimesh.load(file, file_type=ending, force="mesh", process=False)
        points, triangles = np.array(read.vertices, dtype=np.float64), np.array(read.faces, dtype=np.int64)
    except Exception as error:  # whatever a reader of files of strangers raises
        raise FormatError(f"surface_from.path: {path.name} is no surface of triangles ({error}).") from error
    if not len(triangles) or points.ndim != 2 or points.shape[1] != 3:
        raise FormatError(f"surface_from.path: {path.name} has no triangles.")
    if not np.isfinite(points).all():
        raise CircuitError(f"surface_from.path: {(~np.isfinite(points)).any(axis=1).sum()} points are not finite.")
    extent = float(np.ptp(points, axis=0).max())
    if not _LEAST_UM <= extent <= _MOST_UM:
        raise CircuitError(f"surface_from.path: the surface is {extent:.3g} across; give um (1 mm is 1000).")
    mesh = _tidied(Mesh(points, triangles))
    if holes == "fill" and not mesh.is_closed:
        whole = trimesh.Trimesh(mesh.points, mesh.triangles, process=False)
        trimesh.repair.fill_holes(whole)
        mesh = _tidied(Mesh(whole.vertices, whole.faces))
    if holes != "keep" and not mesh.is_closed:
        raise CircuitError(f"surface_from.path: {_open(mesh)} Mend it, or read it with holes: fill or keep.")
    return Mesh(mesh.points, mesh.triangles[:, ::-1]) if mesh.is_closed and mesh.volume < 0 else mesh


def write_surface(mesh: Mesh, *, path: Path) -> None:
    """Write a surface as OBJ, OFF, PLY or STL, by the ending of the name; STL keeps no numbers of points and 7 digits.

    Raises
    ------
    FormatError
        Another ending.
    MissingExtra
        trimesh is not installed.
    """
    trimesh = _trimesh("writing surfaces")
    ending = _ending("write_surface.path", Path(path))
    data = trimesh.Trimesh(mesh.points, mesh.triangles, process=False).export(file_type=ending)
    Path(path).write_bytes(data if isinstance(data, bytes) else data.encode())


def _trimesh(what: str) -> Any:
    try:
        import trimesh
    except ImportError:
        raise MissingExtra("ngv", package="trimesh", needed_for=what) from None
    return trimesh


def _ending(where: str, path: Path) -> str:
    ending = path.suffix.lower().lstrip(".")
    if ending not in _ENDINGS:
        raise FormatError(f"{where}: unknown ending {path.suffix!r}; known: {', '.join(_ENDINGS)}.")
    return ending


def _tidied(mesh: Mesh) -> Mesh:
    """Points at one place as one, none unused; no triangle without area or twice."""
    _, first, number = np.unique(mesh.points, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    triangles = rank[number.ravel()][mesh.triangles]
    a, b, c = triangles.T
    triangles = triangles[(a != b) & (b != c) & (c != a)]
    _, once = np.unique(np.sort(triangles, axis=1), axis=0, return_index=True)
    triangles = triangles[np.sort(once)]
    used, triangles = np.unique(triangles, return_inverse=True)
    return Mesh(mesh.points[first[order]][used], triangles.reshape(-1, 3))


def _open(mesh: Mesh) -> str:
    """What keeps a surface from being closed."""
    edges = np.concatenate([mesh.triangles[:, [i, (i + 1) % 3]] for i in range(3)])
    pairs, count = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    for wrong, told in (
        (count == 1, "belong to one triangle: it has holes"),
        (count > 2, "belong to more than two triangles"),
    ):
        if wrong.any():
            place = mesh.points[pairs[wrong][0]].mean(axis=0).round(2).tolist()
            return f"{wrong.sum()} edges {told}, the first near {place}."
    return "its triangles do not all turn the same way."

"""Subtargets by place: hexagons of a plane, boxes, voxels of an atlas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.circuits.atlases import Atlas, read_atlas
from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.selecting import NodeSelection, read_nodes
from conntap.circuits.subtargets import Subtargets, as_ids, read_rows, split
from conntap.errors import CircuitError, OptionError, known, unknown

__all__ = ["grid", "hexgrid", "voxels"]

_NEIGHBOURS = {
    0: ((0, -1), (0, 1), (-1, -1), (-1, 0), (1, -1), (1, 0)),
    1: ((0, -1), (0, 1), (-1, 0), (-1, 1), (1, 0), (1, 1)),
}
Missing = Literal["raise", "drop"]


def hexgrid(
    source: Circuit | Connectome,
    *,
    radius_um: float,
    plane: tuple[str, str] = ("x", "z"),
    flatmap: Path | None = None,
    population: str | None = None,
    nodes: NodeSelection = None,
    min_nodes: int = 1,
    origin: tuple[float, float] | None = None,
    missing: Missing = "raise",
) -> Subtargets:
    """Cut a plane into regular hexagons; the nodes over each are a subtarget.

    Hexagons have a corner along the second axis. Centres in a row are sqrt(3) * radius apart, rows 1.5 * radius,
    odd rows are shifted by half a step. A node belongs to the hexagon with the nearest centre.

    Parameters
    ----------
    source
        A circuit, or a square connectome.
    radius_um
        Radius of the circle through the corners, in the unit of the coordinates (um).
    plane
        The two node properties, or columns of `flatmap`, that are the coordinates: along rows, across rows.
    flatmap
        A CSV file with the columns `id` and those of `plane`, or an NPZ file with arrays so named: coordinates of
        the nodes; default: the nodes' own properties.
    population
        The node population; default: the circuit's default.
    nodes
        Only these: a node set's name, names, a rule like `{"layer": [2, 3]}`, or ids.
    min_nodes
        Leave out hexagons with fewer nodes.
    origin
        The centre of `R0;C0`, so that circuits in one space share their names. Default: hexagons lie around the
        middle of the nodes' bounding box, numbered from the lowest row (0 or 1) and column (0) that has nodes.
    missing
        What becomes of nodes without coordinates: "raise" or "drop".

    Returns
    -------
    Subtargets `R{row};C{column}` by row and column; info: `row`, `column`, `center_<axis>` for both axes,
    `boundary` (whether one of the six neighbours has no nodes) and `n_nodes`.

    Raises
    ------
    CircuitError
        Unknown population, node set, property or id, or a file that cannot be read.
    OptionError
        A radius that is not above 0, nodes without coordinates, or no hexagon with `min_nodes` nodes.

    Notes
    -----
    A sort of the nodes.

    Examples
    --------
    >>> nodes = pd.DataFrame({"x": [0.0, 1.0, 17.0], "z": [0.0, 1.0, 0.0]})
    >>> found = hexgrid(Connectome(nodes, [], []), radius_um=10.0, origin=(0.0, 0.0))
    >>> {each.name: each.ids.tolist() for each in found}
    {'R0;C0': [0, 1], 'R0;C1': [2]}
    """
    _check_lengths("hexgrid", "radius_um", [radius_um])
    _check_axes("hexgrid.plane", plane, 2)
    ids, points, population = _places(source, population, nodes, plane, flatmap, missing, "hexgrid")
    start = _middle(points) if origin is None else np.asarray(origin, dtype=float)
    row, column = _hexagons(points - start, radius_um)
    if origin is None and len(ids):
        shift = np.array([int(row.min()) // 2 * 2, int(column.min())])
    else:
        shift = np.zeros(2, dtype=np.int64)
    cells, codes = np.unique(np.stack([row, column], axis=1), axis=0, return_inverse=True)
    present = {(int(r), int(c)) for r, c in cells}
    labels: list[tuple[str, dict[str, Any]]] = []
    for r, c in cells.tolist():
        centre = start + radius_um * np.array([math.sqrt(3) * (c + 0.5 * (r % 2)), 1.5 * r])
        info = {"row": r - int(shift[0]), "column": c - int(shift[1]), **_centre(plane, centre)}
        info["boundary"] = any((r + dr, c + dc) not in present for dr, dc in _NEIGHBOURS[r % 2])
        labels.append((f"R{info['row']};C{info['column']}", info))
    return split(source, population, ids, codes.ravel(), labels, where="hexgrid", min_nodes=min_nodes)


def grid(
    source: Circuit | Connectome,
    *,
    size_um: float | list[float],
    axes: tuple[str, ...] = ("x", "y", "z"),
    population: str | None = None,
    nodes: NodeSelection = None,
    min_nodes: int = 1,
    origin: tuple[float, ...] | None = None,
    missing: Missing = "raise",
) -> Subtargets:
    """Cut space into boxes; the nodes in each are a subtarget.

    Parameters
    ----------
    source
        A circuit, or a square connectome.
    size_um
        Edge of the boxes, one for all axes or one for each, in the unit of the coordinates (um).
    axes
        The node properties that are the coordinates; one or more.
    population
        The node population; default: the circuit's default.
    nodes
        Only these: a node set's name, names, a rule like `{"layer": [2, 3]}`, or ids.
    min_nodes
        Leave out boxes with fewer nodes.
    origin
        A corner of the boxes numbered 0; default: the lowest coordinates of the nodes. A node on a wall belongs
        to the box above it.
    missing
        What becomes of nodes without coordinates: "raise" or "drop".

    Returns
    -------
    Subtargets like `x0;y1;z0`, in rising order; info: `center_<axis>` and `n_nodes`.

    Raises
    ------
    CircuitError
        Unknown population, node set, property or id.
    OptionError
        A size that is not above 0, sizes or an origin that do not fit the axes, nodes without coordinates, or no
        box with `min_nodes` nodes.

    Notes
    -----
    A sort of the nodes.

    Examples
    --------
    >>> line = Connectome(pd.DataFrame({"x": [0.0, 9.0, 25.0]}), [], [])
    >>> grid(line, size_um=10.0, axes=("x",)).names
    ['x0', 'x2']
    """
    sizes = np.array(size_um if isinstance(size_um, Sequence) else [size_um] * len(axes), dtype=float)
    _check_axes("grid.axes", axes, len(axes) or 1)
    if len(sizes) != len(axes) or (origin is not None and len(origin) != len(axes)):
        raise OptionError(f"grid: {len(axes)} axes ({', '.join(axes)}); give as many of size_um and of origin.")
    _check_lengths("grid", "size_um", sizes)
    ids, points, population = _places(source, population, nodes, axes, None, missing, "grid")
    lowest = points.min(axis=0) if len(points) else np.zeros(len(axes))
    start = lowest if origin is None else np.asarray(origin, dtype=float)
    boxes = np.floor((points - start) / sizes).astype(np.int64)
    cells, codes = np.unique(boxes, axis=0, return_inverse=True)
    labels = [
        (
            ";".join(f"{axis}{number}" for axis, number in zip(axes, cell, strict=True)),
            _centre(axes, start + (cell + 0.5) * sizes),
        )
        for cell in cells
    ]
    return split(source, population, ids, codes.ravel(), labels, where="grid", min_nodes=min_nodes)


def voxels(
    source: Circuit | Connectome,
    *,
    annotation: Path,
    names: Path | None = None,
    first_voxel: Literal["corner", "centre"] = "corner",
    axes: tuple[str, str, str] = ("x", "y", "z"),
    population: str | None = None,
    nodes: NodeSelection = None,
    min_nodes: int = 1,
    missing: Missing = "raise",
) -> Subtargets:
    """Take the regions of an atlas as subtargets: the nodes in the voxels of one number.

    Nodes outside the atlas or in voxels numbered 0 are in none; how many is logged.

    Parameters
    ----------
    source
        A circuit, or a square connectome.
    annotation
        An NRRD file of whole numbers in three dimensions; its space directions and space origin (um, or mm where
        it says so) place it.
    names
        A CSV file with the columns `id` and `name` for the numbers; default: the numbers are the names.
    first_voxel
        Whether the space origin is the first voxel's corner, as atlases of circuits have it, or its centre.
    axes
        The node properties that are the coordinates (um).
    population
        The node population; default: the circuit's default.
    nodes
        Only these: a node set's name, names, a rule like `{"layer": [2, 3]}`, or ids.
    min_nodes
        Leave out regions with fewer nodes.
    missing
        What becomes of nodes without coordinates: "raise" or "drop".

    Returns
    -------
    Subtargets by rising number; info: `region` (the number), `n_voxels`, `n_nodes`.

    Raises
    ------
    CircuitError
        A file that cannot be read or is no such atlas or names a data file elsewhere; unknown population, node
        set, property or id.
    OptionError
        Nodes without coordinates, or no region with `min_nodes` nodes.
    MissingExtra
        pynrrd is not installed.

    Notes
    -----
    The whole atlas is read into memory; linear in voxels and nodes.

    Examples
    --------
    >>> import nrrd, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "atlas.nrrd"
    >>> nrrd.write(str(path), np.array([[[0]], [[7]]]), {"space directions": np.eye(3) * 10, "space origin": [0, 0, 0]})
    >>> nodes = pd.DataFrame({"x": [5.0, 15.0], "y": [5.0, 5.0], "z": [5.0, 5.0]})
    >>> [(each.name, each.ids.tolist()) for each in voxels(Connectome(nodes, [], []), annotation=path)]
    [('7', [1])]
    """
    _check_axes("voxels.axes", axes, 3)
    atlas = read_atlas(annotation, first_voxel)
    ids, points, population = _places(source, population, nodes, axes, None, missing, "voxels")
    regions = atlas.at(points)
    numbers, codes = np.unique(regions, return_inverse=True)
    codes = codes.ravel() - int(0 in numbers)
    numbers = numbers[numbers != 0]
    labels = _region_labels(numbers, names, atlas)
    return split(source, population, ids, codes, labels, where="voxels", min_nodes=min_nodes)


def _region_labels(numbers: np.ndarray, names: Path | None, atlas: Atlas) -> list[tuple[str, dict[str, Any]]]:
    called: dict[int, str] = {}
    if names is not None:
        rows = read_rows(names, ("id", "name"), text=("name",))
        if rows["id"].dtype.kind not in "iu" or rows["id"].duplicated().any():
            raise CircuitError(f"{names}: id: give whole numbers, each once.")
        called = dict(zip(rows["id"].tolist(), rows["name"].str.strip(), strict=True))
    sizes = atlas.sizes(numbers)
    return [
        (called.get(number, str(number)), {"region": number, "n_voxels": size})
        for number, size in zip(numbers.tolist(), sizes.tolist(), strict=True)
    ]


def _places(
    source: Circuit | Connectome,
    population: str | None,
    nodes: NodeSelection,
    axes: Sequence[str],
    flatmap: Path | None,
    missing: Missing,
    where: str,
) -> tuple[np.ndarray, np.ndarray, str | None]:
    """Ids and coordinates, shape (nodes, axes), of the chosen nodes that have them."""
    chosen, population = read_nodes(source, population, nodes, list(axes) if flatmap is None else [])
    if flatmap is not None:
        chosen = _mapped(chosen, flatmap, axes)
    for name in axes:
        if chosen[name].dtype.kind not in "iuf":
            raise OptionError(f"{where}: {name!r} holds {chosen[name].dtype}, not numbers; choose coordinates.")
    points = chosen[list(axes)].to_numpy(dtype=float)
    good = np.isfinite(points).all(axis=1)
    if not good.all() and missing == "raise":
        raise OptionError(
            f"{where}: {(~good).sum()} of {len(good)} nodes have no finite {', '.join(axes)}: "
            f"{known(chosen.index[~good][:1000], most=5)}. Leave them out with missing='drop'."
        )
    return chosen.index.to_numpy()[good], points[good], population


def _mapped(chosen: pd.DataFrame, flatmap: Path, axes: Sequence[str]) -> pd.DataFrame:
    """The chosen nodes with the coordinates that a file gives them; NaN where it gives none."""
    columns = ("id", *axes)
    if Path(flatmap).suffix != ".npz":
        rows = read_rows(flatmap, ("id",)).join(_columns_of(flatmap, axes))
    else:
        rows = _arrays_of(flatmap, columns)
    if rows["id"].duplicated().any():
        again = rows["id"][rows["id"].duplicated()].iloc[0]
        raise CircuitError(f"{flatmap}: id {again!r} stands twice. Give each node one row.")
    as_ids(rows["id"][:0], chosen.index, f"{flatmap}: id")
    return rows.set_index("id").reindex(chosen.index)


def _columns_of(path: Path, names: Sequence[str]) -> pd.DataFrame:
    frame = pd.read_csv(path, skipinitialspace=True)
    for name in names:
        if name not in frame.columns:
            raise CircuitError(unknown(str(path), "column", name, frame.columns))
    return frame[list(names)]


def _arrays_of(path: Path, names: Sequence[str]) -> pd.DataFrame:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for name in names:
                if name not in arrays:
                    raise CircuitError(unknown(str(path), "array", name, arrays.files))
            return pd.DataFrame({name: arrays[name] for name in names})
    except OSError as error:
        raise CircuitError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except ValueError as error:
        raise CircuitError(f"{path}: {error}. Give arrays of numbers of one length.") from None


def _hexagons(points: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the hexagon around each point: cube coordinates, rounded where the error is least."""
    q = (points[:, 0] * math.sqrt(3) - points[:, 1]) / (3 * radius)
    r = points[:, 1] * 2 / (3 * radius)
    s = -q - r
    rounded = np.round(np.stack([q, r, s], axis=1))
    error = np.abs(rounded - np.stack([q, r, s], axis=1))
    worst = error.argmax(axis=1)
    row = np.where(worst == 1, -rounded[:, 0] - rounded[:, 2], rounded[:, 1]).astype(np.int64)
    along = np.where(worst == 0, -rounded[:, 1] - rounded[:, 2], rounded[:, 0]).astype(np.int64)
    return row, along + (row - row % 2) // 2


def _middle(points: np.ndarray) -> np.ndarray:
    return (points.min(axis=0) + points.max(axis=0)) / 2 if len(points) else np.zeros(2)


def _centre(axes: Sequence[str], point: np.ndarray) -> dict[str, float]:
    return {f"center_{axis}": float(value) for axis, value in zip(axes, point, strict=True)}


def _check_lengths(where: str, name: str, values: Any) -> None:
    for value in values:
        if not (math.isfinite(value) and value > 0):
            raise OptionError(f"{where}: {name} is {value}; give a length above 0.")


def _check_axes(where: str, axes: Sequence[str], n: int) -> None:
    if len(axes) != n or len(set(axes)) != n:
        raise OptionError(f"{where}: {list(axes)}; give {n} different names of coordinates.")

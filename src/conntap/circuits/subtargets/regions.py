"""Subtargets by place: boxes of space, regions of an atlas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.subtargets.atlases import read_atlas, voxel_counts
from conntap.circuits.subtargets.noun import Subtargets, split
from conntap.circuits.subtargets.places import Missing, centre, check_axes, check_cells, check_lengths, places
from conntap.circuits.subtargets.rows import read_rows
from conntap.circuits.subtargets.selecting import NodeSelection
from conntap.circuits.tissue import Volume
from conntap.errors import CircuitError, OptionError

__all__ = ["grid", "voxels"]


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
    >>> import pandas as pd
    >>> line = Connectome(pd.DataFrame({"x": [0.0, 9.0, 25.0]}), [], [])
    >>> grid(line, size_um=10.0, axes=("x",)).names
    ['x0', 'x2']
    """
    sizes = np.array(size_um if isinstance(size_um, Sequence) else [size_um] * len(axes), dtype=float)
    check_axes("grid.axes", axes, len(axes) or 1)
    if len(sizes) != len(axes) or (origin is not None and len(origin) != len(axes)):
        raise OptionError(f"grid: {len(axes)} axes ({', '.join(axes)}); give as many of size_um and of origin.")
    check_lengths("grid", "size_um", sizes)
    ids, points, population = places(source, population, nodes, axes, None, missing, "grid")
    lowest = points.min(axis=0) if len(points) else np.zeros(len(axes))
    start = lowest if origin is None else np.asarray(origin, dtype=float)
    boxes = check_cells("grid", np.floor((points - start) / sizes))
    cells, codes = np.unique(boxes, axis=0, return_inverse=True)
    labels = [
        (
            ";".join(f"{axis}{number}" for axis, number in zip(axes, cell, strict=True)),
            centre(axes, start + (cell + 0.5) * sizes),
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
    >>> import pandas as pd
    >>> nodes = pd.DataFrame({"x": [5.0, 15.0], "y": [5.0, 5.0], "z": [5.0, 5.0]})
    >>> [(each.name, each.ids.tolist()) for each in voxels(Connectome(nodes, [], []), annotation=path)]
    [('7', [1])]
    """
    check_axes("voxels.axes", axes, 3)
    atlas = read_atlas(annotation, first_voxel)
    ids, points, population = places(source, population, nodes, axes, None, missing, "voxels")
    regions = atlas.at(points).astype(np.int64)
    numbers, codes = np.unique(regions, return_inverse=True)
    codes = codes.ravel() - int(0 in numbers)
    numbers = numbers[numbers != 0]
    labels = _region_labels(numbers, names, atlas)
    return split(source, population, ids, codes, labels, where="voxels", min_nodes=min_nodes)


def _region_labels(numbers: np.ndarray, names: Path | None, atlas: Volume) -> list[tuple[str, dict[str, Any]]]:
    called: dict[int, str] = {}
    if names is not None:
        rows = read_rows(names, ("id", "name"), text=("name",))
        if rows["id"].dtype.kind not in "iu" or rows["id"].duplicated().any():
            raise CircuitError(f"{names}: id: give whole numbers, each once.")
        called = dict(zip(rows["id"].tolist(), rows["name"].str.strip(), strict=True))
    counts = voxel_counts(atlas, numbers)
    return [
        (called.get(number, str(number)), {"region": number, "n_voxels": size})
        for number, size in zip(numbers.tolist(), counts.tolist(), strict=True)
    ]

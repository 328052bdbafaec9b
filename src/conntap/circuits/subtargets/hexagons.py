"""Subtargets by hexagon: a plane cut into regular columns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.subtargets.noun import Subtargets, split
from conntap.circuits.subtargets.places import Missing, centre, check_axes, check_cells, check_lengths, places
from conntap.circuits.subtargets.selecting import NodeSelection

__all__ = ["hexgrid"]

_NEIGHBOURS = {
    0: ((0, -1), (0, 1), (-1, -1), (-1, 0), (1, -1), (1, 0)),
    1: ((0, -1), (0, 1), (-1, 0), (-1, 1), (1, 0), (1, 1)),
}


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
    >>> import pandas as pd
    >>> nodes = pd.DataFrame({"x": [0.0, 1.0, 17.0], "z": [0.0, 1.0, 0.0]})
    >>> found = hexgrid(Connectome(nodes, [], []), radius_um=10.0, origin=(0.0, 0.0))
    >>> {each.name: each.ids.tolist() for each in found}
    {'R0;C0': [0, 1], 'R0;C1': [2]}
    """
    check_lengths("hexgrid", "radius_um", [radius_um])
    check_axes("hexgrid.plane", plane, 2)
    ids, points, population = places(source, population, nodes, plane, flatmap, missing, "hexgrid")
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
        point = start + radius_um * np.array([math.sqrt(3) * (c + 0.5 * (r % 2)), 1.5 * r])
        info = {"row": r - int(shift[0]), "column": c - int(shift[1]), **centre(plane, point)}
        info["boundary"] = any((r + dr, c + dc) not in present for dr, dc in _NEIGHBOURS[r % 2])
        labels.append((f"R{info['row']};C{info['column']}", info))
    return split(source, population, ids, codes.ravel(), labels, where="hexgrid", min_nodes=min_nodes)


def _hexagons(points: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the hexagon around each point: cube coordinates, rounded where the error is least."""
    q = (points[:, 0] * math.sqrt(3) - points[:, 1]) / (3 * radius)
    r = points[:, 1] * 2 / (3 * radius)
    exact = np.stack([q, r, -q - r], axis=1)
    cube = check_cells("hexgrid", np.round(exact))
    worst = np.abs(cube - exact).argmax(axis=1)
    row = np.where(worst == 1, -cube[:, 0] - cube[:, 2], cube[:, 1])
    along = np.where(worst == 0, -cube[:, 1] - cube[:, 2], cube[:, 0])
    return row, along + (row - row % 2) // 2


def _middle(points: np.ndarray) -> np.ndarray:
    return (points.min(axis=0) + points.max(axis=0)) / 2 if len(points) else np.zeros(2)

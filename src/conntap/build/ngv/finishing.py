"""What is known once astrocytes have grown: the process nearest to each synapse, and endfeet as compartments."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from conntap.build.ngv.segments import CellSegments
from conntap.build.ngv.touches import parts_of
from conntap.circuits.tissue import Endfeet, MorphologySet
from conntap.errors import CircuitError, known

__all__ = ["endfoot_compartments", "finished_synapses"]

_A_VOXEL = 4  # segments, about


def finished_synapses(synapses: pd.DataFrame, morphologies: Sequence[MorphologySet]) -> pd.DataFrame:
    """Find the place on its astrocyte that is nearest to each synapse.

    Parameters
    ----------
    synapses
        As `build.astrocyte_synapses` gives them: `astrocyte`, `x`, `y`, `z` and other columns.
    morphologies
        The astrocytes: a set, or parts of one.

    Returns
    -------
    The table with more columns: `astrocyte_section_id` (the soma is 0), `astrocyte_segment_id` (int64), `astrocyte_segment_offset` (um),
    `astrocyte_section_pos` (0 to 1), `astrocyte_center_x`, `_y`, `_z` (the place on the axis, um), `astrocyte_distance` (from there to the
    synapse, um), all float32. Of an astrocyte without processes the soma's centre is meant: section 0, segment 0, offset 0.

    Raises
    ------
    CircuitError
        A column is missing, or an astrocyte has synapses and no morphology.

    Notes
    -----
    The nearest segment is found exactly, through a grid of each cell's segments: some microseconds a synapse.

    Examples
    --------
    >>> table = pd.DataFrame({"astrocyte": [7], "x": 0.0, "y": 0.0, "z": 0.0, "radius": 5.0})
    >>> cell = MorphologySet(table, [[0, 0, 0], [8, 0, 0]], [1, 1], [3, 3], [0, 2], [-1], [3], [0, 1])
    >>> synapses = pd.DataFrame({"astrocyte": [7, 7], "x": [2.0, 9.0], "y": [3.0, 0.0], "z": [0.0, 0.0]})
    >>> finished_synapses(synapses, [cell])[["astrocyte_section_id", "astrocyte_section_pos", "astrocyte_distance"]].to_numpy().tolist()
    [[1.0, 0.25, 3.0], [1.0, 1.0, 1.0]]
    """
    missing = [name for name in ("astrocyte", "x", "y", "z") if name not in synapses]
    if missing:
        raise CircuitError(f"finished_synapses.synapses: no column {known(missing)}; known: {known(synapses.columns)}.")
    order = np.argsort(synapses["astrocyte"].to_numpy(), kind="stable")
    ids, first = np.unique(synapses["astrocyte"].to_numpy()[order], return_index=True)
    rows = {
        int(each): part for each, part in zip(ids, np.split(order, first[1:]), strict=False)
    }  # of no rows one empty part
    places = synapses[["x", "y", "z"]].to_numpy(dtype=np.float64)
    found = _empty(len(synapses))
    for part in parts_of(morphologies):
        segments = CellSegments.of(part)
        ends = np.searchsorted(segments.cell, np.arange(len(part) + 1))
        for number, astrocyte in enumerate(part.table["astrocyte"].tolist()):
            which = rows.pop(int(astrocyte), None)
            if which is not None:
                soma = part.table.loc[part.table.index[number], ["x", "y", "z"]].to_numpy(dtype=np.float64)
                own = segments.take(np.arange(ends[number], ends[number + 1]))
                _put(found, which, places[which], own, soma)
    if rows:
        raise CircuitError(
            f"finished_synapses: no morphology of astrocytes {known(list(rows), most=5)}, which have synapses. Give all parts."
        )
    return synapses.assign(**found)


def _empty(n: int) -> dict[str, np.ndarray]:
    whole, real = (
        ("section_id", "segment_id"),
        ("segment_offset", "section_pos", "center_x", "center_y", "center_z", "distance"),
    )
    found = {f"astrocyte_{name}": np.zeros(n, dtype=np.int64) for name in whole}
    return found | {f"astrocyte_{name}": np.zeros(n, dtype=np.float32) for name in real}


def _put(
    found: dict[str, np.ndarray], which: np.ndarray, points: np.ndarray, segments: CellSegments, soma: np.ndarray
) -> None:
    """Fill in the rows of one astrocyte."""
    if not len(segments):
        for axis, value in zip("xyz", soma, strict=True):
            found[f"astrocyte_center_{axis}"][which] = value
        found["astrocyte_distance"][which] = np.sqrt(((points - soma) ** 2).sum(axis=1))
        return
    chosen, along, apart = _nearest(points, segments)
    start, end = segments.start[chosen].astype(np.float64), segments.end[chosen].astype(np.float64)
    offset = along * np.sqrt(((end - start) ** 2).sum(axis=1))
    centre = start + along[:, None] * (end - start)
    values = {"section_id": segments.section[chosen], "segment_id": segments.number[chosen], "segment_offset": offset}
    values["section_pos"] = ((segments.before[chosen] + offset) / segments.whole[chosen]).clip(0, 1)
    values |= {f"center_{axis}": centre[:, i] for i, axis in enumerate("xyz")} | {"distance": apart}
    for name, value in values.items():
        found[f"astrocyte_{name}"][which] = value


def _nearest(points: np.ndarray, segments: CellSegments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each point the nearest segment, the place along it from 0 to 1, and how far it is."""
    from conntap.build.ngv._touches import nearest_segments
    from conntap.build.ngv._within_domains import rank_by_voxel

    start, end = segments.start.astype(np.float64), segments.end.astype(np.float64)
    middle = (start + end) / 2
    low, extent = middle.min(axis=0), np.ptp(middle, axis=0)
    step = max(float(np.prod(extent.clip(min=1.0)) * _A_VOXEL / len(segments)) ** (1 / 3), extent.max() / 200, 1e-3)
    shape = (np.floor(extent / step) + 1).astype(np.int64)
    order, starts = rank_by_voxel(middle, low, step, shape)
    half = float(np.sqrt(((end - start) ** 2).sum(axis=1)).max() / 2)
    found, places = np.empty(len(points), dtype=np.int64), np.empty((len(points), 2))
    nearest_segments(points, start, end, order, starts, low, step, shape, half, found, places)
    return found, places[:, 0], places[:, 1]


def endfoot_compartments(endfeet: Endfeet) -> pd.DataFrame:
    """Take each endfoot as a cylinder, as a compartment of a simulation needs it.

    Its length is the extent of its patch along the first principal axis of the area; its volume is area times
    thickness; the diameter is that of a cylinder of that length and volume; the perimeter is area over length.

    Parameters
    ----------
    endfeet
        With their patches of surface.

    Returns
    -------
    Index `endfoot_id`; columns `length`, `diameter`, `perimeter` (um, float64); 0 where there is no patch.

    Raises
    ------
    CircuitError
        Endfeet without areas or patches.

    Notes
    -----
    Time grows with the triangles.

    Examples
    --------
    >>> from conntap.circuits.tissue import Mesh, Meshes
    >>> strip = Mesh([[0, 0, 0], [8, 0, 0], [8, 2, 0], [0, 2, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> table = pd.DataFrame({"astrocyte": [0], "area": [16.0], "unreduced_area": [16.0], "thickness": [1.0]})
    >>> endfoot_compartments(Endfeet(table, Meshes.of([strip]))).round(3).to_numpy().tolist()
    [[8.0, 1.596, 2.0]]
    """
    area = endfeet.table["area"].to_numpy(dtype=np.float64)
    thickness = endfeet.table["thickness"].to_numpy(dtype=np.float64)
    length = np.array([_extent(each.points, each.triangles, each.areas) for each in endfeet.meshes], dtype=np.float64)
    length = length.reshape(len(endfeet))
    full = (length > 0) & (area > 0)
    diameter, perimeter = np.zeros(len(endfeet)), np.zeros(len(endfeet))
    diameter[full] = 2 * np.sqrt(area[full] * thickness[full] / (math.pi * length[full]))
    perimeter[full] = area[full] / length[full]
    index = endfeet.table.index.rename("endfoot_id")
    return pd.DataFrame(
        {"length": np.where(full, length, 0.0), "diameter": diameter, "perimeter": perimeter}, index=index
    )


def _extent(points: np.ndarray, triangles: np.ndarray, areas: np.ndarray) -> float:
    """How long a patch is along the first principal axis of its area."""
    if not len(triangles) or areas.sum() == 0:
        return 0.0
    corners = points[triangles]
    centres, weight = corners.mean(axis=1), areas / areas.sum()
    mean = weight @ centres
    # Of a triangle with corners a, b, c about the mean m: integral of x x^T = area / 12 (sum of corners' + 9 centre's).
    apart = corners - mean
    second = np.einsum("t,tij,tik->jk", weight, apart, apart) + 9 * np.einsum(
        "t,ti,tj->ij", weight, centres - mean, centres - mean
    )
    axis = np.linalg.eigh(second / 12)[1][:, -1]
    along = corners.reshape(-1, 3) @ axis
    return float(np.ptp(along))

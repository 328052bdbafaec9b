"""Gap junctions: where the processes of different astrocytes touch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from conntap.build.ngv.segments import CellSegments
from conntap.circuits.tissue import MorphologySet
from conntap.errors import CircuitError, OptionError

__all__ = ["gap_junctions", "parts_of"]

_VOXEL_UM = 2.0
_MOST_VOXELS = 1 << 25


def gap_junctions(morphologies: Sequence[MorphologySet], *, gap_um: float = 0.0) -> pd.DataFrame:
    """Find gap junctions between astrocytes: where surfaces of processes of two cells touch.

    Processes are capsules around the segments. Of all places where two sections touch, the closest is the junction; so there is at
    most one for each pair of sections.

    Parameters
    ----------
    morphologies
        All astrocytes: a set, or parts of one.
    gap_um
        How far apart surfaces may be and still touch.

    Returns
    -------
    Each junction twice, once in each direction, sorted by `pre`, `post`, then sections; index 0, 1, 2 ... Columns: `pre`, `post` (ids of
    astrocytes), `junction_id` (from 0, shared by both directions), and for both sides, `efferent_` of pre and `afferent_` of post:
    `section_id` (the soma is 0), `section_type` (2 perivascular, 3 perisynaptic), `segment_id` (int64), `segment_offset` (um),
    `section_pos` (0 to 1), `center_x`, `_y`, `_z` (on the axis, um), `surface_x`, `_y`, `_z` (on the surface, toward the other) (float32).
    `spine_length`: how far apart the surfaces are, 0 where they overlap (float32, um).

    Raises
    ------
    CircuitError
        An astrocyte stands twice.
    OptionError
        A gap that is no length from 0 on.

    Notes
    -----
    Voxels of 2 um that processes of several cells reach are found first, part by part; only the segments in these are kept and
    compared, pairs in a voxel. Time grows with the segments at equal density; memory with the volume and what is kept.

    Examples
    --------
    >>> table = pd.DataFrame({"astrocyte": [7], "x": 0.0, "y": 0.0, "z": 0.0, "radius": 5.0})
    >>> def straight(cell, start, end):
    ...     return MorphologySet(table.assign(astrocyte=cell), [start, end], [1, 1], [3, 3], [0, 2], [-1], [3], [0, 1])
    >>> cross = [straight(7, [0, 0, 0], [10, 0, 0]), straight(3, [4, -5, 0.5], [4, 5, 0.5])]
    >>> found = gap_junctions(cross)
    >>> found[["pre", "post", "junction_id"]].to_numpy().tolist(), found["efferent_segment_offset"].tolist()
    ([[3, 7, 0], [7, 3, 0]], [5.0, 4.0])
    """
    if not (math.isfinite(gap_um) and gap_um >= 0):
        raise OptionError(f"gap_junctions.gap_um: {gap_um}; give a length from 0 on.")
    parts = parts_of(morphologies)
    ids = np.concatenate([np.empty(0, dtype=np.int64), *(each.table["astrocyte"].to_numpy() for each in parts)])
    if len(np.unique(ids)) < len(ids):
        values, counts = np.unique(ids, return_counts=True)
        raise CircuitError(f"gap_junctions: astrocyte {values[counts > 1][0]} stands twice.")
    segments = _shared(parts, gap_um / 2)
    pairs, places = _pairs(segments, gap_um / 2)
    return _both_ways(segments, pairs, places)


def parts_of(morphologies: Sequence[MorphologySet] | MorphologySet) -> Sequence[MorphologySet]:
    """Parts as they are; one set as the only part."""
    return [morphologies] if isinstance(morphologies, MorphologySet) else morphologies


def _shared(parts: Sequence[MorphologySet], margin: float) -> CellSegments:
    """The segments that reach voxels which several cells reach; `cell` is the id of the astrocyte."""
    from conntap.build.ngv._touches import NOBODY, candidates, mark_owners

    boxes = [(each.points.min(axis=0), each.points.max(axis=0)) for each in parts if len(each.points)]
    low = np.min([each for each, _ in boxes], axis=0).astype(np.float64) if boxes else np.zeros(3)
    extent = (np.max([each for _, each in boxes], axis=0) - low) if boxes else np.zeros(3)
    step = max(_VOXEL_UM, float(np.prod(extent + _VOXEL_UM) / _MOST_VOXELS) ** (1 / 3))
    shape = (np.floor(extent / step) + 1).astype(np.int64)
    owners = np.full(int(np.prod(shape)), NOBODY, dtype=np.int32)
    for turn in ("mark", "keep"):
        kept = []
        for each in parts:
            found = CellSegments.of(each)
            found = replace(found, cell=each.table["astrocyte"].to_numpy(dtype=np.int64)[found.cell])
            space = (margin, low, step, shape, owners)
            ends = (found.start, found.end, found.radius)
            if turn == "mark":
                mark_owners(*ends, found.cell, *space)
            else:
                kept.append(found.take(candidates(*ends, *space)))
    if not kept:
        kept = [_no_segments()]
    return CellSegments(
        *(np.concatenate([getattr(each, name) for each in kept]) for name in CellSegments.__annotations__)
    )


def _no_segments() -> CellSegments:
    none, places = np.empty(0, dtype=np.int64), np.empty((0, 3), dtype=np.float32)
    real = none.astype(np.float32)
    return CellSegments(places, places, real, none, none, none, none, real, real)


def _pairs(segments: CellSegments, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of segments that touch, shape (pairs, 2), and the place along each and the distance of surfaces, shape (pairs, 3)."""
    from conntap.build.ngv._touches import pairs_near

    if not len(segments):
        return np.empty((0, 2), dtype=np.int64), np.empty((0, 3))
    low = np.minimum(segments.start, segments.end).min(axis=0).astype(np.float64)
    extent = np.maximum(segments.start, segments.end).max(axis=0) - low
    step = max(1.0, float(np.prod(extent + 1) / _MOST_VOXELS) ** (1 / 3))
    shape = (np.floor(extent / step) + 1).astype(np.int64)
    room = len(segments) + 1024
    while True:
        found, places = np.empty((room, 2), dtype=np.int64), np.empty((room, 3))
        ends = (segments.start, segments.end, segments.radius, segments.cell)
        n = pairs_near(*ends, margin, low, step, shape, found, places)
        if n <= room:
            return found[:n], places[:n]
        room = n


def _both_ways(segments: CellSegments, pairs: np.ndarray, places: np.ndarray) -> pd.DataFrame:
    """The closest pair of each pair of sections, in both directions; of each pair the lower astrocyte comes first."""
    along = places[:, :2]
    keys = [each[pairs[:, side]] for each in (segments.cell, segments.section) for side in (0, 1)]
    order = np.lexsort([segments.number[pairs[:, 1]], segments.number[pairs[:, 0]], places[:, 2], *keys[::-1]])
    sorted_keys = np.stack(keys)[:, order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(sorted_keys, axis=1) != 0).any(axis=0)
    chosen = order[first]
    centres = [_places(segments, pairs[chosen, side], along[chosen, side]) for side in (0, 1)]
    across = (centres[1] - centres[0]) / np.sqrt(((centres[1] - centres[0]) ** 2).sum(axis=1)).clip(min=1e-12)[:, None]
    sides = [
        _side(segments, pairs[chosen, side], along[chosen, side], centres[side], way * across)
        for side, way in ((0, 1), (1, -1))
    ]
    shared = {"junction_id": np.arange(len(chosen)), "spine_length": places[chosen, 2].clip(min=0).astype(np.float32)}
    ends = [each[chosen] for each in keys[:2]]
    table = pd.concat([_directed(*ends, shared, *sides), _directed(*ends[::-1], shared, *sides[::-1])])
    by = ["pre", "post", "efferent_section_id", "afferent_section_id"]
    return table.sort_values(by, kind="stable", ignore_index=True)


def _places(segments: CellSegments, which: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Places on axes, shape (n, 3)."""
    start, end = segments.start[which].astype(np.float64), segments.end[which].astype(np.float64)
    return start + along[:, None] * (end - start)


def _side(
    segments: CellSegments, which: np.ndarray, along: np.ndarray, centre: np.ndarray, toward: np.ndarray
) -> dict[str, np.ndarray]:
    """Where on a cell: section, segment, offset, place on the axis and on the surface."""
    offset = np.sqrt(((centre - segments.start[which]) ** 2).sum(axis=1))
    found = {"section_id": segments.section[which], "section_type": segments.kind[which]}
    found |= {"segment_id": segments.number[which], "segment_offset": offset.astype(np.float32)}
    found["section_pos"] = ((segments.before[which] + offset) / segments.whole[which]).clip(0, 1).astype(np.float32)
    surface = centre + segments.radius[which][:, None] * toward
    for name, place in (("center", centre), ("surface", surface)):
        found |= {f"{name}_{axis}": place[:, i].astype(np.float32) for i, axis in enumerate("xyz")}
    return found


def _directed(pre: np.ndarray, post: np.ndarray, shared: dict, own: dict, others: dict) -> pd.DataFrame:
    table = {"pre": pre, "post": post} | shared
    table |= {f"efferent_{name}": values for name, values in own.items()}
    return pd.DataFrame(table | {f"afferent_{name}": values for name, values in others.items()})

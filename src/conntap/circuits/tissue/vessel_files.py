"""Vessels as MorphIO keeps them: HDF5 files of points, sections and how these follow each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from conntap.circuits.tissue.vasculature import Vasculature
from conntap.store.new_hdf5 import new_hdf5

__all__ = ["section_points", "write_vasculature"]


def section_points(vessels: Vasculature) -> tuple[np.ndarray, np.ndarray]:
    """The points along each section.

    Returns
    -------
    Numbers of points, section by section, and where each section's begin, and the end.

    Notes
    -----
    Segments of a section that do not follow each other (the end of one is not the start of the next) are sections of their own.

    Examples
    --------
    >>> v = Vasculature([[0, 0, 0], [1, 0, 0], [2, 0, 0], [1, 1, 0]], [1] * 4, [[0, 1], [1, 2], [1, 3]], [0, 0, 1], [0, 1, 0], [6] * 3)
    >>> [each.tolist() for each in section_points(v)]
    [[0, 1, 2, 1, 3], [0, 3, 5]]
    """
    edges = vessels.edges
    opens = np.ones(len(edges), dtype=bool)
    opens[1:] = (np.diff(vessels.section_ids) != 0) | (edges[1:, 0] != edges[:-1, 1])
    first = np.flatnonzero(opens)
    sizes = np.diff(np.append(first, len(edges))) + 1
    starts = np.concatenate([[0], np.cumsum(sizes)])
    points = np.empty(starts[-1], dtype=np.int64)
    points[starts[:-1]] = edges[first, 0]
    inner = np.ones(len(points), dtype=bool)
    inner[starts[:-1]] = False
    points[inner] = edges[:, 1]
    return points, starts


def write_vasculature(vessels: Vasculature, path: str | Path) -> None:
    """Write vessels as a vasculature file that MorphIO reads: `points`, `structure`, `connectivity`.

    Parameters
    ----------
    path
        The file; one that is there is replaced.

    Notes
    -----
    Section B follows section A where B starts at the point at which A ends. Source: MorphIO's specification of HDF5 vasculature.
    """
    points, starts = section_points(vessels)
    first_segment = np.cumsum(np.diff(starts) - 1) - (np.diff(starts) - 1)
    kinds = vessels.types[first_segment] if len(first_segment) else np.empty(0, dtype=np.int64)
    begin, end = points[starts[:-1]], points[starts[1:] - 1]
    order = np.argsort(begin, kind="stable")
    low, high = (np.searchsorted(begin[order], end, side=side) for side in ("left", "right"))
    before = np.repeat(np.arange(len(end)), high - low)
    within = np.arange(len(before)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
    after = order[np.repeat(low, high - low) + within]
    with new_hdf5(path) as file:
        rows = np.column_stack([vessels.points[points], vessels.diameters[points]])
        file["points"] = rows.astype(np.float32).reshape(-1, 4)
        file["structure"] = np.column_stack([starts[:-1], kinds]).astype(np.int32).reshape(-1, 2)
        file["connectivity"] = np.column_stack([before, after]).astype(np.int32).reshape(-1, 2)
        file.create_group("metadata").attrs["version"] = np.array([1, 1], dtype=np.uint32)
        file["metadata"].attrs["cell_family"] = "vasculature"

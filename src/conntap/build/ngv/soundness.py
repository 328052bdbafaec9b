"""Whether a grown astrocyte is sound."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from conntap.build.ngv.cells import Cell
from conntap.build.ngv.growth import Growth

__all__ = ["faults_of"]


def faults_of(cell: Cell, grown: Mapping[str, np.ndarray], growth: Growth) -> list[str]:
    """What is wrong with a grown astrocyte, in words; none if it is sound.

    Looked at: numbers that are not finite, diameters and perimeters not above 0, sections without length, sections with one child or
    more than two, endfeet not reached, perisynaptic processes farther outside the domain than three softnesses.
    """
    points, starts, parents = grown["points"], grown["section_starts"], grown["parents"]
    faults = []
    if not all(np.isfinite(grown[name]).all() for name in ("points", "diameters", "perimeters")):
        faults.append("numbers that are not finite")
    if not all((grown[name] > 0).all() for name in ("diameters", "perimeters")):
        faults.append("a thickness that is not above 0")
    steps = np.sqrt((np.diff(points.astype(np.float64), axis=0) ** 2).sum(axis=1))
    if len(parents) and (np.add.reduceat(np.append(steps, 0.0), starts[:-1]) - _joints(steps, starts) <= 0).any():
        faults.append("a section without length")
    children = np.bincount(parents[parents >= 0], minlength=len(parents))
    if not np.isin(children, (0, 2)).all():
        faults.append("a section with one child, or more than two")
    ends = points[starts[1:] - 1][(children == 0) & (grown["kinds"] == 2)]
    for number, target in enumerate(cell.targets.astype(np.float32)):
        if not (ends == target).all(axis=1).any():
            faults.append(f"endfoot {number} is not reached")
    normals, offsets = cell.planes
    if len(normals) and (normals @ cell.soma[:3] + cell.soma[3] <= offsets).all():
        mine = np.repeat(grown["kinds"], np.diff(starts)) == 3
        away = (points[mine] @ normals.T - offsets).max(axis=1, initial=-np.inf)
        if away.max(initial=-np.inf) > 3 * growth.softness_um + 2 * growth.step_um:
            faults.append(f"a process {away.max():.1f} um outside the domain")
    return faults


def _joints(steps: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The way from the last point of each section to the next one's first, which belongs to neither."""
    return np.append(steps, 0.0)[starts[1:] - 1]

"""What grown astrocytes look like, in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from conntap.circuits.tissue import MorphologySet
from conntap.errors import OptionError

__all__ = ["endfoot_sections", "morphology_statistics"]


def morphology_statistics(
    morphologies: MorphologySet | Sequence[MorphologySet], sites: pd.DataFrame | None = None, *, shell_um: float = 5.0
) -> pd.DataFrame:
    """Features of each astrocyte, to be set beside those of reconstructions.

    Parameters
    ----------
    morphologies
        The cells, or parts of them.
    sites
        Columns astrocyte, endfoot_surface_x, _y, _z; for the paths to endfeet.
    shell_um
        Distance between the spheres about the soma's centre at which crossing processes are counted (Sholl).

    Returns
    -------
    A row a cell: astrocyte, n_sections, n_points, n_primary, n_perivascular (trees), n_tips, length, section_length (mean), path
    (longest, along a process from the soma), endfoot_path (mean along the processes to endfeet; NaN without), branch_order and highest_order (a primary process has 0), fork_angle (mean angle between two daughters,
    degrees), extent (95 % of the points lie nearer), diameter (mean); um. sholl: crossings at shell_um, 2 shell_um ... as lists.

    Raises
    ------
    OptionError
        `shell_um` is not above 0.

    Notes
    -----
    Time and memory in proportion to points. Sholl, 1953: J Anat 87, 387. Published: 8.0 +- 1.1 primary processes (Zisis et al., 2021),
    17 +- 2 um of path to an endfoot (Moye et al., 2019).

    Examples
    --------
    >>> table = pd.DataFrame({"astrocyte": [4], "x": [0.0], "y": [0.0], "z": [0.0], "radius": [1.0]})
    >>> points = [[1, 0, 0], [6, 0, 0], [6, 0, 0], [9, 4, 0], [6, 0, 0], [9, -4, 0]]
    >>> cell = MorphologySet(table, points, [1] * 6, [3] * 6, [0, 2, 4, 6], [-1, 0, 0], [3] * 3, [0, 3])
    >>> row = morphology_statistics(cell).iloc[0]
    >>> float(row["length"]), int(row["n_tips"]), row["sholl"]
    (15.0, 2, [1])
    """
    if not shell_um > 0:
        raise OptionError(f"morphology_statistics.shell_um: {shell_um}; give a distance above 0 um.")
    parts = [morphologies] if isinstance(morphologies, MorphologySet) else list(morphologies)
    return pd.DataFrame([row for part in parts for row in _rows(part, sites, shell_um)], columns=_COLUMNS)


_COLUMNS = [
    "astrocyte", "n_sections", "n_points", "n_primary", "n_perivascular", "n_tips", "length", "section_length", "path",
    "endfoot_path", "branch_order", "highest_order", "fork_angle", "extent", "diameter", "sholl",
]  # fmt: skip


def endfoot_sections(morphologies: MorphologySet, sites: pd.DataFrame) -> np.ndarray:
    """The section that ends at each endfoot's point on the surface.

    Parameters
    ----------
    morphologies
        The cells.
    sites
        Columns astrocyte, endfoot_surface_x, _y, _z.

    Returns
    -------
    Shape (sites,), int64: the number of the section within its cell, from 0; -1 where the astrocyte is not among the cells, or has no
    section that ends there.

    Examples
    --------
    >>> table = pd.DataFrame({"astrocyte": [4], "x": [0.0], "y": [0.0], "z": [0.0], "radius": [1.0]})
    >>> cell = MorphologySet(table, [[1, 0, 0], [6, 0, 0]], [1] * 2, [3] * 2, [0, 2], [-1], [2], [0, 1])
    >>> place = {"endfoot_surface_x": [6.0], "endfoot_surface_y": [0.0], "endfoot_surface_z": [0.0]}
    >>> endfoot_sections(cell, pd.DataFrame({"astrocyte": [4]} | place)).tolist()
    [0]
    """
    owner = sites["astrocyte"].to_numpy()
    places = sites[[f"endfoot_surface_{axis}" for axis in "xyz"]].to_numpy().astype(np.float32)
    found = np.full(len(sites), -1, dtype=np.int64)
    rows = {each: row for row, each in enumerate(morphologies.table["astrocyte"])}
    for site in range(len(sites)):
        row = rows.get(owner[site])
        if row is None:
            continue
        begin, end = morphologies.cell_starts[row : row + 2]
        lasts = morphologies.points[morphologies.section_starts[begin + 1 : end + 1] - 1]
        there = (lasts == places[site]).all(axis=1) & (morphologies.kinds[begin:end] == 2)
        if there.any():
            found[site] = np.flatnonzero(there)[0]
    return found


def _rows(part: MorphologySet, sites: pd.DataFrame | None, shell_um: float) -> Iterator[list[object]]:
    owner, ends = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if sites is not None:
        owner, ends = sites["astrocyte"].to_numpy(), endfoot_sections(part, sites)
    for row, astrocyte in enumerate(part.table["astrocyte"]):
        yield _row(part.cell(row), ends[(owner == astrocyte) & (ends >= 0)], shell_um)


def _row(cell: MorphologySet, ends: np.ndarray, shell_um: float) -> list[object]:
    soma = cell.table.iloc[0]
    points = cell.points.astype(np.float64) - np.array([soma["x"], soma["y"], soma["z"]], dtype=np.float64)
    n, starts, parents = len(cell.parents), cell.section_starts, cell.parents
    counts = np.bincount(parents[parents >= 0], minlength=n)
    if not n:
        return [soma["astrocyte"], 0, 0, 0, 0, 0, 0.0, *[np.nan] * 8, []]
    owner = np.repeat(np.arange(n), np.diff(starts))
    inner = np.flatnonzero(owner[1:] == owner[:-1])
    steps = points[inner + 1] - points[inner]
    lengths = np.bincount(owner[inner], weights=np.sqrt((steps**2).sum(axis=1)), minlength=n)
    order, path = np.zeros(n, dtype=np.int64), lengths.copy()
    for section, parent in enumerate(parents.tolist()):
        if parent >= 0:
            order[section], path[section] = order[parent] + 1, path[parent] + lengths[section]
    away = np.sqrt((points**2).sum(axis=1))
    shells = np.arange(shell_um, away.max(), shell_um)
    near, far = np.minimum(away[inner], away[inner + 1]), np.maximum(away[inner], away[inner + 1])
    sholl = [int(((near < each) & (far >= each)).sum()) for each in shells]
    n_perivascular = int(((parents < 0) & (cell.kinds == 2)).sum())
    return [
        soma["astrocyte"], n, len(points), int((parents < 0).sum()), n_perivascular, int((counts == 0).sum()), lengths.sum(),
        lengths.mean(), path.max(), path[ends].mean() if len(ends) else np.nan, order.mean(), order.max(), _fork_angle(points, starts, parents),
        np.quantile(away, 0.95), float(cell.diameters.mean()), sholl,
    ]  # fmt: skip


def _fork_angle(points: np.ndarray, starts: np.ndarray, parents: np.ndarray) -> float:
    """The mean angle between two daughters, each from its first point to its last, degrees."""
    order = np.argsort(parents, kind="stable")
    order = order[parents[order] >= 0]
    if len(order) < 2:
        return float("nan")
    chords = points[starts[1:] - 1] - points[starts[:-1]]
    pairs = np.flatnonzero(parents[order][1:] == parents[order][:-1])
    a, b = chords[order[pairs]], chords[order[pairs + 1]]
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    fine = size > 0
    return (
        float(np.degrees(np.arccos(((a * b).sum(axis=1)[fine] / size[fine]).clip(-1, 1))).mean())
        if fine.any()
        else float("nan")
    )

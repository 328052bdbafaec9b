"""The domain of each astrocyte: power cells of the somata, grown so that neighbours overlap."""

from __future__ import annotations

import math
from logging import getLogger
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.build.ngv.overlaps import domain_overlaps, ids_within
from conntap.circuits.tissue import Domains, Meshes, box_of
from conntap.circuits.tissue.truncated import truncated_normal
from conntap.errors import CircuitError, OptionError, known, one_of

__all__ = ["domains", "scaling_of"]

_BLOCK = 2_000
_NEIGHBOURS = 80
_FINENESS = (1e-12, 1e-11, 1e-10, 1e-13, 1e-9)
_MEASURED = 400
_MOST = 2_000_000  # points of one cell


def domains(
    astrocytes: pd.DataFrame,
    *,
    box_um: tuple[tuple[float, float, float], tuple[float, float, float]],
    overlap: float = 0.1,
    overlap_sd: float = 0.0,
    growth: Literal["formula", "measured"] = "formula",
    region: Path | list[tuple[float, float, float, float]] | None = None,
    rng: np.random.Generator,
) -> Domains:
    """Divide a box among astrocytes, and let each reach a little into its neighbours.

    An astrocyte's power cell holds the points whose power distance |x - c|^2 - r^2 to its soma is the least. These convex polyhedra fill the box
    without gaps. Each is grown about its centre of mass by a factor s and cut off at the walls. If all grow alike, what is
    left to one alone is its cell shrunk by 2 - s, so that the fraction a of a domain that others hold too follows
    s^3 (2 - a) - 6 s^2 + 12 s - 8 = 0, that is s = 2 / (1 + (1 - a)^(1/3)). Real cells are not alike and meet along edges: measure what came
    about by `build.domain_overlaps`, or ask for growth "measured".

    Parameters
    ----------
    astrocytes
        `x`, `y`, `z`, `radius` of the somata; um.
    box_um
        The lower and the upper corner of the box to divide; um.
    overlap, overlap_sd
        The fraction of its domain that an astrocyte shares with others: mean and standard deviation over astrocytes, of a normal law cut off
        at 0 and 0.9; from 0 to below 0.9.
    growth
        "formula": by the factor above; "measured": all fractions in it are multiplied by the same number, found so that the mean
        measured fraction, of up to 400 astrocytes whose domains touch no wall, is `overlap` within a hundredth of it.
    region
        A convex region to cut off at, within the box: half-spaces (a, b, c, d), which hold the points with a x + b y + c z <= d; or an NRRD file, the convex hull
        of whose voxels other than 0 and NaN it is. None: the whole box.
    rng
        The source of randomness; it is asked only where `overlap_sd` is above 0.

    Returns
    -------
    A domain for each row. A soma whose power cell is empty (of several in one place, the largest or first has all), or lies outside
    the region, has an empty one; a warning is logged. Their neighbours stay those before growing.

    Raises
    ------
    CircuitError
        A table without these columns, without rows, or with values that are not finite; radii below 0.
    OptionError
        No box; fractions that cannot be; a region without a volume.

    Notes
    -----
    Linear in the astrocytes: about 50 microseconds each. Each cell is cut out of the box by the planes toward its neighbours, nearest first,
    until none that is left can reach it; float64. Power cells: Aurenhammer, 1987, doi:10.1137/0216006. Overlap: Zisis et al., 2021,
    doi:10.1093/cercor/bhab254; a tenth: Bushong et al., 2002, doi:10.1523/JNEUROSCI.22-01-00183.2002.

    Examples
    --------
    >>> cells = pd.DataFrame({"x": [25.0, 75], "y": [50.0, 50], "z": [50.0, 50], "radius": [5.0, 5]})
    >>> two = domains(cells, box_um=((0, 0, 0), (100, 100, 100)), overlap=0, rng=np.random.default_rng(0))
    >>> two.volumes.round(6).tolist(), two.neighbours_of(0).tolist()
    ([500000.0, 500000.0], [1])
    """
    one_of("domains.growth", growth, ("formula", "measured"))
    box = box_of("domains.box_um", box_um)
    centres, radii = _somata(astrocytes)
    planes = _planes(region)
    asked = _fractions(overlap, overlap_sd, len(centres), rng)
    if growth == "measured" and overlap > 0:
        found = _measured(centres, radii, asked, box, planes, overlap)
    else:
        found = _divided(centres, radii, scaling_of(asked), box, planes)
    empty = np.flatnonzero(np.diff(found.meshes.triangle_starts) == 0)
    if len(empty):
        getLogger(__name__).warning(
            "domains: %d of %d astrocytes have none: %s", len(empty), len(centres), known(empty[:10].tolist())
        )
    return found


def scaling_of(overlap: Any) -> np.ndarray:
    """By how much a cell is grown so that it shares that fraction of itself, were all alike.

    >>> round(float(scaling_of(0.1)), 5)
    1.01756
    """
    return 2 / (1 + (1 - np.asarray(overlap, dtype=np.float64)) ** (1 / 3))


def _somata(astrocytes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    missing = [name for name in ("x", "y", "z", "radius") if name not in astrocytes]
    if missing:
        raise CircuitError(f"domains: no column {known(missing)}; the astrocytes have {known(astrocytes.columns)}.")
    values = astrocytes[["x", "y", "z", "radius"]].to_numpy(dtype=np.float64)
    if not len(values):
        raise CircuitError("domains: there are no astrocytes. Place at least one.")
    if not np.isfinite(values).all() or (values[:, 3] < 0).any():
        raise CircuitError("domains: places or radii of astrocytes are not finite, or radii below 0.")
    return np.ascontiguousarray(values[:, :3]), np.ascontiguousarray(values[:, 3])


def _fractions(overlap: float, sd: float, n: int, rng: np.random.Generator) -> np.ndarray:
    for name, value in {"overlap": overlap, "overlap_sd": sd}.items():
        if not (math.isfinite(value) and 0 <= value < 0.9):
            raise OptionError(f"domains.{name}: {value}; give a number from 0 to below 0.9.")
    if sd == 0:
        return np.full(n, float(overlap))
    return truncated_normal(overlap, sd, 0, 0.9, where="domains.overlap").draw(rng, n)


def _planes(region: Path | list[tuple[float, float, float, float]] | None) -> np.ndarray:
    """Half-spaces, shape (planes, 4): unit normals and offsets."""
    if region is None:
        return np.empty((0, 4))
    if isinstance(region, str | Path):
        return _hull(Path(region))
    planes = np.array(region, dtype=np.float64).reshape(-1, 4)
    size = np.sqrt((planes[:, :3] ** 2).sum(axis=1))
    if not np.isfinite(planes).all() or not (size > 0).all():
        raise OptionError("domains.region: half-spaces must be finite and have a direction; give [[a, b, c, d], ...].")
    return planes / size[:, None]


def _hull(path: Path) -> np.ndarray:
    """The half-spaces of the convex hull of a file's voxels."""
    from scipy.spatial import ConvexHull

    from conntap.circuits.tissue.voxel_files import read_volume

    volume = read_volume(path)
    voxels = np.argwhere(np.nan_to_num(volume.values.astype(np.float64)) != 0)
    if not len(voxels):
        raise OptionError(f"domains.region: all voxels of {path} are 0 or NaN.")
    line = np.unique(voxels[:, :2], axis=0, return_inverse=True)[1].reshape(-1)
    ends = np.stack([np.full(line.max() + 1, voxels[:, 2].max() + 1), np.zeros(line.max() + 1, dtype=np.int64)])
    np.minimum.at(ends[0], line, voxels[:, 2])
    np.maximum.at(ends[1], line, voxels[:, 2] + 1)
    flat = np.unique(voxels[:, :2], axis=0)
    corners = [np.column_stack([flat + shift, end]) for end in ends for shift in ((0, 0), (0, 1), (1, 0), (1, 1))]
    equations = ConvexHull(volume.origin + np.unique(np.concatenate(corners), axis=0) @ volume.directions).equations
    _, first = np.unique(equations.round(9), axis=0, return_index=True)
    return np.column_stack([equations[first, :3], -equations[first, 3]])


def _measured(
    centres: np.ndarray, radii: np.ndarray, asked: np.ndarray, box: np.ndarray, planes: np.ndarray, overlap: float
) -> Domains:
    """Grown by fractions times the number at which the mean measured fraction is that asked for; by the rule of false position."""
    below, above = (0.0, 0.0), None
    ids = ids_within(_divided(centres, radii, np.ones(len(centres)), box, planes), _MEASURED)
    factor = 1.0
    for _ in range(30):
        found = _divided(centres, radii, scaling_of((asked * factor).clip(max=0.95)), box, planes)
        mean = float(domain_overlaps(found, ids=ids)["fraction"].mean())
        if abs(mean - overlap) <= 0.01 * overlap:
            return found
        if mean < overlap:
            below = (factor, mean)
        else:
            above = (factor, mean)
        if above is None:
            factor *= min(2.0, 1.05 * overlap / mean) if mean > 0 else 2.0
        else:
            factor = below[0] + (overlap - below[1]) * (above[0] - below[0]) / (above[1] - below[1])
    raise OptionError(
        f"domains.overlap: {overlap}; these astrocytes share at most {mean:.3g}. Give less, or growth='formula'."
    )


def _divided(
    centres: np.ndarray, radii: np.ndarray, scales: np.ndarray, box: np.ndarray, planes: np.ndarray
) -> Domains:
    """The power cells, grown by `scales`."""
    from scipy.spatial import cKDTree

    tree = cKDTree(centres)
    parts: list[tuple[np.ndarray, ...]] = []
    for begin in range(0, len(centres), _BLOCK):
        order = np.arange(begin, min(begin + _BLOCK, len(centres)))
        parts += _block(order, tree, centres, radii, scales, box, planes)
    points, triangles, neighbours, counts = (np.concatenate(each) for each in zip(*parts, strict=True))
    starts = np.concatenate([np.zeros((1, 2), dtype=np.int64), np.cumsum(counts, axis=0)])
    return Domains(Meshes(points, starts[:, 0], triangles, starts[:, 1]), neighbours, scales)


def _block(order: np.ndarray, tree: Any, *given: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """The cells of a block; those that need more neighbours, room or tolerance one by one."""
    from conntap.build.ngv import _power_cells as kernels

    parts = []
    done, room = 0, 100 * len(order) + 1000
    neighbours = _nearest(tree, given[0][order], _NEIGHBOURS)
    while done < len(order):
        what, far, part = _some(done, order, neighbours, room, given, _FINENESS[0], 128)
        parts.append(part)
        room = 4 * room if what == kernels.NO_ROOM and far == done else room
        done = far
        if what not in (kernels.DONE, kernels.NO_ROOM):
            parts.append(_alone(int(order[done]), what, tree, given))
            done += 1
    return parts


def _some(
    done: int,
    order: np.ndarray,
    neighbours: np.ndarray,
    room: int,
    given: tuple[np.ndarray, ...],
    fineness: float,
    capacity: int,
) -> tuple[int, int, tuple[np.ndarray, ...]]:
    """Cells from `done` on: what stopped it, how far it came, and points, triangles, what is beyond them, numbers of these."""
    from conntap.build.ngv import _power_cells as kernels

    centres, radii, scales, box, planes = given
    out = (np.empty((room, 3)), np.empty((2 * room, 3), dtype=np.int64), np.empty(2 * room, dtype=np.int64))
    ends = np.zeros((len(order) - done + 1, 2), dtype=np.int64)
    lists = (centres, radii, neighbours, scales, box, planes)
    what, far = kernels.cells(done, order, *lists, fineness, capacity, (*out, ends[1:]))
    points, triangles = ends[far - done]
    counts = np.diff(ends[: far - done + 1], axis=0)
    return what, far, (out[0][:points].copy(), out[1][:triangles].copy(), out[2][:triangles].copy(), counts)


def _alone(i: int, what: int, tree: Any, given: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """One cell, with as many neighbours, as much room and as wide a tolerance as it needs."""
    from conntap.build.ngv import _power_cells as kernels

    near, capacity, tried, room = _NEIGHBOURS, 128, 0, 1000
    while what != kernels.DONE:
        near = 4 * near if what == kernels.MORE else near
        capacity = 4 * capacity if what == kernels.LARGER else capacity
        tried = tried + 1 if what == kernels.ROUGH else tried
        room = 4 * room if what == kernels.NO_ROOM else room
        if tried == len(_FINENESS) or capacity > _MOST:
            raise CircuitError(f"domains: the cell of astrocyte {i} cannot be cut out. Move it or those near it.")
        neighbours = _nearest(tree, given[0][[i]], near)
        what, _, part = _some(0, np.array([i]), neighbours, room, given, _FINENESS[tried], capacity)
    return part


def _nearest(tree: Any, points: np.ndarray, k: int) -> np.ndarray:
    """The k spheres nearest to each point, nearest first."""
    return tree.query(points, k=min(k, tree.n))[1].reshape(len(points), -1).astype(np.int64)

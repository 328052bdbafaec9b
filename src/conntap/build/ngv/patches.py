"""The patches of vessels that endfeet cover."""

from __future__ import annotations

import math
from logging import getLogger
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.build.ngv.refining import refined, separated
from conntap.circuits.tissue import Endfeet, Mesh, Meshes
from conntap.circuits.tissue.truncated import TruncatedNormal, truncated_normal
from conntap.errors import CircuitError, OptionError, known, one_of

__all__ = ["endfeet", "endfoot_statistics"]

_LOG = getLogger(__name__)
_INSIDE = 1e-3  # of a triangle: how far from its sides a seed stands at least
_MARGIN = 3.0  # mean edges: how much nearer another source is where a front stops
_STRIDE = 4.0  # mean edges: how far each front goes before the next one does
_CIRCLE = 0.02  # of a triangle: how far seeds at one place are moved apart
_PLACES = [f"endfoot_surface_{axis}" for axis in "xyz"]


def endfeet(
    surface: Mesh,
    sites: pd.DataFrame,
    *,
    area_um2: tuple[float, float] = (191.6, 160.6),
    area_range_um2: tuple[float, float] = (0.0, 1000.0),
    moments: Literal["built", "before"] = "built",
    thickness_um: tuple[float, float] = (0.97, 0.1),
    thickness_range_um: tuple[float, float] = (0.0, 2.0),
    reach_um: float = 30.0,
    tolerance_um: float = 5.0,
    rng: np.random.Generator,
) -> Endfeet:
    """Grow endfeet from their sites over the surface of vessels, and trim them to random areas.

    Fronts grow from the points of the surface nearest to the sites, all alike, until they meet or have come `reach_um` far: each triangle
    belongs to the site nearest along the surface. Areas are drawn; the largest goes to the endfoot with the most room, and so on.
    What was reached last is cut off, through triangles, so that the area is met to rounding. An endfoot with less room than
    it should have keeps what there is. Patches do not overlap, and each hangs together.

    Sites at one place are moved apart by a fiftieth of a triangle, each in its own direction, and share what is around them: two about
    evenly, of many some get little. A site farther from the surface than `tolerance_um` gets nothing.

    Parameters
    ----------
    surface
        It may have holes; points that several triangles share should be one point (where none is, equal points are made one).
    sites
        Columns `astrocyte` and `endfoot_surface_x`, `_y`, `_z`: see `endfoot_sites`.
    area_um2, area_range_um2
        Mean and standard deviation, and the ends, of a truncated normal law of areas.
    moments
        Whether mean and standard deviation, also those of `thickness_um`, are those of what is drawn ("built"), or of the normal law before
        it is cut off at the ends ("before").
    thickness_um, thickness_range_um
        The same of thickness.
    reach_um
        How far along the surface an endfoot reaches at most.
    tolerance_um
        How far from the surface a site may lie.
    rng
        The source of randomness; equal states give equal endfeet.

    Returns
    -------
    One endfoot a site, in their order: `astrocyte`, `area`, `unreduced_area` (all that its front took), `wanted_area` (um^2),
    `thickness` (um); an endfoot that got nothing has an empty patch and the area 0.

    Raises
    ------
    OptionError
        A number out of range; a mean and standard deviation that no such law has.
    CircuitError
        No such columns, places that are not finite; more than half of the sites farther from the surface than `tolerance_um`.

    Notes
    -----
    Time and memory grow with the surface: some 1.5 CPU seconds and 0.3 GB for a million points. Distances are exact where the surface can
    be unfolded (planes, cylinders but for their facets), else their error falls with the size of triangles. Areas: Cali
    et al., 2019, doi:10.1016/j.pneurobio.2019.101696; thickness and model: Zisis et al., 2021, doi:10.1093/cercor/bhab254.

    Examples
    --------
    >>> x, y = np.divmod(np.arange(400.0), 20)
    >>> corners = (np.arange(380).reshape(19, 20)[:, :-1]).reshape(-1, 1)
    >>> triangles = np.concatenate([corners + [0, 20, 21], corners + [0, 21, 1]])
    >>> sites = pd.DataFrame({"astrocyte": [0], "endfoot_surface_x": 9.0, "endfoot_surface_y": 9.0, "endfoot_surface_z": 0.0})
    >>> flat = Mesh(np.stack([x, y, 0 * x], axis=1), triangles)
    >>> endfeet(flat, sites, area_um2=(100, 0), rng=np.random.default_rng(0)).table["area"].round(6).tolist()
    [100.0]
    """
    places = _checked(sites, reach_um, tolerance_um)
    areas = _law("area_um2", area_um2, area_range_um2, moments).draw(rng, len(places))
    thickness = _law("thickness_um", thickness_um, thickness_range_um, moments).draw(rng, len(places))
    longest_um = math.sqrt(max(area_um2[0], 1e-3 * area_range_um2[1])) / 4
    sizes, meshes, told = _grown(_welded(surface), places, areas, reach_um, tolerance_um, longest_um)
    table = pd.DataFrame({"astrocyte": sites["astrocyte"].to_numpy(dtype=np.int64)}).rename_axis("endfoot_id")
    table["area"], table["unreduced_area"], table["wanted_area"] = sizes
    table["thickness"] = thickness
    _tell(table, told)
    return Endfeet(table, meshes)


def endfoot_statistics(endfeet: Endfeet, surface: Mesh) -> pd.DataFrame:
    """Say what endfeet are like, beside what is published: their number, area and thickness, and how much of the vessels they cover.

    Parameters
    ----------
    endfeet
        What `endfeet` gives.
    surface
        The surface of vessels on which they grew.

    Returns
    -------
    Index `statistic`; columns `built`, `published`, `published_sd` (NaN where nothing is): `endfeet`, `empty`, `crowded` (less area than
    wanted), `per_astrocyte` (of those that have one) and its `_sd`, `area`, `area_sd` (um^2), `thickness`, `thickness_sd` (um), `coverage` (share of the
    surface).

    Raises
    ------
    CircuitError
        The surface has no area.

    Notes
    -----
    Linear in the triangles. Areas: Cali et al., 2019, doi:10.1016/j.pneurobio.2019.101696; numbers and coverage are those of the model
    of Zisis et al., 2021, doi:10.1093/cercor/bhab254.

    Examples
    --------
    >>> patch = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> table = pd.DataFrame({"astrocyte": [0], "area": [0.5], "unreduced_area": [0.5], "thickness": [1.0]})
    >>> endfoot_statistics(Endfeet(table, Meshes.of([patch])), patch).loc["coverage", "built"]
    np.float64(1.0)
    """
    table, whole = endfeet.table, float(surface.areas.sum())
    if not whole > 0:
        raise CircuitError("endfoot_statistics: the surface has no area. Give that of the vessels.")
    number = table.groupby("astrocyte").size()
    wanted = table["wanted_area"] if "wanted_area" in table else table["area"]
    rows = {
        "endfeet": (len(table), np.nan, np.nan),
        "empty": ((table["area"] == 0).sum(), np.nan, np.nan),
        "crowded": ((table["area"] < wanted * (1 - 1e-9)).sum(), np.nan, np.nan),
        "per_astrocyte": (number.mean(), 2.06, 1.1),
        "per_astrocyte_sd": (number.std(ddof=0), 1.1, np.nan),
        "area": (table["area"].mean(), 191.6, 160.6),
        "area_sd": (table["area"].std(ddof=0), 160.6, np.nan),
        "thickness": (table["thickness"].mean(), 0.97, 0.1),
        "thickness_sd": (table["thickness"].std(ddof=0), 0.1, np.nan),
        "coverage": (table["area"].sum() / whole, 0.3, np.nan),
    }
    columns = ["built", "published", "published_sd"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=np.float64).rename_axis("statistic")


def _checked(sites: pd.DataFrame, reach_um: float, tolerance_um: float) -> np.ndarray:
    missing = [each for each in ("astrocyte", *_PLACES) if each not in sites]
    if missing:
        raise CircuitError(f"endfeet: sites have no column {known(missing)}; there is {known(sites)}.")
    for name, value in (("reach_um", reach_um), ("tolerance_um", tolerance_um)):
        if not (math.isfinite(value) and value > 0):
            raise OptionError(f"endfeet.{name}: {value!r}; give a length above 0.")
    places = np.ascontiguousarray(sites[_PLACES].to_numpy(dtype=np.float64))
    if not np.isfinite(places).all():
        raise CircuitError("endfeet: not all places of sites are finite.")
    return places


def _law(name: str, moments: tuple[float, float], ends: tuple[float, float], kind: str) -> TruncatedNormal:
    one_of("endfeet.moments", kind, ("built", "before"))
    (mean, sd), (low, high) = moments, ends
    if low < 0:
        raise OptionError(f"endfeet.{name.replace('_um', '_range_um')}: begins at {low:g}; give 0 or more.")
    if kind == "built" or sd == 0:
        return truncated_normal(mean, sd, low, high, where=f"endfeet.{name}")
    if not (np.isfinite([mean, sd, low, high]).all() and sd > 0 and low < high):
        raise OptionError(f"endfeet.{name}: a normal law of {mean:g} +- {sd:g} from {low:g} to {high:g}.")
    return TruncatedNormal(mean, sd, low, high, mean, sd)


def _welded(surface: Mesh) -> Mesh:
    """The same with one point for each place, if now no two triangles share any."""
    if len(surface.triangles) < 2 or len(surface.points) < 3 * len(surface.triangles):
        return surface
    points, number = np.unique(surface.points, axis=0, return_inverse=True)
    return Mesh(points, number.reshape(-1)[surface.triangles])


def _grown(
    surface: Mesh, places: np.ndarray, areas: np.ndarray, reach_um: float, tolerance_um: float, longest_um: float
) -> tuple[np.ndarray, Meshes, dict[str, int]]:
    """For each site its area, that which its front took, that which is wanted, and its patch; and counts of what went otherwise."""
    from conntap.build.ngv._patches import cut, levels_of, outlines, owned

    here, points, triangles, seeds, told = _seeded(surface, places, tolerance_um, longest_um)
    times, owner = _arrivals(points, triangles, seeds, reach_um)
    starts, listed = owned(triangles, times, owner, len(here))
    levels, sizes, room, told["mended"] = outlines(points, triangles, times, starts, listed, seeds[1][::4].copy())
    wanted = np.empty(len(here))
    wanted[np.argsort(room, kind="stable")] = np.sort(areas[here])
    level = levels_of(wanted, starts, levels, sizes, room)
    out, point_starts, corners, triangle_starts, size = cut(points, triangles, starts, listed, levels, sizes, level)
    counts = np.zeros((2, len(places)), dtype=np.int64)
    counts[:, here] = np.diff(point_starts), np.diff(triangle_starts)
    all_starts = [np.concatenate([[0], np.cumsum(each)]) for each in counts]
    sizes = np.stack([np.zeros(len(places)), np.zeros(len(places)), areas])
    sizes[:, here] = size, room, wanted
    return sizes, Meshes(out, all_starts[0], corners, all_starts[1]), told


def _seeded(surface: Mesh, places: np.ndarray, tolerance_um: float, longest_um: float) -> Any:
    """The sites that lie on the surface, that with a point at each, where their fronts start, and counts."""
    from conntap.build.ngv._fronts import nearest_triangles, planted

    points, triangles = refined(np.array(surface.points), surface.triangles.astype(np.int32), longest_um)
    triangle, weights, _ = nearest_triangles(places, points, triangles, tolerance_um)
    here = np.flatnonzero(triangle >= 0)
    if 2 * len(here) < len(places):
        raise CircuitError(
            f"endfeet: {len(places) - len(here):,} of {len(places):,} sites are farther than tolerance_um, {tolerance_um:g}, from the "
            "surface. Give the surface of the same vessels, in um, or a larger tolerance_um."
        )
    weights, shared = _apart(points[triangles[triangle[here]]], triangle[here], weights[here])
    points, triangles, triangle, weights = separated(points, triangles, triangle[here], weights)
    inside = (1 - 3 * _INSIDE) * np.column_stack([1 - weights.sum(axis=1), weights]).clip(0, 1) + _INSIDE
    n_points, n_triangles, corners = len(points), len(triangles), triangles[triangle]
    points = np.concatenate([points, (points[corners] * inside[:, :, None]).sum(axis=1)])
    triangles = np.concatenate([triangles, np.empty((2 * len(here), 3), dtype=np.int32)])
    planted(triangles, n_points, n_triangles, triangle)
    seeds = n_points + np.arange(len(here))
    starts = np.column_stack([seeds, corners])  # itself, and the corners around it, straight away
    times = np.sqrt(((points[starts] - points[seeds][:, None]) ** 2).sum(axis=2))
    fronts_start = (np.arange(0, starts.size + 1, 4), starts.ravel(), times.ravel())
    return here, points, triangles, fronts_start, {"off": len(places) - len(here), "shared": shared}


def _apart(ends: np.ndarray, triangle: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, int]:
    """Sites at one place moved onto a small circle around it, each in its own direction; how many there are."""
    inner, shared = weights.copy(), 0
    order = np.argsort(triangle, kind="stable")
    begins = np.flatnonzero(np.diff(triangle[order], prepend=-1))
    for group in np.split(order, begins[1:]):
        while len(group) > 1:
            near = np.abs(weights[group] - weights[group[0]]).max(axis=1) < _CIRCLE / 2
            together, group = group[near], group[~near]
            if len(together) > 1:
                shared += len(together)
                inner[together] = _around(ends[together[0]], weights[together[0]], len(together))
    return inner, shared


def _around(ends: np.ndarray, weights: np.ndarray, n: int) -> np.ndarray:
    """Weights of places evenly on a small circle around one in a triangle."""
    (ab, ac), angle = ends[1:] - ends[0], 2 * np.pi * np.arange(n) / n
    length = np.sqrt((ab**2).sum())
    along = (ac * ab).sum() / length
    across = np.sqrt(max((ac**2).sum() - along**2, 1e-12 * length**2))
    radius = _CIRCLE * min(length, across)
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    centre = weights * (1 - 12 * _CIRCLE) + 4 * _CIRCLE
    return centre + np.column_stack([x / length - along * y / (length * across), y / across])


def _arrivals(points: np.ndarray, triangles: np.ndarray, seeds: Any, reach_um: float) -> tuple[np.ndarray, np.ndarray]:
    from conntap.build.ngv._fronts import corners_of, fronts
    from conntap.build.ngv._patches import mean_edge

    starts, others = corners_of(triangles, len(points))
    edge = mean_edge(points, triangles)
    stride = max(_STRIDE * edge, min(reach_um / 1000, 1000 * edge), 1e-300)
    return fronts(points, starts, others, *seeds, reach_um, _MARGIN * edge, stride)


def _tell(table: pd.DataFrame, told: dict[str, int]) -> None:
    table.attrs.update(told)
    area, wanted = table["area"].to_numpy(), table["wanted_area"].to_numpy()
    empty = int((area == 0).sum())
    crowded = int((area < wanted * (1 - 1e-9)).sum()) - empty
    table.attrs.update({"empty": empty, "crowded": crowded})
    _LOG.info("%d endfeet, %d at a place with others.", len(table), told["shared"])
    if empty:
        _LOG.warning("endfeet: %d of %d got nothing, %d of these lie off the surface.", empty, len(table), told["off"])
    if crowded:
        lost = float((wanted - area).clip(min=0).sum() / wanted.sum())
        _LOG.warning(
            "endfeet: %d of %d have less room than they should have; %.1f %% of the area wanted is lacking.",
            crowded,
            len(table),
            100 * lost,
        )

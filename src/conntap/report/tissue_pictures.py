"""Pictures of tissue: vessels, domains, astrocytes, endfeet, and a cube of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conntap.report.drawing import INKS, canvas, colour, nothing
from conntap.report.scenes import ABOVE, OBLIQUE, Shapes, View, balls, drawn, rods, strokes, surfaces

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from conntap.circuits.tissue import Domains, Mesh, Meshes, Vasculature

__all__ = [
    "HUES",
    "Branches",
    "cell_picture",
    "colours_of",
    "cube_picture",
    "domain_slice",
    "surface_picture",
    "vessel_picture",
]

HUES = ("#128068", "#c98a00", "#9c4593", "#2b95bf", "#d0641a", "#6a9a23", "#d4568c", "#5b62c4")
"""Colours of astrocytes, of which neighbours have different ones."""
_VESSELS = {1: "#1f5fa8", 2: "#b3343f", 3: "#1f5fa8", 4: "#b3343f", 5: "#8197c0", 6: "#cc8a86"}
_CAPILLARY = "#ab93a8"
_MOST_PATCHES = 60_000  # triangles of endfeet
_MOST_TRIANGLES = 80_000  # of a surface


@dataclass(frozen=True)
class Branches:
    """The processes of one astrocyte as straight pieces.

    Parameters
    ----------
    starts, ends
        Shape (pieces, 3), um.
    is_perivascular
        Shape (pieces,): whether they lead to an endfoot.
    widths
        Shape (pieces,): diameters, um; 0 where they are not known.
    """

    starts: np.ndarray
    ends: np.ndarray
    is_perivascular: np.ndarray
    widths: np.ndarray


def _paint(names: Sequence[str], opacity: float = 1.0) -> np.ndarray:
    from matplotlib.colors import to_rgba

    return np.array([to_rgba(name, opacity) for name in names]).reshape(-1, 4)


def _vessels(view: View, vessels: Vasculature) -> Shapes:
    kinds, number = np.unique(vessels.types, return_inverse=True)
    paint = _paint([_VESSELS.get(int(kind), _CAPILLARY) for kind in kinds])
    return rods(view, vessels.starts, vessels.ends, vessels.radii, paint[number])


def vessel_picture(vessels: Vasculature, *, title: str = "") -> Figure:
    """Vessels seen along z, x across and y upwards, as wide as they are.

    Returns
    -------
    A figure of 430 by 430 pixels. Red: arterioles and the capillaries near them, blue: venules, violet: those between.

    Notes
    -----
    Fourteen faces a segment.
    """
    with canvas(430, 430, title=title) as axes:
        if not len(vessels):
            nothing(axes, "no vessels")
            return axes.figure
        drawn(axes, [_vessels(ABOVE, vessels)], haze=0.5)
        axes.set_aspect("equal")
        axes.set_xlabel("x (µm)")
        axes.set_ylabel("y (µm)")
    return axes.figure


def surface_picture(surface: Mesh, *, title: str = "") -> Figure:
    """A surface seen along z, x across and y upwards, shaded by how it faces the light.

    Returns
    -------
    A figure of 430 by 430 pixels; of very many triangles a part is drawn, larger.
    """
    with canvas(430, 430, title=title) as axes:
        if not len(surface.triangles):
            nothing(axes, "no surface")
            return axes.figure
        corners, _ = _thinned(surface.points, surface.triangles, _MOST_TRIANGLES)
        drawn(axes, [surfaces(ABOVE, corners, _paint(["#c08a86"] * len(corners)))], haze=0.5)
        axes.set_aspect("equal")
        axes.set_xlabel("x (µm)")
        axes.set_ylabel("y (µm)")
    return axes.figure


def domain_slice(domains: Domains, *, title: str = "") -> Figure:
    """Domains where a plane through the middle of them all cuts them, x across and y upwards.

    Returns
    -------
    A figure of 430 by 430 pixels; where domains overlap, it is darker.
    """
    from matplotlib.collections import PolyCollection

    with canvas(430, 430, title=title) as axes:
        points = domains.meshes.points
        if not len(points):
            nothing(axes, "no domains")
            return axes.figure
        height = float((points[:, 2].min() + points[:, 2].max()) / 2)
        cut = _cut(domains.meshes, height)
        hues = colours_of(domains)
        names = [HUES[hues[number]] for number in cut]
        outlines = list(cut.values())
        axes.add_collection(PolyCollection(outlines, facecolors=_paint(names, 0.38), edgecolors="none", zorder=2))
        axes.add_collection(PolyCollection(outlines, facecolors="none", edgecolors=_paint(names), linewidths=1.0, zorder=3))  # fmt: skip
        axes.autoscale_view()
        axes.set_aspect("equal")
        axes.set_xlabel("x (µm)")
        axes.set_ylabel("y (µm)")
        axes.set_title(title or f"z = {height:.4g} µm", fontsize=11)
    return axes.figure


def _cut(meshes: Meshes, height: float) -> dict[int, np.ndarray]:
    """Number of each convex polyhedron that a plane z = height cuts -> the corners of where it does, in order around."""
    flat = meshes.triangles + meshes.point_starts[:-1][meshes.owners][:, None]
    ends = np.concatenate([flat[:, [i, (i + 1) % 3]] for i in range(3)])
    owners = np.tile(meshes.owners, 3)
    low, high = meshes.points[ends[:, 0]], meshes.points[ends[:, 1]]
    crosses = (low[:, 2] < height) & (high[:, 2] >= height)
    low, high, owners = low[crosses], high[crosses], owners[crosses]
    share = (height - low[:, 2]) / (high[:, 2] - low[:, 2])
    places = (low + share[:, None] * (high - low))[:, :2]
    found = {}
    for number in np.unique(owners).tolist():
        own = places[owners == number]
        around = own - own.mean(axis=0)
        found[number] = own[np.argsort(np.arctan2(around[:, 1], around[:, 0]))]
    return found


def colours_of(domains: Domains) -> np.ndarray:
    """For each domain a number of `HUES` that none of its neighbours before it has, where there is one; the one least used."""
    hues = np.full(len(domains), -1, dtype=np.int64)
    used = np.zeros(len(HUES), dtype=np.int64)
    for number in range(len(domains)):
        taken = hues[domains.neighbours_of(number)]
        free = np.setdiff1d(np.arange(len(HUES)), taken)
        free = free if len(free) else np.arange(len(HUES))
        hues[number] = free[used[free].argmin()]
        used[hues[number]] += 1
    return hues


def cell_picture(branches: Branches, centre: np.ndarray, radius: float, *, title: str = "") -> Figure:
    """One astrocyte seen along z: its soma, processes to endfeet in one colour, those to synapses in another.

    Returns
    -------
    A figure of 430 by 430 pixels, drawn as pixels.
    """
    with canvas(430, 430, title=title) as axes:
        paint = _paint([colour(2), colour(1)])[branches.is_perivascular.astype(np.int64)]
        across = float(np.ptp(branches.starts, axis=0)[:2].max()) if len(branches.starts) else 4 * radius
        pixels = 340 / max(across, 1e-9)
        ahead = np.where(branches.is_perivascular, 1000.0, 0.0)
        lines = strokes(ABOVE, branches.starts, branches.ends, paint, (0.5 * branches.widths * pixels).clip(0.35, 5))
        lines = Shapes(lines.corners, lines.nearness + ahead, lines.colours, lines.widths)
        drawn(axes, [lines, balls(ABOVE, centre[None], np.array([radius]), _paint([INKS["muted"][0]]), ahead=2000.0)])
        axes.set_aspect("equal")
        axes.set_xlabel("x (µm)")
        axes.set_ylabel("y (µm)")
    return axes.figure


def cube_picture(
    vessels: Vasculature | None,
    domains: Domains,
    centres: np.ndarray,
    radii: np.ndarray,
    patches: tuple[np.ndarray, Meshes] | None,
    cells: dict[int, Branches],
) -> Figure:
    """A cube of tissue, obliquely from above: vessels, somata, processes and endfeet of astrocytes, outlines of domains.

    Parameters
    ----------
    centres, radii
        Shape (astrocytes, 3) and (astrocytes,): their somata, um.
    patches
        The astrocyte of each endfoot, and the surfaces under them.
    cells
        Number of an astrocyte -> its processes, of those that are drawn in full.

    Returns
    -------
    A figure of 760 by 720 pixels without axes, drawn as pixels.

    Notes
    -----
    Some microseconds a face or stroke; of endfeet with many triangles a part of these is drawn.
    """
    view, hues = OBLIQUE, colours_of(domains)
    paint = _paint(HUES)
    shapes = [balls(view, centres, radii, paint[hues], ahead=1.0), _outlines(view, domains, paint[hues])]
    if vessels is not None:
        shapes.append(_vessels(view, vessels))
    if patches is not None:
        shapes.append(_patches(view, *patches, paint[hues]))
    for number, each in cells.items():
        tone = np.tile(paint[hues[number]] * [1, 1, 1, 0.9], (len(each.starts), 1))
        shapes.append(strokes(view, each.starts, each.ends, tone, np.where(each.is_perivascular, 0.7, 0.32)))
    with canvas(760, 720) as axes:
        axes.set_axis_off()
        axes.set_aspect("equal")
        axes.margins(0.01)
        drawn(axes, shapes, haze=0.4)
        _scale_bar(axes, view, domains.meshes.points)
    return axes.figure


def _outlines(view: View, domains: Domains, colours: np.ndarray) -> Shapes:
    """The edges of domains between faces with different neighbours."""
    meshes = domains.meshes
    flat = meshes.triangles + meshes.point_starts[:-1][meshes.owners][:, None]
    ends = np.sort(np.concatenate([flat[:, [i, (i + 1) % 3]] for i in range(3)]), axis=1)
    beyond, owners = np.tile(domains.neighbours, 3), np.tile(meshes.owners, 3)
    pairs, first, number = np.unique(ends, axis=0, return_index=True, return_inverse=True)
    number = number.reshape(-1)
    low, high = np.full(len(pairs), np.iinfo(np.int64).max), np.full(len(pairs), np.iinfo(np.int64).min)
    np.minimum.at(low, number, beyond)
    np.maximum.at(high, number, beyond)
    kept = low != high
    tone = colours[owners[first[kept]]] * [1, 1, 1, 0.55]
    return strokes(view, meshes.points[pairs[kept, 0]], meshes.points[pairs[kept, 1]], tone, 0.7)


def _patches(view: View, owners: np.ndarray, meshes: Meshes, colours: np.ndarray) -> Shapes:
    flat = meshes.triangles + meshes.point_starts[:-1][meshes.owners][:, None]
    corners, step = _thinned(meshes.points, flat, _MOST_PATCHES)
    return surfaces(view, corners, colours[owners[meshes.owners[::step]]], ahead=1.5)


def _thinned(points: np.ndarray, triangles: np.ndarray, most: int) -> tuple[np.ndarray, int]:
    """The corners of at most so many triangles, evenly taken and larger, so that no gaps are seen; and every how manieth."""
    step = -(-len(triangles) // most) if len(triangles) else 1
    corners = points[triangles[::step]]
    middle = corners.mean(axis=1, keepdims=True)
    return middle + (corners - middle) * (1.3 * np.sqrt(step) if step > 1 else 1.0), step


def _scale_bar(axes: Axes, view: View, points: np.ndarray) -> None:
    """A bar of a round length below the lower left corner."""
    if not len(points):
        return
    across = float(np.ptp(points[:, 0]))
    length = max((each for each in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if each <= across / 2.5), default=1)
    seen = view.seen(points)[:, :2]
    x, y = seen[:, 0].min(), seen[:, 1].min()
    axes.plot([x, x + length], [y, y], color=INKS["ink"][0], linewidth=2.5, solid_capstyle="butt", zorder=5)
    place = {"xytext": (0, 5), "textcoords": "offset pixels", "ha": "center", "va": "bottom"}
    axes.annotate(f"{length:,} µm", (x + length / 2, y), fontsize=10, color=INKS["muted"][0], **place)

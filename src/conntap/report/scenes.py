"""Things in space drawn on paper: seen from afar without perspective, what is farther first."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ABOVE", "FRONT", "OBLIQUE", "Shapes", "View", "balls", "drawn", "rods", "strokes", "surfaces"]

_LIGHT = np.array([-0.45, 0.65, 0.62])
_SIDES = 14


@dataclass(frozen=True)
class View:
    """From where things are looked at: turned about z, then from above; degrees. z points upwards on paper."""

    turn: float = 0.0
    above: float = 0.0

    @property
    def axes(self) -> np.ndarray:
        """Shape (3, 3): to the right on paper, upwards on paper, towards the eye.

        >>> View().axes.round(6).astype(int).tolist()
        [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
        """
        a, b = math.radians(self.turn), math.radians(self.above)
        right = np.array([math.cos(a), math.sin(a), 0.0])
        toward = np.array([math.sin(a) * math.cos(b), -math.cos(a) * math.cos(b), math.sin(b)])
        return np.stack([right, np.cross(toward, right), toward])

    def seen(self, points: np.ndarray) -> np.ndarray:
        """Points of shape (..., 3) as x and y on paper and the nearness to the eye."""
        return np.asarray(points, dtype=np.float64) @ self.axes.T


FRONT = View()
ABOVE = View(above=90.0)
"""Along z, as slices are: x across, y upwards."""
OBLIQUE = View(turn=33.0, above=22.0)


@dataclass(frozen=True)
class Shapes:
    """Flat shapes of one number of corners each: polygons that are filled, or strokes.

    Parameters
    ----------
    corners
        Shape (shapes, corners, 2), on paper.
    nearness
        Shape (shapes,): what is nearer is drawn later.
    colours
        Shape (shapes, 4): red, green, blue, opacity, 0 to 1.
    widths
        Shape (shapes,): of strokes, in pixels; None: polygons.
    """

    corners: np.ndarray
    nearness: np.ndarray
    colours: np.ndarray
    widths: np.ndarray | None = None


def surfaces(view: View, corners: np.ndarray, colours: np.ndarray, *, ahead: float = 0.0) -> Shapes:
    """The triangles or quadrilaterals of a surface that face the eye, shaded by how they face the light.

    Parameters
    ----------
    corners
        Shape (faces, 3 or 4, 3); seen from outside they run counterclockwise.
    colours
        Shape (faces, 4).
    ahead
        By how much they are drawn as if nearer, um.
    """
    normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, -1] - corners[:, 1])
    size = np.sqrt((normals**2).sum(axis=1))
    faced = normals @ view.axes.T / size.clip(min=1e-300)[:, None]
    shown = (faced[:, 2] > 0) & (size > 0)
    seen, faced = view.seen(corners[shown]), faced[shown]
    light = (faced @ (_LIGHT / np.sqrt((_LIGHT**2).sum()))).clip(min=0)
    return Shapes(seen[..., :2], seen[..., 2].mean(axis=1) + ahead, _lit(colours[shown], 0.55 + 0.55 * light))


def _lit(colours: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Colours darkened below a light of 1, and brightened above it."""
    part = colours[:, :3] * np.minimum(light, 1)[:, None]
    part = part + (1 - part) * (light - 1).clip(min=0)[:, None] * 2
    return np.column_stack([part.clip(0, 1), colours[:, 3]])


def rods(view: View, starts: np.ndarray, ends: np.ndarray, radii: np.ndarray, colours: np.ndarray) -> Shapes:
    """Frustums from starts to ends, as shaded sides; each a little longer, so that those which follow each other meet."""
    along = ends - starts
    length = np.sqrt((along**2).sum(axis=1)).clip(min=1e-9)
    along = along / length[:, None]
    longer = np.minimum(0.35 * radii.min(axis=1), 0.5 * length)[:, None] * along
    other = np.where(np.abs(along[:, :1]) < 0.8, [[1.0, 0, 0]], [[0, 1.0, 0]])
    across = np.cross(along, other)
    across /= np.sqrt((across**2).sum(axis=1))[:, None]
    upward = np.cross(along, across)
    angle = np.linspace(0, 2 * np.pi, _SIDES + 1)
    ring = across[:, None] * np.cos(angle)[:, None] + upward[:, None] * np.sin(angle)[:, None]
    low = (starts - longer)[:, None] + ring * radii[:, :1, None]
    high = (ends + longer)[:, None] + ring * radii[:, 1:, None]
    quads = np.stack([low[:, :-1], low[:, 1:], high[:, 1:], high[:, :-1]], axis=2).reshape(-1, 4, 3)
    sides = surfaces(view, quads, np.repeat(colours, _SIDES, axis=0))
    lids = []
    for ring, centre, order in ((low, starts - longer, 1), (high, ends + longer, -1)):
        middle = np.broadcast_to(centre[:, None], ring[:, 1:].shape)
        lids.append(np.stack([middle, ring[:, 1:], ring[:, :-1], middle][::order], axis=2).reshape(-1, 4, 3))
    lid = surfaces(view, np.concatenate(lids), np.tile(np.repeat(colours, _SIDES, axis=0), (2, 1)), ahead=-0.01)
    return _both(sides, lid)


def balls(view: View, centres: np.ndarray, radii: np.ndarray, colours: np.ndarray, *, ahead: float = 0.0) -> Shapes:
    """Shaded balls."""
    polar, around = np.linspace(0, np.pi, 13), np.linspace(0, 2 * np.pi, 25)
    level = np.stack(np.broadcast_arrays(np.sin(polar)[:, None] * np.cos(around), np.sin(polar)[:, None] * np.sin(around), np.cos(polar)[:, None]), axis=2)  # fmt: skip
    faces = np.stack([level[:-1, :-1], level[1:, :-1], level[1:, 1:], level[:-1, 1:]], axis=2).reshape(-1, 4, 3)
    corners = faces[None] * radii[:, None, None, None] + centres[:, None, None]
    return surfaces(view, corners.reshape(-1, 4, 3), np.repeat(colours, len(faces), axis=0), ahead=ahead)


def _both(one: Shapes, other: Shapes) -> Shapes:
    parts = (
        np.concatenate([getattr(each, name) for each in (one, other)]) for name in ("corners", "nearness", "colours")
    )
    return Shapes(*parts)


def strokes(
    view: View, starts: np.ndarray, ends: np.ndarray, colours: np.ndarray, widths: Any, *, ahead: float = 0.0
) -> Shapes:
    """Straight strokes of a width in pixels."""
    seen = view.seen(np.stack([starts, ends], axis=1))
    widths = np.broadcast_to(np.asarray(widths, dtype=np.float64), len(starts))
    return Shapes(seen[..., :2], seen[..., 2].mean(axis=1) + ahead, colours, widths)


def drawn(axes: Axes, shapes: Iterable[Shapes], *, slices: int = 48, haze: float = 0.0) -> None:
    """Draw shapes, the farthest first, as pixels: polygons and strokes mixed slice by slice of nearness.

    Parameters
    ----------
    slices
        Into how many slices of nearness everything is parted; within one, strokes lie behind polygons.
    haze
        How much of its colour the farthest loses toward a grey, 0 to 1.
    """
    shapes = [each for each in shapes if len(each.nearness)]
    if not shapes:
        return
    every = np.concatenate([each.nearness for each in shapes])
    low, high = float(every.min()), float(every.max())
    edges = np.linspace(low, high, slices + 1)[1:-1]
    places = [np.searchsorted(edges, each.nearness, side="right") for each in shapes]
    orders = [np.lexsort([each.nearness, place]) for each, place in zip(shapes, places, strict=True)]
    starts = [np.searchsorted(place[order], np.arange(slices + 1)) for place, order in zip(places, orders, strict=True)]
    hazed = [_hazed(each, low, high, haze) for each in shapes]
    for number in range(slices):
        for strokes_first in (True, False):
            for each, colours, order, start in zip(shapes, hazed, orders, starts, strict=True):
                rows = order[start[number] : start[number + 1]]
                if len(rows) and (each.widths is not None) == strokes_first:
                    axes.add_collection(_painted(each, rows, colours[rows], number / slices), autolim=False)
    places = np.concatenate([each.corners.reshape(-1, 2) for each in shapes])
    axes.update_datalim(places)
    axes.autoscale_view()


def _painted(shapes: Shapes, rows: np.ndarray, colours: np.ndarray, order: float) -> Any:
    from matplotlib.collections import LineCollection, PolyCollection

    common: dict[str, Any] = {"rasterized": True, "zorder": 2 + order}
    if shapes.widths is None:
        return PolyCollection(shapes.corners[rows], facecolors=colours, edgecolors=colours, linewidths=0.3, **common)
    return LineCollection(
        shapes.corners[rows], colors=colours, linewidths=shapes.widths[rows], capstyle="round", **common
    )


def _hazed(shapes: Shapes, low: float, high: float, haze: float) -> np.ndarray:
    if haze <= 0 or high <= low:
        return shapes.colours
    away = haze * (high - shapes.nearness) / (high - low)
    grey = np.array([0.78, 0.8, 0.82])
    mixed = shapes.colours[:, :3] * (1 - away[:, None]) + grey * away[:, None]
    return np.column_stack([mixed, shapes.colours[:, 3]])

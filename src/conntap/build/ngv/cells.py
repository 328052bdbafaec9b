"""One astrocyte: from its soma, domain, synapses and endfeet to a morphology."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conntap.build.ngv.attractors import attractor_cloud, attractor_grid
from conntap.build.ngv.barcodes import bars_of, scaled_bars
from conntap.build.ngv.growth import Growth
from conntap.build.ngv.primary import directions_apart, reach_of, roots_of
from conntap.build.ngv.thickness import diameters_of, perimeters_of
from conntap.circuits.tissue.meshes import Mesh

__all__ = ["Cell", "grown_cell", "tree_bars"]

_USUAL_UM3 = 1e9 / 12_286
_PERIVASCULAR_SHARE = 2.0
_SHORTEST, _FARTHEST = 0.6, 1.6
_MOST_DOMAINS = 3.0


@dataclass(frozen=True, eq=False)
class Cell:
    """What an astrocyte grows from.

    Parameters
    ----------
    astrocyte
        Its id.
    soma
        x, y, z, radius; um.
    domain, planes
        Its convex domain, and the half-spaces of it (normals, offsets).
    synapses, targets
        Shape (n, 3): its synapses; the points of its endfeet on the vessels' surface; um.
    """

    astrocyte: int
    soma: np.ndarray
    domain: Mesh
    planes: tuple[np.ndarray, np.ndarray]
    synapses: np.ndarray
    targets: np.ndarray


def grown_cell(
    cell: Cell,
    growth: Growth,
    processes: tuple[float, float],
    barcodes: Mapping[int, list[np.ndarray]] | None,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Grow one astrocyte.

    Returns
    -------
    The arrays of a MorphologySet of one cell, with `trees` (of each section) and `counts`: perivascular and perisynaptic trees, bars
    without a place, tips stopped at the border, attractors, those used up.
    """
    from conntap.build.ngv._finishing import ordered, resampled
    from conntap.build.ngv._growth import grown

    roots, directions = roots_of(cell.soma, cell.targets, growth.step_um)
    n_free = max(1, round(rng.normal(*processes))) if len(cell.domain.triangles) else 0
    free = directions_apart(directions, n_free, rng)
    roots = np.concatenate([roots, cell.soma[:3] + cell.soma[3] * free])
    directions = np.concatenate([directions, free])
    kinds = np.repeat(np.array([2, 3]), [len(cell.targets), n_free])
    bars = tree_bars(cell, growth, roots, directions, kinds, barcodes, rng)
    bar_starts = np.concatenate([[0], np.cumsum([len(each) for each in bars])]).astype(np.int64)
    births, deaths = np.concatenate([np.empty((0, 2)), *bars]).T.copy()
    cloud = attractor_cloud(cell.domain, cell.synapses, cell.soma, growth, rng)
    step = growth.step_um
    lengths = (step, growth.kill_steps * step, growth.influence_steps * step, growth.memory_um, growth.softness_um)
    lengths = (*(float(each) for each in lengths), float(growth.sharpness_per_um))
    targets = np.concatenate([cell.targets, np.zeros((n_free, 3))])
    centre = cell.domain.points.mean(axis=0) if len(cell.domain.points) else cell.soma[:3]
    shares = np.array([growth.perivascular, growth.perisynaptic], dtype=np.float64)
    points, owners, parents, trees, dropped, n_stopped, n_killed = grown(
        *attractor_grid(cloud, lengths[1]), roots, directions, kinds, targets, bar_starts, births, deaths,
        *cell.planes, np.array(centre), shares, lengths, np.uint64(rng.integers(2**63)),
    )  # fmt: skip
    order, starts, rows = ordered(owners, parents)
    points, starts, parents, _ = resampled(points, starts, rows, order, parents, float(growth.points_per_um))
    trees = trees[order]
    diameters = diameters_of(parents, starts, trees, kinds, rng)
    counts = [len(cell.targets), n_free, dropped.sum(), n_stopped, len(cloud), n_killed]
    return {
        "points": points.astype(np.float32),
        "diameters": diameters.astype(np.float32),
        "perimeters": perimeters_of(diameters, rng).astype(np.float32),
        "section_starts": starts,
        "parents": parents,
        "kinds": kinds[trees],
        "trees": trees,
        "counts": np.array(counts, dtype=np.int64),
    }


def tree_bars(
    cell: Cell,
    growth: Growth,
    roots: np.ndarray,
    directions: np.ndarray,
    kinds: np.ndarray,
    barcodes: Mapping[int, list[np.ndarray]] | None,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """A barcode for each tree, each shape (bars, 2).

    The longest bar of a tree is the way to the domain's border, from 0.6 to 1.6 times the radius of a ball of its volume, times the
    tortuosity; the first bar of a tree to an endfoot is the way there with a quarter of the excess. A domain larger than three usual ones counts as three.
    """
    volume = min(cell.domain.volume, _MOST_DOMAINS * _USUAL_UM3)
    radius = (3 * volume / (4 * np.pi)) ** (1 / 3)
    reach = reach_of(roots, directions, cell.planes).clip(_SHORTEST * radius, _FARTHEST * radius)
    longest = growth.tortuosity * reach.clip(min=2 * growth.step_um)
    straight = np.sqrt(((cell.targets - roots[: len(cell.targets)]) ** 2).sum(axis=1))
    ways = straight * (1 + (growth.tortuosity - 1) / 4)
    longest[: len(ways)] = np.maximum(longest[: len(ways)], ways)
    if barcodes is not None:
        drawn = [barcodes[int(kind)][rng.integers(len(barcodes[int(kind)]))] for kind in kinds]
        bars = [scaled_bars(each, length) for each, length in zip(drawn, longest, strict=True)]
        for own, way in zip(bars, ways, strict=False):
            own[0, 1] = way
        return bars
    weights = np.where(kinds == 2, _PERIVASCULAR_SHARE, 1.0) * rng.normal(1.0, 0.25, len(kinds)).clip(0.4, 1.6)
    weights = weights * (longest / longest.mean()) ** 1.5 if len(kinds) else weights
    total = (growth.sections * volume / _USUAL_UM3 + len(kinds)) / 2
    sizes = np.maximum(1, np.round(total * weights / weights.sum() if len(kinds) else weights)).astype(int)
    firsts: list[Any] = [*ways, *[None] * (len(kinds) - len(ways))]
    return [
        bars_of(int(n), float(length), rng, first_um=first)
        for n, length, first in zip(sizes, longest, firsts, strict=True)
    ]

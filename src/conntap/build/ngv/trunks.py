"""Penetrating vessels: where they enter, how deep they go, how thick they are, where they give off branches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conntap.circuits.tissue.vasculature import VESSEL_TYPES

__all__ = ["Trunk", "grow_trunks"]

_KINDS = {name: number for number, name in VESSEL_TYPES.items()}
_STEP_UM = 15.0
_FIRST_UM, _BETWEEN_UM, _SHAPE = (
    30.0,
    55.0,
    4.0,
)  # of branches along a trunk: the first, and gaps of a gamma distribution
_DEPTHS_UM = (300.0, 1200.0)
_BRANCHES_UM = {"arteriole": (8.0, 1.0, 6.5, 10.0), "venule": (9.0, 1.2, 7.0, 12.0)}  # mean, sd, least, most
_WANDER_UM = 10.0
_WALL_UM = 20.0
_TRIES = 30


@dataclass(frozen=True)
class Trunk:
    """A penetrating vessel: points from the pia down, the diameter below each, and which of them give off branches.

    At the last point that lies in the box it gives off two branches, or ends at the wall (`ends_inside` tells).
    """

    kind: int
    points: np.ndarray
    diameters: np.ndarray
    branches: np.ndarray
    branch_diameters: np.ndarray
    ends_inside: bool


def grow_trunks(
    size: np.ndarray, arterioles_per_mm2: float, venules_per_mm2: float, rng: np.random.Generator
) -> list[Trunk]:
    """Penetrating vessels of a box whose pia is the plane z = 0, depth growing with z: at least one of a kind that is wanted at all."""
    area = size[0] * size[1] * 1e-6
    wanted = {"arteriole": arterioles_per_mm2, "venule": venules_per_mm2}
    kinds = [kind for kind, each in wanted.items() for _ in range(max(int(each > 0), round(each * area)))]
    kinds = [kinds[i] for i in rng.permutation(len(kinds))]
    places = _apart(len(kinds), size[:2], rng)
    return [_trunk(kind, place, size, rng) for kind, place in zip(kinds, places, strict=True)]


def _apart(n: int, size: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Places on the pia, each the farthest from those before it among a few (Mitchell's best candidate)."""
    wall = np.minimum(_WALL_UM, size / 4)
    places = np.empty((n, 2))
    for i in range(n):
        tried = wall + rng.random((_TRIES, 2)) * (size - 2 * wall)
        apart = np.sqrt(((tried[:, None] - places[None, :i]) ** 2).sum(axis=2)).min(axis=1, initial=np.inf)
        places[i] = tried[np.argmax(apart)]
    return places


def _trunk(kind: str, place: np.ndarray, size: np.ndarray, rng: np.random.Generator) -> Trunk:
    """Diameters by Murray's law from below up, with the branches that lie below the box."""
    depth = rng.uniform(*_DEPTHS_UM)
    gaps = rng.gamma(_SHAPE, _BETWEEN_UM / _SHAPE, int(3 * depth / _BETWEEN_UM) + 5).clip(min=15.0)
    levels = np.concatenate([[_FIRST_UM], _FIRST_UM + np.cumsum(gaps)])
    levels = np.append(levels[levels < depth - 15.0], depth)
    mean, sd, least, most = _BRANCHES_UM[kind]
    branch = rng.normal(mean, sd, len(levels)).clip(least, most)
    branch[-1] = branch[-1] * 2 ** (1 / 3)  # two branches end it
    above = np.cumsum((branch**3)[::-1])[::-1] ** (1 / 3)
    inside = levels < size[2] - 5.0
    end = depth if inside[-1] else size[2]
    between = np.linspace(0.0, end, max(2, round(end / _STEP_UM) + 1))
    far = np.abs(between[1:-1, None] - levels[None, inside]).min(axis=1, initial=np.inf) > _STEP_UM / 3
    heights = np.union1d(np.concatenate([[0.0], between[1:-1][far], [end]]), levels[inside])
    waves = rng.normal(0.0, 1.0, (3, 2, 2)) / np.arange(1, 4)[:, None, None] * (_WANDER_UM / 2)
    angle = 2 * np.pi * heights[:, None] / 800.0 * np.arange(1, 4)
    sideways = np.einsum("nk,kd->nd", np.sin(angle), waves[:, 0]) + np.einsum(
        "nk,kd->nd", np.cos(angle) - 1, waves[:, 1]
    )
    points = np.column_stack([np.clip(place + sideways, 8.0, np.maximum(size[:2] - 8.0, 8.0)), heights])
    at = np.searchsorted(heights, levels[inside])
    below = np.minimum(np.searchsorted(levels, heights, side="right"), len(levels) - 1)
    return Trunk(_KINDS[kind], points, above[below], at, branch[inside], bool(inside[-1]))

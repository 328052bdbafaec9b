"""Sections of vessels from a graph of straight edges: smooth, winding, with diameters and types."""

from __future__ import annotations

from typing import Any

import numpy as np

from conntap.circuits.tissue.vasculature import VESSEL_TYPES
from conntap.errors import OptionError

__all__ = ["sectioned"]

_KINDS = {name: number for number, name in VESSEL_TYPES.items()}
_MODES = 4
_ROUNDS = 3
_STRONGEST = 0.4
_REACH = 3  # junctions from a branch over which capillaries are called arterial or venous
_TOLERANCE = 1e-4


def sectioned(
    network: dict[str, Any],
    size: np.ndarray,
    wanted: float,
    capillary_um: tuple[float, float],
    segment_um: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, ...]:
    """The fields of a Vasculature and their length, in the frame of the box's lower corner, as long as wanted where winding can make it so."""
    ids, begins, firsts = _chains(network)
    n = len(begins) - 1
    kinds, thick = _hierarchy(network, ids, begins, firsts, capillary_um, rng)
    waves = (
        rng.normal(0.0, 1.0, (n, _MODES, 3)).clip(-1.5, 1.5)
        * np.where(firsts < network["n_trunk"], 0.15, 1.0)[:, None, None]
    )
    lines, starts = _wound(network["points"][ids], begins, waves, size, wanted, segment_um)
    total = float(
        np.sqrt((np.diff(lines, axis=0)[np.delete(np.arange(len(lines) - 1), starts[1:-1] - 1)] ** 2).sum(axis=1)).sum()
    )
    return *_assembled(lines, starts, ids[begins[:-1]], ids[begins[1:] - 1], kinds, thick), total


def _chains(network: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of each section, where each begins, and the lower of its outer edges: trunks and branches come first; a junction is what has not two edges."""
    from conntap.build.ngv._pruning import chains

    edges, n = network["edges"], len(network["points"])
    ends = np.concatenate([edges, edges[:, ::-1]])
    through = np.tile(np.arange(len(edges)), 2)
    by = np.lexsort([through, ends[:, 0]])
    degrees = np.bincount(ends[:, 0], minlength=n)
    starts = np.concatenate([[0], np.cumsum(degrees)])
    trunk_degree = np.bincount(edges[: network["n_trunk"]].ravel(), minlength=n)
    is_junction = (degrees != 2) | (trunk_degree == 1)
    ids, begins, firsts, lasts = chains(edges, starts, ends[by, 1], through[by], is_junction & (degrees > 0))
    return ids, begins, np.minimum(firsts, lasts)


def _hierarchy(
    network: dict[str, Any],
    ids: np.ndarray,
    begins: np.ndarray,
    firsts: np.ndarray,
    capillary_um: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """For each section its type and its diameter: by Murray's law halved in its cube at each junction."""
    n = len(begins) - 1
    mean, sd = capillary_um
    thick = rng.normal(mean, sd, n).clip(mean - 2 * sd, mean + 2 * sd)
    n_trunk, n_fixed = network["n_trunk"], len(network["kinds"])
    fixed = np.concatenate([network["trunk_diameters"], network["branch_diameters"]])
    is_fixed = firsts < n_fixed
    heads, tails = ids[begins[:-1]], ids[begins[1:] - 1]
    order = {}
    largest = np.zeros(n)
    for kind in (_KINDS["arteriole"], _KINDS["venule"]):
        mine = is_fixed & (np.append(network["kinds"], 0)[np.where(is_fixed, firsts, -1)] == kind)
        order[kind] = _steps(heads, tails, mine & (firsts >= n_trunk), is_fixed, len(network["points"]))
        diameter = _carried(heads, tails, order[kind], np.append(fixed, 0.0)[np.where(is_fixed, firsts, -1)])
        largest = np.maximum(largest, diameter)
    thick = np.where(is_fixed, np.append(fixed, 0.0)[np.where(is_fixed, firsts, -1)], np.maximum(thick, largest))
    a, v = order[_KINDS["arteriole"]], order[_KINDS["venule"]]
    kinds = np.full(n, _KINDS["transitional"])
    kinds[(a <= _REACH) & (a <= v)] = _KINDS["arterial_capillary"]
    kinds[(v <= _REACH) & (v < a)] = _KINDS["venous_capillary"]
    kinds[is_fixed] = network["kinds"][firsts[is_fixed]]
    return kinds, thick


def _steps(heads: np.ndarray, tails: np.ndarray, sources: np.ndarray, walls: np.ndarray, n: int) -> np.ndarray:
    """How many junctions away from the nearest source each section is: 0 for sources; through no wall."""
    far = len(heads) + 1
    steps = np.where(sources, 0, far)
    at = np.full(n, far)
    for step in range(_REACH):
        now = steps == step
        at[heads[now]] = np.minimum(at[heads[now]], step)
        at[tails[now]] = np.minimum(at[tails[now]], step)
        reached = (steps == far) & ~walls & (np.minimum(at[heads], at[tails]) == step)
        steps[reached] = step + 1
    return steps


def _carried(heads: np.ndarray, tails: np.ndarray, steps: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Diameters of the sections after the sources: what arrives at a junction leaves it in equal parts of its cube."""
    n = int(max(heads.max(initial=0), tails.max(initial=0))) + 1
    diameter = np.where(steps == 0, given, 0.0)
    for step in range(_REACH):
        now, following = steps == step, steps == step + 1
        arriving, leaving = np.zeros(n), np.zeros(n)
        for ends in (heads, tails):
            np.maximum.at(arriving, ends[now], diameter[now] ** 3)
            np.add.at(leaving, ends[following], 1.0)
        share = arriving / np.maximum(leaving, 2.0)
        best = np.maximum(share[heads], share[tails])
        diameter = np.where(following, best ** (1 / 3), diameter)
    return np.where((steps > 0) & (steps <= _REACH), diameter, 0.0)


def _wound(
    points: np.ndarray, begins: np.ndarray, waves: np.ndarray, size: np.ndarray, wanted: float, segment_um: float
) -> tuple[np.ndarray, np.ndarray]:
    """The smooth lines of all sections, winding as much as the length wanted asks for."""
    from conntap.build.ngv._curves import rounded, winding

    points, begins = rounded(points, begins, _ROUNDS)
    low, high = np.zeros(3), size

    def at(strength: float) -> tuple[np.ndarray, np.ndarray, float]:
        return winding(points, begins, waves, strength, low, high, segment_um)

    least, most = 0.0, _STRONGEST
    lines, starts, total = at(least)
    if total > wanted * 1.15:
        raise OptionError(
            f"vessels.density_mm_per_mm3: penetrating vessels and a connected mesh alone are {total / wanted:.0%} of what is wanted. "
            "Give a higher density, a larger box, or fewer arterioles and venules."
        )
    for _ in range(30):
        if abs(total - wanted) <= _TOLERANCE * wanted:
            break
        middle = (least + most) / 2
        lines, starts, total = at(middle)
        least, most = (middle, most) if total < wanted else (least, middle)
    return lines, starts


def _assembled(
    lines: np.ndarray, starts: np.ndarray, heads: np.ndarray, tails: np.ndarray, kinds: np.ndarray, thick: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Points numbered once each, diameters that go over into those of the junctions, edges, sections, segments, types."""
    sizes = np.diff(starts)
    section = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(len(lines)) - starts[:-1][section]
    is_head, is_tail = place == 0, place == sizes[section] - 1
    junctions, number = np.unique(np.concatenate([heads, tails]), return_inverse=True)
    ids = np.empty(len(lines), dtype=np.int64)
    inner = ~(is_head | is_tail)
    ids[is_head], ids[is_tail] = number[: len(heads)], number[len(heads) :]
    ids[inner] = len(junctions) + np.arange(inner.sum())
    widest = np.zeros(len(junctions))
    np.maximum.at(widest, number, np.concatenate([thick, thick]))
    steps = np.sqrt((np.diff(lines, axis=0, prepend=lines[:1]) ** 2).sum(axis=1))
    along = np.cumsum(np.where(is_head, 0.0, steps))
    along -= along[starts[:-1]][section]
    whole = along[starts[1:] - 1][section]
    diameters = thick[section].copy()
    for far, end in ((along, heads), (whole - along, tails)):
        wide = widest[np.searchsorted(junctions, end)][section]
        diameters += (wide - thick[section]) * np.exp(-far / np.maximum(wide / 4, 1.0))
    points, flat = np.empty((ids.max() + 1, 3)), np.empty(ids.max() + 1)
    points[ids] = lines
    flat[ids] = diameters
    flat[: len(junctions)] = widest
    edges = np.column_stack([ids[:-1], ids[1:]])[~is_tail[:-1]]
    own = ~is_tail
    return points, flat, edges, section[own], place[own], kinds[section[own]]

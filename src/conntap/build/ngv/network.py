"""Grow a network of vessels: penetrating arterioles and venules, and the mesh of capillaries between them."""

from __future__ import annotations

import itertools
import math
from logging import getLogger
from typing import Any, Literal

import numpy as np

from conntap.build.ngv.foam import clipped, components, foam, share_inside
from conntap.build.ngv.sections import sectioned
from conntap.build.ngv.trunks import Trunk, grow_trunks
from conntap.circuits.tissue.boxes import box_of
from conntap.circuits.tissue.vasculature import Vasculature
from conntap.errors import OptionError, one_of

__all__ = ["check_vessels", "least_side", "vessels"]

_log = getLogger(__name__)

_CELLS = 0.175  # cells of the foam in the cube of (length density)^-1/2: the more, the more edges go and the longer sections are
_STRAIGHT = 1.02  # share of the length that the straight mesh has before its sections wind
_FAVOUR = (0.6, 1.4)  # by how much chance lengthens an edge when short ones are taken away first
_LEAST_SIDE = 2.5  # of a box, in the inverse root of the density
_TOLD, _REFUSED = 0.05, 0.1  # from which difference on to the length wanted it is told, and refused
_TRIES, _ENOUGH = 16, 0.01  # networks of which the nearest to the length wanted is taken, and how near is near enough
_LEAST_SHARE = 0.3  # of the length, for capillaries
_CLEAR_UM = 5.0  # between a trunk and capillaries that pass it
_NEAR_UM = 8.0
_AIMS, _MISSED = 6, 0.01  # how often edges are taken away anew, and how far the length may be too great
_SCRAP = 2.5, 0.05  # widths of a cell, share of all: parts of the mesh cut off by walls that are shorter are left out
_BRANCH_UM = 45.0  # about how long a branch is
_STUB_UM = 6.0  # the least that an edge which passes a wall has inside
_PIAS = {f"{sign}{axis}": ("xyz".index(axis), sign) for axis in "xyz" for sign in "+-"}
_WALLS = Literal["+x", "-x", "+y", "-y", "+z", "-z"]


def vessels(
    *,
    box_um: tuple[tuple[float, float, float], tuple[float, float, float]],
    density_mm_per_mm3: float = 1000.0,
    pia: _WALLS = "+z",
    arterioles_per_mm2: float = 10.0,
    venules_per_mm2: float = 14.0,
    capillary_um: tuple[float, float] = (5.0, 0.5),
    segment_um: float = 4.0,
    rng: np.random.Generator,
) -> Vasculature:
    """Grow the vessels of a box of cortex: one connected network of a given length for each volume.

    Arterioles and venules enter through one wall of the box, the pia, and go down, giving off branches to the capillaries, which are
    edges of a relaxed Voronoi diagram from which edges are taken away, until nearly all junctions join three sections and the length
    is as wanted. Diameters follow Murray's law: along a penetrating vessel, and from its branches on to the capillaries. Sections
    are smooth and wind a little. Vessels end at the walls of the box and nowhere else.

    Parameters
    ----------
    box_um
        Its lower and its upper corner.
    density_mm_per_mm3
        Length of all vessels for each volume; 1000: one metre in a cubic millimetre.
    pia
        Through which wall penetrating vessels come: `+z` is the one at the upper end of z.
    arterioles_per_mm2, venules_per_mm2
        Penetrating vessels for each area of the pia; at least one of each, unless 0: in a box below 300 um these are more than in tissue,
        and make the share of its volume that is vessels larger (5 % at 150 um, 10 % at 100 um).
    capillary_um
        Mean and standard deviation of the diameters of capillaries far from arterioles and venules; within two of them from the mean.
    segment_um
        About how long a segment is.
    rng
        The source of randomness; equal states give equal vessels.

    Returns
    -------
    One connected network in sections between junctions. Types: 3 venule and 4 arteriole (penetrating vessels and their branches),
    5 and 6 (the next capillaries, up to three junctions on), 7 (between them). 1 and 2, vein and artery, run on the pia: none here.

    Raises
    ------
    OptionError
        A number out of range, or a box too small for the density: none of 16 networks has the length wanted within a tenth.

    Notes
    -----
    Time and memory grow with the volume: about 1 s and 54,000 segments for a cube of 600 um. Lengths scale with the inverse square
    root of the density; at the default capillary sections are about 60 um long in the mean. Capillaries as edges of Voronoi diagrams:
    Smith et al., 2019, doi:10.3389/fphys.2019.00233. What is published of cortex: Blinder et al., 2013, doi:10.1038/nn.3426;
    Cassot et al., 2006, doi:10.1080/10739680500383407. Murray, 1926, doi:10.1073/pnas.12.3.207: the cube of the diameter of a vessel
    is the sum of those of its branches. `vessel_statistics` sets a network beside the published values. In a
    small box (150 um at the default) chance decides how much fits; so networks are grown until one has the length wanted within a hundredth, 16 at
    most, and the nearest is taken; a log warning tells where it misses by more than 5 %. There up to half of the junctions join four sections.

    Examples
    --------
    >>> v = vessels(box_um=((0, 0, 0), (150, 150, 150)), rng=np.random.default_rng(1))
    >>> round(v.lengths.sum() / 150**3 * 1e6, -1)
    np.float64(1000.0)
    """
    box = check_vessels(box_um, density_mm_per_mm3, pia, arterioles_per_mm2, venules_per_mm2, capillary_um, segment_um)
    axis, sign = _PIAS[pia]
    order = [each for each in range(3) if each != axis] + [axis]
    size = (box[1] - box[0])[order]
    wanted = density_mm_per_mm3 * 1e-6 * float(np.prod(size))
    (points, *rest), total = _as_long(
        size, wanted, (arterioles_per_mm2, venules_per_mm2), capillary_um, segment_um, rng
    )
    if abs(total - wanted) > _TOLD * wanted:
        _log.warning("vessels: %.0f %% of the length wanted: the box is small for this density.", 100 * total / wanted)
    turned = np.empty_like(points)
    turned[:, order] = points
    turned[:, axis] = turned[:, axis] if sign == "-" else size[2] - turned[:, axis]
    return Vasculature(np.clip(turned + box[0], box[0], box[1]), *rest)


def _as_long(
    size: np.ndarray,
    wanted: float,
    penetrating: tuple[float, float],
    capillary_um: tuple[float, float],
    segment_um: float,
    rng: np.random.Generator,
) -> tuple[list[np.ndarray], float]:
    """The fields of a network as long as wanted, and its length; in a small box chance decides, so the nearest of several is taken."""
    best: tuple[list[np.ndarray], float] | None = None
    refused: OptionError | None = None
    for _ in range(_TRIES):
        try:
            network = _wired(size, wanted, grow_trunks(size, *penetrating, rng), rng)
            *fields, total = sectioned(network, size, wanted, capillary_um, segment_um, rng)
        except OptionError as error:
            refused = error
            continue
        if best is None or abs(total - wanted) < abs(best[1] - wanted):
            best = fields, total
        if abs(best[1] - wanted) <= _ENOUGH * wanted:
            break
    if best is None and refused is not None:
        raise refused
    if best is None or abs(best[1] - wanted) > _REFUSED * wanted:
        share = 0.0 if best is None else best[1] / wanted
        raise OptionError(
            f"vessels.box_um: too small for this density: of {_TRIES} networks the nearest has {share:.0%} of the length wanted. "
            "Give a larger box, or no arterioles and venules."
        )
    return best


def check_vessels(
    box_um: Any, density: float, pia: str, arterioles: float, venules: float, capillary: Any, segment: float
) -> np.ndarray:
    """The box of vessels; refuses options that no tissue makes right."""
    box = box_of("vessels.box_um", box_um)
    one_of("vessels.pia", pia, _PIAS)
    if not (math.isfinite(density) and 10 <= density <= 20_000):
        raise OptionError(
            f"vessels.density_mm_per_mm3: {density}; give a length from 10 to 20000 (cortex: about 1000)."
        )
    for name, value in {"arterioles_per_mm2": arterioles, "venules_per_mm2": venules}.items():
        if not (math.isfinite(value) and 0 <= value <= 1000):
            raise OptionError(f"vessels.{name}: {value}; give a number from 0 to 1000.")
    try:
        mean, sd = (float(each) for each in capillary)
    except (TypeError, ValueError):
        mean, sd = math.nan, math.nan
    if not (math.isfinite(mean) and math.isfinite(sd) and 0 <= 2 * sd < mean):
        raise OptionError(
            f"vessels.capillary_um: {capillary!r}; give a mean and a standard deviation below half of it."
        )
    if not (math.isfinite(segment) and 0.1 <= segment <= 50):
        raise OptionError(f"vessels.segment_um: {segment}; give a length from 0.1 to 50.")
    if (box[1] - box[0]).min() < _LEAST_SIDE * (density * 1e-6) ** -0.5:
        raise OptionError(
            f"vessels.box_um: too small for this density; give sides of at least {least_side(density):.0f} um."
        )
    return box


def least_side(density_mm_per_mm3: float = 1000.0) -> float:
    """The shortest side that a box of vessels may have, in whole um.

    >>> least_side()
    80.0
    """
    return float(math.ceil(_LEAST_SIDE * (density_mm_per_mm3 * 1e-6) ** -0.5))


def _wired(size: np.ndarray, wanted: float, trunks: list[Trunk], rng: np.random.Generator) -> dict[str, Any]:
    """The graph of straight edges: trunks, their branches, and the pruned mesh."""
    trunk_edges, trunk_points, trunk_diameters, trunk_kinds = _together(trunks)
    given = _lengths(trunk_points, trunk_edges).sum() + _BRANCH_UM * sum(len(each.branches) for each in trunks)
    if given > (1 - _LEAST_SHARE) * wanted:
        raise OptionError(
            f"vessels.density_mm_per_mm3: penetrating vessels and their branches alone are {given / wanted:.0%} of what is wanted. "
            "Give a higher density, a larger box, or fewer arterioles and venules."
        )
    width = (_CELLS * ((wanted - given) / np.prod(size)) ** 1.5) ** (-1 / 3)
    points, edges = foam(size, width, rng)
    edges = _clear(points, edges, trunk_points, trunk_diameters)
    branches, branch_diameters, branch_kinds = _branches(points, edges, size, trunks, rng)
    m = len(points)
    points = np.concatenate([points, trunk_points])
    trunk_edges, branches = trunk_edges + m, branches + np.array([m, 0])
    fixed_edges = np.concatenate([trunk_edges, branches])
    n_inner, own = len(points), _lengths(points, fixed_edges).sum()
    all_points, all_edges, numbers = clipped(points, edges, size, _STUB_UM)
    goal = own + (wanted - own) * _STRAIGHT
    aim, shuffled = goal - own, rng.permutation(len(edges))
    short_first = np.argsort(_lengths(points, edges) * rng.uniform(*_FAVOUR, len(edges)), kind="stable")
    nearest, best = math.inf, (fixed_edges, np.zeros(len(fixed_edges), dtype=bool))
    for _ in range(_AIMS):
        stays = _pruned(points, edges, fixed_edges, size, aim, short_first, shuffled)
        scrap_um = min(_SCRAP[0] * width, _SCRAP[1] * wanted)
        kept = _connected(all_points, all_edges, stays[numbers], fixed_edges, scrap_um)
        whole = np.concatenate([fixed_edges, kept])
        alive = _alive(all_points, whole, len(trunk_edges), n_inner)
        missed = _lengths(all_points, whole[alive]).sum() - goal
        if abs(missed) < nearest and alive[len(fixed_edges) :].any():
            nearest, best = abs(missed), (whole, alive)
        if abs(missed) < _MISSED * goal:
            break
        aim -= missed
    whole, alive = best
    if not alive.any():
        raise OptionError("vessels.box_um: too small for this density: no capillaries fit in. Give a larger box.")
    trunk, branch = alive[: len(trunk_edges)], alive[len(trunk_edges) : len(fixed_edges)]
    return {
        "points": all_points,
        "edges": whole[alive],
        "n_trunk": int(trunk.sum()),
        "trunk_diameters": trunk_diameters[trunk],
        "kinds": np.concatenate([trunk_kinds[trunk], branch_kinds[branch]]),
        "branch_diameters": branch_diameters[branch],
    }


def _alive(points: np.ndarray, edges: np.ndarray, n_trunk: int, n_inner: int) -> np.ndarray:
    """Which edges, those of trunks first, belong to the longest connected network without dead ends in the box."""
    alive = np.concatenate([np.full(n_trunk, True), ~_dead(edges[n_trunk:], edges[:n_trunk], n_inner, len(points))])
    label = components(edges[alive], len(points))
    weight = np.bincount(label[edges[:, 0]], weights=_lengths(points, edges) * alive)
    return alive & (label[edges[:, 0]] == np.argmax(weight))


def _together(trunks: list[Trunk]) -> tuple[np.ndarray, ...]:
    """Edges, points, diameters of edges and kinds of edges of all trunks."""
    points = np.concatenate([np.empty((0, 3)), *(each.points for each in trunks)])
    starts = np.cumsum([0, *(len(each.points) for each in trunks)])
    edges = [np.column_stack([np.arange(a, b - 1), np.arange(a + 1, b)]) for a, b in itertools.pairwise(starts)]
    diameters = np.concatenate([np.empty(0), *(each.diameters[:-1] for each in trunks)])
    kinds = [np.full(len(each.points) - 1, each.kind) for each in trunks]
    none = np.empty(0, dtype=np.int64)
    return np.concatenate([none.reshape(0, 2), *edges]), points, diameters, np.concatenate([none, *kinds])


def _clear(points: np.ndarray, edges: np.ndarray, trunk_points: np.ndarray, trunk_diameters: np.ndarray) -> np.ndarray:
    """The edges that pass no trunk too near, without dead ends."""
    if len(trunk_points):
        from scipy.spatial import cKDTree

        tree = cKDTree(trunk_points)
        thick = trunk_diameters.max() / 2
        shares = np.linspace(0, 1, 8)[:, None]
        ways = points[edges[:, 0], None] + shares * (points[edges[:, 1]] - points[edges[:, 0]])[:, None]
        apart = tree.query(ways.reshape(-1, 3))[0].reshape(len(edges), -1).min(axis=1)
        edges = edges[apart > thick + _CLEAR_UM + 2.0]
    while True:
        degrees = np.bincount(edges.ravel(), minlength=len(points))
        dead = (degrees[edges] == 1).any(axis=1)
        if not dead.any():
            return edges
        edges = edges[~dead]


def _branches(
    points: np.ndarray, edges: np.ndarray, size: np.ndarray, trunks: list[Trunk], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges from trunks, by the number of their point among those of all trunks, to points of the mesh, each taken once."""
    from scipy.spatial import cKDTree

    inner = np.unique(edges)
    inner = inner[((points[inner] > _STUB_UM) & (points[inner] < size - _STUB_UM)).all(axis=1)]
    if not trunks or not len(inner):
        return np.empty((0, 2), dtype=np.int64), np.empty(0), np.empty(0, dtype=np.int64)
    tree = cKDTree(points[inner])
    taken = np.zeros(len(inner), dtype=bool)
    found: list[tuple[int, int]] = []
    diameters: list[float] = []
    kinds: list[int] = []
    start = 0
    for trunk in trunks:
        last = len(trunk.branches) - 1
        for i, (at, diameter) in enumerate(zip(trunk.branches, trunk.branch_diameters, strict=True)):
            many = 2 if trunk.ends_inside and i == last else 1
            apart, near = tree.query(trunk.points[at], k=min(12, len(inner)))
            near, apart = np.atleast_1d(near), np.atleast_1d(apart)
            free = near[(~taken[near]) & (apart > trunk.diameters[at] / 2 + _NEAR_UM)]
            chosen = free[:4][rng.permutation(min(4, len(free)))[:many]]
            taken[chosen] = True
            found += [(start + at, int(inner[each])) for each in chosen]
            diameters += [diameter / many ** (1 / 3)] * len(chosen)
            kinds += [trunk.kind] * len(chosen)
        start += len(trunk.points)
    return np.array(found, dtype=np.int64).reshape(-1, 2), np.array(diameters), np.array(kinds, dtype=np.int64)


def _lengths(points: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.sqrt(((points[edges[:, 0]] - points[edges[:, 1]]) ** 2).sum(axis=1))


def _pruned(
    points: np.ndarray,
    edges: np.ndarray,
    fixed_edges: np.ndarray,
    size: np.ndarray,
    wanted: float,
    short_first: np.ndarray,
    shuffled: np.ndarray,
) -> np.ndarray:
    """Which edges of the mesh stay, in the box and around it, so that the length in the box is as wanted."""
    from conntap.build.ngv._pruning import prune

    lengths = _lengths(points, edges)
    degrees = np.bincount(np.concatenate([edges.ravel(), fixed_edges.ravel()]), minlength=len(points))
    own = lengths * share_inside(points, edges, size)
    return prune(edges, own, short_first, shuffled, degrees, wanted)


def _connected(
    points: np.ndarray, edges: np.ndarray, stays: np.ndarray, fixed_edges: np.ndarray, scrap_um: float
) -> np.ndarray:
    """The edges that stay, with the fewest and shortest others that join their parts; scraps and parts that none can join are left out."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    n = len(points)
    label = components(np.concatenate([edges[stays], fixed_edges]), n)
    whole = np.bincount(
        label[edges[:, 0]], weights=np.where(stays, _lengths(points, edges), 0.0), minlength=label.max() + 1
    )
    whole = whole.astype(np.float64)
    whole[label[fixed_edges]] = np.inf
    stays = stays & (whole[label[edges[:, 0]]] > scrap_um)
    used = np.zeros(n, dtype=bool)
    used[edges[stays]] = True
    used[fixed_edges] = True
    costs = _lengths(points, edges) + np.where(used[edges].all(axis=1), 0.0, 1e6)
    apart = np.flatnonzero(label[edges[:, 0]] != label[edges[:, 1]])
    apart = apart[np.argsort(costs[apart], kind="stable")]
    pairs, first = np.unique(np.sort(label[edges[apart]], axis=1), axis=0, return_index=True)
    links = coo_array((costs[apart[first]], (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    tree = minimum_spanning_tree(links.tocsr()).tocoo()
    joins = np.isin(pairs[:, 0] * n + pairs[:, 1], np.minimum(tree.row, tree.col) * n + np.maximum(tree.row, tree.col))
    stays[apart[first[joins]]] = True
    kept = edges[stays]
    label = components(np.concatenate([kept, fixed_edges]), n)
    largest = np.argmax(np.bincount(label[np.concatenate([kept, fixed_edges]).ravel()])) if len(kept) else 0
    return kept[label[kept[:, 0]] == largest]


def _dead(edges: np.ndarray, fixed_edges: np.ndarray, first_wall: int, n: int) -> np.ndarray:
    """Which edges lead to ends within the box and nowhere else."""
    dead = np.zeros(len(edges), dtype=bool)
    while True:
        degrees = np.bincount(np.concatenate([edges[~dead].ravel(), fixed_edges.ravel()]), minlength=n)
        more = ((degrees[edges] == 1) & (edges < first_wall)).any(axis=1) & ~dead
        if not more.any():
            return dead
        dead |= more

"""Where astrocytes set their endfeet on vessels."""

from __future__ import annotations

import math
from logging import getLogger
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.circuits.tissue import Domains, Vasculature
from conntap.circuits.tissue.truncated import TruncatedNormal, truncated_normal
from conntap.errors import CircuitError, OptionError, known, one_of, whole

__all__ = ["endfoot_sites"]

_LOG = getLogger(__name__)


def endfoot_sites(
    vessels: Vasculature,
    astrocytes: pd.DataFrame,
    domains: Domains,
    *,
    spacing_um: float = 1 / 0.17,
    mean_endfeet: float = 2.06,
    sd_endfeet: float = 1.1,
    range_endfeet: tuple[int, int] = (1, 5),
    moments: Literal["built", "before"] = "built",
    choice: Literal["maximum_reach", "random"] = "maximum_reach",
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Choose where each astrocyte sets its endfeet: places on the surface of vessels that its domain touches.

    Targets stand along the skeleton of the vessels, `spacing_um` apart. Each astrocyte wants a random number of endfeet, and has to choose
    among the targets whose spheres, as wide as the vessel is there, touch its domain. Endfeet are dealt in rounds, one an astrocyte
    in each; no two have the same target. An astrocyte without a vessel gets none, one with too few targets as many as there are.

    From the target an endfoot moves to the surface of the vessel: to where the line from the soma first enters it, on the target's
    segment or one near it. Where no line does so within the domain and outside other vessels, other places around the target are tried.
    Each lies on the frustum of its segment; those for which no good place was found are counted.

    Parameters
    ----------
    vessels, astrocytes, domains
        Astrocytes have columns `x`, `y`, `z` (um), one row a domain.
    spacing_um
        Distance between targets along a section; a section is parted evenly, into at least one piece, a target in the middle of each.
    mean_endfeet, sd_endfeet, range_endfeet
        The number of endfeet that an astrocyte wants.
    moments
        Whether mean and standard deviation are those of the numbers that are drawn ("built"), or of a normal law before it is cut off at
        the ends of the range and rounded ("before": with 2, 2 and 1 to 5 the mean of what is drawn is 2.7).
    choice
        "maximum_reach": the nearest target of each section, nearest sections first, then those farthest from the endfeet already there;
        "random": any target, but again sections without an endfoot first.
    rng
        The source of randomness; equal states give equal sites.

    Returns
    -------
    Index `endfoot_id` 0, 1, 2 ..., sorted by `astrocyte` (its row, int64). `vasculature_node_id` (the row of the segment that is
    touched), `vasculature_section_id`, `vasculature_segment_id` (int64); `endfoot_surface_x`, `_y`, `_z` and `target_x`, `_y`, `_z`
    (float64, um). `.attrs` counts what went otherwise: `wanted`, `placed`, `astrocytes_without`, `outside_domain`, `inside_vessel`.

    Raises
    ------
    OptionError
        A number out of range; a mean and standard deviation that no such law has.
    CircuitError
        Not as many domains as astrocytes; places that are missing or not finite.

    Notes
    -----
    3,390 astrocytes and 216 mm of vessels take some 0.2 CPU seconds; time and memory grow with both. What is published: 2.06 +- 1.1
    endfeet an astrocyte, 0.17 targets a um: Zisis et al., 2021, doi:10.1093/cercor/bhab254.

    Examples
    --------
    >>> from conntap.circuits.tissue import Mesh, Meshes
    >>> vessels = Vasculature([[0, 0, 9], [40, 0, 9]], [4, 4], [[0, 1]], [0], [0], [6])
    >>> corner = Mesh(np.vstack([np.zeros(3), 30 * np.eye(3)]), [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    >>> domains = Domains(Meshes.of([corner]), [-1, -1, -1, -1], [1.0])
    >>> soma = pd.DataFrame({"x": [9.0], "y": [5.0], "z": [9.0]})
    >>> endfoot_sites(vessels, soma, domains, sd_endfeet=0, mean_endfeet=1, rng=np.random.default_rng(0)).iloc[0, 4:7].round(2).tolist()
    [8.74, 2.0, 9.0]
    """
    places = _checked(astrocytes, domains, spacing_um)
    one_of("endfoot_sites.choice", choice, ("maximum_reach", "random"))
    wanted = _numbers(len(places), mean_endfeet, sd_endfeet, range_endfeet, moments, rng)
    targets, radii, segments = _targets(vessels, spacing_um)
    faces = _faces(domains)
    counts, candidates = _candidates(targets, radii, domains, faces)
    owners = np.repeat(np.arange(len(places)), counts)
    away = np.sqrt(((targets[candidates] - places[owners]) ** 2).sum(axis=1))
    keys = away if choice == "maximum_reach" else rng.random(len(away))
    astrocyte, target = _dealt(wanted, counts, candidates, keys, vessels.section_ids[segments], targets)
    surface, on, wrong = _touched(vessels, domains, faces, places, astrocyte, targets[target], segments[target])
    told = {
        "wanted": int(wanted.sum()),
        "placed": len(astrocyte),
        "astrocytes_without": len(places) - len(np.unique(astrocyte)),
        "outside_domain": int((wrong & 1).sum()),
        "inside_vessel": int((wrong >> 1).sum()),
    }
    if not len(candidates) and len(vessels):
        _LOG.warning(
            "endfoot_sites: no vessel touches a domain: vessels lie from %s to %s um, domains from %s to %s.",
            *(each.round(1).tolist() for at in (vessels.points, domains.meshes.points) for each in _ends(at)),
        )
    _tell(told)
    return _table(vessels, astrocyte, on, surface, targets[target], told)


def _checked(astrocytes: pd.DataFrame, domains: Domains, spacing_um: float) -> np.ndarray:
    missing = [each for each in "xyz" if each not in astrocytes]
    if missing:
        raise CircuitError(f"endfoot_sites: astrocytes have no column {known(missing)}; there is {known(astrocytes)}.")
    places = np.ascontiguousarray(astrocytes[["x", "y", "z"]].to_numpy(dtype=np.float64))
    if not np.isfinite(places).all():
        raise CircuitError("endfoot_sites: not all places of astrocytes are finite.")
    if len(places) != len(domains):
        raise CircuitError(f"endfoot_sites: {len(places)} astrocytes, {len(domains)} domains; give one for each.")
    if not (math.isfinite(spacing_um) and spacing_um > 0):
        raise OptionError(f"endfoot_sites.spacing_um: {spacing_um!r}; give a length above 0.")
    return places


def _numbers(
    n: int, mean: float, sd: float, ends: tuple[int, int], moments: str, rng: np.random.Generator
) -> np.ndarray:
    """How many endfeet each astrocyte wants."""
    one_of("endfoot_sites.moments", moments, ("built", "before"))
    low, high = ends
    whole("endfoot_sites.range_endfeet", low, 0)
    whole("endfoot_sites.range_endfeet", high, max(low, 1))
    if moments == "built":
        law = truncated_normal(mean, sd, low, high, values="whole", where="endfoot_sites.endfeet")
        return law.draw(rng, n)
    if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0):
        raise OptionError(f"endfoot_sites.sd_endfeet: a normal law of {mean:g} +- {sd:g}; give a width above 0.")
    return np.rint(TruncatedNormal(mean, sd, low, high, mean, sd).draw(rng, n)).astype(np.int64)


def _targets(vessels: Vasculature, spacing_um: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places evenly along each section: where, how wide the vessel is there (its radius), on which segment."""
    if not len(vessels):
        return np.empty((0, 3)), np.empty(0), np.empty(0, dtype=np.int64)
    lengths = vessels.lengths
    _, first = np.unique(vessels.section_ids, return_index=True)  # segments stand section by section
    size = np.add.reduceat(lengths, first)
    count = np.where(size > 0, np.maximum(1, np.rint(size / spacing_um)), 0).astype(np.int64)
    section = np.repeat(np.arange(len(first)), count)
    rank = np.arange(len(section)) - np.repeat(np.cumsum(count) - count, count)
    ends = np.cumsum(lengths)
    begin = ends - lengths
    along = begin[first][section] + (rank + 0.5) * (size / np.maximum(count, 1))[section]
    last = np.append(first[1:], len(lengths))[section] - 1
    segment = np.clip(np.searchsorted(ends, along, side="right"), first[section], last)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(lengths[segment] > 0, (along - begin[segment]) / lengths[segment], 0).clip(0, 1)
    kept = lengths[segment] > 0
    segment, part = segment[kept], part[kept]
    radii = vessels.radii[segment]
    places = vessels.starts[segment] + part[:, None] * (vessels.ends - vessels.starts)[segment]
    return places, radii[:, 0] + part * (radii[:, 1] - radii[:, 0]), segment


def _faces(domains: Domains) -> tuple[np.ndarray, np.ndarray]:
    """The outward unit normal and the offset of the plane of each triangle; 0 and 0 for one without an area."""
    meshes = domains.meshes
    flat = meshes.triangles + np.repeat(meshes.point_starts[:-1], np.diff(meshes.triangle_starts))[:, None]
    a, b, c = (meshes.points[flat[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    size = np.sqrt((normals**2).sum(axis=1, keepdims=True))
    normals = np.divide(normals, size, out=np.zeros_like(normals), where=size > 1e-9 * size.max(initial=0))
    return normals, (normals * a).sum(axis=1)


def _flat(domains: Domains) -> tuple[np.ndarray, ...]:
    meshes = domains.meshes
    return meshes.points, meshes.point_starts, meshes.triangles, meshes.triangle_starts


def _candidates(
    targets: np.ndarray, radii: np.ndarray, domains: Domains, faces: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """How many targets touch each domain, and which, domain by domain."""
    from conntap.build.ngv._sites import reached

    if not len(targets) or not len(domains.meshes.triangles):
        return np.zeros(len(domains), dtype=np.int64), np.empty(0, dtype=np.int64)
    low, extent = targets.min(axis=0), np.ptp(targets, axis=0)
    step = max(15.0, float(np.prod(extent.clip(min=1e-3)) / (4 * len(targets) + 64)) ** (1 / 3), extent.max() / 1000)
    shape = (np.floor(extent / step) + 1).astype(np.int64)
    voxel = np.ravel_multi_index(tuple(np.floor((targets - low) / step).astype(np.int64).T), tuple(shape))
    order = np.argsort(voxel, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(voxel, minlength=int(np.prod(shape))))])
    room = 40 * len(domains) + 1024
    while True:
        found = np.empty(room, dtype=np.int64)
        counts = reached(targets, radii, order, starts, low, step, shape, _flat(domains), *faces, found)
        if counts.sum() <= room:
            return counts, found[: counts.sum()]
        room = int(counts.sum())


def _dealt(
    wanted: np.ndarray, counts: np.ndarray, candidates: np.ndarray, keys: np.ndarray, *targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The astrocyte and the target of each endfoot, sorted by astrocyte, then as they were taken."""
    from conntap.build.ngv._sites import chosen

    if not len(candidates):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)])
    own, n_own = chosen(wanted, starts, candidates, keys, *targets)
    return np.repeat(np.arange(len(wanted)), n_own), own[np.arange(own.shape[1]) < n_own[:, None]]


def _touched(
    vessels: Vasculature,
    domains: Domains,
    faces: tuple[np.ndarray, ...],
    places: np.ndarray,
    astrocyte: np.ndarray,
    *targets: np.ndarray,
) -> Any:
    from conntap.build.ngv._sites import projected

    node = vessels.edges.ravel()
    order = np.argsort(node, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(node, minlength=len(vessels.points)))])
    network = (vessels.points, vessels.diameters / 2, vessels.edges, starts, order // 2, _voxels(vessels))
    return projected(astrocyte, places[astrocyte], *targets, network, _flat(domains), *faces)


def _voxels(vessels: Vasculature) -> tuple[Any, ...]:
    """Which segments come near each voxel: where they begin, and they; the corner, side and number of voxels."""
    from conntap.build.ngv._sites import voxelled

    radii, edges = vessels.diameters / 2, vessels.edges
    if not len(edges):
        return np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int32), np.zeros(3), 1.0, np.zeros(3, dtype=np.int64)
    low, high = (vessels.points - radii[:, None]).min(axis=0), (vessels.points + radii[:, None]).max(axis=0)
    boxes = np.abs(vessels.ends - vessels.starts) + 2 * vessels.radii.max(axis=1, keepdims=True)
    step = max(
        float(np.prod((high - low).clip(min=1e-3)) / (4 * len(edges) + 64)) ** (1 / 3), (high - low).max() / 1000
    )
    while np.prod(boxes / step + 1, axis=1).sum() > 64 * len(edges) + 1e6:
        step *= 1.5
    shape = (np.floor((high - low) / step) + 1).astype(np.int64)
    return *voxelled(vessels.points, radii, edges, low, step, shape), low, step, shape


def _ends(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not len(points):
        return np.full(3, np.nan), np.full(3, np.nan)
    return points.min(axis=0), points.max(axis=0)


def _tell(told: dict[str, int]) -> None:
    short = told["wanted"] - told["placed"]
    _LOG.info("%(placed)d endfeet of %(wanted)d that are wanted.", told)
    if short:
        _LOG.warning(
            "endfoot_sites: %d of %d endfeet have no free target; %d astrocytes have no endfoot.",
            short,
            told["wanted"],
            told["astrocytes_without"],
        )
    if told["outside_domain"] or told["inside_vessel"]:
        _LOG.warning(
            "endfoot_sites: %d endfeet touch their vessel beyond the domain, %d within another vessel.",
            told["outside_domain"],
            told["inside_vessel"],
        )


def _table(
    vessels: Vasculature,
    astrocyte: np.ndarray,
    segment: np.ndarray,
    surface: np.ndarray,
    target: np.ndarray,
    told: dict[str, int],
) -> pd.DataFrame:
    columns = {
        "astrocyte": astrocyte.astype(np.int64),
        "vasculature_node_id": segment.astype(np.int64),
        "vasculature_section_id": vessels.section_ids[segment],
        "vasculature_segment_id": vessels.segment_ids[segment],
    }
    columns |= {f"endfoot_surface_{axis}": surface[:, i] for i, axis in enumerate("xyz")}
    columns |= {f"target_{axis}": target[:, i] for i, axis in enumerate("xyz")}
    table = pd.DataFrame(columns).rename_axis("endfoot_id")
    table.attrs.update(told)
    return table

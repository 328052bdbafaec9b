"""Circuits of neurons, glia and vessels beside what is published about tissue."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from conntap.circuits.circuit import Circuit
from conntap.circuits.edges import EdgePopulation
from conntap.circuits.morphologies import Segments
from conntap.circuits.nodes import NodePopulation
from conntap.circuits.tissue import Vasculature
from conntap.errors import CircuitError, OptionError, known, whole

__all__ = ["ngv_validation"]

_TOLERANCE = 0.2  # of a published mean without a standard deviation


class _Published(NamedTuple):
    quantity: str
    unit: str
    low: float
    high: float
    mean: float
    sd: float
    source: str

    @classmethod
    def about(cls, quantity: str, unit: str, mean: float, sd: float, source: str) -> _Published:
        """A mean with a standard deviation; where that is not told, a fifth of the mean stands for it."""
        width = sd if math.isfinite(sd) else _TOLERANCE * mean
        return cls(quantity, unit, mean - width, mean + width, mean, sd, source)


_NAN = float("nan")
_MODEL = "Zisis et al. 2021, their model"
_PUBLISHED = (
    _Published.about("astrocyte_density", "1/mm3", 12_286, 1_601, "Appaix et al."),
    _Published.about("astrocyte_density", "1/mm3", 15_696, 860, "Grosche et al."),
    _Published.about("astrocyte_density", "1/mm3", 18_000, 2_000, "Leahy et al."),
    _Published.about("astrocyte_density", "1/mm3", 10_800, _NAN, "Schreiner et al."),
    _Published.about("nearest_neighbour", "um", 30, 4, "Lopez-Hidalgo et al."),
    _Published.about("soma_radius", "um", 5.55, _NAN, _MODEL),
    _Published.about("domain_volume", "um3", 86_700, 29_000, "Ogata and Kosaka"),
    _Published.about("domain_volume", "um3", 65_900, 3_200, "Bushong et al."),
    _Published.about("domain_volume", "um3", 64_800, 4_300, "Lopez-Hidalgo et al."),
    _Published.about("domain_volume", "um3", 86_000, 33_000, _MODEL),
    _Published.about("endfeet_per_astrocyte", "", 2.06, 1.1, _MODEL),
    _Published.about("endfoot_area", "um2", 191.6, 160.6, "Cali et al."),
    _Published.about("endfoot_path", "um", 17, 2, "Moye et al."),
    _Published("primary_processes", "", 4, 9.6, 6.8, _NAN, "several, 4 to 9.6"),
    _Published.about("primary_processes", "", 8.0, 1.1, _MODEL),
    _Published.about("vessel_coverage", "", 0.30, _NAN, _MODEL),
    _Published.about("vessel_length_density", "m/mm3", 1.0, _NAN, "about 1 m/mm3"),
)


def ngv_validation(circuit: Circuit, *, cells: int = 200) -> pd.DataFrame:
    """Set what was built of astrocytes and vessels beside what is published, one row a published value.

    Published densities exclude each other: a circuit passes the one that it was built for.

    Parameters
    ----------
    circuit
        With a population of astrocytes, one of vessels and endfeet between them.
    cells
        Of how many astrocytes the morphologies are read, evenly taken from all.

    Returns
    -------
    Index 0, 1, 2 ...; columns `quantity`, `unit`, `mean`, `sd` and `n` as built, `published`, `published_sd`, `low`, `high`, `source`,
    `verdict`: "pass" where the mean built lies from `low` to `high` (one standard deviation around the published mean; a fifth of the mean where none is
    told), else "miss"; "unknown" where the circuit does not tell. Volumes of domains are those with overlap, of domains that touch no
    wall; where all do they are unknown. Densities are over the volume of all domains without overlap. Nearest neighbours are between
    centres of somata, of all astrocytes; near walls they are farther. Primary processes are all that leave the soma, those to
    endfeet too. The path to an endfoot runs along its process from the soma's surface; the published text does not tell where
    theirs begins: from the soma's centre it is longer by the soma's radius. Areas are those of endfeet that have one.
    Of vessels what lies in the box around the domains counts.

    Raises
    ------
    CircuitError
        Not one population of astrocytes, of vessels and of endfeet.
    OptionError
        No number of cells from 0 on.

    Notes
    -----
    Some 10 ms a morphology; the rest grows with astrocytes, segments and triangles. Sources as collected in Zisis et al. 2021,
    doi:10.1093/cercor/bhab254.

    Examples
    --------
    `tap ngv` ends with this step; of a circuit on disk: `ngv_validation(conntap.open_circuit("circuit"))`.
    """
    whole("ngv_validation.cells", cells, 0)
    if not hasattr(circuit, "node_populations"):
        raise OptionError(
            "ngv_validation.circuit: no circuit on disk. Open one (conntap.open_circuit), such as build.ngv_circuit writes."
        )
    astrocytes = _one(circuit.node_populations, "astrocyte", circuit)
    vasculature = _one(circuit.node_populations, "vasculature", circuit)
    edges = _one(circuit.edge_populations, "endfoot", circuit)
    built = dict(_measured(astrocytes, vasculature, edges, cells))
    rows = []
    for each in _PUBLISHED:
        values = built.get(each.quantity, np.empty(0))
        mean = float(values.mean()) if len(values) else _NAN
        verdict = "unknown" if math.isnan(mean) else "pass" if each.low <= mean <= each.high else "miss"
        sd = float(values.std(ddof=1)) if len(values) > 1 else _NAN
        told = {"published": each.mean, "published_sd": each.sd, "low": each.low, "high": each.high}
        row = {"quantity": each.quantity, "unit": each.unit, "mean": mean, "sd": sd, "n": len(values)}
        rows.append(row | told | {"source": each.source, "verdict": verdict})
    return pd.DataFrame(rows)


def _one(populations: dict[str, Any], kind: str, circuit: Circuit) -> Any:
    found = [each for each in populations.values() if each.options.get("type") == kind]
    if len(found) != 1:
        raise CircuitError(
            f"{circuit.path}: {len(found)} populations of type {kind!r} among {known(populations)}; this needs one."
        )
    return found[0]


def _measured(
    astrocytes: NodePopulation, vasculature: NodePopulation, edges: EdgePopulation, cells: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Quantity -> the values that were built."""
    table, domains, vessels = astrocytes.table(["x", "y", "z", "radius"]), astrocytes.domains, vasculature.vessels
    volumes = domains.volumes
    tissue = _tissue(domains)
    yield "astrocyte_density", np.array([len(table) / tissue * 1e9] if tissue > 0 else [])
    lengths = vessels.lengths * _within(vessels, domains.meshes.points)
    yield "vessel_length_density", np.array([lengths.sum() / tissue * 1e3] if tissue > 0 else [])
    yield "nearest_neighbour", _nearest(table[["x", "y", "z"]].to_numpy(dtype=np.float64))
    yield "soma_radius", table["radius"].to_numpy(dtype=np.float64)
    inner = [number for number in range(len(domains)) if not _at_wall(domains, number)]
    yield "domain_volume", volumes[np.array(inner, dtype=np.int64)]
    endfeet = edges.endfeet
    areas = endfeet.table["area"].to_numpy(dtype=np.float64)
    yield "endfeet_per_astrocyte", np.bincount(endfeet.table["astrocyte"], minlength=len(table)).astype(float)
    yield "endfoot_area", areas[areas > 0]
    surface = math.pi * (vessels.radii.sum(axis=1) * lengths).sum()
    yield "vessel_coverage", np.array([areas.sum() / surface] if surface > 0 else [])
    yield from _of_morphologies(astrocytes, edges, cells)


def _within(vessels: Vasculature, points: np.ndarray) -> np.ndarray:
    """Of each segment the share in the box around points: vessels of a larger tissue may go on beyond it."""
    if not len(points):
        return np.zeros(len(vessels))
    step = vessels.ends - vessels.starts
    step = np.where(np.abs(step) < 1e-12, 1e-12, step)
    walls = (np.stack([points.min(axis=0), points.max(axis=0)])[:, None] - vessels.starts) / step
    enters, leaves = walls.min(axis=0).max(axis=1), walls.max(axis=0).min(axis=1)
    return (leaves.clip(0, 1) - enters.clip(0, 1)).clip(min=0)


def _tissue(domains: Any) -> float:
    """The volume of the tissue that domains share, without their overlaps, um^3.

    A domain that touches no wall grew as a whole. Of others the faces toward neighbours are moved back to where they were; walls stay.
    """
    before = domains.volumes / domains.scalings**3
    for number in range(len(domains)):
        begin, end = domains.meshes.triangle_starts[number : number + 2]
        walls = domains.neighbours[begin:end] < 0
        if walls.any() and domains.scalings[number] > 1:
            before[number] = _before_growth(domains.meshes[number], domains.planes(number), walls, before[number])
    return float(before.sum())


def _before_growth(mesh: Any, planes: tuple[np.ndarray, np.ndarray], walls: np.ndarray, naive: float) -> float:
    """The volume of a domain whose faces toward neighbours go back toward its centre of mass; `naive` as if all did."""
    from scipy.spatial import ConvexHull, HalfspaceIntersection, QhullError

    (normals, offsets), corners, middle = planes, mesh.points[mesh.triangles], mesh.points.mean(axis=0)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    parts = ((corners[:, 0] - middle) * across).sum(axis=1) / 6
    centre = middle + (parts[:, None] * (corners - middle).sum(axis=1)).sum(axis=0) / (4 * parts.sum())
    across = across / np.sqrt((across**2).sum(axis=1)).clip(min=1e-12)[:, None]
    stays = (normals @ across[walls].T > 1 - 1e-6).any(axis=1)
    reach = offsets - normals @ centre
    back = np.where(stays, reach, reach * (naive / mesh.volume) ** (1 / 3))
    try:
        found = HalfspaceIntersection(np.column_stack([normals, -back]), np.zeros(3)).intersections
        return float(ConvexHull(found).volume)
    except (QhullError, ValueError):
        return naive


def _at_wall(domains: Any, number: int) -> bool:
    begin, end = domains.meshes.triangle_starts[number : number + 2]
    return bool((domains.neighbours[begin:end] < 0).any()) or begin == end


def _nearest(places: np.ndarray) -> np.ndarray:
    from scipy.spatial import cKDTree

    return cKDTree(places).query(places, k=2)[0][:, 1] if len(places) > 1 else np.empty(0)


def _of_morphologies(astrocytes: NodePopulation, edges: EdgePopulation, cells: int) -> Iterator[tuple[str, np.ndarray]]:
    """Primary processes of each cell, and the path from its soma to each endfoot."""
    names = [str(each) for each in astrocytes.column("morphology")]
    chosen = np.unique(np.linspace(0, len(names) - 1, min(cells, len(names))).round().astype(np.int64))
    morphologies, primary, paths = astrocytes.morphologies, [], []
    ends = edges.table(properties="astrocyte_section_id")
    reached = ends.groupby("post")["astrocyte_section_id"].apply(list).to_dict()
    for number in chosen.tolist():
        segments = morphologies[names[number]]
        lengths, parents = _tree(segments)
        primary.append((parents[1:] == 0).sum())
        for section in reached.get(number, []):
            paths.append(_path(int(section), lengths, parents))
    yield "primary_processes", np.array(primary, dtype=np.float64)
    yield "endfoot_path", np.array(paths, dtype=np.float64)


def _tree(segments: Segments) -> tuple[np.ndarray, np.ndarray]:
    """Of each section its length and its parent (0 is the soma), told by where it begins."""
    first = np.flatnonzero(segments.number == 0)
    n = int(segments.section.max(initial=0)) + 1
    lengths, parents = np.zeros(n), np.zeros(n, dtype=np.int64)
    lengths[segments.section[first]] = segments.whole[first]
    ends = {}
    last = np.append(first[1:], len(segments.section)) - 1
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        section = int(segments.section[begin])
        if section:
            start = segments.start[begin]
            parents[section] = ends.get(_key(start), 0)
            ends[_key(segments.start[end] + segments.step[end])] = section
    return lengths, parents


def _key(place: np.ndarray) -> tuple[float, ...]:
    return tuple(np.round(place, 3).tolist())


def _path(section: int, lengths: np.ndarray, parents: np.ndarray) -> float:
    path = 0.0
    while section > 0:
        path += lengths[section]
        section = int(parents[section])
    return path

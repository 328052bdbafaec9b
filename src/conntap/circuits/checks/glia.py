"""Checks of circuits with glia and vessels: whether what astrocytes, vessels and neurons say of each other holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.checks.astrocyte_shapes import AstrocyteShapes, shapes_of
from conntap.circuits.checks.findings import Finding, error, odd
from conntap.circuits.circuit import Circuit
from conntap.circuits.edges import EdgePopulation
from conntap.circuits.nodes import NodePopulation
from conntap.circuits.sonata.hdf5 import opened
from conntap.circuits.tissue import Domains, Endfeet
from conntap.circuits.tissue.opening import domains_of, endfeet_of, named_file, vessels_of
from conntap.circuits.tissue.vessel_files import section_points
from conntap.errors import CircuitError, MissingExtra, known

__all__ = ["glia_findings"]

_OFF_SURFACE_UM = 0.01
_THICKEST_UM = 20.0  # radius of a process
_MOST = 100  # findings on one population of edges
_TYPES = ("astrocyte", "vasculature", "endfoot", "synapse_astrocyte", "glialglial")


def glia_findings(circuit: Circuit) -> Iterator[Finding]:
    """What is wrong or odd between the astrocytes, vessels and neurons of a circuit; nothing where it has none.

    Notes
    -----
    Reads domains, vessels, patches of endfeet, gap junctions and morphologies whole, synapses in chunks: some milliseconds a cell;
    memory for 16 bytes a point of the morphologies and 4 a synapse.
    """
    populations = [*circuit.node_populations.values(), *circuit.edge_populations.values()]
    if not any(each.options.get("type") in _TYPES for each in populations):
        return
    cells = {name: _Astrocytes(each) for name, each in circuit.node_populations.items() if _is(each, "astrocyte")}
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = []
    checks += [(f"nodes {name}", each.findings) for name, each in cells.items()]
    for name, nodes in circuit.node_populations.items():
        if _is(nodes, "vasculature"):
            checks.append((f"nodes {name}", lambda nodes=nodes: _vessels(nodes)))
    for name, edges in circuit.edge_populations.items():
        for kind, check in (("endfoot", _endfeet), ("synapse_astrocyte", _synapses), ("glialglial", _junctions)):
            if _is(edges, kind):
                checks.append((f"edges {name}", lambda edges=edges, check=check: check(circuit, edges, cells)))
    for where, check in checks:
        try:
            with np.errstate(all="ignore"):  # what is not finite is told
                found = list(check())
            yield from (Finding(each.level, where, each.what) for each in found)
        except (CircuitError, KeyError, ValueError) as wrong:
            yield error(where, str(wrong))


def _is(population: NodePopulation | EdgePopulation, kind: str) -> bool:
    return population.options.get("type") == kind


class _Astrocytes:
    """A population of astrocytes with what others refer to: domains, and the sections of each."""

    def __init__(self, nodes: NodePopulation) -> None:
        self.nodes = nodes

    @cached_property
    def domains(self) -> Domains:
        return domains_of(self.nodes)

    @cached_property
    def shapes(self) -> AstrocyteShapes | MissingExtra:
        try:
            return shapes_of(self.nodes)
        except MissingExtra as lacking:
            return lacking

    def findings(self) -> Iterator[Finding]:
        if "radius" in self.nodes.properties:
            radius = np.asarray(self.nodes.column("radius"), dtype=np.float64)
            yield from _which(error, ~((radius > 0) & np.isfinite(radius)), "astrocytes have no radius above 0")
        yield from self._of_domains()
        if isinstance(self.shapes, MissingExtra):
            yield odd("", f"morphologies were not looked at: {self.shapes}")
        else:
            yield from self.shapes.faults

    def _of_domains(self) -> Iterator[Finding]:
        place = np.column_stack([np.asarray(self.nodes.column(axis), dtype=np.float64) for axis in "xyz"])
        domains = self.domains
        inside = [bool(domains.contains(n, place[n : n + 1], tolerance_um=1e-3)[0]) for n in range(len(place))]
        yield from _which(odd, ~np.array(inside, dtype=bool), "astrocytes lie outside their own domains")
        full = np.diff(domains.meshes.triangle_starts) > 0
        closed = np.array([each.is_closed for each in domains.meshes], dtype=bool)
        yield from _which(odd, full & ~closed, "domains have a surface with holes")
        within = [
            bool(domains.contains(n, domains.meshes[n].points, tolerance_um=1e-2).all()) for n in np.flatnonzero(full)
        ]
        bulged = np.zeros(len(full), dtype=bool)
        bulged[full] = ~np.array(within, dtype=bool)
        yield from _which(odd, bulged, "domains are not convex")
        scaled = (domains.scalings >= 1) & (domains.scalings < 2)
        yield from _which(odd, full & ~scaled, "domains have a scaling that is none from 1 to below 2")
        mine, theirs = domains.meshes.owners, domains.neighbours
        inner = theirs >= 0
        pairs = pd.MultiIndex.from_arrays([mine[inner], theirs[inner]])
        back = pd.MultiIndex.from_arrays([theirs[inner], mine[inner]])
        alone = np.zeros(len(full), dtype=bool)
        alone[mine[inner][~pairs.isin(back) | (mine[inner] == theirs[inner])]] = True
        yield from _which(odd, alone, "domains have a neighbour that does not have them")

    def on(self, cells: np.ndarray, given: dict[str, np.ndarray], first_edge: int = 0) -> Iterator[Finding]:
        """What is wrong with places that edges name on the morphologies of astrocytes."""
        if isinstance(self.shapes, AstrocyteShapes):
            yield from self.shapes.findings(cells, given, first_edge)


def _which(level: Callable[[str, str], Finding], wrong: np.ndarray, what: str) -> Iterator[Finding]:
    if wrong.any():
        yield level("", f"{wrong.sum():,} {what}, such as {known(np.flatnonzero(wrong).tolist(), most=3)}")


def _given(table: Mapping[str, Any], start: str) -> dict[str, np.ndarray]:
    """Of columns such as astrocyte_section_id those that begin so, without that."""
    return {name.removeprefix(start): np.asarray(table[name]) for name in table if name.startswith(start)}


def _not_finite(table: Mapping[str, Any]) -> Iterator[Finding]:
    wrong = [
        name for name in table if (each := np.asarray(table[name])).dtype.kind == "f" and not np.isfinite(each).all()
    ]
    if wrong:
        yield error("", f"numbers that are not finite in {known(wrong)}")


def _vessels(nodes: NodePopulation) -> Iterator[Finding]:
    vessels = vessels_of(nodes)
    for key in ("vasculature_file", "vasculature_mesh"):
        path = named_file(nodes, key)
        if not path.is_file():
            yield error("", f"{key}: no file {path}")
    short = int((vessels.lengths == 0).sum())
    if short:
        yield odd("", f"{short:,} segments have no length")
    path = named_file(nodes, "vasculature_file")
    if path.suffix == ".h5" and path.is_file():
        with opened(path) as file:
            points = file["points"][()]
        numbers = section_points(vessels)[0]
        own = np.column_stack([vessels.points[numbers], vessels.diameters[numbers]])
        if points.shape != own.shape or not np.allclose(points, own, rtol=1e-6, atol=1e-3):
            yield odd("", f"vasculature_file: {path} has other points or diameters than the nodes")


def _endfeet(circuit: Circuit, edges: EdgePopulation, cells: dict[str, _Astrocytes]) -> Iterator[Finding]:
    table = edges.table()
    endfeet = None
    try:
        endfeet = endfeet_of(edges)
    except (CircuitError, KeyError, ValueError) as wrong:
        yield from _endfoot_ids(table) or [error("", str(wrong))]
    if endfeet is not None:
        yield from _patches(endfeet)
        empty = int((np.diff(endfeet.meshes.triangle_starts) == 0).sum())
        if empty:
            yield odd("", f"{empty:,} endfeet have no patch of surface")
    vessels = vessels_of(circuit.nodes(edges.source))
    segment = table["pre"].to_numpy()
    for name, ids in (("section", vessels.section_ids), ("segment", vessels.segment_ids)):
        told = table[f"vasculature_{name}_id"].to_numpy(dtype=np.int64)
        wrong = told != ids[segment]
        if wrong.any():
            at = int(wrong.argmax())
            yield error(
                "",
                f"{wrong.sum():,} edges name another {name} than the vessel at their source has, such as edge {at}: "
                f"{told[at]}, but {ids[segment[at]]}. Write vasculature_{name}_id of the node at the source.",
            )
    surface = table[[f"endfoot_surface_{axis}" for axis in "xyz"]].to_numpy(dtype=np.float64)
    yield from _not_finite(table)
    off = np.abs(_off_frustum(surface, vessels.starts[segment], vessels.ends[segment], vessels.radii[segment]))
    if (off > _OFF_SURFACE_UM).any():
        yield odd(
            "",
            f"{(off > _OFF_SURFACE_UM).sum():,} endfeet lie more than {_OFF_SURFACE_UM} um off the surface of their segment, up to {np.nanmax(off):.2g}",
        )
    if endfeet is not None:
        yield from _compartments(table, endfeet)
    if edges.target in cells and "astrocyte_section_id" in table:
        owner, section = table["post"].to_numpy(), table["astrocyte_section_id"].to_numpy(dtype=np.int64)
        yield from cells[edges.target].on(owner, {"section_id": section})
        shapes = cells[edges.target].shapes
        if isinstance(shapes, AstrocyteShapes):
            apart = np.abs(shapes.ends(owner, section) - surface).max(axis=1)
            missed = (apart > _OFF_SURFACE_UM + 1e-6 * np.abs(surface).max(axis=1)) | (
                (section == 0) & (shapes.firsts[owner] >= 0)
            )
            yield from _which(odd, missed, "edges name a section that does not end at their endfoot")


def _endfoot_ids(table: pd.DataFrame) -> list[Finding]:
    """Where the numbers of endfeet are not 0 to the number of edges, each once."""
    if "endfoot_id" not in table:
        return []
    ids = table["endfoot_id"].to_numpy(dtype=np.int64)
    wrong = (ids < 0) | (ids >= len(ids)) | pd.Series(ids).duplicated().to_numpy()
    if not wrong.any():
        return []
    at = int(wrong.argmax())
    what = (
        f"{wrong.sum():,} edges have an endfoot_id that is none of 0 to {len(ids) - 1} or that an edge before them has"
    )
    return [error("", f"{what}, such as edge {at}: {ids[at]}. Number the endfeet as their patches are, each once.")]


def _patches(endfeet: Endfeet) -> Iterator[Finding]:
    """Whether areas are those of the patches, and thickness is above 0."""
    area, before, thick = (endfeet.table[name].to_numpy(float) for name in ("area", "unreduced_area", "thickness"))
    yield from _which(
        error, ~np.isfinite(area + before + thick), "endfeet have an area or thickness that is not finite"
    )
    measured = endfeet.meshes.areas
    yield from _which(
        odd, ~(np.abs(area - measured) <= 0.01 + 1e-3 * measured), "endfeet have another area than their patch"
    )
    yield from _which(odd, before < area * (1 - 1e-5), "endfeet are larger than before they were trimmed")
    yield from _which(odd, ~(thick > 0), "endfeet have no thickness above 0")


def _compartments(table: pd.DataFrame, endfeet: Endfeet) -> Iterator[Finding]:
    """Whether the compartment of each endfoot has its volume, and its area."""
    names = [f"endfoot_compartment_{name}" for name in ("length", "diameter", "perimeter")]
    if any(name not in table for name in names):
        return
    length, diameter, perimeter = (table[name].to_numpy(dtype=np.float64) for name in names)
    own = endfeet.table.iloc[table["endfoot_id"].to_numpy(dtype=np.int64)]
    area, thick = own["area"].to_numpy(dtype=np.float64), own["thickness"].to_numpy(dtype=np.float64)
    fits = np.isclose(perimeter * length, area, rtol=1e-3) & np.isclose(
        math.pi / 4 * diameter**2 * length, area * thick, rtol=1e-3
    )
    yield from _which(odd, ~fits, "edges have a compartment of another area or volume than their endfoot")


def _off_frustum(points: np.ndarray, start: np.ndarray, end: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """How far points are off the side of their frustum, measured across its axis."""
    step = end - start
    along = ((points - start) * step).sum(axis=1) / (step**2).sum(axis=1).clip(min=1e-300)
    along = along.clip(0, 1)
    apart = np.sqrt(((points - start - along[:, None] * step) ** 2).sum(axis=1))
    return apart - (radii[:, 0] + along * (radii[:, 1] - radii[:, 0]))


def _synapses(circuit: Circuit, edges: EdgePopulation, cells: dict[str, _Astrocytes]) -> Iterator[Finding]:
    names = [each for each in edges.properties if each.startswith(("astrocyte_", "synapse_"))]
    posts: dict[str, np.ndarray] = {}
    first, found = 0, []
    for pre, post, columns in edges.iter_chunks(properties=names):
        populations = pd.Series(columns["synapse_population"])
        for name in populations.unique():
            mine = np.flatnonzero(populations == name)
            number = np.asarray(columns["synapse_id"])[mine].astype(np.int64)
            found += _of_population(circuit, str(name), number, post[mine], first + mine, posts)
        found += _not_finite(columns)
        if edges.source in cells:
            found += cells[edges.source].on(pre, _given(columns, "astrocyte_"), first)
        first += len(pre)
    yield from found[:_MOST]


def _of_population(
    circuit: Circuit, name: str, number: np.ndarray, post: np.ndarray, rows: np.ndarray, posts: dict[str, np.ndarray]
) -> Iterator[Finding]:
    """Whether synapses are there, and lead to the neurons that their edges name; `posts` keeps what was read."""
    if name not in circuit.edge_populations:
        yield error("", f"synapse_population {name!r} is none of {known(circuit.edge_populations)}")
        return
    synapses = circuit.edges(name)
    beyond = number >= synapses.size
    if beyond.any():
        yield error("", f"{beyond.sum():,} edges name a synapse beyond the {synapses.size:,} of {name!r}")
        return
    if name not in posts:
        kind = np.uint32 if circuit.nodes(synapses.target).size <= 1 << 32 else np.int64
        posts[name] = np.empty(synapses.size, dtype=kind)
        at = 0
        for _, each, _ in synapses.iter_chunks():
            posts[name][at : at + len(each)] = each
            at += len(each)
    wrong = post != posts[name][number]
    if wrong.any():
        yield error(
            "", f"{wrong.sum():,} edges lead to another neuron than their synapse, such as edge {rows[wrong.argmax()]}"
        )


def _junctions(circuit: Circuit, edges: EdgePopulation, cells: dict[str, _Astrocytes]) -> Iterator[Finding]:
    sides = {"efferent": "pre", "afferent": "post"}
    given = [each for each in edges.properties if each.startswith(tuple(sides)) or each == "spine_length"]
    table = edges.table(properties=given)
    yield from _not_finite(table)
    shared = [f"{{}}_{name}" for name in ("section_id", "segment_id", "junction_id") if f"efferent_{name}" in table]
    there, back = (
        pd.MultiIndex.from_frame(
            table[[*ends, *(name.format(side) for name in shared for side in order)]].astype(np.int64)
        )
        for ends, order in ((["pre", "post"], [*sides]), (["post", "pre"], [*sides][::-1]))
    )
    alone = int((~there.isin(back)).sum())
    if alone:
        yield odd("", f"{alone:,} gap junctions have no edge in the other direction")
    same = int((table["pre"] == table["post"]).sum())
    if same:
        yield error("", f"{same:,} gap junctions lead from an astrocyte to itself")
    yield from _gaps(table)
    for side, end in sides.items():
        if edges.source in cells and f"{side}_section_id" in table:
            yield from cells[edges.source].on(table[end].to_numpy(), _given(table, f"{side}_"))


def _gaps(table: pd.DataFrame) -> Iterator[Finding]:
    """Whether surfaces lie between the two axes, as far apart as told, and both sides have one number."""
    names = [
        f"{side}_{kind}_{axis}" for side in ("efferent", "afferent") for kind in ("center", "surface") for axis in "xyz"
    ]
    if "efferent_junction_id" in table and "afferent_junction_id" in table:
        other = (table["efferent_junction_id"] != table["afferent_junction_id"]).to_numpy()
        yield from _which(odd, other, "gap junctions have two numbers")
    if any(name not in table for name in (*names, "spine_length")):
        return
    one, mine, other, theirs = table[names].to_numpy(dtype=np.float64).reshape(-1, 4, 3).transpose(1, 0, 2)
    apart, radii = other - one, [np.sqrt((each**2).sum(axis=1)) for each in (mine - one, theirs - other)]
    size = np.sqrt((apart**2).sum(axis=1))
    off = sum(np.abs(np.cross(each, apart)).max(axis=1) / size.clip(min=1e-9) for each in (mine - one, theirs - other))
    gap = (size - radii[0] - radii[1]).clip(min=0)
    rough = _OFF_SURFACE_UM + 1e-6 * np.abs(one).max(axis=1, initial=0.0)
    wrong = ~((off <= 2 * rough) | (size < 0.1)) | ~(np.abs(gap - table["spine_length"].to_numpy()) <= 4 * rough)
    wrong |= ~(np.maximum(*radii) <= _THICKEST_UM)
    yield from _which(odd, wrong, "gap junctions have surfaces elsewhere than between their axes")

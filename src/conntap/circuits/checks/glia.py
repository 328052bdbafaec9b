"""Checks of circuits with glia and vessels: whether what astrocytes, vessels and neurons say of each other holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import h5py
import numpy as np
import pandas as pd

from conntap.circuits.checks.findings import Finding, error, odd
from conntap.circuits.circuit import Circuit
from conntap.circuits.edges import EdgePopulation
from conntap.circuits.morphologies import Morphologies
from conntap.circuits.nodes import NodePopulation
from conntap.circuits.tissue import Domains
from conntap.circuits.tissue.opening import domains_of, endfeet_of, named_file, vessels_of
from conntap.errors import CircuitError, MissingExtra, known

__all__ = ["glia_findings"]

_OFF_SURFACE_UM = 0.01
_TYPES = ("astrocyte", "vasculature", "endfoot", "synapse_astrocyte", "glialglial")


def glia_findings(circuit: Circuit) -> Iterator[Finding]:
    """What is wrong or odd between the astrocytes, vessels and neurons of a circuit; nothing where it has none.

    Notes
    -----
    Reads domains, vessels, patches of endfeet and the edges of glia whole, of each morphology how many sections it has.
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
            yield from (Finding(level, where, what) for level, what in ((e.level, e.what) for e in check()))
        except (CircuitError, KeyError, ValueError) as wrong:
            yield error(where, str(wrong))


def _is(population: NodePopulation | EdgePopulation, kind: str) -> bool:
    return population.options.get("type") == kind


class _Astrocytes:
    """A population of astrocytes with what others refer to: domains, and how many sections each has."""

    def __init__(self, nodes: NodePopulation) -> None:
        self.nodes = nodes

    @cached_property
    def domains(self) -> Domains:
        return domains_of(self.nodes)

    @cached_property
    def sections(self) -> np.ndarray:
        """Of each astrocyte the number of sections, without the soma; -1 where its morphology is missing."""
        names = [str(each) for each in self.nodes.column("morphology")]
        morphologies = Morphologies.of(self.nodes)
        return np.array([_section_count(morphologies, name) for name in names], dtype=np.int64)

    def findings(self) -> Iterator[Finding]:
        place = np.column_stack([np.asarray(self.nodes.column(axis), dtype=np.float64) for axis in "xyz"])
        apart = [number for number in range(len(place)) if not self._holds(number, place[number])]
        if apart:
            yield odd("", f"{len(apart)} astrocytes lie outside their own domains, such as {known(apart, most=3)}")
        try:
            missing = np.flatnonzero(self.sections < 0)
        except MissingExtra as lacking:
            yield odd("", f"morphologies were not looked at: {lacking}")
            return
        if len(missing):
            yield error(
                "",
                f"{len(missing)} astrocytes have no file of their morphology, such as {known(missing.tolist(), most=3)}",
            )

    def _holds(self, number: int, place: np.ndarray) -> bool:
        return bool(self.domains.contains(number, place[None], tolerance_um=1e-3)[0])

    def beyond(self, astrocytes: np.ndarray, sections: np.ndarray) -> Iterator[Finding]:
        """Sections that the morphologies of astrocytes do not have."""
        most = self.sections[astrocytes]
        wrong = (sections > most) & (most >= 0)
        if wrong.any():
            first = int(wrong.argmax())
            yield error(
                "",
                f"{wrong.sum():,} edges name a section that their astrocyte does not have, such as edge {first}: {sections[first]} of {most[first]}",
            )


def _section_count(morphologies: Morphologies, name: str) -> int:
    place = morphologies._place(name)
    if place is None:
        return -1
    folder, extension = place
    if extension == "h5" and folder.is_dir():
        with h5py.File(folder / f"{name}.h5", "r") as file:
            structure = file["structure"]
            return int(len(structure) - (structure[0, 1] == 1 if len(structure) else 0))
    return int(morphologies[name].section.max(initial=0))


def _vessels(nodes: NodePopulation) -> Iterator[Finding]:
    vessels = vessels_of(nodes)
    for key in ("vasculature_file", "vasculature_mesh"):
        path = named_file(nodes, key)
        if not path.is_file():
            yield error("", f"{key}: no file {path}")
    short = int((vessels.lengths == 0).sum())
    if short:
        yield odd("", f"{short:,} segments have no length")


def _endfeet(circuit: Circuit, edges: EdgePopulation, cells: dict[str, _Astrocytes]) -> Iterator[Finding]:
    endfeet = endfeet_of(edges)
    empty = int((np.diff(endfeet.meshes.triangle_starts) == 0).sum())
    if empty:
        yield odd("", f"{empty:,} endfeet have no patch of surface")
    vessels = vessels_of(circuit.nodes(edges.source))
    table = edges.table()
    segment = table["pre"].to_numpy()
    for name, ids in (("section", vessels.section_ids), ("segment", vessels.segment_ids)):
        wrong = table[f"vasculature_{name}_id"].to_numpy(dtype=np.int64) != ids[segment]
        if wrong.any():
            yield error(
                "",
                f"{wrong.sum():,} edges name another {name} than the vessel at their source has, such as edge {int(wrong.argmax())}",
            )
    surface = table[[f"endfoot_surface_{axis}" for axis in "xyz"]].to_numpy(dtype=np.float64)
    off = np.abs(_off_frustum(surface, vessels.starts[segment], vessels.ends[segment], vessels.radii[segment]))
    if (off > _OFF_SURFACE_UM).any():
        yield odd(
            "",
            f"{(off > _OFF_SURFACE_UM).sum():,} endfeet lie more than {_OFF_SURFACE_UM} um off the surface of their segment, up to {off.max():.2g}",
        )
    if edges.target in cells:
        yield from cells[edges.target].beyond(
            table["post"].to_numpy(), table["astrocyte_section_id"].to_numpy(dtype=np.int64)
        )


def _off_frustum(points: np.ndarray, start: np.ndarray, end: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """How far points are off the side of their frustum, measured across its axis."""
    step = end - start
    along = ((points - start) * step).sum(axis=1) / (step**2).sum(axis=1).clip(min=1e-300)
    along = along.clip(0, 1)
    apart = np.sqrt(((points - start - along[:, None] * step) ** 2).sum(axis=1))
    return apart - (radii[:, 0] + along * (radii[:, 1] - radii[:, 0]))


def _synapses(circuit: Circuit, edges: EdgePopulation, cells: dict[str, _Astrocytes]) -> Iterator[Finding]:
    table = edges.table(properties=["synapse_id", "synapse_population", "astrocyte_section_id"])
    for name, part in table.groupby("synapse_population", observed=True):
        if name not in circuit.edge_populations:
            yield error("", f"synapse_population {name!r} is none of {known(circuit.edge_populations)}")
            continue
        synapses = circuit.edges(str(name))
        number = part["synapse_id"].to_numpy(dtype=np.int64)
        beyond = number >= synapses.size
        if beyond.any():
            yield error("", f"{beyond.sum():,} edges name a synapse beyond the {synapses.size:,} of {name!r}")
            continue
        post = np.concatenate([np.empty(0, dtype=np.int64), *(post for _, post, _ in synapses.iter_chunks())])
        wrong = part["post"].to_numpy() != post[number]
        if wrong.any():
            yield error(
                "",
                f"{wrong.sum():,} edges lead to another neuron than their synapse, such as edge {part.index[wrong.argmax()]}",
            )
    if edges.source in cells:
        yield from cells[edges.source].beyond(
            table["pre"].to_numpy(), table["astrocyte_section_id"].to_numpy(dtype=np.int64)
        )


def _junctions(circuit: Circuit, edges: EdgePopulation, cells: dict[str, _Astrocytes]) -> Iterator[Finding]:
    names = ["efferent_section_id", "efferent_segment_id", "afferent_section_id", "afferent_segment_id"]
    table = edges.table(properties=names).astype(np.int64)
    there = pd.MultiIndex.from_frame(table[["pre", "post", *names]])
    back = pd.MultiIndex.from_frame(table[["post", "pre", *names[2:], *names[:2]]])
    alone = int((~there.isin(back)).sum())
    if alone:
        yield odd("", f"{alone:,} gap junctions have no edge in the other direction")
    same = int((table["pre"] == table["post"]).sum())
    if same:
        yield error("", f"{same:,} gap junctions lead from an astrocyte to itself")
    for side, end in (("efferent", "pre"), ("afferent", "post")):
        if edges.source in cells:
            yield from cells[edges.source].beyond(table[end].to_numpy(), table[f"{side}_section_id"].to_numpy())

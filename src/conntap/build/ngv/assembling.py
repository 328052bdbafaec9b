"""Neurons, astrocytes and vessels as one SONATA circuit."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.build.ngv.finishing import endfoot_compartments
from conntap.build.ngv.touches import parts_of
from conntap.circuits.circuit import Circuit, open_circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.sonata.ordering import order_of_pairs
from conntap.circuits.sonata.single_files import write_config, write_edges_file, write_nodes_file
from conntap.circuits.tissue import Domains, Endfeet, Mesh, Meshes, MorphologySet, Vasculature
from conntap.circuits.tissue.grouped_files import write_domains, write_endfeet
from conntap.circuits.tissue.morphology_files import write_morphologies
from conntap.circuits.tissue.surface_files import write_surface
from conntap.circuits.tissue.vessel_files import write_vasculature
from conntap.errors import CircuitError, known, one_of

__all__ = ["ngv_circuit"]

_NAMES = ("neurons", "vasculature", "astrocytes", "gliovascular", "neuroglial", "glialglial")
_SURFACE = [f"endfoot_surface_{axis}" for axis in "xyz"]
_ON_VESSEL = {"vasculature_section_id": np.uint32, "vasculature_segment_id": np.uint32}
_ON_ASTROCYTE = {
    "astrocyte_section_id": np.uint32,
    "astrocyte_segment_id": np.uint32,
    "astrocyte_segment_offset": np.float32,
    "astrocyte_section_pos": np.float32,
    **{f"astrocyte_center_{axis}": np.float32 for axis in "xyz"},
}
_WHOLE = ("section_id", "section_type", "segment_id")


def ngv_circuit(
    neurons: Circuit | Connectome,
    vessels: Vasculature,
    surface: Mesh,
    astrocytes: pd.DataFrame,
    domains: Domains,
    sites: pd.DataFrame,
    endfeet: Endfeet,
    morphologies: Sequence[MorphologySet],
    synapses: pd.DataFrame,
    junctions: pd.DataFrame,
    *,
    edges: str | None = None,
    model_template: str = "hoc:astrocyte",
    neurons_files: Literal["refer", "copy"] = "refer",
    folder: Path,
) -> Circuit:
    """Write neurons, astrocytes and vessels as one SONATA circuit, with the edges between them.

    Nodes: those of the neurons, `vasculature` (a node a segment), `astrocytes`. Edges: those of the neurons, `gliovascular` (vessels to
    astrocytes, one an endfoot), `neuroglial` (astrocytes to neurons, one a synapse), `glialglial` (astrocytes to each other, a gap
    junction in both directions). Beside them domains, patches of endfeet, a file a morphology, vessels and their surface.

    Parameters
    ----------
    neurons
        A circuit on disk, which is referred to; or a connectome, which is written.
    vessels, surface
        Their network and their surface.
    astrocytes, domains
        A row and a domain each; the index is 0, 1, 2 ...
    sites, endfeet
        One each; the result numbers endfeet as its edges, sorted by astrocyte, then segment of vessel.
    morphologies
        Of all astrocytes: a set, or parts of one.
    synapses
        As `build.finished_synapses` gives them.
    junctions
        As `build.gap_junctions` gives them.
    edges
        Of neurons on disk: the population whose edges are the synapses; default the one that it has or means.
    model_template
        The template that the astrocytes name.
    neurons_files
        Whether files of neurons on disk are referred to where they are, or copied; folders, as of their morphologies, are referred to.
    folder
        The new folder; in a study, given by the runner.

    Returns
    -------
    The circuit, opened.

    Raises
    ------
    CircuitError
        Parts that do not fit each other: other numbers of astrocytes, synapses of another population, a missing morphology; a folder
        that has a circuit already; neurons that have a population of the same name.

    Notes
    -----
    Reads each part of the morphologies once; memory is that of the largest table and of one part. The configuration is written last.
    Source of the layout: SONATA extension for glia and vasculature (https://sonata-extension.readthedocs.io), which libsonata and
    bluepysnap open.

    Examples
    --------
    `tap ngv` writes a study that ends with this step; examples/ngv is one.
    """
    one_of("ngv_circuit.neurons_files", neurons_files, ("refer", "copy"))
    folder = Path(folder)
    if (folder / "circuit_config.json").exists():
        raise CircuitError(f"ngv_circuit.folder: {folder} has a circuit already. Choose another.")
    _check(vessels, astrocytes, domains, sites, endfeet)
    folder.mkdir(parents=True, exist_ok=True)
    base = _neurons(neurons, edges, folder, neurons_files)
    order = np.lexsort([sites["vasculature_node_id"], sites["astrocyte"]])
    sites, endfeet = sites.iloc[order], _renumbered(endfeet, order)
    grown = _grown(parts_of(morphologies), astrocytes, sites, folder / "morphologies")
    nodes = {"vasculature": vessels.table().assign(model_type="vasculature"), "astrocytes": None}
    nodes["astrocytes"] = _cells(astrocytes, grown.names, model_template)
    for name, table in nodes.items():
        write_nodes_file(folder / f"{name}_nodes.h5", name, table)
    write_domains(domains, folder / "microdomains.h5")
    write_endfeet(endfeet, folder / "endfeet_meshes.h5")
    write_vasculature(vessels, folder / "vasculature.h5")
    write_surface(surface, folder / "vasculature.obj")
    size = {"astrocytes": len(astrocytes), "vasculature": len(vessels), base.target: base.size}
    for name, (source, target, found) in {
        "gliovascular": ("vasculature", "astrocytes", _gliovascular(sites, endfeet, grown.sections)),
        "neuroglial": ("astrocytes", base.target, _neuroglial(synapses, base)),
        "glialglial": ("astrocytes", "astrocytes", _glialglial(junctions)),
    }.items():
        pre, post, columns = found
        _within(name, pre, size[source], post, size[target])
        others = None if source == target else size[target]
        connectome = Connectome(size[source], pre, post, post_nodes=others, properties=columns)
        marks = {"synapse_id": {"edge_population": base.edges}} if name == "neuroglial" else None
        write_edges_file(folder / f"{name}_edges.h5", name, source, target, connectome, marks=marks)
    return open_circuit(_configured(folder, base), edges=base.edges)


@dataclass(frozen=True)
class _Base:
    """The neurons as the new circuit names them; `numbers`: the new number of each edge, where it changes."""

    nodes: dict[str, Any]
    edges_entries: dict[str, Any]
    more: dict[str, Any]
    target: str
    size: int
    edges: str
    n_edges: int
    numbers: np.ndarray | None = None


def _neurons(neurons: Circuit | Connectome, edges: str | None, folder: Path, files: str) -> _Base:
    if isinstance(neurons, Connectome):
        return _written(neurons, folder)
    population = neurons.edges(edges)
    taken = [name for name in (*neurons.node_populations, *neurons.edge_populations) if name in _NAMES[1:]]
    if taken:
        raise CircuitError(f"{neurons.path}: has populations {known(taken)} already. Name them otherwise.")
    nodes, between = (
        {name: (_place(each.path, folder, files), _entry(each)) for name, each in populations.items()}
        for populations in (neurons.node_populations, neurons.edge_populations)
    )
    more: dict[str, Any] = {"types": {}}
    for kind, populations in (("nodes", neurons.node_populations), ("edges", neurons.edge_populations)):
        for name, each in populations.items():
            if each.types_path is not None:
                more["types"][f"{kind}/{name}"] = _place(each.types_path, folder, files)
    if isinstance(neurons.config.get("components"), Mapping):
        more["components"] = _from_anywhere(neurons.config["components"], neurons.path.parent)
    sets = neurons.config.get("node_sets_file")
    if isinstance(sets, str):
        more["node_sets_file"] = _place(neurons.path.parent / sets, folder, files)
    size = neurons.nodes(population.target).size
    return _Base(nodes, between, more, population.target, size, population.name, population.size)


def _written(neurons: Connectome, folder: Path) -> _Base:
    """A connectome as the neurons of the circuit; its edges are sorted on the way."""
    if not neurons.is_square:
        raise CircuitError(
            "ngv_circuit.neurons: a rectangular connectome; give one whose pre and post nodes are the same."
        )
    name = "neurons" if neurons.name in ("", *_NAMES) else neurons.name
    between = f"{name}__{name}__chemical"
    write_nodes_file(folder / "neurons_nodes.h5", name, neurons.nodes)
    write_edges_file(folder / "neurons_edges.h5", between, name, name, neurons)
    numbers = np.empty(neurons.n_edges, dtype=np.int64)
    order = order_of_pairs(neurons.post, neurons.pre, neurons.n_post, neurons.n_pre)
    numbers[order] = np.arange(len(order))
    nodes = {name: ("$BASE_DIR/neurons_nodes.h5", {"type": "point"})}
    edges = {between: ("$BASE_DIR/neurons_edges.h5", {"type": "chemical"})}
    return _Base(nodes, edges, {}, name, neurons.n_nodes, between, neurons.n_edges, numbers)


def _place(file: Path, folder: Path, files: str) -> str:
    """How the configuration names a file of the neurons: where it is, or its copy."""
    if files == "refer":
        return str(file.absolute())
    target = folder / "neurons" / file.name
    target.parent.mkdir(exist_ok=True)
    number = 1
    while target.exists() and not filecmp.cmp(target, file, shallow=False):
        number += 1
        target = target.with_name(f"{file.stem}_{number}{file.suffix}")
    if not target.exists():
        shutil.copyfile(file, target)
    return f"$BASE_DIR/{target.relative_to(folder).as_posix()}"


def _entry(population: Any) -> dict[str, Any]:
    kind = "nodes" if hasattr(population, "node_ids") else "edges"
    default = {"nodes": "point", "edges": "chemical"}[kind]
    return {"type": default, **_from_anywhere(population.options, population.circuit.path.parent)}


def _from_anywhere(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Options or components, with the folders of other morphologies absolute, as those named ..._dir are already."""
    others = options.get("alternate_morphologies")
    if not isinstance(others, Mapping):
        return dict(options)
    absolute = {name: str(folder / each) if isinstance(each, str) and each else each for name, each in others.items()}
    return {**options, "alternate_morphologies": absolute}


def _check(
    vessels: Vasculature, astrocytes: pd.DataFrame, domains: Domains, sites: pd.DataFrame, endfeet: Endfeet
) -> None:
    n = len(astrocytes)
    if not np.array_equal(astrocytes.index, np.arange(n)):
        raise CircuitError("ngv_circuit.astrocytes: the index must be 0, 1, 2 ...; it numbers domains and nodes.")
    if len(domains) != n:
        raise CircuitError(f"ngv_circuit.domains: {len(domains)} of {n} astrocytes. Give those of the same astrocytes.")
    if len(endfeet) != len(sites) or (endfeet.table["astrocyte"].to_numpy() != sites["astrocyte"].to_numpy()).any():
        raise CircuitError("ngv_circuit.endfeet: not those of these sites. Give the endfeet that were grown from them.")
    rows = sites["vasculature_node_id"].to_numpy(dtype=np.int64)
    if len(rows) and (rows.min() < 0 or rows.max() >= len(vessels)):
        raise CircuitError(
            f"ngv_circuit.sites: a segment beyond the {len(vessels)} of the vessels. Give the same vessels."
        )
    for name, ids in (("section", vessels.section_ids), ("segment", vessels.segment_ids)):
        if (sites[f"vasculature_{name}_id"].to_numpy() != ids[rows]).any():
            raise CircuitError(f"ngv_circuit.sites: {name}s other than the vessels have. Give the same vessels.")


def _renumbered(endfeet: Endfeet, order: np.ndarray) -> Endfeet:
    meshes = Meshes.of(endfeet.meshes[int(each)] for each in order)
    index = pd.RangeIndex(len(order), name="endfoot_id")
    return Endfeet(endfeet.table.iloc[order].set_axis(index), meshes)


@dataclass(frozen=True)
class _Grown:
    """The name of each astrocyte's morphology, and of each endfoot the section that reaches it."""

    names: list[str]
    sections: np.ndarray


def _grown(parts: Sequence[MorphologySet], astrocytes: pd.DataFrame, sites: pd.DataFrame, folder: Path) -> _Grown:
    """Write the morphologies, and find which section reaches which endfoot: the perivascular one that ends nearest to it."""
    names: list[str | None] = [None] * len(astrocytes)
    taken: set[str] = set()
    sections = np.zeros(len(sites), dtype=np.int64)
    owners, places = sites["astrocyte"].to_numpy(), sites[_SURFACE].to_numpy(dtype=np.float64)
    for part in parts:
        ids, own_names = part.table["astrocyte"].to_numpy(dtype=np.int64), _names_of(part)
        strange = [
            each for each in ids if not 0 <= each < len(names) or names[each] is not None or (ids == each).sum() > 1
        ]
        if strange:
            raise CircuitError(f"ngv_circuit.morphologies: astrocyte {strange[0]} stands twice, or is none of these.")
        twice = taken.intersection(own_names)
        if twice:
            raise CircuitError(
                f"ngv_circuit.morphologies: {known(twice, most=3)} in two parts. Give each cell its own name."
            )
        write_morphologies(part, folder)
        taken.update(own_names)
        for number, (astrocyte, name) in enumerate(zip(ids.tolist(), own_names, strict=True)):
            names[astrocyte] = name
            own = np.arange(*np.searchsorted(owners, [astrocyte, astrocyte + 1]))
            if len(own):
                sections[own] = _reaching(part.cell(number), places[own], astrocyte)
    lacking = [number for number, name in enumerate(names) if name is None]
    if lacking:
        raise CircuitError(f"ngv_circuit.morphologies: none of astrocytes {known(lacking, most=5)}. Give all parts.")
    return _Grown([str(name) for name in names], sections)


def _names_of(part: MorphologySet) -> list[str]:
    if "morphology" not in part.table:
        raise CircuitError(f"ngv_circuit.morphologies: no column 'morphology'; known: {known(part.table.columns)}.")
    return [str(each) for each in part.table["morphology"]]


def _reaching(cell: MorphologySet, places: np.ndarray, astrocyte: int) -> np.ndarray:
    """The section (the soma is 0) whose end is nearest to each place; of those as near the first one that ends there for good."""
    perivascular = (cell.kinds == 2) & (np.diff(cell.section_starts) > 0)
    leaves = ~np.isin(np.arange(len(cell.parents)), cell.parents)
    perivascular = np.concatenate([np.flatnonzero(perivascular & leaves), np.flatnonzero(perivascular & ~leaves)])
    if not len(perivascular):
        raise CircuitError(f"ngv_circuit.morphologies: astrocyte {astrocyte} has endfeet and no process to them.")
    ends = cell.points[cell.section_starts[perivascular + 1] - 1].astype(np.float64)
    apart = ((ends[None] - places[:, None]) ** 2).sum(axis=2)
    return perivascular[apart.argmin(axis=1)] + 1


def _cells(astrocytes: pd.DataFrame, names: list[str], template: str) -> pd.DataFrame:
    table = astrocytes.astype(dict.fromkeys(("x", "y", "z", "radius"), np.float32))
    table = table.drop(columns=["morphology"], errors="ignore")
    n, text = len(table), pd.Categorical
    common = {"mtype": "ASTROCYTE", "model_type": "astrocyte", "model_template": template}
    return table.assign(
        morphology=text(names), **{name: text([value] * n, categories=[value]) for name, value in common.items()}
    )


_Edges = tuple[np.ndarray, np.ndarray, dict[str, Any]]


def _gliovascular(sites: pd.DataFrame, endfeet: Endfeet, sections: np.ndarray) -> _Edges:
    columns: dict[str, Any] = {"endfoot_id": np.arange(len(sites), dtype=np.uint64)}
    columns |= {name: sites[name].to_numpy(dtype=np.float32) for name in _SURFACE}
    columns |= {name: sites[name].to_numpy().astype(dtype) for name, dtype in _ON_VESSEL.items()}
    columns["astrocyte_section_id"] = sections.astype(np.uint32)
    for name, values in endfoot_compartments(endfeet).items():
        columns[f"endfoot_compartment_{name}"] = values.to_numpy(dtype=np.float32)
    return sites["vasculature_node_id"].to_numpy(dtype=np.int64), sites["astrocyte"].to_numpy(dtype=np.int64), columns


def _neuroglial(synapses: pd.DataFrame, base: _Base) -> _Edges:
    missing = [name for name in ("neuron", "synapse_id", *_ON_ASTROCYTE) if name not in synapses]
    if missing:
        raise CircuitError(
            f"ngv_circuit.synapses: no column {known(missing)}. Give what build.finished_synapses makes of them."
        )
    number = synapses["synapse_id"].to_numpy(dtype=np.int64)
    if len(number) and (number.min() < 0 or number.max() >= base.n_edges):
        raise CircuitError(
            f"ngv_circuit.synapses: synapse_id beyond the {base.n_edges} edges {base.edges!r}. Give the same neurons."
        )
    number = number if base.numbers is None else base.numbers[number]
    columns = {name: synapses[name].to_numpy().astype(dtype) for name, dtype in _ON_ASTROCYTE.items()}
    columns["synapse_id"] = number.astype(np.uint64)
    columns["synapse_population"] = pd.Categorical.from_codes(np.zeros(len(number), dtype=np.int8), [base.edges])
    return synapses["astrocyte"].to_numpy(dtype=np.int64), synapses["neuron"].to_numpy(dtype=np.int64), columns


def _glialglial(junctions: pd.DataFrame) -> _Edges:
    columns = {}
    for name in junctions.columns.drop(["pre", "post", "junction_id"]):
        kind = np.uint32 if name.partition("_")[2] in _WHOLE else np.float32
        columns[name] = junctions[name].to_numpy().astype(kind)
    for side in ("efferent", "afferent"):
        columns[f"{side}_junction_id"] = junctions["junction_id"].to_numpy().astype(np.uint64)
    return junctions["pre"].to_numpy(dtype=np.int64), junctions["post"].to_numpy(dtype=np.int64), columns


def _within(name: str, pre: np.ndarray, n_pre: int, post: np.ndarray, n_post: int) -> None:
    for ids, n, side in ((pre, n_pre, "source"), (post, n_post, "target")):
        if len(ids) and (ids.min() < 0 or ids.max() >= n):
            raise CircuitError(
                f"ngv_circuit: a {side} of {name} is not among its {n} nodes. Give parts of one circuit."
            )


def _configured(folder: Path, base: _Base) -> Path:
    vessel = {"vasculature_file": "$BASE_DIR/vasculature.h5", "vasculature_mesh": "$BASE_DIR/vasculature.obj"}
    astrocyte = {"alternate_morphologies": {"h5v1": "$BASE_DIR/morphologies"}}
    astrocyte |= {"microdomains_file": "$BASE_DIR/microdomains.h5"}
    nodes: Mapping[str, Any] = base.nodes | {
        "vasculature": ("$BASE_DIR/vasculature_nodes.h5", {"type": "vasculature", **vessel}),
        "astrocytes": ("$BASE_DIR/astrocytes_nodes.h5", {"type": "astrocyte", **astrocyte}),
    }
    endfoot = {"type": "endfoot", "endfeet_meshes_file": "$BASE_DIR/endfeet_meshes.h5"}
    edges: Mapping[str, Any] = base.edges_entries | {
        "gliovascular": ("$BASE_DIR/gliovascular_edges.h5", endfoot),
        "neuroglial": ("$BASE_DIR/neuroglial_edges.h5", {"type": "synapse_astrocyte"}),
        "glialglial": ("$BASE_DIR/glialglial_edges.h5", {"type": "glialglial"}),
    }
    return write_config(folder / "circuit_config.json", nodes, edges, **base.more)

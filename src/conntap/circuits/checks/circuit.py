"""Checking a circuit: everything that is wrong with it, and what is odd, in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from conntap.circuits.checks.findings import Finding, error, odd
from conntap.circuits.checks.links import outside_findings
from conntap.circuits.checks.populations import edge_findings, node_findings
from conntap.circuits.circuit import Circuit
from conntap.circuits.edges import end_of
from conntap.circuits.nodes import NodePopulation
from conntap.circuits.nodesets import NodeSets
from conntap.circuits.sonata.config import CircuitConfig, Source, read_config
from conntap.circuits.sonata.structure import population_names
from conntap.errors import CircuitError, known, unknown

__all__ = ["Finding", "check"]


def check(path: str | Path) -> list[Finding]:
    """Look for everything that is wrong with a SONATA circuit, and for what is odd.

    Nothing is changed, and one fault does not hide another: every population is looked at on its own.

    Parameters
    ----------
    path
        As for `open_circuit`.

    Returns
    -------
    Errors first. `error`: missing or damaged files, lengths that differ, ids out of range or twice, an index
    that does not match the edges, type ids without a type, positions that are not finite, node sets that
    cannot be evaluated, references between neurons, astrocytes and vessels that lead nowhere. `odd`: what other readers refuse (compression, several groups, the older spelling of
    an index, no `populations`), unused types, missing ids or indices, empty node sets, data that lies in files outside the
    circuit's folder.

    Notes
    -----
    Reads the ids of all nodes and edges once, edges in chunks; memory grows with the nodes and with the
    ranges of an index, not with the edges.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.circuits.connectome import Connectome
    >>> from conntap.circuits.sonata.writing import write_sonata
    >>> path = write_sonata(Connectome(3, [0, 1], [1, 2]), tempfile.mkdtemp())
    >>> [each.what for each in check(path) if each.level == "error"]
    []
    """
    try:
        config = read_config(path)
    except CircuitError as wrong:
        return [error(str(path), str(wrong))]
    found = [*_of_config(config)]
    nodes = {
        name: NodePopulation(Circuit(config), name, each.file, each.types, {})
        for name, each in _listed(config.nodes, "nodes", found)
    }
    for name, population in list(nodes.items()):
        found += _guarded(name, population, nodes)
    for name, source in _listed(config.edges, "edges", found):
        found += _of_edges(name, source, nodes)
    found += _of_links(config)
    found += _of_node_sets(config, nodes)
    if not any(each.level == "error" for each in found):
        found += _of_glia(config)
    return sorted(dict.fromkeys(found), key=lambda each: each.level != "error")


def _of_glia(config: CircuitConfig) -> Iterator[Finding]:
    """What does not fit between neurons, glia and vessels; looked at where each population is sound by itself."""
    from conntap.circuits.checks.glia import glia_findings

    yield from glia_findings(Circuit(config))


def _of_links(config: CircuitConfig) -> Iterator[Finding]:
    for path in dict.fromkeys(each.file for each in (*config.nodes, *config.edges)):
        try:
            yield from outside_findings(path, config.path.parent)
        except CircuitError as wrong:
            yield error(str(path), str(wrong))


def _of_config(config: CircuitConfig) -> Iterator[Finding]:
    sources = [*config.nodes, *config.edges]
    for each in config.disabled:
        yield odd(each, "enabled: false; left out")
    bare = [each.where for each in sources if each.populations is None]
    if bare:
        yield odd(known(bare), "no 'populations'; bluepysnap and libsonata open no population of these files")
    if not config.nodes:
        yield error(str(config.path), "networks names no nodes")
    yield from _without_morphologies(config)
    with_types = [each.where for each in sources if each.types is not None]
    if with_types:
        yield odd(known(with_types), "a table of types; bluepysnap and libsonata leave its columns out")


def _without_morphologies(config: CircuitConfig) -> Iterator[Finding]:
    components = config.values.get("components")
    common = components if isinstance(components, dict) else {}
    for source in config.nodes:
        for name, own in (source.populations or {}).items():
            there = {*common, *own}
            needed = ["biophysical_neuron_models_dir"] * ("biophysical_neuron_models_dir" not in there)
            needed += ["morphologies_dir"] * there.isdisjoint({"morphologies_dir", "alternate_morphologies"})
            if own.get("type", "biophysical") == "biophysical" and needed:
                yield odd(
                    f"{source.where}.populations.{name}",
                    f"biophysical without {' and '.join(needed)}; libsonata refuses",
                )


def _listed(sources: tuple[Source, ...], kind: str, found: list[Finding]) -> Iterator[tuple[str, Source]]:
    """The populations that can be opened; what stands in the way of the others goes to `found`."""
    seen: dict[str, str] = {}
    for source in sources:
        try:
            there = population_names(source.file, kind)
        except CircuitError as wrong:
            found.append(error(source.where, str(wrong)))
            continue
        named = there if source.populations is None else list(source.populations)
        if not there:
            found.append(odd(str(source.file), f"no populations of {kind}"))
        left_out = [each for each in there if each not in named]
        if left_out:
            found.append(odd(str(source.file), f"populations that the configuration does not name: {known(left_out)}"))
        for name in named:
            if name in seen:
                found.append(error(source.where, f"the population of {kind} {name!r} stands in {seen[name]} already"))
            elif name not in there:
                found.append(error(source.where, unknown(str(source.file), f"population of {kind}", name, there)))
            else:
                seen[name] = source.where
                yield name, source


def _guarded(name: str, population: NodePopulation, nodes: dict[str, NodePopulation]) -> list[Finding]:
    """The findings on one population of nodes; one that cannot be opened is dropped from `nodes`."""
    try:
        return list(node_findings(population.path, name, population.types_path))
    except (CircuitError, KeyError, ValueError, TypeError) as wrong:
        del nodes[name]
        return [error(f"{population.path}:/nodes/{name}", str(wrong))]


def _of_edges(name: str, source: Source, nodes: dict[str, NodePopulation]) -> list[Finding]:
    where = f"{source.file}:/edges/{name}"
    found: list[Finding] = []
    ids: dict[str, np.ndarray | int] = {}
    try:
        for side in ("source", "target"):
            end = end_of(source.file, name, side, nodes)[0]
            if end not in nodes:
                found.append(
                    error(f"{where}/{side}_node_id", unknown("node_population", "node population", end, nodes))
                )
            else:
                ids[side] = nodes[end].size if nodes[end].explicit_ids is None else nodes[end].explicit_ids
    except (CircuitError, KeyError) as wrong:
        found.append(error(where, str(wrong)))
    try:
        found += edge_findings(source.file, name, source.types, ids)
    except (CircuitError, KeyError, ValueError, TypeError) as wrong:
        found.append(error(where, str(wrong)))
    return found


def _of_node_sets(config: CircuitConfig, nodes: dict[str, NodePopulation]) -> Iterator[Finding]:
    try:
        sets = NodeSets.read(*config.node_sets)
    except CircuitError as wrong:
        yield error("node sets", str(wrong))
        return
    for name, definition in sets.items():
        where = f"node sets: {name}"
        masks, wrong = [], []
        for population in nodes.values():
            try:
                masks.append(sets.mask(name, population))
            except CircuitError as each:
                wrong.append(str(each))
        if wrong and not masks:
            yield error(where, wrong[0])
        elif not any(mask.any() for mask in masks):
            yield odd(where, "selects no node of any population")
        if isinstance(definition, dict):
            yield from _named_in_rule(where, definition, nodes)


def _named_in_rule(where: str, rule: dict[str, Any], nodes: dict[str, NodePopulation]) -> Iterator[Finding]:
    named = rule.get("population", list(nodes))
    named = [named] if isinstance(named, str) else named
    for name in named:
        if name not in nodes:
            yield error(where, unknown("population", "node population", name, nodes))
    if "node_id" in rule:
        ids = np.atleast_1d(rule["node_id"])
        there = [np.isin(ids, nodes[name].node_ids()) for name in named if name in nodes]
        missing = ids[~np.logical_or.reduce(there)] if there else ids
        if len(missing):
            yield odd(where, f"{len(missing)} ids that no population named there has, such as {missing[0]}")

"""The tissue that populations of a circuit on disk have: domains, vessels, endfeet; read when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conntap.circuits.tissue.domains import Domains
from conntap.circuits.tissue.endfeet import Endfeet
from conntap.circuits.tissue.grouped_files import read_domains, read_endfeet
from conntap.circuits.tissue.vasculature import Vasculature
from conntap.errors import CircuitError

if TYPE_CHECKING:
    from conntap.circuits.edges import EdgePopulation
    from conntap.circuits.nodes import NodePopulation

__all__ = ["domains_of", "endfeet_of", "named_file", "vessels_of"]


def named_file(population: NodePopulation | EdgePopulation, key: str) -> Path:
    """The file that the configuration names in the entry of a population, else in its components.

    Raises
    ------
    CircuitError
        It names none.
    """
    circuit = population.circuit
    components = circuit.config.get("components")
    for options in (population.options, components if isinstance(components, Mapping) else {}):
        named: Any = options.get(key)
        if isinstance(named, str) and named:
            return circuit.path.parent / named
    raise CircuitError(
        f"{circuit.path}: {population.name!r} has no {key!r}. Only astrocytes, vessels and endfeet of a circuit with glia have such files."
    )


def domains_of(astrocytes: NodePopulation) -> Domains:
    """The domains of a population of astrocytes.

    Raises
    ------
    CircuitError
        There is no `microdomains_file`, it is damaged, or has another number of domains.
    """
    path = named_file(astrocytes, "microdomains_file")
    domains = read_domains(path)
    if len(domains) != astrocytes.size:
        raise CircuitError(f"{path}: {len(domains)} domains of {astrocytes.size} astrocytes; there is one for each.")
    return domains


def vessels_of(vasculature: NodePopulation) -> Vasculature:
    """The vessels whose segments are the nodes of a population.

    Raises
    ------
    CircuitError
        A property of segments is missing, or they do not fit together.
    """
    return Vasculature.from_table(vasculature.table())


def endfeet_of(edges: EdgePopulation) -> Endfeet:
    """The endfeet that edges from vessels to astrocytes stand for, by their `endfoot_id`.

    Raises
    ------
    CircuitError
        There is no `endfeet_meshes_file`, it is damaged, or has another number of endfeet.
    """
    path = named_file(edges, "endfeet_meshes_file")
    table = edges.table(properties="endfoot_id")
    ids = table["endfoot_id"].to_numpy(dtype=np.int64)
    if not np.array_equal(np.sort(ids), np.arange(len(ids))):
        raise CircuitError(f"{edges.path}: endfoot_id of {edges.name!r} must be 0 to {len(ids) - 1}, each once.")
    astrocytes = np.empty(len(ids), dtype=np.int64)
    astrocytes[ids] = table["post"].to_numpy()
    return read_endfeet(path, astrocytes)

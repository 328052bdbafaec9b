"""The nouns of structure: the circuit on disk, the connectome in memory, and their parts."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from conntap.circuits.extract import connectome  # the function, not the module of the class, is `circuits.connectome`

__all__ = [
    "Circuit",
    "Connectome",
    "EdgePopulation",
    "Finding",
    "Mask",
    "NodePopulation",
    "NodeSets",
    "STEPS",
    "Subtarget",
    "Subtargets",
    "check",
    "check_removed",
    "connectome",
    "cross",
    "evaluate",
    "fit_delays",
    "fit_positions",
    "fit_probability",
    "fit_properties",
    "fit_synapses",
    "fit_table",
    "grid",
    "groups",
    "hexgrid",
    "inputs",
    "node_sets",
    "node_table",
    "open_circuit",
    "table",
    "voxels",
    "whole",
]

STEPS: dict[str, int] = {
    "check_removed": 1,
    "connectome": 1,
    "cross": 1,
    "evaluate": 2,
    "fit_delays": 2,
    "fit_positions": 1,
    "fit_probability": 1,
    "fit_properties": 1,
    "fit_synapses": 1,
    "fit_table": 1,
    "grid": 1,
    "groups": 1,
    "hexgrid": 1,
    "inputs": 2,
    "node_sets": 1,
    "node_table": 1,
    "table": 1,
    "voxels": 1,
    "whole": 1,
}

_HOMES = {
    "Circuit": "circuit",
    "Connectome": "connectome",
    "EdgePopulation": "edges",
    "Finding": "checks",
    "Mask": "masks",
    "NodePopulation": "nodes",
    "NodeSets": "nodesets",
    "Subtarget": "subtargets",
    "Subtargets": "subtargets",
    "check": "checks",
    "check_removed": "comparing",
    "cross": "extract",
    "evaluate": "rules",
    "fit_delays": "rules",
    "fit_positions": "rules",
    "fit_probability": "rules",
    "fit_properties": "rules",
    "fit_synapses": "rules",
    "fit_table": "rules",
    "grid": "subtargets.regions",
    "groups": "subtargets.named",
    "hexgrid": "subtargets.hexagons",
    "inputs": "extract",
    "node_sets": "subtargets.named",
    "node_table": "extract",
    "open_circuit": "circuit",
    "table": "subtargets.named",
    "voxels": "subtargets.regions",
    "whole": "subtargets.named",
}


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

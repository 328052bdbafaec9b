"""The nouns of structure: the circuit on disk, the connectome in memory, and their parts."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Circuit", "Connectome", "EdgePopulation", "Finding", "NodePopulation", "NodeSets", "check", "open_circuit"]

_HOMES = {
    "Circuit": "circuit",
    "Connectome": "connectome",
    "EdgePopulation": "edges",
    "Finding": "findings",
    "NodePopulation": "nodes",
    "NodeSets": "nodesets",
    "check": "checks",
    "open_circuit": "circuit",
}


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

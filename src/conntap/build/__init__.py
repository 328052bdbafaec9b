"""Grow neurons, glia, vessels and their connectomes from a description.

Each function is imported when it is first asked for; but `column`, which bears the name of its file.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from conntap.build.column import column  # noqa: F401 (the function, not its module)
from conntap.build.column_details import Details  # noqa: F401

_FILES: dict[str, dict[str, int]] = {  # file -> step -> version
    "atlas": {"from_atlas": 1, "synthetic_atlas": 1},
    "blocks": {"typed": 2},
    "column": {"column": 3},
    "cultured": {"culture": 2},
    "synapse_places": {"placed_synapses": 2, "synapse_cloud": 2},
    "lattices": {"small_world": 1},
    "power_laws": {"scale_free": 2},
    "sheets": {"spatial_sheet": 1},
    "wired": {"distance": 1},
    "ngv.synapses": {"astrocyte_synapses": 1},
    "ngv.placement": {"astrocytes": 1},
    "ngv.power_cells": {"domains": 1},
    "ngv.overlaps": {"domain_overlaps": 1},
    "ngv.synthesis": {"astrocyte_morphologies": 2},
    "ngv.morphology_features": {"morphology_statistics": 1},
    "ngv.network": {"vessels": 4},
    "ngv.sites": {"endfoot_sites": 2},
    "ngv.patches": {"endfeet": 2, "endfoot_statistics": 1},
    "ngv.touches": {"gap_junctions": 1},
    "ngv.finishing": {"endfoot_compartments": 1, "finished_synapses": 1},
    "ngv.surfaces": {"vessel_surface": 2},
    "ngv.assembling": {"ngv_circuit": 2},
    "ngv.vessel_measures": {"vessel_statistics": 2},
    "ngv.vessel_files": {"vessels_from": 2},
    "ngv.surface_files": {"surface_from": 1},
}
_HOMES = {name: file for file, names in _FILES.items() for name in names} | {"CHECKS": "option_checks"}

STEPS: dict[str, int] = {name: version for names in _FILES.values() for name, version in names.items()}

SHARES = {"astrocyte_morphologies": ("part", "parts")}
"""Options that say which part of a whole a unit makes: the same seed for all of them."""

__all__ = sorted(["Details", "SHARES", "STEPS", *STEPS])


def __getattr__(name: str) -> Any:
    """Import a function when it is first asked for, and keep it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__

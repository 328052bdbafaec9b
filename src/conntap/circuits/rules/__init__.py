"""Models of connectivity: rules of probability, synapses, delays, properties, positions; fitted, drawn and stored."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from conntap.circuits.rules.fitting import Fit, fit
from conntap.circuits.rules.points import places, points
from conntap.circuits.rules.values import Bipolar, Constant, Exponential, Pathways, Rule, draw, rule_from_dict

_FILES: dict[str, tuple[str, ...]] = {
    "delays": ("DelayLine", "Delays", "fit_delays"),
    "distribution_fits": ("fit_distribution",),
    "distributions": (
        *("Discrete", "Distribution", "Fixed", "Gamma", "Normal", "Poisson", "PositivePoisson", "TruncatedNormal"),
        "distribution_from_dict",
    ),
    "faces": ("evaluate", "fit_table"),
    "features": ("Bin",),
    "fitted": ("Fitted", "model_of"),
    "gridded": ("Gridded", "Placed", "Scaled"),
    "positions": ("PositionTable", "VoxelMap", "fit_positions"),
    "probability": ("fit_probability",),
    "properties": ("Joint", "Properties", "Property"),
    "property_fits": ("fit_properties",),
    "storing": ("load", "save"),
    "synapses": ("SynapseCounts", "fit_synapses"),
    "tables": ("DoubleExponential", "Interpolated", "Listed", "Sided"),
}
_HOMES = {name: file for file, names in _FILES.items() for name in names}

__all__ = [
    "Bin",
    "Bipolar",
    "Constant",
    "DelayLine",
    "Delays",
    "Discrete",
    "Distribution",
    "DoubleExponential",
    "Exponential",
    "Fit",
    "Fitted",
    "Fixed",
    "Gamma",
    "Gridded",
    "Interpolated",
    "Joint",
    "Listed",
    "Normal",
    "Pathways",
    "Placed",
    "Poisson",
    "PositionTable",
    "PositivePoisson",
    "Properties",
    "Property",
    "Rule",
    "Scaled",
    "Sided",
    "SynapseCounts",
    "TruncatedNormal",
    "VoxelMap",
    "distribution_from_dict",
    "draw",
    "evaluate",
    "fit",
    "fit_delays",
    "fit_distribution",
    "fit_positions",
    "fit_probability",
    "fit_properties",
    "fit_synapses",
    "fit_table",
    "load",
    "model_of",
    "places",
    "points",
    "rule_from_dict",
    "save",
]


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

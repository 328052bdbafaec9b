"""Fit networks that a connectome constrains: layers, recurrent networks, tasks, training. Public shapes: (batch, neurons).

A connectome is [pre, post] and a state stands in the order of its nodes. Needs torch (`pip install 'conntap[train]'`), which is
imported when a name is first asked for that needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# The steps of each file, with their versions: raise one when its values may change.
_FILES: dict[str, dict[str, int]] = {
    "digit_tasks": {"digits": 1, "sequential_digits": 1},
    "dot_tasks": {"correlated_dots": 1},
    "evaluating": {"best_of": 1, "evaluate": 2, "parameters": 2, "ranked": 1, "responses": 1, "score": 1},
    "fitting": {"fit": 2},
    "hexagonal": {"flashes": 1, "moving_edges": 1, "moving_patterns": 1},
    "learned": {"connectome": 1},
    "memory_tasks": {"delayed_match": 1, "evidence": 1},
    "reservoirs": {"fit_readout": 1},
    "tuning": {"column_responses": 1, "direction_selectivity": 1, "flash_response_index": 1},
}

# Other public names of each file: modules of torch, nouns, functions that are no steps.
_NAMES: dict[str, tuple[str, ...]] = {
    "areas": ("Area", "Cells", "Kernel"),
    "codecs": ("register_codecs",),
    "constraints": ("Bounded", "Signed"),
    "dynamics": ("AtLeast", "Dynamics", "NONLINEARITIES", "NeuronParameters"),
    "event_files": ("write_tensorboard",),
    "hexagonal": ("Eye",),
    "layers": ("SparseLinear",),
    "network_constraints": ("Balance", "SpectralRadius"),
    "networks": ("ConnectomeRNN",),
    "odes": ("ConnectomeODE",),
    "option_checks": ("CHECKS",),
    "options": ("Training",),
    "pattern": ("Pattern",),
    "perturbations": ("Perturbation",),
    "products": ("product",),
    "projections": ("Projection",),
    "readouts": ("Readout", "SpatialClassifier"),
    "sharing": ("Grouped", "penalty_of"),
    "solving": ("Solver", "advanced"),
    "spatial": ("SpatialRNN",),
    "task": ("Task",),
    "trained": ("Trained",),
    "visual": ("VisualRNN", "with_offsets"),
    "weights": ("ConnectionWeights", "SignedMagnitude", "Weights"),
}

STEPS: dict[str, int] = {name: version for names in _FILES.values() for name, version in names.items()}

_HOMES = {name: file for part in (_FILES, _NAMES) for file, names in part.items() for name in names}

__all__ = sorted(["STEPS", *_HOMES])


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        from conntap.errors import MissingExtra

        raise MissingExtra("train", package="torch", needed_for=f"train.{name}") from error


def __dir__() -> list[str]:
    return __all__

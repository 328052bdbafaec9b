"""Recover connectomes from activity: each function takes spikes or traces; what infers gives a connectome [pre, post]."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# The steps of each file, with their versions: raise one when its values may change.
_FILES: dict[str, dict[str, int]] = {
    "baselines": {"detrended": 1, "dff": 1},
    "choosing": {"auto": 4, "choose": 4},
    "correlations": {"lagged_correlation": 1, "pearson": 1},
    "correlograms": {"cross_correlogram": 1},
    "coupling": {"poisson_glm": 1},
    "cultures": {"simulate_culture": 1},
    "decays": {"kinetics": 1},
    "deconvolution": {"deconvolved": 1},
    "describing": {"describe_nodes": 1, "describe_recording": 3},
    "discretising": {"discretised": 1},
    "ensembles": {"combine": 1, "stability": 1},
    "feeding": {"feed": 1},
    "filters": {
        "coarsened": 1,
        "differenced": 1,
        "low_pass": 1,
        "savitzky_golay": 1,
        "thresholded": 1,
        "weighted_by_activity": 1,
    },
    "fluorescence": {"calcium": 1, "scatter_light": 1},
    "lif": {"simulate_lif": 1},
    "mixtures": {"lag_mixture": 3},
    "nest_networks": {"simulate_nest": 1},
    "partial": {"partial_correlation": 1},
    "point_processes": {"simulate_hawkes": 1, "simulate_poisson": 1},
    "recordings": {"binned": 1, "mended": 1},
    "regressions": {"regression": 1},
    "scatter": {"unscattered": 1},
    "scoring": {"precision_recall_curve": 1, "roc_curve": 1, "score": 1},
    "significances": {"significance": 1},
    "spike_entropy": {"tspe": 1},
    "surrogates": {"resampled": 1, "surrogate": 1},
    "thresholds": {"expected_precision": 1, "local_fdr": 1, "strongest": 1},
    "transfer": {"transfer_entropy": 1},
    "types_of_cells": {"cell_types": 1, "score_types": 1, "signed_by_type": 1},
    "windowed": {"windowed_partial": 2},
    "winner": {"challenge": 2},
}

STEPS: dict[str, int] = {name: version for names in _FILES.values() for name, version in names.items()}

_HOMES = {name: file for file, names in _FILES.items() for name in names}

__all__ = sorted(["STEPS", *STEPS])


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__

"""Change connectomes: each function takes one and gives a new one."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# The steps of each file, with their versions: raise one when its values may change.
_FILES: dict[str, dict[str, int]] = {
    "distance": {"distance_dependent": 1, "distance_preserving": 1},
    "geometric": {"random_geometric": 1},
    "blocks": {"stochastic_block": 1},
    "configuration": {
        "degree_and_reciprocity_preserving": 2,
        "degree_preserving": 1,
        "swap_mixing": 2,
    },
    "matching": {"configuration_approximate": 1},
    "masking": {
        "combine_masks": 1,
        "draw_reciprocal": 1,
        "edge_mask": 1,
        "reciprocal_mask": 1,
        "sample_mask": 1,
        "simplex_mask": 1,
        "skeleton_mask": 1,
    },
    "mask_files": {"mask_from_file": 1},
    "on_disk": {"circuit": 2},
    "mask_sizes": {"mask_size": 1},
    "removal": {"extract": 1, "remove_connections": 1, "remove_synapses": 1, "subsample": 1},
    "placing": {"place_synapses": 1},
    "properties": {"alter_property": 2},
    "additions": {"add_connections": 2, "merge": 1},
    "perturbation": {"perturb": 2},
    "rewiring": {"rewire": 2, "rewire_estimate": 1, "rewired": 1},
    "shuffling": {"shuffle_connections": 1},
    "wiring": {"wire": 1},
    "simplicial": {"add_reciprocal_in_skeleton": 2, "enhance_complexity": 1},
    "reciprocal": {"add_reciprocal": 1, "bishuffled": 1, "shuffle_directions": 1},
    "shuffle": {"adjusted_erdos_renyi": 1, "erdos_renyi": 1},
    "spread": {"stochastic_spread": 1},
}

STEPS: dict[str, int] = {name: version for names in _FILES.values() for name, version in names.items()}

# Options that change how a step runs and nothing of its value: they enter no key.
WITHOUT_EFFECT: dict[str, tuple[str, ...]] = {"circuit": ("mem_gb", "workers")}

_HOMES = {name: file for file, names in _FILES.items() for name in names} | {"CHECKS": "option_checks"}

__all__ = sorted(["STEPS", *STEPS])


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__

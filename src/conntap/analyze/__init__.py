"""Measure connectomes: each function takes a connectome and gives a table, a series or a number."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from conntap.analyze.slices import slices as slices  # the function, not its module, is what `analyze.slices` means

# The steps of each file, with their versions: raise one when its values may change.
_FILES: dict[str, dict[str, int]] = {
    "bedges": {"bedge_counts": 1},
    "circuit_comparison": {"compare_circuits": 1},
    "clubs": {"rich_club": 1},
    "components": {"component_sizes": 1, "connected_components": 1, "largest_component": 1},
    "composition": {"assortativity": 1, "degree_assortativity": 1, "group_composition": 1, "property_assortativity": 1},
    "cross": {"degrees_from": 1},
    "degree": {"degrees": 1, "direction_bias": 1, "direction_bias_by_group": 1},
    "densities": {"density": 1},
    "distance": {"connection_probability_within": 1, "distance_dependence": 1, "distance_fit": 1},
    "distances": {"closeness": 1, "eccentricity": 1},
    "edge_values": {"edge_values_by_participation": 1, "pair_values_by_position": 1},
    "glia": {"ngv_validation": 3},
    "homology": {"betti_bounds": 1, "betti_numbers": 1, "persistence": 1},
    "inequality": {"degree_inequality": 1, "lorenz_curve": 1},
    "listing": {"simplex_lists": 1},
    "maximal": {"maximal_simplex_counts": 1},
    "modules": {"communities": 1, "community_structure": 1, "modularity": 1},
    "normalised": {"normalised_simplex_counts": 1},
    "participation": {"edge_participation": 1, "node_participation": 1, "simplicial_degrees": 1},
    "paths": {"diameter": 1, "efficiency": 1, "mean_path_length": 1, "path_length_sample": 1, "path_lengths": 1},
    "pathways": {"degrees_between": 1, "pathway_statistics": 1},
    "positions": {"edge_values_by_position": 1, "values_by_participation": 1, "values_by_position": 1},
    "reciprocal": {"reciprocity": 1, "reciprocity_by_group": 1},
    "shared_weights": {"common_neighbour_weight_bias": 1, "common_neighbour_weights": 1},
    "sharing": {
        "common_neighbour_bias": 1,
        "common_neighbour_excess": 1,
        "common_neighbour_slope": 1,
        "common_neighbours": 1,
    },
    "side_by_side": {"change": 1},
    "simplices": {"euler_characteristic": 1, "simplex_counts": 1},
    "simplicial_curve": {"simplicial_rich_club": 1},
    "skeletons": {"skeleton": 1, "skeleton_reciprocity": 1},
    "small_worlds": {"small_world": 1},
    "spectra": {"spectral_gaps": 1},
    "surroundings": {"neighbourhood": 1, "neighbourhood_simplices": 1, "neighbourhood_values": 1, "neighbourhoods": 1},
    "triads": {"motif_counts": 1, "motifs": 1, "triad_census": 1, "triad_sample": 1},
    "triangles": {"clustering": 1, "core_numbers": 1},
    "tribes": {"degree_complexity": 1, "neighbourhood_complexity": 1, "neighbourhood_parameters": 2},
}

STEPS: dict[str, int] = {name: version for names in _FILES.values() for name, version in names.items()}

SLICES = 1
"""The version of `slices`, which every key of a sliced value holds: raise it when the parts change."""

_HOMES = {name: file for file, names in _FILES.items() for name in names} | {
    "compare": "comparison",
    "complexity_against": "complexity",
    "iterate_simplices": "listing",
    "over_neighbourhoods": "surroundings",
}

__all__ = sorted(["SLICES", "STEPS", "slices", *_HOMES])


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__

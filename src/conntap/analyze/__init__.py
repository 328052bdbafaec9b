"""Measure connectomes: each function takes a connectome and gives a table, a series or a number."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from conntap.analyze.slices import slices  # the function, not its module, is what `analyze.slices` means

__all__ = ["SLICES", "STEPS", "degrees", "simplex_counts", "slices"]

STEPS: dict[str, int] = {"degrees": 1, "simplex_counts": 1}

SLICES = 1
"""The version of `slices`, which every key of a sliced value holds: raise it when the parts change."""

_HOMES = {"degrees": "degree", "simplex_counts": "simplices"}


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

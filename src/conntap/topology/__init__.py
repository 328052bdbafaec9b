"""Kernels over graphs as CSR arrays that several verbs share; knows arrays only."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["count_simplices", "estimate_simplices", "simple_graph"]

_HOMES = {"count_simplices": "simplices", "estimate_simplices": "simplices", "simple_graph": "graphs"}


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

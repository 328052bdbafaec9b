"""Change connectomes: each function takes one and gives a new one."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["STEPS", "erdos_renyi"]

STEPS: dict[str, int] = {"erdos_renyi": 1}

_HOMES = {"erdos_renyi": "shuffle"}


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

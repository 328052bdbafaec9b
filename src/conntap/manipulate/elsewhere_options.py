"""Options that several functions of connectome-manipulator share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conntap.errors import OptionError

__all__ = ["SOURCES", "ends", "fraction", "truth"]

SOURCES = ("sel_src", "sel_dest")


def ends(options: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The selections of both ends: text names a node set there, never an expression."""
    found = {}
    for name, side in zip(SOURCES, ("pre", "post"), strict=True):
        choice = options.get(name)
        if isinstance(choice, str):
            found[side] = {"node_set": choice}
        elif isinstance(choice, int) and not isinstance(choice, bool):
            found[side] = [choice]
        elif isinstance(choice, list | dict):
            found[side] = choice
        elif choice is not None:
            raise OptionError(f"{where}.{name}: {choice!r}; give a node set's name, ids, or {{property: values}}.")
    return {side: choice for side, choice in found.items() if choice != {}}


def fraction(options: Mapping[str, Any], name: str, where: str) -> float:
    value = options.get(name, 100.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise OptionError(f"{where}.{name}: {value!r}; give a number from 0 to 100.")
    return value / 100


def truth(options: Mapping[str, Any], name: str, where: str) -> bool:
    value = options.get(name, False)
    if not isinstance(value, bool):
        raise OptionError(f"{where}.{name}: {value!r}; give true or false.")
    return value

"""What can be told of the options of manipulations before there is anything to manipulate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from conntap.errors import OptionError, whole
from conntap.manipulate.choosing import _of_so_many, a_fraction, amount
from conntap.manipulate.made import model_given
from conntap.manipulate.masking import _dimensions
from conntap.manipulate.properties import _check_value, _clipped, parted
from conntap.manipulate.sourcing import check as check_rewiring
from conntap.store.queries import check_readable

__all__ = ["CHECKS"]

Check = Callable[..., None]


def _amount(where: str, what: str = "connections") -> dict[tuple[str, ...], Check]:
    """One of a number and a fraction, in its range."""
    return {(what, "fraction"): lambda fraction, **n: amount(where, n[what], fraction, sys.maxsize, what)}


def _whole(where: str, **least: int) -> dict[tuple[str, ...], Check]:
    """Whole numbers, each from its least on."""
    return {(name,): _least(where, low) for name, low in least.items()}


def _least(where: str, least: int) -> Check:
    def check(**given: Any) -> None:
        for name, value in given.items():
            whole(f"{where}.{name}", value, least)

    return check


def _synapses(where: str) -> dict[tuple[str, ...], Check]:
    def check(synapses: Any) -> None:
        if synapses is not None:
            _of_so_many(np.empty(0, dtype=np.int64), synapses, f"{where}.synapses")

    return {("synapses",): check}


def _models(where: str, *names: str) -> dict[tuple[str, ...], Check]:
    """Models that are written out; those in files are read where they are used."""

    def check(**given: Any) -> None:
        for name, value in given.items():
            if isinstance(value, Mapping) and not isinstance(value.get("path"), str | Path):
                model_given(value, name, where)

    return {(name,): check for name in names}


def _part(where: Any) -> None:
    expression = parted(where, "alter_property")[0]
    if expression is not None:
        check_readable(expression, "alter_property.where", what="edge property", error=OptionError)


def _clip(clip: Any) -> None:
    if clip is not None:
        _clipped(np.empty(0), clip, "alter_property.clip")


def _perturbed(drop: float, add: float, move: float) -> None:
    for name, value, most in (("drop", drop, 1), ("add", add, np.inf), ("move", move, 1)):
        a_fraction(f"perturb.{name}", value, most)


def _added(fraction: float | None) -> None:
    if fraction is not None:
        a_fraction("add_connections.fraction", fraction)


_REWIRED = ("preserve", "mode", "scale")

CHECKS: dict[str, dict[tuple[str, ...], Check]] = {
    "add_connections": {("fraction",): _added},
    "add_reciprocal": _amount("add_reciprocal"),
    "alter_property": {
        ("how", "value"): lambda how, value: _check_value(how, value, "alter_property"),
        ("where",): _part,
        ("clip",): _clip,
    },
    "circuit": _whole("circuit", workers=1),
    "degree_and_reciprocity_preserving": _whole("degree_and_reciprocity_preserving", sweeps=0, threads=1),
    "degree_preserving": _whole("degree_preserving", sweeps=0, threads=1),
    "draw_reciprocal": _amount("draw_reciprocal"),
    "enhance_complexity": {**_amount("enhance_complexity"), **_whole("enhance_complexity", dimension=1, threads=1)},
    "edge_mask": _synapses("edge_mask"),
    "perturb": {("drop", "add", "move"): _perturbed},
    "remove_connections": {**_amount("remove_connections"), **_synapses("remove_connections")},
    "remove_synapses": _amount("remove_synapses", "synapses"),
    "rewire": {
        _REWIRED: lambda **given: check_rewiring(**given, where="rewire"),
        **_models("rewire", "properties", "delays"),
    },
    "rewire_estimate": {_REWIRED: lambda **given: check_rewiring(**given, where="rewire_estimate")},
    "sample_mask": _amount("sample_mask"),
    "shuffle_connections": _whole("shuffle_connections", sweeps=0, threads=1),
    "simplex_mask": {("dimensions",): lambda dimensions: _dimensions(dimensions, "simplex_mask.dimensions")},  # type: ignore[dict-item,return-value]
    "skeleton_mask": _whole("skeleton_mask", dimension=1, threads=1),
    "stochastic_spread": _whole("stochastic_spread", steps=0, threads=1),
    "subsample": _amount("subsample", "synapses"),
    "swap_mixing": _whole("swap_mixing", sweeps=0, threads=1),
    "wire": _models("wire", "synapses", "delays", "properties"),
}
"""Step -> names of options -> what refuses values of these that no input makes right.

Each is called with the values of its options as keywords, defaults where none are given.
"""

"""Options of networks, checked before there is a connectome: names, and values as far as they hang on nothing else."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from typing import Any, get_type_hints

from conntap.errors import OptionError, one_of, unknown, whole

__all__ = ["check_options"]

_RECURRENT: dict[str, tuple[str, str] | None] = {
    "weights": ("weights", "Weights"),
    "dynamics": ("dynamics", "Dynamics"),
    "nodes": None,
    "computing": None,
    "inputs": None,
}
_KNOWN: dict[str, dict[str, tuple[str, str] | None]] = {
    "rnn": _RECURRENT,
    "ode": {**_RECURRENT, "solver": ("solving", "Solver")},
    "spatial": {"areas": None, "image": None, "dt_ms": None},
}
"""Kind of network -> its options -> where the dataclass is that says what a mapping of it may hold."""


def check_options(kind: str, options: Mapping[str, Any], where: str) -> None:
    """Refuse options that a kind of network does not take; nothing is refused of kinds that are not known here.

    Raises
    ------
    OptionError
        An unknown name, a value of another type.

    Examples
    --------
    >>> check_options("rnn", {"dynamics": {"tau": 3}}, "fit.network")
    Traceback (most recent call last):
    conntap.errors.OptionError: fit.network.dynamics: unknown option 'tau'; known: bias, bias_trained, dt_ms, nonlinearity_at, phi, tau_ms,
    tau_trained, types. Did you mean 'tau_ms'?
    """
    taken = _KNOWN.get(kind)
    if taken is None:
        return
    if "areas" in taken and not options.get("areas"):
        raise OptionError(f"{where}.areas: none; give a list of areas, lowest first.")
    for name, value in options.items():
        if name not in taken:
            raise OptionError(unknown(where, "option", name, taken))
        home = taken[name]
        if home is not None and value is not None and importlib.util.find_spec("torch") is not None:
            _check_fields(getattr(import_module(f"conntap.train.{home[0]}"), home[1]), value, f"{where}.{name}")
        elif name in _CHECKED and value is not None:
            _CHECKED[name](value, f"{where}.{name}")


def _check_fields(kind: type, given: Any, where: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    names = [each.name for each in fields(kind)]
    if not isinstance(given, Mapping):
        raise OptionError(f"{where}: {given!r}; give names and values, such as {{{names[0]}: ...}}.")
    hints = get_type_hints(kind)
    for name, value in given.items():
        if name not in names:
            raise OptionError(unknown(where, "option", name, names))
        try:
            TypeAdapter(hints[name]).validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            reasons = dict.fromkeys(
                each["msg"] for each in error.errors(include_url=False) if each["type"] != "callable_type"
            )
            raise OptionError(
                f"{where}.{name}: {value!r} does not fit: {'; or '.join(reasons)}. See its documentation."
            ) from None
    kind(**given)


def _named(value: Any, where: str, names: Sequence[str]) -> None:
    if not isinstance(value, Mapping):
        raise OptionError(f"{where}: {value!r}; give names and values, such as {{{names[0]}: ...}}.")
    for name in value:
        if name not in names:
            raise OptionError(unknown(where, "option", name, names))


def _check_computing(value: Any, where: str) -> None:
    _named(value, where, ("path", "threads", "dtype"))
    for name, choices in (("path", ("auto", "compiled", "plain")), ("dtype", ("float32", "float64"))):
        if value.get(name) is not None:
            one_of(f"{where}.{name}", value[name], choices)
    if value.get("threads") is not None:
        whole(f"{where}.threads", value["threads"], 1)


def _check_areas(value: Any, where: str) -> None:
    if not isinstance(value, list | tuple) or not value:
        raise OptionError(f"{where}: {value!r}; give a list of areas, lowest first.")
    if importlib.util.find_spec("torch") is None:
        return
    area = import_module("conntap.train.areas").Area
    for number, each in enumerate(value):
        _named(each if not isinstance(each, area) else {}, f"{where}[{number}]", [one.name for one in fields(area)])
        try:
            _ = each if isinstance(each, area) else area(**each)
        except (TypeError, ValueError, AttributeError) as error:
            raise OptionError(f"{where}[{number}]: {error}. Write it as `Area` takes it.") from None


def _check_image(value: Any, where: str) -> None:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise OptionError(f"{where}: {value!r}; give channels, rows and columns.")
    for each in value:
        whole(where, each, 1)


_CHECKED: dict[str, Callable[[Any, str], None]] = {
    "areas": _check_areas,
    "computing": _check_computing,
    "image": _check_image,
    "inputs": lambda value, where: one_of(where, value, ("dense", "one_to_one")),
    "nodes": lambda value, where: _named(value, where, ("inputs", "outputs")),
}
"""Options that no dataclass describes -> what refuses values that are wrong whatever the connectome."""

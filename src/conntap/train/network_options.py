"""Options of networks, checked before there is a connectome: names, and values as far as they hang on nothing else."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any, get_type_hints

from conntap.errors import OptionError, unknown

__all__ = ["check_options"]

_RECURRENT: dict[str, tuple[str, str] | None] = {
    "weights": ("weights", "Weights"),
    "dynamics": ("dynamics", "Dynamics"),
    "nodes": None,
    "computing": None,
    "inputs": None,
}
_KNOWN = {"rnn": _RECURRENT, "ode": {**_RECURRENT, "solver": ("solving", "Solver")}}
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
    for name, value in options.items():
        if name not in taken:
            raise OptionError(unknown(where, "option", name, taken))
        home = taken[name]
        if home is not None and value is not None and importlib.util.find_spec("torch") is not None:
            _check_fields(getattr(import_module(f"conntap.train.{home[0]}"), home[1]), value, f"{where}.{name}")


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

"""The functions of connectome-manipulator's configurations as manipulations of ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from conntap.errors import OptionError, known, unknown
from conntap.manipulate.elsewhere_options import SOURCES, ends, fraction, truth
from conntap.manipulate.elsewhere_wiring import NEEDS, NOTES, WIRINGS

__all__ = ["FUNCTIONS", "needs_of", "notes_of", "steps_of"]

_HOWS = {"setval": "set", "scale": "scale", "offset": "offset", "shuffle": "shuffle", "randval": "random", "randscale": "random_scale", "randadd": "random_offset"}  # fmt: skip


def steps_of(manip: Any) -> list[dict[str, Any]]:
    """The manipulations that the value of `manip` asks for, in order.

    Options of a function may stand beside its `source`, in `kwargs` or in `model_config`.

    Raises
    ------
    OptionError
        An unknown key, function or option; one that has no equal here; a value of a wrong kind.

    Examples
    --------
    >>> steps_of({"name": "less", "fcts": [{"source": "conn_removal", "kwargs": {"sel_src": "L4", "amount_pct": 25}}]})
    [{'do': 'remove_connections', 'pre': {'node_set': 'L4'}, 'fraction': 0.25}]
    """
    _keys(manip, ("name", "fcts"), "manip")
    functions = manip.get("fcts")
    if not isinstance(functions, list):
        raise OptionError(f"manip.fcts: {functions!r}; give a list of {{source: ..., kwargs: {{...}}}}.")
    found = [_step(each, f"manip.fcts[{position}]") for position, each in enumerate(functions)]
    return [step for step in found if step is not None]


def notes_of(manip: Any) -> tuple[str, ...]:
    """What the functions of `manip`, which `steps_of` has read, say that changes nothing here."""
    sources = dict.fromkeys(str(each.get("source")) for each in manip["fcts"])
    return tuple(f"{source}: {NOTES[source]}" for source in sources if source in NOTES)


def needs_of(manip: Any) -> dict[str, str]:
    """The properties that pre nodes must have for the functions of `manip`, which `steps_of` has read, and what asks for each."""
    sources = [str(each.get("source")) for each in manip["fcts"]]
    return {NEEDS[source][0]: f"{source}: {NEEDS[source][1]}" for source in sources if source in NEEDS}


def _step(function: Any, where: str) -> dict[str, Any] | None:
    if not isinstance(function, Mapping):
        raise OptionError(f"{where}: {function!r}; give {{source: ..., kwargs: {{...}}}}.")
    source = str(function.get("source"))
    if source not in FUNCTIONS:
        raise OptionError(unknown(f"{where}.source", "function", source, FUNCTIONS))
    names, convert = FUNCTIONS[source]
    options: dict[str, Any] = {}
    for part in ({key: value for key, value in function.items() if key not in ("source", "kwargs", "model_config")},
                 function.get("kwargs", {}), function.get("model_config", {})):  # fmt: skip
        _keys(part, names, f"{where}: {source}")
        twice = options.keys() & part.keys()
        if twice:
            raise OptionError(f"{where}: {source}: {known(sorted(twice))} stands twice. Give it once.")
        options |= part
    return convert({key: value for key, value in options.items() if value is not None}, f"{where}: {source}")


def _keys(values: Any, names: tuple[str, ...], where: str) -> None:
    if not isinstance(values, Mapping):
        raise OptionError(f"{where}: {values!r}; give a mapping of {known(names)}.")
    for key in values:
        if key not in names:
            raise OptionError(unknown(where, "key", key, names))


def _nothing(options: dict[str, Any], where: str) -> None:
    return None


def _removal(options: dict[str, Any], where: str) -> dict[str, Any]:
    step = {"do": "remove_connections", **ends(options, where), "fraction": fraction(options, "amount_pct", where)}
    bounds = [options.get(f"{side}_syn_per_conn") for side in ("min", "max")]
    for each in bounds:
        if each is not None and (not isinstance(each, int) or isinstance(each, bool) or each < 1):
            raise OptionError(f"{where}: {each!r} synapses; give a whole number from 1 on.")
    if bounds != [None, None]:
        step["synapses"] = [bounds[0] or 1, bounds[1]]
    if "conn_mask_file" in options:
        both = {side: step[side] for side in ("pre", "post") if side in step}
        step["mask"] = {"path": options["conn_mask_file"], **both}
    return step


def _extraction(options: dict[str, Any], where: str) -> dict[str, Any]:
    name = options.get("target_name")
    if not isinstance(name, str):
        raise OptionError(f"{where}.target_name: {name!r}; without one no edges would be left. Give a node set's name.")
    file = {"node_sets_file": options["node_sets_file"]} if "node_sets_file" in options else {}
    return {"do": "extract", "nodes": {"node_set": name, **file}}


def _synapse_removal(options: dict[str, Any], where: str) -> dict[str, Any]:
    step = {"do": "remove_synapses", **ends(options, where), "fraction": fraction(options, "amount_pct", where)}
    if truth(options, "keep_conns", where):
        step["keep_connections"] = "one"
    if truth(options, "rescale_gsyn", where):
        step["rescale"] = "conductance"
    return step


def _subsampling(options: dict[str, Any], where: str) -> dict[str, Any]:
    return {"do": "subsample", "fraction": fraction(options, "keep_pct", where)}


def _alteration(options: dict[str, Any], where: str) -> dict[str, Any]:
    if fraction(options, "amount_pct", where) != 1:
        raise OptionError(f"{where}.amount_pct: only all synapses selected can be altered. Give 100, or select fewer.")
    for name in ("syn_prop", "new_value"):
        if name not in options:
            raise OptionError(f"{where}: {name!r} is not given. Give it.")
    new, at = options["new_value"], f"{where}.new_value"
    _keys(new, ("mode", "value", "factor", "range", "rng", "kwargs"), at)
    mode = str(new.get("mode"))
    if mode not in _HOWS:
        raise OptionError(unknown(f"{at}.mode", "mode", mode, _HOWS))
    needed = {"shuffle": (), "scale": ("factor",)}.get(mode, ("rng",) if mode.startswith("rand") else ("value",))
    _keys(new, ("mode", *needed, *(("kwargs",) if needed == ("rng",) else ()), *(("range",) if needed else ())), at)
    for name in needed:
        if name not in new:
            raise OptionError(f"{at}: {mode} needs {name!r}. Give it.")
    step = {"do": "alter_property", "property": options["syn_prop"], "how": _HOWS[mode], **ends(options, where)}
    if needed:
        step["value"] = _distribution(new, at) if needed == ("rng",) else new[needed[0]]
    if "range" in new:
        step["clip"] = new["range"]
    if options.get("syn_filter"):
        step["where"] = _condition(options["syn_filter"], f"{where}.syn_filter")
    return step


def _condition(wanted: Any, where: str) -> str:
    """An expression over edge properties that holds where each has one of its values."""
    if not isinstance(wanted, Mapping):
        raise OptionError(f"{where}: {wanted!r}; give {{property: [values]}}.")
    parts = []
    for name, values in wanted.items():
        listed = values if isinstance(values, list) else [values]
        for each in listed:
            if not isinstance(each, str | int | float) or (isinstance(each, float) and not math.isfinite(each)):
                raise OptionError(f"{where}.{name}: {each!r}; give numbers or text.")
        if not isinstance(name, str) or "`" in name:
            raise OptionError(f"{where}: {name!r} is no name of an edge property.")
        parts.append(f"{name if name.isidentifier() else f'`{name}`'} in {listed!r}")
    return " and ".join(parts)


def _distribution(new: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A distribution of numpy's, by its own parameters, as one of ours."""
    name = str(new["rng"])
    if name not in _DISTRIBUTIONS:
        raise OptionError(unknown(f"{where}.rng", "distribution", name, _DISTRIBUTIONS))
    defaults, convert = _DISTRIBUTIONS[name]
    given = new.get("kwargs", {})
    _keys(given, tuple(defaults), f"{where}.kwargs")
    numbers = {**defaults, **given}
    for key, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise OptionError(f"{where}.kwargs.{key}: {value!r}; give a number.")
        if key in ("scale", "sigma", "shape", "lam") and value < 0:
            raise OptionError(f"{where}.kwargs.{key}: {value!r}; give a number from 0 on.")
    return convert(**numbers)


def _lognormal(mean: float, sigma: float) -> dict[str, Any]:
    try:
        middle = math.exp(mean + sigma**2 / 2)
        return {"kind": "lognormal", "mean": middle, "std": middle * math.sqrt(math.expm1(sigma**2))}
    except OverflowError:
        raise OptionError(f"lognormal: mean {mean} and sigma {sigma} are beyond all numbers. Give less.") from None


# numpy's name -> (its parameters, with None where one must be given; how ours are made of them).
_DISTRIBUTIONS: dict[str, tuple[dict[str, Any], Callable[..., dict[str, Any]]]] = {
    "exponential": ({"scale": 1.0}, lambda scale: {"kind": "gamma", "mean": scale, "std": scale}),
    "gamma": (
        {"shape": None, "scale": 1.0},
        lambda shape, scale: {"kind": "gamma", "mean": shape * scale, "std": math.sqrt(shape) * scale},
    ),
    "lognormal": ({"mean": 0.0, "sigma": 1.0}, _lognormal),
    "normal": ({"loc": 0.0, "scale": 1.0}, lambda loc, scale: {"kind": "normal", "mean": loc, "std": scale}),
    "poisson": ({"lam": 1.0}, lambda lam: {"kind": "poisson", "mean": lam}),
    "uniform": ({"low": 0.0, "high": 1.0}, lambda low, high: {"kind": "uniform", "low": low, "high": high}),
}

FUNCTIONS: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any], str], dict[str, Any] | None]]] = {
    **WIRINGS,
    "conn_extraction": (("target_name", "node_sets_file"), _extraction),
    "conn_removal": (
        (*SOURCES, "amount_pct", "min_syn_per_conn", "max_syn_per_conn", "conn_mask_file"),
        _removal,
    ),
    "null_manipulation": ((), _nothing),
    "syn_prop_alteration": ((*SOURCES, "syn_prop", "new_value", "syn_filter", "amount_pct"), _alteration),
    "syn_removal": ((*SOURCES, "amount_pct", "keep_conns", "rescale_gsyn"), _synapse_removal),
    "syn_subsampling": (("keep_pct",), _subsampling),
}
"""Their functions: the names of their options, and how a manipulation of ours is made of these."""

"""The functions of connectome-manipulator that draw connections, and their models, as manipulations of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conntap.circuits.rules.foreign import foreign_model
from conntap.circuits.rules.storing import apart
from conntap.errors import OptionError, known, one_of
from conntap.manipulate.elsewhere_options import SOURCES, ends, fraction, truth

__all__ = ["NEEDS", "NOTES", "WIRINGS"]

_TYPE = "mtype"
_CLASS = "synapse_class"
_TYPE_IDS = {"EXC": 100, "INH": 0}
_MODES = {"add_only": "add", "delete_only": "delete"}
_PLACES = ("reuse", "reuse_strict", "random", "external")
_UNKNOWN_HERE = {
    "model_pathways": "numbers by pathway in a parquet file are not read. Give a rule of kind Pathways in a recipe",
    "syn_pos_model_spec": "synapses at listed places cannot be drawn. Leave it out, and run place_synapses",
    "opt_nconn": "each draw is taken as it comes. Give preserve: number in a recipe, or leave it out",
    "estimation_run": "nothing would be changed. Run with --dry-run, or conntap.manipulate.rewire_estimate",
}
NOTES = {
    "conn_rewiring": "places of new synapses on morphologies; the manipulation place_synapses gives them",
    "conn_wiring": "places of synapses on morphologies; the manipulation place_synapses gives them",
}

NEEDS = {"conn_rewiring": (_CLASS, "syn_class"), "conn_wiring": (_CLASS, "the class of new synapses")}
"""The property that pre nodes must have, and what asks for it."""


def _wiring(options: dict[str, Any], where: str) -> dict[str, Any]:
    _check(options, where)
    chance = options.get("prob_model_spec") or {"model": "ConnProb1stOrderModel"}
    types = [
        [[name], [], {"kind": "Joint", "distributions": [{"kind": "Fixed", "value": value}], "correlation": None}]
        for name, value in _TYPE_IDS.items()
    ]
    kind = {"kind": "Property", "name": "syn_type_id", "dtype": "int16", "within": "connection", "lower": None, "upper": None}  # fmt: skip
    return {
        "do": "wire",
        **ends(options, where),
        "rule": _rule(chance, options.get("pos_map_file"), where),
        "synapses": _model(options.get("nsynconn_model_spec") or {"model": "NSynConnModel"}, f"{where}.nsynconn_model_spec"),
        "delays": _model(options.get("delay_model_spec") or {"model": "LinDelayModel"}, f"{where}.delay_model_spec"),
        "properties": {"kind": "Properties", "by": [_CLASS], "properties": [kind], "pathways": types},
    }  # fmt: skip


def _rewiring(options: dict[str, Any], where: str) -> dict[str, Any]:
    _check(options, where)
    for name in ("syn_class", "prob_model_spec", "delay_model_spec"):
        if name not in options:
            raise OptionError(f"{where}: {name!r} is not given. Give it.")
    one_of(f"{where}.syn_class", options["syn_class"], list(_TYPE_IDS))
    one_of(f"{where}.syn_pos_mode", options.get("syn_pos_mode", "reuse"), list(_PLACES))
    keeps = truth({"keep_indegree": True, **options}, "keep_indegree", where)
    truth(options, "keep_conns", where)
    both = ends(options, where)
    step = {
        "do": "rewire",
        **both,
        "pre": _of_class(both.get("pre"), options["syn_class"], where),
        "rule": _rule(options["prob_model_spec"], options.get("pos_map_file"), where),
        "preserve": "in-degree" if keeps else "none",
        "properties": _made(options, keeps, where),
        "delays": _model(options["delay_model_spec"], f"{where}.delay_model_spec"),
    }
    if options.get("rewire_mode") is not None:
        one_of(f"{where}.rewire_mode", options["rewire_mode"], list(_MODES))
        step["mode"] = _MODES[options["rewire_mode"]]
    if not keeps and options.get("p_scale", 1) != 1:  # where in-degrees are kept, it changes nothing there either
        step["scale"] = options["p_scale"]
    return step


def _made(options: dict[str, Any], keeps: bool, where: str) -> Any:
    """How the synapses of connections that change are made."""
    reuses = truth({"reuse_conns": True, **options}, "reuse_conns", where)
    method, models = options.get("gen_method"), [f"{name}_model_spec" for name in ("props", "nsynconn")]
    given = [name for name in models if name in options]
    if method != "randomize" and given:
        raise OptionError(f"{where}: {known(given)} goes with gen_method 'randomize' only. Say that, or leave it out.")
    if reuses and keeps:
        if method is not None:
            raise OptionError(
                f"{where}.gen_method: {method!r}; nothing is new where all connections are reused. Leave it out."
            )
        return "reuse"
    one_of(f"{where}.gen_method", method, ["sample", "randomize"])
    made = {"how": "reuse" if reuses else "sample", "by": _TYPE}
    if method == "sample":
        return made
    if "props_model_spec" not in options:
        raise OptionError(f"{where}: 'randomize' needs 'props_model_spec'. Give it.")
    counts = options.get("nsynconn_model_spec", options["props_model_spec"])
    synapses = _model(counts, f"{where}.nsynconn_model_spec", part="synapses")
    return {**made, "values": _model(options["props_model_spec"], f"{where}.props_model_spec"), "synapses": synapses}


def _check(options: dict[str, Any], where: str) -> None:
    """Refuse what has no equal here."""
    for name, why in _UNKNOWN_HERE.items():
        if options.get(name) not in (None, False):
            raise OptionError(f"{where}.{name}: {why}.")
    if options.get("syn_pos_mode") == "external":
        raise OptionError(f"{where}.syn_pos_mode: 'external'; {_UNKNOWN_HERE['syn_pos_model_spec']}.")
    if fraction(options, "amount_pct", where) != 1:
        raise OptionError(f"{where}.amount_pct: all cells selected are wired. Give 100, or select fewer by sel_dest.")


def _of_class(choice: Any, name: str, where: str) -> dict[str, Any]:
    """A selection of those of one class of synapses."""
    choice = {"node_id": choice} if isinstance(choice, list) else dict(choice or {})
    if choice.get(_CLASS, name) not in (name, [name]):
        raise OptionError(f"{where}.sel_src: {_CLASS} is {choice[_CLASS]!r}, syn_class {name!r}. Give one of them.")
    return {**choice, _CLASS: name}


def _rule(spec: Any, maps: Any, where: str) -> dict[str, Any]:
    rule = _model(spec, f"{where}.prob_model_spec", is_rule=True)
    if maps is None:
        return rule
    files = maps if isinstance(maps, list) else [maps, maps]
    for file in files:
        if len(files) != 2 or not isinstance(file, str) or not file.endswith(".json"):
            raise OptionError(
                f"{where}.pos_map_file: {maps!r}; give a model's .json file, or two: voxels (.nrrd) are not read."
            )
    return {"kind": "Placed", "rule": rule, "pre": {"path": files[0]}, "post": {"path": files[1]}}


def _model(spec: Any, where: str, *, part: str = "model", is_rule: bool = False) -> dict[str, Any]:
    """A model in a file by its path, any other as plain values of ours."""
    if not isinstance(spec, Mapping):
        raise OptionError(f"{where}: {spec!r}; give {{file: model.json}}, or {{model: CLASS, ...}}.")
    if "file" in spec:
        if len(spec) > 1 or not isinstance(spec["file"], str):
            raise OptionError(f"{where}: {dict(spec)!r}; a file stands alone.")
        return {"path": spec["file"]}
    model = foreign_model(spec, {}, part=part, where=where)
    if is_rule != hasattr(model, "probabilities"):
        raise OptionError(
            f"{where}: {spec['model']} {'gives no' if is_rule else 'gives a'} probability. Give another model."
        )
    return model.to_dict() if is_rule else apart(model, {})


_MODELS = tuple(f"{name}_model_spec" for name in ("prob", "nsynconn", "delay"))
_SHARED = (*SOURCES, "pos_map_file", "amount_pct", "morph_ext", "model_pathways", *_MODELS)

WIRINGS = {
    "conn_rewiring": (
        (*_SHARED, "syn_class", "keep_indegree", "reuse_conns", "gen_method", "props_model_spec", "estimation_run",
         "p_scale", "opt_nconn", "keep_conns", "rewire_mode", "syn_pos_mode", "syn_pos_model_spec"),
        _rewiring,
    ),
    "conn_wiring": (_SHARED, _wiring),
}  # fmt: skip
"""These functions: the names of their options, and how a manipulation of ours is made of these."""

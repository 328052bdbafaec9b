"""Documents that say how a circuit is to be manipulated: our own, and the configurations of connectome-manipulator.

A document is plain values (`study.yaml` reads YAML and JSON). Nothing in it is evaluated, and whatever is not known is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.circuits.nodesets import NodeSets
from conntap.circuits.selection import selected
from conntap.errors import NodeSetError, OptionError, known, unknown, whole
from conntap.manipulate.elsewhere import needs_of, notes_of, steps_of
from conntap.manipulate.mask_files import mask_from_file

__all__ = ["Configuration", "prepared", "read_configuration"]

_KEYS = ("circuit", "edges", "recipe", "seed", "output")
_THEIR_KEYS = ("circuit_config", "circuit_path", "edges_popul_name", "manip", "output_path", "seed", "src_node_popul_name", "tgt_node_popul_name")  # fmt: skip
_IGNORED = {
    "N_split_nodes": "the result does not depend on how nodes are split; --mem-gb and --workers say how much is done at once",
    "blue_config_to_update": "only the circuit's configuration is written",
    "workflow_template": "only the circuit's configuration is written",
}
_THEIR_SEED = 123456
_SELECTIONS = ("pre", "post", "nodes")


@dataclass(frozen=True)
class Configuration:
    """What a document asks for.

    Parameters
    ----------
    circuit
        The circuit's configuration.
    recipe
        The manipulations as `manipulate_circuit` takes them, but for masks in files (`{"path": ...}`) and for selections by a
        node set and properties (`{"node_set": ..., ...}`), which `prepared` looks up in the circuit.
    edges
        The population; None for the default one.
    seed
        Of all that is random.
    output
        The new folder; None where it is not said.
    source, target
        The names that the populations of nodes must have; None for any.
    notes
        What the document says that changes nothing here.
    needs
        Properties that pre nodes must have, and what of the document asks for each.
    """

    circuit: Path
    recipe: tuple[dict[str, Any], ...]
    edges: str | None = None
    seed: int = 0
    output: Path | None = None
    source: str | None = None
    target: str | None = None
    notes: tuple[str, ...] = ()
    needs: Mapping[str, str] = field(default_factory=dict)


def read_configuration(values: Mapping[str, Any], folder: Path) -> Configuration:
    """Read a document of ours (`recipe`) or one of connectome-manipulator (`manip`).

    Parameters
    ----------
    values
        What the document holds.
    folder
        Where it lies: paths in it are relative to this folder.

    Raises
    ------
    OptionError
        An unknown key, function or option; one that is needed and not given; a value of a wrong kind.

    Examples
    --------
    >>> values = {"circuit": "circuit_config.json", "recipe": [{"do": "subsample", "fraction": 0.5}]}
    >>> read_configuration(values, Path("there")).recipe
    ({'do': 'subsample', 'fraction': 0.5},)
    """
    return _theirs(values, folder) if "manip" in values else _ours(values, folder)


def _ours(values: Mapping[str, Any], folder: Path) -> Configuration:
    _check_keys(values, _KEYS, "configuration")
    for name in ("circuit", "recipe"):
        if values.get(name) is None:
            raise OptionError(f"configuration: the key {name!r} is not given; known: {known(_KEYS)}. Give it.")
    whole("configuration.seed", values.get("seed", 0), 0)
    steps = values["recipe"]
    if not isinstance(steps, list):
        raise OptionError(f"configuration.recipe: {steps!r}; give a list, such as [{{do: subsample, fraction: 0.5}}].")
    for position, each in enumerate(steps):
        if not isinstance(each, dict):
            raise OptionError(
                f"configuration.recipe[{position}]: {each!r}; give a mapping, such as {{do: subsample, ...}}."
            )
    return Configuration(
        circuit=folder / _text(values["circuit"], "configuration.circuit"),
        recipe=tuple(_located(each, folder, f"configuration.recipe[{n}]") for n, each in enumerate(steps)),
        edges=_text(values.get("edges"), "configuration.edges"),
        seed=values.get("seed", 0),
        output=_path(values.get("output"), folder, "configuration.output"),
    )


def _theirs(values: Mapping[str, Any], folder: Path) -> Configuration:
    _check_keys(values, (*_THEIR_KEYS, *_IGNORED), "configuration")
    if values.get("circuit_config") is None:
        raise OptionError("configuration: the key 'circuit_config' is not given. Give the circuit's configuration.")
    seed = values.get("seed", _THEIR_SEED)
    whole("configuration.seed", seed, 0)
    text = {name: _text(values.get(name), f"configuration.{name}") for name in _THEIR_KEYS if name not in ("manip", "seed")}  # fmt: skip
    return Configuration(
        circuit=folder / (text["circuit_path"] or "") / text["circuit_config"],  # type: ignore[operator]
        recipe=tuple(_located(each, folder, "manip") for each in steps_of(values["manip"])),
        edges=text["edges_popul_name"],
        seed=seed,
        output=_path(values.get("output_path"), folder, "configuration.output_path"),
        source=text["src_node_popul_name"],
        target=text["tgt_node_popul_name"],
        notes=(*(f"{name}: {why}" for name, why in _IGNORED.items() if name in values), *notes_of(values["manip"])),
        needs=needs_of(values["manip"]),
    )


def _check_keys(values: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for key in values:
        if key not in names:
            raise OptionError(unknown(where, "key", key, names))


def _text(value: Any, where: str) -> Any:
    if value is not None and not isinstance(value, str):
        raise OptionError(f"{where}: {value!r}; give text.")
    return value


def _path(value: Any, folder: Path, where: str) -> Path | None:
    return None if _text(value, where) is None else folder / value


def _located(step: Mapping[str, Any], folder: Path, where: str) -> dict[str, Any]:
    """The manipulation with the paths in it complete."""
    step = {name: each if name == "mask" else _with_models(each, folder) for name, each in step.items()}
    if "mask" in step:
        mask = {"path": step["mask"]} if isinstance(step["mask"], str) else step["mask"]
        if not isinstance(mask, dict) or "path" not in mask:
            raise OptionError(f"{where}.mask: {mask!r}; give a file, or {{path: mask.npz, pre: ..., post: ...}}.")
        _check_keys(mask, ("path", "pre", "post"), f"{where}.mask")
        step["mask"] = {**mask, "path": str(_path(mask["path"], folder, f"{where}.mask.path"))}
    if isinstance(step.get("morphologies"), str):
        step["morphologies"] = str(folder / step["morphologies"])
    for name in _SELECTIONS:
        if isinstance(step.get(name), dict) and "node_set" in step[name] and "node_sets_file" in step[name]:
            file = str(_path(step[name]["node_sets_file"], folder, f"{where}.{name}.node_sets_file"))
            step[name] = {**step[name], "node_sets_file": file}
    return step


def _with_models(value: Any, folder: Path) -> Any:
    """A value with the paths of models in it, {path: model.json}, complete."""
    if isinstance(value, list):
        return [_with_models(each, folder) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"path"} and isinstance(value["path"], str):
        return {"path": str(folder / value["path"])}
    return {name: _with_models(each, folder) for name, each in value.items()}


def prepared(asked: Configuration, circuit: Circuit) -> list[dict[str, Any]]:
    """The manipulations with what has to be looked up in the circuit: node sets, and masks in files.

    Raises
    ------
    OptionError
        An unknown node set, a mask that does not fit, or populations of nodes of other names.
    CircuitError
        The circuit is damaged, or has no such population.
    """
    edges = circuit.edges(asked.edges)
    for name, wanted, found in (("source", asked.source, edges.source), ("target", asked.target, edges.target)):
        if wanted is not None and wanted != found:
            raise OptionError(
                f"configuration: {name} nodes {wanted!r}, where those of edges {edges.name!r} are {found!r}. "
                "Name that population, or other edges."
            )
    sides = {"pre": circuit.nodes(edges.source), "post": circuit.nodes(edges.target)}
    for name, why in asked.needs.items():
        if name not in sides["pre"].properties:
            raise OptionError(
                f"{why} is that of the pre node, by the node property {name!r}, which nodes {edges.source!r} have not; known: "
                f"{known(sides['pre'].properties)}. Give them this property, or write a recipe."
            )
    return [_prepared(step, circuit, sides, f"recipe[{position}]") for position, step in enumerate(asked.recipe)]


def _prepared(step: Mapping[str, Any], circuit: Circuit, sides: Mapping[str, Any], where: str) -> dict[str, Any]:
    found = dict(step)
    for name in _SELECTIONS:
        if name in found:
            found[name] = _selection(found[name], circuit, sides.get(name, sides["pre"]), f"{where}.{name}")
    if "mask" in found:
        found["mask"] = _mask(found["mask"], circuit, sides, f"{where}.mask")
    return found


def _selection(choice: Any, circuit: Circuit, population: Any, where: str) -> Any:
    """A selection as manipulations take it: those by node sets and properties as ids."""
    if isinstance(choice, dict) and "node_id" in choice and "node_id" not in population.properties:
        rest = {key: value for key, value in choice.items() if key != "node_id"}
        chosen = population.table().index if not rest else _chosen(rest, population, where)
        return np.intersect1d(np.asarray(choice["node_id"], dtype=np.int64), chosen)
    if not isinstance(choice, dict) or "node_set" not in choice or "node_set" in population.properties:
        return choice
    rest = {key: value for key, value in choice.items() if key not in ("node_set", "node_sets_file")}
    name = _text(choice["node_set"], f"{where}.node_set")
    ids = _ids_in_set(name, choice.get("node_sets_file"), circuit, population, f"{where}.node_set")
    if not rest:
        return name if ids is None else ids
    ids = population.ids(name) if ids is None else ids
    return np.intersect1d(ids, _chosen(rest, population, where))


def _chosen(properties: dict[str, Any], population: Any, where: str) -> np.ndarray:
    """The ids of the nodes that have these properties."""
    known_ones = all(each in population.properties for each in properties)
    table = population.table(list(properties)) if known_ones else population.table()
    return table.index.to_numpy()[selected(table, properties, where)]


def _ids_in_set(name: str, file: str | None, circuit: Circuit, population: Any, where: str) -> np.ndarray | None:
    """The ids of a node set of a file; None for one of the circuit, which goes first."""
    if name in circuit.node_sets:
        return None
    if file is None:
        try:
            circuit.node_sets[name]
        except NodeSetError as error:
            raise OptionError(f"{where}: {error}") from None
    sets = NodeSets.read(Path(file))
    if name not in sets:
        raise OptionError(unknown(f"{where}: {file}", "node set", name, sets))
    return np.sort(population.node_ids()[sets.mask(name, population)])


def _mask(mask: Any, circuit: Circuit, sides: Mapping[str, Any], where: str) -> Mask:
    if isinstance(mask, Mask):
        return mask
    chosen = {}
    for side, population in sides.items():
        choice = _selection(mask.get(side), circuit, population, f"{where}.{side}")
        is_set = isinstance(choice, str) and choice in circuit.node_sets
        chosen[side] = population.ids(choice) if is_set else choice
    looks = any(choice is not None and not isinstance(choice, np.ndarray) for choice in chosen.values())
    pre, post = (population.table(None if looks else ()) for population in sides.values())
    same = sides["pre"].name == sides["post"].name
    nodes = Connectome(pre, [], [], post_nodes=None if same else post)
    try:
        return mask_from_file(nodes, path=mask["path"], **chosen)
    except OptionError as error:
        raise OptionError(f"{where}: {error}") from None

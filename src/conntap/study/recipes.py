"""Checks of a recipe of manipulations, as far as it can be told without the circuit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from conntap.errors import ConntapError, known, unknown
from conntap.study.references import is_reference
from conntap.study.steps import Step, find_step
from conntap.study.yaml import Place

__all__ = ["check_recipe", "has_path", "takes_recipe"]

Problem = Callable[[str, Place], None]
_LOOKED_UP = ("pre", "post", "nodes", "mask")  # in the circuit; a selection may say `node_set`


def takes_recipe(step: Step) -> bool:
    """Whether a step's option `recipe` is one of manipulations of a circuit on disk."""
    return step.name == "manipulate.circuit"


def check_recipe(recipe: Any, where: str, place: Place, problem: Problem) -> Any:
    """Every manipulation runs in chunks, its options are known and of their kind, and those it needs are there.

    Parameters
    ----------
    recipe
        As the document has it.

    Returns
    -------
    The recipe, with what names a file in it as a `Path`.
    """
    from conntap.manipulate.streamed import STREAMED

    if not isinstance(recipe, list) or not all(isinstance(each, Mapping) for each in recipe):
        return recipe  # told by the option's own check
    if not recipe:
        problem(f"{where}: no manipulation; write a list, such as [{{do: remove_connections, fraction: 0.1}}].", place)
    found = [dict(step) for step in recipe]
    for number, step in enumerate(found):
        at = f"{where}[{number}]"
        name = str(step.get("do")).removeprefix("manipulate.")
        if name not in STREAMED:
            told = unknown(at, "manipulation", name, STREAMED)
            if name in _in_memory():
                told = f"{at}: {name!r} runs in memory only: circuits.connectome, then that step. In chunks run: {known(STREAMED)}."
            problem(told, (*place, number))
            continue
        _check_options(find_step(f"manipulate.{name}"), step, at, (*place, number), problem)
    return found


def has_path(value: Any) -> bool:
    """Whether there is a `Path` in a value.

    >>> has_path([{"rule": {"path": Path("model.json")}}]), has_path(["model.json"])
    (True, False)
    """
    if isinstance(value, Mapping):
        return any(map(has_path, value.values()))
    return any(map(has_path, value)) if isinstance(value, list | tuple) else isinstance(value, Path)


def _check_options(of: Step, step: dict[str, Any], at: str, place: Place, problem: Problem) -> None:
    for key, value in step.items():
        if key == "do":
            continue
        if key not in of.options:
            problem(unknown(f"{at}: {of.name}", "option", key, of.options), place)
        elif key in _LOOKED_UP:
            step[key] = _with_node_sets(value)
        elif not is_reference(value):
            try:
                checked = of.options[key].check(value, at)
                step[key] = checked if has_path(checked) else value
            except ConntapError as error:
                problem(str(error), place)
    lacking = [key for key, option in of.options.items() if option.required and key not in step]
    if lacking:
        problem(f"{at}: {of.name} needs {known(lacking)}. Give it.", place)


def _with_node_sets(choice: Any) -> Any:
    """A selection, or a mask of selections, with the file of node sets that it names as a `Path`."""
    if not isinstance(choice, dict):
        return choice
    is_file = "node_set" in choice and isinstance(choice.get("node_sets_file"), str)
    named = {"node_sets_file": Path(choice["node_sets_file"])} if is_file else {}
    return {key: _with_node_sets(each) for key, each in choice.items()} | named


def _in_memory() -> Collection[str]:
    from conntap import manipulate

    return manipulate.STEPS

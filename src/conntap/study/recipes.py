"""Checks of a recipe of manipulations, as far as it can be told without the circuit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from conntap.errors import ConntapError, known, unknown
from conntap.study.references import is_reference
from conntap.study.steps import Step, find_step
from conntap.study.yaml import Place

__all__ = ["check_recipe", "takes_recipe"]

Problem = Callable[[str, Place], None]
_LOOKED_UP = ("pre", "post", "nodes", "mask")  # in the circuit; a selection may say `node_set`


def takes_recipe(step: Step) -> bool:
    """Whether a step's option `recipe` is one of manipulations of a circuit on disk."""
    return step.name == "manipulate.circuit"


def check_recipe(recipe: Any, where: str, place: Place, problem: Problem) -> None:
    """Every manipulation runs in chunks, its options are known and of their kind, and those it needs are there.

    Parameters
    ----------
    recipe
        As the document has it.
    """
    from conntap.manipulate.streamed import STREAMED

    if not isinstance(recipe, list) or not all(isinstance(each, Mapping) for each in recipe):
        return  # told by the option's own check
    if not recipe:
        problem(f"{where}: no manipulation; write a list, such as [{{do: remove_connections, fraction: 0.1}}].", place)
    for number, step in enumerate(recipe):
        at = f"{where}[{number}]"
        name = str(step.get("do")).removeprefix("manipulate.")
        if name not in STREAMED:
            more = "" if name not in _in_memory() else " It runs in memory: circuits.connectome, then that step."
            problem(unknown(at, "manipulation", name, STREAMED) + more, (*place, number))
            continue
        _check_options(find_step(f"manipulate.{name}"), step, at, (*place, number), problem)


def _check_options(of: Step, step: Mapping[str, Any], at: str, place: Place, problem: Problem) -> None:
    for key, value in step.items():
        if key == "do":
            continue
        if key not in of.options:
            problem(unknown(f"{at}: {of.name}", "option", key, of.options), place)
        elif not is_reference(value) and key not in _LOOKED_UP:
            try:
                of.options[key].check(value, at)
            except ConntapError as error:
                problem(str(error), place)
    lacking = [key for key, option in of.options.items() if option.required and key not in step]
    if lacking:
        problem(f"{at}: {of.name} needs {known(lacking)}. Give it.", place)


def _in_memory() -> Collection[str]:
    from conntap import manipulate

    return manipulate.STEPS

"""Checks of options that need no data: a room or a plugin declares them in `CHECKS` beside its `STEPS`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from conntap.circuits.selection import Selection
from conntap.errors import ConntapError, OptionError
from conntap.store.queries import check_readable
from conntap.study.recipes import takes_recipe
from conntap.study.references import is_reference, references_in
from conntap.study.steps import Step, find_step

__all__ = ["is_selection", "mistakes", "stage_mistakes"]


def mistakes(step: Step, given: Mapping[str, Any], later: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """What is wrong with values of options, whatever the step is given to work on.

    Parameters
    ----------
    given
        Values of options by name.
    later
        Names of those whose values are not known yet; what needs them is not checked.

    Returns
    -------
    The name of an option (of several, the first that is given) and what is wrong.
    """
    odd = {name for name, value in given.items() if name in step.options and not _is_known(step, name, value)}
    for names, check in _checks(step).items():
        if names and not set(names) & (odd | set(later)) and set(names) <= step.options.keys():
            try:
                check(**{name: given.get(name, step.options[name].default) for name in names})
            except ConntapError as error:
                yield next((name for name in names if name in given), names[0]), str(error)


def stage_mistakes(
    step: Step, given: Mapping[str, Any], each: Mapping[str, list[Any]]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The same of a stage that may sweep options or have a recipe: the place within the stage and what is wrong."""
    plain = list(mistakes(step, given, each))
    yield from (((name,), text) for name, text in plain)
    yield from (((name,), text) for name, text in _unreadable(step, given))
    for name, values in each.items():
        for value in values:
            one = {**given, name: value}
            found = mistakes(step, one, set(each) - {name})
            yield from ((("each",), text) for which, text in found if (which, text) not in plain)
    if takes_recipe(step) and isinstance(given.get("recipe"), list):
        yield from _of_recipe(given, each)


def _of_recipe(given: Mapping[str, Any], each: Mapping[str, list[Any]]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    from conntap.manipulate.on_disk import with_fraction
    from conntap.manipulate.streamed import STREAMED

    fractions = each.get("fraction", [given.get("fraction")])
    for number, entry in enumerate(given["recipe"]):
        name = str(entry.get("do")).removeprefix("manipulate.") if isinstance(entry, Mapping) else ""
        if name in STREAMED:
            step = find_step(f"manipulate.{name}")
            for fraction in fractions:
                options = {key: value for key, value in with_fraction(entry, fraction).items() if key != "do"}
                for _, text in mistakes(step, options):
                    yield ("recipe", number), f"recipe[{number}]: {text}"


def is_selection(step: Step, name: str) -> bool:
    """Whether an option is a selection of nodes."""
    return name in step.options and step.options[name].annotation in (Selection, Selection | None)


def _unreadable(step: Step, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with expressions that select nodes, whatever these are."""
    for name, value in given.items():
        if isinstance(value, str) and is_selection(step, name):
            try:
                check_readable(value, f"{step.name.rpartition('.')[2]}.{name}", what="node property", error=OptionError)
            except OptionError as error:
                yield name, str(error)


def _is_known(step: Step, name: str, value: Any) -> bool:
    """Whether a value is there, and of the kind that the option takes."""
    if is_reference(value) or references_in({name: value}):
        return False
    try:
        step.options[name].check(value, "")
    except (ConntapError, TypeError):  # told elsewhere; paths are no JSON
        return False
    return True


def _checks(step: Step) -> Mapping[tuple[str, ...], Callable[..., None]]:
    room, _, function = step.name.rpartition(":" if ":" in step.name else ".")
    module = room if ":" in step.name else f"conntap.{room}"
    return getattr(importlib.import_module(module), "CHECKS", {}).get(function, {})

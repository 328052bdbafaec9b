"""Selections of nodes in a study, against the nodes of its circuits, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pandas as pd

from conntap.circuits import Circuit, Connectome
from conntap.circuits.selection import selected
from conntap.errors import ConntapError, OptionError, unknown
from conntap.study.entries import Reference, Stage, Study
from conntap.study.nodes import tables_of
from conntap.study.option_checks import is_selection
from conntap.study.recipes import takes_recipe
from conntap.study.steps import fits

__all__ = ["check_selections"]

_SELECTIONS = ("pre", "post", "nodes")
_NOT_PROPERTIES = ("node_set", "node_sets_file", "node_id")


def check_selections(study: Study, sources: Mapping[str, Any]) -> None:
    """Tell of selections by properties or node sets that the circuit does not have, as far as a stage's nodes are those of a
    circuit that is there: its own, also after manipulations.

    Raises
    ------
    StudyError
        A selection that must fail, with its line.
    """
    for stage in study.stages.values():
        for circuit in _circuits_of(study, stage, sources):
            for place, choice, side in _choices(stage):
                where = _said(("stages", stage.name, *place))
                try:
                    _check(choice, sources[circuit], side, stage, where)
                except (OptionError, ConntapError) as error:
                    raise study.told(error, ("stages", stage.name, *place)) from None


def _circuits_of(study: Study, stage: Stage, sources: Mapping[str, Any]) -> list[str]:
    """The circuits whose nodes, with all their properties, a stage is given."""
    if not stage.inputs or (len(stage.inputs) > 1 and stage.step.name == "circuits.connectome"):
        return []
    source = next(iter(stage.inputs.values()))
    if source == "circuits":
        return list(sources)
    if source.startswith("circuits."):
        return [source.removeprefix("circuits.")]
    former = study.stages.get(source)
    return _circuits_of(study, former, sources) if former is not None and _keeps_nodes(former) else []


def _keeps_nodes(stage: Stage) -> bool:
    """Whether the nodes of what a stage makes have the properties of those that it takes."""
    if stage.step.name.startswith("manipulate."):
        first = next(iter(stage.step.inputs.values()), None)
        return takes_recipe(stage.step) or (stage.step.returns is Connectome and fits(Connectome, first))
    return stage.step.name == "circuits.connectome" or stage.name.startswith("subtargets.")


def _choices(stage: Stage) -> Iterator[tuple[tuple[str | int, ...], Any, str]]:
    """Every selection of a stage: its place in the document, itself, and whether it is of pre or post nodes."""
    if takes_recipe(stage.step):
        recipe = stage.options.get("recipe")
        for number, step in enumerate(recipe if isinstance(recipe, list) else ()):
            for name in (*_SELECTIONS, "mask"):
                yield from _of(step.get(name), ("recipe", number, name), name)
    elif stage.step.name.startswith("manipulate."):
        for name, choice in stage.options.items():
            if is_selection(stage.step, name):
                yield from _of(choice, (name,), name)
        for name, choices in stage.each.items():
            if is_selection(stage.step, name):
                for choice in choices:
                    yield from _of(choice, ("each", name), name)


def _of(choice: Any, place: tuple[str | int, ...], name: str) -> Iterator[tuple[tuple[str | int, ...], Any, str]]:
    if isinstance(choice, Reference):
        return
    if name == "mask":
        for side in ("pre", "post"):
            if isinstance(choice, Mapping) and side in choice:
                yield from _of(choice[side], (*place, side), side)
    elif isinstance(choice, str | Mapping):
        yield place, choice, "post" if name == "post" else "pre"


def _check(choice: Any, source: Any, side: str, stage: Stage, where: str) -> None:
    if takes_recipe(stage.step) and isinstance(source, Circuit):
        if isinstance(choice, str) and choice in source.node_sets:
            return
        if isinstance(choice, Mapping):
            _check_node_set(choice, source, where)
            choice = {name: value for name, value in choice.items() if name not in _NOT_PROPERTIES}
        tables = list(_tables_of(source, side, stage.options.get("edges")))
    else:
        tables = list(tables_of(source))
    problems = []
    for table in tables:
        try:
            selected(table, choice, where)
        except OptionError as error:
            problems.append(error)
    if problems and len(problems) == len(tables):
        raise problems[0]


def _check_node_set(choice: Mapping[str, Any], source: Circuit, where: str) -> None:
    name = choice.get("node_set")
    if isinstance(name, str) and "node_sets_file" not in choice and name not in source.node_sets:
        raise OptionError(unknown(f"{where}.node_set", "node set", name, source.node_sets))


def _tables_of(source: Circuit, side: str, edges: str | None) -> Iterator[pd.DataFrame]:
    """As `tables_of`, of the nodes on one side of some edges; none where these cannot be read."""
    with suppress(ConntapError, OSError):  # what cannot be read fails where it is read
        population = source.edges(edges)
        nodes = source.nodes(population.source if side == "pre" else population.target)
        yield nodes.table(ids=nodes.node_ids()[:1]).iloc[:0]


def _said(place: tuple[str | int, ...]) -> str:
    """A place in words of messages: stages.cut.recipe[0].pre."""
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in place)[1:]

"""What the circuits of a study say of their nodes, and whether its slices fit that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pandas as pd

from conntap.analyze.parts import Pairs, Ranked
from conntap.circuits import Circuit
from conntap.circuits.cuts import Parts, Quantiles, read_cuts
from conntap.circuits.selection import selected
from conntap.errors import ConntapError, OptionError, unknown
from conntap.store.queries import check_readable, names_in
from conntap.study.entries import Slicing, Stage, Study

__all__ = ["check_slices", "tables_of"]


def check_slices(study: Study, sources: Mapping[str, Any]) -> None:
    """Tell of slices that cannot be: everywhere of expressions that cannot be read, and where nodes come from circuits
    alone of properties that no circuit has and of those that are no numbers where numbers are needed.

    Raises
    ------
    StudyError
        A slice that cannot be, with its line.
    """
    tables = [table for source in sources.values() for table in tables_of(source)]
    names = {name for source in sources.values() for name in _names(source)}
    for stage in study.stages.values():
        for name in stage.slices:
            slicing = study.slices[name]
            try:
                _check(slicing, tables, names, _of_circuits_alone(study, stage))
            except OptionError as error:
                raise study.told(error, ("slices", name, "by")) from None


def _check(slicing: Slicing, tables: list[pd.DataFrame], names: set[str], certain: bool) -> None:
    where = f"slices.{slicing.name}.by"
    for part, expression in _expressions(slicing.cuts(names if certain else None), where):
        if part not in names:
            check_readable(expression, f"{where}.{part}", what="node property", error=OptionError)
            if certain:
                _check_expression(expression, tables, names, f"{where}.{part}")
    if certain:
        for cut in slicing.cuts(names):
            _check_numbers(cut, tables, where)


def _expressions(cuts: list[Any], where: str) -> Iterator[tuple[str, str]]:
    for cut in cuts:
        if isinstance(cut, Parts):
            yield from cut.named
        for side in (cut.pre, cut.post) if isinstance(cut, Pairs) else ():
            yield from _expressions([] if side is None else read_cuts(side, where), where)


def _check_expression(expression: str, tables: list[pd.DataFrame], names: set[str], where: str) -> None:
    """An expression names what some circuit has, and compares it with values of its kind where all of it is there."""
    named = names_in(expression)
    for name in named:
        if name not in names and name != "id":
            raise OptionError(unknown(f"{where}: query {expression!r}", "node property", name, names))
    problems = []
    whole = [table for table in tables if all(name in table or name == "id" for name in named)]
    for table in whole:
        try:
            selected(table, expression, where)
        except OptionError as error:
            problems.append(error)
    if problems and len(problems) == len(whole):
        raise problems[0]


def _check_numbers(cut: Any, tables: list[pd.DataFrame], where: str) -> None:
    if not isinstance(cut, Quantiles | Ranked):
        return
    how = "quantiles" if isinstance(cut, Quantiles) else cut.how
    held = [table[cut.name] for table in tables if cut.name in table]
    if held and not any(_is_number(column, booleans=isinstance(cut, Ranked)) for column in held):
        raise OptionError(f"{where}.{how}: node property {cut.name!r} is no number. Give one that is.")


def _is_number(column: pd.Series, *, booleans: bool) -> bool:
    numeric = pd.api.types.is_numeric_dtype(column) and column.dtype.kind != "c"
    return numeric and (booleans or not pd.api.types.is_bool_dtype(column))


def _names(source: Any) -> Iterator[str]:
    if isinstance(source, Circuit):
        for population in source.node_populations.values():
            yield from population.properties
    else:
        yield from map(str, [*source.pre_nodes, *source.post_nodes])


def tables_of(source: Any) -> Iterator[pd.DataFrame]:
    """Tables of the nodes of a circuit, by population, or of a connectome: their properties and of what kind they are,
    without rows."""
    if not isinstance(source, Circuit):
        yield from (source.pre_nodes.iloc[:0], source.post_nodes.iloc[:0])
        return
    for population in source.node_populations.values():
        with suppress(ConntapError, OSError):  # what cannot be read fails where it is read
            yield population.table(ids=population.node_ids()[:1]).iloc[:0]


def _of_circuits_alone(study: Study, stage: Stage) -> bool:
    """Whether all that a stage takes from comes, step by step, out of circuits."""
    taken = [study.stages[name] for name in stage.inputs.values() if name in study.stages]
    return bool(stage.inputs) and all(
        each.step.name.startswith("circuits.") and _of_circuits_alone(study, each) for each in taken
    )

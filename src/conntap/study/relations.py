"""Checks between the stages of a study: what each gives and takes, their order, the columns of their cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from conntap.activity import Spikes, Traces
from conntap.circuits import Circuit, Connectome
from conntap.circuits.subtargets import Subtarget, Subtargets
from conntap.errors import known, unknown
from conntap.study.entries import CASE_COLUMNS, Reference, Slicing, Stage
from conntap.study.steps import fits, plainly
from conntap.study.yaml import Place

__all__ = ["are_apart", "check_columns", "check_kinds", "circuits_of", "in_order", "repeat_names"]

Problem = Callable[[str, Place], None]


def check_kinds(stages: Mapping[str, Stage], problem: Problem) -> None:
    """Each source gives what the step takes; controls and slices stand where a connectome enters."""
    for stage in stages.values():
        label = stage.name if stage.name.startswith("subtargets.") else f"stages.{stage.name}"
        place: Place = tuple(label.split(".", 1))
        for position, source in stage.inputs.items():
            kind = _gives(source, stages)
            if (mistake := _gathering_mistake(stage, position, kind)) is not None:
                problem(f"{label}.{mistake}", (*place, "gather" if position in stage.gather else "of"))
            elif kind is not Any and not stage.accepts(position, kind):
                wanted = getattr(stage.step.inputs[position], "__name__", str(stage.step.inputs[position]))
                problem(
                    f"{label}.of: {source} gives a {_named(kind)}; {stage.step.name} takes a {wanted}.",
                    (*place, "of"),
                )
        for name, option in stage.options.items():
            if isinstance(option, Reference) and not fits(
                _gives(option.stage, stages), stage.step.options[name].annotation
            ):
                kind = _named(_gives(option.stage, stages))
                problem(
                    f"{label}.{name}: {option.stage} gives a {kind}; the option takes {stage.step.options[name].shown()}.",
                    (*place, name),
                )
        if stage.slices and stage.step.takes_folder:
            problem(
                f"{label}.slices: {stage.step.name} writes files, of the whole only. Remove them.", (*place, "slices")
            )
        if stage.repeat and not stage.step.takes_rng:
            problem(
                f"{label}.repeat: {stage.step.name} is not random, so every repeat gives the same. Remove it.",
                (*place, "repeat"),
            )
        if (stage.controls or stage.slices) and stage.step.inputs:
            first = next(iter(stage.step.inputs))
            if first in stage.gather:
                problem(
                    f"{label}: controls and slices change a connectome, and {first!r} is a list of them here. Give them to "
                    f"{stage.inputs[first]}.",
                    place,
                )
            elif not stage.step.accepts(first, Connectome):
                problem(f"{label}: controls and slices change a connectome; {stage.step.name} takes none.", place)
        for source in stage.sources if stage.name.startswith("subtargets.") else ():
            if source.split(".")[0] != "circuits":
                problem(
                    f"{label}.of: {source}; subtargets are defined before anything runs, of circuits. Define them of `circuits`; "
                    f"stages look at them in another circuit by `of: {{target: {stage.name}, circuit: STAGE}}`.",
                    (*place, "of"),
                )
        if stage.name.startswith("subtargets.") and not fits(stage.step.returns, Subtargets):
            problem(f"{label}.do: {stage.step.name} does not define subtargets.", (*place, "do"))
        if not stage.name.startswith("subtargets.") and stage.step.returns is Subtargets:
            problem(f"{label}.do: {stage.step.name} defines subtargets; write it under `subtargets:`.", (*place, "do"))


def _gathering_mistake(stage: Stage, position: str, kind: Any) -> str | None:
    """A list where a step takes none, or of other values than it takes; none where it needs one."""
    step, items = stage.step, stage.step.items(position)
    if position in stage.gather:
        if items is None:
            wanted = plainly(step.inputs[position])
            return f"gather: {step.name} takes one {wanted} as {position!r}, no list of them. Remove it."
        if kind is not Any and not fits(kind, items):
            source = stage.inputs[position]
            return f"gather: {source} gives a {_named(kind)}; {step.name} takes a list of {plainly(items)} as {position!r}."
    elif kind is not Any and items is not None and not step.accepts(position, kind) and fits(kind, items):
        return (
            f"of: {step.name} takes a list as {position!r}, of several values of {stage.inputs[position]}. Say along which "
            f"column of its cases: `gather: {{{position}: repeat}}`, say."
        )
    return None


def _gives(source: str, stages: Mapping[str, Stage]) -> Any:
    if source == "circuits" or source.startswith("circuits."):
        return Circuit | Connectome
    if source == "recordings" or source.startswith("recordings."):
        return Spikes | Traces
    if source.startswith("subtargets."):
        return Subtarget
    if source in stages:
        kind = stages[source].step.returns
        return kind if isinstance(kind, type) else Any
    return Any


def _named(kind: Any) -> str:
    return getattr(kind, "__name__", None) or " or ".join(each.__name__ for each in kind.__args__)


def in_order(stages: Mapping[str, Stage], problem: Problem) -> list[str]:
    """Names of stages, each after everything it takes from, else in the order of the document."""
    order: list[str] = []
    trail: list[str] = []
    circles: list[str] = []

    def visit(name: str) -> None:
        if name in order or name not in stages:
            return
        if name in trail:
            circle = " -> ".join([*trail[trail.index(name) :], name])
            message = f"stages.{name}.of: the stages take from each other in a circle: {circle}. Break it."
            if not circles:
                problem(message, ("stages", name, "of"))
            circles.append(circle)
            return
        trail.append(name)
        for source in stages[name].sources:
            visit(source)
        trail.pop()
        if name not in order:
            order.append(name)

    for name in stages:
        visit(name)
    return order


def check_columns(
    stages: Mapping[str, Stage], slices: Mapping[str, Slicing], circuits: Iterable[str], problem: Problem
) -> None:
    """No two things may want the same column of an index of cases."""
    of_circuits = circuits_of(stages, circuits)
    columns: dict[str, set[str]] = {"circuits": {"circuit"}}
    sliced: set[str] = set()
    renamed = repeat_names(stages)
    for stage in stages.values():
        label = stage.name if stage.name.startswith("subtargets.") else f"stages.{stage.name}"
        place: Place = tuple(label.split(".", 1))
        for source in stage.sources:
            if source in sliced and not _gathered_wholly(stage, source, "slice"):
                problem(
                    f"{label}.of: {source} is sliced, so its cases are known only after it ran; give the slices to this "
                    "stage, take an unsliced stage, or gather along `slice`.",
                    (*place, "of"),
                )
        for position, wanted in stage.gather.items():
            source = stage.inputs[position]
            if source in columns or source.split(".")[0] in ("circuits", "recordings"):
                there = columns.get(source, _column_of(source)) | ({"slice"} if source in sliced else set())
                for name in set(wanted) - there:
                    problem(unknown(f"{label}.gather", f"column of {source}", name, there), (*place, "gather"))
        names = renamed.get(stage.name, {})
        inherited = _inherited(stage, columns, names, apart=are_apart(stage, of_circuits))
        if clash := {new for source, new in names.items() if new in columns.get(source, ())}:
            problem(f"{label}.of: two columns would be called {known(clash)}; rename the stage that repeats.", place)
        if stage.controls and "control" in inherited:
            problem(f"{label}.controls: what it takes from has controls already; name them in one of the two.", place)
        own = {*stage.each} | ({"repeat"} if stage.repeat else set())
        if again := own & inherited:
            problem(
                f"{label}.each: what it takes from already sweeps {known(again)}; sweep it in one of the two.", place
            )
        taken = inherited | own | ({"control", "draw"} if stage.controls else set())
        for name in stage.slices:
            cuts = slices[name].cuts() if name in slices else []
            if clash := {each for cut in cuts for each in cut.variables} & (taken | CASE_COLUMNS):
                problem(
                    f"{label}.slices: {name}: cases have a column {known(clash)} already; rename that property or option.",
                    place,
                )
        columns[stage.name] = taken
        sliced |= {stage.name} if stage.slices else set()


def _column_of(source: str) -> set[str]:
    """The column of the cases of what no stage made."""
    return {"recording"} if source.split(".")[0] == "recordings" else {"circuit"}


def _inherited(stage: Stage, columns: Mapping[str, set[str]], names: Mapping[str, str], *, apart: bool) -> set[str]:
    """The columns that a stage's cases have from what it takes from; `names` as `repeat_names` gives them."""

    def called(source: str) -> set[str]:
        own = columns.get(source, _column_of(source))
        return own - {"repeat"} | {names[source]} if source in names and "repeat" in own else own

    found: set[str] = set()
    for position, source in stage.inputs.items():
        crossed = _crossed(stage)
        gathered = set(stage.gather.get(position, ()))
        left = columns.get(source, _column_of(source)) - gathered
        own = left if crossed or "repeat" in gathered else called(source) - gathered
        found |= {f"{position}_{name}" if (apart if name == "circuit" else crossed) else name for name in own}
    for source in stage.sources:
        found |= called(source) if source not in stage.inputs.values() else set()
    return found | ({"subtarget"} if stage.name.startswith("subtargets.") else set())


def circuits_of(stages: Mapping[str, Stage], circuits: Iterable[str]) -> dict[str, frozenset[str] | None]:
    """The circuits that the cases of each source are of, as far as the document says; None where none or several at once.

    Parameters
    ----------
    stages
        In an order in which each stands after what it takes from.
    circuits
        The names of all circuits.
    """
    names = frozenset(circuits)
    found: dict[str, frozenset[str] | None] = {f"circuits.{name}": frozenset((name,)) for name in names}
    found["circuits"] = names
    for stage in stages.values():
        kept = [source for source in stage.sources if not _gathered_wholly(stage, source, "circuit")]
        own = [each for source in kept if (each := found.get(source)) is not None]
        found[stage.name] = None if not own or are_apart(stage, found) else frozenset.intersection(*own)
    return found


def are_apart(stage: Stage, circuits: Mapping[str, frozenset[str] | None]) -> bool:
    """Whether the inputs of a stage are of one circuit each, and not of the same: then each has a column for its own.

    Parameters
    ----------
    circuits
        As `circuits_of` gives them.
    """
    left = [source for position, source in stage.inputs.items() if "circuit" not in stage.gather.get(position, ())]
    own = [each for source in left if (each := circuits.get(source)) is not None]
    return len(set(own)) > 1 and all(len(each) == 1 for each in own)


def _gathered_wholly(stage: Stage, source: str, column: str) -> bool:
    """Whether whatever a stage takes from a source is gathered along a column."""
    from conntap.study.references import references_in

    if any(reference.stage == source for reference in references_in(stage.options).values()):
        return False
    taking = [position for position, each in stage.inputs.items() if each == source]
    return all(column in stage.gather.get(position, ()) for position in taking)


def _crossed(stage: Stage) -> bool:
    return stage.join == "cross" and len(stage.inputs) > 1


def repeat_names(stages: Mapping[str, Stage]) -> dict[str, dict[str, str]]:
    """What a stage calls the column `repeat` of what it takes from, where it does not keep that name.

    The column `repeat` of a stage counts the draws of one stage: its own, or the last one before it that repeats. Where a
    stage repeats something repeated, the inner column becomes `STAGE_repeat` after the stage that it counts the draws of;
    and wherever a stage joins such values with others that count the same draws as `repeat`, these go by that name too.

    Parameters
    ----------
    stages
        In an order in which each stands after what it takes from.

    Returns
    -------
    Name of stage -> source -> name of the column. Columns that a cross join names after the inputs are not in it.
    """
    counts: dict[str, str] = {}
    inner: dict[str, set[str]] = {}
    names: dict[str, dict[str, str]] = {}
    for stage in stages.values():
        named_by_input = set(stage.inputs.values()) if _crossed(stage) else set()
        sources = [source for source in stage.sources if source not in named_by_input]
        before = {
            new for source in sources for new in inner.get(source, ()) if not _gathered_wholly(stage, source, new)
        }
        open_ends = [source for source in sources if not _gathered_wholly(stage, source, "repeat")]
        own = {source: f"{counts[source]}_repeat" for source in open_ends if source in counts}
        names[stage.name] = {source: new for source, new in own.items() if stage.repeat or new in before}
        inner[stage.name] = before | set(names[stage.name].values())
        kept = [counts[source] for source in own if source not in names[stage.name]]
        if stage.repeat or kept:
            counts[stage.name] = stage.name if stage.repeat else kept[0]
    return names

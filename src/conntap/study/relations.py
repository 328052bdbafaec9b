"""Checks between the stages of a study: what each gives and takes, their order, the columns of their cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from conntap.circuits.connectome import Connectome
from conntap.circuits.subtargets import Subtarget, Subtargets
from conntap.errors import known
from conntap.study.entries import Stage
from conntap.study.steps import fits
from conntap.study.yaml import Place

__all__ = ["check_columns", "check_kinds", "in_order"]

Problem = Callable[[str, Place], None]


def check_kinds(stages: Mapping[str, Stage], problem: Problem) -> None:
    """Each source gives what the step takes; controls and slices stand where a connectome enters."""
    for stage in stages.values():
        label = stage.name if stage.name.startswith("subtargets.") else f"stages.{stage.name}"
        place: Place = tuple(label.split(".", 1))
        for position, source in stage.inputs.items():
            kind = _gives(source, stages)
            if kind is not Any and not stage.step.accepts(position, kind):
                wanted = getattr(stage.step.inputs[position], "__name__", str(stage.step.inputs[position]))
                problem(
                    f"{label}.of: {source} gives a {kind.__name__}; {stage.step.name} takes a {wanted}.",
                    (*place, "of"),
                )
        if (stage.controls or stage.slices) and stage.step.inputs:
            first = next(iter(stage.step.inputs))
            if not stage.step.accepts(first, Connectome):
                problem(f"{label}: controls and slices change a connectome; {stage.step.name} takes none.", place)
        if stage.name.startswith("subtargets.") and not fits(stage.step.returns, Subtargets):
            problem(f"{label}.do: {stage.step.name} does not define subtargets.", (*place, "do"))
        if not stage.name.startswith("subtargets.") and stage.step.returns is Subtargets:
            problem(f"{label}.do: {stage.step.name} defines subtargets; write it under `subtargets:`.", (*place, "do"))


def _gives(source: str, stages: Mapping[str, Stage]) -> Any:
    if source.startswith("subtargets."):
        return Subtarget
    if source in stages:
        kind = stages[source].step.returns
        return kind if isinstance(kind, type) else Any
    return Any


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


def check_columns(stages: Mapping[str, Stage], problem: Problem) -> None:
    """No two things may want the same column of an index of cases."""
    controlled: set[str] = set()
    sliced: set[str] = set()
    swept: dict[str, set[str]] = {}
    for stage in stages.values():
        label = stage.name if stage.name.startswith("subtargets.") else f"stages.{stage.name}"
        place: Place = tuple(label.split(".", 1))
        for source in stage.sources:
            if source in sliced:
                problem(f"{label}.of: {source} is sliced, so its cases are known only after it ran; "
                             "give the slices to this stage, or take an unsliced stage.", (*place, "of"))  # fmt: skip
            if source in controlled and stage.controls:
                problem(f"{label}.controls: {source} has controls already; name them in one of the two.", place)
            again = swept.get(source, set()) & ({*stage.each} | ({"repeat"} if stage.repeat else set()))
            if again:
                problem(f"{label}.each: {source} already sweeps {known(again)}; choose another stage for it.", place)
        if stage.slices:
            sliced.add(stage.name)
        if stage.controls or any(source in controlled for source in stage.sources):
            controlled.add(stage.name)
        swept[stage.name] = {*stage.each}.union(*(swept.get(source, set()) for source in stage.sources))
        swept[stage.name] |= {"repeat"} if stage.repeat else set()

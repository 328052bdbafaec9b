"""Checks a document against the steps it names; every mistake is told at once, each with its place."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from conntap.activity import Spikes, Traces
from conntap.activity.reading import FORMATS
from conntap.circuits import Connectome
from conntap.circuits.formats import read
from conntap.errors import ConntapError, OptionError, StudyError, known, unknown
from conntap.seeds import digest
from conntap.study.entries import (
    CASE_COLUMNS,
    CircuitEntry,
    Control,
    RecordingEntry,
    Reference,
    Slicing,
    Stage,
    StageEntry,
    Study,
    StudyEntry,
)
from conntap.study.option_checks import stage_mistakes
from conntap.study.recipes import check_recipe, has_path, takes_recipe
from conntap.study.references import is_reference
from conntap.study.relations import check_columns, check_kinds, in_order
from conntap.study.spaces import check_searches
from conntap.study.steps import STAGE_KEYS, Step, find_step, fits
from conntap.study.yaml import Document, Place, odd_numbers

_KEYS = {
    "stages": STAGE_KEYS,
    "subtargets": frozenset(("do", "of", "discard", "description")),
    "controls": frozenset(("do", "draws", "description")),
}
"""What may stand beside the options of a step."""

__all__ = ["Checker", "all_told", "dotted", "short"]


def dotted(place: Place) -> str:
    return ".".join(map(str, place)) or "the document"


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _is_columns(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and value != [] and all(isinstance(each, str) for each in value)
    )


def _told(options: Any) -> dict[str, Any]:
    """What an object of options holds that is not its default: plain values, of which a unit makes it again."""
    found = {each.name: (getattr(options, each.name), each.default) for each in fields(options)}
    return {name: value for name, (value, default) in found.items() if value is not default and value != default}


def all_told(path: Path, problems: list[str]) -> str:
    problems = list(dict.fromkeys(problems))
    if len(problems) == 1:
        return f"{path.name}: {problems[0]}"
    listed = "\n".join(f"  - {each}" for each in problems[:25])
    more = f"\n  - and {len(problems) - 25} more" if len(problems) > 25 else ""
    return f"{path.name}: {len(problems)} mistakes:\n{listed}{more}"


class Checker:
    """Checks one document against the steps it names; gathers every problem before it raises."""

    def __init__(self, path: Path, document: Document, entry: StudyEntry) -> None:
        self.path, self.document, self.entry = path, document, entry
        self.problems: list[str] = []
        self._odd = dict(odd_numbers(document.values))
        self.names = [f"stages.{name}" for name in entry.stages] + [f"subtargets.{name}" for name in entry.subtargets]

    def study(self) -> Study:
        self.problems += [f"{told}{self.document.line(place)}" for place, told in self._odd.items()]
        self._names()
        circuits = {name: self._circuit(name, each) for name, each in self.entry.circuits.items()}
        recordings = {name: self._recording(name, each) for name, each in self.entry.recordings.items()}
        controls = dict(self._controls())
        slices = dict(self._slices())
        stages = dict(self._stages())
        run = self.entry.run
        if run.where == "slurm" and run.engine == "batches" and "cluster" in run.model_fields_set:
            self.problem(
                f"run.cluster: {run.cluster!r} is of Dask, and with where: slurm nothing reads it. Leave it out, or write "
                "where: dask.",
                ("run", "cluster"),
            )
        if not self.entry.stages and not self.entry.subtargets:
            self.problems.append("the document: needs the key 'stages', at least one.")
        check_kinds(stages, self.problem)
        order = in_order(stages, self.problem)
        check_columns({name: stages[name] for name in order}, slices, self.entry.circuits, self.problem)
        check_searches(self.entry.search, stages, self.problem)
        if self.problems:
            raise StudyError(all_told(self.path, self.problems))
        return Study(
            path=self.path.resolve(),
            text=self.document.text,
            title=self.entry.study,
            description=self.entry.description,
            seed=self.entry.seed,
            circuits=circuits,
            stages={name: stages[name] for name in order},
            controls=controls,
            slices=slices,
            run=self.entry.run,
            values=self.document.values,
            line=self.document.line,
            recordings=recordings,
            searches=self.entry.search,
        )

    def problem(self, message: str, place: Place) -> None:
        if not any(self._is_told(odd, place, message) for odd in self._odd):
            self.problems.append(message + self.document.line(place))

    @staticmethod
    def _is_told(odd: Place, place: Place, message: str) -> bool:
        """Whether a mistake is that of a number which is told as none already."""
        return odd[: len(place)] == place and any(each in message for each in ("nan", "inf"))

    def _names(self) -> None:
        sections = ("circuits", "recordings", "subtargets", "stages", "controls", "slices", "search")
        for section in sections:
            for name in getattr(self.entry, section):
                if not name or not all(letter.isalnum() or letter in "_-" for letter in name):
                    self.problem(f"{section}.{name}: a name is letters, digits, '_' and '-'.", (section, name))
                if section == "controls" and name == "original":
                    self.problem(
                        "controls.original: this name stands for the unchanged input; choose another.", (section, name)
                    )
                if section == "slices" and name in {*CASE_COLUMNS, "full"}:
                    self.problem(f"slices.{name}: this name is taken; choose another.", (section, name))

    def _path(self, text: str, place: Place) -> Path:
        try:
            path = Path(text).expanduser()
            path.exists()
        except (RuntimeError, ValueError, OSError) as error:
            self.problem(f"{dotted(place)}: {text!r} is no path: {error}.", place)
            return self.path
        folder = self.document.folder(place, self.path.parent.resolve())
        return path if path.is_absolute() else Path(os.path.normpath(folder / path))

    def _circuit(self, name: str, entry: CircuitEntry) -> CircuitEntry:
        place = (
            ("circuits", name, "path")
            if isinstance(self.entry.circuits.get(name), CircuitEntry)
            else ("circuits", name)
        )
        path = self._path(entry.path, place)
        if not path.exists():
            self.problem(
                f"circuits.{name}.path: no such file or folder: {path}. Paths are relative to the document.", place
            )
        nodes = entry.nodes
        if nodes is not None and path.suffix != ".json":
            beside = self._path(nodes, place)
            nodes = str(beside) if beside.is_file() else nodes
        options = inspect.signature(read).parameters
        for key in entry.read.keys() - (options.keys() - {"path"}):
            self.problem(
                unknown(f"circuits.{name}.read", "option", key, options.keys() - {"path"}), ("circuits", name, "read")
            )
        return entry.model_copy(update={"path": str(path), "nodes": nodes})

    def _recording(self, name: str, entry: RecordingEntry) -> RecordingEntry:
        place = ("recordings", name)
        path = self._path(entry.path, (*place, "path"))
        if not path.exists():
            message = f"recordings.{name}.path: no such file or folder: {path}. Paths are relative to the document."
            self.problem(message, (*place, "path"))
        if entry.format is not None and entry.format not in FORMATS:
            self.problem(unknown(f"recordings.{name}.format", "format", entry.format, FORMATS), (*place, "format"))
        if entry.dt_ms is not None and entry.rate_hz is not None:
            self.problem(f"recordings.{name}: both dt_ms and rate_hz; give one of them.", place)
        return entry.model_copy(update={"path": str(path)})

    def _controls(self) -> Iterator[tuple[str, Control]]:
        for name, entry in self.entry.controls.items():
            place = ("controls", name)
            step = self._step(entry.do, place)
            if step is None:
                continue
            if len(step.inputs.keys() - step.optional_inputs) > 1 or not step.inputs:
                self.problem(f"controls.{name}.do: {step.name} is no control; a control takes one connectome.", place)
            elif not fits(step.returns, Connectome):
                self.problem(f"controls.{name}.do: {step.name} is no control; a control gives a connectome.", place)
            options = self._options(step, entry.model_extra or {}, place, references=False)
            for within, mistake in stage_mistakes(step, options, {}):
                self.problem(f"{dotted(place)}: {mistake}", (*place, *within))
            yield name, Control(name, step, options, entry.draws, entry.description)

    def _slices(self) -> Iterator[tuple[str, Slicing]]:
        for name, entry in self.entry.slices.items():
            slicing = Slicing(name, entry.by, entry.controls, entry.description)
            try:
                slicing.cuts()
            except OptionError as error:
                self.problem(str(error), ("slices", name, "by"))
            else:
                yield name, slicing

    def _stages(self) -> Iterator[tuple[str, Stage]]:
        for section in ("subtargets", "stages"):
            for name, entry in getattr(self.entry, section).items():
                stage = self._stage(f"{section}.{name}" if section == "subtargets" else name, entry, (section, name))
                if stage is not None:
                    yield stage.name, stage

    def _stage(self, name: str, entry: StageEntry, place: Place) -> Stage | None:
        step = self._step(entry.do, place)
        if step is None:
            return None
        where = dotted(place)
        if entry.join not in ("inner", "cross"):
            self.problem(unknown(where, "join", entry.join, ["inner", "cross"]), (*place, "join"))
        for kind in ("controls", "slices"):
            for wanted in getattr(entry, kind):
                if wanted not in getattr(self.entry, kind):
                    self.problem(unknown(where, kind[:-1], wanted, getattr(self.entry, kind)), (*place, kind))
        if place[0] == "subtargets":
            for key in ("each", "repeat", "controls", "slices", "select", "join", "gather", "run"):
                if key in entry.model_fields_set:
                    self.problem(
                        f"{where}: a definition of subtargets takes no {key!r}. Define each by a name of its own.",
                        place,
                    )
        if entry.discard not in (True, False, "after-use") or (entry.discard == "after-use" and place[0] != "stages"):
            known_ways = "true, false and after-use" if place[0] == "stages" else "true and false"
            self.problem(f"{where}.discard: {short(entry.discard)}; there are {known_ways}.", (*place, "discard"))
        if entry.select and not step.inputs:
            self.problem(f"{where}.select: {step.name} takes no input to select from. Remove it.", (*place, "select"))
        swept = self._sweeps(step, entry, place)
        inputs = self._inputs(step, entry, place)
        gather = self._gather(step, entry, inputs, place)
        options = self._options(step, entry.model_extra or {}, place, swept=entry.each)
        for within, mistake in stage_mistakes(step, options, {**entry.each, **swept}):
            self.problem(f"{where}: {mistake}", (*place, *within))
        return Stage(
            name=name,
            step=step,
            inputs=inputs,
            options=options,
            join=entry.join,
            each=dict(entry.each),
            swept=swept,
            repeat=entry.repeat,
            controls=tuple(dict.fromkeys(entry.controls)),
            slices=tuple(dict.fromkeys(entry.slices)),
            select=tuple(dict.fromkeys(each.window() for each in entry.select)),
            discard=entry.discard,
            run={name: getattr(entry.run, name) for name in entry.run.model_fields_set},
            description=entry.description,
            gather=gather,
        )

    def _gather(
        self, step: Step, entry: StageEntry, inputs: Mapping[str, str], place: Place
    ) -> dict[str, tuple[str, ...]]:
        """The columns that are gathered, by input; short forms written out."""
        where, given, place = f"{dotted(place)}.gather", entry.gather, (*place, "gather")
        if "gather" not in entry.model_fields_set:
            return {}
        if isinstance(given, str | list) and inputs:
            if len(inputs) > 1:
                self.problem(
                    f"{where}: {step.name} takes {known(inputs)}; say which: {{{list(inputs)[-1]}: {short(given)}}}.",
                    place,
                )
                return {}
            given = {next(iter(inputs)): given}
        if not isinstance(given, dict) or not given or not all(map(_is_columns, given.values())):
            self.problem(
                f"{where}: {short(entry.gather)}; write {{INPUT: COLUMN}} or {{INPUT: [COLUMNS]}}, such as "
                f"{{{next(iter(inputs), 'INPUT')}: repeat}}.",
                place,
            )
            return {}
        for position in given.keys() - inputs.keys():
            self.problem(unknown(where, "input", position, inputs), place)
        return {
            name: tuple(dict.fromkeys([given[name]] if isinstance(given[name], str) else given[name]))
            for name in inputs
            if name in given
        }

    def _step(self, name: str, place: Place) -> Step | None:
        try:
            return find_step(name, where=f"{dotted(place)}.do", aliases=self.entry.steps)
        except ConntapError as error:
            self.problem(str(error), (*place, "do"))
            return None

    def _options(
        self,
        step: Step,
        given: Mapping[str, Any],
        place: Place,
        *,
        swept: Mapping[str, Any] = {},
        references: bool = True,
    ) -> dict[str, Any]:
        where, checked = dotted(place), {}
        for name, value in given.items():
            if name not in step.options:
                near = list(step.options) or sorted(_KEYS[place[0]])
                self.problem(
                    unknown(where, "option", name, near).replace(
                        f"known: {known(near)}", f"known: {known(step.options)}"
                    ),
                    (*place, name),
                )
            elif references and isinstance(value, dict) and value.keys() == {"from"}:
                checked[name] = Reference(self._source(str(value["from"]), f"{where}.{name}.from", (*place, name)))
            else:
                checked[name] = self._value(step, name, value, place)
                if references:
                    checked[name] = self._referring(checked[name], (*place, name))
        for name, option in step.options.items():
            if option.required and name not in given and name not in swept:
                self.problem(f"{where}: {step.name} needs the option {name!r} ({option.explained()}).", place)
        return checked

    def _referring(self, value: Any, place: Place) -> Any:
        """The value with every `{from: stages.NAME}` within it as a reference."""
        if is_reference(value):
            return Reference(self._source(value["from"], f"{dotted(place)}.from", place))
        if isinstance(value, dict):
            return {key: self._referring(each, (*place, key)) for key, each in value.items()}
        return [self._referring(each, (*place, n)) for n, each in enumerate(value)] if type(value) is list else value

    def _value(self, step: Step, name: str, value: Any, place: Place) -> Any:
        try:
            checked = step.options[name].check(value, dotted(place))
        except OptionError as error:
            self.problem(str(error), (*place, name))
            return value
        if name == "recipe" and takes_recipe(step):
            checked = check_recipe(value, f"{dotted(place)}.{name}", (*place, name), self.problem)
        if is_dataclass(checked):
            checked = _told(checked)
        return self._located(checked, (*place, name))

    def _located(self, value: Any, place: Place) -> Any:
        """The value with every path in it made absolute; a missing one is a mistake."""
        if isinstance(value, list | tuple):
            return type(value)(self._located(each, place) for each in value)
        if isinstance(value, dict):
            return {key: self._located(each, place) for key, each in value.items()}
        if not isinstance(value, Path):
            return value
        path = self._path(str(value), place)
        if not path.exists():
            self.problem(f"{dotted(place)}: no such file: {path}. Paths are relative to the document.", place)
        return path

    def _sweeps(self, step: Step, entry: StageEntry, place: Place) -> dict[str, list[Any]]:
        """The values swept that have paths in them, with these complete."""
        where, swept = f"{dotted(place)}.each", {}
        for name, values in entry.each.items():
            if name not in step.options:
                self.problem(unknown(where, "option", name, step.options), (*place, "each", name))
                continue
            if name in (entry.model_extra or {}):
                self.problem(
                    f"{where}.{name}: the option stands beside `each` too; keep one of the two.", (*place, "each")
                )
            if name in CASE_COLUMNS:
                self.problem(
                    f"{where}.{name}: this name is a column of every index of cases; it cannot be swept.",
                    (*place, "each"),
                )
            if not values:
                self.problem(f"{where}.{name}: no values to sweep.", (*place, "each", name))
            if len({digest(value) for value in values}) < len(values):
                self.problem(f"{where}.{name}: a value stands twice; each is one case.", (*place, "each", name))
            checked = [self._value(step, name, value, (*place, "each")) for value in values]
            if any(map(has_path, checked)):
                swept[name] = [full if has_path(full) else value for full, value in zip(checked, values, strict=True)]
        return swept

    def _inputs(self, step: Step, entry: StageEntry, place: Place) -> dict[str, str]:
        where, given = f"{dotted(place)}.of", entry.of
        positions = list(step.inputs)
        if given is None:
            needed = [each for each in positions if each not in step.optional_inputs]
            if not needed:
                return {}
            if place[0] == "subtargets" or (len(self.entry.circuits) and not self._needs_stage(step, needed[0])):
                return {needed[0]: "circuits"}
            if self.entry.recordings and any(step.accepts(needed[0], each) for each in (Spikes, Traces)):
                return {needed[0]: "recordings"}
            self.problem(f"{where}: {step.name} takes {known(needed)}; say of what, such as `of: STAGE`.", place)
            return {}
        named = given if isinstance(given, dict) else {positions[0] if positions else "": given}
        if not positions:
            self.problem(f"{where}: {step.name} takes no input; remove `of`.", (*place, "of"))
            return {}
        for position in named.keys() - set(positions):
            self.problem(unknown(where, "input", position, positions), (*place, "of"))
        missing = [each for each in positions if each not in step.optional_inputs and each not in named]
        if missing:
            self.problem(
                f"{where}: {step.name} also needs {known(missing)}; write `of: {{{missing[0]}: STAGE, ...}}`.", place
            )
        return {key: self._source(named[key], where, (*place, "of")) for key in positions if key in named}

    def _needs_stage(self, step: Step, position: str) -> bool:
        from conntap.circuits.circuit import Circuit

        return not step.accepts(position, Circuit)

    def _source(self, name: str, where: str, place: Place) -> str:
        """The full name of what `name` points at: `circuits`, `circuits.C`, `subtargets.S` or a stage's bare name."""
        if (name == "circuits" and self.entry.circuits) or (name == "recordings" and self.entry.recordings):
            return name
        section, dot, rest = name.partition(".")
        if dot and section == "recordings" and rest in self.entry.recordings:
            return name
        if dot and section == "circuits" and rest in self.entry.circuits:
            return name
        if dot and section == "subtargets" and rest in self.entry.subtargets:
            return name
        bare = rest if dot and section == "stages" else name
        if bare in self.entry.stages:
            return bare
        everything = [*self.entry.stages, *(f"subtargets.{each}" for each in self.entry.subtargets)]
        everything += [f"circuits.{each}" for each in self.entry.circuits]
        everything += [f"recordings.{each}" for each in self.entry.recordings]
        self.problem(unknown(where, "source", name, everything), place)
        return bare

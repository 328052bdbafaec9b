"""What a study document may say, and what it is once checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from conntap.analyze.parts import read_slicing
from conntap.errors import StudyError
from conntap.seeds import digest
from conntap.study.selecting import Window
from conntap.study.steps import Step
from conntap.study.times import seconds_of
from conntap.study.yaml import Place

__all__ = [
    "CASE_COLUMNS",
    "CircuitEntry",
    "Control",
    "ControlEntry",
    "Reference",
    "RunOptions",
    "SearchEntry",
    "SelectEntry",
    "SizeEntry",
    "SliceEntry",
    "Slicing",
    "Stage",
    "StageEntry",
    "StageRunOptions",
    "Study",
    "StudyEntry",
    "run_mistake",
    "with_run",
]

CASE_COLUMNS = frozenset(("circuit", "recording", "subtarget", "repeat", "control", "draw", "slice"))


_WORD = r"^[^\s,;'\"\\$`]+$"
_SLURM_TIME = r"^(\d+-\d{1,2}(:\d{1,2}){0,2}|\d+(:\d{1,2}){0,2})$"
_DASHBOARD = r"^(off|(([^\s:/]*|\[[^\s\]]+\]):)?\d{1,5})$"
_Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

_WORDS = "one word, without spaces, quotes, commas, ';' or '$'"
_WRITTEN = {
    "time": "a time as SLURM takes it: '90' (minutes), '2:00:00' or '1-12'",
    "modules": "a list, such as [python/3.11, hdf5]",
    "setup": "a list of lines of shell, such as [source env/bin/activate]",
    "env": "names, each with a text, such as {OMP_NUM_THREADS: '1'}",
    "dashboard": "off, or where it is to be served: ':8787' or 'HOST:8787'",
    **dict.fromkeys(("account", "partition", "qos", "interface"), _WORDS),
}
"""How run options are written whose rules are no numbers or choices."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    description: str = ""


class CircuitEntry(_Entry):
    """A circuit or an edge list: where it is and how to read it."""

    path: str
    edges: str | None = None
    nodes: str | None = None
    read: dict[str, Any] = Field(default_factory=dict)


class RecordingEntry(_Entry):
    """A recording: where it is, and what its file cannot tell; the options of `conntap.activity.read`."""

    path: str
    format: str | None = None
    series: str | None = None
    population: str | None = None
    dt_ms: float | None = Field(default=None, gt=0)
    rate_hz: float | None = Field(default=None, gt=0)
    orientation: Literal["time-nodes", "nodes-time"] | None = None
    unit: str | None = None
    time_unit: Literal["ms", "s", "us"] | None = None
    duration_ms: float | None = Field(default=None, gt=0)
    ids: int | list[int] | list[str] | None = None
    times: str | int | None = None
    nodes: str | int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What is given to `conntap.activity.read` beside the path."""
        return self.model_dump(exclude={"path", "description"}, exclude_none=True)


class StageRunOptions(BaseModel):
    """What a unit may take, and what a job of a cluster asks for: of the whole study, or of one stage beside it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    retries: int = Field(default=1, ge=0, le=100)
    timeout_s: float | None = Field(default=None, gt=0, le=1e9)
    mem_gb: float | None = Field(default=None, gt=0, le=1e6)
    time: str | None = Field(default=None, pattern=_SLURM_TIME)
    cpus: int | None = Field(default=None, ge=1, le=4096)
    nodes: int = Field(default=1, ge=1, le=100_000)
    exclusive: bool = False
    account: str | None = Field(default=None, pattern=_WORD)
    partition: str | None = Field(default=None, pattern=_WORD)
    qos: str | None = Field(default=None, pattern=_WORD)
    constraint: str | None = Field(default=None, min_length=1)
    max_jobs: int | None = Field(default=None, ge=1, le=1_000_000)
    at_once: int | None = Field(default=None, ge=1, le=1_000_000)


class RunOptions(StageRunOptions):
    """Where and how a study runs.

    `where` local: worker processes of this machine; dask: workers of a `cluster` of Dask (local, slurm, the address of a
    scheduler, or the path of a scheduler's file); slurm: jobs of an `engine`, batches (arrays of shares) or dask (one job
    with a scheduler and workers).
    """

    where: Literal["local", "dask", "slurm"] = "local"
    workers: int = Field(default=0, ge=0, le=4096)
    cluster: str = Field(default="local", min_length=1)
    engine: Literal["batches", "dask"] = "batches"
    least_workers: int | None = Field(default=None, ge=0, le=4096)
    interface: str | None = Field(default=None, pattern=_WORD)
    dashboard: str | None = Field(default=None, pattern=_DASHBOARD)
    array: int | None = Field(default=None, ge=1, le=4_000_000)
    modules: tuple[str, ...] = Field(default=(), strict=False)
    env: dict[_Variable, str] = Field(default_factory=dict)
    setup: tuple[str, ...] = Field(default=(), strict=False)
    python: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _has_workers(self) -> RunOptions:
        if self.workers and (self.least_workers or 0) > self.workers:
            raise ValueError(f"least_workers {self.least_workers} is more than workers {self.workers}")
        return self


class SizeEntry(BaseModel):
    """From how many to how many, both included; one of the two at least."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    min: int = Field(default=0, ge=0)
    max: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _rises(self) -> SizeEntry:
        if not self.model_fields_set:
            raise ValueError("needs min, max, or both")
        if self.max is not None and self.max < self.min:
            raise ValueError(f"min {self.min} is larger than max {self.max}")
        return self


class SelectEntry(BaseModel):
    """Some of the cases that a stage takes from: by size, at random, or both."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    nodes: SizeEntry | None = None
    connections: SizeEntry | None = None
    draw: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _says_something(self) -> SelectEntry:
        if self.nodes is None and self.connections is None and self.draw is None:
            raise ValueError("needs nodes, connections or draw")
        return self

    def window(self) -> Window:
        """The entry as planning takes it."""
        least, most = (None, None) if self.nodes is None else (self.nodes.min, self.nodes.max)
        connections = None if self.connections is None else (self.connections.min, self.connections.max)
        return Window(least, most, self.draw, connections)


class StageEntry(_Entry):
    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    do: str
    of: str | dict[str, str] | None = None
    join: str = "inner"
    gather: Any = None
    each: dict[str, list[Any]] = Field(default_factory=dict)
    repeat: int | None = Field(default=None, ge=1, le=1_000_000)
    controls: list[str] = Field(default_factory=list)
    slices: list[str] = Field(default_factory=list)
    select: list[SelectEntry] = Field(default_factory=list)
    discard: bool | str = False
    run: StageRunOptions = Field(default_factory=StageRunOptions)


class ControlEntry(_Entry):
    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    do: str
    draws: int = Field(ge=1, le=1_000_000)


class SliceEntry(_Entry):
    by: str | list[str | dict[str, Any]] | dict[str, Any]
    controls: Literal["before", "within"] = "before"


class SearchEntry(_Entry):
    """Which options are varied, what is to be large or small, and on which cases that is tuned and tested."""

    vary: dict[str, Any] = Field(min_length=1)
    maximize: str | None = None
    minimize: str | None = None
    tune: dict[str, list[Any]] = Field(min_length=1)
    test: dict[str, list[Any]] = Field(min_length=1)
    trials: int = Field(default=50, ge=1, le=100_000)
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    pruner: Literal["median", "none"] = "median"
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _has_one_aim(self) -> SearchEntry:
        if (self.maximize is None) == (self.minimize is None):
            raise ValueError("needs maximize or minimize, one of the two")
        return self


class StudyEntry(_Entry):
    study: str = Field(min_length=1)
    extends: str | None = None
    seed: int = Field(default=0, ge=0)
    circuits: dict[str, CircuitEntry] = Field(default_factory=dict)
    recordings: dict[str, RecordingEntry] = Field(default_factory=dict)
    subtargets: dict[str, StageEntry] = Field(default_factory=dict)
    stages: dict[str, StageEntry] = Field(default_factory=dict)
    controls: dict[str, ControlEntry] = Field(default_factory=dict)
    slices: dict[str, SliceEntry] = Field(default_factory=dict)
    steps: dict[str, str] = Field(default_factory=dict)
    search: dict[str, SearchEntry] = Field(default_factory=dict)
    run: RunOptions = Field(default_factory=RunOptions)


@dataclass(frozen=True)
class Reference:
    """An option's value that is the value of another stage."""

    stage: str


@dataclass(frozen=True)
class Control:
    """A null model and how often it is drawn."""

    name: str
    step: Step
    options: Mapping[str, Any]
    draws: int
    description: str = ""


@dataclass(frozen=True)
class Slicing:
    """A way to cut a connectome; controls are drawn of the whole before it is cut, or within each part."""

    name: str
    by: str | list[Any] | dict[str, Any]
    controls: Literal["before", "within"] = "before"
    description: str = ""

    def cuts(self, properties: Collection[str] | None = None) -> list[Any]:
        """What `by` says, as far as that can be told; with the properties that nodes have, whether it names others and
        whether its expressions can be read.

        Raises
        ------
        OptionError
            It is no slicing, or names a property that no node has.
        """
        columns = None if properties is None else pd.Index(sorted(properties))
        return read_slicing(self.by, f"slices.{self.name}.by", columns=columns)


@dataclass(frozen=True)
class Stage:
    """One stage, checked: its step, its inputs by position, its options, its sweeps.

    `each` has the values swept as the document writes them, `swept` those of options that have paths in them, complete;
    `gather` the columns of an input along which all of its cases are taken as one list.
    """

    name: str
    step: Step
    inputs: Mapping[str, str]
    options: Mapping[str, Any]
    join: str = "inner"
    each: Mapping[str, list[Any]] = field(default_factory=dict)
    swept: Mapping[str, list[Any]] = field(default_factory=dict)
    repeat: int | None = None
    controls: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    select: tuple[Window, ...] = ()
    discard: bool | str = False
    run: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    gather: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def accepts(self, position: str, kind: type) -> bool:
        """Whether the input `position` may be a value of type `kind`, or where it is gathered a list of such."""
        return self.step.accepts(position, kind, gathered=position in self.gather)

    @property
    def sources(self) -> list[str]:
        """Everything it takes values from: its inputs and the references among its options."""
        from conntap.study.references import references_in  # it reads what this file defines

        references = [value.stage for value in references_in(self.options).values()]
        return list(dict.fromkeys([*self.inputs.values(), *references]))


@dataclass(frozen=True)
class Study:
    """A checked study document."""

    path: Path
    text: str
    title: str
    description: str
    seed: int
    circuits: Mapping[str, CircuitEntry]
    stages: Mapping[str, Stage]
    controls: Mapping[str, Control]
    slices: Mapping[str, Slicing]
    run: RunOptions
    values: Mapping[str, Any]
    line: Callable[[Place], str] = field(default=lambda place: "", repr=False, compare=False)
    recordings: Mapping[str, RecordingEntry] = field(default_factory=dict)
    searches: Mapping[str, SearchEntry] = field(default_factory=dict)

    def told(self, message: object, place: Place) -> StudyError:
        """The error of a mistake that shows only once the circuits are open, with the document's name and line."""
        return StudyError(f"{self.path.name}: {message}{self.line(place)}")

    @property
    def hash(self) -> str:
        """The digest of the document's values: comments and order of keys do not change it."""
        return digest(
            {key: _lasting(key, value) for key, value in self.values.items() if key not in ("run", "extends", "search")}
        )

    def run_of(self, stage: str) -> RunOptions:
        """How a stage runs: the study's options, with those that the stage has of its own."""
        own = self.stages[stage].run
        return self.run.model_copy(update=dict(own)) if own else self.run

    @property
    def run_of_all(self) -> RunOptions:
        """How one cluster runs that computes all stages: the study's options, with the most memory and time of a stage."""
        options = [self.run, *map(self.run_of, self.stages)]
        memory = max((each.mem_gb for each in options if each.mem_gb is not None), default=None)
        time = max((each.time for each in options if each.time is not None), key=seconds_of, default=None)
        return self.run.model_copy(update={"mem_gb": memory, "time": time})

    @property
    def subtargets(self) -> dict[str, Stage]:
        """The stages that define subtargets, by their full name `subtargets.NAME`."""
        return {name: stage for name, stage in self.stages.items() if name.startswith("subtargets.")}

    @property
    def folder(self) -> Path:
        """Where outputs go unless told otherwise: a folder beside the document, named after it."""
        return self.path.with_suffix("") if self.path.suffix else self.path.with_name(self.path.name + ".out")


def _lasting(section: str, value: Any) -> Any:
    """A section of a document without what says how its stages run."""
    if section != "stages" or not isinstance(value, Mapping):
        return value
    return {name: {k: v for k, v in each.items() if k != "run"} for name, each in value.items()}


def with_run(study: Study, **changes: Any) -> Study:
    """The same study with other run options; None leaves one as it is.

    Raises
    ------
    StudyError
        A value that the document could not hold either.
    """
    changes = {key: value for key, value in changes.items() if value is not None}
    try:
        return replace(study, run=RunOptions.model_validate({**study.run.model_dump(), **changes}))
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        place = tuple(each for each in first["loc"] if each != "[key]")
        raise StudyError(f"{'.'.join(map(str, ('run', *place)))}: {run_mistake(place, first)}") from None


def run_mistake(place: Place, error: Mapping[str, Any]) -> str:
    """What is wrong with a run option, of pydantic's error at a place in `run:`; and how it is written.

    >>> run_mistake(("time",), {"type": "string_type", "input": 90})
    "90; write a time as SLURM takes it: '90' (minutes), '2:00:00' or '1-12'."
    """
    value = error["input"]
    if error["type"] == "value_error":
        return f"{error['ctx']['error']}. Change one of them."
    if place[:1] == ("env",) and error["type"] == "string_pattern_mismatch":
        return "no name of a variable; these have letters, digits and '_'. Change it."
    if place and place[0] in _WRITTEN:
        return f"{value!r}; write {_WRITTEN[str(place[0])]}."
    if isinstance(value, float) and math.isnan(value):
        return f"{value!r}; write a number."
    return f"{error['msg'][:1].lower()}{error['msg'][1:]}; got {value!r}."

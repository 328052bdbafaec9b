"""The trials of a search as they are tried: the study with some options, run for the cases to tune on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from conntap import store
from conntap.errors import StudyError, known, unknown
from conntap.seeds import digest
from conntap.study.batches import Unit
from conntap.study.document import load_study
from conntap.study.entries import SearchEntry, Study
from conntap.study.executors import Executor, Listener
from conntap.study.gathering import taken_by
from conntap.study.plan import StagePlan
from conntap.study.records import Records, stage_folder
from conntap.study.run import launch
from conntap.study.setup import setup
from conntap.study.spaces import spaces_of
from conntap.study.trials import asked

__all__ = ["Attempts", "NoNumber"]

Plans = Mapping[str, StagePlan]


@dataclass(frozen=True)
class Attempts:
    """A search under way."""

    study: Study
    name: str
    entry: SearchEntry
    folder: Path
    journal: Path
    plans: Plans
    listen: Listener
    listening: Callable[[Path], AbstractContextManager[Listener]] | None
    opening: Callable[..., AbstractContextManager[Executor]]

    @staticmethod
    def of(study: Study, name: str, entry: SearchEntry, folder: Path, *rest: Any) -> Attempts:
        """The search, set up for the document as it stands; its journal is named by all that its values hang on."""
        made = Attempts(study, name, entry, folder, folder, {}, *rest)
        plans = setup(made.with_options({}), folder)
        made = replace(made, plans=plans)
        keys = [unit.key for part in (entry.tune, entry.test) for unit in made.units(plans, part)]
        said = entry.model_dump(exclude={"trials", "description"})
        return replace(made, journal=folder / f"trials-{digest(said, keys)[:12]}.jsonl")

    @property
    def measured(self) -> tuple[str, str]:
        """The stage whose value counts, and which of its values; "" where it gives one."""
        stage, _, value = (self.entry.maximize or self.entry.minimize or "").partition(".")
        return stage, value

    def with_options(self, options: Mapping[str, Any]) -> Study:
        """The study with these options, cut to what the measured stage needs, run as the study is."""
        study = load_study(self.study.path, options=options)
        needed, waiting = set(), [self.measured[0]]
        while waiting:
            name = waiting.pop()
            if name in study.stages and name not in needed:
                needed.add(name)
                waiting += study.stages[name].sources
        return replace(
            study,
            run=self.study.run,
            stages={
                name: replace(stage, discard=False)  # another trial may take what this one needs no more
                for name, stage in study.stages.items()
                if name in needed or name.startswith("subtargets.")
            },
        )

    def units(self, plans: Plans, part: Mapping[str, list[Any]]) -> list[Unit]:
        """The units of the measured stage whose cases have these values in these columns."""
        plan = plans[self.measured[0]]
        for column in part:
            if column not in plan.columns:
                raise self.told(unknown(f"search.{self.name}", "column of cases", column, plan.columns))
        chosen = [unit for unit in plan.units if all(unit.case[column] in values for column, values in part.items())]
        if not chosen:
            values = {column: sorted({str(unit.case[column]) for unit in plan.units}) for column in part}
            held = "; ".join(f"{column}: {known(each)}" for column, each in values.items())
            raise self.told(f"search.{self.name}: no case of {self.measured[0]} fits {dict(part)}; there are {held}.")
        return chosen

    def told(self, message: str) -> StudyError:
        return self.study.told(message, ("search", self.name))

    def check_cases(self) -> None:
        """Refuse cases that are both tuned and tested on, by what they are made of."""
        tuned = {unit.key: unit.case for unit in self.units(self.plans, self.entry.tune)}
        both = [unit.case for unit in self.units(self.plans, self.entry.test) if unit.key in tuned]
        if both:
            raise self.told(
                f"search.{self.name}: {len(both)} cases are both tuned and tested on, such as {dict(both[0])}; a score on what "
                "was tuned on says nothing. Choose others for one of the two."
            )

    def tried(self, ended: list[dict[str, Any]], grid: list[dict[str, Any]]) -> dict[str, Any]:
        """One further trial."""
        number, spaces = len(ended), spaces_of(self.entry)
        fixed = (
            {name: each.drawn(value) for each in spaces for name, value in grid[number].items() if each.name == name}
            if grid
            else {}
        )
        trial = asked(self.entry, spaces, ended, fixed)
        options = {each.name: each.value(trial.params[each.name]) for each in spaces}
        about: dict[str, Any] = {
            "trial": number,
            "state": "done",
            "value": None,
            "cases": [],
            "options": options,
            "error": "",
        }
        try:
            study = self.with_options(options)
            plans = setup(study, self.folder)
        except StudyError as error:
            return about | {"state": "failed", "error": str(error)}
        units = self.units(plans, self.entry.tune)
        try:
            for step, unit in enumerate(units):
                about["cases"].append(self.value(study, plans, unit))
                about["value"] = math.fsum(about["cases"]) / len(about["cases"])
                trial.report(about["value"], step)
                if step + 1 < len(units) and trial.should_prune():
                    return about | {"state": "pruned"}
        except NoNumber as error:
            return about | {"state": "failed", "value": None, "error": str(error)}
        return about

    def value(self, study: Study, plans: Plans, unit: Unit) -> float:
        """The number that a unit of the measured stage gives, computed first with all it takes where it is not there."""
        stage, name = self.measured
        if unit.key not in Records(stage_folder(self.folder, stage)).refresh().done:
            own = self.listening(self.folder) if self.listening is not None else nullcontext(self.listen)
            with own as tell:
                outcome = launch(study, out=self.folder, listen=tell, only=_needed(plans, unit), opening=self.opening)
        records = Records(stage_folder(self.folder, stage)).refresh()
        if unit.key not in records.done:
            first = next(iter(outcome.failures), {"stage": stage, "error": "not done"})
            raise NoNumber(f"stages.{first['stage']}: {first['error']}")
        return _number(store.decode(records.read(unit.key)[0]), stage, name, self.told)


class NoNumber(Exception):
    """A trial gave no number."""


def _needed(plans: Plans, unit: Unit) -> set[str]:
    """The keys of a unit and of all that it takes from, directly or not."""
    by_key = {(name, each.key): each for name, plan in plans.items() for each in plan.units}
    keys, waiting = set(), [unit]
    while waiting:
        each = waiting.pop()
        if each.key in keys:
            continue
        keys.add(each.key)
        for kept in taken_by(each):
            source = by_key.get((kept.get("stage"), kept.get("key")))
            waiting += [] if source is None else [source]
    return keys


def _number(value: Any, stage: str, name: str, told: Callable[[str], StudyError]) -> float:
    """The number that is meant of what a stage gave."""
    if isinstance(value, pd.Series):
        if name not in value.index:
            labels = ", ".join(map(str, value.index[:12]))
            raise told(f"{stage} gives {labels}; write one of them behind it, such as {stage}.{value.index[0]}.")
        value = value.loc[name]
    elif name:
        raise told(f"{stage} gives a {type(value).__name__}, which has no {name!r}. Write {stage} alone.")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise told(f"{stage} gives a {type(value).__name__}; a search needs a number, or a series of them.") from None
    if not math.isfinite(number):
        raise NoNumber(f"stages.{stage}: {number}")
    return number

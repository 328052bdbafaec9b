"""Searching options of a study's stages: tuned on some of its cases, scored on others.

A trial is the study with some options set. All trials share one folder of outputs, where what is done is known by what it is
made of, so that nothing that trials have in common is computed twice::

    OUT/search/NAME/run/...             records of all trials
    OUT/search/NAME/trials-ID.jsonl     a line a trial that ended; ID is the digest of what is searched
    OUT/search/NAME/result.json         the best trial, with its score on the cases that were not tuned on
    OUT/search/NAME/best.yaml           the study with the best options, which extends the document
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from conntap import store
from conntap.errors import RunError, StudyError, known, unknown
from conntap.seeds import digest
from conntap.study.batches import Unit
from conntap.study.document import load_study
from conntap.study.entries import SearchEntry, Study
from conntap.study.executors import Executor, Listener, opened
from conntap.study.gathering import taken_by
from conntap.study.locking import lock
from conntap.study.plan import StagePlan
from conntap.study.records import Records, stage_folder
from conntap.study.run import launch
from conntap.study.setup import setup
from conntap.study.spaces import grid_of, spaces_of
from conntap.study.trials import Found, append_trial, asked, needs_optuna, read_trials

__all__ = ["Found", "found", "search"]

Plans = Mapping[str, StagePlan]


def search(
    study: Study,
    name: str | None = None,
    *,
    out: Path | None = None,
    trials: int | None = None,
    listen: Listener = lambda event: None,
    listening: Callable[[Path], AbstractContextManager[Listener]] | None = None,
) -> Found:
    """Try options of a study's stages, keep the best on the cases to tune on, and score it on those to test on.

    Trials follow one another; the units of each are computed as the study says. A search that was stopped goes on where it
    was: the trial that was under way is tried again, with the same options.

    Parameters
    ----------
    study
        A study with `search:`.
    name
        Which search; default: the only one.
    out
        The study's folder of outputs; default: beside the document and named after it.
    trials
        How many in all; default: as the document says.
    listen
        Called with an event "trial" for each that ends, and with all events of the launches.
    listening
        Makes a listener for each launch, given the folder it computes in.

    Returns
    -------
    All trials and the result.

    Raises
    ------
    MissingExtra
        Optuna is not installed.
    StudyError
        No such search; cases that are not there, or that are both tuned and tested on.
    RunError
        All trials failed, or another run of this search is at work.
    InterruptedRun
        Ctrl-C or SIGTERM.

    Notes
    -----
    What trials have in common is computed once; each trial costs a setup of the study and a launch for each case. The numbers
    a trial draws depend on the search's seed and the trials before, never on workers or interruptions. TPE: Bergstra et al.,
    2011, https://papers.nips.cc/paper/4443; Optuna: Akiba et al., 2019, https://doi.org/10.1145/3292500.3330701.

    Examples
    --------
    >>> from conntap.study import load_study
    >>> search(load_study("study.yaml"), "best").result["test"]  # doctest: +SKIP
    """
    name, entry = _chosen(study, name)
    needs_optuna()
    folder = (out or study.folder) / "search" / name
    with lock(folder / "lock"), _Opened(study, folder) as opening:
        at = _Search.of(study, name, entry, folder, listen, listening, opening)
        grid = grid_of(entry) if entry.sampler == "grid" else []
        wanted = min(len(grid), trials or len(grid)) if grid else trials or entry.trials
        ended = read_trials(at.journal)
        at.check_cases()
        while len(ended) < wanted:
            ended.append(at.tried(ended, grid))
            append_trial(at.journal, ended[-1])
            listen({"event": "trial", "of": wanted, **ended[-1]})
        result = at.result(ended)
    return Found(name, at.folder, ended, result)


def found(study: Study, name: str | None = None, *, out: Path | None = None) -> Found:
    """What a search found so far; computes nothing.

    Raises
    ------
    StudyError
        No such search.
    RunError
        It was never run.
    """
    name, _ = _chosen(study, name)
    folder = (out or study.folder) / "search" / name
    journals = sorted(folder.glob("trials-*.jsonl"), key=lambda each: each.stat().st_mtime_ns)
    if not journals:
        raise RunError(f"{folder}: no trial of this search. Run `tap search` without --show first.")
    path = folder / "result.json"
    result = json.loads(path.read_text()) if path.exists() else {}
    return Found(name, folder, read_trials(journals[-1]), result if result.get("journal") == journals[-1].name else {})


@dataclass(frozen=True)
class _Search:
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
    def of(study: Study, name: str, entry: SearchEntry, folder: Path, *rest: Any) -> _Search:
        """The search, set up for the document as it stands; its journal is named by all that its values hang on."""
        made = _Search(study, name, entry, folder, folder, {}, *rest)
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
        except _Failed as error:
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
            raise _Failed(f"stages.{first['stage']}: {first['error']}")
        return _number(store.decode(records.read(unit.key)[0]), stage, name, self.told)

    def result(self, ended: list[dict[str, Any]]) -> dict[str, Any]:
        """The best trial, scored on the test cases and beside the document as it stands; written, with a document of its own."""
        done = [each for each in ended if each["state"] == "done"]
        if not done:
            errors = {each["error"] for each in ended if each["error"]}
            raise RunError(f"search.{self.name}: no trial was done; {len(ended)} failed: {known(errors, most=3)}")
        sign = 1 if self.entry.minimize is not None else -1
        best = min(done, key=lambda each: (sign * each["value"], each["trial"]))
        told = {
            "search": self.name,
            "journal": self.journal.name,
            "aim": f"maximize {self.entry.maximize}" if self.entry.maximize else f"minimize {self.entry.minimize}",
            "trials": len(ended),
            **{state: sum(each["state"] == state for each in ended) for state in ("done", "pruned", "failed")},
            "best": best["trial"],
            "options": best["options"],
            "tune": best["value"],
            "tune_cases": best["cases"],
            **self.tested(best["options"], "test"),
            "as_it_stands": self.as_it_stands(),
        }
        with store.atomic(self.folder / "result.json") as path:
            path.write_text(json.dumps(told, indent=1))
        with store.atomic(self.folder / "best.yaml") as path:
            path.write_text(self.document(best))
        return told

    def tested(self, options: Mapping[str, Any], part: str) -> dict[str, Any]:
        study = self.with_options(options)
        plans = setup(study, self.folder)
        values = [self.value(study, plans, unit) for unit in self.units(plans, getattr(self.entry, part))]
        return {part: math.fsum(values) / len(values), f"{part}_cases": values}

    def as_it_stands(self) -> dict[str, Any]:
        """The same numbers of the document's own options; none where these fail."""
        try:
            return {**self.tested({}, "tune"), **self.tested({}, "test")}
        except _Failed as error:
            return {"error": str(error)}

    def document(self, best: Mapping[str, Any]) -> str:
        """A study document with the best options."""
        base = os.path.relpath(self.study.path, self.folder.resolve())
        stages: dict[str, dict[str, Any]] = {}
        for name, value in best["options"].items():
            stage, _, option = name.partition(".")
            stages.setdefault(stage, {})[option] = value
        lines = [
            f"# The best of the search {self.name}: trial {best['trial']}.",
            f"extends: {json.dumps(base)}",
            "search: ~",
            "stages:",
        ]
        return "\n".join([*lines, *(f"  {name}: {json.dumps(each)}" for name, each in stages.items())]) + "\n"


class _Opened:
    """One executor for all launches of a search, opened with the first: starting workers takes longer than many a trial."""

    def __init__(self, study: Study, folder: Path) -> None:
        self.study, self.folder, self.stack, self.execute = study, folder, ExitStack(), None
        self.listen: Listener = lambda event: None

    def __enter__(self) -> Callable[..., AbstractContextManager[Executor]]:
        return self.open

    def __exit__(self, *raised: Any) -> None:
        self.stack.__exit__(*raised)

    @contextmanager
    def open(self, study: Study, out: Path, *, listen: Listener) -> Iterator[Any]:
        """The executor, which tells `listen` from now on."""
        self.listen = listen
        if self.execute is None:
            self.execute = self.stack.enter_context(opened(study, out, listen=lambda event: self.listen(event)))
        yield self.execute


class _Failed(Exception):
    """A trial gave no number."""


def _chosen(study: Study, name: str | None) -> tuple[str, SearchEntry]:
    if not study.searches:
        raise StudyError(f"{study.path.name}: nothing to search. Write what is varied under `search:`.")
    if name is None and len(study.searches) == 1:
        return next(iter(study.searches.items()))
    if name not in study.searches:
        what = "several searches" if name is None else f"no search {name!r}"
        raise StudyError(f"{study.path.name}: {what}; known: {known(study.searches)}. Name one.")
    return name, study.searches[name]


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
        raise _Failed(f"stages.{stage}: {number}")
    return number

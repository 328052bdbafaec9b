"""Running a study: setup, launch, collect; and the three in one.

Nothing here computes: batches do (`work`), started by an executor (`executors`). What a run finds done it does not
do again, whoever did it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conntap.errors import InterruptedRun, RunError
from conntap.study.accounts import Account
from conntap.study.collecting import collect
from conntap.study.document import load_study
from conntap.study.entries import Study
from conntap.study.executors import Executor, Listener, opened
from conntap.study.folders import recheck_folders
from conntap.study.forgetting import Forgetting, forget_unneeded, recheck_values
from conntap.study.jobs import Job, Limits, to_do
from conntap.study.keeping import clear_kept
from conntap.study.launches import Launch, begin
from conntap.study.locking import Running, lock
from conntap.study.records import Records, stage_folder
from conntap.study.setup import batch_command, prepare, read_batch, read_cases, read_setup, write_setup
from conntap.study.stopping import heeded

__all__ = ["Outcome", "launch", "run"]

_log = logging.getLogger(__name__)

Opening = Callable[..., AbstractContextManager[Executor]]


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Parameters
    ----------
    out
        The study's folder of outputs.
    done, skipped, failed, waiting
        Numbers of units: computed now, found done, failed now, and not tried since an input failed.
    failures
        One dictionary a failed unit: stage, case, kind, error, log, command.
    store
        The store, where one was collected.
    launch
        The number of the launch; None where there was nothing to do.
    """

    out: Path
    done: int = 0
    skipped: int = 0
    failed: int = 0
    waiting: int = 0
    wall_s: float = 0.0
    failures: list[dict[str, Any]] = field(default_factory=list)
    store: Path | None = None
    launch: int | None = None

    @property
    def ok(self) -> bool:
        """Whether every unit of the study is done."""
        return self.failed == 0 and self.waiting == 0


def run(
    study: str | Path | Study,
    *,
    out: str | Path | None = None,
    listen: Listener = lambda event: None,
) -> Outcome:
    """Set a study up, launch what is missing, and collect the store.

    What earlier runs finished is kept; a unit is computed anew only if what it is made of changed. A failed
    unit fails alone: the others are done and collected.

    Parameters
    ----------
    study
        The path of a study document, or a study already loaded.
    out
        The folder for outputs; default: beside the document and named after it.
    listen
        Called with each event of the run (a dictionary with "event").

    Returns
    -------
    An `Outcome`; its `store` is the path of the store.

    Raises
    ------
    StudyError
        The document or its inputs are wrong; nothing was run.
    RunError
        Another run of this study is at work, or workers cannot be started.
    InterruptedRun
        Ctrl-C or SIGTERM stopped it.

    Examples
    --------
    >>> import conntap
    >>> conntap.run("study.yaml")  # doctest: +SKIP
    """
    study = study if isinstance(study, Study) else load_study(study)
    folder = study_outputs(study, out)
    if study.run.where == "slurm":
        from conntap.study.slurm.driving import run_and_follow  # it tells outcomes as this file does

        return run_and_follow(study, folder, listen)
    listen({"event": "setup", "study": study.title})
    prepared = prepare(study)
    with lock(folder):
        _refuse_if_on_cluster(folder)
        write_setup(study, folder, prepared)
        del prepared  # what is written need not stay in memory
        outcome = _launched(study, folder, listen)
        listen({"event": "collect"})
        path = collect(folder)
    return replace(outcome, store=path)


@dataclass(frozen=True)
class _Some:
    """Which units are launched, which stages have limits of their own for now, and what opens the executor."""

    keys: Collection[str] | None = None
    limits: Mapping[str, Limits] = field(default_factory=dict)
    opening: Opening = opened


_ALL = _Some()


def launch(
    study: Study,
    *,
    out: Path,
    listen: Listener = lambda event: None,
    only: Collection[str] | None = None,
    limits: Mapping[str, Limits] | None = None,
    noted: Launch | None = None,
    opening: Opening = opened,
) -> Outcome:
    """Compute the units of a study that was set up and are not done; stages that do not wait for each other at once.

    Parameters
    ----------
    only
        Keys; nothing else is computed. Default: all that are not done.
    limits
        Name of stage -> what its units may take this time; default: what the study says.
    noted
        The launch that was begun for this by a job of a cluster, which this process is part of; default: a new one.
    opening
        What opens the executor, given the study, its folder and a listener; one may be kept open for several launches.

    Raises
    ------
    RunError
        Not set up, or set up from another document; another run is at work; workers cannot be started.
    InterruptedRun
        Ctrl-C or SIGTERM stopped it.
    """
    if study.run.where == "slurm":
        from conntap.study.slurm.driving import launch_and_follow

        return launch_and_follow(study, out, listen, only=only, limits=limits)
    check_current(study, out)
    with lock(out):
        check_current(study, out)  # it may have been set up anew just now
        if noted is None:
            _refuse_if_on_cluster(out)
        return _launched(study, out, listen, _Some(only, limits or {}, opening), noted)


def _refuse_if_on_cluster(out: Path) -> None:
    """Raise a RunError while jobs of an earlier launch are pending or running on a cluster."""
    from conntap.study.slurm.following import refuse_if_active  # it tells outcomes as this file does

    refuse_if_active(out)


def check_current(study: Study, out: Path) -> None:
    """Raise a RunError if what is set up in `out` is not this document."""
    if read_setup(out)["hash"] != study.hash:
        raise RunError(
            f"{out}: was set up from another state of {study.path.name}. Run `tap setup` again, or `tap run`."
        )


def _launched(study: Study, out: Path, listen: Listener, some: _Some = _ALL, noted: Launch | None = None) -> Outcome:
    began, about = time.monotonic(), read_setup(out)
    account = Account()
    if noted is None:
        recheck_values(out)
        recheck_folders(out)
        clear_kept(out)
        forget_unneeded(out)
    left = {name: to_do(out, name, only=some.keys).summary() for name in about["stages"]}
    skipped = sum(each["skipped"] for each in left.values())
    if noted is None and any(each["units"] for each in left.values()):
        noted = begin(study, out, stages=left)
    if noted is not None:
        listen({"event": "launch", "launch": noted.number, "stages": left})
    state = "stopped"
    try:
        with heeded() as raise_if_stopped:
            tell = all_of(Running(out), account, Forgetting(out), listen, lambda event: raise_if_stopped())
            with some.opening(study, out, listen=tell) as execute:
                for stages in _waves(study, about["stages"]):
                    execute([job for name in stages for job in _jobs(study, out, name, some, listen)])
        state = "ended"
    except KeyboardInterrupt:
        raise InterruptedRun("stopped; what is done is kept. Run the same command again to go on.") from None
    finally:
        if noted is not None:
            noted.note("outcome.json", {"state": state, "wall_s": time.monotonic() - began, **account.plain()})
    missing, failures = missing_units(out, about), list(failed_units(out))
    failed = len({(each["stage"], each["key"]) for each in failures})
    done = int(account.sums()["done"])
    number, wall_s = None if noted is None else noted.number, time.monotonic() - began
    return Outcome(out, done, skipped, failed, missing - failed, wall_s, failures, launch=number)


def _waves(study: Study, names: Iterable[str]) -> Iterator[list[str]]:
    """Stages that can run at once: those that take from no stage, then those that take from these, and so on."""
    waiting = list(names)
    while waiting:
        ready = [name for name in waiting if not set(waiting) & set(study.stages[name].sources)]
        yield ready
        waiting = [name for name in waiting if name not in ready]


def _jobs(study: Study, out: Path, name: str, some: _Some, listen: Listener) -> Sequence[Job]:
    limits = some.limits.get(name) or limits_of(study, name)
    now = to_do(out, name, limits=limits, only=some.keys)
    listen({"event": "stage", "stage": name, "units": now.units, "skipped": now.skipped})
    return now.jobs


def limits_of(study: Study, stage: str) -> Limits:
    """What each unit of a stage may take."""
    options = study.run_of(stage)
    return Limits(options.retries, options.timeout_s, options.mem_gb)


def all_of(*listeners: Listener) -> Listener:
    """A listener that passes each event on to several."""

    def tell(event: Mapping[str, Any]) -> None:
        for listen in listeners:
            listen(event)

    return tell


def missing_units(out: Path, about: Mapping[str, Any]) -> int:
    """How many distinct units of the plan have no record, by what lies on disk."""
    missing = 0
    for name in about["stages"]:
        done = Records(stage_folder(out, name)).refresh().done
        missing += len({key for key, _, _ in read_cases(out, name)} - done.keys())
    return missing


def failed_units(out: Path) -> Iterator[dict[str, Any]]:
    """The units of the present plan whose last try failed: stage, case, kind, error, log and command."""
    about = read_setup(out)
    for name, stage in about["stages"].items():
        failed = Records(stage_folder(out, name)).refresh().failed
        if not failed:
            continue
        for number in range(stage["batches"]):
            for unit in read_batch(out, name, number):
                if unit["key"] in failed:
                    header = failed[unit["key"]].header()
                    yield {
                        "stage": name,
                        "key": unit["key"],
                        "case": {**unit["case"], **({"slice": unit["slicing"]["name"]} if unit["slicing"] else {})},
                        "kind": header["kind"],
                        "error": header["error"],
                        "log": str(stage_folder(out, name) / "logs" / f"batch-{number:05d}.log"),
                        "command": batch_command(out, name, number),
                    }


def study_outputs(study: Study, out: str | Path | None) -> Path:
    """The folder of outputs: the one asked for, or the study's own."""
    folder = Path(out) if out is not None else study.folder
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder}: is a file; outputs need a folder. Choose one by --out.")
    return folder

"""Running a study: setup, launch, collect; and the three in one.

Nothing here computes: batches do (`work`), started by an executor (`executors`). What a run finds done it does not
do again, whoever did it.
"""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from conntap import __version__, store
from conntap.errors import CorruptStoreError, InterruptedRun, RunError, known
from conntap.study.accounts import Account
from conntap.study.document import load_study
from conntap.study.entries import Study
from conntap.study.executors import Listener, opened
from conntap.study.jobs import Limits, to_do
from conntap.study.launches import begin
from conntap.study.locking import Running, lock
from conntap.study.records import Records, stage_folder
from conntap.study.setup import prepare, read_batch, read_cases, read_setup, write_setup
from conntap.study.stopping import heeded

__all__ = ["Outcome", "collect", "launch", "run"]

_log = logging.getLogger(__name__)


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
    listen({"event": "setup", "study": study.title})
    prepared = prepare(study)
    with lock(folder):
        write_setup(study, folder, prepared)
        del prepared  # what is written need not stay in memory
        outcome = _launched(study, folder, listen)
        listen({"event": "collect"})
        path = collect(folder)
    return replace(outcome, store=path)


def launch(study: Study, *, out: Path, listen: Listener = lambda event: None) -> Outcome:
    """Compute every unit of a study that was set up and is not done, stage by stage.

    Raises
    ------
    RunError
        Not set up, or set up from another document; another run is at work; workers cannot be started.
    InterruptedRun
        Ctrl-C or SIGTERM stopped it.
    """
    check_current(study, out)
    with lock(out):
        return _launched(study, out, listen)


def check_current(study: Study, out: Path) -> None:
    """Raise a RunError if what is set up in `out` is not this document."""
    if read_setup(out)["hash"] != study.hash:
        raise RunError(
            f"{out}: was set up from another state of {study.path.name}. Run `tap setup` again, or `tap run`."
        )


def _launched(study: Study, out: Path, listen: Listener) -> Outcome:
    began, about = time.monotonic(), read_setup(out)
    account = Account()
    left = {name: to_do(out, name).summary() for name in about["stages"]}
    skipped = sum(each["skipped"] for each in left.values())
    noted = begin(study, out, stages=left) if any(each["units"] for each in left.values()) else None
    if noted is not None:
        listen({"event": "launch", "launch": noted.number, "stages": left})
    state = "stopped"
    try:
        with heeded() as raise_if_stopped:
            tell = _all_of(Running(out), account, listen, lambda event: raise_if_stopped())
            with opened(study, out, listen=tell) as execute:
                for name in about["stages"]:
                    now = to_do(out, name, limits=limits_of(study, name))
                    listen({"event": "stage", "stage": name, "units": now.units, "skipped": now.skipped})
                    execute(now.jobs)
        state = "ended"
    except KeyboardInterrupt:
        raise InterruptedRun("stopped; what is done is kept. Run the same command again to go on.") from None
    finally:
        if noted is not None:
            noted.note("outcome.json", {"state": state, "wall_s": time.monotonic() - began, **account.plain()})
    missing, failures = _missing(out, about), list(failed_units(out))
    failed = len({each["key"] for each in failures})
    done = int(account.sums()["done"])
    number = None if noted is None else noted.number
    wall_s = time.monotonic() - began
    return Outcome(out, done, skipped, failed, missing - failed, wall_s, failures, launch=number)


def limits_of(study: Study, stage: str) -> Limits:
    """What each unit of a stage may take."""
    options = study.run_of(stage)
    return Limits(options.retries, options.timeout_s, options.mem_gb)


def _all_of(*listeners: Listener) -> Listener:
    def tell(event: Mapping[str, Any]) -> None:
        for listen in listeners:
            listen(event)

    return tell


def _missing(out: Path, about: Mapping[str, Any]) -> int:
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
                        "command": f"tap batch {about['document']} {name} {number} --out {out}",
                    }


def collect(out: Path) -> Path:
    """Gather what is done into one store; aside first, then swapped into place.

    Returns
    -------
    The path of the store, `OUT/store.h5`.

    Raises
    ------
    RunError
        Nothing is set up.
        Or records whose bytes are damaged were found and set aside.

    Notes
    -----
    Memory is bounded by the largest value; time by the bytes.
    """
    about = read_setup(out)
    attrs = {
        "title": about["title"],
        "description": about["description"],
        "study": about["text"],
        "study_hash": about["hash"],
        "seed": about["seed"],
        "document": about["document"],
        "conntap": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in ("numpy", "scipy", "pandas", "h5py", "numba")},
        "fingerprints": about["fingerprints"],
        "host": platform.node(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    stages = (_stage_data(out, name, stage) for name, stage in about["stages"].items() if not stage["discard"])
    try:
        store.write_store(out / "store.h5", attrs=attrs, stages=stages)
    except CorruptStoreError as error:
        damaged = sum(Records(stage_folder(out, name)).refresh().set_aside_damaged() for name in about["stages"])
        if not damaged:
            raise
        raise RunError(
            f"{out}: {damaged} damaged records were set aside ({error}). Run again to compute them."
        ) from error
    return out / "store.h5"


def _stage_data(out: Path, name: str, stage: Mapping[str, Any]) -> store.StageData:
    cases = read_cases(out, name)
    done = Records(stage_folder(out, name)).refresh().done
    finished = [(key, case, slicing) for key, case, slicing in cases if key in done]
    rows = [(key, case, slicing, variables) for key, case, slicing in finished for variables in done[key].rows]
    return store.StageData(
        name=name,
        description=stage["description"],
        step=stage["step"],
        options=stage["options"],
        inputs=stage["inputs"],
        attrs={
            "step_version": stage["version"],
            "summary": stage["summary"],
            "units": len(cases),
            "units_done": len(finished),
            "controls": stage["controls"],
            "control_units": _by_control(cases, done),
            "slices": stage["slices"],
            "select": stage.get("select", []),
            "cpu_s": sum(done[key].cpu_s for key in {key for key, _, _ in finished}),
        },
        cases=_cases(rows, sliced=bool(stage["slices"])),
        keys=[key for key, *_ in rows],
        entries=(each for key, _, _ in finished for each in store.read(done[key].entry(key))),
    )


def _by_control(
    cases: Iterable[tuple[str, Mapping[str, Any], str | None]], done: Collection[str]
) -> dict[str, list[int]]:
    """For each control how many units are done and how many there are."""
    found: dict[str, list[int]] = {}
    for key, case, _ in cases:
        name = case.get("control", "original")
        if name != "original":
            counts = found.setdefault(name, [0, 0])
            counts[0] += key in done
            counts[1] += 1
    return found


def _cases(rows: list[tuple[str, Mapping[str, Any], str | None, Mapping[str, Any]]], *, sliced: bool) -> pd.DataFrame:
    columns = list(dict.fromkeys(column for _, case, _, _ in rows for column in case))
    table = {column: [case.get(column) for _, case, _, _ in rows] for column in columns}
    if sliced:
        table["slice"] = ["full" if slicing is None else slicing for _, _, slicing, _ in rows]
        variables = dict.fromkeys(name for *_, row in rows for name in row)
        clash = table.keys() & variables.keys()
        if clash:
            raise RunError(f"stages: a slice by {known(clash)} would overwrite the column of that name in the index.")
        table |= {name: [row.get(name) for *_, row in rows] for name in variables}
    return pd.DataFrame({name: _column(values) for name, values in table.items()}, index=pd.RangeIndex(len(rows)))


def _column(values: list[Any]) -> Any:
    """Values of one type as the array of that type; None is a missing one."""
    kinds = {type(value) for value in values if value is not None}
    whole = None not in values
    if kinds == {bool}:
        return pd.array(values, dtype="bool" if whole else "boolean")
    if kinds == {int}:
        return pd.array(values, dtype="int64" if whole else "Int64")
    if kinds and kinds <= {int, float}:
        return pd.array([float("nan") if value is None else float(value) for value in values], dtype="float64")
    return pd.array([None if value is None else str(value) for value in values], dtype="object")


def study_outputs(study: Study, out: str | Path | None) -> Path:
    """The folder of outputs: the one asked for, or the study's own."""
    folder = Path(out) if out is not None else study.folder
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder}: is a file; outputs need a folder. Choose one by --out.")
    return folder

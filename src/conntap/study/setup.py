"""Setting a study up: open the circuits, define the subtargets, write the batches.

The run folder that results is all a batch needs::

    OUT/run/setup.json                          title, hash, seed, circuits, stages; names the plan that holds
    OUT/run/plan-HASH/STAGE/batch-00000.json    the units of one batch, written out
    OUT/run/plan-HASH/STAGE/cases.json          key, case and slicing of all units in the order of the index
    OUT/run/stages/STAGE/shards/*.shard         records of finished and failed units
    OUT/run/stages/STAGE/logs/*.log             what the batches printed
    OUT/run/stages/STAGE/files/KEY              what the step of a unit wrote
    OUT/run/stages/STAGE/kept/KEY               what units that are not done kept of their progress
"""

from __future__ import annotations

import json
import logging
import os
import platform
import shlex
import shutil
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from conntap import __version__, store
from conntap.circuits import Circuit
from conntap.errors import ConntapError, RunError, StudyError, unknown
from conntap.seeds import digest
from conntap.study.entries import CircuitEntry, Reference, Study
from conntap.study.locking import lock
from conntap.study.nodes import check_slices
from conntap.study.plan import StagePlan, content_of, identities, plan_study, source_cases
from conntap.study.recordings import recorded
from conntap.study.records import Records, stage_folder
from conntap.study.selections import check_selections
from conntap.study.work import open_source

__all__ = [
    "Prepared",
    "batch_command",
    "cores",
    "prepare",
    "read_batch",
    "read_cases",
    "read_setup",
    "setup",
    "workers_of",
    "write_setup",
]

_log = logging.getLogger(__name__)
_VERSION = 3  # of the run folder

Prepared = tuple[dict[str, StagePlan], dict[str, dict[str, tuple[str, Any, dict[str, Any]]]], dict[str, str]]


def workers_of(study: Study) -> int:
    """How many workers a study asks for: as many as there are cores, unless it says."""
    return study.run.workers or cores()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare(study: Study) -> Prepared:
    """Open the circuits, define the subtargets in memory and plan every stage; writes nothing.

    Raises
    ------
    StudyError
        A circuit cannot be opened, a population or property is missing, subtargets cannot be defined, or a
        stage has no case.
    """
    sources, fingerprints = _sources(study)
    check_slices(study, sources)
    check_selections(study, sources)
    subtargets: dict[str, dict[str, tuple[str, Any, dict[str, Any]]]] = {}
    for name, stage in study.subtargets.items():
        wanted = next(iter(stage.inputs.values()))
        names = list(sources) if wanted == "circuits" else [wanted.split(".", 1)[1]]
        try:
            subtargets[name] = {each: _defined(stage, each, sources[each], fingerprints[each]) for each in names}
        except StudyError as error:
            raise study.told(error, tuple(name.split("."))) from error
    found = {k: {c: v[:2] for c, v in each.items()} for k, each in subtargets.items()}
    cases = source_cases(study, fingerprints, found, sources)
    recordings, digests = recorded(study)
    cases |= recordings
    fingerprints |= {f"recordings.{name}": each for name, each in digests.items()}
    return plan_study(study, sources=cases), subtargets, fingerprints


def _sources(study: Study) -> tuple[dict[str, Any], dict[str, str]]:
    sources: dict[str, Any] = {}
    fingerprints: dict[str, str] = {}
    for name, entry in study.circuits.items():
        try:
            sources[name] = open_source(entry.model_dump())
            fingerprints[name] = _fingerprint(entry, sources[name])
        except (ConntapError, OSError, TypeError) as error:
            raise study.told(f"circuits.{name}: {error}", ("circuits", name)) from error
        _refuse_where_edges_are_wanted(study, name, sources[name])
    return sources, fingerprints


def _refuse_where_edges_are_wanted(study: Study, name: str, source: Any) -> None:
    """A circuit on disk is given to no stage whose step takes a connectome in memory."""
    for stage in study.stages.values() if isinstance(source, Circuit) else ():
        for position, taken in stage.inputs.items():
            if taken in ("circuits", f"circuits.{name}") and not stage.accepts(position, Circuit):
                message = (
                    f"stages.{stage.name}.of: circuits.{name} is a SONATA circuit; {stage.step.name} takes its edges in memory. "
                    "Give it a stage of circuits.connectome."
                )
                raise study.told(message, ("stages", stage.name, "of"))


def _fingerprint(entry: CircuitEntry, source: Any) -> str:
    """The digest of a circuit's content; opens each of its files, so that a broken one is told before anything runs."""
    if not isinstance(source, Circuit):
        files = [entry.path] + ([entry.nodes] if entry.nodes else [])
        return digest([content_of(Path(each)) for each in files], entry.read)
    populations = [*source.node_populations.values(), *source.edge_populations.values()]
    if entry.edges is not None or entry.nodes is not None:
        populations += [source.default_edges, source.default_nodes]
    _log.info("circuits: %s: %s", source.path, {each.name: each.size for each in populations})
    return digest(source.fingerprint(), entry.edges, entry.nodes)


def _defined(stage: Any, circuit: str, source: Any, fingerprint: str) -> tuple[str, Any, dict[str, Any]]:
    made = {
        "step": stage.step.name,
        "version": stage.step.version,
        "options": {name: str(value) if isinstance(value, Path) else value for name, value in stage.options.items()},
        "inputs": {"source": fingerprint},
    }
    try:
        found = stage.step.function(source, **stage.options)
    except (ConntapError, OSError) as error:
        raise StudyError(f"{stage.name} of circuits.{circuit}: {error}") from error
    except Exception as error:
        what = f"{stage.step.name} raised {type(error).__name__}: {error}"
        raise StudyError(f"{stage.name} of circuits.{circuit}: {what}") from error
    named = [[each.name, each.population, each.ids, dict(each.info)] for each in found]
    return digest(made | {"options": identities(stage.step, stage.options)}, named), found, made


def setup(study: Study, out: Path) -> dict[str, StagePlan]:
    """Write everything that the batches of a study need; what is done already stays done.

    The plan goes to a folder of its own; `setup.json` is swapped last and points to it.

    Returns
    -------
    Name of stage -> its plan.

    Raises
    ------
    StudyError
        The study's inputs cannot be opened (see `prepare`).
    RunError
        Another run of this study is at work.
    """
    prepared = prepare(study)
    with lock(out):
        return write_setup(study, out, prepared)


def write_setup(study: Study, out: Path, prepared: Prepared) -> dict[str, StagePlan]:
    """What `setup` does once it holds the lock."""
    _refuse_another(study, out)
    plans, subtargets, fingerprints = prepared
    name = digest(study.hash, fingerprints, {stage: _layout(plan) for stage, plan in plans.items()})
    folder = out / "run" / f"plan-{name[:12]}"
    if any(former != folder for former in (out / "run").glob("plan-*")):
        _refuse_if_on_cluster(out)
    for stage, by_circuit in subtargets.items():
        _record_subtargets(out, stage, by_circuit)
    for stage, plan in plans.items():
        _write_plan(out, folder / stage, plan)
    about = _about(study, plans, fingerprints) | {"plan": folder.name}
    with store.atomic(out / "run" / "setup.json") as path:
        path.write_text(json.dumps(about, indent=1))
    for former in (out / "run").glob("plan-*"):
        if former != folder:
            shutil.rmtree(former, ignore_errors=True)
    return plans


def _layout(plan: StagePlan) -> str:
    """The digest of which units a plan holds and which batch holds which."""
    return digest([unit.key for unit in plan.units], [[unit.key for unit in batch.units] for batch in plan.batches])


def _refuse_if_on_cluster(out: Path) -> None:
    """Jobs that are pending or running read the plan that they were launched with."""
    from conntap.study.slurm.following import refuse_if_active  # it reads what this file writes

    refuse_if_active(out)


def _refuse_another(study: Study, out: Path) -> None:
    """Outputs of another document that still exists are not to be replaced."""
    if not (out / "run" / "setup.json").exists():
        return
    try:
        other = Path(read_setup(out)["document"])
    except (RunError, KeyError):
        return
    if other != study.path and other.exists() and not other.samefile(study.path):
        raise RunError(f"{out}: holds the outputs of another study, {other}. Choose another folder by --out.")


def _record_subtargets(out: Path, name: str, by_circuit: Mapping[str, tuple[str, Any, dict[str, Any]]]) -> None:
    folder = stage_folder(out, name)
    (folder / "shards").mkdir(parents=True, exist_ok=True)
    done = Records(folder).refresh().done
    missing = {circuit: each for circuit, each in by_circuit.items() if each[0] not in done}
    if not missing:
        return
    with store.ShardWriter(folder / "shards" / f"setup-{os.getpid()}-{time.time_ns():x}.shard") as shard:
        for circuit, (key, found, made) in missing.items():
            header = {"status": "done", "case": {"circuit": circuit}, "made": made, "rows": [{}], "time": time.time()}
            shard.append(key, header, [store.encode(found)])


def _write_plan(out: Path, folder: Path, plan: StagePlan) -> None:
    for each in (folder, stage_folder(out, plan.stage.name) / "shards", stage_folder(out, plan.stage.name) / "logs"):
        each.mkdir(parents=True, exist_ok=True)
    cases = [[unit.key, unit.case, unit.slicing and unit.slicing["name"]] for unit in plan.units]
    contents: dict[str, Any] = {
        _batch_name(each.number): [unit.plain() for unit in each.units] for each in plan.batches
    }
    for name, content in {**contents, "cases.json": cases}.items():
        if not (folder / name).exists():
            with store.atomic(folder / name) as path:
                path.write_text(json.dumps(content, default=_unplain))


def _unplain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no plain value")


def _about(study: Study, plans: Mapping[str, StagePlan], fingerprints: Mapping[str, str]) -> dict[str, Any]:
    return {
        "format": "conntap-run",
        "version": _VERSION,
        "title": study.title,
        "description": study.description,
        "document": str(study.path),
        "hash": study.hash,
        "seed": study.seed,
        "circuits": {name: entry.model_dump() for name, entry in study.circuits.items()},
        "recordings": {name: entry.model_dump() for name, entry in study.recordings.items()},
        "fingerprints": dict(fingerprints),
        "text": study.text,
        "stages": {name: _about_stage(plan) for name, plan in plans.items()},
        "conntap": __version__,
        "python": platform.python_version(),
    }


def _about_stage(plan: StagePlan) -> dict[str, Any]:
    stage = plan.stage
    return {
        "units": len(plan.units),
        "batches": len(plan.batches),
        "description": stage.description,
        "step": stage.step.name,
        "version": stage.step.version,
        "summary": stage.step.summary,
        "options": {name: _shown(value) for name, value in stage.options.items()}
        | {f"each {k}": v for k, v in stage.each.items()}
        | {f"gather {k}": ", ".join(v) for k, v in stage.gather.items()},
        "inputs": dict(stage.inputs),
        "controls": list(stage.controls),
        "slices": list(stage.slices),
        "select": list(map(str, stage.select)),
        "discard": stage.discard,
    }


def _shown(value: Any) -> Any:
    if isinstance(value, Reference):
        return {"from": f"stages.{value.stage}"}
    if isinstance(value, dict):
        return {key: _shown(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def read_setup(out: Path) -> dict[str, Any]:
    """What `setup` wrote of the study as a whole.

    Raises
    ------
    RunError
        The study is not set up, or by another version of conntap's run folder.
    """
    path = out / "run" / "setup.json"
    try:
        found = path.stat()
        return _setup(path, found.st_mtime_ns, found.st_size, found.st_ino)
    except FileNotFoundError:
        raise RunError(f"{out}: nothing is set up here. Run `tap setup STUDY` first, with the same --out.") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}). Run `tap setup STUDY` again.") from None


@lru_cache(maxsize=4)
def _setup(path: Path, *_: int) -> dict[str, Any]:
    about = json.loads(path.read_text())
    if not isinstance(about, dict) or about.get("format") != "conntap-run" or about.get("version") != _VERSION:
        raise RunError(f"{path}: not a run folder of this version of conntap. Choose another --out.")
    return about


def read_batch(out: Path, stage: str, number: int) -> list[dict[str, Any]]:
    """The units of one batch as plain values.

    Raises
    ------
    RunError
        No such stage or batch.
    """
    about = read_setup(out)
    if stage not in about["stages"]:
        raise RunError(unknown(str(out), "stage", stage, about["stages"]))
    path = out / "run" / about["plan"] / stage / _batch_name(number)
    if not path.is_file():
        last = about["stages"][stage]["batches"] - 1
        raise RunError(f"{out}: stage {stage} has no batch {number}; known: 0 to {last}.")
    return _units(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _units(path: Path, _: int) -> list[dict[str, Any]]:
    return json.loads(path.read_text())


def batch_command(out: Path, stage: str, number: int) -> str:
    """The command that repeats a batch, quoted for the shell."""
    return shlex.join(["tap", "batch", read_setup(out)["document"], stage, str(number), "--out", str(out)])


def read_cases(
    out: Path, stage: str, about: Mapping[str, Any] | None = None
) -> list[tuple[str, dict[str, Any], str | None]]:
    """Key, case and slicing of every unit of a stage, in the order of the index; by what `read_setup` gave before, or now."""
    path = out / "run" / (about or read_setup(out))["plan"] / stage / "cases.json"
    return [tuple(each) for each in json.loads(path.read_text())]


def _batch_name(number: int) -> str:
    return f"batch-{number:05d}.json"

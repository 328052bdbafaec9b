"""Setting a study up: open the circuits, define the subtargets, write the batches.

The run folder that results is all a batch needs::

    OUT/run/setup.json                  title, hash, seed, circuits, stages and how many units and batches each has
    OUT/run/STAGE/batch-00000.json      the units of one batch, written out
    OUT/run/STAGE/shards/*.shard        records of finished and failed units
    OUT/run/STAGE/logs/*.log            what the batches printed
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conntap import __version__, store
from conntap.circuits import Circuit
from conntap.errors import ConntapError, RunError, StudyError, known
from conntap.seeds import digest
from conntap.study.entries import CircuitEntry, Reference, Study
from conntap.study.locking import lock
from conntap.study.plan import StagePlan, plan_study, source_cases
from conntap.study.work import Records, open_source, stage_folder

__all__ = ["Prepared", "prepare", "read_batch", "read_setup", "setup", "workers_of"]

_log = logging.getLogger(__name__)

Prepared = tuple[dict[str, StagePlan], dict[str, dict[str, tuple[str, Any, dict[str, Any]]]], dict[str, str]]


def workers_of(study: Study) -> int:
    """How many workers a study asks for: as many as there are cores, unless it says."""
    return (
        study.run.workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )


def prepare(study: Study) -> Prepared:
    """Open the circuits, define the subtargets in memory and plan every stage; writes nothing.

    Raises
    ------
    StudyError
        A circuit cannot be opened, a population or property is missing, subtargets cannot be defined, or a
        stage has no case.
    """
    sources, fingerprints = _sources(study)
    subtargets: dict[str, dict[str, tuple[str, Any, dict[str, Any]]]] = {}
    for name, stage in study.subtargets.items():
        wanted = next(iter(stage.inputs.values()))
        names = list(sources) if wanted == "circuits" else [wanted.split(".", 1)[1]]
        subtargets[name] = {each: _defined(stage, each, sources[each], fingerprints[each]) for each in names}
    cases = source_cases(
        study, fingerprints, {k: {c: v[:2] for c, v in each.items()} for k, each in subtargets.items()}
    )
    return plan_study(study, sources=cases, workers=workers_of(study)), subtargets, fingerprints


def _sources(study: Study) -> tuple[dict[str, Any], dict[str, str]]:
    sources: dict[str, Any] = {}
    fingerprints: dict[str, str] = {}
    for name, entry in study.circuits.items():
        try:
            sources[name] = open_source(entry.model_dump())
            fingerprints[name] = _fingerprint(entry, sources[name])
        except (ConntapError, OSError, TypeError) as error:
            raise StudyError(f"circuits.{name}: {error}") from error
    return sources, fingerprints


def _fingerprint(entry: CircuitEntry, source: Any) -> str:
    """The digest of a circuit's content; opens each of its files, so that a broken one is told before anything runs."""
    if not isinstance(source, Circuit):
        files = [entry.path] + ([entry.nodes] if entry.nodes else [])
        return digest([_file_digest(each) for each in files], entry.read)
    populations = [*source.node_populations.values(), *source.edge_populations.values()]
    if entry.edges is not None or entry.nodes is not None:
        populations += [source.default_edges, source.default_nodes]
    _log.info("circuits: %s: %s", source.path, {each.name: each.size for each in populations})
    return digest(source.fingerprint(), entry.edges, entry.nodes)


def _file_digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    return digest(made, list(found.names), [each.ids for each in found]), found, made


def setup(study: Study, out: Path) -> dict[str, StagePlan]:
    """Write everything that the batches of a study need; what is done already stays done.

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
    plans, subtargets, fingerprints = prepare(study)
    (out / "run").mkdir(parents=True, exist_ok=True)
    with lock(out):
        for name, by_circuit in subtargets.items():
            _record_subtargets(out, name, by_circuit)
        for name, plan in plans.items():
            _write_batches(out, name, plan)
        with store.atomic(out / "run" / "setup.json") as path:
            path.write_text(json.dumps(_about(study, plans, fingerprints), indent=1))
    return plans


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


def _write_batches(out: Path, name: str, plan: StagePlan) -> None:
    folder = stage_folder(out, name)
    for each in ("shards", "logs"):
        (folder / each).mkdir(parents=True, exist_ok=True)
    for batch in plan.batches:
        with store.atomic(folder / _batch_name(batch.number)) as path:
            path.write_text(json.dumps([unit.plain() for unit in batch.units], default=_unplain))
    for stale in folder.glob("batch-*.json"):
        if int(stale.stem.removeprefix("batch-")) >= len(plan.batches):
            stale.unlink()


def _unplain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no plain value")


def _about(study: Study, plans: Mapping[str, StagePlan], fingerprints: Mapping[str, str]) -> dict[str, Any]:
    return {
        "format": "conntap-run",
        "version": 1,
        "title": study.title,
        "description": study.description,
        "document": str(study.path),
        "hash": study.hash,
        "seed": study.seed,
        "circuits": {name: entry.model_dump() for name, entry in study.circuits.items()},
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
        | {f"each {k}": v for k, v in stage.each.items()},
        "inputs": dict(stage.inputs),
        "controls": list(stage.controls),
        "slices": list(stage.slices),
        "discard": stage.discard,
    }


def _shown(value: Any) -> Any:
    if isinstance(value, Reference):
        return {"from": f"stages.{value.stage}"}
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
        about = json.loads(path.read_text())
    except FileNotFoundError:
        raise RunError(f"{out}: nothing is set up here. Run `tap setup STUDY` first.") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}). Run `tap setup STUDY` again.") from None
    if about.get("format") != "conntap-run" or about.get("version") != 1:
        raise RunError(f"{path}: not a run folder of this version of conntap. Choose another --out.")
    return about


def read_batch(out: Path, stage: str, number: int) -> list[dict[str, Any]]:
    """The units of one batch as plain values.

    Raises
    ------
    RunError
        No such stage or batch.
    """
    stages = read_setup(out)["stages"]
    if stage not in stages:
        raise RunError(f"{out}: no stage {stage!r}; known: {known(stages)}.")
    path = stage_folder(out, stage) / _batch_name(number)
    if not path.is_file():
        raise RunError(f"{out}: stage {stage} has no batch {number}; known: 0 to {stages[stage]['batches'] - 1}.")
    return json.loads(path.read_text())


def _batch_name(number: int) -> str:
    return f"batch-{number:05d}.json"

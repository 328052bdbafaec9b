"""Trying again what failed, and nothing else; with more memory or time where that was the cause."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conntap import store
from conntap.errors import RunError
from conntap.study.entries import Study
from conntap.study.gathering import taken_by
from conntap.study.jobs import Limits
from conntap.study.launches import Launch, launches
from conntap.study.records import Records, stage_folder
from conntap.study.run import limits_of
from conntap.study.setup import read_batch, read_cases, read_setup
from conntap.study.slurm.following import refuse_if_active, standings
from conntap.study.slurm.queue import Queue
from conntap.study.slurm.script import OVERHEAD_MB
from conntap.study.slurm.standing import KINDS, Standing, read_json
from conntap.study.times import seconds_of, slurm_time

__all__ = ["Retry", "retry"]

_RAISED = "raised.json"


@dataclass(frozen=True)
class Retry:
    """What is to be tried again, and how.

    Parameters
    ----------
    study
        The study, its stages with the raised options.
    causes
        Stage -> key of unit -> why it is not done: failed, out of memory, timed out, cancelled, lost, or waiting (for
        one of the others).
    raised
        Stage -> option -> its former and its new value.
    """

    study: Study
    causes: Mapping[str, Mapping[str, str]]
    raised: Mapping[str, Mapping[str, tuple[Any, Any]]] = field(default_factory=dict)

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all its units."""
        return frozenset(key for causes in self.causes.values() for key in causes)

    @property
    def limits(self) -> dict[str, Limits]:
        """Stage -> what each of its units may take this time."""
        return {stage: limits_of(self.study, stage) for stage in self.causes}

    def told(self) -> list[str]:
        """What will be done, a line a stage."""
        lines = []
        for stage, causes in self.causes.items():
            counts = ", ".join(f"{number} {cause}" for cause, number in Counter(causes.values()).most_common())
            changes = [
                f"; {name} {new}" if old is None else f"; {name} {old} -> {new}"
                for name, (old, new) in self.raised.get(stage, {}).items()
            ]
            units = "1 unit" if len(causes) == 1 else f"{len(causes)} units"
            lines.append(f"{stage}: {units} again ({counts}){''.join(changes)}")
        return lines

    def note(self, out: Path) -> None:
        """Keep the raised options, so that a further retry raises them further."""
        kept = read_json(out / "run" / _RAISED)
        for stage, changes in self.raised.items():
            kept[stage] = {**kept.get(stage, {}), **{name: new for name, (_, new) in changes.items()}}
        with store.atomic(out / "run" / _RAISED) as path:
            path.write_text(json.dumps(kept))


def retry(
    study: Study,
    out: Path,
    *,
    mem_gb: float | None = None,
    time: str | None = None,
    timeout_s: float | None = None,
    queue: Queue | None = None,
) -> Retry:
    """What is to be tried again of a study whose last launches left units undone; launches nothing.

    Units that failed, were lost, cancelled, out of memory or out of time, and those that wait for them. Where memory or time
    was the cause, a stage's `mem_gb`, or its `timeout_s` and `time`, are doubled.

    Parameters
    ----------
    mem_gb, time, timeout_s
        These instead of doubled ones, for all that is tried again.

    Raises
    ------
    RunError
        Jobs are still pending or running, or a limit is to be raised that is not known.
    """
    refuse_if_active(out, queue=queue)
    stood = list(standings(out, queue=queue))
    causes = {stage: each for stage, each in _causes(out, stood).items() if each}
    given = {"mem_gb": mem_gb, "time": time, "timeout_s": timeout_s}
    raised = {}
    for stage, each in causes.items():
        changes = _raised(study, out, stage, set(each.values()), stood, given)
        if changes:
            raised[stage] = changes
    stages = {
        name: replace(stage, run={**stage.run, **{option: new for option, (_, new) in raised.get(name, {}).items()}})
        for name, stage in study.stages.items()
    }
    return Retry(replace(study, stages=stages), causes, raised)


def _causes(out: Path, stood: list[Standing]) -> dict[str, dict[str, str]]:
    """Stage -> key -> cause, of units of the present plan that are not done and were tried, or wait for such."""
    last = next(reversed(list(launches(out))), None)
    rest = _cause_of_rest(last)
    found: dict[str, dict[str, str]] = {}
    for stage, about in read_setup(out)["stages"].items():
        records = Records(stage_folder(out, stage)).refresh()
        missing = {key: None for key, _, _ in read_cases(out, stage) if key not in records.done}
        causes = {key: KINDS.get(records.failed[key].kind, "failed") for key in missing if key in records.failed}
        for standing in stood:
            for share in standing.shares:
                if share.stage == stage:
                    causes |= {key: state for key, state in share.units.items() if key in missing}
        if rest:
            causes |= {key: rest for key in missing if key not in causes}
        if len(causes) < len(missing):
            causes |= _waiting(out, stage, about["batches"], missing.keys() - causes.keys(), found)
        found[stage] = {key: causes[key] for key in missing if key in causes}
    return found


def _cause_of_rest(last: Launch | None) -> str:
    """Why units have no record that a launch on this machine was to compute; "" where it ended by itself."""
    if last is None or (last.folder / "jobs.json").exists():  # their shares tell
        return ""
    state = last.outcome.get("state", "lost")
    return {"ended": "", "stopped": "cancelled"}.get(state, "lost")


def _waiting(
    out: Path, stage: str, batches: int, keys: set[str], found: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Those of the keys that take a value of a unit which is tried again."""
    waiting = {}
    for number in range(batches):
        for unit in read_batch(out, stage, number):
            taken = taken_by(unit) if unit["key"] in keys else ()
            if any(each["key"] in found.get(each["stage"], {}) for each in taken if "stage" in each):
                waiting[unit["key"]] = "waiting"
    return waiting


def _raised(
    study: Study, out: Path, stage: str, causes: set[str], stood: list[Standing], given: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Option -> former and new value, of the options that are to differ this time."""
    options = study.run_of(stage)
    kept = read_json(out / "run" / _RAISED).get(stage, {})
    asked = next((_asked(each, stage) for each in reversed(stood) if stage in each.stages), {})
    on_slurm = options.where == "slurm"
    former = {
        "mem_gb": _most(options.mem_gb, kept.get("mem_gb")) or (on_slurm and asked.get("mem_gb")) or None,
        "timeout_s": _most(options.timeout_s, kept.get("timeout_s")),
        "time": _longest(options.time, kept.get("time")) or (on_slurm and asked.get("time")) or None,
    }
    changes = {name: (former[name], value) for name, value in given.items() if value is not None}
    if "out of memory" in causes and "mem_gb" not in changes:
        if former["mem_gb"] is None and on_slurm:
            raise RunError(f"stages.{stage}: ran out of memory, and its limit is not known. Give --mem-gb.")
        if former["mem_gb"] is not None:
            changes["mem_gb"] = former["mem_gb"], round(2 * former["mem_gb"], 3)
    if "timed out" in causes and not {"time", "timeout_s"} & changes.keys():
        if former["timeout_s"] is not None:
            changes["timeout_s"] = former["timeout_s"], 2 * former["timeout_s"]
        if on_slurm and former["time"] is not None:
            changes["time"] = former["time"], slurm_time(2 * seconds_of(former["time"]))
        if on_slurm and not changes:
            raise RunError(f"stages.{stage}: ran out of time, and its limit is not known. Give --time.")
    return changes


def _asked(standing: Standing, stage: str) -> dict[str, Any]:
    """What the jobs of a stage asked for: memory for a unit, and time."""
    launch, found = standing.launch, {}
    said = launch.outcome.get("asked", {}).get(stage, {})
    parts = read_json(launch.folder / "jobs.json").get("stages", {}).get(stage, ())
    try:
        script = (launch.folder / parts[-1]["script"]).read_text()
    except (OSError, LookupError):
        script = ""
    memory = re.search(r"^#SBATCH --mem=(\d+)M$", script, re.M)
    if memory:
        workers = launch.about.get("stages", {}).get(stage, {}).get("cpus", 1)
        found["mem_gb"] = max(0.1, round((int(memory[1]) - OVERHEAD_MB) / 1024 / workers, 3))
    elif re.fullmatch(r"[\d.]+[MGT]c?", said.get("memory", "")):  # by default it is of a processor, which a unit has
        number, unit = re.fullmatch(r"([\d.]+)([MGT])c?", said["memory"]).groups()
        found["mem_gb"] = round(float(number) * {"M": 1 / 1024, "G": 1, "T": 1024}[unit], 3) or None
    time = re.search(r"^#SBATCH --time=(\S+)$", script, re.M)
    if time or said.get("time", "")[:1].isdigit():
        found["time"] = time[1] if time else said["time"]
    return found


def _most(*values: float | None) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _longest(*values: str | None) -> str | None:
    return max((value for value in values if value), key=seconds_of, default=None)


def launched_where(out: Path) -> str | None:
    """Where the last launch ran; None where there was none."""
    last = next(reversed(list(launches(out))), None)
    return None if last is None else last.about.get("run", {}).get("where")

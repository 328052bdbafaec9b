"""What a study's outputs hold, beside what its document now asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conntap.study.batches import Unit
from conntap.study.entries import Study
from conntap.study.locking import running_units
from conntap.study.plan import StagePlan
from conntap.study.records import Records, stage_folder
from conntap.study.setup import prepare

__all__ = ["StageStatus", "status"]


@dataclass(frozen=True)
class StageStatus:
    """One stage: how many of its units stand how.

    `running` units are at work right now; `stale` ones were done, but of something that changed since (`reasons`:
    why -> how many units); `missing` ones were never done; the next run computes the last two and the failed.
    """

    stage: str
    units: int
    done: int
    running: int
    failed: int
    stale: int
    missing: int
    reasons: dict[str, int] = field(default_factory=dict)
    error: str = ""
    log: str = ""


def status(study: Study, out: Path) -> list[StageStatus]:
    """Compare what the document asks for with what is done. Writes nothing.

    Raises
    ------
    StudyError
        The study's inputs cannot be opened.

    Notes
    -----
    Plans the study in memory and reads the headers of all records: about 0.1 ms a unit.
    """
    plans, _, _ = prepare(study)
    running = running_units(out)
    return [_stage_status(plan, out, running) for plan in plans.values()]


def _stage_status(plan: StagePlan, out: Path, running: frozenset[str]) -> StageStatus:
    name = plan.stage.name
    records = Records(stage_folder(out, name)).refresh()
    missing = [unit for unit in plan.units if unit.key not in records.done]
    at_work = [unit for unit in missing if unit.key in running]
    failed = [unit for unit in missing if unit.key in records.failed and unit.key not in running]
    open_units = [unit for unit in missing if unit.key not in records.failed and unit.key not in running]
    older = _older(records, open_units)
    reasons: dict[str, int] = {}
    stale = 0
    for unit in open_units:
        found = older.get(_identity(unit.case, unit.slicing and unit.slicing["name"]))
        if found is not None:
            stale += 1
            for reason in _changes(found[1], unit):
                reasons[reason] = reasons.get(reason, 0) + 1
    first = records.failed[failed[0].key].header() if failed else {}
    log = stage_folder(out, name) / "logs" / f"batch-{first['batch']:05d}.log" if first else ""
    return StageStatus(
        stage=name,
        units=len(plan.units),
        done=len(plan.units) - len(missing),
        running=len(at_work),
        failed=len(failed),
        stale=stale,
        missing=len(open_units) - stale,
        reasons=reasons,
        error=first.get("error", ""),
        log=str(log),
    )


def _older(records: Records, units: list[Unit]) -> dict[str, tuple[float, Any]]:
    """For each of these units' cases that was ever done, when it last was and of what it was made."""
    wanted = {_identity(unit.case, unit.slicing and unit.slicing["name"]) for unit in units}
    now = {unit.key for unit in units}
    older: dict[str, tuple[float, Any]] = {}
    for key, header in records.headers() if wanted else ():
        if key in now:
            continue  # it was done while this was looked at
        identity = _identity(header["case"], header.get("slicing"))
        if header["status"] == "done" and identity in wanted and header["time"] >= older.get(identity, (0.0,))[0]:
            older[identity] = (header["time"], header["made"])
    return older


def _identity(case: Mapping[str, Any], slicing: str | None) -> str:
    return json.dumps([case, slicing], sort_keys=True, default=str)


def _changes(old: Mapping[str, Any], unit: Unit) -> list[str]:
    """Why a unit that was done is to be done again."""
    new = unit.made
    changes = []
    if old["step"] != new["step"]:
        return [f"the step is {new['step']}, was {old['step']}"]
    if old["version"] != new["version"]:
        changes.append(f"{new['step']} has version {new['version']}, was {old['version']}")
    for name in sorted({*old["options"], *new["options"]}):
        before, now = old["options"].get(name, "its default"), new["options"].get(name, "its default")
        if before != now:
            changes.append(f"option {name} is {now}, was {before}")
    for name in sorted({*old["inputs"], *new["inputs"]}):
        if old["inputs"].get(name) != new["inputs"].get(name):
            changes.append(f"its input {name} changed")
    for name in ("control", "slicing"):
        if _settled(old.get(name)) != _settled(new.get(name)):
            changes.append(f"the definition of its {name} changed")
    before, now = _seed(old), _seed(new)
    if before != now:
        changes.append(f"the seed is {now}, was {before}")
    return changes or ["what it is made of changed"]


def _settled(part: Mapping[str, Any] | None) -> Any:
    return json.dumps({k: v for k, v in (part or {}).items() if k != "seed"}, sort_keys=True, default=str)


def _seed(made: Mapping[str, Any]) -> Any:
    for holder in (made, made.get("control") or {}, made.get("slicing") or {}):
        if holder.get("seed"):
            return holder["seed"][0]
    return None

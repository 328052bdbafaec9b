"""Units that jobs of SLURM left undone, each with the logs that tell why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from conntap.study.records import Records, stage_folder
from conntap.study.run import failed_units
from conntap.study.setup import batch_command, read_batch, read_setup
from conntap.study.slurm.standing import Share, Standing
from conntap.study.slurm.watching import Watched
from conntap.study.status import StageStatus

__all__ = ["all_failures", "ended_as", "last_line", "unfinished", "with_jobs"]

_NO_FAILURE = frozenset(("done", "waiting"))
_JOB_FAILED = frozenset(("failed", "out of memory", "timed out", "lost"))


def all_failures(out: Path, stood: Iterable[Standing]) -> list[dict[str, Any]]:
    """The units that failed wherever they ran, and those that jobs left undone: as `unfinished`, each once.

    Parameters
    ----------
    stood
        How the launches on SLURM stand, the oldest first.
    """
    found = {(each["stage"], each["key"]): each for each in failed_units(out)}
    records: dict[str, Records] = {}
    for standing in stood:
        found |= {(each["stage"], each["key"]): each for each in unfinished(out, standing, records)}
    return list(found.values())


def ended_as(share: Share) -> str:
    """What is known of the end of a job that left units without a record, with the last line of its log."""
    seen = share.seen
    words = "is known to nobody any more" if seen is None else f"ended as {seen.raw}"
    if seen is not None and seen.reason:
        words += f" ({seen.reason})"
    last = last_line(share.log)
    return f"its job {share.name} {words} before it was done" + (f"; its log ends: {last}" if last else "")


def last_line(log: Path) -> str:
    """The last line of a log that says something; "" where there is none."""
    try:
        return _last_line(log, log.stat().st_size)
    except OSError:
        return ""


@lru_cache(maxsize=4096)  # a job has thousands of units
def _last_line(log: Path, size: int) -> str:
    with open(log, "rb") as file:
        file.seek(max(0, size - 4096))
        lines = file.read(4096).decode(errors="replace").split("\n")
    return next((" ".join(line.split())[:200] for line in reversed(lines) if line.strip()), "")


def unfinished(out: Path, standing: Standing, records: dict[str, Records] | None = None) -> Iterator[dict[str, Any]]:
    """The units of the present plan whose job ended and that are not done, without those that wait: as `failed_units`,
    with the job's log, which `log` is too where the unit never began. `records` of several launches may be shared."""
    about, watched = read_setup(out), Watched(out, standing.launch, records)
    for stage, planned in about["stages"].items():
        left = {key: share for share in standing.shares if share.stage == stage for key in _left_by(share)}
        batches = {share.batches[key] for key, share in left.items()}
        for number in sorted(batches) if watched.is_current else range(planned["batches"] if left else 0):
            for unit in read_batch(out, stage, number):
                share = left.get(unit["key"])
                if share is None:
                    continue
                record = watched.failed_record(stage, unit["key"])
                log = stage_folder(out, stage) / "logs" / f"batch-{number:05d}.log"
                yield {
                    "stage": stage,
                    "key": unit["key"],
                    "case": {**unit["case"], **({"slice": unit["slicing"]["name"]} if unit["slicing"] else {})},
                    "kind": record.kind if record is not None else share.units[unit["key"]],
                    "error": record.header()["error"] if record is not None else ended_as(share),
                    "log": str(log if record is not None or log.exists() else share.log),
                    "job": share.name,
                    "job_log": str(share.log),
                    "command": batch_command(out, stage, number),
                }


def _left_by(share: Share) -> Iterator[str]:
    """The keys of units that a job left undone, as far as it has ended."""
    for key, state in share.units.items():
        if state not in _NO_FAILURE and not (share.live and state == share.state):
            yield key


def with_jobs(stages: Iterable[StageStatus], stood: Sequence[Standing]) -> list[StageStatus]:
    """How stages stand, where units without a record whose job failed count as failed, not as missing."""
    found = []
    for each in stages:
        shares = [share for standing in stood for share in standing.shares if share.stage == each.stage]
        left = {key: share for share in shares for key in _left_by(share) if share.units[key] in _JOB_FAILED}
        number = min(each.missing, len(left) - each.failed - each.running)  # those with a record are counted
        if number > 0:
            each = replace(each, failed=each.failed + number, missing=each.missing - number)
            if not each.error:
                first = next(iter(left.values()))
                each = replace(each, error=ended_as(first), log=str(first.log))
        found.append(each)
    return found

"""What each job of a launch is given, in files that people can read::

    OUT/run/launches/0007/STAGE/share-00000.json         its jobs (pieces of batches) and what they cost
    OUT/run/launches/0007/STAGE/share-00000.begun.json   written when it begins: job, restart, host, process, tasks, workers, time
    OUT/run/launches/0007/STAGE/share-00000.ended.json   "ended" or "stopped", and its account; gone when it begins again
    OUT/run/launches/0007/STAGE/logs/share-00000.log     what it printed

Where a job has several nodes, the files of its second task are `share-00000.task-1.begun.json` and so on.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conntap import store
from conntap.errors import RunError
from conntap.study.jobs import Job
from conntap.study.launches import Launch

__all__ = ["ShareFiles", "left_of", "write_shares"]


@dataclass(frozen=True)
class ShareFiles:
    """The files of one share of a stage; of one task of it, where it runs on several nodes."""

    launch: Launch
    stage: str
    index: int
    task: int = 0

    @property
    def path(self) -> Path:
        """The file that says what is to be done."""
        return self.launch.folder / self.stage / f"share-{self.index:05d}.json"

    def jobs(self) -> list[Job]:
        """What is to be done.

        Raises
        ------
        RunError
            There is no such share.
        """
        try:
            return list(map(Job.read, json.loads(self.path.read_text())["jobs"]))
        except FileNotFoundError:
            shares = self.launch.about.get("stages", {}).get(self.stage, {}).get("shares", 0)
            known = f"known: 0 to {shares - 1}" if shares else "this stage has none"
            raise RunError(
                f"launch {self.launch.number}: no share {self.index} of stage {self.stage}; {known}."
            ) from None

    def begin(self, **about: Any) -> None:
        """Note that it begins; what it wrote at an earlier end goes."""
        self._named("ended").unlink(missing_ok=True)
        self._note("begun", about)

    def begun(self) -> dict[str, Any]:
        """What was noted when it began last; empty where that cannot be read."""
        try:
            return json.loads(self._named("begun").read_text())
        except (OSError, ValueError):
            return {}

    def end(self, state: str, account: Mapping[str, Any], time: float) -> None:
        """Note that it ended by itself, or was stopped."""
        self._note("ended", {"state": state, "account": account, "time": time})

    def _named(self, what: str) -> Path:
        task = f".task-{self.task}" if self.task else ""
        return self.path.with_suffix(f"{task}.{what}.json")

    def _note(self, what: str, content: Mapping[str, Any]) -> None:
        with store.atomic(self._named(what)) as path:
            path.write_text(json.dumps(content))


def write_shares(launch: Launch, stage: str, shares: Sequence[Sequence[Job]], *, in_seconds: bool) -> None:
    """Write what each job of a stage is to do."""
    (launch.folder / stage / "logs").mkdir(parents=True, exist_ok=True)
    for index, jobs in enumerate(shares):
        content = {
            "jobs": [job.plain() for job in jobs],
            "cost": sum(job.cost for job in jobs),
            "in_seconds": in_seconds,
        }
        launch.note(f"{stage}/share-{index:05d}.json", content)


def left_of(jobs: Iterable[Job], done: Collection[str]) -> list[Job]:
    """Jobs without the units that are done.

    >>> from conntap.study.jobs import Piece
    >>> [job.keys for job in left_of([Job("s", 0, (Piece(("a", "b"), 2.0), Piece(("c",), 1.0)))], {"a", "c"})]
    [['b']]
    """
    left = []
    for job in jobs:
        pieces = []
        for piece in job.pieces:
            keys = tuple(key for key in piece.keys if key not in done)
            if keys:
                pieces.append(replace(piece, keys=keys, cost=piece.cost * len(keys) / len(piece.keys)))
        if pieces:
            left.append(replace(job, pieces=tuple(pieces)))
    return left

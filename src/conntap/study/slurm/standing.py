"""How a launch on SLURM stands: its shares, and counts of what became of jobs and units."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from conntap.study.jobs import Job
from conntap.study.launches import Launch
from conntap.study.slurm.queue import LIVE, Seen

__all__ = ["KINDS", "STATES", "Share", "Standing", "read_json"]

STATES = ("pending", "running", "done", "failed", "out of memory", "timed out", "cancelled", "lost", "waiting")
KINDS = {"timed out": "timed out", "out of memory": "out of memory", "worker lost": "lost"}


@dataclass
class Share:
    """What one job, or one task of an array, was given, and what became of it.

    Parameters
    ----------
    stage, index
        Which share of which stage.
    job, task
        Its job, and its task where that is an array.
    path
        The file that says what it was given.
    state
        pending, running, done (all its units are), failed (it ended, some units failed), out of memory, timed out,
        cancelled, lost, or waiting (some units wait for others that failed).
    seen
        What SLURM said of it, where it knew it.
    units
        Key -> state, of the same words; "running" are the units of a running job.
    whole
        Key of unit -> its batch, where one job runs all stages: what it was given of the stage.
    """

    stage: str
    index: int
    job: str
    task: int | None
    path: Path
    state: str = "pending"
    seen: Seen | None = None
    units: dict[str, str] = field(default_factory=dict)
    whole: Mapping[str, int] | None = None

    @property
    def name(self) -> str:
        """SLURM's name of it."""
        return self.job if self.task is None else f"{self.job}_{self.task}"

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs of the runner that it was given."""
        return tuple(map(Job.read, read_json(self.path).get("jobs", ())))

    @cached_property
    def batches(self) -> dict[str, int]:
        """Key of unit -> the batch it stands in."""
        return dict(self.whole or {key: job.batch for job in self.jobs for key in job.keys})

    @property
    def begun(self) -> dict[str, Any]:
        """What it wrote when it began, last time."""
        return read_json(self.path.with_suffix(".begun.json"))

    @property
    def ended(self) -> dict[str, Any]:
        """What it wrote when it ended; empty if it was killed, or runs; of several tasks, if any of them was."""
        for task in range(1, self.begun.get("tasks", 1)):
            if not self.path.with_suffix(f".task-{task}.ended.json").exists():
                return {}
        return read_json(self.path.with_suffix(".ended.json"))

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.path if self.whole is not None else self.path.parent / "logs" / f"{self.path.stem}.log"

    @property
    def live(self) -> bool:
        """Whether it is pending or running."""
        return self.state in LIVE


@dataclass(frozen=True)
class Standing:
    """How a launch stands.

    Parameters
    ----------
    collect
        State of the job that collects; "" where there is none.
    heard, trouble
        Whether SLURM answered; else why not, and jobs that did not say that they ended are taken to go on.
    left_s
        Expected seconds until the jobs that run now end; None where that is not known.
    """

    launch: Launch
    shares: tuple[Share, ...]
    collect: str = ""
    heard: bool = True
    trouble: str = ""
    left_s: float | None = None

    @property
    def live(self) -> bool:
        """Whether any of its jobs is pending or running, as far as is known."""
        return self.collect in LIVE or any(share.live for share in self.shares)

    def jobs(self, stage: str | None = None) -> dict[str, int]:
        """State -> number of jobs, of a stage or of all."""
        return _counted(share.state for share in self.shares if stage in (None, share.stage))

    def units(self, stage: str | None = None) -> dict[str, int]:
        """State -> number of units, of a stage or of all."""
        return _counted(
            state for share in self.shares if stage in (None, share.stage) for state in share.units.values()
        )

    @property
    def collect_log(self) -> Path:
        """What the job that collects printed."""
        collect = read_json(self.launch.folder / "jobs.json").get("collect") or {}
        return self.launch.folder / Path(collect.get("script", "collect.sh")).with_suffix(".log")

    @property
    def stages(self) -> list[str]:
        """The stages with jobs, in order."""
        return list(dict.fromkeys(share.stage for share in self.shares))

    def reasons(self, stage: str) -> dict[str, int]:
        """Why jobs wait: SLURM's reason -> how many."""
        waiting = (share for share in self.shares if share.stage == stage and share.state == "pending" and share.seen)
        return dict(Counter(share.seen.reason for share in waiting if share.seen.reason).most_common())

    def plain(self) -> dict[str, Any]:
        """The standing as JSON takes it."""
        stages = {
            name: {"jobs": self.jobs(name), "units": self.units(name), "reasons": self.reasons(name)}
            for name in self.stages
        }
        return {
            "launch": self.launch.number,
            "live": self.live,
            "heard": self.heard,
            "trouble": self.trouble,
            "left_s": self.left_s,
            "collect": self.collect,
            "stages": stages,
        }


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file's mapping; empty where there is none, or no whole one."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _counted(states: Iterator[str]) -> dict[str, int]:
    counts = Counter(states)
    return {state: counts[state] for state in STATES if counts[state]} | {
        state: number for state, number in counts.items() if state not in STATES
    }

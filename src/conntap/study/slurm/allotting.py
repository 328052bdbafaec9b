"""How what is left of a stage is shared out among jobs of SLURM: how many, how long, in arrays of which sizes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conntap.study.entries import RunOptions, Study
from conntap.study.jobs import Job, Limits, ToDo, shared, to_do
from conntap.study.run import limits_of
from conntap.study.slurm.script import check
from conntap.study.slurm.site import Site

__all__ = ["Array", "how_many", "parts", "shared_out"]

_USUAL_JOBS = 64
_LEAST_S = 60.0  # of work in a job, unless its stage says how many jobs there are to be
_TIMES, _MORE_MIN = 3, 5  # time asked: so many times what is expected, and so many minutes more


@dataclass(frozen=True)
class Array:
    """What is left of a stage, shared out among jobs."""

    stage: str
    run: RunOptions
    left: ToDo
    workers: int
    shares: Sequence[Sequence[Job]]

    def about(self) -> dict[str, Any]:
        """What the launch says of it."""
        more = {"cpus": self.run.cpus or 1, "nodes": self.run.nodes, "exclusive": self.run.exclusive}
        return self.left.summary() | {"shares": len(self.shares), **more}

    @property
    def unit_gb(self) -> float | None:
        """The limit of memory of a unit."""
        return max((job.limits.mem_gb for job in self.left.jobs if job.limits.mem_gb), default=self.run.mem_gb)

    def minutes(self, site: Site) -> int | None:
        """The time that each of its jobs asks for where the study does not say; None where nothing was measured."""
        if self.run.time or not self.left.in_seconds or not self.shares:
            return None
        longest = max(
            max(
                sum(job.cost for job in share) / self.workers,
                max(piece.cost for job in share for piece in job.pieces),
            )
            for share in self.shares
        )
        most = site.most_minutes(self.run.partition)
        return min(math.ceil(_TIMES * longest / 60) + _MORE_MIN, most or 10**6)


def shared_out(
    study: Study,
    out: Path,
    stage: str,
    site: Site,
    only: Collection[str] | None,
    limits: Mapping[str, Limits],
) -> Array:
    """What is left of a stage, shared out among its jobs; the costliest first, so that all take about the same."""
    run = study.run_of(stage)
    check(run)
    left = to_do(out, stage, limits=limits.get(stage) or limits_of(study, stage), only=only)
    workers = (run.cpus or (site.cpus(run.partition) if run.exclusive else 1)) * run.nodes
    return Array(stage, run, left, workers, shared(left.jobs, how_many(run, left, workers)))


def how_many(run: RunOptions, left: ToDo, workers: int) -> int:
    """How many jobs: as many as the study says, else 64 or so many that each has a minute of work; none has idle workers."""
    most = run.max_jobs or _USUAL_JOBS
    if run.max_jobs is None and left.in_seconds:
        most = min(most, math.ceil(left.cost / (_LEAST_S * workers)))
    pieces = sum(len(job.pieces) for job in left.jobs)
    return max(1, min(most, math.ceil(pieces / workers)))


def parts(shares: int, run: RunOptions, most_tasks: int) -> tuple[list[int], int | None, bool]:
    """Sizes of the arrays that a stage is split into, how many tasks of each run at once, and whether one waits for another.

    >>> parts(5, RunOptions(array=2, at_once=4), 1001), parts(5, RunOptions(array=2, at_once=2), 1001)
    (([2, 2, 1], 1, False), ([2, 2, 1], 2, True))
    """
    most = min(run.array or most_tasks, most_tasks)
    sizes = [min(most, shares - first) for first in range(0, shares, most)]
    if run.at_once is None or len(sizes) == 1:
        return sizes, run.at_once, False
    if run.at_once >= len(sizes):
        return sizes, run.at_once // len(sizes), False
    return sizes, run.at_once, True

"""What is left of a study, how long it will take where its document says it runs, and how evenly it is shared out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from conntap.study.entries import RunOptions, Study
from conntap.study.jobs import Job, ToDo, imbalance, left_of, shared
from conntap.study.plan import StagePlan
from conntap.study.setup import workers_of

__all__ = ["Forecast", "forecast"]


@dataclass(frozen=True)
class Forecast:
    """What is left of one stage.

    Parameters
    ----------
    units, done, left
        Cases, and distinct units that are done and that are left.
    in_seconds
        Whether `work` and `longest` are expected seconds, by what units like these took; else they are loads.
    work, longest
        All that is left, and the largest share of it that one worker gets.
    jobs, workers
        Into how many jobs of a cluster it goes (1 on one machine), and how many workers each has.
    imbalance
        How much longer the longest share takes than the mean one.
    mem_gb, measured_gb
        What a unit may take, and the most that one took so far; None where unknown.
    """

    stage: str
    step: str
    units: int
    done: int
    left: int
    batches: int
    in_seconds: bool
    work: float
    longest: float
    jobs: int
    workers: int
    imbalance: float
    mem_gb: float | None
    measured_gb: float | None

    @property
    def expected_s(self) -> float | None:
        """Seconds until the last worker ends, if all begin at once; None where nothing like it was measured."""
        return (self.longest if self.left else 0.0) if self.in_seconds or not self.left else None

    def plain(self) -> dict[str, Any]:
        """The forecast as JSON takes it."""
        return {**asdict(self), "expected_s": self.expected_s}


def forecast(study: Study, out: Path, plans: Mapping[str, StagePlan]) -> list[Forecast]:
    """What is left of each stage by the plans in memory and the records on disk; writes nothing.

    Parameters
    ----------
    plans
        Name of stage -> its plan (`conntap.study.prepare`), set up or not.

    Notes
    -----
    Some 20 microseconds a unit.
    """
    return [_of_stage(study, out, name, plan) for name, plan in plans.items()]


def _of_stage(study: Study, out: Path, name: str, plan: StagePlan) -> Forecast:
    left = left_of(out, name, ([unit.plain() for unit in batch.units] for batch in plan.batches))
    options = study.run_of(name)
    jobs, workers, shares = _shared_out(left, options, workers_of(study))
    return Forecast(
        stage=name,
        step=plan.stage.step.name,
        units=len(plan.units),
        done=left.skipped,
        left=left.units,
        batches=len(plan.batches),
        in_seconds=left.in_seconds,
        work=left.cost,
        longest=max((sum(job.cost for job in share) for share in shares), default=0.0),
        jobs=jobs,
        workers=workers,
        imbalance=imbalance(shares),
        mem_gb=options.mem_gb,
        measured_gb=left.peak_mb / 1024 or None,
    )


def _shared_out(left: ToDo, options: RunOptions, workers: int) -> tuple[int, int, Sequence[Sequence[Job]]]:
    """Jobs, workers of each, and the share of each worker."""
    if options.where != "slurm" or options.engine != "batches":
        return 1, workers, shared(left.jobs, workers)
    from conntap.study.slurm.allotting import how_many  # the rule of submitting, not one like it

    each = (options.cpus or 1) * options.nodes
    jobs = how_many(options, left, each)
    return jobs, each, [part for share in shared(left.jobs, jobs) for part in shared(share, each)]

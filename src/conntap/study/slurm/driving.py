"""A study on SLURM from its submission to its store, for who waits for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from conntap.study.collecting import collect
from conntap.study.entries import Study
from conntap.study.executors.kinds import Listener
from conntap.study.jobs import Limits
from conntap.study.launches import Launch
from conntap.study.run import Outcome
from conntap.study.setup import read_setup, setup
from conntap.study.slurm.following import follow
from conntap.study.slurm.submitting import submit

__all__ = ["launch_and_follow", "run_and_follow", "submitted"]


def submitted(
    study: Study, out: Path, *, only: Collection[str] | None = None, limits: Mapping[str, Limits] | None = None
) -> Launch | None:
    """Submit what is left of a study to the engine that it names; None where nothing is left."""
    if study.run.engine == "dask":
        from conntap.study import drive

        return drive.submit(study, out, only=only, limits=limits)
    return submit(study, out, only=only, limits=limits)


def launch_and_follow(
    study: Study,
    out: Path,
    listen: Listener = lambda event: None,
    *,
    only: Collection[str] | None = None,
    limits: Mapping[str, Limits] | None = None,
) -> Outcome:
    """Submit what is left of a study that was set up, and watch its jobs until all have ended.

    Parameters
    ----------
    only, limits
        As `submit` takes them.

    Raises
    ------
    RunError
        SLURM refuses the jobs, or earlier ones have not ended.
    InterruptedRun
        Ctrl-C: before all was submitted, it is cancelled; later, the jobs go on.
    """
    launch = submitted(study, out, only=only, limits=limits)
    if launch is None:
        return Outcome(out, skipped=sum(each["units"] for each in read_setup(out)["stages"].values()))
    listen({"event": "launch", "launch": launch.number, "stages": launch.about["stages"]})
    return follow(study, out, launch, listen)


def run_and_follow(study: Study, out: Path, listen: Listener = lambda event: None) -> Outcome:
    """Set a study up, submit what is left, wait, and collect here if the job that collects could not."""
    listen({"event": "setup", "study": study.title})
    setup(study, out)
    outcome = launch_and_follow(study, out, listen)
    if outcome.store is None:
        listen({"event": "collect"})
        outcome = replace(outcome, store=collect(out))
    return outcome

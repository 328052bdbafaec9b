"""What a job of SLURM runs: its share of a stage, on the processors it was given.

Anyone can repeat it by hand, on any machine that sees the study's folder: `tap share OUT LAUNCH STAGE INDEX`. What is done
is not done again, whoever did it.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conntap.errors import InterruptedRun, RunError
from conntap.study.accounts import Account
from conntap.study.executors.kinds import Listener
from conntap.study.executors.local import local
from conntap.study.jobs import Job, shared
from conntap.study.launches import Launch, find_launch
from conntap.study.records import Records, stage_folder
from conntap.study.run import all_of
from conntap.study.setup import read_setup
from conntap.study.slurm.shares import ShareFiles, left_of
from conntap.study.stopping import heeded

__all__ = ["run_share"]


def run_share(
    out: Path, launch: Launch | int, stage: str, index: int, *, listen: Listener = lambda event: None
) -> Account:
    """Compute the units of one share that are not done yet.

    On several nodes each task takes its part of the share. Workers are as many as SLURM gave processors, or as the launch
    asked for.

    Returns
    -------
    What was done and what it took.

    Raises
    ------
    RunError
        There is no such share, or the study was set up anew since it was launched.
    InterruptedRun
        Stopped by SIGTERM, as SLURM does before it kills; what is done is kept.
    """
    launch = find_launch(out, launch) if isinstance(launch, int) else launch
    _refuse_other_plan(out, launch)
    asked = launch.about["stages"].get(stage, {})
    task, tasks = _task(asked)
    files = ShareFiles(launch, stage, index, task)
    jobs = _part(files.jobs(), task, tasks)
    workers = _workers(asked)
    about = _about(workers, task, tasks)
    files.begin(**about)
    account, state = Account(), "stopped"
    try:
        with heeded() as raise_if_stopped:
            left = left_of(jobs, Records(stage_folder(out, stage)).refresh().done)
            tell = all_of(account, listen, lambda event: raise_if_stopped())
            with local(out, workers=workers, listen=tell) as execute:
                execute(left)
        state = "ended"
    except KeyboardInterrupt:
        raise InterruptedRun("stopped; what is done is kept.") from None
    finally:
        if files.begun() == about:  # else it was requeued and began anew elsewhere, while this one went on
            files.end(state, account.plain(), time.time())
    return account


def _refuse_other_plan(out: Path, launch: Launch) -> None:
    if launch.about["plan"] != read_setup(out)["plan"]:
        raise RunError(
            f"{out}: was set up anew since launch {launch.number}; its batches are others now. Launch again: `tap launch`."
        )


def _task(asked: Mapping[str, Any]) -> tuple[int, int]:
    """Which task of the share this process is, of how many: one a node."""
    if asked.get("nodes", 1) == 1:
        return 0, 1
    return int(os.environ.get("SLURM_PROCID", 0)), int(os.environ.get("SLURM_STEP_NUM_TASKS", 1))


def _part(jobs: list[Job], task: int, tasks: int) -> list[Job]:
    parts = shared(jobs, tasks)
    return parts[task] if task < len(parts) else []


def _workers(asked: Mapping[str, Any]) -> int:
    """As many processors as SLURM gave; those of the whole node if it is ours alone; by hand, as many as were asked for."""
    name = "SLURM_CPUS_ON_NODE" if asked.get("exclusive") else "SLURM_CPUS_PER_TASK"
    given = os.environ.get(name, "")
    return max(1, int(given) if given.isdigit() else asked.get("cpus", 1))


def _about(workers: int, task: int, tasks: int) -> dict[str, Any]:
    array, number = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return {
        "job": f"{array}_{number}" if array else os.environ.get("SLURM_JOB_ID", ""),
        "restart": int(os.environ.get("SLURM_RESTART_COUNT", 0)),
        "task": task,
        "tasks": tasks,
        "host": platform.node(),
        "node": os.environ.get("SLURMD_NODENAME", ""),
        "process": os.getpid(),
        "workers": workers,
        "time": time.time(),
    }

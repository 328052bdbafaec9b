"""A Dask cluster of one array of SLURM: the scheduler in this process, workers that find it by its file."""

from __future__ import annotations

import contextlib
import json
import math
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conntap.errors import RunError
from conntap.study.entries import RunOptions
from conntap.study.executors.clusters import PRELOAD, UNIT, Cluster, client_of, dashboard_of, scheduler
from conntap.study.times import seconds_of

__all__ = ["lifetime", "slurm_array"]

_DEATH_S = 60


@contextmanager
def slurm_array(options: RunOptions, folder: Path, workers: int) -> Iterator[Cluster]:
    """A scheduler here and an array of jobs with its workers, which are cancelled when the context ends.

    Raises
    ------
    RunError
        The study does not say how many workers; SLURM does not take the jobs.
    """
    from distributed.utils import get_ip

    if not options.workers:
        raise RunError(
            "run.workers: missing; with cluster: slurm it says how many workers are asked for. Give it a number."
        )
    host = None if options.interface else get_ip()
    with scheduler(options, folder, host=host) as (started, environment):
        found = folder / "scheduler.json"
        found.write_text(json.dumps({"type": "Scheduler", "address": started.scheduler_address, "workers": {}}))
        number = _submitted(options, folder, workers)
        try:
            with client_of(started) as client:
                name = f"the cluster of SLURM's job {number}"
                link = dashboard_of(started, options)
                yield Cluster(client, name, environment, lambda: _ended(number), link, options.least_workers or 0)
        finally:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run(["scancel", number], capture_output=True, timeout=60)


def _submitted(options: RunOptions, folder: Path, workers: int) -> str:
    """Submit the array; its number."""
    from conntap.study.slurm.submitting import sbatch

    (folder / "workers.sh").write_text(_script(options, folder, workers))
    return sbatch(folder, "workers.sh", run=options)


def _script(options: RunOptions, folder: Path, workers: int) -> str:
    """The script of one job of the array."""
    from conntap.study.slurm.script import memory_mb, resources, written

    run = options.model_copy(update={"nodes": 1})
    a_job = run.cpus or 1
    asked = {
        "job-name": "conntap.dask",
        "array": f"0-{math.ceil(workers / a_job) - 1}" + (f"%{run.at_once}" if run.at_once else ""),
        "output": "worker-%a.log",
        **resources(run, mem_mb=memory_mb(mem_gb=run.mem_gb, peak_mb=0, workers=a_job)),
    }
    if run.exclusive:
        a_job = '"$SLURM_CPUS_ON_NODE"'
    words = [run.python or sys.executable, "-m", "distributed.cli.dask_worker"]
    words += ["--scheduler-file", str(folder / "scheduler.json"), "--nthreads", "2", "--resources", f"{UNIT}=1"]
    words += ["--preload", PRELOAD, "--local-directory", str(folder / "scratch")]
    words += ["--death-timeout", str(_DEATH_S), "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    for name, file in (("ca-file", "cert"), ("cert", "cert"), ("key", "key")):
        words += [f"--tls-{name}", str(folder / f"{file}.pem")]
    words += ["--interface", run.interface] if run.interface else []
    words += lifetime(run.time)
    last = f'exec {shlex.join(words)} --nworkers {a_job} --name "slurm-$SLURM_ARRAY_TASK_ID"'
    about = "Workers of a Dask cluster: they take units from its scheduler until that ends."
    return written(asked, run, last, about=about, folder=folder, home=Path.cwd())


def lifetime(time: str | None) -> list[str]:
    """Options by which workers end before their job's time does, not all at once, their units handed over.

    >>> lifetime("01:00:00")
    ['--lifetime', '3240s', '--lifetime-stagger', '180s']
    >>> lifetime(None)
    []
    """
    if time is None:
        return []
    seconds = seconds_of(time)
    stagger = seconds // 20
    return ["--lifetime", f"{seconds - 2 * stagger}s", "--lifetime-stagger", f"{stagger}s"]


def _ended(number: str) -> str:
    """That no job of the array is pending or running any more, if so."""
    try:
        done = subprocess.run(["squeue", "-h", "-j", number], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ""  # not known
    gone = done.returncode == 0 or "Invalid job id" in done.stderr
    return "all its jobs have ended" if gone and not done.stdout.strip() else ""

"""A study on Dask inside one job of SLURM: submitted, then left alone.

The job runs `srun` of this module: its first task is the scheduler, its second drives the study and collects its store, the
others are workers (`dask_jobqueue.SLURMRunner`).
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import signal
import sys
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from conntap.errors import MissingExtra, RunError
from conntap.study.collecting import collect
from conntap.study.document import load_study
from conntap.study.entries import RunOptions, Study, with_run
from conntap.study.executors.clusters import PRELOAD, UNIT, secured, settings, tls_environment
from conntap.study.jobs import Limits, to_do
from conntap.study.launches import Launch, begin, find_launch
from conntap.study.locking import lock
from conntap.study.run import check_current, launch
from conntap.study.setup import read_setup

__all__ = ["drive", "submit"]


def submit(
    study: Study, out: Path, *, only: Collection[str] | None = None, limits: Mapping[str, Limits] | None = None
) -> Launch | None:
    """Submit one job that runs what is left of a study on a Dask cluster of its own and collects; returns at once.

    Parameters
    ----------
    only, limits
        As `conntap.study.launch` takes them.

    Returns
    -------
    The launch; its `jobs.json` names the job as the one that collects. None where nothing is left.

    Raises
    ------
    MissingExtra
        Dask or dask-jobqueue is not installed.
    RunError
        The study does not say how many workers; jobs of an earlier launch have not ended; SLURM refuses the job.
    InterruptedRun
        Ctrl-C or SIGTERM; what was submitted is cancelled.
    """
    from conntap.study.slurm.following import refuse_if_active
    from conntap.study.slurm.site import site
    from conntap.study.slurm.submitting import submit_one
    from conntap.study.slurm.watching import mark

    if importlib.util.find_spec("dask_jobqueue") is None:
        raise MissingExtra("dask", package="dask-jobqueue", needed_for="run.engine: dask")
    if not study.run.workers:
        raise RunError(
            "run.workers: missing; with engine: dask it says how many workers the job has. Give it a number."
        )
    check_current(study, out)
    found, out = site(), Path(os.path.abspath(out))
    with lock(out):  # another process may have launched, or set it up anew, just now
        check_current(study, out)
        refuse_if_active(out)
        left = {name: to_do(out, name, only=only).summary() for name in read_setup(out)["stages"]}
        if not any(each["units"] for each in left.values()):
            return None
        noted = begin(study, out, stages=left)
        folder = noted.folder / "dask"
        folder.mkdir(mode=0o700)
        secured(folder)
        for stage in left:
            mark(out, noted, stage)
        some = {"only": sorted(only)} if only is not None else {}
        noted.note("dask/some.json", some | {"limits": {name: asdict(each) for name, each in (limits or {}).items()}})
        (noted.folder / "drive.sh").write_text(_script(study, out, noted))
        submit_one(study, out, noted, found, "drive.sh")
    return noted


def _script(study: Study, out: Path, noted: Launch) -> str:
    from conntap.study.slurm.script import job_name, memory_mb, resources, written

    run = study.run_of_all
    asked = resources(run, mem_mb=None)
    each = {name: asked[name] for name in asked if name not in ("nodes", "ntasks-per-node", "mem")}
    memory = memory_mb(mem_gb=run.mem_gb, peak_mb=0, workers=1)
    options = {
        "job-name": job_name(study.path.stem, "dask"),
        "ntasks": str(run.workers + 2),
        "output": "drive.log",
        **({"nodes": str(run.nodes)} if run.nodes > 1 else {}),
        **({"mem-per-cpu": f"{memory // (run.cpus or 1)}M"} if memory and not run.exclusive else {}),
        **each,
    }
    words = ["srun", f"--ntasks={run.workers + 2}", "--cpu-bind=none", "--kill-on-bad-exit=0"]
    words += [f"--cpus-per-task={run.cpus}"] if run.cpus else []
    words += [run.python or sys.executable, "-m", "conntap.study.drive", str(out), str(noted.number)]
    about = f"{study.title}: launch {noted.number} on a Dask cluster of its own"
    return written(options, run, f"exec {shlex.join(words)}", about=about, folder=noted.folder, home=Path.cwd())


def drive(out: Path, number: int) -> None:
    """What each task of the job does: be the scheduler, a worker, or run the study and collect its store."""
    noted = find_launch(out, number)
    folder = noted.folder / "dask"
    study = with_run(load_study(noted.about["document"]), **noted.about["run"])
    runner = _runner(study.run, folder)  # the scheduler and the workers end in here
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with_cluster = with_run(study, where="dask", cluster=str(runner.scheduler_file))
        some = json.loads((folder / "some.json").read_text())
        limits = {name: Limits(**each) for name, each in some["limits"].items()}
        launch(with_cluster, out=out, noted=noted, only=some.get("only"), limits=limits)
        collect(out)
    finally:
        runner.close()


def _runner(options: RunOptions, folder: Path) -> Any:
    import dask
    from dask_jobqueue.slurm import SLURMRunner
    from distributed.core import rpc
    from distributed.security import Security

    os.environ.update(tls_environment(folder))  # processes of units inherit it
    dask.config.refresh()
    dask.config.set(settings())
    security = Security()

    class Runner(SLURMRunner):
        """Its client tells the scheduler its end by TLS too."""

        async def before_client_start(self) -> None:
            self.scheduler_comm = rpc(self.scheduler_address, connection_args=security.get_connection_args("client"))

    usual = {"interface": options.interface, "security": security, "protocol": "tls://"}
    return Runner(
        scheduler_file=str(folder / "scheduler.json"),
        scheduler_options={**usual, "dashboard_address": "127.0.0.1:0", "dashboard": False},
        worker_class="distributed.Nanny",
        worker_options={
            **usual,
            "nthreads": 2,
            "resources": {UNIT: 1},
            "preload": [PRELOAD],
            "dashboard": False,
            "dashboard_address": "127.0.0.1:0",
            "local_directory": str(folder / "scratch"),
        },
    )


if __name__ == "__main__":
    drive(Path(sys.argv[1]), int(sys.argv[2]))

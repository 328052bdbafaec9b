"""Submitting a study to SLURM: what is left of each stage as an array of shares, stages chained, at last a job that collects.

Everything is written into the launch's folder first, then submitted, array by array; which jobs were submitted is noted after
each (`jobs.json`), so that even a submission that was killed can be followed and cancelled.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conntap.errors import InterruptedRun, RunError
from conntap.study.accounts import Account
from conntap.study.entries import RunOptions, Study
from conntap.study.folders import recheck_folders
from conntap.study.forgetting import forget_unneeded, recheck_values
from conntap.study.jobs import Limits
from conntap.study.keeping import clear_kept
from conntap.study.launches import Launch, begin
from conntap.study.locking import lock
from conntap.study.run import check_current
from conntap.study.setup import read_setup
from conntap.study.slurm.allotting import Array, parts, shared_out
from conntap.study.slurm.following import refuse_if_active
from conntap.study.slurm.queue import told_if_slow
from conntap.study.slurm.script import command, job_name, memory_mb, resources, written
from conntap.study.slurm.shares import write_shares
from conntap.study.slurm.site import Site, site, submission_environment, words_of
from conntap.study.slurm.watching import mark

__all__ = ["sbatch", "submit", "submit_one"]

_SILENT = re.compile(r"unable to contact|configuration source|connection refused|timed out|communication", re.I)


@dataclass
class _Submission:
    """A launch whose jobs are being submitted."""

    study: Study
    out: Path
    launch: Launch
    site: Site
    stages: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    collect: dict[str, Any] | None = None

    @property
    def ids(self) -> list[str]:
        """The jobs that were submitted so far."""
        return [
            part["job"] for parts in [*self.stages.values(), [self.collect] if self.collect else []] for part in parts
        ]

    def note(self) -> None:
        content = {"stages": self.stages, "collect": self.collect, "cluster": self.site.name}
        self.launch.note("jobs.json", content)

    def array(self, array: Array) -> None:
        """Write and submit the parts of a stage."""
        taken = [name for name in self.study.stages[array.stage].sources if name in self.stages]
        after = [part["job"] for name in taken for part in self.stages[name]]
        sizes, at_once, chained = parts(len(array.shares), array.run, self.site.most_tasks)
        first = 0
        for part, size in enumerate(sizes):
            name = f"{array.stage}-{part}.sh"
            (self.launch.folder / name).write_text(self.script(array, part, first, size, at_once))
            before = after + ([self.stages[array.stage][-1]["job"]] if part and chained else [])
            with _held():
                job = sbatch(self.launch.folder, name, run=array.run, after=before)
                entry = {"job": job, "part": part, "first": first, "shares": size, "script": name, "after": before}
                self.stages.setdefault(array.stage, []).append(entry)
                self.note()
            first += size

    def script(self, array: Array, part: int, first: int, size: int, at_once: int | None) -> str:
        run, stage = array.run, array.stage
        memory = memory_mb(mem_gb=array.unit_gb, peak_mb=array.left.peak_mb, workers=array.workers // run.nodes)
        options = {
            "job-name": job_name(self.study.path.stem, stage),
            "array": f"0-{size - 1}" + (f"%{at_once}" if at_once else ""),
            "output": _log(self.launch, stage, part, first, size),
            "open-mode": "append",
            "requeue": None,
            **resources(run, mem_mb=memory, minutes=array.minutes(self.site)),
        }
        last = f"$(({first} + SLURM_ARRAY_TASK_ID))"
        return self.text(options, run, command(run, "share", self.out, self.launch.number, stage, last=last), f"stage {stage}, shares {first} to {first + size - 1}")  # fmt: skip

    def text(self, options: Mapping[str, str | None], run: RunOptions, last: str, what: str) -> str:
        about = f"{self.study.title}: {what}, of launch {self.launch.number}"
        return written(options, run, last, about=about, folder=self.launch.folder, home=_home(self.out))

    def collecting(self) -> None:
        """Write and submit the job that collects when all others have ended."""
        run = self.study.run.model_copy(update={"nodes": 1, "cpus": 1, "exclusive": False, "time": None})
        options = {
            "job-name": job_name(self.study.path.stem, "collect"),
            "output": "collect.log",
            "open-mode": "append",
            "requeue": None,
            **resources(run, mem_mb=memory_mb(mem_gb=run.mem_gb, peak_mb=0, workers=1)),
        }
        document = os.path.abspath(self.study.path)
        (self.launch.folder / "collect.sh").write_text(self.text(options, run, command(run, "collect", document, "--out", self.out), "collect"))  # fmt: skip
        with _held():
            self.collect = {"job": sbatch(self.launch.folder, "collect.sh", run=run, after=self.ids), "script": "collect.sh", "after": self.ids}  # fmt: skip
            self.note()


def submit(
    study: Study, out: Path, *, only: Collection[str] | None = None, limits: Mapping[str, Limits] | None = None
) -> Launch | None:
    """Submit what is left of a study that was set up; returns at once.

    Parameters
    ----------
    only
        Keys of units; nothing else is done. Default: all that are not done.
    limits
        Name of stage -> what each of its units may take; default: what the study says.

    Returns
    -------
    The launch, its jobs named in its `jobs.json`; None where nothing is left.

    Raises
    ------
    RunError
        There is no SLURM here; jobs of an earlier launch have not ended; another run is at work; or SLURM refuses a job (those
        submitted before it are cancelled).
    InterruptedRun
        Ctrl-C or SIGTERM; what was submitted is cancelled.
    """
    check_current(study, out)
    found, out = site(), Path(os.path.abspath(out))
    with lock(out):  # another process may have launched, or set it up anew, just now
        check_current(study, out)
        refuse_if_active(out)
        recheck_values(out)
        recheck_folders(out)
        clear_kept(out)
        forget_unneeded(out)
        arrays = [shared_out(study, out, name, found, only, limits or {}) for name in read_setup(out)["stages"]]
        if not any(array.shares for array in arrays):
            return None
        launch = begin(study, out, stages={array.stage: array.about() for array in arrays})
        arrays = [array for array in arrays if array.shares]
        for array in arrays:
            mark(out, launch, array.stage)
            write_shares(launch, array.stage, array.shares, in_seconds=array.left.in_seconds)
        _submit(_Submission(study, out, launch, found), arrays)
    return launch


def submit_one(study: Study, out: Path, launch: Launch, site: Site, script: str) -> None:
    """Submit a script in a launch's folder as its one job, which runs all stages and collects; raises as `submit` does."""
    submission = _Submission(study, out, launch, site)
    with _whole_or_withdrawn(submission), _held():
        submission.collect = {"job": sbatch(launch.folder, script, run=study.run), "script": script, "after": []}
        submission.note()


def _submit(submission: _Submission, arrays: Sequence[Array]) -> None:
    with _whole_or_withdrawn(submission):
        for array in arrays:
            submission.array(array)
        submission.collecting()


@contextmanager
def _whole_or_withdrawn(submission: _Submission) -> Iterator[None]:
    submission.note()
    try:
        yield
    except KeyboardInterrupt:
        told = _withdrawn(submission)
        raise InterruptedRun(f"the submission was stopped; {told}. Run the same command again.") from None
    except (RunError, OSError) as error:
        raise RunError(f"{error} {_withdrawn(submission).capitalize()}.") from error


def _withdrawn(submission: _Submission) -> str:
    """Cancel what was submitted, as far as that is possible; what to tell of it."""
    ids = submission.ids
    done = subprocess.run(["scancel", *ids], capture_output=True, text=True, check=False) if ids else None
    if done is not None and done.returncode:
        return (
            f"jobs {', '.join(ids)} are in the queue and could not be cancelled ({words_of(done.stderr)}): `tap cancel`"
        )
    submission.launch.note("outcome.json", {"state": "not submitted", "wall_s": 0.0, **Account().plain()})
    return f"jobs {', '.join(ids)} were cancelled" if ids else "nothing was submitted"


def _log(launch: Launch, stage: str, part: int, first: int, size: int) -> str:
    """Where tasks of an array print, as SLURM takes it; `share-NNNNN.log` of a later part is a link to its log."""
    if part == 0:
        return f"{stage}/logs/share-%5a.log"
    folder = launch.folder / stage / "logs"
    for task in range(size):
        (folder / f"share-{first + task:05d}.log").symlink_to(f"part-{part}-{task:05d}.log")
    return f"{stage}/logs/part-{part}-%5a.log"


def _home(out: Path) -> Path:
    """Where the jobs' commands run: where this one does, so that relative paths and plugins mean the same."""
    try:
        return Path.cwd()
    except OSError:
        return out


def sbatch(folder: Path, script: str, *, run: RunOptions, after: Sequence[str] = ()) -> str:
    """Submit a script that lies in a folder; the id of the job.

    Parameters
    ----------
    after
        Jobs that must have ended before, whatever became of them.

    Raises
    ------
    RunError
        SLURM refuses it, in its own words, or does not answer.
    """
    order = ["sbatch", "--parsable"]
    if after:
        order += [f"--dependency=afterany:{':'.join(after)}", "--kill-on-invalid-dep=yes"]
    order += _output(folder, script)
    try:
        with told_if_slow("sbatch"):
            done = subprocess.run(
                [*order, script],
                cwd=folder,
                env=submission_environment(run),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C is not to reach it: a job would be submitted that nobody knows
                check=False,
            )
    except OSError as error:
        raise RunError(f"sbatch cannot be run: {error.strerror}. Launch on a login node of the cluster.") from None
    job = done.stdout.strip().splitlines()[-1:]
    if done.returncode or not job:
        words = words_of(done.stderr) or f"exit code {done.returncode}"
        if _SILENT.search(done.stderr):
            raise RunError(f"sbatch: SLURM does not answer: {words}. Launch on a login node of the cluster, or later.")
        raise RunError(f"{folder / script}: sbatch refused it: {words}. Change what `run:` asks for.")
    return job[0].split(";")[0]


def _output(folder: Path, script: str) -> list[str]:
    """Where the job prints, said outright where the folder's name has what SLURM would replace."""
    if "%" not in str(folder):
        return []
    lines = (folder / script).read_text().splitlines()
    (name,) = (line.partition("=")[2] for line in lines if line.startswith("#SBATCH --output="))
    return [f"--output={str(folder).replace('%', '%%')}/{name}"]


@contextmanager
def _held() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the block has ended; then they are heeded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    noted: list[int] = []
    formers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, former in formers.items():
        if callable(former):
            signal.signal(number, lambda number, _: noted.append(number))
    try:
        yield
    finally:
        for number, former in formers.items():
            with contextlib.suppress(TypeError):
                signal.signal(number, former)
    if noted:
        raise KeyboardInterrupt

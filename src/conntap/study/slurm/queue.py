"""What SLURM says of jobs: one polite call for all of them, never again sooner than need be.

`squeue` knows jobs that wait, run, or ended a few minutes ago (MinJobAge); `sacct` knows the others where a site keeps
accounts. A controller that does not answer is no error: who asks is told so, and nothing is taken to have ended.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["LIVE", "Answer", "Queue", "Seen", "meaning", "no_configuration", "told_by_log", "told_if_slow"]

_log = logging.getLogger(__name__)

LIVE = frozenset(("pending", "running"))
_FIELDS = "%i|%T|%l|%m|%S|%r"
_MOST_IDS = 200  # beyond that all of the user's jobs are asked for
_TIMEOUT_S = 60.0
_SILENT_S = 5.0  # until it is said that SLURM has not answered
_MISSING = (126, 127)  # what `_run` gives of a command that is not there
_PENDING = ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT")
_RUNNING = ("RUNNING", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED")
_MEANINGS = {
    **dict.fromkeys(_PENDING, "pending"),
    **dict.fromkeys(_RUNNING, "running"),
    **dict.fromkeys(("NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED"), "lost"),
    **dict.fromkeys(("TIMEOUT", "DEADLINE"), "timed out"),
    "COMPLETED": "ended",
    "FAILED": "failed",
    "OUT_OF_MEMORY": "out of memory",
    "CANCELLED": "cancelled",
}
_WORDS = (
    (r"DUE TO TIME LIMIT|DUE TO JOB TIME|time limit exceeded", "timed out"),
    (r"oom[-_ ]?kill|out[- ]of[- ]memory handler|[Ee]xceeded (job|step) memory limit", "out of memory"),
    (r"DUE TO NODE FAILURE|DUE TO PREEMPTION|DUE TO JOB NOT RUNNING|DUE TO JOB REQUEUE", "lost"),
    (r"\*\*\* (JOB|STEP|STEPD) .* CANCELLED AT", "cancelled"),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one job, or of one task of an array.

    Parameters
    ----------
    state
        pending, running, ended (by itself, with exit code 0), failed, out of memory, timed out, cancelled or lost.
    raw
        SLURM's own word for it.
    reason
        Why it waits, or what SLURM says of its end.
    time, memory
        What it asked for, as SLURM tells it.
    starts
        When SLURM expects it to start, where it says.
    """

    state: str
    raw: str
    reason: str = ""
    time: str = ""
    memory: str = ""
    starts: str = ""


@dataclass(frozen=True)
class Answer:
    """What was heard of jobs: id -> what is known; a job that is in it nowhere is known to nobody.

    Parameters
    ----------
    heard
        Whether SLURM answered at all.
    trouble
        Why not.
    """

    jobs: Mapping[str, Seen] = field(default_factory=dict)
    heard: bool = True
    trouble: str = ""

    def of(self, job: str, task: int | None = None) -> Seen | None:
        """What is known of a job, or of a task of an array."""
        found = None if task is None else self.jobs.get(f"{job}_{task}")
        return found or self.jobs.get(job)


class Queue:
    """Asks SLURM; waits longer before each next try while it does not answer, and remembers where there are no accounts.

    Parameters
    ----------
    command
        Runs a command: gives exit code, output, errors.
    tries
        How often at most a question is put.
    """

    accounts = True  # of this process: set to False once it is known that there are none

    def __init__(self, *, tries: int = 2, wait_s: float = 1.0, command: Callable[[Sequence[str]], tuple[int, str, str]] | None = None) -> None:  # fmt: skip
        self.tries, self.wait_s = tries, wait_s
        self.command = command or _run

    def ask(self, ids: Collection[str]) -> Answer:
        """What SLURM knows of jobs, by one call of squeue; sacct is asked for those of them that squeue has forgotten.

        Parameters
        ----------
        ids
            Of jobs; arrays as a whole.
        """
        if not ids:
            return Answer()
        found, trouble = self._patiently(ids)
        if found is None:
            return Answer(heard=False, trouble=trouble)
        known = {name.split("_")[0] for name in found}
        forgotten = [each for each in ids if each not in known]
        return Answer({**self._accounted(forgotten), **found})

    def _patiently(self, ids: Collection[str]) -> tuple[dict[str, Seen] | None, str]:
        wait_s = self.wait_s
        for left in range(self.tries - 1, -1, -1):
            code, output, errors = self.command(_squeue(ids))
            if code == 0:
                return _read(output, ids), ""
            if "Invalid job id" in errors:
                return {}, ""  # it was one job, and that is forgotten
            if left:
                time.sleep(wait_s)
                wait_s *= 2
        trouble = next(iter(errors.strip().splitlines()[-1:]), "") or f"exit code {code}"
        _log.info("squeue: %s", trouble)
        return None, f"squeue: {trouble}"

    def _accounted(self, ids: Sequence[str]) -> dict[str, Seen]:
        """What the accounts say of jobs that the controller forgot; what they call running, is not."""
        if not ids or not Queue.accounts:
            return {}
        columns = "JobID,State,Timelimit,ReqMem,ExitCode"
        code, output, errors = self.command(["sacct", "-X", "-P", "-n", "-j", ",".join(ids), "-o", columns])
        if code:
            Queue.accounts = "disabled" not in errors and code not in _MISSING  # else it may answer the next time
            return {}
        found = {}
        for line in output.splitlines():
            name, raw, limit, memory, exit_code = [*line.split("|"), "", "", "", ""][:5]
            seen = _seen(raw, f"exit code {exit_code}", limit, memory, "")
            if seen.state not in LIVE:
                found[name] = seen
        return found


def meaning(raw: str) -> str:
    """What a state of SLURM's means here.

    >>> [meaning(each) for each in ("COMPLETING", "CANCELLED by 1000", "NODE_FAIL", "SOMETHING_NEW")]
    ['running', 'cancelled', 'lost', 'running']
    """
    return _MEANINGS.get(raw.split(" ")[0].rstrip("+"), "running")


def told_by_log(log: Path) -> str:
    """How a job ended by what SLURM itself wrote at the end of its log; "" where that says nothing."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 65536))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line for line in text.splitlines() if line.startswith(("slurmstepd", "srun:", "slurmd"))]
    for line in reversed(lines):
        for words, state in _WORDS:
            if re.search(words, line):
                return state
    return ""


def no_configuration() -> str:
    """Why commands of SLURM would look in vain, for a minute each, for their configuration; "" where they find it."""
    path = os.environ.get("SLURM_CONF", "")
    return f"SLURM_CONF: {path} is not there" if path and not os.path.exists(path) else ""


@contextmanager
def told_if_slow(command: str) -> Iterator[None]:
    """Say so while a command of SLURM is waited for."""
    timer = threading.Timer(_SILENT_S, _log.warning, ("%s: no answer from SLURM yet; waiting for it", command))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _squeue(ids: Collection[str]) -> list[str]:
    which = ["--jobs", ",".join(ids)] if len(ids) <= _MOST_IDS else ["--user", str(os.getuid())]
    return ["squeue", "--states=all", "--array", "--noheader", "-o", _FIELDS, *which]


def _read(output: str, ids: Iterable[str]) -> dict[str, Seen]:
    wanted, found = set(ids), {}
    for line in output.splitlines():
        parts = line.strip().split("|", 5)
        if len(parts) == 6 and parts[0].split("_")[0] in wanted:
            name, raw, limit, memory, starts, reason = parts
            found[name] = _seen(raw, reason, limit, memory, starts)
    return found


def _seen(raw: str, reason: str, limit: str, memory: str, starts: str) -> Seen:
    clean = {"None": "", "N/A": "", "Unknown": ""}
    return Seen(meaning(raw), raw, clean.get(reason, reason), limit, memory, clean.get(starts, starts))


def _run(command: Sequence[str]) -> tuple[int, str, str]:
    foreign = ("SQUEUE_", "SACCT_")  # a user's own formats are no concern of ours
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    trouble = no_configuration()
    if trouble:
        return 1, "", trouble
    try:
        with told_if_slow(command[0]):
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                env=environment,
                check=False,
            )
    except FileNotFoundError:
        return 127, "", f"{command[0]} is not installed on this machine"
    except subprocess.TimeoutExpired:
        return 124, "", f"{command[0]} did not answer within {_TIMEOUT_S:.0f} s"
    except OSError as error:
        return 126, "", f"{command[0]} cannot be run: {error.strerror}"
    return done.returncode, done.stdout, done.stderr

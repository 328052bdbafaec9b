"""Runs jobs in processes of this machine.

Worker processes take one job after the other; a worker that dies, hangs or outgrows its memory costs only the unit it was
at. Jobs are handed out in parts that grow smaller towards the end, so that all workers end at about the same time.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from conntap import store
from conntap.errors import RunError
from conntap.study.executors.kinds import Executor, Listener
from conntap.study.jobs import Job, Piece
from conntap.study.records import stage_folder
from conntap.study.setup import read_batch
from conntap.study.work import about, failure

__all__ = ["local", "record_failure"]

_log = logging.getLogger(__name__)
_POLL_S = 0.2
_PARTS = 3  # a worker is given at most this part of its fair share of what is left


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    channel: socket.socket
    buffer: bytes = b""
    job: Job | None = None
    todo: dict[str, float] = field(default_factory=dict)
    unit: str | None = None
    since: float = 0.0
    condemned: tuple[str, str, str] | None = None
    ready: bool = False
    finished: int = 0


@contextmanager
def local(
    out: Path,
    *,
    workers: int,
    listen: Listener = lambda event: None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Executor]:
    """An executor whose worker processes run on this machine and live until the context ends.

    Parameters
    ----------
    out
        The study's folder of outputs.
    workers
        How many processes at most; started when there is work for them.
    listen
        Called with each event: `{"event": "start" | "done" | "failed" | "waiting", "stage", "key", ...}`, and with
        `{"event": "tick"}` a few times a second.
    environment
        Variables of the worker processes, beside those of this one.

    Returns
    -------
    A function from jobs to states: it runs the jobs, the costliest first, and tells what became of each unit
    (key -> "done", "failed" or "waiting"). A unit whose worker died or whose files could not be read is tried again as
    often as its limits say; an error of the step itself is not: the same bits give the same error. Beyond its limits of
    wall time and resident memory its worker is stopped and the unit fails.

    Raises
    ------
    RunError
        Workers cannot be started.

    Notes
    -----
    Under a millisecond a unit, and about a second to start the workers.
    """
    pool = _Pool(out, workers, listen, environment or {})
    try:
        yield pool.run
    finally:
        pool.stop()


class _Pool:
    def __init__(self, out: Path, most: int, listen: Listener, environment: Mapping[str, str]) -> None:
        self.out, self.most, self.environment = out, most, environment
        self.listen = listen
        self.queue: deque[Job] = deque()
        self.left = 0.0
        self.states: dict[str, str] = {}
        self.tries: dict[str, int] = {}
        self.workers: list[_Worker] = []
        self.selector = selectors.DefaultSelector()
        self.broken_starts = 0

    def run(self, jobs: Iterable[Job]) -> dict[str, str]:
        self.queue.extend(sorted(jobs, key=lambda job: (-job.cost, job.stage, job.batch)))
        self.left = sum(job.cost for job in self.queue)
        self.states = {}
        wanted = min(self.most, sum(len(job.pieces) for job in self.queue))
        for worker in self.workers:
            if worker.ready:
                self.next(worker)
        while len(self.workers) < wanted:
            self.start()
        looked = time.monotonic()
        while self.queue or any(worker.job is not None for worker in self.workers):
            for key, _ in self.selector.select(_POLL_S):
                self.hear(key.data)
            if time.monotonic() - looked >= _POLL_S:
                looked = time.monotonic()
                self.listen({"event": "tick"})
                for worker in list(self.workers):
                    self.watch(worker)
        return self.states

    def start(self) -> None:
        ours, theirs = socket.socketpair()
        command = [
            sys.executable,
            "-m",
            "conntap.study.worker",
            str(self.out),
            str(theirs.fileno()),
        ]
        environment = {
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "NUMBA_NUM_THREADS": "1",
        }
        log = self.out / "run" / "workers.log"
        with open(log, "ab") as printed:
            process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                start_new_session=True,
                env={**environment, **os.environ, **self.environment},
            )
        theirs.close()
        ours.setblocking(False)
        worker = _Worker(process, ours)
        self.workers.append(worker)
        self.selector.register(ours, selectors.EVENT_READ, worker)

    def hear(self, worker: _Worker) -> None:
        try:
            read = worker.channel.recv(1 << 20)
        except BlockingIOError:
            return
        except ConnectionError:
            read = b""
        *lines, worker.buffer = (worker.buffer + read).split(b"\n")
        for line in lines:
            self.event(worker, json.loads(line))
        if not read:
            self.lost(worker)

    def event(self, worker: _Worker, message: dict[str, Any]) -> None:
        what = message["event"]
        if what in ("ready", "finished", "broken"):
            worker.ready, self.broken_starts = True, 0
            for key in list(worker.todo):
                self.give_up(worker, key, "error", message.get("error", "its batch ended without it"))
            self.next(worker)
        elif what == "start":
            worker.unit, worker.since = message["key"], time.monotonic()
            self.tell("start", worker, message)
        else:
            worker.unit = None
            worker.finished += 1
            cost = worker.todo.pop(message["key"])
            if what == "failed" and message.get("kind") == "io" and self.again(message["key"], worker.job):
                self.queue.append(_one_by_one(worker.job, {message["key"]: cost}))
                return
            self.states[message["key"]] = what
            self.tell(what, worker, message)

    def next(self, worker: _Worker) -> None:
        """Give an idle worker the next job, or let it idle."""
        worker.job, worker.todo, worker.unit = None, {}, None
        if not self.queue:
            return
        job, rest = self.queue.popleft().cut(self.left / (_PARTS * self.most))
        if rest is not None:
            self.queue.appendleft(rest)
        self.left -= job.cost
        keys = job.keys
        worker.job, worker.todo, worker.unit = job, dict.fromkeys(keys, job.cost / len(keys)), None
        asked = {"stage": job.stage, "batch": job.batch, "only": keys, "mem_gb": job.limits.mem_gb or 0}
        line = json.dumps(asked) + "\n"
        worker.channel.setblocking(True)
        try:
            worker.channel.sendall(line.encode())
        except OSError:
            return  # it died just now; the next look finds the closed channel
        finally:
            worker.channel.setblocking(False)

    def watch(self, worker: _Worker) -> None:
        if worker.process.poll() is not None:  # its children may hold the channel open
            self.hear(worker)
            if worker in self.workers:
                self.lost(worker)
            return
        if worker.unit is None or worker.condemned:
            return
        spent, limits = time.monotonic() - worker.since, worker.job.limits
        if limits.timeout_s is not None and spent > limits.timeout_s:
            self.condemn(worker, "timed out", f"ran longer than the limit of {limits.timeout_s:g} s (run.timeout_s)")
        elif limits.mem_gb is not None:
            try:
                used = psutil.Process(worker.process.pid).memory_info().rss / 2**30
            except psutil.Error:
                return
            if used > limits.mem_gb:
                limit = f"the limit is {limits.mem_gb:g} (run.mem_gb)"
                self.condemn(worker, "out of memory", f"used {used:.2f} GiB; {limit}")

    def condemn(self, worker: _Worker, kind: str, reason: str) -> None:
        worker.condemned = (worker.unit, kind, reason)
        _end(worker.process)

    def lost(self, worker: _Worker) -> None:
        """A worker's channel closed: what it was at is tried again or given up, the rest goes to another."""
        self.selector.unregister(worker.channel)
        worker.channel.close()
        code = _end(worker.process)
        self.workers.remove(worker)
        if worker.job is None:
            self.failed_start(code)
        elif worker.unit is not None and worker.unit in worker.todo:
            self.unit_lost(worker, worker.unit, code)
        elif worker.todo and not self.again(f"{worker.job.stage} {worker.job.batch}", worker.job):
            for key in list(worker.todo):
                self.give_up(worker, key, "worker lost", f"its worker died of {_cause(code)} before it began")
        if worker.job is not None and worker.todo:
            self.queue.appendleft(_one_by_one(worker.job, worker.todo))
            self.left += sum(worker.todo.values())
        if self.queue:
            self.start()

    def failed_start(self, code: int) -> None:
        self.broken_starts += 1
        if self.broken_starts > 3:
            log = self.out / "run" / "workers.log"
            raise RunError(f"workers cannot be started (exit code {code}); their words are in {log}.")

    def unit_lost(self, worker: _Worker, key: str, code: int) -> None:
        if worker.condemned:
            to_blame, kind, reason = worker.condemned
            others = kind == "out of memory" and worker.finished  # memory may be that of units before it
            if to_blame == key and not (others and self.again(f"alone {key}", worker.job)):
                self.give_up(worker, key, kind, reason)
            else:  # first in a fresh worker
                worker.todo = {key: worker.todo[key], **worker.todo}
        elif not self.again(key, worker.job):
            self.give_up(worker, key, "worker lost", f"its worker died of {_cause(code)}, {self.tries[key]} times")

    def again(self, key: str, job: Job) -> bool:
        self.tries[key] = self.tries.get(key, 0) + 1
        return self.tries[key] <= max(job.limits.retries, key.startswith("alone "))

    def give_up(self, worker: _Worker, key: str, kind: str, reason: str) -> None:
        """Record the failure on the worker's behalf."""
        worker.todo.pop(key)
        record_failure(self.out, worker.job, key, kind, reason)
        self.states[key] = "failed"
        self.tell("failed", worker, {"event": "failed", "key": key, "kind": kind, "error": reason})

    def tell(self, what: str, worker: _Worker, message: Mapping[str, Any]) -> None:
        at = {"stage": worker.job.stage, "batch": worker.job.batch, "worker": str(worker.process.pid)}
        self.listen({**message, "event": what, **at})

    def stop(self) -> None:
        """End every worker now; a unit under way is computed anew by the next run."""
        for worker in self.workers:
            _end(worker.process)
            worker.channel.close()
        self.selector.close()


def record_failure(out: Path, job: Job, key: str, kind: str, reason: str) -> None:
    """Record that a unit failed whose worker cannot do so."""
    unit = next(each for each in read_batch(out, job.stage, job.batch) if each["key"] == key)
    header = {**about(unit), "batch": job.batch, "time": time.time(), **failure(kind, reason)}
    name = f"{job.batch:05d}-runner-{os.getpid()}-{time.time_ns():x}.shard"
    with store.ShardWriter(stage_folder(out, job.stage) / "shards" / name) as shard:
        shard.append(key, header, None)


def _one_by_one(job: Job, left: Mapping[str, float]) -> Job:
    """What is left of a job, each unit a piece of its own."""
    return replace(job, pieces=tuple(Piece((key,), cost) for key, cost in left.items()))


def _end(process: subprocess.Popen[bytes]) -> int:
    """Kill a worker with all that it started, unless it ended by itself; its exit code."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _cause(code: int) -> str:
    return f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"exit code {code}"

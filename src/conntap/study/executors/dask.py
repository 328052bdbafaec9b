"""Runs jobs on the workers of a Dask cluster.

Jobs are streamed: chunks of about a second, a few of them under way for each worker, never one graph of all. Results lie in
the study's folder as always; what comes back is only what became of each unit.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import queue
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conntap.errors import RunError
from conntap.study.entries import RunOptions
from conntap.study.executors.chunks import Chunks, close_kept, run_chunk
from conntap.study.executors.clusters import UNIT, Cluster, joined
from conntap.study.executors.kinds import Executor, Listener
from conntap.study.executors.local import record_failure
from conntap.study.jobs import Job, Piece
from conntap.study.launches import launches
from conntap.study.records import Records, stage_folder

__all__ = ["dask"]

_log = logging.getLogger(__name__)
_POLL_S = 0.2
_LOOK_S = 2.0
_AHEAD = 2  # chunks under way a worker: the one it is at, and the next
_PATIENCE_S = 60.0
_BROKEN = 3


@contextmanager
def dask(options: RunOptions, out: Path, *, workers: int, listen: Listener = lambda event: None) -> Iterator[Executor]:
    """An executor on the Dask cluster that `run.cluster` names; joined, or started, when there is work for it.

    Parameters
    ----------
    options
        Of the run: cluster, least_workers, interface, dashboard, and what jobs of SLURM ask for.
    out
        The study's folder of outputs, which all workers share.
    workers
        How many to start, where any are.
    listen
        Called with each event of units, "tick" a few times a second, and `{"event": "cluster", "name", "workers", "dashboard"}`
        when that changes.

    Returns
    -------
    A function from jobs to states, with the same limits and failures as `executors.local`: each worker keeps one process
    that computes. The chunk of a worker that is lost goes to another; a unit whose worker is lost each time is given up.

    Raises
    ------
    MissingExtra
        Dask is not installed.
    RunError
        The cluster cannot be joined, its scheduler or all workers are lost, or they cannot see the study's folder.

    Notes
    -----
    Memory of this process does not grow with the number of units beyond their keys.
    """
    with ExitStack() as stack:
        stream: list[_Stream] = []

        def execute(jobs: Iterable[Job]) -> dict[str, str]:
            jobs = list(jobs)
            if not jobs:
                return {}
            if not stream:
                cluster = stack.enter_context(joined(options, _folder(out), workers=workers))
                stream.append(_Stream(out.resolve(), cluster, listen, workers))
                stack.callback(stream[0].stop)
            return stream[0].run(jobs)

        yield execute


def _folder(out: Path) -> Path:
    """Where what belongs to the cluster goes: the folder of the launch under way."""
    *_, folder = [out / "run", *(each.folder for each in launches(out))]
    return folder.resolve() / "dask"


@dataclass
class _Flying:
    jobs: list[Job]

    @property
    def stage(self) -> str:
        return self.jobs[0].stage

    @property
    def cost(self) -> float:
        return sum(job.cost for job in self.jobs)

    @property
    def is_alone(self) -> bool:
        return sum(len(piece.keys) for job in self.jobs for piece in job.pieces) == 1


class _Stream:
    def __init__(self, out: Path, cluster: Cluster, listen: Listener, workers: int) -> None:
        self.out, self.cluster, self.listen, self.workers = out, cluster, listen, workers
        self.flying: dict[Any, _Flying] = {}
        self.landed: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.numbers = itertools.count()
        self.tries: dict[str, int] = {}
        self.states: dict[str, str] = {}
        self.records: dict[str, Records] = {}
        self.slots, self.resources, self.told = 0, False, (-1, None)
        self.looked = self.seen = time.monotonic()
        self.broken = 0

    def run(self, jobs: list[Job]) -> dict[str, str]:
        self.states = {}
        self.look()
        self.chunks = Chunks(jobs, max(self.slots, self.workers))
        ticked, ready = time.monotonic(), False
        while self.chunks or self.flying:
            ready = ready or self.slots >= self.cluster.least
            while ready and self.chunks and len(self.flying) < _AHEAD * max(self.slots, 1):
                self.submit(self.chunks.take())
            with contextlib.suppress(queue.Empty):
                self.land(self.landed.get(timeout=_POLL_S))
            if time.monotonic() - ticked >= _POLL_S:
                ticked = time.monotonic()
                self.listen({"event": "tick"})
                self.check()
        return self.states

    def submit(self, jobs: list[Job]) -> None:
        flying = _Flying(jobs)
        expected_s = self.chunks.seconds(flying.stage, flying.cost)
        size = f"{2 ** math.ceil(math.log2(expected_s))}s" if expected_s > 0 else "new"  # alike for Dask's expectations
        future = self.cluster.client.submit(
            run_chunk,
            str(self.out),
            [job.plain() for job in jobs],
            dict(self.cluster.environment),
            expected_s,
            key=(f"{flying.stage} {size}", id(self), next(self.numbers)),
            resources={UNIT: 1} if self.resources else None,
            pure=False,
            fifo_timeout="0s",
            priority=-next(self.numbers),
        )
        self.flying[future] = flying
        future.add_done_callback(self.landed.put)

    def land(self, future: Any) -> None:
        """A chunk is back: done, failed, or lost with its worker."""
        flying = self.flying.pop(future, None)
        if flying is None:
            return
        status = future.status
        if status == "finished":
            self.broken = 0
            self.take_in(flying, future.result())
        elif status == "error":
            self.failed(flying, future.exception())
        else:  # cancelled or lost: with its scheduler, or by somebody else
            self.check_scheduler(patience_s=5.0)
            self.chunks.back(flying.jobs)
        future.release()

    def take_in(self, flying: _Flying, result: Mapping[str, Any]) -> None:
        self.chunks.learn(flying.stage, flying.cost, result["seconds"])
        batches = {key: job.batch for job in flying.jobs for key in job.keys}
        for key, what, wall_s, cpu_s, peak_mb, kind, error in result["units"]:
            self.states[key] = what
            failure = {"kind": kind, "error": error} if what == "failed" else {}
            took = {"wall_s": wall_s, "cpu_s": cpu_s, "peak_mb": peak_mb} if what != "waiting" else {}
            at = {"stage": flying.stage, "batch": batches[key], "worker": result["worker"]}
            self.listen({"event": what, "key": key, **at, **took, **failure})

    def failed(self, flying: _Flying, error: BaseException) -> None:
        from distributed.scheduler import KilledWorker

        if not isinstance(error, KilledWorker):
            self.broken += 1
            if self.broken > _BROKEN:
                raise RunError(f"{self.cluster.name}: workers cannot run units ({type(error).__name__}: {error}).")
        elif flying.is_alone and not self.again(flying.jobs[0]):
            self.give_up(flying.jobs[0], error)
            return
        self.chunks.back(list(self.parted(flying)))

    def again(self, job: Job) -> bool:
        (key,) = job.keys
        self.tries[key] = self.tries.get(key, 0) + 1
        return self.tries[key] <= job.limits.retries

    def give_up(self, job: Job, error: BaseException) -> None:
        (key,) = job.keys
        reason = f"its Dask worker died each time it was tried ({error.last_worker.address} last)"  # type: ignore[attr-defined]
        record_failure(self.out, job, key, "worker lost", reason)
        self.states[key] = "failed"
        at = {"stage": job.stage, "batch": job.batch, "worker": ""}
        self.listen({"event": "failed", "key": key, "kind": "worker lost", "error": reason, **at})

    def parted(self, flying: _Flying) -> Iterator[Job]:
        """What has no record of a lost chunk: the unit that it was probably at alone, then the rest."""
        alone = True
        for job in flying.jobs:
            records = self.records.setdefault(job.stage, Records(stage_folder(self.out, job.stage))).refresh()
            left = [key for key in job.keys if key not in records.done]
            for key in set(job.keys).difference(left):
                self.tell_done(job, key, records)
            each = job.cost / len(job.keys)
            for keys in [left[:1], left[1:]] if alone else [left]:
                if keys:
                    yield replace(job, pieces=(Piece(tuple(keys), each * len(keys)),))
            alone = alone and not left

    def tell_done(self, job: Job, key: str, records: Records) -> None:
        record = records.done[key]
        self.states[key] = "done"
        took = {"wall_s": record.wall_s, "cpu_s": record.cpu_s, "peak_mb": record.peak_mb}
        self.listen({"event": "done", "key": key, "stage": job.stage, "batch": job.batch, "worker": "", **took})

    def check(self) -> None:
        """Look after the cluster now and then: its scheduler at once, its workers every few seconds."""
        self.check_scheduler(patience_s=0.0)
        if time.monotonic() - self.looked < (_LOOK_S if self.slots else _POLL_S):
            return
        self.look()
        if self.slots:
            self.seen = time.monotonic()
        elif time.monotonic() - self.seen > _PATIENCE_S:
            self.seen += _PATIENCE_S / 2
            if why := self.cluster.gone():
                raise RunError(f"{self.cluster.name}: {why}; what is done is kept. Run the same command again.")

    def check_scheduler(self, patience_s: float) -> None:
        end = time.monotonic() + patience_s
        while self.cluster.client.status == "running":
            if time.monotonic() >= end:
                return
            time.sleep(0.05)
        raise RunError(
            f"{self.cluster.name} is lost; what is done is kept. Start it anew and run the same command again."
        )

    def look(self) -> None:
        """Count the workers."""
        self.looked = time.monotonic()
        try:
            found = self.cluster.workers()
        except (OSError, TimeoutError):
            return  # `check_scheduler` tells whether it is lost
        threads = [each["resources"].get(UNIT, 0) for each in found.values()]
        self.resources = bool(self.cluster.environment) or any(threads)
        self.slots = int(sum(threads if self.resources else (each["nthreads"] for each in found.values())))
        now = (self.slots, self.cluster.dashboard)
        if now != self.told:
            self.told = now
            self.listen({"event": "cluster", "name": self.cluster.name, "workers": now[0], "dashboard": now[1]})

    def stop(self) -> None:
        """Call back what is under way; workers of others keep no process of ours."""
        client = self.cluster.client
        if client.status != "running":
            return
        with contextlib.suppress(Exception):  # the cluster may be gone
            client.cancel(list(self.flying), force=True)
            for future in self.flying:
                future.release()
            self.flying.clear()
            client.run(close_kept, on_error="ignore")

"""Jobs in chunks of about a second, and the task that runs one on a worker of a Dask cluster.

A chunk travels as plain values: stage, batch, keys and limits. The worker keeps a process of `executors.local` and feeds it
chunk after chunk, so that a unit that is killed, hangs or outgrows its memory costs only itself there too.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conntap.study.executors.local import local
from conntap.study.jobs import Job, Piece
from conntap.study.records import Records, stage_folder

__all__ = ["Chunks", "close_kept", "dask_setup", "dask_teardown", "run_chunk", "without_traceback"]

_CHUNK_S = 1.0
_LEAST_S = 0.05
_GROWTH = 4.0
_HEAVY = 50  # pieces that cost more than this part of a worker's fair share are chunks of their own
_LONG_S = 10.0
_IDLE_S = 30.0
_SWEEPER = "conntap idle processes"


class Chunks:
    """What is left to run: the costliest pieces first, each alone, then small ones in chunks of about a second.

    Parameters
    ----------
    jobs
        Costs may be seconds or loads: how many seconds they are is learnt.
    workers
        How many share them.

    Examples
    --------
    >>> pieces = tuple(Piece((str(number),), 1.0) for number in range(1000))
    >>> chunks = Chunks([Job("s", 0, pieces)], workers=2)
    >>> first = chunks.take()
    >>> chunks.learn("s", cost=1.0, seconds=0.1)
    >>> [len(job.keys) for job in first], [len(job.keys) for job in chunks.take()]
    ([1], [4])
    """

    def __init__(self, jobs: Iterable[Job], workers: int) -> None:
        jobs = list(map(_costly, jobs))
        self.workers = max(workers, 1)
        self._left: dict[str, float] = {}
        for job in jobs:
            self._left[job.stage] = self._left.get(job.stage, 0.0) + job.cost
        self._rates = {stage: _Rate() for stage in self._left}
        heavy, light = _parted(jobs, {stage: left / (_HEAVY * self.workers) for stage, left in self._left.items()})
        self._heavy = deque(sorted(heavy, key=lambda job: (-job.cost, job.stage, job.batch)))
        self._light = deque(sorted(light, key=lambda job: (-job.cost, job.stage, job.batch)))

    def __bool__(self) -> bool:
        return bool(self._heavy or self._light)

    def seconds(self, stage: str, cost: float) -> float:
        """How long something of that stage and cost is expected to take; 0 where nothing was learnt."""
        rate = self._rates[stage]
        return cost * rate.seconds / rate.cost if rate.cost else 0.0

    def learn(self, stage: str, cost: float, seconds: float) -> None:
        """Take in how long a chunk took; later ones count for more."""
        rate = self._rates[stage]
        rate.cost, rate.seconds, rate.most = rate.cost / 2 + cost, rate.seconds / 2 + seconds, max(rate.most, cost)

    def back(self, jobs: Sequence[Job]) -> None:
        """Put jobs in front again, each to be a chunk of its own."""
        self._heavy.extendleft(reversed(jobs))
        for job in jobs:
            self._left[job.stage] += job.cost

    def take(self) -> list[Job]:
        """The next chunk: jobs of one stage."""
        found = [self._heavy.popleft()] if self._heavy else self._several()
        self._left[found[0].stage] -= sum(job.cost for job in found)
        return found

    def _several(self) -> list[Job]:
        found: list[Job] = []
        stage = self._light[0].stage
        room = self._room(stage)
        while self._light and self._light[0].stage == stage and not (found and self._light[0].pieces[0].cost > room):
            job, rest = self._light.popleft().cut(room)
            if rest is not None:
                self._light.appendleft(rest)
            found.append(job)
            room -= job.cost
        return found

    def _room(self, stage: str) -> float:
        """What a chunk may cost: a second's worth, less towards the end, and no more than some times the largest so far."""
        rate = self._rates[stage]
        if not rate.seconds:
            return 0.0
        a_second = rate.cost / rate.seconds
        wanted = min(_CHUNK_S * a_second, max(_LEAST_S * a_second, self._left[stage] / (3 * self.workers)))
        return min(wanted, _GROWTH * rate.most)


@dataclass
class _Rate:
    cost: float = 0.0
    seconds: float = 0.0
    most: float = 0.0


def _costly(job: Job) -> Job:
    """A job none of whose pieces is for free."""
    if all(piece.cost > 0 for piece in job.pieces):
        return job
    usual = job.cost / len(job.pieces) or 1.0
    return replace(job, pieces=tuple(replace(piece, cost=piece.cost or usual) for piece in job.pieces))


def _parted(jobs: Iterable[Job], most: Mapping[str, float]) -> tuple[list[Job], list[Job]]:
    """The pieces that cost more than the most of their stage, each a job of its own; and what remains of the jobs."""
    heavy, light = [], []
    for job in jobs:
        heavy += [replace(job, pieces=(piece,)) for piece in job.pieces if piece.cost > most[job.stage]]
        small = tuple(piece for piece in job.pieces if piece.cost <= most[job.stage])
        if small:
            light.append(replace(job, pieces=small))
    return heavy, light


def run_chunk(
    out: str, plain: Sequence[Mapping[str, Any]], environment: Mapping[str, str], expected_s: float
) -> dict[str, Any]:
    """Run jobs on this worker; the task of the Dask executor.

    Parameters
    ----------
    out
        The study's folder of outputs, shared by all workers.
    plain
        Jobs, by `Job.plain`.
    environment
        Variables of the process that computes, beside those of this one.
    expected_s
        How long it will take. A long one looks first what is done already: the scheduler may run it for the second time,
        after the loss of a worker.

    Returns
    -------
    units: key, what became of it, wall_s, cpu_s, peak_mb, kind of failure, error; seconds: what all took; worker: where.
    """
    told = _Told(*_task())
    jobs = [Job.read(each) for each in plain]
    if expected_s > _LONG_S:
        jobs = [told.without_done(Path(out), job) for job in jobs]
    pool = _taken(out, environment)
    try:
        pool.told = told
        pool.execute([_one_piece(job) for job in jobs if job.pieces])
    except BaseException:
        pool.close()
        raise
    _given_back(pool)
    return {"units": told.units, "seconds": time.monotonic() - told.since, "worker": told.worker}


class _Cancelled(Exception):
    """Nobody wants the chunk any more."""


@dataclass
class _Told:
    """Listens to the process that runs a chunk."""

    worker: str
    is_wanted: Any
    units: list[tuple[Any, ...]] = field(default_factory=list)
    since: float = 0.0

    def __post_init__(self) -> None:
        self.since = time.monotonic()
        self.begun = False

    def __call__(self, event: Mapping[str, Any]) -> None:
        what = event["event"]
        if what == "start" and not self.begun:
            self.begun, self.since = True, time.monotonic()
        elif what in ("done", "failed", "waiting"):
            took = (event.get(name, 0.0) for name in ("wall_s", "cpu_s", "peak_mb"))
            self.units.append((event["key"], what, *took, event.get("kind", ""), event.get("error", "")))
        elif what == "tick" and not self.is_wanted():
            raise _Cancelled

    def without_done(self, out: Path, job: Job) -> Job:
        """A job without its units that are done; these are told."""
        done = Records(stage_folder(out, job.stage)).refresh().done
        for key in job.keys:
            if key in done:
                record = done[key]
                self.units.append((key, "done", record.wall_s, record.cpu_s, record.peak_mb, "", ""))
        keys = [(tuple(key for key in piece.keys if key not in done), piece.cost) for piece in job.pieces]
        return replace(job, pieces=tuple(Piece(left, cost) for left, cost in keys if left))


def _task() -> tuple[str, Any]:
    """The worker that runs this, and a function that tells whether its task is still wanted."""
    from distributed import get_worker

    try:
        worker = get_worker()
        key = worker.get_current_task()
    except ValueError:  # called by hand
        return "", lambda: True

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state in ("executing", "long-running")

    return worker.address, is_wanted


def _one_piece(job: Job) -> Job:
    """The same units as one piece: one message to the process, one shard."""
    return replace(job, pieces=(Piece(tuple(job.keys), job.cost),))


class _Kept:
    """A process of this worker, kept for the next chunk."""

    def __init__(self, out: str, environment: Mapping[str, str]) -> None:
        self.out, self.environment, self.since = out, environment, 0.0
        self.told: Any = None
        self._context = contextlib.ExitStack()
        executor = local(Path(out), workers=1, listen=lambda event: self.told(event), environment=environment)
        self.execute = self._context.enter_context(executor)

    def close(self) -> None:
        self._context.close()


_kept: list[_Kept] = []
_lock = threading.Lock()


def _taken(out: str, environment: Mapping[str, str]) -> _Kept:
    with _lock:
        for pool in _kept:
            if pool.out == out and pool.environment == environment:
                _kept.remove(pool)
                return pool
    return _Kept(out, environment)


def _given_back(pool: _Kept) -> None:
    pool.since = time.monotonic()
    with _lock:
        _kept.append(pool)
        first = len(_kept) == 1 and not any(each.name == _SWEEPER for each in threading.enumerate())
    if first:
        threading.Thread(target=_sweep, name=_SWEEPER, daemon=True).start()


def _sweep() -> None:
    while _kept:
        time.sleep(_IDLE_S / 10)
        close_kept(idle_s=_IDLE_S)


def close_kept(idle_s: float = 0.0) -> None:
    """End the processes of this worker that had nothing to do for so long."""
    with _lock:
        old = [pool for pool in _kept if time.monotonic() - pool.since >= idle_s]
        _kept[:] = [pool for pool in _kept if pool not in old]
    for pool in old:
        pool.close()


def dask_setup(worker: Any) -> None:
    """Called by a Dask worker that preloads this module: Ctrl-C is for the run, which ends its workers, often while these
    talk to the scheduler."""
    for name in ("distributed.worker", "distributed.batched", "distributed.nanny"):
        logging.getLogger(name).addFilter(without_traceback)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def without_traceback(record: logging.LogRecord) -> bool:
    """A filter of records of a connection or queue that was closed: they are told in one line, since each run ends by that.

    A worker that closes itself closes the queue on which a thread of it still waits for its nanny's word, which then reads
    from no file: a TypeError, or an EOFError.
    """
    error = record.exc_info[1] if record.exc_info else None
    queue = record.name == "distributed.nanny" and isinstance(error, (TypeError, EOFError))
    if queue or isinstance(error, OSError):  # Dask's CommClosedError is one
        record.msg, record.args = f"{record.getMessage()} ({type(error).__name__}: {error})", ()
        record.exc_info = record.exc_text = None
    return True


def dask_teardown(worker: Any) -> None:
    """Called by such a worker at its end."""
    close_kept()

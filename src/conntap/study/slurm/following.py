"""Launches on SLURM from outside: which are active, how they go on, what became of them.

Whoever finds that all jobs of a launch have ended notes its outcome, with what SLURM still remembers of its jobs: minutes later
it may have forgotten. Nothing here starts a job.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from conntap.errors import InterruptedRun, RunError
from conntap.study.accounts import Account
from conntap.study.entries import Study
from conntap.study.executors.kinds import Listener
from conntap.study.launches import Launch, launches
from conntap.study.records import Records
from conntap.study.run import Outcome, missing_units
from conntap.study.setup import read_setup
from conntap.study.slurm.failures import all_failures, ended_as
from conntap.study.slurm.queue import Queue
from conntap.study.slurm.standing import Share, Standing
from conntap.study.slurm.watching import Watched
from conntap.study.stopping import heeded

__all__ = ["Followed", "active", "follow", "latest", "note_outcome", "refuse_if_active", "standings"]

_LONGEST_S = 60.0  # between two questions to SLURM


def standings(out: Path, *, queue: Queue | None = None) -> Iterator[Standing]:
    """How each launch on SLURM stands, the oldest first; the outcome of those that ended is noted."""
    for watched in list(_submitted(out)):
        yield _looked(watched, queue or Queue())


def latest(out: Path, *, queue: Queue | None = None) -> list[Standing]:
    """How the last launch on SLURM stands, and earlier ones whose outcome is not known yet."""
    watched = list(_submitted(out))
    return [_looked(each, queue or Queue()) for each in watched if each is watched[-1] or not each.settled]


def _submitted(out: Path) -> Iterator[Followed]:
    records: dict[str, Records] = {}
    return (
        Followed(out, launch, records=records) for launch in launches(out) if (launch.folder / "jobs.json").exists()
    )


def _looked(watched: Followed, queue: Queue) -> Standing:
    """How a launch stands now; asks SLURM only while that is not settled."""
    settled = watched.settled
    standing = watched.look(queue.ask([] if settled else watched.ids))
    if not settled and standing.heard and not standing.live:
        note_outcome(watched, standing)
    return standing


def active(out: Path, *, queue: Queue | None = None) -> list[Standing]:
    """The launches with jobs that are pending or running, or may be, where SLURM does not answer."""
    found = [_looked(watched, queue or Queue()) for watched in _submitted(out) if not watched.settled]
    return [standing for standing in found if standing.live]


def refuse_if_active(out: Path, *, queue: Queue | None = None) -> None:
    """Raise a RunError if jobs of a launch are pending or running."""
    for standing in active(out, queue=queue):
        number, jobs = standing.launch.number, standing.jobs()
        told = (
            ", ".join(f"{jobs[state]} {state}" for state in ("pending", "running") if state in jobs) or "one collecting"
        )
        if standing.heard:
            raise RunError(
                f"{out}: jobs of launch {number} are still on the cluster ({told}). Follow them by `tap follow`, or "
                "cancel them by `tap cancel`."
            )
        raise RunError(
            f"{out}: jobs of launch {number} may still be on the cluster ({told}); it cannot be asked: {standing.trouble}. "
            "Try again later, or, if they are gone for good, `tap cancel --forget`."
        )


def follow(
    study: Study,
    out: Path,
    launch: Launch,
    listen: Listener = lambda event: None,
    *,
    queue: Queue | None = None,
    every_s: float = 2.0,
    settle_s: float = 3.0,
) -> Outcome:
    """Watch a launch until all its jobs have ended; tells what happens as a local run does.

    Parameters
    ----------
    every_s
        Seconds between two questions to SLURM at first; the longer nothing changes, the rarer, up to a minute.
    settle_s
        Units whose job ended without them are looked for again after so many seconds: a shared folder may lag.

    Raises
    ------
    InterruptedRun
        Ctrl-C; the jobs go on.
    """
    watched = Followed(out, launch, listen)
    try:
        with heeded() as raise_if_stopped:
            standing = _until_ended(watched, queue or Queue(tries=1), every_s, settle_s, raise_if_stopped)
    except KeyboardInterrupt:
        raise InterruptedRun(
            f"stopped following; the jobs of launch {launch.number} go on. Come back by `tap follow {study.path}`, cancel "
            f"them by `tap cancel {study.path}`."
        ) from None
    note_outcome(watched, standing)
    return _outcome(out, standing, watched.account)


class Followed(Watched):
    """A launch whose events are told, each once; a listener's account is kept beside."""

    def __init__(
        self,
        out: Path,
        launch: Launch,
        listen: Listener = lambda event: None,
        *,
        records: dict[str, Records] | None = None,
    ) -> None:
        super().__init__(out, launch, records)
        self.account, self.listener = Account(), listen
        self.told: dict[str, set[str]] = {}
        self.jobs_told: dict[str, int] = {}

    def begin(self, standing: Standing) -> None:
        """Tell of stages that were not told of yet."""
        about = self.launch.about.get("stages", {})
        for stage in standing.stages:
            if stage not in self.told:
                units = sum(len(share.batches) for share in standing.shares if share.stage == stage)
                skipped = about.get(stage, {}).get("skipped", 0)
                self.told[stage] = set()
                self.listener({"event": "stage", "stage": stage, "units": units, "skipped": skipped})

    def tell(self, standing: Standing) -> None:
        """Tell what is new: units that are done, and of jobs that ended what failed or waits; how jobs stand."""
        known = set(self.told)
        self.begin(standing)
        for share in standing.shares:
            for key, state in share.units.items():
                if state == "done" or not share.live:
                    self.unit(share, key, state, earlier=share.stage not in known)
        if standing.jobs() != self.jobs_told:
            self.jobs_told = standing.jobs()
            self.listener({"event": "jobs", "states": self.jobs_told})

    def tell_done(self, standing: Standing) -> None:
        """Tell of units that were done since the last look, without asking SLURM."""
        for stage in standing.stages:
            self.records[stage].refresh()
        for share in standing.shares:
            done = self.records[share.stage].done if share.live else {}
            for key in share.batches if done else ():
                if key in done:
                    self.unit(share, key, "done")

    def unit(self, share: Share, key: str, state: str, *, earlier: bool = False) -> None:
        """Tell of a unit, once; `earlier`: when it ended is not known, only that it was before anybody looked."""
        if key in self.told[share.stage]:
            return
        self.told[share.stage].add(key)
        event: dict[str, Any] = {"stage": share.stage, "batch": share.batches[key], "key": key, "worker": share.name}
        record = self.records[share.stage].done.get(key) or self.failed_record(share.stage, key)
        if record is not None:
            event |= {"wall_s": record.wall_s, "cpu_s": record.cpu_s, "peak_mb": record.peak_mb}
            event["worker"] = "-".join(record.path.stem.split("-")[1:-1])  # host and process
        if earlier:
            event["earlier"] = True
        if state == "done":
            event["event"] = "done"
        elif state == "waiting":
            event["event"] = "waiting"
        else:
            error = record.header()["error"] if record is not None else ended_as(share)
            event |= {"event": "failed", "kind": record.kind if record is not None else state, "error": error}
        self.account(event)
        self.listener(event)


def _until_ended(
    watched: Followed, queue: Queue, every_s: float, settle_s: float, raise_if_stopped: Callable[[], None]
) -> Standing:
    """Look again and again; what lies on disk often, SLURM the rarer the longer nothing changes."""
    wait_s, settled, before = every_s, False, {}
    while True:
        settled_before = watched.settled
        standing = watched.look(queue.ask([] if settled_before else watched.ids))
        if standing.heard and not standing.live:
            if "lost" not in standing.jobs() or settled or settled_before:
                watched.tell(standing)
                return standing
            settled = True  # a shared folder may lag: look once more
            _sleep(settle_s, raise_if_stopped)
            continue
        settled = False
        watched.tell(standing)
        if not standing.heard:
            watched.listener({"event": "trouble", "message": f"{standing.trouble}; asking again later"})
        wait_s = (
            every_s if standing.heard and standing.jobs() != before else min(wait_s * 1.5, max(_LONGEST_S, every_s))
        )
        before = standing.jobs()
        _meanwhile(watched, standing, wait_s, raise_if_stopped)


def _meanwhile(watched: Followed, standing: Standing, wait_s: float, raise_if_stopped: Callable[[], None]) -> None:
    """Tell of units as their records come, until it is time to ask SLURM again: earlier, once all jobs say they ended."""
    end = time.monotonic() + wait_s
    quiet_s = min(1.0, wait_s)
    while (left := end - time.monotonic()) > 0:
        _sleep(min(left, quiet_s), raise_if_stopped)
        began = time.monotonic()
        watched.tell_done(standing)
        watched.listener({"event": "tick"})
        if all(not share.live or share.ended for share in standing.shares):
            return
        quiet_s = max(quiet_s, 10 * (time.monotonic() - began))  # looking takes a tenth of the time at most


def _sleep(seconds: float, raise_if_stopped: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.2))
        raise_if_stopped()


def _outcome(out: Path, standing: Standing, account: Account) -> Outcome:
    """What became of a launch that ended, as a local run tells it."""
    missing = missing_units(out, read_setup(out))
    failures = all_failures(out, [standing])
    skipped = sum(each.get("skipped", 0) for each in standing.launch.about.get("stages", {}).values())
    store = out / "store.h5"
    return Outcome(
        out,
        done=int(account.sums()["done"]),
        skipped=skipped,
        failed=len(failures),
        waiting=missing - len(failures),
        wall_s=standing.launch.outcome.get("wall_s", 0.0),
        failures=failures,
        store=store if standing.collect == "ended" and store.exists() else None,
        launch=standing.launch.number,
    )


def note_outcome(watched: Followed, standing: Standing, state: str = "") -> None:
    """Write the outcome of a launch whose jobs have ended, unless it is there; a folder that cannot be written is let be."""
    if watched.settled:
        return
    watched.tell(standing)
    ends: dict[str, dict[str, str]] = {}
    for share in standing.shares:
        if share.state != "done":
            ends.setdefault(share.stage, {})[str(share.index)] = share.state
    state = state or _state(watched, standing)
    content = {"state": state, "wall_s": _span(watched, standing), **watched.account.plain(), **watched.launch.outcome}
    with contextlib.suppress(OSError):
        watched.launch.note(
            "outcome.json",
            {
                **content,
                "jobs": standing.jobs(),
                "ends": ends,
                "asked": _asked(standing),
                "collected": standing.collect,
            },
        )


def _state(watched: Watched, standing: Standing) -> str:
    """How a launch ended; one job that runs all notes that itself, unless it is killed."""
    if "cancelled" in standing.jobs():
        return "cancelled"
    killed = not watched.written.get("stages") and not watched.launch.outcome and set(standing.jobs()) - {"done"}
    return "killed" if killed else "ended"


def _asked(standing: Standing) -> dict[str, dict[str, str]]:
    """Stage -> what its jobs asked for, as SLURM told it: of those for which it was too little, where there are such."""
    found: dict[str, dict[str, str]] = {}
    for what, state in (("memory", "out of memory"), ("time", "timed out")):
        for share in sorted(standing.shares, key=lambda share: share.state == state):
            if share.seen is not None:
                found.setdefault(share.stage, {})[what] = getattr(share.seen, what)
    return found


def _span(watched: Watched, standing: Standing) -> float:
    """Seconds from the first begin to the last end of a unit, by the clocks of the hosts: for reading only."""
    records = [
        record
        for share in standing.shares
        for key in share.batches
        if (record := watched.records[share.stage].done.get(key)) is not None
    ]
    if not records:
        return 0.0
    return max(0.0, max(r.time + r.wall_s for r in records) - min(r.time for r in records))

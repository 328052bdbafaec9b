"""Ending the jobs of launches on SLURM."""

from __future__ import annotations

import time
from pathlib import Path

from conntap.errors import RunError
from conntap.study.launches import Launch, launches
from conntap.study.slurm.following import Followed, active, note_outcome
from conntap.study.slurm.queue import Answer, Queue
from conntap.study.slurm.standing import Standing

__all__ = ["cancel", "forget"]


def cancel(out: Path, *, queue: Queue | None = None, patience_s: float = 120.0) -> list[Standing]:
    """End all jobs of active launches, those that wait for others first; waits until SLURM agrees that they have ended.

    Returns
    -------
    How the launches stand that were active. What is done is kept.

    Raises
    ------
    RunError
        SLURM does not answer, or jobs do not end.
    """
    queue = queue or Queue()
    return [_end(Followed(out, each.launch), queue, patience_s) for each in active(out, queue=queue)]


def _end(watched: Followed, queue: Queue, patience_s: float) -> Standing:
    end, wait_s = time.monotonic() + patience_s, 0.2
    trouble = ""
    while True:
        code, _, errors = queue.command(["scancel", *watched.ids])
        if code and "Invalid job id" not in errors:
            trouble = f"scancel: {errors.strip() or f'exit code {code}'}"
        standing = watched.look(queue.ask(watched.ids))
        if standing.heard and not standing.live:
            note_outcome(watched, standing, "cancelled")
            return standing
        if time.monotonic() > end or (trouble and not standing.heard):
            raise RunError(
                f"{watched.out}: jobs of launch {watched.launch.number} ({', '.join(watched.ids)}) could not be cancelled: "
                f"{standing.trouble or trouble or 'they do not end'}. Try again later."
            )
        time.sleep(wait_s)
        wait_s = min(wait_s * 1.5, 5.0)


def forget(out: Path) -> list[Launch]:
    """Count launches without an outcome as ended, without asking SLURM: for clusters that are gone."""
    found = []
    for launch in launches(out):
        watched = Followed(out, launch)
        if (launch.folder / "jobs.json").exists() and not watched.settled:
            note_outcome(watched, watched.look(Answer()), "forgotten")
            found.append(launch)
    return found

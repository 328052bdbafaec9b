"""One run of a study at a time, as far as one machine can tell."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from conntap.errors import RunError

__all__ = ["Running", "is_running", "lock", "running_units"]

_log = logging.getLogger(__name__)
_LOCKLESS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # what a file system without locks says


@contextmanager
def lock(out: Path) -> Iterator[None]:
    """Keep a second run of the same study out while one is at work. Advisory; it ends with the process.

    Where a file system has no locks it keeps nobody out: what two runs do twice is harmless.

    Raises
    ------
    RunError
        Another process holds it.
    """
    path = out / "run" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+") as file:
        if not _locked(file, fcntl.LOCK_EX, patience_s=0.5):
            file.seek(0)
            holder = file.read().strip()
            raise RunError(f"{out}: another run is at work here ({holder}). Wait for it or stop it.")
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()} since {time.strftime('%H:%M:%S')}")
        file.flush()
        yield


def is_running(out: Path) -> bool:
    """Whether a run of this study is at work on this machine."""
    try:
        with open(out / "run" / "lock") as file:
            return not _locked(file, fcntl.LOCK_SH, patience_s=0.0)
    except FileNotFoundError:
        return False


class Running:
    """Notes which units are at work, so that another process can tell; at most once a second."""

    def __init__(self, out: Path) -> None:
        self.path, self.keys, self.noted = out / "run" / "running.json", set[str](), frozenset[str]()
        self.since = 0.0

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take in an event of a run."""
        if event["event"] == "start":
            self.keys.add(event["key"])
        elif event["event"] in ("done", "failed", "waiting"):
            self.keys.discard(event["key"])
        elif event["event"] == "tick" and self.keys != self.noted and time.monotonic() - self.since > 1.0:
            self.noted, self.since = frozenset(self.keys), time.monotonic()
            with contextlib.suppress(OSError):  # a note that cannot be taken must not stop a run
                self.path.write_text(json.dumps(sorted(self.keys)))


def running_units(out: Path) -> frozenset[str]:
    """The keys of the units that a run of this study was at, up to a second ago."""
    if not is_running(out):
        return frozenset()
    try:
        return frozenset(json.loads((out / "run" / "running.json").read_text()))
    except (OSError, ValueError):
        return frozenset()


def _locked(file: IO[str], kind: int, *, patience_s: float) -> bool:
    end = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno in _LOCKLESS:
                _log.info("%s: the file system has no locks (%s)", file.name, error.strerror)
                return True
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)

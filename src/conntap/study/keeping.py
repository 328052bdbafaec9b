"""Progress that outlives a killed try of a unit: what one try wrote, the next one of the same key takes up.

    OUT/run/stages/STAGE/kept/KEY/TRY/       what a try wrote so far
    OUT/run/stages/STAGE/kept/KEY/TRY.lock   locked while that try is at work; tells its host and process

Each try has a folder of its own, so that two at a time never meet. A try begins with what the fullest of those left that are
no longer at work: renamed where it was of the same machine, copied where it was of another, which might still live on a file
system whose locks do not reach it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from conntap.errors import RunError
from conntap.store.files import disk_is_full
from conntap.study.records import Records, stage_folder
from conntap.study.setup import read_cases, read_setup

__all__ = ["Keeping", "clear_kept", "kept_folder"]

_LOCKLESS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # what a file system without locks says


def kept_folder(out: Path, stage: str, key: str) -> Path:
    """Where the tries of a unit keep their progress."""
    return stage_folder(out, stage) / "kept" / key


class Keeping:
    """What one try of a unit keeps; a context that ends with the try.

    Parameters
    ----------
    folder
        That of all tries of the unit (`kept_folder`).

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "key"
    >>> with Keeping(folder) as first:  # which is killed
    ...     _ = (first.begin() / "half").write_text("done")
    >>> with Keeping(folder) as second:
    ...     (second.begin() / "half").read_text(), second.taken_up
    ...     second.over()
    ('done', True)
    >>> folder.exists()
    False
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.taken_up = folder, False
        self.path = folder / f"{time.time_ns():x}-{socket.gethostname()}-{os.getpid()}"
        self._lock: IO[str] | None = None

    def begin(self) -> Path:
        """The folder of this try: empty, or with what an earlier one left.

        Raises
        ------
        RunError
            Others keep removing it.
        """
        self._lock = self._locked()
        for former in sorted(_tries(self.folder), key=_fullness, reverse=True):
            if former != self.path and _fullness(former) and self._takes(former):
                self.taken_up = True
                break
        else:
            self.path.mkdir()
        return self.path

    def _locked(self) -> IO[str]:
        for _ in range(100):
            self.folder.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # the last of the others removed the folder just now
                file = open(_lock_of(self.path), "w")  # noqa: SIM115 - open as long as the try
                if self._is_locked(file):
                    file.write(f"{socket.gethostname()} {os.getpid()}")
                    file.flush()
                    return file
                file.close()
            time.sleep(0.01)
        raise RunError(f"{self.folder}: another process keeps removing it. Run again.")

    def _is_locked(self, file: IO[str]) -> bool:
        """Whether the file is locked, and still the one of that name; where there are no locks, host and process tell."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno in _LOCKLESS
        with contextlib.suppress(FileNotFoundError):
            return os.fstat(file.fileno()).st_ino == os.stat(_lock_of(self.path)).st_ino
        return False

    def _takes(self, former: Path) -> bool:
        """Take up what a try left that is no longer at work; False where it is, or where another took it."""
        with _free(former) as (is_free, is_near):
            if not is_free:
                return False
            try:
                if is_near:
                    os.rename(former, self.path)
                    _lock_of(former).unlink(missing_ok=True)
                else:
                    aside = _aside(self.path)
                    shutil.copytree(former, aside)
                    os.rename(aside, self.path)
            except (FileNotFoundError, shutil.Error):
                shutil.rmtree(_aside(self.path), ignore_errors=True)
                return False
        return True

    def raised(self, error: BaseException) -> None:
        """The step raised an error: what it had taken up goes, lest what it cannot read be in the way for ever.

        What it wrote itself stays; so does all where memory or disk ran out.
        """
        if self.taken_up and not isinstance(error, MemoryError) and not disk_is_full(error):
            shutil.rmtree(self.path, ignore_errors=True)

    def over(self) -> None:
        """The unit's record is written: remove what this try kept, and others that are not at work."""
        if self._lock is not None:
            _remove_try(self.path)
            _remove_free(self.folder)

    def __enter__(self) -> Keeping:
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is None:
            return
        if not _fullness(self.path):
            _remove_try(self.path)
            with contextlib.suppress(OSError):
                self.folder.rmdir()
        self._lock.close()


def clear_kept(out: Path) -> int:
    """Remove what was kept of units that are done, or that the study has no more; not what a try holds that is at work.

    Returns
    -------
    Of how many units something was removed.
    """
    about, count = read_setup(out), 0
    for folder in sorted((out / "run" / "stages").glob("*/kept")):
        stage = folder.parent.name
        open_keys: set[str] = set()
        if stage in about["stages"]:
            keys = {key for key, *_ in read_cases(out, stage, about)}
            open_keys = keys - Records(folder.parent).refresh().done.keys()
        for each in folder.iterdir():
            if each.name not in open_keys:
                _remove_free(each)
                count += 1
        with contextlib.suppress(OSError):
            folder.rmdir()
    return count


def _tries(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return sorted(each for each in folder.iterdir() if each.is_dir() and each.suffix != ".part")
    return []


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _fullness(path: Path) -> int:
    """How many bytes a try kept, and how many files."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += 1 + os.stat(os.path.join(folder, name)).st_size
    return total


@contextlib.contextmanager
def _free(path: Path) -> Iterator[tuple[bool, bool]]:
    """Whether a try is no longer at work, and whether it was of this machine; locked meanwhile where it is not."""
    try:
        file = open(_lock_of(path), "r+")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        yield path.exists(), True
        return
    with file:
        host, _, process = file.read().rpartition(" ")
        is_near = host == socket.gethostname()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lives = not process.isdigit() or _lives(int(process))
            yield error.errno in _LOCKLESS and is_near and not lives, is_near
            return
        yield True, is_near


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _remove_try(path: Path) -> None:
    for each in (path, _aside(path)):
        shutil.rmtree(each, ignore_errors=True)
    _lock_of(path).unlink(missing_ok=True)


def _remove_free(folder: Path) -> None:
    """Remove all tries of a unit that are not at work, and the folder once none is left."""
    names = {each.name.removesuffix(".lock").removesuffix(".part") for each in _listed(folder)}
    for name in sorted(names):
        with _free(folder / name) as (is_free, _):
            if is_free or not _lock_of(folder / name).exists():
                _remove_try(folder / name)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _listed(folder: Path) -> list[Any]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return list(folder.iterdir())
    return []

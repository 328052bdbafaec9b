"""Files that are either whole or not there: written aside, forced to disk, renamed."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from conntap.errors import StoreError

__all__ = ["File", "PatientFile", "atomic", "disk_is_full", "sha256", "why_unreadable"]

_ABANDONED_S = 3600


@dataclass(frozen=True)
class File:
    """A file as a value of a stage: its bytes are kept beside the store, under their hash.

    Parameters
    ----------
    path
        Where the bytes are now. After collecting, a store hands out a `File` in its own folder
        `<store>.files`.

    Examples
    --------
    >>> File("figure.svg").name
    'figure.svg'
    """

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.name

    def read_bytes(self) -> bytes:
        """The whole content."""
        return self.path.read_bytes()


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary sibling of `path` to write to; it takes the name `path` when the block ends well.

    The sibling is forced to disk, renamed over `path`, and the folder is forced to disk too. If the block
    raises, the sibling is removed and an older file at `path` stays as it was. Readers see the old file or
    the new one, never a part.

    Parameters
    ----------
    path
        The file to make. Its folder is made if need be.

    Returns
    -------
    The path of the temporary file (it exists and is empty).

    Raises
    ------
    StoreError
        The disk is full, or the folder cannot be written to.

    Notes
    -----
    One fsync of the file and one of the folder. A process killed in the block leaves its temporary file
    behind, named `.<name>.<random>.part`; a later call removes it once it is an hour old and nobody holds it.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> with atomic(target) as aside:
    ...     _ = aside.write_text("1 2 3")
    >>> target.read_text()
    '1 2 3'
    """
    path = Path(path)
    handle, aside = _sibling(path)
    try:
        yield aside
        _force(aside)
        os.replace(aside, path)
        _force(path.parent)
    except BaseException as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        if isinstance(error, Exception) and not isinstance(error, StoreError) and disk_is_full(error):
            raise StoreError(
                f"{path}: the disk is full; what was there before is untouched. Free some space."
            ) from error
        raise
    finally:
        os.close(handle)


class PatientFile:
    """A file to write HDF5 through, which keeps the first error instead of raising it.

    HDF5 writes late, also while objects are released, where an error would be lost. Here it is remembered,
    later writes are dropped, and `check` raises it.

    Parameters
    ----------
    path
        An existing file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as named, PatientFile(named.name) as file:
    ...     file.write(b"abc"), file.seek(0), file.readinto(bytearray(3))
    (3, 0, 3)
    """

    def __init__(self, path: str | Path) -> None:
        self._file = open(path, "r+b", buffering=0)  # noqa: SIM115
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise the first error there was."""
        if self._error is not None:
            raise self._error

    def write(self, data: bytes | memoryview) -> int:
        """Write all of the data, or remember why not."""
        rest = memoryview(data)
        try:
            while rest and self._error is None:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._error = error
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes from here on."""
        return self._file.read(size)

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill the buffer; with zeros beyond the end."""
        view = memoryview(buffer)
        n = self._file.readinto(view) or 0
        view[n:] = bytes(len(view) - n)
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a byte."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The present byte."""
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        """Cut or extend, or remember why not."""
        try:
            return self._file.truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size or 0

    def flush(self) -> None:
        """Nothing is held back."""

    def __enter__(self) -> PatientFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes as 64 hexadecimal digits.

    Raises
    ------
    OSError
        The file cannot be read.

    Examples
    --------
    >>> import os
    >>> sha256(os.devnull)[:8]
    'e3b0c442'
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def why_unreadable(path: str | Path) -> str | None:
    """Why a path, its links followed, leads to no regular file; None where it leads to one.

    Pipes and devices are none: reading them may never end.

    Examples
    --------
    >>> why_unreadable("/no/such/file"), why_unreadable(os.devnull)
    ('no such file', 'a device, not a regular file')
    """
    try:
        mode = os.stat(path).st_mode
    except ValueError:
        return "no path: it has a NUL character or half a character in it"
    except (FileNotFoundError, NotADirectoryError):
        return "no such file"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    if stat.S_ISREG(mode):
        return None
    kinds = {stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}
    return next((name for test, name in kinds.items() if test(mode)), "a device") + ", not a regular file"


def disk_is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, says that there is no space left.

    Examples
    --------
    >>> disk_is_full(OSError(errno.ENOSPC, "No space left on device")), disk_is_full(OSError("other"))
    (True, False)
    """
    while error is not None:
        text = str(error)
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            return True
        if f"errno = {errno.ENOSPC}," in text or os.strerror(errno.ENOSPC) in text:
            return True
        error = error.__cause__ or error.__context__
    return False


def _sibling(path: Path) -> tuple[int, Path]:
    """A new temporary file and a locked handle of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        why = "the disk is full" if disk_is_full(error) else (error.strerror or str(error)).lower()
        raise StoreError(f"{path}: cannot write in {path.parent}: {why}. Choose another place or free it.") from error
    umask = os.umask(0)
    os.umask(umask)
    os.fchmod(handle, 0o666 & ~umask)
    _locked(handle)
    return handle, Path(name)


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of killed processes: an hour old, and locked by nobody."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime < _ABANDONED_S:
                continue
            handle = os.open(part, os.O_RDWR)
            try:
                if _locked(handle):
                    part.unlink()
            finally:
                os.close(handle)


def _locked(handle: int) -> bool:
    """Lock an open file, or say that this cannot be done."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _force(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)

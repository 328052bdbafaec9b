"""Refusing files that claim more than this machine can hold."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import BinaryIO

import psutil

from conntap.errors import FormatError
from conntap.store.files import why_unreadable

__all__ = ["MOST_NODES", "check_file", "check_memory", "check_shape", "unpacked"]

MOST_NODES = 2**31 - 1
_MOST_UNPACKED = 2 * 2**30
_MOST_TIMES = 200


def check_file(path: Path) -> None:
    """Raise FormatError for what is no regular file: reading a pipe or a device may never end.

    Examples
    --------
    >>> check_file(Path("/dev/zero"))
    Traceback (most recent call last):
    conntap.errors.FormatError: /dev/zero: a device, not a regular file. Check the path.
    """
    why = why_unreadable(path)
    if why is not None:
        raise FormatError(f"{path}: {why}. Check the path.")


class _Bounded(gzip.GzipFile):
    """A gzip file that ends in an error where it unpacks to more than a table packs: a bomb."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._path, self._most = path, max(_MOST_UNPACKED, _MOST_TIMES * path.stat().st_size)

    def read(self, size: int | None = -1) -> bytes:
        return self._checked(super().read(self._most + 1 if size is None or size < 0 else size))

    def read1(self, size: int = -1) -> bytes:
        return self._checked(super().read1(size))

    def _checked(self, data: bytes) -> bytes:
        if self.tell() > self._most:
            raise FormatError(
                f"{self._path}: it unpacks to more than {self._most / 2**30:.1f} GiB, {_MOST_TIMES} times its size or more. "
                "Unpack it yourself if it is sound."
            )
        return data


def unpacked(path: Path) -> BinaryIO:
    """A file open for reading, unpacked where it is gzip; a gzip bomb ends in a FormatError.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(gzip.compress(b"pre,post")) and file.flush()
    ...     unpacked(Path(file.name)).read()
    b'pre,post'
    """
    check_file(path)
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return _Bounded(path) if packed else open(path, "rb")  # type: ignore[return-value]


def check_memory(n_bytes: int, path: Path) -> None:
    """Raise FormatError where arrays of so many bytes do not fit into the free memory.

    Examples
    --------
    >>> check_memory(1000, Path("small.npz"))
    """
    free = psutil.virtual_memory().available
    if n_bytes > free:
        raise FormatError(
            f"{path}: its arrays take {n_bytes / 2**30:,.1f} GiB unpacked; {free / 2**30:,.1f} GiB are free. "
            "Check the file, or read it on a larger machine."
        )


def check_shape(shape: tuple[int, ...], path: Path) -> None:
    """Raise FormatError for a matrix that is not 2-D or has more rows or columns than nodes can be.

    Examples
    --------
    >>> check_shape((3, 3), Path("small.npz"))
    """
    if len(shape) != 2:
        raise FormatError(
            f"{path}: an array of shape {shape}; a matrix [pre, post] has two dimensions. Check the file."
        )
    if max(shape) > MOST_NODES or min(shape) < 0:
        raise FormatError(f"{path}: a matrix of shape {shape}; at most {MOST_NODES:,} nodes fit. Check the file.")

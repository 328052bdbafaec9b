"""Shards: append-only files of records with checksums, one writer each, any number of readers.

A record is a head (magic, lengths, checksums), a JSON header, a JSON layout, and the bytes of arrays::

    4s  magic "ctR1"          I  length of header     I  length of layout     Q  length of body
    I   checksum of layout and body                   I  checksum of the head up to here and the header

All numbers are little-endian; checksums are CRC-32. The header holds the key and what the writer says about
it; `scan` reads heads and headers only. A record counts when it is whole; a process killed while it appends
leaves a torn last record, which is skipped by readers and cut off by the next writer.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np

from conntap.errors import CorruptStoreError, StoreError
from conntap.store.codecs import Encoded, json_text
from conntap.store.files import disk_is_full

__all__ = ["ShardEntry", "ShardWriter", "is_whole", "read", "scan", "survey"]

_log = getLogger(__name__)
_MAGIC = b"ctR1"
_PREFIX = struct.Struct("<4sIIQI")
_CHECK = struct.Struct("<I")
_HEAD = _PREFIX.size + _CHECK.size
_ALIGN = 16
_COMPRESS_FROM = 64 * 1024


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """Where one record of a shard is, and its header.

    Parameters
    ----------
    key
        What the record is filed under.
    header
        What the writer said about it.
    path, offset, length
        The file, and the record's first byte and number of bytes in it.

    Examples
    --------
    >>> ShardEntry("k", {"status": "done"}, Path("0.shard"), 0, 96).key
    'k'
    """

    key: str
    header: dict[str, Any]
    path: Path
    offset: int
    length: int


class ShardWriter:
    """Appends records to a shard; each is with the operating system when `append` returns.

    An older file is continued: a torn end, left by a killed process, is cut off first. The process may be
    killed at any moment without harm to earlier records; they are forced to disk at most once a second and
    on `close`.

    Parameters
    ----------
    path
        The file; its folder is made if need be.

    Raises
    ------
    StoreError
        The file cannot be written to, or is no shard.

    Notes
    -----
    Appending a small record takes about 20 microseconds, without the force to disk.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "0.shard"
    >>> with ShardWriter(path) as shard:
    ...     shard.append("a", {"status": "done"}, None)
    >>> [entry.key for entry in scan(path)]
    ['a']
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._handle: int | None = None
        self._size = _sound_end(self.path) if self.path.exists() else 0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            os.ftruncate(self._handle, self._size)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be opened to append: {error.strerror}. Check the folder.") from error
        self._forced = time.monotonic()

    def append(self, key: str, header: dict[str, Any], encoded: Sequence[Encoded] | None) -> None:
        """Add one record.

        Parameters
        ----------
        key
            What to file it under; a key may stand in several records.
        header
            What JSON can hold; `scan` gives it back.
        encoded
            The values; None for a record that has none, such as a failure.

        Raises
        ------
        StoreError
            The disk is full (the record is taken back), the writer is closed, or the header is not JSON.

        Examples
        --------
        >>> import tempfile
        >>> from conntap.store import encode
        >>> path = Path(tempfile.mkdtemp()) / "0.shard"
        >>> with ShardWriter(path) as shard:
        ...     shard.append("a", {}, [encode(1.5)])
        >>> read(scan(path)[0])[0].arrays["value"].item()
        1.5
        """
        if self._handle is None:
            raise StoreError(f"{self.path}: the shard is closed. Open another writer.")
        record = _record(key, header, encoded)
        try:
            _write(self._handle, record)
            if time.monotonic() - self._forced > 1:
                self.flush()
        except OSError as error:
            os.ftruncate(self._handle, self._size)
            why = "the disk is full" if disk_is_full(error) else error.strerror
            raise StoreError(f"{self.path}: record {key!r} cannot be written: {why}. Free space and resume.") from error
        self._size += sum(map(len, record))

    def flush(self) -> None:
        """Force what was appended to disk."""
        if self._handle is not None:
            os.fsync(self._handle)
            self._forced = time.monotonic()

    def close(self) -> None:
        """Force to disk and close; closing twice is harmless."""
        if self._handle is not None:
            try:
                self.flush()
            finally:
                os.close(self._handle)
                self._handle = None

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ShardWriter({str(self.path)!r}, {self._size:,} bytes)"


def scan(path: str | Path) -> list[ShardEntry]:
    """All whole records of a shard, in the order of appending; damaged ones are skipped and logged.

    Heads and headers are read and checked; bodies are not, except that of the last record.

    Raises
    ------
    StoreError
        The file is missing or cannot be read.

    Notes
    -----
    About 5 microseconds a record; bodies are not touched.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "empty.shard"
    >>> path.touch()
    >>> scan(path)
    []
    """
    entries, damaged = survey(path)
    if damaged:
        _log.warning("%s: %d damaged or unfinished records skipped", path, damaged)
    return entries


def survey(path: str | Path) -> tuple[list[ShardEntry], int]:
    """The whole records of a shard, and the number of stretches that are none.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "torn.shard"
    >>> _ = path.write_bytes(b"ctR1 and then nothing")
    >>> survey(path)
    ([], 1)
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return [], 0
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _survey(data, path)
    except OSError as error:
        raise StoreError(f"{path}: the shard cannot be read: {error.strerror}.") from error


def read(entry: ShardEntry) -> list[Encoded]:
    """The values of one record; arrays are fresh and may be written to.

    Raises
    ------
    CorruptStoreError
        The record's bytes are damaged or gone.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "0.shard"
    >>> with ShardWriter(path) as shard:
    ...     shard.append("failed", {"error": "..."}, None)
    >>> read(scan(path)[0])
    []
    """
    record = bytearray(entry.length)
    try:
        with open(entry.path, "rb", buffering=0) as file:
            file.seek(entry.offset)
            n = file.readinto(record)
    except OSError as error:
        raise CorruptStoreError(f"{entry.path}: record {entry.key!r} cannot be read: {error.strerror}.") from error
    if n != entry.length or not _is_sound(record):
        raise CorruptStoreError(
            f"{entry.path}: record {entry.key!r} at byte {entry.offset} is damaged. Run its unit again."
        )
    return _values(record)


def is_whole(entry: ShardEntry) -> bool:
    """Whether the record's bytes, body included, agree with its checksums.

    Examples
    --------
    >>> is_whole(ShardEntry("k", {}, Path("nowhere.shard"), 0, 96))
    False
    """
    try:
        with open(entry.path, "rb") as file:
            file.seek(entry.offset)
            return _is_sound(file.read(entry.length))
    except OSError:
        return False


def _record(key: str, header: dict[str, Any], encoded: Sequence[Encoded] | None) -> list[bytes]:
    layout, body, size = [], [], 0
    for each in encoded or ():
        arrays = []
        for name, array in each.arrays.items():
            data, packed = _array_bytes(np.asarray(array))
            arrays.append([name, array.dtype.str, list(array.shape), size, len(data), packed])
            padding = -len(data) % _ALIGN
            body += [data, bytes(padding)]
            size += len(data) + padding
        layout.append([each.encoding, each.version, each.attrs, arrays])
    head = json_text([key, header]).encode("utf-8", "surrogatepass")
    plan = json_text(layout).encode("utf-8", "surrogatepass") if layout else b""
    plan += b" " * (-(_HEAD + len(head) + len(plan)) % _ALIGN)
    check = zlib.crc32(plan)
    for data in body:
        check = zlib.crc32(data, check)
    prefix = _PREFIX.pack(_MAGIC, len(head), len(plan), size, check)
    return [prefix + _CHECK.pack(zlib.crc32(head, zlib.crc32(prefix))) + head + plan, *filter(len, body)]


def _array_bytes(array: np.ndarray) -> tuple[bytes, bool]:
    data = np.ascontiguousarray(array)
    if data.nbytes < _COMPRESS_FROM:
        return data.tobytes(), False
    shuffled = data.reshape(-1).view(np.uint8).reshape(-1, data.itemsize).T.tobytes()
    packed = zlib.compress(shuffled, 1)
    return (packed, True) if len(packed) < 0.9 * data.nbytes else (data.tobytes(), False)


def _values(record: bytearray) -> list[Encoded]:
    _, n_head, n_plan, _, _ = _PREFIX.unpack_from(record)
    start = _HEAD + n_head
    body = start + n_plan
    text = bytes(record[start:body]).decode("utf-8", "surrogatepass").strip()
    values = []
    for encoding, version, attrs, listed in json.loads(text) if text else ():
        arrays = {
            name: _array(record, body + offset, n, dtype, shape, packed)
            for name, dtype, shape, offset, n, packed in listed
        }
        values.append(Encoded(encoding, version, arrays, attrs))
    return values


def _array(record: bytearray, start: int, n: int, dtype: str, shape: list[int], packed: bool) -> np.ndarray:
    kind = np.dtype(dtype)
    if n == 0:
        return np.zeros(shape, dtype=kind)
    if not packed:
        return np.frombuffer(record, dtype=kind, count=n // kind.itemsize, offset=start).reshape(shape)
    shuffled = np.frombuffer(zlib.decompress(memoryview(record)[start : start + n]), dtype=np.uint8)
    return np.ascontiguousarray(shuffled.reshape(kind.itemsize, -1).T).reshape(-1).view(kind).reshape(shape)


def _write(handle: int, pieces: list[bytes]) -> None:
    data = b"".join(pieces) if len(pieces) > 1 else pieces[0]
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _is_sound(record: bytes | bytearray | mmap.mmap) -> bool:
    if len(record) < _HEAD:
        return False
    magic, n_head, n_plan, n_body, check = _PREFIX.unpack_from(record)
    if magic != _MAGIC or len(record) != _HEAD + n_head + n_plan + n_body:
        return False
    view = memoryview(record)
    (own,) = _CHECK.unpack_from(record, _PREFIX.size)
    if zlib.crc32(view[_HEAD : _HEAD + n_head], zlib.crc32(view[: _PREFIX.size])) != own:
        return False
    return zlib.crc32(view[_HEAD + n_head :]) == check


def _survey(data: mmap.mmap, path: Path) -> tuple[list[ShardEntry], int]:
    entries: list[ShardEntry] = []
    position, damaged, size = 0, 0, len(data)
    while position < size:
        entry = _entry(data, position, size, path)
        if entry is not None:
            entries.append(entry)
            position = entry.offset + entry.length
            continue
        damaged += 1
        start = position + 1
        while entries and not _is_sound(data[entries[-1].offset : entries[-1].offset + entries[-1].length]):
            start = entries.pop().offset + 1
        position = _next_record(data, start, size, path)
    if entries and not _is_sound(data[entries[-1].offset : entries[-1].offset + entries[-1].length]):
        entries.pop()
        damaged += 1
    return entries, damaged


def _entry(data: mmap.mmap, start: int, size: int, path: Path) -> ShardEntry | None:
    if start + _HEAD > size:
        return None
    magic, n_head, n_plan, n_body, _ = _PREFIX.unpack_from(data, start)
    end = start + _HEAD + n_head + n_plan + n_body
    if magic != _MAGIC or end > size:
        return None
    (own,) = _CHECK.unpack_from(data, start + _PREFIX.size)
    head = data[start + _HEAD : start + _HEAD + n_head]
    if zlib.crc32(head, zlib.crc32(data[start : start + _PREFIX.size])) != own:
        return None
    key, header = json.loads(head.decode("utf-8", "surrogatepass"))
    return ShardEntry(key, header, path, start, end - start)


def _next_record(data: mmap.mmap, start: int, size: int, path: Path) -> int:
    while (start := data.find(_MAGIC, start)) >= 0:
        if _entry(data, start, size, path) is not None:
            return start
        start += 1
    return size


def _sound_end(path: Path) -> int:
    entries, _ = survey(path)
    if not entries:
        size = path.stat().st_size
        with open(path, "rb") as file:
            if size and file.read(len(_MAGIC)) != _MAGIC[:size]:
                raise StoreError(f"{path}: it is no shard; refusing to write over it. Choose another name.")
        return 0
    return entries[-1].offset + entries[-1].length

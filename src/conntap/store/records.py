"""Records of shards as bytes.

A record is a head (magic, lengths, checksums), a JSON header, a JSON layout, and the bytes of arrays::

    4s  magic "ctR1"         I  checksum of the rest of the head and of the header
    I   length of header     I  length of layout     Q  length of body     I  checksum of layout and body

All numbers are little-endian; checksums are CRC-32. The header holds the key and what the writer says about
it; `scan` reads heads and headers only. A record counts when it is whole; a process killed while it appends
leaves a torn last record, which is skipped by readers and cut off by the next writer.
"""

from __future__ import annotations

import json
import mmap
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from conntap.store.codecs import Encoded, json_text

__all__ = ["MAGIC", "is_sound", "read_head", "read_values", "record_bytes"]

MAGIC = b"ctR1"
_FIRST = struct.Struct("<4sI")
_REST = struct.Struct("<IIQI")
_WHOLE = struct.Struct("<4sIIIQI")
_HEAD = _WHOLE.size
_ALIGN = 16
_COMPRESS_FROM = 64 * 1024
_json = json.JSONDecoder().decode


def record_bytes(key: str, header: dict[str, Any], encoded: Sequence[Encoded] | None) -> list[bytes]:
    """One record, in pieces to be written one after the other.

    Examples
    --------
    >>> sum(map(len, record_bytes("k", {}, None))) % 16
    0
    """
    layout: list[Any] = []
    body: list[bytes] = []
    size = 0
    for each in encoded or ():
        arrays = []
        for name, array in each.arrays.items():
            data, packed = _array_bytes(array)
            arrays.append([name, array.dtype.str, array.shape, size, len(data), packed])
            body += [data, bytes(-len(data) % _ALIGN)]
            size += len(data) + len(body[-1])
        layout.append([each.encoding, each.version, each.attrs, arrays])
    head, plan = _json_bytes([key, header]), _json_bytes(layout)
    plan += b" " * (-(_HEAD + len(head) + len(plan)) % _ALIGN)
    check = zlib.crc32(plan)
    for data in body:
        check = zlib.crc32(data, check)
    rest = _REST.pack(len(head), len(plan), size, check) + head
    return [_FIRST.pack(MAGIC, zlib.crc32(rest)) + rest + plan, *filter(len, body)]


def read_head(data: mmap.mmap | bytes, start: int, size: int) -> tuple[str, dict[str, Any], int] | None:
    """Key, header and end of the record that starts at a byte; None if no sound head and header are there.

    Examples
    --------
    >>> record = b"".join(record_bytes("k", {"n": 1}, None))
    >>> read_head(record, 0, len(record))
    ('k', {'n': 1}, 48)
    """
    if start + _HEAD > size:
        return None
    magic, own, n_head, n_plan, n_body, _ = _WHOLE.unpack_from(data, start)
    body = start + _HEAD + n_head
    end = body + n_plan + n_body
    if magic != MAGIC or end > size or zlib.crc32(data[start + _FIRST.size : body]) != own:
        return None
    key, header = _json(data[start + _HEAD : body].decode("utf-8", "surrogatepass"))
    return key, header, end


def read_values(record: bytearray) -> list[Encoded]:
    """The values of a sound record; small arrays are views of its bytes.

    Examples
    --------
    >>> read_values(bytearray(b"".join(record_bytes("k", {}, None))))
    []
    """
    _, _, n_head, n_plan, _, _ = _WHOLE.unpack_from(record)
    start = _HEAD + n_head
    body = start + n_plan
    values = []
    for encoding, version, attrs, listed in _json(record[start:body].decode("utf-8", "surrogatepass")):
        arrays = {
            name: _array(record, body + offset, n, dtype, shape, packed)
            for name, dtype, shape, offset, n, packed in listed
        }
        values.append(Encoded(encoding, version, arrays, attrs))
    return values


def is_sound(record: bytes | bytearray) -> bool:
    """Whether these are the bytes of one whole record, by its lengths and checksums.

    Examples
    --------
    >>> record = b"".join(record_bytes("k", {"n": 1}, None))
    >>> is_sound(record), is_sound(record[:-1]), is_sound(record.replace(b"1", b"2"))
    (True, False, False)
    """
    if len(record) < _HEAD:
        return False
    magic, own, n_head, n_plan, n_body, check = _WHOLE.unpack_from(record)
    if magic != MAGIC or len(record) != _HEAD + n_head + n_plan + n_body:
        return False
    view = memoryview(record)
    body = _HEAD + n_head
    return zlib.crc32(view[_FIRST.size : body]) == own and zlib.crc32(view[body:]) == check


def _json_bytes(value: Any) -> bytes:
    return json_text(value).encode("utf-8", "surrogatepass")


def _array_bytes(array: np.ndarray) -> tuple[bytes, bool]:
    data = np.ascontiguousarray(array)
    if data.nbytes < _COMPRESS_FROM:
        return data.tobytes(), False
    shuffled = data.reshape(-1).view(np.uint8).reshape(-1, data.itemsize).T.tobytes()
    packed = zlib.compress(shuffled, 1)
    return (packed, True) if len(packed) < 0.9 * data.nbytes else (data.tobytes(), False)


def _array(record: bytearray, start: int, n: int, dtype: str, shape: list[int], packed: bool) -> np.ndarray:
    kind = np.dtype(dtype)
    if n == 0:
        return np.zeros(shape, dtype=kind)
    if not packed:
        return np.frombuffer(record, dtype=kind, count=n // kind.itemsize, offset=start).reshape(shape)
    shuffled = np.frombuffer(zlib.decompress(memoryview(record)[start : start + n]), dtype=np.uint8)
    return np.ascontiguousarray(shuffled.reshape(kind.itemsize, -1).T).reshape(-1).view(kind).reshape(shape)

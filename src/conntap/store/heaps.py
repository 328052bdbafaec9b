"""Checking the heaps in which files of older versions keep text, before HDF5 walks them: it does so without checks."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

__all__ = ["heaps_are_sound"]

_MAGIC = b"GCOL\x01\x00\x00\x00"
_HEAD = struct.Struct("<8sQ")
_OBJECT = struct.Struct("<HHIQ")


def heaps_are_sound(path: Path) -> bool:
    """Whether every global heap of an HDF5 file can be walked to its end.

    Parameters
    ----------
    path
        A file that exists.

    Notes
    -----
    Reads the whole file once. The layout is that of the HDF5 file format specification 3.0, section III.E.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(_HEAD.pack(_MAGIC, 4096) + bytes(5000))
    ...     file.flush()
    ...     heaps_are_sound(file.name)
    False
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(_MAGIC)
        while at >= 0:
            if not _is_sound(data, at):
                return False
            at = data.find(_MAGIC, at + 1)
    return True


def _is_sound(data: mmap.mmap, start: int) -> bool:
    size = _HEAD.unpack_from(data, start)[1] if start + _HEAD.size <= len(data) else 0
    end = start + size
    if size < 4096 or end > len(data):
        return False
    at = start + _HEAD.size
    while at + _OBJECT.size <= end:
        number, _, _, length = _OBJECT.unpack_from(data, at)
        if number == 0:
            return at + length == end  # what is free reaches to the end
        at += _OBJECT.size + -(-length // 8) * 8
    return at <= end

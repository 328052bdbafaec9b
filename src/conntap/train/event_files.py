"""Histories of training as event files, which TensorBoard shows; written without it."""

from __future__ import annotations

import math
import struct
import time
from pathlib import Path

from conntap.store.files import atomic
from conntap.train.trained import Trained

__all__ = ["write_tensorboard"]

_POLYNOMIAL = 0x82F63B78  # of the checksum CRC-32C, reflected


def write_tensorboard(trained: Trained, folder: str | Path) -> Path:
    """Write the history of a trained network for TensorBoard: a curve of each column, over epochs.

    Parameters
    ----------
    folder
        Of this network alone; its name is that of the run in TensorBoard. Made if need be.

    Returns
    -------
    The path of the file, `events.out.tfevents.0.conntap`; an older one of the name is replaced.

    Raises
    ------
    StoreError
        The folder cannot be written to.

    Notes
    -----
    About 50 bytes a number; the numbers become float32, those that are not finite are left out. Look at it with
    `tensorboard --logdir FOLDER`.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, pandas as pd
    >>> from conntap.circuits import Connectome
    >>> trained = Trained({"best": 1}, {}, pd.DataFrame({"epoch": [1, 2], "loss": [0.7, 0.5]}), Connectome(2, [0], [1]))
    >>> write_tensorboard(trained, tempfile.mkdtemp()).stat().st_size
    126
    """
    now = time.time()
    events = [_event(now, 0, _bytes(3, b"brain.Event:2"))]
    for row in trained.history.to_dict("records"):
        numbers = {str(name): float(value) for name, value in row.items() if name != "epoch" and math.isfinite(value)}
        values = (
            _bytes(1, _bytes(1, name.encode()) + b"\x15" + struct.pack("<f", each)) for name, each in numbers.items()
        )
        events.append(_event(now, int(row["epoch"]), _bytes(5, b"".join(values))))
    path = Path(folder) / "events.out.tfevents.0.conntap"
    with atomic(path) as aside:
        aside.write_bytes(b"".join(_record(each) for each in events))
    return path


def _event(wall_s: float, step: int, rest: bytes) -> bytes:
    return b"\x09" + struct.pack("<d", wall_s) + b"\x10" + _varint(step) + rest


def _bytes(field: int, value: bytes) -> bytes:
    """A field of a protocol buffer that has a length."""
    return bytes([field << 3 | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def _masked(data: bytes) -> bytes:
    found = _crc32c(data)
    return struct.pack("<I", ((found >> 15 | found << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _crc32c(data: bytes) -> int:
    """The checksum of Castagnoli.

    >>> hex(_crc32c(b"123456789"))
    '0xe3069283'
    """
    found = 0xFFFFFFFF
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = found >> 1 ^ (_POLYNOMIAL if found & 1 else 0)
    return found ^ 0xFFFFFFFF

"""Values of one encoding end to end in an HDF5 group, written as a stream."""

from __future__ import annotations

from array import array
from typing import Any

import h5py
import numpy as np

from conntap.store.codecs import Encoded, json_text
from conntap.store.columns import pack_text
from conntap.store.elements import COMPRESSION, quoted, write_array, write_attribute

__all__ = ["GroupWriter", "signature"]

_LEAST_CHUNK, _LARGEST_CHUNK = 32 * 1024, 128 * 1024


def signature(encoded: Encoded) -> tuple[Any, ...]:
    """What values must share to lie in one group: encoding, version, and each array's name, type and dimensions.

    Examples
    --------
    >>> signature(Encoded("array", 1, {"data": np.zeros((2, 2))}))
    ('array', 1, (('data', '<f8', 2),))
    """
    arrays = sorted((name, _type_of(each), each.ndim) for name, each in encoded.arrays.items())
    return encoded.encoding, encoded.version, tuple(arrays)


class _Stream:
    """One dataset that grows by whole chunks; a chunk holds about one value as large as the first."""

    def __init__(self, parent: h5py.Group, name: str, dtype: np.dtype, first: int) -> None:
        self._parent, self._name, self._dtype = parent, name, dtype
        wanted = 1 << max(0, first * dtype.itemsize - 1).bit_length()
        self._chunk = max(1, min(max(wanted, _LEAST_CHUNK), _LARGEST_CHUNK) // dtype.itemsize)
        self._waiting: list[np.ndarray] = []
        self._n_waiting = self._n_written = 0
        self._dataset: h5py.Dataset | None = None
        self.lengths = array("q")

    def append(self, values: np.ndarray) -> None:
        self.lengths.append(len(values))
        self._waiting.append(values if values.base is None else values.copy())
        self._n_waiting += len(values)
        if self._n_waiting >= self._chunk:
            self._write(self._n_waiting - self._n_waiting % self._chunk)

    def close(self) -> h5py.Dataset:
        if self._dataset is None:
            self._dataset = write_array(self._parent, self._name, self._joined())
        elif self._n_waiting:
            self._write(self._n_waiting)
        self._waiting = []
        return self._dataset

    def _write(self, n: int) -> None:
        joined = self._joined()
        if self._dataset is None:
            self._dataset = self._parent.create_dataset(
                self._name, (0,), self._dtype, maxshape=(None,), chunks=(self._chunk,), **COMPRESSION
            )
        start = self._n_written
        self._dataset.resize((start + n,))
        self._dataset[start : start + n] = joined[:n]
        self._n_written += n
        self._waiting, self._n_waiting = [joined[n:].copy()], len(joined) - n

    def _joined(self) -> np.ndarray:
        return np.concatenate([np.empty(0, self._dtype), *self._waiting])


class GroupWriter:
    """Writes values that share a signature, one by one; memory stays at about a chunk an array.

    Parameters
    ----------
    group
        The HDF5 group to fill.
    first
        The first value, which sets the signature (it is not appended).
    """

    def __init__(self, group: h5py.Group, first: Encoded) -> None:
        self._group = group
        encoding, version, arrays = signature(first)
        write_attribute(group, "encoding", encoding)
        write_attribute(group, "version", version)
        self._described = {name: {"type": kind, "ndim": ndim} for name, kind, ndim in arrays}
        write_attribute(group, "arrays", json_text(self._described))
        data = group.create_group("arrays")
        self._streams: dict[str, _Stream] = {}
        for name, kind, _ in arrays:
            parts = [("utf8", "u1"), ("lengths", "<i4")] if kind == "text" else [("", kind)]
            for part, dtype in parts:
                full = f"{name}.{part}" if part else name
                self._streams[full] = _Stream(data, quoted(full), np.dtype(dtype), first.arrays[name].size)
        self._shapes = {name: array("q") for name, _, ndim in arrays if ndim > 1}
        self._attrs: dict[str, int] = {}
        self._attr_codes = array("q")
        self.n = 0

    def append(self, encoded: Encoded) -> int:
        """Add a value of the group's signature; returns its position."""
        for name, each in encoded.arrays.items():
            if name in self._shapes:
                self._shapes[name].extend(each.shape)
            flat = each.reshape(-1)
            if each.dtype.kind == "U":
                for part, packed in pack_text(flat.tolist()).items():
                    self._streams[f"{name}.{part}"].append(packed)
            else:
                self._streams[name].append(flat)
        text = json_text(encoded.attrs)
        self._attr_codes.append(self._attrs.setdefault(text, len(self._attrs)))
        self.n += 1
        return self.n - 1

    def close(self) -> None:
        """Write what waits, the offsets, the shapes and the attributes."""
        offsets = _Offsets(self._group)
        for name, stream in self._streams.items():
            dataset = stream.close()
            if self._described.get(name, {}).get("ndim") != 0:
                write_attribute(dataset, "offsets", offsets.name_of(stream.lengths))
        for name, shape in self._shapes.items():
            shapes = np.frombuffer(shape, dtype=np.int64).reshape(self.n, -1)
            write_array(self._group.require_group("shapes"), quoted(name), shapes)
        if len(self._attrs) <= 1:
            write_attribute(self._group, "attrs", next(iter(self._attrs), "{}"))
            return
        attrs = self._group.create_group("attrs")
        for part, packed in pack_text(list(self._attrs)).items():
            write_array(attrs, part, packed)
        write_array(attrs, "codes", np.frombuffer(self._attr_codes, dtype=np.int64))


class _Offsets:
    """Distinct offsets, each written once however many arrays share them."""

    def __init__(self, group: h5py.Group) -> None:
        self._group = group.create_group("offsets")
        self._names: dict[bytes, str] = {}

    def name_of(self, lengths: array) -> str:
        known = lengths.tobytes()
        if known not in self._names:
            self._names[known] = str(len(self._names))
            offsets = np.concatenate([[0], np.cumsum(np.frombuffer(lengths, dtype=np.int64))]).astype(np.int64)
            write_array(self._group, self._names[known], offsets)
        return self._names[known]


def _type_of(values: np.ndarray) -> str:
    return "text" if values.dtype.kind == "U" else values.dtype.newbyteorder("<").str

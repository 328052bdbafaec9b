"""Values of one encoding, end to end: how they lie in an HDF5 group, written as a stream and read in slices."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import h5py
import numpy as np

from conntap.store.codecs import Encoded, json_text
from conntap.store.columns import pack_text, unpack_text

__all__ = ["GroupReader", "GroupWriter", "quoted", "signature", "write_array"]

_CHUNK_BYTES = 128 * 1024
_PLAIN_BYTES = 4096
_BLOCK_BYTES = 16 * 1024 * 1024
_COMPRESSION = {"shuffle": True, "compression": "gzip", "compression_opts": 1, "fletcher32": True}


def quoted(name: str) -> str:
    """A name as HDF5 can hold it: `%` and `/` as `%25` and `%2F`, a leading dot as `%2E`.

    Examples
    --------
    >>> quoted("dynamics_params/threshold")
    'dynamics_params%2Fthreshold'
    """
    name = name.replace("%", "%25").replace("/", "%2F")
    return "%2E" + name[1:] if name.startswith(".") else name or "%"


def signature(encoded: Encoded) -> tuple[Any, ...]:
    """What values must share to lie in one group: encoding, version, and each array's name, type and dimensions.

    Examples
    --------
    >>> signature(Encoded("array", 1, {"data": np.zeros((2, 2))}))
    ('array', 1, (('data', '<f8', 2),))
    """
    arrays = sorted((name, _type_of(each), each.ndim) for name, each in encoded.arrays.items())
    return encoded.encoding, encoded.version, tuple(arrays)


def write_array(parent: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
    """A whole array as one dataset, chunked and compressed unless it is small.

    Examples
    --------
    >>> with h5py.File("a", "w", driver="core", backing_store=False) as file:
    ...     write_array(file, "x", np.arange(3))[1]
    np.int64(1)
    """
    if values.nbytes <= _PLAIN_BYTES or values.ndim == 0:
        return parent.create_dataset(name, data=values)
    chunk = min(len(values), max(1, _CHUNK_BYTES * len(values) // values.nbytes))
    return parent.create_dataset(name, data=values, chunks=(chunk, *values.shape[1:]), **_COMPRESSION)


class _Stream:
    """One dataset that grows by whole chunks."""

    def __init__(self, parent: h5py.Group, name: str, dtype: np.dtype) -> None:
        self._parent, self._name, self._dtype = parent, name, dtype
        self._chunk = max(1, _CHUNK_BYTES // dtype.itemsize)
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
                self._name, (0,), self._dtype, maxshape=(None,), chunks=(self._chunk,), **_COMPRESSION
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
        group.attrs["encoding"], group.attrs["version"] = encoding, version
        self._described = {name: {"type": kind, "ndim": ndim} for name, kind, ndim in arrays}
        group.attrs["arrays"] = json_text(self._described)
        data = group.create_group("arrays")
        self._streams: dict[str, _Stream] = {}
        for name, kind, _ in arrays:
            parts = [("utf8", "u1"), ("lengths", "<i4")] if kind == "text" else [("", kind)]
            for part, dtype in parts:
                full = f"{name}.{part}" if part else name
                self._streams[full] = _Stream(data, quoted(full), np.dtype(dtype))
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
                dataset.attrs["offsets"] = offsets.name_of(stream.lengths)
        for name, shape in self._shapes.items():
            shapes = np.frombuffer(shape, dtype=np.int64).reshape(self.n, -1)
            write_array(self._group.require_group("shapes"), quoted(name), shapes)
        if len(self._attrs) <= 1:
            self._group.attrs["attrs"] = next(iter(self._attrs), "{}")
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


class GroupReader:
    """Reads values of one group: one by one, in blocks, or whole arrays at once.

    Parameters
    ----------
    group
        An HDF5 group that `GroupWriter` filled.
    """

    def __init__(self, group: h5py.Group) -> None:
        self._group = group
        self.encoding: str = group.attrs["encoding"]
        self.version = int(group.attrs["version"])
        self.described: dict[str, dict[str, Any]] = json.loads(group.attrs["arrays"])
        self._datasets: dict[str, h5py.Dataset] = {}
        self._known_offsets: dict[str, np.ndarray] = {}
        self._shapes: dict[str, np.ndarray] = {}
        self._attrs: tuple[list[dict[str, Any]], np.ndarray | None] | None = None

    def attrs(self) -> tuple[list[dict[str, Any]], np.ndarray | None]:
        """The distinct attributes, and the number of the one of each value (None where there is one for all)."""
        if self._attrs is None:
            if "attrs" in self._group.attrs:
                self._attrs = [json.loads(self._group.attrs["attrs"])], None
            else:
                parts = self._group["attrs"]
                texts = unpack_text(parts["utf8"][:], parts["lengths"][:])
                self._attrs = [json.loads(text) for text in texts], parts["codes"][:]
        return self._attrs

    def dataset(self, stream: str) -> h5py.Dataset:
        """The dataset of one numeric array, all values end to end."""
        if stream not in self._datasets:
            self._datasets[stream] = self._group["arrays"][quoted(stream)]
        return self._datasets[stream]

    def offsets(self, stream: str) -> np.ndarray | None:
        """Where each value begins and ends in the dataset; None where each has one entry."""
        name = self.dataset(stream).attrs.get("offsets")
        if name is None:
            return None
        if name not in self._known_offsets:
            self._known_offsets[name] = self._group["offsets"][name][:]
        return self._known_offsets[name]

    def streams(self) -> list[str]:
        """The names of the numeric arrays; a text array has two."""
        names: list[str] = []
        for name, described in self.described.items():
            names += [f"{name}.utf8", f"{name}.lengths"] if described["type"] == "text" else [name]
        return names

    def gather(self, stream: str, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The entries of some values end to end, and the number of entries of each."""
        dataset, offsets = self.dataset(stream), self.offsets(stream)
        if offsets is None:
            offsets = np.arange(len(dataset) + 1)
        lengths = offsets[positions + 1] - offsets[positions]
        pieces = [dataset[offsets[a] : offsets[b]] for a, b in _runs(positions)]
        return (pieces[0] if len(pieces) == 1 else np.concatenate([dataset[:0], *pieces])), lengths

    def one(self, position: int) -> Encoded:
        """The value at one position."""
        return next(self.some(np.array([position])))

    def some(self, positions: np.ndarray) -> Iterator[Encoded]:
        """The values at these positions, in this order, read a block at a time."""
        start = 0
        while start < len(positions):
            stop = self._block_end(positions, start)
            yield from self._block(positions[start:stop])
            start = stop

    def _block_end(self, positions: np.ndarray, start: int) -> int:
        sizes = np.zeros(len(positions) - start, dtype=np.int64)
        if len(sizes) == 1:
            return start + 1
        for stream in self.streams():
            offsets = self.offsets(stream)
            each = 1 if offsets is None else offsets[positions[start:] + 1] - offsets[positions[start:]]
            sizes += each * self.dataset(stream).dtype.itemsize
        return start + max(1, int(np.searchsorted(np.cumsum(sizes), _BLOCK_BYTES)))

    def _block(self, positions: np.ndarray) -> Iterator[Encoded]:
        columns = {}
        for stream in self.streams():
            values, lengths = self.gather(stream, positions)
            columns[stream] = values, np.concatenate([[0], np.cumsum(lengths)]).tolist()
        distinct, codes = self.attrs()
        for number, position in enumerate(positions.tolist()):
            pieces = {name: values[ends[number] : ends[number + 1]] for name, (values, ends) in columns.items()}
            arrays = {name: self._shaped(name, pieces, position) for name in self.described}
            attrs = distinct[0 if codes is None else int(codes[position])]
            yield Encoded(self.encoding, self.version, arrays, attrs)

    def _shaped(self, name: str, pieces: dict[str, np.ndarray], position: int) -> np.ndarray:
        described = self.described[name]
        if described["type"] == "text":
            texts = unpack_text(pieces[f"{name}.utf8"], pieces[f"{name}.lengths"])
            flat = np.array(texts, dtype=np.str_)
        else:
            flat = pieces[name]
        ndim = described["ndim"]
        return flat if ndim == 1 else flat.reshape(() if ndim == 0 else self._shape(name, position))

    def _shape(self, name: str, position: int) -> Sequence[int]:
        if name not in self._shapes:
            self._shapes[name] = self._group["shapes"][quoted(name)][:]
        return self._shapes[name][position].tolist()


def _runs(positions: np.ndarray) -> Iterator[tuple[int, int]]:
    """Stretches of consecutive positions as (first, last + 1)."""
    breaks = np.flatnonzero(np.diff(positions) != 1) + 1
    for start, stop in zip([0, *breaks], [*breaks, len(positions)]):
        if stop > start:
            yield int(positions[start]), int(positions[stop - 1]) + 1


def _type_of(values: np.ndarray) -> str:
    return "text" if values.dtype.kind == "U" else values.dtype.str

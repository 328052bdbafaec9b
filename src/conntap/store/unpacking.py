"""Values of one encoding out of an HDF5 group: one by one, in blocks, or whole arrays at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import h5py
import numpy as np

from conntap.store.codecs import Encoded
from conntap.store.columns import unpack_text
from conntap.store.elements import quoted, read_attributes

__all__ = ["GroupReader"]

_BLOCK_BYTES = 16 * 1024 * 1024


class GroupReader:
    """Reads values of one group: one by one, in blocks, or whole arrays at once.

    Parameters
    ----------
    group
        An HDF5 group that `GroupWriter` filled.
    """

    def __init__(self, group: h5py.Group) -> None:
        self._group = group
        attributes = read_attributes(group)
        self.encoding: str = attributes["encoding"]
        self.version = int(attributes["version"])
        self.described: dict[str, dict[str, Any]] = json.loads(attributes["arrays"])
        self._only_attrs: str | None = attributes.get("attrs")
        self._datasets: dict[str, h5py.Dataset] = {}
        self._known_offsets: dict[str, np.ndarray] = {}
        self._offsets_of: dict[str, np.ndarray | None] = {}
        self._shapes: dict[str, np.ndarray] = {}
        self._attrs: tuple[list[dict[str, Any]], np.ndarray | None] | None = None

    def attrs(self) -> tuple[list[dict[str, Any]], np.ndarray | None]:
        """The distinct attributes, and the number of the one of each value (None where there is one for all)."""
        if self._attrs is None:
            if self._only_attrs is not None:
                self._attrs = [json.loads(self._only_attrs)], None
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
        if stream not in self._offsets_of:
            name = read_attributes(self.dataset(stream)).get("offsets")
            if name is not None and name not in self._known_offsets:
                self._known_offsets[name] = self._group["offsets"][name][:]
            self._offsets_of[stream] = self._known_offsets.get(name)
        return self._offsets_of[stream]

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
        pieces = {}
        for stream in self.streams():
            offsets = self.offsets(stream)
            start, stop = (position, position + 1) if offsets is None else offsets[position : position + 2].tolist()
            pieces[stream] = self.dataset(stream)[start:stop]
        return self._value(pieces, position)

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
        for number, position in enumerate(positions.tolist()):
            pieces = {name: values[ends[number] : ends[number + 1]] for name, (values, ends) in columns.items()}
            yield self._value(pieces, position)

    def _value(self, pieces: dict[str, np.ndarray], position: int) -> Encoded:
        distinct, codes = self.attrs()
        arrays = {name: self._shaped(name, pieces, position) for name in self.described}
        return Encoded(self.encoding, self.version, arrays, distinct[0 if codes is None else int(codes[position])])

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

"""What HDF5 files here are made of: arrays, attributes and texts, each where a checksum covers it.

Arrays lie in chunks with checksums, short text in object headers. HDF5 keeps text of variable length in heaps without
checksums, where damage goes unnoticed or makes it loop for ever; so none is written. It is read from older files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

from conntap.store.columns import pack_text, unpack_text

__all__ = ["COMPRESSION", "quoted", "read_attributes", "read_texts", "write_array", "write_attribute", "write_texts"]

COMPRESSION = {"shuffle": True, "compression": "gzip", "compression_opts": 1, "fletcher32": True}
_LONG = "%attributes"  # no quoted name is like it
_CHUNK_BYTES = 64 * 1024
_PLAIN_BYTES = 4096
_LONGEST = 1024
_PADDING = 4


def quoted(name: str) -> str:
    """A name as HDF5 can hold it: `%` and `/` as `%25` and `%2F`, a leading dot as `%2E`.

    Examples
    --------
    >>> quoted("dynamics_params/threshold")
    'dynamics_params%2Fthreshold'
    """
    name = name.replace("%", "%25").replace("/", "%2F")
    return "%2E" + name[1:] if name.startswith(".") else name or "%"


def write_array(parent: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
    """A whole array as one dataset, in chunks with checksums, compressed unless it is small.

    Examples
    --------
    >>> with h5py.File("a", "w", driver="core", backing_store=False) as file:
    ...     write_array(file, "x", np.arange(3))[1]
    np.int64(1)
    """
    if values.size == 0 or values.ndim == 0:
        return parent.create_dataset(name, data=values)
    chunk = min(len(values), max(1, _CHUNK_BYTES * len(values) // values.nbytes))
    filters = COMPRESSION if values.nbytes > _PLAIN_BYTES else {"fletcher32": True}
    return parent.create_dataset(name, data=values, chunks=(chunk, *values.shape[1:]), **filters)


def write_attribute(item: h5py.Group | h5py.Dataset, name: str, value: Any) -> None:
    """An attribute; text above 1024 bytes, or with a NUL character, as a dataset of its bytes.

    Parameters
    ----------
    item
        What to describe; a group where the text may be long.
    name, value
        Text, a number or a boolean.

    Examples
    --------
    >>> with h5py.File("a", "w", driver="core", backing_store=False) as file:
    ...     write_attribute(file, "study", "x" * 2000)
    ...     file["%attributes/study"].shape
    (2000,)
    """
    if not isinstance(value, str):
        item.attrs[name] = value
        return
    data = value.encode("utf-8", "surrogatepass")
    if len(data) > _LONGEST or b"\0" in data:
        write_array(item.require_group(_LONG), quoted(name), np.frombuffer(data, dtype=np.uint8))
        return
    item.attrs.create(name, np.array(data, dtype=h5py.string_dtype("utf-8", max(1, len(data)))))


def read_attributes(item: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """All attributes that `write_attribute` wrote, and those of older versions.

    Examples
    --------
    >>> with h5py.File("a", "w", driver="core", backing_store=False) as file:
    ...     write_attribute(file, "study", "seed: 1")
    ...     read_attributes(file)
    {'study': 'seed: 1'}
    """
    found = {name: _text(value) if isinstance(value, bytes) else value for name, value in item.attrs.items()}
    if isinstance(item, h5py.Group) and _LONG in item:
        for name, data in item[_LONG].items():
            found[_unquoted(name)] = _text(data[:].tobytes())
    return found


def write_texts(parent: h5py.Group, name: str, texts: Sequence[str]) -> None:
    """Texts as a dataset of UTF-8 of one length; a group of `utf8` and `lengths` where that would be mostly padding.

    Examples
    --------
    >>> with h5py.File("a", "w", driver="core", backing_store=False) as file:
    ...     write_texts(file, "names", ["a", "µm"])
    ...     file["names"].asstr()[:].tolist()
    ['a', 'µm']
    """
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    width = max(map(len, encoded), default=0) or 1
    padded = width * len(encoded) > max(4096, _PADDING * sum(map(len, encoded)))
    if padded or any(b"\0" in each for each in encoded):
        group = parent.create_group(name)
        for part, values in pack_text(list(texts)).items():
            write_array(group, part, values)
    else:
        write_array(parent, name, np.array(encoded, dtype=h5py.string_dtype("utf-8", width)))


def read_texts(item: h5py.Group | h5py.Dataset) -> list[str]:
    """The texts that `write_texts` wrote, and those of older versions.

    Examples
    --------
    >>> with h5py.File("a", "w", driver="core", backing_store=False) as file:
    ...     write_texts(file, "names", ["a", "b" * 9999])
    ...     len(read_texts(file["names"])[1])
    9999
    """
    if isinstance(item, h5py.Group):
        return unpack_text(item["utf8"][:], item["lengths"][:])
    return [_text(each) for each in item[...].tolist()]


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def _unquoted(name: str) -> str:
    return "" if name == "%" else name.replace("%2E", ".").replace("%2F", "/").replace("%25", "%")

"""Zarr stores (format 3, and numeric arrays of format 2): ours, and arrays that others wrote.

Metadata are read and judged here before zarr opens an array: numbers only, and codecs that unpack nothing but bytes.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from conntap.activity.asked import Asked
from conntap.activity.foreign import Found, chosen, traces_of
from conntap.activity.lazy import ZarrArray
from conntap.activity.opening import told
from conntap.activity.own import apart, together
from conntap.activity.spikes import Spikes
from conntap.activity.traces import Traces
from conntap.errors import ActivityError, MissingExtra, known

__all__ = ["is_zarr", "read_zarr", "write_zarr"]

_METADATA = ("zarr.json", ".zarray", ".zgroup")
_NUMBERS = re.compile(r"bool|u?int(8|16|32|64)|float(16|32|64)")
_NUMBERS_2 = re.compile(r"[<>|=]?[biuf][1248]")
_CODECS = {"bytes", "blosc", "gzip", "zstd", "crc32c", "transpose", "sharding_indexed"}
_CODECS_2 = {"blosc", "zlib", "gzip", "zstd", "lz4", "bz2", "shuffle", "delta"}
_LARGEST_CHUNK = 2**31
_LARGEST_METADATA = 2**26
_DEPTH = 4
_CHUNK = (10_000, 128)


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr store."""
    return path.is_dir() and any((path / name).is_file() for name in _METADATA)


def read_zarr(path: Path, asked: Asked) -> Spikes | Traces:
    """Our own stores wholly; of others the 2-D array that is chosen, lazily."""
    with told(path):
        attributes = _metadata(path).get("attributes") or {}
        if "conntap" in attributes:
            return _own(path, attributes["conntap"])
        found = list(_arrays(path, path, _DEPTH))
        one = chosen(found, asked.series, path)
        return traces_of(one, asked, path)


def write_zarr(activity: Spikes | Traces, path: Path, overwrite: bool) -> None:
    """Write a zarr store of format 3, whole or not at all; lazy values are read and written piece by piece."""
    zarr = _zarr()
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    try:
        os.chmod(aside, 0o755)
        group = zarr.open_group(aside, mode="w", zarr_format=3)
        arrays, text = apart(activity)
        for name, array in arrays.items():
            group.create_array(name, data=np.asarray(array))
        if isinstance(activity, Traces):
            _write_values(group, activity)
        group.attrs["conntap"] = text
        if path.exists() and overwrite:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        os.rename(aside, path)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _write_values(group: Any, traces: Traces) -> None:
    shape = traces.n_steps, traces.n_nodes
    chunks = tuple(max(1, min(most, n)) for most, n in zip(_CHUNK, shape, strict=True))
    dtype = np.dtype(traces.values.dtype)
    values = group.create_array("values", shape=shape, chunks=chunks, dtype=dtype, dimension_names=["time", "node"])
    first = 0
    for piece in traces.pieces(chunks[0]):
        values[first : first + len(piece)] = piece
        first += len(piece)


def _own(path: Path, text: Any) -> Spikes | Traces:
    zarr, arrays, values = _zarr(), {}, None
    for found in _arrays(path, path, 1):
        if found.name == "values":
            values = found.values
        else:
            arrays[found.name] = np.asarray(zarr.open_array(path / found.name, mode="r")[...])
    return together(text, arrays, values, path)


def _arrays(root: Path, folder: Path, depth: int) -> Any:
    """The arrays of numbers in a store, with the attributes that they and their groups have."""
    metadata = _metadata(folder)
    if "shape" in metadata:
        yield _found(root, folder, metadata)
        return
    if depth:
        for each in sorted(folder.iterdir()):
            if is_zarr(each):
                yield from _arrays(root, each, depth - 1)


def _found(root: Path, folder: Path, metadata: dict[str, Any]) -> Found:
    name = folder.relative_to(root).as_posix()
    _judged(metadata, folder)
    shape = tuple(int(n) for n in metadata["shape"])
    attributes = {**(_metadata(root).get("attributes") or {}), **(metadata.get("attributes") or {})}
    values = ZarrArray(folder.absolute(), shape, _dtype(metadata))
    return Found("" if name == "." else name, values, attributes, metadata.get("dimension_names"))


def _metadata(folder: Path) -> dict[str, Any]:
    """The metadata of a node of either format, attributes under "attributes"."""
    own: dict[str, Any] = {}
    for name in (*_METADATA, ".zattrs"):
        file = folder / name
        if not file.is_file():
            continue
        if file.stat().st_size > _LARGEST_METADATA:
            raise ActivityError(f"{file}: metadata of {file.stat().st_size:,} bytes; that is none of a recording.")
        read = json.loads(file.read_text("utf-8"))
        if not isinstance(read, dict):
            raise ActivityError(f"{file}: no metadata of zarr. Write the store again.")
        own.update({"attributes": read} if name == ".zattrs" else read)
        if name == "zarr.json":
            break
    dimensions = (own.get("attributes") or {}).get("_ARRAY_DIMENSIONS")
    return own if dimensions is None else {"dimension_names": dimensions, **own}


def _dtype(metadata: dict[str, Any]) -> np.dtype:
    return np.dtype(metadata["data_type"] if "data_type" in metadata else metadata["dtype"])


def _judged(metadata: dict[str, Any], folder: Path) -> None:
    """Refuse what is no array of numbers, or is packed by a codec that may do anything else than unpack bytes."""
    if "data_type" in metadata:
        kind, sound = metadata["data_type"], _NUMBERS
        names = {str(each.get("name")) for each in metadata.get("codecs") or ()}
        chunk, allowed = metadata["chunk_grid"]["configuration"]["chunk_shape"], _CODECS
    else:
        kind, sound = metadata["dtype"], _NUMBERS_2
        packed = [metadata.get("compressor"), *(metadata.get("filters") or ())]
        names, allowed = {str(each.get("id")) for each in packed if each}, _CODECS_2
        chunk = metadata["chunks"]
    if not isinstance(kind, str) or not sound.fullmatch(kind):
        raise ActivityError(f"{folder}: an array of {kind!r}; activity is numbers. Choose another with series=.")
    if names - allowed:
        raise ActivityError(f"{folder}: packed by {known(names - allowed)}; read here are {known(allowed)}.")
    if math.prod(int(n) for n in chunk) * _dtype(metadata).itemsize > _LARGEST_CHUNK:
        raise ActivityError(f"{folder}: chunks of shape {tuple(chunk)}, over 2 GiB. Write it in smaller ones.")
    _zarr()


def _zarr() -> Any:
    with suppress(ImportError):
        import zarr

        return zarr
    raise MissingExtra("recordings", package="zarr", needed_for="reading and writing zarr stores")

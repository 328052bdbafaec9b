"""One connectome in one HDF5 file of our own; the layout is told in docs/how-to/formats.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import h5py
import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.formats.limits import check_memory
from conntap.errors import ConntapError, FormatError
from conntap.store.columns import decode_column, encode_column, pack_text, smallest, unpack_text
from conntap.store.new_hdf5 import new_hdf5

__all__ = ["FORMAT", "VERSION", "read_hdf5", "write_hdf5"]

FORMAT = "conntap-connectome"
VERSION = 1
_COMPRESS_FROM = 4096


def read_hdf5(path: Path) -> Connectome:
    """A connectome from our HDF5 file, equal to the one written.

    Raises
    ------
    FormatError
        A newer version of the layout, or a file that is damaged or not whole.
    """
    try:
        with h5py.File(path, locking="best-effort") as file:
            if file.attrs.get("format") != FORMAT:
                raise FormatError(f"{path}: no connectome of conntap (attribute format is not {FORMAT!r}).")
            if int(file.attrs["version"]) > VERSION:
                raise FormatError(
                    f"{path}: layout version {file.attrs['version']}; this conntap reads up to {VERSION}. "
                    "Install a newer conntap."
                )
            check_memory(_bytes_of(file), path)
            return _read(file)
    except FormatError:
        raise
    except (ConntapError, KeyError, OSError, ValueError, TypeError) as error:
        raise FormatError(f"{path}: damaged or not whole ({error}). Write it again.") from error


def write_hdf5(connectome: Connectome, path: Path) -> None:
    """Write a connectome as our HDF5 file (gzip, shuffled), whole or not at all."""
    with new_hdf5(path) as file:
        file.attrs.update({"format": FORMAT, "version": VERSION, "name": connectome.name})
        file.attrs["square"] = connectome.is_square
        _write_array(file, "pre", smallest(connectome.pre))
        _write_array(file, "post", smallest(connectome.post))
        _write_table(file, "nodes", connectome.pre_nodes)
        if not connectome.is_square:
            _write_table(file, "post_nodes", connectome.post_nodes)
        _write_columns(file.create_group("edges"), connectome.properties)


def _read(file: h5py.File) -> Connectome:
    return Connectome(
        _read_table(file["nodes"]),
        file["pre"][:],
        file["post"][:],
        post_nodes=None if file.attrs["square"] else _read_table(file["post_nodes"]),
        properties=_read_columns(file["edges"]),
        name=str(file.attrs["name"]),
    )


def _write_table(parent: h5py.Group, name: str, table: pd.DataFrame) -> None:
    group = parent.create_group(name)
    _write_column(group.create_group("id"), "id", table.index, 0)
    _write_columns(group.create_group("columns"), {column: table[column] for column in table.columns})


def _read_table(group: h5py.Group) -> pd.DataFrame:
    index = pd.Index(_read_column(group["id"]), name="id")
    if index.dtype.kind in "iu" and len(index) and index[0] == 0 and np.array_equal(index, np.arange(len(index))):
        index = pd.RangeIndex(len(index), name="id")
    return pd.DataFrame(_read_columns(group["columns"]), index=index)


def _write_columns(group: h5py.Group, columns: Mapping[str, Any]) -> None:
    for position, (name, values) in enumerate(columns.items()):
        _write_column(group.create_group(_quoted(name)), name, values, position)


def _read_columns(group: h5py.Group) -> dict[str, Any]:
    columns = sorted(group.values(), key=lambda column: int(column.attrs["position"]))
    return {str(column.attrs["name"]): _read_column(column) for column in columns}


def _write_column(group: h5py.Group, name: str, values: Any, position: int) -> None:
    if isinstance(values, pd.RangeIndex):
        values = values.to_numpy()
    spec, parts = encode_column(values, f"column {name!r}")
    if "utf8" in parts:
        texts = unpack_text(parts.pop("utf8"), parts.pop("lengths"))
        group.create_dataset("texts", data=texts, dtype=h5py.string_dtype(), shape=(len(texts),))
    for part, array in parts.items():
        _write_array(group, part, array)
    group.attrs.update({"name": name, "position": position, "spec": json.dumps(spec)})


def _read_column(group: h5py.Group) -> Any:
    parts = {part: dataset[:] for part, dataset in group.items() if part != "texts"}
    if "texts" in group:
        parts.update(pack_text(list(group["texts"].asstr()[:])))
    return decode_column(json.loads(group.attrs["spec"]), parts)


def _write_array(group: h5py.Group, name: str, array: np.ndarray) -> None:
    packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if array.nbytes > _COMPRESS_FROM else {}
    group.create_dataset(name, data=array, **packed)


def _bytes_of(file: h5py.File) -> int:
    sizes: list[int] = []
    file.visititems(lambda _, each: sizes.append(each.nbytes) if isinstance(each, h5py.Dataset) else None)
    return sum(sizes)


def _quoted(name: str) -> str:
    """A column's name as the name of a group: percent-quoted, dots too."""
    return quote(name, safe="").replace(".", "%2E") or "%"

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
from conntap.store.elements import read_attributes, read_texts, write_array, write_attribute, write_texts
from conntap.store.heaps import heaps_are_sound
from conntap.store.new_hdf5 import new_hdf5

__all__ = ["FORMAT", "VERSION", "read_hdf5", "write_hdf5"]

FORMAT = "conntap-connectome"
VERSION = 2


def read_hdf5(path: Path) -> Connectome:
    """A connectome from our HDF5 file, equal to the one written.

    Raises
    ------
    FormatError
        A newer version of the layout, or a file that is damaged or not whole.
    """
    try:
        with h5py.File(path, locking="best-effort") as file:
            if file.attrs.get("version", VERSION) < 2 and not heaps_are_sound(path):
                raise FormatError(f"{path}: damaged where it keeps its text. Write it again.")
            about = read_attributes(file)
            if about.get("format") != FORMAT:
                raise FormatError(f"{path}: no connectome of conntap (attribute format is not {FORMAT!r}).")
            if int(about["version"]) > VERSION:
                raise FormatError(
                    f"{path}: layout version {about['version']}; this conntap reads up to {VERSION}. "
                    "Install a newer conntap."
                )
            check_memory(_bytes_of(file), path)
            return _read(file, about)
    except FormatError:
        raise
    except (ConntapError, LookupError, OSError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise FormatError(f"{path}: damaged or not whole ({error}). Write it again.") from error


def write_hdf5(connectome: Connectome, path: Path) -> None:
    """Write a connectome as our HDF5 file (gzip, shuffled, with checksums), whole or not at all."""
    about = {"format": FORMAT, "version": VERSION, "name": connectome.name, "square": connectome.is_square}
    with new_hdf5(path, libver=("v110", "v110")) as file:
        for name, value in about.items():
            write_attribute(file, name, value)
        write_array(file, "pre", smallest(connectome.pre))
        write_array(file, "post", smallest(connectome.post))
        _write_table(file, "nodes", connectome.pre_nodes)
        if not connectome.is_square:
            _write_table(file, "post_nodes", connectome.post_nodes)
        _write_columns(file.create_group("edges"), connectome.properties)


def _read(file: h5py.File, about: Mapping[str, Any]) -> Connectome:
    return Connectome(
        _read_table(file["nodes"]),
        file["pre"][:],
        file["post"][:],
        post_nodes=None if about["square"] else _read_table(file["post_nodes"]),
        properties=_read_columns(file["edges"]),
        name=str(about["name"]),
    )


def _write_table(parent: h5py.Group, name: str, table: pd.DataFrame) -> None:
    group = parent.create_group(name)
    _write_column(group.create_group("id"), "id", table.index, 0)
    _write_columns(group.create_group("columns"), {column: table[column] for column in table.columns})


def _read_table(group: h5py.Group) -> pd.DataFrame:
    index = pd.Index(_read_column(group["id"], read_attributes(group["id"])), name="id")
    if index.dtype.kind in "iu" and len(index) and index[0] == 0 and np.array_equal(index, np.arange(len(index))):
        index = pd.RangeIndex(len(index), name="id")
    return pd.DataFrame(_read_columns(group["columns"]), index=index)


def _write_columns(group: h5py.Group, columns: Mapping[str, Any]) -> None:
    for position, (name, values) in enumerate(columns.items()):
        _write_column(group.create_group(_quoted(name)), name, values, position)


def _read_columns(group: h5py.Group) -> dict[str, Any]:
    columns = [(read_attributes(column), column) for column in group.values()]
    columns.sort(key=lambda each: int(each[0]["position"]))
    return {str(about["name"]): _read_column(column, about) for about, column in columns}


def _write_column(group: h5py.Group, name: str, values: Any, position: int) -> None:
    if isinstance(values, pd.RangeIndex):
        values = values.to_numpy()
    spec, parts = encode_column(values, f"column {name!r}")
    if "utf8" in parts:
        write_texts(group, "texts", unpack_text(parts.pop("utf8"), parts.pop("lengths")))
    for part, array in parts.items():
        write_array(group, part, array)
    for key, value in {"name": name, "position": position, "spec": json.dumps(spec)}.items():
        write_attribute(group, key, value)


def _read_column(group: h5py.Group, about: Mapping[str, Any]) -> Any:
    parts = {part: group[part][:] for part in ("values", "mask", "codes", "categories") if part in group}
    if "texts" in group:
        parts.update(pack_text(read_texts(group["texts"])))
    return decode_column(json.loads(about["spec"]), parts)


def _bytes_of(file: h5py.File) -> int:
    sizes: list[int] = []
    file.visititems(lambda _, each: sizes.append(each.nbytes) if isinstance(each, h5py.Dataset) else None)
    return sum(sizes)


def _quoted(name: str) -> str:
    """A column's name as the name of a group: percent-quoted, dots too."""
    return quote(name, safe="").replace(".", "%2E") or "%"

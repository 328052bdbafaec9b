"""Connectivity matrices that conntility saved (pandas' HDF5), read with h5py alone; pickled objects are never opened."""

from __future__ import annotations

import pickletools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import ConntapError, FormatError, known, unknown

__all__ = ["read_conntility"]

_LIST_OF_TEXT = frozenset(
    [
        "PROTO",
        "FRAME",
        "MARK",
        "LIST",
        "EMPTY_LIST",
        "PUT",
        "BINPUT",
        "LONG_BINPUT",
        "MEMOIZE",
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "APPEND",
        "APPENDS",
        "STOP",
    ]
)


def read_conntility(
    path: Path, *, population: str | None = None, properties: Sequence[str] | None = None
) -> Connectome:
    """A connectome from a `ConnectivityMatrix` that conntility wrote with `to_h5`.

    Raises
    ------
    FormatError
        No such matrix, several of them, or columns that pandas could only keep as pickled objects.
    """
    try:
        with h5py.File(path, locking="best-effort") as file:
            group = _matrix(file, path, population)
            nodes = _frame(group["vertex_properties"], path)
            rows = _frame(group["edge_indices"], path)
            edges = _frame(group["edges"], path)
            return Connectome(
                nodes, rows["row"].to_numpy(), rows["col"].to_numpy(), properties=_chosen(edges, properties, path)
            )
    except FormatError:
        raise
    except (ConntapError, KeyError, OSError, ValueError, TypeError) as error:
        raise FormatError(f"{path}: no connectivity matrix of conntility that is whole ({error}).") from error


def _matrix(file: h5py.File, path: Path, population: str | None) -> h5py.Group:
    found = file.get("connectivity", {})
    names = [name for name, each in found.items() if isinstance(each, h5py.Group) and "edge_indices" in each]
    if population is not None and population not in names:
        raise FormatError(unknown(str(path), "matrix", population, names))
    if population is None and len(names) != 1:
        raise FormatError(f"{path}: {len(names)} matrices of conntility ({known(names)}). Name one with population=.")
    return found[population or names[0]]


def _chosen(edges: pd.DataFrame, properties: Sequence[str] | None, path: Path) -> dict[str, Any]:
    lacking = [name for name in properties or () if name not in edges]
    if lacking:
        raise FormatError(f"{path}: no edge properties {known(lacking)}; there are {known(edges)}. Choose of these.")
    return {name: edges[name].array for name in (edges.columns if properties is None else properties)}


def _frame(group: h5py.Group, path: Path) -> pd.DataFrame:
    return _table(group, path) if "table" in group else _fixed(group, path)


def _table(group: h5py.Group, path: Path) -> pd.DataFrame:
    """What pandas calls the table format: one compound dataset with a field for each block of columns."""
    dataset = group["table"]
    records = dataset[:]
    columns: dict[str, Any] = {}
    for field in records.dtype.names:
        if field == "index":
            continue
        block = records[field].reshape(len(records), -1)
        names = _names(dataset.attrs[f"{field}_kind"], path) if f"{field}_kind" in dataset.attrs else [field]
        for position, name in enumerate(names):
            columns[name] = _column(block[:, position], _categories(group, field))
    order = [name for name in _names_of_axis(group, path) if name in columns] or list(columns)
    index = _column(records["index"], None)
    return pd.DataFrame({name: columns[name] for name in order}, index=pd.Index(index, name="id"))


def _fixed(group: h5py.Group, path: Path) -> pd.DataFrame:
    """What pandas calls the fixed format: a dataset for each block of columns of one type."""
    columns: dict[str, Any] = {}
    for block in range(int(group.attrs["nblocks"])):
        items = [item.decode() for item in group[f"block{block}_items"][:].tolist()]
        values = group[f"block{block}_values"]
        if values.dtype.kind not in "biufS" or "PSEUDOATOM" in values.attrs:
            raise FormatError(
                f"{path}: columns {known(items)} are pickled objects, which are not opened. Save them as numbers."
            )
        block_values = values[:]
        columns.update({name: _column(block_values[:, at], None) for at, name in enumerate(items)})
    order = [item.decode() for item in group["axis0"][:].tolist()]
    return pd.DataFrame({name: columns[name] for name in order}, index=pd.Index(_column(group["axis1"][:], None)))


def _column(values: np.ndarray, categories: np.ndarray | None) -> Any:
    if categories is not None:
        return pd.Categorical.from_codes(values, categories=_column(categories, None))
    if values.dtype.kind != "S":
        return values
    text = pd.Series(np.char.decode(values, "utf-8").astype(object), dtype="str")
    return text.where(text != "nan", None).array


def _categories(group: h5py.Group, field: str) -> np.ndarray | None:
    name = f"meta/{field}/meta/table"
    return group[name][:]["values"] if name in group else None


def _names_of_axis(group: h5py.Group, path: Path) -> list[str]:
    """The names of the columns in their first order; the axis is described as a list of a pair (1, names)."""
    raw = group.attrs.get("non_index_axes", b"")
    return [arg for op, arg, _ in _opcodes(raw, path) if "UNICODE" in op.name]


def _names(raw: Any, path: Path) -> list[str]:
    """The texts of a list that pandas keeps as a pickle: its opcodes are read, never carried out."""
    found = list(_opcodes(raw, path))
    if any(op.name not in _LIST_OF_TEXT for op, _, _ in found):
        raise FormatError(f"{path}: names of columns are pickled in an unexpected way, which is not opened.")
    return [arg for op, arg, _ in found if "UNICODE" in op.name]


def _opcodes(raw: Any, path: Path) -> list[Any]:
    if not bytes(raw):
        return []
    try:
        return list(pickletools.genops(bytes(raw)))
    except (ValueError, UnicodeDecodeError, IndexError) as error:
        raise FormatError(f"{path}: names of columns cannot be read ({error}).") from error

"""The properties of a SONATA population by name: HDF5 attributes, libraries, groups, and the types behind them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conntap.circuits.sonata.hdf5 import opened, pieces, take, take_text
from conntap.circuits.sonata.structure import Attribute, Layout, population_group, read_layout, require_whole_numbers
from conntap.circuits.sonata.types import read_types
from conntap.errors import CircuitError, unknown

__all__ = ["PropertyTable"]

_Values = np.ndarray | pd.Categorical


class PropertyTable:
    """The properties of a population, read by name: HDF5 attributes first, the types table for the rest."""

    def __init__(self, path: Path, kind: str, name: str, types: Path | None) -> None:
        self.path, self.kind, self.name, self.types_path = path, kind, name, types

    @cached_property
    def layout(self) -> Layout:
        return read_layout(self.path, self.kind, self.name)

    @cached_property
    def types(self) -> pd.DataFrame:
        key = f"{self.kind[:-1]}_type_id"
        if self.types_path is None:
            return pd.DataFrame(index=pd.Index([], dtype=np.int64, name=key))
        return read_types(self.types_path, key)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every property: attributes of any group, then columns of the types table, then the type's id."""
        found = dict.fromkeys(name for attributes in self.layout.groups.values() for name in attributes)
        found |= dict.fromkeys(self.types.columns)
        if self.types_path is not None and self.types.index.name in self.layout.datasets:
            found[self.types.index.name] = None
        return tuple(found)

    def read(self, name: str, rows: slice | np.ndarray | None = None) -> _Values:
        """One property of the rows asked for (all by default), text as a Categorical."""
        rows = slice(0, self.layout.size) if rows is None else rows
        self._require(name)
        with opened(self.path) as file:
            group = population_group(file, self.kind, self.name)
            if name == self.types.index.name:
                return take(group[name], rows)
            if self._straight:
                attributes = next(iter(self.layout.groups.values()), {})
                return self._values(group, attributes.get(name), name, rows, rows)
            return self._from_groups(group, name, rows)

    def chosen(self, properties: str | Iterable[str] | None) -> list[str]:
        """The names that a choice of properties means: None all, a text one."""
        if properties is None:
            return list(self.names)
        return [properties] if isinstance(properties, str) else list(dict.fromkeys(map(str, properties)))

    def _require(self, name: str) -> None:
        has_type_ids = self.types.index.name in self.layout.datasets
        if name not in self.names and not (name == self.types.index.name and has_type_ids):
            where = f"{self.path}: {self.kind[:-1]} population {self.name!r}"
            raise CircuitError(unknown(where, "property", name, self.names))

    @cached_property
    def _straight(self) -> bool:
        """Whether row i of the population is row i of its only group."""
        if len(self.layout.groups) > 1:
            return False
        index = f"{self.kind[:-1]}_group_index"
        if index not in self.layout.datasets:
            return True
        with opened(self.path) as file:
            dataset = population_group(file, self.kind, self.name)[index]
            return all(np.array_equal(dataset[part], np.arange(part.start, part.stop)) for part in pieces(len(dataset)))

    def _from_groups(self, group: h5py.Group, name: str, rows: slice | np.ndarray) -> _Values:
        of, index = self._places(group, rows)
        numbers = np.arange(self.layout.size)[rows] if isinstance(rows, slice) else rows
        parts = []
        for number in np.unique(of).tolist():
            if number not in self.layout.groups:
                raise CircuitError(
                    f"{self.path}: {group.name}: group {number} is named, but there is none of that name."
                )
            chosen = np.flatnonzero(of == number)
            attribute = self.layout.groups[number].get(name)
            parts.append((chosen, self._values(group, attribute, name, numbers[chosen], index[chosen])))
        return _merged(parts, len(index))

    def _places(self, group: h5py.Group, rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each row the number of its group and its row there."""
        index, of = (f"{self.kind[:-1]}_group_{each}" for each in ("index", "id"))
        for name in (index, of):
            if name not in group and (name == index or len(self.layout.groups) > 1):
                raise CircuitError(f"{self.path}: {group.name}: {len(self.layout.groups)} groups but no {name}.")
            if name in group and len(group[name]) != self.layout.size:
                raise CircuitError(
                    f"{self.path}: {group.name}/{name}: {len(group[name])} values, not {self.layout.size}."
                )
        places = take(group[index], rows).astype(np.int64)
        return take(group[of], rows) if of in group else np.full(len(places), next(iter(self.layout.groups))), places

    def _values(self, group: h5py.Group, attribute: Attribute | None, name: str, rows: Any, index: Any) -> _Values:
        if attribute is not None:
            return _read_attribute(group, attribute, index)
        count = len(range(*rows.indices(self.layout.size))) if isinstance(rows, slice) else len(rows)
        if name not in self.types.columns:
            return np.full(count, np.nan)
        return self._of_types(name, take(group[self.types.index.name], rows))

    def _of_types(self, name: str, type_ids: np.ndarray) -> _Values:
        where = self.types.index.get_indexer(type_ids)
        if (where < 0).any():
            wrong = type_ids[where < 0][0]
            raise CircuitError(
                unknown(f"{self.types_path}: {self.name}", self.types.index.name, wrong, self.types.index)
            )
        column = self.types[name].array
        return column[where] if isinstance(column, pd.Categorical) else np.asarray(column)[where]


def _read_attribute(group: h5py.Group, attribute: Attribute, rows: slice | np.ndarray) -> _Values:
    dataset = group[attribute.path]
    _check_rows(dataset, rows)
    if attribute.library is not None:
        require_whole_numbers(dataset)
        return _from_library(group[attribute.library], take(dataset, rows))
    if h5py.check_string_dtype(dataset.dtype) or dataset.dtype.kind == "S":
        return take_text(dataset, rows)
    values = take(dataset, rows)
    return values if attribute.column is None else np.ascontiguousarray(values[:, attribute.column])


def _check_rows(dataset: h5py.Dataset, rows: slice | np.ndarray) -> None:
    if not isinstance(rows, slice) and rows.min(initial=0) < 0:
        raise CircuitError(
            f"{dataset.file.filename}: {dataset.name}: row {rows.min()} is asked for by the group index."
        )
    last = rows.stop - 1 if isinstance(rows, slice) else int(rows.max()) if len(rows) else -1
    if last >= len(dataset):
        raise CircuitError(
            f"{dataset.file.filename}: {dataset.name} has {len(dataset)} rows, but row {last} is asked for. "
            "The file does not fit together; `tap circuit check` says where."
        )


def _from_library(library: h5py.Dataset, codes: np.ndarray) -> pd.Categorical:
    words = take_text(library, slice(0, len(library)))
    if len(codes) and (int(codes.max()) >= len(words) or int(codes.min()) < 0):
        wrong = codes.min() if codes.min() < 0 else codes.max()
        raise CircuitError(
            f"{library.file.filename}: {library.name} has {len(words)} values, but the value {wrong} is used."
        )
    names = pd.Index([str(each) for each in words])
    if names.is_unique:
        return pd.Categorical.from_codes(codes.astype(np.int64), categories=names)
    return words[codes]


def _merged(parts: list[tuple[np.ndarray, _Values]], size: int) -> _Values:
    """The values of several groups as one column; numbers are missing as NaN, text as no category."""
    if not any(isinstance(values, pd.Categorical) for _, values in parts):
        kind = np.result_type(*(values.dtype for _, values in parts)) if parts else np.float64
        result = np.empty(size, dtype=kind)
        for chosen, values in parts:
            result[chosen] = values
        return result
    words = [_as_text(values) for _, values in parts]
    categories = pd.Index([]).append([each.categories for each in words]).unique()
    codes = np.full(size, -1, dtype=np.int64)
    for (chosen, _), each in zip(parts, words, strict=True):
        codes[chosen] = each.set_categories(categories).codes
    return pd.Categorical.from_codes(codes, categories=categories)


def _as_text(values: _Values) -> pd.Categorical:
    if isinstance(values, pd.Categorical):
        return values
    return pd.Categorical([None if value != value else str(value) for value in values.tolist()])

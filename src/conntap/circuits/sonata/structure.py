"""The structure of SONATA files: which populations, groups, attributes and libraries are there, and where.

Read with h5py alone: libsonata refuses compressed files, several groups and the older spelling of indices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py

from conntap.circuits.sonata.hdf5 import opened
from conntap.errors import CircuitError, unknown

__all__ = ["Attribute", "Layout", "population_group", "population_names", "read_layout", "require_whole_numbers"]

_WHOLE_NUMBERS = (
    *("node_id", "node_type_id", "node_group_id", "node_group_index", "source_node_id", "target_node_id"),
    *("edge_type_id", "edge_group_id", "edge_group_index"),
)


@dataclass(frozen=True)
class Attribute:
    """Where one property of one group lies: a dataset, a column of it, and the library of its values."""

    path: str
    column: int | None = None
    library: str | None = None


@dataclass(frozen=True)
class Layout:
    """What a population's HDF5 group holds: its size, its numbered groups and which datasets are there."""

    size: int
    groups: Mapping[int, Mapping[str, Attribute]]
    datasets: frozenset[str]


def population_names(path: Path, kind: str) -> list[str]:
    """The populations of an HDF5 file; `kind` is nodes or edges."""
    with opened(path) as file:
        if not isinstance(file.get(kind), h5py.Group):
            raise CircuitError(
                f"{path}: no group /{kind}; its groups: {', '.join(file) or 'none'}. Is it a file of {kind}?"
            )
        return [name for name, each in file[kind].items() if isinstance(each, h5py.Group)]


def read_layout(path: Path, kind: str, name: str) -> Layout:
    """What one population's group holds, without reading any data."""
    with opened(path) as file:
        group = population_group(file, kind, name)
        groups = {int(each): _attributes(group[each], each) for each in group if _is_numbered(group, each)}
        datasets = frozenset(each for each in group if isinstance(group[each], h5py.Dataset))
        for each in sorted(datasets.intersection(_WHOLE_NUMBERS)):
            require_whole_numbers(group[each])
        return Layout(_size(group, kind, groups), groups, datasets)


def population_group(file: h5py.File, kind: str, name: str) -> h5py.Group:
    """The HDF5 group of one population."""
    holder = file.get(kind)
    names = list(holder) if isinstance(holder, h5py.Group) else []
    if name not in names:
        raise CircuitError(unknown(file.filename, f"population of {kind}", name, names))
    if not isinstance(holder[name], h5py.Group):
        raise CircuitError(f"{file.filename}: /{kind}/{name} is a dataset; a population is a group of datasets.")
    return holder[name]


def require_whole_numbers(dataset: h5py.Dataset) -> None:
    """Refuse a dataset of ids or positions that is no column of whole numbers."""
    if dataset.ndim != 1 or dataset.dtype.kind not in "iu":
        raise CircuitError(
            f"{dataset.file.filename}: {dataset.name}: {dataset.dtype} of shape {dataset.shape}; "
            "SONATA asks for whole numbers in one dimension."
        )


def _is_numbered(group: h5py.Group, name: str) -> bool:
    return name.isdigit() and isinstance(group[name], h5py.Group)


def _size(group: h5py.Group, kind: str, groups: Mapping[int, Mapping[str, Attribute]]) -> int:
    for name in (
        ("source_node_id", "target_node_id") if kind == "edges" else ("node_type_id", "node_id", "node_group_id")
    ):
        if name in group:
            return len(group[name])
    if kind == "edges":
        raise CircuitError(f"{group.file.filename}: {group.name}: no source_node_id. Is it a population of edges?")
    first = next((each for attributes in groups.values() for each in attributes.values()), None)
    return len(group[first.path]) if first else 0


def _attributes(group: h5py.Group, number: str) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for prefix in ("", "dynamics_params/"):
        holder = group.get(prefix.rstrip("/"), group) if prefix else group
        if (prefix and holder is group) or not isinstance(holder, h5py.Group):
            continue
        for name, dataset in holder.items():
            if isinstance(dataset, h5py.Dataset):
                found |= _columns(prefix + name, dataset, holder, f"{number}/{prefix}".rstrip("/"))
    return found


def _columns(name: str, dataset: h5py.Dataset, holder: h5py.Group, within: str) -> dict[str, Attribute]:
    path = f"{within}/{name.rpartition('/')[2]}"
    library = f"@library/{name.rpartition('/')[2]}"
    if dataset.ndim == 1 and isinstance(holder.get(library), h5py.Dataset) and holder[library].ndim == 1:
        return {name: Attribute(path, library=f"{within}/{library}")}
    if dataset.ndim == 1 and dataset.dtype.kind in "iufbOSc":
        return {name: Attribute(path)}
    if dataset.ndim != 2:
        return {}
    names = "xyz" if name == "positions" and dataset.shape[1] == 3 else [f"{name}_{i}" for i in range(dataset.shape[1])]
    return {each: Attribute(path, column=i) for i, each in enumerate(names)}

"""Checks of one SONATA population in its HDF5 file: lengths, groups, types, ids, edges and their index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from conntap.circuits.checks.findings import Finding, error, odd
from conntap.circuits.checks.indices import index_findings
from conntap.circuits.sonata.hdf5 import opened, pieces, take
from conntap.circuits.sonata.properties import PropertyTable
from conntap.circuits.sonata.structure import Attribute, population_group
from conntap.errors import CircuitError

__all__ = ["edge_findings", "node_findings"]


def node_findings(path: Path, name: str, types: Path | None) -> Iterator[Finding]:
    """What is wrong or odd about one population of nodes."""
    table = PropertyTable(path, "nodes", name, types)
    where = f"{path}:/nodes/{name}"
    with opened(path) as file:
        group = population_group(file, "nodes", name)
        sound = list(_structure(group, table, where))
        yield from sound
        if not any(each.level == "error" for each in sound):
            yield from _node_ids(group, table.layout.size, where)
            yield from _type_ids(group, table, where)
            yield from _positions(group, table, where)


def edge_findings(
    path: Path, name: str, types: Path | None, sizes: Mapping[str, np.ndarray | int]
) -> Iterator[Finding]:
    """What is wrong or odd about one population of edges.

    `sizes` says for `source` and `target` which ids their nodes have: a number n for 0..n-1, or the ids.
    """
    table = PropertyTable(path, "edges", name, types)
    where = f"{path}:/edges/{name}"
    with opened(path) as file:
        group = population_group(file, "edges", name)
        sound = list(_structure(group, table, where))
        yield from sound
        if any(each.level == "error" for each in sound):
            return
        for side in ("source", "target"):
            if "node_population" not in group[f"{side}_node_id"].attrs:
                yield odd(
                    f"{where}/{side}_node_id", "no attribute node_population; guessed from the name, libsonata refuses"
                )
            if side in sizes:
                yield from _ends(group, side, sizes[side], where)
        yield from _type_ids(group, table, where)
        for index, side in (("source_to_target", "source"), ("target_to_source", "target")):
            yield from index_findings(group, index, side, where)


def _structure(group: h5py.Group, table: PropertyTable, where: str) -> Iterator[Finding]:
    layout, noun = table.layout, table.kind[:-1]
    for name in sorted(layout.datasets):
        if len(group[name]) != layout.size:
            yield error(f"{where}/{name}", f"{len(group[name])} values for {layout.size} {table.kind}")
    for needed in ("source_node_id", "target_node_id") if noun == "edge" else ():
        if needed not in layout.datasets:
            yield error(where, f"no {needed}")
    if f"{noun}_type_id" not in layout.datasets:
        yield odd(where, f"no {noun}_type_id; libsonata takes the number of {table.kind} from it")
    if len(layout.groups) > 1:
        yield odd(where, f"{len(layout.groups)} groups of attributes; libsonata refuses more than one")
    packed = [each for each in _datasets(group) if each.compression or each.scaleoffset is not None]
    if packed:
        yield odd(where, f"packed with {packed[0].compression or 'scaleoffset'}; libsonata's wheels cannot read that")
    lengths: dict[int, int] = {}
    for number, attributes in layout.groups.items():
        yield from _attributes(group, number, attributes, where, lengths)
    yield from _group_index(group, layout.groups, lengths, layout.size, noun, where)


def _datasets(group: h5py.Group) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    group.visititems(lambda _, each: found.append(each) if isinstance(each, h5py.Dataset) else None)
    return found


def _attributes(
    group: h5py.Group, number: int, attributes: Mapping[str, Attribute], where: str, lengths: dict[int, int]
) -> Iterator[Finding]:
    counts = {name: len(group[each.path]) for name, each in attributes.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} {count}" for name, count in counts.items())
        yield error(f"{where}/{number}", f"attributes of different lengths: {said}")
    elif counts:
        lengths[number] = next(iter(counts.values()))
    for name, each in attributes.items():
        if each.column == 0:
            yield odd(f"{where}/{each.path}", f"two-dimensional; read as {name} and so on, other readers refuse it")
        if each.library is not None:
            yield from _library(group[each.path], group[each.library], f"{where}/{each.path}")


def _library(dataset: h5py.Dataset, library: h5py.Dataset, where: str) -> Iterator[Finding]:
    highest = max((int(dataset[part].max()) for part in pieces(len(dataset))), default=-1)
    if highest >= len(library):
        yield error(where, f"the value {highest} is used, but its @library has {len(library)} values")
    words = library[()].tolist()
    if len(set(words)) != len(words):
        yield odd(where, "a value stands twice in its @library")


def _group_index(
    group: h5py.Group, groups: Mapping[int, object], lengths: Mapping[int, int], size: int, noun: str, where: str
) -> Iterator[Finding]:
    index, of = (group.get(f"{noun}_group_{each}") for each in ("index", "id"))
    if len(groups) > 1 and (index is None or of is None):
        yield error(where, f"{len(groups)} groups but not both {noun}_group_id and {noun}_group_index")
        return
    if index is None or (of is not None and len(of) != len(index)):
        only = next(iter(lengths.items()), None)
        if only is not None and only[1] != size:
            yield error(f"{where}/{only[0]}", f"{only[1]} values for {size} {noun}s")
        return
    highest = _highest_rows(index, of, next(iter(groups), 0))
    for number, most in sorted(highest.items()):
        if number not in groups:
            yield error(f"{where}/{noun}_group_id", f"group {number} is named, but there is none of that name")
        elif number in lengths and most >= lengths[number]:
            yield error(
                f"{where}/{noun}_group_index", f"row {most} of group {number}, which has {lengths[number]} rows"
            )
    for number in sorted(set(groups) - set(highest)):
        if size and of is not None:
            yield odd(f"{where}/{number}", f"no {noun} is in this group")


def _highest_rows(index: h5py.Dataset, of: h5py.Dataset | None, only: int) -> dict[int, int]:
    """The highest row asked for of each group that is named."""
    highest: dict[int, int] = {}
    for part in pieces(len(index)):
        rows = index[part]
        numbers = np.full(len(rows), only) if of is None else of[part]
        for number in np.unique(numbers).tolist():
            highest[number] = max(highest.get(number, -1), int(rows[numbers == number].max()))
    return highest


def _node_ids(group: h5py.Group, size: int, where: str) -> Iterator[Finding]:
    if "node_id" not in group:
        return  # the format allows it: ids are 0..n-1
    ids = group["node_id"][()].astype(np.int64)
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        yield error(f"{where}/node_id", f"id {values[counts > 1][0]} stands {counts[counts > 1][0]} times")
    elif len(ids) and values[0] < 0:
        yield error(f"{where}/node_id", f"id {values[0]} is below 0")
    elif not np.array_equal(ids, np.arange(size)):
        yield odd(f"{where}/node_id", "ids other than 0..n-1 in order; libsonata takes the row for the id")


def _type_ids(group: h5py.Group, table: PropertyTable, where: str) -> Iterator[Finding]:
    name = f"{table.kind[:-1]}_type_id"
    if name not in group:
        return
    dataset = group[name]
    used = np.unique(
        np.concatenate([np.empty(0, dataset.dtype), *(np.unique(dataset[part]) for part in pieces(len(dataset)))])
    )
    if table.types_path is None:
        if (used.astype(np.int64) >= 0).any():
            yield odd(f"{where}/{name}", "type ids, but the configuration names no table of types")
        return
    try:
        yield from _types_used(table.types.index, used, table, where)
    except CircuitError as wrong:
        yield error(where, str(wrong))


def _types_used(types: pd.Index, used: np.ndarray, table: PropertyTable, where: str) -> Iterator[Finding]:
    missing = used[~np.isin(used, types)]
    if len(missing):
        yield error(f"{where}/{types.name}", f"type id {missing[0]} is not in {table.types_path} ({len(missing)} such)")
    unused = types[~np.isin(types, used)]
    if len(unused):
        yield odd(
            str(table.types_path), f"{len(unused)} of {len(types)} types are not used by {where}: {unused[0]} ..."
        )


def _positions(group: h5py.Group, table: PropertyTable, where: str) -> Iterator[Finding]:
    for number, attributes in table.layout.groups.items():
        for axis in ("x", "y", "z"):
            if axis in attributes:
                attribute = attributes[axis]
                values = take(group[attribute.path], slice(0, None))
                column = values if attribute.column is None else values[:, attribute.column]
                wrong = np.flatnonzero(~np.isfinite(column)) if column.dtype.kind == "f" else []
                if len(wrong):
                    yield error(
                        f"{where}/{number}/{axis}", f"{len(wrong)} positions are not finite, first in row {wrong[0]}"
                    )


def _ends(group: h5py.Group, side: str, nodes: np.ndarray | int, where: str) -> Iterator[Finding]:
    dataset = group[f"{side}_node_id"]
    wrong, first = 0, None
    for part in pieces(len(dataset)):
        ids = dataset[part]
        missing = (ids >= nodes) | (ids < 0) if isinstance(nodes, int) else ~np.isin(ids, nodes)
        if missing.any():
            wrong += int(missing.sum())
            at = int(np.flatnonzero(missing)[0])
            first = first or (part.start + at, int(ids[at]))
    if first is not None:
        count = nodes if isinstance(nodes, int) else len(nodes)
        yield error(
            f"{where}/{dataset.name.rpartition('/')[2]}",
            f"{wrong} ids out of range: no such nodes among {count}; first edge {first[0]}, id {first[1]}",
        )

"""Traces in SONATA reports, read lazily, and in npz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conntap.activity.asked import Asked
from conntap.activity.foreign import Found, chosen, traces_of
from conntap.activity.lazy import StoredArray
from conntap.activity.opening import milliseconds, one, read_ids, save, saved_ids
from conntap.activity.text_columns import columns_in, columns_out
from conntap.activity.traces import Traces
from conntap.errors import ActivityError, known, unknown
from conntap.store.new_hdf5 import new_hdf5

__all__ = ["read_report", "traces_of_npz", "write_npz_traces", "write_report"]

_OWN = {"values", "dt_ms", "ids", "start_ms", "unit"}


def traces_of_npz(held: Any, asked: Asked, path: Path) -> Traces:
    """Traces of the arrays of an npz: ours, or the one that is chosen."""
    if set(held.files) >= _OWN:
        ids = read_ids(held["ids"])
        stretch = {"dt_ms": float(held["dt_ms"]), "start_ms": float(held["start_ms"])}
        return Traces(held["values"], ids=ids, unit=str(held["unit"]), nodes=columns_in(held, ids), **stretch)
    arrays = {name: held[name] for name in held.files}
    scalars = {name: array for name, array in arrays.items() if array.ndim == 0}
    found = chosen([Found(name, array, scalars) for name, array in arrays.items()], asked.series, path)
    return traces_of(found, asked, path)


def write_npz_traces(traces: Traces, path: Path) -> None:
    """Write all values, in their type, with what is known of the nodes."""
    own = {"dt_ms": traces.dt_ms, "start_ms": traces.start_ms, "unit": traces.unit}
    save(path, values=traces.to_numpy(), ids=saved_ids(traces.ids), **own, **columns_out(traces.nodes))


def write_report(traces: Traces, path: Path, population: str) -> None:
    """Write a report with one element a node, as 32-bit floats, piece by piece."""
    if traces.ids.dtype.kind not in "iu":
        raise ActivityError(f"{path}: SONATA names nodes by whole numbers, not labels. Write npz, or format='hdf5'.")
    with new_hdf5(path) as file:
        _write_report(file.create_group(f"report/{population}"), traces)


def read_report(file: h5py.File, asked: Asked, path: Path) -> Traces:
    """Traces of a report; lazy where each node has one element."""
    if "report" in file:
        group = file["report"][one(file["report"], asked.population, path, "report")]
    elif {"data", "mapping"} <= file.keys():
        group = file
    else:
        raise ActivityError(f"{path}: no report; groups: {known(file)}. Give a SONATA report.")
    data, mapping = group["data"], group["mapping"]
    ids = mapping["node_ids" if "node_ids" in mapping else "gids"][:].astype(np.int64)
    start, _, step = (float(each) * milliseconds(mapping["time"], path) for each in mapping["time"][:])
    pointers = _pointers(mapping, len(ids), data.shape[1], path)
    unit = data.attrs.get("units", "")
    unit = unit.decode() if isinstance(unit, bytes) else str(unit)
    values = _values(data, path, pointers, asked.element)
    return Traces(values, dt_ms=step, ids=ids, start_ms=start, unit=unit)


def _pointers(mapping: h5py.Group, n: int, n_columns: int, path: Path) -> np.ndarray:
    """Shape (nodes, 2): the columns [from, to) of each node."""
    name = "index_pointers" if "index_pointers" in mapping else "index_pointer"
    if name not in mapping:
        pointers = np.column_stack([np.arange(n), np.arange(1, n + 1)])
    else:
        bounds = mapping[name][:].astype(np.int64)
        bounds = np.append(bounds, n_columns) if len(bounds) == n else bounds
        pointers = np.column_stack([bounds[:-1], bounds[1:]])
    if len(pointers) != n or (n and (pointers.min() < 0 or pointers.max() > n_columns)):
        raise ActivityError(f"{path}: {len(pointers)} ranges of columns for {n} nodes and {n_columns} columns.")
    return pointers


def _values(data: h5py.Dataset, path: Path, pointers: np.ndarray, element: str | None) -> Any:
    sizes = pointers[:, 1] - pointers[:, 0]
    if element is None:
        if (sizes != 1).any() or len(pointers) != data.shape[1]:
            raise ActivityError(
                f"{path}: nodes have up to {sizes.max(initial=0)} elements. Choose element='first', 'sum' or 'mean'."
            )
        stored = StoredArray(path.absolute(), data.name, data.shape, data.dtype)
        in_order = np.array_equal(pointers[:, 0], np.arange(len(pointers)))
        return stored if in_order else stored[:][:, pointers[:, 0]]
    if element not in ("first", "sum", "mean"):
        raise ActivityError(unknown("read_traces", "element", element, ("first", "sum", "mean")))
    if (sizes < 1).any():
        raise ActivityError(f"{path}: a node without elements. Read it with another tool.")
    values = data[:]
    if element == "first":
        return values[:, pointers[:, 0]]
    order = np.argsort(pointers[:, 0], kind="stable")
    sums = np.add.reduceat(values, pointers[order, 0], axis=1)[:, np.argsort(order)]
    return sums / sizes if element == "mean" else sums


def _write_report(group: h5py.Group, traces: Traces) -> None:
    n = traces.n_nodes
    data = group.create_dataset("data", shape=(traces.n_steps, n), dtype=np.float32)
    data.attrs["units"] = traces.unit
    first = 0
    for piece in traces.pieces():
        data[first : first + len(piece)] = piece
        first += len(piece)
    mapping = group.create_group("mapping")
    mapping.create_dataset("node_ids", data=traces.ids.astype(np.uint64)).attrs["sorted"] = np.uint8(
        bool((np.diff(traces.ids) > 0).all())
    )
    mapping.create_dataset("index_pointers", data=np.arange(n + 1, dtype=np.uint64))
    mapping.create_dataset("element_ids", data=np.zeros(n, dtype=np.uint32))
    stop = traces.start_ms + traces.duration_ms
    mapping.create_dataset("time", data=np.array([traces.start_ms, stop, traces.dt_ms])).attrs["units"] = "ms"

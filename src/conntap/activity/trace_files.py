"""Traces in files: SONATA reports, read lazily, and npz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conntap.activity.lazy import StoredArray
from conntap.activity.opening import ending_of, hdf5, kind_of, milliseconds, npz, one, read_ids, save, saved_ids
from conntap.activity.traces import Traces
from conntap.errors import ActivityError, known, unknown
from conntap.store.new_hdf5 import new_hdf5

__all__ = ["read_traces", "write_traces"]


def read_traces(path: str | Path, *, population: str | None = None, element: str | None = None) -> Traces:
    """Read a SONATA report (frames of values), lazily, or traces from npz.

    Parameters
    ----------
    path
        The file; it must stay where it is while the traces are used.
    population
        Which population, where the report holds several.
    element
        Where nodes have several elements (compartments): `first`, `sum` or `mean` of them. Default: each
        node must have one.

    Returns
    -------
    Traces; the values of a report with one element a node are read when they are used.

    Raises
    ------
    ActivityError
        No file, no report in it, several populations or elements, or arrays that do not fit.

    Notes
    -----
    With `element` the whole report is read.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "soma.h5"
    >>> write_traces(Traces([[1.0, 2.0]], dt_ms=0.1, ids=[4, 5], unit="mV"), path)
    >>> read_traces(path)
    Traces(1 steps of 0.1 ms, 2 nodes, in mV)
    """
    path = Path(path)
    if kind_of(path) == "npz":
        with npz(path) as held:
            lacking = {"values", "dt_ms", "ids", "start_ms", "unit"} - set(held.files)
            if lacking:
                raise ActivityError(f"{path}: no traces; arrays {known(lacking)} are missing of {known(held.files)}.")
            stretch = {"dt_ms": float(held["dt_ms"]), "start_ms": float(held["start_ms"])}
            return Traces(held["values"], ids=read_ids(held["ids"]), unit=str(held["unit"]), **stretch)
    with hdf5(path) as file:
        return _report(file, path, population, element)


def write_traces(traces: Traces, path: str | Path, *, population: str = "nodes", overwrite: bool = False) -> None:
    """Write traces as a SONATA report with one element a node (.h5) or npz, by the ending.

    Parameters
    ----------
    traces
        What to write; lazy values are read and written piece by piece into .h5.
    path
        Where, ending in .h5 or .npz.
    population
        SONATA's name for the nodes.
    overwrite
        True replaces a file that is there.

    Raises
    ------
    ActivityError
        Another ending, a file that is there already, or labels as ids in SONATA.

    Notes
    -----
    SONATA reports hold 32-bit floats; npz keeps the type.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "traces.npz"
    >>> write_traces(Traces([[1, 2]], dt_ms=10), path)
    >>> read_traces(path).to_numpy().tolist()
    [[1, 2]]
    """
    path = Path(path)
    if ending_of(path, overwrite) == ".npz":
        own = {"dt_ms": traces.dt_ms, "start_ms": traces.start_ms, "unit": traces.unit}
        save(path, values=traces.to_numpy(), ids=saved_ids(traces.ids), **own)
        return
    if traces.ids.dtype.kind not in "iu":
        raise ActivityError(f"{path}: SONATA names nodes by whole numbers, not labels. Write npz.")
    with new_hdf5(path) as file:
        _write_report(file.create_group(f"report/{population}"), traces)


def _report(file: h5py.File, path: Path, population: str | None, element: str | None) -> Traces:
    if "report" in file:
        group = file["report"][one(file["report"], population, path, "report")]
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
    values = _values(data, path, pointers, element)
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

"""Spikes and traces in files: SONATA's HDF5 (present and older layouts) and npz."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conntap.activity.spikes import Spikes
from conntap.activity.traces import Traces
from conntap.errors import ActivityError, known, unknown
from conntap.store.files import atomic

__all__ = ["StoredArray", "read_spikes", "read_traces", "write_spikes", "write_traces"]

_TIMES = ("times_ms", "time_ms", "timestamps", "t_ms", "spike_times_ms")
_NODES = ("node_ids", "gids", "neuron", "neurons", "node", "nodes")
_SORTING = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="i1")
_IN_MS = {"ms": 1.0, "s": 1000.0, "us": 0.001, "": 1.0}


def read_spikes(
    path: str | Path, *, population: str | None = None, duration_ms: float | None = None, ids: Any = None
) -> Spikes:
    """Read spikes from SONATA's HDF5 (`/spikes/<population>` or the older `/spikes/gids`) or from npz.

    Parameters
    ----------
    path
        The file.
    population
        Whose spikes, where a SONATA file holds several populations.
    duration_ms
        How long was recorded, counted from 0; default: what the file says, else until the last spike.
    ids
        Ids of all recorded nodes, or a number n; default: what the file says, else those that fired.

    Returns
    -------
    Spikes, sorted by time.

    Raises
    ------
    ActivityError
        No file, no spikes in it, several populations, an unknown unit of time, or arrays that do not fit.

    Notes
    -----
    Reads the whole file; npz without pickles.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "spikes.h5"
    >>> write_spikes(Spikes([1, 0], [3.0, 2.0], duration_ms=10), path)
    >>> read_spikes(path, duration_ms=10).node_ids.tolist()
    [0, 1]
    """
    path = Path(path)
    if _kind(path) == "npz":
        return _spikes_of_npz(path, duration_ms, ids)
    with _hdf5(path) as file:
        group = _spikes_group(file, path, population)
        times, nodes = group["timestamps"], group["node_ids" if "node_ids" in group else "gids"]
        factor = _milliseconds(times, path)
        return Spikes(nodes[:].astype(np.int64), times[:] * factor, duration_ms=duration_ms, ids=ids)


def write_spikes(spikes: Spikes, path: str | Path, *, population: str = "nodes", overwrite: bool = False) -> None:
    """Write spikes as SONATA (.h5; ids must be whole numbers) or npz, by the ending; whole or not at all.

    SONATA keeps ids and times of spikes; npz keeps the recorded nodes, start and duration as well.

    Parameters
    ----------
    spikes
        What to write.
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
    Uncompressed in SONATA, so that libsonata reads it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "spikes.npz"
    >>> spikes = Spikes(["a"], [1.0], duration_ms=5, ids=["a", "b"])
    >>> write_spikes(spikes, path)
    >>> read_spikes(path) == spikes
    True
    """
    path = Path(path)
    ending = _ending(path, overwrite)
    if ending == ".npz":
        _save(path, times_ms=spikes.times_ms, rows=spikes.rows, ids=_saved_ids(spikes.ids), **_stretch(spikes))
        return
    if spikes.ids.dtype.kind not in "iu":
        raise ActivityError(f"{path}: SONATA names nodes by whole numbers, not labels. Write npz.")
    with atomic(path) as aside, h5py.File(aside, "w") as file:
        group = file.create_group(f"spikes/{population}")
        group.attrs.create("sorting", 2, dtype=_SORTING)
        group.create_dataset("node_ids", data=spikes.node_ids.astype(np.uint64))
        group.create_dataset("timestamps", data=spikes.times_ms).attrs["units"] = "ms"


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
    if _kind(path) == "npz":
        with _npz(path) as held:
            lacking = {"values", "dt_ms", "ids", "start_ms", "unit"} - set(held.files)
            if lacking:
                raise ActivityError(f"{path}: no traces; arrays {known(lacking)} are missing of {known(held.files)}.")
            stretch = {"dt_ms": float(held["dt_ms"]), "start_ms": float(held["start_ms"])}
            return Traces(held["values"], ids=_read_ids(held["ids"]), unit=str(held["unit"]), **stretch)
    with _hdf5(path) as file:
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
    if _ending(path, overwrite) == ".npz":
        own = {"dt_ms": traces.dt_ms, "start_ms": traces.start_ms, "unit": traces.unit}
        _save(path, values=traces.to_numpy(), ids=_saved_ids(traces.ids), **own)
        return
    if traces.ids.dtype.kind not in "iu":
        raise ActivityError(f"{path}: SONATA names nodes by whole numbers, not labels. Write npz.")
    with atomic(path) as aside, h5py.File(aside, "w") as file:
        _write_report(file.create_group(f"report/{population}"), traces)


class StoredArray:
    """A 2-D array in an HDF5 file, read where it is sliced; it can be pickled, as its path.

    Examples
    --------
    >>> StoredArray(Path("report.h5"), "report/v1/data", (10, 2), np.dtype("f4"))
    StoredArray(report.h5: report/v1/data, (10, 2), float32)
    """

    def __init__(self, path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.path, self.name, self.shape, self.dtype = path, name, shape, dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        with _hdf5(self.path) as file:
            return file[self.name][key]

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def __repr__(self) -> str:
        return f"StoredArray({self.path}: {self.name}, {self.shape}, {self.dtype})"


def _report(file: h5py.File, path: Path, population: str | None, element: str | None) -> Traces:
    if "report" in file:
        group = file["report"][_one(file["report"], population, path, "report")]
    elif {"data", "mapping"} <= file.keys():
        group = file
    else:
        raise ActivityError(f"{path}: no report; groups: {known(file)}. Give a SONATA report.")
    data, mapping = group["data"], group["mapping"]
    ids = mapping["node_ids" if "node_ids" in mapping else "gids"][:].astype(np.int64)
    start, _, step = (float(each) * _milliseconds(mapping["time"], path) for each in mapping["time"][:])
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


def _spikes_group(file: h5py.File, path: Path, population: str | None) -> h5py.Group:
    if "spikes" not in file:
        raise ActivityError(f"{path}: no spikes; groups: {known(file)}. Give a SONATA spikes file.")
    spikes = file["spikes"]
    if "timestamps" in spikes and population is None:
        return spikes
    return spikes[_one(spikes, population, path, "spikes")]


def _one(group: h5py.Group, population: str | None, path: Path, what: str) -> str:
    names = [name for name, each in group.items() if isinstance(each, h5py.Group)]
    if population is None and len(names) == 1:
        return names[0]
    if population is None:
        raise ActivityError(f"{path}: {what} of several populations ({known(names)}). Name one with population=.")
    if population not in names:
        raise ActivityError(unknown(str(path), "population", population, names))
    return population


def _milliseconds(dataset: h5py.Dataset, path: Path) -> float:
    unit = dataset.attrs.get("units", "ms")
    unit = unit.decode() if isinstance(unit, bytes) else str(unit)
    if unit not in _IN_MS:
        raise ActivityError(unknown(f"{path}: {dataset.name}", "unit of time", unit, _IN_MS))
    return _IN_MS[unit]


def _spikes_of_npz(path: Path, duration_ms: float | None, ids: Any) -> Spikes:
    with _npz(path) as held:
        times = held[_named(held.files, _TIMES, path)]
        start = float(held["start_ms"]) if "start_ms" in held else 0.0
        if duration_ms is None and "duration_ms" in held:
            duration_ms = float(held["duration_ms"])
        if "rows" in held and "ids" in held:
            kept = _read_ids(held["ids"])
            spikes = Spikes(kept[held["rows"]], times, duration_ms=duration_ms, ids=kept, start_ms=start)
            return spikes if ids is None else spikes.of(ids)
        nodes = held[_named(held.files, _NODES, path)]
        if nodes.dtype.kind in "iu":
            nodes = nodes.astype(np.int64)
        return Spikes(nodes, times, duration_ms=duration_ms, ids=ids, start_ms=start)


def _named(names: Collection[str], wanted: tuple[str, ...], path: Path) -> str:
    found = [name for name in wanted if name in names]
    if not found:
        raise ActivityError(f"{path}: none of the arrays {known(names)} is one of {known(wanted)}. Rename it so.")
    return found[0]


def _stretch(spikes: Spikes) -> dict[str, float]:
    return {"start_ms": spikes.start_ms, "duration_ms": spikes.duration_ms}


def _saved_ids(ids: np.ndarray) -> np.ndarray:
    return ids if ids.dtype.kind in "iu" else ids.astype(str)


def _read_ids(ids: np.ndarray) -> np.ndarray:
    return ids.astype(object) if ids.dtype.kind == "U" else ids


def _save(path: Path, **arrays: Any) -> None:
    with atomic(path) as aside, open(aside, "wb") as file:
        np.savez_compressed(file, **arrays)


def _ending(path: Path, overwrite: bool) -> str:
    ending = {".hdf5": ".h5"}.get(path.suffix.lower(), path.suffix.lower())
    if ending not in (".h5", ".npz"):
        raise ActivityError(f"{path}: activity is written as .h5 (SONATA) or .npz. Give such a name.")
    if path.exists() and not overwrite:
        raise ActivityError(f"{path}: there is a file already. Choose another name, or give overwrite=True.")
    return ending


def _kind(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ActivityError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    if head.startswith(b"PK\x03\x04"):
        return "npz"
    if head == b"\x89HDF\r\n\x1a\n":
        return "hdf5"
    raise ActivityError(f"{path}: neither HDF5 nor npz. Give SONATA spikes or a report, or arrays saved by numpy.")


@contextmanager
def _hdf5(path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path) as file:
            yield file
    except (OSError, KeyError) as error:
        raise ActivityError(f"{path}: damaged, or not of a layout known here ({error}). Write it again.") from error


@contextmanager
def _npz(path: Path) -> Iterator[Any]:
    import zipfile

    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as held:
            yield held
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ActivityError(f"{path}: cannot be read as npz ({error}). Check the file.") from error

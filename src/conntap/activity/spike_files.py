"""Spikes in files: SONATA's HDF5 (present and older layouts) and npz."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conntap.activity.opening import ending_of, hdf5, kind_of, milliseconds, npz, one, read_ids, save, saved_ids
from conntap.activity.spikes import Spikes
from conntap.errors import ActivityError, known
from conntap.store.new_hdf5 import new_hdf5

__all__ = ["read_spikes", "write_spikes"]

_TIMES = ("times_ms", "time_ms", "timestamps", "t_ms", "spike_times_ms")
_NODES = ("node_ids", "gids", "neuron", "neurons", "node", "nodes")
_SORTING = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="i1")


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
    if kind_of(path) == "npz":
        return _spikes_of_npz(path, duration_ms, ids)
    with hdf5(path) as file:
        group = _spikes_group(file, path, population)
        times, nodes = group["timestamps"], group["node_ids" if "node_ids" in group else "gids"]
        factor = milliseconds(times, path)
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
    ending = ending_of(path, overwrite)
    if ending == ".npz":
        save(path, times_ms=spikes.times_ms, rows=spikes.rows, ids=saved_ids(spikes.ids), **_stretch(spikes))
        return
    if spikes.ids.dtype.kind not in "iu":
        raise ActivityError(f"{path}: SONATA names nodes by whole numbers, not labels. Write npz.")
    with new_hdf5(path) as file:
        group = file.create_group(f"spikes/{population}")
        group.attrs.create("sorting", 2, dtype=_SORTING)
        group.create_dataset("node_ids", data=spikes.node_ids.astype(np.uint64))
        group.create_dataset("timestamps", data=spikes.times_ms).attrs["units"] = "ms"


def _spikes_group(file: h5py.File, path: Path, population: str | None) -> h5py.Group:
    if "spikes" not in file:
        raise ActivityError(f"{path}: no spikes; groups: {known(file)}. Give a SONATA spikes file.")
    spikes = file["spikes"]
    if "timestamps" in spikes and population is None:
        return spikes
    return spikes[one(spikes, population, path, "spikes")]


def _spikes_of_npz(path: Path, duration_ms: float | None, ids: Any) -> Spikes:
    with npz(path) as held:
        times = held[_named(held.files, _TIMES, path)]
        start = float(held["start_ms"]) if "start_ms" in held else 0.0
        if duration_ms is None and "duration_ms" in held:
            duration_ms = float(held["duration_ms"])
        if "rows" in held and "ids" in held:
            kept = read_ids(held["ids"])
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

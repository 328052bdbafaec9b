"""Spikes in SONATA's HDF5 (present and older layouts) and in npz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conntap.activity.asked import Asked
from conntap.activity.naming import spike_columns, unit_of
from conntap.activity.opening import milliseconds, one, read_ids, save, saved_ids
from conntap.activity.sampling import time_factor
from conntap.activity.spikes import Spikes
from conntap.activity.text_columns import columns_in, columns_out
from conntap.errors import ActivityError, known
from conntap.store.new_hdf5 import new_hdf5

__all__ = ["holds_spikes", "read_sonata_spikes", "spikes_of_npz", "write_npz_spikes", "write_sonata_spikes"]

_TIMES = ("times_ms", "time_ms", "timestamps", "t_ms", "spike_times_ms")
_SORTING = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="i1")


def read_sonata_spikes(file: h5py.File, asked: Asked, path: Path) -> Spikes:
    """Spikes of `/spikes/<population>` or of the older `/spikes`."""
    group = _spikes_group(file, path, asked.population)
    times, nodes = group["timestamps"], group["node_ids" if "node_ids" in group else "gids"]
    factor = time_factor(str(path), asked.time_unit) if asked.time_unit else milliseconds(times, path)
    return Spikes(nodes[:].astype(np.int64), times[:] * factor, duration_ms=asked.duration_ms, ids=asked.ids)


def write_sonata_spikes(spikes: Spikes, path: Path, population: str) -> None:
    """Write ids, which must be whole numbers, and times; uncompressed, so that libsonata reads it."""
    if spikes.ids.dtype.kind not in "iu":
        raise ActivityError(f"{path}: SONATA names nodes by whole numbers, not labels. Write npz, or format='hdf5'.")
    with new_hdf5(path) as file:
        group = file.create_group(f"spikes/{population}")
        group.attrs.create("sorting", 2, dtype=_SORTING)
        group.create_dataset("node_ids", data=spikes.node_ids.astype(np.uint64))
        group.create_dataset("timestamps", data=spikes.times_ms).attrs["units"] = "ms"


def write_npz_spikes(spikes: Spikes, path: Path) -> None:
    """Write spikes, recorded nodes and what is known of them, start and duration."""
    own = {"start_ms": spikes.start_ms, "duration_ms": spikes.duration_ms}
    save(
        path, times_ms=spikes.times_ms, rows=spikes.rows, ids=saved_ids(spikes.ids), **own, **columns_out(spikes.nodes)
    )


def _spikes_group(file: h5py.File, path: Path, population: str | None) -> h5py.Group:
    if "spikes" not in file:
        raise ActivityError(f"{path}: no spikes; groups: {known(file)}. Give a SONATA spikes file.")
    spikes = file["spikes"]
    if "timestamps" in spikes and population is None:
        return spikes
    return spikes[one(spikes, population, path, "spikes")]


def holds_spikes(held: Any, asked: Asked, path: Path) -> bool:
    """Whether the arrays of an npz are times and nodes of spikes: ours, under known names beside no table, or those asked for."""
    if asked.times is not None or asked.nodes is not None or set(_TIMES) & set(held.files):
        return True
    found = _lists(held)
    return found is not None and None not in spike_columns(found, asked, str(path))


def spikes_of_npz(held: Any, asked: Asked, path: Path) -> Spikes:
    """Spikes of the arrays of an npz: ours, or times and nodes under known names."""
    ours = [name for name in _TIMES if name in held.files]
    name, of = spike_columns(sorted(held.files), asked, str(path))
    name = ours[0] if ours and asked.times is None else name
    start, duration_ms, ids = float(held["start_ms"]) if "start_ms" in held else 0.0, asked.duration_ms, asked.ids
    if duration_ms is None and "duration_ms" in held:
        duration_ms = float(held["duration_ms"])
    is_own = "rows" in held and "ids" in held and asked.nodes is None
    if name is None or (of is None and not is_own):
        what = "times" if name is None else "nodes"
        raise ActivityError(
            f"{path}: none of the arrays {known(held.files)} is known to hold {what} of spikes. Say which: times='NAME' and "
            "nodes='NAME', or name them times_ms and node_ids."
        )
    times = held[name] * time_factor(f"{path}: {name}", asked.time_unit, "ms" if name in _TIMES else unit_of(name))
    if is_own:
        kept = read_ids(held["ids"])
        nodes = columns_in(held, kept)
        spikes = Spikes(kept[held["rows"]], times, duration_ms=duration_ms, ids=kept, start_ms=start, nodes=nodes)
        return spikes if ids is None else spikes.of(ids)
    nodes = held[of]
    if nodes.dtype.kind == "f" and (nodes % 1 == 0).all():
        nodes = nodes.astype(np.int64)
    if nodes.dtype.kind in "iu":
        nodes = nodes.astype(np.int64)
    return Spikes(nodes, times, duration_ms=duration_ms, ids=ids, start_ms=start)


def _lists(held: Any) -> list[str] | None:
    """The names of the longest arrays, which are of one length, where there is no table."""
    shapes = {name: held[name].shape for name in sorted(held.files)}
    if any(len(shape) > 1 for shape in shapes.values()):
        return None
    longest = max((shape[0] for shape in shapes.values() if shape), default=0)
    return [name for name, shape in shapes.items() if shape == (longest,)]

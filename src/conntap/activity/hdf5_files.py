"""HDF5 files that are neither SONATA nor NWB: ours, and datasets that others wrote."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from conntap.activity.asked import Asked
from conntap.activity.foreign import Found, chosen, traces_of
from conntap.activity.lazy import StoredArray
from conntap.activity.opening import hdf5
from conntap.activity.own import apart, together
from conntap.activity.spikes import Spikes
from conntap.activity.traces import Traces
from conntap.store.new_hdf5 import new_hdf5

__all__ = ["read_hdf5", "write_hdf5"]

_MOST = 10_000


def read_hdf5(path: Path, asked: Asked) -> Spikes | Traces:
    """Our own files wholly; of others the dataset that is chosen, lazily."""
    with hdf5(path) as file:
        if "conntap" in file.attrs:
            lazy = StoredArray(path.absolute(), "values", *_form(file["values"])) if "values" in file else None
            arrays = {name: file[name][()] for name in file if name != "values"}
            return together(file.attrs["conntap"], {k: np.asarray(v) for k, v in arrays.items()}, lazy, path)
        found: list[Found] = []

        def look(name: str, item: object) -> int | None:
            if isinstance(item, h5py.Dataset) and item.shape is not None and item.dtype.kind in "biuf":
                attributes = {**file.attrs, **item.parent.attrs, **item.attrs}
                found.append(Found(name, StoredArray(path.absolute(), name, *_form(item)), attributes))
            return 1 if len(found) >= _MOST else None

        file.visititems(look)
        return traces_of(chosen(found, asked.series, path), asked, path)


def write_hdf5(activity: Spikes | Traces, path: Path) -> None:
    """Write our own file, whole or not at all; lazy values are read and written piece by piece."""
    arrays, text = apart(activity)
    with new_hdf5(path) as file:
        for name, array in arrays.items():
            file[name] = array
        if isinstance(activity, Traces):
            _write_values(file, activity)
        file.attrs["conntap"] = text


def _write_values(file: h5py.File, traces: Traces) -> None:
    shape, dtype = (traces.n_steps, traces.n_nodes), np.dtype(traces.values.dtype)
    chunks = tuple(max(1, min(most, n)) for most, n in zip((4096, 64), shape, strict=True))
    data = file.create_dataset("values", shape=shape, dtype=dtype, chunks=chunks if all(shape) else None)
    first = 0
    for piece in traces.pieces(chunks[0] * 4):
        data[first : first + len(piece)] = piece
        first += len(piece)


def _form(dataset: h5py.Dataset) -> tuple[tuple[int, ...], np.dtype]:
    return dataset.shape, dataset.dtype

"""NWB files written by pynwb: spikes as units, traces as series with a table of their nodes."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.activity.spikes import Spikes
from conntap.activity.traces import Traces
from conntap.errors import MissingExtra
from conntap.store.new_hdf5 import new_hdf5

__all__ = ["LABELS", "write_nwb"]

LABELS = "node_id"
"""The column of ids that are no whole numbers, for which NWB has no other place."""

_NO_FLUORESCENCE = {"v", "mv", "uv", "volt", "volts", "a", "na", "pa", "hz", "1/s", "spikes/s"}
_RESERVED = {"id", "spike_times", "obs_intervals", "electrodes", "electrode_group", "waveform_mean", "waveform_sd"}
_RESERVED |= {"waveforms", "resolution", "image_mask", "pixel_mask", "voxel_mask", LABELS}
_CHUNK = (10_000, 64)
_START = datetime(1970, 1, 1, tzinfo=UTC)  # NWB demands one; recordings here tell none


def write_nwb(activity: Spikes | Traces, path: Path) -> None:
    """Write an NWB file, whole or not at all; lazy values are read and written piece by piece."""
    pynwb = _pynwb()
    with _quiet(), new_hdf5(path) as file:
        held = pynwb.NWBFile("Activity written by conntap", uuid.uuid4().hex, _START)
        held.units = _units(activity) if isinstance(activity, Spikes) else None
        if isinstance(activity, Traces):
            _add_series(held, activity)
        pynwb.NWBHDF5IO(file=file, mode="w").write(held)


def _units(spikes: Spikes) -> Any:
    from hdmf.common import VectorData, VectorIndex
    from pynwb.misc import Units

    n = spikes.n_nodes
    times = VectorData("spike_times", "when each unit fired, in s", data=_by_node(spikes) / 1000.0)
    ends = np.cumsum(np.bincount(spikes.rows, minlength=n))
    stretch = VectorData(
        "obs_intervals",
        "when each unit was recorded, in s",
        data=np.tile(np.array([spikes.start_ms, spikes.stop_ms]) / 1000.0, (n, 1)),
    )
    columns = [
        times,
        VectorIndex("spike_times_index", data=ends, target=times),
        stretch,
        VectorIndex("obs_intervals_index", data=np.arange(1, n + 1), target=stretch),
    ]
    ids, more = _columns(spikes.nodes)
    names = ["spike_times", "obs_intervals", *(each.name for each in more)] if n else None
    return Units(
        "units",
        description="the recorded nodes",
        id=ids,
        columns=[*columns, *more] if n else None,
        colnames=names,
    )


def _by_node(spikes: Spikes) -> np.ndarray:
    return spikes.times_ms[np.argsort(spikes.rows, kind="stable")]


def _add_series(held: Any, traces: Traces) -> None:
    if traces.unit.lower() in _NO_FLUORESCENCE:
        _add_plain(held, traces)
    else:
        _add_regions(held, traces)


def _add_plain(held: Any, traces: Traces) -> None:
    """A series of any unit; the table beside it has a row a column."""
    from hdmf.common import DynamicTable
    from pynwb import TimeSeries

    ids, columns = _columns(traces.nodes)
    names = [each.name for each in columns]
    module = held.create_processing_module("activity", "traces and their nodes")
    module.add(DynamicTable("nodes", description="the node of each column", id=ids, columns=columns, colnames=names))
    module.add(TimeSeries("traces", description="a column a node", **_series(traces)))


def _add_regions(held: Any, traces: Traces) -> None:
    """Regions of interest: what is known of them is in columns, and their masks, which NWB demands, are of no weight."""
    from pynwb.ophys import (
        DfOverF,
        Fluorescence,
        ImageSegmentation,
        OpticalChannel,
        PlaneSegmentation,
        RoiResponseSeries,
    )

    unknown: dict[str, Any] = {"description": "unknown"}
    plane = held.create_imaging_plane(
        name="plane",
        optical_channel=OpticalChannel("channel", emission_lambda=float("nan"), **unknown),
        device=held.create_device("microscope"),
        excitation_lambda=float("nan"),
        indicator="unknown",
        location="unknown",
        **unknown,
    )
    ids, columns = _columns(traces.nodes)
    names = ["pixel_mask", *(each.name for each in columns)]
    columns = [*_no_masks(traces.n_nodes), *columns]
    nodes = PlaneSegmentation("the recorded nodes", plane, "nodes", id=ids, columns=columns, colnames=names)
    module = held.create_processing_module("ophys", "traces and their nodes")
    module.add(ImageSegmentation(plane_segmentations=[nodes]))
    rois = nodes.create_roi_table_region(region=list(range(traces.n_nodes)), description="all nodes")
    series = RoiResponseSeries("traces", rois=rois, **_series(traces))
    relative = traces.unit.lower().replace(" ", "").replace("δ", "d").startswith("df/f")
    module.add((DfOverF if relative else Fluorescence)(roi_response_series=series))


def _no_masks(n: int) -> list[Any]:
    from hdmf.common import VectorData, VectorIndex

    pixels = np.zeros(n, dtype=[("x", np.uint32), ("y", np.uint32), ("weight", np.float32)])
    masks = VectorData("pixel_mask", "unknown: a pixel of no weight each", data=pixels)
    return [masks, VectorIndex("pixel_mask_index", data=np.arange(1, n + 1), target=masks)]


def _series(traces: Traces) -> dict[str, Any]:
    data = _values(traces)
    return {"data": data, "unit": traces.unit, "rate": 1000.0 / traces.dt_ms, "starting_time": traces.start_ms / 1000.0}


def _values(traces: Traces) -> Any:
    """Values as they are in memory; lazy ones as pieces."""
    shape, kind = (traces.n_steps, traces.n_nodes), np.dtype(traces.values.dtype)
    kind = np.dtype(np.uint8) if kind.kind == "b" else kind
    if isinstance(traces.values, np.ndarray) or not all(shape):
        return traces.to_numpy().astype(kind, copy=False)
    from hdmf.data_utils import GenericDataChunkIterator

    class Pieces(GenericDataChunkIterator):
        def _get_data(self, selection: tuple[slice, ...]) -> np.ndarray:
            return np.asarray(traces.values[selection[0]])[:, selection[1]].astype(kind, copy=False)

        def _get_maxshape(self) -> tuple[int, ...]:
            return shape

        def _get_dtype(self) -> np.dtype:
            return kind

    chunk = tuple(min(most, n) for most, n in zip(_CHUNK, shape, strict=True))
    return Pieces(buffer_shape=(chunk[0], shape[1]), chunk_shape=chunk)


def _columns(nodes: pd.DataFrame) -> tuple[list[int], list[Any]]:
    """Ids, and the columns of numbers and text; labels as ids are a column of their own."""
    from hdmf.common import VectorData

    found: dict[str, np.ndarray] = {}
    ids = nodes.index.to_numpy()
    whole = ids.dtype.kind in "iu"
    if not whole:
        found[LABELS] = ids.astype(str)
    for name, values in nodes.items():
        plain = _plain(values)
        if plain is not None:
            found[_free(str(name), found)] = plain
    columns = [VectorData(name, "of the recorded nodes", data=_listed(values)) for name, values in found.items()]
    return (ids.tolist() if whole else list(range(len(ids)))), columns


def _plain(values: pd.Series) -> np.ndarray | None:
    if values.dtype.kind in "biuf" and isinstance(values.dtype, np.dtype):
        return values.to_numpy()
    text = values.astype(object).to_numpy()
    return np.array(["" if each is None or each != each else str(each) for each in text], dtype=object)


def _listed(values: np.ndarray) -> Any:
    return values if values.dtype.kind in "biuf" else [str(each) for each in values]


def _free(name: str, taken: dict[str, np.ndarray]) -> str:
    """A name that NWB has no other meaning for, and HDF5 can bear."""
    name = name.replace("/", "_").replace(":", "_") or "column"
    while name in taken or name in _RESERVED or name.endswith("_index"):
        name += "_"
    return name


@contextmanager
def _quiet() -> Iterator[None]:
    """Without pynwb's warnings of what nobody can tell of such a recording."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _pynwb() -> Any:
    with suppress(ImportError):
        import pynwb

        return pynwb
    raise MissingExtra("nwb", package="pynwb", needed_for="writing NWB")

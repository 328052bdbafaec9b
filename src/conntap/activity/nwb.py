"""NWB files, read as the HDF5 that they are: units, and series of regions of interest and of electrodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conntap.activity.asked import Asked
from conntap.activity.lazy import Scaled, StoredArray
from conntap.activity.nwb_writing import LABELS
from conntap.activity.opening import hdf5
from conntap.activity.sampling import even_step, oriented, step_ms
from conntap.activity.spikes import Spikes
from conntap.activity.traces import Traces
from conntap.errors import ActivityError, known

__all__ = ["read_nwb"]

_SERIES = {"RoiResponseSeries": "rois", "ElectricalSeries": "electrodes"}
_PLAIN = "TimeSeries"  # of anything: taken where it is named, or where there is nothing else


def read_nwb(path: Path, asked: Asked) -> Spikes | Traces:
    """The units, or the series that is chosen, lazily; with the columns of their tables that hold one value a row."""
    with hdf5(path) as file:
        found = {} if asked.kind == "spikes" else _series(file, asked.series)
        if asked.kind != "traces" and "units" in file and "spike_times" in file["units"]:
            found["units"] = file["units"]
        name = _chosen(found, asked.series, path)
        return _units(found[name], asked, path) if name == "units" else _traces(file, found[name], asked, path)


def _series(file: h5py.File, wanted: str | None) -> dict[str, h5py.Group]:
    found: dict[str, h5py.Group] = {}
    plain: dict[str, h5py.Group] = {}

    def look(name: str, item: object) -> None:
        kind = _text(item.attrs.get("neurodata_type", "")) if isinstance(item, h5py.Group) else ""
        if kind in _SERIES and "data" in item:
            found[name] = item
        elif kind == _PLAIN and "data" in item and item["data"].ndim == 2 and item["data"].dtype.kind in "biuf":
            plain[name] = item

    for root in ("acquisition", "processing"):
        if root in file:
            file[root].visititems(lambda name, item, root=root: look(f"{root}/{name}", item))
    return found | plain if wanted is not None or not (found or "units" in file) else found


def _chosen(found: dict[str, Any], series: str | None, path: Path) -> str:
    wanted = None if series is None else series.strip("/")
    names = [name for name in found if wanted is None or wanted == name or wanted in name.split("/")]
    if len(names) == 1:
        return names[0]
    if not names:
        raise ActivityError(
            f"{path}: {'no units with spikes and no series' if wanted is None else f'no series {wanted!r}'} of regions of "
            f"interest or electrodes; there are: {known(found)}. Choose one of these with series=."
        )
    raise ActivityError(f"{path}: several recordings ({known(names)}). Choose one with series=.")


def _units(units: h5py.Group, asked: Asked, path: Path) -> Spikes:
    times = units["spike_times"][:].astype(np.float64) * 1000.0
    ends = units["spike_times_index"][:].astype(np.int64) if "spike_times_index" in units else np.array([len(times)])
    ids = _ids(units, len(ends))
    counts = np.diff(ends, prepend=0)
    if (counts < 0).any() or (len(ends) and ends[-1] != len(times)):
        raise ActivityError(f"{path}: the index of the spike times does not fit them. Check the file.")
    start, stop = _observed(units, times)
    nodes = _columns(units, np.arange(len(ids)), pd.Index(ids))
    if asked.duration_ms is not None:
        stop = start + asked.duration_ms
    spikes = Spikes(np.repeat(ids, counts), times, duration_ms=stop - start, start_ms=start, nodes=nodes)
    return spikes if asked.ids is None else spikes.of(asked.ids)


def _observed(units: h5py.Group, times: np.ndarray) -> tuple[float, float]:
    """From when until when was recorded: as the units were observed, else from 0; in any case all spikes."""
    observed = np.zeros(1)
    if "obs_intervals" in units and units["obs_intervals"].shape[0]:
        observed = units["obs_intervals"][:] * 1000.0
    return min(float(observed.min()), times.min(initial=np.inf)), max(float(observed.max()), times.max(initial=-np.inf))


def _traces(file: h5py.File, series: h5py.Group, asked: Asked, path: Path) -> Traces:
    where, data = f"{path}: {series.name}", series["data"]
    region = series.get(_SERIES.get(_text(series.attrs["neurodata_type"]), ""))
    rows = None if region is None else region[:].astype(np.int64)
    values: Any = StoredArray(path.absolute(), data.name, data.shape, data.dtype)
    if len(data.shape) == 1:
        raise ActivityError(f"{where}: values of one node in one dimension; nothing can be inferred from one.")
    told = "time-nodes"
    if rows is not None and data.shape[1] != len(rows) and data.shape[0] == len(rows):
        told = "nodes-time"  # against the standard, but not rare
    values = _scaled(series, oriented(values, asked.orientation, where, told))
    dt_ms, start_ms = _times(series, asked, where)
    if rows is None:
        nodes = _beside(series, values.shape[1])
    else:
        nodes = _table(file, region, rows, path) if len(rows) == values.shape[1] else None
    unit = asked.unit if asked.unit is not None else _text(data.attrs.get("unit", ""))
    traces = Traces(values, dt_ms=dt_ms, start_ms=start_ms, unit=unit, nodes=nodes)
    return traces if asked.ids is None else traces.of(asked.ids)


def _scaled(series: h5py.Group, values: Any) -> Any:
    """Values in the unit that the series names: times its conversion, plus its offset."""
    attrs = series["data"].attrs
    factor: Any = float(attrs.get("conversion", 1.0))
    offset = float(attrs.get("offset", 0.0))
    if "channel_conversion" in series:
        factor = factor * series["channel_conversion"][:].astype(np.float64)
    return values if np.all(factor == 1) and offset == 0 else Scaled(values, factor, offset)


def _times(series: h5py.Group, asked: Asked, where: str) -> tuple[float, float]:
    declared = asked.dt_ms is not None or asked.rate_hz is not None
    told, start = None, 0.0
    if "starting_time" in series:
        start = float(series["starting_time"][()]) * 1000.0
        rate = float(series["starting_time"].attrs.get("rate", 0.0))
        told = 1000.0 / rate if rate > 0 else None
    elif "timestamps" in series:
        times = series["timestamps"]
        start = float(times[0]) * 1000.0 if len(times) else 0.0
        told = None if declared else even_step(times[:], where) * 1000.0
    return step_ms(where, asked.dt_ms, asked.rate_hz, told), start


def _table(file: h5py.File, region: h5py.Dataset, rows: np.ndarray, path: Path) -> pd.DataFrame | None:
    """The rows of the table that a region points to, by their ids."""
    if "table" not in region.attrs or not isinstance(region.attrs["table"], h5py.Reference):
        return None
    table = file[region.attrs["table"]]
    n = len(table["id"]) if "id" in table else 0
    if not len(rows) or rows.min() < 0 or rows.max() >= n:
        raise ActivityError(f"{path}: {region.name} names rows that {table.name} does not have. Check the file.")
    return _columns(table, rows, pd.Index(_ids(table, n)[rows]))


def _beside(series: h5py.Group, n: int) -> pd.DataFrame | None:
    """The table `nodes` that stands beside a plain series and has a row for each of its columns."""
    table = series.parent.get("nodes")
    if not isinstance(table, h5py.Group) or "id" not in table or table["id"].shape != (n,):
        return None
    return _columns(table, np.arange(n), pd.Index(_ids(table, n)))


def _ids(table: h5py.Group, n: int) -> np.ndarray:
    if LABELS in table and table[LABELS].shape == (n,):
        labels = np.array([_text(each) for each in table[LABELS][:]], dtype=object)
        if len(set(labels)) == n:
            return labels
    ids = table["id"][:].astype(np.int64) if "id" in table else np.arange(n)
    return ids if len(ids) == n and len(np.unique(ids)) == n else np.arange(n)


def _columns(table: h5py.Group, rows: np.ndarray, ids: pd.Index) -> pd.DataFrame:
    """Columns of numbers and text with one value a row; and x, y of masks, where there are masks and no columns x, y."""
    columns: dict[str, Any] = {}
    n = len(table["id"]) if "id" in table else len(rows)
    for name in _in_order(table):
        item = table[name]
        if not isinstance(item, h5py.Dataset) or item.shape != (n,) or name in ("id", LABELS):
            continue
        if name.endswith("_index") or f"{name}_index" in table:
            continue
        if h5py.check_string_dtype(item.dtype) is not None:
            columns[name] = np.array([_text(each) for each in item[:]], dtype=object)[rows]
        elif item.dtype.kind in "biuf":
            columns[name] = item[:][rows]
    if "image_mask" in table and "x" not in columns and table["image_mask"].ndim == 3:
        columns |= _centres(table["image_mask"], rows)
    elif "pixel_mask" in table and "x" not in columns and "pixel_mask_index" in table:
        columns |= _pixel_centres(table, rows)
    return pd.DataFrame(columns, index=ids)


def _in_order(table: h5py.Group) -> list[str]:
    """What a table holds, its columns in the order in which they are named."""
    named = [_text(name) for name in table.attrs.get("colnames", ())]
    return [*(name for name in named if name in table), *(name for name in table if name not in named)]


def _centres(masks: h5py.Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Of masks of shape (regions, width, height) the centres of mass, in pixels."""
    out = np.full((len(rows), 2), np.nan)
    for at, row in enumerate(rows.tolist()):
        mask = masks[row].astype(np.float64)
        total = mask.sum()
        if total > 0:
            out[at] = (mask.sum(axis=1) @ np.arange(len(mask)), mask.sum(axis=0) @ np.arange(mask.shape[1]))
            out[at] /= total
    return {"x": out[:, 0], "y": out[:, 1]}


def _pixel_centres(table: h5py.Group, rows: np.ndarray) -> dict[str, np.ndarray]:
    pixels, ends = table["pixel_mask"][:], table["pixel_mask_index"][:].astype(np.int64)
    region = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    weight = np.bincount(region, pixels["weight"], minlength=len(ends))
    if not weight.any():
        return {}  # masks of no weight are none
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            axis: (np.bincount(region, pixels["weight"] * pixels[axis], minlength=len(ends)) / weight)[rows]
            for axis in ("x", "y")
        }


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

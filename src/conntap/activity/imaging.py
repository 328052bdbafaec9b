"""What pipelines of calcium imaging leave behind: suite2p's folder, CaImAn's HDF5. No pickles are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conntap.activity.asked import Asked
from conntap.activity.lazy import Difference, MappedArray, StoredArray, Turned
from conntap.activity.opening import hdf5
from conntap.activity.sampling import step_ms
from conntap.activity.traces import Traces
from conntap.errors import ActivityError, known, unknown

__all__ = ["plane_of", "read_caiman", "read_suite2p"]

_NEUROPIL = 0.7  # suite2p's neucoeff
_SUITE2P = ("corrected", "F", "Fneu", "spks")
_CAIMAN = ("C", "F_dff", "S", "YrA")


def plane_of(path: Path) -> Path | None:
    """The folder of suite2p's files in or under a folder; None where there is none."""
    for folder in (path, path / "suite2p"):
        if (folder / "F.npy").is_file() or (folder / "spks.npy").is_file():
            return folder
        planes = sorted(each for each in folder.glob("plane*") if (each / "F.npy").is_file())
        if len(planes) > 1:
            raise ActivityError(f"{folder}: several planes ({known(each.name for each in planes)}). Give one of them.")
        if planes:
            return planes[0]
    return None


def read_suite2p(path: Path, asked: Asked) -> Traces:
    """The cells of a plane; `stat.npy` and `ops.npy` are pickles and stay closed, so the rate must be given."""
    folder = plane_of(path)
    if folder is None:
        raise ActivityError(f"{path}: neither F.npy nor spks.npy. Give suite2p's folder of a plane.")
    where = str(folder)
    held = {name: folder / f"{name}.npy" for name in ("F", "Fneu", "spks") if (folder / f"{name}.npy").is_file()}
    choices = [name for name in _SUITE2P if name in held or (name == "corrected" and {"F", "Fneu"} <= held.keys())]
    series = asked.series or choices[0]
    if series not in choices:
        raise ActivityError(unknown(where, "series", series, choices))
    if asked.dt_ms is None and asked.rate_hz is None:
        raise ActivityError(f"{where}: suite2p keeps the frame rate in a pickle, which is not read. Give rate_hz.")
    values: Any = MappedArray((held["F"] if series == "corrected" else held[series]).absolute())
    if len(values.shape) != 2:
        raise ActivityError(f"{where}: {series} of shape {values.shape}; give suite2p's (regions, frames).")
    if series == "corrected":
        other = MappedArray(held["Fneu"].absolute())
        if other.shape != values.shape:
            raise ActivityError(f"{where}: F of shape {values.shape} and Fneu of {other.shape}. Check the folder.")
        values = Difference(values, other, _NEUROPIL)
    nodes, cells = _cells(folder, values.shape[0])
    dt_ms = step_ms(where, asked.dt_ms, asked.rate_hz, shortest_ms=1.0)
    unit = asked.unit if asked.unit is not None else {"spks": "deconvolved"}.get(series, "fluorescence")
    traces = Traces(Turned(values), dt_ms=dt_ms, nodes=nodes, unit=unit)
    return traces.of(cells if asked.ids is None else asked.ids)


def _cells(folder: Path, n: int) -> tuple[pd.DataFrame, np.ndarray]:
    """What iscell.npy says of each region, and the regions that are cells; all where it is missing."""
    if not (folder / "iscell.npy").is_file():
        return pd.DataFrame(index=pd.RangeIndex(n)), np.arange(n)
    told = MappedArray(folder / "iscell.npy")[:, :]
    if told.shape[0] != n or told.shape[1] < 1:
        raise ActivityError(f"{folder}: iscell.npy of shape {told.shape} for {n} regions. Check the folder.")
    columns = {"is_cell": told[:, 0] > 0}
    if told.shape[1] > 1:
        columns["cell_probability"] = told[:, 1]
    cells = np.flatnonzero(columns["is_cell"])
    if not len(cells):
        raise ActivityError(
            f"{folder}: none of {n} regions is a cell, says iscell.npy. Give ids= to take some all the same."
        )
    return pd.DataFrame(columns), cells


def read_caiman(path: Path, asked: Asked) -> Traces:
    """The components of CaImAn's estimates, those it accepted, with their centres in pixels."""
    with hdf5(path) as file:
        estimates = file["estimates"]
        shapes = {name: estimates[name].shape for name in _CAIMAN if isinstance(estimates.get(name), h5py.Dataset)}
        choices = [name for name, shape in shapes.items() if len(shape) == 2]
        series = asked.series or next(iter(choices), None)
        if series is None or series not in choices:
            raise ActivityError(unknown(str(path), "series", series, choices))
        data = estimates[series]
        values = Turned(StoredArray(path.absolute(), data.name, data.shape, data.dtype))
        rate = _rate(file)
        dt_ms = step_ms(str(path), asked.dt_ms, asked.rate_hz, rate and 1000.0 / rate, shortest_ms=1.0)
        nodes, accepted = _components(file, data.shape[0])
        unit = (
            asked.unit if asked.unit is not None else {"S": "deconvolved", "F_dff": "dF/F"}.get(series, "fluorescence")
        )
        traces = Traces(values, dt_ms=dt_ms, nodes=nodes, unit=unit)
        return traces.of(accepted if asked.ids is None else asked.ids)


def _rate(file: h5py.File) -> float | None:
    fr = file.get("params/data/fr")
    if not isinstance(fr, h5py.Dataset) or fr.dtype.kind not in "iuf" or fr.size != 1:
        return None
    return float(np.asarray(fr[()]).reshape(())) or None


def _components(file: h5py.File, n: int) -> tuple[pd.DataFrame, np.ndarray]:
    estimates, columns = file["estimates"], {}
    for name, column in (("SNR_comp", "snr"), ("r_values", "r_value"), ("cnn_preds", "cell_probability")):
        told = estimates.get(name)
        if isinstance(told, h5py.Dataset) and told.shape == (n,) and told.dtype.kind in "iuf":
            columns[column] = told[:]
    table = pd.DataFrame({**columns, **_centres(file, n)}, index=pd.RangeIndex(n))
    chosen = estimates.get("idx_components")
    if isinstance(chosen, h5py.Dataset) and chosen.dtype.kind in "iu" and chosen.ndim == 1 and chosen.size:
        accepted = np.unique(chosen[:].astype(np.int64))
        if accepted[0] < 0 or accepted[-1] >= n:
            raise ActivityError(f"{file.filename}: idx_components names components beyond the {n} there are.")
        return table, accepted
    return table, np.arange(n)


def _centres(file: h5py.File, n: int) -> dict[str, np.ndarray]:
    """Centres of mass of the footprints A (pixels x components, compressed columns; pixels in Fortran's order)."""
    footprints = file["estimates"].get("A")
    dims = next((file[name] for name in ("dims", "estimates/dims") if isinstance(file.get(name), h5py.Dataset)), None)
    if not isinstance(footprints, h5py.Group) or dims is None or dims.size != 2:
        return {}
    if not {"data", "indices", "indptr"} <= footprints.keys():
        return {}
    height, width = (int(each) for each in dims[:])
    data, indices, ends = (footprints[name][:] for name in ("data", "indices", "indptr"))
    if len(ends) != n + 1 or len(data) != len(indices) or (len(indices) and indices.max() >= height * width):
        return {}
    component = np.repeat(np.arange(n), np.diff(ends.astype(np.int64)))
    total = np.bincount(component, data, minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        y, x = (np.bincount(component, data * at, minlength=n) / total for at in (indices % height, indices // height))
    return {"x": x, "y": y}

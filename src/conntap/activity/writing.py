"""Recordings written, by the ending of the name: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from conntap.activity.hdf5_files import write_hdf5
from conntap.activity.nwb_writing import write_nwb
from conntap.activity.spike_files import write_npz_spikes, write_sonata_spikes
from conntap.activity.spikes import Spikes
from conntap.activity.tables import write_table
from conntap.activity.trace_files import write_npz_traces, write_report
from conntap.activity.traces import Traces
from conntap.activity.zarr_files import write_zarr
from conntap.errors import ActivityError, known, unknown
from conntap.store.files import atomic

__all__ = ["write_spikes", "write_traces"]

_ENDINGS = {
    ".h5": "sonata",
    ".hdf5": "sonata",
    ".npz": "npz",
    ".npy": "npy",
    ".zarr": "zarr",
    ".nwb": "nwb",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def write_spikes(
    spikes: Spikes, path: str | Path, *, format: str | None = None, population: str = "nodes", overwrite: bool = False
) -> None:
    """Write spikes, by the ending of the name; whole or not at all.

    npz, zarr and our own HDF5 keep all: recorded nodes, what is known of them, start and duration; so does NWB (numbers and text
    of nodes, times in s). SONATA and the tables keep ids and times of spikes.

    Parameters
    ----------
    spikes
        What to write.
    path
        Where, ending in .h5 (SONATA; ids must be whole numbers), .npz, .zarr, .nwb, .csv, .tsv or .parquet.
    format
        `hdf5` writes our own layout into .h5.
    population
        SONATA's name for the nodes.
    overwrite
        True replaces a file that is there.

    Raises
    ------
    ActivityError
        Another ending, a file that is there already, or labels as ids in SONATA.
    MissingExtra
        The format needs a package that is not installed.

    Notes
    -----
    Uncompressed in SONATA, so that libsonata reads it.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.activity import read_spikes
    >>> path = Path(tempfile.mkdtemp()) / "spikes.npz"
    >>> spikes = Spikes(["a"], [1.0], duration_ms=5, ids=["a", "b"])
    >>> write_spikes(spikes, path)
    >>> read_spikes(path) == spikes
    True
    """
    path = Path(path)
    _write(spikes, path, _format(path, format, overwrite, without={"npy"}), population, overwrite)


def write_traces(
    traces: Traces, path: str | Path, *, format: str | None = None, population: str = "nodes", overwrite: bool = False
) -> None:
    """Write traces, by the ending of the name; whole or not at all.

    npz, zarr and our own HDF5 keep all; NWB too (numbers and text of nodes), as responses of regions of interest, or as a plain
    series where the unit is one of voltage, current or rate; SONATA reports ids, times and 32-bit floats; tables a row a step;
    npy the values alone, shape (time, nodes).

    Parameters
    ----------
    traces
        What to write; lazy values are read and written piece by piece into .h5, .zarr, .nwb and .npy.
    path
        Where, ending in .h5 (a SONATA report with one element a node), .npz, .npy, .zarr, .nwb, .csv, .tsv or
        .parquet.
    format
        `hdf5` writes our own layout into .h5.
    population
        SONATA's name for the nodes.
    overwrite
        True replaces a file that is there.

    Raises
    ------
    ActivityError
        Another ending, a file that is there already, or labels as ids in SONATA.
    MissingExtra
        The format needs a package that is not installed.

    Notes
    -----
    Zarr in chunks of 10,000 steps and 128 nodes.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.activity import read_traces
    >>> path = Path(tempfile.mkdtemp()) / "traces.npz"
    >>> write_traces(Traces([[1, 2]], dt_ms=10), path)
    >>> read_traces(path).to_numpy().tolist()
    [[1, 2]]
    """
    path = Path(path)
    _write(traces, path, _format(path, format, overwrite, without=set()), population, overwrite)


def _format(path: Path, format: str | None, overwrite: bool, without: set[str]) -> str:
    endings = {ending: name for ending, name in _ENDINGS.items() if name not in without}
    by_name = endings.get(path.suffix.lower())
    if by_name is None:
        raise ActivityError(
            f"{path}: activity is written by the ending of its name: {known(endings)}. Give such a name."
        )
    allowed = {by_name, "hdf5"} if by_name == "sonata" else {by_name}
    if format is not None and format not in allowed:
        raise ActivityError(unknown(f"{path}", "format for this ending", format, allowed))
    if path.exists() and not overwrite:
        raise ActivityError(f"{path}: there is a file already. Choose another name, or give overwrite=True.")
    return format or by_name


def _write(activity: Spikes | Traces, path: Path, format: str, population: str, overwrite: bool) -> None:
    match format:
        case "zarr":
            write_zarr(activity, path, overwrite)
        case "hdf5":
            write_hdf5(activity, path)
        case "nwb":
            write_nwb(activity, path)
        case "csv" | "parquet":
            write_table(activity, path)
        case "npy":
            _write_npy(activity, path)
        case "npz":
            write_npz_spikes(activity, path) if isinstance(activity, Spikes) else write_npz_traces(activity, path)
        case _ if isinstance(activity, Spikes):
            write_sonata_spikes(activity, path, population)
        case _:
            write_report(activity, path, population)


def _write_npy(traces: Traces, path: Path) -> None:
    shape, dtype = (traces.n_steps, traces.n_nodes), np.dtype(traces.values.dtype)
    with atomic(path) as aside, open(aside, "wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for piece in traces.pieces():
            file.write(np.ascontiguousarray(piece, dtype=dtype).tobytes())

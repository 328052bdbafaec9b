"""Recordings read, whatever wrote them: one entry that recognises the kind, and one each for spikes and traces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from conntap.activity.asked import Asked
from conntap.activity.foreign import Found, traces_of
from conntap.activity.hdf5_files import read_hdf5
from conntap.activity.imaging import read_caiman, read_suite2p
from conntap.activity.lazy import MappedArray
from conntap.activity.nwb import read_nwb
from conntap.activity.opening import hdf5, npz, told
from conntap.activity.recognising import recognised
from conntap.activity.spike_files import holds_spikes, read_sonata_spikes, spikes_of_npz
from conntap.activity.spikes import Spikes
from conntap.activity.tables import read_challenge, read_table
from conntap.activity.trace_files import read_report, traces_of_npz
from conntap.activity.traces import Traces
from conntap.activity.zarr_files import read_zarr
from conntap.errors import ActivityError, known, unknown

__all__ = ["FORMATS", "read", "read_spikes", "read_traces"]


def read(
    path: str | Path,
    *,
    format: str | None = None,
    series: str | None = None,
    population: str | None = None,
    dt_ms: float | None = None,
    rate_hz: float | None = None,
    orientation: Literal["time-nodes", "nodes-time"] | None = None,
    unit: str | None = None,
    time_unit: Literal["ms", "s", "us"] | None = None,
    duration_ms: float | None = None,
    ids: Any = None,
    times: str | int | None = None,
    nodes: str | int | None = None,
) -> Spikes | Traces:
    """Read a recording of any format known here, lazily where it is large: spikes or traces, whichever it holds.

    What the file tells is taken from it; what it cannot tell must be given. Nothing is guessed that could be wrong
    without being noticed: which axis is time is taken from the shape alone where one is a hundred times the other.

    Parameters
    ----------
    path
        A file, or the folder of a zarr store or of suite2p. It must stay where it is while traces are used.
    format
        hdf5, zarr, npz, npy, sonata, nwb, suite2p, caiman, csv (any separator), parquet, chalearn (the Connectomics
        challenge's fluorescence). Default: by the content.
    series
        Which of several: a series of NWB or `units`, an array of HDF5, zarr or npz, suite2p's corrected (F - 0.7 Fneu,
        the default), F, Fneu or spks, CaImAn's C (the default), F_dff, S or YrA.
    population
        Whose spikes or report, where a SONATA file holds several populations.
    dt_ms, rate_hz
        The time step or the steps a second, one of them; needed where the file does not tell, else it overrules it.
    orientation
        Whether rows are steps (`time-nodes`) or nodes (`nodes-time`).
    unit
        The unit of traces, for people; default: what the file says.
    time_unit
        The unit of the times of a table of spikes or frames whose column does not tell.
    duration_ms
        How long spikes were recorded; default: what the file says, else until the last spike.
    ids
        The nodes to take, in this order; of formats that do not list the recorded nodes: all their ids, or a number n.
    times, nodes
        Which columns of a table or arrays of an npz hold the times and the nodes of spikes, where their names do not tell:
        a name; of a table without names the number of the column, from 0.

    Returns
    -------
    Spikes, or Traces whose values are read when they are used (of npz, tables, and SONATA reports with elements: at
    once). Positions and other columns that a file has for its nodes are in `nodes`.

    Raises
    ------
    ActivityError
        No such file, none of the formats, several recordings in it, a damaged file, or something that the file cannot
        tell and that was not given; an option that means nothing for the format.
    MissingExtra
        The format needs a package that is not installed.

    Notes
    -----
    No pickle is ever read. Of lazy values each use reads the stretch it needs.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "spikes.csv"
    >>> _ = path.write_text("time_s,neuron\\n0.25,3\\n0.5,1\\n")
    >>> read(path, duration_ms=1000)
    Spikes(2 spikes of 2 nodes in 1,000 ms)
    """
    asked = Asked(
        population=population,
        series=series,
        dt_ms=dt_ms,
        rate_hz=rate_hz,
        orientation=orientation,
        unit=unit,
        time_unit=time_unit,
        duration_ms=duration_ms,
        ids=ids,
        times=times,
        nodes=nodes,
    )
    return _read(Path(path), format, asked)


def read_spikes(
    path: str | Path,
    *,
    format: str | None = None,
    population: str | None = None,
    series: str | None = None,
    time_unit: Literal["ms", "s", "us"] | None = None,
    duration_ms: float | None = None,
    ids: Any = None,
    times: str | int | None = None,
    nodes: str | int | None = None,
) -> Spikes:
    """Read spikes; the options are those of `read`.

    Parameters
    ----------
    path
        The file.
    format, population, series
        As in `read`; of an NWB file the units are taken.
    time_unit
        The unit of the times, where the file does not tell (SONATA and npz without one: ms).
    duration_ms
        How long was recorded, counted from 0; default: what the file says, else until the last spike.
    ids
        Ids of all recorded nodes, or a number n; default: what the file says, else those that fired.
    times, nodes
        As in `read`.

    Returns
    -------
    Spikes, sorted by time.

    Raises
    ------
    ActivityError
        No file, no spikes in it, several populations, an unknown unit of time, or arrays that do not fit.

    Notes
    -----
    Reads the whole file; no pickles.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.activity import write_spikes
    >>> path = Path(tempfile.mkdtemp()) / "spikes.h5"
    >>> write_spikes(Spikes([1, 0], [3.0, 2.0], duration_ms=10), path)
    >>> read_spikes(path, duration_ms=10).node_ids.tolist()
    [0, 1]
    """
    asked = Asked(
        "spikes", population, series, time_unit=time_unit, duration_ms=duration_ms, ids=ids, times=times, nodes=nodes
    )
    spikes = _read(Path(path), format, asked)
    if not isinstance(spikes, Spikes):
        raise ActivityError(f"{path}: traces, no spikes. Read them with read_traces.")
    return spikes


def read_traces(
    path: str | Path,
    *,
    format: str | None = None,
    population: str | None = None,
    series: str | None = None,
    element: Literal["first", "sum", "mean"] | None = None,
    dt_ms: float | None = None,
    rate_hz: float | None = None,
    orientation: Literal["time-nodes", "nodes-time"] | None = None,
    unit: str | None = None,
) -> Traces:
    """Read traces, lazily where the format allows; the options are those of `read`, and `element`.

    Parameters
    ----------
    path
        The file; it must stay where it is while the traces are used.
    format, series, dt_ms, rate_hz, orientation, unit
        As in `read`.
    population
        Which population, where a SONATA report holds several.
    element
        Where nodes of a SONATA report have several elements (compartments): `first`, `sum` or `mean` of them. Default:
        each node must have one.

    Returns
    -------
    Traces.

    Raises
    ------
    ActivityError
        No file, no traces in it, several populations or elements, arrays that do not fit, or something that the file
        cannot tell and that was not given.

    Notes
    -----
    With `element` the whole report is read.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.activity import write_traces
    >>> path = Path(tempfile.mkdtemp()) / "soma.h5"
    >>> write_traces(Traces([[1.0, 2.0]], dt_ms=0.1, ids=[4, 5], unit="mV"), path)
    >>> read_traces(path)
    Traces(1 steps of 0.1 ms, 2 nodes, in mV)
    """
    asked = Asked("traces", population, series, element, dt_ms, rate_hz, orientation, unit)
    traces = _read(Path(path), format, asked)
    if not isinstance(traces, Traces):
        raise ActivityError(
            f"{path}: spikes, no traces. Read them with read_spikes; infer.binned makes traces of them."
        )
    return traces


def _read(path: Path, format: str | None, asked: Asked) -> Spikes | Traces:
    if format is not None and format not in FORMATS:
        raise ActivityError(unknown("read", "format", format, FORMATS))
    if format is not None and not path.exists():
        raise ActivityError(f"{path}: no such file. Check the path.")
    with told(path):
        kind = format or recognised(path)
        function, options = FORMATS[kind]
        idle = set(asked.given) - options
        if idle:
            raise ActivityError(f"{path}: {known(idle)} means nothing for {kind}; there are {known(options)}.")
        return function(path, asked)


def _npz(path: Path, asked: Asked) -> Spikes | Traces:
    with npz(path) as held:
        wanted = asked.kind == "spikes" or (asked.kind is None and asked.series is None)
        if wanted and (asked.kind == "spikes" or holds_spikes(held, asked, path)):
            return spikes_of_npz(held, asked, path)
        return traces_of_npz(held, asked, path)


def _npy(path: Path, asked: Asked) -> Traces:
    return traces_of(Found("", MappedArray(path.absolute()), {}), asked, path)


def _sonata(path: Path, asked: Asked) -> Spikes | Traces:
    with hdf5(path) as file:
        if asked.kind == "spikes" or (asked.kind is None and "spikes" in file):
            return read_sonata_spikes(file, asked, path)
        return read_report(file, asked, path)


_STEP = {"dt_ms", "rate_hz", "unit"}
_ARRAY = _STEP | {"series", "orientation", "ids"}
_SPIKES = {"time_unit", "duration_ms", "ids"}
_NAMED = _SPIKES | {"times", "nodes"}

FORMATS: dict[str, tuple[Callable[[Path, Asked], Spikes | Traces], set[str]]] = {
    "caiman": (read_caiman, _STEP | {"series", "ids"}),
    "chalearn": (read_challenge, _STEP),
    "csv": (read_table, _STEP | _NAMED | {"orientation"}),
    "hdf5": (read_hdf5, _ARRAY),
    "npy": (_npy, _ARRAY),
    "npz": (_npz, _ARRAY | _NAMED),
    "nwb": (read_nwb, _ARRAY | {"duration_ms"}),
    "parquet": (read_table, _STEP | _NAMED | {"orientation"}),
    "sonata": (_sonata, _SPIKES | {"population", "element"}),
    "suite2p": (read_suite2p, _STEP | {"series", "ids"}),
    "zarr": (read_zarr, _ARRAY),
}
"""Format -> what reads it, and the options that mean something for it."""

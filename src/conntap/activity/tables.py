"""Tables of text and parquet: lists of spikes, and frames of values with a column a node."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.activity.asked import Asked
from conntap.activity.naming import spike_columns, unit_of
from conntap.activity.opening import told
from conntap.activity.sampling import even_step, oriented, step_ms, time_factor
from conntap.activity.spikes import Spikes
from conntap.activity.traces import Traces
from conntap.errors import ActivityError, MissingExtra, known
from conntap.store.files import atomic

__all__ = ["read_challenge", "read_table", "write_table"]

_CHALLENGE_MS = 20.0


def read_table(path: Path, asked: Asked) -> Spikes | Traces:
    """A list of spikes where there are columns of times and of nodes; else a row a frame and a column a node."""
    with told(path):
        table = _parquet(path) if _is_parquet(path) else _text_table(path)
        time, node = spike_columns(table.columns, asked, str(path))
        if time is not None and node is not None and asked.kind != "traces":
            return _spikes(table, time, node, asked, path)
        if asked.kind == "spikes":
            raise ActivityError(
                f"{path}: no list of spikes; columns: {known(table.columns)}. Name two time_ms and node_id, or give times and nodes."
            )
        return _frames(table, time, asked, path)


def read_challenge(path: Path, asked: Asked) -> Traces:
    """The Connectomics challenge's fluorescence: a frame of 20 ms a row, without names; positions from beside it."""
    with told(path):
        values = _numbers(_text_table(path), path)
        beside = path.with_name(path.name.replace("fluorescence_", "networkPositions_", 1))
        nodes = None
        if beside != path and beside.is_file():
            with told(beside):
                positions = _numbers(_text_table(beside), beside)
                if positions.shape != (values.shape[1], 2):
                    raise ActivityError(f"{beside}: positions of shape {positions.shape} for {values.shape[1]} nodes.")
                nodes = pd.DataFrame(positions, columns=["x", "y"], index=pd.RangeIndex(1, len(positions) + 1))
        dt_ms = step_ms(str(path), asked.dt_ms, asked.rate_hz, _CHALLENGE_MS, shortest_ms=1.0)
        ids = None if nodes is not None else pd.RangeIndex(1, values.shape[1] + 1)
        unit = "fluorescence" if asked.unit is None else asked.unit
        return Traces(values, dt_ms=dt_ms, ids=ids, nodes=nodes, unit=unit)


def write_table(activity: Spikes | Traces, path: Path) -> None:
    """Write spikes as a list, traces as frames with a column of times."""
    if isinstance(activity, Spikes):
        table = pd.DataFrame({"time_ms": activity.times_ms, "node_id": activity.node_ids})
    else:
        table = pd.DataFrame(activity.to_numpy(), columns=[str(each) for each in activity.ids])
        table.insert(0, "time_ms", activity.times_ms)
    with atomic(path) as aside:
        if path.suffix.lower() in (".parquet", ".pq"):
            arrow, parquet = _arrow()
            parquet.write_table(arrow.Table.from_pandas(table, preserve_index=False), aside, compression="zstd")
        else:
            table.to_csv(aside, index=False, sep="\t" if path.suffix.lower() == ".tsv" else ",")


def _spikes(table: pd.DataFrame, time: Any, node: Any, asked: Asked, path: Path) -> Spikes:
    if not len(table) and asked.duration_ms is None:
        raise ActivityError(
            f"{path}: names of columns, and no spikes below them. If none fired, give duration_ms and ids."
        )
    factor = time_factor(f"{path}: {time}", asked.time_unit, unit_of(time))
    times = pd.to_numeric(table[time], errors="coerce").to_numpy(np.float64) * factor
    if not np.isfinite(times).all():
        raise ActivityError(
            f"{path}: {time}: row {int(np.argmin(np.isfinite(times))) + 1} is no time. Correct or drop it."
        )
    nodes = table[node]
    if nodes.isna().any():
        raise ActivityError(f"{path}: {node}: row {int(nodes.isna().argmax()) + 1} names no node. Correct or drop it.")
    if nodes.dtype.kind == "f":
        if (nodes % 1 != 0).any():
            raise ActivityError(f"{path}: {node}: ids that are no whole numbers. Name the column of nodes node_id.")
        nodes = nodes.astype(np.int64)
    start = min(0.0, float(times.min(initial=0.0)))
    nodes = nodes.to_numpy() if nodes.dtype.kind in "iu" else nodes.astype(str).to_numpy(object)
    return Spikes(nodes, times, duration_ms=asked.duration_ms, ids=asked.ids, start_ms=start)


def _frames(table: pd.DataFrame, time: Any, asked: Asked, path: Path) -> Traces:
    start, step = 0.0, None
    if not len(table):
        raise ActivityError(f"{path}: names of columns, and no rows below them. Write it again.")
    if time is not None:
        factor = time_factor(f"{path}: {time}", asked.time_unit, unit_of(time))
        times = pd.to_numeric(table.pop(time), errors="coerce").to_numpy(np.float64) * factor
        start = float(times[0]) if len(times) else 0.0
        if asked.dt_ms is None and asked.rate_hz is None:
            step = even_step(times, f"{path}: {time}")
    named = not isinstance(table.columns, pd.RangeIndex)
    values = oriented(_numbers(table, path), asked.orientation, str(path), "time-nodes")
    if step is None and asked.dt_ms is None and asked.rate_hz is None and not named and table.shape[1] == 2:
        raise ActivityError(_of_two(table, path))
    dt_ms = step_ms(str(path), asked.dt_ms, asked.rate_hz, step)
    ids = (
        _whole(table.columns)
        if named and values.shape[1] == len(table.columns) and asked.orientation != "nodes-time"
        else None
    )
    unit = asked.unit or ""
    traces = Traces(values, dt_ms=dt_ms, start_ms=start, unit=unit, ids=ids)
    return traces if asked.ids is None else traces.of(asked.ids)


def _of_two(table: pd.DataFrame, path: Path) -> str:
    """The message for two columns without names, which may be times and nodes of spikes."""
    whole = [bool((table[each] % 1 == 0).all()) for each in table.columns]
    time, node = (1, 0) if whole == [True, False] else (0, 1)
    return (
        f"{path}: two columns without names. Of spikes, say which is which (times={time}, nodes={node}) and give time_unit; "
        "of traces of two nodes, give dt_ms or rate_hz."
    )


def _text_table(path: Path) -> pd.DataFrame:
    with open(path, "rb") as file:
        head = file.read(1 << 16)
    if b"\0" in head:
        raise ActivityError(f"{path}: neither a table of text nor a format known here. Check the file.")
    line = head.decode("utf-8", "replace").lstrip("\ufeff").split("\n", 1)[0].strip("\r")
    separator = next((each for each in ("\t", ",", ";") if each in line), None) or r"\s+"
    cells = [cell.strip().strip('"') for cell in re.split(separator, line.strip() if separator == r"\s+" else line)]
    named = not all(_is_number(cell) for cell in cells)
    table = pd.read_csv(path, sep=separator, header=0 if named else None, skipinitialspace=True, encoding="utf-8-sig")
    table = table.loc[:, [not str(name).startswith("Unnamed:") or table[name].notna().any() for name in table.columns]]
    if named:
        return table.rename(columns=lambda name: str(name).strip())
    return table.set_axis(pd.RangeIndex(table.shape[1]), axis=1)


def _parquet(path: Path) -> pd.DataFrame:
    _, parquet = _arrow()
    table = parquet.read_table(io.BytesIO(path.read_bytes()))
    table.validate(full=True)
    return table.to_pandas(ignore_metadata=True)


def _numbers(table: pd.DataFrame, path: Path) -> np.ndarray:
    wrong = [name for name in table.columns if table[name].dtype.kind not in "biuf"]
    if wrong:
        raise ActivityError(f"{path}: columns that are no numbers: {known(wrong, most=5)}. Leave them out of the file.")
    if any(kind.kind == "f" for kind in table.dtypes):
        return table.to_numpy(np.float64)
    return table.to_numpy()


def _whole(names: pd.Index) -> pd.Index:
    """Names of columns as ids: whole numbers where all are."""
    texts = [str(name) for name in names]
    if all(re.fullmatch(r"-?(0|[1-9]\d{0,17})", text) for text in texts):
        return pd.Index([int(text) for text in texts])
    return pd.Index(texts)


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _is_parquet(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"PAR1"


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra("recordings", package="pyarrow", needed_for="reading and writing parquet") from None
    return pyarrow, pyarrow.parquet

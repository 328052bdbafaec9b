"""Arrays of others, whose files say little: which one, which axis is time, and how long a step is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conntap.activity.asked import Asked
from conntap.activity.sampling import oriented, step_ms
from conntap.activity.traces import Traces
from conntap.errors import ActivityError, known, unknown

__all__ = ["Found", "chosen", "traces_of"]

_RATES = (
    "rate_hz",
    "sampling_rate",
    "sampling_frequency",
    "sampling_rate_hz",
    "frame_rate",
    "framerate",
    "fs",
    "fr",
    "rate",
)
_OF_SPIKES = "If they are spikes, say which are their times and their nodes: times='NAME', nodes='NAME'."
_TIME = {"time", "times", "t", "frame", "frames", "step", "steps", "timestep", "sample", "samples"}


class Found(NamedTuple):
    """An array of a file: its name, values (perhaps lazy), attributes, and names of dimensions where it has any."""

    name: str
    values: Any
    attributes: Mapping[str, Any]
    dimensions: Any = None


def chosen(found: Iterable[Found], series: str | None, path: Path) -> Found:
    """The array that is named, by its path or its last part; else the only one of numbers in two dimensions."""
    found = list(found)
    if series is not None:
        named = [one for one in found if series.strip("/") in (one.name.strip("/"), one.name.rsplit("/", 1)[-1])]
        if len(named) == 1:
            return named[0]
        if not named:
            raise ActivityError(unknown(str(path), "series", series, [one.name for one in found]))
        raise ActivityError(f"{path}: several series end so: {known(one.name for one in named)}. Give the whole name.")
    tables = [one for one in found if len(one.values.shape) == 2 and np.dtype(one.values.dtype).kind in "iuf"]
    if len(tables) == 1:
        return tables[0]
    if not tables:
        raise ActivityError(
            f"{path}: no traces, which are numbers in two dimensions (time, nodes), among {known(one.name for one in found)}. "
            + (_OF_SPIKES if path.suffix.lower() == ".npz" else "Write spikes as npz, SONATA or a table.")
        )
    raise ActivityError(f"{path}: several arrays ({known(one.name for one in tables)}). Choose one with series=.")


def traces_of(one: Found, asked: Asked, path: Path, **kept: Any) -> Traces:
    """Traces of an array, as declared, else as its attributes tell."""
    where = f"{path}: {one.name}" if one.name else str(path)
    step = _step(one.attributes)
    timed = not (asked.dt_ms is None and asked.rate_hz is None and step is None)
    values = oriented(one.values, asked.orientation, where, _orientation(one.dimensions), timed=timed)
    dt_ms = step_ms(where, asked.dt_ms, asked.rate_hz, step)
    unit = asked.unit if asked.unit is not None else _text(one.attributes.get("unit", one.attributes.get("units", "")))
    return Traces(values, dt_ms=dt_ms, ids=asked.ids, unit=unit, **kept)


def _orientation(dimensions: Any) -> str | None:
    names = [str(name).lower() for name in dimensions or ()]
    times = [name in _TIME for name in names]
    if len(names) != 2 or times[0] == times[1]:
        return None
    return "time-nodes" if times[0] else "nodes-time"


def _step(attributes: Mapping[str, Any]) -> float | None:
    """The time step that attributes tell together with its unit; a bare `dt` tells none."""
    told = {str(name).lower(): value for name, value in attributes.items()}
    if "dt_ms" in told:
        return _number(told["dt_ms"])
    rates = [_number(told[name]) for name in _RATES if name in told]
    if rates and rates[0]:
        return 1000.0 / rates[0]
    return None


def _number(value: Any) -> float | None:
    try:
        return float(np.asarray(value).reshape(()))
    except (TypeError, ValueError):
        return None


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

"""The time step and the orientation of recordings whose files cannot tell: declared, or a clear error."""

from __future__ import annotations

from typing import Any

import numpy as np

from conntap.activity.lazy import Turned
from conntap.errors import ActivityError, unknown

__all__ = ["ORIENTATIONS", "TIME_UNITS", "even_step", "oriented", "step_ms", "time_factor"]

ORIENTATIONS = ("time-nodes", "nodes-time")
TIME_UNITS = {"ms": 1.0, "s": 1000.0, "us": 0.001}

_CLEAR = 100  # times more steps than nodes before the longer axis is taken for time
_SHORTEST_MS, _SHORTEST_FRAME_MS, _LONGEST_MS = 0.05, 1.0, 10_000.0


def step_ms(
    where: str,
    dt_ms: float | None,
    rate_hz: float | None,
    told: float | None = None,
    *,
    shortest_ms: float = _SHORTEST_MS,
) -> float:
    """The time step: as declared, else as the file tells.

    A dt_ms below 0.05 (1 of imaging: `shortest_ms`) or above 10,000 and a rate below 0.1 Hz are taken for numbers in
    other units and refused; what is really so fast or slow is declared the other way, where no mistake is likely.

    Examples
    --------
    >>> step_ms("here", None, 50.0)
    20.0
    """
    if dt_ms is not None and rate_hz is not None:
        raise ActivityError(f"{where}: both dt_ms and rate_hz; give one of them.")
    if dt_ms is not None:
        return _plausible_step(where, dt_ms, shortest_ms)
    if rate_hz is not None:
        _positive(where, "rate_hz", rate_hz)
        if rate_hz < 0.1:
            raise ActivityError(
                f"{where}: rate_hz={rate_hz:g} is one step every {1 / rate_hz:g} s; it looks like a time step in "
                f"seconds. Give rate_hz={1 / rate_hz:g}, or dt_ms={1000 / rate_hz:g} if it is right."
            )
        return 1000.0 / rate_hz
    if told is None:
        raise ActivityError(f"{where}: the file does not tell the time step. Give dt_ms or rate_hz.")
    _positive(where, "the time step of the file", told)
    return float(told)


def oriented(values: Any, orientation: str | None, where: str, told: str | None = None, *, timed: bool = True) -> Any:
    """Values as (time, nodes), from their declared orientation, or the file's, or a shape that leaves no doubt.

    Where the step is not known either (`timed` is False), both are asked for at once.

    Examples
    --------
    >>> import numpy as np
    >>> oriented(np.zeros((2, 5)), "nodes-time", "here").shape
    (5, 2)
    """
    if len(values.shape) != 2:
        raise ActivityError(f"{where}: values of shape {tuple(values.shape)}; give two dimensions, time and nodes.")
    if orientation is not None and orientation not in ORIENTATIONS:
        raise ActivityError(unknown(where, "orientation", orientation, ORIENTATIONS))
    chosen = orientation or told or _clear(values.shape)
    if chosen is None:
        raise ActivityError(
            f"{where}: values of shape {tuple(values.shape)}, and nothing says which axis is time"
            f"{'' if timed else ', nor how long a step is'}. Give orientation='time-nodes' (a row a step) or 'nodes-time' (a row "
            f"a node){'' if timed else ', and dt_ms or rate_hz'}."
        )
    if chosen == "time-nodes":
        return values
    return values.T if hasattr(values, "T") else Turned(values)


def time_factor(where: str, time_unit: str | None, told: str | None = None) -> float:
    """How many ms a unit of time is: the declared one, else the file's.

    Examples
    --------
    >>> time_factor("here", "s")
    1000.0
    """
    unit = time_unit or told
    if unit is None:
        raise ActivityError(f"{where}: nothing says the unit of its times. Give time_unit='ms', 's' or 'us'.")
    if unit not in TIME_UNITS:
        raise ActivityError(unknown(where, "unit of time", unit, TIME_UNITS))
    return TIME_UNITS[unit]


def even_step(times: Any, where: str) -> float:
    """The mean step of times that are even (a tenth of it aside, nearly all of them), in their unit.

    Examples
    --------
    >>> even_step([0.0, 0.02, 0.041, 0.06], "here")
    0.02
    """
    times = np.asarray(times, dtype=np.float64)
    if times.ndim != 1 or len(times) < 2 or not np.isfinite(times).all():
        raise ActivityError(f"{where}: {times.size} times of steps, or some that are missing. Give dt_ms or rate_hz.")
    steps = np.diff(times)
    step = float(times[-1] - times[0]) / len(steps)
    usual = float(np.median(steps))
    odd = np.abs(steps - usual)
    if (
        not usual > 0
        or abs(step - usual) > 0.01 * usual
        or np.mean(odd > 0.1 * usual) > 0.01
        or odd.max() > 1.5 * usual
    ):
        at = int(np.argmax(odd))
        raise ActivityError(
            f"{where}: the times of steps are uneven ({times[at]:.12g}, then {times[at + 1]:.12g}; mostly {usual:g} apart). "
            "Resample them, or give dt_ms or rate_hz to count steps instead."
        )
    return float(f"{step:.9g}")


def _clear(shape: tuple[int, ...]) -> str | None:
    if shape[0] >= _CLEAR * max(1, shape[1]):
        return "time-nodes"
    return "nodes-time" if shape[1] >= _CLEAR * max(1, shape[0]) else None


def _plausible_step(where: str, dt_ms: float, shortest_ms: float) -> float:
    _positive(where, "dt_ms", dt_ms)
    if dt_ms < shortest_ms:
        raise ActivityError(
            f"{where}: dt_ms={dt_ms:g} is {1000 / dt_ms:,.0f} steps a second; it looks like seconds. Give "
            f"dt_ms={1000 * dt_ms:g}, or rate_hz={1000 / dt_ms:g} if it is right."
        )
    if dt_ms > _LONGEST_MS:
        raise ActivityError(
            f"{where}: dt_ms={dt_ms:g} is a step every {dt_ms / 1000:g} s; it looks like microseconds. Give "
            f"dt_ms={dt_ms / 1000:g}, or rate_hz={1000 / dt_ms:g} if it is right."
        )
    return float(dt_ms)


def _positive(where: str, what: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ActivityError(f"{where}: {what} is {value!r}; give a positive number.")

"""Lags of linear methods: whole steps of a recording, as told or from the physics of synapses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from conntap.activity import Spikes, Traces
from conntap.errors import OptionError, whole

__all__ = ["checked_lags", "nodes_of", "step_ms", "window"]


def step_ms(activity: Spikes | Traces, where: str, bin_ms: float | None) -> float:
    """The time step of traces, or the width of bins of spikes (default 1 ms).

    Examples
    --------
    >>> step_ms(Traces([[1.0]], dt_ms=20), "here", None)
    20.0
    """
    if isinstance(activity, Spikes):
        width = 1.0 if bin_ms is None else bin_ms
        if not (width > 0 and math.isfinite(width)):
            raise OptionError(f"{where}.bin_ms: {bin_ms}; give a positive width.")
        return float(width)
    if not isinstance(activity, Traces):
        raise OptionError(f"{where}: {type(activity).__name__}; give Spikes or Traces.")
    if bin_ms is not None and bin_ms != activity.dt_ms:
        raise OptionError(f"{where}.bin_ms: traces have their own step, {activity.dt_ms:g} ms. Leave it out.")
    return activity.dt_ms


def nodes_of(activity: Spikes | Traces) -> Any:
    """The table of nodes of a recording, or their ids.

    Examples
    --------
    >>> len(nodes_of(Traces([[1.0, 2.0]], dt_ms=1)))
    2
    """
    return getattr(activity, "nodes", activity.ids)


def window(lags: Sequence[int] | None, dt_ms: float, where: str, *, reach_ms: float = 4.0) -> tuple[int, ...]:
    """Lags as given; default: every whole step after 0 up to `reach_ms`, the first at least.

    Monosynaptic delays and rises take a few ms: what follows later has mostly gone over other neurons.

    Examples
    --------
    >>> window(None, 1.0, "here"), window(None, 20.0, "here"), window([2, 1], 1.0, "here")
    ((1, 2, 3, 4), (1,), (1, 2))
    """
    if lags is not None:
        return checked_lags(lags, f"{where}.lags", with_zero="as given")
    return tuple(range(1, max(1, math.floor(reach_ms / dt_ms + 1e-9)) + 1))


def checked_lags(lags: Sequence[int], where: str, *, with_zero: str = "always") -> tuple[int, ...]:
    """Lags, sorted, each once.

    Examples
    --------
    >>> checked_lags([2, 1, 2], "here.lags")
    (0, 1, 2)
    """
    if not isinstance(lags, Sequence | np.ndarray | range) or len(lags) == 0:
        raise OptionError(f"{where}: {lags!r}; give a list of whole numbers from 0 on.")
    for lag in lags:
        whole(where, lag, 0)
    return tuple(sorted({int(lag) for lag in lags} | ({0} if with_zero == "always" else set())))

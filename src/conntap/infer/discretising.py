"""Values told apart by few bins, as methods that count states need them."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np

from conntap.activity.traces import Traces
from conntap.errors import OptionError, one_of, whole
from conntap.infer.flowing import Pointwise, mapped, without_nan

__all__ = ["blocks_of_nodes", "discretised"]

_BYTES = 1 << 28  # of the columns held at once


def discretised(
    traces: Traces,
    *,
    bins: int = 3,
    spacing: Literal["quantiles", "equal"] = "quantiles",
    edges: list[float] | None = None,
) -> Traces:
    """For each value the number of its bin, from 0 on.

    Parameters
    ----------
    traces
        Without NaN; lazy ones stay lazy, after a first pass for the edges.
    bins
        How many bins each node has.
    spacing
        "quantiles": each node's bins hold equally many frames, as far as ties allow; "equal": they part the range from
        its least to its greatest value equally.
    edges
        Given: the same edges between the bins of all nodes, ascending, in the unit of the traces.

    Returns
    -------
    Traces of uint8: a value's bin is the number of edges at or below it. All of a constant channel is one bin.

    Raises
    ------
    OptionError
        Fewer than 2 or more than 256 bins, or edges that do not ascend.
    ActivityError
        NaN among the values.

    Notes
    -----
    For quantiles each column is sorted once; 256 MB of columns are held.

    Examples
    --------
    >>> t = Traces([[5.0], [1.0], [9.0], [3.0]], dt_ms=20)
    >>> discretised(t, bins=2).to_numpy().ravel().tolist(), discretised(t, edges=[4.0, 9.0]).to_numpy().ravel().tolist()
    ([1, 0, 1, 0], [1, 0, 2, 0])
    """
    one_of("discretised.spacing", spacing, ("quantiles", "equal"))
    if edges is not None:
        between = np.asarray(edges, dtype=np.float64).reshape(-1)
        if not 1 <= len(between) <= 255 or not np.isfinite(between).all() or (np.diff(between) <= 0).any():
            raise OptionError(f"discretised.edges: {edges}; give 1 to 255 numbers that ascend.")
        cut = np.repeat(between[:, None], traces.n_nodes, axis=1)
    else:
        whole("discretised.bins", bins, 2)
        if bins > 256:
            raise OptionError(f"discretised.bins: {bins}; give at most 256.")
        cut = _edges(traces, bins, spacing)
    return mapped(traces, partial(Pointwise, partial(_binned, cut)), where="discretised", unit="bin")


def blocks_of_nodes(traces: Traces, most_bytes: int = _BYTES) -> list[slice]:
    """The columns in stretches that fit into memory together.

    Examples
    --------
    >>> blocks_of_nodes(Traces(np.zeros((4, 5)), dt_ms=1), most_bytes=64)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    width = max(1, most_bytes // max(1, 8 * traces.n_steps))
    return [slice(first, min(first + width, traces.n_nodes)) for first in range(0, traces.n_nodes, width)]


def _edges(traces: Traces, bins: int, spacing: str) -> np.ndarray:
    """Shape (bins - 1, nodes)."""
    shares = np.arange(1, bins) / bins
    cut = np.zeros((bins - 1, traces.n_nodes))
    for block in blocks_of_nodes(traces) if traces.n_steps else []:
        values = np.asarray(traces.values[:, block])
        without_nan(values, "discretised")
        if spacing == "quantiles":
            cut[:, block] = np.quantile(values, shares, axis=0)
        else:
            low, high = values.min(axis=0).astype(float), values.max(axis=0).astype(float)
            cut[:, block] = np.where(high > low, low + shares[:, None] * (high - low), np.inf)
    return cut


def _binned(cut: np.ndarray, block: np.ndarray) -> np.ndarray:
    found = np.zeros(block.shape, np.uint8)
    for row in cut:
        found += block >= row
    return found

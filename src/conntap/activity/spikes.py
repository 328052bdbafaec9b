"""Spikes of nodes over a stretch of time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from conntap.activity.ids import frozen, id_index, ids_and_nodes, known_of, nodes_of, rows_of
from conntap.errors import ActivityError

__all__ = ["Spikes"]


class Spikes:
    """When which node fired, immutable and sorted by time (then by the order of the ids).

    Parameters
    ----------
    node_ids
        Shape (spikes,): the id of the node of each spike.
    times_ms
        Shape (spikes,): when, in ms, from the same zero as `start_ms`.
    duration_ms
        How long was recorded; default: until the last spike.
    ids
        Ids of all recorded nodes, silent ones too, or a number n for 0..n-1; default: those that fired, sorted.
    start_ms
        When recording began.
    nodes
        What is known of the recorded nodes: a table indexed by their ids, such as their positions x and y in um.
        Default: a table without columns. Gives the ids too where they are not given.

    Raises
    ------
    ActivityError
        Lengths that differ, times that are not finite or outside the recording, ids that are unknown or repeated, or
        that the table of nodes lacks.

    Notes
    -----
    12 bytes a spike; sorting unless sorted already.

    Examples
    --------
    >>> s = Spikes([2, 0, 2], [30.0, 10.0, 20.0], duration_ms=1000, ids=3)
    >>> s
    Spikes(3 spikes of 3 nodes in 1,000 ms)
    >>> s.times_ms.tolist(), s.node_ids.tolist()
    ([10.0, 20.0, 30.0], [0, 2, 2])
    """

    __slots__ = ("_duration", "_ids", "_rows", "_start", "_table", "_times")

    def __init__(
        self,
        node_ids: Any,
        times_ms: Any,
        *,
        duration_ms: float | None = None,
        ids: Any = None,
        start_ms: float = 0.0,
        nodes: pd.DataFrame | None = None,
    ) -> None:
        fired, times = _plain(node_ids), np.asarray(times_ms, dtype=np.float64)
        if fired.ndim != 1 or fired.shape != times.shape:
            raise ActivityError(
                f"Spikes: node ids of shape {fired.shape} and times of shape {times.shape}; give one of each a spike."
            )
        if not np.isfinite(times).all():
            raise ActivityError("Spikes: times that are not finite. Drop these spikes.")
        index, table = ids_and_nodes(pd.unique(np.sort(fired)) if ids is nodes is None else ids, nodes, "Spikes")
        rows = rows_of(index, fired, "Spikes").astype(np.int32)
        last = float(times.max(initial=start_ms))
        self._start = float(start_ms)
        self._duration = last - self._start if duration_ms is None else float(duration_ms)
        _check_range(times, self._start, self._duration)
        order = np.lexsort((rows, times)) if not _is_sorted(times, rows) else slice(None)
        self._ids, self._rows, self._times = index, frozen(rows[order]), frozen(times[order])
        self._table = table

    @property
    def ids(self) -> np.ndarray:
        """Shape (nodes,): ids of all recorded nodes."""
        return self._ids.to_numpy()

    @property
    def nodes(self) -> pd.DataFrame:
        """What is known of the recorded nodes: a table indexed by `ids`, in their order; a copy."""
        return nodes_of(self._ids, self._table)

    @property
    def node_ids(self) -> np.ndarray:
        """Shape (spikes,): id of the node of each spike."""
        return self.ids[self._rows]

    @property
    def rows(self) -> np.ndarray:
        """Shape (spikes,): position in `ids` of the node of each spike. Read-only."""
        return self._rows

    @property
    def times_ms(self) -> np.ndarray:
        """Shape (spikes,): times, ascending. Read-only."""
        return self._times

    @property
    def start_ms(self) -> float:
        """When recording began."""
        return self._start

    @property
    def duration_ms(self) -> float:
        """How long was recorded."""
        return self._duration

    @property
    def stop_ms(self) -> float:
        """When recording ended."""
        return self._start + self._duration

    @property
    def n_nodes(self) -> int:
        """Number of recorded nodes."""
        return len(self._ids)

    def __len__(self) -> int:
        """Number of spikes."""
        return len(self._times)

    def between(self, start_ms: float, stop_ms: float) -> Spikes:
        """The spikes at or after `start_ms` and before `stop_ms`; all recorded nodes stay, times are not shifted.

        Raises
        ------
        ActivityError
            A stretch that is empty or not within the recording.

        Examples
        --------
        >>> Spikes([0, 1], [10.0, 20.0], duration_ms=100).between(10, 20).times_ms.tolist()
        [10.0]
        """
        if not self._start <= start_ms < stop_ms <= self.stop_ms:
            raise ActivityError(
                f"Spikes.between: {start_ms:g} to {stop_ms:g} ms is no stretch of the recording, "
                f"{self._start:g} to {self.stop_ms:g} ms. Choose one within it."
            )
        a, b = np.searchsorted(self._times, [start_ms, stop_ms])
        stretch = float(start_ms), float(stop_ms - start_ms)
        return _rebuilt(self._ids, self._rows[a:b], self._times[a:b], *stretch, self._table)

    def of(self, ids: Any) -> Spikes:
        """The spikes of the chosen nodes, which become the recorded ones, in this order.

        Raises
        ------
        ActivityError
            An id that was not recorded, or one given twice.

        Examples
        --------
        >>> Spikes([0, 1], [10.0, 20.0], duration_ms=100).of([1])
        Spikes(1 spikes of 1 nodes in 100 ms)
        """
        index = id_index(np.atleast_1d(np.asarray(ids)), "Spikes.of")
        chosen = rows_of(self._ids, index, "Spikes.of")
        new = np.full(self.n_nodes, -1, dtype=np.int32)
        new[chosen] = np.arange(len(index), dtype=np.int32)
        rows = new[self._rows]
        keep = rows >= 0
        rows, times = rows[keep], self._times[keep]
        order = np.lexsort((rows, times))
        table = None if self._table is None else self._table.take(chosen)
        return _rebuilt(index, rows[order], times[order], self._start, self._duration, table)

    def counts(self, bin_ms: float) -> np.ndarray:
        """Number of spikes by time bin and node.

        Parameters
        ----------
        bin_ms
            Width of a bin; the last bin may be shorter, so that no spike is lost.

        Returns
        -------
        int32, shape (bins, nodes), nodes in the order of `ids`.

        Raises
        ------
        ActivityError
            A width that is not positive.

        Examples
        --------
        >>> Spikes([0, 1, 1], [5.0, 15.0, 16.0], duration_ms=25).counts(10).tolist()
        [[1, 0], [0, 2], [0, 0]]
        """
        if not bin_ms > 0:
            raise ActivityError(f"Spikes.counts: bins of {bin_ms} ms; give a positive width.")
        n_bins = max(1, math.ceil(self._duration / bin_ms - 1e-9))
        bins = np.minimum(((self._times - self._start) / bin_ms + 1e-9).astype(np.int64), n_bins - 1)
        cells, counts = np.unique(bins * self.n_nodes + self._rows, return_counts=True)
        table = np.zeros(n_bins * self.n_nodes, dtype=np.int32)
        table[cells] = counts
        return table.reshape(n_bins, self.n_nodes)

    def rates_hz(self) -> pd.Series:
        """Mean rate of each recorded node, by id.

        Raises
        ------
        ActivityError
            A recording of no duration.

        Examples
        --------
        >>> Spikes([0, 0, 1], [1.0, 2.0, 3.0], duration_ms=500).rates_hz().tolist()
        [4.0, 2.0]
        """
        if not self._duration > 0:
            raise ActivityError("Spikes.rates_hz: the recording has no duration. Give duration_ms.")
        counts = np.bincount(self._rows, minlength=self.n_nodes)
        return pd.Series(counts * 1000.0 / self._duration, index=self._ids, name="rate_hz")

    def __eq__(self, other: object) -> bool:
        """Same recorded nodes, with the same table, stretch of time and spikes."""
        if not isinstance(other, Spikes):
            return NotImplemented
        return (
            (self._start, self._duration) == (other._start, other._duration)
            and self._ids.equals(other._ids)
            and np.array_equal(self._rows, other._rows)
            and np.array_equal(self._times, other._times)
            and self.nodes.equals(other.nodes)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        held = f"{len(self):,} spikes of {self.n_nodes:,} nodes in {self._duration:,.12g} ms"
        return f"Spikes({held}{known_of(self._table)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._ids, self._rows, self._times, self._start, self._duration, self._table)


def _rebuilt(
    ids: pd.Index, rows: np.ndarray, times: np.ndarray, start: float, duration: float, table: pd.DataFrame | None
) -> Spikes:
    """Spikes from parts that were checked before."""
    spikes = object.__new__(Spikes)
    spikes._ids, spikes._rows, spikes._times = ids, frozen(rows), frozen(times)
    spikes._start, spikes._duration, spikes._table = start, duration, table
    return spikes


def _plain(node_ids: Any) -> np.ndarray:
    nodes = np.asarray(node_ids)
    if nodes.size == 0:
        return nodes.astype(np.int64)
    if nodes.dtype.kind in "fcb":
        raise ActivityError(f"Spikes: node ids of type {nodes.dtype}; give whole numbers or labels.")
    return nodes.astype(object) if nodes.dtype.kind == "U" else nodes


def _check_range(times: np.ndarray, start: float, duration: float) -> None:
    if not (math.isfinite(start) and math.isfinite(duration) and duration >= 0):
        raise ActivityError(f"Spikes: a recording from {start} ms of {duration} ms; give finite, positive numbers.")
    outside = int(((times < start) | (times > start + duration)).sum())
    if outside:
        raise ActivityError(
            f"Spikes: {outside} of {len(times)} times lie outside the recording, {start:g} to {start + duration:g} ms. "
            "Correct start_ms and duration_ms, or drop them."
        )


def _is_sorted(times: np.ndarray, rows: np.ndarray) -> bool:
    later, same = times[1:] > times[:-1], times[1:] == times[:-1]
    return bool((later | (same & (rows[1:] >= rows[:-1]))).all())

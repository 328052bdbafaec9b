"""Values that flow through a filter: traces changed piece by piece, with what the filter remembers carried on."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol

import numpy as np

from conntap.activity.traces import Traces
from conntap.errors import ActivityError, known

__all__ = ["Filter", "Flow", "Pointwise", "like", "mapped", "without_nan"]

_BYTES = 1 << 25  # of what is read at once


class Filter(Protocol):
    """What changes a stretch of values after another, and remembers what it needs.

    All that it gives, one after another, has as many rows as all that it got; it may hold rows back until it has seen
    what comes later.
    """

    def push(self, block: np.ndarray) -> np.ndarray:
        """The rows that are ready after these of shape (time, nodes), perhaps none."""

    def finish(self) -> np.ndarray:
        """The rows that were held back, when nothing more comes."""


class Flow:
    """Values of a source as a filter gives them, computed when they are read.

    Parameters
    ----------
    source
        Shape (time, nodes): what `Traces` takes as values.
    make
        Gives a fresh filter at each call. It should be importable by name (or a partial of what is), so that the values
        can be sent to other processes.
    where
        The function that asks, for messages about NaN.
    every
        How many frames of the source the filter makes one of; what is left at the end it drops.

    Notes
    -----
    Rows read in order cost one pass through the source; a read of rows that were passed begins again. Besides what is
    asked for, some 32 MB of the source are held. The rows at which a reader cuts are no part of the values.

    Examples
    --------
    >>> flow = Flow(np.arange(6.0).reshape(3, 2), lambda: Pointwise(np.negative))
    >>> flow.shape, flow[1:2].tolist(), flow[:, [1]][:].ravel().tolist()
    ((3, 2), [[-2.0, -3.0]], [-1.0, -3.0, -5.0])
    """

    ndim = 2

    def __init__(self, source: Any, make: Callable[[], Filter], where: str = "infer", every: int = 1) -> None:
        self.source, self.make, self.where, self.every = source, make, where, every
        self.shape = (int(source.shape[0]) // every, int(source.shape[1]))
        self.dtype = make().push(np.empty((0, self.shape[1]), source.dtype)).dtype
        self._lock = Lock()
        self._begin()

    def __getitem__(self, key: Any) -> Any:
        """Rows as an array; `[:, columns]` without rows stays lazy."""
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        if isinstance(rows, slice) and rows == slice(None) and not _all(columns):
            return _Columns(self, np.arange(self.shape[1])[columns])
        if not isinstance(rows, slice):
            wanted = np.arange(self.shape[0])[rows]
            if wanted.size == 0:
                return np.empty((*wanted.shape, self.shape[1]), self.dtype)[..., columns]
            first = int(wanted.min())
            return self._rows(first, int(wanted.max()) + 1)[wanted - first][..., columns]
        first, stop, step = rows.indices(self.shape[0])
        if step < 0:
            return self[np.arange(self.shape[0])[rows], columns]
        return self._rows(first, max(first, stop))[::step][:, columns]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"Flow({self.shape}, {self.dtype})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Flow, (self.source, self.make, self.where, self.every)

    def _begin(self) -> None:
        self._filter, self._read, self._kept, self._from, self._ready = self.make(), 0, [], 0, 0

    def _rows(self, first: int, stop: int) -> np.ndarray:
        with self._lock:
            if first < self._from:
                self._begin()
            out = np.empty((stop - first, self.shape[1]), self.dtype)
            self._copy(out, first, stop)
            while self._ready < stop:
                self._drop(first)
                self._more()
                self._copy(out, first, stop)
            self._drop(first)
            return out

    def _copy(self, out: np.ndarray, first: int, stop: int) -> None:
        for at, block in self._kept:
            low, high = max(at, first), min(at + len(block), stop)
            if low < high:
                out[low - first : high - first] = block[low - at : high - at]

    def _drop(self, first: int) -> None:
        """Forget what ends before `first`, and all but the last block."""
        self._kept = [each for each in self._kept[-1:] if each[0] + len(each[1]) > first]
        self._from = self._kept[0][0] if self._kept else self._ready

    def _more(self) -> None:
        n_steps, n_nodes = self.source.shape
        width = max(1, n_nodes) * np.dtype(self.source.dtype).itemsize
        stop = min(n_steps, self._read + max(1, _BYTES // width))
        try:
            block = np.asarray(self.source[self._read : stop])
            without_nan(block, self.where)
            given = [self._filter.push(block)] + ([self._filter.finish()] if stop == n_steps else [])
        except BaseException:
            self._begin()
            raise
        self._read, rows = stop, np.concatenate(given)
        self._kept.append((self._ready, rows))
        self._ready += len(rows)
        if stop == n_steps and self._ready != self.shape[0]:
            raise RuntimeError(f"{self.where}: the filter gave {self._ready} rows instead of {self.shape[0]}")


class _Columns:
    """Some columns of lazy values, lazy too."""

    ndim = 2

    def __init__(self, values: Any, columns: np.ndarray) -> None:
        self.values, self.columns = values, columns
        self.shape, self.dtype = (values.shape[0], len(columns)), values.dtype

    def __getitem__(self, key: Any) -> Any:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        if isinstance(rows, slice) and rows == slice(None) and not _all(columns):
            return _Columns(self.values, self.columns[columns])
        return self.values[rows][..., self.columns[columns]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def __len__(self) -> int:
        return self.shape[0]


class Pointwise:
    """The filter that remembers nothing: a function of a stretch of values.

    Examples
    --------
    >>> Pointwise(np.sqrt).push(np.array([[4.0]])).tolist()
    [[2.0]]
    """

    def __init__(self, function: Callable[[np.ndarray], np.ndarray]) -> None:
        self.function, self.none = function, None

    def push(self, block: np.ndarray) -> np.ndarray:
        """The function of the block."""
        given = self.function(block)
        self.none = given[:0]
        return given

    def finish(self) -> np.ndarray:
        """Nothing is held back."""
        return self.none


def mapped(
    traces: Traces, make: Callable[[], Filter], *, where: str = "infer", unit: str | None = None, every: int = 1
) -> Traces:
    """Traces as a filter gives them: at once where the values are in memory, lazily where they are not.

    Parameters
    ----------
    traces
        What to filter.
    make
        Gives a fresh filter at each call.
    where
        The function that asks, for messages.
    unit
        The new unit; default: as it was.
    every
        How many frames the filter makes one of.

    Returns
    -------
    Traces of the same nodes and steps, or of longer steps.

    Raises
    ------
    ActivityError
        NaN or infinity among the values, as soon as they are read.

    Notes
    -----
    What the filter takes, and one pass through the values; large ones in memory pass in pieces of 32 MB too.

    Examples
    --------
    >>> mapped(Traces([[1.0, 4.0]], dt_ms=1), lambda: Pointwise(np.sqrt)).to_numpy().tolist()
    [[1.0, 2.0]]
    """
    values = traces.values
    if not isinstance(values, np.ndarray):
        return like(traces, Flow(values, make, where, every), unit=unit, every=every)
    if values.nbytes > 4 * _BYTES:
        return like(traces, Flow(values, make, where, every)[:], unit=unit, every=every)
    without_nan(values, where)
    own = make()
    pushed, rest = own.push(values), own.finish()
    return like(traces, np.concatenate([pushed, rest]) if len(rest) else pushed, unit=unit, every=every)


def like(traces: Traces, values: Any, *, unit: str | None = None, every: int = 1) -> Traces:
    """Other values of the same nodes and steps, or of steps so many times as long.

    Examples
    --------
    >>> like(Traces([[1.0]], dt_ms=5, ids=[7]), np.array([[2.0]])).ids.tolist()
    [7]
    """
    unit = traces.unit if unit is None else unit
    return Traces(values, dt_ms=traces.dt_ms * every, start_ms=traces.start_ms, unit=unit, nodes=traces.nodes)


def without_nan(block: np.ndarray, where: str) -> None:
    """Refuse NaN and infinity, by the columns that hold them.

    Examples
    --------
    >>> without_nan(np.array([[1.0, np.nan]]), "here")
    Traceback (most recent call last):
    conntap.errors.ActivityError: here: NaN or infinity in 1 of 2 channels (columns 1). Fill them first: infer.mended.
    """
    if block.dtype.kind != "f" or np.isfinite(np.add.reduce(block, axis=None)):
        return
    bad = np.flatnonzero(~np.isfinite(block).all(axis=0))
    if len(bad):
        raise ActivityError(
            f"{where}: NaN or infinity in {len(bad)} of {block.shape[1]} channels (columns {known(bad, most=5)}). "
            "Fill them first: infer.mended."
        )


def _all(columns: Any) -> bool:
    return isinstance(columns, slice) and columns == slice(None)

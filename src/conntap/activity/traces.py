"""Sampled signals of nodes: voltage, calcium, rates; in memory or lazily from what holds them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from conntap.activity.ids import frozen, id_index, ids_and_nodes, known_of, nodes_of, rows_of
from conntap.activity.lazy import cut
from conntap.errors import ActivityError, MissingExtra

__all__ = ["Traces"]


class Traces:
    """A value for each time step and node, immutable.

    Parameters
    ----------
    values
        Shape (time, nodes): a numpy array, or anything with `shape`, `dtype` and slices that numpy can take
        (dask array, h5py dataset), which is then read only where it is needed.
    dt_ms
        Time from one step to the next.
    ids
        Ids of the nodes, in the order of the columns; default 0..n-1.
    start_ms
        Time of the first step.
    unit
        The unit of the values, for people.
    nodes
        What is known of the nodes: a table indexed by their ids, such as their positions x and y in um. Default: a
        table without columns. Gives the ids too where they are not given.

    Raises
    ------
    ActivityError
        Values that are not two-dimensional or not numeric, ids that do not fit, a dt that is not positive.

    Examples
    --------
    >>> t = Traces([[0.0, 1.0], [2.0, 3.0]], dt_ms=10.0)
    >>> t
    Traces(2 steps of 10 ms, 2 nodes)
    >>> t.of([1]).to_numpy().tolist()
    [[1.0], [3.0]]
    """

    __slots__ = ("_dt", "_ids", "_start", "_table", "_unit", "_values")

    def __init__(
        self,
        values: Any,
        *,
        dt_ms: float,
        ids: Any = None,
        start_ms: float = 0.0,
        unit: str = "",
        nodes: pd.DataFrame | None = None,
    ) -> None:
        if not all(hasattr(values, name) for name in ("shape", "dtype", "__getitem__")):
            values = np.asarray(values)
        if len(values.shape) != 2 or np.dtype(values.dtype).kind not in "biuf":
            raise ActivityError(
                f"Traces: {values.dtype} values of shape {tuple(values.shape)}; give numbers of shape (time, nodes)."
            )
        if not 0 < dt_ms < np.inf:
            raise ActivityError(f"Traces: dt_ms is {dt_ms}; give a positive step.")
        if not np.isfinite(start_ms):
            raise ActivityError(f"Traces: start_ms is {start_ms}; give a finite time.")
        index, table = ids_and_nodes(int(values.shape[1]) if ids is nodes is None else ids, nodes, "Traces")
        if len(index) != values.shape[1]:
            raise ActivityError(f"Traces: {len(index)} ids for {values.shape[1]} columns; give one each.")
        self._values = frozen(values) if isinstance(values, np.ndarray) else values
        self._ids, self._dt, self._start, self._unit = index, float(dt_ms), float(start_ms), str(unit)
        self._table = table

    @property
    def values(self) -> Any:
        """Shape (time, nodes): what was given, not yet read where it is lazy."""
        return self._values

    @property
    def ids(self) -> np.ndarray:
        """Shape (nodes,): ids in the order of the columns."""
        return self._ids.to_numpy()

    @property
    def nodes(self) -> pd.DataFrame:
        """What is known of the nodes: a table indexed by `ids`, in their order; a copy."""
        return nodes_of(self._ids, self._table)

    @property
    def dt_ms(self) -> float:
        """Time from one step to the next."""
        return self._dt

    @property
    def start_ms(self) -> float:
        """Time of the first step."""
        return self._start

    @property
    def unit(self) -> str:
        """The unit of the values."""
        return self._unit

    @property
    def n_steps(self) -> int:
        """Number of time steps."""
        return int(self._values.shape[0])

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self._ids)

    @property
    def duration_ms(self) -> float:
        """Steps times dt."""
        return self.n_steps * self._dt

    @property
    def times_ms(self) -> np.ndarray:
        """Shape (time,): time of each step."""
        return self._start + self._dt * np.arange(self.n_steps)

    def to_numpy(self) -> np.ndarray:
        """All values in memory, shape (time, nodes).

        Examples
        --------
        >>> Traces([[1, 2]], dt_ms=1).to_numpy().tolist()
        [[1, 2]]
        """
        return np.asarray(self._values[:] if not isinstance(self._values, np.ndarray) else self._values)

    def pieces(self, steps: int = 10_000) -> Iterator[np.ndarray]:
        """Consecutive stretches of at most so many steps, each read when it is asked for.

        Examples
        --------
        >>> [piece.shape for piece in Traces(np.zeros((5, 2)), dt_ms=1).pieces(2)]
        [(2, 2), (2, 2), (1, 2)]
        """
        for first in range(0, self.n_steps, steps):
            yield np.asarray(self._values[first : first + steps])

    def to_dask(self, *, steps: int = 10_000, nodes: int = 1_000) -> Any:
        """The values as a dask array in chunks of so many steps and nodes.

        Raises
        ------
        MissingExtra
            Dask is not installed.

        Examples
        --------
        >>> Traces(np.zeros((5, 2)), dt_ms=1).to_dask(steps=2).chunks
        ((2, 2, 1), (2,))
        """
        try:
            import dask.array
        except ImportError:
            raise MissingExtra("recordings", package="dask[array]", needed_for="values as a dask array") from None
        if isinstance(self._values, dask.array.Array):
            return self._values.rechunk((steps, nodes))
        chunks = tuple(max(1, min(most, n)) for most, n in zip((steps, nodes), self._values.shape, strict=True))
        return dask.array.from_array(self._values, chunks=chunks, meta=np.empty((0, 0), self._values.dtype))

    def between(self, start_ms: float, stop_ms: float) -> Traces:
        """The steps at or after `start_ms` and before `stop_ms`; lazy values stay lazy.

        Raises
        ------
        ActivityError
            No step lies there.

        Examples
        --------
        >>> Traces([[1], [2], [3]], dt_ms=10).between(10, 30).times_ms.tolist()
        [10.0, 20.0]
        """
        first, stop = (
            int(np.clip(np.ceil((time - self._start) / self._dt - 1e-9), 0, self.n_steps))
            for time in (start_ms, stop_ms)
        )
        if first >= stop:
            end = self._start + self.duration_ms
            raise ActivityError(
                f"Traces.between: no step from {start_ms:g} to {stop_ms:g} ms; the traces run from {self._start:g} to "
                f"{end:g} ms. Choose a stretch within them."
            )
        return self._with(cut(self._values, first, stop), self._ids, self._start + first * self._dt, self._table)

    def of(self, ids: Any) -> Traces:
        """The traces of the chosen nodes, in this order; lazy values stay lazy.

        Raises
        ------
        ActivityError
            An id that is not there, or one given twice.

        Examples
        --------
        >>> Traces([[1, 2, 3]], dt_ms=1, ids=[7, 8, 9]).of([9, 7]).to_numpy().tolist()
        [[3, 1]]
        """
        index = id_index(np.atleast_1d(np.asarray(ids)), "Traces.of")
        rows = rows_of(self._ids, index, "Traces.of")
        table = None if self._table is None else self._table.take(rows)
        return self._with(cut(self._values, 0, self.n_steps, rows), index, self._start, table)

    def __eq__(self, other: object) -> bool:
        """Same ids, table of nodes, time steps, unit and values (NaN equals NaN); lazy values are read."""
        if not isinstance(other, Traces):
            return NotImplemented
        return (
            (self._dt, self._start, self._unit) == (other._dt, other._start, other._unit)
            and self._ids.equals(other._ids)
            and self.nodes.equals(other.nodes)
            and self.n_steps == other.n_steps
            and all(
                np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f")
                for a, b in zip(self.pieces(), other.pieces(), strict=True)
            )
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        unit = f", in {self._unit}" if self._unit else ""
        return f"Traces({self.n_steps:,} steps of {self._dt:g} ms, {self.n_nodes:,} nodes{unit}{known_of(self._table)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._values, self._dt, self._ids, self._start, self._unit, self._table)

    def _with(self, values: Any, ids: pd.Index, start: float, table: pd.DataFrame | None) -> Traces:
        return _rebuilt(values, self._dt, ids, start, self._unit, table)


def _rebuilt(
    values: Any, dt_ms: float, ids: pd.Index, start_ms: float, unit: str, table: pd.DataFrame | None
) -> Traces:
    return Traces(values, dt_ms=dt_ms, ids=ids, start_ms=start_ms, unit=unit, nodes=table)

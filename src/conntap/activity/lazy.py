"""Two-dimensional values that are read only where they are sliced, from files, and parts of them.

Each has `shape`, `dtype`, slices that numpy can take, and `box`; each can be pickled, as the path of its file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from conntap.activity.opening import hdf5, told

__all__ = [
    "Difference",
    "MappedArray",
    "Part",
    "Scaled",
    "StoredArray",
    "Turned",
    "ZarrArray",
    "box_of",
    "boxed",
    "cut",
]

_GAP = 64  # columns that nobody asked for are read with those around them where they are fewer

Box = Callable[[int, int, int, int], np.ndarray]


def boxed(shape: tuple[int, ...], key: Any, box: Box) -> np.ndarray:
    """What numpy gives for a key, of values that can only be read as boxes [first:stop, left:right].

    Examples
    --------
    >>> values = np.arange(12).reshape(4, 3)
    >>> boxed((4, 3), (slice(1, 3), [2, 0]), lambda a, b, c, d: values[a:b, c:d]).tolist()
    [[5, 3], [8, 6]]
    """
    rows, columns = key if isinstance(key, tuple) else (key, slice(None))
    first, stop, among_rows = _bounds(rows, shape[0])
    left, right, among_columns = _bounds(columns, shape[1])
    if isinstance(among_columns, np.ndarray) and among_columns.ndim:
        values = _of_columns(first, stop, among_columns + left, box)
    else:
        values = box(first, stop, left, right)[:, among_columns]
    return values[among_rows]


def cut(values: Any, first: int, stop: int, columns: np.ndarray | None = None) -> Any:
    """Some rows and columns of values: at once of what is in memory or of dask, else when they are used.

    Examples
    --------
    >>> cut(np.arange(6).reshape(3, 2), 1, 3, np.array([1])).tolist()
    [[3], [5]]
    """
    if isinstance(values, np.ndarray) or hasattr(values, "__dask_graph__"):
        rows = values[first:stop]
        return rows if columns is None else rows[:, columns]
    return Part(values, first, stop, columns)


class StoredArray:
    """A 2-D array in an HDF5 file.

    Examples
    --------
    >>> StoredArray(Path("report.h5"), "report/v1/data", (10, 2), np.dtype("f4"))
    StoredArray(report.h5: report/v1/data, (10, 2), float32)
    """

    def __init__(self, path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.path, self.name, self.shape, self.dtype = path, name, shape, dtype

    def box(self, first: int, stop: int, left: int, right: int) -> np.ndarray:
        """Rows [first, stop) and columns [left, right)."""
        with hdf5(self.path) as file:
            return file[self.name][first:stop, left:right]

    def __getitem__(self, key: Any) -> np.ndarray:
        return boxed(self.shape, key, self.box)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def __repr__(self) -> str:
        return f"StoredArray({self.path}: {self.name}, {self.shape}, {self.dtype})"


class MappedArray:
    """A 2-D array in a file of numpy's (.npy)."""

    def __init__(self, path: Path) -> None:
        with told(path):
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            self.path, self.shape, self.dtype = path, array.shape, array.dtype

    def box(self, first: int, stop: int, left: int, right: int) -> np.ndarray:
        """Rows [first, stop) and columns [left, right)."""
        with told(self.path):
            return np.array(np.load(self.path, mmap_mode="r", allow_pickle=False)[first:stop, left:right])

    def __getitem__(self, key: Any) -> np.ndarray:
        return boxed(self.shape, key, self.box)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def __repr__(self) -> str:
        return f"MappedArray({self.path}, {self.shape}, {self.dtype})"


class ZarrArray:
    """A 2-D array in a zarr store whose metadata were looked at."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.path, self.shape, self.dtype = path, shape, dtype

    def box(self, first: int, stop: int, left: int, right: int) -> np.ndarray:
        """Rows [first, stop) and columns [left, right)."""
        import zarr

        with told(self.path):
            return np.asarray(zarr.open_array(self.path, mode="r")[first:stop, left:right])

    def __getitem__(self, key: Any) -> np.ndarray:
        return boxed(self.shape, key, self.box)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def __repr__(self) -> str:
        return f"ZarrArray({self.path}, {self.shape}, {self.dtype})"


class Turned:
    """Values of shape (nodes, time) as (time, nodes)."""

    def __init__(self, source: Any) -> None:
        self.source, self.shape, self.dtype = source, tuple(source.shape)[::-1], source.dtype

    def box(self, first: int, stop: int, left: int, right: int) -> np.ndarray:
        """Rows [first, stop) and columns [left, right)."""
        return box_of(self.source, left, right, first, stop).T

    def __getitem__(self, key: Any) -> np.ndarray:
        return boxed(self.shape, key, self.box)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def __repr__(self) -> str:
        return f"Turned({self.source!r})"


class Part:
    """Some rows, in one stretch, and some columns of other values."""

    def __init__(self, source: Any, first: int, stop: int, columns: np.ndarray | None = None) -> None:
        self.source, self.first, self.columns = source, first, columns
        self.shape = (stop - first, source.shape[1] if columns is None else len(columns))
        self.dtype = source.dtype

    def box(self, first: int, stop: int, left: int, right: int) -> np.ndarray:
        """Rows [first, stop) and columns [left, right)."""
        first, stop = first + self.first, stop + self.first
        if self.columns is None:
            return box_of(self.source, first, stop, left, right)
        return _of_columns(first, stop, self.columns[left:right], lambda *box: box_of(self.source, *box))

    def __getitem__(self, key: Any) -> np.ndarray:
        return boxed(self.shape, key, self.box)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def __repr__(self) -> str:
        return f"Part({self.shape} of {self.source!r})"


class Scaled:
    """Other values times a factor (one, or one a column) plus an offset, as float64."""

    def __init__(self, source: Any, factor: Any, offset: float = 0.0) -> None:
        self.source, self.offset, self.shape, self.dtype = source, offset, tuple(source.shape), np.dtype(np.float64)
        self.factor = np.broadcast_to(np.asarray(factor, dtype=np.float64), self.shape[1])

    def box(self, first: int, stop: int, left: int, right: int) -> np.ndarray:
        """Rows [first, stop) and columns [left, right)."""
        return box_of(self.source, first, stop, left, right) * self.factor[left:right] + self.offset

    def __getitem__(self, key: Any) -> np.ndarray:
        return boxed(self.shape, key, self.box)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def __repr__(self) -> str:
        return f"Scaled({self.source!r})"


class Difference:
    """Values minus a share of others of the same shape."""

    def __init__(self, source: Any, other: Any, share: float) -> None:
        self.source, self.other, self.share = source, other, share
        self.shape, self.dtype = tuple(source.shape), np.result_type(source.dtype, np.float32)

    def box(self, first: int, stop: int, left: int, right: int) -> np.ndarray:
        """Rows [first, stop) and columns [left, right)."""
        box = first, stop, left, right
        return (box_of(self.source, *box) - self.share * box_of(self.other, *box)).astype(self.dtype, copy=False)

    def __getitem__(self, key: Any) -> np.ndarray:
        return boxed(self.shape, key, self.box)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def __repr__(self) -> str:
        return f"Difference({self.source!r}, {self.share:g} of {self.other!r})"


def _bounds(key: Any, n: int) -> tuple[int, int, Any]:
    """The stretch that a key of one axis spans, and what to take of it."""
    if isinstance(key, slice) and key.step in (None, 1):
        first, stop, _ = key.indices(n)
        return first, max(first, stop), slice(None)
    wanted = np.asarray(np.arange(n)[key])
    if wanted.size == 0:
        return 0, 0, wanted
    first = int(wanted.min())
    return first, int(wanted.max()) + 1, wanted - first


def _of_columns(first: int, stop: int, columns: np.ndarray, box: Box) -> np.ndarray:
    """Chosen columns, in their order; those near each other are read together."""
    distinct, back = np.unique(columns, return_inverse=True)
    if not len(distinct):
        return box(first, stop, 0, 0)
    runs = np.split(distinct, np.flatnonzero(np.diff(distinct) > _GAP) + 1)
    read = [box(first, stop, int(run[0]), int(run[-1]) + 1)[:, run - run[0]] for run in runs]
    return (read[0] if len(read) == 1 else np.concatenate(read, axis=1))[:, back]


def box_of(source: Any, first: int, stop: int, left: int, right: int) -> np.ndarray:
    """A box of our own values, or of what at least gives rows."""
    if hasattr(source, "box"):
        return source.box(first, stop, left, right)
    if isinstance(source, np.ndarray) or type(source).__module__.startswith(("h5py", "zarr")):
        return np.asarray(source[first:stop, left:right])
    return np.asarray(source[first:stop])[:, left:right]

"""HDF5 datasets read in pieces: a file that says what is wrong with it, and the rows one asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from conntap.errors import CircuitError
from conntap.store.files import why_unreadable

__all__ = ["CHUNK", "expand_ranges", "opened", "pieces", "take", "take_text"]

CHUNK = 1 << 18  # rows read at a time: 2 MiB of ids
_SPARSE = 16  # below one row in so many, touching pages beats reading blocks
_Rows = slice | np.ndarray


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file, open for reading while the block runs.

    Raises
    ------
    CircuitError
        The file is missing, is no HDF5 file, is truncated, or cannot be read to its end.
    """
    why = why_unreadable(path)
    if why is not None:
        raise CircuitError(f"{path}: {why}. Correct the path in the circuit's configuration.")
    try:
        file = h5py.File(path, "r", locking="best-effort")
    except (OSError, RuntimeError) as error:
        why = "truncated" if "truncated" in str(error) else "no HDF5 file, or a damaged one"
        raise CircuitError(f"{path}: {why}: {_first(error)}. Copy or write it again.") from error
    with file:
        try:
            yield file
        except KeyError as error:
            raise CircuitError(
                f"{path}: {str(error).strip(chr(34))}. The file lacks what SONATA asks for; `tap circuit check` says what."
            ) from error
        except (OSError, RuntimeError) as error:
            raise CircuitError(
                f"{path}: reading failed: {_first(error)}. The file is damaged; copy it again."
            ) from error


def _first(error: Exception) -> str:
    return str(error).split("\n")[0].rstrip(".")


def pieces(size: int, chunk: int = CHUNK) -> Iterator[slice]:
    """The slices that cut rows 0..size-1 into chunks."""
    for start in range(0, size, chunk):
        yield slice(start, min(start + chunk, size))


def take(dataset: h5py.Dataset, rows: _Rows) -> np.ndarray:
    """The rows of a dataset, in the order asked for, in the machine's own byte order.

    Notes
    -----
    A slice is read as it is. Few row numbers of an unpacked dataset cost the pages they touch; many, or those
    of a packed one (gzip, lzf), the blocks they touch, each read once and one at a time.
    """
    if isinstance(rows, slice):
        return _native(dataset[rows])
    if _is_plain(dataset) and _SPARSE * len(rows) < len(dataset):
        return _native(_mapped(dataset)[rows])
    if np.any(rows[1:] < rows[:-1]):
        order = np.argsort(rows, kind="stable")
        values = _take_sorted(dataset, rows[order])
        result = np.empty_like(values)
        result[order] = values
        return result
    return _take_sorted(dataset, rows)


def _is_plain(dataset: h5py.Dataset) -> bool:
    """Whether the values lie in the file one after the other."""
    if dataset.chunks is not None or dataset.dtype.kind not in "iufb" or dataset.is_virtual or dataset.external:
        return False
    return dataset.id.get_offset() is not None


def _mapped(dataset: h5py.Dataset) -> np.ndarray:
    offset, name = dataset.id.get_offset(), dataset.file.filename
    return np.asarray(np.memmap(name, dtype=dataset.dtype, mode="r", offset=offset, shape=dataset.shape))


def _take_sorted(dataset: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    unit = dataset.chunks[0] if dataset.chunks else CHUNK
    block = max(1, CHUNK // 4 // unit) * unit
    result = np.empty((len(rows), *dataset.shape[1:]), dtype=dataset.dtype)
    edges = np.searchsorted(rows, np.arange(0, len(dataset) + block, block))
    for start, stop in pairwise(edges):
        if start < stop:
            part = rows[start:stop]
            result[start:stop] = dataset[int(part[0]) : int(part[-1]) + 1][part - part[0]]
    return _native(result)


def _native(values: np.ndarray) -> np.ndarray:
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def take_text(dataset: h5py.Dataset, rows: _Rows) -> pd.Categorical:
    """The rows of a dataset of text, as a Categorical with sorted categories."""
    codes, raw = pd.factorize(take(dataset, rows))
    words = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in raw]
    return pd.Categorical(words)[codes] if words else pd.Categorical([])


def expand_ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The numbers of several ranges, one range after the other.

    >>> expand_ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total, dtype=np.int64) + np.repeat(starts - (ends - lengths), lengths)

"""Files of activity opened and saved: HDF5 and npz, with what is wrong with them said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil

from conntap.errors import ActivityError, ConntapError, known, unknown
from conntap.store.files import atomic

__all__ = ["hdf5", "milliseconds", "npz", "one", "read_ids", "save", "saved_ids", "told"]

_OF_PICKLES = ("Python objects in dtype", "allow_pickle")  # what numpy says of them
_IN_MS = {"ms": 1.0, "s": 1000.0, "us": 0.001, "": 1.0}


def one(group: h5py.Group, population: str | None, path: Path, what: str) -> str:
    """The name of the wanted population among the groups; the only one where none is named."""
    names = [name for name, each in group.items() if isinstance(each, h5py.Group)]
    if population is None and len(names) == 1:
        return names[0]
    if population is None:
        raise ActivityError(f"{path}: {what} of several populations ({known(names)}). Name one with population=.")
    if population not in names:
        raise ActivityError(unknown(str(path), "population", population, names))
    return population


def milliseconds(dataset: h5py.Dataset, path: Path) -> float:
    """How many ms the unit of a dataset is; ms where it says none."""
    unit = dataset.attrs.get("units", "ms")
    unit = unit.decode() if isinstance(unit, bytes) else str(unit)
    if unit not in _IN_MS:
        raise ActivityError(unknown(f"{path}: {dataset.name}", "unit of time", unit, _IN_MS))
    return _IN_MS[unit]


def saved_ids(ids: np.ndarray) -> np.ndarray:
    """Ids as numpy saves them without pickles."""
    return ids if ids.dtype.kind in "iu" else ids.astype(str)


def read_ids(ids: np.ndarray) -> np.ndarray:
    """Ids as `saved_ids` saved them."""
    return ids.astype(object) if ids.dtype.kind == "U" else ids


def save(path: Path, **arrays: Any) -> None:
    """Write arrays as npz, whole or not at all."""
    with atomic(path) as aside, open(aside, "wb") as file:
        np.savez_compressed(file, **arrays)


@contextmanager
def hdf5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file open for reading; whatever goes wrong with it is told with its path."""
    with told(path), h5py.File(path, locking="best-effort") as file:
        yield file


@contextmanager
def npz(path: Path) -> Iterator[Any]:
    """The arrays of an npz, no pickles; whatever goes wrong with it is told with its path."""
    with told(path), open(path, "rb") as file, np.load(file, allow_pickle=False) as held:
        claimed = sum(each.file_size for each in held.zip.infolist())
        if claimed > psutil.virtual_memory().total:
            raise ActivityError(f"{path}: it unpacks to {claimed / 2**30:,.0f} GiB, more than this machine holds.")
        yield held


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Whatever goes wrong with a file is told with its path."""
    try:
        yield
    except ConntapError:
        raise
    except Exception as error:  # parsers of damaged files raise whatever they meet
        if any(each in str(error) for each in _OF_PICKLES):
            raise ActivityError(
                f"{path}: it holds Python objects as a pickle, which is never opened. Save arrays of numbers, such as "
                "array.astype(float)."
            ) from error
        raise ActivityError(
            f"{path}: damaged, or not of a layout known here ({error}). Check it, or write it again."
        ) from error

"""Finished cells kept in a folder, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from logging import getLogger
from pathlib import Path
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np

from conntap.store.files import atomic

__all__ = ["keep", "taken_up"]

_LOG = getLogger(__name__)


def keep(folder: Path, name: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays with their checksum to a file that is whole or not there.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> keep(folder, "one", {"a": np.arange(3)})
    >>> taken_up(folder, "one")["a"].tolist(), taken_up(folder, "two")
    ([0, 1, 2], None)
    """
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / f"{name}.npz") as aside, aside.open("wb") as file:
        np.savez(file, checksum=np.array(_checksum(arrays)), **arrays)


def taken_up(folder: Path, name: str) -> dict[str, np.ndarray] | None:
    """The arrays of a name, if they are there and whole."""
    path = folder / f"{name}.npz"
    if not path.is_file():
        return None
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {each: file[each] for each in file.files}
        checksum = str(arrays.pop("checksum"))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, RuntimeError, ZlibError) as error:
        _LOG.warning("%s is damaged (%s); it is made again.", path, error)
        return None
    if checksum != _checksum(arrays):
        _LOG.warning("%s is damaged (its checksum differs); it is made again.", path)
        return None
    return arrays


def _checksum(arrays: Mapping[str, np.ndarray]) -> str:
    found = hashlib.sha256()
    for name in sorted(arrays):
        found.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape} ".encode())
        found.update(np.ascontiguousarray(arrays[name]).tobytes())
    return found.hexdigest()

"""Opening a store: its table of contents now, its datasets when asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conntap.errors import CorruptStoreError, StoreError, unknown
from conntap.store.dataset import Dataset, reading
from conntap.store.elements import read_attributes
from conntap.store.files import why_unreadable
from conntap.store.heaps import heaps_are_sound
from conntap.store.writing import FORMAT, VERSION

__all__ = ["Dataset", "Store", "open_store"]


def open_store(path: str | Path) -> Store:
    """Open a store for reading; only its table of contents is read now.

    Parameters
    ----------
    path
        The HDF5 file that `write_store` made.

    Returns
    -------
    A `Store`, to be closed or used in a `with` block.

    Raises
    ------
    StoreError
        There is no such file, it is no store, or a newer conntap wrote it.
    CorruptStoreError
        It is cut short or damaged.

    Notes
    -----
    About a millisecond, however many cases there are. The open store keeps showing what it showed when it
    was opened, also while a new one takes its name.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.store import write_store
    >>> path = Path(tempfile.mkdtemp()) / "results.h5"
    >>> write_store(path, attrs={"study": "seed: 1"}, stages=[])
    >>> with open_store(path) as store:
    ...     store.study, list(store)
    ('seed: 1', [])
    """
    path = Path(path)
    why = why_unreadable(path)
    if why is not None:
        raise StoreError(f"{path}: {why}. Give the HDF5 file that a run collected.")
    try:
        file = h5py.File(path, "r", locking=False)
    except (OSError, RuntimeError) as error:
        with open(path, "rb") as raw:
            if raw.read(8) == b"\x89HDF\r\n\x1a\n":
                raise CorruptStoreError(f"{path}: the file is cut short or damaged. Collect it again.") from error
        raise StoreError(f"{path}: it is no HDF5 file, so no store. Give the file that a run collected.") from error
    try:
        return Store(file, path)
    except BaseException:
        file.close()
        raise


class Store:
    """An open store: a mapping from the names of stages to `Dataset`.

    Parameters
    ----------
    file, path
        The open HDF5 file and where it is; use `open_store`.
    """

    def __init__(self, file: h5py.File, path: Path) -> None:
        self._file, self.path = file, path
        with reading(path):
            if file.attrs.get("version", VERSION) < 2 and not heaps_are_sound(path):
                raise CorruptStoreError(f"{path}: the store is damaged where it keeps its text. Collect it again.")
            attrs = read_attributes(file)
            if attrs.get("format") != FORMAT:
                raise StoreError(f"{path}: it is HDF5 but no store of conntap. Give the file that a run collected.")
            if int(attrs["version"]) > VERSION:
                raise StoreError(
                    f"{path}: the store has version {attrs['version']}; this conntap reads up to {VERSION}. "
                    "Install a newer conntap."
                )
            self._names: list[str] = json.loads(attrs["stages"])
            self._attrs = _real_attributes(attrs)
        self._datasets: dict[str, Dataset] = {}

    @property
    def attrs(self) -> dict[str, Any]:
        """What was said of the whole when it was written: study, hash, code version, seed, host, time."""
        return dict(self._attrs)

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages, in the order of the study."""
        return tuple(self._names)

    @property
    def study(self) -> str:
        """The text of the study document; empty if none was kept."""
        return str(self._attrs.get("study", ""))

    @property
    def closed(self) -> bool:
        """Whether the store was closed."""
        return not self._file

    def describe(self) -> str:
        """A summary of every stage, for people."""
        return "\n\n".join([repr(self), *(self[name].describe() for name in self)])

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._file.close()

    def keys(self) -> tuple[str, ...]:
        """The names of the stages."""
        return self.stages

    def values(self) -> Iterator[Dataset]:
        """The datasets, in the order of the stages."""
        return (self[name] for name in self)

    def items(self) -> Iterator[tuple[str, Dataset]]:
        """Name and dataset of each stage."""
        return ((name, self[name]) for name in self)

    def __getitem__(self, name: str) -> Dataset:
        if name not in self._names:
            raise StoreError(unknown(str(self.path), "stage", name, self._names))
        if self.closed:
            raise StoreError(f"{self.path}: the store is closed. Open it again.")
        if name not in self._datasets:
            self._datasets[name] = Dataset(self, name)
        return self._datasets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}: {', '.join(self._names) or 'no stages'}{'; closed' * self.closed})"

    def __reduce__(self) -> tuple[Any, ...]:
        return open_store, (self.path.absolute(),)


def _real_attributes(attrs: dict[str, Any]) -> dict[str, Any]:
    as_json = set(json.loads(attrs.get("json_attributes", "[]")))
    own = {"format", "version", "stages", "json_attributes"}
    return {
        name: json.loads(value) if name in as_json else value.item() if isinstance(value, np.generic) else value
        for name, value in attrs.items()
        if name not in own
    }

"""A new HDF5 file that is whole or not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from conntap.store.files import PatientFile, atomic

__all__ = ["hdf5_into", "new_hdf5"]


@contextmanager
def new_hdf5(path: str | Path, *, libver: tuple[str, str] | None = None) -> Iterator[h5py.File]:
    """An HDF5 file to fill, which takes the name `path` when the block ends well.

    Parameters
    ----------
    path
        The file to make; one that is there is replaced.
    libver
        The range of HDF5 versions whose structures may be used; ("v110", "v110") has checksums of them all. Default:
        the oldest that will do, which every reader understands.

    Returns
    -------
    The open file. A write that the disk refuses is raised at the end of the block at the latest.

    Raises
    ------
    StoreError
        The disk is full, or the folder cannot be written to.
    OSError
        The disk refuses a write for another reason.

    Notes
    -----
    Written aside and forced to disk, as `conntap.store.files.atomic` does.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "new.h5"
    >>> with new_hdf5(path) as file:
    ...     file["answer"] = 42
    >>> with h5py.File(path) as file:
    ...     int(file["answer"][()])
    42
    """
    with atomic(path) as aside, hdf5_into(aside, libver=libver) as file:
        yield file


@contextmanager
def hdf5_into(path: str | Path, *, libver: tuple[str, str] | None = None) -> Iterator[h5py.File]:
    """An HDF5 file to fill, written into a file that is there; the end of the block raises what the disk refused.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as aside, hdf5_into(aside.name) as file:
    ...     file["answer"] = 42
    """
    with PatientFile(path) as raw:
        with h5py.File(raw, "w", libver=libver) as file:
            yield file
        raw.check()

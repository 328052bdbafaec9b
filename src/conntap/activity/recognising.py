"""Which format a recording is in: by its content first, by its name where the content leaves it open."""

from __future__ import annotations

from pathlib import Path

import h5py

from conntap.activity.imaging import plane_of
from conntap.activity.opening import hdf5
from conntap.activity.zarr_files import is_zarr
from conntap.errors import ActivityError
from conntap.store.files import why_unreadable

__all__ = ["recognised"]

_SIGNATURES = {b"PK\x03\x04": "npz", b"\x93NUMPY": "npy", b"PAR1": "parquet"}
_TEXT = {".csv", ".tsv", ".txt", ".tab", ".dat"}


def recognised(path: Path) -> str:
    """The name of the format of what lies at `path`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "spikes.csv"
    >>> _ = path.write_text("time_ms,node_id\\n1,0\\n")
    >>> recognised(path)
    'csv'
    """
    if path.is_dir():
        return _of_folder(path)
    why = why_unreadable(path)
    if why is not None:
        raise ActivityError(f"{path}: cannot be read ({why}). Check the path.")
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise ActivityError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    if not head:
        raise ActivityError(f"{path}: the file is empty (0 bytes). Write it again.")
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature):
            return name
    if head.startswith(b"\x89HDF\r\n\x1a\n") or h5py.is_hdf5(path):
        return _of_hdf5(path)
    if path.suffix.lower() in _TEXT and b"\0" not in head:
        return "chalearn" if path.name.startswith("fluorescence_") else "csv"
    raise ActivityError(
        f"{path}: neither HDF5 nor npz, and no other recording known here (zarr, npy, NWB, suite2p, CaImAn, CSV, TSV, "
        "parquet). Name its format with format=, or write it as one of these."
    )


def _of_folder(path: Path) -> str:
    if is_zarr(path):
        return "zarr"
    if plane_of(path) is not None:
        return "suite2p"
    raise ActivityError(f"{path}: a folder that is neither a zarr store nor suite2p's. Give the file of the recording.")


def _of_hdf5(path: Path) -> str:
    with hdf5(path) as file:
        if "conntap" in file.attrs:
            return "hdf5"
        if "nwb_version" in file.attrs:
            return "nwb"
        if "estimates" in file and isinstance(file["estimates"], h5py.Group):
            return "caiman"
        sonata = any(isinstance(file.get(name), h5py.Group) for name in ("spikes", "report"))
        return "sonata" if sonata or {"data", "mapping"} <= file.keys() else "hdf5"

"""Which format a file or folder is in: by its content first, by its name where the content leaves it open."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from conntap.circuits.formats.limits import check_file
from conntap.errors import FormatError, known

__all__ = ["guess", "guess_by_name"]

HEAD = 16384
_SIGNATURES = {
    b"PAR1": "parquet",
    b"ARROW1": "feather",
    b"FEA1": "feather",
    b"PK\x03\x04": "npz",
    b"\x93NUMPY": "npy",
}
_SUFFIXES = {
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "csv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".npz": "npz",
    ".npy": "npy",
    ".graphml": "graphml",
    ".yaml": "chalearn",
    ".yml": "chalearn",
    ".json": "sonata",
}


def guess(path: Path) -> str:
    """The name of the format of what lies at `path`.

    Raises
    ------
    FormatError
        Nothing there, an empty file, or a content that no format known here has.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "edges.dat"
    ...     _ = path.write_text("pre,post\\n1,2\\n")
    ...     guess(path)
    'csv'
    """
    if path.is_dir():
        return _of_folder(path)
    head = head_of(path)
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature):
            return name
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _of_hdf5(path)
    if b"\x00" in head.replace(b"\xff\xfe", b"", 1):
        raise FormatError(
            f"{path}: binary content of no known kind (first bytes {head[:8]!r}). Name it with format=, or convert it."
        )
    return _of_text(head, path)


def guess_by_name(path: Path) -> str:
    """The format that a name to be written asks for; a name without a suffix means a SONATA folder.

    Raises
    ------
    FormatError
        The suffix belongs to no format.

    Examples
    --------
    >>> guess_by_name(Path("edges.csv.gz")), guess_by_name(Path("circuit"))
    ('csv', 'sonata')
    """
    suffix = (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()
    if suffix == "" or path.name == "circuit_config.json":
        return "sonata"
    if suffix not in _SUFFIXES or suffix == ".json":
        raise FormatError(
            f"{path}: the name does not say which format to write; known endings: {known(_SUFFIXES, most=20)}. "
            "Give format=."
        )
    return _SUFFIXES[suffix]


def head_of(path: Path) -> bytes:
    """The first bytes of a file, unpacked where it is gzip; an empty or unreadable file is an error."""
    check_file(path)
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
        if head.startswith(b"\x1f\x8b"):
            with gzip.open(path) as packed:
                head = packed.read(HEAD)
    except FileNotFoundError:
        raise FormatError(f"{path}: no such file or folder. Check the path.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{path}: cannot be read ({error}). Check the file.") from None
    if not head.strip():
        raise FormatError(f"{path}: the file is empty. Give one with edges.")
    return head


def _of_folder(path: Path) -> str:
    if any((path / name).is_file() for name in ("circuit_config.json", "config.json")):
        return "sonata"
    return "folder"


def _of_hdf5(path: Path) -> str:
    import h5py

    try:
        file = h5py.File(path, locking="best-effort")
    except OSError as error:
        raise FormatError(f"{path}: damaged HDF5 ({error}). Copy or write it again.") from None
    with file:
        kind = file.attrs.get("format")
        kind = kind.decode(errors="replace") if isinstance(kind, bytes) else kind
        if kind == "conntap-connectome":
            return "hdf5"
        if kind == "conntap-store":
            raise FormatError(f"{path}: this is a store of results, not a connectome. Open it with conntap.open_store.")
        if "edges" in file or "nodes" in file:
            raise FormatError(
                f"{path}: this is one file of a SONATA circuit. Give its circuit_config.json, which names the others."
            )
        if "connectivity" in file:
            return "conntility"
        raise FormatError(
            f"{path}: HDF5 of no known layout; groups: {known(file)}. Give format= where you know it to be one of ours."
        )


def _of_text(head: bytes, path: Path) -> str:
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    if text.startswith("<"):
        return "graphml"
    if text.startswith("{"):
        return "sonata"
    if "connectedTo:" in text or text.startswith("---"):
        return "chalearn"
    first = next((line for line in text.splitlines() if line.strip()), "")
    named = guess_by_name(path) if _has_known_suffix(path) else ""
    return "tsv" if named == "tsv" or ("\t" in first and "," not in first) else "csv"


def _has_known_suffix(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return bool(suffixes) and suffixes[-1] in _SUFFIXES

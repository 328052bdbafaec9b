"""Volumes in NRRD files: read with their place, whatever the encoding, and written.

A file that came from elsewhere may say anything: no other folder is opened for it, and no more is unpacked than its header
announces and its bytes can hold.
"""

from __future__ import annotations

import bz2
import gzip
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from conntap.circuits.tissue.volumes import Volume
from conntap.errors import CircuitError, MissingExtra
from conntap.store.files import atomic, why_unreadable

__all__ = ["data_file_of", "read_channels", "read_volume", "write_volume"]

_UM = {"": 1.0, "um": 1.0, "µm": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "mm": 1000.0, "nm": 0.001}
_MOST_BYTES = 1 << 34
_MOST_CHANNELS = 64
_DENSEST = {"raw": 1, "text": 1, "gzip": 1040, "bzip2": 1 << 26}
"""How many bytes one byte of a file can stand for, by encoding: bounds of the two ways to pack."""
_ENCODINGS = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"} | dict.fromkeys(
    ("ascii", "text", "txt"), "text"
)
_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(
        ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"), "i8"
    ),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
_WRITTEN = {"i1": "int8", "u1": "uint8", "i2": "int16", "u2": "uint16", "i4": "int32", "u4": "uint32"} | {
    "i8": "int64",
    "u8": "uint64",
    "f4": "float",
    "f8": "double",
}


def read_volume(path: Path, *, first_voxel: Literal["corner", "centre"] = "corner") -> Volume:
    """The volume in an NRRD file of three dimensions.

    Parameters
    ----------
    path
        The file; its data may lie in one file beside it. Its space directions, space origin and space units (um where it
        names none, mm, nm) place it.
    first_voxel
        Whether the space origin is the first voxel's corner, as atlases of circuits have it, or its centre.

    Raises
    ------
    CircuitError
        The file is missing, damaged, too large, not of numbers in three dimensions, or names a data file elsewhere.
    MissingExtra
        pynrrd is not installed.

    Notes
    -----
    The values are read whole; beside them a copy for a moment.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "density.nrrd"
    >>> write_volume(Volume(np.full((2, 2, 3), 7.0), [0, 0, 0], [10, 10, 20]), path)
    >>> read_volume(path).box.tolist()
    [[0.0, 0.0, 0.0], [20.0, 20.0, 60.0]]
    """
    values, origin, directions = _read(Path(path), first_voxel)
    if values.shape[0] != 1:
        raise CircuitError(f"{path}: {values.shape[0]} values a voxel; give a file of one.")
    return Volume(values[0], origin, directions)


def read_channels(path: Path, *, first_voxel: Literal["corner", "centre"] = "corner") -> tuple[Volume, ...]:
    """The volumes in an NRRD file of several values a voxel, such as a flat map or directions; one where there is one.

    Parameters
    ----------
    path, first_voxel
        As for `read_volume`. The axis that is no direction of space comes first, as the format has it.

    Raises
    ------
    CircuitError, MissingExtra
        As for `read_volume`.
    """
    values, origin, directions = _read(Path(path), first_voxel)
    return tuple(Volume(each, origin, directions) for each in values)


def write_volume(volume: Volume, path: Path) -> None:
    """Write a volume as an NRRD file, packed by gzip; equal volumes give equal bytes.

    Booleans are written as the numbers 0 and 1 (uint8).

    Raises
    ------
    CircuitError
        Values of a type that the format lacks.
    StoreError
        The file cannot be written.
    """
    values = volume.values.astype(np.uint8) if volume.values.dtype == bool else volume.values
    code = values.dtype.str[1:]
    if code not in _WRITTEN:
        raise CircuitError(f"{path}: NRRD has no {values.dtype}; give float32, float64 or whole numbers.")
    header = [
        "NRRD0004",
        f"type: {_WRITTEN[code]}",
        "dimension: 3",
        "space dimension: 3",
        f"sizes: {' '.join(map(str, values.shape))}",
        f"space directions: {' '.join(map(_vector, volume.directions))}",
        "kinds: domain domain domain",
        'space units: "um" "um" "um"',
        *(["endian: little"] if values.dtype.itemsize > 1 else []),
        "encoding: gzip",
        f"space origin: {_vector(volume.origin)}",
    ]
    data = values.astype(values.dtype.newbyteorder("<")).tobytes(order="F")
    with atomic(path) as aside, aside.open("wb") as file:
        file.write(("\n".join(header) + "\n\n").encode())
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed:
            packed.write(data)


def data_file_of(path: Path) -> Path | None:
    """The file beside an NRRD header that holds its data; None where the header holds them, or is none.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "density.nhdr"
    >>> _ = path.write_text("NRRD0004\\ntype: uint8\\ndata file: density.raw\\n\\n")
    >>> data_file_of(path).name
    'density.raw'
    """
    with Path(path).open("rb") as file:
        if not file.readline(16).startswith(b"NRRD"):
            return None
        while line := file.readline(4096).decode("ascii", "replace").strip():
            field, _, value = line.partition(":")
            if field.strip() in ("data file", "datafile"):
                return Path(path).parent / value.strip()
    return None


def _vector(values: np.ndarray) -> str:
    return f"({','.join(repr(each) for each in values.tolist())})"


def _read(path: Path, first_voxel: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of shape (channels, i, j, k), origin and directions in um."""
    try:
        import nrrd
    except ImportError:
        raise MissingExtra("formats", package="pynrrd", needed_for="reading an atlas") from None
    why = why_unreadable(path)
    if why is not None:
        raise CircuitError(f"{path}: cannot be read ({why}).")
    try:
        with path.open("rb") as file:
            header = nrrd.read_header(file)
            sizes, dtype, encoding = _announced(path, header)
            values = _unpacked(path, header, file, math.prod(sizes), dtype, encoding)
    except CircuitError:
        raise
    except OSError as error:
        raise CircuitError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except Exception as error:
        raise CircuitError(f"{path}: is no whole NRRD file: {error}") from None
    origin, directions = _geometry(path, header, len(sizes))
    if first_voxel == "centre":
        origin = origin - directions.sum(axis=0) / 2
    return values.reshape(sizes, order="F").reshape(-1, *sizes[-3:]), origin, directions


def _announced(path: Path, header: Mapping[str, Any]) -> tuple[tuple[int, ...], np.dtype, str]:
    """The sizes, type and encoding that a header tells, refused where they make no sense."""
    lacking = {"type", "dimension", "sizes", "encoding"} - header.keys()
    if lacking:
        raise CircuitError(f"{path}: is no whole NRRD file: its header lacks {', '.join(sorted(lacking))}.")
    sizes, kind, encoding = tuple(map(int, header["sizes"])), str(header["type"]), str(header["encoding"]).lower()
    if kind not in _TYPES:
        raise CircuitError(f"{path}: values of type {kind!r}; give numbers.")
    if encoding not in _ENCODINGS:
        raise CircuitError(f"{path}: encoding {encoding!r}; give raw, gzip, bzip2 or text.")
    if len(sizes) != header["dimension"] or len(sizes) not in (3, 4):
        raise CircuitError(f"{path}: {kind} of {len(sizes)} dimensions; give a file of three, or four with channels.")
    if min(sizes) < 1 or (len(sizes) == 4 and sizes[0] > _MOST_CHANNELS):
        shape = " x ".join(map(str, sizes))
        raise CircuitError(f"{path}: sizes {shape}; give sizes above 0 and at most {_MOST_CHANNELS} channels.")
    dtype = np.dtype(_TYPES[kind])
    if str(header.get("endian", "little")).lower() == "big":
        dtype = dtype.newbyteorder(">")
    if math.prod(sizes) * dtype.itemsize > _MOST_BYTES:
        shape = " x ".join(map(str, sizes))
        raise CircuitError(f"{path}: {shape} voxels of {kind} are more than {_MOST_BYTES >> 30} GiB. Cut a part out.")
    return sizes, dtype, _ENCODINGS[encoding]


def _unpacked(
    path: Path, header: Mapping[str, Any], file: BinaryIO, count: int, dtype: np.dtype, encoding: str
) -> np.ndarray:
    """So many values from behind the header, or of the file beside it."""
    data = header.get("data file", header.get("datafile"))
    if data is None:
        return _values(path, header, file, count, dtype, encoding)
    _check_beside(path, data)
    with (path.resolve().parent / data).open("rb") as beside:
        return _values(path, header, beside, count, dtype, encoding)


def _check_beside(path: Path, data: Any) -> None:
    """Refuse data outside the header's folder: a file that came from elsewhere shall not open others."""
    folder = path.resolve().parent
    if not isinstance(data, str) or data.upper().startswith("LIST") or (folder / data).resolve().parent != folder:
        raise CircuitError(f"{path}: its data file {data!r} is not one file beside it. Attach the data to the header.")


def _values(
    path: Path, header: Mapping[str, Any], file: BinaryIO, count: int, dtype: np.dtype, encoding: str
) -> np.ndarray:
    size = count * dtype.itemsize
    skipped = int(header.get("line skip", header.get("lineskip", 0)))
    for _ in range(skipped):
        if not file.readline():
            break
    begin, end = file.tell(), file.seek(0, 2)
    if encoding != "text" and size > (end - begin) * _DENSEST[encoding]:
        raise CircuitError(
            f"{path}: is no whole NRRD file: {count} values announced, too many for {end - begin} bytes."
        )
    before = int(header.get("byte skip", header.get("byteskip", 0)))
    file.seek(end - size if before == -1 and encoding == "raw" else begin)
    if encoding == "text":
        found = np.array(file.read().split(), dtype=np.float64 if dtype.kind == "f" else dtype).astype(dtype)
        return _whole(path, found, count)
    opened = {"raw": lambda: file, "gzip": lambda: gzip.GzipFile(fileobj=file), "bzip2": lambda: bz2.BZ2File(file)}
    stream = opened[encoding]()
    for at in range(0, before, 1 << 20):
        if not stream.read(min(1 << 20, before - at)):
            break
    return _whole(path, np.frombuffer(_bytes(stream, size), dtype), count)


def _bytes(stream: Any, size: int) -> bytearray:
    """At most so many bytes of a stream, without room for those that never come."""
    found = bytearray()
    while len(found) < size and (part := stream.read(min(1 << 24, size - len(found)))):
        found += part
    return found


def _whole(path: Path, values: np.ndarray, count: int) -> np.ndarray:
    if len(values) != count:
        raise CircuitError(f"{path}: is no whole NRRD file: it has {len(values)} of {count} values.")
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _geometry(path: Path, header: Mapping[str, Any], n_axes: int) -> tuple[np.ndarray, np.ndarray]:
    units = {str(unit).strip().lower() for unit in header.get("space units", [])} or {""}
    if len(units) > 1 or not units <= _UM.keys():
        raise CircuitError(f"{path}: space units {sorted(units)}; give um, mm or nm for all axes.")
    directions = header.get("space directions")
    if directions is None and "spacings" in header:
        directions = np.diag(np.asarray(header["spacings"], dtype=float)[-3:])
    directions = np.eye(3) if directions is None else np.asarray(directions, dtype=float)
    if n_axes == 4 and directions.shape == (4, 3) and np.isnan(directions[0]).all():
        directions = directions[1:]
    origin = np.asarray(header.get("space origin", np.zeros(3)), dtype=float)
    finite = np.isfinite(directions).all() and np.isfinite(origin).all()
    if directions.shape != (3, 3) or origin.shape != (3,) or not finite:
        raise CircuitError(f"{path}: its space directions and origin are not of three axes in three dimensions.")
    if abs(np.linalg.det(directions)) == 0:
        raise CircuitError(f"{path}: its space directions lie in one plane; they must span the space.")
    scale = _UM[units.pop()]
    return origin * scale, directions * scale

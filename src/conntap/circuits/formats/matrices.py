"""Matrices [pre, post] in numpy's files: scipy's sparse npz and dense npy."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.circuits.connectome import Connectome
from conntap.circuits.formats.limits import check_memory, check_shape
from conntap.errors import ConntapError, FormatError, known, unknown

__all__ = ["read_npy", "read_npz", "write_npy", "write_npz"]


def read_npz(path: Path, *, population: str | None = None, nodes: pd.DataFrame | None = None) -> Connectome:
    """A connectome from a sparse matrix saved by scipy, or from one dense matrix among an npz's arrays.

    Raises
    ------
    FormatError
        No archive of arrays, several matrices to choose from, a shape that cannot be, or indices outside it.
    """
    try:
        check_memory(_unpacked_size(path), path)
        with np.load(path, allow_pickle=False) as archive:
            if "format" in archive and "shape" in archive:
                check_shape(tuple(int(n) for n in np.atleast_1d(archive["shape"])), path)
                ids = archive.get("ids", None)
                return _connectome(_sparse(archive, path), path, nodes, ids)
            name = _matrix_name(archive, path, population)
            return _connectome(_dense(archive[name], path), path, nodes, None)
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path}: cannot be read as npz ({error}). Check the file.") from error


def read_npy(path: Path, *, nodes: pd.DataFrame | None = None) -> Connectome:
    """A connectome from a dense matrix; zeros are no edges.

    Raises
    ------
    FormatError
        Not two-dimensional, not numeric, shorter than it claims, or with NaN.
    """
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise FormatError(f"{path}: cannot be read as npy ({error}). Check the file.") from error
    return _connectome(_dense(matrix, path), path, nodes, None)


def write_npz(connectome: Connectome, path: Path, *, weight: str | None = None) -> None:
    """Write the adjacency matrix so that scipy.sparse.load_npz reads it; ids other than 0..n-1 go along as `ids`."""
    matrix = connectome.adjacency(weight)
    arrays = {
        "format": np.bytes_(b"csr"),
        "shape": np.array(matrix.shape),
        "data": matrix.data,
        "indices": matrix.indices,
        "indptr": matrix.indptr,
        "_is_array": np.array(True),
    }
    if connectome.is_square and not isinstance(connectome.nodes.index, pd.RangeIndex):
        ids = connectome.ids
        arrays["ids"] = ids if ids.dtype.kind in "iu" else ids.astype(str)
    with open(path, "wb") as file:
        np.savez_compressed(file, **arrays)


def write_npy(connectome: Connectome, path: Path, *, weight: str | None = None) -> None:
    """Write the dense adjacency matrix."""
    check_memory(connectome.n_pre * connectome.n_post * 8, path)
    with open(path, "wb") as file:
        np.save(file, connectome.adjacency(weight).toarray(), allow_pickle=False)


def _sparse(archive: np.lib.npyio.NpzFile, path: Path) -> sparse.coo_array:
    for name in ("indices", "indptr", "row", "col"):
        if name in archive and archive[name].dtype.kind not in "iu":
            raise FormatError(
                f"{path}: array {name!r} is {archive[name].dtype}; positions are whole numbers. Check it."
            )
    matrix = sparse.load_npz(path)
    if matrix.format in ("csr", "csc", "bsr"):
        matrix.check_format(full_check=True)
    return sparse.coo_array(matrix)


def _matrix_name(archive: np.lib.npyio.NpzFile, path: Path, population: str | None) -> str:
    if population is not None:
        if population not in archive:
            raise FormatError(unknown(str(path), "array", population, archive.files))
        return population
    square = [name for name in archive.files if archive[name].ndim == 2 and len(set(archive[name].shape)) == 1]
    if len(square) != 1:
        what = "no square matrix" if not square else f"several matrices ({known(square)})"
        raise FormatError(f"{path}: {what} among the arrays {known(archive.files)}. Name one with population=.")
    return square[0]


def _dense(matrix: np.ndarray, path: Path) -> sparse.coo_array:
    check_shape(matrix.shape, path)
    if matrix.dtype.kind not in "biuf":
        raise FormatError(f"{path}: a matrix of {matrix.dtype}; give numbers or booleans.")
    if matrix.dtype.kind == "f" and np.isnan(matrix).any():
        raise FormatError(f"{path}: the matrix holds NaN; put 0 where there is no edge.")
    return sparse.coo_array(matrix)


def _connectome(matrix: sparse.coo_array, path: Path, nodes: pd.DataFrame | None, ids: np.ndarray | None) -> Connectome:
    try:
        if nodes is None and ids is not None:
            nodes = pd.DataFrame(index=pd.Index(ids.astype(object)).astype("str") if ids.dtype.kind == "U" else ids)
        return Connectome.from_adjacency(matrix, nodes=nodes)
    except ConntapError as error:
        raise FormatError(f"{path}: {error}") from error


def _unpacked_size(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(member.file_size for member in archive.infolist())

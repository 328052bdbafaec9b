"""Refusing files that claim more than this machine can hold."""

from __future__ import annotations

from pathlib import Path

import psutil

from conntap.errors import FormatError

__all__ = ["MOST_NODES", "check_memory", "check_shape"]

MOST_NODES = 2**31 - 1


def check_memory(n_bytes: int, path: Path) -> None:
    """Raise FormatError where arrays of so many bytes do not fit into the free memory.

    Examples
    --------
    >>> check_memory(1000, Path("small.npz"))
    """
    free = psutil.virtual_memory().available
    if n_bytes > free:
        raise FormatError(
            f"{path}: its arrays take {n_bytes / 2**30:,.1f} GiB unpacked; {free / 2**30:,.1f} GiB are free. "
            "Check the file, or read it on a larger machine."
        )


def check_shape(shape: tuple[int, ...], path: Path) -> None:
    """Raise FormatError for a matrix that is not 2-D or has more rows or columns than nodes can be.

    Examples
    --------
    >>> check_shape((3, 3), Path("small.npz"))
    """
    if len(shape) != 2:
        raise FormatError(
            f"{path}: an array of shape {shape}; a matrix [pre, post] has two dimensions. Check the file."
        )
    if max(shape) > MOST_NODES or min(shape) < 0:
        raise FormatError(f"{path}: a matrix of shape {shape}; at most {MOST_NODES:,} nodes fit. Check the file.")

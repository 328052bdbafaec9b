"""What the nouns of tissue share: checked, read-only arrays, and parts of flat ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from conntap.errors import CircuitError

__all__ = ["frozen", "starts_of", "within"]


def frozen(where: str, values: Any, shape: tuple[int | None, ...], dtype: Any) -> np.ndarray:
    """Values as a read-only array of that type and shape (None: any length), finite.

    Raises
    ------
    CircuitError
        Another shape, values that are no such numbers, or not finite.

    Examples
    --------
    >>> frozen("Mesh.points", [[0, 0, 1]], (None, 3), np.float64).shape
    (1, 3)
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf" and array.size:
            raise ValueError(f"values of type {array.dtype}")
        if array.size == 0 and array.ndim != len(shape):
            array = array.reshape([each or 0 for each in shape])
        given, array = array, array if _is_kept(array, dtype) else np.array(array, dtype=dtype, order="C")
    except (TypeError, ValueError) as error:
        raise CircuitError(f"{where}: no array of numbers ({error}).") from None
    if array.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, array.shape)):
        wanted = " x ".join("n" if each is None else str(each) for each in shape)
        raise CircuitError(f"{where}: shape {array.shape}; give {wanted}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise CircuitError(f"{where}: not all values are finite. Remove those that are not.")
    if array.dtype.kind in "iu" and given.dtype.kind == "f" and not np.array_equal(array, given):
        raise CircuitError(f"{where}: not all values are whole numbers.")
    array.flags.writeable = False
    return array


def _is_kept(array: np.ndarray, dtype: Any) -> bool:
    """Whether an array may be shared: one of that type that nobody can write."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable or array.dtype != dtype or not array.flags.c_contiguous:
            return False
        array = array.base
    return array is None


def within(where: str, numbers: np.ndarray, end: int) -> None:
    """Refuse numbers that are not from 0 to `end` - 1.

    Raises
    ------
    CircuitError
        There is one.
    """
    if numbers.size and (numbers.min() < 0 or numbers.max() >= end):
        wrong = int(numbers.min() if numbers.min() < 0 else numbers.max())
        raise CircuitError(f"{where}: {wrong}; there are {end}, counted from 0.")


def starts_of(where: str, starts: Any, end: int) -> np.ndarray:
    """Where each part of a flat array begins, and its end: checked to rise from 0 to `end`.

    Raises
    ------
    CircuitError
        It does not.

    Examples
    --------
    >>> starts_of("Meshes.point_starts", [0, 4, 8], 8).tolist()
    [0, 4, 8]
    """
    starts = frozen(where, starts, (None,), np.int64)
    if not len(starts) or starts[0] != 0 or starts[-1] != end or (np.diff(starts) < 0).any():
        raise CircuitError(f"{where}: must rise from 0 to {end}.")
    return starts

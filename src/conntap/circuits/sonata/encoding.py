"""Properties of nodes and edges as SONATA keeps them: numbers, and text as codes into a library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conntap.errors import FormatError

__all__ = ["put", "write_properties"]


def write_properties(group: h5py.Group, columns: Mapping[str, Any], compression: str | None) -> None:
    """Write columns as the datasets of a SONATA group; text as codes into its `@library`.

    Raises
    ------
    FormatError
        A name or a type that SONATA does not have.
    """
    for name, values in columns.items():
        if name.startswith("@") or "/" in name.removeprefix("dynamics_params/") or name in ("", ".", "..", "0"):
            raise FormatError(f"{group.name}: {name!r} cannot name a SONATA property. Rename it.")
        plain = np.asarray(values) if not isinstance(values, pd.Categorical) else None
        if isinstance(values, pd.Categorical) or plain.dtype.kind in "OUST":
            _write_column_of_objects(group, name, values, compression)
        else:
            put(group, name, _number(plain, group, name), compression)


def _write_column_of_objects(group: h5py.Group, name: str, values: Any, compression: str | None) -> None:
    if isinstance(values, pd.core.arrays.masked.BaseMaskedArray):
        put(group, name, _nullable(values, group, name), compression)
        return
    text = values if isinstance(values, pd.Categorical) else pd.Categorical(values)
    if text.categories.dtype.kind in "biuf":
        if (text.codes < 0).any():
            raise FormatError(f"{group.name}: property {name!r} has missing categories of numbers. Fill them.")
        put(group, name, _number(np.asarray(text), group, name), compression)
        return
    _write_text(group, name, text, compression)


def _write_text(group: h5py.Group, name: str, text: pd.Categorical, compression: str | None) -> None:
    """Text as codes into the library of its distinct values, sorted as they come; missing text is the empty text."""
    labels = [str(label) for label in text.categories]
    codes = text.codes.astype(np.int64)
    if (codes < 0).any():
        if "" not in labels:
            labels.append("")
        codes[codes < 0] = labels.index("")
    kind = np.uint8 if len(labels) < 2**8 else np.uint16 if len(labels) < 2**16 else np.uint32
    put(group, name, codes.astype(kind), compression)
    group.require_group("@library").create_dataset(
        name, data=np.array(labels, dtype=object), dtype=h5py.string_dtype(), shape=(len(labels),)
    )


def _number(values: np.ndarray, group: h5py.Group, name: str) -> np.ndarray:
    match values.dtype.kind:
        case "b":
            return values.astype(np.uint8)
        case "f" if values.dtype.itemsize == 2:
            return values.astype(np.float32)
        case "i" | "u" | "f" if values.dtype.itemsize <= 8:
            return values
    raise FormatError(f"{group.name}: property {name!r} is {values.dtype}; SONATA holds numbers and text. Drop it.")


def _nullable(values: Any, group: h5py.Group, name: str) -> np.ndarray:
    if not values.isna().any():
        return _number(values.to_numpy(values.dtype.numpy_dtype), group, name)
    floats = values.to_numpy(float, na_value=np.nan)
    if np.nanmax(np.abs(floats), initial=0) >= 2**53:
        raise FormatError(f"{group.name}: property {name!r} has missing values beside numbers beyond 2^53. Fill them.")
    return floats


def put(group: h5py.Group, name: str, values: np.ndarray, compression: str | None) -> h5py.Dataset:
    """A dataset, packed where asked for."""
    options = {"compression": compression, "shuffle": True} if compression and len(values) else {}
    return group.create_dataset(name, data=values, **options)

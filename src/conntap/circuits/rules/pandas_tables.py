"""Tables that pandas wrote to HDF5 in its "fixed" format, read as plain arrays: nothing in them is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.errors import FormatError, StoreError, unknown

__all__ = ["read_pandas_table"]

_FIXED = "frame"
_MOST_LEVELS = 32


def read_pandas_table(path: Path, key: str) -> pd.DataFrame:
    """The table that `DataFrame.to_hdf(path, key=key)` wrote.

    Raises
    ------
    FormatError
        No such file or table, one of another format, or one whose values are pickled (columns of text are).
    """
    import h5py

    if not path.is_file():
        raise FormatError(f"{path}: there is no such file. Keep a model's .h5 file beside its .json file.")
    try:
        with h5py.File(path) as file:
            if not isinstance(file.get(key, getlink=True), h5py.HardLink) or not isinstance(file[key], h5py.Group):
                raise FormatError(unknown(str(path), "table", key, file))
            return _table(file[key], f"{path}: {key}")
    except (OSError, KeyError, ValueError, TypeError, IndexError, StoreError) as error:
        raise FormatError(f"{path}: {key} cannot be read: {error}.") from None


def _table(group: Any, where: str) -> pd.DataFrame:
    kind = _text(group.attrs.get("pandas_type"))
    if kind != _FIXED:
        raise FormatError(f"{where} is of pandas' kind {kind!r}; write it by to_hdf(..., format='fixed').")
    columns = {}
    for number in range(int(group.attrs["nblocks"])):
        names = _array(group, f"block{number}_items", where)
        values = _array(group, f"block{number}_values", where)
        values = values.reshape(-1, len(names))
        columns |= {str(name): values[:, at] for at, name in enumerate(names.tolist())}
    order = [str(each) for each in _array(group, "axis0", where).tolist()]
    return pd.DataFrame({name: columns[name] for name in order}, index=_index(group, where))


def _index(group: Any, where: str) -> pd.Index:
    if _text(group.attrs.get("axis1_variety")) != "multi":
        return pd.Index(_array(group, "axis1", where))
    n = int(group.attrs["axis1_nlevels"])
    if not 0 < n <= _MOST_LEVELS:
        raise ValueError(f"an index of {n} levels")
    levels = [_array(group, f"axis1_level{each}", where) for each in range(n)]
    codes = [_array(group, f"axis1_label{each}", where) for each in range(n)]
    names = [_text(group[f"axis1_level{each}"].attrs.get("name")) for each in range(n)]
    return pd.MultiIndex(levels, codes, names=names)


def _array(group: Any, name: str, where: str) -> np.ndarray:
    """A dataset as numbers or text."""
    import h5py

    from conntap.circuits.rules.storing import _array as plain

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is missing")
    if group[name].dtype.kind == "O":
        raise FormatError(f"{where} is pickled ({name}); pickles are not read. Save it with numbers alone.")
    if "shape" in group[name].attrs:  # how nothing is written
        return np.empty(0, dtype=np.int64)
    found = plain(group, name)
    return np.char.decode(found, "utf-8") if found.dtype.kind == "S" else found


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

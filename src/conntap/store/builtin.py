"""The encodings that need no other room: scalars, arrays, tables, sparse matrices, simplices, files, mappings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.errors import StoreError
from conntap.store.codecs import Encoded, decode, encode, pack, register, unpack
from conntap.store.columns import (
    decode_column,
    decode_index,
    encode_column,
    encode_index,
    plain_name,
    real_name,
    smallest,
)
from conntap.store.files import File, sha256

__all__ = ["register_codecs"]


def register_codecs() -> None:
    """Make the encodings of this module known; called when the first value is encoded or decoded.

    Examples
    --------
    >>> register_codecs()
    """
    scalars = (bool, int, float, str, type(None), np.generic)
    register("scalar", version=1, types=scalars, encode=_encode_scalar, decode=_decode_scalar)
    register("array", version=1, types=(np.ndarray,), encode=_encode_array, decode=_decode_array)
    register("table", version=1, types=(pd.DataFrame,), encode=_encode_table, decode=_decode_table)
    register("series", version=1, types=(pd.Series,), encode=_encode_series, decode=_decode_series)
    register("sparse", version=1, types=_sparse_types(), encode=_encode_sparse, decode=_decode_sparse)
    register("simplices", version=1, types=_is_simplices, encode=_encode_simplices, decode=_decode_simplices)
    register("file", version=1, types=(File,), encode=_encode_file, decode=_decode_file)
    register("mapping", version=1, types=(dict,), encode=_encode_mapping, decode=_decode_mapping)


# -- scalars and arrays ----------------------------------------------------------------------------------------


def _encode_scalar(value: Any) -> Encoded:
    if value is None:
        return Encoded("scalar", 1, {}, {"kind": "none"})
    if isinstance(value, str):
        data = np.frombuffer(value.encode("utf-8", "surrogatepass"), dtype=np.uint8)
        return Encoded("scalar", 1, {"utf8": data}, {"kind": "text"})
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        data = np.frombuffer(str(value).encode(), dtype=np.uint8)
        return Encoded("scalar", 1, {"utf8": data}, {"kind": "integer"})
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise StoreError(f"encode: a scalar of type {type(value).__name__} cannot be stored. Use a number or text.")
    return Encoded("scalar", 1, {"value": array}, {"kind": "number"})


def _decode_scalar(encoded: Encoded) -> Any:
    match encoded.attrs["kind"]:
        case "number":
            return encoded.arrays["value"].item()
        case "text":
            return encoded.arrays["utf8"].tobytes().decode("utf-8", "surrogatepass")
        case "integer":
            return int(encoded.arrays["utf8"].tobytes())
    return None


def _encode_array(value: np.ndarray) -> Encoded:
    if isinstance(value, np.ma.MaskedArray):
        raise StoreError("encode: a masked array cannot be stored. Fill it, or use a nullable column of a table.")
    if value.dtype.kind in "mM":
        return Encoded("array", 1, {"data": value.view(np.int64)}, {"dtype": value.dtype.str})
    if value.dtype.kind not in "biufcU":
        raise StoreError(
            f"encode: an array of type {value.dtype} cannot be stored. Convert it to numbers, booleans or text."
        )
    return Encoded("array", 1, {"data": np.asarray(value)}, {})


def _decode_array(encoded: Encoded) -> np.ndarray:
    data = encoded.arrays["data"]
    return data.view(encoded.attrs["dtype"]) if "dtype" in encoded.attrs else data


# -- tables ----------------------------------------------------------------------------------------------------


def _encode_table(table: pd.DataFrame) -> Encoded:
    index, arrays = _encode_own_index(table.index)
    columns = []
    for number, (name, column) in enumerate(table.items()):
        spec, parts = encode_column(column, f"encode: column {name!r}")
        columns.append({"name": plain_name(name, f"encode: column {name!r}"), **spec})
        arrays.update(_named("column", number, parts))
    attrs: dict[str, Any] = {"index": index, "columns": columns}
    if any(name is not None for name in table.columns.names):
        attrs["column_names"] = [plain_name(name, "encode: columns") for name in table.columns.names]
    return Encoded("table", 1, arrays, attrs)


def _decode_table(encoded: Encoded) -> pd.DataFrame:
    attrs, arrays = encoded.attrs, encoded.arrays
    index = _decode_own_index(encoded)
    data = {
        number: decode_column(spec, _parts(arrays, "column", number)) for number, spec in enumerate(attrs["columns"])
    }
    table = pd.DataFrame(data, index=index)
    table.columns = decode_names(attrs)
    return table


def decode_names(attrs: dict[str, Any]) -> pd.Index:
    """The column index of an encoded table.

    Examples
    --------
    >>> decode_names({"columns": [{"name": "a"}, {"name": "b"}]}).tolist()
    ['a', 'b']
    """
    names = [real_name(spec["name"]) for spec in attrs["columns"]]
    level_names = attrs.get("column_names")
    if names and all(isinstance(name, tuple) for name in names):
        return pd.MultiIndex.from_tuples(names, names=level_names)
    name = level_names[0] if level_names else None
    kinds = {type(each) for each in names}
    if kinds <= {int} and names == list(range(len(names))):
        return pd.RangeIndex(len(names), name=name)
    # of several kinds they would be brought to one: 1 to 1.0, None to NaN
    return pd.Index(names, name=name, dtype=object if len(kinds) > 1 else None)


def _encode_series(series: pd.Series) -> Encoded:
    index, arrays = _encode_own_index(series.index)
    spec, parts = encode_column(series, f"encode: series {series.name!r}")
    arrays.update(_named("column", 0, parts))
    name = plain_name(series.name, "encode: the series' name")
    return Encoded("series", 1, arrays, {"name": name, "index": index, "values": spec})


def _decode_series(encoded: Encoded) -> pd.Series:
    values = decode_column(encoded.attrs["values"], _parts(encoded.arrays, "column", 0))
    return pd.Series(values, index=_decode_own_index(encoded), name=real_name(encoded.attrs["name"]))


def _encode_own_index(index: pd.Index) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    specs, levels = encode_index(index)
    arrays: dict[str, np.ndarray] = {}
    for number, parts in enumerate(levels):
        arrays.update(_named("index", number, parts))
    if specs[0]["kind"] == "range":
        arrays["rows"] = np.array(len(index), dtype=np.int64)
    return specs, arrays


def _decode_own_index(encoded: Encoded) -> pd.Index:
    specs, arrays = encoded.attrs["index"], encoded.arrays
    rows = int(arrays["rows"]) if "rows" in arrays else None
    levels = [decode_column(spec, _parts(arrays, "index", number), rows) for number, spec in enumerate(specs)]
    return decode_index(specs, levels)


def _named(what: str, number: int, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{what}.{number}.{part}": array for part, array in parts.items()}


def _parts(arrays: dict[str, np.ndarray], what: str, number: int) -> dict[str, np.ndarray]:
    start = f"{what}.{number}."
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}


# -- sparse matrices and simplices -----------------------------------------------------------------------------


def _sparse_types() -> tuple[type, ...]:
    return (sparse.sparray, sparse.spmatrix)


def _encode_sparse(matrix: Any) -> Encoded:
    if matrix.ndim != 2:
        raise StoreError(f"encode: a sparse array of {matrix.ndim} dimensions cannot be stored. Reshape it to 2.")
    matrix = matrix.tocsr()
    data = matrix.data
    arrays = {
        "data": smallest(data),
        "indices": smallest(matrix.indices),
        "indptr": smallest(matrix.indptr),
        "shape": np.array(matrix.shape, dtype=np.int64),
    }
    return Encoded("sparse", 1, arrays, {"dtype": data.dtype.str})


def _decode_sparse(encoded: Encoded) -> sparse.csr_array:
    arrays = encoded.arrays
    shape = tuple(int(n) for n in arrays["shape"])
    small = max(*shape, len(arrays["indices"])) < 2**31
    kind = np.int32 if small else np.int64
    data = arrays["data"].astype(encoded.attrs["dtype"], copy=False)
    return sparse.csr_array((data, arrays["indices"].astype(kind), arrays["indptr"].astype(kind)), shape=shape)


def _is_simplices(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, np.ndarray) and each.ndim == 2 and each.dtype.kind in "iu" for each in value
    )


def _encode_simplices(value: list[np.ndarray]) -> Encoded:
    kind = np.result_type(*value) if value else np.dtype(np.int64)
    flat = [each.astype(kind, copy=False).ravel() for each in value]
    arrays = {
        "vertices": np.concatenate(flat) if flat else np.empty(0, dtype=kind),
        "counts": np.array([len(each) for each in value], dtype=np.int64),
        "sizes": np.array([each.shape[1] for each in value], dtype=np.int64),
    }
    return Encoded("simplices", 1, arrays, {})


def _decode_simplices(encoded: Encoded) -> list[np.ndarray]:
    counts, sizes = encoded.arrays["counts"].tolist(), encoded.arrays["sizes"].tolist()
    ends = np.cumsum([n * k for n, k in zip(counts, sizes)]).astype(int).tolist()
    vertices = encoded.arrays["vertices"]
    return [vertices[end - n * k : end].reshape(n, k) for end, n, k in zip(ends, counts, sizes)]


# -- files and mappings ----------------------------------------------------------------------------------------


def _encode_file(file: File) -> Encoded:
    try:
        size, content = file.path.stat().st_size, sha256(file.path)
    except OSError as error:
        raise StoreError(f"encode: {file.path}: the file cannot be read ({error.strerror}). Write it first.") from error
    return Encoded(
        "file", 1, {}, {"name": file.name, "sha256": content, "size": size, "path": str(file.path.absolute())}
    )


def _decode_file(encoded: Encoded) -> File:
    return File(Path(encoded.attrs["path"]))


def _encode_mapping(value: dict[Any, Any]) -> Encoded:
    wrong = [key for key in value if not isinstance(key, str)]
    if wrong:
        raise StoreError(f"encode: a dictionary with key {wrong[0]!r}; keys are text. Use a Series for other keys.")
    arrays, attrs = pack({key: encode(each) for key, each in value.items()})
    return Encoded("mapping", 1, arrays, attrs)


def _decode_mapping(encoded: Encoded) -> dict[str, Any]:
    return {name: decode(part) for name, part in unpack(encoded.arrays, encoded.attrs).items()}

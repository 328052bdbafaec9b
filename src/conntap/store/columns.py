"""Columns of tables as numeric arrays: numbers, booleans, text, categories, nullable and time columns.

A column is a small JSON dictionary `spec` (its kind) and one to three arrays by part:

========  =======================================================================================
kind      parts
========  =======================================================================================
plain     `values`
text      `codes` (-1 where missing), and the distinct texts as `utf8` (bytes) and `lengths` (of each text)
category  `codes` (-1 where missing), and the categories as `categories` (a plain array) or as text
nullable  `values`, `mask` (true where missing); the spec's `dtype` is pandas's, such as Int64
time      `values` (int64; the smallest is "not a time"); the spec's `dtype` is numpy's
range     none: a row number from 0
========  =======================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from conntap.errors import StoreError

__all__ = ["decode_column", "decode_index", "encode_column", "encode_index", "pack_text", "smallest", "unpack_text"]

Arrays = dict[str, np.ndarray]


def pack_text(texts: Sequence[str]) -> Arrays:
    """Texts as their bytes end to end (`utf8`) and the number of bytes of each (`lengths`).

    Examples
    --------
    >>> pack_text(["a", "µm"])["lengths"].tolist()
    [1, 3]
    """
    whole = "".join(texts)
    if whole.isascii():
        lengths, data = [len(text) for text in texts], whole.encode()
    else:
        pieces = [text.encode("utf-8", "surrogatepass") for text in texts]
        lengths, data = [len(piece) for piece in pieces], b"".join(pieces)
    return {"utf8": np.frombuffer(data, dtype=np.uint8), "lengths": np.array(lengths, dtype=np.int32)}


def unpack_text(utf8: np.ndarray, lengths: np.ndarray) -> list[str]:
    """The texts that `pack_text` packed.

    Examples
    --------
    >>> unpack_text(**pack_text(["a", "µm"]))
    ['a', 'µm']
    """
    data = utf8.tobytes()
    ends = np.cumsum(lengths, dtype=np.int64).tolist()
    starts = [0, *ends[:-1]]
    if data.isascii():
        whole = data.decode()
        return [whole[a:b] for a, b in zip(starts, ends)]
    return [data[a:b].decode("utf-8", "surrogatepass") for a, b in zip(starts, ends)]


def smallest(values: np.ndarray) -> np.ndarray:
    """Integers in the smallest type that holds them, unsigned where none is negative; others unchanged.

    Examples
    --------
    >>> smallest(np.array([0, 300])).dtype, smallest(np.array([-1, 5])).dtype
    (dtype('uint16'), dtype('int8'))
    """
    if values.dtype.kind not in "iu" or values.dtype.itemsize == 1:
        return values
    if values.size == 0:
        return values.astype(np.uint8)
    low, high = int(values.min()), int(values.max())
    kinds = (np.uint8, np.uint16, np.uint32, np.uint64) if low >= 0 else (np.int8, np.int16, np.int32, np.int64)
    fitting = next(kind for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return values.astype(fitting, copy=False)


def encode_column(values: Any, where: str) -> tuple[dict[str, Any], Arrays]:
    """A column (Series, Index or extension array) as its spec and arrays.

    Parameters
    ----------
    values
        One-dimensional, of n values.
    where
        What to call the column in an error.

    Raises
    ------
    StoreError
        The column holds objects other than text, numbers and booleans, or a type without a kind here.

    Examples
    --------
    >>> spec, arrays = encode_column(pd.Series(["b", "a", None, "b"]), "column 'x'")
    >>> spec, arrays["codes"].tolist()
    ({'kind': 'text'}, [0, 1, -1, 0])
    """
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _encode_category(values, where)
    if isinstance(dtype, pd.StringDtype):
        return {"kind": "text"}, _encode_text(values)
    if isinstance(dtype, np.dtype):
        return _encode_numpy(np.asarray(values), where)
    masked = getattr(values, "array", values)
    if hasattr(masked, "_mask") or dtype.name in _NULLABLE:
        mask = np.asarray(masked.isna())
        plain = masked.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        return {"kind": "nullable", "dtype": dtype.name}, {"values": plain, "mask": mask}
    raise StoreError(f"{where}: columns of type {dtype} cannot be stored. Convert it to numbers or text first.")


_NULLABLE = frozenset(
    ["boolean", "Float32", "Float64", *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))]
)


def decode_column(spec: Mapping[str, Any], arrays: Mapping[str, np.ndarray], n: int | None = None) -> Any:
    """The column as an array that pandas takes: numpy, Categorical or extension array.

    Parameters
    ----------
    spec, arrays
        What `encode_column` gave.
    n
        The number of values; needed for the kind `range` only.

    Examples
    --------
    >>> decode_column(*encode_column(pd.Series([1, None], dtype="Int64"), "x")).tolist()
    [1, <NA>]
    """
    match spec["kind"]:
        case "plain":
            return arrays["values"]
        case "text":
            return text_array(unpack_text(arrays["utf8"], arrays["lengths"]), arrays["codes"])
        case "category":
            return pd.Categorical.from_codes(
                arrays["codes"], categories=_categories(spec, arrays), ordered=spec.get("ordered", False)
            )
        case "nullable":
            values = pd.array(arrays["values"], dtype=spec["dtype"])
            values[np.asarray(arrays["mask"], dtype=bool)] = pd.NA
            return values
        case "time":
            return arrays["values"].view(spec["dtype"])
        case "range":
            return pd.RangeIndex(n)
    raise StoreError(f"a column of kind {spec['kind']!r} is not known here. Install a newer conntap.")


def text_array(texts: Sequence[str], codes: np.ndarray) -> Any:
    """Text by code as pandas holds text by default; -1 is missing.

    Examples
    --------
    >>> text_array(["a", "b"], np.array([1, 0])).tolist()
    ['b', 'a']
    """
    if len(texts) == 0:
        return pd.Series([None] * len(codes), dtype="str").array
    distinct = pd.Series(list(texts), dtype="str").array
    return distinct.take(np.asarray(codes, dtype=np.intp), allow_fill=True)


def encode_index(index: pd.Index) -> tuple[list[dict[str, Any]], list[Arrays]]:
    """The levels of an index, each as a spec with its `name` and arrays.

    Examples
    --------
    >>> encode_index(pd.RangeIndex(5))[0]
    [{'name': None, 'kind': 'range'}]
    """
    if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1:
        return [{"name": plain_name(index.name, "index"), "kind": "range"}], [{}]
    specs, arrays = [], []
    for number in range(index.nlevels):
        level = index.get_level_values(number)
        spec, parts = encode_column(level, f"index level {index.names[number]!r}")
        specs.append({"name": plain_name(index.names[number], "index"), **spec})
        arrays.append(parts)
    return specs, arrays


def decode_index(specs: Sequence[Mapping[str, Any]], levels: Sequence[Any]) -> pd.Index:
    """An index of decoded levels.

    Examples
    --------
    >>> decode_index([{"name": "a"}, {"name": "b"}], [[1, 2], [3, 4]]).nlevels
    2
    """
    names = [real_name(spec["name"]) for spec in specs]
    if len(levels) > 1:
        return pd.MultiIndex.from_arrays(levels, names=names)
    if isinstance(levels[0], pd.RangeIndex):
        return levels[0].rename(names[0])
    return pd.Index(levels[0], name=names[0])


def plain_name(name: Any, where: str) -> Any:
    """A name of a column or level as JSON has it: numbers, text and None; a tuple becomes a list.

    Examples
    --------
    >>> plain_name(("mean", np.int64(2)), "columns")
    ['mean', 2]
    """
    if isinstance(name, np.generic):
        name = name.item()
    if isinstance(name, tuple):
        return [plain_name(each, where) for each in name]
    if name is None or isinstance(name, str | int | float | bool):
        return name
    raise StoreError(f"{where}: a name of type {type(name).__name__} cannot be stored. Use text or numbers for names.")


def real_name(name: Any) -> Any:
    """The name that `plain_name` made plain.

    Examples
    --------
    >>> real_name(["mean", 2])
    ('mean', 2)
    """
    return tuple(map(real_name, name)) if isinstance(name, list) else name


def _encode_numpy(values: np.ndarray, where: str) -> tuple[dict[str, Any], Arrays]:
    if values.dtype.kind in "biufc":
        return {"kind": "plain"}, {"values": values}
    if values.dtype.kind in "mM":
        return {"kind": "time", "dtype": values.dtype.str}, {"values": values.view(np.int64)}
    if values.dtype.kind == "U":
        return {"kind": "text"}, _encode_text(values.tolist())
    if values.dtype.kind == "O":
        return _encode_objects(values, where)
    raise StoreError(f"{where}: columns of type {values.dtype} cannot be stored. Convert it to numbers or text first.")


def _encode_objects(values: np.ndarray, where: str) -> tuple[dict[str, Any], Arrays]:
    found = pd.api.types.infer_dtype(values, skipna=True)
    if found in ("string", "empty"):
        return {"kind": "text"}, _encode_text(values)
    nullable = {"integer": "Int64", "boolean": "boolean"}.get(found)
    if nullable is not None and pd.isna(values).any():
        return encode_column(pd.array(values, dtype=nullable), where)
    plain = {"integer": np.int64, "boolean": bool, "floating": float, "mixed-integer-float": float}.get(found)
    if plain is None:
        raise StoreError(
            f"{where}: it holds objects ({found}), which cannot be stored. Make it numbers, text or categories."
        )
    try:
        return {"kind": "plain"}, {"values": pd.Series(values).to_numpy(dtype=plain, na_value=np.nan)}
    except (OverflowError, TypeError, ValueError) as error:
        raise StoreError(f"{where}: {error}. Make it numbers that fit 64 bits, or text.") from error


def _encode_text(values: Any) -> Arrays:
    codes, distinct = pd.factorize(pd.array(values, dtype="str") if isinstance(values, list) else values)
    return {"codes": _codes(codes, len(distinct)), **pack_text([str(text) for text in distinct])}


def _encode_category(values: Any, where: str) -> tuple[dict[str, Any], Arrays]:
    held = values.cat if hasattr(values, "cat") else values
    codes = _codes(np.asarray(held.codes), len(held.categories))
    spec, arrays = encode_column(held.categories, f"the categories of {where}")
    ordered = bool(held.ordered)
    if spec["kind"] == "text":
        kept = {"utf8": arrays["utf8"], "lengths": arrays["lengths"]}
        return {"kind": "category", "ordered": ordered, "of": "text"}, {"codes": codes, **kept}
    if spec["kind"] == "plain":
        return {"kind": "category", "ordered": ordered, "of": "plain"}, {"codes": codes, "categories": arrays["values"]}
    raise StoreError(f"the categories of {where}: {spec['kind']} categories cannot be stored. Use text or numbers.")


def _categories(spec: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Any:
    return unpack_text(arrays["utf8"], arrays["lengths"]) if spec["of"] == "text" else arrays["categories"]


def _codes(codes: np.ndarray, n: int) -> np.ndarray:
    """Codes in a type that depends on the number of categories only."""
    return codes.astype(np.int8 if n < 2**7 else np.int16 if n < 2**15 else np.int32 if n < 2**31 else np.int64)

"""The table of cases of a stage: one row a value, written as columns that any HDF5 reader understands."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conntap.errors import StoreError
from conntap.store.codecs import json_text
from conntap.store.columns import decode_column, encode_column, text_array
from conntap.store.elements import quoted, read_attributes, read_texts, write_array, write_attribute, write_texts

__all__ = ["read_cases", "write_cases"]


def write_cases(parent: h5py.Group, cases: pd.DataFrame, where: str) -> None:
    """Write the table of cases as the group `cases`.

    Raises
    ------
    StoreError
        A column's name is no text or stands twice, or its values cannot be stored.
    """
    names = list(cases.columns)
    if len(set(names)) != len(names) or not all(isinstance(name, str) for name in names):
        raise StoreError(f"{where}: the case columns are {names}; each name is text and stands once.")
    group = parent.create_group("cases")
    write_attribute(group, "columns", json_text(names))
    write_attribute(group, "rows", len(cases))
    for name in names:
        _write_column(group, quoted(name), cases[name], f"{where}: case column {name!r}")


def read_cases(parent: h5py.Group) -> pd.DataFrame:
    """The table of cases, with a RangeIndex."""
    group = parent["cases"]
    attributes = read_attributes(group)
    names = json.loads(attributes["columns"])
    columns = {name: _read_column(group[quoted(name)]) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(int(attributes["rows"])), columns=names)


def _write_column(group: h5py.Group, name: str, column: pd.Series, where: str) -> None:
    spec, arrays = _column(column, where)
    if list(arrays) == ["values"]:
        written: Any = write_array(group, name, arrays["values"])
    else:
        written = group.create_group(name)
        for part, values in arrays.items():
            if isinstance(values, list):
                write_texts(written, part, values)
            else:
                write_array(written, part, values)
    for key, value in spec.items():
        write_attribute(written, key, value)


def _column(column: pd.Series, where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) not in _SIMPLE:
        texts = [json_text(value) for value in column]
        codes, distinct = pd.factorize(np.array(texts, dtype=object))
        return {"kind": "json"}, {"codes": codes.astype(np.int32), "categories": distinct.tolist()}
    spec, arrays = encode_column(column, where)
    if "utf8" in arrays:
        spec, distinct = _distinct(column, spec)
        arrays = {"codes": arrays["codes"], "categories": distinct}
    return spec, arrays


_SIMPLE = frozenset(["string", "empty", "integer", "boolean", "floating", "mixed-integer-float"])


def _distinct(column: pd.Series, spec: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    if spec["kind"] == "category":
        return spec, [str(text) for text in column.cat.categories]
    return spec, [str(text) for text in pd.factorize(column)[1]]


def _read_column(item: h5py.Dataset | h5py.Group) -> Any:
    spec = read_attributes(item)
    if isinstance(item, h5py.Dataset):
        return decode_column(spec, {"values": item[...]})
    if spec["kind"] in ("text", "json") or spec.get("of") == "text":
        codes, texts = item["codes"][...], read_texts(item["categories"])
        if spec["kind"] == "json":
            distinct = [_hashable(json.loads(text)) for text in texts]
            return pd.Series([distinct[code] for code in codes], dtype=object)
        if spec["kind"] == "category":
            return pd.Categorical.from_codes(codes, categories=texts, ordered=bool(spec["ordered"]))
        return text_array(texts, codes)
    return decode_column(spec, {part: item[part][...] for part in item})


def _hashable(value: Any) -> Any:
    """Lists become tuples and dictionaries JSON text, so that a column can be an index."""
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    return json_text(value) if isinstance(value, dict) else value

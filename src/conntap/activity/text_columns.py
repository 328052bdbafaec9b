"""A table of nodes as arrays of an npz, and back; without pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from conntap.store import codecs
from conntap.store.codecs import Encoded

__all__ = ["columns_in", "columns_out"]

_PREFIX = "nodes."


def columns_out(nodes: pd.DataFrame) -> dict[str, np.ndarray]:
    """The arrays of a table's columns, by name; nothing where it has none.

    Examples
    --------
    >>> sorted(columns_out(pd.DataFrame({"x": [1.0]})))[0]
    'nodes.attrs'
    """
    if not len(nodes.columns):
        return {}
    encoded = codecs.encode(nodes.reset_index(drop=True))
    arrays = {_PREFIX + name: array for name, array in encoded.arrays.items()}
    return {_PREFIX + "attrs": np.array(codecs.json_text([encoded.version, encoded.attrs])), **arrays}


def columns_in(held: Mapping[str, Any], ids: Any) -> pd.DataFrame | None:
    """The table that `columns_out` took apart, with its ids; None where there is none.

    Examples
    --------
    >>> columns_in(columns_out(pd.DataFrame({"x": [1.0]})), ["a"]).to_dict()
    {'x': {'a': 1.0}}
    """
    if _PREFIX + "attrs" not in held:
        return None
    version, attrs = json.loads(str(held[_PREFIX + "attrs"]))
    names = [name for name in held if name.startswith(_PREFIX) and name != _PREFIX + "attrs"]
    arrays = {name.removeprefix(_PREFIX): held[name] for name in names}
    return codecs.decode(Encoded("table", version, arrays, attrs)).set_axis(pd.Index(ids), axis=0)

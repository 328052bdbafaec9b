"""The property to tell nodes apart by in a figure."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["grouping", "groupings", "is_naming"]

_AXES = ("x", "y", "z")
_COLOURED = 8


def grouping(frame: pd.DataFrame) -> Any:
    """The property to colour or sort nodes by: a well-known one, else the first with few kinds; or None.

    Examples
    --------
    >>> grouping(pd.DataFrame({"x": [0.5, 0.7], "ei": ["e", "i"]}))
    'ei'
    """
    return next(iter(groupings(frame)), None)


def groupings(frame: pd.DataFrame) -> list[Any]:
    """The properties with few kinds: the well-known ones first, then those of text.

    Examples
    --------
    >>> groupings(pd.DataFrame({"layer": [4, 5], "colour": ["red", "blue"], "n": [1, 2]}))
    ['layer', 'colour']
    """
    known = ("ei", "synapse_class", "layer", "cell_class", "class", "region", "cell_type", "population")
    few = [n for n in frame.columns if isinstance(frame[n], pd.Series) and frame[n].dtype.kind not in "fc"]
    few = [n for n in few if n not in _AXES and 2 <= frame[n].astype(str).nunique() <= _COLOURED]
    text = [n for n in few if not _is_number(frame[n])]
    return list(dict.fromkeys([*(n for n in known if n in few), *text]))


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def is_naming(name: object) -> bool:
    """Whether a column names something, such as a cell or a section: its numbers are no amounts.

    Examples
    --------
    >>> is_naming("synapse_id"), is_naming("astrocyte"), is_naming("area")
    (True, True, False)
    """
    return str(name) in ("astrocyte", "neuron", "pre", "post") or str(name).endswith(("_id", "_section_type"))

"""Which edges of a file are wanted, by the values of their properties."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import FormatError, known, unknown

__all__ = ["checked_names", "chosen_edges", "wanted_rows"]


def checked_names(where: Any, names: Collection[str], place: str) -> list[str]:
    """The properties that `where` speaks of.

    Raises
    ------
    FormatError
        It is no mapping, or names a property that is not there.

    Examples
    --------
    >>> checked_names({"Type": "chemical"}, ["Weight", "Type"], "edges.csv")
    ['Type']
    """
    if not isinstance(where, Mapping):
        raise FormatError(f"{place}: where: {where!r}; give {{property: value}} or {{property: [values]}}.")
    for name in where:
        if name not in names:
            raise FormatError(unknown(f"{place}: where", "edge property", name, names))
    return list(where)


def wanted_rows(columns: Mapping[str, Any], where: Mapping[str, Any], place: str) -> np.ndarray:
    """The edges that have all wanted values, shape (edges,), boolean.

    Parameters
    ----------
    columns
        Property -> shape (edges,).
    where
        Property -> the value wanted, or a list of allowed ones; at least one property.
    place
        For errors.

    Raises
    ------
    FormatError
        A wanted value that no edge has, or values that no edge has together.

    Examples
    --------
    >>> wanted_rows({"w": np.array([1, 2, 3])}, {"w": [1, 3]}, "edges.csv").tolist()
    [True, False, True]
    """
    keep = np.ones(len(columns[next(iter(where))]), dtype=bool)
    for name, values in where.items():
        column = pd.Series(columns[name])
        several = isinstance(values, Sequence | set | frozenset | np.ndarray) and not isinstance(values, str)
        listed = list(values) if several else [values]
        if any(isinstance(each, Mapping | Sequence | set) and not isinstance(each, str) for each in listed):
            raise FormatError(f"{place}: where.{name}: {values!r}; give a value, or a list of values.")
        lacking = [each for each in listed if not column.isin([each]).any()]
        if lacking:
            raise FormatError(unknown(f"{place}: where.{name}", "value", lacking[0], column.dropna().unique()))
        keep &= column.isin(listed).to_numpy()
    if not keep.any():
        raise FormatError(f"{place}: where: no edge has these values of {known(where)} together. Ask for others.")
    return keep


def chosen_edges(
    connectome: Connectome, where: Mapping[str, Any], properties: Sequence[str] | None, place: str
) -> Connectome:
    """All nodes of a connectome with only the wanted edges and properties (None for all)."""
    checked = checked_names(where, list(connectome.properties), place)
    found = connectome.filter(wanted_rows(connectome.properties, where, place)) if checked else connectome
    if properties is None:
        return found
    return found.with_edges(found.pre, found.post, properties={name: found.properties[name] for name in properties})

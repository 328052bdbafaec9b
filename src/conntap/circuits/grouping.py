"""Groups of nodes: by the values of properties, by named expressions, by quantiles, and by these within each other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from conntap.circuits.cuts import Cut, Parts, Quantiles, Values, read_cuts
from conntap.circuits.selection import selected
from conntap.errors import OptionError, known

__all__ = ["Grouping", "grouped", "quantile_of", "wanted_of"]

_log = logging.getLogger(__name__)
Grouping: TypeAlias = str | Sequence[str | dict[str, Any]] | dict[str, Any]
"""A node property; `{property: [values]}`; named expressions, `{deep: "y < -500", shallow: "y >= -500"}`; quantiles,
`{quantiles: {y: 4}}`; or a list of these, each of which divides the groups of those before it."""


def grouped(nodes: pd.DataFrame, by: Any, where: str) -> tuple[np.ndarray, pd.Index]:
    """The group of each node, and the groups.

    Parameters
    ----------
    nodes
        A table of nodes.
    by
        A `Grouping`: a property; a mapping from a property to the values wanted; named expressions over properties,
        which no node may meet two of; `{"quantiles": {property: number}}`; or a list of these, whose combinations that
        occur are the groups. Quantiles in a list are those within each group of what stands before them.
    where
        What the grouping is an option of, for errors: "connection_probability.by".

    Returns
    -------
    The number of each node's group, int64 of shape (nodes,), -1 where it lacks a value or is in no part; and the groups:
    an index, of several levels where there are several. Levels are named by the property, "part" for expressions, and
    "PROPERTY_quantile" (1 for the lowest); they rise, or stand in the order given.

    Raises
    ------
    OptionError
        An unknown property, none at all, one twice, wanted values none of which occurs, a node that meets two
        expressions, quantiles of what is no number.

    Notes
    -----
    Quantiles are bounded by linear interpolation and closed above, as by `pandas.qcut`; NaN and infinite values are in
    none. Linear in the nodes, apart from sorting.

    Examples
    --------
    >>> nodes = pd.DataFrame({"layer": [5, 4, 5, None], "y": [1.0, 2.0, 3.0, 4.0]})
    >>> codes, groups = grouped(nodes, "layer", "example.by")
    >>> codes, groups.tolist(), groups.name
    (array([ 1,  0,  1, -1]), [4.0, 5.0], 'layer')
    >>> codes, groups = grouped(nodes, {"quantiles": {"y": 2}}, "example.by")
    >>> codes, groups.tolist(), groups.name
    (array([0, 0, 1, 1]), [1, 2], 'y_quantile')
    """
    cuts = read_cuts(by, where, columns=nodes.columns)
    coded: list[tuple[np.ndarray, pd.Index]] = []
    group_of = np.zeros(len(nodes), dtype=np.int64)
    for cut in cuts:
        codes, values = _coded(nodes, cut, group_of, where)
        coded.append((codes, values))
        group_of, combinations = _combined(np.stack([codes for codes, _ in coded], axis=1))
    arrays = [values.take(combinations[:, level]) for level, (_, values) in enumerate(coded)]
    names = [cut.variables[0] for cut in cuts]
    return group_of, arrays[0].rename(names[0]) if len(arrays) == 1 else pd.MultiIndex.from_arrays(arrays, names=names)


def _combined(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of each node's combination, -1 where one level is, and the combinations that occur, rising."""
    whole = (levels >= 0).all(axis=1)
    combinations, membership = np.unique(levels[whole], axis=0, return_inverse=True)
    group_of = np.full(len(levels), -1, dtype=np.int64)
    group_of[whole] = membership.ravel()
    return group_of, combinations


def _coded(nodes: pd.DataFrame, cut: Cut, group_of: np.ndarray, where: str) -> tuple[np.ndarray, pd.Index]:
    match cut:
        case Values():
            codes, present = _ranked(nodes[cut.name])
            if cut.wanted is None:
                return codes, present
            values = wanted_of(cut, present, where)
            return values.get_indexer(pd.Index(nodes[cut.name].to_numpy())), values
        case Parts():
            return _parts(nodes, cut, where)
        case Quantiles():
            return quantile_of(nodes[cut.name], cut, group_of, where), pd.RangeIndex(1, cut.number + 1)
    raise TypeError(f"{type(cut).__name__} does not group nodes")


def wanted_of(cut: Values, present: pd.Index, where: str) -> pd.Index:
    """Those of the wanted values that occur, in the order given; a warning for others, an error where none does."""
    wanted = cut.wanted or ()
    values = pd.Index([each for each in wanted if each in present])
    lacking = [repr(each) for each in wanted if each not in present]
    there = known(map(repr, present.tolist()))
    if lacking and len(values) == 0 and len(present):
        raise OptionError(f"{where}.{cut.name}: no node has {known(lacking)}; known: {there}.")
    if lacking:
        text = "%s.%s: no node has %s, so these give no %s; known: %s."
        _log.warning(text, where, cut.name, known(lacking), "slice" if where.startswith("slices") else "group", there)
    return values


def _parts(nodes: pd.DataFrame, cut: Parts, where: str) -> tuple[np.ndarray, pd.Index]:
    codes = np.full(len(nodes), -1, dtype=np.int64)
    for number, (name, expression) in enumerate(cut.named):
        rows = selected(nodes, expression, f"{where}.{name}")
        twice = rows[codes[rows] >= 0]
        if len(twice):
            other = cut.named[codes[twice[0]]][0]
            raise OptionError(
                f"{where}: {len(twice)} nodes are both in {other!r} and in {name!r}. Write expressions that exclude "
                "each other."
            )
        codes[rows] = number
    return codes, pd.Index([name for name, _ in cut.named], dtype="str")


def quantile_of(column: pd.Series, cut: Quantiles, group_of: np.ndarray, where: str) -> np.ndarray:
    """The quantile of each node among those of its group, from 0; -1 for nodes in no group or without a finite value."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column) or column.dtype.kind == "c":
        raise OptionError(f"{where}.quantiles: node property {cut.name!r} is no number. Give one that is.")
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    codes = np.full(len(values), -1, dtype=np.int64)
    rows = np.flatnonzero(np.isfinite(values) & (group_of >= 0))
    rows = rows[np.argsort(group_of[rows], kind="stable")]
    steps = np.arange(1, cut.number) / cut.number
    for same in np.split(rows, np.flatnonzero(np.diff(group_of[rows])) + 1):
        if len(same):
            codes[same] = np.searchsorted(np.quantile(values[same], steps), values[same], side="left")
    return codes


def _ranked(column: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """The position of each value among the values that occur, in rising order; -1 for a missing one."""
    codes, values = pd.factorize(column, sort=False)
    values = pd.Index(values)
    try:
        order = values.argsort()
    except TypeError:
        order = np.argsort([f"{type(each).__name__} {each}" for each in values], kind="stable")
    rank = np.empty(len(values) + 1, dtype=np.int64)
    rank[order] = np.arange(len(values))
    rank[-1] = -1
    return rank[codes], values.take(order)

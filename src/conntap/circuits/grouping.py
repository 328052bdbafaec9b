"""Groups of nodes that share the values of properties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from conntap.errors import OptionError, unknown

__all__ = ["Grouping", "grouped"]

Grouping: TypeAlias = str | Sequence[str]
"""A node property, or several whose combinations are the groups."""


def grouped(nodes: pd.DataFrame, by: Any, where: str) -> tuple[np.ndarray, pd.Index]:
    """The group of each node, and the groups.

    Parameters
    ----------
    nodes
        A table of nodes.
    by
        A property, or several whose combinations that occur are the groups.
    where
        What the grouping is an option of, for errors: "connection_probability.by".

    Returns
    -------
    The number of each node's group, int64 of shape (nodes,), -1 where it lacks a value; and the groups in rising
    order: an index named by the property, or one of several levels.

    Raises
    ------
    OptionError
        An unknown property, none at all, or one twice.

    Examples
    --------
    >>> codes, groups = grouped(pd.DataFrame({"layer": [5, 4, 5, None]}), "layer", "example.by")
    >>> codes, groups.tolist(), groups.name
    (array([ 1,  0,  1, -1]), [4.0, 5.0], 'layer')
    """
    names = [by] if isinstance(by, str) else list(by)
    if not names or len(set(names)) < len(names):
        raise OptionError(f"{where}: {by!r}; give a node property, or a list of different ones.")
    for name in names:
        if name not in nodes.columns:
            raise OptionError(unknown(where, "node property", name, nodes.columns))
    coded = [_coded(nodes[name]) for name in names]
    if len(coded) == 1:
        codes, values = coded[0]
        return codes, values.rename(names[0])
    levels = np.stack([codes for codes, _ in coded], axis=1)
    whole = (levels >= 0).all(axis=1)
    combinations, membership = np.unique(levels[whole], axis=0, return_inverse=True)
    group_of = np.full(len(nodes), -1, dtype=np.int64)
    group_of[whole] = membership.ravel()
    arrays = [values.take(combinations[:, level]) for level, (_, values) in enumerate(coded)]
    return group_of, pd.MultiIndex.from_arrays(arrays, names=names)


def _coded(column: pd.Series) -> tuple[np.ndarray, pd.Index]:
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

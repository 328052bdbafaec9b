"""Positions of nodes as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from conntap.circuits.selection import unknown_property
from conntap.errors import OptionError

__all__ = ["places", "points"]

FARTHEST_UM = 1e9


def points(nodes: pd.DataFrame, names: Sequence[str], where: str) -> np.ndarray:
    """The positions of nodes: float64, shape (nodes, axes); NaN where one is missing.

    Raises
    ------
    OptionError
        No names, one twice, an unknown or not numeric property, or a position a kilometre from the origin or farther.

    Examples
    --------
    >>> points(pd.DataFrame({"x": [0, 3], "y": [0.0, 4.0]}), ["x", "y"], "example.positions").tolist()
    [[0.0, 0.0], [3.0, 4.0]]
    """
    names = list(names) if isinstance(names, Sequence) else []
    if not names or len(set(names)) < len(names):
        raise OptionError(f"{where}: {names}; give the node properties that hold positions, each once.")
    columns = []
    for name in names:
        if name not in nodes.columns:
            raise OptionError(unknown_property(where, name, nodes.columns))
        column = nodes[name]
        if not pd.api.types.is_numeric_dtype(column) or column.dtype.kind not in "iuf":
            raise OptionError(f"{where}: node property {name!r} is not numeric ({column.dtype}); give positions in um.")
        columns.append(column.to_numpy(dtype=np.float64, na_value=np.nan))
    found = np.stack(columns, axis=1)
    if found.size and np.nanmax(np.abs(found), initial=0.0) > FARTHEST_UM:
        raise OptionError(f"{where}: a position lies beyond {FARTHEST_UM:.0e}; positions are in um.")
    return found


def places(
    nodes: pd.DataFrame, positions: Sequence[str], axis: str | None, where: str
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Positions, coordinates along an axis (where one is named), and whether a node lacks neither.

    Raises
    ------
    OptionError
        As for `points`; `where` is the verb that has the options `positions` and `axis`.

    Examples
    --------
    >>> nodes = pd.DataFrame({"x": [0.0, 1.0], "depth": [np.nan, 2.0]})
    >>> places(nodes, ["x"], "depth", "example")[2].tolist()
    [False, True]
    """
    found = points(nodes, positions, f"{where}.positions")
    known = np.isfinite(found).all(axis=1)
    if axis is None:
        return found, None, known
    heights = points(nodes, [axis], f"{where}.axis")[:, 0]
    return found, heights, known & np.isfinite(heights)

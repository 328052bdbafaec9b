"""A measure before and after a change, side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.errors import OptionError

__all__ = ["change"]


def change(before: pd.Series, after: pd.Series, *, fill_value: float | None = None) -> pd.DataFrame:
    """Put a measure of one connectome and the same measure of another side by side.

    Rows are matched by their index. What only one of them has stands as `fill_value`; rows follow in the order of `before`,
    then those that only `after` has.

    Parameters
    ----------
    before, after
        Series of numbers with one index each, such as simplex counts by dimension; every entry of an index once.
    fill_value
        What one of them is where only the other has a row: 0 for counts. None: unknown (NaN).

    Returns
    -------
    Columns `before`, `after`, `change` (after - before) and `ratio` (after / before; NaN where both are 0 and where only
    `before` is), under the index of both.

    Raises
    ------
    OptionError
        Values that are no numbers, or an index in which an entry stands twice.

    Notes
    -----
    Linear in rows.

    Examples
    --------
    >>> before = pd.Series([4, 5, 2], index=pd.RangeIndex(3, name="dimension"))
    >>> change(before, before.iloc[:2] - [0, 1], fill_value=0)
               before  after  change  ratio
    dimension
    0               4      4       0    1.0
    1               5      4      -1    0.8
    2               2      0      -2    0.0
    """
    for name, values in (("before", before), ("after", after)):
        if values.dtype.kind not in "iufb":
            raise OptionError(f"change.{name}: holds {values.dtype}; only numbers can be compared. Give numbers.")
        if not values.index.is_unique:
            raise OptionError(f"change.{name}: an entry of its index stands twice. Give each once.")
    index = before.index.append(after.index.difference(before.index, sort=False)).set_names(before.index.names)
    sides = {"before": before, "after": after}
    found = pd.DataFrame({name: _filled(each, index, fill_value) for name, each in sides.items()}, index=index)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = found["after"] / found["before"].where(found["before"] != 0)
    return found.assign(change=found["after"] - found["before"], ratio=ratio)


def _filled(values: pd.Series, index: pd.Index, fill_value: float | None) -> pd.Series:
    """The values under another index; of the same type where nothing is unknown."""
    values = values.astype(np.int64) if values.dtype.kind in "ub" else values
    if len(values) == len(index):
        return values.reindex(index)
    if fill_value is None:
        return values.reindex(index)
    exact = int(fill_value) if float(fill_value).is_integer() and values.dtype.kind == "i" else fill_value
    return values.reindex(index, fill_value=exact)

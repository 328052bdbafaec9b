"""Values side by side, a row a case: entries of series, numbers over the option that is swept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conntap.report.blocks import Sample
from conntap.report.cases import units
from conntap.report.labels import bare, slice_variables

__all__ = ["entered", "sweep_of", "swept"]

_ENTRIES = 40  # an option of more values than this is no axis


def entered(sample: Sample, values: list[pd.Series], entries: list[Any]) -> tuple[pd.DataFrame, bool]:
    """Series as a table of shape (cases, entries), and whether they are counts.

    An entry that a series lacks is missing. It is 0 only for counts, and only where another value of the same
    original or its draws has it: then it was looked for. A value that was stored as missing stays so.
    """
    rows = [dict(zip(value.index.tolist(), value.to_numpy(dtype=float, na_value=np.nan))) for value in values]
    wide = pd.DataFrame(rows, columns=entries, dtype=float)
    counts = all(value.dtype.kind in "iu" for value in values) and all(isinstance(entry, int) for entry in entries)
    if not counts or wide.empty:
        return wide, counts
    there = pd.DataFrame([dict.fromkeys(row, 1.0) for row in rows], columns=entries).notna()
    looked_for = there.groupby(units(sample.cases)).transform("any")
    return wide.mask(looked_for & ~there, 0.0)[sorted(entries)], counts


def sweep_of(sample: Sample) -> str | None:
    """The one numeric option that varies, if there is one with enough values to be an axis."""
    cases = sample.cases
    sliced = slice_variables(cases)
    numeric = [
        name
        for name in sample.columns
        if bare(name) != "repeat"
        and name not in sliced
        and pd.api.types.is_numeric_dtype(cases[name])
        and not pd.api.types.is_bool_dtype(cases[name])
    ]
    fit = [name for name in numeric if 3 <= cases[name].nunique() <= _ENTRIES]
    return fit[0] if len(fit) == 1 else None


def swept(sample: Sample, values: pd.Series, sweep: str) -> tuple[Sample, pd.DataFrame]:
    """Numbers as a table with a column a value of the option, and the cases of its rows."""
    others = [name for name in sample.cases.columns if name != sweep and name in (*sample.columns, "control", "draw")]
    long = sample.cases.assign(**{"\0value": values.to_numpy()})
    key = long.groupby(others, sort=False, dropna=False, observed=True).ngroup() if others else pd.Series(0, long.index)
    wide = long.assign(**{"\0key": key}).groupby(["\0key", sweep], observed=True)["\0value"].mean().unstack()
    first = ~key.duplicated().to_numpy()
    cases = sample.cases.loc[first, others].set_axis(key[first]).loc[wide.index].reset_index(drop=True)
    inner = Sample(sample.name, cases, sample.total, lambda: iter(()), sample.against)
    wide.columns = [getattr(entry, "item", lambda entry=entry: entry)() for entry in wide.columns]
    return inner, wide.reset_index(drop=True)

"""The names of cases: what they are called in titles, legends and rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conntap.report.drawing import label
from conntap.report.wording import plain

__all__ = ["DRAWS", "FIRST", "bare", "labels", "slice_variables"]

FIRST = ("subtarget", "slice", "circuit", "recording")  # the names that people know cases by
DRAWS = ("control", "draw")
_SIDES = {"pre_": "post_", "left_": "right_", "before_": "after_", "first_": "second_"}


def bare(name: str) -> str:
    """The name of a column without the side it is of, where two stages are joined.

    Examples
    --------
    >>> bare("pre_subtarget"), bare("subtarget")
    ('subtarget', 'subtarget')
    """
    sides = (*_SIDES, *_SIDES.values())
    return next((name.removeprefix(side) for side in sides if str(name).startswith(side)), str(name))


def labels(cases: pd.DataFrame, columns: list[str], *, whole: pd.DataFrame | None = None) -> list[str]:
    """A name for each case from the given columns; numbers bear the name of their column.

    What a case lacks is left out, and so is the name of a way to slice where the slice itself is named. The
    two sides of a pair stand with an arrow between them.

    Parameters
    ----------
    cases
        The cases to name.
    columns
        What their names are made of.
    whole
        All cases of the stage where `cases` are some; default these.

    Returns
    -------
    One name a case.

    Examples
    --------
    >>> labels(pd.DataFrame({"subtarget": ["R1"], "radius_um": [50]}), ["subtarget", "radius_um"])
    ['R1 · radius_um 50']
    >>> labels(pd.DataFrame({"slice": ["full", "class"], "cell_class": [None, "EXC"]}), ["slice", "cell_class"])
    ['full', 'EXC']
    >>> labels(pd.DataFrame({"pre_subtarget": ["tON"], "post_subtarget": ["e"]}), ["post_subtarget"])
    ['tON → e']
    """
    if not columns:
        return ["all"] * len(cases)
    variables = [name for name in slice_variables(cases if whole is None else whole) if name in columns]
    pairs = _pairs(cases, columns)
    paired = {name for pair in pairs for name in pair}
    used = [*columns, *(name for name in cases.columns if name in paired and name not in columns)]
    rows = zip(*(cases[name].tolist() for name in used), strict=True)
    return [_label(dict(zip(used, row, strict=True)), variables, pairs) for row in rows]


def slice_variables(cases: pd.DataFrame) -> list[str]:
    """The columns that say which slice a case is: they stand after the slicing's name, or lack where it is full.

    Examples
    --------
    >>> slice_variables(pd.DataFrame({"radius_um": [5, 6], "slice": ["full", "ei"], "ei": [None, "e"]}))
    ['ei']
    """
    if "slice" not in cases.columns:
        return []
    names = list(cases.columns)
    full = (cases["slice"].astype(object) == "full").to_numpy(dtype=bool)
    found = set(names[names.index("slice") + 1 :])
    for name in names:
        gaps = cases[name].isna().to_numpy()
        if gaps.any() and gaps[full].all():
            found.add(name)
    return [name for name in names if name in found - {"slice", *FIRST, *DRAWS}]


def _pairs(cases: pd.DataFrame, columns: list[str]) -> list[tuple[str, str]]:
    """The columns (of one side, of the other) that are both there and one of which is asked for."""
    found = []
    for name in map(str, cases.columns):
        for side, other in _SIDES.items():
            partner = other + name.removeprefix(side)
            if name.startswith(side) and partner in cases.columns and {name, partner} & set(columns):
                found.append((name, partner))
    return found


def _label(case: dict[str, Any], variables: list[str], pairs: list[tuple[str, str]]) -> str:
    sliced = any(not _lacks(case[name]) for name in variables)
    paired = {name for pair in pairs for name in pair}
    parts = []
    for name, value in case.items():
        if name not in paired and not (_lacks(value) or (sliced and name == "slice")):
            parts.append(_named("slice" if name in variables and isinstance(value, str) else name, value))
    if pairs:
        parts.append(" → ".join(_side(case, [pair[place] for pair in pairs]) for place in (0, 1)))
    return " · ".join(parts) or "all"


def _side(case: dict[str, Any], names: list[str]) -> str:
    return " · ".join(_named(bare(name), case[name]) for name in names if not _lacks(case[name])) or "–"


def _lacks(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _named(name: str, value: Any) -> str:
    if isinstance(value, str):
        return label(value, 28) if len(value) > 2 or name in FIRST else f"{label(name, 20)} {label(value)}"
    return f"{label(name, 20)} {plain(value)}"

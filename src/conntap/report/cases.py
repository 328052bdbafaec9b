"""Cases of a stage: which columns tell them apart, what to call them, which to draw together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conntap.report.drawing import label
from conntap.report.wording import plain

__all__ = ["chosen", "controls", "facets", "labels", "originals", "telling", "units"]

_FIRST = ("subtarget", "slice", "circuit")  # the names that people know cases by
_DRAWS = ("control", "draw")


def telling(cases: pd.DataFrame) -> list[str]:
    """The columns that tell originals apart: those that vary and do not only repeat what another says.

    Examples
    --------
    >>> telling(pd.DataFrame({"slice": ["a", "b"], "ei": ["E", "I"], "seed": [1, 1], "draw": [-1, 0]}))
    ['slice']
    """
    varying = [name for name in cases.columns if name not in _DRAWS and cases[name].nunique(dropna=False) > 1]
    kept: list[str] = []
    for name in sorted(varying, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST)):
        if not any(_says(cases, other, name) for other in kept):
            kept.append(name)
    return [name for name in cases.columns if name in kept]


def _says(cases: pd.DataFrame, one: str, other: str) -> bool:
    """Whether the value of one column fixes that of the other."""
    pairs = cases[[one, other]].drop_duplicates()
    return len(pairs) == cases[one].nunique(dropna=False)


def units(cases: pd.DataFrame) -> np.ndarray:
    """Shape (cases,): a number for each original, shared by its draws under every control."""
    own = [name for name in cases.columns if name not in _DRAWS]
    if not own or cases.empty:
        return np.zeros(len(cases), dtype=int)
    return cases.groupby(own, sort=False, dropna=False, observed=True).ngroup().to_numpy()


def originals(cases: pd.DataFrame) -> np.ndarray:
    """Shape (cases,): whether each is no draw of a control."""
    if "control" not in cases.columns:
        return np.ones(len(cases), dtype=bool)
    return (cases["control"].astype(object).fillna("original") == "original").to_numpy(dtype=bool)


def controls(cases: pd.DataFrame) -> list[str]:
    """The names of the controls, in order of appearance."""
    return (
        [] if "control" not in cases.columns else list(dict.fromkeys(cases["control"][~originals(cases)].astype(str)))
    )


def chosen(cases: pd.DataFrame, most: int) -> np.ndarray:
    """Rows of at most about `most` cases: whole originals with all their draws, evenly spread.

    Examples
    --------
    >>> chosen(pd.DataFrame({"subtarget": list("aabbccdd"), "draw": [-1, 0] * 4}), 4).tolist()
    [0, 1, 6, 7]
    """
    if len(cases) <= most:
        return np.arange(len(cases))
    number = units(cases)
    each = len(cases) / (number.max() + 1)
    wanted = _spread(number.max() + 1, max(1, int(most / each)))
    rows = np.flatnonzero(np.isin(number, wanted))
    if len(rows) <= 2 * most:
        return rows
    first = originals(cases)[rows]
    return np.sort(
        np.concatenate([part[_spread(len(part), max(1, most // 2))] for part in (rows[first], rows[~first])])
    )


def _spread(n: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, max(n - 1, 0), min(n, most)).astype(int)) if n else np.empty(0, dtype=int)


def labels(cases: pd.DataFrame, columns: list[str]) -> list[str]:
    """A name for each case from the given columns; numbers bear the name of their column.

    What a case lacks is left out, and so is the name of a way to slice where the slice itself is named.

    Examples
    --------
    >>> labels(pd.DataFrame({"subtarget": ["R1"], "radius_um": [50]}), ["subtarget", "radius_um"])
    ['R1 · radius_um 50']
    >>> labels(pd.DataFrame({"slice": ["full", "class"], "cell_class": [None, "EXC"]}), ["slice", "cell_class"])
    ['full', 'EXC']
    """
    if not columns:
        return ["all"] * len(cases)
    variables = _slice_variables(cases, columns)
    rows = zip(*(cases[name].tolist() for name in columns), strict=True)
    return [_label(dict(zip(columns, row, strict=True)), variables) for row in rows]


def _label(case: dict[str, Any], variables: list[str]) -> str:
    sliced = any(not _lacks(case[name]) for name in variables)
    parts = [_named(name, value) for name, value in case.items() if not (_lacks(value) or (sliced and name == "slice"))]
    return " · ".join(parts) or "all"


def _slice_variables(cases: pd.DataFrame, columns: list[str]) -> list[str]:
    """The columns that say which slice a case is: those without a value where nothing is sliced."""
    if "slice" not in columns:
        return []
    whole = (cases["slice"] == "full").to_numpy(dtype=bool)
    gaps = {name: cases[name].isna().to_numpy() for name in columns if name != "slice"}
    return [name for name, gap in gaps.items() if gap.any() and gap[whole].all()]


def _lacks(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _named(name: str, value: Any) -> str:
    if isinstance(value, str):
        return label(value, 28) if len(value) > 2 or name in _FIRST else f"{label(name, 20)} {label(value)}"
    return f"{label(name, 20)} {plain(value)}"


def facets(cases: pd.DataFrame, columns: list[str], most: int = 8) -> list[tuple[str, np.ndarray]]:
    """Panels to draw: (title, rows). One a unit where they are few, else one a value of a column with few.

    Parameters
    ----------
    cases
        The case columns of what is drawn.
    columns
        Those that tell originals apart, as `telling` gives them.
    most
        Panels at most.

    Returns
    -------
    Titles and row positions; one panel of everything where no column has few values.

    Examples
    --------
    >>> cases = pd.DataFrame({"subtarget": [str(n) for n in range(40)], "slice": ["EXC", "INH"] * 20})
    >>> [(title, len(rows)) for title, rows in facets(cases, ["subtarget", "slice"])]
    [('EXC', 20), ('INH', 20)]
    """
    if not columns:
        return [("", np.arange(len(cases)))]
    names = labels(cases, columns)
    if len(set(names)) > most:
        names = _by_few(cases, columns, most)
    codes, titles = pd.factorize(np.asarray(names, dtype=object))
    return [(str(title), np.flatnonzero(codes == position)) for position, title in enumerate(titles)]


def _by_few(cases: pd.DataFrame, columns: list[str], most: int) -> list[str]:
    """The titles of panels by what has few values: slices, then circuits, then the column with the fewest."""
    rest = [name for name in columns if name not in ("slice", "circuit", "repeat")]
    rest.sort(key=lambda name: cases[name].nunique(dropna=False))
    sliced = [["slice", *_slice_variables(cases, columns)], ["slice"]] if "slice" in columns else []
    for names in (*sliced, *([name] for name in ("circuit", *rest) if name in columns)):
        titles = labels(cases, names)
        if 1 < len(set(titles)) <= most:
            return titles
    return [""] * len(cases)

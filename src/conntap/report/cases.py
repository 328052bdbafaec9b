"""Cases of a stage: which columns tell them apart, which of them may be pooled, which to draw together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.report.labels import DRAWS, FIRST, bare, labels

__all__ = ["apart", "chosen", "controls", "facets", "fewer", "groups", "originals", "telling", "units"]

_POOLED = ("circuit", "subtarget", "recording", "repeat")  # cases that differ in these alone are samples of one thing


def telling(cases: pd.DataFrame) -> list[str]:
    """The columns that tell originals apart: those that vary and do not only repeat what another says.

    Examples
    --------
    >>> telling(pd.DataFrame({"slice": ["a", "b"], "ei": ["E", "I"], "seed": [1, 1], "draw": [-1, 0]}))
    ['slice']
    """
    varying = [name for name in cases.columns if name not in DRAWS and cases[name].nunique(dropna=False) > 1]
    kept: list[str] = []
    for name in sorted(varying, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST)):
        if not any(_says(cases, other, name) for other in kept):
            kept.append(name)
    return [name for name in cases.columns if name in kept]


def apart(cases: pd.DataFrame) -> list[str]:
    """The columns whose values are never pooled: the slicing, its properties and the options that are swept.

    Examples
    --------
    >>> apart(pd.DataFrame({"subtarget": ["a", "b"], "radius_um": [50, 60], "repeat": [0, 1], "draw": [-1, 0]}))
    ['radius_um']
    """
    pooled = [name for name in cases.columns if bare(name) in _POOLED or str(name).endswith("_repeat")]
    return telling(cases.drop(columns=pooled))


def _says(cases: pd.DataFrame, one: str, other: str) -> bool:
    """Whether the value of one column fixes that of the other."""
    pairs = cases[[one, other]].drop_duplicates()
    return len(pairs) == cases[one].nunique(dropna=False)


def units(cases: pd.DataFrame) -> np.ndarray:
    """Shape (cases,): a number for each original, shared by its draws under every control."""
    own = [name for name in cases.columns if name not in DRAWS]
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


def groups(cases: pd.DataFrame, columns: list[str]) -> list[tuple[str, np.ndarray]]:
    """The rows of each combination of values of some columns: (name, rows), in order of appearance.

    Examples
    --------
    >>> groups(pd.DataFrame({"slice": ["full", "class", "full"]}), ["slice"])
    [('full', array([0, 2])), ('class', array([1]))]
    """
    if not columns or cases.empty:
        return [("", np.arange(len(cases)))]
    codes = cases.groupby(columns, sort=False, dropna=False, observed=True).ngroup().to_numpy()
    first = np.unique(codes, return_index=True)[1]
    titles = labels(cases.iloc[first], columns, whole=cases)
    order = np.argsort(codes, kind="stable")
    return list(zip(titles, np.split(order, np.cumsum(np.bincount(codes))[:-1])))


def facets(cases: pd.DataFrame, columns: list[str], most: int = 8) -> list[tuple[str, np.ndarray]]:
    """Panels to draw: (title, rows). One a unit where they are few, else one for what is never pooled.

    Parameters
    ----------
    cases
        The case columns of what is drawn.
    columns
        Those that tell originals apart, as `telling` gives them.
    most
        Panels that are few; there are more only where more may not be pooled.

    Returns
    -------
    Titles and row positions; every row stands in one panel, and no panel mixes slices or swept options.

    Examples
    --------
    >>> cases = pd.DataFrame({"subtarget": [str(n) for n in range(40)], "slice": ["EXC", "INH"] * 20})
    >>> [(title, len(rows)) for title, rows in facets(cases, ["subtarget", "slice"])]
    [('EXC', 20), ('INH', 20)]
    """
    each = groups(cases, columns)
    if len(each) <= most:
        return each
    own = apart(cases)
    more = [[name for name in columns if name in own or bare(name) == which] for which in ("circuit", "subtarget")]
    for names in (more[0], own, *([more[1]] if not own else [])):
        panels = groups(cases, names)
        if 1 < len(panels) <= most:
            return panels
    return groups(cases, own)


def fewer(panels: list[tuple[str, np.ndarray]], most: int = 12) -> tuple[list[tuple[str, np.ndarray]], str]:
    """At most so many panels, evenly chosen, and the sentence that says so; empty where all are kept.

    Examples
    --------
    >>> fewer([("a", []), ("b", []), ("c", [])], most=2)
    ([('a', []), ('c', [])], ' 2 of 3 panels are drawn, evenly chosen.')
    """
    if len(panels) <= most:
        return panels, ""
    kept = [panels[position] for position in _spread(len(panels), most)]
    return kept, f" {len(kept)} of {len(panels):,} panels are drawn, evenly chosen."

"""Values against the draws of a control: effect sizes and empirical p-values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from conntap.errors import StoreError, unknown
from conntap.store.statistics import COLUMNS, statistics

if TYPE_CHECKING:
    from conntap.store.reading import Dataset

__all__ = ["against"]


def against(dataset: Dataset, control: str, *, fill_value: float | None = 0.0) -> pd.DataFrame:
    """The original values of a stage against the draws of one of its controls.

    Cases are matched by all case columns but `control` and `draw`; values by their own index too.

    Parameters
    ----------
    dataset
        Scalars, series or tables of numbers, with case columns `control` ("original" or a name) and `draw`.
    control
        The control's name.
    fill_value
        What an entry counts for in a draw (or in the original) that lacks it while the original or another draw of the
        same case has it; the default 0 is right for counts. None leaves such draws out.

    Returns
    -------
    By case and entry (and column of a table): `value` (the original), `mean` and `sd` of the draws (n - 1 in
    the denominator), `z` = (value - mean) / sd, `ratio` = value / mean, `p_upper` and `p_lower`, the
    probabilities of a draw at least and at most as large, `p` = twice the smaller one (at most 1), `q`,
    the false discovery rate over all rows of the table (Benjamini and Hochberg; rows that the control cannot change, being equal
    in all draws, have none and do not count), `draws` and `p_floor` =
    1 / (draws + 1), the least of `p_upper` and `p_lower` that so many draws can give (of `p`: twice it). `z` is NaN
    where sd is 0 or there is one draw, `ratio` where the mean is 0.

    Raises
    ------
    StoreError
        The stage has no controls, or none of this name, or its values are no numbers.

    Notes
    -----
    p = (1 + number of draws as extreme) / (1 + draws), so never 0: Phipson & Smyth, 2010, Stat. Appl.
    Genet. Mol. Biol. 9:39, doi:10.2202/1544-6115.1585. NaN among the draws is left out. Numbers that differ by no more
    than rounding (100 times the machine's epsilon, 2.2e-14 of the value, as in scipy.stats.permutation_test) are
    equal: as extreme as each other, and without spread. Linear in the entries of all draws.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.store import StageData, encode, open_store, write_store
    >>> path = tempfile.mkdtemp() + "/results.h5"
    >>> cases = pd.DataFrame({"control": ["original", "er", "er", "er"], "draw": [-1, 0, 1, 2]})
    >>> stage = StageData("n", cases=cases, keys=list("abcd"), entries=map(encode, [9, 2, 4, 3]))
    >>> write_store(path, attrs={}, stages=[stage])
    >>> open_store(path)["n"].against("er")[["value", "mean", "z", "p_upper"]]
       value  mean    z  p_upper
    0    9.0   3.0  6.0     0.25
    """
    cases = dataset.cases
    names = _checked(dataset, cases, control)
    is_draw = (cases["control"] == control).to_numpy()
    rows = np.flatnonzero(is_draw | (cases["control"] == "original").to_numpy())
    case_of = _case_numbers(cases, names)
    lines = _lines(dataset, rows)
    lines["case"] = case_of[lines["row"]]
    lines["is_draw"] = is_draw[lines["row"]]
    draws = np.bincount(case_of[is_draw], minlength=case_of.max() + 1)
    has_original = np.bincount(case_of[rows][~is_draw[rows]], minlength=case_of.max() + 1) > 0
    table = _compared(lines[has_original[lines["case"]]], draws, fill_value)
    return _labelled(table, cases, names, case_of)


def _checked(dataset: Dataset, cases: pd.DataFrame, control: str) -> list[str]:
    if "control" not in cases or "draw" not in cases:
        raise StoreError(f"{dataset!r}: it has no controls; add some to the stage and run it again.")
    names = [str(name) for name in cases["control"].dropna().unique() if name != "original"]
    if control not in names:
        raise StoreError(unknown(dataset.name, "control", control, names))
    return [name for name in cases if name not in ("control", "draw")]


def _case_numbers(cases: pd.DataFrame, names: list[str]) -> np.ndarray:
    if not names:
        return np.zeros(len(cases), dtype=np.intp)
    return cases.groupby(names, dropna=False, sort=False, observed=True).ngroup().to_numpy()


def _lines(dataset: Dataset, rows: np.ndarray) -> pd.DataFrame:
    """One line a number: the row of its case, its entry (own index and column), the number."""
    part = dataset._part(rows)
    table = part.table.reset_index(drop=True)
    numeric = [name for name in table if pd.api.types.is_numeric_dtype(table[name])]
    if not numeric:
        raise StoreError(f"{dataset!r}: its values are no numbers. Use .summarize to make some.")
    own = _own_levels(part.table.index) if part.levels else pd.DataFrame(index=table.index)
    pieces = []
    for name in numeric:
        piece = pd.DataFrame({"row": part.rows, "number": table[name].to_numpy(dtype=float, na_value=np.nan)})
        piece = pd.concat([piece, own], axis=1)
        if len(table.columns) > 1:
            piece["own column"] = [name] * len(piece)
        pieces.append(piece[~part.lacking[name]] if name in part.lacking else piece)
    return pd.concat(pieces, ignore_index=True)


def _own_levels(index: pd.Index) -> pd.DataFrame:
    plain = ["entry"] if index.nlevels == 1 else [f"entry_{number}" for number in range(index.nlevels)]
    names = [f"own {plain[number] if given is None else given}" for number, given in enumerate(index.names)]
    return pd.DataFrame({name: index.get_level_values(number) for number, name in enumerate(names)})


def _compared(lines: pd.DataFrame, draws: np.ndarray, fill_value: float | None) -> pd.DataFrame:
    own = [name for name in lines if str(name).startswith("own ")]
    keys = ["case", *own]
    entry = lines.groupby(keys, dropna=False, sort=False, observed=True).ngroup().to_numpy()
    first = lines.drop_duplicates(keys)[keys].reset_index(drop=True)
    n = len(first)
    is_draw, number = lines["is_draw"].to_numpy(), lines["number"].to_numpy()
    value = np.full(n, np.nan if fill_value is None else fill_value)
    value[entry[~is_draw]] = number[~is_draw]
    held = is_draw & ~np.isnan(number)
    at, drawn = entry[held], number[held]
    lost = np.bincount(entry[is_draw & np.isnan(number)], minlength=n)
    present = np.bincount(at, minlength=n)
    absent = draws[first["case"]] - present - lost if fill_value is not None else np.zeros(n, dtype=int)
    fill = 0.0 if fill_value is None else fill_value
    return pd.concat([first, statistics(value, at, drawn, absent, fill)], axis=1)


def _labelled(table: pd.DataFrame, cases: pd.DataFrame, names: list[str], case_of: np.ndarray) -> pd.DataFrame:
    """The case columns that vary, and the entries, as the index."""
    first = cases.loc[~pd.Series(case_of).duplicated().to_numpy(), names].reset_index(drop=True)
    shown = [name for name in names if cases[name].nunique(dropna=False) > 1]
    own = [name for name in table if str(name).startswith("own ")]
    labels = [first[name].take(table["case"]).reset_index(drop=True).rename(name) for name in shown]
    for name in own:
        plain = name.removeprefix("own ")
        labels.append(table[name].rename(f"value_{plain}" if plain in shown else plain))
    result = table[COLUMNS]
    if not labels:
        return result
    result.index = pd.Index(labels[0], name=labels[0].name) if len(labels) == 1 else pd.MultiIndex.from_arrays(labels)
    ordered = own and all(pd.api.types.is_numeric_dtype(table[name]) for name in own)
    return result.sort_index() if ordered else result

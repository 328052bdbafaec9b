"""A stage that measures originals beside a stage that measures stored draws of a null model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conntap.errors import StoreError, known
from conntap.store.statistics import COLUMNS, statistics

if TYPE_CHECKING:
    from conntap.store.reading import Dataset

__all__ = ["against", "compared", "flat", "labelled", "own_cases", "paired"]


def against(originals: Dataset, draws: Dataset, *, fill_value: float | None = 0.0) -> pd.DataFrame:
    """The values of one stage against those of another that measured random connectomes.

    A draw belongs to the originals with which it agrees in all case columns that both stages have; its `repeat` tells it
    from other draws. What is `repeat` of originals that were drawn themselves is `STAGE_repeat` of the draws. Of further columns of the draws, an option that was swept when they were made say, each value is
    compared by itself. Of a stage with controls of its own the originals count, and where only one stage is sliced its
    uncut values.

    Parameters
    ----------
    originals, draws
        Stages of one measure: numbers, series or tables of numbers. `draws` comes of a random step with `repeat`.
    fill_value
        As for `Dataset.against`: what an entry counts for that a draw or an original lacks; None leaves such draws out.

    Returns
    -------
    The columns of `Dataset.against`, by case, entry (and column of a table), in the order of the originals.

    Raises
    ------
    StoreError
        The values are no numbers, the draws have no `repeat`, no case of one stage meets one of the other, or the
        originals differ in a column that the draws lack.

    Notes
    -----
    Values are read one after the other; their numbers are held, 8 bytes and their labels each.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.store import StageData, encode, open_store, write_store
    >>> path = tempfile.mkdtemp() + "/results.h5"
    >>> real = StageData("n", cases=pd.DataFrame({"circuit": ["a"]}), keys=["k"], entries=map(encode, [9]))
    >>> cases = pd.DataFrame({"circuit": ["a"] * 3, "repeat": [0, 1, 2]})
    >>> random = StageData("r", cases=cases, keys=list("xyz"), entries=map(encode, [2, 4, 3]))
    >>> write_store(path, attrs={}, stages=[real, random])
    >>> store = open_store(path)
    >>> against(store["n"], store["r"])[["value", "mean", "z", "p_upper"]]
       value  mean    z  p_upper
    0    9.0   3.0  6.0     0.25
    """
    pairs, shown = paired(originals, draws)
    return labelled(
        compared(originals, draws, pairs, fill_value), pairs.drop_duplicates("case").set_index("case")[shown]
    )


def paired(originals: Dataset, draws: Dataset) -> tuple[pd.DataFrame, list[str]]:
    """What `_agreeing` says of the cases of two stages that can be compared."""
    first, second = own_cases(originals), own_cases(draws)
    if "repeat" not in second:
        raise StoreError(
            f"{draws.name}: its cases have no column 'repeat', so it measures no draws. Give a stage that takes from a "
            "random one with `repeat`."
        )
    first = first.rename(columns=_own_repeat(originals, first, second))
    if ("slice" in first) != ("slice" in second):
        first, second = _whole(first), _whole(second)
    return _agreeing(first, second, (originals.name, draws.name))


def flat(table: pd.DataFrame) -> pd.Series:
    """A table of numbers as one series by row and column, missing values kept.

    Examples
    --------
    >>> flat(pd.DataFrame({"in": [2]}, index=pd.Index(["a"], name="id"))).to_dict()
    {('a', 'in'): 2.0}
    """
    rows = [each if isinstance(each, tuple) else (each,) for each in table.index.tolist()]
    names = [each or f"entry_{number}" for number, each in enumerate(table.index.names)]
    entries = [(*row, column) for row in rows for column in table.columns]
    index = pd.MultiIndex.from_tuples(entries, names=[*names, table.columns.name or "column"])
    return pd.Series(table.to_numpy(dtype=float, na_value=np.nan).ravel(), index=index)


def own_cases(dataset: Dataset) -> pd.DataFrame:
    """The cases of the originals, with their rows in the dataset."""
    cases = dataset.cases.rename_axis("row").reset_index()
    if "control" in cases:
        cases = cases[cases["control"] == "original"].drop(columns=["control", "draw"])
    return cases


def _own_repeat(originals: Dataset, first: pd.DataFrame, second: pd.DataFrame) -> dict[str, str]:
    """What the draws call the column `repeat` of the originals: the first `STAGE_repeat` that these lack, of a stage that
    they come of as far as that is known."""
    behind = _behind(originals)
    inner = [name for name in second if str(name).endswith("_repeat") and name not in first]
    inner = [name for name in inner if not behind or name.removesuffix("_repeat") in behind]
    return {"repeat": inner[0]} if "repeat" in first and inner else {}


def _behind(dataset: Dataset) -> set[str]:
    """The names of all stages that a stage comes of, as far as they are in the store."""
    found, left = set(), [*dataset.inputs.values()]
    while left:
        name = left.pop()
        source = dataset.sibling(name)
        left += [each for each in source.inputs.values() if each not in found] if source is not None else []
        found.add(name)
    return found


def _whole(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases that are no slices, without the columns of slices."""
    if "slice" not in cases:
        return cases
    whole = cases[cases["slice"] == "full"]
    variables = [name for name in cases if whole[name].isna().all() and not cases[name].isna().all()]
    return whole.drop(columns=["slice", *variables])


def _agreeing(first: pd.DataFrame, second: pd.DataFrame, names: tuple[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """One line an original and a draw of it: rows in both datasets, the number of the comparison, and the columns that
    tell comparisons apart."""
    shared = [name for name in first if name in second and name not in ("row", "repeat")]
    for name in first.columns.difference([*shared, "row"]):
        if first[name].nunique(dropna=False) > 1:
            raise StoreError(
                f"{names[0]}, {names[1]}: the first differs in {name!r}, which the second lacks; so its values are of "
                "something else. Measure the draws in the same way."
            )
    for name in shared:  # of different types, such as text where all are missing: a merge would refuse them
        if first[name].dtype != second[name].dtype:
            as_they_are = {name: lambda cases, name=name: cases[name].astype(object).where(cases[name].notna(), np.nan)}
            first, second = first.assign(**as_they_are), second.assign(**as_they_are)
    right = second.drop(columns="repeat")
    how: dict[str, Any] = {"on": shared} if shared else {"how": "cross"}
    pairs = first.merge(right, suffixes=(" of original", " of random"), **how)
    if pairs.empty:
        raise StoreError(f"{names[0]}, {names[1]}: no case of one agrees with a case of the other in {known(shared)}.")
    columns = [name for name in pairs if name not in ("row of original", "row of random")]
    own = [name for name in right if name not in (*shared, "row")]
    pairs["case"] = pairs.groupby(["row of original", *own], dropna=False, sort=False, observed=True).ngroup()
    pairs.attrs["own"] = own
    return pairs, [name for name in columns if pairs[name].nunique(dropna=False) > 1]


def compared(originals: Dataset, draws: Dataset, pairs: pd.DataFrame, fill_value: float | None) -> pd.DataFrame:
    """The statistics of the comparisons that `pairs` says."""
    values = pd.concat([_lines(originals, pairs, "original"), _lines(draws, pairs, "random")], ignore_index=True)
    number = pairs["case"].nunique()
    real = values[~values["random"]]
    drawn = np.bincount(pairs["case"], minlength=number)
    return _measured(values[values["case"].isin(real["case"])], drawn, fill_value)


def _lines(dataset: Dataset, pairs: pd.DataFrame, side: str) -> pd.DataFrame:
    """One line a number: the comparison it belongs to, its labels, the number, and whether it is of a draw."""
    wanted = pairs[[f"row of {side}", "case"]].drop_duplicates() if side == "original" else pairs
    rows = np.unique(wanted[f"row of {side}"].to_numpy())
    found = {row: _numbers(value, dataset) for row, value in zip(rows.tolist(), dataset._values(rows), strict=True)}
    if len({tuple(each.index.names) for each in found.values()}) > 1:
        raise StoreError(f"{dataset.name}: its values have different indices. Use .summarize to make numbers of them.")
    long = pd.concat(found, names=["row"]).rename("number").reset_index()
    lines = wanted[[f"row of {side}", "case"]].merge(long, left_on=f"row of {side}", right_on="row")
    return lines.drop(columns=["row", f"row of {side}"]).assign(random=side == "random")


def _numbers(value: Any, dataset: Dataset) -> pd.Series:
    """A value as floats; its labels are levels whose names no case column has."""
    if isinstance(value, dict):
        value = pd.Series(value).rename_axis("column")
    if isinstance(value, pd.DataFrame):
        value = flat(value.select_dtypes(["number", "bool"]))
    if isinstance(value, pd.Series) and pd.api.types.is_numeric_dtype(value):
        names = [
            name or ("entry" if len(value.index.names) == 1 else f"entry_{n}")
            for n, name in enumerate(value.index.names)
        ]
        return value.astype(float).rename_axis([f"own {name}" for name in names])
    if isinstance(value, int | float | np.number):
        return pd.Series([float(value)], index=pd.Index([0], name="own "))
    raise StoreError(f"{dataset.name}: its values are no numbers. Use .summarize to make some.")


def _measured(lines: pd.DataFrame, draws: np.ndarray, fill_value: float | None) -> pd.DataFrame:
    """The statistics of every comparison and label."""
    keys = [name for name in lines if name == "case" or str(name).startswith("own ")]
    entry = lines.groupby(keys, dropna=False, sort=False, observed=True).ngroup().to_numpy()
    first = lines.drop_duplicates(keys)[keys].reset_index(drop=True)
    random, number = lines["random"].to_numpy(), lines["number"].to_numpy()
    fill = 0.0 if fill_value is None else fill_value
    value = np.full(len(first), np.nan if fill_value is None else fill)
    value[entry[~random]] = number[~random]
    held = random & ~np.isnan(number)
    given = np.bincount(entry[random], minlength=len(first))
    absent = draws[first["case"]] - given if fill_value is not None else np.zeros(len(first), dtype=int)
    table = pd.concat([first, statistics(value, entry[held], number[held], absent, fill)], axis=1)
    return table.sort_values("case", kind="stable", ignore_index=True)


def labelled(table: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    labels = [cases[name].reindex(table["case"]).reset_index(drop=True) for name in cases]
    own = [name for name in table if str(name).startswith("own ") and name != "own "]
    for name in own:
        plain = name.removeprefix("own ")
        labels.append(table[name].rename(f"value_{plain}" if plain in cases else plain))
    result = table[COLUMNS]
    if not labels:
        return result
    return result.set_index(labels[0] if len(labels) == 1 else pd.MultiIndex.from_arrays(labels))

"""A stage and stages of stored draws, read as one stage with controls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from conntap.errors import StoreError
from conntap.store.drawn import compared, labelled, own_cases, paired

if TYPE_CHECKING:
    from conntap.store.reading import Dataset

__all__ = ["Beside"]


class Beside:
    """A stage with stored draws beside it, to be read as if they were draws of controls of its own.

    Parameters
    ----------
    originals
        The stage that measures originals; it may have controls too.
    draws
        Name -> the stage that measures draws of a null model in the same way. Where these sweep an option, each value is
        a control by itself, its value in the name.

    Raises
    ------
    StoreError
        As `against`.

    Notes
    -----
    It has what `Dataset` has for reading values: cases, `encodings`, rows by number, iteration, `frame`, `against`.

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
    >>> both = Beside(store["n"], {"er": store["r"]})
    >>> both.cases["control"].tolist(), list(both)
    (['original', 'er', 'er', 'er'], [9, 2, 4, 3])
    >>> float(both.against("er")["z"].iloc[0])
    6.0
    """

    def __init__(self, originals: Dataset, draws: Mapping[str, Dataset]) -> None:
        self.originals, self.name, self.inputs = originals, originals.name, originals.inputs
        cases = originals.cases
        if "control" not in cases:
            cases = cases.assign(control="original", draw=-1)
        taken = set(cases["control"].astype(str))
        self._drawn: dict[str, tuple[Dataset, pd.DataFrame]] = {}
        for given, dataset in draws.items():
            for name, pairs in _by_sweep(given, *paired(originals, dataset)):
                self._drawn[f"{name} (stored)" if name in taken else name] = dataset, pairs
        pieces = [_drawn_cases(cases, pairs, name) for name, (_, pairs) in self._drawn.items()]
        self.cases = pd.concat([cases, *pieces], ignore_index=True)

    @property
    def encodings(self) -> tuple[str, ...]:
        """The encodings of all values."""
        return tuple(dict.fromkeys(each for dataset in self._datasets() for each in dataset.encodings))

    def sibling(self, name: str) -> Dataset | None:
        """Another stage of the same store."""
        return self.originals.sibling(name)

    def against(self, control: str, *, fill_value: float | None = 0.0) -> pd.DataFrame:
        """The statistics of the originals against a control of their own or against stored draws."""
        if control not in self._drawn:
            return self.originals.against(control, fill_value=fill_value)
        dataset, pairs = self._drawn[control]
        cases = own_cases(self.originals).drop(columns="row")
        shown = [name for name in cases if cases[name].nunique(dropna=False) > 1]
        first = pairs.drop_duplicates("case")
        labels = self.originals.cases.loc[first["row of original"], shown].set_axis(first["case"])
        return labelled(compared(self.originals, dataset, pairs, fill_value), labels)

    def frame(self) -> pd.DataFrame:
        """The values as a column, as far as each is a row of its stage's table."""
        own = self.originals.frame().iloc[:, 0].reset_index(drop=True)
        tables = {id(dataset): dataset.frame().iloc[:, 0].reset_index(drop=True) for dataset in self._datasets()}
        if any(len(tables[id(dataset)]) != len(dataset) for dataset in self._datasets()):
            raise StoreError(f"{self.name}: its values are no single numbers.")
        drawn = [tables[id(dataset)].iloc[pairs["row of random"]] for dataset, pairs in self._drawn.values()]
        return pd.concat([own, *drawn], ignore_index=True).to_frame()

    def _datasets(self) -> list[Dataset]:
        return [self.originals, *(dataset for dataset, _ in self._drawn.values())]

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, row: int) -> Any:
        if row < len(self.originals):
            return self.originals[row]
        row -= len(self.originals)
        for dataset, pairs in self._drawn.values():
            if row < len(pairs):
                return dataset[int(pairs["row of random"].iloc[row])]
            row -= len(pairs)
        raise IndexError(row)

    def __iter__(self) -> Iterator[Any]:
        yield from self.originals
        for dataset, pairs in self._drawn.values():
            yield from dataset._values(pairs["row of random"].to_numpy())


def _by_sweep(name: str, pairs: pd.DataFrame, shown: list[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The pairs of each value of what the draws sweep, and a name for them; comparisons are numbered from 0 on."""
    own = [each for each in pairs.attrs["own"] if each in shown]
    parts = pairs.groupby(own, dropna=False, sort=False, observed=True) if own else [((), pairs)]
    for values, part in parts:
        words = [f"{column} {value}" for column, value in zip(own, values, strict=True)]
        number = part.groupby("row of original", sort=False).ngroup()
        yield " · ".join([name, *words]), part.assign(case=number)


def _drawn_cases(cases: pd.DataFrame, pairs: pd.DataFrame, name: str) -> pd.DataFrame:
    rows = cases.iloc[pairs["row of original"].to_numpy()].reset_index(drop=True)
    return rows.assign(control=name, draw=pairs.groupby("case").cumcount().to_numpy())

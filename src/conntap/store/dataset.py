"""The values of one stage: by case, by column, or as one table, read when asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd

from conntap.errors import CorruptStoreError, StoreError
from conntap.store import lookup
from conntap.store.against import against
from conntap.store.cases import read_cases
from conntap.store.codecs import Encoded, decode, located, with_file_attrs
from conntap.store.elements import read_attributes
from conntap.store.frames import Part, assemble, with_cases
from conntap.store.unpacking import GroupReader
from conntap.store.writing import files_folder

if TYPE_CHECKING:
    from conntap.store.reading import Store

__all__ = ["Dataset", "reading"]


class Dataset:
    """The values of one stage, one a case, read when asked for.

    Parameters
    ----------
    store, name
        The open store and the stage; use `store[name]`.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.store import StageData, encode, open_store, write_store
    >>> path = Path(tempfile.mkdtemp()) / "results.h5"
    >>> cases = pd.DataFrame({"subtarget": ["A", "A", "B"], "draw": [0, 1, 0]})
    >>> stage = StageData("counts", cases=cases, keys=list("abc"), entries=map(encode, [3, 4, 7]))
    >>> write_store(path, attrs={}, stages=[stage])
    >>> counts = open_store(path)["counts"]
    >>> counts["A", 1], counts[2], counts[{"subtarget": "B"}]
    (4, 7, 7)
    >>> counts[1:].tolist()
    [4, 7]
    >>> counts.frame("draw == 0")
                    counts
    subtarget draw
    A         0          3
    B         0          7
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store, self.name = store, name
        self._readers: dict[int, GroupReader] = {}
        self._attrs = self._read(read_attributes)

    @property
    def description(self) -> str:
        """What the study says about the stage."""
        return str(self._attrs["description"])

    @property
    def step(self) -> str:
        """The name of the step that made the values."""
        return str(self._attrs["step"])

    @property
    def options(self) -> dict[str, Any]:
        """The step's options."""
        return json.loads(self._attrs["options"])

    @property
    def inputs(self) -> dict[str, str]:
        """Input name -> where it came from."""
        return json.loads(self._attrs["inputs"])

    def sibling(self, name: str) -> Dataset | None:
        """Another stage of the same store; None where it holds none of that name."""
        return self._store[name] if name in self._store else None  # noqa: SIM401

    @property
    def attrs(self) -> dict[str, Any]:
        """What else was said of the stage."""
        return json.loads(self._attrs["attrs"])

    @property
    def cases(self) -> pd.DataFrame:
        """One row a value: the case columns, in the order of the values."""
        return self._cases.copy()

    @cached_property
    def keys(self) -> list[str]:
        """The key of each value."""
        return [key.decode() for key in self._read(lambda group: group["keys"][:]).tolist()]

    @property
    def encodings(self) -> tuple[str, ...]:
        """The encodings of the values."""
        readers = (self._reader(int(number)) for number in np.unique(self._places[0]))
        return tuple(dict.fromkeys(reader.encoding for reader in readers))

    def load(self, query: str | None = None, **columns: Any) -> pd.Series:
        """The values of some cases in memory.

        Parameters
        ----------
        query
            A condition on the case columns as in `DataFrame.query`, such as "draw < 10".
        **columns
            Case column = the value, or the list of values, to keep.

        Returns
        -------
        Values (dtype object) by case: a MultiIndex of all case columns.

        Raises
        ------
        StoreError
            An unknown case column or value, or a query that cannot be evaluated.

        Notes
        -----
        Linear in the bytes of the chosen values; neighbours are read together.
        """
        return self._series(self._rows(query, columns), lambda value: value)

    def summarize(self, fn: Callable[[Any], Any], query: str | None = None) -> pd.Series:
        """`fn` of each value, by case; values are read one block at a time and not kept.

        Parameters
        ----------
        fn
            From a value to whatever is to be kept of it.
        query
            A condition on the case columns; default all.
        """
        return self._series(self._rows(query, {}), fn).infer_objects()

    def values(self) -> Iterator[tuple[dict[str, Any], Any]]:
        """Case (column -> value) and value, one after the other, read lazily."""
        rows = np.arange(len(self))
        names = list(self._cases.columns)
        columns = [self._cases[name].tolist() for name in names]
        for row, value in zip(rows, self._values(rows)):
            yield {name: column[row] for name, column in zip(names, columns)}, value

    def frame(self, query: str | None = None, **columns: Any) -> pd.DataFrame:
        """The values of some cases as one table.

        Scalars and series become a column named after the stage; tables keep their columns. The index has the case
        columns that vary over the dataset or are named here, then the value's own index (a level without a
        name is called "entry"; one that bears a case column's name gets "value_" before it).

        Parameters
        ----------
        query, **columns
            As for `load`.

        Raises
        ------
        StoreError
            The values are arrays, matrices or other things that are no rows: use `load` or `summarize`.

        Notes
        -----
        Whole columns are read, not value by value: linear in the rows of the result.
        """
        rows = self._rows(query, columns)
        return with_cases(self._part(rows), self._cases, self._shown(columns), self.name)

    def against(self, control: str, *, fill_value: float | None = 0.0) -> pd.DataFrame:
        """The original values against the draws of a control; see `conntap.store.against.against`."""
        return against(self, control, fill_value=fill_value)

    def describe(self) -> str:
        """A summary for people: how many values, of what kind and size, and the values of each case column."""
        size = self._read(_stored_bytes)
        lines = [f"{self.name}: {self.description or self.step or 'no description'}"]
        lines.append(f"  {len(self):,} values ({', '.join(self.encodings) or 'none'}), {size / 1e6:,.2f} MB on disk")
        if self.step:
            lines.append(f"  step {self.step}; options {json.dumps(self.options)}")
        lines += [f"  {name}: {lookup.summary(self._cases[name])}" for name in self._cases]
        return "\n".join(lines)

    def __getitem__(self, case: Any) -> Any:
        """The value of one case; of a slice of rows the values by case, as `load` gives them."""
        if isinstance(case, slice):
            return self._series(lookup.rows_of_slice(self._cases, case, self._where), lambda value: value)
        row = lookup.row(self._cases, case, self._where)
        groups, positions = self._places
        reader = self._reader(int(groups[row]))
        with reading(self._store.path):
            return decode(self._with_path(reader.one(int(positions[row]))))

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[Any]:
        return self._values(np.arange(len(self)))

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}: {len(self):,} values by {', '.join(self._cases.columns) or 'nothing'})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self._store).__getitem__, (self._store, self.name)

    # -- how it reads --------------------------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return f"{self._store.path}: {self.name}"

    @cached_property
    def _n(self) -> int:
        return self._read(lambda group: int(read_attributes(group["cases"])["rows"]))

    @cached_property
    def _cases(self) -> pd.DataFrame:
        return self._read(read_cases)

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        return self._read(lambda group: (group["value_group"][:], group["value_position"][:]))

    def _read(self, what: Callable[[h5py.Group], Any]) -> Any:
        if self._store.closed:
            raise StoreError(f"{self._where}: the store is closed. Open it again.")
        with reading(self._store.path):
            return what(self._store._file["stages"][self.name])

    def _reader(self, number: int) -> GroupReader:
        if number not in self._readers:
            self._readers[number] = self._read(lambda group: GroupReader(group["values"][str(number)]))
        return self._readers[number]

    def _rows(self, query: str | None, columns: dict[str, Any]) -> np.ndarray:
        return lookup.rows(self._cases, query, columns, self._where)

    def _shown(self, columns: dict[str, Any]) -> list[str]:
        cases = self._cases
        return [name for name in cases if name in columns or cases[name].nunique(dropna=False) > 1]

    def _part(self, rows: np.ndarray) -> Part:
        groups, positions = self._places
        numbers = np.unique(groups[rows]).tolist()
        pieces = [(self._reader(number), np.flatnonzero(groups[rows] == number)) for number in numbers]
        with reading(self._store.path):
            return assemble([(r, at, positions[rows[at]]) for r, at in pieces], rows, self._where, self.name)

    def _series(self, rows: np.ndarray, fn: Callable[[Any], Any]) -> pd.Series:
        values = np.empty(len(rows), dtype=object)
        for number, value in enumerate(self._values(rows)):
            values[number] = fn(value)
        return pd.Series(values, index=lookup.case_index(self._cases, rows), name=self.name, dtype=object)

    def _values(self, rows: np.ndarray) -> Iterator[Any]:
        groups, positions = (each[rows] for each in self._places)
        streams = {
            number: self._reader(number).some(positions[groups == number]) for number in np.unique(groups).tolist()
        }
        for number in groups.tolist():
            with reading(self._store.path):
                value = decode(self._with_path(next(streams[number])))
            yield value

    def _with_path(self, encoded: Encoded) -> Encoded:
        folder = files_folder(self._store.path)
        encoded = with_file_attrs(encoded, lambda attrs: {**attrs, "path": str(folder / attrs["stored"])})
        return located(encoded, self._store.path.absolute().parent)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what HDF5 says of damaged bytes into a CorruptStoreError.

    Examples
    --------
    >>> with reading(Path("results.h5")):
    ...     raise KeyError("cases")
    Traceback (most recent call last):
    conntap.errors.CorruptStoreError: results.h5: the store is damaged or incomplete (KeyError: 'cases'). Collect it again.
    """
    try:
        yield
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise CorruptStoreError(
            f"{path}: the store is damaged or incomplete ({type(error).__name__}: {error}). Collect it again."
        ) from error


def _stored_bytes(group: h5py.Group) -> int:
    total = 0

    def add(_: str, item: Any) -> None:
        nonlocal total
        if isinstance(item, h5py.Dataset):
            total += item.id.get_storage_size()

    group.visititems(add)
    return total

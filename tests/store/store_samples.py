"""Values of every encoding, ways to carry them, and what it means that they came back."""

import string

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from conntap.store import ShardWriter, StageData, decode, encode, open_store, read, scan, write_store

finite = st.floats(allow_nan=True, allow_infinity=True, width=64)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
names = st.text(string.ascii_letters + "_/µ ", min_size=1, max_size=5)

scalars = st.one_of(st.none(), st.booleans(), st.integers(), finite, st.text(max_size=8))
arrays = hnp.arrays(
    st.sampled_from(["?", "i1", "u2", "<i4", ">i4", "i8", "f2", "f4", "f8", "c16", "M8[s]"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
texts = hnp.arrays("<U4", 3, elements=st.text(string.ascii_letters + "é", max_size=4))


def _columns(n: int) -> st.SearchStrategy:
    def listed(elements):
        return st.lists(elements, min_size=n, max_size=n)

    wholes = st.integers(-(2**63), 2**63 - 1)
    return st.one_of(
        listed(wholes).map(lambda v: pd.Series(v, dtype="int64")),
        listed(finite).map(lambda v: pd.Series(v, dtype="float64")),
        listed(st.booleans()).map(lambda v: pd.Series(v, dtype="bool")),
        listed(st.one_of(st.none(), words)).map(lambda v: pd.Series(v, dtype="str")),
        listed(st.one_of(st.none(), st.integers(-9, 9))).map(lambda v: pd.Series(v, dtype="Int64")),
        listed(st.one_of(st.none(), st.booleans())).map(lambda v: pd.Series(v, dtype="boolean")),
        listed(st.one_of(st.none(), st.sampled_from("abc"))).map(lambda v: pd.Series(pd.Categorical(v, list("cab")))),
        listed(st.integers(0, 3)).map(lambda v: pd.Series(pd.Categorical(v, range(5), ordered=True))),
    )


@st.composite
def tables(draw) -> pd.DataFrame:
    n = draw(st.integers(0, 5))
    labels = draw(st.lists(names, max_size=4, unique=True))
    table = pd.DataFrame({label: draw(_columns(n)) for label in labels}, index=pd.RangeIndex(n))
    levels = draw(st.integers(0, 2))
    if levels:
        given_names = draw(st.lists(st.one_of(st.none(), names), min_size=levels, max_size=levels))
        columns = [draw(_columns(n).filter(lambda c: c.dtype != "category")) for _ in range(levels)]
        index = pd.MultiIndex.from_arrays(columns, names=given_names) if levels > 1 else pd.Index(columns[0])
        table.index = index if levels > 1 else index.rename(given_names[0])
    return table


@st.composite
def series(draw) -> pd.Series:
    values = draw(_columns(draw(st.integers(0, 5))))
    return values.rename(draw(st.one_of(st.none(), names)))


@st.composite
def matrices(draw) -> sparse.csr_array:
    shape = draw(st.tuples(st.integers(0, 5), st.integers(0, 5)))
    kind = draw(st.sampled_from(["?", "i4", "i8", "u1", "f4", "f8"]))
    return sparse.csr_array(draw(hnp.arrays(kind, shape, elements={"allow_nan": False} if kind[0] == "f" else None)))


simplices = st.lists(st.integers(0, 3), max_size=3).map(
    lambda counts: [np.arange(n * (k + 1)).reshape(n, k + 1) for k, n in enumerate(counts)]
)
leaves = st.one_of(scalars, arrays, texts, tables(), series(), matrices(), simplices)
values = st.one_of(
    leaves, st.dictionaries(names, st.one_of(leaves, st.dictionaries(names, leaves, max_size=2)), max_size=3)
)


def same(a, b) -> bool:
    """Equal in type, dtype (whatever the byte order), shape and content; NaN equals NaN."""
    if isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b, check_freq=False, check_exact=True, check_column_type=False)
        return True
    if isinstance(a, pd.Series):
        pd.testing.assert_series_equal(a, b, check_freq=False, check_exact=True)
        return True
    if isinstance(a, np.ndarray):
        text = a.dtype.kind == "U" and b.dtype.kind == "U"
        nan = a.dtype.kind in "fcM"
        return (
            (text or a.dtype.newbyteorder("=") == b.dtype.newbyteorder("="))
            and a.shape == b.shape
            and np.array_equal(a, b, equal_nan=nan)
        )
    if isinstance(a, sparse.csr_array):
        parts = ("data", "indices", "indptr")
        return a.shape == b.shape and a.dtype == b.dtype and all(same(getattr(a, p), getattr(b, p)) for p in parts)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or (a != a and b != b))


def stage(values, name="values", **columns) -> StageData:
    """A stage of values whose cases are numbered, or have the columns given."""
    cases = pd.DataFrame(columns or {"number": range(len(values))})
    return StageData(name, cases=cases, keys=[f"key{i}" for i in range(len(values))], entries=map(encode, values))


def through_store(values, folder):
    """The values after a way through a store."""
    write_store(folder / "way.h5", attrs={}, stages=[stage(values)])
    with open_store(folder / "way.h5") as store:
        dataset = store["values"]
        assert all(same(a, b) for a, b in zip(dataset.load(), (dataset[i] for i in range(len(values)))))
        return list(dataset)


def through_shard(values, folder):
    """The values after a way through a shard."""
    (folder / "way.shard").unlink(missing_ok=True)
    with ShardWriter(folder / "way.shard") as shard:
        shard.append("all", {}, [encode(value) for value in values])
    (entry,) = scan(folder / "way.shard")
    return [decode(encoded) for encoded in read(entry)]

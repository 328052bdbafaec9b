"""Conditions on cases do what DataFrame.query does, and nothing else."""

import time

import numpy as np
import pandas as pd
import pytest

from conntap.errors import StoreError
from conntap.store import StageData, encode, open_store, write_store
from conntap.store.queries import meets

CASES = pd.DataFrame(
    {
        "i": [0, 1, 2, 3],
        "x": [0.5, np.nan, 2.5, -1.0],
        "t": ["a", "b", "it's & so", "a"],
        "n": pd.array([1, None, 3, 4], dtype="Int64"),
        "flag": [True, False, True, False],
        "two words": [4, 3, 2, 1],
    }
)


@pytest.mark.parametrize(
    "query",
    [
        "i > 1",
        "0 < i <= 2",
        "i > 0 & x > 0 | t == 'a'",
        "~(i == 2) and not flag",
        "flag",
        "i in [1, 3]",
        "t not in ['a']",
        "i == [0, 2]",
        "`two words` > i",
        't == "it\'s & so"',
        "i * 2 - 1 == `two words` - 1",
        "-i < -1 or x / 2 > 1",
        "n > 1",
        "x != x",
    ],
)
def test_a_condition_means_what_pandas_takes_it_for(query):
    expected = CASES.eval(query, engine="python").fillna(False).to_numpy(dtype=bool)
    assert meets(CASES, query, "here").tolist() == expected.tolist()


def test_a_missing_value_meets_nothing_but_none():
    assert meets(CASES, "not n > 1", "here").tolist() == [True, False, False, False]
    assert meets(CASES, "n == None", "here").tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("i.to_csv('{aside}') == 1", "not allowed"),
        ("i.values.tofile('{aside}')", "not allowed"),
        ("open('{aside}', 'w') == 1", "not allowed"),
        ("@i > 1", "cannot be evaluated"),
        ("i[0] == 1", "not allowed"),
        ("(lambda: i)() == 1", "not allowed"),
        ("i == f'{{i}}'", "not allowed"),
        ("2 ** i == 2", "not allowed"),
        ("t * 3 == 'aaa'", "arithmetic on t is not allowed"),
        ("ii > 1", "unknown case column 'ii'; known: .*Did you mean 'i'"),
        ("i > 'a'", "cannot be evaluated"),
        ("", "no condition"),
        ("   ", "no condition"),
        ("i + 1", "i \\+ 1 is no condition"),
        ("i = 1", "cannot be evaluated"),
        ("1 < 2", "without a column"),
        ("i in flag", "not allowed"),
        ("9" * 5000 + " > i", "cannot be evaluated"),
        ("(" * 3000 + "i > 1" + ")" * 3000, "cannot be evaluated"),
        ("not " * 9000 + "flag", "cannot be evaluated"),
        ("i" + " + 1" * 9000 + " > 1", "cannot be evaluated"),
    ],
)
def test_whatever_is_no_condition_on_columns_is_refused(tmp_path, query, message):
    start = time.perf_counter()
    with pytest.raises(StoreError, match=message):
        meets(CASES, query.replace("{aside}", str(tmp_path / "aside")), "here")
    assert not list(tmp_path.iterdir())
    assert time.perf_counter() - start < 5


def test_a_query_of_a_dataset_cannot_write_a_file(tmp_path):
    stage = StageData("counts", cases=CASES[["i"]], keys=list("abcd"), entries=map(encode, range(4)))
    write_store(tmp_path / "s.h5", attrs={}, stages=[stage])
    with open_store(tmp_path / "s.h5") as store:
        assert store["counts"].load("i > 1").tolist() == [2, 3]
        with pytest.raises(StoreError, match="not allowed"):
            store["counts"].frame(f"i.to_csv('{tmp_path / 'aside'}') == 1")
    assert not (tmp_path / "aside").exists()

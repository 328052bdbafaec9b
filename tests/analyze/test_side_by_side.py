"""A measure before and after."""

import numpy as np
import pandas as pd
import pytest

from conntap import analyze
from conntap.errors import OptionError


def test_counts_stand_side_by_side_and_what_is_gone_is_nothing():
    before, after = pd.Series([4, 5, 2, 0]), pd.Series([4, 1])
    found = analyze.change(before, after, fill_value=0)
    assert found["after"].tolist() == [4, 1, 0, 0]
    assert found["change"].tolist() == [0, -4, -2, 0]
    assert found["ratio"].fillna(-1).tolist() == [1, 0.2, 0, -1]
    assert found["change"].dtype == np.int64


def test_what_only_one_side_has_is_unknown_unless_told_otherwise():
    found = analyze.change(pd.Series({"a": 1.0}), pd.Series({"b": 2.0, "a": 3.0}))
    assert list(found.index) == ["a", "b"]
    assert found.loc["a"].tolist() == [1, 3, 2, 3]
    assert found.loc["b", ["before", "change", "ratio"]].isna().all()


def test_nothing_is_infinite_and_the_input_is_untouched():
    before, after = pd.Series([0, 1], dtype=np.uint32), pd.Series([3, 0], dtype=np.uint32)
    found = analyze.change(before, after)
    assert found["change"].tolist() == [3, -1]
    assert np.isnan(found["ratio"].iloc[0])
    assert before.dtype == np.uint32


def test_empty_series_give_an_empty_table():
    empty = pd.Series([], dtype=np.int64, index=pd.RangeIndex(0, name="dimension"))
    found = analyze.change(empty, empty)
    assert found.shape == (0, 4)
    assert found.index.name == "dimension"


@pytest.mark.parametrize(
    ("before", "message"), [(["a"], r"change\.before: holds .*only numbers"), ([1, 2], r"change\.before: .*twice")]
)
def test_text_and_repeated_entries_are_refused(before, message):
    series = pd.Series(before, index=["a"] * len(before))
    with pytest.raises(OptionError, match=message):
        analyze.change(series, pd.Series([1], index=["a"]))

"""Values of many cases as one table."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from store_samples import scalars, stage, tables

from conntap.errors import StoreError
from conntap.store import open_store, write_store


@pytest.fixture
def frame(tmp_path):
    """The frame of a stage of values called "n", and what to choose of it."""

    def made(values, query=None, named=None, **columns):
        write_store(tmp_path / "f.h5", attrs={}, stages=[stage(values, "n", **columns)])
        with open_store(tmp_path / "f.h5") as store:
            return store["n"].frame(query, **(named or {}))

    return made


def test_scalars_become_a_column_by_the_cases_that_vary(frame):
    table = frame([3, 4], circuit=["c", "c"], subtarget=["A", "B"])
    assert table.index.names == ["subtarget"]
    assert table["n"].to_dict() == {"A": 3, "B": 4}
    assert table["n"].dtype == np.int64


def test_case_columns_that_are_named_stay(frame):
    table = frame([3, 4], named={"circuit": "c"}, circuit=["c", "c"], subtarget=["A", "B"])
    assert table.index.names == ["circuit", "subtarget"]


def test_a_single_case_keeps_its_columns(frame):
    assert frame([3], circuit=["c"], draw=[0]).index.tolist() == [("c", 0)]


def test_series_keep_their_own_level(frame):
    counts = [
        pd.Series([5, 2], index=pd.Index([0, 1], name="dimension")),
        pd.Series([7], pd.Index([0], name="dimension")),
    ]
    table = frame(counts, subtarget=["A", "B"])
    assert table["n"].to_dict() == {("A", 0): 5, ("A", 1): 2, ("B", 0): 7}
    assert table.index.names == ["subtarget", "dimension"]


def test_tables_keep_their_columns_and_their_levels(frame):
    one = pd.DataFrame({"x": [1, 2], "kind": ["e", None]}, index=pd.Index([7, 9], name="id"))
    table = frame([one, one.iloc[:1]], subtarget=["A", "B"])
    assert list(table.columns) == ["x", "kind"]
    assert table.index.tolist() == [("A", 7), ("A", 9), ("B", 7)]
    assert table["kind"].isna().tolist() == [False, True, False]


def test_a_level_without_a_name_is_called_entry_and_one_of_a_case_gets_value_before_it(frame):
    plain = pd.DataFrame({"x": [1, 2]})
    assert frame([plain, plain], draw=[0, 1]).index.names == ["draw", "entry"]
    layered = pd.Series([1.0], index=pd.Index([4], name="layer"))
    assert frame([layered, layered], layer=[1, 2]).index.names == ["layer", "value_layer"]


def test_dictionaries_of_scalars_become_rows(frame):
    table = frame([{"mean": 1.5, "name": "a"}, {"mean": 2, "name": None}], draw=[0, 1])
    assert table["mean"].tolist() == [1.5, 2.0]
    assert table["name"].isna().tolist() == [False, True]


def test_categories_that_differ_from_value_to_value_are_brought_together(frame):
    values = [pd.Series(pd.Categorical(["b", None])), pd.Series(pd.Categorical(["a", "b"]))]
    column = frame(values, draw=[0, 1])["n"]
    assert list(column.cat.categories) == ["b", "a"]
    assert column.tolist() == ["b", np.nan, "a", "b"] or column.isna().tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("first", "second", "order"),
    [
        (["low", "high"], ["low", "high"], ["low", "high"]),
        (["low", "high"], ["low", "mid", "high"], ["low", "mid", "high"]),
        ([9, 3], [5, 9], [5, 9, 3]),
    ],
)
def test_orders_of_categories_that_fit_together_are_one(first, second, order, frame):
    values = [pd.Series(pd.Categorical(own, categories=own, ordered=True)) for own in (first, second)]
    column = frame(values, draw=[0, 1])["n"]
    assert column.cat.ordered
    assert list(column.cat.categories) == order
    assert column.tolist() == [*first, *second]


@pytest.mark.parametrize("second", [["high", "low"], ["low", "mid"]], ids=["contradicting", "undecided"])
def test_orders_of_categories_that_do_not_fit_together_are_given_up(second, frame):
    values = [pd.Series(pd.Categorical(own, categories=own, ordered=True)) for own in (["low", "high"], second)]
    column = frame(values, draw=[0, 1])["n"]
    assert not column.cat.ordered
    assert column.tolist() == ["low", "high", *second]


def test_missing_scalars_become_nan_and_mixtures_objects(frame):
    assert frame([1, None, 2.5], draw=[0, 1, 2])["n"].isna().tolist() == [False, True, False]
    assert frame([1, "x"], draw=[0, 1])["n"].tolist() == [1, "x"]
    assert frame([True, False], draw=[0, 1])["n"].dtype == bool


def test_a_query_chooses_cases(frame):
    assert frame([1, 2, 3], "draw != 1", draw=[0, 1, 2])["n"].tolist() == [1, 3]
    assert len(frame([1, 2, 3], "draw > 7", draw=[0, 1, 2])) == 0


@pytest.mark.parametrize(
    "value", [np.ones(3), sparse.csr_array(np.eye(2)), [np.ones((2, 1), dtype=int)], {"a": np.ones(2)}]
)
def test_values_that_are_no_rows_are_refused_with_a_way_out(frame, value):
    with pytest.raises(StoreError, match=r"do not make one table.*Use \.load, or \.summarize"):
        frame([value])


few = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(values=st.lists(tables(), min_size=1, max_size=4))
def test_a_frame_of_tables_is_the_tables_under_each_other(values, frame):
    values = [_small(value.reset_index(drop=True).rename(columns=lambda name: f"c{name}")) for value in values]
    got = frame(values, draw=list(range(len(values))))
    for number, value in enumerate(values):
        own = got[got.index.get_level_values("draw") == number] if len(values) > 1 else got
        for name in value:
            assert _plain(own[name]) == _plain(value[name])


def _small(table):
    """The table with integers that stay what they are as floats, since a value may lack a column of another."""
    wide = [name for name in table if table[name].dtype == np.int64]
    return table.assign(**{name: table[name] % 2**50 for name in wide})


def _plain(column):
    return [None if pd.isna(value) else value for value in column]


@few
@given(values=st.lists(scalars, min_size=1, max_size=6))
def test_a_frame_of_scalars_has_them_in_the_order_of_the_cases(values, frame):
    got = frame(values, draw=list(range(len(values))))["n"].tolist()
    for a, b in zip(values, got, strict=True):
        assert a == b or pd.isna(b)
        assert pd.isna(b) == (a is None or a != a)


def test_sweeps_over_lists_are_levels_of_tuples(frame, tmp_path):
    columns = {"window": [[0, 1], [0, 2], None], "draw": [0, 1, 1]}
    table = frame([1, 2, 3], **columns)
    assert table.index.tolist()[:2] == [((0, 1), 0), ((0, 2), 1)]
    alone = frame([1, 2], window=[[0, 1], [0, 2]])
    assert (alone.index.names, alone.index.tolist()) == (["window"], [(0, 1), (0, 2)])
    with open_store(tmp_path / "f.h5") as store:
        assert store["n"].load(window=[(0, 2)]).tolist() == [2]

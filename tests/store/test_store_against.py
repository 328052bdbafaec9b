"""Values against the draws of a control, by hand and against scipy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats
from store_samples import stage

from conntap.errors import StoreError
from conntap.store import open_store, write_store


@pytest.fixture
def against(tmp_path):
    def made(values, name="er", fill_value=0.0, **columns):
        write_store(tmp_path / "g.h5", attrs={}, stages=[stage(values, "n", **columns)])
        with open_store(tmp_path / "g.h5") as store:
            return store["n"].against(name, fill_value=fill_value)

    return made


def drawn(n, name="er"):
    """The case columns of one original and n draws."""
    return {"control": ["original", *[name] * n], "draw": [-1, *range(n)]}


def test_a_case_by_hand(against):
    row = against([9, 2, 4, 3], **drawn(3)).iloc[0]
    assert row[["value", "mean", "sd", "z", "ratio"]].tolist() == [9, 3, 1, 6, 3]
    assert row[["p_upper", "p_lower", "p", "draws", "p_floor"]].tolist() == [0.25, 1.0, 0.5, 3, 0.25]


def test_ties_count_on_both_sides(against):
    row = against([3, 3, 5, 1], **drawn(3)).iloc[0]
    assert row[["p_upper", "p_lower", "p"]].tolist() == [0.75, 0.75, 1.0]


def test_numbers_that_differ_by_rounding_are_ties(against):
    row = against([0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2], **drawn(3)).iloc[0]
    assert row[["p_upper", "p_lower", "sd"]].tolist() == [1.0, 1.0, 0.0]
    assert np.isnan(row["z"])
    assert against([0.3, 0.3 + 1e-12], **drawn(1)).iloc[0]["p_lower"] == 0.5
    assert against([np.inf, np.inf, 1.0], **drawn(2)).iloc[0][["p_upper", "p_lower"]].tolist() == [2 / 3, 1.0]


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tenths=st.lists(st.integers(1, 9), min_size=3, max_size=6))
def test_ties_are_those_of_scipy(tenths, against):
    values = [0.1 * each if i % 2 else each / 10 for i, each in enumerate(tenths)]
    row = against(values, **drawn(len(values) - 1)).iloc[0]
    for side, name in (("greater", "p_upper"), ("less", "p_lower")):
        assert row[name] == pytest.approx(_scipy_p(values[0], values[1:], side))


def test_cases_that_differ_in_a_swept_option_do_not_lend_each_other_entries(against):
    def counts(*n):
        return pd.Series(n, index=pd.RangeIndex(len(n), name="dimension"))

    values = [counts(4, 6), counts(4, 5), counts(4, 6, 2), counts(4, 5)]
    columns = {"max_dimension": [1, 1, 2, 2], "control": ["original", "er"] * 2, "draw": [-1, 0] * 2}
    table = against(values, **columns)
    assert table.index.tolist() == [(1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    assert table.loc[(2, 2), ["value", "mean", "draws"]].tolist() == [2, 0, 1]


@pytest.mark.parametrize("make", [lambda part: pd.DataFrame([part]), dict], ids=["tables", "dictionaries"])
def test_cases_do_not_lend_each_other_columns(make, against):
    values = [make({"x": 1}), make({"x": 2}), make({"x": 3, "y": 8}), make({"x": 4})]
    columns = {"measure": ["a", "a", "b", "b"], "control": ["original", "er"] * 2, "draw": [-1, 0] * 2}
    table = against(values, **columns).reset_index().set_index(["measure", "column"])
    assert sorted(table.index) == [("a", "x"), ("b", "x"), ("b", "y")]
    assert table.loc[("b", "y"), ["value", "mean", "draws"]].tolist() == [8, 0, 1]


def test_cases_are_kept_apart_and_named(against):
    table = against(
        [5, 1, 3, 50, 10, 30],
        subtarget=["A"] * 3 + ["B"] * 3,
        control=["original", "er", "er"] * 2,
        draw=[-1, 0, 1] * 2,
    )
    assert table["mean"].to_dict() == {"A": 2, "B": 20}


def test_an_entry_that_a_draw_lacks_counts_as_zero(against):
    def counts(*n):
        return pd.Series(n, index=pd.RangeIndex(len(n), name="dimension"))

    values = [counts(4, 6, 2), counts(4, 4), counts(4, 2), counts(4, 3, 1)]
    table = against(values, **drawn(3))
    assert table.index.name == "dimension"
    assert table["mean"].tolist() == pytest.approx([4, 3, 1 / 3])
    assert table.loc[2, "sd"] == pytest.approx(np.std([0, 0, 1], ddof=1))
    assert table.loc[2, "p_upper"] == 1 / 4
    without = against(values, fill_value=None, **drawn(3))
    assert without.loc[2, ["mean", "draws"]].tolist() == [1, 1]


def test_an_entry_that_only_draws_have_is_zero_in_the_original(against):
    values = [pd.Series([1.0], ["a"]), pd.Series([1.0, 2.0], ["a", "b"])]
    assert against(values, **drawn(1)).loc["b", "value"] == 0


def test_z_is_nan_without_spread_and_ratio_without_mean(against):
    row = against([1, 0, 0], **drawn(2)).iloc[0]
    assert row["sd"] == 0
    assert np.isnan(row["z"])
    assert np.isnan(row["ratio"])


def test_tables_are_compared_column_by_column(against):
    table = against([pd.DataFrame({"x": [1], "y": [5], "t": ["no"]})] * 3, **drawn(2))
    assert table.index.names == ["entry", "column"]
    assert table["mean"].to_dict() == {(0, "x"): 1, (0, "y"): 5}


def test_nan_among_the_draws_is_left_out(against):
    assert against([2.0, np.nan, 1.0], **drawn(2))[["mean", "draws"]].iloc[0].tolist() == [1, 1]


def test_slices_that_are_missing_in_some_cases_stay_cases(against):
    columns = {"layer": [None, None, 4.0, 4.0], "control": ["original", "er"] * 2, "draw": [-1, 0] * 2}
    assert against([10, 5, 4, 1], **columns)["mean"].tolist() == [5, 1]


def test_an_unknown_control_gets_the_nearest_and_a_stage_without_controls_says_so(against):
    with pytest.raises(StoreError, match=r"unknown control 'err'; known: er. Did you mean 'er'"):
        against([1, 2], "err", **drawn(1))
    with pytest.raises(StoreError, match="it has no controls"):
        against([1, 2], draw=[0, 1])
    with pytest.raises(StoreError, match="no numbers"):
        against(["a", "b"], **drawn(1))


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.integers(-5, 5).map(float), min_size=4, max_size=9))
def test_z_and_p_agree_with_scipy(values, against):
    row = against(values, **drawn(len(values) - 1)).iloc[0]
    original, draws = values[0], values[1:]
    assert row["mean"] == pytest.approx(np.mean(draws))
    if np.ptp(draws) > 0:
        assert row["z"] == pytest.approx(stats.zmap([original], draws, ddof=1)[0])
    for side, name in (("greater", "p_upper"), ("less", "p_lower")):
        assert row[name] == pytest.approx(_scipy_p(original, draws, side))
    assert row["p_floor"] <= row["p"] <= 1


def _scipy_p(original, draws, side):
    """The p-value of scipy's Monte Carlo test, handed our draws as its null distribution."""
    test = stats.monte_carlo_test(
        [original],
        rvs=lambda size: np.reshape(draws, size),
        statistic=lambda sample, axis: np.sum(sample, axis=axis),
        n_resamples=len(draws),
        alternative=side,
    )
    return test.pvalue

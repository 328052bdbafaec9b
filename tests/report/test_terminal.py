"""Results as tables for a terminal: the original beside what chance gives."""

import numpy as np
import pandas as pd
import pytest

from conntap.report import terminal
from conntap.store import StageData, encode, open_store, write_store


@pytest.fixture
def stored(tmp_path):
    def store(values, **stage):
        cases = pd.DataFrame({"subtarget": ["a"] * len(values), **stage.pop("columns", {})})
        data = StageData(
            "n", cases=cases, keys=list(map(str, range(len(values)))), entries=map(encode, values), **stage
        )
        write_store(tmp_path / "store.h5", attrs={}, stages=[data])
        return open_store(tmp_path / "store.h5")

    return store


CONTROLLED = {"control": ["original", "er", "er"], "draw": [-1, 0, 1]}


def counts(*numbers):
    return pd.Series(numbers, index=pd.RangeIndex(len(numbers), name="dimension"), name="count")


def test_draws_become_mean_and_standard_deviation(stored):
    table = terminal.values(stored([counts(5, 9), counts(5, 2), counts(5, 4)], columns=CONTROLLED)["n"])
    assert table["dimension 1"].tolist() == ["9", f"3 ± {np.sqrt(2):.2g}"]
    assert table["dimension 0"].tolist() == ["5", "5"]


def test_a_dimension_that_a_draw_lacks_counts_as_none(stored):
    table = terminal.values(stored([counts(5, 9, 1), counts(5, 2), counts(5, 4)], columns=CONTROLLED)["n"])
    assert table["dimension 2"].tolist() == ["1", "0"]


def test_entries_too_many_for_columns_are_rows_of_their_own(stored):
    values = [counts(*range(20)), counts(*range(20)), counts(*range(1, 21))]
    table = terminal.values(stored(values, columns=CONTROLLED)["n"])
    assert len(table) == 2 * 20
    assert table.loc[table["control"] == "er", "n"].tolist()[0] == "0.5 ± 0.71"


def test_values_that_are_no_numbers_are_told_in_a_few_words(stored):
    table = terminal.values(stored([np.zeros((2, 3)), np.ones((4, 4))])["n"])
    assert table["value"].tolist() == ["ndarray of shape (2, 3)", "ndarray of shape (4, 4)"]


def test_the_overview_tells_what_is_not_complete(stored):
    store = stored([1, 2], attrs={"units": 3, "units_done": 2}, step="room.step")
    assert terminal.overview(store)["units"].tolist() == ["2 of 3"]
    assert terminal.telling(store) == "n"


def test_what_a_sweep_left_out_stays_missing_beside_draws(stored):
    columns = {"top": [1, 1, 2, 2], "control": ["original", "er"] * 2, "draw": [-1, 0] * 2}
    values = [counts(5, 9), counts(5, 9), counts(5, 9, 1), counts(5, 9)]
    table = terminal.values(stored(values, columns=columns, options={"each top": [1, 2]})["n"])
    assert table["dimension 2"].isna().tolist() == [True, True, False, False]


def judged(*numbers):
    return pd.Series(numbers, pd.Index(["roc_auc", "pr_auc", "subtarget"], name="measure"), name="value")


def test_entries_with_names_are_heads_without_what_they_are(stored):
    table = terminal.values(stored([judged(0.9, 0.5, 1.0)] * 2, columns={"subtarget": ["a", "b"]})["n"])
    assert list(table) == ["subtarget", "roc_auc", "pr_auc", "measure subtarget"]


def test_named_entries_of_one_value_without_cases_are_heads_too(tmp_path):
    cases = pd.DataFrame(index=pd.RangeIndex(1))
    data = StageData("n", cases=cases, keys=["n"], entries=[encode(judged(0.9, 0.5, 1.0))])
    write_store(tmp_path / "store.h5", attrs={}, stages=[data])
    table = terminal.values(open_store(tmp_path / "store.h5")["n"])
    assert list(table) == ["roc_auc", "pr_auc", "subtarget"]

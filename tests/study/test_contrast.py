"""A stage that measures originals against one that measures stored draws."""

import numpy as np
import pandas as pd
import pytest

from conntap import open_store
from conntap.errors import StoreError
from conntap.store import StageData, encode, write_store
from conntap.study import against, load_study, run
from conntap.study.contrast import contrasted, lacking
from conntap.study.entries import with_run


@pytest.fixture
def stages(tmp_path):
    """Writes stages of (cases, values) and opens the store."""
    opened = []

    def write(**given):
        data = [
            StageData(
                name,
                cases=pd.DataFrame(cases),
                keys=[f"{name} {n}" for n in range(len(values))],
                entries=map(encode, values),
            )
            for name, (cases, values) in given.items()
        ]
        write_store(tmp_path / "results.h5", attrs={}, stages=data)
        opened.append(open_store(tmp_path / "results.h5"))
        return opened[-1]

    yield write
    for each in opened:
        each.close()


def test_a_value_stands_against_the_draws_of_its_own_case(stages):
    draws = {"subtarget": ["A"] * 3 + ["B"] * 3, "repeat": [0, 1, 2] * 2}
    store = stages(n=({"subtarget": ["B", "A"]}, [9, 5]), r=(draws, [5, 5, 8, 2, 4, 3]))
    table = against(store["n"], store["r"])
    assert table.index.tolist() == ["B", "A"]
    assert table.loc["B", ["value", "mean", "sd", "z", "p_upper", "draws"]].tolist() == [9, 3, 1, 6, 0.25, 3]
    assert table.loc["A", ["value", "mean", "p_lower"]].tolist() == [5, 6, 0.75]


def test_entries_that_draws_lack_count_as_zero_or_are_left_out(stages):
    values = [pd.Series([4, 2], index=pd.RangeIndex(2, name="dimension"))]
    draws = [pd.Series([3], index=pd.RangeIndex(1, name="dimension")) for _ in range(2)]
    store = stages(n=({"circuit": ["c"]}, values), r=({"circuit": ["c", "c"], "repeat": [0, 1]}, draws))
    table = against(store["n"], store["r"])
    assert table.index.name == "dimension"
    assert table["mean"].tolist() == [3, 0]
    assert table["draws"].tolist() == [2, 2]
    assert np.isnan(against(store["n"], store["r"], fill_value=None).loc[1, "mean"])


def test_what_the_draws_sweep_is_compared_value_by_value(stages):
    cases = {"circuit": ["c"] * 4, "swaps": [1, 1, 9, 9], "repeat": [0, 1, 0, 1]}
    store = stages(n=({"circuit": ["c"]}, [1]), r=(cases, [1, 3, 5, 7]))
    table = against(store["n"], store["r"])
    assert table.index.name == "swaps"
    assert table["mean"].to_dict() == {1: 2, 9: 6}


def test_draws_of_what_was_drawn_itself_stand_beside_their_own_originals(stages):
    draws = {"circuit": ["c"] * 4, "cut_repeat": [0, 0, 1, 1], "repeat": [0, 1, 0, 1]}
    store = stages(n=({"circuit": ["c"] * 2, "repeat": [0, 1]}, [1, 2]), r=(draws, [1, 3, 5, 7]))
    table = against(store["n"], store["r"])
    assert table.index.name == "cut_repeat"
    assert table["mean"].to_dict() == {0: 2, 1: 6}


def test_what_only_the_originals_sweep_is_refused(stages):
    draws = {"circuit": ["c", "c"], "repeat": [0, 1]}
    store = stages(n=({"circuit": ["c", "c"], "scale": [1.0, 2.0]}, [1, 2]), r=(draws, [1, 3]))
    with pytest.raises(StoreError, match="the first differs in 'scale', which the second lacks"):
        against(store["n"], store["r"])


def test_where_one_stage_is_sliced_only_its_uncut_values_are_compared(stages):
    sliced = {"circuit": ["c"] * 2, "slice": ["full", "s"], "layer": pd.array([None, 4], dtype="Int64")}
    draws = {"circuit": ["c", "c"], "repeat": [0, 1]}
    store = stages(n=(sliced, [9, 2]), r=(draws, [5, 7]))
    assert against(store["n"], store["r"])[["value", "mean"]].to_numpy().tolist() == [[9, 6]]
    more = {name: np.repeat(each, 2) for name, each in sliced.items()} | {"repeat": [0, 1, 0, 1]}
    store = stages(n=({"circuit": ["c"]}, [9]), r=(more, [5, 7, 0, 0]))
    assert against(store["n"], store["r"])[["value", "mean"]].to_numpy().tolist() == [[9, 6]]


def test_slices_are_compared_with_the_same_slices(stages):
    def cases(n):
        return {"slice": ["full"] * n + ["s"] * n, "layer": pd.array([None] * n + [4] * n, dtype="Int64")}

    store = stages(n=(cases(1), [5, 2]), r=({**cases(2), "repeat": [0, 1, 0, 1]}, [3, 5, 0, 2]))
    assert against(store["n"], store["r"])["mean"].tolist() == [4, 1]


def test_draws_that_lack_all_slices_yet_stand_beside_the_uncut_values(stages):
    cut = {"slice": ["full", "layer=1"], "layer": [np.nan, 1.0]}
    uncut = {"slice": ["full"] * 2, "layer": [None] * 2, "repeat": [0, 1]}
    store = stages(n=(cut, [4, 9]), r=(uncut, [1, 2]))
    assert against(store["n"], store["r"])[["value", "mean", "draws"]].to_numpy().tolist() == [[4, 1.5, 2]]


def test_tables_are_compared_column_by_column(stages):
    table = pd.DataFrame({"in": [1, 2], "out": [3, 4], "name": ["x", "y"]}, index=pd.Index([7, 8], name="id"))
    store = stages(n=({"circuit": ["c"]}, [table]), r=({"circuit": ["c"] * 2, "repeat": [0, 1]}, [table, table]))
    found = against(store["n"], store["r"])
    assert found.index.names == ["id", "column"]
    assert found["ratio"].tolist() == [1, 1, 1, 1]


def test_the_statistics_are_those_of_controls_of_the_stage(write, stages):
    """The same numbers, stored as draws of a control and as a stage of their own, say the same."""
    rng = np.random.default_rng(1)
    real, random = [rng.poisson(4, 5) for _ in range(3)], [rng.poisson(3, 5) for _ in range(3 * 8)]
    index = pd.RangeIndex(5, name="dimension")
    values = [pd.Series(each, index=index) for each in [*real, *random]]
    names = list("abc")
    drawn = {"subtarget": np.repeat(names, 8).tolist(), "repeat": list(range(8)) * 3}
    both = {
        "subtarget": [*names, *drawn["subtarget"]],
        "control": ["original"] * 3 + ["er"] * 24,
        "draw": [-1] * 3 + drawn["repeat"],
    }
    store = stages(n=({"subtarget": names}, values[:3]), r=(drawn, values[3:]), c=(both, values))
    expected = store["c"].against("er")
    pd.testing.assert_frame_equal(against(store["n"], store["r"]), expected)
    pd.testing.assert_frame_equal(against(store["c"], store["r"]), expected)


def test_what_cannot_be_compared_is_told(stages):
    store = stages(
        n=({"circuit": ["c"]}, [1]), text=({"circuit": ["c"]}, ["x"]), r=({"circuit": ["c"], "repeat": [0]}, [1]),
        other=({"circuit": ["d"], "repeat": [0]}, [1]),
    )  # fmt: skip
    with pytest.raises(StoreError, match="n: its cases have no column 'repeat'"):
        against(store["r"], store["n"])
    with pytest.raises(StoreError, match="n, other: no case of one agrees with a case of the other in circuit"):
        against(store["n"], store["other"])
    with pytest.raises(StoreError, match="text: its values are no numbers"):
        against(store["text"], store["r"])


def test_stored_controls_of_a_study_end_to_end(write, local):
    body = local + (
        "  counts: {do: analyze.simplex_counts, of: local, slices: [ei]}\n"
        "  random: {do: manipulate.erdos_renyi, of: local, repeat: 5}\n"
        "  random_counts: {do: analyze.simplex_counts, of: random, slices: [ei]}\nslices: {ei: ei}\n"
    )
    outcome = run(with_run(load_study(write(body)), workers=1))
    with open_store(outcome.store) as store:
        table = against(store["counts"], store["random_counts"])
        assert table.index.names == ["subtarget", "slice", "ei", "dimension"]
        whole = table.xs("full", level="slice").droplevel("ei")
        assert whole.loc[("1", 1), ["value", "mean", "sd"]].tolist() == [3, 3, 0]
        assert (table["draws"] == 5).all()


def test_draws_that_failed_are_told_of_a_stage_and_of_a_control(write):
    body = (
        "controls: {er: {do: manipulate.erdos_renyi, draws: 8}}\nstages:\n"
        "  n: {do: 'plugin_steps:edges', of: circuits.toy, controls: [er]}\n"
        "  m: {do: 'plugin_steps:fail_often', of: circuits.toy, controls: [er]}\n"
        "  drawn: {do: manipulate.erdos_renyi, of: circuits.toy, repeat: 8}\n"
        "  n_of_drawn: {do: 'plugin_steps:fail_often', of: drawn}\n"
        "  none_of_drawn: {do: 'plugin_steps:fail_on', of: drawn, n_nodes: 6}\n"
    )
    outcome = run(with_run(load_study(write(body, seed=1)), workers=1))
    with open_store(outcome.store) as store:
        (said,) = lacking(store, "n", "n_of_drawn")
        done = store["n_of_drawn"].attrs["units_done"]
        assert 0 < done < 8
        assert said.startswith(f"{done} of 8 draws of n_of_drawn are done; the rest failed or is missing")
        assert lacking(store, "n", "er") == []
        done = int((store["m"].cases["control"] == "er").sum())
        assert 0 < done < 8
        assert lacking(store, "m", "er")[0].startswith(f"{done} of 8 draws of er are done")
        with pytest.raises(StoreError, match="n: none of the 8 draws of none_of_drawn is done"):
            contrasted(store, "n", "none_of_drawn")

"""Values by position in simplices and by participation: by hand, and against lists of simplices."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.analyze import (
    edge_values_by_position,
    simplex_lists,
    values_by_participation,
    values_by_position,
)
from conntap.circuits import Connectome
from conntap.errors import OptionError

FUNCTIONS = {"mean": np.mean, "sum": np.sum, "sd": np.std, "min": np.min, "max": np.max}
DEPTHS = pd.DataFrame({"depth": [1.0, 5.0, 9.0, np.nan], "kind": list("eeii")}, index=list("abcd"))
FOUR = Connectome(DEPTHS, [0, 0, 1, 1, 2], [1, 2, 2, 3, 3], properties={"weight": [1.0, 2.0, 3.0, 4.0, 5.0]})


def some(seed, n=25, p=0.3):
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero(rng.random((n, n)) < p)
    again = rng.integers(0, len(pre), 20)
    pre, post = np.append(pre, pre[again]), np.append(post, post[again])
    nodes = pd.DataFrame({"x": rng.normal(size=n)})
    return Connectome(nodes, pre, post, properties={"weight": rng.random(len(pre))})


def test_the_first_place_is_the_source():
    table = values_by_position(FOUR, values="depth")
    assert table.loc[2].tolist() == [3.0, 7.0, 9.0]
    assert table.loc[1].tolist()[:2] == pytest.approx([(1 + 1 + 5 + 5 + 9) / 5, (5 + 9 + 9) / 3])
    assert np.isnan(table.loc[1, 2])
    assert (table.index.name, table.columns.name) == ("dimension", "position")


def test_with_multiplicity_a_node_counts_for_each_simplex():
    assert values_by_position(FOUR, values="depth", statistic="sum").loc[1, 0] == 21.0
    assert values_by_position(FOUR, values="depth", statistic="sum", counted="distinct").loc[1, 0] == 15.0


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 100), st.sampled_from(list(FUNCTIONS)), st.sampled_from(["simplices", "distinct"]))
def test_values_are_those_over_the_list_of_simplices(seed, statistic, counted):
    connectome = some(seed)
    table = values_by_position(connectome, values="x", statistic=statistic, counted=counted)
    x = connectome.nodes["x"].to_numpy()
    for dimension, rows in enumerate(simplex_lists(connectome)):
        for place in range(dimension + 1):
            nodes = rows[:, place] if counted == "simplices" else np.unique(rows[:, place])
            assert table.loc[dimension, place] == pytest.approx(FUNCTIONS[statistic](x[nodes]), abs=1e-9)


@pytest.mark.parametrize("position", ["any", "spine", "first", "last"])
@pytest.mark.parametrize("counted", ["simplices", "distinct"])
def test_values_of_edges_are_those_over_the_list_of_simplices(position, counted):
    connectome = some(3)
    merged = pd.Series(connectome.properties["weight"]).groupby([connectome.pre, connectome.post]).max()
    series = edge_values_by_position(connectome, values="weight", position=position, counted=counted, merge="max")
    assert (series.index.name, series.name) == ("dimension", "weight")
    for k, rows in enumerate(simplex_lists(connectome)):
        pairs = {
            "any": [(i, j) for j in range(k + 1) for i in range(j)],
            "spine": [(i, i + 1) for i in range(k)],
            "first": [(0, 1)],
            "last": [(k - 1, k)],
        }[position]
        if k > 0:
            ends = pd.DataFrame(np.concatenate([rows[:, list(pair)] for pair in pairs]))
            ends = ends if counted == "simplices" else ends.drop_duplicates()
            assert series[k] == pytest.approx(merged.reindex(pd.MultiIndex.from_frame(ends)).mean())


def test_edges_of_no_simplex_give_nothing():
    lonely = Connectome(3, [0, 1], [0, 1], properties={"weight": [1.0, 2.0]})
    assert edge_values_by_position(lonely, values="weight").isna().all()


def test_values_by_participation_are_of_nodes_in_more_simplices():
    connectome = some(1)
    table = values_by_participation(connectome, values="x", dimension=2, points=5)
    rows = simplex_lists(connectome, dimensions=2)[0]
    taken = np.bincount(rows.ravel(), minlength=25)
    assert len(table) == 5
    assert table.index[-1] == taken.max()
    x = connectome.nodes["x"].to_numpy()
    for level, row in table.iloc[:-1].iterrows():
        assert row["nodes"] == (taken > level).sum()
        assert row["value"] == pytest.approx(x[taken > level].mean())
    assert table["nodes"].iloc[-1] == 0
    assert np.isnan(table["value"].iloc[-1])


def test_dimensions_that_do_not_occur_have_no_nodes():
    assert values_by_participation(FOUR, values="depth", dimension=9)["nodes"].tolist() == [0]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_connectomes_without_connections_have_places_of_dimension_0(n):
    empty = Connectome(pd.DataFrame({"x": np.arange(float(n))}), [], [], properties={"w": np.empty(0)})
    assert values_by_position(empty, values="x").shape == (1, 1)
    assert edge_values_by_position(empty, values="w").isna().all()
    assert values_by_participation(empty, values="x", dimension=1)["nodes"].tolist() == [0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"values": "depht"}, r"unknown node property 'depht'.* Did you mean 'depth'"),
        ({"values": "kind"}, "node property 'kind' holds no numbers"),
        ({"values": "depth", "statistic": "mode"}, "values_by_position.statistic: unknown value 'mode'"),
        ({"values": "depth", "counted": "once"}, "values_by_position.counted: unknown value 'once'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        values_by_position(FOUR, **options)


def test_other_wrong_options_are_refused():
    with pytest.raises(OptionError, match="unknown edge property 'w'"):
        edge_values_by_position(FOUR, values="w")
    with pytest.raises(OptionError, match="points: 1; give a whole number from 2 on"):
        values_by_participation(FOUR, values="depth", dimension=1, points=1)
    with pytest.raises(OptionError, match="rectangular"):
        values_by_position(Connectome(2, [0], [1], post_nodes=3), values="x")


@pytest.mark.parametrize("merge", ["mean", "sum", "min", "max"])
def test_a_connection_without_a_value_is_left_out_however_edges_merge(merge):
    triangle = Connectome(3, [0, 0, 1], [1, 2, 2], properties={"w": [np.nan, 4.0, 3.0]})
    series = edge_values_by_position(triangle, values="w", merge=merge, counted="distinct")
    assert series.tolist() == [3.5, 3.5]


@pytest.mark.parametrize("statistic", list(FUNCTIONS))
def test_infinite_values_give_infinite_ones_or_nan_without_a_warning(statistic):
    nodes = pd.DataFrame({"x": [np.inf, -np.inf, 1.0]})
    connectome = Connectome(nodes, [0, 0, 0, 1], [1, 1, 2, 2], properties={"w": [np.inf, -np.inf, 1.0, np.inf]})
    found = values_by_position(connectome, values="x", statistic=statistic)
    assert found.loc[2, 1] == (-np.inf if statistic != "sd" else pytest.approx(np.nan, nan_ok=True))
    assert len(values_by_participation(connectome, values="x", dimension=1, statistic=statistic))
    assert len(edge_values_by_position(connectome, values="w", statistic=statistic, merge="sum"))


def test_wrong_numbers_and_choices_are_refused_from_python_too():
    for threads in ("2", 1.5, 0, -1, None):
        with pytest.raises(OptionError, match=r"values_by_position.threads: .* give a whole number from 1 on"):
            values_by_position(FOUR, values="depth", threads=threads)
    for points in ("9", None, -1, np.inf):
        with pytest.raises(OptionError, match=r"values_by_participation.points: .* give a whole number from 2 on"):
            values_by_participation(FOUR, values="depth", dimension=1, points=points)
    with pytest.raises(OptionError, match=r"values_by_participation.dimension: -1"):
        values_by_participation(FOUR, values="depth", dimension=-1)
    for option in ("position", "merge", "counted", "statistic"):
        with pytest.raises(OptionError, match=f"edge_values_by_position.{option}: unknown value 'lats'"):
            edge_values_by_position(FOUR, values="weight", **{option: "lats"})


def test_the_input_is_untouched():
    before = FOUR.edges, FOUR.nodes
    values_by_position(FOUR, values="depth")
    edge_values_by_position(FOUR, values="weight")
    pd.testing.assert_frame_equal(FOUR.edges, before[0])
    pd.testing.assert_frame_equal(FOUR.nodes, before[1])

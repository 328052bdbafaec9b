"""Values of connections by participation, of pairs by position: by hand, and against lists of simplices."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import sem
from strategies import connectomes

from conntap.analyze import (
    edge_participation,
    edge_values_by_participation,
    edge_values_by_position,
    pair_values_by_position,
    simplex_lists,
)
from conntap.circuits import Connectome
from conntap.errors import OptionError

PLACES = {
    "any": lambda k: [(i, j) for j in range(k + 1) for i in range(j)],
    "spine": lambda k: [(i, i + 1) for i in range(k)],
    "first": lambda k: [(0, 1)],
    "last": lambda k: [(k - 1, k)],
}
FOUR = Connectome(list("abcd"), [0, 0, 1, 1, 2], [1, 2, 2, 3, 3], properties={"weight": [1.0, 2.0, 3.0, 4.0, 5.0]})


def some(seed, n=25, p=0.3):
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero(rng.random((n, n)) < p)
    return Connectome(n, pre, post, properties={"weight": rng.random(len(pre))})


def test_thresholds_are_worked_out_by_hand():
    """0 1 2 and 1 2 3 are triangles: the connection from 1 to 2 is in both."""
    table = edge_values_by_participation(FOUR, values="weight", dimension=2)
    assert (table.index.name, table.index.tolist()) == ("more_than", [0, 1, 2])
    assert table["connections"].tolist() == [5, 1, 0]
    assert table["value"].tolist() == pytest.approx([3.0, 3.0, np.nan], nan_ok=True)
    last = edge_values_by_participation(FOUR, values="weight", dimension=2, position="last", statistic="max")
    assert last.reset_index().to_numpy().tolist()[0] == [0.0, 2.0, 5.0]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 100), st.sampled_from(list(PLACES)), st.integers(1, 4))
def test_values_are_of_connections_in_more_simplices(seed, position, dimension):
    connectome = some(seed)
    table = edge_values_by_participation(
        connectome, values="weight", dimension=dimension, position=position, statistic="sum", points=5
    )
    assert 2 <= len(table) <= 5
    loops = connectome.pre == connectome.post
    taken = edge_participation(connectome, position=position)[dimension].to_numpy()[~loops]
    weights = connectome.properties["weight"][~loops]
    assert table.index[-1] == taken.max()
    for level, row in table.iloc[:-1].iterrows():
        assert row["connections"] == (taken > level).sum()
        assert row["value"] == pytest.approx(weights[taken > level].sum())


def test_more_than_none_are_all_that_are_in_any():
    connectome = some(2)
    for k, mean in edge_values_by_position(connectome, values="weight", counted="distinct").items():
        table = edge_values_by_participation(connectome, values="weight", dimension=k)
        assert table.loc[0, "value"] == pytest.approx(mean)


@given(connectomes(max_edges=25, columns=False, properties=False), st.sampled_from(list(PLACES)))
@settings(deadline=None, max_examples=40)
def test_values_of_pairs_are_those_over_the_list_of_simplices(connectome, position):
    n = connectome.n_nodes
    pairs = np.random.default_rng(n).random((n, n))
    pairs[:1] = np.nan
    lists = simplex_lists(connectome)[1:]
    for counted in ("simplices", "distinct"):
        table = pair_values_by_position(connectome, pairs, position=position, counted=counted)
        assert table.index.tolist() == list(range(1, len(lists) + 1))
        for k, rows in enumerate(lists, start=1):
            ends = np.concatenate([rows[:, list(places)] for places in PLACES[position](k)])
            ends = ends if counted == "simplices" else np.unique(ends, axis=0)
            values = pairs[ends[:, 0], ends[:, 1]]
            distinct = np.unique(ends[~np.isnan(values)], axis=0)
            values = values[~np.isnan(values)]
            row = table.loc[k]
            assert (row["connections"], row["count"]) == (len(distinct), len(values))
            expected = [values.mean(), values.std()] if len(values) else [np.nan, np.nan]
            assert row[["mean", "sd"]].tolist() == pytest.approx(expected, nan_ok=True, abs=1e-12)
            error = sem(values) if len(values) > 1 else np.nan
            assert row["error"] == pytest.approx(error, nan_ok=True, abs=1e-12)


def test_a_table_of_pairs_is_read_by_its_ids_and_may_lack_nodes():
    pairs = pd.DataFrame([[0.5, 0.1], [0.9, 0.7]], index=["c", "b"], columns=["d", "c"])
    table = pair_values_by_position(FOUR, pairs)
    assert table.loc[1, ["connections", "mean"]].tolist() == pytest.approx([3, (0.9 + 0.7 + 0.5) / 3])
    assert table.loc[2].tolist()[:3] == pytest.approx([2, 2, (0.7 + 0.5) / 2])
    missing = pd.DataFrame({"b": pd.array([1, None], dtype="Int64")}, index=["a", "c"])
    assert pair_values_by_position(FOUR, missing).loc[1, ["connections", "mean"]].tolist() == [1, 1.0]


def test_masked_pairs_have_no_value():
    pairs = np.ma.masked_array(np.arange(16).reshape(4, 4), np.eye(4, k=1) > 0)
    expected = pair_values_by_position(FOUR, pairs.astype(float).filled(np.nan), position="any")
    pd.testing.assert_frame_equal(pair_values_by_position(FOUR, pairs, position="any"), expected)
    assert expected["connections"].tolist() == [2, 2]


def test_the_matrix_of_a_property_gives_what_the_property_gives():
    connectome = some(3)
    means = pair_values_by_position(connectome, connectome.adjacency("weight").toarray(), position="spine")["mean"]
    expected = edge_values_by_position(connectome, values="weight", position="spine")
    assert means.tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize("n", [0, 1, 3])
def test_connectomes_without_connections_have_no_positions(n):
    empty = Connectome(n, [], [], properties={"w": np.empty(0)})
    assert pair_values_by_position(empty, np.ones((n, n))).shape == (0, 5)
    table = edge_values_by_participation(empty, values="w", dimension=1)
    assert table["connections"].tolist() == [0]
    assert table["value"].isna().all()


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (np.ones((3, 4)), r"pairs: shape \(3, 4\) for 4 nodes"),
        (np.full((4, 4), "x"), "pairs: holds no numbers"),
        (pd.DataFrame(np.ones((2, 2)), index=["a", "a"], columns=["a", "b"]), "pairs: ids repeat"),
        (pd.DataFrame(np.ones((2, 2))), "none of the table's ids is an id of a node"),
        (pd.DataFrame([["x"]], index=["a"], columns=["a"]), "pairs: holds no numbers"),
    ],
)
def test_pairs_that_make_no_sense_are_refused(pairs, message):
    with pytest.raises(OptionError, match=rf"^pair_values_by_position\.(pairs: )?{message}"):
        pair_values_by_position(FOUR, pairs)


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(OptionError, match=r"edge_values_by_participation\.dimension: 0; give a whole number from 1 on"):
        edge_values_by_participation(FOUR, values="weight", dimension=0)
    with pytest.raises(OptionError, match=r"edge_values_by_participation\.values: unknown edge property 'w'"):
        edge_values_by_participation(FOUR, values="w", dimension=1)
    with pytest.raises(OptionError, match="rectangular"):
        pair_values_by_position(Connectome(2, [0], [1], post_nodes=3), np.ones((2, 3)))


def test_the_input_is_untouched():
    pairs, before = np.ones((4, 4)), FOUR.edges
    pair_values_by_position(FOUR, pairs)
    edge_values_by_participation(FOUR, values="weight", dimension=2)
    assert (pairs == 1).all()
    pd.testing.assert_frame_equal(FOUR.edges, before)

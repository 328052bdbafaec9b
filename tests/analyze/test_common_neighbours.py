"""Common neighbours: against products of matrices and random graphs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from scipy import stats
from strategies import connectomes

from conntap.analyze import (
    common_neighbour_bias,
    common_neighbour_excess,
    common_neighbour_slope,
    common_neighbour_weight_bias,
    common_neighbour_weights,
    common_neighbours,
    compare,
)
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import erdos_renyi
from conntap.topology.common_neighbours_expectations import from_degrees

DIRECTIONS = ["in", "out", "both"]
ALL = [
    common_neighbours,
    common_neighbour_excess,
    common_neighbour_bias,
    common_neighbour_slope,
    common_neighbour_weights,
    common_neighbour_weight_bias,
]


def random(n=60, density=0.15, seed=1):
    adjacency = np.random.default_rng(seed).random((n, n)) < density
    return Connectome(n, *np.nonzero(adjacency))


def matrices(connectome, direction):
    """The adjacency, and the neighbours shared by each pair."""
    adjacency = (connectome.adjacency().toarray() > 0).astype(int)
    np.fill_diagonal(adjacency, 0)
    near = {"out": adjacency, "in": adjacency.T, "both": ((adjacency + adjacency.T) > 0).astype(int)}[direction]
    return adjacency, near @ near.T


def test_two_nodes_share_the_targets_of_both():
    connectome = Connectome(5, [0, 0, 1, 1, 1], [2, 3, 2, 3, 4])
    assert common_neighbours(connectome).to_dict() == {0: 9, 1: 0, 2: 1}
    assert common_neighbours(connectome, direction="in").to_dict() == {0: 7, 1: 2, 2: 1}


@pytest.mark.parametrize("direction", DIRECTIONS)
@settings(max_examples=40)
@given(connectomes(max_edges=40))
def test_pairs_and_connections_are_those_of_the_product_of_matrices(direction, connectome):
    table = common_neighbour_bias(connectome, direction=direction)
    adjacency, shared = matrices(connectome, direction)
    above = np.triu_indices(len(adjacency), 1)
    pad = len(table)
    dyads = (adjacency + adjacency.T)[above]
    assert table["pairs"].tolist() == np.bincount(shared[above], minlength=pad).tolist()
    assert table["connections"].tolist() == np.bincount(shared[above], dyads, minlength=pad).tolist()
    assert table["reciprocal"].tolist() == np.bincount(shared[above], dyads == 2, minlength=pad).tolist()
    assert common_neighbours(connectome, direction=direction).equals(table["pairs"])


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("n", "density"), [(400, 0.003), (400, 0.05), (120, 0.7)])
def test_large_and_small_graphs_and_any_threads_give_the_same(direction, n, density):
    connectome = random(n, density)
    shared = matrices(connectome, direction)[1][np.triu_indices(n, 1)]
    for threads in (1, 3):
        found = common_neighbours(connectome, direction=direction, threads=threads)
        assert found.tolist() == np.bincount(shared).tolist()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_slope_is_that_of_a_regression_over_all_pairs(direction):
    connectome = random(70, 0.2)
    adjacency, shared = matrices(connectome, direction)
    off = ~np.eye(70, dtype=bool)
    table = common_neighbour_slope(connectome, direction=direction)
    line = stats.linregress(shared[off], adjacency[off])
    assert table.loc["connection"].tolist() == pytest.approx(
        [line.slope, line.slope / adjacency[off].mean(), line.rvalue]
    )
    line = stats.linregress(shared[off], (adjacency * adjacency.T)[off])
    assert table.loc["reciprocal", ["slope", "correlation"]].tolist() == pytest.approx([line.slope, line.rvalue])


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_weights_are_those_of_the_connections_with_synapses_summed(direction):
    rng = np.random.default_rng(4)
    pre, post = rng.integers(40, size=(2, 900))
    connectome = Connectome(40, pre, post, properties={"strength": rng.random(900)})
    adjacency, shared = matrices(connectome, direction)
    weights = connectome.adjacency("strength").toarray()
    there = np.nonzero(adjacency)
    expected = pd.Series(weights[there]).groupby(shared[there]).agg(["size", "mean"])
    table = common_neighbour_weights(connectome, weight="strength", direction=direction)
    assert table["connections"][expected.index].tolist() == expected["size"].tolist()
    assert table["mean"][expected.index].tolist() == pytest.approx(expected["mean"].tolist())
    bias = common_neighbour_weight_bias(connectome, weight="strength", direction=direction)
    assert bias == pytest.approx(np.corrcoef(shared[there], weights[there])[0, 1])


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("expectation", ["erdos-renyi", "degrees"])
def test_a_random_graph_is_as_expected(direction, expectation):
    table = common_neighbour_excess(random(300, 0.1), direction=direction, expectation=expectation)
    assert table["pairs"].sum() == 300 * 299 / 2
    assert table["expected"].sum() == pytest.approx(300 * 299 / 2, rel=0.01)
    means = [(table[column] @ table.index) / table[column].sum() for column in ("pairs", "expected")]
    assert means[0] == pytest.approx(means[1], rel=0.03)


def test_the_expectation_is_the_mean_of_random_graphs():
    connectome = random(80, 0.1)
    expected = common_neighbour_excess(connectome, expectation="erdos-renyi")["expected"]
    drawn = compare(connectome, measure=common_neighbours, null=erdos_renyi, draws=40, rng=np.random.default_rng(1))
    assert drawn["mean"].iloc[:4].tolist() == pytest.approx(expected.iloc[:4].tolist(), rel=0.05)


def test_no_pair_is_expected_to_share_more_than_all_others():
    chance = np.where(np.arange(12) < 3, 0.98, 0.2)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        connectome = Connectome(12, *np.nonzero((rng.random((12, 12)) < chance[:, None]) & ~np.eye(12, dtype=bool)))
        table = common_neighbour_excess(connectome)
        assert (
            table["expected"].sum() == pytest.approx(66) if len(table) == 11 else table["expected"].sum() <= 66 + 1e-9
        )
    degrees = np.array([11, 11, 11, 11, *[1] * 8])
    assert from_degrees(degrees, np.array([9] * 4 + [2] * 8), 11).sum() == pytest.approx(66)
    assert from_degrees(degrees, np.array([40] * 4 + [2] * 8), 11).sum() == pytest.approx(66)
    assert from_degrees(degrees, np.array([10**4] * 4 + [2] * 8), 11)[10] == pytest.approx(66)


def test_hubs_are_expected_to_share_more():
    rng = np.random.default_rng(5)
    chance = np.where(np.arange(400) < 60, 0.5, 0.03)[:, None] * np.ones(400)
    connectome = Connectome(400, *np.nonzero((rng.random((400, 400)) < chance) & ~np.eye(400, dtype=bool)))
    plain = common_neighbour_excess(connectome, expectation="erdos-renyi")
    table = common_neighbour_excess(connectome, expectation="degrees")
    most = len(table) - 40
    assert plain["contrast"].iloc[most:].min() > 0.99
    assert table["expected"].iloc[most - 40 :].sum() == pytest.approx(table["pairs"].iloc[most - 40 :].sum(), rel=0.3)


@pytest.mark.parametrize("measure", ALL)
def test_few_nodes_rectangles_and_wrong_options(measure):
    for connectome in (Connectome(0, [], []), Connectome(1, [0], [0]), Connectome(3, [], []), Connectome(2, [0], [1])):
        for direction in DIRECTIONS:
            measure(connectome, direction=direction)
    with pytest.raises(OptionError, match=f"{measure.__name__}: the connectome is rectangular"):
        measure(Connectome(2, [0], [1], post_nodes=3))
    with pytest.raises(OptionError, match="direction"):
        measure(Connectome(2, [0], [1]), direction="sideways")
    with pytest.raises(OptionError, match="threads"):
        measure(Connectome(2, [0], [1]), threads=0)


def test_weights_and_expectations_must_be_known():
    connectome = Connectome(3, [0, 1], [1, 2], properties={"kind": ["a", "b"], "weight": [1.0, np.nan]})
    with pytest.raises(OptionError, match="unknown edge property 'wight'; known: kind, weight"):
        common_neighbour_weights(connectome, weight="wight")
    for name in ("kind", "weight"):
        with pytest.raises(OptionError, match="other than finite numbers"):
            common_neighbour_weights(connectome, weight=name)
    with pytest.raises(OptionError, match=r"common_neighbour_excess\.expectation: unknown value 'chance'"):
        common_neighbour_excess(connectome, expectation="chance")


def test_a_complete_digraph_has_no_slope():
    complete = Connectome(30, *np.nonzero(~np.eye(30, dtype=bool)))
    assert common_neighbour_slope(complete)["slope"].isna().all()
    assert common_neighbour_bias(complete)["probability"].iloc[-1] == 1


def test_the_input_is_untouched():
    connectome = random()
    before = connectome.edges
    for measure in ALL:
        measure(connectome, threads=2)
    pd.testing.assert_frame_equal(connectome.edges, before)

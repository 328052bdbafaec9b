"""Stochastic block models: exact counts between groups, or expected ones."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from null_models import edges_of, evenness, graphs_alike, simple_edges
from scipy import stats
from strategies import connectomes

from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import erdos_renyi, stochastic_block
from conntap.manipulate.draws import distinct_in


def rng(seed=0):
    return np.random.default_rng(seed)


def grouped_nodes(groups):
    return pd.DataFrame({"group": groups})


def between(edges, groups):
    return Counter((str(groups[u]), str(groups[v])) for u, v in edges)


@settings(deadline=None, max_examples=80)
@given(connectomes(max_nodes=8, max_edges=50, columns=False), st.data())
def test_the_count_between_each_two_groups_stays(connectome, data):
    n = connectome.n_nodes
    groups = data.draw(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=n, max_size=n))
    connectome = connectome.with_nodes(pd.DataFrame({"group": pd.Series(groups, dtype=object)}))
    drawn = stochastic_block(connectome, by="group", rng=rng(data.draw(st.integers(0, 9))))
    assert between(edges_of(drawn), groups) == between(simple_edges(connectome), groups)
    assert drawn.nodes.equals(connectome.nodes)


def test_every_graph_of_the_same_counts_is_drawn_alike():
    groups = ["a", "a", "b"]
    three = Connectome(grouped_nodes(groups), [0, 0, 2], [1, 2, 1])
    alike = graphs_alike(3, lambda edges, n: frozenset(between(edges, groups).items()))
    graphs = alike[(frozenset(between(edges_of(three), groups).items()),)]
    assert len(graphs) == 8
    source = rng(1)
    drawn = [edges_of(stochastic_block(three, by="group", rng=source)) for _ in range(800)]
    assert evenness(drawn, graphs) > 0.001


def test_expected_counts_are_those_of_independent_connections():
    groups = np.repeat(["a", "b"], 10)
    connectome = erdos_renyi(Connectome(grouped_nodes(groups), *np.nonzero(rng(0).random((20, 20)) < 0.3)), rng=rng(2))
    within = {pair: (90 if pair[0] == pair[1] else 100) for pair in between(edges_of(connectome), groups)}
    source, found = rng(3), {pair: [] for pair in within}
    for _ in range(400):
        drawn = edges_of(stochastic_block(connectome, by="group", preserve="expectation", rng=source))
        for pair, count in between(drawn, groups).items():
            found[pair].append(count)
    for pair, count in between(edges_of(connectome), groups).items():
        law = stats.binom(within[pair], count / within[pair])
        assert np.mean(found[pair]) == pytest.approx(law.mean(), abs=4 * law.std() / 20)
        assert np.std(found[pair]) == pytest.approx(law.std(), rel=0.15)


def test_connections_between_groups_are_spread_evenly_over_nodes():
    groups = np.repeat(["a", "b"], [30, 70])
    sender = Connectome(grouped_nodes(groups), np.zeros(70, int), np.arange(30, 100))
    source = rng(4)
    counts = sum(np.bincount(stochastic_block(sender, by="group", rng=source).pre, minlength=100) for _ in range(60))
    assert counts[30:].sum() == 0
    assert stats.chisquare(counts[:30]).pvalue > 0.001


def test_several_properties_are_combined():
    nodes = pd.DataFrame({"layer": [1, 1, 2, 2], "ei": list("eiei")})
    connectome = Connectome(nodes, [0, 1, 2], [1, 2, 3])
    assert stochastic_block(connectome, by=["layer", "ei"], rng=rng()) == connectome  # one node a group


def test_one_group_is_a_draw_of_as_many_connections():
    connectome = Connectome(grouped_nodes(["a"] * 30), *np.nonzero(rng(5).random((30, 30)) < 0.2))
    drawn = stochastic_block(connectome, by="group", rng=rng())
    assert len(edges_of(drawn)) == len(simple_edges(connectome))


def test_as_many_groups_as_nodes_need_no_table_of_all_pairs():
    n = 5000
    ring = Connectome(grouped_nodes(np.arange(n)), np.arange(n), np.roll(np.arange(n), 1))
    assert stochastic_block(ring, by="group", rng=rng()) == ring


@pytest.mark.parametrize("preserve", ["counts", "expectation"])
@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_nodes_without_connections_stay_so(preserve, n):
    empty = Connectome(grouped_nodes(["a"] * n), [], [])
    assert stochastic_block(empty, by="group", preserve=preserve, rng=rng()).n_edges == 0


def test_many_numbers_of_several_ranges_are_right_in_number_and_all_different():
    sizes, counts = np.array([1_000_000, 10, 400_000, 7]), np.array([150_000, 10, 300_000, 0])
    drawn = distinct_in(sizes, counts, rng())
    assert (np.diff(drawn) > 0).all()
    bounds = np.append(0, np.cumsum(sizes))
    assert np.diff(np.searchsorted(drawn, bounds)).tolist() == counts.tolist()
    first = drawn[:150_000]
    assert stats.chisquare(np.bincount(first // 10_000, minlength=100)).pvalue > 0.001


def test_an_unknown_property_is_told():
    with pytest.raises(OptionError, match=r"stochastic_block.by: unknown node property 'grup'.*Did you mean 'group'"):
        stochastic_block(Connectome(grouped_nodes(["a"]), [], []), by="grup", rng=rng())


def test_a_rectangular_connectome_is_refused():
    with pytest.raises(OptionError, match="stochastic_block: the connectome is rectangular"):
        stochastic_block(Connectome(2, [0], [1], post_nodes=3), by="group", rng=rng())


def test_the_input_is_untouched_equal_states_give_equal_graphs_and_edge_properties_go():
    pre, post = np.nonzero(rng(3).random((40, 40)) < 0.2)
    nodes = grouped_nodes(np.arange(40) % 3)
    connectome = Connectome(nodes, pre, post, properties={"weight": rng(4).random(len(pre))})
    before = connectome.edges
    drawn = stochastic_block(connectome, by="group", rng=rng(5))
    pd.testing.assert_frame_equal(connectome.edges, before)
    assert drawn == stochastic_block(connectome, by="group", rng=rng(5))
    assert drawn != stochastic_block(connectome, by="group", rng=rng(6))
    assert not drawn.properties

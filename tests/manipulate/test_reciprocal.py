"""Directions and reciprocal pairs drawn anew on the same pairs of nodes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from null_models import connectome_of, edges_of, evenness, graphs_alike, pairs_of, simple_edges
from strategies import connectomes

from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import add_reciprocal, adjusted_erdos_renyi, bishuffled, shuffle_directions


def rng(seed=0):
    return np.random.default_rng(seed)


def both_ways(edges, n=None):
    return frozenset((u, v) for u, v in edges if (v, u) in edges)


def n_both(edges, n):
    return len(both_ways(edges))


def underlying(edges, n):
    return pairs_of(edges)


def size(edges, n):
    return len(edges)


def drawn_often(model, connectome, draws, **options):
    source = rng(1)
    return [edges_of(model(connectome, rng=source, **options)) for _ in range(draws)]


GRAPH = connectome_of([(0, 1), (1, 0), (1, 2), (0, 3)], 4)


@settings(deadline=None, max_examples=60)
@given(connectomes(max_nodes=8, max_edges=40), st.sampled_from(["moved", "kept"]), st.integers(0, 9))
def test_pairs_and_the_number_of_reciprocal_ones_stay(connectome, reciprocal, seed):
    before = simple_edges(connectome)
    after = edges_of(shuffle_directions(connectome, reciprocal=reciprocal, rng=rng(seed)))
    assert pairs_of(after) == pairs_of(before)
    assert len(both_ways(after)) == len(both_ways(before))
    assert reciprocal == "moved" or both_ways(after) == both_ways(before)


@settings(deadline=None, max_examples=60)
@given(connectomes(max_nodes=8, max_edges=40), st.integers(0, 9))
def test_bishuffled_keeps_pairs_the_number_of_reciprocal_ones_and_directions(connectome, seed):
    before = simple_edges(connectome)
    after = edges_of(bishuffled(connectome, rng=rng(seed)))
    assert pairs_of(after) == pairs_of(before)
    assert len(both_ways(after)) == len(both_ways(before))
    assert before - both_ways(before) <= after


@settings(deadline=None, max_examples=60)
@given(connectomes(max_nodes=8, max_edges=40), st.integers(0, 9))
def test_an_adjusted_draw_keeps_both_numbers(connectome, seed):
    before = simple_edges(connectome)
    after = edges_of(adjusted_erdos_renyi(connectome, rng=rng(seed)))
    assert len(after) == len(before)
    assert len(both_ways(after)) == len(both_ways(before))


def test_every_graph_on_the_same_pairs_is_drawn_alike():
    graphs = graphs_alike(4, underlying, n_both)[underlying(edges_of(GRAPH), 4), 2]
    assert len(graphs) == 12  # three places of the reciprocal pair, two directions of each other pair
    assert evenness(drawn_often(shuffle_directions, GRAPH, 1200), graphs) > 0.001


def test_every_graph_with_the_same_reciprocal_pairs_is_drawn_alike():
    both = {(0, 1), (1, 0)}
    graphs = [frozenset({*both, one, two}) for one in ((1, 2), (2, 1)) for two in ((0, 3), (3, 0))]
    assert evenness(drawn_often(shuffle_directions, GRAPH, 600, reciprocal="kept"), graphs) > 0.001


def test_every_graph_of_as_many_connections_and_reciprocal_pairs_is_drawn_alike():
    three = connectome_of([(0, 1), (1, 0), (1, 2)], 3)
    graphs = graphs_alike(3, size, n_both)[3, 2]
    assert len(graphs) == 12
    assert evenness(drawn_often(adjusted_erdos_renyi, three, 1200), graphs) > 0.001


def test_bishuffled_moves_the_reciprocal_pair_evenly_and_opens_it_evenly():
    stays = {(1, 2), (0, 3)}
    here = frozenset({(0, 1), (1, 0), *stays})
    there = [frozenset({kept, *stays, new}) for kept in ((0, 1), (1, 0)) for new in ((2, 1), (3, 0))]
    counts = pd.Series(drawn_often(bishuffled, GRAPH, 1200)).value_counts()
    assert set(counts.index) == {here, *there}
    assert counts[here] == pytest.approx(400, abs=60)
    assert all(counts[each] == pytest.approx(200, abs=50) for each in there)


def test_directions_are_not_those_of_the_numbering():
    """Of 4,950 pairs about half lead from the low to the high node, whatever the order of nodes."""
    low, high = np.triu_indices(100, 1)
    drawn = shuffle_directions(Connectome(100, low, high), rng=rng(2))
    assert abs((drawn.pre < drawn.post).sum() - 2475) < 4 * np.sqrt(4950) / 2


def test_reciprocal_connections_are_added_and_mirror_their_edges():
    connectome = Connectome(
        3, [0, 1, 2, 2], [1, 0, 1, 1], properties={"weight": [1.0, 2.0, 3.0, 4.0], "kind": list("abcd")}
    )
    added = add_reciprocal(connectome, fraction=1, rng=rng())
    assert added.edges.values.tolist() == [
        [0, 1, 1.0, "a"],
        [1, 0, 2.0, "b"],
        [2, 1, 3.0, "c"],
        [2, 1, 4.0, "d"],
        [1, 2, 3.0, "c"],
        [1, 2, 4.0, "d"],
    ]


@settings(deadline=None, max_examples=60)
@given(connectomes(max_nodes=8, max_edges=40), st.floats(0, 1), st.integers(0, 9))
def test_as_many_reciprocal_connections_are_added_as_asked(connectome, fraction, seed):
    before = simple_edges(connectome)
    one_way = before - both_ways(before)
    added = add_reciprocal(connectome, fraction=fraction, rng=rng(seed))
    after = simple_edges(added)
    assert before <= after
    assert len(after) == len(before) + round(fraction * len(one_way))
    assert len(both_ways(after)) == len(both_ways(before)) + 2 * round(fraction * len(one_way))
    assert added.pre[: connectome.n_edges].tolist() == connectome.pre.tolist()


def test_which_connections_become_reciprocal_is_even():
    star = connectome_of([(0, 1), (0, 2), (3, 0)], 4)
    graphs = [frozenset({(0, 1), (0, 2), (3, 0), new}) for new in ((1, 0), (2, 0), (0, 3))]
    assert evenness(drawn_often(add_reciprocal, star, 600, connections=1), graphs) > 0.001


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give either connections or fraction"),
        ({"connections": 1, "fraction": 0.5}, "give either connections or fraction"),
        ({"connections": 3}, "add_reciprocal.connections: 3; there are 2 one-way connections. Give 0 to 2"),
        ({"fraction": 1.5}, "add_reciprocal.fraction: 1.5; give a number from 0 to 1"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        add_reciprocal(GRAPH, rng=rng(), **options)


MODELS = [shuffle_directions, bishuffled, adjusted_erdos_renyi]


@pytest.mark.parametrize("model", [*MODELS, add_reciprocal])
def test_a_rectangular_connectome_is_refused(model):
    with pytest.raises(OptionError, match=f"{model.__name__}: the connectome is rectangular"):
        model(Connectome(2, [0], [1], post_nodes=3), rng=rng())


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_nodes_without_connections_stay_so(model, n):
    assert model(Connectome(n, [], []), rng=rng()).n_edges == 0


@pytest.mark.parametrize("model", MODELS)
def test_the_input_is_untouched_equal_states_give_equal_graphs_and_edge_properties_go(model):
    nodes = pd.DataFrame({"layer": range(40)}, index=[f"n{i}" for i in range(40)])
    pre, post = np.nonzero(rng(3).random((40, 40)) < 0.2)
    connectome = Connectome(nodes, pre, post, properties={"weight": rng(4).random(len(pre))})
    before = connectome.edges
    drawn = model(connectome, rng=rng(5))
    pd.testing.assert_frame_equal(connectome.edges, before)
    assert drawn == model(connectome, rng=rng(5)) != model(connectome, rng=rng(6))
    assert drawn.nodes.equals(nodes)
    assert not drawn.properties

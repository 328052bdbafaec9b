"""Erdos-Renyi graphs of an exact number of connections."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import erdos_renyi


def rng(seed=0):
    return np.random.default_rng(seed)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 7).flatmap(lambda n: st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)))))
def test_the_count_stays_and_no_loops_or_doubles_arise(edges):
    n = max((max(each) for each in edges), default=0) + 1
    pre, post = np.array(edges, dtype=int).reshape(-1, 2).T
    drawn = erdos_renyi(Connectome(n, pre, post), rng=rng())
    pairs = set(zip(drawn.pre.tolist(), drawn.post.tolist(), strict=True))
    assert len(pairs) == drawn.n_edges == len({(u, v) for u, v in edges if u != v})
    assert all(u != v for u, v in pairs)


def test_every_graph_is_equally_likely():
    """All 15 sets of 2 of the 6 pairs among 3 nodes, 6,000 draws: chi-square with a fixed seed."""
    two, source = Connectome(3, [0, 1], [1, 2]), rng(1)
    pairs = list(itertools.permutations(range(3), 2))
    graphs = {frozenset(each): 0 for each in itertools.combinations(pairs, 2)}
    for _ in range(6000):
        drawn = erdos_renyi(two, rng=source)
        graphs[frozenset(zip(drawn.pre.tolist(), drawn.post.tolist(), strict=True))] += 1
    assert stats.chisquare(list(graphs.values())).pvalue > 0.01


def test_every_graph_is_equally_likely_where_most_pairs_are_connected():
    four, source = Connectome(3, [0, 1, 2, 0], [1, 2, 0, 2]), rng(2)
    absent = {}
    for _ in range(6000):
        drawn = erdos_renyi(four, rng=source)
        key = tuple(sorted(zip(drawn.pre.tolist(), drawn.post.tolist(), strict=True)))
        absent[key] = absent.get(key, 0) + 1
    assert len(absent) == 15
    assert stats.chisquare(list(absent.values())).pvalue > 0.01


def test_degrees_of_a_large_draw_are_those_of_the_hypergeometric_law():
    n, m = 400, 16_000
    pre, post = np.nonzero(~np.eye(n, dtype=bool))
    drawn = erdos_renyi(Connectome(n, pre[:m], post[:m]), rng=rng(3))
    outward = np.bincount(drawn.pre, minlength=n)
    law = stats.hypergeom(n * (n - 1), n - 1, m)
    edges = law.ppf([0.1, 0.3, 0.5, 0.7, 0.9])
    bins = np.searchsorted(edges, outward)
    expected = np.diff([0, *law.cdf(edges), 1]) * n
    assert stats.chisquare(np.bincount(bins, minlength=6), expected).pvalue > 0.01


def test_equal_states_give_equal_graphs():
    ring = Connectome(50, np.arange(50), np.roll(np.arange(50), 1))
    assert erdos_renyi(ring, rng=rng(4)) == erdos_renyi(ring, rng=rng(4))
    assert erdos_renyi(ring, rng=rng(4)) != erdos_renyi(ring, rng=rng(5))


def test_a_complete_graph_stays_itself():
    pre, post = np.nonzero(~np.eye(4, dtype=bool))
    assert erdos_renyi(Connectome(4, pre, post), rng=rng()) == Connectome(4, pre, post)


def test_nodes_keep_their_properties_and_edges_lose_theirs():
    nodes = pd.DataFrame({"layer": [1, 2, 3]}, index=["a", "b", "c"])
    drawn = erdos_renyi(Connectome(nodes, [0], [1], properties={"weight": [3.0]}), rng=rng())
    assert drawn.nodes.equals(nodes)
    assert not drawn.properties


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_nodes_without_connections_stay_so(n):
    assert erdos_renyi(Connectome(n, [], []), rng=rng()).n_edges == 0


def test_a_rectangular_connectome_is_refused():
    with pytest.raises(OptionError, match="erdos_renyi: the connectome is rectangular"):
        erdos_renyi(Connectome(2, [0], [1], post_nodes=3), rng=rng())


def test_the_input_is_untouched():
    connectome = Connectome(4, [0, 0, 1], [1, 1, 2])
    before = connectome.edges
    erdos_renyi(connectome, rng=rng())
    pd.testing.assert_frame_equal(connectome.edges, before)

"""Connections that grow along those of a base connectome."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from null_models import connectome_of, edges_of, evenness, simple_edges
from scipy import sparse, stats
from strategies import connectomes

from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import stochastic_spread


def rng(seed=0):
    return np.random.default_rng(seed)


def grid(side):
    """A square lattice whose neighbours project to each other."""
    at = np.arange(side * side).reshape(side, side)
    pairs = np.concatenate(
        [np.column_stack([a.ravel(), b.ravel()]) for a, b in ((at[1:], at[:-1]), (at[:, 1:], at[:, :-1]))]
    )
    return Connectome(side * side, *np.concatenate([pairs, pairs[:, ::-1]]).T)


def by_matrices(base, expected, steps, decay, sums_up, source):
    """The same model written with whole matrices, one row a source; draws of its own."""
    n = base.n_nodes
    matrix = base.adjacency().astype(bool).astype(float).toarray()
    state, excluded, grown = np.eye(n), np.zeros((n, n)), np.zeros((n, n), dtype=bool)
    for _ in range(steps):
        chances = np.minimum(state @ matrix, 1) * (excluded == 0) * (1 - np.eye(n))
        total = chances.sum(axis=1, keepdims=True)
        new = source.random((n, n)) < chances * expected / np.where(total > 0, total, 1)
        grown |= new
        excluded = np.maximum(excluded, state) if sums_up else state
        state, expected = new.astype(float), expected * decay
    return grown


def test_one_step_is_a_draw_among_successors():
    star = connectome_of([(0, 1), (0, 2)], 3)
    source = rng(1)
    drawn = [edges_of(stochastic_spread(star, expected=1, steps=1, rng=source)) for _ in range(800)]
    graphs = [frozenset(each) for each in ([], [(0, 1)], [(0, 2)], [(0, 1), (0, 2)])]
    assert evenness(drawn, graphs) > 0.001


@pytest.mark.parametrize("exclusion", ["reached", "last"])
def test_degrees_are_those_of_the_model_written_with_matrices(exclusion):
    base, source, other = grid(6), rng(2), rng(3)
    ours, theirs = [], []
    for _ in range(150):
        drawn = stochastic_spread(base, expected=1.6, steps=8, decay=0.9, exclusion=exclusion, rng=source)
        ours += np.bincount(drawn.pre, minlength=36).tolist()
        theirs += by_matrices(base, 1.6, 8, 0.9, exclusion == "reached", other).sum(axis=1).tolist()
    table = np.stack([np.bincount(np.minimum(each, 14), minlength=15) for each in (ours, theirs)])
    assert stats.chi2_contingency(table).pvalue > 0.001


def test_chances_of_connections_add_up_to_one_at_most():
    base = Connectome(4, [0, 0, 1, 2], [1, 2, 3, 3], properties={"p": [1.0, 1.0, 0.3, 0.4]})
    source = rng(4)
    hits = sum((0, 3) in edges_of(stochastic_spread(base, expected=None, weight="p", rng=source)) for _ in range(1000))
    assert stats.binomtest(hits, 1000, 0.7).pvalue > 0.001


def test_what_was_rejected_does_not_come_back():
    """0 projects to 1 (chance one) and to 2 (hardly ever), 1 to 2: 2 is reached in the second step, or never again."""
    base = Connectome(3, [0, 0, 1], [1, 2, 2], properties={"p": [1.0, 1e-12, 1.0]})
    options = {"expected": None, "weight": "p", "rng": rng()}
    assert (0, 2) in edges_of(stochastic_spread(base, exclusion="reached", **options))
    assert (0, 2) not in edges_of(stochastic_spread(base, exclusion="rejected", **options))


def test_a_ring_is_walked_once_round():
    ring = Connectome(5, np.arange(5), np.roll(np.arange(5), -1))
    complete = {(u, v) for u in range(5) for v in range(5) if u != v}
    assert edges_of(stochastic_spread(ring, expected=1, rng=rng())) == complete


@settings(deadline=None, max_examples=60)
@given(connectomes(max_nodes=8, max_edges=30), st.sampled_from(["reached", "rejected", "last"]), st.integers(0, 5))
def test_connections_follow_paths_of_at_most_as_many_steps(connectome, exclusion, steps):
    n = connectome.n_nodes
    drawn = stochastic_spread(connectome, expected=2, steps=steps, exclusion=exclusion, rng=rng())
    pre, post = np.array(sorted(simple_edges(connectome))).reshape(-1, 2).T.astype(int)
    base = sparse.coo_array((np.ones(len(pre)), (pre, post)), shape=(n, n)).toarray()
    reach = np.linalg.matrix_power(np.eye(n) + base, steps) > 0
    assert all(reach[u, v] for u, v in edges_of(drawn))


def test_equal_states_give_equal_graphs_with_any_number_of_threads():
    base = grid(40)
    first = stochastic_spread(base, expected=1.2, steps=20, rng=rng(5))
    assert first == stochastic_spread(base, expected=1.2, steps=20, threads=3, rng=rng(5))
    assert first != stochastic_spread(base, expected=1.2, steps=20, rng=rng(6))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expected": None}, "every chance is one; give expected, or a weight"),
        ({"expected": -1.0}, "stochastic_spread.expected: -1.0; give a number from 0 on"),
        ({"decay": 1.5}, "stochastic_spread.decay: 1.5; give a number from 0 to 1"),
        ({"steps": -1}, "stochastic_spread.steps: -1; give a whole number from 0 on"),
        ({"threads": 0}, "stochastic_spread.threads: 0; give a whole number from 1 on"),
        ({"weight": "p"}, "stochastic_spread.weight: 'p' is not from 0 to 1"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        stochastic_spread(Connectome(2, [0], [1], properties={"p": [2.0]}), rng=rng(), **options)


def test_a_rectangular_connectome_is_refused():
    with pytest.raises(OptionError, match="stochastic_spread: the connectome is rectangular"):
        stochastic_spread(Connectome(2, [0], [1], post_nodes=3), rng=rng())


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_nodes_without_connections_stay_so(n):
    assert stochastic_spread(Connectome(n, [], []), rng=rng()).n_edges == 0


def test_the_input_is_untouched_and_nodes_keep_their_properties():
    nodes = pd.DataFrame({"layer": [1, 2, 3]}, index=list("abc"))
    connectome = Connectome(nodes, [0, 0, 1, 2], [1, 1, 2, 2], properties={"weight": np.arange(4.0)})
    before = connectome.edges
    drawn = stochastic_spread(connectome, expected=1, rng=rng())
    pd.testing.assert_frame_equal(connectome.edges, before)
    assert drawn.nodes.equals(nodes)
    assert not drawn.properties

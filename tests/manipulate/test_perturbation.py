"""Connections dropped, added and moved at random."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import perturb


def rng(seed=0):
    return np.random.default_rng(seed)


def ends(connectome):
    return list(zip(connectome.pre.tolist(), connectome.post.tolist(), strict=True))


def random_connectome(seed, n=12, edges=40):
    pre, post = rng(seed).integers(0, n, (2, edges))
    return Connectome(n, pre, post, properties={"number": np.arange(edges)})


def may_be_crowded(connections, n_move, moved, n=12):
    """Whether one node may get more connections to move than it has nodes left to move them to."""
    kept = Counter(each[moved == "pre"] for each in connections)
    taken = Counter(each[moved == "pre"] for each in connections if each[0] != each[1])
    return any(min(number, n_move) > n - 1 - taken[node] for node, number in kept.items())


@settings(deadline=None, max_examples=60)
@given(
    st.floats(0, 0.5), st.floats(0, 1), st.floats(0, 0.5), st.sampled_from(["both", "pre", "post"]), st.integers(0, 50)
)
@example(drop=0.0, add=0.0, move=0.46875, moved="pre", seed=49)  # by chance 5 of 7 onto one node, with 4 nodes left
def test_as_many_are_dropped_added_and_moved_as_asked_and_the_rest_stays(drop, add, move, moved, seed):
    before = random_connectome(seed)
    connections = set(ends(before))
    n = len(connections)
    n_drop, n_add, n_move = round(drop * n), round(add * n), round(move * n)
    try:
        after = perturb(before, drop=drop, add=add, move=move, moved=moved, rng=rng(seed))
    except OptionError:
        if moved == "both" or not may_be_crowded(connections, n_move, moved):
            raise
        return
    left = set(ends(after))
    assert len(left) == n - n_drop + n_add
    assert len(left - connections) == n_add + n_move
    assert not [each for each in left - connections if each[0] == each[1]]
    stayed = np.array([each in connections for each in ends(after)], dtype=bool)
    rows = after.properties["number"][stayed]
    assert (np.diff(rows) > 0).all()
    assert [ends(before)[row] for row in rows] == [ends(after)[row] for row in np.flatnonzero(stayed)]
    whole = [each for each in connections if each in left]
    assert len(rows) == sum(each in whole for each in ends(before))


@pytest.mark.parametrize("moved", ["pre", "post"])
def test_a_moved_connection_keeps_one_end_and_its_synapses(moved):
    before = random_connectome(3)
    after = perturb(before, move=0.5, moved=moved, rng=rng(1))
    assert after.properties["number"].tolist() == before.properties["number"].tolist()
    kept, other = (after.post, after.pre) if moved == "pre" else (after.pre, after.post)
    assert kept.tolist() == (before.post if moved == "pre" else before.pre).tolist()
    assert (other != (before.pre if moved == "pre" else before.post)).any()
    assert sorted(Counter(ends(before)).values()) == sorted(Counter(ends(after)).values())


def test_of_selected_nodes_only():
    before = random_connectome(5)
    after = perturb(before, drop=0.2, add=0.3, move=0.2, pre="id < 6", post="id >= 3", rng=rng(2))
    changed = set(ends(before)) ^ set(ends(after))
    assert changed
    assert all(pre < 6 and post >= 3 for pre, post in changed)


def test_where_a_connection_goes_is_even():
    before = Connectome(3, [0, 1], [1, 2])
    counts = Counter()
    source = rng(3)
    for _ in range(1200):
        counts[frozenset(ends(perturb(before, move=0.5, rng=source)))] += 1
    assert len(counts) == 8  # each of two connections to each of four pairs
    assert all(abs(each - 150) < 45 for each in counts.values())


@settings(deadline=None)
@given(connectomes(square=None, max_edges=20))
def test_nothing_asked_changes_nothing(connectome):
    assert perturb(connectome, rng=rng()).edges.equals(connectome.edges)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop": 1.5}, "perturb.drop: 1.5; give a number from 0 to 1"),
        ({"add": -1}, "perturb.add: -1; give a number from 0 on"),
        ({"drop": 0.7, "move": 0.7}, "perturb: 2 to drop and 2 to move of 3 connections"),
        ({"add": 2}, "perturb: 6 to add and 0 to move; 3 pairs are not connected"),
        ({"moved": "none"}, "perturb.moved: unknown value 'none'"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        perturb(Connectome(3, [0, 1, 2], [1, 2, 0]), **options, rng=rng())


def test_a_node_that_all_others_are_connected_with_cannot_get_one_anew():
    with pytest.raises(OptionError, match=r"perturb\.move: 1 nodes have more connections to move than nodes left"):
        perturb(Connectome(3, [0, 1], [2, 2]), move=1, moved="pre", rng=rng())


def test_equal_states_give_equal_results_and_the_input_is_untouched():
    before = random_connectome(7)
    table = before.edges
    options = {"drop": 0.1, "add": 0.2, "move": 0.1}
    assert perturb(before, **options, rng=rng(1)).edges.equals(perturb(before, **options, rng=rng(1)).edges)
    assert perturb(before, **options, rng=rng(1)) != perturb(before, **options, rng=rng(2))
    pd.testing.assert_frame_equal(before.edges, table)


@pytest.mark.parametrize("name", ["drop", "add", "move"])
def test_what_is_no_number_is_refused(name):
    for value in ("a", None, True, [0.1]):
        with pytest.raises(OptionError, match=rf"^perturb\.{name}: .*; give a number from 0 "):
            perturb(Connectome(3, [0, 1, 2], [1, 2, 0]), **{name: value}, rng=rng())

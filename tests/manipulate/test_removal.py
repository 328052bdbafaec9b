"""Connections and synapses taken away."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.circuits import Connectome, Mask
from conntap.errors import OptionError
from conntap.manipulate import extract, remove_connections, remove_synapses, subsample


def rng(seed=0):
    return np.random.default_rng(seed)


def numbered(connectome):
    """The connectome with the number of each edge as a property."""
    properties = {**connectome.properties, "number": np.arange(connectome.n_edges)}
    return connectome.with_edges(connectome.pre, connectome.post, properties=properties)


def kept_of(before, after):
    """Which edges stayed, after a look whether they stayed as they were."""
    rows = after.properties["number"]
    assert (np.diff(rows) > 0).all()
    for name, column in before.properties.items():
        pd.testing.assert_series_equal(pd.Series(column[rows]), pd.Series(after.properties[name]))
    assert before.pre[rows].tolist() == after.pre.tolist()
    assert before.post[rows].tolist() == after.post.tolist()
    pd.testing.assert_frame_equal(before.pre_nodes, after.pre_nodes)
    return rows


def ends(connectome):
    return list(zip(connectome.pre.tolist(), connectome.post.tolist(), strict=True))


EXAMPLE = Connectome(
    pd.DataFrame({"layer": [1, 1, 2]}, index=["a", "b", "c"]),
    [0, 2, 0, 1, 0, 2],
    [1, 1, 1, 2, 2, 1],
    properties={"conductance": np.array([1, 2, 3, 4, 5, 6], dtype=np.float32)},
)


@settings(deadline=None)
@given(connectomes(square=None, max_edges=40), st.floats(0, 1), st.integers(0, 9))
def test_as_many_connections_go_as_asked_and_all_else_stays(connectome, fraction, seed):
    connectome = numbered(connectome)
    after = remove_connections(connectome, fraction=fraction, rng=rng(seed))
    kept_of(connectome, after)
    before, left = set(ends(connectome)), set(ends(after))
    assert len(left) == len(before) - round(fraction * len(before))
    assert after.n_edges == sum(pair in left for pair in ends(connectome))


@settings(deadline=None)
@given(connectomes(square=None, max_edges=40), st.data())
def test_of_selected_connections_only(connectome, data):
    connectome = numbered(connectome)
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=connectome.n_edges, max_size=connectome.n_edges)), bool)
    mask = Mask.of(connectome, keep)
    pre = connectome.pre_nodes.index[: connectome.n_pre // 2].tolist()
    after = remove_connections(connectome, mask=mask, pre=pre, synapses=(1, 2), fraction=1, rng=rng())
    masked = mask.edges(connectome)
    counts = Counter(ends(connectome))
    gone = [
        is_in and pair[0] < connectome.n_pre // 2 and counts[pair] <= 2
        for pair, is_in in zip(ends(connectome), masked, strict=True)
    ]
    assert kept_of(connectome, after).tolist() == np.flatnonzero(~np.array(gone, dtype=bool)).tolist()


@settings(deadline=None)
@given(connectomes(square=None, max_edges=40), st.floats(0, 1), st.sampled_from(["none", "one"]), st.integers(0, 9))
def test_as_many_synapses_go_as_asked_and_all_else_stays(connectome, fraction, keep, seed):
    connectome = numbered(connectome)
    after = remove_synapses(connectome, fraction=fraction, keep_connections=keep, rng=rng(seed))
    kept_of(connectome, after)
    connections = len(set(ends(connectome)))
    may_go = connectome.n_edges - connections * (keep == "one")
    assert after.n_edges == connectome.n_edges - round(fraction * may_go)
    assert keep == "none" or set(ends(after)) == set(ends(connectome))


@settings(deadline=None)
@given(
    connectomes(square=None, max_edges=40, properties=False),
    st.floats(0, 1),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 9),
)
def test_sums_over_connections_are_kept(connectome, fraction, dtype, seed):
    weight = (rng(seed).random(connectome.n_edges) + 0.1).astype(dtype)
    connectome = connectome.with_edges(connectome.pre, connectome.post, properties={"weight": weight})
    connectome = numbered(connectome)
    after = remove_synapses(connectome, fraction=fraction, keep_connections="one", rescale="weight", rng=rng(seed))
    column = after.properties["weight"]
    assert column.dtype == dtype
    old, new = (
        pd.Series(each.properties["weight"], dtype=float).groupby(each.pre * 10 + each.post).sum()
        for each in (connectome, after)
    )
    assert np.allclose(old, new, rtol=1e-6)
    counts, left = Counter(ends(connectome)), Counter(ends(after))
    untouched = np.array([counts[pair] == left[pair] for pair in ends(after)], dtype=bool)
    assert (column == weight[after.properties["number"]])[untouched].all()


def test_what_is_left_is_multiplied_by_what_the_whole_was():
    mask = Mask.from_pairs(["a"], ["b"])
    after = remove_synapses(EXAMPLE, mask=mask, synapses=1, keep_connections="one", rescale="conductance", rng=rng(1))
    assert ends(after) == [(2, 1), (0, 1), (1, 2), (0, 2), (2, 1)] or ends(after)[0] == (0, 1)
    assert sorted(after.properties["conductance"].tolist()) == [2, 4, 4, 5, 6]
    assert EXAMPLE.properties["conductance"].tolist() == [1, 2, 3, 4, 5, 6]


@settings(deadline=None)
@given(connectomes(square=None, max_edges=40), st.floats(0, 1), st.integers(0, 9))
def test_as_many_synapses_stay_as_asked(connectome, fraction, seed):
    connectome = numbered(connectome)
    after = subsample(connectome, fraction=fraction, rng=rng(seed))
    assert len(kept_of(connectome, after)) == round(fraction * connectome.n_edges)


def test_a_subsample_of_a_selection_leaves_the_others():
    after = subsample(numbered(EXAMPLE), pre={"layer": 1}, synapses=1, rng=rng())
    assert sum(pre == 2 for pre, _ in ends(after)) == 2
    assert after.n_edges == 3


def test_which_connections_and_synapses_go_is_even():
    counts, synapses = Counter(), Counter()
    source = rng(3)
    for _ in range(900):
        counts[frozenset(ends(remove_connections(EXAMPLE, connections=1, post=["b"], rng=source)))] += 1
        after = remove_synapses(EXAMPLE, pre=["a"], post=["b"], synapses=1, keep_connections="one", rng=source)
        synapses[tuple(after.properties["conductance"].tolist())] += 1
    assert len(counts) == len(synapses) == 2
    assert all(abs(each - 450) < 60 for each in [*counts.values(), *synapses.values()])


def test_numbers_of_synapses_are_bounds_that_belong():
    def left(synapses):
        return set(ends(remove_connections(EXAMPLE, synapses=synapses, fraction=1, rng=rng())))

    assert left((1, 1)) == {(0, 1), (2, 1)}
    assert left([2, None]) == {(1, 2), (0, 2)}
    assert left((3, 5)) == set(ends(EXAMPLE))


def test_extract_keeps_edges_of_which_both_ends_are_meant():
    after = extract(EXAMPLE, nodes={"layer": 1})
    assert ends(after) == [(0, 1), (0, 1)]
    assert after.n_nodes == 3
    assert after.properties["conductance"].tolist() == [1, 3]


def test_equal_states_give_equal_results_and_the_input_is_untouched():
    before = EXAMPLE.edges
    for change in (
        lambda seed: remove_connections(EXAMPLE, connections=2, rng=rng(seed)),
        lambda seed: remove_synapses(EXAMPLE, synapses=2, rescale="conductance", rng=rng(seed)),
        lambda seed: subsample(EXAMPLE, synapses=3, rng=rng(seed)),
    ):
        assert change(1).edges.equals(change(1).edges)
        assert len({tuple(change(seed).properties["conductance"].tolist()) for seed in range(10)}) > 1
    pd.testing.assert_frame_equal(EXAMPLE.edges, before)


def test_pairs_of_a_mask_that_are_not_connected_are_told(caplog):
    mask = Mask.from_pairs(["a", "b", "c"], ["b", "a", "c"])
    after = remove_connections(EXAMPLE, mask=mask, fraction=1, rng=rng())
    assert after.n_edges == 4
    assert "remove_connections.mask: 2 of its 3 pairs are not connected." in caplog.text


def test_an_inverted_mask_means_all_others():
    after = remove_connections(EXAMPLE, mask=~Mask.from_pairs(["a"], ["b"]), fraction=1, rng=rng())
    assert ends(after) == [(0, 1), (0, 1)]


ZEROS = Connectome(2, [0, 0], [1, 1], properties={"w": [0.0, 1.0], "n": [1, 2], "k": ["x", "y"]})


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: remove_connections(EXAMPLE, rng=rng()), "give either connections or fraction, one of the two"),
        (lambda: remove_connections(EXAMPLE, connections=5, rng=rng()), "connections: 5; there are 4 connections"),
        (lambda: remove_connections(EXAMPLE, fraction=-0.1, rng=rng()), "fraction: -0.1; give a number from 0 to 1"),
        (lambda: remove_connections(EXAMPLE, fraction=float("nan"), rng=rng()), "fraction: nan; give a number"),
        (lambda: remove_connections(EXAMPLE, pre="depth > 1", fraction=1, rng=rng()), "remove_connections.pre.*depth"),
        (lambda: remove_connections(EXAMPLE, synapses=(3, 1), fraction=1, rng=rng()), "synapses: 1; give a whole"),
        (lambda: remove_connections(EXAMPLE, synapses=2, fraction=1, rng=rng()), "synapses: 2; give the least and"),
        (
            lambda: remove_connections(EXAMPLE, mask=Mask.from_pairs(["z"], ["a"]), fraction=1, rng=rng()),
            "remove_connections.mask: pre ids that are not among the 3 nodes: 1, such as z",
        ),
        (lambda: remove_synapses(EXAMPLE, synapses=7, rng=rng()), "remove_synapses.synapses: 7; there are 6 synapses"),
        (lambda: remove_synapses(EXAMPLE, fraction=1, rescale="weight", rng=rng()), "unknown edge property 'weight'"),
        (
            lambda: remove_synapses(ZEROS, fraction=1, rescale="n", rng=rng()),
            "'n' holds int64; sums stay only of floats",
        ),
        (lambda: remove_synapses(ZEROS, fraction=1, rescale="k", rng=rng()), "'k' holds category; sums"),
        (lambda: extract(Connectome(2, [], [], post_nodes=3), nodes=[0]), "extract: the connectome is rectangular"),
    ],
)
def test_what_does_not_fit_is_refused(ask, message):
    with pytest.raises(OptionError, match=message):
        ask()


def test_a_sum_of_zero_cannot_be_multiplied():
    refused = 0
    for seed in range(20):
        try:
            left = remove_synapses(ZEROS, synapses=1, rescale="w", rng=rng(seed))
            assert left.properties["w"].tolist() == [1.0]
        except OptionError as error:
            assert "of 1 connections the synapses that are left add up to 0" in str(error)  # noqa: PT017
            refused += 1
    assert 0 < refused < 20


@pytest.mark.parametrize("n", [0, 1, 3])
def test_where_nothing_is_connected_nothing_goes(n):
    connectome = Connectome(n, [], [], properties={"w": np.empty(0)})
    assert remove_connections(connectome, fraction=1, rng=rng()) == connectome
    assert remove_synapses(connectome, fraction=1, keep_connections="one", rescale="w", rng=rng()) == connectome
    assert subsample(connectome, fraction=0.5, rng=rng()) == connectome


def test_half_precision_is_rescaled_too():
    weights = np.array([1, 2, 3, 0.1], dtype=np.float16)
    connectome = Connectome(2, [0, 0, 0, 1], [1, 1, 1, 0], properties={"weight": weights})
    after = remove_synapses(connectome, synapses=2, keep_connections="one", rescale="weight", rng=rng())
    assert after.properties["weight"].dtype == np.float16
    assert after.properties["weight"].tolist() == [6.0, float(weights[3])]

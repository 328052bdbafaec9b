"""Connections added, and two connectomes put together."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.circuits import Connectome, Mask
from conntap.errors import OptionError
from conntap.manipulate import add_connections, merge
from conntap.manipulate.unconnected import unconnected


def rng(seed=0):
    return np.random.default_rng(seed)


def ends(connectome):
    return list(zip(connectome.pre.tolist(), connectome.post.tolist(), strict=True))


def free_pairs(connectome):
    """The pairs of different nodes that are not connected, by trial."""
    there = set(ends(connectome))
    return [
        (pre, post)
        for pre in range(connectome.n_pre)
        for post in range(connectome.n_post)
        if (pre, post) not in there and not (connectome.is_square and pre == post)
    ]


NODES = pd.DataFrame({"type": ["e", "e", "i", "i"]}, index=list("abcd"))
EXAMPLE = Connectome(
    NODES,
    [0, 0, 1, 2],
    [1, 1, 2, 3],
    properties={"weight": [1.0, 2.0, 3.0, 4.0], "kind": pd.Categorical(list("xxyz"))},
)


@settings(deadline=None)
@given(connectomes(square=None, max_edges=40))
def test_pairs_that_are_not_connected_are_numbered_as_by_trial(connectome):
    free, wanted = unconnected(connectome, "x"), free_pairs(connectome)
    assert free.n == len(wanted)
    assert list(zip(*(rows.tolist() for rows in free.at(np.arange(free.n))), strict=True)) == wanted
    turned = free.turned()
    assert sorted(zip(*(rows.tolist() for rows in turned.at(np.arange(free.n))[::-1]), strict=True)) == wanted
    counts = Counter(pre for pre, _ in wanted)
    assert free.of_each().tolist() == [counts[pre] for pre in range(connectome.n_pre)]
    rest = free.without(np.arange(0, free.n, 2))
    assert list(zip(*(rows.tolist() for rows in rest.at(np.arange(rest.n))), strict=True)) == wanted[1::2]


@settings(deadline=None)
@given(
    connectomes(square=None, max_edges=40), st.floats(0, 1), st.sampled_from(["copied", "sampled"]), st.integers(0, 9)
)
def test_as_many_connections_come_as_asked_and_all_else_stays(connectome, share, properties, seed):
    wanted = free_pairs(connectome)
    size = round(share * len(wanted)) if connectome.n_edges else 0
    after = add_connections(connectome, connections=size, properties=properties, rng=rng(seed))
    old = np.arange(after.n_edges) < connectome.n_edges
    assert after.filter(old).edges.equals(connectome.edges)
    new = set(ends(after.filter(~old)))
    assert len(new) == size
    assert new <= set(wanted)
    for name, column in connectome.properties.items():
        assert after.properties[name].dtype == column.dtype
        assert set(after.properties[name].tolist()) <= set(column.tolist())


def test_a_new_connection_has_the_synapses_of_one_there_is():
    after = add_connections(EXAMPLE, pre=["d"], post=["b"], connections=1, by="type", rng=rng())
    assert after.edges.iloc[4:].values.tolist() == [["d", "b", 1.0, "x"], ["d", "b", 2.0, "x"]]
    onto = {
        tuple(add_connections(EXAMPLE, post=["c"], connections=1, by="type", rng=rng(seed)).edges.iloc[4:]["kind"])
        for seed in range(20)
    }
    assert onto == {("y",), ("z",)}


def test_synapses_are_sampled_one_by_one():
    pairs = {
        tuple(
            add_connections(
                EXAMPLE, pre=["d"], post=["b"], connections=1, by="type", properties="sampled", rng=rng(seed)
            )
            .properties["weight"][4:]
            .tolist()
        )
        for seed in range(40)
    }
    assert pairs == {(one, other) for one in (1.0, 2.0) for other in (1.0, 2.0)}


def test_where_no_node_is_alike_any_connection_is_a_model():
    lone = EXAMPLE.with_nodes(NODES.assign(type=["a", "e", "i", "i"]))
    assert add_connections(lone, post=["a"], connections=3, by="type", rng=rng()).n_edges >= 7


def test_all_pairs_of_a_mask_are_connected_and_those_that_are_told(caplog):
    mask = Mask.from_pairs(["a", "a", "d"], ["a", "b", "a"])
    after = add_connections(EXAMPLE, mask=mask, rng=rng())
    assert set(ends(after)) - set(ends(EXAMPLE)) == {(0, 0), (3, 0)}
    assert "add_connections.mask: 1 of its 3 pairs are connected already, or not selected." in caplog.text
    some = add_connections(EXAMPLE, mask=mask, connections=1, rng=rng())
    assert len(set(ends(some)) - set(ends(EXAMPLE))) == 1
    others = add_connections(EXAMPLE, mask=~mask, pre=["d"], connections=2, rng=rng())
    assert set(ends(others)) - set(ends(EXAMPLE)) == {(3, 1), (3, 2)}


def test_a_fraction_is_of_the_connections_there_are():
    assert len(set(ends(add_connections(EXAMPLE, fraction=2, rng=rng())))) == 9
    assert len(set(ends(add_connections(EXAMPLE, pre=["a"], fraction=1, rng=rng())))) == 4


def test_which_pairs_are_connected_is_even():
    counts = Counter()
    source = rng(4)
    for _ in range(900):
        counts[frozenset(ends(add_connections(Connectome(3, [0, 1, 2], [1, 2, 0]), connections=2, rng=source)))] += 1
    assert len(counts) == 3
    assert all(abs(each - 300) < 60 for each in counts.values())


def test_connections_of_a_connectome_without_any_have_one_synapse():
    assert add_connections(Connectome(3, [], []), connections=6, rng=rng()).n_edges == 6
    assert add_connections(Connectome(0, [], []), connections=0, rng=rng()).n_edges == 0


@settings(deadline=None)
@given(connectomes(square=None, max_edges=20), st.data())
def test_edges_of_both_are_put_together(connectome, data):
    order = data.draw(st.permutations(range(connectome.n_nodes))) if connectome.is_square else None
    other = connectome.subset(connectome.ids[order]) if order and len(order) else connectome
    both = merge(connectome, other)
    first = np.arange(both.n_edges) < connectome.n_edges
    assert both.filter(first) == both.filter(~first) == connectome
    assert merge(connectome, other, shared="first") == merge(connectome, other, shared="second") == connectome


def test_of_shared_connections_those_of_one_are_kept():
    one = Connectome(3, [0, 1], [1, 2], properties={"weight": np.array([1, 2], dtype=np.int32)})
    other = Connectome(3, [1, 1, 2], [2, 2, 0], properties={"weight": [5.5, 6.0, 7.0]})
    assert merge(one, other, shared="first").edges.values.tolist() == [[0, 1, 1], [1, 2, 2], [2, 0, 7]]
    assert merge(one, other, shared="second").edges.values.tolist() == [[0, 1, 1], [1, 2, 5.5], [1, 2, 6], [2, 0, 7]]
    assert merge(one, other).properties["weight"].dtype == np.float64
    assert merge(one, one).properties["weight"].dtype == np.int32


def test_categories_of_both_are_joined():
    one = Connectome(2, [0], [1], properties={"kind": ["a"]})
    other = Connectome(2, [1], [0], properties={"kind": ["b"]})
    assert merge(one, other).properties["kind"].tolist() == ["a", "b"]


SMALL = Connectome(2, [0], [1], properties={"w": [1.0]})


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: add_connections(EXAMPLE, rng=rng()), "add_connections: give either connections or fraction"),
        (lambda: add_connections(EXAMPLE, connections=10, rng=rng()), "connections: 10; there are 9 connections"),
        (
            lambda: add_connections(EXAMPLE, fraction=4, rng=rng()),
            "4 of 3 connections are 12; 9 pairs are not connected",
        ),
        (lambda: add_connections(EXAMPLE, fraction=-1, rng=rng()), "fraction: -1; give a number from 0 on"),
        (lambda: add_connections(EXAMPLE, connections=1, by="typ", rng=rng()), "add_connections.by.*'typ'"),
        (
            lambda: add_connections(SMALL.filter(np.array([False])), connections=1, rng=rng()),
            "no connection is there whose properties new ones could have",
        ),
        (lambda: merge(SMALL, Connectome(3, [], [])), "merge: 1 pre ids are in one connectome only: 2"),
        (lambda: merge(SMALL, Connectome(2, [0], [1])), "merge: edge properties w here and none there"),
        (lambda: merge(SMALL, SMALL, shared="refuse"), "merge.shared: 1 connections are in both"),
        (lambda: merge(SMALL, Connectome(2, [], [], post_nodes=2)), "one connectome is rectangular"),
        (
            lambda: merge(SMALL, Connectome(2, [0], [1], properties={"w": ["a"]})),
            "merge: edge property 'w' is text in one connectome only",
        ),
    ],
)
def test_what_does_not_fit_is_refused(ask, message):
    with pytest.raises(OptionError, match=message):
        ask()


def test_equal_states_give_equal_results_and_the_input_is_untouched():
    before = EXAMPLE.edges
    assert add_connections(EXAMPLE, connections=4, rng=rng(1)).edges.equals(
        add_connections(EXAMPLE, connections=4, rng=rng(1)).edges
    )
    assert add_connections(EXAMPLE, connections=4, rng=rng(1)) != add_connections(EXAMPLE, connections=4, rng=rng(2))
    pd.testing.assert_frame_equal(EXAMPLE.edges, before)

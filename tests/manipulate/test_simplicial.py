"""Connections added and moved by their place in simplices."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from null_models import simple_edges

from conntap.circuits import Connectome, Mask
from conntap.errors import OptionError
from conntap.manipulate import add_reciprocal_in_skeleton, enhance_complexity, simplex_mask, skeleton_mask
from conntap.topology.graphs import simple_graph
from conntap.topology.maximal import count_maximal_simplices
from conntap.topology.simplices import count_simplices


def rng(seed=0):
    return np.random.default_rng(seed)


def random_connectome(seed, n=16, chance=0.35, tail=20):
    """A dense part, and nodes that one connection each leads to."""
    pre, post = np.nonzero(rng(seed).random((n, n)) < chance)
    keep = pre != post
    pre = np.concatenate([pre[keep], np.arange(tail) % n])
    post = np.concatenate([post[keep], n + np.arange(tail)])
    return Connectome(n + tail, pre, post, properties={"number": np.arange(len(pre))})


def counts(connectome, dimension):
    found = count_simplices(*simple_graph(connectome.pre, connectome.post, connectome.n_nodes))
    return int(found[dimension]) if dimension < len(found) else 0


def rows_in(mask, connectome):
    return set(zip(*(rows.tolist() for rows in mask.rows(connectome)), strict=True))


def expected(connectome, factors):
    """How many pairs are to become reciprocal in each skeleton."""
    found = {}
    for dimension, factor in factors.items():
        skeleton = rows_in(skeleton_mask(connectome, dimension=dimension), connectome)
        found[dimension] = int((factor - 1) * sum((v, u) in skeleton for u, v in skeleton) // 2)
    return found


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([1, 1.5, 2]))
def test_opposites_are_added_within_the_skeletons_exactly_as_many_as_asked(seed, factor):
    before = random_connectome(seed, n=12, chance=0.25)
    edges = simple_edges(before)
    graph = simple_graph(before.pre, before.post, before.n_nodes)
    dimensions = range(2, len(count_maximal_simplices(*graph)))
    try:
        after = add_reciprocal_in_skeleton(before, factor=factor, rng=rng(seed))
    except OptionError as error:
        assert "connections left without an opposite" in str(error)  # noqa: PT017
        return
    new = simple_edges(after) - edges
    assert edges <= simple_edges(after)
    assert len(new) == sum(expected(before, dict.fromkeys(dimensions, factor)).values())
    skeletons = set().union(*(rows_in(skeleton_mask(before, dimension=each), before) for each in dimensions))
    assert all((post, pre) in skeletons for pre, post in new)


def test_the_control_adds_as_many_anywhere():
    before = random_connectome(1)
    options = {"factor": 1.5, "dimensions": [2, 3]}
    turned = add_reciprocal_in_skeleton(before, **options, rng=rng(1))
    control = add_reciprocal_in_skeleton(before, **options, added="random", rng=rng(1))
    n = len(simple_edges(before))
    assert (
        len(simple_edges(turned)) == len(simple_edges(control)) == n + sum(expected(before, {2: 1.5, 3: 1.5}).values())
    )
    assert simple_edges(turned) != simple_edges(control)
    assert turned.edges.iloc[: before.n_edges].equals(before.edges)
    assert control.edges.iloc[: before.n_edges].equals(before.edges)


def test_each_dimension_may_have_a_factor_of_its_own():
    before = random_connectome(2)
    after = add_reciprocal_in_skeleton(before, factor=[2, 1], dimensions=[2, 3], rng=rng())
    assert len(simple_edges(after)) - len(simple_edges(before)) == expected(before, {2: 2})[2]


def test_opposites_are_copies_turned_round():
    before = Connectome(3, [0, 0, 1, 0, 2], [1, 2, 2, 1, 1], properties={"weight": [1.0, 2.0, 3.0, 4.0, 5.0]})
    after = add_reciprocal_in_skeleton(before, factor=2, dimensions=[2], rng=rng(1))
    assert after.edges.iloc[5:].values.tolist() in ([[1, 0, 1.0], [1, 0, 4.0]], [[2, 0, 2.0]])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(3, 4), st.integers(0, 15))
def test_moved_connections_complete_simplices_and_none_of_those_dimensions_is_lost(seed, dimension, size):
    before = random_connectome(seed)
    try:
        after = enhance_complexity(before, dimension=dimension, connections=size, rng=rng(seed))
    except OptionError as error:
        assert "pairs were found" in str(error) or "there are" in str(error)  # noqa: PT017
        return
    edges, new = simple_edges(before), simple_edges(after)
    low = edges - rows_in(simplex_mask(before, dimensions=dimension - 1), before)
    assert len(new - edges) == len(edges - new) == size
    assert edges - new <= low
    assert counts(after, dimension) >= counts(before, dimension) + size
    assert counts(after, dimension - 1) >= counts(before, dimension - 1)
    assert all(new_ in rows_in(simplex_mask(after, dimensions=dimension), after) for new_ in new - edges)
    stayed = [row for row, each in enumerate(zip(before.pre, before.post, strict=True)) if each in new]
    assert after.edges.iloc[stayed].equals(before.edges.iloc[stayed])
    assert after.properties["number"].tolist() == before.properties["number"].tolist()


def test_what_is_moved_and_where_to_is_of_those_selected():
    before = random_connectome(4)
    mask = Mask.of(before, before.post >= 26)
    after = enhance_complexity(before, dimension=3, pre="id < 8", mask=mask, connections=3, rng=rng())
    gone, new = simple_edges(before) - simple_edges(after), simple_edges(after) - simple_edges(before)
    assert len(gone) == len(new) == 3
    assert all(pre < 8 and post >= 26 for pre, post in gone)
    assert all(pre < 8 for pre, _ in new)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda c: enhance_complexity(c, dimension=2, connections=1, rng=rng()), "dimension: 2; every connection is"),
        (lambda c: enhance_complexity(c, dimension=3, rng=rng()), "enhance_complexity: give either connections or"),
        (lambda c: enhance_complexity(c, dimension=30, connections=1, rng=rng()), "1 to move; 0 pairs were found"),
        (lambda c: add_reciprocal_in_skeleton(c, factor=0.5, rng=rng()), "factor: 0.5; give a number from 1 on"),
        (lambda c: add_reciprocal_in_skeleton(c, factor=[2], dimensions=[2, 3], rng=rng()), "1 for 2 dimensions"),
        (
            lambda c: add_reciprocal_in_skeleton(c, factor=2, dimensions=[2, 2], rng=rng()),
            "dimensions: 2, 2; give each",
        ),
        (lambda c: add_reciprocal_in_skeleton(c, factor=2, dimensions=[0], rng=rng()), "dimensions: 0; give a whole"),
        (lambda c: add_reciprocal_in_skeleton(c, factor=1e6, dimensions=[3], rng=rng()), "left without an opposite"),
    ],
)
def test_what_does_not_fit_is_refused(ask, message):
    with pytest.raises(OptionError, match=message):
        ask(random_connectome(1))


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: enhance_complexity(c, dimension=3, fraction=1, rng=rng()),
        lambda c: add_reciprocal_in_skeleton(c, factor=2, rng=rng()),
    ],
)
def test_rectangular_ones_are_refused_and_empty_ones_stay(ask):
    with pytest.raises(OptionError, match="the connectome is rectangular"):
        ask(Connectome(2, [0], [1], post_nodes=3))
    for n in (0, 1, 3):
        assert ask(Connectome(n, [], [])).n_edges == 0


def test_equal_states_give_equal_results_on_any_number_of_threads():
    before = random_connectome(9)
    table = before.edges
    options = {"dimension": 3, "connections": 8}
    assert enhance_complexity(before, **options, rng=rng(1)).edges.equals(
        enhance_complexity(before, **options, threads=2, rng=rng(1)).edges
    )
    assert enhance_complexity(before, **options, rng=rng(1)) != enhance_complexity(before, **options, rng=rng(2))
    pd.testing.assert_frame_equal(before.edges, table)


@pytest.mark.parametrize(("factor", "more"), [(1.1, 1), (1.2, 2), (1.3, 3), (1.29, 2), (1.7, 7)])
def test_pairs_are_rounded_down_but_for_what_floats_lack(factor, more):
    low = np.arange(0, 60, 2)
    once = np.arange(20, 60, 2)  # of thirty pairs ten run both ways
    both = Connectome(
        60, np.concatenate([low, np.setdiff1d(low, once) + 1]), np.concatenate([low + 1, np.setdiff1d(low, once)])
    )
    after = add_reciprocal_in_skeleton(both, factor=factor, dimensions=[1], rng=rng())
    assert after.n_edges == both.n_edges + more


@pytest.mark.parametrize("options", [{"dimensions": 2, "factor": 2}, {"factor": "a"}, {"factor": None}])
def test_other_types_are_refused(options):
    triangle = Connectome(3, [0, 0, 1], [1, 2, 2])
    with pytest.raises(OptionError, match=r"^add_reciprocal_in_skeleton\.(dimensions|factor): .*; give a"):
        add_reciprocal_in_skeleton(triangle, **options, rng=rng())


def test_dimensions_may_be_an_array():
    triangle = Connectome(3, [0, 0, 1], [1, 2, 2])
    assert simplex_mask(triangle, dimensions=np.array([1, 2])) == simplex_mask(triangle, dimensions=[1, 2])


def test_skeletons_share_connections_so_each_gains_its_own_or_more_and_all_together_exactly():
    before = random_connectome(3)
    dimensions = [2, 3]
    after = add_reciprocal_in_skeleton(before, factor=1.5, dimensions=dimensions, rng=rng())
    new = set(zip(after.pre[before.n_edges :].tolist(), after.post[before.n_edges :].tolist(), strict=True))
    own = expected(before, dict.fromkeys(dimensions, 1.5))
    assert len(new) == sum(own.values())
    for dimension in dimensions:
        skeleton = skeleton_mask(before, dimension=dimension).pairs()
        inside = new & set(zip(skeleton["post"], skeleton["pre"], strict=True))
        assert len(inside) >= own[dimension]


def test_dimensions_too_high_to_list_are_told_by_the_step_that_was_asked():
    with pytest.raises(OptionError, match=r"^enhance_complexity\.dimension: 50; give a whole number from 3 to 45\."):
        enhance_complexity(Connectome(3, [0], [1]), dimension=50, fraction=1, rng=rng())

"""Networks of types: how many connections each block gets, which, and how strong they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.build import typed
from conntap.errors import OptionError


def wired(seed=0, **options):
    return typed(rng=np.random.default_rng(seed), **options)


TWO = {"E": 3, "I": 2}


def test_probability_one_connects_all_pairs_of_different_cells():
    c = wired(counts=TWO, probability=1.0)
    assert (c.adjacency().toarray() == 1 - np.eye(5)).all()


def test_only_the_blocks_that_are_named_are_wired():
    c = wired(counts=TWO, probability={"E": {"I": 1.0}})
    assert sorted(zip(c.pre.tolist(), c.post.tolist(), strict=True)) == [(i, j) for i in range(3) for j in (3, 4)]


def test_exact_numbers_are_met_in_each_block():
    c = wired(counts={"E": 50, "I": 20}, n_edges={"E": {"E": 300, "I": 7}, "I": 11})
    is_inhibitory = np.arange(70) >= 50
    blocks = [int(((is_inhibitory[c.pre] == a) & (is_inhibitory[c.post] == b)).sum()) for a in (0, 1) for b in (0, 1)]
    assert blocks == [300, 7, 11, 11]


@settings(max_examples=30)
@given(st.integers(0, 6), st.integers(0, 6), st.floats(0, 1), st.integers(0, 1000))
def test_no_pair_is_connected_twice_and_none_with_itself(n_e, n_i, probability, seed):
    c = wired(seed, counts={"E": n_e, "I": n_i}, probability=probability)
    assert c.adjacency().toarray().max(initial=0) <= 1
    assert (c.pre != c.post).all()
    assert c.n_nodes == n_e + n_i


def test_every_pair_is_equally_likely():
    hits = sum(wired(seed, counts=TWO, probability=0.3).adjacency().toarray() for seed in range(800))
    off = hits[~np.eye(5, dtype=bool)]
    expected, spread = 800 * 0.3, np.sqrt(800 * 0.3 * 0.7)
    assert (np.abs(off - expected) < 4.5 * spread).all()


def test_weights_have_the_mean_the_sign_and_the_spread_asked_for():
    c = wired(counts={"E": 120, "I": 60}, probability=0.5, weight={"E": 1.0, "I": -5.0}, weight_spread=0.5)
    weight, from_e = c.properties["weight"], c.pre < 120
    assert weight[from_e].mean() == pytest.approx(1, rel=0.03)
    assert weight[~from_e].mean() == pytest.approx(-5, rel=0.03)
    assert np.log(weight[from_e]).std() == pytest.approx(0.5, rel=0.03)
    assert c.nodes["ei"].tolist() == ["e"] * 120 + ["i"] * 60


def test_delays_lie_in_their_range():
    delays = wired(counts={"E": 40}, probability=0.5, delay_ms=(1.0, 3.0)).properties["delay_ms"]
    assert delays.min() >= 1
    assert delays.max() <= 3
    assert set(wired(counts={"E": 9}, probability=0.5, delay_ms=1.5).properties["delay_ms"]) == {1.5}


def test_equal_seeds_give_equal_networks():
    assert wired(3, counts=TWO, probability=0.5) == wired(3, counts=TWO, probability=0.5)


@pytest.mark.parametrize("counts", [{}, {"E": 0}, {"E": 1}])
def test_few_cells_have_no_connections(counts):
    assert wired(counts=counts, probability=1.0).n_edges == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"counts": TWO}, "one of them"),
        ({"counts": TWO, "probability": 0.1, "n_edges": 3}, "one of them"),
        ({"counts": TWO, "probability": 1.5}, "from 0 to 1"),
        ({"counts": TWO, "probability": {"X": 0.1}}, "unknown type 'X'"),
        ({"counts": TWO, "n_edges": 7}, "6 pairs"),
        ({"counts": {"E": -1}, "probability": 0.1}, "counts.E"),
        ({"counts": TWO, "probability": 0.1, "delay_ms": (3.0, 1.0)}, "delay_ms"),
        ({"counts": TWO, "probability": 0.1, "weight_spread": -1.0}, "weight_spread"),
    ],
)
def test_what_makes_no_sense_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        wired(**options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"probability": 0.5, "delay_ms": (1, 2, 3)}, r"typed\.delay_ms: \(1, 2, 3\)"),
        ({"probability": "often"}, r"typed\.probability: often from E to E"),
        ({"n_edges": 2.5}, r"typed\.n_edges: 2\.5 from E to E.*whole number"),
        ({"counts": {"E": "ten"}, "probability": 0.5}, r"typed\.counts\.E: 'ten'"),
    ],
)
def test_what_is_no_such_number_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        typed(**{"counts": {"E": 5, "I": 4}, **options}, rng=np.random.default_rng(0))

"""Cultures: degrees, groups and places."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.build import culture
from conntap.errors import OptionError


def grown(seed=0, **options):
    return culture(rng=np.random.default_rng(seed), **options)


@settings(max_examples=30)
@given(st.integers(0, 12), st.floats(0, 15), st.integers(1, 4), st.floats(0, 1), st.integers(0, 99))
def test_no_pair_is_connected_twice_and_none_with_itself(n, degree, groups, within, seed):
    c = grown(seed, n_nodes=n, degree=degree, groups=groups, within=within)
    assert c.adjacency().toarray().max(initial=0) <= 1
    assert (c.pre != c.post).all()
    assert c.n_nodes == n


def test_degrees_have_the_mean_and_the_spread_asked_for():
    c = grown(n_nodes=2000, degree=12.0, out_spread=0.5)
    out = np.bincount(c.pre, minlength=2000)
    assert out.mean() == pytest.approx(12, rel=0.04)
    assert out.var() == pytest.approx(12 + 144 * (np.exp(0.25) - 1), rel=0.15)
    assert np.bincount(c.post, minlength=2000).var() == pytest.approx(12, rel=0.15)


def test_the_share_of_targets_within_the_group_is_the_one_asked_for():
    c = grown(n_nodes=1000, degree=15.0, groups=10, within=0.78)
    group = c.nodes["group"].to_numpy()
    assert (group[c.pre] == group[c.post]).mean() == pytest.approx(0.78, abs=0.05)
    assert set(group) == set(range(1, 11))


@pytest.mark.parametrize("within", [0.0, 0.3, 0.78, 1.0])
def test_the_share_within_the_group_holds_where_groups_are_nearly_full(within):
    shares = []
    for seed in range(30):
        c = culture(n_nodes=300, degree=15, groups=8, within=within, out_spread=0.0, rng=np.random.default_rng(seed))
        group = c.nodes["group"].to_numpy()
        shares.append((group[c.pre] == group[c.post]).mean())
        assert c.n_edges / 300 == pytest.approx(15, abs=1.2)
    assert np.mean(shares) == pytest.approx(within, abs=4 * np.sqrt(0.25 / (30 * 4500)))


def test_all_sets_of_targets_are_equally_likely():
    hits = np.zeros((6, 6))
    for seed in range(2000):
        c = culture(n_nodes=6, degree=2, out_spread=0.0, rng=np.random.default_rng(seed))
        np.add.at(hits, (c.pre, c.post), 1)
    others = hits[~np.eye(6, dtype=bool)]
    assert np.abs(others - others.mean()).max() < 4 * np.sqrt(others.mean() * (1 - others.mean() / 2000))


def test_neurons_lie_on_the_square_and_connect_wherever_they_lie():
    c = grown(n_nodes=800, degree=20.0, side_um=500.0)
    places = c.nodes[["x", "y"]].to_numpy()
    assert places.min() >= 0
    assert 490 < places.max() <= 500
    steps = np.linalg.norm(places[c.pre] - places[c.post], axis=1)
    assert steps.mean() == pytest.approx(500 * 0.5214, rel=0.03)  # the mean distance in a square


def test_all_edges_of_an_inhibitory_neuron_are_negative():
    c = grown(n_nodes=300, inhibitory=0.2)
    is_inhibitory = (c.nodes["ei"] == "i").to_numpy()
    assert 30 < is_inhibitory.sum() < 90
    assert (c.properties["weight"] == np.where(is_inhibitory[c.pre], -1, 1)).all()


def test_equal_seeds_give_equal_cultures():
    assert grown(3) == grown(3)
    assert grown(3) != grown(4)


@pytest.mark.parametrize(
    "options",
    [
        {"n_nodes": -1},
        {"groups": 0},
        {"within": 2.0},
        {"degree": -1.0},
        {"side_um": 0.0},
        {"degree": "many"},
        {"within": None},
        {"out_spread": 1e300},
        {"n_nodes": 2**70},
        {"degree": 1e300},
    ],
)
def test_what_makes_no_sense_is_told(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        grown(**options)

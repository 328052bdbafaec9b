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
    "options", [{"n_nodes": -1}, {"groups": 0}, {"within": 2.0}, {"degree": -1.0}, {"side_um": 0.0}]
)
def test_what_makes_no_sense_is_told(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        grown(**options)

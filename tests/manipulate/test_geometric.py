"""Random geometric connectomes: candidates against all distances, picks against their chances."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cdist

from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import random_geometric

XYZ = ["x", "y", "z"]


def rng(seed=0):
    return np.random.default_rng(seed)


def scattered(n, m=0, seed=0):
    source = rng(seed)
    nodes = pd.DataFrame(source.uniform(0, 100, (n, 3)), columns=XYZ)
    return Connectome(nodes, *source.integers(0, n, (2, m)))


def matrix(connectome):
    return connectome.adjacency().toarray()


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 25), st.integers(0, 10**6), st.floats(0, 120))
def test_with_certainty_all_nodes_within_the_radius_are_connected(n, seed, radius):
    connectome = scattered(n, seed=seed)
    distances = cdist(connectome.nodes[XYZ], connectome.nodes[XYZ])
    drawn = random_geometric(connectome, radius_um=radius, probability=1, rng=rng())
    assert np.array_equal(matrix(drawn), (distances <= radius) & ~np.eye(n, dtype=bool))


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 25), st.integers(0, 10**6), st.integers(0, 30))
def test_with_certainty_the_nearest_nodes_are_connected(n, seed, nearest):
    connectome = scattered(n, seed=seed)
    distances = cdist(connectome.nodes[XYZ], connectome.nodes[XYZ])
    np.fill_diagonal(distances, np.inf)
    ranks = distances.argsort(axis=1).argsort(axis=1)
    drawn = random_geometric(connectome, nearest=nearest, probability=1, rng=rng())
    assert np.array_equal(matrix(drawn), (ranks < nearest) & np.isfinite(distances))


def test_nodes_at_one_place_are_not_their_own_neighbours():
    connectome = Connectome(pd.DataFrame({"x": np.zeros(6)}), [], [])
    for options in ({"nearest": 2}, {"radius_um": 0.0}):
        drawn = random_geometric(connectome, **options, probability=1, positions=["x"], rng=rng())
        assert (drawn.pre != drawn.post).all()
        assert drawn.n_edges == (12 if "nearest" in options else 30)


def test_each_node_picks_its_count():
    drawn = random_geometric(scattered(60), nearest=20, count=5, rng=rng())
    assert np.bincount(drawn.pre, minlength=60).tolist() == [5] * 60
    few = random_geometric(scattered(60), nearest=3, count=5, rng=rng())
    assert np.bincount(few.pre, minlength=60).tolist() == [3] * 60


def test_as_many_connections_as_the_connectome_has_are_placed():
    connectome = scattered(50, m=300)
    merged = (matrix(connectome) > 0) & ~np.eye(50, dtype=bool)
    drawn = random_geometric(connectome, radius_um=60, rng=rng())
    assert drawn.n_edges == merged.sum()


def test_picks_with_a_bias_follow_their_weights():
    """2,000 nodes between two others each, one pick: 1 + bias to 1 - bias."""
    middles = np.arange(2000) * 100.0
    nodes = pd.DataFrame({"x": np.concatenate([middles, middles - 1, middles + 1])})
    options = {"nearest": 2, "count": 1, "positions": ["x"], "towards": [2.0], "bias": 0.5}
    drawn = random_geometric(Connectome(nodes, [], []), **options, rng=rng(1))
    right = (drawn.post[drawn.pre < 2000] >= 4000).sum()
    assert stats.binomtest(int(right), 2000, 0.75).pvalue > 0.01


def test_probabilities_with_a_bias_follow_the_angle():
    connectome = scattered(300)
    drawn = random_geometric(connectome, radius_um=60, probability=0.3, towards=[0, 1, 0], bias=0.8, rng=rng(2))
    places = connectome.nodes[XYZ].to_numpy()
    steps = places[None] - places[:, None]
    distances = np.linalg.norm(steps, axis=2)
    near = (distances <= 60) & (distances > 0)
    cosine = (steps[..., 1] / np.where(distances, distances, 1))[near]
    chances, picked = 0.3 * (1 + 0.8 * cosine), matrix(drawn)[near]
    bins = np.digitize(cosine, np.linspace(-1, 1, 11)[1:-1])
    for each in range(10):
        mean, sd = chances[bins == each].sum(), np.sqrt((chances * (1 - chances))[bins == each].sum())
        assert abs(picked[bins == each].sum() - mean) < 3.5 * sd


def test_equal_states_give_equal_connectomes():
    options = {"radius_um": 50, "probability": 0.2}
    assert random_geometric(scattered(80), **options, rng=rng(3)) == random_geometric(
        scattered(80), **options, rng=rng(3)
    )
    assert random_geometric(scattered(80), **options, rng=rng(3)) != random_geometric(
        scattered(80), **options, rng=rng(4)
    )


def test_no_nodes_no_connections():
    empty = Connectome(pd.DataFrame({name: np.empty(0) for name in XYZ}), [], [])
    for options in ({"nearest": 3}, {"radius_um": 5.0}):
        assert random_geometric(empty, **options, rng=rng()).n_edges == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give one of nearest and radius_um"),
        ({"nearest": 1, "radius_um": 1.0}, "give one of nearest and radius_um"),
        ({"nearest": 1, "count": 1, "probability": 0.5}, "count or probability, not both"),
        ({"nearest": -1}, "nearest: -1; give a whole number from 0 on"),
        ({"nearest": 1, "probability": 1.5}, "probability: 1.5; give a number from 0 to 1"),
        ({"nearest": 1, "bias": 2.0}, "bias: 2.0; give a number from -1 to 1"),
        ({"nearest": 1, "bias": 0.5}, "in no direction; give towards"),
        ({"nearest": 1, "towards": [1.0]}, "one number for each of"),
        ({"nearest": 5, "probability": 0.9, "towards": [1.0, 0.0, 0.0], "bias": 1.0}, "exceeds 1"),
        ({"nearest": 1}, "candidates for .* connections"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        random_geometric(scattered(20, m=300), **options, rng=rng())


def test_a_rectangular_connectome_is_refused():
    with pytest.raises(OptionError, match="random_geometric: the connectome is rectangular"):
        random_geometric(Connectome(2, [0], [1], post_nodes=3), nearest=1, rng=rng())


def test_the_input_is_untouched():
    connectome = scattered(20, m=30)
    before = connectome.edges
    random_geometric(connectome, nearest=10, rng=rng())
    pd.testing.assert_frame_equal(connectome.edges, before)

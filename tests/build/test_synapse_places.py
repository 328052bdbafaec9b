"""Places of synapses: near the post cell, between both, as dense as asked for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import cKDTree

from conntap.build import placed_synapses, synapse_cloud
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError

BOX = ((0.0, 0.0, 0.0), (100.0, 80.0, 60.0))


def line(length):
    return Connectome(pd.DataFrame({"x": [0.0, length], "y": 0.0, "z": 0.0}), [0], [1], properties={"w": [3.0]})


def centres(c):
    return np.stack([c.properties[f"afferent_center_{axis}"] for axis in "xyz"], axis=1).astype(float)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_synapses_follow_the_stated_law_along_the_way():
    """The law of t beside scipy's Weibull distribution of shape 3, cut off at the distance."""
    many = placed_synapses(line(120.0), n_synapses=20_000, reach_um=50.0, spread=0.3, rng=rng())
    t = 120.0 - centres(many)[:, 0]
    law = stats.weibull_min(3, scale=50.0)
    assert stats.kstest(t, lambda x: law.cdf(x) / law.cdf(120.0)).pvalue > 0.01
    off = centres(many)[:, 1] / (0.3 * t * (1 - t / 120.0))
    assert stats.kstest(off[t > 1], "norm").pvalue > 0.01


def test_between_near_cells_synapses_lie_in_the_half_of_the_post_cell_mostly():
    t = 10.0 - centres(placed_synapses(line(10.0), n_synapses=5000, rng=rng()))[:, 0]
    law = stats.weibull_min(3, scale=5.0)
    assert stats.kstest(t, lambda x: law.cdf(x) / law.cdf(10.0)).pvalue > 0.01


def test_properties_are_repeated_and_the_order_is_kept():
    cells = pd.DataFrame({"x": [0.0, 50.0, 90.0], "y": 0.0, "z": 1.0}, index=[4, 7, 9])
    given_one = Connectome(cells, [2, 0], [1, 1], properties={"w": [5.0, 6.0]})
    found = placed_synapses(given_one, n_synapses=4.0, rng=rng())
    starts = np.flatnonzero(np.diff(found.pre, prepend=-1))
    assert found.pre[starts].tolist() == [2, 0]
    assert (found.properties["w"] == np.where(found.pre == 2, 5.0, 6.0)).all()
    assert given_one.properties.keys() == {"w"}
    assert given_one.n_edges == 2


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1e4), st.floats(0.1, 1e4), st.integers(0, 99))
def test_on_the_line_a_synapse_lies_between_the_cells(length, reach, seed):
    found = placed_synapses(line(length), n_synapses=3.0, reach_um=reach, spread=0.0, rng=rng(seed))
    x = centres(found)[:, 0]
    assert ((x >= -1e-3) & (x <= length * (1 + 1e-6) + 1e-3)).all()


@pytest.mark.parametrize(
    ("option", "value"), [("n_synapses", 0.5), ("n_synapses", np.nan), ("reach_um", 0.0), ("spread", -1.0)]
)
def test_numbers_out_of_range_are_refused(option, value):
    with pytest.raises(OptionError, match=f"placed_synapses.{option}"):
        placed_synapses(line(1.0), rng=rng(), **{option: value})


def test_a_node_without_a_place_is_told():
    with pytest.raises(OptionError, match="lacks a position"):
        placed_synapses(line(np.nan), rng=rng())
    with pytest.raises(OptionError, match="more than a connectome holds"):
        placed_synapses(line(1.0), n_synapses=1e10, rng=rng())


@pytest.fixture(scope="module")
def neurons():
    places = np.random.default_rng(3).uniform(BOX[0], BOX[1], (40, 3))
    return Connectome(pd.DataFrame(places, columns=["x", "y", "z"]), [], [])


@pytest.fixture(scope="module")
def cloud(neurons):
    return synapse_cloud(neurons, box_um=BOX, per_um3=0.05, reach_um=20.0, axon_um=60.0, rng=rng())


def test_a_cloud_fills_its_box_evenly_with_as_many_as_asked_for(cloud):
    assert cloud.n_edges == round(0.05 * 100 * 80 * 60)
    for axis in range(3):
        assert stats.kstest(centres(cloud)[:, axis] / BOX[1][axis], "uniform").pvalue > 0.01


def test_no_neuron_of_a_cloud_is_its_own_target_and_edges_are_sorted(cloud):
    assert (cloud.pre != cloud.post).all()
    keys = cloud.pre.astype(np.int64) * 100 + cloud.post
    assert (np.diff(keys) >= 0).all()


def test_post_neurons_are_nearer_than_pre_neurons(neurons, cloud):
    points = neurons.nodes.to_numpy()
    to_post, to_pre = (np.linalg.norm(points[each] - centres(cloud), axis=1) for each in (cloud.post, cloud.pre))
    assert to_post.mean() < 0.8 * to_pre.mean()
    nearest = cKDTree(points).query(centres(cloud))[0]
    assert (to_post - nearest).max() < 120


def test_parts_do_not_change_a_cloud(neurons, cloud, monkeypatch):
    monkeypatch.setattr("conntap.build.synapse_places._A_PART", 1000)
    assert synapse_cloud(neurons, box_um=BOX, per_um3=0.05, reach_um=20.0, axon_um=60.0, rng=rng()) == cloud


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"box_um": ((0, 0, 0), (0, 1, 1))}, "synapse_cloud.box_um"),
        ({"per_um3": 0.0}, "per_um3: 0.0"),
        ({"per_um3": 1e9}, "more than a connectome holds"),
        ({"axon_um": np.nan}, "axon_um"),
        ({"positions": ("x", "y", "w")}, "'w'"),
    ],
)
def test_clouds_that_make_no_sense_are_refused(neurons, options, message):
    with pytest.raises(OptionError, match=message):
        synapse_cloud(neurons, **({"box_um": BOX} | options), rng=rng())


def test_a_cloud_takes_two_neurons(neurons):
    with pytest.raises(OptionError, match="1 neurons have a position"):
        synapse_cloud(neurons.subset([0]), box_um=BOX, rng=rng())


@settings(max_examples=30, deadline=None)
@given(st.floats(-1e4, 1e4), st.floats(0.01, 1e3), st.floats(0, 5), st.integers(0, 99))
def test_places_lie_in_the_box_where_one_is_given(low, size, spread, seed):
    cells = pd.DataFrame(low + size * rng(seed).random((5, 3)), columns=["x", "y", "z"])
    pairs = Connectome(cells, [0, 1, 2, 3], [1, 2, 3, 4])
    corners = ((low,) * 3, (low + size,) * 3)
    for found in (
        placed_synapses(pairs, n_synapses=20, spread=spread, box_um=corners, rng=rng(seed)),
        synapse_cloud(pairs, box_um=corners, per_um3=200 / size**3, rng=rng(seed)),
    ):
        assert ((centres(found) >= corners[0]) & (centres(found) <= corners[1])).all()


def test_what_lies_in_the_box_stays_where_it_was():
    plain = placed_synapses(line(60.0), n_synapses=2000, spread=0.5, rng=rng())
    boxed = placed_synapses(line(60.0), n_synapses=2000, spread=0.5, box_um=((0, 0, -99), (60, 99, 99)), rng=rng())
    assert (centres(boxed)[:, 1] == np.abs(centres(plain)[:, 1])).all()
    assert centres(boxed)[:, 2] == pytest.approx(centres(plain)[:, 2], abs=1e-5)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n_synapses": "many"}, "n_synapses: 'many'"),
        ({"n_synapses": 1e300}, "more than a connectome holds"),
        ({"spread": 1e300}, "spread"),
        ({"reach_um": None}, "reach_um: None"),
        ({"positions": ("x", "y")}, "three node properties"),
        ({"box_um": ((0, 0, 0), (1, 1, 0))}, "placed_synapses.box_um"),
    ],
)
def test_what_makes_no_sense_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        placed_synapses(line(9.0), rng=rng(), **options)

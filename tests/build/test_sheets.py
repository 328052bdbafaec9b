"""Sheets: neighbours fall as the kernel says, on sheets of any sides, with borders and without."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.build import spatial_sheet
from conntap.errors import OptionError


def grown(seed=0, **options):
    return spatial_sheet(rng=np.random.default_rng(seed), **options)


def offsets(c, size=None):
    """Post - pre of each connection; the short way round where the sheet has that size."""
    places = c.nodes[["x", "y"]].to_numpy()
    steps = places[c.post] - places[c.pre]
    return steps if size is None else (steps + np.array(size) / 2) % size - np.array(size) / 2


def test_a_grid_need_not_be_square():
    nodes = grown(shape=(3, 2), size_um=(30, 40), length_um=5, synapses=0).nodes
    assert nodes[["x", "y"]].to_numpy().tolist() == [[5, 10], [15, 10], [25, 10], [5, 30], [15, 30], [25, 30]]


@pytest.mark.parametrize("shape", [(200, 50), (50, 200), 10_000])
@pytest.mark.parametrize(("kernel", "deviation"), [("gaussian", 1.0), ("exponential", 3**0.5)])
def test_offsets_spread_alike_along_both_sides_of_any_sheet(shape, kernel, deviation):
    size = (2000.0, 500.0) if shape != (50, 200) else (500.0, 2000.0)
    c = grown(shape=shape, size_um=size, kernel=kernel, length_um=30, synapses=6)
    found = offsets(c, size).std(axis=0)
    assert found == pytest.approx(30 * deviation, rel=0.04)


def test_each_pair_comes_by_the_kernel():
    hits = np.zeros((12, 12))
    for seed in range(1500):
        c = grown(seed, shape=(4, 3), size_um=(40, 30), length_um=8, probability=0.8, kernel="gaussian")
        hits[c.pre, c.post] += 1
    places = c.nodes[["x", "y"]].to_numpy()
    steps = np.abs(places[:, None] - places[None])
    steps = np.minimum(steps, [40, 30] - steps)
    chances = 0.8 * np.exp(-(steps**2).sum(axis=2) / (2 * 8**2)) * (1 - np.eye(12))
    assert (np.abs(hits - 1500 * chances) <= 4.5 * np.sqrt(1500 * chances * (1 - chances))).all()


def test_open_sheets_join_no_sides():
    c = grown(shape=(40, 10), size_um=(400, 100), length_um=15, synapses=8, borders="open")
    assert np.abs(offsets(c)).max() < 100
    assert (np.bincount(c.pre) == 8).all()
    around = grown(shape=(40, 10), size_um=(400, 100), length_um=15, synapses=8)
    assert np.abs(offsets(around)).max() > 300


@settings(max_examples=30)
@given(
    st.sampled_from([(5, 4), (1, 9), 17, 1, 0]),
    st.integers(0, 3),
    st.sampled_from(["open", "periodic"]),
    st.integers(0, 50),
)
def test_each_neuron_has_as_many_different_targets_as_asked(shape, synapses, borders, seed):
    n = shape if isinstance(shape, int) else shape[0] * shape[1]
    synapses = min(synapses, max(0, n - 1))
    c = grown(seed, shape=shape, size_um=(100, 80), length_um=200, synapses=synapses, borders=borders)
    assert np.bincount(c.pre, minlength=n).tolist() == [synapses] * n
    assert (c.pre != c.post).all()
    assert (np.diff(c.pre.astype(np.int64) * max(1, n) + c.post) > 0).all()


def test_types_have_their_shares_numbers_and_lengths():
    c = grown(
        shape=(80, 50),
        size_um=(800, 500),
        proportions={"E": 4, "I": 1},
        synapses={"E": 5, "I": 9},
        length_um={"E": 30, "I": 60},
    )
    is_e = (c.nodes["type"] == "E").to_numpy()
    assert is_e.sum() == 3200
    out = np.bincount(c.pre, minlength=4000)
    assert set(out[is_e]) == {5}
    assert set(out[~is_e]) == {9}
    steps = offsets(c, (800, 500))
    assert steps[is_e[c.pre]].std() == pytest.approx(30, rel=0.04)
    assert steps[~is_e[c.pre]].std() == pytest.approx(60, rel=0.04)
    some = grown(shape=900, proportions={"E": 4, "I": 1}, probability={"E": 0.0, "I": 0.5})
    assert (some.nodes["type"].to_numpy()[some.pre] == "I").all()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"synapses": 2, "probability": 0.1}, "one of them"),
        ({}, "one of them"),
        ({"synapses": 25}, "from 0 to 24"),
        ({"synapses": 1, "length_um": None}, "length_um: None"),
        ({"synapses": 1, "length_um": 2**70}, "length_um"),
        ({"synapses": 1, "size_um": "ab"}, "size_um: 'ab'"),
        ({"synapses": 1, "size_um": 5.0}, "size_um"),
        ({"synapses": 1, "proportions": 3}, "type -> share"),
        ({"synapses": 20, "length_um": 0.1}, "around it"),
        ({"synapses": 2.5}, "whole number"),
        ({"synapses": {"E": 1}}, "unknown type 'E'"),
        ({"synapses": {"E": 1}, "proportions": {"E": 1, "I": 1}}, "nothing is said of I"),
        ({"probability": 1.5}, "from 0 to 1"),
        ({"synapses": 1, "length_um": 0.0}, "length_um"),
        ({"synapses": 1, "size_um": (1.0, float("inf"))}, "size_um"),
        ({"synapses": 1, "kernel": "gauss"}, "kernel"),
        ({"synapses": 1, "borders": "round"}, "borders"),
        ({"synapses": 1, "shape": (2, 2, 2)}, "columns and rows"),
        ({"synapses": 1, "proportions": {"E": -1.0}}, "proportions"),
    ],
)
def test_what_makes_no_sense_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        grown(**{"shape": (5, 5), **options})


def test_neurons_that_seldom_hit_another_have_their_targets_too():
    c = grown(1, shape=(1, 6), size_um=(10.0, 60.0), length_um=9.0, synapses=4, borders="open")
    assert np.bincount(c.pre).tolist() == [4] * 6

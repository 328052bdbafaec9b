"""Fluorescence: scipy's filter as oracle, any pieces, presets, scattered light."""

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from conntap.activity import Spikes, Traces
from conntap.errors import ActivityError, OptionError
from conntap.infer import fluorescence
from conntap.infer.fluorescence import INDICATORS, Counts, Indicator, calcium, scatter_light
from conntap.study.steps import find_step

QUIET = Indicator(dt_ms=10.0, tau_ms=50.0)


def random_spikes(seed=0, n=5, duration_ms=3000.0, per_node=40, start_ms=0.0):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, n, n * per_node)
    return Spikes(
        rows, start_ms + rng.random(len(rows)) * duration_ms, duration_ms=duration_ms, ids=n, start_ms=start_ms
    )


def seen(spikes, indicator=QUIET, seed=1, **options):
    return calcium(spikes, indicator=indicator, rng=np.random.default_rng(seed), **options)


def test_a_spike_is_a_step_that_decays():
    values = seen(Spikes([0], [25.0], duration_ms=60, ids=1), amplitude=2.0).to_numpy().ravel()
    assert values == pytest.approx([0, 0, 2, *(2 * np.exp(-np.array([1, 2, 3]) * 10 / 50))], rel=1e-6)


def test_decay_agrees_with_a_recursive_filter():
    spikes = random_spikes()
    expected = lfilter([1.0], [1.0, -np.exp(-10 / 50)], spikes.counts(10.0), axis=0)
    assert np.abs(seen(spikes).to_numpy() - expected).max() < 1e-5


def test_rise_and_decay_agree_with_the_kernel_sampled_at_the_frames():
    spikes = random_spikes()
    times = np.arange(300) * 10.0
    fine = np.linspace(0, 300, 300_001)
    height = (np.exp(-fine / 50) - np.exp(-fine / 15)).max()
    kernel = 3 * (np.exp(-times / 50) - np.exp(-times / 15)) / height
    expected = lfilter(kernel, [1.0], spikes.counts(10.0), axis=0)
    assert np.abs(seen(spikes, rise_ms=15.0, amplitude=3.0).to_numpy() - expected).max() < 1e-4


def test_fluorescence_saturates():
    calcium_itself, saturated = seen(random_spikes()).to_numpy(), seen(random_spikes(), saturation=2.0).to_numpy()
    assert np.abs(saturated - calcium_itself / (calcium_itself + 2)).max() < 1e-6


def test_noise_and_drift_have_the_sizes_asked_for():
    silent = Spikes([], [], duration_ms=200_000, ids=20)
    noise = seen(silent, noise=0.3).to_numpy()
    assert noise.std() == pytest.approx(0.3, rel=0.01)
    drifting = seen(silent, Indicator(dt_ms=10.0, tau_ms=50.0, drift=0.1)).to_numpy()
    assert drifting[100:].std() == pytest.approx(0.1 / np.sqrt(1 - np.exp(-0.4)), rel=0.03)
    assert np.corrcoef(drifting[:-1].ravel(), drifting[1:].ravel())[0, 1] == pytest.approx(np.exp(-0.2), abs=0.01)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 290), max_size=6), st.booleans())
def test_any_pieces_hold_the_same_values(cuts, lazy):
    indicator = Indicator(dt_ms=10.0, tau_ms=50.0, rise_ms=5.0, drift=0.1, noise=0.2, skipped=10)
    whole = seen(random_spikes(), indicator).to_numpy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fluorescence, "_AT_ONCE", 0)
        traces = seen(random_spikes(), indicator)
    assert not isinstance(traces.values, np.ndarray)
    values = pickle.loads(pickle.dumps(traces)).values if lazy else traces.values
    bounds = [0, *sorted(cuts), 290]
    pieces = [values[a:b] for a, b in itertools.pairwise(bounds)]
    assert np.array_equal(np.concatenate(pieces), whole)


def test_frames_that_were_skipped_still_count():
    spikes = random_spikes(start_ms=100.0)
    whole, later = seen(spikes), seen(spikes, Indicator(dt_ms=10.0, tau_ms=50.0, skipped=7))
    assert np.array_equal(later.to_numpy(), whole.to_numpy()[7:])
    assert (whole.start_ms, later.start_ms) == (100.0, 170.0)


def test_the_last_frame_must_be_whole():
    assert seen(Spikes([0], [29.0], duration_ms=29.0, ids=1)).n_steps == 2
    assert seen(Spikes([0], [0.3], duration_ms=0.3, ids=1), dt_ms=0.1).n_steps == 3


@settings(max_examples=30)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 9))
def test_counts_of_a_stretch_are_those_of_the_whole(first, length, seed):
    spikes = random_spikes(seed, start_ms=33.3)
    assert np.array_equal(
        Counts(spikes, 7.0, 0, 428)[first : first + length], spikes.counts(7.0)[first : first + length]
    )


def test_equal_seeds_give_equal_bits():
    for name in INDICATORS:
        assert seen(random_spikes(), name) == seen(random_spikes(), name)
        assert seen(random_spikes(), name) != seen(random_spikes(), name, seed=2)


def test_the_named_indicators_are_the_published_ones():
    assert INDICATORS["calnet"] == Indicator(1.0, 100.0, drift=0.01, noise=1.0, skipped=100)
    silent = seen(Spikes([], [], duration_ms=100_000, ids=3), "challenge")
    assert silent.dt_ms == 20
    assert silent.to_numpy().std() == pytest.approx(0.03, rel=0.03)
    one = seen(Spikes([0], [5.0], duration_ms=100, ids=1), "challenge", noise=0.0).to_numpy().ravel()
    assert one[0] == pytest.approx(50 / 350)
    assert one[1] == pytest.approx(50 * np.exp(-0.02) / (50 * np.exp(-0.02) + 300))


def test_nodes_and_ids_go_along_and_the_spikes_are_untouched():
    nodes = pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 0.0]}, index=["a", "b"])
    spikes = Spikes(["b"], [5.0], duration_ms=100, nodes=nodes)
    traces = scatter_light(seen(spikes))
    assert traces.nodes.equals(spikes.nodes)
    assert spikes == Spikes(["b"], [5.0], duration_ms=100, nodes=nodes)


def test_scattered_light_is_what_the_distances_say():
    nodes = pd.DataFrame({"x": [0.0, 3.0, 0.0], "y": [0.0, 4.0, 1.0]})
    traces = Traces(np.eye(3), dt_ms=20, nodes=nodes)
    mixed = scatter_light(traces, strength=0.2, sigma=2.0).to_numpy()
    square = np.array([[0, 25, 1], [25, 0, 18], [1, 18, 0]])
    assert mixed == pytest.approx(np.eye(3) + 0.2 * np.exp(-square / 4) * (1 - np.eye(3)))


def test_light_scatters_by_default_over_the_mean_spacing():
    places = np.random.default_rng(0).random((50, 2))
    places[:2] = [[0, 0], [1, 1]]
    traces = Traces(np.eye(50), dt_ms=20, nodes=pd.DataFrame(places, columns=["x", "y"]))
    assert scatter_light(traces) == scatter_light(traces, sigma=1 / np.sqrt(50))


def test_without_positions_no_light_scatters():
    with pytest.raises(ActivityError, match="without x and y"):
        scatter_light(Traces(np.eye(2), dt_ms=20))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tau_ms": 0.0}, "tau_ms"),
        ({"dt_ms": -1.0}, "dt_ms"),
        ({"noise": -1.0}, "noise"),
        ({"noise": float("nan")}, "noise"),
        ({"rise_ms": 50.0}, "shorter than the decay"),
        ({"indicator": "challeng"}, "Did you mean 'challenge'"),
    ],
)
def test_what_makes_no_sense_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        seen(random_spikes(), **options)


def test_a_recording_without_a_frame_is_refused():
    with pytest.raises(ActivityError, match="no frame"):
        seen(Spikes([], [], duration_ms=5.0, ids=2))


def test_no_nodes_have_traces_of_no_width():
    assert seen(Spikes([], [], duration_ms=100.0, ids=0)).to_numpy().shape == (10, 0)
    nodes = pd.DataFrame({"x": [], "y": []}, dtype=float)
    assert scatter_light(Traces(np.empty((3, 0)), dt_ms=1, nodes=nodes)).n_nodes == 0


def test_a_document_can_give_a_whole_indicator():
    option = find_step("infer.calcium").options["indicator"]
    assert option.check("challenge", "here") == "challenge"
    assert option.check({"dt_ms": 20, "tau_ms": 400.0}, "here") == Indicator(20.0, 400.0)

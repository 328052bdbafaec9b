"""What is said of a recording before anything is inferred."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from conntap.activity import Spikes, Traces
from conntap.activity.lazy import Part
from conntap.errors import ActivityError
from conntap.infer.describing import advice_on, describe_nodes, describe_recording
from conntap.store import codecs

RNG = np.random.default_rng(8)


def poisson(rate_hz, n=20, seconds=100):
    counts = RNG.poisson(rate_hz * seconds, n)
    times = RNG.uniform(0, 1000 * seconds, counts.sum())
    return Spikes(np.repeat(np.arange(n), counts), times, duration_ms=1000 * seconds, ids=n)


def calcium(n=5, steps=4000, spike=1.0, noise=0.1, rate=0.01):
    fired = RNG.random((steps, n)) < rate
    values = np.zeros((steps, n))
    for step in range(1, steps):
        values[step] = 0.9 * values[step - 1] + spike * fired[step]
    return values + RNG.normal(0, noise, values.shape), fired


def test_spikes_by_hand():
    told = describe_recording(Spikes([0, 0, 1, 1], [0.5, 999.5, 0.5, 999.5], duration_ms=2000, ids=3))
    expected = {"kind": "spikes", "duration_s": 2, "dt_ms": 999, "n_nodes": 3, "dead": 1, "duplicated": 1, "missing": 0}
    assert {name: told[name] for name in expected} == expected
    assert told["rate_hz"] == pytest.approx(2 / 3)
    assert np.isnan(told["burstiness"])


def test_the_index_of_bursts_is_that_of_the_paper():
    even = Spikes(np.zeros(1000, int), np.linspace(0, 99_999, 1000), duration_ms=100_000, ids=1)
    assert describe_recording(even)["burstiness"] == pytest.approx(0, abs=0.01)
    times = np.repeat(np.arange(0, 100_000, 10_000), 100) + np.tile(np.arange(100), 10)
    assert describe_recording(Spikes(np.zeros(1000, int), times, duration_ms=100_000, ids=1))["burstiness"] == 1


def test_synchrony_is_one_of_equal_nodes_and_falls_with_the_root_of_independent_ones():
    wave = np.sin(np.arange(500) / 9)[:, None]
    assert describe_recording(Traces(np.tile(wave, (1, 4)), dt_ms=20))["synchrony"] == pytest.approx(1)
    assert describe_recording(poisson(20))["synchrony"] == pytest.approx(20**-0.5, rel=0.1)


def test_noise_events_and_skewness_of_calcium_are_found():
    values, fired = calcium()
    told = describe_nodes(Traces(values, dt_ms=20))
    assert told["noise"].to_numpy() == pytest.approx(0.1, rel=0.15)
    assert told["rate_hz"].to_numpy() == pytest.approx(fired.mean(axis=0) * 50, rel=0.1)
    assert told["skewness"].to_numpy() == pytest.approx(stats.skew(values), rel=1e-6)
    assert (told["snr"] > 8).all()


def test_missing_dead_and_duplicated_nodes_are_counted_and_advised():
    values, _ = calcium()
    values[:, 1], values[:, 4] = 7.0, values[:, 0]
    values[10:20, 2] = np.nan
    told = describe_recording(Traces(values, dt_ms=20))
    assert (told["dead"], told["duplicated"], told["missing"]) == (1, 1, pytest.approx(10 / 4000 / 5))
    assert "infer.mended" in told["advice"]
    assert np.isfinite([told[name] for name in ("rate_hz", "noise", "snr", "synchrony", "skewness")]).all()


def test_wholly_missing_values_and_two_frames_are_described_too():
    told = describe_recording(Traces(np.full((2, 3), np.nan), dt_ms=20))
    assert (told["dead"], told["missing"], told["rate_hz"]) == (3, 1, 0)
    assert "Fewer steps than nodes" in told["advice"]


@settings(max_examples=10)
@given(st.integers(1, 4000))
def test_pieces_change_nothing(steps):
    values, _ = calcium(n=3, steps=300)

    class Small(Traces):
        def pieces(self, _=0):
            return Traces.pieces(self, steps)

    one = describe_nodes(Traces(values, dt_ms=20))
    other = describe_nodes(Small(Part(values, 0, 300), dt_ms=20))
    assert np.allclose(one.to_numpy(float), other.to_numpy(float), rtol=1e-12)


def test_times_in_seconds_are_suspected():
    assert "seconds" in describe_recording(Spikes([0] * 99, np.linspace(0, 20, 99), duration_ms=20, ids=1))["advice"]


def test_what_is_told_has_a_place_in_a_store():
    told = describe_recording(poisson(5))
    assert codecs.decode(codecs.encode(told))["kind"] == "spikes"


def test_nothing_is_no_recording():
    with pytest.raises(ActivityError, match="0 nodes"):
        describe_recording(Spikes([], [], duration_ms=5, ids=0))
    with pytest.raises(ActivityError, match="describe_nodes"):
        describe_nodes(Spikes([], [], ids=3))


def test_real_cultures_burst_and_the_network_of_leaky_cells_does_not(shared_data):
    from conntap.activity import read

    culture = describe_recording(read(shared_data / "recordings" / "culture100.npz", ids=100))
    network = describe_recording(read(shared_data / "recordings" / "lif150.npz", ids=150))
    assert culture["burstiness"] > 0.5 > 0.1 > network["burstiness"]


def test_advice_for_spikes_names_no_step_for_traces():
    advice = describe_recording(Spikes([0], [5.0], duration_ms=100.0, ids=3))["advice"]
    assert "Silent" in advice
    assert "mended" not in advice
    assert "steps" not in advice


def test_more_nodes_than_steps_ask_for_the_orientation():
    turned = np.random.default_rng(0).normal(size=(20, 300))
    assert "(20 steps of 300 nodes): check the orientation" in describe_recording(Traces(turned, dt_ms=20))["advice"]
    assert not describe_recording(Traces(turned.T, dt_ms=20))["advice"]


def test_of_what_is_mended_or_cannot_be_nothing_is_advised():
    values = np.random.default_rng(0).normal(size=(300, 4))
    values[5, 1], values[:, 2] = np.nan, 0.0
    told = describe_recording(Traces(values, dt_ms=20))
    assert told["advice"].count("infer.mended") == 2
    assert not advice_on(told, mended=True)
    silent = describe_recording(Spikes([0], [1.0], duration_ms=1000, ids=3))["advice"]
    assert "Silent" in silent
    assert "mended" not in silent

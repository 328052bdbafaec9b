"""What feeds calcium, fluorescence relative to rest, and light put back where it came from."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from conntap import Spikes, Traces
from conntap.errors import ActivityError, OptionError
from conntap.infer.baselines import detrended, dff
from conntap.infer.feeding import feed
from conntap.infer.filters import coarsened
from conntap.infer.fluorescence import scatter_light
from conntap.infer.scatter import unscattered

RNG = np.random.default_rng(8)
COUNTS = RNG.poisson(0.02, (900, 3))
CALCIUM = signal.lfilter([1], [1, -np.exp(-1 / 20)], COUNTS, axis=0) + 5
NOISY = CALCIUM + RNG.normal(0, 0.1, CALCIUM.shape)
PLACES = pd.DataFrame({"x": [0.0, 10.0, 0.0], "y": [0.0, 0.0, 12.0]}, index=[4, 5, 9])
STEPS = {
    "feed": feed,
    "feed_of_spikes": lambda t: feed(t, fired()),
    "detrended": lambda t: detrended(t, window_ms=400.0),
    "dff": lambda t: dff(t, window_ms=90.0),
    "unscattered": unscattered,
    "coarsened": lambda t: coarsened(t, frames=7),
}


class Lazy:
    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def __getitem__(self, key):
        return self.values[key]


def recorded(values):
    return Traces(values, dt_ms=10.0, nodes=PLACES, unit="F")


def fired():
    steps, rows = np.nonzero(COUNTS)
    return Spikes(PLACES.index.to_numpy()[rows], steps * 10.0, duration_ms=9000, ids=[9, 5, 4, 1])


@pytest.mark.parametrize("name", STEPS)
@settings(max_examples=10)
@given(size=st.integers(1, 9000), steps=st.integers(1, 400), kind=st.sampled_from(["f4", "f8"]))
def test_pieces_do_not_change_a_value(name, size, steps, kind):
    import conntap.infer.flowing as module

    values = NOISY.astype(kind)
    before = values.copy()
    at_once = STEPS[name](recorded(values))
    kept, module._BYTES = module._BYTES, size
    try:
        lazy = STEPS[name](recorded(Lazy(values)))
        found = np.concatenate(list(lazy.pieces(steps)))
    finally:
        module._BYTES = kept
    assert not isinstance(lazy.values, np.ndarray)
    assert found.dtype == at_once.values.dtype == kind
    np.testing.assert_allclose(found, at_once.to_numpy(), rtol=1e-12 if kind == "f8" else 1e-5, atol=1e-12)
    assert np.array_equal(values, before)
    assert at_once.nodes.equals(PLACES)


def test_feed_is_the_derivative_less_the_decay():
    found = feed(recorded(NOISY), tau_ms=200.0).to_numpy()
    smooth = signal.savgol_filter(NOISY, 31, 3, axis=0)
    change = signal.savgol_filter(NOISY, 31, 3, deriv=1, delta=10.0, axis=0)
    np.testing.assert_allclose(found, change + smooth / 200, atol=1e-12)


def test_the_slope_of_feed_is_that_away_from_spikes():
    spikes, values = fired(), CALCIUM - 5
    found = feed(recorded(values), spikes, window=5, away_ms=30.0).to_numpy()
    smooth, change = (signal.savgol_filter(values, 5, 3, deriv=n, delta=10.0, axis=0) for n in (0, 1))
    for node in range(3):
        near = np.convolve(COUNTS[:, node], np.ones(7), mode="same") > 0
        near[[0, 1, -1, -2]] = True
        slope = np.polyfit(smooth[~near, node], change[~near, node], 1)[0]
        assert abs(slope * 200 + 1) < 0.02
        np.testing.assert_allclose(found[:, node], change[:, node] - slope * smooth[:, node], atol=1e-9)


def test_feed_without_spikes_is_like_that_with_them():
    counts = np.random.default_rng(1).poisson(0.02, (60_000, 2))
    values = signal.lfilter([1], [1, -np.exp(-1 / 20)], counts, axis=0)
    values += np.random.default_rng(2).normal(0, 0.1, values.shape)
    steps, rows = np.nonzero(counts)
    known = feed(Traces(values, dt_ms=10), Spikes(rows, steps * 10.0, duration_ms=600_000, ids=2)).to_numpy()
    estimated = feed(Traces(values, dt_ms=10)).to_numpy()
    assert np.corrcoef(known.ravel(), estimated.ravel())[0, 1] > 0.995


def test_a_node_without_a_slope_takes_that_of_the_others():
    values = CALCIUM.copy()
    values[:, 1] = 3.0
    found = feed(recorded(values), fired(), window=5).to_numpy()
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[:, 1], 3 / 200, rtol=0.1)


def test_drift_goes_and_activity_stays():
    drift = np.linspace(0, 30, 900)[:, None]
    found = detrended(recorded(NOISY + drift), window_ms=2000.0).to_numpy()
    without = detrended(recorded(NOISY), window_ms=2000.0).to_numpy()
    assert abs(found - without)[100:-100].max() < 3.5
    assert abs(np.polyfit(np.arange(900), found, 1)[0]).max() < 0.002


@given(st.integers(1, 60), st.integers(1, 30), st.floats(0, 1))
def test_at_the_knots_the_baseline_is_the_quantile_of_the_window(n, half, quantile):
    values = np.random.default_rng(n).normal(size=(n, 2))
    found = values - detrended(Traces(values, dt_ms=1), window_ms=2.0 * half, quantile=quantile).to_numpy()
    for knot in range(0, n, max(1, half // 2)):
        window = values[max(0, knot - half) : knot + half]
        np.testing.assert_allclose(found[knot], np.quantile(window, quantile, axis=0), atol=1e-12)


def test_constant_channels_are_at_rest():
    for value in (0.0, 4.0, -4.0):
        flat = recorded(np.full((50, 3), value))
        assert (detrended(flat).to_numpy() == 0).all()
        assert (dff(flat).to_numpy() == 0).all()


def test_relative_to_rest():
    found = dff(recorded(NOISY * 3 + 7), offset=7.0, window_ms=800.0)
    np.testing.assert_allclose(found.to_numpy(), dff(recorded(NOISY), window_ms=800.0).to_numpy(), atol=1e-9)
    assert found.unit == "dF/F"


@settings(max_examples=20)
@given(st.floats(0, 0.9), st.floats(1, 50))
def test_scattered_light_is_put_back(strength, sigma):
    scattered = scatter_light(recorded(NOISY), strength=strength, sigma=sigma)
    np.testing.assert_allclose(unscattered(scattered, strength=strength, sigma=sigma).to_numpy(), NOISY, rtol=1e-9)


def test_without_a_sigma_both_take_the_spacing():
    np.testing.assert_allclose(unscattered(scatter_light(recorded(NOISY))).to_numpy(), NOISY, rtol=1e-10)


def test_coarse_frames_are_means():
    found = coarsened(recorded(NOISY), frames=7)
    np.testing.assert_allclose(found.to_numpy(), NOISY[:896].reshape(128, 7, 3).mean(axis=1), rtol=1e-12)
    assert (found.dt_ms, found.n_steps) == (70.0, 128)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda t: feed(t, tau_ms=0.0), "feed.tau_ms: 0.0"),
        (lambda t: feed(t, away_ms=-1.0), "feed.away_ms: -1.0"),
        (lambda t: feed(t, window=4), "give an odd window"),
        (lambda t: dff(t, quantile=1.5), "dff.quantile: 1.5"),
        (lambda t: dff(t, offset=float("nan")), "dff.offset: nan"),
        (lambda t: detrended(t, window_ms=3.0), "at least a frame, 10 ms"),
        (lambda t: unscattered(t, strength=1.0), "unscattered.strength: 1.0"),
        (lambda t: unscattered(t, sigma=0.0), "unscattered.sigma: 0.0"),
        (lambda t: coarsened(t, frames=0), "coarsened.frames: 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(call, match):
    with pytest.raises(OptionError, match=match):
        call(recorded(NOISY))


def test_what_the_recording_lacks_is_told():
    with pytest.raises(ActivityError, match="dff: F0 is not above 0 in 3 of 3 channels"):
        dff(recorded(NOISY - 10))
    with pytest.raises(ActivityError, match="no positions x and y; columns: none"):
        unscattered(Traces(NOISY, dt_ms=10))
    with pytest.raises(ActivityError, match="no node has a slope"):
        feed(recorded(np.ones((50, 3))))
    with pytest.raises(ActivityError, match="ids are not among"):
        feed(Traces(NOISY, dt_ms=10), Spikes([7], [1.0], duration_ms=9000))
    with pytest.raises(ActivityError, match="coarsened: 900 frames; 901 are needed"):
        coarsened(recorded(NOISY), frames=901)
    for step in STEPS.values():
        with pytest.raises(ActivityError, match="NaN or infinity in 1 of 3"):
            step(recorded(np.where(NOISY[3, 1] == NOISY, np.nan, NOISY)))

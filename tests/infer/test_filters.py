"""Filters over frames agree with scipy, with hand, and with themselves in any pieces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from conntap import Traces
from conntap.errors import ActivityError, OptionError
from conntap.infer.discretising import discretised
from conntap.infer.filters import differenced, low_pass, savitzky_golay, thresholded, weighted_by_activity

NOISE = np.random.default_rng(3).normal(size=(57, 3))
STEPS = {
    "savitzky_golay": lambda t: savitzky_golay(t, window=7, order=3, derivative=1),
    "centred": low_pass,
    "trailing": lambda t: low_pass(t, weights="trailing"),
    "butterworth": lambda t: low_pass(t, cutoff_hz=5.0),
    "differenced": lambda t: differenced(t, frames=2),
    "thresholded": lambda t: thresholded(t, threshold=0.2),
    "weighted": lambda t: weighted_by_activity(thresholded(t, threshold=0.2)),
    "discretised": discretised,
}


class Lazy:
    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def __getitem__(self, key):
        return self.values[key]


def traces(values, dt_ms=20.0):
    return Traces(values, dt_ms=dt_ms, unit="dF/F")


def column(*values):
    return traces(np.array(values, dtype=float)[:, None])


def flat(found):
    return found.to_numpy().ravel().tolist()


@pytest.mark.parametrize("name", STEPS)
@settings(max_examples=10)
@given(size=st.integers(20, 2000), steps=st.integers(1, 60), kind=st.sampled_from(["f4", "f8", "i2"]))
def test_pieces_do_not_change_a_value(name, size, steps, kind):
    import conntap.infer.flowing as module

    values = (NOISE * 100).astype(kind)
    before = values.copy()
    at_once = STEPS[name](traces(values))
    kept, module._BYTES = module._BYTES, size
    try:
        lazy = STEPS[name](traces(Lazy(values)))
        assert not isinstance(lazy.values, np.ndarray)
        found = np.concatenate(list(lazy.pieces(steps)))
    finally:
        module._BYTES = kept
    assert found.dtype == at_once.values.dtype == lazy.values.dtype
    np.testing.assert_allclose(found, at_once.to_numpy(), rtol=1e-12 if kind != "f4" else 1e-6, atol=1e-12)
    assert np.array_equal(values, before)


@pytest.mark.parametrize(("window", "order", "derivative"), [(31, 3, 0), (31, 3, 1), (5, 4, 2), (1, 0, 0), (3, 1, 2)])
def test_savitzky_golay_is_that_of_scipy(window, order, derivative):
    found = savitzky_golay(traces(NOISE), window=window, order=order, derivative=derivative)
    true = signal.savgol_filter(NOISE, window, order, deriv=derivative, delta=20.0, axis=0, mode="interp")
    np.testing.assert_allclose(found.to_numpy(), true, atol=1e-12)
    assert found.unit == {0: "dF/F", 1: "dF/F/ms", 2: "dF/F/ms^2"}[derivative]


def test_low_passes_are_those_of_the_challenge():
    one = column(1, 0, 0, 10, 0, 0)
    assert flat(low_pass(one)) == [2, 1, 10, 10, 10, 0]
    np.testing.assert_allclose(flat(low_pass(one, weights="trailing")), [3.2, 2.2, 1.2, 10.4, 10, 8])
    assert flat(low_pass(one, weights=[1, 2], ahead=1)) == [2, 0, 10, 20, 0, 0]


def test_butterworth_is_that_of_scipy_and_begins_at_rest():
    found = low_pass(traces(NOISE + 100), cutoff_hz=4.0, order=3).to_numpy()
    sections = signal.butter(3, 4.0, fs=50, output="sos")
    start = signal.sosfilt_zi(sections)[:, :, None] * (NOISE[0] + 100)
    np.testing.assert_allclose(found, signal.sosfilt(sections, NOISE + 100, axis=0, zi=start)[0], rtol=1e-12)
    np.testing.assert_allclose(flat(low_pass(column(*[5] * 9), cutoff_hz=4.0)), 5)


def test_differences_look_back():
    assert flat(differenced(column(1, 3, 2, 7))) == [0, 2, -1, 5]
    assert flat(differenced(column(1, 3, 2, 7), frames=2)) == [0, 0, 1, 4]


def test_a_threshold_keeps_what_reaches_it():
    assert flat(thresholded(column(0.1, 0.2, -3, 0.3), threshold=0.2)) == [0, 0.2, 0, 0.3]
    assert flat(thresholded(column(0.1, 0.2), threshold=0.2, below=-1)) == [-1, 0.2]


@given(st.lists(st.lists(st.floats(0, 10), min_size=3, max_size=3), min_size=1, max_size=5))
def test_weights_by_activity_follow_the_formula(rows):
    values = np.array(rows)
    found = weighted_by_activity(traces(values)).to_numpy()
    for x, y in zip(values, found, strict=True):
        power = 1 + 1 / x.sum() if x.sum() > 1e-3 else None
        assert np.isfinite(y).all()
        if power is not None:
            np.testing.assert_allclose(y, (x + 1) ** power, rtol=1e-9)
        elif x.sum() == 0:
            assert (y == 1).all()


def test_bins_hold_equally_many_or_are_equally_wide():
    ramp = column(0, 1, 2, 3, 4, 5, 6, 7, 100)
    assert flat(discretised(ramp)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert flat(discretised(ramp, bins=2, spacing="equal")) == [0] * 8 + [1]
    assert flat(discretised(ramp, edges=[1.0, 6.5])) == [0, 1, 1, 1, 1, 1, 1, 2, 2]
    assert discretised(ramp).values.dtype == np.uint8


@pytest.mark.parametrize("spacing", ["quantiles", "equal"])
def test_a_constant_channel_is_one_bin(spacing):
    assert len(set(flat(discretised(column(4, 4, 4, 4), spacing=spacing)))) == 1


@pytest.mark.parametrize("name", STEPS)
def test_no_nodes_and_nan(name):
    assert STEPS[name](traces(np.zeros((9, 0)))).to_numpy().shape == (9, 0)
    with pytest.raises(ActivityError, match=r"NaN or infinity in 1 of 3 channels .*infer\.mended"):
        STEPS[name](traces(np.where(NOISE[4, 1] == NOISE, np.nan, NOISE)))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda t: savitzky_golay(t, window=4), "savitzky_golay: window 4, order 3; give an odd window"),
        (lambda t: savitzky_golay(t, window=3), "above the order"),
        (lambda t: low_pass(t, weights="centered"), "low_pass.weights: 'centered'"),
        (lambda t: low_pass(t, weights=[]), "give numbers"),
        (lambda t: low_pass(t, weights=[1.0], ahead=1), "ahead 1"),
        (lambda t: low_pass(t, cutoff_hz=25.0), "between 0 and 25 Hz"),
        (lambda t: differenced(t, frames=0), r"differenced.frames: 0"),
        (lambda t: thresholded(t, threshold=float("nan")), "give finite numbers"),
        (lambda t: discretised(t, bins=1), "discretised.bins: 1"),
        (lambda t: discretised(t, bins=300), "at most 256"),
        (lambda t: discretised(t, edges=[2.0, 1.0]), "ascend"),
        (lambda t: discretised(t, spacing="quantile"), "Did you mean 'quantiles'"),
    ],
)
def test_options_that_make_no_sense_are_refused(call, match):
    with pytest.raises(OptionError, match=match):
        call(traces(NOISE))


def test_too_few_frames_and_negative_values_are_told():
    with pytest.raises(ActivityError, match="savitzky_golay: 30 frames; 31 are needed"):
        savitzky_golay(traces(NOISE[:30]))
    with pytest.raises(ActivityError, match="differenced: 1 frames; 2 are needed"):
        differenced(traces(NOISE[:1]))
    with pytest.raises(ActivityError, match=r"negative values.*infer\.thresholded"):
        weighted_by_activity(traces(NOISE))

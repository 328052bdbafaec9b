"""Surrogates and resampled recordings: what they keep, what they take apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntap.activity import Spikes, Traces
from conntap.errors import ActivityError, OptionError
from conntap.infer import resampled, surrogate


def train(seed=0, n=4, spikes=200, duration=10_000.0):
    rng = np.random.default_rng(seed)
    return Spikes(
        rng.integers(n, size=spikes), 500 + rng.random(spikes) * duration, duration_ms=duration, ids=n, start_ms=500
    )


class Lazy:
    """Values that only give slices, as a file does."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def __getitem__(self, key):
        return self.values[key]


@given(st.sampled_from(["shift", "jitter", "dither", "intervals", "poisson"]), st.integers(0, 1000))
def test_each_node_keeps_its_number_of_spikes_and_the_recording_its_stretch(kind, seed):
    spikes = train(seed, spikes=50)
    found = surrogate(spikes, kind=kind, rng=np.random.default_rng(seed))
    assert np.array_equal(np.bincount(found.rows, minlength=4), np.bincount(spikes.rows, minlength=4))
    assert (found.start_ms, found.stop_ms, found.n_nodes) == (500, 10_500, 4)
    assert spikes == train(seed, spikes=50)


@pytest.mark.parametrize("kind", ["shift", "jitter", "dither", "intervals", "poisson"])
def test_equal_seeds_give_equal_surrogates(kind):
    a, b, c = (surrogate(train(), kind=kind, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert a == b != c


def test_jitter_keeps_the_counts_of_its_windows_and_dither_stays_near():
    spikes = train()
    found = surrogate(spikes, kind="jitter", width_ms=40, rng=np.random.default_rng(1))
    assert np.array_equal(found.counts(40), spikes.counts(40))
    one = Spikes([0, 0], [3.0, 97.0], duration_ms=100)
    moved = surrogate(one, kind="dither", width_ms=10, rng=np.random.default_rng(3)).times_ms
    assert (np.abs(moved - one.times_ms) <= 10).all()


def test_shifts_and_new_orders_keep_the_intervals():
    spikes = train()
    shifted = surrogate(spikes, kind="shift", rng=np.random.default_rng(1))
    ordered = surrogate(spikes, kind="intervals", rng=np.random.default_rng(1))
    for node in range(4):
        own = spikes.times_ms[spikes.rows == node]
        turned = shifted.times_ms[shifted.rows == node]
        intervals = [np.sort(np.diff([*each, each[0] + 10_000])) for each in (own, turned)]
        assert np.allclose(*intervals)
        moved = ordered.times_ms[ordered.rows == node]
        assert np.allclose(np.sort(np.diff(own, prepend=500)), np.sort(np.diff(moved, prepend=500)))


def test_phases_drawn_anew_keep_spectrum_and_mean_but_not_correlations():
    rng = np.random.default_rng(0)
    common = rng.normal(size=1001).cumsum()
    traces = Traces(np.column_stack([common, common]) + rng.normal(size=(1001, 2)), dt_ms=10, unit="dF/F")
    found = surrogate(traces, kind="phase", rng=rng)
    assert np.allclose(np.abs(np.fft.rfft(found.to_numpy(), axis=0)), np.abs(np.fft.rfft(traces.to_numpy(), axis=0)))
    assert found.unit == "dF/F"
    assert abs(np.corrcoef(found.to_numpy().T)[0, 1]) < 0.9 < np.corrcoef(traces.to_numpy().T)[0, 1]


@pytest.mark.parametrize("make", [surrogate, lambda t, rng: resampled(t, block_s=0.07, rng=rng)])
def test_lazy_traces_give_the_values_of_those_in_memory_however_they_are_cut(make):
    values = np.random.default_rng(0).normal(size=(50, 3))
    lazy = make(Traces(Lazy(values), dt_ms=10), rng=np.random.default_rng(5))
    whole = make(Traces(values, dt_ms=10), rng=np.random.default_rng(5)).to_numpy()
    assert not isinstance(lazy.values, np.ndarray)
    assert np.array_equal(np.concatenate([lazy.values[a : a + 7] for a in range(0, 50, 7)]), whole)


def test_shifted_traces_hold_the_same_values_in_turn():
    values = np.arange(10.0).reshape(5, 2)
    found = surrogate(Traces(values, dt_ms=1), rng=np.random.default_rng(2)).to_numpy()
    assert any(np.array_equal(np.roll(values[:, 0], k), found[:, 0]) for k in range(5))


def test_resampled_spikes_are_those_of_stretches_of_the_recording():
    spikes = train(n=2, spikes=1000)
    found = resampled(spikes, block_s=1.0, rng=np.random.default_rng(0))
    assert found.duration_ms == 10_000
    for k in range(10):
        stretch = found.between(500 + 1000 * k, 1500 + 1000 * k).times_ms
        steps = np.diff(stretch)
        whole = spikes.times_ms
        first = [
            i for i in range(len(whole) - len(stretch)) if np.allclose(np.diff(whole[i : i + len(stretch)]), steps)
        ]
        assert first
    assert found == resampled(spikes, block_s=1.0, rng=np.random.default_rng(0))


def test_what_makes_no_sense_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(OptionError, match=r"surrogate.kind: unknown value 'phase'; known: dither"):
        surrogate(train(), kind="phase", rng=rng)
    with pytest.raises(OptionError, match="Leave it out"):
        surrogate(train(), kind="shift", width_ms=3.0, rng=rng)
    with pytest.raises(OptionError, match="give a length up to that of the recording, 10 s"):
        resampled(train(), block_s=11, rng=rng)
    with pytest.raises(ActivityError, match=r"infer\.mended"):
        surrogate(Traces([[np.nan], [1.0], [2.0]], dt_ms=1), kind="phase", rng=rng)


@pytest.mark.parametrize("kind", ["shift", "jitter", "dither", "intervals", "poisson"])
def test_recordings_without_spikes_have_surrogates(kind):
    empty = Spikes([], [], duration_ms=100, ids=3)
    assert len(surrogate(empty, kind=kind, rng=np.random.default_rng(0))) == 0
    assert len(resampled(empty, block_s=0.01, rng=np.random.default_rng(0))) == 0


def test_traces_without_frames_have_surrogates_without_frames():
    empty = Traces(np.empty((0, 3)), dt_ms=20.0)
    assert surrogate(empty, kind="phase", rng=np.random.default_rng(0)).values.shape == (0, 3)

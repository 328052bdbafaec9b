"""Spikes by pools of adjacent violators are those of non-negative least squares, in any pieces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls
from scipy.signal import lfilter

from conntap import Traces
from conntap.errors import ActivityError, OptionError
from conntap.infer.decays import kinetics
from conntap.infer.deconvolution import deconvolved


class Lazy:
    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def __getitem__(self, key):
        return self.values[key]


def simulated(frames=400, nodes=3, decay=0.9, rate=0.05, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    spikes = rng.poisson(rate, (frames, nodes))
    return spikes, lfilter([1], [1, -decay], spikes, axis=0) + rng.normal(0, noise, (frames, nodes))


def recorded(values, dt_ms=10.0):
    return Traces(values, dt_ms=dt_ms)


def tau_of(decay, dt_ms=10.0):
    return float(-dt_ms / np.log(decay))


def exact(trace, decay, penalty):
    """Calcium and spikes by non-negative least squares."""
    n = len(trace)
    kernel = np.tril(decay ** np.maximum(0, np.subtract.outer(np.arange(n), np.arange(n))))
    spikes, _ = nnls(kernel, trace - np.linalg.solve(kernel.T, np.full(n, penalty)), maxiter=50 * n)
    return kernel @ spikes, np.append(0.0, spikes[1:])


def test_a_noiseless_trace_gives_its_spikes_back():
    spikes = np.zeros((50, 2))
    spikes[[5, 6, 30], 0] = 1, 2, 3
    spikes[49, 1] = 4
    found = deconvolved(recorded(lfilter([1], [1, -0.8], spikes, axis=0)), tau_ms=tau_of(0.8), baseline=0.0)
    np.testing.assert_allclose(found.to_numpy(), spikes, atol=1e-12)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6), decay=st.floats(0.05, 0.95), penalty=st.floats(0, 2), frames=st.integers(1, 60),
)  # fmt: skip
def test_it_is_non_negative_least_squares(seed, decay, penalty, frames):
    trace = np.random.default_rng(seed).normal(0.3, 1, (frames, 1))
    options = {"tau_ms": tau_of(decay), "penalty": penalty, "baseline": 0.0}
    calcium, spikes = exact(trace[:, 0], decay, penalty)
    found = deconvolved(recorded(trace), give="calcium", **options).to_numpy()[:, 0]
    np.testing.assert_allclose(found, calcium, atol=1e-7)
    np.testing.assert_allclose(deconvolved(recorded(trace), **options).to_numpy()[:, 0], spikes, atol=1e-7)


def test_what_comes_after_the_look_ahead_changes_nothing_to_speak_of():
    _, trace = simulated(3000, nodes=2, decay=0.7)
    calcium, _ = exact(trace[:500, 0], 0.7, 0.0)
    found = deconvolved(recorded(trace), tau_ms=tau_of(0.7), baseline=0.0, give="calcium").to_numpy()
    np.testing.assert_allclose(found[:430, 0], calcium[:430], atol=1e-8)


@settings(max_examples=20)
@given(size=st.integers(100, 20_000), steps=st.integers(1, 500), kind=st.sampled_from(["f4", "f8"]))
def test_pieces_do_not_change_a_value(size, steps, kind):
    import conntap.infer.flowing as module

    values = simulated(700)[1].astype(kind)
    before = values.copy()
    at_once = deconvolved(recorded(values), tau_ms=80.0, penalty="noise")
    kept, module._BYTES = module._BYTES, size
    try:
        lazy = deconvolved(recorded(Lazy(values)), tau_ms=80.0, penalty="noise")
        found = np.concatenate(list(lazy.pieces(steps)))
    finally:
        module._BYTES = kept
    assert not isinstance(lazy.values, np.ndarray)
    assert found.dtype == values.dtype
    assert np.array_equal(found, at_once.to_numpy())
    assert np.array_equal(values, before)


def test_threads_do_not_change_a_value():
    values = simulated(300, nodes=150)[1]
    assert deconvolved(recorded(values), tau_ms=90.0) == deconvolved(recorded(values), tau_ms=90.0, threads=3)


def test_a_threshold_is_the_least_spike():
    found = deconvolved(recorded(simulated(2000)[1]), tau_ms=tau_of(0.9), threshold=0.6, baseline=0.0).to_numpy()
    assert found[found > 0].min() >= 0.6 - 1e-9
    assert 40 < (found > 0).sum() < 1000


def test_the_penalty_leaves_the_noise_over():
    values = simulated(4000)[1] + 5
    options = {"tau_ms": tau_of(0.9), "penalty": "noise", "noise": 0.3}
    free = values - deconvolved(recorded(values), give="calcium", **options).to_numpy()
    np.testing.assert_allclose(free.std(axis=0), 0.3, rtol=0.01)
    np.testing.assert_allclose(free.mean(axis=0), 5, atol=0.3)


def test_estimates_alone_find_the_spikes():
    spikes, values = simulated(20_000, decay=0.95, rate=0.03, noise=0.2)
    for options in ({}, {"penalty": "noise"}, {"tau_ms": "each"}):
        found = deconvolved(recorded(values + 3), **options).to_numpy()
        assert min(np.corrcoef(found[:, i], spikes[:, i])[0, 1] for i in range(3)) > 0.9


def test_a_scale_of_the_trace_is_one_of_the_spikes():
    values = simulated(2000)[1]
    one, ten = (deconvolved(recorded(values * by + by)).to_numpy() for by in (1, 10))
    np.testing.assert_allclose(ten, 10 * one, atol=1e-8)


def test_dead_channels_have_no_spikes():
    values = simulated(2000)[1]
    values[:, 1] = 7
    found = deconvolved(recorded(values)).to_numpy()
    assert (found[:, 1] == 0).all()
    assert (found[:, [0, 2]] > 0).any(axis=0).all()


def test_nothing_gives_nothing():
    assert deconvolved(recorded(np.zeros((9, 0)))).to_numpy().shape == (9, 0)
    assert deconvolved(recorded(np.zeros((0, 2)))).to_numpy().shape == (0, 2)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"tau_ms": 0.0}, "deconvolved.tau_ms: 0.0; give a positive time"),
        ({"tau_ms": "all"}, "deconvolved.tau_ms: unknown value 'all'"),
        ({"penalty": -1.0}, "deconvolved.penalty: -1.0"),
        ({"penalty": "noisy"}, "Did you mean 'noise'"),
        ({"threshold": -1.0}, "deconvolved.threshold"),
        ({"noise": float("nan")}, "deconvolved.noise: nan"),
        ({"baseline": float("inf")}, "deconvolved.baseline: inf"),
        ({"give": "events"}, "deconvolved.give: unknown value 'events'"),
        ({"threads": 0}, "deconvolved.threads: 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, match):
    with pytest.raises(OptionError, match=match):
        deconvolved(recorded(simulated()[1]), **options)


def test_what_cannot_be_estimated_is_told():
    with pytest.raises(ActivityError, match="no channel's decay can be told from its trace"):
        deconvolved(recorded(np.ones((100, 2))))
    with pytest.raises(ActivityError, match="9 frames; 16 are needed"):
        deconvolved(recorded(np.ones((9, 2))))
    with pytest.raises(ActivityError, match="NaN or infinity in 1 of 1 channels"):
        deconvolved(recorded(np.full((30, 1), np.nan)), tau_ms=100.0)


@pytest.mark.parametrize("noise", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("tau", ["slope", "autocovariance"])
def test_kinetics_are_found_at_any_noise(noise, tau):
    values = simulated(180_000, nodes=4, decay=0.95, rate=0.04, noise=noise, seed=4)[1]
    table = kinetics(recorded(values), tau=tau)
    np.testing.assert_allclose(table["tau_ms"], tau_of(0.95), rtol=0.15)
    np.testing.assert_allclose(table["noise"], noise, rtol=0.05)
    np.testing.assert_allclose(table["signal"], np.sqrt(0.04 / (1 - 0.95**2)), rtol=0.15)


def test_the_slope_is_not_misled_by_bursts():
    rng = np.random.default_rng(2)
    burst = lfilter(np.ones(15), [1], rng.random(100_000) < 0.002) > 0
    spikes = rng.poisson(np.where(burst, 0.3, 0.02)[:, None], (100_000, 4))
    values = lfilter([1], [1, -0.95], spikes, axis=0) + rng.normal(0, 0.3, spikes.shape)
    np.testing.assert_allclose(kinetics(recorded(values))["tau_ms"], tau_of(0.95), rtol=0.07)
    assert (kinetics(recorded(values), tau="autocovariance")["tau_ms"] > 1.1 * tau_of(0.95)).all()


@pytest.mark.parametrize("noise", ["spectrum", "autocovariance", "residuals"])
def test_three_ways_to_the_noise_agree(noise):
    values = simulated(100_000, nodes=3, decay=0.95, rate=0.02, noise=0.5, seed=1)[1]
    np.testing.assert_allclose(kinetics(recorded(values), noise=noise)["noise"], 0.5, rtol=0.05)


def test_dead_and_white_channels_have_no_decay():
    values = np.random.default_rng(0).normal(size=(5000, 3))
    values[:, 0] = 2
    table = kinetics(Traces(values, dt_ms=20, ids=["a", "b", "c"]))
    assert np.isnan(table.loc["a", "tau_ms"])
    assert table.loc["a", "noise"] == 0
    np.testing.assert_allclose(table.loc[["b", "c"], "noise"], 1, rtol=0.05)
    assert table.index.name == "id"


def test_kinetics_tell_what_is_wrong():
    with pytest.raises(OptionError, match="Did you mean 'slope'"):
        kinetics(recorded(np.zeros((20, 1))), tau="slop")
    with pytest.raises(ActivityError, match=r"infer\.mended"):
        kinetics(recorded(np.full((20, 1), np.inf)))

"""Deconvolution of calcium that takes time to rise, against non-negative least squares; and the time constants of the rise."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, nnls
from scipy.signal import lfilter

from conntap import Connectome, Traces
from conntap.errors import OptionError
from conntap.infer import calcium, deconvolved, kinetics, simulate_poisson
from conntap.infer.flowing import Flow, Pointwise
from conntap.infer.fluorescence import Indicator

DT, TAU, RISE = 10.0, 100.0, 30.0
DECAY, RISING = np.exp(-DT / TAU), np.exp(-DT / RISE)


def simulated(n_frames, n_nodes=3, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    spikes = rng.poisson(0.05, (n_frames, n_nodes))
    clean = lfilter([1], [1, -DECAY - RISING, DECAY * RISING], spikes, axis=0)
    return spikes, clean + rng.normal(0, noise, clean.shape)


def inverse(n):
    """What n spikes become: before the recording calcium had risen, and decayed."""
    rows = np.eye(n) - (DECAY + RISING) * np.eye(n, k=-1) + DECAY * RISING * np.eye(n, k=-2)
    if n > 1:
        rows[1, 0] = -DECAY
    return rows


def told(values, **options):
    options = {"tau_ms": TAU, "rise_ms": RISE, "baseline": 0.0} | options
    return deconvolved(Traces(values, dt_ms=DT), **options).to_numpy()


def test_spikes_without_noise_are_found_again():
    spikes, clean = simulated(300, noise=0.0)
    spikes[0] = 0
    clean = lfilter([1], [1, -DECAY - RISING, DECAY * RISING], spikes, axis=0)
    assert np.allclose(told(clean), spikes, atol=1e-10)
    assert np.allclose(told(clean, give="calcium"), clean, atol=1e-10)


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(st.floats(-5, 9), min_size=1, max_size=40),
    rise_ms=st.sampled_from([1e-3, 20.0, 99.0]),
)
def test_spikes_are_those_of_non_negative_least_squares(values, rise_ms):
    values, rising = np.array(values), np.exp(-DT / rise_ms)
    rows = np.eye(len(values)) - (DECAY + rising) * np.eye(len(values), k=-1)
    rows += DECAY * rising * np.eye(len(values), k=-2)
    if len(values) > 1:
        rows[1, 0] = -DECAY
    expected = nnls(np.linalg.inv(rows), values, maxiter=10_000)[0]
    found = told(values[:, None], rise_ms=rise_ms)[:, 0]
    assert np.allclose(found[1:], expected[1:], atol=1e-8)
    assert found[0] == 0


def test_a_penalty_is_paid_for_every_spike():
    _, values = simulated(60, 1)
    rows = inverse(60)

    def cost(spikes):
        left = np.linalg.solve(rows, spikes) - values[:, 0]
        return left @ left / 2 + 0.7 * spikes.sum()

    found = told(values, penalty=0.7)[:, 0].copy()
    c = told(values, penalty=0.7, give="calcium")[:, 0]
    found[0] = c[0]
    assert np.allclose(np.linalg.solve(rows, found), c)
    peer = minimize(
        cost, np.ones(60), bounds=[(0, None)] * 60, method="L-BFGS-B", options={"maxiter": 20_000, "ftol": 0}
    )
    assert cost(found) <= peer.fun + 1e-9
    one = told(np.array([[3.0]]), penalty=0.7, give="calcium")
    assert np.allclose(one, 2.3)


@pytest.mark.parametrize("cuts", [[1, 7, 1500], [700, 701, 3000], list(range(0, 3500, 111))])
def test_pieces_of_any_length_give_the_same(cuts):
    _, values = simulated(3500)
    options = {"tau_ms": TAU, "rise_ms": RISE, "penalty": 0.2, "baseline": 0.1}
    whole = deconvolved(Traces(values, dt_ms=DT), **options).to_numpy()
    lazy = deconvolved(Traces(Flow(values, lambda: Pointwise(np.positive)), dt_ms=DT), **options).values
    edges = [0, *sorted(cuts), 3500]
    pieces = np.concatenate([lazy[a:b] for a, b in pairwise(edges)])
    assert np.abs(pieces - whole).max() <= 1e-12


def test_frames_far_ahead_change_nothing_that_matters():
    _, values = simulated(3500)
    whole, part = told(values, penalty=0.2), nnls(np.linalg.inv(inverse(1200)), values[:1200, 0], maxiter=10_000)[0]
    alone = told(values[:1200, :1])[:, 0]
    assert np.abs(alone[1:] - part[1:]).max() < 1e-7
    assert np.abs(told(values)[1:900, 0] - part[1:900]).max() < 1e-7
    assert whole.min() >= 0


def test_without_a_rise_it_is_what_it_was():
    _, values = simulated(2000)
    found, limit = told(values, rise_ms=0.0), told(values, rise_ms=0.01)
    assert np.abs(found[1:-1] - limit[1:-1]).max() < 1e-7


@pytest.mark.parametrize("baseline", ["fitted", 2.0])
def test_what_the_penalty_of_the_noise_leaves_over_is_the_noise(baseline):
    _, values = simulated(4000, noise=0.5)
    options = {"penalty": "noise", "noise": 0.5, "baseline": baseline}
    c = told(values + 2.0, give="calcium", **options)
    left = values + 2.0 - c
    left = left - left.mean(axis=0) if baseline == "fitted" else left - 2.0
    assert np.allclose(np.sqrt((left**2).mean(axis=0)), 0.5, rtol=0.02)


def test_threads_and_32_bits_change_no_value_but_by_rounding():
    _, values = simulated(700, 40)
    assert np.array_equal(told(values), told(values, threads=2))
    narrow = told(values.astype(np.float32))
    assert narrow.dtype == np.float32
    assert np.abs(narrow - told(values)).max() < 1e-4


def test_both_time_constants_are_told_from_the_traces():
    spikes = simulate_poisson(Connectome(12, [], []), duration_s=1200, rate_hz=2.0, rng=np.random.default_rng(3))
    indicator = Indicator(dt_ms=20.0, tau_ms=400.0, rise_ms=80.0, noise=0.3)
    traces = calcium(spikes, indicator=indicator, rng=np.random.default_rng(4))
    for tau in ("slope", "autocovariance"):
        table = kinetics(traces, tau=tau, rise="autocovariance")
        assert table["rise_ms"].median() == pytest.approx(80, rel=0.2)
        assert table["tau_ms"].median() == pytest.approx(400, rel=0.1)
        assert table["noise"].median() == pytest.approx(0.3, rel=0.05)
    found = deconvolved(traces, rise_ms="shared").to_numpy()
    counts = np.zeros(found.shape)
    np.add.at(counts, ((spikes.times_ms / 20).astype(int).clip(max=len(found) - 1), spikes.rows), 1)
    sharp, blunt = (np.corrcoef(each.ravel(), counts.ravel())[0, 1] for each in (found, deconvolved(traces).to_numpy()))
    assert sharp > blunt + 0.1


def test_calcium_that_rises_at_once_has_a_rise_within_a_frame():
    spikes = simulate_poisson(Connectome(8, [], []), duration_s=1200, rate_hz=2.0, rng=np.random.default_rng(3))
    traces = calcium(spikes, indicator=Indicator(dt_ms=20.0, tau_ms=400.0, noise=0.3), rng=np.random.default_rng(4))
    assert kinetics(traces, rise="autocovariance")["rise_ms"].median() < 25
    assert "rise_ms" not in kinetics(traces)


def test_a_rise_that_makes_no_sense_is_told():
    values = np.zeros((20, 1))
    for options, message in (
        ({"rise_ms": 100.0}, r"deconvolved.rise_ms: 100; give a time shorter than the decay, 100 ms"),
        ({"rise_ms": -1.0}, r"deconvolved.rise_ms: -1.0; give a time from 0 on"),
        ({"threshold": 1.0}, r"deconvolved.threshold: 1 goes with rise_ms 0 alone"),
        ({"rise_ms": "own"}, r"deconvolved.rise_ms.*unknown"),
    ):
        with pytest.raises(OptionError, match=message):
            told(values, **options)
    assert not told(values).any()

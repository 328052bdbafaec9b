"""Pearson and lagged correlation: by hand, against numpy, on spikes with a known network."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import ActivityError, OptionError
from conntap.infer.correlations import lagged_correlation, pearson
from conntap.infer.pairs import matrix_of
from conntap.infer.scoring import score


def driven(frames=4000, seed=0):
    """Noise of four nodes, of which 2 drives 0 two frames later and 1 holds back 3 one frame later."""
    values = np.random.default_rng(seed).standard_normal((frames, 4))
    values[2:, 0] += 0.8 * values[:-2, 2]
    values[1:, 3] -= 0.8 * values[:-1, 1]
    return Traces(values, dt_ms=1.0, ids=["a", "b", "c", "d"])


def test_pearson_is_that_of_numpy():
    traces = driven()
    found = matrix_of(pearson(traces, score="signed"), "score", "test")
    expected = np.corrcoef(traces.to_numpy().T)
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_what_drives_is_pre_and_its_delay_and_sign_are_found():
    found = lagged_correlation(driven(), lags=[1, 2, 3])
    table = found.edges.sort_values("score", ascending=False).head(2)
    assert list(zip(table["pre"], table["post"])) == [("c", "a"), ("b", "d")]
    assert table["delay_ms"].tolist() == [2.0, 1.0]
    assert table["sign"].tolist() == [1, -1]


def test_two_spike_trains_by_hand():
    spikes = Spikes([0, 1, 0, 1], [1.0, 2.0, 5.0, 6.0], duration_ms=10, ids=2)
    found = lagged_correlation(spikes, lags=[1], score="signed")
    # means 0.2; nine products: 2 - 0.2 * (2 + 2) + 9 * 0.04; over ten times the variance 0.16
    assert found.edges["score"][0] == pytest.approx((2 - 0.8 + 0.36) / 1.6)


def test_a_sum_over_lags_adds_the_correlations():
    parts = [matrix_of(lagged_correlation(driven(), lags=[k], score="signed"), "score", "t") for k in (1, 2)]
    both = lagged_correlation(driven(), lags=[1, 2], combine="sum", score="signed")
    np.testing.assert_allclose(matrix_of(both, "score", "t"), parts[0] + parts[1], atol=1e-12)


@settings(deadline=None, max_examples=15)
@given(st.permutations(range(4)), st.sampled_from([pearson, lagged_correlation]))
def test_neurons_in_another_order_have_the_same_scores(order, method):
    traces = driven(200)
    straight, turned = (matrix_of(method(each), "score", "t") for each in (traces, traces.of(traces.ids[list(order)])))
    np.testing.assert_allclose(turned, straight[np.ix_(order, order)], atol=1e-12)


def test_dead_channels_score_nothing_and_nan_is_refused():
    values = driven(100).to_numpy().copy()
    values[:, 1] = 7.3
    assert not matrix_of(lagged_correlation(Traces(values, dt_ms=1)), "score", "t")[1].any()
    values[3, 0] = np.nan
    with pytest.raises(ActivityError, match=r"infer\.mended"):
        pearson(Traces(values, dt_ms=1))


def test_silent_neurons_score_nothing():
    found = lagged_correlation(Spikes([0, 1], [1.0, 2.0], duration_ms=9, ids=3))
    assert np.isfinite(found.edges["score"]).all()
    assert not found.edges["score"][found.edges["pre"] == 2].any()


def test_traces_with_bins_and_unknown_modes_are_refused():
    with pytest.raises(OptionError, match=r"pearson\.bin_ms: traces have their own step, 1 ms"):
        pearson(driven(10), bin_ms=5.0)
    with pytest.raises(OptionError, match=r"lagged_correlation\.combine: unknown value 'peek'"):
        lagged_correlation(driven(10), combine="peek")


def test_a_network_of_spiking_neurons_is_recovered(shared_data):
    with np.load(shared_data / "recordings" / "lif150.npz") as held:
        weights = held["weight_pre_post"]
        spikes = Spikes(held["neuron"], held["time_ms"].astype(float), duration_ms=1_200_000, ids=150)
    pre, post = np.nonzero(weights)
    truth = Connectome(150, pre, post, properties={"weight": weights[pre, post].astype(float)})
    found = score(lagged_correlation(spikes), truth)
    assert found["roc_auc"] > 0.99
    assert found["pr_auc"] > 0.965

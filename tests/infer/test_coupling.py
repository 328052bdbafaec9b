"""Coupled Poisson models: against scipy's optimum, its information matrix, and networks that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import chi2, kstest

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.infer.coupling import poisson_glm
from conntap.infer.pairs import matrix_of
from conntap.infer.scoring import score


def trains(duration=3000, seed=0, rate=0.04):
    """Three neurons that fire at random, and one that often follows the first after 2 ms and seldom fires after the second."""
    rng = np.random.default_rng(seed)
    fired = rng.random((duration, 4)) < rate
    fired[2:, 3] |= fired[:-2, 0] & (rng.random(duration - 2) < 0.5)
    fired[1:, 3] &= ~(fired[:-1, 1] & (rng.random(duration - 1) < 0.9))
    times, rows = np.nonzero(fired)
    return Spikes(rows, times.astype(float), duration_ms=duration, ids=4)


def predictors(spikes, basis):
    """Shape (bins, nodes * filters): spikes 1 to len(basis) bins before, weighted."""
    counts = spikes.counts(1.0).astype(float)
    parts = [np.concatenate([np.zeros((lag, counts.shape[1])), counts[:-lag]]) for lag in range(1, len(basis) + 1)]
    return np.einsum("ltn,lk->tnk", parts, basis).reshape(len(counts), -1), counts


def by_scipy(spikes, basis, ridge):
    """Weights (predictors, targets) and Wald statistics [pre, post] with the whole information matrix."""
    x, y = predictors(spikes, basis)
    x = np.column_stack([x, np.ones(len(x))])
    n, k = y.shape[1], basis.shape[1]
    weights, wald = np.zeros((n * k, n)), np.zeros((n, n))
    for j in range(n):

        def loss(w, j=j):
            mean = np.exp(x @ w)
            back = ridge * np.append(w[:-1], 0.0)
            return mean.sum() - y[:, j] @ (x @ w) + back @ w / 2, x.T @ (mean - y[:, j]) + back

        start = np.append(np.zeros(n * k), np.log(y[:, j].mean()))
        w = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-6, "maxiter": 1000}).x
        information = x.T * np.exp(x @ w) @ x + ridge * np.diag(np.append(np.ones(n * k), 0))
        spread = np.linalg.inv(information)
        weights[:, j] = w[:-1]
        for i in range(n):
            own = slice(i * k, (i + 1) * k)
            wald[i, j] = w[own] @ np.linalg.solve(spread[own, own], w[own])
    return weights, wald


@pytest.mark.parametrize("ridge", [0.1, 1.0, 10.0])
def test_filters_are_those_of_scipys_optimum(ridge):
    spikes = trains()
    weights, _ = by_scipy(spikes, np.eye(3), ridge)
    found = poisson_glm(spikes, lags=[1, 2, 3], ridge=ridge, precision=1e-7)
    expected = weights.reshape(4, 3, 4).sum(axis=1)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(matrix_of(found, "strength", "t"), expected, atol=2e-5)


def test_raised_cosines_are_fitted_as_well():
    spikes = trains(seed=2)
    cosines = np.array([[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]])
    weights, _ = by_scipy(spikes, cosines, 1.0)
    found = poisson_glm(spikes, lags=[1, 2, 3, 4], filters=2, precision=1e-7)
    expected = np.einsum("lk,ikj->ij", cosines, weights.reshape(4, 2, 4))
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(matrix_of(found, "strength", "t"), expected, atol=2e-5)


def test_significance_is_near_that_of_the_whole_information_matrix():
    spikes = trains(20_000)
    _, wald = by_scipy(spikes, np.eye(3), 1.0)
    found = poisson_glm(spikes, lags=[1, 2, 3])
    np.fill_diagonal(wald, 0)
    np.testing.assert_allclose(matrix_of(found, "score", "t"), np.sqrt(wald), rtol=0.1, atol=0.2)
    p_value = matrix_of(found, "p_value", "t")[0, 3]
    assert p_value == pytest.approx(chi2.sf(matrix_of(found, "score", "t")[0, 3] ** 2, 3))


def test_who_drives_is_pre_and_signs_and_delays_are_found():
    table = poisson_glm(trains(20_000)).edges.sort_values("score", ascending=False).head(2)
    assert list(zip(table["pre"], table["post"])) == [(0, 3), (1, 3)]
    assert table["sign"].tolist() == [1, -1]
    assert table["delay_ms"].tolist() == [2.0, 1.0]


def test_a_common_driver_is_explained_away():
    """0 drives 1 after 1 ms and 2 after 3 ms: 1 fires before 2, but does not drive it."""
    rng = np.random.default_rng(3)
    fired = rng.random((30_000, 3)) < [0.05, 0.01, 0.01]
    fired[1:, 1] |= fired[:-1, 0] & (rng.random(29_999) < 0.5)
    fired[3:, 2] |= fired[:-3, 0] & (rng.random(29_997) < 0.5)
    times, rows = np.nonzero(fired)
    p_value = matrix_of(poisson_glm(Spikes(rows, times.astype(float), duration_ms=30_000)), "p_value", "t")
    assert p_value[0, 1] < 1e-12
    assert p_value[0, 2] < 1e-12
    assert p_value[1, 2] > 0.01


def test_p_values_of_unrelated_neurons_are_even():
    rng = np.random.default_rng(4)
    spikes = Spikes(rng.integers(0, 20, 20_000), rng.uniform(0, 50_000, 20_000), duration_ms=50_000)
    assert kstest(poisson_glm(spikes).edges["p_value"], "uniform").pvalue > 0.01


@settings(deadline=None, max_examples=10)
@given(st.permutations(range(4)), st.integers(1, 3))
def test_order_of_neurons_and_threads_change_no_value(order, threads):
    spikes = trains(1000)
    straight = matrix_of(poisson_glm(spikes, precision=1e-6), "strength", "t")
    turned = poisson_glm(spikes.of(list(order)), precision=1e-6, threads=threads)
    np.testing.assert_allclose(matrix_of(turned, "strength", "t"), straight[np.ix_(order, order)], atol=1e-5)


def test_more_neurons_than_a_block_on_several_threads_give_the_same():
    rng = np.random.default_rng(5)
    spikes = Spikes(rng.integers(0, 70, 3000), rng.uniform(0, 5000, 3000), duration_ms=5000, ids=70)
    one, two = (poisson_glm(spikes, lags=[1, 2], threads=threads).edges["score"] for threads in (1, 2))
    assert one.tolist() == two.tolist()


def test_few_spikes_settle_and_silent_neurons_score_nothing(caplog):
    rng = np.random.default_rng(6)
    spikes = Spikes(rng.integers(0, 29, 40), rng.uniform(0, 300, 40), duration_ms=300, ids=30)
    table = poisson_glm(spikes).edges
    assert np.isfinite(table[["score", "strength", "p_value"]]).all(axis=None)
    assert not table["score"][(table["pre"] == 29) | (table["post"] == 29)].any()
    assert not caplog.records
    assert poisson_glm(Spikes([0], [1.0], duration_ms=9)).n_edges == 0
    assert poisson_glm(Spikes([], [], duration_ms=9, ids=[])).n_edges == 0


def test_spikes_that_never_follow_have_a_finite_negative_strength():
    times = np.arange(0.0, 5000.0, 10.0)
    spikes = Spikes(np.repeat([0, 1], 500), np.concatenate([times, times + 5]), duration_ms=5000)
    table = poisson_glm(spikes).edges
    assert (table["strength"] < 0).all()
    assert np.isfinite(table["score"]).all()


def test_what_makes_no_sense_is_refused():
    with pytest.raises(OptionError, match=r"poisson_glm\.ridge: 0; give a positive number"):
        poisson_glm(trains(), ridge=0)
    with pytest.raises(OptionError, match=r"poisson_glm\.lags: \[0, 1\]; spikes act from the next bin on"):
        poisson_glm(trains(), lags=[0, 1])
    with pytest.raises(OptionError, match=r"poisson_glm\.filters: 5 for 4 lags"):
        poisson_glm(trains(), filters=5)
    with pytest.raises(OptionError, match="poisson_glm: Traces; give Spikes"):
        poisson_glm(Traces([[1.0], [2.0], [3.0]], dt_ms=1))


def test_a_network_of_spiking_neurons_is_recovered(shared_data):
    with np.load(shared_data / "recordings" / "lif150.npz") as held:
        weights = held["weight_pre_post"]
        spikes = Spikes(held["neuron"], held["time_ms"].astype(float), duration_ms=1_200_000, ids=150)
    found = score(poisson_glm(spikes.between(0, 100_000)), Connectome.from_adjacency(weights.astype(float)))
    assert found["roc_auc"] > 0.8
    assert found["pr_auc"] > 0.6

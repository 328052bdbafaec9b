"""The mixture of lag profiles: exact profiles, known connections found, signs, calibrated probabilities."""

import numpy as np
import pytest

from conntap import Connectome, Spikes, Traces, infer
from conntap.errors import ActivityError, OptionError
from conntap.infer._mixture import fitted, signs_of
from conntap.infer.pairs import matrix_of
from conntap.infer.profiles import profiles


def driven(seed, n=24, frames=4000, size=0.25, share=0.12, lag=1):
    """Signals of a random network with inhibitory rows, and its matrix."""
    rng = np.random.default_rng(seed)
    signs = np.where(np.arange(n) % 4 == 0, -1.0, 1.0)
    true = (rng.random((n, n)) < share) * signs[:, None] * size
    np.fill_diagonal(true, 0)
    values = rng.normal(size=(frames, n))
    for t in range(lag, frames):
        values[t] += values[t - lag] @ true
    return Traces(values, dt_ms=5.0), true, signs


def correlations(values, lags):
    x = (values - values.mean(0)) / values.std(0)
    return [x[: len(x) - lag].T @ x[lag:] / len(x) for lag in range(lags + 1)]


def test_profiles_are_the_t_values_of_least_squares():
    values = driven(0, n=4)[0].to_numpy()
    found = profiles(correlations(values, 2), len(values), "here", ridge=1e-9)
    x = values - values.mean(0)
    past = np.column_stack([x[1:-1], x[:-2]])
    coefficients, _, _, _ = np.linalg.lstsq(past, x[2:], rcond=None)
    left = x[2:] - past @ coefficients
    errors = np.sqrt(np.outer(np.diagonal(np.linalg.inv(past.T @ past)), (left**2).mean(axis=0)))
    t = (coefficients / errors).reshape(2, 4, 4)
    off = ~np.eye(4, dtype=bool)
    assert np.allclose(found[3:][:, off], t[:, off], atol=0.15)
    at_once = np.linalg.inv(np.corrcoef(left.T))
    root = np.sqrt(np.diagonal(at_once))
    assert np.allclose(found[2][off], (-at_once / np.outer(root, root) * np.sqrt(len(x)))[off], atol=0.15)


def test_profiles_turn_round_with_the_pair():
    found = profiles(correlations(driven(1)[0].to_numpy(), 2), 4000, "here")
    assert np.allclose(found, found[::-1].transpose(0, 2, 1))


@pytest.mark.parametrize("seed", [1, 2])
def test_connections_signs_and_delays_are_found(seed):
    traces, true, signs = driven(seed, lag=2)
    found = infer.lag_mixture(traces, lags=3)
    told = infer.score(found, Connectome.from_adjacency(true))
    assert told["roc_auc"] > 0.995
    assert told["sign_accuracy"] == 1
    sends = true.any(axis=1)  # of others no sign can be known
    assert np.array_equal(np.sign(matrix_of(found, "sign", "here").sum(1))[sends], signs[sends])
    delays = matrix_of(found, "delay_ms", "here")[true != 0]
    assert np.mean(delays == 10.0) > 0.95


def test_probabilities_are_calibrated_where_the_signal_is_weak():
    expected, hits = [], []
    for seed in range(3):
        traces, true, _ = driven(seed, n=50, frames=3000, size=0.06)
        found = infer.lag_mixture(traces, lags=1)
        probability = matrix_of(found, "probability", "here")
        expected.append(probability.sum())
        hits.append((true != 0).sum())
    assert np.sum(expected) == pytest.approx(np.sum(hits), rel=0.25)


def test_without_connections_hardly_any_pair_is_probable():
    found = infer.lag_mixture(Traces(np.random.default_rng(0).normal(size=(4000, 30)), dt_ms=5.0), lags=2)
    assert (found.properties["probability"] > 0.9).mean() < 0.02


@pytest.mark.parametrize(("n", "duration_s"), [(30, 120), (100, 120)])
def test_in_independent_spikes_of_few_coincidences_nothing_is_found(n, duration_s):
    spikes = infer.simulate_poisson(
        Connectome(n, [], []), duration_s=duration_s, rate_hz=5.0, rng=np.random.default_rng(n + duration_s)
    )
    assert infer.lag_mixture(spikes).properties["probability"].max() < 0.5


def test_the_order_of_nodes_does_not_matter():
    traces, _, _ = driven(3)
    order = np.random.default_rng(0).permutation(24)
    here = matrix_of(infer.lag_mixture(traces, lags=1), "probability", "here")
    there = matrix_of(infer.lag_mixture(traces.of(order), lags=1), "probability", "here")
    assert np.allclose(there, here[np.ix_(order, order)], atol=1e-3)


def test_dead_channels_score_nothing_and_change_nothing():
    traces, _, _ = driven(4)
    with_dead = Traces(np.column_stack([traces.to_numpy(), np.full(4000, 7.0)]), dt_ms=5.0)
    here, there = infer.lag_mixture(traces, lags=1), infer.lag_mixture(with_dead, lags=1)
    scores = matrix_of(there, "score", "here")
    assert not scores[-1].any()
    assert not scores[:, -1].any()
    assert np.allclose(scores[:-1, :-1], matrix_of(here, "score", "here"))


def test_all_may_be_said_to_be_excitatory():
    found = infer.lag_mixture(driven(1)[0], lags=1, types="excitatory")
    assert set(found.properties["sign"]) == {1}


def test_spikes_are_counted_in_bins_of_a_millisecond():
    rng = np.random.default_rng(0)
    times, nodes = rng.random(12_000) * 60_000, rng.integers(0, 40, 12_000)
    follows = (nodes % 2 == 0) & (rng.random(12_000) < 0.3)
    spikes = Spikes(
        np.concatenate([nodes, nodes[follows] + 1]),
        np.concatenate([times, times[follows] + 2.0]),
        duration_ms=60_002.0,
        ids=40,
    )
    best = infer.strongest(infer.lag_mixture(spikes, lags=3), n_edges=20)
    assert {(a, b) for a, b in zip(best.edges["pre"], best.edges["post"])} == {(i, i + 1) for i in range(0, 40, 2)}
    assert np.isin(best.properties["delay_ms"], [2.0]).all()


def test_signs_follow_the_strongest_pairs():
    assert signs_of(np.array([[9.0, -2.0, 1.0], [1.0, 0, -0.5], [0, 0, 9]])).tolist() == [-1, 1, 1]


def test_the_shares_of_the_classes_are_found():
    rng = np.random.default_rng(0)
    n = 60
    i, j = np.triu_indices(n, 1)
    kind = rng.choice(4, len(i), p=[0.7, 0.1, 0.1, 0.1])
    values = rng.normal(size=(len(i), 3))
    values[:, 2] += 6 * np.isin(kind, [1, 3])
    values[:, 0] += 6 * np.isin(kind, [2, 3])
    fit = fitted(values, n, signed=False)
    assert fit.shares == pytest.approx([0.7, 0.1, 0.1, 0.1], abs=0.04)
    assert fit.profile == pytest.approx([0, 0, 6], abs=0.3)
    assert ((fit.log_odds[i, j] > 0) == np.isin(kind, [1, 3])).mean() > 0.99


@pytest.mark.parametrize(("n", "lags"), [(30, 2), (60, 4)])
def test_where_nothing_is_connected_no_pair_is_probable(n, lags):
    found = infer.lag_mixture(Traces(np.random.default_rng(5).normal(size=(4000, n)), dt_ms=5.0), lags=lags)
    assert found.properties["probability"].sum() < 0.001 * found.n_edges
    assert found.properties["score"].max() > 0


def test_half_of_the_pairs_may_be_connected():
    true = driven(0, n=40, frames=2, size=0.04, share=0.5)[1]
    excitatory = np.abs(true)
    rng = np.random.default_rng(1)
    values = rng.normal(size=(5000, 40))
    for t in range(1, 5000):
        values[t] += values[t - 1] @ excitatory
    found = infer.lag_mixture(Traces(values, dt_ms=5.0), lags=2)
    assert infer.score(found, Connectome.from_adjacency(excitatory))["roc_auc"] > 0.9


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("n", [2, 3, 20])
@pytest.mark.parametrize("kind", ["zeros", "equal", "mostly zero", "one far out", "all connected", "heavy tails"])
def test_profiles_of_any_kind_give_finite_odds(kind, n, signed):
    rng = np.random.default_rng(0)
    shape = (n * (n - 1) // 2, 5)
    values = {
        "zeros": np.zeros(shape),
        "equal": np.ones(shape),
        "mostly zero": rng.normal(size=shape) * (rng.random((shape[0], 1)) < 0.1),
        "one far out": np.where(np.arange(shape[0])[:, None] == 0, 1e4, rng.normal(size=shape)),
        "all connected": rng.normal(size=shape) + np.array([0, 0, 0, 30, 30]),
        "heavy tails": rng.standard_cauchy(shape),
    }[kind]
    fit = fitted(values, n, signed=signed)
    assert np.isfinite(fit.log_odds[~np.eye(n, dtype=bool)]).all()
    assert np.isfinite(fit.profile).all()


def test_as_many_values_of_the_past_as_frames_are_refused():
    with pytest.raises(OptionError, match=r"90 frames are too few to tell 2 lags of 30 live neurons .*more than 90"):
        infer.lag_mixture(Traces(np.random.default_rng(0).normal(size=(90, 30)), dt_ms=5.0), lags=2)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"lags": 0}, r"lag_mixture\.lags: 0; give a whole number from 1 on"),
        ({"ridge": 0.0}, r"lag_mixture\.ridge: 0\.0; give a positive number"),
        ({"types": "all"}, r"lag_mixture\.types"),
        ({"bin_ms": 1.0}, r"lag_mixture\.bin_ms: traces have their own step"),
        ({"lags": 30}, r"lag_mixture: 276 pairs of 24 live neurons are too few .*610 are needed"),
    ],
)
def test_what_cannot_be_is_refused(options, match):
    with pytest.raises(OptionError, match=match):
        infer.lag_mixture(driven(0, frames=50)[0], **options)


def test_missing_values_are_refused():
    values = driven(0, frames=50)[0].to_numpy().copy()
    values[3, 2] = np.nan
    with pytest.raises(ActivityError, match="mended"):
        infer.lag_mixture(Traces(values, dt_ms=5.0), lags=1)

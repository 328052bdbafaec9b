"""Regression over lags: against least squares on the whole table of lagged frames, and the optimality of penalised fits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import ActivityError, OptionError
from conntap.infer.pairs import matrix_of
from conntap.infer.regressions import regression
from conntap.infer.scoring import score


def driven(frames=400, seed=0):
    """Noise of four nodes, of which 2 drives 0 two frames later and 1 holds back 3 one frame later."""
    values = np.random.default_rng(seed).standard_normal((frames, 4))
    values[2:, 0] += 0.6 * values[:-2, 2]
    values[1:, 3] -= 0.6 * values[:-1, 1]
    return Traces(2 * values + 5, dt_ms=2.0, ids=["a", "b", "c", "d"])


def lagged_table(traces, lags):
    values, most = traces.to_numpy(), max(lags)
    return np.concatenate([values[most - lag : len(values) - lag] for lag in lags], axis=1), values[most:]


def standardised(values):
    return (values - values.mean(axis=0)) / values.std(axis=0)


def fitted(traces, name="score", **options):
    return matrix_of(regression(traces, score="signed", **options), name, "test", missing=np.nan)


OFF = ~np.eye(4, dtype=bool)


def test_one_lag_by_least_squares_and_its_p_values():
    table, targets = lagged_table(driven(), [1])
    design = np.column_stack([np.ones(len(table)), table])
    expected = np.linalg.lstsq(design, targets, rcond=None)[0]
    np.testing.assert_allclose(fitted(driven(), lags=[1], scale="raw")[OFF], expected[1:][OFF], atol=1e-12)
    left = ((targets - design @ expected) ** 2).sum(axis=0) / (len(table) - 5)
    errors = np.sqrt(np.outer(np.diag(np.linalg.inv(design.T @ design)), left))
    p = 2 * stats.t.sf(np.abs(expected / errors)[1:], len(table) - 5)
    np.testing.assert_allclose(fitted(driven(), "p_value", lags=[1])[OFF], p[OFF], rtol=1e-8)


def test_several_lags_are_tested_together_by_what_the_pair_explains():
    table, targets = lagged_table(driven(), [1, 2])
    full, less = (np.column_stack([np.ones(len(each)), each]) for each in (table, np.delete(table, [2, 6], axis=1)))
    left = [np.linalg.lstsq(each, targets[:, 0], rcond=None)[1][0] for each in (full, less)]
    free = len(table) - 9
    expected = stats.f.sf((left[1] - left[0]) / 2 / (left[0] / free), 2, free)
    assert fitted(driven(), "p_value", lags=[1, 2])[2, 0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("model", ["ols", "ridge", "lasso", "elastic-net"])
def test_what_drives_is_pre_and_its_delay_and_sign_are_found(model):
    table = regression(driven(), model=model, lags=[1, 2]).edges.sort_values("score", ascending=False).head(2)
    assert sorted(zip(table["pre"], table["post"], table["delay_ms"], table["sign"])) == [
        ("b", "d", 2.0, -1),
        ("c", "a", 4.0, 1),
    ]


def test_ridge_solves_its_normal_equations():
    table, targets = (standardised(each) for each in lagged_table(driven(), [1]))
    expected = np.linalg.solve(table.T @ table + 0.3 * len(table) * np.eye(4), table.T @ targets)
    np.testing.assert_allclose(fitted(driven(), model="ridge", lags=[1], strength=0.3)[OFF], expected[OFF], atol=1e-10)


def test_ridge_by_itself_takes_the_strength_of_least_cross_validation_error():
    table, targets = (standardised(each) for each in lagged_table(driven(60), [1]))
    rows, best = len(table), {}
    for s in np.geomspace(1e-6, 1e2, 33):
        hat = table @ np.linalg.solve(table.T @ table + s * rows * np.eye(4), table.T)
        for j in range(4):
            error = ((targets[:, j] - hat @ targets[:, j]) ** 2).sum() / (rows - 1 - np.trace(hat)) ** 2
            best[j] = min(best.get(j, (np.inf, 0)), (error, s))
    found = fitted(driven(60), model="ridge", lags=[1])
    for j in range(4):
        expected = np.linalg.solve(table.T @ table + best[j][1] * rows * np.eye(4), table.T @ targets[:, j])
        np.testing.assert_allclose(np.delete(found[:, j], j), np.delete(expected, j), atol=1e-10)


@pytest.mark.parametrize(("model", "mixing"), [("lasso", 1.0), ("elastic-net", 0.4)])
def test_lasso_and_elastic_net_reach_the_minimum_that_a_general_solver_finds(model, mixing):
    table, targets = (standardised(each) for each in lagged_table(driven(), [1]))
    found = fitted(driven(), model=model, lags=[1], strength=0.05, mixing=mixing)

    def loss(halves):
        b = halves[:4] - halves[4:]
        error = ((targets[:, 3] - table @ b) ** 2).mean() / 2
        return error + 0.05 * (mixing * halves.sum() + (1 - mixing) * (b**2).sum() / 2)

    options = {"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-10}
    solved = optimize.minimize(loss, np.full(8, 0.1), bounds=[(0, None)] * 8, options=options).x
    np.testing.assert_allclose(found[:3, 3], (solved[:4] - solved[4:])[:3], atol=1e-5)


def test_lasso_by_itself_keeps_little_beside_the_true_connections():
    found = fitted(driven(), model="lasso", lags=[1, 2])
    assert found[2, 0] > 0.3
    assert found[1, 3] < -0.3
    assert np.count_nonzero(found[OFF]) <= 4


@settings(max_examples=10)
@given(st.permutations(range(4)), st.sampled_from(["ols", "ridge", "lasso", "elastic-net"]))
def test_neurons_in_another_order_have_the_same_scores(order, model):
    straight, turned = (fitted(each, model=model) for each in (driven(), driven().of(driven().ids[list(order)])))
    np.testing.assert_allclose(turned, straight[np.ix_(order, order)], atol=1e-7)


@pytest.mark.parametrize("model", ["ols", "ridge", "lasso", "elastic-net"])
def test_a_dead_channel_scores_nothing_and_disturbs_no_other(model):
    dead = np.insert(driven().to_numpy(), 2, 0.7, axis=1)
    found = np.nan_to_num(fitted(Traces(dead, dt_ms=2.0), model=model))
    assert not found[2].any()
    rest = np.delete(np.delete(found, 2, 0), 2, 1)
    np.testing.assert_allclose(rest[OFF], fitted(driven(), model=model)[OFF], atol=1e-10)


def test_nothing_alive_scores_nothing():
    for model in ("ols", "ridge", "lasso"):
        assert regression(Spikes([], [], duration_ms=50, ids=2), model=model).edges["score"].tolist() == [0, 0]


def test_what_cannot_be_is_refused():
    with pytest.raises(OptionError, match=r"lags: 0 would explain"):
        regression(driven(), lags=[0, 1])
    with pytest.raises(OptionError, match=r"6 rows for 8 predictors.*ridge"):
        regression(driven(8), lags=[1, 2])
    with pytest.raises(OptionError, match=r"strength: -1"):
        regression(driven(), model="ridge", strength=-1.0)
    with pytest.raises(OptionError, match=r"mixing: 2"):
        regression(driven(), mixing=2.0)
    with pytest.raises(OptionError, match="no inverse"):
        regression(Traces(driven().to_numpy()[:, [0, 1, 1]], dt_ms=2.0))
    values = driven().to_numpy().copy()
    values[5, 2] = np.inf
    with pytest.raises(ActivityError, match=r"infer\.mended"):
        regression(Traces(values, dt_ms=2.0))


def test_a_network_of_spiking_neurons_is_recovered(shared_data):
    with np.load(shared_data / "recordings" / "lif150.npz") as held:
        weights = held["weight_pre_post"]
        spikes = Spikes(held["neuron"], held["time_ms"].astype(float), duration_ms=1_200_000, ids=150)
    pre, post = np.nonzero(weights)
    truth = Connectome(150, pre, post, properties={"weight": weights[pre, post].astype(float)})
    found = score(regression(spikes), truth)
    assert found["roc_auc"] > 0.988
    assert found["pr_auc"] > 0.958

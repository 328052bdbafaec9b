"""What is chosen for a recording, from the recording alone."""

import numpy as np
import pytest

from conntap import Spikes, Traces, infer
from conntap.build import culture, typed
from conntap.errors import ActivityError, OptionError
from conntap.infer.pairs import matrix_of


@pytest.fixture(scope="module")
def asynchronous():
    truth = typed(counts={"E": 40, "I": 10}, probability=0.1, rng=np.random.default_rng(0))
    return truth, infer.simulate_lif(truth, duration_s=120, rng=np.random.default_rng(1))


@pytest.fixture(scope="module")
def bursting():
    truth = culture(n_nodes=40, degree=6, rng=np.random.default_rng(0))
    return truth, infer.simulate_culture(truth, duration_s=300, rng=np.random.default_rng(1))


def test_asynchronous_spikes_are_found_by_their_profiles(asynchronous):
    truth, spikes = asynchronous
    assert infer.choose(spikes)["method"] == "lag_mixture"
    assert infer.score(infer.auto(spikes), truth)["roc_auc"] > 0.9


def test_fluorescence_is_deconvolved_with_its_decay(asynchronous):
    truth, spikes = asynchronous
    traces = infer.calcium(spikes, dt_ms=20.0, tau_ms=400.0, noise=0.1, rng=np.random.default_rng(2))
    told = infer.choose(traces)
    assert told["method"] == "lag_mixture"
    assert told["tau_ms"] == pytest.approx(400, rel=0.25)
    found = infer.auto(traces)
    assert infer.score(found, truth)["roc_auc"] > 0.75
    plain = infer.choose(infer.deconvolved(traces))
    assert plain["tau_ms"] == 0


def test_fine_traces_are_made_coarser_after_they_are_deconvolved(asynchronous):
    _, spikes = asynchronous
    told = infer.choose(infer.calcium(spikes.between(0, 20_000), dt_ms=0.5, rng=np.random.default_rng(2)))
    assert told["bin_ms"] == 2.0
    assert told["lags"] == 12


def test_bursts_seen_slowly_are_summed_over_windows(bursting):
    truth, spikes = bursting
    traces = infer.calcium(spikes, indicator="challenge", rng=np.random.default_rng(2))
    told = infer.choose(traces)
    assert told["method"] == "windowed_partial"
    assert "bursts" in told["why"]
    assert infer.score(infer.auto(traces), truth)["roc_auc"] > 0.6
    assert infer.choose(spikes)["method"] == "lag_mixture"


def test_the_grid_of_times_is_the_least_bin():
    rng = np.random.default_rng(0)
    spikes = Spikes(rng.integers(0, 30, 3000), 20.0 * rng.integers(0, 3000, 3000), duration_ms=60_000, ids=30)
    assert infer.choose(spikes)["bin_ms"] == 20.0


def test_few_nodes_are_regressed():
    values = np.random.default_rng(0).normal(size=(500, 4))
    values[1:, 1] += values[:-1, 0]
    traces = Traces(values, dt_ms=20.0)
    assert infer.choose(traces)["method"] == "regression"
    found = infer.auto(traces)
    assert matrix_of(found, "score", "here").argmax() == 1
    assert np.isnan(found.properties["probability"]).all()


def test_a_method_can_be_said(asynchronous):
    _, spikes = asynchronous
    plain = infer.regression(spikes, lags=list(range(1, 9)), bin_ms=1.0)
    found = infer.auto(spikes, method="regression")
    assert np.array_equal(found.properties["score"], plain.properties["score"])


def test_no_value_depends_on_threads(asynchronous):
    _, spikes = asynchronous
    traces = infer.calcium(spikes, dt_ms=20.0, rng=np.random.default_rng(2))
    assert infer.auto(traces, threads=3) == infer.auto(traces)


def test_dead_nodes_score_nothing(asynchronous):
    _, spikes = asynchronous
    silent = Spikes(spikes.node_ids, spikes.times_ms, duration_ms=spikes.duration_ms, ids=51)
    scores = matrix_of(infer.auto(silent), "score", "here")
    assert not scores[50].any()
    assert not scores[:, 50].any()


@pytest.mark.parametrize(
    ("activity", "error", "match"),
    [
        (Traces(np.ones((9, 1)), dt_ms=1.0), OptionError, "auto: 1 nodes make no pair"),
        (Traces([[1.0, 2.0], [np.nan, 1.0], [3.0, 1.0]], dt_ms=1.0), ActivityError, "mended"),
        (Traces(np.ones((2, 3)), dt_ms=1.0), ActivityError, "choose"),
    ],
)
def test_what_tells_nothing_is_refused(activity, error, match):
    with pytest.raises(error, match=match):
        infer.auto(activity)


def test_few_frames_ask_for_fewer_lags_or_another_method():
    values = np.random.default_rng(0).normal(size=(60, 40))
    told = infer.choose(Traces(values, dt_ms=12.0))
    assert told["method"] == "windowed_partial"
    assert "60 steps are too few" in told["why"]
    assert infer.choose(Traces(np.tile(values, (3, 1)), dt_ms=12.0))["lags"] == 1
    assert np.isfinite(infer.auto(Traces(values, dt_ms=12.0)).properties["score"]).all()


def test_a_node_that_repeats_another_is_no_obstacle_among_few():
    times = np.sort(np.random.default_rng(0).random(400) * 60_000)
    rows = np.random.default_rng(1).integers(0, 5, 400)
    again = times[rows == 0]
    spikes = Spikes(np.append(rows, np.full(len(again), 5)), np.append(times, again), duration_ms=60_000, ids=6)
    found = infer.auto(spikes)
    assert infer.choose(spikes)["method"] == "regression"
    assert np.isfinite(found.properties["score"]).all()


def test_late_times_are_on_no_coarser_grid_than_they_are():
    times = 4e6 + np.sort(np.random.default_rng(0).integers(0, 60_000, 3000)).astype(float)
    spikes = Spikes(np.arange(3000) % 30, times, duration_ms=4_100_000, ids=30)
    assert infer.choose(spikes)["bin_ms"] == 1.0

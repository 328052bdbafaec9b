"""Lagged covariances against numpy: any cut, any precision, spikes counted exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap import infer
from conntap.activity import Spikes, Traces
from conntap.errors import ActivityError, OptionError
from conntap.infer import _lagged
from conntap.infer.counting import spike_covariances
from conntap.infer.covariances import covariances, of_activity
from conntap.infer.designs import design


def by_numpy(values, lag):
    deviations = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    return deviations[: len(values) - lag].T @ deviations[lag:] / len(values)


def signals(frames, n, seed=0, kind=np.float64):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((frames, n)) + 10 * rng.standard_normal(n)
    values[2:, 0] += values[:-2, n - 1]
    return values.astype(kind)


@pytest.mark.parametrize("lags", [[0], [0, 1], [0, 1, 2, 3], [0, 5, 9]])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_they_are_those_of_numpy_lag_by_lag_and_by_transforms(lags, kind):
    values = signals(1000, 9, kind=kind)
    found = covariances([values], lags=lags)
    for lag in lags:
        np.testing.assert_allclose(found.at(lag), by_numpy(values, lag), atol=1e-12 if kind == np.float64 else 2e-6)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=12),
    st.sampled_from([[0], [0, 1, 2, 3]]),
    st.sampled_from([np.float64, np.float32]),
)
def test_how_the_pieces_are_cut_changes_not_one_bit(sizes, lags, kind):
    values = signals(sum(sizes) + 4, 3, kind=kind)
    ends = np.cumsum(sizes)
    whole = covariances([values], lags=lags)
    cut = covariances(np.split(values, ends), lags=lags)
    assert all(np.array_equal(whole.products[lag], cut.products[lag]) for lag in lags)
    assert np.array_equal(whole.head, cut.head)
    assert np.array_equal(whole.tail, cut.tail)


def test_several_blocks_are_summed_as_one():
    values = signals(40_000, 4)
    found = covariances([values], lags=[0, 1, 2, 3])
    for lag in range(4):
        np.testing.assert_allclose(found.at(lag), by_numpy(values, lag), atol=1e-11)


def test_the_panels_of_many_nodes_fit_together():
    values = signals(300, 150)
    found = covariances([values], lags=[0, 1, 2, 3])
    for lag in range(4):
        np.testing.assert_allclose(found.at(lag), by_numpy(values, lag), atol=1e-11)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
    st.sampled_from([10, 16, 34]),
    st.integers(0, 130),
    st.integers(1, 9),
    st.sampled_from([3, 4, 128]),
)
def test_segments_of_any_length_give_the_products_lag_by_lag(lags, length, more, n, width):
    lags = tuple(sorted(lags))
    most = max(lags)
    block = np.random.default_rng(length + more).standard_normal((most + 1 + more, n))
    found = {lag: np.zeros((n, n)) for lag in lags}
    _lagged.Segments(lags, length, block.dtype, width).add(block, found)
    for lag in lags:
        np.testing.assert_allclose(found[lag], block[most - lag : len(block) - lag].T @ block[most:], atol=1e-11)


def test_transforms_take_cuts_as_they_come():
    values = signals(20_000, 120, kind=np.float32)
    assert _lagged.segment_length((0, 1, 2, 3), 120)
    whole, cut = (covariances(each, lags=[0, 1, 2, 3]) for each in ([values], np.array_split(values, 7)))
    assert all(np.array_equal(whole.products[lag], cut.products[lag]) for lag in range(4))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 1.0, 3.0]))
def test_spikes_have_the_covariances_of_their_counts(seed, bin_ms):
    rng = np.random.default_rng(seed)
    spikes = Spikes(rng.integers(0, 4, 60), rng.uniform(0, 50, 60), duration_ms=50, ids=4)
    found = spike_covariances(spikes, bin_ms=bin_ms, lags=[0, 1, 4])
    table = covariances([spikes.counts(bin_ms)], lags=[0, 1, 4])
    for lag in (0, 1, 4):
        np.testing.assert_allclose(found.products[lag], table.products[lag], atol=1e-10)
    np.testing.assert_allclose(found.head, table.head)
    np.testing.assert_allclose(found.tail, table.tail)


@pytest.mark.parametrize("lags", [[1], [1, 2], [0, 1], [2, 5]])
def test_the_design_is_that_of_the_table_of_lagged_frames(lags):
    values, most = signals(60, 3), max(lags)
    table = np.concatenate([values[most - lag : 60 - lag] for lag in lags], axis=1)
    table, targets = table - table.mean(axis=0), values[most:] - values[most:].mean(axis=0)
    gram, cross, own, rows = design(covariances([values], lags=range(most + 1)), lags)
    np.testing.assert_allclose(gram, table.T @ table, atol=1e-10)
    np.testing.assert_allclose(cross, table.T @ targets, atol=1e-10)
    np.testing.assert_allclose(own, (targets**2).sum(axis=0), atol=1e-10)
    assert rows == 60 - most


def test_a_dead_channel_correlates_with_nothing():
    values = signals(200, 4)
    values[:, 2] = 0.1
    matrix = covariances([values], lags=[1]).correlation(1)
    assert not matrix[2].any()
    assert not matrix[:, 2].any()
    assert np.isfinite(matrix).all()


def test_values_that_are_not_finite_are_refused_with_their_channel():
    values = signals(50, 3)
    values[7, 1] = np.nan
    with pytest.raises(ActivityError, match=r"1 of 3 channels.*column 1.*infer\.mended"):
        covariances([values], lags=[0])


@pytest.mark.parametrize("lags", [[], [-1], [1.5], [50], 3])
def test_lags_that_make_no_sense_are_refused(lags):
    with pytest.raises(OptionError, match="lags"):
        covariances([signals(50, 2)], lags=lags)


def test_too_few_frames_are_refused():
    with pytest.raises(ActivityError, match="2 frames"):
        of_activity(Traces(np.eye(2), dt_ms=1), "here", lags=[0])
    with pytest.raises(ActivityError, match="no frames"):
        covariances([], lags=[0])


def test_the_pieces_are_untouched():
    values = signals(100, 3)
    before = values.copy()
    covariances([values], lags=[0, 1, 2, 3])
    assert np.array_equal(values, before)


@pytest.mark.parametrize(
    "step", ["pearson", "lagged_correlation", "partial_correlation", "regression", "windowed_partial"]
)
def test_a_recording_without_nodes_gives_a_connectome_without_nodes(step):
    assert getattr(infer, step)(Traces(np.empty((50, 0)), dt_ms=20.0)).n_nodes == 0


@pytest.mark.parametrize(
    "step", ["pearson", "lagged_correlation", "partial_correlation", "regression", "windowed_partial"]
)
def test_spikes_in_a_wrong_unit_or_of_no_duration_are_refused(step):
    rng = np.random.default_rng(0)
    seconds = Spikes(rng.integers(0, 4, 3000), rng.random(3000) * 60, duration_ms=60.0, ids=4)
    with pytest.raises(ActivityError, match=rf"{step}: .*the times look like seconds"):
        getattr(infer, step)(seconds)
    with pytest.raises(ActivityError, match=rf"{step}: the recording has no duration"):
        getattr(infer, step)(Spikes([], [], duration_ms=0.0, ids=4))

"""Partial correlations over windows: the sums they stand for, what bursts hide from single frames, what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntap import Connectome, Spikes, Traces, infer
from conntap.errors import OptionError
from conntap.infer.pairs import matrix_of
from conntap.infer.precisions import partial_of


def noise(seed, n=5, frames=3000):
    return np.random.default_rng(seed).normal(size=(frames, n))


@given(st.integers(0, 50), st.integers(1, 5))
def test_one_window_is_the_partial_correlation_of_moving_sums(seed, width):
    values = np.cumsum(noise(seed), axis=0) * 0.02 + noise(seed + 100)
    found = infer.windowed_partial(Traces(values, dt_ms=20.0), windows=[width], shrinkage=0.0, score="signed")
    padded = np.pad(values - values.mean(0), ((width - 1, width - 1), (0, 0)))
    sums = sum(padded[k : len(values) + width - 1 + k] for k in range(width))
    partial = partial_of(np.linalg.inv(sums.T @ sums))
    matrix = matrix_of(found, "score", "here")
    off = ~np.eye(5, dtype=bool)
    assert np.corrcoef(matrix[off], partial[off])[0, 1] == pytest.approx(1.0, abs=1e-6)


def test_what_frames_lose_windows_hold():
    rng = np.random.default_rng(3)
    true = np.triu(rng.random((12, 12)) < 0.15, 1)
    counts = (rng.random((4_000, 12)) < 0.02).astype(float)
    for pre, post in zip(*np.nonzero(true)):
        counts[:, post] += np.roll(counts[:, pre] * (rng.random(4_000) < 0.3), rng.integers(0, 2))
    for node in range(12):  # each spike is seen up to two frames too late
        counts[:, node] = sum(np.roll(counts[:, node] * (late == rng.integers(0, 3, 4_000)), late) for late in range(3))
    traces, truth = Traces(counts, dt_ms=20.0), Connectome.from_adjacency(true)
    scores = {
        w: infer.score(infer.windowed_partial(traces, windows=[w]), truth, pairs="undirected")["pr_auc"] for w in (1, 3)
    }
    assert scores[3] > scores[1]


def test_spikes_are_counted_in_bins_of_a_frame():
    rng = np.random.default_rng(0)
    spikes = Spikes(rng.integers(0, 5, 3000), rng.random(3000) * 60_000, duration_ms=60_000, ids=5)
    here = infer.windowed_partial(spikes)
    there = infer.windowed_partial(Traces(spikes.counts(20.0), dt_ms=20.0))
    assert np.allclose(here.properties["score"], there.properties["score"])


@pytest.mark.parametrize(("dt", "windows"), [(20.0, [2, 3]), (25.0, [2]), (33.0, [1]), (100.0, [1]), (10.0, [4, 5, 6])])
def test_windows_reach_sixty_milliseconds(dt, windows):
    traces = Traces(noise(1), dt_ms=dt)
    assert infer.windowed_partial(traces) == infer.windowed_partial(traces, windows=windows)


def test_where_few_frames_count_one_frame_is_the_window():
    values = noise(5, n=30, frames=400)
    values[::100] *= 30  # four frames hold nearly all
    traces = Traces(values, dt_ms=20.0)
    assert infer.windowed_partial(traces) == infer.windowed_partial(traces, windows=[1])


def test_correlations_are_drawn_to_0_the_more_the_fewer_frames_hold_the_activity():
    values = noise(4, n=20, frames=2000)
    values[::100] *= 10  # a hundredth of the frames holds half of the activity
    traces = Traces(values, dt_ms=20.0)
    energy = (((values - values.mean(0)) / values.std(0)) ** 2).sum(1)
    counting = energy.sum() ** 2 / (energy**2).sum()
    by_hand = infer.windowed_partial(traces, windows=[2], shrinkage=20 / (20 + 4 * counting))
    found = infer.windowed_partial(traces, windows=[2])
    assert np.allclose(found.properties["score"], by_hand.properties["score"])


def test_dead_channels_score_nothing():
    values = noise(2)
    values[:, 1] = 3.0
    scores = matrix_of(infer.windowed_partial(Traces(values, dt_ms=20.0)), "score", "here")
    assert not scores[1].any()
    assert scores[0, 2] > 0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"windows": [0, 1]}, r"windowed_partial\.windows: 0 holds nothing"),
        ({"windows": []}, r"windowed_partial\.windows: \[\]"),
        ({"shrinkage": 1.0}, r"windowed_partial\.shrinkage: 1\.0; give a weight from 0 to below 1"),
        ({"score": "both"}, r"windowed_partial\.score"),
    ],
)
def test_what_cannot_be_is_refused(options, match):
    with pytest.raises(OptionError, match=match):
        infer.windowed_partial(Traces(noise(0), dt_ms=20.0), **options)


def test_channels_that_repeat_need_shrinkage():
    values = noise(0)
    twice = Traces(np.column_stack([values, values[:, 0]]), dt_ms=20.0)
    with pytest.raises(OptionError, match="no inverse"):
        infer.windowed_partial(twice, shrinkage=0.0)
    assert np.isfinite(infer.windowed_partial(twice).properties["score"]).all()

"""The challenge's winner against the published steps, written plainly in numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.activity import Traces
from conntap.errors import ActivityError, OptionError
from conntap.infer.pairs import matrix_of
from conntap.infer.winner import challenge


def fluorescence(frames=1500, n=6, seed=0):
    """Calcium of random spikes and bursts; 0 drives 1 in the next frame."""
    rng = np.random.default_rng(seed)
    spikes = rng.random((frames, n)) < 0.03
    spikes |= (rng.random((frames, 1)) < 0.01) & (rng.random((frames, n)) < 0.7)
    spikes[1:, 1] |= spikes[:-1, 0]
    values = np.zeros((frames, n))
    for t in range(1, frames):
        values[t] = 0.98 * values[t - 1] + 0.25 * spikes[t] + 0.1 * spikes[t - 1]
    return values + rng.normal(0, 0.03, values.shape)


def plain(values, thresholds, components=0.8, version="full"):
    """The averaged partial correlations by whole arrays, step by step."""
    x = np.asarray(values, dtype=np.float64)
    f = {
        "sym": x[:-2] + x[1:-1] + x[2:],
        "alt": x[3:] + x[2:-1] + 0.8 * x[1:-2] + 0.4 * x[:-3],
        "four": x[3:] + x[2:-1] + x[1:-2] + x[:-3],
    }
    rules = {
        "full": [
            ("sym", 1.0, (0.05, 0.23), (1.9, 1.6, 1.4)),
            ("alt", 0.9, (0.05, 0.23), (1.9, 1.6, 1.4)),
            ("four", 0.01, (0.04, 0.22), (1.9, 1.7, 1.5)),
            ("four", 0.7, (0.08, 0.22), (1.9, 1.5, 1.5)),
        ],
        "simple": [("sym", 1.0, None, None), ("alt", 1.0, None, None)],
    }[version]
    total, weight = 0, 0
    for name, share, (low, high), powers in ((a, b, c or (0, 0), d) for a, b, c, d in rules):
        for threshold in thresholds:
            y = np.diff(f[name], axis=0)
            y = np.where(y >= threshold, np.maximum(y, 0) ** (0.9 if version == "full" else 1.0), 0)
            s = y.sum(axis=1)
            z = np.ones_like(y)
            if version == "full":
                s = s + 0.5 * np.concatenate([[0], s[:-1]])
            for t in np.flatnonzero(s > 0):
                r = s[t] / s.max()
                power = 1.0 if powers is None else powers[0] if low < r < high else powers[1] if r < 0.75 else powers[2]
                z[t] = ((y[t] + 1) ** (1 + 1 / s[t])) ** power
            sizes, vectors = np.linalg.eigh(np.cov(z.T))
            rest = len(sizes) - int(components * len(sizes))
            sizes[:rest] = sizes[:rest].mean()
            precision = np.linalg.inv(vectors * sizes @ vectors.T)
            total = total - share * precision / np.sqrt(np.outer(np.diag(precision), np.diag(precision)))
            weight += share
    np.fill_diagonal(total, 0)
    return total / weight


def scores(values, **options):
    return matrix_of(challenge(Traces(values, dt_ms=20.0), **options), "score", "test")


@pytest.mark.parametrize("version", ["full", "simple"])
def test_it_is_the_published_method(version):
    options = {"scale": 1.0, "directivity": 0.0, "thresholds": [0.1, 0.15], "version": version, "population": None}
    found = scores(fluorescence(), **options)
    np.testing.assert_allclose(found, plain(fluorescence(), [0.1, 0.15], version=version), atol=1e-6)


def test_busy_frames_are_multiplied_as_matrices_with_the_same_result():
    values = fluorescence(800, 40)
    found = scores(values, scale=1.0, directivity=0.0, thresholds=[0.12], population=None)
    np.testing.assert_allclose(found, plain(values, [0.12]), atol=1e-6)


def test_who_rises_first_by_counting_pair_by_pair():
    from conntap.infer._winner import count_following

    rng = np.random.default_rng(0)
    for filled in (0.1, 0.6):
        x = (rng.random((60, 9)) * (rng.random((60, 9)) < filled)).astype(np.float32)
        frames, rows = np.nonzero(x)
        bounds = np.searchsorted(frames, np.arange(61))
        counts = np.zeros((9, 9), dtype=np.int32)
        count_following(bounds, rows.astype(np.int32), x[frames, rows], np.float32(0.2), np.float32(0.5), counts)
        low, high = x[:-1, :, None] + np.float32(0.2), x[:-1, :, None] + np.float32(0.5)
        assert np.array_equal(counts, ((x[1:, None] > low) & (x[1:, None] < high)).sum(axis=0))


def test_frames_weigh_as_those_of_the_population_that_is_given():
    options = {"thresholds": [0.12], "directivity": 0.0}
    values = fluorescence()
    assert np.array_equal(scores(values, population=None, **options), scores(values, population=6, **options))
    assert not np.allclose(scores(values, **options), scores(values, population=6, **options))


def test_what_drives_is_pre():
    found = scores(fluorescence(6000), directivity=0.3)
    assert np.unravel_index(found.argmax(), found.shape) == (0, 1)


@settings(max_examples=8)
@given(st.permutations(range(6)), st.sampled_from([1e-3, 50.0]), st.integers(0, 9))
def test_neurons_in_another_order_and_values_in_other_units_score_alike(order, unit, seed):
    values = fluorescence(600, seed=seed)
    straight, turned = scores(values), scores(values[:, order] * unit)
    np.testing.assert_allclose(turned, straight[np.ix_(order, order)], atol=1e-4)


class Lazy:
    """Values that come in slices only."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def __getitem__(self, key):
        return self.values[key]


def test_lazy_values_give_the_same_over_borders_of_pieces():
    values = fluorescence(9000, 4).astype(np.float32)
    options = {"thresholds": [0.12], "scale": 1.0, "population": None}
    lazy = matrix_of(challenge(Traces(Lazy(values), dt_ms=20.0), **options), "score", "test")
    assert np.array_equal(lazy, scores(values, **options))
    np.testing.assert_allclose(scores(values, directivity=0.0, **options), plain(values, [0.12]), atol=1e-6)


def test_a_dead_channel_scores_nothing_and_disturbs_no_other():
    dead = np.insert(fluorescence(), 3, 5.0, axis=1)
    found = scores(dead, components=1.0)
    assert not found[3].any()
    assert not found[:, 3].any()
    rest = np.delete(np.delete(found, 3, 0), 3, 1)
    np.testing.assert_allclose(rest, scores(fluorescence(), components=1.0), atol=1e-10)


def test_what_cannot_be_is_refused():
    values = fluorescence(100)
    for options, match in (
        ({"thresholds": []}, "thresholds"),
        ({"components": 0.0}, "components: 0"),
        ({"directivity": 1.0}, "directivity: 1"),
        ({"scale": "noises"}, "scale: 'noises'"),
        ({"population": 0}, "population: 0"),
        ({"version": "fuller"}, "version: unknown value 'fuller'"),
    ):
        with pytest.raises(OptionError, match=match):
            scores(values, **options)
    with pytest.raises(ActivityError, match="no channel has noise"):
        scores(np.ones((50, 3)))
    with pytest.raises(ActivityError, match="3 frames"):
        scores(values[:3])
    values[5, 2] = np.nan
    with pytest.raises(ActivityError, match=r"column 2.*infer\.mended"):
        scores(values)


def test_channels_that_are_all_the_same_score_finitely():
    one = np.random.default_rng(0).normal(size=(2000, 1))
    found = challenge(Traces(np.repeat(one, 30, axis=1), dt_ms=20.0))
    assert np.isfinite(found.properties["score"]).all()

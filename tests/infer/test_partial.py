"""Partial correlation: a chain by hand, the formulas of shrinkage, residuals of regressions as oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntap.activity import Spikes, Traces
from conntap.errors import ActivityError, OptionError
from conntap.infer.pairs import matrix_of
from conntap.infer.partial import partial_correlation


def recorded(frames=300, n=5, seed=0):
    rng = np.random.default_rng(seed)
    return Traces(rng.standard_normal((frames, n)) @ rng.standard_normal((n, n)) + 3, dt_ms=20.0)


def matrix(traces, **options):
    return matrix_of(partial_correlation(traces, score="signed", **options), "score", "test")


def test_without_shrinkage_it_is_the_correlation_of_what_the_others_leave_over():
    values = recorded().to_numpy()
    others = np.column_stack([values[:, 2:], np.ones(len(values))])
    left = values[:, :2] - others @ np.linalg.lstsq(others, values[:, :2], rcond=None)[0]
    assert matrix(recorded(), shrinkage=0.0)[0, 1] == pytest.approx(np.corrcoef(left.T)[0, 1], abs=1e-12)


def test_two_neurons_alone_have_their_correlation():
    traces = recorded(n=2)
    assert matrix(traces, shrinkage=0.0)[0, 1] == pytest.approx(np.corrcoef(traces.to_numpy().T)[0, 1])


def expected(values, amount):
    shrunk = (1 - amount) * np.corrcoef(values.T) + amount * np.eye(values.shape[1])
    inverse = np.linalg.inv(shrunk)
    partial = -inverse / np.sqrt(np.outer(np.diag(inverse), np.diag(inverse)))
    np.fill_diagonal(partial, 0.0)
    return partial


def test_ledoit_and_wolf_shrink_by_the_variance_of_the_products():
    values = recorded(60).to_numpy()
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    found = scaled.T @ scaled / 60
    spread = np.mean([((np.outer(x, x) - found) ** 2).sum() for x in scaled]) / 60
    np.testing.assert_allclose(
        matrix(recorded(60)), expected(values, spread / ((found - np.eye(5)) ** 2).sum()), atol=1e-12
    )


def test_oas_is_the_published_formula():
    values = recorded(60).to_numpy()
    r, n, frames = np.corrcoef(values.T), 5, 60
    square, trace = np.trace(r @ r), np.trace(r)
    amount = (square / n**2 + (trace / n) ** 2) / ((frames + 1) * (square / n**2 - trace**2 / n**3))
    np.testing.assert_allclose(matrix(recorded(60), shrinkage="oas"), expected(values, min(1, amount)), atol=1e-12)


def test_components_that_go_become_noise_of_their_mean_variance():
    values = recorded().to_numpy()
    sizes, vectors = np.linalg.eigh(np.corrcoef(values.T))
    sizes[:2] = sizes[:2].mean()
    inverse = np.linalg.inv(vectors * sizes @ vectors.T)
    found = matrix(recorded(), shrinkage=0.0, components=0.6)
    assert found[0, 3] == pytest.approx(-inverse[0, 3] / np.sqrt(inverse[0, 0] * inverse[3, 3]))


@pytest.mark.parametrize("shrinkage", ["ledoit-wolf", "oas", 0.1])
def test_spikes_score_as_their_counts(shrinkage):
    rng = np.random.default_rng(3)
    spikes = Spikes(rng.integers(0, 4, 400), rng.uniform(0, 500, 400), duration_ms=500, ids=4)
    counts = Traces(spikes.counts(5).astype(float), dt_ms=5)
    np.testing.assert_allclose(
        matrix(spikes, bin_ms=5, shrinkage=shrinkage), matrix(counts, shrinkage=shrinkage), atol=1e-10
    )


@given(st.permutations(range(5)), st.integers(0, 20))
def test_neurons_in_another_order_and_other_units_have_the_same_scores(order, seed):
    traces = recorded(40, seed=seed)
    turned = Traces(traces.to_numpy()[:, order] * 1000.0, dt_ms=20.0)
    np.testing.assert_allclose(matrix(turned), matrix(traces)[np.ix_(order, order)], atol=1e-8)


def test_a_dead_channel_scores_nothing_and_disturbs_no_other():
    values = recorded().to_numpy()
    dead = np.insert(values, 2, 0.7, axis=1)
    found = matrix(Traces(dead, dt_ms=20.0))
    assert not found[2].any()
    np.testing.assert_allclose(np.delete(np.delete(found, 2, 0), 2, 1), matrix(recorded()), atol=1e-12)


def test_what_cannot_be_is_refused():
    with pytest.raises(OptionError, match=r"components: 0"):
        partial_correlation(recorded(), components=0)
    with pytest.raises(OptionError, match=r"shrinkage: unknown value 'oaks'.*Did you mean 'oas'"):
        partial_correlation(recorded(), shrinkage="oaks")
    with pytest.raises(OptionError, match=r"shrinkage: 2"):
        partial_correlation(recorded(), shrinkage=2.0)
    twice = recorded().to_numpy()[:, [0, 1, 2, 0]]
    with pytest.raises(OptionError, match="no inverse"):
        partial_correlation(Traces(twice, dt_ms=20.0), shrinkage=0.0)
    with pytest.raises(ActivityError, match=r"infer\.mended"):
        partial_correlation(Traces(np.where(twice == twice[3, 1], np.nan, twice), dt_ms=20.0))

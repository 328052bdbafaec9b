"""Transfer entropy: against its definition, a known value, chi-squared, and on networks that are known."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, kstest

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import ActivityError, OptionError
from conntap.infer.pairs import matrix_of
from conntap.infer.scoring import score
from conntap.infer.transfer import transfer_entropy


def by_definition(states, frames, order, pre_order, lag):
    """Bits, [pre, post], by counting tuples of states."""
    n = states.shape[1]
    found = np.zeros((n, n))
    for pre in range(n):
        for post in range(n):
            joint, with_pre, with_now, past = Counter(), Counter(), Counter(), Counter()
            for t in frames:
                now = states[t, post]
                before = tuple(states[t - 1 - k, post] for k in range(order))
                other = tuple(states[t - lag - k, pre] for k in range(pre_order))
                joint[now, before, other] += 1
                with_pre[before, other] += 1
                with_now[now, before] += 1
                past[before] += 1
            for (now, before, other), count in joint.items():
                ratio = count * past[before] / (with_pre[before, other] * with_now[now, before])
                found[pre, post] += count / len(frames) * np.log2(ratio)
    np.fill_diagonal(found, 0)
    return found


def noise(frames=150, nodes=3, seed=0):
    values = np.random.default_rng(seed).integers(0, 4, (frames, nodes)).astype(float)
    values[1:, 0] += values[:-1, 2]
    return values


@settings(deadline=None, max_examples=20)
@given(
    st.integers(0, 2), st.integers(1, 2), st.integers(0, 2), st.sampled_from([[2.0], [1.0, 3.0]]), st.integers(0, 99)
)
def test_scores_are_those_of_the_definition(order, pre_order, lag, edges, seed):
    values = noise(seed=seed)
    states = (values[:, :, None] >= edges).sum(axis=2)
    frames = [t for t in range(max(order, lag + pre_order - 1), 150) if values[t].mean() < 2]
    options = {"order": order, "pre_order": pre_order, "lags": [lag], "edges": edges}
    found = transfer_entropy(Traces(values, dt_ms=20), difference="none", level=2.0, **options)
    expected = by_definition(states, frames, order, pre_order, lag)
    np.testing.assert_allclose(matrix_of(found, "score", "t"), expected, atol=1e-12)


def test_differences_are_taken_before_states_and_the_level_is_of_the_values():
    values = noise(seed=4)
    states = np.diff(values, axis=0, prepend=values[:1]) >= 1.0
    frames = [t for t in range(3, 150) if values[t].mean() < 2.5]
    found = transfer_entropy(Traces(values, dt_ms=20), edges=[1.0], level=2.5)
    np.testing.assert_allclose(matrix_of(found, "score", "t"), by_definition(states, frames, 2, 2, 0), atol=1e-12)


def test_a_copy_with_errors_transfers_one_bit_less_the_entropy_of_the_errors():
    rng = np.random.default_rng(1)
    source = rng.random(200_000) < 0.5
    wrong = rng.random(200_000) < 0.1
    copy = np.concatenate([[False], source[:-1]]) ^ wrong
    traces = Traces(np.column_stack([source, copy]).astype(float), dt_ms=1)
    found = transfer_entropy(traces, order=1, lags=[1], edges=[0.5], difference="none", level="none")
    entropy = -0.1 * np.log2(0.1) - 0.9 * np.log2(0.9)
    assert found.edges["score"][0] == pytest.approx(1 - entropy, abs=0.01)
    assert found.edges["score"][1] == pytest.approx(0, abs=1e-4)


def test_without_a_past_the_p_value_is_that_of_the_likelihood_ratio_test():
    values = noise(seed=7)
    found = transfer_entropy(
        Traces(values, dt_ms=20), order=0, pre_order=1, edges=[2.0], difference="none", level="none"
    )
    table = np.histogram2d(values[:, 0] >= 2, values[:, 1] >= 2, bins=2)[0]
    expected = chi2_contingency(table, correction=False, lambda_="log-likelihood").pvalue
    assert matrix_of(found, "p_value", "t")[0, 1] == pytest.approx(expected)


def test_p_values_of_unrelated_neurons_are_even():
    values = np.random.default_rng(5).random((5000, 30))
    found = transfer_entropy(Traces(values, dt_ms=20), edges=[0.5], order=1, difference="none", level="none")
    assert kstest(found.edges["p_value"], "uniform").pvalue > 0.01


def test_who_drives_is_pre_and_the_delay_of_spikes_is_found():
    rng = np.random.default_rng(2)
    first = np.flatnonzero(rng.random(10_000) < 0.05)
    rows, times = np.repeat([1, 0], len(first)), np.concatenate([first, first + 3])
    best = transfer_entropy(Spikes(rows, times, duration_ms=10_010)).edges.sort_values("score").iloc[-1]
    assert (best["pre"], best["post"], best["delay_ms"]) == (1, 0, 3.0)
    assert best["p_value"] < 1e-12


def test_spikes_and_their_counts_as_traces_give_the_same():
    rng = np.random.default_rng(3)
    spikes = Spikes(rng.integers(0, 4, 500), rng.uniform(0, 2000, 500), duration_ms=2000, ids=4)
    counts = Traces(spikes.counts(5.0), dt_ms=5.0)
    mine = transfer_entropy(spikes, bin_ms=5.0)
    theirs = transfer_entropy(counts, order=1, edges=[1.0], difference="none", level="none")
    np.testing.assert_array_equal(mine.edges["score"], theirs.edges["score"])


class Lazy:
    """Values that are read by slices alone."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def __getitem__(self, key):
        return self.values[key]


@settings(deadline=None, max_examples=10)
@given(st.permutations(range(5)), st.integers(1, 3))
def test_order_of_neurons_threads_and_laziness_change_no_value(order, threads):
    values = np.random.default_rng(6).standard_normal((700, 5))
    straight = matrix_of(transfer_entropy(Traces(values, dt_ms=20)), "score", "t")
    turned = transfer_entropy(Traces(Lazy(values[:, list(order)]), dt_ms=20), threads=threads)
    np.testing.assert_allclose(matrix_of(turned, "score", "t"), straight[np.ix_(order, order)], atol=1e-12)


def test_more_neurons_than_a_block_give_what_they_give_alone():
    values = np.random.default_rng(8).standard_normal((400, 70))
    whole = matrix_of(transfer_entropy(Traces(values, dt_ms=20), edges=[1.0], level="none"), "score", "t")
    part = matrix_of(transfer_entropy(Traces(values[:, 60:], dt_ms=20), edges=[1.0], level="none"), "score", "t")
    np.testing.assert_allclose(whole[60:, 60:], part, atol=1e-14)


def test_dead_channels_score_nothing_and_nan_is_refused():
    values = np.random.default_rng(9).standard_normal((300, 3))
    values[:, 1] = 4.0
    found = transfer_entropy(Traces(values, dt_ms=20))
    score_, p_value = matrix_of(found, "score", "t"), matrix_of(found, "p_value", "t", missing=1.0)
    assert not score_[1].any()
    assert not score_[:, 1].any()
    assert (p_value[1] == 1).all()
    values[5, 0] = np.nan
    with pytest.raises(ActivityError, match=r"infer\.mended"):
        transfer_entropy(Traces(values, dt_ms=20))


def test_silent_neurons_and_single_ones_make_no_trouble():
    assert np.isfinite(transfer_entropy(Spikes([0], [1.0], duration_ms=9, ids=3)).edges["score"]).all()
    assert transfer_entropy(Spikes([0], [1.0], duration_ms=9)).n_edges == 0


def test_what_makes_no_sense_is_refused():
    traces = Traces(noise(), dt_ms=20)
    with pytest.raises(OptionError, match=r"transfer_entropy\.edges: \[2, 1\]; give numbers that ascend"):
        transfer_entropy(traces, edges=[2, 1])
    with pytest.raises(OptionError, match="joint states; at most 4,096"):
        transfer_entropy(traces, order=7)
    with pytest.raises(OptionError, match=r"transfer_entropy\.level: unknown value 'clam'; known: calm, none"):
        transfer_entropy(traces, level="clam")
    with pytest.raises(ActivityError, match="nowhere below -1; it runs from"):
        transfer_entropy(traces, level=-1.0)
    with pytest.raises(ActivityError, match="at least 3 steps"):
        transfer_entropy(Traces(np.zeros((2, 3)), dt_ms=20))
    with pytest.raises(ActivityError, match="no frame has all the earlier ones"):
        transfer_entropy(Traces(noise(3), dt_ms=20), order=3, level="none", pre_order=1)


def test_a_network_of_spiking_neurons_is_recovered(shared_data):
    with np.load(shared_data / "recordings" / "lif150.npz") as held:
        weights = held["weight_pre_post"]
        spikes = Spikes(held["neuron"], held["time_ms"].astype(float), duration_ms=1_200_000, ids=150)
    found = score(transfer_entropy(spikes.between(0, 300_000)), Connectome.from_adjacency(weights.astype(float)))
    assert found["roc_auc"] > 0.93
    assert found["pr_auc"] > 0.8


def test_an_infinite_value_is_refused_without_a_warning():
    values = np.random.default_rng(0).normal(size=(100, 3))
    values[7, 1] = np.inf
    with pytest.raises(ActivityError, match="transfer_entropy: values of 1 of 3 nodes are missing"):
        transfer_entropy(Traces(values, dt_ms=20.0))

"""Cross-correlograms: by hand, against scipy's Poisson, on trains and a network that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, poisson

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.infer.correlograms import cross_correlogram
from conntap.infer.cross_counts import each_block, in_bins
from conntap.infer.pairs import matrix_of
from conntap.infer.scoring import score


def trains(n=4, count=300, duration=20_000.0, seed=0):
    """Independent trains, and one that follows the first after 3 ms."""
    rng = np.random.default_rng(seed)
    own = [np.sort(rng.uniform(0, duration - 10, count)) for _ in range(n - 1)]
    own.append(own[0] + 3.0)
    return Spikes(np.repeat(np.arange(n), count), np.concatenate(own), duration_ms=duration)


def correlograms(spikes, first, last, threads=1):
    counts = np.zeros((spikes.n_nodes, spikes.n_nodes, last - first + 1), dtype=int)

    def use(rows, block):
        counts[rows] = block

    each_block(in_bins(spikes, "t", 1.0), first, last, use, "t", threads)
    return counts


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), max_size=40), st.integers(-4, 4), st.integers(0, 5))
def test_counts_are_products_of_binned_trains(events, first, more):
    spikes = Spikes([n for n, _ in events] or [], [float(t) for _, t in events], duration_ms=31, ids=3)
    binned = spikes.counts(1.0)
    found = correlograms(spikes, first, first + more)
    for at, lag in enumerate(range(first, first + more + 1)):
        early, late = binned[max(0, -lag) : len(binned) - max(0, lag)], binned[max(0, lag) : len(binned) + min(0, lag)]
        np.testing.assert_array_equal(found[:, :, at], early.T @ late)


def test_the_baseline_of_jitter_and_its_transmission_by_hand():
    """One pair of spikes 2 ms apart: 1 where 1/5 is expected at lag 2, and 1/5 at lags 1 and 3."""
    spikes = Spikes([0, 1], [10.0, 12.0], duration_ms=100)
    found = cross_correlogram(spikes, lags=[1, 2, 3], baseline="jitter", width_ms=2.0, score="transmission")
    assert matrix_of(found, "score", "t")[0, 1] == pytest.approx(1 - 3 / 5)
    assert matrix_of(found, "delay_ms", "t")[0, 1] == 2.0
    # two-sided, three lags, half of the probability of the count itself
    tail = poisson.sf(1, 0.2) + poisson.pmf(1, 0.2) / 2
    assert matrix_of(found, "p_value", "t")[0, 1] == pytest.approx(2 * 3 * tail)


def test_significance_is_the_root_of_twice_the_log_likelihood_ratio():
    spikes = Spikes([0, 1], [10.0, 12.0], duration_ms=100)
    found = matrix_of(cross_correlogram(spikes, lags=[2], baseline="jitter", width_ms=2.0), "score", "t")
    ratio = poisson.logpmf(1, 1.0) - poisson.logpmf(1, 0.2)
    assert found[0, 1] == pytest.approx(np.sqrt(2 * ratio))


def test_who_follows_is_post_and_the_delay_is_found():
    best = cross_correlogram(trains()).edges.sort_values("score").iloc[-1]
    assert (best["pre"], best["post"], best["delay_ms"], best["sign"]) == (0, 3, 3.0, 1)
    assert best["p_value"] < 1e-12


def test_slow_common_input_is_in_the_baseline():
    rng = np.random.default_rng(3)
    centres = rng.uniform(100, 199_900, 2000)
    times = np.concatenate([centres + rng.normal(0, 20, 2000) for _ in range(2)])
    spikes = Spikes(np.repeat([0, 1], 2000), times, duration_ms=200_000)
    assert cross_correlogram(spikes).edges["p_value"].min() > 0.01


def test_p_values_of_independent_trains_are_at_least_as_large_as_even_ones():
    found = cross_correlogram(trains(n=40, count=400), lags=[2]).edges
    own = found[(found["pre"] != 39) & (found["post"] != 39)]["p_value"]
    assert kstest(own, "uniform", alternative="greater").pvalue > 0.001


@settings(deadline=None, max_examples=15)
@given(st.permutations(range(4)), st.integers(1, 3))
def test_order_of_neurons_and_threads_change_no_value(order, threads):
    spikes = trains(count=50)
    straight = matrix_of(cross_correlogram(spikes), "score", "t")
    turned = matrix_of(cross_correlogram(spikes.of(list(order)), threads=threads), "score", "t")
    np.testing.assert_allclose(turned, straight[np.ix_(order, order)], rtol=1e-12)


def test_silent_neurons_score_nothing_and_have_p_values_of_one():
    table = cross_correlogram(Spikes([0, 1], [1.0, 2.0], duration_ms=100, ids=3)).edges
    silent = table[(table["pre"] == 2) | (table["post"] == 2)]
    assert not silent["score"].any()
    assert (silent["p_value"] == 1).all()
    assert cross_correlogram(Spikes([], [], duration_ms=10, ids=1)).n_edges == 0


def test_what_makes_no_sense_is_refused():
    with pytest.raises(OptionError, match=r"cross_correlogram\.width_ms: -1; give a positive width"):
        cross_correlogram(trains(), width_ms=-1)
    with pytest.raises(OptionError, match=r"cross_correlogram\.baseline: unknown value 'hollo'"):
        cross_correlogram(trains(), baseline="hollo")
    with pytest.raises(OptionError, match="cross_correlogram: Traces; give Spikes"):
        cross_correlogram(Traces([[1.0], [2.0], [3.0]], dt_ms=1))


def test_a_network_of_spiking_neurons_is_recovered(shared_data):
    with np.load(shared_data / "recordings" / "lif150.npz") as held:
        weights = held["weight_pre_post"]
        spikes = Spikes(held["neuron"], held["time_ms"].astype(float), duration_ms=1_200_000, ids=150)
    found = score(cross_correlogram(spikes), Connectome.from_adjacency(weights.astype(float)))
    assert found["roc_auc"] > 0.98
    assert found["pr_auc"] > 0.94
    assert found["sign_accuracy"] > 0.97

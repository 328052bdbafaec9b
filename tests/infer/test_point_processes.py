"""Poisson spikes and Hawkes processes: their known means and variances, and a simulation by branching."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.infer.point_processes import branching_ratio, simulate_hawkes, simulate_poisson


def hawkes(connectome, seed=1, **options):
    return simulate_hawkes(connectome, rng=np.random.default_rng(seed), **options)


def poisson(connectome, seed=1, **options):
    return simulate_poisson(connectome, rng=np.random.default_rng(seed), **options)


def weighted(matrix):
    return Connectome.from_adjacency(np.asarray(matrix, dtype=float))


def random_matrix(n, seed=0):
    rng = np.random.default_rng(seed)
    matrix = rng.random((n, n)) * (rng.random((n, n)) < 0.3)
    return 0.6 * matrix / np.abs(np.linalg.eigvals(matrix)).max()


def branched(matrix, base_hz, decay_ms, delay_ms, duration_ms, rng):
    """Counts of a Hawkes process drawn as a tree: every event begets Poisson numbers of others."""
    counts = np.zeros(len(matrix))
    rows = np.repeat(np.arange(len(matrix)), rng.poisson(base_hz * duration_ms / 1000, len(matrix)))
    times = rng.random(len(rows)) * duration_ms
    while len(rows):
        counts += np.bincount(rows, minlength=len(matrix))
        children = rng.poisson(matrix[rows])
        parent, child = np.nonzero(children)
        parent, child = (np.repeat(each, children[parent, child]) for each in (parent, child))
        times = times[parent] + delay_ms + rng.exponential(decay_ms, len(parent))
        rows, times = child[times < duration_ms], times[times < duration_ms]
    return counts


def test_poisson_counts_have_their_mean_as_variance_and_times_are_uniform():
    s = poisson(Connectome(50, [], []), duration_s=200, rate_hz=5)
    counts = s.counts(1000)
    assert counts.mean() == pytest.approx(5, rel=0.02)
    assert counts.var() == pytest.approx(5, rel=0.05)
    assert stats.kstest(s.times_ms / s.duration_ms, "uniform").pvalue > 0.001


def test_rates_can_be_a_property_of_the_nodes():
    nodes = pd.DataFrame({"rate": [0.0, 50.0]}, index=["a", "b"])
    rates = poisson(Connectome(nodes, [], []), duration_s=100, rate_hz="rate").rates_hz()
    assert rates["a"] == 0
    assert rates["b"] == pytest.approx(50, rel=0.06)


def test_without_edges_a_hawkes_process_is_a_poisson_process():
    s = hawkes(Connectome(20, [], [], properties={"weight": []}), duration_s=200, base_hz=5)
    counts = s.counts(1000)
    assert counts.mean() == pytest.approx(5, rel=0.03)
    assert counts.var() == pytest.approx(5, rel=0.08)


def test_the_mean_rates_are_those_of_the_linear_equation():
    matrix = random_matrix(12)
    expected = np.linalg.solve(np.eye(12) - matrix.T, np.full(12, 3.0))
    s = hawkes(weighted(matrix), duration_s=600, base_hz=3.0, branching=None)
    assert s.rates_hz().to_numpy() == pytest.approx(expected, rel=0.1)
    assert s.rates_hz().mean() == pytest.approx(expected.mean(), rel=0.03)


def test_numbers_of_events_agree_with_a_simulation_by_branching():
    matrix = random_matrix(4, seed=3)
    rng = np.random.default_rng(7)
    trees = np.array([branched(matrix, 5.0, 10.0, 2.0, 2000, rng).sum() for _ in range(400)])
    options = {"duration_s": 2.0, "base_hz": 5.0, "branching": None, "decay_ms": 10.0, "delay_ms": 2.0}
    thinned = np.array([len(hawkes(weighted(matrix), seed, **options)) for seed in range(400)])
    assert stats.ks_2samp(trees, thinned).pvalue > 0.001


def test_the_answer_to_a_spike_begins_at_the_delay_and_fades_with_the_decay():
    s = hawkes(weighted([[0, 0.9], [0, 0]]), duration_s=2000, base_hz=1.0, branching=None, decay_ms=5.0, delay_ms=4.0)
    zero, one = (s.times_ms[s.rows == row] for row in (0, 1))
    lags = np.concatenate([one[(one > time) & (one < time + 40)] - time for time in zero])
    early, late = (lags < 4).sum(), lags[lags >= 4] - 4
    assert early < 0.02 * len(lags)
    assert np.median(late) == pytest.approx(5 * np.log(2), rel=0.15)


def test_inhibition_lowers_a_rate():
    s = hawkes(weighted([[0, -0.8], [0, 0]]), duration_s=200, base_hz=20.0, branching=None)
    zero, one = s.rates_hz()
    assert zero == pytest.approx(20, rel=0.06)
    assert 4 < one < 14


def test_weights_are_scaled_to_the_branching_ratio_asked_for():
    pair = weighted([[0, 7.0], [7.0, 0]])
    rates = hawkes(pair, duration_s=400, base_hz=5.0, branching=0.75).rates_hz()
    assert rates.mean() == pytest.approx(20, rel=0.08)


@pytest.mark.parametrize("n", [30, 500])
def test_the_branching_ratio_is_the_spectral_radius_of_the_excitatory_weights(n):
    matrix = random_matrix(n)
    held = weighted(np.where(np.random.default_rng(1).random((n, n)) < 0.1, -1.0, matrix)).adjacency("weight")
    expected = np.abs(np.linalg.eigvals(np.maximum(held.toarray(), 0))).max()
    assert branching_ratio(held) == pytest.approx(expected, rel=1e-6)


def test_equal_seeds_give_equal_bits():
    pair = weighted([[0, 1.0], [1.0, 0]])
    assert hawkes(pair, duration_s=5) == hawkes(pair, duration_s=5)
    assert hawkes(pair, duration_s=5) != hawkes(pair, seed=2, duration_s=5)
    assert poisson(pair, duration_s=5) == poisson(pair, duration_s=5)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"branching": 1.0}, "branching"),
        ({"branching": None}, "branching ratio of 1.5"),
        ({"base_hz": -1.0}, "base_hz"),
        ({"base_hz": "rate"}, "node property"),
        ({"decay_ms": 0.0}, "decay_ms"),
        ({"delay_ms": -1.0}, "delay_ms"),
        ({"weight": "w"}, "edge property"),
        ({"duration_s": 0.0}, "duration_s"),
    ],
)
def test_what_makes_no_sense_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        hawkes(weighted([[0, 1.5], [1.5, 0]]), **{"duration_s": 1.0, **options})


def test_where_excitation_makes_no_cycle_there_is_nothing_to_scale():
    with pytest.raises(OptionError, match="no excitatory cycle"):
        hawkes(weighted([[0, 1.0], [0, 0]]), duration_s=1)


def test_no_nodes_have_no_spikes():
    assert len(hawkes(Connectome(0, [], [], properties={"weight": []}), duration_s=1)) == 0
    assert len(poisson(Connectome(0, [], []), duration_s=1)) == 0

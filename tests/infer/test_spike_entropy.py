"""Total spiking probability edges: against elephant's numbers, by hand, on a known network."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import ActivityError, OptionError
from conntap.infer.pairs import matrix_of
from conntap.infer.scoring import score
from conntap.infer.spike_entropy import tspe

# elephant 1.2.1, total_spiking_probability_edges of the trains below, [post, pre]
THEIRS = [
    [-19.825228419557, -5.001964759289, 6.435174028118, 12.096812097005],
    [4.45670946115, -23.252277389134, 3.052953710048, -2.986860737792],
    [-4.96252514651, 4.500095322222, -18.153594101041, 5.058678888579],
    [46.192538379326, 23.824625849358, 5.36587475371, 17.1700418794],
]
THEIR_DELAYS = [[6, 4, 3, 17], [2, 6, 10, 12], [18, 18, 5, 9], [4, 9, 7, 0]]
# the same with surrounding_window_sizes=[4], observed_window_sizes=[3], crossover_window_sizes=[1], max_delay=10
THEIR_ONE = [
    [-0.771219135802, -0.204217051025, 0.247661625361, -0.460609715605],
    [0.223454889165, -0.991771907216, -0.098112693158, 0.062070870859],
    [0.170080875248, -0.0692560187, -0.837869698478, -0.170557247802],
    [1.598290543219, -0.338347099974, 0.203687072914, -0.717282098121],
]


def trains():
    """Three trains by arithmetic, and one that follows the first after 4 ms and half of the second after 9 ms."""
    t = np.arange(2000)
    own = [np.flatnonzero((t * (37 + 8 * i) + (t // 7) * (11 + i)) % 101 < 3) for i in range(3)]
    last = np.unique(np.concatenate([own[0] + 4, own[1][::2] + 9]))
    own.append(last[last < 2000])
    rows = np.repeat(np.arange(4), [len(each) for each in own])
    return Spikes(rows, np.concatenate(own).astype(float), duration_ms=2000, ids=4)


def off_diagonal(values):
    return np.where(np.eye(len(values), dtype=bool), 0, values)


def test_scores_and_delays_are_those_of_elephant():
    found = tspe(trains(), score="signed")
    np.testing.assert_allclose(matrix_of(found, "score", "t"), off_diagonal(np.transpose(THEIRS)), rtol=1e-10)
    np.testing.assert_array_equal(matrix_of(found, "delay_ms", "t"), off_diagonal(np.transpose(THEIR_DELAYS)))


def test_other_windows_give_elephants_values_too():
    found = tspe(trains(), surrounding=[4], observed=[3], crossover=[1], delays=10, score="signed")
    np.testing.assert_allclose(matrix_of(found, "score", "t"), off_diagonal(np.transpose(THEIR_ONE)), rtol=1e-9)


def test_the_score_is_the_size_and_the_sign_stands_beside_it():
    edges, signed = tspe(trains()).edges, tspe(trains(), score="signed").edges
    assert (edges["score"] * edges["sign"]).tolist() == signed["score"].tolist()


def test_one_filter_by_hand():
    """Ten spikes at 100, 200 ...; the other fires 2 ms later. Five of a hundred bins around one count say it all."""
    times = np.arange(50.0, 1000.0, 100.0)
    spikes = Spikes(np.repeat([0, 1], 10), np.concatenate([times, times + 2]), duration_ms=1000)
    found = tspe(spikes, surrounding=[2], observed=[1], delays=5, score="signed")
    deviation_squared = (10 - 100 / 1000) / 999
    assert matrix_of(found, "score", "t")[0, 1] == pytest.approx(2 * 10 / deviation_squared / 1000)
    assert matrix_of(found, "delay_ms", "t")[0, 1] == 2.0


@settings(deadline=None, max_examples=15)
@given(st.permutations(range(4)), st.integers(1, 3))
def test_order_of_neurons_and_threads_change_no_value(order, threads):
    spikes = trains()
    straight = matrix_of(tspe(spikes), "score", "t")
    turned = matrix_of(tspe(spikes.of(list(order)), threads=threads), "score", "t")
    np.testing.assert_allclose(turned, straight[np.ix_(order, order)], rtol=1e-12)


def test_silent_neurons_score_nothing():
    found = tspe(Spikes([0, 1], [1.0, 2.0], duration_ms=100, ids=3))
    table = found.edges
    assert np.isfinite(table["score"]).all()
    assert not table["score"][(table["pre"] == 2) | (table["post"] == 2)].any()


def test_no_and_one_neuron_give_no_pairs():
    assert tspe(Spikes([], [], duration_ms=10, ids=[])).n_edges == 0
    assert tspe(Spikes([0], [1.0], duration_ms=10)).n_edges == 0


def test_what_makes_no_sense_is_refused():
    with pytest.raises(OptionError, match=r"tspe\.observed: 6 bins, but only 3 delays"):
        tspe(trains(), delays=3)
    with pytest.raises(OptionError, match=r"tspe\.surrounding: \[\]; give a list of whole numbers from 1 on"):
        tspe(trains(), surrounding=[])
    with pytest.raises(OptionError, match="tspe: Traces; give Spikes"):
        tspe(Traces([[1.0], [2.0], [3.0]], dt_ms=1))
    with pytest.raises(ActivityError, match="the recording has no duration"):
        tspe(Spikes([0], [0.0]))


def test_a_network_of_spiking_neurons_is_recovered(shared_data):
    with np.load(shared_data / "recordings" / "lif150.npz") as held:
        weights = held["weight_pre_post"]
        spikes = Spikes(held["neuron"], held["time_ms"].astype(float), duration_ms=1_200_000, ids=150)
    found = score(tspe(spikes), Connectome.from_adjacency(weights.astype(float)))
    assert found["roc_auc"] > 0.95
    assert found["pr_auc"] > 0.75
    assert found["sign_accuracy"] > 0.95

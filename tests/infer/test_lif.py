"""Integrate-and-fire networks: cases computed by hand, and the rates of a recording made by another simulator."""

import numpy as np
import pytest

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.infer.lif import Cell, Depression, Drive, edge_delays, simulate_lif
from conntap.study.steps import find_step

NOTHING = Drive(rate_hz=0.0)


def lif(connectome, seed=1, **options):
    return simulate_lif(connectome, rng=np.random.default_rng(seed), **options)


def driven_pair(weight, delay_ms=3.0):
    """Node 0 fires by itself (a loop that keeps it going), node 1 only through the edge from 0."""
    return Connectome(2, [0, 0], [0, 1], properties={"weight": [50.0, weight], "delay_ms": [10.0, delay_ms]})


def started(connectome, **options):
    """Spikes of a network in which each background spike fires its neuron."""
    return lif(connectome, drive=Drive(rate_hz=2.0, weight_mv=25.0), **options)


def test_a_strong_connection_fires_its_target_exactly_one_delay_later():
    c = Connectome(2, [0], [1], properties={"weight": [50.0], "delay_ms": [3.0]})
    s = started(c, duration_s=20)
    zero, one = (set(s.times_ms[s.rows == row]) for row in (0, 1))
    expected = {time + 3 for time in zero if time + 3 < 20_000}
    assert len(zero) > 20
    assert expected <= one | {time + each for time in one for each in (1, 2)}


def test_a_self_loop_fires_its_node_with_the_period_of_its_delay():
    s = started(driven_pair(0.0), duration_s=20)
    steps = np.diff(s.times_ms[s.rows == 0])
    assert (steps[:5] == 10).all()  # until the background fires it again
    assert (s.times_ms[s.rows == 0] % 1 == 0).all()


def test_an_input_below_threshold_fires_nothing_and_one_above_does():
    quiet, loud = (lif(Connectome(1, [], [], properties={"weight": []}), duration_s=50, drive=Drive(1.0, weight))
                   for weight in (8.0, 21.0))  # fmt: skip
    assert len(quiet) == 0
    assert 20 < len(loud) < 80


def test_two_inputs_together_fire_where_each_alone_does_not():
    pair = Connectome(3, [0, 1], [2, 2], properties={"weight": [15.0, 15.0], "delay_ms": [1.0, 1.0]})
    s = started(pair, duration_s=5, cell=Cell(tau_ms=1e9))
    assert (s.rows == 2).sum() > 0


def test_nothing_fires_within_the_refractory_time():
    c = Connectome(1, [], [], properties={"weight": []})
    for refractory in (0.0, 3.0, 7.5):
        s = lif(c, duration_s=5, dt_ms=0.5, drive=Drive(2000.0, 25.0), cell=Cell(refractory_ms=refractory))
        assert np.diff(s.times_ms).min() == refractory + 0.5


def test_background_spikes_that_fire_at_once_make_a_poisson_train():
    s = lif(Connectome(20, [], [], properties={"weight": []}), duration_s=200, drive=Drive(10.0, 25.0),
            cell=Cell(refractory_ms=0.0))  # fmt: skip
    counts = s.counts(1000)
    assert s.rates_hz().mean() == pytest.approx(10 * (1 - 0.005), rel=0.02)  # two in one step fire once
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.06)
    assert np.abs(np.corrcoef(counts.T)[np.triu_indices(20, 1)]).mean() < 0.12


def test_the_mean_potential_under_drive_decides_a_rate_known_in_closed_form():
    """A drive so frequent and weak that it is a constant current: the period is tau * log(mu / (mu - threshold))."""
    drive = Drive(rate_hz=1e6, weight_mv=0.0015)  # mu = rate * weight * tau = 30 mV
    s = lif(Connectome(5, [], [], properties={"weight": []}), duration_s=20, dt_ms=0.1, drive=drive)
    period = 20 * np.log(30 / (30 - 20)) + 2
    assert s.rates_hz().mean() == pytest.approx(1000 / period, rel=0.01)


def test_a_synaptic_current_brings_the_charge_of_a_jump():
    peaks = []
    for synapse in (0.0, 0.01):
        c = driven_pair(19.9)
        peaks.append(len(started(c, duration_s=20, cell=Cell(synapse_ms=synapse, tau_ms=1e6))))
    assert peaks[0] == pytest.approx(peaks[1], rel=0.1)


def test_depression_weakens_a_synapse_that_is_used_again_soon():
    strong = started(driven_pair(21.0), duration_s=20, cell=Cell(tau_ms=5.0))
    loop = Connectome(2, [0, 0], [0, 1], properties={"weight": [500.0, 21.0], "delay_ms": [10.0, 3.0]})
    weak = started(loop, duration_s=20, cell=Cell(tau_ms=5.0), depression=Depression(use=0.5, recovery_ms=500.0))
    assert (weak.rows == 1).sum() < 0.3 * (strong.rows == 1).sum()


def test_equal_seeds_give_equal_bits_and_others_do_not():
    rng = np.random.default_rng(5)
    c = Connectome.from_adjacency((rng.random((30, 30)) < 0.2) * 2.0)
    assert lif(c, duration_s=2) == lif(c, duration_s=2)
    assert lif(c, duration_s=2) != lif(c, seed=2, duration_s=2)


def test_a_small_buffer_changes_nothing(monkeypatch):
    c = Connectome.from_adjacency((np.random.default_rng(5).random((30, 30)) < 0.2) * 2.0)
    whole = lif(c, duration_s=2)
    monkeypatch.setattr("conntap.infer.lif._SPIKES_A_PIECE", 31)
    assert lif(c, duration_s=2) == whole


def test_delays_come_from_the_option_or_the_property():
    rng = np.random.default_rng(1)
    c = driven_pair(1.0, delay_ms=4.0)
    assert edge_delays(c, None, 0.5, "here", rng).tolist() == [20, 8]
    assert edge_delays(c, 1.5, 0.5, "here", rng).tolist() == [3, 3]
    many = Connectome(2, [0] * 300, [1] * 300)
    assert set(edge_delays(many, (1.0, 3.0), 1.0, "here", rng)) == {1, 2, 3}
    assert set(edge_delays(many, 0.0, 1.0, "here", rng)) == {1}


def test_nodes_go_with_the_spikes_and_the_connectome_is_untouched():
    c = driven_pair(1.0)
    before = c.edges.copy()
    assert lif(c, duration_s=0.1).nodes.equals(c.nodes)
    assert c.edges.equals(before)


@pytest.mark.parametrize("n", [0, 1])
def test_none_and_one_node_are_simulated(n):
    s = lif(Connectome(n, [], [], properties={"weight": []}), duration_s=0.1)
    assert s.n_nodes == n


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"duration_s": 0.0}, "duration_s"),
        ({"dt_ms": -1.0}, "dt_ms"),
        ({"weight": "wight"}, "Did you mean 'weight'"),
        ({"delay_ms": (3.0, 1.0)}, "delay_ms"),
        ({"cell": Cell(tau_ms=0.0)}, "cell.tau_ms"),
        ({"cell": Cell(reset_mv=30.0)}, "threshold_mv"),
        ({"drive": Drive(rate_hz=float("nan"))}, "drive.rate_hz"),
        ({"depression": Depression(use=1.0)}, "depression.use"),
    ],
)
def test_what_makes_no_sense_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        lif(driven_pair(1.0), **{"duration_s": 1.0, **options})


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(OptionError, match="finite"):
        lif(driven_pair(np.nan), duration_s=1)


def test_a_rectangular_connectome_is_refused():
    with pytest.raises(OptionError, match="rectangular"):
        lif(Connectome(2, [0], [1], post_nodes=3, properties={"weight": [1.0]}), duration_s=1)


def test_a_document_can_give_cell_drive_and_depression():
    options = find_step("infer.simulate_lif").options
    assert options["cell"].check({"tau_ms": 10}, "here") == Cell(tau_ms=10.0)
    assert options["drive"].check({"rate_hz": 5.0, "weight_mv": 1}, "here") == Drive(5.0, 1.0)
    assert options["delay_ms"].check([1, 3], "here") == (1.0, 3.0)


def test_rates_of_a_recorded_network_come_back_on_its_own_connectome(shared_data):
    """150 neurons, 20 minutes, made by another simulator with its own background drive."""
    held = np.load(shared_data / "recordings" / "lif150.npz")
    there = np.bincount(held["neuron"], minlength=150) * 1000 / float(held["duration_ms"])
    excitatory = held["excitatory"]
    here = lif(Connectome.from_adjacency(held["weight_pre_post"]), duration_s=300).rates_hz().to_numpy()
    for kind in (excitatory, ~excitatory):
        assert here[kind].mean() == pytest.approx(there[kind].mean(), rel=0.03)
    assert np.corrcoef(here, there)[0, 1] > 0.98
    assert here.std() == pytest.approx(there.std(), rel=0.1)

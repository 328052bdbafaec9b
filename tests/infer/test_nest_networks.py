"""Networks simulated by NEST: what is asked of it, told to a stand-in, and what becomes of its spikes."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from conntap.circuits.connectome import Connectome
from conntap.errors import MissingExtra, OptionError
from conntap.infer import simulate_nest
from conntap.infer.lif import Cell, Depression, Drive

PAIR = Connectome(["a", "b"], [0, 0], [1, 0], properties={"weight": [3.0, -2.0], "delay_ms": [1.5, 0.0]})


class Neurons(list):
    """The numbers NEST gives its neurons, from 5 on here."""

    def tolist(self):
        return list(self)


class Nest:
    """Notes what it is asked, and lets the second neuron fire."""

    VerbosityLevel = SimpleNamespace(ERROR="error")

    def __init__(self):
        self.kernel, self.created, self.connected, self.simulated, self.neurons = {}, [], [], None, None

    def ResetKernel(self):
        self.kernel = {}

    def SetKernelStatus(self, told):
        self.kernel |= told

    def Create(self, model, n=1, params=None):
        self.created.append((model, n, params))
        if model == "spike_recorder":
            return SimpleNamespace(get=lambda name: {"senders": [6, 6], "times": [0.30000000001, 12.0]})
        if model.startswith("iaf"):
            self.neurons = Neurons(range(5, 5 + n))
        return self.neurons if model.startswith("iaf") else model

    def Connect(self, pre, post, rule="all_to_all", syn_spec=None):
        self.connected.append((pre, post, rule, syn_spec))

    def Simulate(self, ms):
        self.simulated = ms

    def model(self, name):
        return next(params for model, _, params in self.created if model == name)

    def synapses(self):
        return next(each for each in self.connected if each[2] == "one_to_one")


@pytest.fixture
def nest(monkeypatch):
    nest = Nest()
    monkeypatch.setitem(sys.modules, "nest", nest)
    return nest


def simulated(connectome=PAIR, seed=1, **options):
    return simulate_nest(connectome, duration_s=0.1, rng=np.random.default_rng(seed), **options)


def test_nest_is_told_the_network_in_its_own_units(nest):
    simulated(drive=Drive(50.0, 4.0), cell=Cell(tau_ms=10.0, refractory_ms=1.0))
    assert nest.kernel["resolution"] == 0.1
    told = nest.model("iaf_psc_delta")
    assert (told["tau_m"], told["V_th"], told["V_reset"], told["t_ref"], told["E_L"]) == (10.0, 20.0, 0.0, 1.0, 0.0)
    pre, post, _, synapse = nest.synapses()
    assert (pre.tolist(), post.tolist()) == ([5, 5], [6, 5])
    assert (synapse["weight"].tolist(), synapse["synapse_model"]) == ([3.0, -2.0], "static_synapse")
    assert np.allclose(synapse["delay"], [1.5, 0.1])
    assert nest.model("poisson_generator") == {"rate": 50.0}
    assert nest.connected[1][3] == {"weight": 4.0, "delay": 0.1}
    assert nest.simulated == 100.0


def test_its_spikes_are_those_of_the_nodes_on_the_grid(nest):
    spikes = simulated()
    assert (spikes.node_ids.tolist(), spikes.ids.tolist()) == (["b", "b"], ["a", "b"])
    assert spikes.times_ms.tolist() == [pytest.approx(0.3), 12.0]
    assert (spikes.start_ms, spikes.duration_ms) == (0.0, 100.0)


def test_a_current_carries_the_charge_that_moves_the_potential_as_a_jump_would(nest):
    simulated(cell=Cell(synapse_ms=5.0))
    told, weight = nest.model("iaf_psc_exp"), nest.synapses()[3]["weight"]
    assert told["tau_syn_ex"] == told["tau_syn_in"] == 5.0
    assert np.allclose(weight * 5.0 / told["C_m"], [3.0, -2.0])


def test_a_rested_synapse_that_depresses_delivers_its_whole_weight(nest):
    simulated(depression=Depression(use=0.25, recovery_ms=300.0))
    synapse = nest.synapses()[3]
    assert np.allclose(synapse["weight"] * synapse["U"] * synapse["x"], [3.0, -2.0])
    assert (synapse["synapse_model"], synapse["tau_rec"], synapse["tau_fac"]) == ("tsodyks2_synapse", 300.0, 0.0)


def test_equal_states_of_randomness_give_nest_equal_seeds_and_potentials(nest):
    found = []
    for seed in (1, 1, 2):
        simulated(seed=seed)
        found.append((nest.kernel["rng_seed"], nest.neurons.V_m))
    assert found[0] == found[1] != found[2]
    assert all(0 <= each < 20 for each in found[0][1])


def test_nothing_is_connected_where_there_is_nothing(nest):
    simulated(Connectome(3, [], [], properties={"weight": []}), drive=Drive(rate_hz=0.0))
    assert [each[3] for each in nest.connected] == [{"delay": 0.1}]
    assert simulated(Connectome(0, [], [], properties={"weight": []})).n_nodes == 0


def test_what_nest_cannot_do_is_told_before_it_is_asked(nest):
    with pytest.raises(OptionError, match=r"simulate_nest.dt_ms: 0.00015; NEST counts in us"):
        simulated(dt_ms=0.00015)
    with pytest.raises(OptionError, match=r"simulate_nest.drive.rate_hz"):
        simulated(drive=Drive(rate_hz=-1.0))
    with pytest.raises(OptionError, match="edge property 'strength'"):
        simulated(weight="strength")
    assert nest.created == []


def test_without_nest_it_is_told_how_to_come_by_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "nest", None)
    with pytest.raises(MissingExtra, match=r"simulate_nest needs NEST, which is not installed.*nest-simulator"):
        simulated()

"""Recurrent networks of a connectome beside dense ones, forward and back, by every way of computing them."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from conntap import Connectome
from conntap.errors import OptionError
from conntap.train.dynamics import NONLINEARITIES, Dynamics
from conntap.train.networks import ConnectomeRNN
from conntap.train.perturbations import Perturbation
from conntap.train.projections import Projection
from conntap.train.weights import Weights

WAYS = {"unrolled": "compiled", "plain": "plain"}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def asymmetric(n=14, n_edges=50, seed=5):
    rng = np.random.default_rng(seed)
    nodes = pd.DataFrame({"type": rng.choice(["A", "B", "C"], n)}, index=[f"n{k}" for k in range(n)])
    nodes["ei"] = np.where(nodes["type"] == "C", "i", "e")
    pre, post = rng.integers(0, n, n_edges), rng.integers(0, n, n_edges)
    sign = np.where(nodes["ei"] == "i", -1.0, 1.0)[pre]
    return Connectome(nodes, pre, post, properties={"weight": sign * rng.random(n_edges)})


def made(path="auto", dynamics=None, **options):
    options = {"inputs": 3, "outputs": 2, "weights": Weights(sign="ei"), **options}
    network = ConnectomeRNN(
        asymmetric(),
        dynamics=dynamics or Dynamics(dt_ms=2.0, tau_ms=5.0, tau_trained="neuron", bias=0.1),
        computing={"path": path, "dtype": "float64"},
        rng=np.random.default_rng(2),
        **options,
    )
    return network


def columns(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense(network, x, start=None):
    """The same network as a textbook writes it, with a dense matrix [pre, post]: states after each step."""
    pattern, neurons = network.pattern, network.neurons
    matrix = torch.zeros(pattern.n_pre, pattern.n_post, dtype=torch.float64)
    matrix = matrix.index_put((pattern.indices.long(), pattern.post), network.weights())
    h = torch.zeros(len(x), pattern.n_post, dtype=torch.float64) if start is None else start
    found = []
    phi = NONLINEARITIES[neurons.options.phi]
    for step in range(x.shape[1]):
        drive = network.inputs(x[:, step])
        if neurons.options.nonlinearity_at == "post":
            h = h + neurons.alpha() * (phi(h @ matrix + drive + neurons.biases()) - h)
        else:
            h = h + neurons.alpha() * (phi(h) @ matrix + drive + neurons.biases() - h)
        found.append(h)
    return torch.stack(found, 1)


def grads(network):
    return {name: each.grad.clone() for name, each in network.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("at", ["post", "pre"])
@pytest.mark.parametrize("phi", NONLINEARITIES)
@pytest.mark.parametrize("path", ["compiled", "plain"])
def test_states_outputs_and_gradients_are_those_of_the_dense_network(path, phi, at):
    dynamics = Dynamics(dt_ms=2.0, tau_ms=5.0, tau_trained="neuron", phi=phi, nonlinearity_at=at, bias=0.1)
    network = made(path, dynamics)
    x, start = columns(5, 6, 3).requires_grad_(), columns(5, 14, seed=1).requires_grad_()
    outputs, states = network(x, start=start, record="all")
    loss = (outputs**2).sum() + (states**3).sum() + states[:, -1].sum()
    loss.backward()
    found = grads(network) | {"x": x.grad.clone(), "start": start.grad.clone()}
    network.zero_grad(), x.grad.zero_(), start.grad.zero_()
    want_states = dense(network, x, start)
    want = network.outputs(want_states) + network.output_bias
    torch.testing.assert_close(states, want_states, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(outputs, want, rtol=1e-11, atol=1e-12)
    ((want**2).sum() + (want_states**3).sum() + want_states[:, -1].sum()).backward()
    wanted = grads(network) | {"x": x.grad, "start": start.grad}
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-9, atol=1e-10, msg=name)


def test_what_a_neuron_sends_arrives_at_its_post_neurons_a_step_later():
    connectome = Connectome(3, [0, 1], [1, 2], properties={"weight": [2.0, 5.0]})
    for path in ("compiled", "plain"):
        network = ConnectomeRNN(
            connectome,
            inputs=None,
            outputs=None,
            dynamics=Dynamics(tau_ms=1.0),
            nodes={"inputs": [0]},
            computing={"path": path},
            rng=np.random.default_rng(0),
        )
        x = torch.tensor([[[1.0], [0.0], [0.0]]])
        assert network(x).tolist() == [[[1, 0, 0], [0, 2, 0], [0, 0, 10]]]


@pytest.mark.parametrize("options", [{}, {"nodes": {"inputs": {"type": "A"}, "outputs": {"type": ["B", "C"]}}}])
def test_gradients_agree_with_finite_differences(options):
    for at in ("post", "pre"):
        dynamics = Dynamics(
            dt_ms=2.0,
            tau_ms={"A": 5.0, "B": 3.0, "C": 9.0},
            tau_trained="type",
            phi="tanh",
            nonlinearity_at=at,
            bias_trained="type",
        )
        network = made(dynamics=dynamics, **options)
        names = [name for name, _ in network.named_parameters()]

        def run(x, *parameters, network=network, names=names):
            return torch.func.functional_call(network, dict(zip(names, parameters, strict=True)), (x,))

        parameters = [each.detach().clone().requires_grad_() for each in network.parameters()]
        assert torch.autograd.gradcheck(run, (columns(2, 3, 3).requires_grad_(), *parameters))


@pytest.mark.parametrize("at", ["post", "pre"])
@pytest.mark.parametrize("inputs", ["dense", "one_to_one", "sparse", "none"])
def test_all_ways_agree_for_every_projection(inputs, at):
    rng = np.random.default_rng(3)
    into = [9, 2, 4]
    if inputs == "none":
        options = {"inputs": None, "nodes": {"inputs": ["n9", "n2", "n4"]}}
    else:
        options = {"inputs": Projection(3, 14, kind=inputs, into=into, sources=2, dtype=torch.float64, rng=rng)}
    phi = {"A": "relu", "B": "tanh", "C": "softplus"}
    found = []
    for path in ("compiled", "plain"):
        network = made(path, Dynamics(phi=phi, nonlinearity_at=at, tau_trained="one"), **options)
        network.zero_grad()
        (network(columns(4, 5, 3)) ** 2).sum().backward()
        found.append(
            {name: each.clone() for name, each in grads(network).items()} | {"y": network(columns(4, 5, 3)).detach()}
        )
        found[-1]["constant"] = network(columns(4, 3), n_steps=4).detach()
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], rtol=1e-9, atol=1e-12)


def test_a_constant_input_is_the_same_at_each_step():
    network = made()
    x = columns(4, 3).requires_grad_()
    constant = network(x, n_steps=7)
    (constant**2).sum().backward()
    own = x.grad.clone()
    x.grad = None
    repeated = network(x[:, None].expand(4, 7, 3))
    (repeated**2).sum().backward()
    torch.testing.assert_close(constant, repeated)
    torch.testing.assert_close(own, x.grad)


def test_steps_go_on_from_a_state():
    network, x = made(), columns(4, 6, 3)
    outputs, states = network(x, record="all")
    torch.testing.assert_close(network(x[:, 3:], start=states[:, 2]), outputs[:, 3:])


def test_threads_and_batches_change_no_bit():
    x = columns(20, 6, 3).float()
    found = []
    for threads in (1, 2, 5):
        network = ConnectomeRNN(
            asymmetric(200, 3000), inputs=3, outputs=2, computing={"threads": threads}, rng=np.random.default_rng(1)
        )
        y = network(x)
        (y**2).sum().backward()
        found.append([y.detach(), *grads(network).values()])
    for each in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], each, strict=True))


def test_a_batch_done_by_parts_gives_the_same(monkeypatch):
    network, x, start = made(), columns(70, 6, 3), columns(70, 14, seed=3)
    found = []
    for most in (2**23, 0):
        monkeypatch.setattr("conntap.train.unrolled._CACHED", most)
        network.zero_grad()
        y = network(x, start=start)
        (y**2).sum().backward()
        found.append({"y": y.detach(), **grads(network)})
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], rtol=1e-11, atol=1e-12)


def test_without_a_gradient_the_values_are_the_same():
    for seen in (None, {"outputs": {"type": "A"}}):
        for at in ("post", "pre"):
            network = made(dynamics=Dynamics(nonlinearity_at=at, phi="sigmoid"), nodes=seen)
            with torch.no_grad():
                quiet = network(columns(4, 6, 3))
            assert torch.equal(quiet, network(columns(4, 6, 3)).detach())


def test_a_second_backward_through_a_kept_graph_gives_the_same():
    network, x = made(), columns(4, 6, 3)
    loss = (network(x) ** 2).sum()
    loss.backward(retain_graph=True)
    once = grads(network)
    network.zero_grad()
    loss.backward()
    assert all(torch.equal(once[name], each) for name, each in grads(network).items())


def test_what_is_recorded_is_of_types_or_of_chosen_neurons():
    network, x = made(), columns(4, 6, 3)
    outputs, states = network(x, record="all")
    again, means = network(x, record="types")
    _, some = network(x, record=["n3", "n1"])
    types = asymmetric().nodes["type"].to_numpy()
    torch.testing.assert_close(again, network(x))
    torch.testing.assert_close(outputs, again)
    torch.testing.assert_close(means[..., 1], states[..., torch.tensor(types == "B")].mean(-1))
    torch.testing.assert_close(some, states[..., [3, 1]])


def test_perturbed_neurons_are_held_silenced_or_driven():
    network, x = made(), columns(4, 6, 3)
    _, free = network(x, record="all")
    _, held = network(x, record="all", perturb=[Perturbation("clamp", ["n3"], 0.7, start=2, stop=4)])
    assert (held[:, 2:4, 3] == 0.7).all()
    torch.testing.assert_close(held[:, :2], free[:, :2])
    _, pushed = network(x, record="all", perturb=[{"kind": "add", "nodes": {"type": "A"}, "value": 1e-3, "start": 5}])
    is_a = torch.tensor((asymmetric().nodes["type"] == "A").to_numpy())
    assert (pushed[:, 5, is_a] >= free[:, 5, is_a]).all()
    torch.testing.assert_close(pushed[:, :, ~is_a], free[:, :, ~is_a])
    _, called = network(x, record="all", perturb=[lambda step, h: h * 0 if step == 5 else h])
    assert not called[:, 5].any()


def test_a_silenced_neuron_is_as_one_without_connections():
    connectome, x = asymmetric(), columns(4, 6, 3)
    network = made()
    _, silent = network(x, record="all", perturb=[Perturbation("silence", ["n3"])])
    cut = ConnectomeRNN(
        connectome.filter(connectome.pre != 3),
        inputs=3,
        outputs=2,
        weights=Weights(sign="ei"),
        dynamics=network.neurons.options,
        computing={"dtype": "float64"},
        rng=np.random.default_rng(2),
    )
    torch.testing.assert_close(silent, cut(x, record="all")[1])


def test_perturbing_nothing_changes_nothing():
    network, x = made(), columns(4, 6, 3)
    torch.testing.assert_close(network(x, perturb=[Perturbation("add", None, 0.0)]), network(x))


def test_a_function_may_be_the_nonlinearity():
    x = columns(4, 6, 3)
    own = made(dynamics=Dynamics(phi=lambda z: torch.tanh(z)))
    torch.testing.assert_close(own(x), made(dynamics=Dynamics(phi="tanh"))(x))


def test_a_steady_state_stays():
    network = made(dynamics=Dynamics(tau_ms=3.0, phi="tanh"), weights=Weights(scale=0.3))
    x = columns(4, 3)
    state = network.steady_state(x, tolerance=1e-10)
    _, states = network(x, n_steps=5, start=state, record="all")
    torch.testing.assert_close(states[:, -1], state, rtol=0, atol=1e-8)
    assert not state.requires_grad
    with pytest.raises(OptionError, match="after 2 steps states still move"):
        network.steady_state(x, n_steps=2, tolerance=1e-10)


def test_signs_bounds_and_finite_numbers_outlive_training():
    network = made(dynamics=Dynamics(tau_ms=2.0, tau_trained="type"))
    before = network.weights().detach().sign()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.5)
    for step in range(20):
        optimiser.zero_grad()
        (network(columns(4, 6, 3, seed=step)) - 1).square().mean().backward()
        optimiser.step()
        assert (network.weights() * before >= 0).all()
        assert (network.neurons.tau_ms > 1.0 - 1e-9).all()
    assert all(torch.isfinite(each).all() for each in network.parameters())


def test_a_network_is_saved_and_loaded_by_its_parameters():
    network, other = made(), made()
    for each in network.parameters():
        each.data += 0.1
    other.load_state_dict(network.state_dict())
    assert torch.equal(network(columns(2, 3, 3)), other(columns(2, 3, 3)))
    assert {name for name, _ in network.named_parameters()} == set(network.state_dict())


def test_options_of_a_document_make_a_network():
    torch.manual_seed(3)
    network = ConnectomeRNN.from_options(
        asymmetric(),
        3,
        2,
        weights={"kind": "groups", "sign": "ei", "by": ["pre.type", "post.type"]},
        dynamics={"phi": {"A": "relu", "B": "tanh", "C": "identity"}, "tau_ms": 4.0},
        nodes={"inputs": 'type == "A"'},
    )
    assert network(torch.ones(2, 4, 3)).shape == (2, 4, 2)
    torch.manual_seed(3)
    again = ConnectomeRNN.from_options(asymmetric(), 3, 2, nodes={"inputs": 'type == "A"'})
    assert torch.equal(network.inputs.weight, again.inputs.weight)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"weight": {}}, "Did you mean 'weights'"),
        ({"dynamics": {"tau": 3}}, "Did you mean 'tau_ms'"),
        ({"dynamics": {"tau_ms": 0.5}}, "tau_ms: 0.5; give times from dt_ms, 1, on"),
        ({"dynamics": {"phi": "rleu"}}, "Did you mean 'relu'"),
        ({"dynamics": {"tau_ms": {"A": 3.0}}}, "nothing for types B, C"),
        ({"dynamics": {"bias_trained": "all"}}, "Dynamics.bias_trained: unknown value 'all'"),
        ({"nodes": {"input": None}}, "Did you mean 'inputs'"),
        ({"inputs": "one_to_one"}, "3 inputs one to one for 14 neurons"),
        ({"computing": {"dtype": "half"}}, "known: float32, float64"),
    ],
)
def test_what_makes_no_sense_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        ConnectomeRNN.from_options(asymmetric(), 3, 2, **options)


def test_input_that_does_not_fit_is_told():
    network = made()
    with pytest.raises(OptionError, match=r"give \(batch, steps, 3\)"):
        network(columns(4, 6, 5))
    with pytest.raises(OptionError, match="n_steps: None"):
        network(columns(4, 3))
    with pytest.raises(OptionError, match="one step at least"):
        network(columns(4, 0, 3))
    with pytest.raises(OptionError, match=r"it must be \(4, 14\)"):
        network(columns(4, 6, 3), start=columns(4, 3))
    with pytest.raises(OptionError, match="a projection for 9 neurons"):
        made(inputs=Projection(3, 9, rng=np.random.default_rng(0)))
    with pytest.raises(OptionError, match="rectangular"):
        ConnectomeRNN(Connectome(2, [0], [2], post_nodes=3), inputs=1, outputs=1, rng=np.random.default_rng(0))


def test_an_empty_batch_gives_an_empty_output():
    assert made()(columns(0, 6, 3)).shape == (0, 6, 2)


def test_a_network_is_copied_and_one_without_parametrizations_pickled():
    dynamics, x = Dynamics(phi={"A": "softplus", "B": "identity", "C": "tanh"}), columns(2, 3, 3)
    network, free = made(dynamics=dynamics), made(dynamics=dynamics, weights=Weights())
    assert torch.equal(network(x), copy.deepcopy(network)(x))
    assert torch.equal(free(x), pickle.loads(pickle.dumps(free))(x))


@pytest.mark.parametrize("path", ["compiled", "plain"])
def test_no_neurons_or_no_connections_make_a_network_too(path):
    for n in (0, 1, 3):
        connectome = Connectome(n, [], [], properties={"weight": []})
        network = ConnectomeRNN(connectome, inputs=2, outputs=1, computing={"path": path}, rng=np.random.default_rng(0))
        y = network(torch.ones(2, 4, 2))
        y.sum().backward()
        assert y.shape == (2, 4, 1)
        assert torch.isfinite(y).all()


def test_what_is_no_number_stays_so():
    for path in ("compiled", "plain"):
        for at in ("post", "pre"):
            network = made(path, Dynamics(nonlinearity_at=at))
            x = columns(2, 3, 3)
            x[0, 1, 0] = float("nan")
            outputs, states = network(x, record="all")
            assert torch.isnan(states[0, 1]).all()
            assert torch.isfinite(outputs[1]).all()


@pytest.mark.parametrize(
    ("perturbation", "told"),
    [
        ({"value": 1.0}, "Perturbation.kind: none given"),
        ({"kind": "zap"}, "Perturbation.kind: unknown value 'zap'"),
        ({"kind": "add", "value": "a"}, "Perturbation.value: 'a'; give a finite number"),
        ({"kind": "clamp", "value": float("nan")}, "Perturbation.value: nan"),
        ({"kind": "add", "start": -3}, "Perturbation.start: -3"),
        ({"kind": "add", "start": 3, "stop": 2}, "Perturbation.stop: 2; give a whole number from 3"),
    ],
)
def test_perturbations_that_cannot_be_are_told(perturbation, told):
    with pytest.raises(OptionError, match=told):
        made()(columns(2, 4, 3), perturb=[perturbation])


def test_a_steady_state_is_one_of_what_lasts():
    network = made(weights=Weights(scale=0.05))
    lasting = {"kind": "add", "nodes": ["n3"], "value": 2.0}
    state = network.steady_state(columns(2, 3), perturb=[lasting], tolerance=1e-9)
    _, after = network(columns(2, 3), n_steps=3, start=state, record="all", perturb=[lasting])
    torch.testing.assert_close(after[:, -1], state, atol=1e-6, rtol=0)
    with pytest.raises(OptionError, match=r"steady_state.perturb: a start or a stop"):
        network.steady_state(columns(2, 3), perturb=[{**lasting, "stop": 5}])


def test_arrays_and_numbers_of_numpy_do():
    network = made(inputs=np.int64(3), outputs=np.int64(2))
    x = columns(2, 4, 3)
    assert torch.equal(network(x.numpy()), network(x))

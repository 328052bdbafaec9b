import numpy as np
import pandas as pd
import pytest
import torch
from scipy.integrate import solve_ivp

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.train.dynamics import Dynamics
from conntap.train.networks import ConnectomeRNN
from conntap.train.odes import ConnectomeODE
from conntap.train.solving import Solver
from conntap.train.weights import Weights

torch.set_num_threads(1)
N, BATCH, STEPS = 6, 2, 3


def connectome(seed=0):
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero(rng.random((N, N)) < 0.5)
    nodes = pd.DataFrame({"type": ["a", "b"] * (N // 2)}, index=np.arange(10, 10 + N))
    return Connectome(nodes, pre, post, properties={"weight": rng.normal(size=len(pre))})


def network(*, at="post", dtype="float64", outputs=None, seed=0):
    dynamics = Dynamics(
        dt_ms=2.0,
        tau_ms={"a": 5.0, "b": 9.0},
        tau_trained="type",
        phi={"a": "tanh", "b": "softplus"},
        nonlinearity_at=at,
        bias=0.2,
    )
    rng = np.random.default_rng(seed)
    return ConnectomeRNN(
        connectome(),
        inputs=2,
        outputs=outputs,
        weights=Weights(),
        dynamics=dynamics,
        computing={"dtype": dtype},
        rng=rng,
    )


def given(seed=1):
    return torch.tensor(np.random.default_rng(seed).normal(size=(BATCH, STEPS, 2)))


@pytest.mark.parametrize("at", ["post", "pre"])
@pytest.mark.parametrize("outputs", [None, 3])
def test_euler_with_the_step_of_the_input_is_the_recurrent_network(at, outputs):
    rnn = network(at=at, outputs=outputs)
    ode = ConnectomeODE(rnn, solver=Solver("euler"))
    expected, states = rnn(given(), record="all")
    found, own = ode(given(), record="all")
    assert torch.allclose(found, expected, rtol=1e-12, atol=1e-13)
    assert torch.allclose(own, states, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("at", ["post", "pre"])
def test_states_are_those_that_scipy_finds_with_input_held_from_step_to_step(at):
    rnn = network(at=at)
    found = ConnectomeODE(rnn, solver=Solver(rtol=1e-9, atol=1e-10))(given()).detach().numpy()
    dense = connectome().adjacency("weight").toarray().T  # [post, pre]
    tau = np.tile([5.0, 9.0], N // 2)
    currents = given().numpy() @ rnn.inputs.weight.detach().numpy().T + 0.2

    def phi(z):
        return np.where(np.arange(N) % 2 == 0, np.tanh(z), np.logaddexp(0, z))

    for b in range(BATCH):
        h = np.zeros(N)
        for step in range(STEPS):
            current = currents[b, step]
            by_post = lambda _, y, c=current: (phi(dense @ y + c) - y) / tau  # noqa: E731
            by_pre = lambda _, y, c=current: (dense @ phi(y) + c - y) / tau  # noqa: E731
            h = solve_ivp(by_post if at == "post" else by_pre, (0, 2.0), h, rtol=1e-11, atol=1e-12).y[:, -1]
            assert found[b, step] == pytest.approx(h, abs=1e-8)


@pytest.mark.parametrize("backward", ["checkpoint", "adjoint"])
@pytest.mark.parametrize("method", ["dopri5", "rk4"])
def test_gradients_of_all_parameters_are_those_of_keeping_all(backward, method):
    options = {"method": method, "rtol": 1e-9, "atol": 1e-10, "step": 0.2}
    found = []
    for each in ("direct", backward):
        ode = ConnectomeODE(network(outputs=2), solver=Solver(**options, backward=each))
        x = given().requires_grad_()
        ode(x).square().sum().backward()
        found.append({name: value.grad for name, value in ode.named_parameters()} | {"x": x.grad})
    assert found[0].keys() == found[1].keys()
    for name, grad in found[0].items():
        assert grad.abs().max() > 0, name
        assert torch.allclose(grad, found[1][name], rtol=1e-5, atol=1e-7), name


@pytest.mark.parametrize("backward", ["checkpoint", "adjoint"])
def test_the_gradient_by_the_input_is_that_of_finite_differences(backward):
    ode = ConnectomeODE(network(), solver=Solver(rtol=1e-9, atol=1e-10, backward=backward))
    assert torch.autograd.gradcheck(ode, given()[:1, :2].requires_grad_(), atol=1e-6, fast_mode=True)


def test_a_constant_input_is_the_same_as_that_input_at_each_step():
    ode = ConnectomeODE(network())
    x = given()[:, 0]
    assert torch.equal(ode(x, n_steps=3), ode(x[:, None].expand(-1, 3, -1)))


def test_what_is_clamped_stays_and_what_is_silenced_sends_nothing():
    ode = ConnectomeODE(network())
    clamped = ode(given(), perturb=[{"kind": "clamp", "nodes": {"type": "a"}, "value": 0.7, "start": 1}]).detach()
    assert (clamped[:, 1:, ::2] == 0.7).all()
    assert (clamped[:, 0] == ode(given())[:, 0]).all()
    silent = ode(given(), perturb=[{"kind": "silence"}])
    with torch.no_grad():
        ode.network.weights.weight.zero_()
    assert torch.allclose(silent, ode(given()), atol=1e-5)


def test_training_lowers_a_loss():
    torch.manual_seed(0)
    ode = ConnectomeODE.from_options(
        connectome(),
        2,
        1,
        dynamics={"dt_ms": 2.0, "tau_ms": 5.0, "phi": "tanh"},
        solver={"method": "rk4", "backward": "adjoint"},
    )
    optimiser = torch.optim.Adam(ode.parameters(), lr=0.1)
    losses = []
    for _ in range(15):
        loss = (ode(given().float())[..., 0] - 0.3).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_what_it_cannot_do_is_told():
    with pytest.raises(OptionError, match=r"ConnectomeODE: input of shape|ConnectomeRNN: input of shape"):
        ConnectomeODE(network())(torch.zeros(2, 3, 7))
    with pytest.raises(OptionError, match="unknown option 'tol'"):
        ConnectomeODE.from_options(connectome(), 2, 1, solver={"tol": 1})
    with pytest.raises(OptionError, match=r"ConnectomeODE\.most_steps: 1 steps did not reach"):
        ConnectomeODE(network(), solver=Solver(rtol=1e-10, most_steps=1))(given())

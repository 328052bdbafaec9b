import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.train.constraints import Signed
from conntap.train.layers import SparseLinear
from conntap.train.network_constraints import Balance, SpectralRadius

torch.set_num_threads(1)


def random_edges(n, share, seed):
    rng = np.random.default_rng(seed)
    post, pre = np.nonzero(rng.random((n, n)) < share)
    return pre, post, torch.tensor(rng.normal(size=len(pre)))


def radius_of(pre, post, n, weights):
    dense = np.zeros((n, n))
    np.add.at(dense, (post, pre), weights.detach().numpy())
    return np.abs(np.linalg.eigvals(dense)).max()


@pytest.mark.parametrize("n", [12, 300])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_radius_is_that_of_numpy_on_the_dense_matrix(n, seed):
    pre, post, weights = random_edges(n, 0.3 if n == 12 else 0.05, seed)
    scaled = SpectralRadius(pre, post, n, radius=0.8, hold="equal", find="eigenvalue")(weights)
    assert radius_of(pre, post, n, scaled) == pytest.approx(0.8, rel=1e-9)
    assert torch.allclose(scaled / weights, (scaled / weights)[0])


def test_weights_below_the_radius_stay_as_they_are():
    pre, post, weights = random_edges(20, 0.2, 3)
    assert torch.equal(SpectralRadius(pre, post, 20, radius=100.0)(weights), weights)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_growth_comes_near_the_radius_where_no_eigenvalue_stands_out(seed):
    pre, post, weights = random_edges(400, 0.04, seed)
    exact = radius_of(pre, post, 400, weights)
    found = [SpectralRadius(pre, post, 400, steps=steps).found(weights) for steps in (100, 800)]
    assert found == [pytest.approx(exact, rel=2e-2), pytest.approx(exact, rel=2e-3)]


def test_a_long_ring_has_the_radius_of_its_mean_weight():
    n = 500
    ring = SpectralRadius(np.arange(n), np.roll(np.arange(n), -1), n, steps=n)
    weights = torch.tensor(np.random.default_rng(0).lognormal(size=n))
    assert ring.found(weights) == pytest.approx(float(weights.log().mean().exp()), rel=1e-9)


@pytest.mark.parametrize(("n", "find"), [(10, "eigenvalue"), (270, "eigenvalue"), (10, "growth"), (40, "growth")])
def test_the_gradient_is_that_of_finite_differences(n, find):
    pre, post, weights = random_edges(n, 4 / n, 4)
    constraint = SpectralRadius(pre, post, n, radius=0.5, hold="equal", find=find, steps=20)
    chosen = torch.arange(0, len(weights), max(1, len(weights) // 12))

    def of_some(values):
        return constraint(weights.index_copy(0, chosen, values)).sum()

    assert torch.autograd.gradcheck(of_some, weights[chosen].clone().requires_grad_(), atol=1e-5)


def test_a_network_without_cycles_has_no_radius_to_hold():
    chain = SpectralRadius([0, 1], [1, 2], 3)
    assert chain(torch.tensor([1e6, 1e6])).tolist() == [1e6, 1e6]
    assert chain.found(torch.tensor([1e6, 1e6])) == 0.0


def test_edges_between_parts_change_no_radius_but_are_scaled_too():
    ring = SpectralRadius([0, 1, 1], [1, 0, 2], 3, radius=1.0)
    assert ring(torch.tensor([4.0, 1.0, 10.0])).tolist() == [2.0, 0.5, 5.0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-(2.0**50), 2.0**50, width=32), min_size=6, max_size=6), st.integers(1, 3))
def test_the_radius_and_dales_law_hold_after_every_step_against_hostile_gradients(gradient, n_steps):
    pre, post, signs = [0, 1, 2, 0, 1, 2], [1, 2, 0, 0, 0, 1], torch.tensor([1.0, -1, 1, 1, -1, 1])
    module = nn.Module()
    module.weight = nn.Parameter(signs.clone())
    parametrize.register_parametrization(module, "weight", Signed(signs))
    parametrize.register_parametrization(module, "weight", SpectralRadius(pre, post, 3, radius=0.9))
    free = module.parametrizations.weight.original
    optimiser = torch.optim.SGD([free], lr=1.0)
    for _ in range(n_steps):
        free.grad = torch.tensor(gradient)
        optimiser.step()
        with torch.no_grad():
            weights = module.weight
        assert (weights * signs >= 0).all()
        assert radius_of(pre, post, 3, weights.double()) <= 0.9 * (1 + 1e-2)


def test_inhibition_onto_each_neuron_becomes_its_ratio_of_excitation():
    post = np.array([0, 0, 1, 1, 1, 2, 3])
    weights = torch.tensor([2.0, -1.0, 1.0, -3.0, -1.0, 5.0, -5.0], dtype=torch.float64)
    balanced = Balance(post, 5, ratio=[1.0, 0.5, 1.0, 1.0, 1.0])(weights)
    assert balanced.tolist() == [2.0, -2.0, 1.0, -0.375, -0.125, 5.0, -5.0]


def test_balance_has_the_gradient_of_finite_differences():
    post = torch.tensor([0, 0, 1, 1, 1, 2])
    weights = torch.tensor([2.0, -1.0, 1.0, -3.0, -1.0, 5.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Balance(post, 3, ratio=0.7), weights)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 2.0**60, width=32), min_size=6, max_size=6))
def test_balance_keeps_signs_and_the_ratio_whatever_the_sizes(sizes):
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0, -1.0, 1.0])
    weights = signs * torch.tensor(sizes)
    balanced = Balance([0, 0, 0, 1, 1, 1], 2, ratio=1.0)(weights)
    assert (balanced * signs >= 0).all()
    for rows in (slice(0, 3), slice(3, 6)):
        positive, negative = balanced[rows].clamp(min=0).sum(), -balanced[rows].clamp(max=0).sum()
        if (weights[rows] > 0).any() and (weights[rows] < 0).any():
            assert float(negative) == pytest.approx(float(positive), rel=1e-5, abs=1e-30)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpectralRadius([0], [1], 2, hold="equal"), "no cycle"),
        (lambda: SpectralRadius([0], [2], 2), r"SpectralRadius\.post: give row positions"),
        (lambda: SpectralRadius([0, 1], [1], 2), "2 pre and 1 post"),
        (lambda: SpectralRadius([0], [0], 1, steps=0), r"SpectralRadius\.steps"),
        (lambda: SpectralRadius([0], [0], 1, find="power"), "known: auto, eigenvalue, growth"),
        (lambda: SpectralRadius([0], [0], 1, radius=0.0), "finite number above 0"),
        (lambda: SpectralRadius([0], [0], 1)(torch.tensor([float("nan")])), "1 weights are not finite"),
        (lambda: SpectralRadius([0], [0], 1)(torch.zeros(2)), r"shape \(2,\) for 1 edges"),
        (lambda: Balance([0], 1, ratio=0.0), r"Balance\.ratio"),
        (lambda: Balance([3], 1), r"Balance\.post"),
    ],
)
def test_what_makes_no_sense_is_told(make, message):
    with pytest.raises(OptionError, match=message):
        make()


def test_a_layers_pattern_gives_the_radius_of_its_weights():
    rng = np.random.default_rng(2)
    pre, post = rng.integers(30, size=(2, 200))
    connectome = Connectome(30, pre, post, properties={"weight": rng.normal(size=200)})
    layer = SparseLinear(connectome, dtype=torch.float64)
    constraint = SpectralRadius.of(layer.pattern, radius=0.7, hold="equal")
    parametrize.register_parametrization(layer.weights, "weight", constraint)
    with torch.no_grad():
        matrix = layer(torch.eye(30, dtype=torch.float64)).numpy()
    assert np.abs(np.linalg.eigvals(matrix)).max() == pytest.approx(0.7)
    expected = connectome.adjacency("weight").toarray()
    assert matrix == pytest.approx(expected * 0.7 / np.abs(np.linalg.eigvals(expected)).max())

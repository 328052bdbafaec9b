import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from conntap.errors import OptionError
from conntap.train.constraints import Bounded, Signed
from conntap.train.sharing import Grouped

torch.set_num_threads(1)

HOSTILE = st.lists(
    st.floats(-(2.0**60), 2.0**60, width=32) | st.sampled_from([0.0, 1e18, -1e18, 1e-38]), min_size=6, max_size=6
)


class Weights(nn.Module):
    def __init__(self, values, dtype=torch.float32):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(values, dtype=dtype))


def stepped(module, gradients, optimiser):
    """The weights after each step of an optimiser against these gradients of the free parameter."""
    free = list(module.parameters())
    optimiser = optimiser(free)
    for gradient in gradients:
        free[0].grad = torch.tensor(gradient, dtype=free[0].dtype)[: free[0].numel()].reshape(free[0].shape)
        optimiser.step()
        yield module.weight.detach()


OPTIMISERS = st.sampled_from(
    [
        lambda p: torch.optim.SGD(p, lr=1e3),
        lambda p: torch.optim.Adam(p, lr=10.0),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(HOSTILE, min_size=1, max_size=4), OPTIMISERS, st.sampled_from(["softplus", "exp"]))
def test_dales_law_holds_after_every_step_against_hostile_gradients(gradients, optimiser, magnitude):
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    module = Weights((signs * torch.tensor([1.0, 2.0, 0.0, 0.5, 1e-3, 30.0])).tolist())
    parametrize.register_parametrization(module, "weight", Signed(signs, magnitude=magnitude))
    for weights in stepped(module, gradients, optimiser):
        assert (weights * signs >= 0).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(HOSTILE, min_size=1, max_size=4),
    OPTIMISERS,
    st.sampled_from([(0.1, 0.3), (-7.0, 1e6), (1.0, None), (None, -2.0)]),
)
def test_bounds_hold_after_every_step_against_hostile_gradients(gradients, optimiser, bounds):
    low, high = (None if each is None else torch.tensor(each) for each in bounds)
    start = {(0.1, 0.3): 0.2, (1.0, None): 4.0, (None, -2.0): -3.0}.get(bounds, 0.0)
    module = Weights([start] * 6)
    parametrize.register_parametrization(module, "weight", Bounded(*bounds))
    for values in stepped(module, gradients, optimiser):
        assert low is None or (values >= low).all()
        assert high is None or (values <= high).all()


def test_signs_of_pre_neurons_hold_for_the_columns_of_a_matrix():
    layer = nn.Linear(2, 3, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, -1.0]]).expand(3, 2))
    parametrize.register_parametrization(layer, "weight", Signed([1, -1]))
    with torch.no_grad():
        layer.parametrizations.weight.original.normal_(0, 100)
    assert (layer.weight[:, 0] >= 0).all()
    assert (layer.weight[:, 1] <= 0).all()


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        (Signed([1, -1, 1]), [0.5, -2.0, 50.0]),
        (Signed([1, -1, 1], magnitude="exp"), [0.5, -2.0, 50.0]),
        (Bounded(-1.0, 3.0), [-0.99, 0.0, 2.5]),
        (Bounded(low=1.0), [1.001, 2.0, 80.0]),
        (Bounded(high=[1.0, 2.0, 3.0]), [0.5, -9.0, 2.99]),
        (Grouped(["a", "b", "a"], scale=[2.0, -1.0, 4.0]), [1.0, 3.0, 2.0]),
        (Grouped(["a", "b", "a"], within=Bounded(0.0, 10.0)), [1.0, 3.0, 1.0]),
    ],
)
def test_what_a_parameter_starts_from_stays(constraint, values):
    module = Weights(values, dtype=torch.float64)
    parametrize.register_parametrization(module, "weight", constraint)
    torch.testing.assert_close(module.weight, torch.tensor(values, dtype=torch.float64), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "constraint",
    [
        Signed([1, -1, 1]),
        Signed([1, -1, 1], magnitude="exp"),
        Bounded(-1.0, 3.0),
        Bounded(low=1.0),
        Bounded(high=0.5),
        Grouped([2, 0, 1, 1], scale=[1.0, 2.0, -3.0, 0.0], within=Signed([1, -1, 1])),
    ],
)
def test_gradients_are_those_of_finite_differences(constraint):
    free = torch.tensor([-1.3, 0.4, 2.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(constraint, free)


def test_bounds_themselves_are_where_one_may_start():
    module = Weights([0.0, 1.0])
    parametrize.register_parametrization(module, "weight", Bounded(0.0, 1.0))
    assert module.weight.tolist() == pytest.approx([0.0, 1.0], abs=1e-6)
    assert module.parametrizations.weight.original.isfinite().all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Signed([1, 0]), r"Signed\.signs: values 0; give 1 or -1"),
        (lambda: Signed([1], least=0.0), "give a size above 0"),
        (lambda: Signed([1], magnitude="abs"), "known: exp, softplus"),
        (lambda: Signed([1, 1]).right_inverse(torch.tensor([1.0, -1.0])), "1 of 2 weights have the other sign"),
        (lambda: Bounded(), "no bounds"),
        (lambda: Bounded(2.0, 1.0), "not below high"),
        (lambda: Bounded(float("nan")), "give finite numbers"),
        (lambda: Bounded(0.0, 1.0).right_inverse(torch.tensor([2.0, float("nan")])), "2 of 2 values lie beyond"),
    ],
)
def test_what_makes_no_sense_is_told(make, message):
    with pytest.raises(OptionError, match=message):
        make()

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate2d

from conntap.errors import OptionError
from conntap.train.areas import Area
from conntap.train.spatial import SpatialRNN

torch.set_num_threads(1)
TYPES = {
    "E": {"channels": 2, "tau_by": "subtype and place"},
    "I": {"kind": "inhibitory", "density": "half", "tau_ms": 5.0},
}
CIRCUIT = [[3, 1, 0], [3, 3, 1], [5, 3, 0]]


def network(*areas, seed=1, **options):
    areas = areas or (Area((5, 7), TYPES, CIRCUIT, 3),)
    return SpatialRNN(areas, rng=np.random.default_rng(seed), **options)


def images(*shape, seed=2):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize("size", [(5, 7), (4, 6), (1, 1), (1, 5), (2, 3)])
def test_rates_are_those_of_loops_over_scipys_correlations(size):
    net = network(Area(size, TYPES, CIRCUIT, 3)).double()
    x = images(2, 1, *size)
    output, states = net(x, n_steps=3, record=["0.E", "0.I"])
    rows, columns = size
    half = lambda sheet: sheet[::2, ::2]  # noqa: E731
    full = lambda sheet: np.repeat(np.repeat(sheet, 2, 0), 2, 1)[:rows, :columns]  # noqa: E731
    path = {name: each.weight.detach().numpy() for name, each in net.circuits[0].paths.items()}
    tau = {name: each().detach().numpy() for name, each in net.circuits[0].taus.items()}

    def through(name, source, to=lambda sheet: sheet):
        return np.stack(
            [to(sum(correlate2d(s, k, mode="same") for s, k in zip(source, kernels))) for kernels in path[name]]
        )

    for b in range(2):
        e, i = np.zeros((2, rows, columns)), np.zeros((1, (rows + 1) // 2, (columns + 1) // 2))
        for step in range(3):
            up = np.stack([full(each) for each in i])
            aim_e = through("input to E", x[b].numpy()) + through("E to E", e) - through("I to E", up)
            aim_i = through("input to I", x[b].numpy(), half) + through("E to I", e, half) - through("I to I", i)
            e = e + (1 / tau["E"]) * (np.maximum(aim_e, 0) - e)
            i = i + (1 / tau["I"]) * (np.maximum(aim_i, 0) - i)
            assert states["0.E"][b, step].detach().numpy() == pytest.approx(e)
            assert states["0.I"][b, step].detach().numpy() == pytest.approx(i)
            assert output[b, step].detach().numpy() == pytest.approx(through("E to output", e))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-2, 1.0, 1e4]))
def test_dales_law_and_time_constants_hold_after_every_step_against_hostile_gradients(seed, size):
    net, rng = network(), np.random.default_rng(seed)
    optimiser = torch.optim.SGD(net.parameters(), lr=1.0)
    x = images(1, 1, 5, 7).float()
    for _ in range(2):
        for each in net.parameters():
            each.grad = torch.tensor(size * rng.standard_cauchy(each.shape), dtype=torch.float32)
        optimiser.step()
        circuit = net.circuits[0]
        for name, path in circuit.paths.items():
            assert name.startswith("input") or (path.weight >= 0).all()
        assert all((tau() >= net.dt_ms).all() for tau in circuit.taus.values())
        _, states = net(x, n_steps=2, record=["0.E", "0.I"])
        assert all((each >= 0).all() for each in states.values())


def test_more_inhibition_lowers_what_it_reaches():
    net = network(Area((4, 4), TYPES, CIRCUIT)).double()
    start = {"0.E": torch.ones(1, 2, 4, 4), "0.I": torch.zeros(1, 1, 2, 2)}
    x = torch.ones(1, 1, 4, 4)
    _, without = net(x, n_steps=1, start={k: v.double() for k, v in start.items()}, record=["0.E"])
    start["0.I"] += 1
    _, with_more = net(x, n_steps=1, start={k: v.double() for k, v in start.items()}, record=["0.E"])
    assert (with_more["0.E"] <= without["0.E"]).all()
    assert (with_more["0.E"] < without["0.E"]).any()


def relay(**options):
    """An area that gives on what comes in, all in one step."""
    return Area(
        (1, 1),
        {"E": {"kind": "hybrid", "phi": "identity", "tau_ms": 2.0, "tau_trained": "fixed"}},
        options.pop("circuit", [[1, 0], [0, 1]]),
        **options,
    )


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_an_areas_output_takes_its_delay_to_the_next(delay):
    net = network(relay(delay=delay), relay()).double()
    movie = torch.zeros(1, 8, 1, 1, 1)
    movie[:, 0] = 1
    _, states = net(movie, record="all")
    first = [int(states[name].flatten().abs().gt(0).nonzero()[0]) for name in ("0.output", "1.E")]
    assert first == [0, delay]


@pytest.mark.parametrize("delay", [1, 4])
def test_feedback_comes_back_after_its_delay(delay):
    low = relay(
        circuit={"input": {"E": 1}, "feedback": {"E": 1}, "E": {"output": 1}}, feedback=(1,), feedback_delay=delay
    )
    found = []
    for weight in (0.0, 1.0):
        net = network(low, relay()).double()
        with torch.no_grad():
            net.circuits[0].paths["feedback to E"].weight.fill_(weight)
        movie = torch.zeros(1, 9, 1, 1, 1)
        movie[:, 0] = 1
        found.append(net(movie, record="all")[1]["0.E"].flatten())
    assert int((found[0] != found[1]).nonzero()[0]) == delay


def test_areas_of_other_sizes_are_averaged_down_and_repeated_up():
    low = Area((6, 6), {"E": {"channels": 2}}, [[3, 0], [1, 0], [3, 1]], 2, feedback=(1,))
    high = Area((3, 2), {"E": {}}, [[3, 0], [0, 1]], 4)
    net = network(low, high, input_channels=3)
    output, states = net(torch.rand(2, 3, 8, 5), n_steps=4, record="all")
    assert output.shape == (2, 4, 4, 3, 2)
    assert {name: tuple(each.shape[2:]) for name, each in states.items()} == {
        "0.E": (2, 6, 6),
        "0.output": (2, 6, 6),
        "1.E": (1, 3, 2),
        "1.output": (4, 3, 2),
    }


def test_an_image_is_a_movie_that_stands_still_and_the_rest_can_follow():
    net, x = network(), images(2, 1, 5, 7).float()
    whole, states = net(x, n_steps=4, record="all")
    assert torch.equal(whole, net(x[:, None].expand(-1, 4, -1, -1, -1)))
    rest = net(x, n_steps=2, start={name: each[:, 1] for name, each in states.items()})
    assert torch.allclose(whole[:, 2:], rest)
    assert torch.allclose(whole[:1], net(x[:1], n_steps=4), atol=1e-6)


def test_gradients_are_those_of_finite_differences():
    kinds = {
        "E": {"channels": 2, "phi": "softplus"},
        "I": {"kind": "inhibitory", "density": "half", "phi": "softplus", "tau_by": "place"},
    }
    circuit = {
        "input": {"E": 3, "I": 1},
        "E": {"E": {"size": 3, "groups": "depthwise", "phi": "tanh", "bias": "subtype"}, "I": 1, "output": 1},
        "I": {"E": 3},
    }
    net = network(Area((3, 3), kinds, circuit)).double()
    names, values = zip(*net.named_parameters())

    def of(x, *given):
        return torch.func.functional_call(net, dict(zip(names, given)), (x,), {"n_steps": 2}).sum(dim=(-1, -2))

    given = [each.detach().clone().requires_grad_() for each in values]
    assert torch.autograd.gradcheck(of, (images(1, 1, 3, 3).requires_grad_(), *given), fast_mode=True)


def test_equal_seeds_give_equal_networks():
    one, same, other = (network(seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: network(dt_ms=5.0), r"areas\[0\]\.cells\.I\.tau_ms: 5 is not above dt_ms, 5"),
        (lambda: network(dt_ms=-1.0), r"SpatialRNN\.dt_ms"),
        (lambda: SpatialRNN([], rng=np.random.default_rng(0)), "give one at least"),
        (lambda: network(Area((4, 4), {"E": {}}, [[1, 0], [1, 0], [0, 1]], feedback=(0,))), "area 0 is none above it"),
        (
            lambda: network(
                Area((4, 4), {"E": {"channels": 3}}, {"input": {"E": {"size": 1, "groups": 2}}, "E": {"output": 1}})
            ),
            r"circuit\.input\.E\.groups: 2 groups of 1 channels to 3",
        ),
        (lambda: network()(torch.zeros(1, 2, 5, 7), n_steps=1), r"input of shape \(1, 2, 5, 7\)"),
        (lambda: network()(torch.zeros(1, 1, 5, 7)), r"SpatialRNN\.n_steps: None"),
        (lambda: network()(torch.zeros(1, 3, 1, 5, 7), n_steps=2), "2 for a movie of 3 steps"),
        (lambda: network()(torch.zeros(1, 1, 5, 7), n_steps=1, record=["0.F"]), "unknown population '0.F'"),
        (lambda: network()(torch.zeros(1, 1, 5, 7), n_steps=1, start={"0.E": torch.zeros(1)}), r"start\.0\.E: shape"),
    ],
)
def test_what_makes_no_sense_is_told(make, message):
    with pytest.raises(OptionError, match=message):
        make()

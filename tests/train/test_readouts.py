import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.train.areas import Area
from conntap.train.readouts import Readout, SpatialClassifier
from conntap.train.spatial import SpatialRNN

torch.set_num_threads(1)


def readout(*args, **options):
    return Readout(*args, **options, rng=np.random.default_rng(0)).double()


def states(*shape):
    return torch.tensor(np.random.default_rng(1).normal(size=shape))


def test_last_mean_and_every_step_are_read_by_one_linear_map():
    x = states(2, 5, 4)
    for over, expected in (("last", x[:, 4]), ("mean", x[:, 2:].mean(1)), ("every", x[:, 2:])):
        module = readout(4, 3, over=over, window=3)
        assert torch.allclose(module(x), expected @ module.weight.T + module.bias)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12))
def test_types_are_read_by_their_mean_as_pandas_has_it(types):
    connectome = Connectome(pd.DataFrame({"type": types}), [], [])
    module = Readout.by_type(connectome, 2, over="every", rng=np.random.default_rng(0)).double()
    x = states(1, 2, len(types))
    expected = pd.DataFrame(x[0].T.numpy()).groupby(types).mean().to_numpy().T
    assert module.features(x)[0].numpy() == pytest.approx(expected)


def test_some_neurons_alone_are_read():
    connectome = Connectome(pd.DataFrame({"type": ["a", "b", "a"]}, index=[7, 8, 9]), [], [])
    module = Readout.of_nodes(connectome, 2, nodes={"type": "a"}, rng=np.random.default_rng(0)).double()
    x = states(2, 3, 3)
    changed = x.clone()
    changed[..., 1] += 5
    assert torch.equal(module(x), module(changed))
    with pytest.raises(OptionError, match=r"give \(batch, steps, 3\)"):
        module(states(2, 3, 2))


def test_sheets_are_read_as_one_row():
    x = states(2, 3, 2, 4, 5)
    module = readout(40, 3)
    assert torch.equal(module(x), module(x.flatten(2)))


def test_gradients_are_those_of_finite_differences():
    module = readout(4, 2, over="mean", groups=[0, 1, 0, 1])
    assert torch.autograd.gradcheck(module, states(2, 3, 4).requires_grad_())


def test_a_classifier_of_areas_learns_where_a_bar_lies():
    rng = np.random.default_rng(0)
    area = Area(
        (4, 4),
        {"E": {"channels": 3, "tau_ms": 2.0}, "I": {"kind": "inhibitory", "density": "half", "tau_ms": 2.0}},
        [[3, 1, 0], [3, 1, 1], [3, 0, 0]],
        2,
    )
    network = SpatialClassifier(SpatialRNN([area], rng=rng), 2, image=(1, 4, 4), rng=rng)
    labels = torch.tensor(rng.integers(2, size=40))
    images = 0.1 * torch.tensor(rng.normal(size=(40, 4, 4)), dtype=torch.float32)
    images[labels == 0, 1] += 1
    images[labels == 1, :, 1] += 1
    x = images.flatten(1)[:, None].expand(-1, 3, -1)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.03)
    for _ in range(25):
        loss = functional.cross_entropy(network(x)[:, -1], labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (network(x)[:, -1].argmax(1) == labels).float().mean() > 0.9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: readout(4, 0), r"Readout\.n_to"),
        (lambda: readout(4, 2, over="first"), "known: every, last, mean"),
        (lambda: readout(4, 2, window=0), r"Readout\.window"),
        (lambda: readout(4, 2, groups=[0, 1]), "for each of 4 states"),
        (lambda: readout(2, 2, groups=[0, 2]), "1 of 3 groups are empty"),
        (lambda: readout(4, 2)(states(2, 3, 5)), r"give \(batch, steps, 4\)"),
        (lambda: readout(4, 2)(states(2, 4)), r"give \(batch, steps, 4\)"),
        (lambda: readout(4, 2)(states(2, 0, 4)), "no steps to read"),
        (lambda: Readout.by_type(Connectome(2, [], []), 2), "unknown property of nodes 'type'"),
        (lambda: SpatialClassifier.from_options(None, 9, 2, areas=[], image=[1, 2, 4]), "has not the 9 numbers"),
        (lambda: SpatialClassifier.from_options(None, 9, 2, area=[]), "Did you mean 'areas'"),
    ],
)
def test_what_makes_no_sense_is_told(make, message):
    with pytest.raises(OptionError, match=message):
        make()

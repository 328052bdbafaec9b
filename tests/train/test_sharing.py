import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.train.sharing import Grouped, penalty_of


class Weights(nn.Module):
    def __init__(self, values):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(values))


def test_groups_by_pairs_share_one_value_times_counts_of_synapses():
    nodes = pd.DataFrame({"type": ["E", "I", "E"]})
    connectome = Connectome(nodes, [0, 0, 2, 1], [1, 2, 1, 0], properties={"n_syn": [3, 1, 5, 2]})
    pairs = Grouped.by_pair(connectome, scale=connectome.properties["n_syn"])
    assert pairs.names == ["E > E", "E > I", "I > E"]
    assert pairs(torch.tensor([10.0, 1.0, -1.0])).tolist() == [3.0, 10.0, 5.0, -2.0]


def test_a_start_that_differs_within_groups_is_fitted():
    grouped = Grouped(["a", "a", "b"])
    assert grouped.right_inverse(torch.tensor([1.0, 3.0, 5.0])).tolist() == [2.0, 5.0]


def test_the_penalty_is_strength_times_squares_of_the_distance_from_the_center():
    module = Weights([3.0, 3.0, 5.0])
    grouped = Grouped([0, 0, 1], pull="square", strength=0.5, center=[1.0, 4.0])
    parametrize.register_parametrization(module, "weight", grouped)
    penalty = penalty_of(module)
    assert penalty.item() == pytest.approx(0.5 * (4.0 + 1.0))
    penalty.backward()
    assert module.parametrizations.weight.original.grad.tolist() == pytest.approx([2.0, 1.0])


def test_a_module_without_groups_costs_nothing():
    assert float(penalty_of(nn.Linear(2, 2))) == 0.0


def test_values_of_groups_are_drawn_from_a_distribution_with_a_seed():
    grouped = Grouped(np.arange(500))
    draws = [
        grouped.drawn({"kind": "normal", "mean": 3.0, "sd": 0.1}, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert float(draws[0].mean()) == pytest.approx(3.0, abs=0.02)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Grouped([]), "give one label a member"),
        (lambda: Grouped([1, 2], scale=[1.0]), r"Grouped\.scale: shape \(1,\)"),
        (lambda: Grouped([1, 2])(torch.zeros(3)), "3,.* for 2 groups"),
        (lambda: Grouped([1], strength=-1.0), r"Grouped\.strength: -1"),
        (lambda: Grouped.by_type(Connectome(2, [0], [1]), "kind"), "unknown property of nodes 'kind'"),
    ],
)
def test_what_makes_no_sense_is_told(make, message):
    with pytest.raises(OptionError, match=message):
        make()

"""Networks that rest before they see and are read by type of cell."""

import numpy as np
import pandas as pd
import pytest

from conntap import train
from conntap.circuits import Connectome
from conntap.errors import OptionError

torch = pytest.importorskip("torch")


@pytest.fixture
def eye():
    """Three photoreceptors, and two types of cells that they reach, in no order."""
    nodes = pd.DataFrame(
        {
            "u": [0, 0, 0, 0, 0, 0],
            "v": [0, -1, 1, -1, 0, 1],
            "type": ["R1", "R1", "R1", "b", "a", "a"],
            "role": ["input"] * 3 + ["output"] * 3,
        }
    )
    pre, post = [0, 1, 1, 2, 4, 5], [4, 3, 5, 5, 3, 4]
    return Connectome(nodes, pre, post, properties={"n_syn": [3, 2, 1, 4, 1, 2], "sign": [1, 1, -1, 1, -1, 1]})


def made(eye, **options):
    torch.manual_seed(1)
    options = {"dynamics": {"dt_ms": 20.0, "tau_ms": 50.0, "nonlinearity_at": "pre", "bias": 0.5}, **options}
    weights = {"kind": "groups", "size": "n_syn", "sign": "sign", "scale": 0.1}
    return train.VisualRNN.from_options(eye, 3, 2, **{"weights": weights, **options})


def test_a_network_at_rest_stays_at_rest_while_it_sees_what_it_rested_under(eye):
    network = made(eye, settle_steps=200).eval()
    x = torch.full((2, 5, 3), 0.5)
    outputs, states = network(x, record="all")
    assert states.std(dim=1).max() < 1e-5
    steady = network.recurrent.steady_state(x[:1, 0], tolerance=1e-7)
    np.testing.assert_allclose(states[0, -1].detach(), steady[0], atol=1e-5)
    assert outputs.shape == (2, 5, 2)


def test_rest_is_the_same_for_each_sample_whether_samples_begin_alike_or_not(eye):
    network = made(eye)
    x = torch.rand(3, 4, 3)
    alone = torch.cat([network.resting(each[None]) for each in x])
    torch.testing.assert_close(network.resting(x), alone)
    x[:, 0] = 0.5
    torch.testing.assert_close(network.resting(x), torch.cat([network.resting(each[None]) for each in x]))


def test_features_are_means_of_what_cells_of_a_type_send(eye):
    network = made(eye, read={"nodes": "role == 'output'"})
    states = torch.tensor([[[9.0, 9.0, 9.0, 2.0, 1.0, -3.0]]])
    assert network.types == ["a", "b"]
    assert network.features(states).tolist() == [[[0.5, 2.0]]]


def test_gradients_reach_gains_through_rest(eye):
    network = made(eye).double()
    x = torch.full((2, 1, 3), 0.5, dtype=torch.float64)
    network.resting(x).sum().backward()
    gradient = dict(network.recurrent.named_parameters())["weights.parametrizations.gain.original"].grad
    assert (gradient.abs() > 1e-9).sum() >= 3


def test_gains_go_by_types_and_by_the_difference_of_columns(eye):
    by = {"kind": "groups", "size": "n_syn", "sign": "sign", "scale": 0.1, "by": ["pre.type", "post.type", "offset"]}
    network = made(eye, weights=by)
    table = network.recurrent.weights.table()
    assert set(table.columns) == {"pre.type", "post.type", "offset", "gain"}
    assert table[(table["pre.type"] == "R1") & (table["post.type"] == "a")]["offset"].tolist() == ["0,0", "0,2"]


def test_a_trained_network_is_made_again_with_its_read_out(eye):
    task = train.moving_edges(eye, n=24, directions=2, rng=np.random.default_rng(1))
    weights = {"kind": "groups", "size": "n_syn", "sign": "sign", "scale": 0.1}
    trained = train.fit(
        eye, task, network={"kind": "visual", "weights": weights}, epochs=2, batch=8, rng=np.random.default_rng(1)
    )
    assert (trained.parameters["spread.running_var"] != 1).any()
    first, second = (train.evaluate(trained, task, among="all") for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    rested = train.responses(trained, task, by="type")
    assert rested["type"].unique().tolist() == ["R1", "a", "b"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"read": {"cells": "a"}}, "VisualRNN.read: unknown option 'cells'"),
        ({"read": {"by": "kind"}}, "unknown node property 'kind'"),
        ({"read": {"nodes": "role == 'none'"}}, "no cell is read"),
        ({"read": {"over": "last"}}, "VisualRNN.read.over"),
        ({"settle_steps": -1}, "settle_steps"),
        ({"outputs": 3}, "unknown option 'outputs'"),
        ({"inputs": "role == 'output' and v == 0"}, "3 inputs one to one"),
    ],
)
def test_options_that_fit_nothing_are_told(eye, options, told):
    with pytest.raises(OptionError, match=told):
        made(eye, **options)

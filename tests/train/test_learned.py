"""Trained networks as connectomes: the weights that a network multiplies with stand at the edges from pre to post."""

import numpy as np
import pandas as pd
import pytest
import torch
import toy_network

from conntap import Connectome, train
from conntap.errors import OptionError
from conntap.train import making
from conntap.train.products import product


@pytest.fixture(scope="module")
def task():
    return train.delayed_match(n=40, rng=np.random.default_rng(2))


def drawn(n_edges, *, is_parallel):
    rng = np.random.default_rng(n_edges)
    nodes = pd.DataFrame({"ei": rng.choice(["e", "i"], 9)}, index=[f"n{k}" for k in range(9)])
    cells = rng.choice(81, n_edges, replace=is_parallel)
    return Connectome(
        nodes, cells // 9, cells % 9, properties={"n_syn": rng.integers(1, 9, n_edges), "delay_ms": rng.random(n_edges)}
    )


@pytest.mark.parametrize("is_parallel", [False, True])
@pytest.mark.parametrize("kind", ["rnn", "ode"])
@pytest.mark.parametrize("weights", [{"kind": "edges"}, {"kind": "groups", "by": ["pre.ei", "post.ei"]}])
def test_learned_weights_are_those_of_a_step(task, is_parallel, kind, weights):
    given = drawn(30, is_parallel=is_parallel)
    network = {"kind": kind, "weights": {"size": "n_syn", "sign": "ei", "scale": 0.1, **weights}}
    network |= {"solver": {"method": "euler"}} if kind == "ode" else {}
    trained = train.fit(given, task, network=network, epochs=1, rate=0.05, rng=np.random.default_rng(3))
    found = train.connectome(trained)
    made = trained.network()
    made = made if kind == "rnn" else made.network
    with torch.no_grad():
        matrix = torch.tensor(found.adjacency("weight").toarray(), dtype=torch.float32)  # [pre, post]
        own = product(made.weights(), made.pattern, torch.eye(9)).T
    assert torch.allclose(matrix, own)
    signs = np.where(found.nodes["ei"].to_numpy()[found.pre] == "i", -1, 1)
    assert (found.properties["weight"] * signs >= 0).all()
    assert found.ids.tolist() == given.ids.tolist()
    if is_parallel:
        assert found == found.connections().with_edges(found.pre, found.post, properties=found.properties)
        assert found.properties["count"].sum() == 30
    else:
        assert found.pre.tolist() == given.pre.tolist()
        np.testing.assert_array_equal(found.properties["delay_ms"], given.properties["delay_ms"])


def test_a_network_without_weights_of_connections_is_told(task, monkeypatch):
    monkeypatch.setitem(making.KINDS, "toy", toy_network.Toy.from_options)
    trained = train.fit(
        drawn(5, is_parallel=False), task, network={"kind": "toy"}, epochs=1, rng=np.random.default_rng(3)
    )
    with pytest.raises(OptionError, match=r"connectome.trained: a Toy has no weights of connections"):
        train.connectome(trained)

"""Networks from options: what is wrong is told before there is a connectome; signs are not lost; areas are trained too."""

import numpy as np
import pandas as pd
import pytest
import torch

from conntap import Connectome, build, train
from conntap.errors import OptionError
from conntap.store import decode, encode
from conntap.train.making import check_network, made_network, usual_network

CELLS = {"E": {"channels": 2}, "I": {"kind": "inhibitory", "channels": 1}}
AREA = {"size": [4, 2], "cells": CELLS, "circuit": [[3, 1, 0], [3, 1, 1], [3, 0, 0]]}


@pytest.fixture(scope="module")
def task():
    rng = np.random.default_rng(2)
    classes = rng.integers(0, 2, 40)
    return train.Task(rng.normal(size=(40, 3, 8)) + classes[:, None, None], classes)


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ("rnn", r"fit.network: 'rnn'; give names and values"),
        ({"kind": ["rnn"]}, r"fit.network.kind: unknown kind"),
        ({"inputs": "dens"}, r"fit.network.inputs: unknown value 'dens'.*Did you mean 'dense'"),
        ({"computing": 3}, r"fit.network.computing: 3; give names"),
        ({"computing": {"path": "x"}}, r"fit.network.computing.path: unknown value"),
        ({"computing": {"threads": 0}}, r"fit.network.computing.threads: 0"),
        ({"nodes": 3}, r"fit.network.nodes: 3; give names"),
        ({"nodes": {"input": [1]}}, r"fit.network.nodes: unknown option 'input'"),
        ({"dynamics": {"dt_ms": -1}}, r"Dynamics.dt_ms: -1"),
        ({"dynamics": {"phi": "rleu"}}, r"Dynamics.phi: unknown nonlinearity 'rleu'.*'relu'"),
        ({"dynamics": {"phi": {"e": "rleu"}}}, r"Dynamics.phi: unknown nonlinearity"),
        ({"dynamics": {"tau_ms": 0.5}}, r"Dynamics.tau_ms: 0.5"),
        ({"dynamics": {"bias": float("inf")}}, r"Dynamics.bias: inf"),
        ({"weights": {"scale": float("nan")}}, r"Weights.scale: nan"),
        ({"weights": {"sign": {"e": 2}}}, r"Weights.sign: 2 for 'e'"),
        ({"kind": "ode", "solver": {"rtol": -1.0}}, r"Solver.rtol: -1"),
        ({"kind": "spatial"}, r"fit.network.areas: none"),
        ({"kind": "spatial", "areas": 3}, r"fit.network.areas: 3; give a list"),
        ({"kind": "spatial", "areas": [{"sise": 3}]}, r"fit.network.areas\[0\]: unknown option 'sise'.*'size'"),
        ({"kind": "spatial", "areas": [{"size": [2, 2]}]}, r"fit.network.areas\[0\]: .*missing"),
        ({"kind": "spatial", "areas": [AREA], "image": [1, 2]}, r"fit.network.image: \[1, 2\]; give channels"),
    ],
)
def test_what_no_connectome_makes_right_is_told(network, told):
    with pytest.raises(OptionError, match=told):
        check_network(network)


def test_the_usual_network_keeps_the_signs_of_its_cells():
    nodes = pd.DataFrame({"ei": ["e", "i", "E"]})
    counts = Connectome(nodes, [0, 1, 2], [1, 2, 0], properties={"n_syn": [2, 3, 4]})
    made = made_network(counts, usual_network(counts, {}), 2, 2, seed=1)
    assert made.weights().sign().tolist() == [1, 1, -1]  # 2 -> 0, 0 -> 1, 1 -> 2
    contrary = Connectome(nodes, [0, 1], [1, 2], properties={"weight": [-2.0, -3.0]})
    assert "sign" not in usual_network(contrary, {})["weights"]
    others = counts.with_nodes(pd.DataFrame({"ei": ["e", "i", "?"]}))
    assert "sign" not in usual_network(others, {})["weights"]


def test_areas_are_trained_and_kept(task):
    column = build.column(n_nodes=10, rng=np.random.default_rng(1))
    network = {"kind": "spatial", "areas": [AREA], "image": [1, 4, 2]}
    options = {"network": network, "epochs": 3, "rate": 0.02, "training": {"threads": 1}}
    trained = train.fit(column, task, **options, rng=np.random.default_rng(3))
    assert trained.history["loss"].iloc[-1] < trained.history["loss"].iloc[0]
    x = torch.tensor(task.inputs)
    assert torch.equal(decode(encode(trained)).network()(x), trained.network()(x))
    with pytest.raises(OptionError, match=r"responses.trained: a SpatialClassifier shows no states"):
        train.responses(trained, task)

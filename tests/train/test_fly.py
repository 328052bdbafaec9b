"""The fly visual system learns to tell whither an edge moves."""

import numpy as np
import pandas as pd
import pytest

from conntap import train
from conntap.circuits import Connectome

pytest.importorskip("torch")


def network(types):
    """Gains by pair of types, time constants and biases by type; read from T4 and T5."""
    return {
        "kind": "visual",
        "weights": {"kind": "groups", "size": "n_syn", "sign": "sign", "scale": 0.01},
        "dynamics": {
            "dt_ms": 20.0,
            "tau_ms": 50.0,
            "tau_trained": "type",
            "nonlinearity_at": "pre",
            "bias": 0.5,
            "bias_trained": "type",
        },
        "read": {"nodes": {"type": [name for name in types if name[:2] in ("T4", "T5")]}},
        "settle_steps": 25,
    }


@pytest.fixture(scope="module")
def fly(shared_data):
    """The middle of the eye: 37 columns."""
    nodes = pd.read_csv(shared_data / "fly_visual" / "nodes.csv.gz").rename(columns={"cell_type": "type"})
    edges = pd.read_parquet(shared_data / "fly_visual" / "edges.parquet")
    properties = {name: edges[name].to_numpy() for name in ("n_syn", "sign")}
    whole = Connectome(nodes, edges["pre"].to_numpy(), edges["post"].to_numpy(), properties=properties)
    far = np.maximum(nodes[["u", "v"]].abs().max(axis=1), (nodes["u"] + nodes["v"]).abs())
    return whole.subset(np.flatnonzero(far <= 3))


def test_the_fly_tells_directions_far_above_chance(fly):
    types = sorted(fly.nodes["type"].unique())
    task = train.moving_edges(fly, n=320, eye={"noise": 0.1}, rng=np.random.default_rng(1))
    trained = train.fit(fly, task, network=network(types), epochs=12, batch=16, rate=0.01, rng=np.random.default_rng(2))
    new = train.moving_edges(fly, n=100, eye={"noise": 0.1}, part="test", rng=np.random.default_rng(3))
    assert train.score(trained, new) > 0.6
    made = trained.network().recurrent
    assert len(made.weights.table()) == 604
    by_pair = made.weights().detach().numpy()
    assert (np.sign(by_pair) == np.sign(made.weights.size.numpy())).all()
    shown = train.moving_edges(fly, n=None, speeds=(20.0,), rng=np.random.default_rng(1))
    table = train.direction_selectivity(train.column_responses(trained, shown))
    assert table["type"].nunique() == len(types)
    assert table["direction_selectivity"].between(0, 1).all()

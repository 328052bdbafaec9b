"""Reservoirs: what is read in closed form, and the connectome of C. elegans with memory."""

import numpy as np
import pandas as pd
import pytest

from conntap import train
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.train.reservoirs import fit_readout

torch = pytest.importorskip("torch")
NETWORK = {
    "weights": {"kind": "fixed", "scale": 0.9},
    "dynamics": {"tau_ms": 2.0, "phi": "tanh", "bias_trained": "none"},
}


@pytest.fixture
def ring():
    """Sixty neurons in a ring, each of which hands on most of what it gets, and some more connections."""
    rng = np.random.default_rng(3)
    pre = np.concatenate([np.arange(60), rng.integers(60, size=60)])
    post = np.concatenate([(np.arange(60) + 1) % 60, rng.integers(60, size=60)])
    weight = np.concatenate([np.full(60, 0.8), rng.normal(0, 0.3, 60)])
    return Connectome(60, pre, post, properties={"weight": weight})


def test_the_read_out_is_that_of_scikit_learn(ring):
    linear_model = pytest.importorskip("sklearn.linear_model")
    from conntap.train.loops import states_of

    task = train.delayed_match(n=80, delay_steps=2, rng=np.random.default_rng(1))
    trained = fit_readout(ring, task, network=NETWORK, ridge=0.1, share=0.0, rng=np.random.default_rng(2))
    states = np.concatenate([each for _, each in states_of(trained.network(), task)])
    x, y = states[task.mask].astype(float), np.eye(2)[task.targets[task.mask]]
    charge = 0.1 * x.var(axis=0).mean() * len(x)
    oracle = linear_model.Ridge(alpha=charge, solver="cholesky").fit(x, y)
    np.testing.assert_allclose(trained.parameters["outputs.weight"], oracle.coef_, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(trained.parameters["output_bias"], oracle.intercept_, rtol=1e-3, atol=1e-4)


def test_nothing_but_the_read_out_differs_from_the_network_as_it_was_made(ring):
    task = train.delayed_match(n=40, delay_steps=2, rng=np.random.default_rng(1))
    one, other = (fit_readout(ring, task, network=NETWORK, ridge=r, rng=np.random.default_rng(2)) for r in (0.01, 10.0))
    for name, value in one.parameters.items():
        is_read = name in ("outputs.weight", "output_bias")
        assert np.array_equal(value, other.parameters[name]) != is_read
    assert np.abs(other.parameters["outputs.weight"]).sum() < np.abs(one.parameters["outputs.weight"]).sum()


def test_values_are_fitted_too(ring):
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(60, 20, 1))
    targets = np.roll(inputs, 1, axis=1)
    mask = np.ones((60, 20), dtype=bool)
    mask[:, 0] = False
    task = train.Task(inputs, targets, mask, kind="values")
    trained = fit_readout(ring, task, network=NETWORK, rng=rng)
    assert trained.loss < 0.1
    assert train.score(trained, task, measure="loss", among="all") < 0.1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"network": {"kind": "ode"}}, "fit_readout.network.kind"),
        ({"ridge": 0.0}, "ridge: 0.0"),
        ({"share": 1.0}, "share: 1.0"),
    ],
)
def test_options_out_of_range_are_told(ring, options, told):
    task = train.delayed_match(n=20, rng=np.random.default_rng(1))
    with pytest.raises(OptionError, match=told):
        fit_readout(ring, task, **options, rng=np.random.default_rng(1))


def test_the_worm_remembers_as_a_reservoir(shared_data):
    table = pd.read_csv(shared_data / "celegans" / "herm_full_edgelist.csv")
    table = table.map(lambda each: each.strip() if isinstance(each, str) else each)
    cells = sorted({*table["Source"], *table["Target"]})
    worm = Connectome.from_ids(cells, table["Source"], table["Target"], properties={"weight": np.sqrt(table["Weight"])})
    network = {
        "weights": {"kind": "fixed", "scale": 0.05},
        "dynamics": {"tau_ms": 2.0, "phi": "tanh", "bias_trained": "none"},
    }
    options = {"delay_steps": 10, "noise": 0.3}
    task = train.evidence(n=600, **options, rng=np.random.default_rng(1))
    trained = train.fit_readout(worm, task, network=network, rng=np.random.default_rng(2))
    new = train.evidence(n=400, **options, part="test", rng=np.random.default_rng(3))
    assert train.score(trained, new) > 0.8

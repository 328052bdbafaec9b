"""Delays by the name that a circuit's edges give them: fitted, kept, and given to new connections from the terminal."""

import json
import subprocess
import sys

import numpy as np
import pytest

from conntap.build import column
from conntap.circuits import open_circuit
from conntap.circuits.rules import evaluate, fit_delays, fit_properties, save
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import OptionError
from conntap.manipulate import rewire, wire

RULE = {"kind": "Exponential", "a": 0.2, "b": 0.01}


@pytest.fixture(scope="module")
def edges():
    return column(n_nodes=80, rng=np.random.default_rng(1))


def test_a_fit_gives_delays_by_the_name_they_were_fitted_by(edges):
    model = fit_delays(edges, delay="delay_ms").model
    found = evaluate(edges, model=model, rng=np.random.default_rng(0))
    assert set(found.properties) == {"delay_ms", "n_syn"}
    assert np.allclose(found.properties["delay_ms"], edges.properties["delay_ms"], atol=1e-3)


def test_rewired_connections_of_a_column_get_delays_of_their_length(edges):
    after = rewire(
        edges, rule=RULE, post="layer == 4", delays=fit_delays(edges, delay="delay_ms"), rng=np.random.default_rng(0)
    )
    assert set(after.properties) == {"delay_ms", "n_syn"}
    again = fit_delays(after, delay="delay_ms").model.pathways[0][2]
    assert again.b_ms_per_um == pytest.approx(1 / 300, rel=1e-3)


def test_a_name_that_edges_lack_is_told_with_the_way_out(edges):
    plain = {"kind": "DelayLine", "a_ms": 1.0, "b_ms_per_um": 0.0, "sd_ms": 0.0, "least_ms": 0.1}
    delays = {"kind": "Delays", "by": [], "pathways": [[[], [], plain]], "positions": ["x", "y", "z"]}
    with pytest.raises(
        OptionError, match=r"no property delay, .*they have: delay_ms, n_syn\. Name it .*name: delay_ms"
    ):
        rewire(edges, rule=RULE, delays=delays, rng=np.random.default_rng(0))
    assert rewire(edges, rule=RULE, delays={**delays, "name": "delay_ms"}, rng=np.random.default_rng(0)).n_edges
    with pytest.raises(OptionError, match=r"edges have delay_ms, n_syn, which no model gives\. Give models: `delays`"):
        wire(edges, rule=RULE, rng=np.random.default_rng(0))
    with pytest.raises(OptionError, match="name is ''; give the name of an edge property"):
        rewire(edges, rule=RULE, delays={**delays, "name": ""}, rng=np.random.default_rng(0))


def test_a_column_is_wired_from_the_terminal(edges, tmp_path):
    write_sonata(edges, tmp_path / "circuit")
    save(fit_delays(edges, delay="delay_ms"), tmp_path / "delays.json")
    save(fit_properties(edges, properties={"n_syn": "poisson"}), tmp_path / "others.json")
    step = {"do": "wire", "rule": RULE, "delays": {"path": "delays.json"}, "properties": {"path": "others.json"}}
    recipe = [{"do": "remove_connections", "fraction": 0.5}, step]
    document = {"circuit": "circuit/circuit_config.json", "output": "wired", "recipe": recipe}
    (tmp_path / "recipe.json").write_text(json.dumps(document))
    words = [sys.executable, "-m", "conntap.cli", "manipulate", tmp_path / "recipe.json"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = open_circuit(tmp_path / "wired").edges().connectome(properties=None)
    assert {name: column.dtype for name, column in found.properties.items()} == {
        name: column.dtype for name, column in edges.properties.items()
    }

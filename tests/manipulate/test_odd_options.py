"""Options of other types than expected: numbers of numpy's are taken, everything else is told by name."""

import json

import h5py
import numpy as np
import pytest

from conntap.circuits import Connectome, open_circuit
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import OptionError
from conntap.manipulate import remove_connections, remove_synapses
from conntap.manipulate.circuits import examine_circuit, manipulate_circuit

HALF = [{"do": "remove_connections", "fraction": 0.5}]


@pytest.fixture
def circuit(tmp_path):
    rng = np.random.default_rng(0)
    columns = {"w": rng.random(60).astype("f4"), "k": rng.integers(0, 9, 60), "kind": rng.choice(["a", "b"], 60)}
    return open_circuit(
        write_sonata(Connectome(10, *rng.integers(0, 10, (2, 60)), properties=columns), tmp_path / "old")
    )


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"do": "remove_connections", "connections": np.array([3])}, r"remove_connections.connections: array\(\[3\]\)"),
        ({"do": "remove_connections", "connections": 3.0}, "remove_connections.connections: 3.0; give a whole number"),
        ({"do": "remove_synapses", "fraction": 1, "rescale": ["w"]}, "remove_synapses.rescale: unknown edge property"),
        (
            {"do": "remove_synapses", "fraction": 1, "rescale": "u"},
            "remove_synapses.rescale: unknown edge property 'u'",
        ),
        (
            {"do": "alter_property", "property": "w", "how": "set", "value": 1, "where": 3},
            "alter_property.where: query 3",
        ),
        ({"do": "alter_property", "property": "w", "how": "set", "value": 1, "where": ["w"]}, "alter_property.where"),
        ({"do": "extract", "nodes": None}, "extract.nodes: None"),
    ],
)
def test_options_of_steps_in_chunks_are_told_by_name(circuit, step, message):
    with pytest.raises(OptionError, match=message):
        examine_circuit(circuit, recipe=[step])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": None}, "recipe: None; give a list of manipulations"),
        ({"recipe": HALF[0]}, "recipe: .*; give a list of manipulations"),
        ({"mem_gb": "1"}, "mem_gb: 1; give a number"),
        ({"mem_gb": np.inf}, "mem_gb: inf; give a number"),
        ({"mem_gb": 0}, "mem_gb: 0; give a number above 0"),
        ({"mem_gb": True}, "mem_gb: True; give a number"),
        ({"workers": "2"}, "workers: '2'; give a whole number"),
        ({"edges": ["e"]}, "edges: unknown edge population"),
        ({"listen": 3}, "listen: a int; give a function"),
    ],
)
def test_options_of_a_run_in_chunks_are_told_by_name(circuit, options, message):
    with pytest.raises(OptionError, match=f"manipulate_circuit.{message}"):
        examine_circuit(circuit, **{"recipe": HALF, **options})


def test_what_is_no_circuit_is_told():
    with pytest.raises(OptionError, match="manipulate_circuit: a Connectome; give a circuit"):
        examine_circuit(Connectome(2, [], []), recipe=HALF)


def test_numbers_of_numpy_are_taken_and_written_down_as_numbers(circuit, tmp_path):
    recipe = [{"do": "remove_connections", "connections": np.int64(3), "synapses": [np.int64(1), None]}]
    path = manipulate_circuit(circuit, tmp_path / "new", recipe=recipe, seed=np.int64(2**40), mem_gb=np.float32(0.5))
    with h5py.File(path.parent / "edges.h5") as file:
        told = dict(next(iter(file["edges"].values())).attrs)
    assert json.loads(told["recipe"]) == [{"do": "remove_connections", "connections": 3, "synapses": [1, None]}]
    assert told["seed"] == 2**40


def test_a_seed_of_any_size_is_written_down(circuit, tmp_path):
    path = manipulate_circuit(circuit, tmp_path / "new", recipe=HALF, seed=2**80)
    with h5py.File(path.parent / "edges.h5") as file:
        assert next(iter(file["edges"].values())).attrs["seed"] == str(2**80)


def test_in_memory_the_same_is_told():
    connectome, rng = Connectome(2, [0, 1], [1, 0]), np.random.default_rng(0)
    with pytest.raises(OptionError, match=r"remove_synapses\.rescale: unknown edge property"):
        remove_synapses(connectome, fraction=1, rescale=["w"], rng=rng)
    with pytest.raises(OptionError, match=r"remove_connections\.connections: array"):
        remove_connections(connectome, connections=np.array([1]), rng=rng)

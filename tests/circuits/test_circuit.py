"""The circuit on disk: opening, populations, defaults, pickling, fingerprint."""

import pickle

import numpy as np
import pytest
from sonata_files import write_circuit, write_config, write_edges, write_nodes

from conntap.circuits.circuit import open_circuit
from conntap.errors import CircuitError


def test_a_circuit_opens_from_its_file_or_its_folder(tmp_path):
    config = write_circuit(tmp_path)
    for path in (config, str(config), tmp_path):
        assert list(open_circuit(path).node_populations) == ["cells"]


def test_edges_read_are_those_written(tmp_path):
    connectome = open_circuit(write_circuit(tmp_path)).edges().connectome()
    assert (connectome.pre.tolist(), connectome.post.tolist()) == ([0, 0, 1, 3], [1, 2, 2, 0])
    assert connectome.is_square


def test_the_adjacency_counts_parallel_edges(tmp_path):
    edges = open_circuit(write_circuit(tmp_path, pre=[0, 0, 1], post=[1, 1, 0], n=2)).edges()
    assert edges.adjacency().toarray().tolist() == [[0, 2], [1, 0]]


def test_chosen_nodes_keep_the_order_given(tmp_path):
    edges = open_circuit(write_circuit(tmp_path, edge_attributes={"w": [1.0, 2.0, 3.0, 4.0]})).edges()
    connectome = edges.connectome([2, 0], properties="w")
    assert connectome.ids.tolist() == [2, 0]
    assert connectome.edges.to_numpy().tolist() == [[0, 2, 2.0]]


def test_chunks_together_are_all_edges(tmp_path):
    edges = open_circuit(write_circuit(tmp_path, edge_attributes={"w": [1, 2, 3, 4]})).edges()
    pre, post, weights = zip(*((a, b, more["w"]) for a, b, more in edges.iter_chunks(size=3, properties="w")))
    assert [len(each) for each in pre] == [3, 1]
    assert np.concatenate(post).tolist() == [1, 2, 2, 0]
    assert np.concatenate(weights).tolist() == [1, 2, 3, 4]


def test_a_circuit_pickles_as_its_path_and_names(tmp_path):
    circuit = open_circuit(write_circuit(tmp_path), edges="cells__cells")
    sent = pickle.dumps(circuit)
    assert len(sent) < 400
    assert pickle.loads(sent) == circuit
    assert pickle.loads(pickle.dumps(circuit.edges())).size == 4


def test_an_unknown_population_is_answered_with_the_nearest(tmp_path):
    circuit = open_circuit(write_circuit(tmp_path))
    with pytest.raises(CircuitError, match=r"unknown node population 'cell'.*Did you mean 'cells'"):
        circuit.nodes("cell")
    with pytest.raises(CircuitError, match=r"unknown edge population 'cells_cells'.*Did you mean"):
        open_circuit(circuit.path, edges="cells_cells")


def test_the_default_edges_are_the_only_ones_within_a_population(tmp_path):
    write_nodes(tmp_path / "nodes.h5", "cells")
    write_nodes(tmp_path / "nodes.h5", "fibres", n=2)
    write_edges(tmp_path / "edges.h5", "inner", pre=[0], post=[1])
    write_edges(tmp_path / "edges.h5", "inputs", pre=[1], post=[3], ends=("fibres", "cells"))
    circuit = open_circuit(write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}]))
    assert circuit.default_edges.name == "inner"
    assert circuit.default_nodes.name == "cells"
    assert circuit.edges("inputs").connectome().n_pre == 2


def test_the_fingerprint_follows_the_content_and_not_the_place(tmp_path):
    prints = []
    for name, post in (("a", (1, 2, 2, 0)), ("b", (1, 2, 2, 0)), ("c", (1, 2, 2, 1))):
        (tmp_path / name).mkdir()
        prints.append(open_circuit(write_circuit(tmp_path / name, post=post)).fingerprint())
    assert prints[0] == prints[1] != prints[2]

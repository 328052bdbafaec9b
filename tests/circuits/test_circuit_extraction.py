"""Edges among chosen nodes: the same through the index, by a scan, and from the whole."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sonata_files import write_circuit, write_config, write_edges, write_nodes

from conntap.circuits.circuit import open_circuit
from conntap.circuits.sonata import ends
from conntap.errors import CircuitError


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """200 nodes and 3,000 edges with loops, parallel edges and properties, sorted by target, indexed."""
    rng = np.random.default_rng(5)
    pre, post = rng.integers(0, 200, 3000), np.sort(rng.integers(0, 200, 3000))
    attributes = {"w": rng.random(3000), "kind": rng.integers(0, 2, 3000).astype("u1"), "@library/kind": ["e", "i"]}
    path = write_circuit(tmp_path_factory.mktemp("wide"), pre=pre, post=post, n=200, edge_attributes=attributes)
    return open_circuit(path).edges()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 199), unique=True, max_size=60))
def test_chosen_ids_give_the_subset_of_the_whole(wide, ids):
    ids = np.asarray(ids, dtype=np.int64)
    whole = wide.connectome(properties=None)
    assert wide.connectome(ids, properties=None) == whole.subset(ids)
    assert (wide.adjacency(ids) != whole.subset(ids).adjacency()).nnz == 0


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 199), max_size=9), st.sets(st.integers(0, 199), max_size=60))
def test_two_sides_give_the_subset_of_the_whole(wide, few, many):
    whole = wide.connectome(properties=None)
    few, many = np.array(sorted(few), dtype=int), np.array(sorted(many), dtype=int)
    for pre, post in ((few, many), (many, few)):
        found = wide.connectome(pre_ids=pre, post_ids=post, properties=None)
        if not found.is_square:
            assert found == whole.subset(pre=pre, post=post)


@pytest.mark.parametrize("side", ["pre_ids", "post_ids"])
def test_the_index_and_the_scan_find_the_same_edges(wide, side, monkeypatch):
    indexed = wide.connectome(**{side: [3, 150, 7]}, properties=None)
    monkeypatch.setattr(ends, "_through_index", lambda *_: (None, np.empty(0)))
    scanned = wide.connectome(**{side: [3, 150, 7]}, properties=None)
    assert indexed == scanned
    assert indexed.properties["w"].tolist() == scanned.properties["w"].tolist()


def test_few_chosen_nodes_are_read_through_the_index(wide, monkeypatch):
    monkeypatch.setattr(ends, "_scan", lambda *_: pytest.fail("scanned"))
    assert wide.connectome(post_ids=[3, 5]).n_edges > 0
    assert wide.connectome([3, 5]).n_nodes == 2


def test_an_index_with_empty_and_unsorted_ranges_is_followed(tmp_path):
    n = 200
    path = write_circuit(tmp_path, pre=np.arange(n), post=np.arange(n)[::-1], n=n)
    with h5py.File(tmp_path / "edges.h5", "a") as file:
        index = file["edges/cells__cells/indices/target_to_source"]
        ranges = index["node_id_to_ranges"][:]
        ranges[5] = [n - 6, n - 6]  # said to have no edges
        edges = index["range_to_edge_id"][:]
        edges[7] = [n - 7 - 1, n - 7 - 1]  # a range of no edges
        for name, values in (("node_id_to_ranges", ranges), ("range_to_edge_id", edges)):
            del index[name]
            index[name] = values
    found = open_circuit(path).edges().connectome(post_ids=[4, 5, 6, 7])
    assert found.edges.to_numpy().tolist() == [[n - 7, 6], [n - 5, 4]]


def test_the_same_ids_on_both_sides_are_a_square(wide):
    assert wide.connectome(pre_ids=[1, 2], post_ids=[1, 2]).is_square
    assert not wide.connectome(pre_ids=[1, 2], post_ids=[2, 1]).is_square
    assert not wide.connectome(pre_ids=[1, 2]).is_square


def test_chunks_leave_no_seam(wide, monkeypatch):
    whole = wide.connectome(properties=None)
    for module in ("hdf5", "ends"):
        monkeypatch.setattr(f"conntap.circuits.sonata.{module}.CHUNK", 7)
    assert wide.connectome(properties=None) == whole
    half = wide.connectome(range(100), properties=None)
    assert half == whole.subset(np.arange(100))


def test_edge_ids_follow_the_order_asked_for(wide):
    table = wide.table([2999, 0, 7], ["kind", "w"])
    assert table.index.tolist() == [2999, 0, 7]
    assert table.loc[0, "w"] == wide.table().loc[0, "w"]


def test_an_unsorted_file_without_an_index_is_scanned(tmp_path):
    write_nodes(tmp_path / "nodes.h5", n=4)
    write_edges(tmp_path / "edges.h5", pre=[3, 0, 3], post=[2, 1, 0], index=False)
    path = write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}])
    assert open_circuit(path).edges().connectome([3, 0]).edges.to_numpy().tolist() == [[3, 0]]


@pytest.mark.parametrize(("side", "dataset"), [("pre", "source_node_id"), ("post", "target_node_id")])
@pytest.mark.parametrize("ids", [None, [0, 1, 2, 3]])
def test_an_edge_to_no_node_is_an_error_that_names_the_id(tmp_path, side, dataset, ids):
    ends = {"pre": [0, 1], "post": [1, 2]} | {side: [0, 4]}
    path = write_circuit(tmp_path, n=4, **ends)
    with pytest.raises(CircuitError, match=rf"edges\.h5: /edges/cells__cells/{dataset}: id 4 is out of range.*4 nodes"):
        open_circuit(path).edges().connectome(ids)


def test_a_negative_id_is_an_error_too(tmp_path):
    path = write_circuit(tmp_path, n=4)
    with h5py.File(tmp_path / "edges.h5", "a") as file:
        del file["edges/cells__cells/source_node_id"]
        file["edges/cells__cells/source_node_id"] = np.array([0, -1, 2, 3])
        file["edges/cells__cells/source_node_id"].attrs["node_population"] = "cells"
    with pytest.raises(CircuitError, match="id -1 is out of range"):
        open_circuit(path).edges().connectome()


def test_a_population_without_edges_is_an_empty_connectome(tmp_path):
    edges = open_circuit(write_circuit(tmp_path, pre=(), post=(), edge_attributes={"w": np.empty(0)})).edges()
    for connectome in (edges.connectome(properties=None), edges.connectome([1, 2], properties=None)):
        assert connectome.n_edges == 0
    assert edges.adjacency().shape == (4, 4)
    assert list(edges.iter_chunks()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ids": [0, 0]}, "an id stands twice"),
        ({"ids": [0, 4]}, "of 4 nodes has no id 4"),
        ({"ids": [-1]}, "has no id -1"),
        ({"ids": [0.5]}, "a selection of float64"),
        ({"ids": [[0]]}, r"of shape \(1, 1\)"),
        ({"ids": [0], "pre_ids": [0]}, "give ids for both sides"),
        ({"ids": "nowhere"}, "unknown node set 'nowhere'; known: none"),
    ],
)
def test_a_choice_that_makes_no_sense_is_answered(tmp_path, options, said):
    with pytest.raises(CircuitError, match=said):
        open_circuit(write_circuit(tmp_path)).edges().connectome(**options)


def test_ids_for_two_populations_are_refused(tmp_path):
    for name in ("a", "b"):
        write_nodes(tmp_path / "nodes.h5", name)
    write_edges(tmp_path / "edges.h5", "a_to_b", pre=[0], post=[1], ends=("a", "b"))
    edges = open_circuit(write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}])).edges()
    with pytest.raises(CircuitError, match="goes from 'a' to 'b'; give pre_ids and post_ids"):
        edges.connectome([0])
    assert edges.connectome(post_ids=[1]).edges.to_numpy().tolist() == [[0, 1]]


def test_chunks_of_no_edges_and_edges_that_are_not_there_are_refused(tmp_path):
    edges = open_circuit(write_circuit(tmp_path)).edges()
    with pytest.raises(CircuitError, match="chunks of 0 edges"):
        next(edges.iter_chunks(size=0))
    with pytest.raises(CircuitError, match="of 4 edges has no edge 9"):
        edges.table([0, 9])

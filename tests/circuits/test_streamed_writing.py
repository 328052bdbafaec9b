"""Circuits written from a stream of edges: what stays, what changes, and what an interrupted run leaves."""

import json
import os
import signal
import subprocess
import sys
import time

import bluepysnap
import h5py
import libsonata
import numpy as np
import pandas as pd
import pytest
import sonata_files as files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.circuits.checks import check
from conntap.circuits.circuit import open_circuit
from conntap.circuits.sonata.indexing import write_indices
from conntap.circuits.sonata.streamed_writing import write_edges_streamed
from conntap.circuits.sonata.streaming import EdgeStream
from conntap.circuits.sonata.writing import write_circuit, write_sonata
from conntap.errors import CircuitError

few = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
ALLEN = [("300_pointneurons", "internal_to_internal"), ("300_intfire", "v1_to_v1"), ("300_intfire", "lgn_to_v1")]


def copied(circuit, path, *, most=2, edges=None, keep=None, **options):
    """The circuit written again, `most` edges at a time; the edges of pre rows where `keep` holds."""
    stream = EdgeStream(circuit.edges(edges))
    chunks = map(stream.read, stream.ranges(most))
    chunks = chunks if keep is None else (chunk.rows(keep(chunk)) for chunk in chunks)
    return open_circuit(write_edges_streamed(circuit, path, chunks, edges=edges, **options))


@pytest.fixture
def rich(tmp_path):
    """Two populations in one file, libraries, vectors, numbers of other kinds and attributes."""
    folder = tmp_path / "rich"
    folder.mkdir()
    files.write_nodes(folder / "nodes.h5", n=4)
    files.write_edges(
        folder / "edges.h5", pre=[0, 0, 1, 3, 3], post=[0, 1, 2, 2, 3], attributes={"w": np.ones(5, "f4")}
    )
    files.write_edges(folder / "edges.h5", "electrical", pre=[3], post=[0], attributes={"gap": [0.5]})
    with h5py.File(folder / "edges.h5", "a") as file:
        file.attrs["magic"] = np.uint32(0x0A7A)
        file["edges"].attrs["note"] = "by hand"
        group = file["edges/cells__cells"]
        group.attrs["made"] = "today"
        group["0/w"].attrs["unit"] = "nS"
        group["0/kind"] = np.array([1, 0, 1, 1, 0], dtype="u1")
        group["0/@library/kind"] = np.array(["e", "i"], dtype=object)
        group["0/place"] = np.arange(15.0).reshape(5, 3)
        group["0/dynamics_params/tau"] = np.arange(5, dtype=">i2")
        group["extra/models"] = [1, 2, 3, 4, 5]
        group["edge_group_id"], group["edge_group_index"] = np.zeros(5, "u2"), np.arange(5, dtype="u4")
    return open_circuit(
        files.write_config(
            folder,
            [{"nodes_file": "$HERE/nodes.h5", "populations": {"cells": {"type": "point_neuron"}}}],
            [
                {
                    "edges_file": "$HERE/edges.h5",
                    "populations": {"cells__cells": {"type": "chemical"}, "electrical": {}},
                },
                {"edges_file": "gone.h5", "enabled": False},
            ],
            manifest={"$HERE": "."},
            _comment="kept",
            components={"morphologies_dir": "shapes"},
        ),
        edges="cells__cells",
    )


# -- what stays ------------------------------------------------------------------------------------------------


@few
@given(c=connectomes(min_nodes=1, columns=False).filter(lambda c: "n/1" not in c.properties), most=st.integers(1, 30))
def test_a_circuit_written_again_in_chunks_of_any_size_is_the_same(c, most, tmp_path_factory):
    folder = tmp_path_factory.mktemp("again")
    circuit = open_circuit(write_sonata(c, folder / "old"))
    again = copied(circuit, folder / "new", most=most)
    pd.testing.assert_frame_equal(again.edges().table(), circuit.edges().table())
    with h5py.File(folder / "old/edges.h5") as old, h5py.File(folder / "new/edges.h5") as new:
        for path in ("source_to_target", "target_to_source"):
            for each in ("node_id_to_ranges", "range_to_edge_id"):
                name = f"edges/nodes__nodes__chemical/indices/{path}/{each}"
                assert np.array_equal(old[name], new[name])
                assert old[name].dtype == new[name].dtype


def test_types_libraries_vectors_attributes_and_siblings_are_kept(rich, tmp_path):
    copied(rich, tmp_path / "new", keep=lambda chunk: chunk.pre != 1, attributes={"seed": 7})
    with h5py.File(tmp_path / "rich/edges.h5") as old, h5py.File(tmp_path / "new/edges.h5") as new:
        old_group, group = old["edges/cells__cells"], new["edges/cells__cells"]
        kept = np.array([0, 1, 3, 4])
        for name in ("0/w", "0/kind", "0/place", "0/dynamics_params/tau", "edge_type_id", "source_node_id"):
            assert np.array_equal(group[name][:], old_group[name][:][kept])
            assert group[name].dtype == old_group[name].dtype
        assert group["0/@library/kind"].asstr()[:].tolist() == ["e", "i"]
        assert group["extra/models"][:].tolist() == [1, 2, 3, 4, 5]
        assert group["edge_group_index"][:].tolist() == [0, 1, 2, 3]
        assert (new.attrs["magic"], new["edges"].attrs["note"]) == (0x0A7A, "by hand")
        assert (group.attrs["made"], group["0/w"].attrs["unit"]) == ("today", "nS")
        assert (group.attrs["seed"], group.attrs["number_of_edges"], group.attrs["number_of_source_nodes"]) == (7, 4, 4)
        assert new["edges/electrical/0/gap"][:].tolist() == [0.5]
        assert np.array_equal(
            new["edges/electrical/indices/source_to_target/range_to_edge_id"],
            old["edges/electrical/indices/source_to_target/range_to_edge_id"],
        )


def test_the_configuration_changes_only_where_it_must(rich, tmp_path):
    again = copied(rich, tmp_path / "new")
    old, new = json.loads(rich.path.read_text()), json.loads(again.path.read_text())
    assert new.pop("manifest") == {"$HERE": str(tmp_path / "rich")}
    assert new["networks"]["edges"][0].pop("edges_file") == "./edges.h5"
    assert new.pop("components") == {"morphologies_dir": str(tmp_path / "rich/shapes")}
    assert new["networks"]["edges"][1].pop("edges_file") == str(tmp_path / "rich/gone.h5")
    del old["manifest"], old["components"], old["networks"]["edges"][0]["edges_file"]
    del old["networks"]["edges"][1]["edges_file"]
    assert new == old
    assert list(json.loads(again.path.read_text())) == list(json.loads(rich.path.read_text()))
    assert again.edges("electrical").path.parent == tmp_path / "new"


def test_copied_files_make_a_folder_that_may_be_moved(rich, tmp_path):
    copied(rich, tmp_path / "new", others="copy")
    (tmp_path / "new").rename(tmp_path / "moved")
    (tmp_path / "rich").rename(tmp_path / "away")
    moved = open_circuit(tmp_path / "moved", edges="cells__cells")
    assert moved.edges().size == 5
    assert moved.nodes("cells").path == tmp_path / "moved/nodes.h5"


@few
@given(c=connectomes(min_nodes=1, columns=False, properties=False, square=None))
def test_libsonata_and_bluepysnap_find_the_edges_that_are_left(c, tmp_path_factory):
    folder = tmp_path_factory.mktemp("peers")
    circuit = open_circuit(write_sonata(c, folder / "old"))
    again = copied(circuit, folder / "new", keep=lambda chunk: chunk.pre % 2 == 0)
    name, left = circuit.edges().name, c.pre % 2 == 0
    theirs = libsonata.CircuitConfig.from_file(str(again.path)).edge_population(name)
    assert theirs.size == left.sum()
    for node in range(c.n_pre):
        found = theirs.target_nodes(theirs.efferent_edges([node]))
        assert sorted(found.tolist()) == sorted(c.post[left & (c.pre == node)].tolist())
    for node in range(c.n_post):
        found = theirs.source_nodes(theirs.afferent_edges([node]))
        assert sorted(found.tolist()) == sorted(c.pre[left & (c.post == node)].tolist())
    assert bluepysnap.Circuit(str(again.path)).edges[name].size == left.sum()
    assert not [each for each in check(again.path) if each.level == "error"]


@pytest.mark.parametrize("others", ["refer", "copy"])
@pytest.mark.parametrize(("folder", "name"), ALLEN)
def test_circuits_of_the_allen_dialect_keep_their_types_and_siblings(shared_data, tmp_path, folder, name, others):
    circuit = open_circuit(shared_data / "sonata" / folder)
    again = copied(circuit, tmp_path / "new", most=9000, edges=name, others=others)
    pd.testing.assert_frame_equal(again.edges(name).table(), circuit.edges(name).table())
    assert {n: each.size for n, each in again.edge_populations.items()} == {
        n: each.size for n, each in circuit.edge_populations.items()
    }
    theirs = libsonata.EdgeStorage(str(again.edges(name).path)).open_population(name)
    assert theirs.afferent_edges([5]).flat_size == (circuit.edges(name).table(properties=())["post"] == 5).sum()
    assert not [each for each in check(again.path) if each.level == "error"]


def test_node_sets_that_a_simulation_names_are_named_by_the_new_circuit(shared_data, tmp_path):
    circuit = open_circuit(shared_data / "sonata/300_pointneurons/config.json", edges="internal_to_internal")
    again = copied(circuit, tmp_path / "new", most=5000)
    assert len(circuit.node_sets) > 0
    assert list(again.node_sets) == list(circuit.node_sets)


# -- edges that do not lie by post node ------------------------------------------------------------------------------


@few
@given(data=st.data(), indexed=st.booleans())
def test_edges_in_any_order_come_by_post_node_through_the_index_or_without(data, indexed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("order")
    pairs = data.draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=20))
    pre, post = ([pair[side] for pair in pairs] for side in (0, 1))
    files.write_nodes(folder / "nodes.h5", n=5)
    weights = np.arange(len(pairs), dtype=float)
    files.write_edges(folder / "edges.h5", pre=pre, post=post, attributes={"w": weights}, index=False)
    if indexed:
        with h5py.File(folder / "edges.h5", "a") as file:
            write_indices(file["edges/cells__cells"], 5, 5, memory=200)
    entries = [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}]
    circuit = open_circuit(files.write_config(folder, *entries))
    again = copied(circuit, folder / "new", most=3).edges().table()
    expected = circuit.edges().table().sort_values("post", kind="stable").reset_index(drop=True)
    assert again.reset_index(drop=True).equals(expected)


def test_an_index_that_does_not_match_is_an_error(tmp_path):
    files.write_circuit(tmp_path, pre=(0, 1, 3), post=(2, 0, 1))
    with h5py.File(tmp_path / "edges.h5", "a") as file:
        file["edges/cells__cells/indices/target_to_source/range_to_edge_id"][:] = 0
    with pytest.raises(CircuitError, match="target_to_source does not match the edges"):
        copied(open_circuit(tmp_path), tmp_path / "new")
    assert not (tmp_path / "new").exists()


# -- indices -------------------------------------------------------------------------------------------------------


@few
@given(
    ids=st.lists(st.integers(0, 5), max_size=30),
    memory=st.integers(1, 1000),
    piece=st.integers(1, 9),
    kind=st.sampled_from(["u8", "i8", ">u4", "u1"]),
)
def test_an_index_is_the_same_in_any_memory_and_any_pieces(ids, memory, piece, kind):
    import io
    from unittest import mock

    from conntap.circuits.sonata import indexing

    found = []
    for most, rows in ((memory, piece), (1 << 30, 1 << 18)):
        sizes = mock.patch.multiple(indexing, _PIECE=rows, _WRITTEN=rows)
        with sizes, h5py.File(io.BytesIO(), "w") as file:
            file["source_node_id"] = file["target_node_id"] = np.array(ids, dtype=kind)
            write_indices(file, 6, 6, memory=most)
            index = file["indices/source_to_target"]
            found.append([index["node_id_to_ranges"][:].tolist(), index["range_to_edge_id"][:].tolist()])
    assert found[0] == found[1]
    nodes, ranges = found[0]
    for node, (first, last) in enumerate(nodes):
        edges = [edge for start, stop in ranges[first:last] for edge in range(start, stop)]
        assert edges == [edge for edge, each in enumerate(ids) if each == node]


# -- refusals and interruptions ------------------------------------------------------------------------------------


def test_a_circuit_is_never_changed_in_place(rich):
    before = {each.name: each.read_bytes() for each in rich.path.parent.iterdir()}
    with pytest.raises(CircuitError, match="never changed in place"):
        copied(rich, rich.path.parent)
    assert {each.name: each.read_bytes() for each in rich.path.parent.iterdir()} == before


def test_a_folder_with_something_in_it_is_refused(rich, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new/note.txt").write_text("mine")
    with pytest.raises(CircuitError, match="there already, and not empty"):
        copied(rich, tmp_path / "new")


def test_chunks_that_do_not_fit_are_refused_and_leave_nothing(rich, tmp_path):
    stream = EdgeStream(rich.edges())
    one, two = map(stream.read, [(0, 2), (2, 4)])
    fewer = stream.read((2, 4), ["0/w"])
    for chunks, why in (([two, one], "do not rise"), ([one, fewer], "the first had"), ([], "no chunk")):
        with pytest.raises(CircuitError, match=why):
            write_edges_streamed(rich, tmp_path / "new", chunks)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["rich"]


def test_several_groups_of_properties_are_refused(tmp_path):
    groups = {0: {"w": [1.0]}, 1: {"u": [2.0]}}
    files.write_nodes(tmp_path / "nodes.h5", n=3)
    places = {"edge_group_id": [0, 1], "edge_group_index": [0, 0]}
    files.write_edges(tmp_path / "edges.h5", pre=[0, 1], post=[1, 2], groups=groups, **places)
    config = files.write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}])
    with pytest.raises(CircuitError, match=r"has 2 groups of properties \(0, 1\); only one can be streamed"):
        EdgeStream(open_circuit(config).edges())


def test_rows_of_a_group_in_another_order_are_put_in_that_of_the_edges(tmp_path):
    files.write_nodes(tmp_path / "nodes.h5", n=3)
    files.write_edges(
        tmp_path / "edges.h5",
        pre=[0, 1, 2],
        post=[0, 1, 2],
        attributes={"w": [1.0, 2.0, 3.0]},
        edge_group_id=[0, 0, 0],
        edge_group_index=[2, 0, 1],
    )
    config = files.write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}])
    again = copied(open_circuit(config), tmp_path / "new")
    assert again.edges().table()["w"].tolist() == [3.0, 1.0, 2.0]


def test_a_property_of_another_length_is_damage(rich, tmp_path):
    with h5py.File(rich.edges().path, "a") as file:
        del file["edges/cells__cells/0/w"]
        file["edges/cells__cells/0/w"] = [1.0, 2.0]
    with pytest.raises(CircuitError, match=r"for 5 edges\. The file is damaged"):
        copied(open_circuit(rich.path, edges="cells__cells"), tmp_path / "new")


KILLED = """
import sys, time
from conntap.circuits import open_circuit
from conntap.circuits.sonata.streamed_writing import write_edges_streamed
from conntap.circuits.sonata.streaming import EdgeStream
circuit = open_circuit(sys.argv[1])
stream = EdgeStream(circuit.edges())
def chunks():
    for posts in stream.ranges(1):
        yield stream.read(posts)
        print("writing", flush=True)
        time.sleep(60)
write_edges_streamed(circuit, sys.argv[2], chunks())
"""


def test_a_killed_run_leaves_nothing_that_looks_done_and_the_next_clears_it_away(tmp_path):
    nodes = {"cells": pd.DataFrame(index=range(3))}
    from conntap.circuits import Connectome

    source = write_circuit(
        tmp_path / "old", nodes=nodes, edges={"e": ("cells", "cells", Connectome(3, [0, 1], [1, 2]))}
    )
    arguments = [sys.executable, "-c", KILLED, str(source), str(tmp_path / "new")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline() == "writing\n"
        with pytest.raises(CircuitError, match="another process writes 'new'"):
            copied(open_circuit(source), tmp_path / "new")
        os.kill(run.pid, signal.SIGKILL)
    time.sleep(0.05)
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob("**/.new.part/circuit_config.json"))
    assert copied(open_circuit(source), tmp_path / "new").edges().size == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == ["new", "old"]

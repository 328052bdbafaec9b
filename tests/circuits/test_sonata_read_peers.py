"""The same circuits read by libsonata and bluepysnap."""

import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from sonata_files import write_circuit, write_config, write_edges, write_nodes

from conntap.circuits.checks import check
from conntap.circuits.circuit import open_circuit

libsonata = pytest.importorskip("libsonata")

NAMES = ["300_intfire", "300_pointneurons"]


@pytest.fixture(params=NAMES)
def real(request, shared_data):
    return open_circuit(shared_data / "sonata" / request.param)


def _plain(column):
    return column.astype(str).tolist() if isinstance(column.dtype, pd.CategoricalDtype) else column.tolist()


def test_nodes_are_those_of_libsonata(real):
    for nodes in real.node_populations.values():
        peer = libsonata.NodeStorage(str(nodes.path)).open_population(nodes.name)
        assert peer.size == nodes.size
        for name in peer.attribute_names:
            theirs = peer.get_attribute(name, peer.select_all())
            assert _plain(nodes.table(name)[name]) == theirs.tolist()


def test_edges_are_those_of_libsonata(real):
    for edges in real.edge_populations.values():
        peer = libsonata.EdgeStorage(str(edges.path)).open_population(edges.name)
        every = peer.select_all()
        table = edges.table()
        assert (peer.size, peer.source, peer.target) == (edges.size, edges.source, edges.target)
        assert table["pre"].tolist() == peer.source_nodes(every).tolist()
        assert table["post"].tolist() == peer.target_nodes(every).tolist()
        for name in peer.attribute_names:
            assert _plain(table[name]) == peer.get_attribute(name, every).tolist()


def test_types_are_those_that_pandas_joins(real):
    for population in (*real.node_populations.values(), *real.edge_populations.values()):
        key = f"{'node' if population in real.node_populations.values() else 'edge'}_type_id"
        kind = key.split("_")[0] + "s"
        csv = population.path.with_name(population.path.name.replace(f"{kind}.h5", f"{kind[:-1]}_types.csv"))
        types = pd.read_csv(csv, sep=" ").set_index(key)
        with h5py.File(population.path) as file:
            expected = types.loc[file[kind][population.name][key][:]]
        table = population.table()
        for name in types.columns:
            assert _plain(table[name]) == expected[name].tolist()


def _named(circuit, folder):
    """The circuit's configuration in the dialect that bluepysnap opens: every population named."""
    networks = {"nodes": [], "edges": []}
    for kind, populations in (("nodes", circuit.node_populations), ("edges", circuit.edge_populations)):
        for name, each in populations.items():
            options = {"type": "point_neuron" if kind == "nodes" else "chemical"}
            networks[kind].append({f"{kind}_file": str(each.path), "populations": {name: options}})
    path = folder / "circuit_config.json"
    path.write_text(json.dumps({"version": 2, "networks": networks}))
    return path


def test_nodes_and_edges_are_those_of_bluepysnap(real, tmp_path):
    snap = pytest.importorskip("bluepysnap").Circuit(str(_named(real, tmp_path)))
    for name, nodes in real.node_populations.items():
        theirs = snap.nodes[name].get()
        for column in theirs.columns.intersection(nodes.properties):
            assert _plain(nodes.table(column)[column]) == theirs[column].tolist()
    for name, edges in real.edge_populations.items():
        theirs = snap.edges[name].get(np.arange(edges.size), ["@source_node", "@target_node"])
        assert edges.table(properties=[]).to_numpy().tolist() == theirs.to_numpy().tolist()


def test_chosen_ids_of_a_real_circuit_are_rows_of_its_table(real):
    table = real.edges().table(properties=[])
    ours = real.edges().connectome(pre_ids=range(50), post_ids=[1, 2, 250]).edges
    assert ours.to_numpy().tolist() == table[table["pre"].lt(50) & table["post"].isin([1, 2, 250])].to_numpy().tolist()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    rng = np.random.default_rng(3)
    pre, post = rng.integers(0, 60, 900), np.sort(rng.integers(0, 60, 900))
    attributes = {"w": rng.random(900), "kind": rng.integers(0, 2, 900).astype("u4"), "@library/kind": ["e", "i"]}
    node_attributes = {"mtype": rng.integers(0, 3, 60).astype("u4"), "@library/mtype": ["A", "B", "C"]}
    node_attributes |= {"x": rng.random(60), "dynamics_params/tau": rng.random(60), "region": ["r1", "r2"] * 30}
    folder = tmp_path_factory.mktemp("made")
    return write_circuit(folder, pre=pre, post=post, n=60, attributes=node_attributes, edge_attributes=attributes)


def test_bluepysnap_finds_the_same_pathways(made):
    snap = pytest.importorskip("bluepysnap").Circuit(str(made)).edges["cells__cells"]
    edges = open_circuit(made).edges()
    theirs = snap.pathway_edges(
        source=[1, 5, 7, 40], target=[2, 3, 50], properties=["@source_node", "@target_node", "w"]
    )
    ours = edges.connectome(pre_ids=[1, 5, 7, 40], post_ids=[2, 3, 50], properties="w").edges
    assert len(ours) > 0
    assert ours.to_numpy().tolist() == theirs.sort_index().to_numpy().tolist()


def test_bluepysnap_reads_the_same_node_table(made):
    theirs = pytest.importorskip("bluepysnap").Circuit(str(made)).nodes["cells"].get()
    table = open_circuit(made).nodes().table()
    for ours, name in (("x", "x"), ("mtype", "mtype"), ("region", "region"), ("dynamics_params/tau", "@dynamics:tau")):
        assert _plain(table[ours]) == theirs[name].tolist()


def test_libsonata_finds_the_same_connections(made):
    edges = open_circuit(made).edges()
    peer = libsonata.EdgeStorage(str(edges.path)).open_population("cells__cells")
    chosen = peer.connecting_edges(list(range(30)), list(range(10, 60)))
    ours = edges.connectome(pre_ids=range(30), post_ids=range(10, 60)).edges
    assert ours["pre"].tolist() == peer.source_nodes(chosen).tolist()
    assert ours["post"].tolist() == peer.target_nodes(chosen).tolist()
    kinds = edges.table(properties="kind")["kind"]
    assert kinds.cat.codes.tolist() == peer.get_enumeration("kind", peer.select_all()).tolist()


# What check() calls odd is what these readers do refuse.


def test_libsonata_cannot_look_edges_up_by_the_older_spelling(shared_data, capfd):
    path = shared_data / "sonata/300_intfire/network/v1_v1_edges.h5"
    peer = libsonata.EdgeStorage(str(path)).open_population("v1_to_v1")
    with pytest.raises((libsonata.SonataError, RuntimeError), match="node_id_to_ranges"):
        peer.afferent_edges([0])


def test_libsonata_cannot_read_packed_files(tmp_path, capfd):
    write_nodes(tmp_path / "nodes.h5", attributes={"x": np.zeros(4)}, options={"compression": "gzip"})
    peer = libsonata.NodeStorage(str(tmp_path / "nodes.h5"))
    with pytest.raises((libsonata.SonataError, RuntimeError)):
        peer.open_population("cells").get_attribute("x", libsonata.Selection([0]))


def test_libsonata_refuses_several_groups(tmp_path):
    with h5py.File(tmp_path / "nodes.h5", "w") as file:
        file["nodes/cells/node_type_id"] = np.full(2, -1)
        for group in "01":
            file[f"nodes/cells/{group}/x"] = np.zeros(1)
    with pytest.raises(libsonata.SonataError, match="Only single-group populations"):
        libsonata.NodeStorage(str(tmp_path / "nodes.h5")).open_population("cells")


def test_libsonata_refuses_ends_that_are_not_said(tmp_path, capfd):
    write_edges(tmp_path / "edges.h5", pre=[0], post=[1], ends=None)
    with pytest.raises((libsonata.SonataError, RuntimeError)):
        _ = libsonata.EdgeStorage(str(tmp_path / "edges.h5")).open_population("cells__cells").source


def test_bluepysnap_opens_no_population_that_is_not_named(shared_data):
    snap = pytest.importorskip("bluepysnap")
    path = shared_data / "sonata/300_intfire/circuit_config.json"
    assert list(snap.Circuit(str(path)).nodes) == []
    assert any("no 'populations'" in each.what for each in check(path))


def test_bluepysnap_wants_a_folder_of_morphologies(tmp_path):
    snap = pytest.importorskip("bluepysnap")
    write_nodes(tmp_path / "nodes.h5")
    entry = {"nodes_file": "nodes.h5", "populations": {"cells": {"type": "biophysical"}}}
    path = write_config(tmp_path, [entry], [])
    with pytest.raises(libsonata.SonataError, match="morphologies_dir"):
        snap.Circuit(str(path))
    assert any("morphologies_dir" in each.what for each in check(path))


def test_libsonata_takes_the_row_for_the_id(tmp_path):
    write_nodes(tmp_path / "nodes.h5", n=3, node_id=[2, 0, 1], attributes={"x": [20.0, 0.0, 10.0]})
    path = write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [])
    peer = libsonata.NodeStorage(str(tmp_path / "nodes.h5")).open_population("cells")
    assert peer.get_attribute("x", libsonata.Selection([2])).tolist() == [10.0]
    assert open_circuit(path).nodes().table("x", [2])["x"].tolist() == [20.0]


def test_the_fingerprint_of_a_real_circuit_is_that_of_its_copy(real, tmp_path):
    shutil.copytree(real.path.parent, tmp_path / "copy", copy_function=shutil.copy)
    assert open_circuit(tmp_path / "copy").fingerprint() == open_circuit(real.path.parent).fingerprint()

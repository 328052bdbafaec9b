"""SONATA circuits written: opened by libsonata and bluepysnap, and read back equal."""

import json

import bluepysnap
import h5py
import libsonata
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from strategies import connectomes

from conntap.circuits.circuit import open_circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.formats import read, write
from conntap.circuits.sonata.writing import write_circuit, write_sonata
from conntap.errors import FormatError

few = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def column() -> Connectome:
    """Four cells with a type, a layer, a depth and a flag; five edges, two of them parallel."""
    nodes = pd.DataFrame(
        {
            "mtype": ["PC", "BC", "PC", None],
            "layer": np.array([5, 4, 5, 1], dtype=np.int8),
            "depth": [1.5, 2.5, np.nan, 0.5],
            "inhibitory": [False, True, False, True],
        }
    )
    properties = {"weight": [0.5, 1.0, 1.5, 2.0, 2.5], "kind": ["e", "i", "e", "e", "i"]}
    return Connectome(nodes, [2, 1, 0, 0, 1], [0, 0, 1, 1, 3], properties=properties)


def libsonata_edges(path, name="nodes__nodes__chemical"):
    return libsonata.CircuitConfig.from_file(str(path / "circuit_config.json")).edge_population(name)


# -- what others read ------------------------------------------------------------------------------------------


def test_libsonata_reads_the_same_edges_sorted_by_target_then_source(column, tmp_path):
    write_sonata(column, tmp_path)
    edges = libsonata_edges(tmp_path)
    every = edges.select_all()
    pairs = list(zip(edges.target_nodes(every).tolist(), edges.source_nodes(every).tolist(), strict=True))
    assert pairs == [(0, 1), (0, 2), (1, 0), (1, 0), (3, 1)]
    assert edges.get_attribute("weight", every).tolist() == [1.0, 0.5, 1.5, 2.0, 2.5]
    assert edges.get_attribute("kind", every).tolist() == ["i", "e", "e", "e", "i"]


@few
@given(c=connectomes(min_nodes=1, columns=False, properties=False))
def test_both_indices_find_every_edge(c, tmp_path):
    write_sonata(c, tmp_path, overwrite=True)
    edges = libsonata_edges(tmp_path)
    for node in range(c.n_nodes):
        into, out = edges.afferent_edges([node]), edges.efferent_edges([node])
        assert sorted(edges.source_nodes(into).tolist()) == sorted(c.pre[c.post == node].tolist())
        assert sorted(edges.target_nodes(out).tolist()) == sorted(c.post[c.pre == node].tolist())


def test_the_indices_are_those_that_libsonata_makes(column, tmp_path):
    write_sonata(column, tmp_path)
    with h5py.File(tmp_path / "edges.h5") as file, h5py.File(tmp_path / "theirs.h5", "w") as copy:
        file.copy("edges", copy)
        del copy["edges/nodes__nodes__chemical/indices"]
    libsonata.EdgePopulation.write_indices(str(tmp_path / "theirs.h5"), "nodes__nodes__chemical", 4, 4)
    theirs = libsonata.EdgeStorage(str(tmp_path / "theirs.h5")).open_population("nodes__nodes__chemical")
    ours = libsonata_edges(tmp_path)
    for node in range(4):
        assert ours.afferent_edges([node]) == theirs.afferent_edges([node])
        assert ours.efferent_edges([node]) == theirs.efferent_edges([node])


def test_libsonata_reads_node_properties(column, tmp_path):
    write_sonata(column, tmp_path, population="cells")
    nodes = libsonata.CircuitConfig.from_file(str(tmp_path / "circuit_config.json")).node_population("cells")
    every = nodes.select_all()
    assert nodes.size == 4
    assert nodes.get_attribute("mtype", every).tolist() == ["PC", "BC", "PC", ""]
    assert nodes.get_attribute("layer", every).tolist() == [5, 4, 5, 1]
    assert nodes.get_attribute("inhibitory", every).tolist() == [0, 1, 0, 1]
    assert nodes.get_attribute("depth", every)[:2].tolist() == [1.5, 2.5]


def test_bluepysnap_opens_and_queries_it(column, tmp_path):
    write_sonata(column, tmp_path, population="cells")
    circuit = bluepysnap.Circuit(str(tmp_path / "circuit_config.json"))
    assert circuit.nodes["cells"].ids({"mtype": "PC", "layer": 5}).tolist() == [0, 2]
    edges = circuit.edges["cells__cells__chemical"]
    found = edges.afferent_edges(1, ["@source_node", "weight", "kind"])
    assert found["@source_node"].tolist() == [0, 0]
    assert found["kind"].tolist() == ["e", "e"]


def test_a_rectangle_becomes_two_populations(tmp_path):
    c = Connectome(3, [0, 2], [1, 0], post_nodes=2)
    write_sonata(c, tmp_path, population="thalamus", post_population="cortex")
    edges = libsonata_edges(tmp_path, "thalamus__cortex__chemical")
    assert (edges.source, edges.target) == ("thalamus", "cortex")
    assert edges.efferent_edges([2]).flatten().tolist() == [0]
    assert read(tmp_path) == c


def test_the_fly_visual_system_opens_in_the_peers(shared_data, tmp_path):
    fly = read(shared_data / "fly_visual")
    write(fly, tmp_path / "fly", population="fly")
    edges = libsonata_edges(tmp_path / "fly", "fly__fly__chemical")
    into = edges.afferent_edges([5768])
    assert sorted(edges.source_nodes(into).tolist()) == sorted(fly.pre[fly.post == 5768].tolist())
    every = edges.select_all()
    theirs = Connectome(
        fly.nodes,
        edges.source_nodes(every),
        edges.target_nodes(every),
        properties={"n_syn": edges.get_attribute("n_syn", every)},
    )
    assert theirs == fly.with_edges(fly.pre, fly.post, properties={"n_syn": fly.properties["n_syn"]})
    snap = bluepysnap.Circuit(str(tmp_path / "fly" / "circuit_config.json")).nodes["fly"]
    assert len(snap.ids({"cell_type": "T4a"})) == int((fly.nodes["cell_type"] == "T4a").sum())
    assert read(tmp_path / "fly") == fly


# -- what comes back ---------------------------------------------------------------------------------------------


@few
@given(c=connectomes(square=None))
def test_a_connectome_comes_back_equal(c, tmp_path):
    if "n/1" in c.properties:
        return
    for compression in (None, "gzip"):
        write_sonata(c, tmp_path, compression=compression, overwrite=True)
        assert read(tmp_path) == c


def test_ids_that_are_not_row_numbers_come_back(tmp_path):
    ids = np.array([720575940628857210, 5])
    c = Connectome(ids, [0], [1])
    write_sonata(c, tmp_path)
    assert read(tmp_path).ids.tolist() == ids.tolist()
    assert "original_id" in open_circuit(tmp_path).default_nodes.properties


def test_the_worm_comes_back(shared_data, tmp_path):
    worm = read(shared_data / "celegans" / "herm_full_edgelist.csv")
    write(worm, tmp_path / "worm")
    assert read(tmp_path / "worm") == worm


def test_populations_of_a_node_column_stand_apart(tmp_path):
    nodes = pd.DataFrame({"population": ["v1", "lgn", "v1"], "x": [1.0, 2.0, 3.0]})
    write_sonata(Connectome(nodes, [0, 1, 1], [2, 0, 2]), tmp_path)
    circuit = open_circuit(tmp_path)
    assert set(circuit.node_populations) == {"v1", "lgn"}
    assert set(circuit.edge_populations) == {"v1__v1__chemical", "lgn__v1__chemical"}
    assert circuit.edges("lgn__v1__chemical").connectome().adjacency().toarray().tolist() == [[1, 1]]


def test_nullable_numbers_become_floats(tmp_path):
    nodes = pd.DataFrame({"age": pd.array([3, None], dtype="Int64"), "n": pd.array([1, 2], dtype="Int64")})
    write_sonata(Connectome(nodes, [0], [1]), tmp_path)
    table = read(tmp_path).nodes
    assert table["n"].tolist() == [1, 2]
    assert table["age"].isna().tolist() == [False, True]


def test_gzip_is_written_where_asked(tmp_path):
    c = Connectome(2000, np.arange(2000), np.arange(2000)[::-1])
    write_sonata(c, tmp_path / "plain")
    write_sonata(c, tmp_path / "packed", compression="gzip")
    size = {name: (tmp_path / name / "edges.h5").stat().st_size for name in ("plain", "packed")}
    assert size["packed"] < size["plain"] / 2


# -- what is refused ---------------------------------------------------------------------------------------------


def test_a_circuit_that_is_there_is_kept(column, tmp_path):
    write_sonata(column, tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FormatError, match="overwrite=True"):
        write_sonata(Connectome(1, [], []), tmp_path)
    assert read(tmp_path).n_nodes == 4
    write_sonata(Connectome(1, [], []), tmp_path, overwrite=True)
    assert read(tmp_path).n_nodes == 1
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_half_written_circuit_has_no_configuration(tmp_path):
    bad = Connectome(2, [0], [1], properties={"a/b": [1]})
    with pytest.raises(FormatError, match="cannot name a SONATA property"):
        write_sonata(bad, tmp_path)
    assert not (tmp_path / "circuit_config.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compression": "lzf"}, "unknown compression 'lzf'"),
        ({"population": "a/b"}, "cannot name a population"),
    ],
)
def test_wrong_options_are_refused(column, options, message, tmp_path):
    with pytest.raises(FormatError, match=message):
        write_sonata(column, tmp_path, **options)


def test_edges_between_unknown_populations_are_refused(column, tmp_path):
    with pytest.raises(FormatError, match="node populations: a"):
        write_circuit(tmp_path, nodes={"a": column.nodes}, edges={"e": ("a", "b", column)})
    with pytest.raises(FormatError, match="not among as many nodes"):
        write_circuit(tmp_path, nodes={"a": column.nodes.iloc[:2]}, edges={"e": ("a", "a", column)})


def test_a_file_in_the_way_is_told(column, tmp_path):
    (tmp_path / "circuit").write_text("")
    with pytest.raises(FormatError, match="a file of this name"):
        write_sonata(column, tmp_path / "circuit")


def test_the_connectome_is_untouched_and_the_configuration_readable(column, tmp_path):
    before = column.edges.copy()
    config = write_sonata(column, tmp_path)
    assert column.edges.equals(before)
    assert json.loads(config.read_text())["manifest"] == {"$BASE_DIR": "."}

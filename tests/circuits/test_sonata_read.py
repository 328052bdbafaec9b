"""Reading SONATA populations: types, libraries, groups, compression, ids, indices."""

import contextlib

import h5py
import numpy as np
import pandas as pd
import pytest
from sonata_files import write_circuit, write_config, write_edges, write_index, write_nodes, write_population

from conntap.circuits.circuit import open_circuit
from conntap.errors import CircuitError, ConntapError

TYPES = """node_type_id ei model "tau ms" note
101 i LIF 5.5 NULL
100 e "LIF big" NULL "two words"
"""


def _typed(folder, *, text=TYPES, type_ids=(100, 101, 100), attributes=None):
    (folder / "types.csv").write_text(text)
    n = len(type_ids)
    write_nodes(folder / "nodes.h5", n=n, node_type_id=list(type_ids), attributes=attributes)
    return open_circuit(write_config(folder, [{"nodes_file": "nodes.h5", "node_types_file": "types.csv"}], []))


def test_properties_of_types_are_joined_to_their_nodes(tmp_path):
    table = _typed(tmp_path).nodes().table()
    assert table["ei"].tolist() == ["e", "i", "e"]
    assert table["model"].tolist() == ["LIF big", "LIF", "LIF big"]
    assert np.array_equal(table["tau ms"], [np.nan, 5.5, np.nan], equal_nan=True)
    assert table["note"].isna().tolist() == [False, True, False]
    assert table["node_type_id"].tolist() == [100, 101, 100]


def test_an_attribute_of_the_nodes_overrides_that_of_their_type(tmp_path):
    nodes = _typed(tmp_path, attributes={"tau ms": [1.0, 2.0, 3.0]}).nodes()
    assert nodes.table("tau ms")["tau ms"].tolist() == [1.0, 2.0, 3.0]


def test_text_is_read_as_categories(tmp_path):
    table = _typed(tmp_path, attributes={"layer": ["L1", "L2", "L1"]}).nodes().table()
    assert all(isinstance(table[name].dtype, pd.CategoricalDtype) for name in ("ei", "layer"))
    assert table["layer"].tolist() == ["L1", "L2", "L1"]


def test_a_type_that_is_not_in_the_table_is_an_error(tmp_path):
    with pytest.raises(CircuitError, match="unknown node_type_id '102'; known: 100, 101"):
        _typed(tmp_path, type_ids=[100, 102]).nodes().table("ei")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("type ei\n1 e\n", "no column 'node_type_id'"),
        ("node_type_id ei\n100 e extra\n", "line 2 has 3 values for 2 columns"),
        ("node_type_id ei\n100 e\n100 i\n", "node_type_id 100 stands twice"),
        ("node_type_id ei\nabc e\n", "no whole number"),
        ("node_type_id ei ei\n100 e e\n", "a column name stands twice"),
    ],
)
def test_a_wrong_table_of_types_is_said(tmp_path, text, said):
    with pytest.raises(CircuitError, match=said):
        _typed(tmp_path, text=text).nodes().table()


def test_enumerated_properties_are_their_librarys_values(tmp_path):
    attributes = {"mtype": np.array([1, 0, 1, 2], "u4"), "@library/mtype": ["A", "B", "unused?"]}
    nodes = open_circuit(write_circuit(tmp_path, attributes=attributes)).nodes()
    assert nodes.properties == ("mtype",)
    assert nodes.table()["mtype"].tolist() == ["B", "A", "B", "unused?"]
    assert nodes.table()["mtype"].cat.categories.tolist() == ["A", "B", "unused?"]


def test_a_value_outside_its_library_is_an_error(tmp_path):
    attributes = {"mtype": np.array([1, 0, 1, 9], "u4"), "@library/mtype": ["A", "B"]}
    with pytest.raises(CircuitError, match="has 2 values, but the value 9 is used"):
        open_circuit(write_circuit(tmp_path, attributes=attributes)).nodes().table()


def test_dynamics_parameters_are_properties_with_a_prefix(tmp_path):
    attributes = {"x": [0.0, 1, 2, 3], "dynamics_params/tau": [4.0, 5, 6, 7]}
    nodes = open_circuit(write_circuit(tmp_path, attributes=attributes)).nodes()
    assert nodes.properties == ("x", "dynamics_params/tau")
    assert nodes.table("dynamics_params/tau", [3, 1])["dynamics_params/tau"].tolist() == [7.0, 5.0]


def _two_groups(folder, **more):
    groups = {0: {"x": [10.0, 11.0], "kind": ["p", "q"], "n": [1, 2]}, 1: {"kind": ["r", "p"], "n": [3, 4]}}
    path = write_population(
        folder / "nodes.h5", "nodes", "cells", groups=groups, node_type_id=[-1] * 4,
        **({"group_id": [0, 1, 0, 1], "group_index": [1, 0, 0, 1]} | more),
    )  # fmt: skip
    return open_circuit(write_config(folder, [{"nodes_file": path.name}], [])).nodes()


def test_several_groups_are_one_table_with_gaps(tmp_path):
    table = _two_groups(tmp_path).table()
    assert np.array_equal(table["x"], [11.0, np.nan, 10.0, np.nan], equal_nan=True)
    assert table["kind"].tolist() == ["q", "r", "p", "p"]
    assert table["n"].tolist() == [2, 3, 1, 4]
    assert table["n"].dtype == np.int64


def test_chosen_rows_of_several_groups_are_those_of_the_whole(tmp_path):
    nodes = _two_groups(tmp_path)
    pd.testing.assert_frame_equal(nodes.table(ids=[3, 0]), nodes.table().loc[[3, 0]], check_categorical=False)


def test_a_text_that_one_group_lacks_is_missing(tmp_path):
    path = tmp_path / "nodes.h5"
    groups = {0: {"kind": ["p"]}, 1: {"x": [1.0]}}
    write_population(path, "nodes", "a", groups=groups, node_type_id=[1, 1], group_id=[1, 0], group_index=[0, 0])
    nodes = open_circuit(write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [])).nodes()
    assert nodes.table()["kind"].isna().tolist() == [True, False]


def test_a_group_falls_back_on_the_types_table(tmp_path):
    (tmp_path / "types.csv").write_text("node_type_id x\n7 0.5\n")
    groups = {0: {"x": [1.0]}, 1: {"y": [2.0]}}
    file = write_population(
        tmp_path / "nodes.h5", "nodes", "a", groups=groups, node_type_id=[7, 7], group_id=[0, 1], group_index=[0, 0]
    )
    entry = {"nodes_file": file.name, "node_types_file": "types.csv"}
    assert open_circuit(write_config(tmp_path, [entry], [])).nodes().table("x")["x"].tolist() == [1.0, 0.5]


def test_one_group_in_another_order_is_followed(tmp_path):
    write_nodes(tmp_path / "nodes.h5", attributes={"x": [0.0, 1, 2, 3]}, group_id=[0] * 4, group_index=[3, 2, 1, 0])
    nodes = open_circuit(write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [])).nodes()
    assert nodes.table()["x"].tolist() == [3.0, 2.0, 1.0, 0.0]


def test_several_groups_without_their_index_are_an_error(tmp_path):
    with pytest.raises(CircuitError, match="2 groups but no node_group_index"):
        _two_groups(tmp_path, group_index=None).table()


@pytest.mark.parametrize(
    "options", [{"compression": "gzip"}, {"compression": "lzf", "shuffle": True}, {"chunks": (2,)}]
)
def test_packed_and_chunked_files_read_like_plain_ones(tmp_path, options):
    write_nodes(tmp_path / "nodes.h5", attributes={"kind": ["a", "b", "a", "c"], "x": [0.0, 1, 2, 3]}, options=options)
    write_edges(tmp_path / "edges.h5", pre=[0, 1, 3], post=[1, 2, 0], attributes={"w": [5, 6, 7]}, options=options)
    path = write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}])
    circuit = open_circuit(path)
    assert circuit.nodes().table(ids=[3, 1]).to_numpy().tolist() == [["c", 3.0], ["b", 1.0]]
    assert circuit.edges().table([2, 0], "w").to_numpy().tolist() == [[3, 0, 7], [0, 1, 5]]


def test_values_in_the_other_byte_order_are_read_in_ours(tmp_path):
    nodes = open_circuit(write_circuit(tmp_path, attributes={"x": np.array([1, 2, 3, 4], ">f8")})).nodes()
    for table in (nodes.table(), nodes.table(ids=[0, 1, 2, 3])):
        assert table["x"].dtype.isnative
        assert table["x"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_positions_in_one_dataset_become_x_y_and_z(tmp_path):
    attributes = {"positions": np.arange(12.0).reshape(4, 3), "pair": np.arange(8).reshape(4, 2)}
    table = open_circuit(write_circuit(tmp_path, attributes=attributes)).nodes().table()
    assert table.loc[1].to_dict() == {"pair_0": 2, "pair_1": 3, "x": 3.0, "y": 4.0, "z": 5.0}


IDS = [[7, 3, 20], [2**62 + 5, 3, 2**62]]


@pytest.mark.parametrize("ids", IDS)
def test_ids_of_their_own_are_kept_and_edges_follow_them(tmp_path, ids):
    a, b, c = ids
    write_nodes(tmp_path / "nodes.h5", n=3, node_id=ids, attributes={"x": [0.0, 1, 2]})
    write_edges(tmp_path / "edges.h5", pre=[a, b], post=[c, a], index=False)
    edges = open_circuit(write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}])).edges()
    connectome = edges.connectome(node_properties=None)
    assert connectome.ids.tolist() == ids
    assert connectome.edges.to_numpy().tolist() == [[a, c], [b, a]]
    assert edges.connectome([c, a]).edges.to_numpy().tolist() == [[a, c]]
    assert edges.circuit.nodes().table(ids=[c])["x"].tolist() == [2.0]
    assert edges.circuit.nodes().ids().tolist() == sorted(ids)


@pytest.mark.parametrize("ids", IDS)
def test_an_edge_to_an_id_between_others_is_out_of_range(tmp_path, ids):
    write_nodes(tmp_path / "nodes.h5", n=3, node_id=ids)
    write_edges(tmp_path / "edges.h5", pre=[ids[0]], post=[4], index=False)
    edges = open_circuit(write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}])).edges()
    with pytest.raises(CircuitError, match="target_node_id: id 4 is out of range"):
        edges.connectome()


def test_an_id_that_stands_twice_is_an_error(tmp_path):
    write_nodes(tmp_path / "nodes.h5", n=3, node_id=[0, 1, 1])
    with pytest.raises(CircuitError, match="node_id 1 stands twice"):
        open_circuit(write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [])).nodes().table()


@pytest.mark.parametrize("ends", [None, ("cells", "cells")])
@pytest.mark.parametrize("name", ["cells_to_cells", "cells__cells__chemical"])
def test_the_ends_are_guessed_from_the_name_where_they_are_not_said(tmp_path, caplog, name, ends):
    for population in ("cells", "others"):
        write_nodes(tmp_path / "nodes.h5", population)
    write_edges(tmp_path / "edges.h5", name, pre=[0], post=[1], ends=ends)
    edges = open_circuit(write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}])).edges()
    assert (edges.source, edges.target) == ("cells", "cells")
    assert ("taken as 'cells'" in caplog.text) == (ends is None)


def test_ends_that_cannot_be_guessed_are_an_error(tmp_path):
    for population in ("cells", "others"):
        write_nodes(tmp_path / "nodes.h5", population)
    write_edges(tmp_path / "edges.h5", "wires", pre=[0], post=[1], ends=None)
    edges = open_circuit(write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}])).edges()
    with pytest.raises(CircuitError, match="the name does not tell; node populations: cells, others"):
        edges.connectome()


def test_a_truncated_file_is_said_to_be(tmp_path):
    path = write_circuit(tmp_path, edge_attributes={"w": np.zeros(4)})
    whole = (tmp_path / "edges.h5").read_bytes()
    (tmp_path / "edges.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CircuitError, match=r"edges\.h5: truncated"):
        open_circuit(path).edges().connectome()


def test_a_file_that_is_no_hdf5_is_said_to_be(tmp_path):
    path = write_circuit(tmp_path)
    (tmp_path / "nodes.h5").write_text("node_id\n1\n")
    with pytest.raises(CircuitError, match=r"nodes\.h5: no HDF5 file"):
        open_circuit(path).nodes().table()


def test_a_missing_file_is_named(tmp_path):
    path = write_config(tmp_path, [{"nodes_file": "nowhere.h5"}], [])
    with pytest.raises(CircuitError, match=r"nowhere\.h5: no such file"):
        open_circuit(path).nodes()


def test_a_file_of_edges_among_the_nodes_is_said(tmp_path):
    write_edges(tmp_path / "edges.h5", pre=[0], post=[1])
    with pytest.raises(CircuitError, match="no group /nodes; its groups: edges"):
        open_circuit(write_config(tmp_path, [{"nodes_file": "edges.h5"}], [])).nodes()


def test_an_unknown_property_is_answered_with_the_nearest(tmp_path):
    circuit = open_circuit(write_circuit(tmp_path, attributes={"layer": [1, 2, 3, 4]}))
    with pytest.raises(CircuitError, match=r"node population 'cells': unknown property 'layers'.*Did you mean 'layer'"):
        circuit.nodes().table("layers")
    with pytest.raises(CircuitError, match="edge population 'cells__cells': unknown property 'w'; known: none"):
        circuit.edges().connectome(properties="w")


def test_an_attribute_shorter_than_its_population_is_an_error(tmp_path):
    path = write_circuit(tmp_path, attributes={"x": [1.0, 2.0]})
    with pytest.raises(CircuitError, match="has 2 rows, but row 3 is asked for"):
        open_circuit(path).nodes().table()


@pytest.mark.parametrize("spelling", ["node_id_to_range", "node_id_to_ranges"])
def test_both_spellings_of_the_index_are_used(tmp_path, spelling):
    n = 100
    write_nodes(tmp_path / "nodes.h5", n=n)
    pre, post = np.arange(n), np.roll(np.arange(n), 1)
    write_edges(tmp_path / "edges.h5", pre=pre, post=post, index=False)
    with h5py.File(tmp_path / "edges.h5", "a") as file:
        write_index(file["edges/cells__cells"], "target_to_source", np.where(post == 5, 6, post), n, spelling=spelling)
    edges = open_circuit(write_config(tmp_path, [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}])).edges()
    with pytest.raises(CircuitError, match="the index does not match the edges"):
        edges.connectome(post_ids=[6])


def _readers(path):
    circuit = open_circuit(path)
    yield lambda: circuit.nodes().table()
    yield lambda: circuit.nodes().table(ids=[1])
    yield lambda: circuit.edges().connectome(properties=None)
    yield lambda: circuit.edges().adjacency([0, 1])
    yield lambda: list(circuit.edges().iter_chunks(properties=None))


def test_damaged_structure_is_never_answered_with_another_error(tmp_path):
    """Every group and dataset in turn is taken out or replaced by what does not belong there."""
    attributes = {"kind": np.array([0, 1, 0, 1]), "@library/kind": ["a", "b"]}
    path = write_circuit(tmp_path, attributes=attributes, edge_attributes={"w": np.arange(4.0)})
    names = []
    for name in ("nodes.h5", "edges.h5"):
        with h5py.File(tmp_path / name) as file:
            file.visit(lambda each, name=name: names.append((name, each)))
    whole = {name: (tmp_path / name).read_bytes() for name in ("nodes.h5", "edges.h5")}
    for name, each in names:
        for values in (None, ["a"] * 4, np.zeros((2, 2, 2)), 3.0, np.full(4, -3), np.full(2, 7)):
            with h5py.File(tmp_path / name, "a") as file:
                del file[each]
                if values is not None:
                    file[each] = values
            for reader in _readers(path):
                with contextlib.suppress(ConntapError):
                    reader()
            (tmp_path / name).write_bytes(whole[name])


def test_the_oldest_spelling_of_an_edges_population_is_known(tmp_path):
    path = write_circuit(tmp_path)
    with h5py.File(tmp_path / "edges.h5", "a") as file:
        for side in ("source", "target"):
            attributes = file[f"edges/cells__cells/{side}_node_id"].attrs
            del attributes["node_population"]
            attributes["network"] = b"cells"
    assert open_circuit(path).edges().source == "cells"


def test_a_circuit_that_cannot_be_read_can_still_be_shown(tmp_path):
    path = write_circuit(tmp_path)
    (tmp_path / "edges.h5").unlink()
    assert "cannot be read" in repr(open_circuit(path))


def test_reading_leaves_the_files_as_they_are(tmp_path):
    circuit = open_circuit(write_circuit(tmp_path, attributes={"x": [1.0, 2, 3, 4]}))
    before = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    circuit.nodes().table()
    circuit.edges().connectome([0, 1], properties=None)
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == before

"""Reading and writing connectomes: what survives which format, and what is refused."""

import contextlib
import gzip
import shutil
import subprocess
import sys
import warnings

import h5py
import networkx
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from scipy import sparse
from strategies import connectomes

from conntap.circuits.connectome import Connectome
from conntap.circuits.formats import FORMATS, read, write
from conntap.circuits.formats.guess import guess
from conntap.errors import ConntapError, FormatError, StoreError

few = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def labelled() -> Connectome:
    """Three labelled nodes, a parallel pair of edges, a number and a text on each edge."""
    return Connectome.from_ids(
        ["AVA", "AVB", "RIM"],
        ["AVA", "AVA", "RIM"],
        ["AVB", "AVB", "AVA"],
        properties={"weight": [1.5, 2.0, 0.1], "kind": ["chemical", "gap", "chemical"]},
    )


@pytest.fixture
def layered(labelled) -> Connectome:
    """The same with a node without edges and a layer on each node."""
    table = pd.DataFrame({"layer": [1, 2, 2, 3]}, index=["AVA", "AVB", "RIM", "AIY"])
    return Connectome(table, labelled.pre, labelled.post, properties=labelled.properties)


# -- what comes back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["c.h5", "c.csv", "c.csv.gz", "c.tsv", "c.parquet", "c.feather", "c.graphml"])
def test_edges_come_back_equal(name, labelled, tmp_path):
    write(labelled, tmp_path / name)
    assert read(tmp_path / name) == labelled


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "parquet", "feather"])
def test_a_node_table_keeps_lonely_nodes_and_their_columns(ending, layered, tmp_path):
    edges, nodes = tmp_path / f"edges.{ending}", tmp_path / f"nodes.{ending}"
    write(layered, edges, nodes=nodes)
    assert read(edges, nodes=nodes) == layered
    assert read(tmp_path) == layered


def test_two_node_tables_keep_a_rectangle(tmp_path):
    c = Connectome(pd.DataFrame({"x": [0.5, 1.5]}), [0, 1], [1, 0], post_nodes=["p", "q"])
    tables = (tmp_path / "pre.csv", tmp_path / "post.csv")
    write(c, tmp_path / "edges.csv", nodes=tables)
    assert read(tmp_path / "edges.csv", nodes=tables) == c


@few
@given(c=connectomes(square=None))
def test_our_hdf5_keeps_everything(c, tmp_path):
    write(c, tmp_path / "c.h5", overwrite=True)
    back = read(tmp_path / "c.h5")
    assert back == c
    assert [(name, dtype) for name, dtype in back.pre_nodes.dtypes.items()] == [
        (name, dtype) for name, dtype in c.pre_nodes.dtypes.items()
    ]


def test_our_hdf5_keeps_names_orders_and_gaps(tmp_path):
    nodes = pd.DataFrame(
        {
            "rank": pd.Categorical(["lo", None], categories=["lo", "hi"], ordered=True),
            "age": pd.array([2**60 + 1, None], dtype="Int64"),
            "note": ["a", None],
        }
    )
    c = Connectome(nodes, [0], [1], properties={"t": pd.Categorical([None], categories=["x"])}, name="näme")
    write(c, tmp_path / "c.h5")
    back = read(tmp_path / "c.h5")
    assert back.name == "näme"
    assert back.nodes["age"].tolist() == nodes["age"].tolist()
    assert back.nodes["rank"].cat.ordered
    assert back.properties["t"].isna().tolist() == [True]


@few
@given(c=connectomes(columns=False, min_nodes=1))
def test_parquet_keeps_edges_of_any_ids(c, tmp_path):
    edges, nodes = tmp_path / "edges.parquet", tmp_path / "nodes.parquet"
    write(c, edges, nodes=nodes, overwrite=True)
    assert read(edges, nodes=nodes) == c


@few
@given(c=connectomes(columns=False, properties=False, min_nodes=1))
def test_csv_keeps_ids_that_are_numbers(c, tmp_path):
    if c.ids.dtype.kind != "i":
        return
    edges, nodes = tmp_path / "edges.csv", tmp_path / "nodes.csv"
    write(c, edges, nodes=nodes, overwrite=True)
    assert read(edges, nodes=nodes) == c


def test_root_ids_of_64_bits_survive_every_table(tmp_path):
    ids = np.array([720575940628857210, 720575940628857211, 2**62 + 1])
    c = Connectome.from_ids(ids, ids[[0, 1]], ids[[1, 2]])
    for name in ("c.csv", "c.tsv", "c.csv.gz", "c.parquet", "c.feather", "c.h5"):
        write(c, tmp_path / name)
        assert read(tmp_path / name).ids.tolist() == ids.tolist()


def test_ids_beyond_signed_64_bits_survive(tmp_path):
    (tmp_path / "e.csv").write_text("pre,post\n18446744073709551615,1\n")
    assert read(tmp_path / "e.csv").ids.tolist() == [1, 18446744073709551615]


def test_labels_that_look_missing_are_labels(tmp_path):
    (tmp_path / "e.csv").write_text("pre,post\nNA,nan\nnull,NA\n")
    assert read(tmp_path / "e.csv").ids.tolist() == ["NA", "nan", "null"]


def test_blanks_around_labels_and_text_go(tmp_path):
    (tmp_path / "e.csv").write_text(" Source , Target , Type \nI1L  , I2L , chemical \nI2L,I1L ,chemical\n")
    c = read(tmp_path / "e.csv")
    assert c.ids.tolist() == ["I1L", "I2L"]
    assert c.filter(Type="chemical").n_edges == 2


def test_numbers_at_one_end_and_labels_at_the_other_are_all_labels(tmp_path):
    (tmp_path / "e.csv").write_text("pre,post\n1,A\n2,1\n")
    assert read(tmp_path / "e.csv").ids.tolist() == ["1", "2", "A"]


def test_parallel_rows_stay_edges_of_their_own(tmp_path):
    (tmp_path / "e.csv").write_text("pre,post\n0,1\n0,1\n")
    assert read(tmp_path / "e.csv").n_edges == 2


def test_nodes_without_a_column_of_ids_are_numbered(tmp_path):
    (tmp_path / "e.csv").write_text("pre,post\n0,2\n")
    (tmp_path / "n.csv").write_text("cell_type,u\nR1,5\nR2,6\nR3,7\n")
    c = read(tmp_path / "e.csv", nodes=tmp_path / "n.csv")
    assert c.nodes["cell_type"].tolist() == ["R1", "R2", "R3"]
    assert c.edges.to_numpy().tolist() == [[0, 2]]


def test_a_node_table_may_be_a_frame(tmp_path):
    (tmp_path / "e.csv").write_text("pre,post\n7,9\n")
    c = read(tmp_path / "e.csv", nodes=pd.DataFrame({"layer": [1, 2]}, index=[9, 7]))
    assert (c.pre.tolist(), c.post.tolist()) == ([1], [0])


@pytest.mark.parametrize("mark", [",", "\t", ";", " "])
def test_any_usual_mark_parts_the_fields(mark, tmp_path):
    (tmp_path / "e.txt").write_text(f"# a comment\npre{mark}post\n3{mark}4\n")
    assert read(tmp_path / "e.txt").ids.tolist() == [3, 4]


def test_a_file_without_names_takes_those_given(tmp_path):
    (tmp_path / "e.txt").write_text("3 4 0.5\n4 3 1.5\n")
    c = read(tmp_path / "e.txt", columns=["pre", "post", "w"])
    assert c.properties["w"].tolist() == [0.5, 1.5]


def test_chosen_properties_only(labelled, tmp_path):
    write(labelled, tmp_path / "c.csv")
    assert list(read(tmp_path / "c.csv", properties=["kind"]).properties) == ["kind"]
    assert list(read(tmp_path / "c.csv", properties=[]).properties) == []


# -- the tables of published connectomes -----------------------------------------------------------------------


def test_codex_tables_of_flywire(tmp_path):
    neurons = "root_id,group,nt_type\n720575940628857210,X,ACH\n720575940628857211,Y,GABA\n"
    edges = (
        "pre_root_id,post_root_id,neuropil,syn_count,nt_type\n720575940628857210,720575940628857211,ME_L,5,ACH\n"
        "720575940628857210,720575940628857211,LO_L,2,ACH\n"
    )
    for name, text in (("neurons.csv.gz", neurons), ("connections.csv.gz", edges)):
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    c = read(tmp_path)
    assert c.ids.tolist() == [720575940628857210, 720575940628857211]
    assert c.connections(merge={"syn_count": "sum"}).properties["syn_count"].tolist() == [7]


def test_synapse_tables_of_microns(tmp_path):
    table = pd.DataFrame(
        {
            "id": [1, 2],
            "pre_pt_root_id": [864691135000000001, 864691135000000003],
            "post_pt_root_id": [864691135000000003, 864691135000000001],
            "size": [512, 1024],
        }
    )
    table.to_feather(tmp_path / "synapses.feather")
    c = read(tmp_path / "synapses.feather", properties=["size"])
    assert c.ids.tolist() == [864691135000000001, 864691135000000003]
    assert c.properties["size"].tolist() == [512, 1024]


def test_exports_of_neuprint(tmp_path):
    (tmp_path / "traced-neurons.csv").write_text(
        "bodyId,type,instance\n200326126,CL141,CL141_R\n202916528,FC2C,FC2C_L\n"
    )
    (tmp_path / "traced-total-connections.csv").write_text("bodyId_pre,bodyId_post,weight\n200326126,202916528,13\n")
    c = read(tmp_path)
    assert c.nodes["instance"].tolist() == ["CL141_R", "FC2C_L"]
    assert c.properties["weight"].tolist() == [13]


def test_the_worm_is_read_in_full(shared_data):
    worm = read(shared_data / "celegans" / "herm_full_edgelist.csv")
    assert worm.filter(Type="chemical").n_edges == 4681
    assert worm.filter(Type="electrical").n_edges == 2698
    assert all(label == label.strip() for label in worm.ids)


def test_the_worms_chemical_network_has_the_published_size(shared_data):
    worm = read(shared_data / "celegans" / "herm_full_edgelist.csv").filter(Type="chemical")
    merged = worm.filter(worm.pre != worm.post).connections()
    assert merged.n_edges == 4647
    assert len(np.union1d(merged.pre, merged.post)) == 419


def test_the_fly_visual_system_is_read_from_its_folder(shared_data):
    fly = read(shared_data / "fly_visual")
    assert (fly.n_nodes, fly.n_edges) == (45_669, 1_513_231)
    assert list(fly.nodes.columns) == ["cell_type", "u", "v", "role"]
    assert set(fly.properties) == {"n_syn", "sign"}


def test_a_topology_of_the_connectomics_challenge(shared_data):
    c = read(shared_data / "connectomics" / "normal-1.yaml")
    assert (c.n_nodes, c.n_edges) == (1000, 14_912)
    assert c.nodes.loc[1, ["x", "y"]].tolist() == [0.598372, 0.253391]
    assert c.edges["post"].iloc[:3].tolist() == [27, 114, 138]


# -- matrices --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["csr", "csc", "coo", "bsr", "dia"])
def test_every_sparse_layout_of_scipy(layout, tmp_path):
    matrix = sparse.csr_array(np.array([[0, 2.0], [0.5, 0]])).asformat(layout)
    sparse.save_npz(tmp_path / "m.npz", matrix)
    assert read(tmp_path / "m.npz").adjacency("weight").toarray().tolist() == [[0, 2.0], [0.5, 0]]


def test_scipy_reads_the_matrix_written(labelled, tmp_path):
    write(labelled, tmp_path / "m.npz", weight="weight")
    loaded = sparse.load_npz(tmp_path / "m.npz")
    assert loaded.toarray().tolist() == labelled.adjacency("weight").toarray().tolist()
    assert read(tmp_path / "m.npz").ids.tolist() == ["AVA", "AVB", "RIM"]


def test_a_dense_matrix_comes_back(tmp_path):
    np.save(tmp_path / "m.npy", np.array([[0, 1], [3, 0]]))
    c = read(tmp_path / "m.npy", nodes=pd.DataFrame(index=["a", "b"]))
    assert c.edges.to_dict("list") == {"pre": ["a", "b"], "post": ["b", "a"], "weight": [1, 3]}
    write(c, tmp_path / "n.npy", weight="weight")
    assert np.load(tmp_path / "n.npy").tolist() == [[0, 1], [3, 0]]


def test_one_matrix_among_other_arrays(tmp_path):
    np.savez(tmp_path / "m.npz", w=np.eye(2), v=np.eye(3), position=np.zeros((5, 2)))
    assert read(tmp_path / "m.npz", population="v").n_edges == 3
    with pytest.raises(FormatError, match=r"several matrices \(v, w\)"):
        read(tmp_path / "m.npz")


@pytest.mark.parametrize(
    "arrays",
    [
        {"shape": [10**12, 10**12], "indices": [0], "indptr": [0, 1], "data": [1.0]},
        {"shape": [2, 2], "indices": [5], "indptr": [0, 1, 1], "data": [1.0]},
        {"shape": [2, 2], "indices": [-1], "indptr": [0, 1, 1], "data": [1.0]},
        {"shape": [2, 2], "indices": [0], "indptr": [0, 9, 1], "data": [1.0]},
        {"shape": [2], "indices": [0], "indptr": [0, 1, 1], "data": [1.0]},
        {"shape": [2, 2], "indices": [0], "indptr": [0, 1, 1]},
        {"shape": [2, 2], "indices": [0.5], "indptr": [0, 1, 1], "data": [1.0]},
    ],
)
def test_matrices_that_cannot_be_are_refused(arrays, tmp_path):
    np.savez(tmp_path / "m.npz", format=np.bytes_(b"csr"), **{name: np.array(value) for name, value in arrays.items()})
    with pytest.raises(FormatError, match=r"m\.npz"):
        read(tmp_path / "m.npz")


def test_an_array_longer_than_its_file_is_refused(tmp_path):
    with open(tmp_path / "m.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    with pytest.raises(FormatError, match="cannot be read as npy"):
        read(tmp_path / "m.npy")


def test_pickled_arrays_are_refused(tmp_path):
    np.save(tmp_path / "m.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "m.npz", m=np.array([[{}]], dtype=object))
    for name in ("m.npy", "m.npz"):
        with pytest.raises(FormatError, match=name):
            read(tmp_path / name)


# -- GraphML ---------------------------------------------------------------------------------------------------


def test_networkx_reads_the_same_graph(labelled, tmp_path):
    write(labelled, tmp_path / "c.graphml")
    graph = networkx.read_graphml(tmp_path / "c.graphml")
    assert sorted((a, b, w) for a, b, w in graph.edges(data="weight")) == [
        ("AVA", "AVB", 1.5),
        ("AVA", "AVB", 2.0),
        ("RIM", "AVA", 0.1),
    ]


def test_an_undirected_graph_gives_edges_both_ways(tmp_path):
    networkx.write_graphml(networkx.path_graph(3), tmp_path / "g.graphml")
    assert read(tmp_path / "g.graphml").adjacency().toarray().tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]


def test_graphml_with_a_document_type_is_refused(tmp_path):
    bomb = '<?xml version="1.0"?><!-- pad --><!DOCTYPE g [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><graphml>&b;</graphml>'
    (tmp_path / "g.graphml").write_text(bomb)
    with pytest.raises(FormatError, match="DOCTYPE"):
        read(tmp_path / "g.graphml")


@pytest.mark.parametrize("text", ["<graphml>", "<html></html>", "<graphml><graph><edge source='a'/></graph></graphml>"])
def test_xml_that_is_no_graph_is_refused(text, tmp_path):
    (tmp_path / "g.graphml").write_text(text)
    with pytest.raises(FormatError, match=r"g\.graphml"):
        read(tmp_path / "g.graphml")


# -- conntility --------------------------------------------------------------------------------------------------


@pytest.fixture
def conntility_file(tmp_path):
    """A matrix as pandas 2.3 and PyTables 3.11 write it: four nodes, three edges."""
    from pathlib import Path

    packed = Path(__file__).parent / "files" / "conntility.h5.gz"
    path = tmp_path / "matrix.h5"
    with gzip.open(packed) as source, open(path, "wb") as target:
        shutil.copyfileobj(source, target)
    return path


def test_a_matrix_of_conntility_is_read_without_pytables(conntility_file):
    c = read(conntility_file)
    assert c.edges.to_dict("list") == {"pre": [10, 20, 40], "post": [20, 30, 10], "data": [1, 2, 3], "count": [1, 2, 3]}
    assert c.nodes["mtype"].tolist() == ["L1_A", "L2_B", "L3_C", "L3_C"]
    assert c.nodes["etype"].tolist() == ["a", "b", "a", "b"]


def test_pickles_in_a_matrix_of_conntility_are_not_opened(conntility_file):
    with h5py.File(conntility_file, "a") as file:
        table = file["connectivity/full_matrix/vertex_properties/table"]
        table.attrs["values_block_0_kind"] = np.bytes_(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(FormatError, match="not opened"):
        read(conntility_file)


def test_a_misspelt_matrix_of_conntility(conntility_file):
    with pytest.raises(FormatError, match="Did you mean 'full_matrix'"):
        read(conntility_file, population="full_matrx")


# -- some of the edges ---------------------------------------------------------------------------------------


@pytest.fixture
def two_kinds(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("Source,Target,Weight,Type\nA,B,1,chemical \nB,C,2,electrical\nA,B,3,chemical\n")
    return path


def test_rows_are_kept_by_the_values_of_their_columns(two_kinds):
    found = read(two_kinds, where={"Type": "chemical"})
    assert found.edges.values.tolist() == [["A", "B", 1, "chemical"], ["A", "B", 3, "chemical"]]
    assert found.ids.tolist() == ["A", "B"]
    assert read(two_kinds, where={"Type": "chemical", "Weight": [2, 3]}).n_edges == 1


def test_rows_may_be_chosen_by_a_column_that_is_not_kept(two_kinds):
    found = read(two_kinds, properties=["Weight"], where={"Type": "electrical"})
    assert found.edges.values.tolist() == [["B", "C", 2]]


def test_a_node_table_keeps_its_nodes_whichever_rows_are_kept(two_kinds, tmp_path):
    (tmp_path / "n.csv").write_text("id\nA\nB\nC\nD\n")
    assert read(two_kinds, nodes=tmp_path / "n.csv", where={"Type": "chemical"}).ids.tolist() == list("ABCD")


@pytest.mark.parametrize("name", ["c.h5", "c.parquet", "c.graphml", "sonata"])
def test_every_format_gives_some_of_its_edges(name, labelled, tmp_path):
    write(labelled, tmp_path / name)
    found = read(tmp_path / name, where={"kind": "gap"})
    assert found.edges[["pre", "post"]].values.tolist() == [["AVA", "AVB"]]
    if name != "c.h5":
        assert list(read(tmp_path / name, properties=["weight"], where={"kind": "gap"}).properties) == ["weight"]


def test_no_wish_keeps_all_edges(two_kinds, labelled, tmp_path):
    assert read(two_kinds, where={}).n_edges == 3
    write(labelled, tmp_path / "c.h5")
    assert read(tmp_path / "c.h5", where={}) == labelled


def test_entries_of_a_matrix_are_chosen_by_weight(tmp_path):
    np.save(tmp_path / "m.npy", [[0, 2], [3, 0]])
    assert read(tmp_path / "m.npy", where={"weight": 3}).edges.values.tolist() == [[1, 0, 3]]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"Typ": "chemical"}, r"where: unknown edge property 'Typ'; known: Type, Weight\. Did you mean 'Type'"),
        ({"Type": "chemcal"}, r"where\.Type: unknown value 'chemcal'; known: .*Did you mean 'chemical'"),
        ({"Weight": ["1"]}, r"where\.Weight: unknown value '1'"),
        ({"Type": "electrical", "Weight": 1}, "no edge has these values of Type, Weight together"),
        ("Type", r"where: 'Type'; give {property: value}"),
        ({"Type": {"a": 1}}, r"where\.Type: {'a': 1}; give a value, or a list of values"),
        ({"Type": [["chemical"]]}, r"where\.Type: .*; give a value, or a list of values"),
    ],
)
def test_edges_that_are_not_there_are_told(where, said, two_kinds, labelled, tmp_path):
    with pytest.raises(FormatError, match=said):
        read(two_kinds, where=where)


def test_a_property_that_no_edge_has_is_told_for_other_formats_too(labelled, tmp_path):
    for name in ("c.h5", "c.graphml", "sonata"):
        write(labelled, tmp_path / name)
        with pytest.raises(FormatError, match="kin"):
            read(tmp_path / name, properties=["weight"] if name != "c.h5" else None, where={"kin": "gap"})


def test_the_worms_chemical_network_is_read_by_itself(shared_data):
    path = shared_data / "celegans" / "herm_full_edgelist.csv"
    chosen, whole = read(path, where={"Type": "chemical"}), read(path).filter(Type="chemical")
    assert chosen.n_edges == whole.n_edges
    assert set(chosen.ids) == set(chosen.edges["pre"]) | set(chosen.edges["post"])


# -- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("pre,post\n", "no edges"),
        ("a,b,weight\n1,2,3\n", "columns: 'a', 'b', 'weight'"),
        ("pre,post,source,target\n1,2,3,4\n", "pre and post; source and target"),
        ("1,2\n2,3\n", "is data, not names"),
        ("pre,post\n1,2\n,3\n", "1 ids are missing, first in row 1"),
        ("pre,post\nA,B\n  ,C\n", "1 ids are missing, first in row 1"),
        ("pre,post\n1.5,2\n", "1.5 in row 0 is no id"),
        ("pre,post\n720575940628857210.0,2\n", "lost digits"),
        ("pre,post\n-1,2\n", "negative ids"),
        ("pre,post\n1,2,3\n", "do not parse"),
        ("pre,post\nTrue,False\n", "cannot be ids"),
    ],
)
def test_a_table_that_is_no_edge_list_gets_one_clear_error(text, message, tmp_path):
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(FormatError, match=message):
        read(tmp_path / "e.csv")


def test_an_edge_of_an_unknown_node_is_told(tmp_path):
    (tmp_path / "e.csv").write_text("pre,post\n1,5\n")
    (tmp_path / "n.csv").write_text("id\n1\n2\n")
    with pytest.raises(FormatError, match="1 ids are not in the node table of 2: 5"):
        read(tmp_path / "e.csv", nodes=tmp_path / "n.csv")


def test_missing_ids_in_parquet_are_told(tmp_path):
    pd.DataFrame({"pre": pd.array([1, None], dtype="Int64"), "post": [1, 2]}).to_parquet(tmp_path / "e.parquet")
    with pytest.raises(FormatError, match="pre: 1 ids are missing, first in row 1"):
        read(tmp_path / "e.parquet")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_large_numbers_beside_gaps_stay_exact_or_are_refused(ending, tmp_path):
    path = tmp_path / f"t.{ending}"
    table = pd.DataFrame({"id": [1, 2], "pre": [1, 2], "post": [2, 1], "root": pd.array([2**60 + 1, None], "Int64")})
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    (tmp_path / "e.csv").write_text("pre,post\n1,2\n")
    assert read(tmp_path / "e.csv", nodes=path).nodes["root"].tolist() == [2**60 + 1, pd.NA]
    with pytest.raises(FormatError, match="root: whole numbers beyond"):
        read(path)


def test_a_packed_archive_larger_than_memory_is_refused(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "m.npz", m=np.zeros((300, 300)))
    from conntap.circuits.formats import limits

    free = type("Memory", (), {"available": 10_000})
    monkeypatch.setattr(limits.psutil, "virtual_memory", free)
    with pytest.raises(FormatError, match="GiB unpacked"):
        read(tmp_path / "m.npz")


def test_nested_columns_in_parquet_are_told(tmp_path):
    pd.DataFrame({"pre": [1], "post": [2], "at": [[1, 2, 3]]}).to_parquet(tmp_path / "e.parquet")
    with pytest.raises(FormatError, match="at: a column of list"):
        read(tmp_path / "e.parquet")
    assert read(tmp_path / "e.parquet", properties=[]).n_edges == 1


def test_repeated_ids_in_a_node_table_are_told(tmp_path):
    (tmp_path / "e.csv").write_text("pre,post\n1,2\n")
    (tmp_path / "n.csv").write_text("id\n1\n2\n2\n")
    with pytest.raises(FormatError, match="id 2 stands twice"):
        read(tmp_path / "e.csv", nodes=tmp_path / "n.csv")


@pytest.mark.parametrize(
    "content",
    [
        b"\x89HDF\r\n\x1a\n broken",
        b"PAR1broken",
        b"ARROW1broken",
        b"PK\x03\x04 broken",
        b"\x93NUMPY broken",
        b"\x1f\x8b broken",
        b"\x00\x01",
    ],
)
def test_damaged_files_get_one_clear_error(content, tmp_path):
    (tmp_path / "file.csv").write_bytes(content)
    with pytest.raises(FormatError, match=r"file\.csv"):
        read(tmp_path / "file.csv")


@pytest.mark.parametrize("ending", ["h5", "csv.gz", "parquet", "feather", "npz"])
def test_a_file_cut_short_gets_one_clear_error(ending, tmp_path):
    rng = np.random.default_rng(1)
    c = Connectome(100, rng.integers(0, 100, 5000), rng.integers(0, 100, 5000))
    path = tmp_path / f"c.{ending}"
    write(c, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FormatError, match=r"c\."):
        read(path)


@pytest.mark.parametrize("ending", ["h5", "csv", "csv.gz", "parquet", "feather", "npz", "npy", "graphml"])
def test_damaged_bytes_give_a_connectome_or_one_kind_of_error(ending, labelled, tmp_path):
    path = tmp_path / f"c.{ending}"
    write(labelled, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(5)
    for _ in range(25):
        changed = bytearray(whole)
        for at in rng.integers(0, len(whole), 3):
            changed[at] = rng.integers(0, 256)
        path.write_bytes(changed)
        with contextlib.suppress(FormatError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)


def test_every_format_refuses_a_file_of_every_other(labelled, tmp_path):
    for ending in ("h5", "csv", "parquet", "feather", "npz", "npy", "graphml"):
        write(labelled, tmp_path / f"c.{ending}")
        for name in set(FORMATS) - {guess(tmp_path / f"c.{ending}"), "tsv", "csv"}:
            with pytest.raises(ConntapError):
                read(tmp_path / f"c.{ending}", format=name)


def test_two_columns_of_one_name_are_told(tmp_path):
    (tmp_path / "e.csv").write_text("pre,post,w,w\n1,2,3,4\n")
    with pytest.raises(FormatError, match="two columns are named 'w'"):
        read(tmp_path / "e.csv")


def test_the_index_that_pandas_writes_is_no_property(tmp_path):
    pd.DataFrame({"pre": [1], "post": [2], "w": [0.5]}).to_csv(tmp_path / "e.csv")
    assert list(read(tmp_path / "e.csv").properties) == ["w"]


def test_a_missing_file_and_a_misspelt_format_are_told(tmp_path):
    with pytest.raises(FormatError, match="no such file"):
        read(tmp_path / "nothing.csv")
    with pytest.raises(FormatError, match="Did you mean 'parquet'"):
        read(tmp_path, format="parket")


def test_options_of_other_formats_are_refused(labelled, tmp_path):
    write(labelled, tmp_path / "c.h5")
    with pytest.raises(FormatError, match="format hdf5 has no option pre"):
        read(tmp_path / "c.h5", pre="a", post="b")
    with pytest.raises(FormatError, match="format csv has no option weight"):
        write(labelled, tmp_path / "c.csv", weight="weight")


def test_a_newer_layout_asks_for_a_newer_conntap(labelled, tmp_path):
    write(labelled, tmp_path / "c.h5")
    with h5py.File(tmp_path / "c.h5", "a") as file:
        file.attrs["version"] = 99
    with pytest.raises(FormatError, match="newer conntap"):
        read(tmp_path / "c.h5")


def test_a_column_cut_out_of_our_hdf5_is_told(labelled, tmp_path):
    write(labelled, tmp_path / "c.h5")
    with h5py.File(tmp_path / "c.h5", "a") as file:
        del file["nodes/id"]
    with pytest.raises(FormatError, match="damaged or not whole"):
        read(tmp_path / "c.h5")


def test_an_array_larger_than_memory_is_refused(labelled, tmp_path):
    write(labelled, tmp_path / "c.h5")
    with h5py.File(tmp_path / "c.h5", "a") as file:
        del file["pre"]
        file.create_dataset("pre", shape=(10**13,), dtype="i4", chunks=(1024,))
    with pytest.raises(FormatError, match="GiB"):
        read(tmp_path / "c.h5")


# -- guessing and writing ------------------------------------------------------------------------------------


def test_content_wins_over_the_name(labelled, tmp_path):
    for name in ("c.h5", "c.parquet", "c.feather", "c.npz", "c.graphml"):
        write(labelled, tmp_path / name)
        (tmp_path / name).rename(tmp_path / "misnamed.csv")
        assert guess(tmp_path / "misnamed.csv") in FORMATS
        assert read(tmp_path / "misnamed.csv").n_nodes == 3


def test_what_is_there_is_kept_unless_told_otherwise(labelled, tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("mine")
    with pytest.raises(FormatError, match="overwrite=True"):
        write(labelled, path)
    assert path.read_text() == "mine"
    write(labelled, path, overwrite=True)
    assert read(path) == labelled


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "c.graphml"
    path.write_text("mine")
    with pytest.raises(FormatError, match="rectangular"):
        write(Connectome(1, [0], [0], post_nodes=1), path, overwrite=True)
    assert [each.name for each in tmp_path.iterdir()] == ["c.graphml"]
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["c.h5", "c.csv", "c.parquet", "c.npz", "circuit"])
def test_a_disk_that_refuses_leaves_the_old_file_and_nothing_else(name, tmp_path):
    write(Connectome(3, [0], [1]), tmp_path / name)
    before = {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}
    script = (
        "import resource, sys, numpy as np\n"
        "from conntap.circuits.connectome import Connectome\n"
        "from conntap.circuits.formats import write\n"
        "ends = np.random.default_rng(1).integers(0, 10**4, (2, 10**5))\n"
        "big = Connectome(10**4, *ends)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "write(big, sys.argv[1], overwrite=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / name)], capture_output=True, text=True)
    assert done.returncode != 0
    assert "too large" in done.stderr
    assert {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()} == before


def test_an_unknown_ending_is_refused(labelled, tmp_path):
    with pytest.raises(FormatError, match="does not say which format"):
        write(labelled, tmp_path / "c.xls")


def test_equal_connectomes_give_equal_bytes(labelled, tmp_path):
    for ending in ("csv", "csv.gz", "parquet", "h5"):
        for name in ("a", "b"):
            write(labelled, tmp_path / f"{name}.{ending}")
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_writing_leaves_the_connectome_untouched(layered, tmp_path):
    before = layered.edges.copy()
    write(layered, tmp_path / "e.csv", nodes=tmp_path / "n.csv")
    assert layered.edges.equals(before)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("c.csv", {}, "csv does not keep node properties (layer), nodes without edges (1); nodes= keeps"),
        ("c.parquet", {"properties": []}, "parquet does not keep node properties (layer), nodes without edges (1);"),
        (
            "c.npz",
            {},
            "does not keep node properties (layer), edge properties (kind, weight), parallel edges (1 merged);",
        ),
        (
            "c.npy",
            {"weight": "weight"},
            "(layer), ids, edge properties (kind), parallel edges (1 merged); hdf5 (.h5) keeps",
        ),
    ],
)
def test_what_a_format_does_not_keep_is_said_once(name, options, said, layered, tmp_path, caplog):
    write(layered, tmp_path / name, **options)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert said in record.message


def test_a_rectangle_and_entries_of_zero_that_are_lost_are_said(tmp_path, caplog):
    write(Connectome(2, [0, 1], [0, 1], post_nodes=2), tmp_path / "e.csv")
    assert "does not keep that pre and post nodes are two tables" in caplog.text
    write(Connectome(2, [0, 0], [1, 1], properties={"w": [1, -1]}), tmp_path / "m.npy", weight="w")
    assert "edges whose sum is 0 (1)" in caplog.text


def test_nothing_is_said_where_everything_is_kept(layered, labelled, tmp_path, caplog):
    write(layered, tmp_path / "e.csv", nodes=tmp_path / "n.csv")
    write(labelled, tmp_path / "f.feather")
    for name in ("c.h5", "c.graphml", "sonata"):
        write(layered, tmp_path / name)
    write(Connectome.from_adjacency([[0, 2], [0, 0]]), tmp_path / "m.npy", weight="weight")
    assert not caplog.records


def test_a_folder_that_cannot_be_written_to_is_told(labelled, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((FormatError, StoreError), match="file"):
        write(labelled, tmp_path / "file" / "c.csv")


# -- the page about formats ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page() -> str:
    from pathlib import Path

    return (Path(__file__).parents[2] / "docs" / "how-to" / "formats.md").read_text()


def test_the_page_names_every_format_and_column(page):
    from conntap.circuits.formats.columns import ENDS, NODE_IDS

    assert all(f"`{name}`" in page for name in FORMATS)
    assert all(f"`{pre}`/`{post}`" in page for pre, post in ENDS)
    assert all(f"`{name}`" in page for name in NODE_IDS)


def test_the_page_tells_how_to_read_our_hdf5_without_us(page, labelled, tmp_path, monkeypatch):
    nodes = pd.DataFrame({"cell_type": pd.Categorical(["T4a", "R1", "T4a"])})
    write(Connectome(nodes, labelled.pre, labelled.post), tmp_path / "fly.h5")
    monkeypatch.chdir(tmp_path)
    with h5py.File("fly.h5") as file:
        cell_type = file["nodes/columns/cell_type"]
        names = cell_type["texts"].asstr()[:][cell_type["codes"][:]]
        assert names.tolist() == ["T4a", "R1", "T4a"]
        assert file["pre"][:].tolist() == labelled.pre.tolist()
    assert 'cell_type["texts"].asstr()[:][cell_type["codes"][:]]' in page


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_older_version_still_reads(version):
    """Written by that version; never write it anew."""
    from pathlib import Path

    c = read(Path(__file__).parents[1] / "archive" / f"connectome-v{version}.h5")
    pre = pd.DataFrame(
        {
            "layer": [1, 2, 2],
            "cell type": ["PC", None, "BC"],
            "rank": ["lo", "hi", "lo"],
            "age": pd.array([2**60 + 1, None, 3], dtype="Int64"),
        },
        index=[720575940628857210, 5, 7],
    )
    properties = {"weight": [0.5, 1.0, 2.0], "kind": ["e", None, "i"], "a.b/c": [True, False, True]}
    post = pd.DataFrame({"x": [0.5, 1.5]}, index=["a", "µ"])
    assert c == Connectome(pre, [0, 0, 2], [1, 1, 0], post_nodes=post, properties=properties)
    assert c.pre_nodes["rank"].cat.ordered
    assert c.name == "archived"

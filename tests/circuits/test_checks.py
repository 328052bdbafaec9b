"""Checks: each fault is found, sound circuits have none, and one fault does not hide another."""

import json

import h5py
import numpy as np
import pytest
from sonata_files import write_circuit, write_config, write_edges, write_index, write_nodes, write_population

from conntap.circuits.checks import check
from conntap.errors import CircuitError

NODES, EDGES = "nodes/cells", "edges/cells__cells"


def _said(path, level="error"):
    return [f"{each.where}: {each.what}" for each in check(path) if each.level == level]


def _found(path, text, level="error"):
    said = _said(path, level)
    assert any(text in each for each in said), said
    return said


@pytest.fixture
def circuit(tmp_path):
    attributes = {"x": np.arange(4.0), "kind": np.array([0, 1, 0, 1]), "@library/kind": ["a", "b"]}
    return write_circuit(tmp_path, attributes=attributes, edge_attributes={"w": np.arange(4.0)})


def _change(circuit, file, dataset, values):
    with h5py.File(circuit.parent / file, "a") as h5:
        kept = dict(h5[dataset].attrs) if dataset in h5 else {}
        if dataset in h5:
            del h5[dataset]
        if values is not None:
            h5[dataset] = values
            h5[dataset].attrs.update(kept)


def _with(circuit, **more):
    circuit.write_text(json.dumps(json.loads(circuit.read_text()) | more))


def test_a_sound_circuit_is_neither_wrong_nor_odd(circuit):
    assert _said(circuit) == []
    assert _said(circuit, "odd") == []


@pytest.mark.parametrize(
    ("file", "dataset", "values", "said"),
    [
        ("edges.h5", f"{EDGES}/target_node_id", np.array([1, 2, 2, 9], "u8"), "1 ids out of range: no such nodes among 4; first edge 3, id 9"),
        ("edges.h5", f"{EDGES}/source_node_id", np.array([-1, 0, 1, 3]), "first edge 0, id -1"),
        ("edges.h5", f"{EDGES}/target_node_id", np.array([1, 2, 0, 2], "u8"), "index does not match the edges: edge 2 is listed under"),
        ("edges.h5", f"{EDGES}/source_node_id", np.array([0, 0, 1], "u8"), "values for"),
        ("edges.h5", f"{EDGES}/source_node_id", None, "no source_node_id"),
        ("edges.h5", f"{EDGES}/edge_type_id", np.full(3, -1), "edge_type_id: 3 values for 4 edges"),
        ("edges.h5", f"{EDGES}/0/w", np.zeros(3), "3 values for 4 edges"),
        ("edges.h5", f"{EDGES}/indices/target_to_source/node_id_to_ranges", np.array([[0, 1], [1, 99]]), "points outside"),
        ("edges.h5", f"{EDGES}/indices/target_to_source/node_id_to_ranges", np.array([[0, 1], [0, 1]]), "do not cover the 4 edges once each"),
        ("edges.h5", f"{EDGES}/indices/target_to_source/range_to_edge_id", np.zeros(3), "not of shape (n, 2)"),
        ("nodes.h5", f"{NODES}/0/x", np.array([0, np.nan, 1, np.inf]), "2 positions are not finite, first in row 1"),
        ("nodes.h5", f"{NODES}/0/x", np.zeros(3), "attributes of different lengths"),
        ("nodes.h5", f"{NODES}/0/kind", np.array([0, 1, 2, 0]), "value 2 is used, but its @library has 2 values"),
        ("nodes.h5", f"{NODES}/node_id", np.array([0, 1, 1, 2]), "id 1 stands 2 times"),
        ("nodes.h5", f"{NODES}/node_id", np.array([0, 1, -2, 2]), "id -2 is below 0"),
        ("nodes.h5", f"{NODES}/node_group_index", np.array([0, 1, 2, 4]), "row 4 of group 0, which has 4 rows"),
        ("nodes.h5", f"{NODES}/1/y", np.zeros(2), "2 groups but not both node_group_id and node_group_index"),
    ],
)  # fmt: skip
def test_a_wrong_dataset_is_found(circuit, file, dataset, values, said):
    _change(circuit, file, dataset, values)
    _found(circuit, said)


def test_a_group_that_is_not_there_is_found(circuit):
    _change(circuit, "nodes.h5", f"{NODES}/node_group_index", np.arange(4))
    _change(circuit, "nodes.h5", f"{NODES}/node_group_id", np.array([0, 0, 0, 7]))
    _found(circuit, "group 7 is named, but there is none")


def test_edges_of_a_population_that_is_not_there_are_found(circuit):
    with h5py.File(circuit.parent / "edges.h5", "a") as file:
        file[f"{EDGES}/source_node_id"].attrs["node_population"] = "cell"
    _found(circuit, "unknown node population 'cell'; known: cells. Did you mean 'cells'?")


@pytest.mark.parametrize("file", ["nodes.h5", "edges.h5"])
def test_truncated_and_missing_files_are_found(circuit, file):
    whole = (circuit.parent / file).read_bytes()
    (circuit.parent / file).write_bytes(whole[:-400])
    _found(circuit, f"{file}: truncated")
    (circuit.parent / file).unlink()
    _found(circuit, f"{file}: no such file")


def test_every_fault_is_found_in_one_pass(circuit):
    _change(circuit, "nodes.h5", f"{NODES}/0/x", np.full(4, np.nan))
    _change(circuit, "edges.h5", f"{EDGES}/target_node_id", np.array([1, 2, 2, 9], "u8"))
    _with(circuit, node_sets_file="nowhere.json")
    assert len(_said(circuit)) >= 3


def test_a_configuration_that_cannot_be_read_is_one_error(tmp_path):
    path = write_config(tmp_path, [], [], manifest={"$A": "$B", "$B": "$A"})
    assert len(_found(path, "circular")) == 1


def test_populations_that_are_not_in_the_file_are_found(tmp_path):
    write_nodes(tmp_path / "nodes.h5")
    path = write_config(tmp_path, [{"nodes_file": "nodes.h5", "populations": {"cell": {}}}], [])
    _found(path, "unknown population of nodes 'cell'; known: cells")
    _found(path, "populations that the configuration does not name: cells", "odd")


@pytest.mark.parametrize(
    ("sets", "level", "said"),
    [
        ({"a": {"layr": 1}}, "error", "unknown property 'layr'"),
        ({"a": ["b"]}, "error", "unknown node set 'b'"),
        ({"a": {"population": "cell"}}, "error", "unknown node population 'cell'"),
        ({"a": {"node_id": [1, 99]}}, "odd", "1 ids that no population named there has, such as 99"),
        ({"a": {"x": {"$gt": 99}}}, "odd", "selects no node of any population"),
    ],
)
def test_node_sets_are_evaluated(circuit, sets, level, said):
    (circuit.parent / "sets.json").write_text(json.dumps(sets))
    _with(circuit, node_sets_file="sets.json")
    _found(circuit, said, level)


def _typed(folder, type_ids, table="node_type_id ei\n1 e\n2 i\n"):
    (folder / "types.csv").write_text(table)
    write_nodes(folder / "nodes.h5", node_type_id=type_ids)
    return write_config(folder, [{"nodes_file": "nodes.h5", "node_types_file": "types.csv"}], [])


def test_types_that_are_missing_or_unused_are_found(tmp_path):
    path = _typed(tmp_path, [1, 1, 3, 3])
    _found(path, "type id 3 is not in")
    _found(path, "1 of 2 types are not used", "odd")


def test_a_wrong_table_of_types_is_found(tmp_path):
    _found(_typed(tmp_path, [1, 1, 1, 1], "node_type_id ei\n1\n"), "line 2 has 1 values for 2 columns")


def test_what_other_readers_refuse_is_odd_and_no_error(tmp_path):
    groups = {0: {"x": [1.0, 2.0]}, 1: {"x": [3.0, 4.0]}}
    options = {"compression": "gzip"}
    write_population(
        tmp_path / "nodes.h5", "nodes", "cells", groups=groups, group_id=[0, 0, 1, 1], group_index=[0, 1, 0, 1],
        options=options, node_type_id=[-1] * 4, node_id=[3, 2, 1, 0],
    )  # fmt: skip
    write_edges(tmp_path / "edges.h5", pre=[0, 1], post=[1, 2], ends=None, index=False)
    with h5py.File(tmp_path / "edges.h5", "a") as file:
        write_index(file[EDGES], "target_to_source", np.array([1, 2]), 4, spelling="node_id_to_range")
    edges = [{"edges_file": "edges.h5"}, {"edges_file": "off.h5", "enabled": False}]
    path = write_config(tmp_path, [{"nodes_file": "nodes.h5"}], edges)
    assert _said(path) == []
    for said in (
        "2 groups of attributes", "packed with gzip", "ids other than 0..n-1", "no attribute node_population",
        "no index", "libsonata wants the spelling", "no 'populations'", "enabled: false",
    ):  # fmt: skip
        _found(path, said, "odd")


def test_findings_are_sorted_and_print_as_one_line(circuit):
    _change(circuit, "nodes.h5", f"{NODES}/0/x", np.full(4, np.nan))
    levels = [each.level for each in check(circuit)]
    assert levels == sorted(levels)
    assert str(check(circuit)[0]).startswith(f"error: {circuit.parent}/nodes.h5:/{NODES}/0/x: ")


def test_real_circuits_are_sound(shared_data):
    for name in ("300_intfire", "300_pointneurons"):
        assert _said(shared_data / "sonata" / name) == []


def test_no_fault_escapes_as_another_error(circuit):
    """Every dataset in turn is taken out or replaced by text; the check still answers."""
    names = []
    for file in ("nodes.h5", "edges.h5"):
        with h5py.File(circuit.parent / file) as h5:
            h5.visititems(
                lambda name, each, file=file: names.append((file, name)) if isinstance(each, h5py.Dataset) else None
            )
    whole = {file: (circuit.parent / file).read_bytes() for file in ("nodes.h5", "edges.h5")}
    for file, name in names:
        for values in (None, np.array(["a"] * 4, dtype=object), np.zeros((2, 2, 2)), 3.0):
            _change(circuit, file, name, values)
            try:
                check(circuit)
            except CircuitError:  # never expected, but no crash either
                pytest.fail(f"{name} as {values!r}")
            (circuit.parent / file).write_bytes(whole[file])

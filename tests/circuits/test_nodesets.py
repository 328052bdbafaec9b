"""Node sets: rules against pandas, unions, and what is said of wrong ones."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sonata_files import write_circuit, write_nodes

from conntap.circuits.circuit import open_circuit
from conntap.circuits.nodesets import NodeSets
from conntap.errors import NodeSetError

libsonata = pytest.importorskip("libsonata")

N = 40
_rng = np.random.default_rng(1)
ATTRIBUTES = {
    "layer": _rng.integers(1, 6, N),
    "x": np.round(_rng.normal(size=N), 1),
    "name": [f"cell-{i % 7}" for i in range(N)],
    "kind": _rng.integers(0, 3, N).astype("u4"),
    "@library/kind": ["PC", "BC", "MC"],
}
WORDS = {"name": [f"cell-{i}" for i in range(8)], "kind": ["PC", "BC", "XX"]}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    return open_circuit(write_circuit(tmp_path_factory.mktemp("sets"), n=N, attributes=ATTRIBUTES)).nodes()


_numbers = st.one_of(
    st.integers(0, 6),
    st.lists(st.integers(0, 6), max_size=3),
    st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), st.integers(-1, 6), min_size=1, max_size=2),
)


def _words(name):
    some = st.sampled_from(WORDS[name])
    patterns = st.fixed_dictionaries({"$regex": st.sampled_from(["C", "^P", "-[1-3]", "cell"])})
    return st.one_of(some, st.lists(some, max_size=3), patterns)


_rules = st.fixed_dictionaries(
    {},
    optional={
        "layer": _numbers,
        "x": st.fixed_dictionaries({"$gt": st.floats(-2, 2)}, optional={"$lt": st.floats(-2, 2)}),
        "name": _words("name"),
        "kind": _words("kind"),
        "node_id": st.one_of(st.integers(0, N), st.lists(st.integers(0, N + 5), max_size=9)),
        "population": st.sampled_from(["cells", ["others", "cells"], "others"]),
    },
)


def _by_pandas(table, rule):
    compare = {"$gt": "gt", "$gte": "ge", "$lt": "lt", "$lte": "le"}
    keep = table.index >= 0
    for key, value in rule.items():
        if key == "population":
            keep &= "cells" in ([value] if isinstance(value, str) else value)
        elif isinstance(value, dict):
            for operator, limit in value.items():
                column = table[key]
                found = (
                    column.astype(str).str.contains(limit)
                    if operator == "$regex"
                    else getattr(column, compare[operator])(limit)
                )
                keep &= found.to_numpy()
        else:
            column = table.index if key == "node_id" else table[key]
            keep &= np.asarray(column.isin(value if isinstance(value, list) else [value]))
    return table.index[keep].tolist()


@settings(max_examples=60, deadline=None)
@given(_rules)
def test_a_rule_selects_what_pandas_selects(nodes, rule):
    assert nodes.ids(rule).tolist() == _by_pandas(nodes.table(), rule)


@settings(max_examples=40, deadline=None)
@given(_rules.filter(lambda rule: rule and all(not isinstance(v, dict) or len(v) == 1 for v in rule.values())))
def test_a_rule_selects_what_libsonata_selects(nodes, rule):
    peer = libsonata.NodeStorage(str(nodes.path)).open_population("cells")
    theirs = libsonata.NodeSets(json.dumps({"set": rule})).materialize("set", peer).flatten()
    assert nodes.ids(rule).tolist() == theirs.tolist()


def test_an_empty_rule_selects_all_and_an_empty_union_none(nodes):
    assert len(nodes.ids({})) == N
    assert NodeSets({"none": []}).mask("none", nodes).sum() == 0


def test_and_and_or_combine_rules(nodes):
    layer = nodes.table()["layer"]
    either = nodes.ids({"$or": [{"layer": 1}, {"layer": 2}]})
    assert either.tolist() == layer.index[layer.isin([1, 2])].tolist()
    assert nodes.ids({"$and": [{"layer": [1, 2]}, {"layer": [2, 3]}]}).tolist() == layer.index[layer == 2].tolist()
    assert nodes.ids({"$or": []}).tolist() == []


def test_a_list_of_names_is_the_union_however_deep(nodes):
    sets = NodeSets({"a": {"node_id": [1, 2]}, "b": {"node_id": [2, 3]}, "ab": ["a", "b"], "all": ["ab", "a"]})
    assert np.flatnonzero(sets.mask("all", nodes)).tolist() == [1, 2, 3]
    assert np.flatnonzero(sets.mask(["a", "b"], nodes)).tolist() == [1, 2, 3]


def test_missing_values_meet_no_condition(tmp_path):
    circuit = open_circuit(write_circuit(tmp_path, attributes={"x": [np.nan, 1.0, 2.0, np.nan]}))
    assert circuit.nodes().ids({"x": {"$lt": 5}}).tolist() == [1, 2]


def test_truth_values_are_compared(tmp_path):
    circuit = open_circuit(write_circuit(tmp_path, attributes={"on": np.array([True, False, True, False])}))
    assert circuit.nodes().ids({"on": True}).tolist() == [0, 2]


def test_a_mask_a_number_and_names_select_too(tmp_path):
    path = write_circuit(tmp_path)
    config = json.loads(path.read_text()) | {"node_sets_file": "sets.json"}
    path.write_text(json.dumps(config))
    (tmp_path / "sets.json").write_text('{"ends": {"node_id": [0, 3]}, "mid": {"node_id": [1]}}')
    nodes = open_circuit(path).nodes()
    assert nodes.ids([True, False, False, True]).tolist() == [0, 3]
    assert nodes.ids(2).tolist() == [2]
    assert nodes.ids("ends").tolist() == [0, 3]
    assert nodes.ids(["mid", "ends"]).tolist() == nodes.ids(np.array(["ends", "mid"])).tolist() == [0, 1, 3]
    assert nodes.ids([3, 1, 3]).tolist() == [1, 3]
    assert nodes.select([3, 1]).tolist() == [3, 1]


@pytest.mark.parametrize(
    ("definitions", "said"),
    [
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, "circular: a -> b -> c -> a"),
        ({"a": ["a"]}, "circular: a -> a"),
        ({"a": 3}, "a: a int; give an object"),
        ({"a": [1, 2]}, "a list of other things than names"),
        ({"a": {"x": {"$gtt": 1}}}, r"a\.x: unknown operator '\$gtt'.*Did you mean '\$gt'"),
        ({"a": {"x": {"$gt": "1"}}}, r"a\.x\.\$gt: '1' is no number"),
        ({"a": {"x": {"$regex": "["}}}, "no regular expression"),
        ({"a": {"x": {"$regex": 1}}}, "no regular expression"),
        ({"a": {"x": None}}, "null is no value"),
        ({"a": {"$or": {"x": 1}}}, "give a list of rules"),
        ([], "a list; give an object of named"),
    ],
)
def test_a_wrong_definition_is_said(definitions, said):
    with pytest.raises(NodeSetError, match=said):
        NodeSets(definitions, where="sets.json")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"layers": 1}, "on population 'cells': unknown property 'layers'.*Did you mean 'layer'"),
        ({"layer": "1"}, "'1' does not fit a property of numbers"),
        ({"kind": 0}, "0 does not fit a property of text"),
        ({"kind": {"$gt": 1}}, r"\$gt does not fit a property of text"),
        ({"layer": {"$regex": "1"}}, r"\$regex does not fit a property of numbers"),
    ],
)
def test_a_rule_that_does_not_fit_the_population_is_said(nodes, rule, said):
    with pytest.raises(NodeSetError, match=said):
        nodes.ids(rule)


def test_a_set_made_of_an_unknown_one_is_an_error_where_it_is_asked_for(nodes):
    sets = NodeSets({"a": ["b"], "b": ["exictatory"], "excitatory": {}}, where="sets.json")
    assert sets.mask("excitatory", nodes).all()
    with pytest.raises(NodeSetError, match=r"sets\.json: b: unknown node set 'exictatory'.*Did you mean 'excitatory'"):
        sets.mask("a", nodes)


def test_an_unknown_node_set_is_answered_with_the_nearest(nodes):
    with pytest.raises(NodeSetError, match=r"unknown node set 'Layer1'.*Did you mean 'Layer_1'"):
        NodeSets({"Layer_1": {"layer": 1}}).mask("Layer1", nodes)


def test_a_node_set_of_another_population_selects_nothing(nodes):
    assert nodes.ids({"population": "others", "no such property": 1}).tolist() == []


def test_evaluating_leaves_the_definitions_as_they_are(nodes):
    rule = {"layer": [1, 2], "$or": [{"kind": "PC"}]}
    before = json.dumps(rule)
    nodes.ids(rule)
    assert json.dumps(rule) == before


def test_node_sets_of_two_files_are_put_together_the_last_first(tmp_path):
    (tmp_path / "a.json").write_text('{"one": {"node_id": 1}, "two": {"node_id": 2}}')
    (tmp_path / "b.json").write_text('{"two": {"node_id": 3}, "both": ["one", "two"]}')
    sets = NodeSets.read(tmp_path / "a.json", tmp_path / "b.json")
    assert list(sets) == ["one", "two", "both"]
    assert sets["two"] == {"node_id": 3}
    assert repr(NodeSets({})) == "NodeSets(none)"


def test_ids_that_are_not_rows_are_what_node_id_means(tmp_path):
    write_nodes(tmp_path / "nodes.h5", n=3, node_id=[30, 10, 20])
    (tmp_path / "circuit_config.json").write_text('{"networks": {"nodes": [{"nodes_file": "nodes.h5"}]}}')
    assert open_circuit(tmp_path).nodes().ids({"node_id": [10, 30, 0]}).tolist() == [10, 30]

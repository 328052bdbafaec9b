"""Degrees: by hand and against networkx."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.analyze import degrees, direction_bias, direction_bias_by_group
from conntap.circuits import Connectome
from conntap.errors import OptionError


def test_connections_are_counted_at_both_ends():
    table = degrees(Connectome(["a", "b", "c"], [0, 0, 2], [1, 2, 0]))
    assert table.index.tolist() == ["a", "b", "c"]
    assert table.to_dict("list") == {"in": [1, 1, 1], "out": [2, 0, 1], "total": [3, 1, 2]}


def test_the_index_is_named_id_and_the_numbers_are_whole():
    table = degrees(Connectome(2, [0], [1]))
    assert table.index.name == "id"
    assert set(table.dtypes) == {np.dtype(np.int64)}


def test_synapses_of_one_connection_count_once_and_loops_not():
    assert degrees(Connectome(2, [0, 0, 1], [1, 1, 1]))["total"].tolist() == [1, 1]


def test_no_nodes_no_rows():
    assert degrees(Connectome(0, [], [])).shape == (0, 3)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=40))
def test_degrees_are_those_of_networkx(edges):
    oracle = nx.DiGraph()
    oracle.add_nodes_from(range(7))
    oracle.add_edges_from((u, v) for u, v in edges if u != v)
    pre, post = np.array(edges, dtype=int).reshape(-1, 2).T
    table = degrees(Connectome(7, pre, post))
    assert table["in"].to_dict() == dict(oracle.in_degree())
    assert table["out"].to_dict() == dict(oracle.out_degree())


def test_pre_nodes_send_and_post_nodes_receive():
    table = degrees(Connectome(["a", "b"], [0, 0, 0], [1, 1, 2], post_nodes=["a", "x", "y"]))
    assert table.index.names == ["side", "id"]
    assert table["out"].to_dict() == {("pre", "a"): 2, ("pre", "b"): 0, **dict.fromkeys(zip(["post"] * 3, "axy"), 0)}
    assert table.loc["post", "in"].tolist() == [0, 1, 1]
    assert set(table.dtypes) == {np.dtype(np.int64)}


def test_partners_are_counted_by_group():
    nodes = pd.DataFrame({"ei": ["e", "i", "e", None], "layer": [1, 1, 2, 2]})
    connectome = Connectome(nodes, [0, 0, 0, 1, 2], [1, 2, 3, 0, 0])
    table = degrees(connectome, by="ei")
    assert table.columns.names == ["direction", "ei"]
    assert table.loc[0].to_dict() == {
        **{("in", "e"): 1, ("in", "i"): 1, ("out", "e"): 1, ("out", "i"): 1, ("total", "e"): 2, ("total", "i"): 2}
    }
    both = degrees(connectome, by=["ei", "layer"])
    assert both.columns.names == ["direction", "ei", "layer"]
    assert both.loc[0, "out"].to_dict() == {("e", 1): 0, ("e", 2): 1, ("i", 1): 1}


def test_partners_of_rectangular_connectomes_are_counted_by_group():
    pre, post = pd.DataFrame({"kind": ["a", "b"]}), pd.DataFrame({"kind": ["b", "c"]}, index=["u", "v"])
    table = degrees(Connectome(pre, [0, 1, 1], [0, 0, 1], post_nodes=post), by="kind")
    assert table.loc[("post", "u"), "in"].to_dict() == {"a": 1, "b": 1, "c": 0}
    assert table.loc[("pre", 1), "out"].to_dict() == {"a": 0, "b": 1, "c": 1}


@given(connectomes(min_nodes=1, columns=False))
def test_groups_of_partners_add_up_to_the_degrees(connectome):
    nodes = connectome.nodes.assign(part=np.arange(connectome.n_nodes) % 3)
    grouped = Connectome(nodes, connectome.pre, connectome.post)
    table = degrees(grouped, by="part")
    for direction in ("in", "out", "total"):
        assert table[direction].sum(axis=1).tolist() == degrees(grouped)[direction].tolist()


def test_groups_must_be_known_and_may_be_none():
    with pytest.raises(OptionError, match=r"degrees\.by: unknown node property 'layr'; known: layer"):
        degrees(Connectome(pd.DataFrame({"layer": [1]}), [], []), by="layr")
    assert degrees(Connectome(pd.DataFrame({"layer": []}), [], []), by="layer").shape == (0, 0)


def test_a_node_that_only_sends_has_a_bias_of_one():
    connectome = Connectome(["a", "b", "c", "d"], [0, 0, 1, 1, 1], [1, 2, 0, 2, 2])
    bias = direction_bias(connectome)
    assert bias.loc[["a", "b", "c"]].tolist() == pytest.approx([1 / 3, 1 / 3, -1])
    assert np.isnan(bias["d"])
    assert bias.index.name == "id"


def test_the_bias_of_a_group_leaves_out_what_is_within():
    nodes = pd.DataFrame({"ei": ["e", "e", "i", None, "x"]})
    table = direction_bias_by_group(Connectome(nodes, [0, 0, 1, 2, 3], [1, 2, 2, 0, 0]), by="ei")
    assert table.loc["e", ["nodes", "within", "out", "in", "bias"]].tolist() == [2, 1, 2, 2, 0]
    assert table.loc["i", "bias"] == pytest.approx(-1 / 3)
    assert np.isnan(table.loc["x", "bias"])
    assert table.index.name == "ei"


@pytest.mark.parametrize("measure", [direction_bias, lambda c: direction_bias_by_group(c, by="kind")])
def test_biases_of_a_rectangular_connectome_are_refused(measure):
    with pytest.raises(OptionError, match=r"direction_bias.*: the connectome is rectangular"):
        measure(Connectome(2, [0], [1], post_nodes=3))


def test_the_input_is_untouched():
    connectome = Connectome(3, [0, 0, 1], [1, 1, 2])
    before = connectome.edges
    degrees(connectome)
    pd.testing.assert_frame_equal(connectome.edges, before)

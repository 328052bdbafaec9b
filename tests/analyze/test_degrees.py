"""Degrees: by hand and against networkx."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.analyze import degrees
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


def test_a_rectangular_connectome_is_refused():
    with pytest.raises(OptionError, match="degrees: the connectome is rectangular"):
        degrees(Connectome(2, [0], [1], post_nodes=3))


def test_the_input_is_untouched():
    connectome = Connectome(3, [0, 0, 1], [1, 1, 2])
    before = connectome.edges
    degrees(connectome)
    pd.testing.assert_frame_equal(connectome.edges, before)

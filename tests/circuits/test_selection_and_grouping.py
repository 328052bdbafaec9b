"""Nodes chosen and grouped by what they are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from strategies import connectomes

from conntap.circuits.grouping import grouped
from conntap.circuits.selection import selected
from conntap.errors import OptionError

NODES = pd.DataFrame(
    {"layer": [4, 5, 4, 5], "ei": pd.Categorical(["e", "e", "i", None])}, index=pd.Index([10, 20, 30, 40], name="id")
)


@pytest.mark.parametrize(
    ("choice", "rows"),
    [
        (None, [0, 1, 2, 3]),
        ("layer == 4 and ei == 'e'", [0]),
        ("id > 15", [1, 2, 3]),
        ({"layer": 5}, [1, 3]),
        ({"layer": [4, 5], "ei": "i"}, [2]),
        ([40, 10], [3, 0]),
        ([], []),
        ([True, False, False, True], [0, 3]),
    ],
)
def test_nodes_are_chosen_by_what_they_are(choice, rows):
    assert selected(NODES, choice, "f.nodes").tolist() == rows


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("lair == 4", "f.nodes.*unknown node property 'lair'; known: ei, id, layer"),
        ({"lair": 4}, "f.nodes: unknown node property 'lair'.*Did you mean 'layer'"),
        ([10, 11], "1 ids are not among the 4 nodes: 11"),
        ([10, 10], "stands twice"),
        ([True], "a mask of shape"),
        ("__import__('os')", "not allowed"),
    ],
)
def test_a_choice_that_does_not_fit_is_told(choice, message):
    with pytest.raises(OptionError, match=message):
        selected(NODES, choice, "f.nodes")


def test_groups_rise_and_missing_values_are_in_none():
    codes, groups = grouped(NODES, ["ei", "layer"], "f.by")
    assert codes.tolist() == [0, 1, 2, -1]
    assert groups.tolist() == [("e", 4), ("e", 5), ("i", 4)]
    assert groups.names == ["ei", "layer"]


def test_a_grouping_that_does_not_fit_is_told():
    with pytest.raises(OptionError, match="unknown node property 'x'"):
        grouped(NODES, "x", "f.by")
    with pytest.raises(OptionError, match="list of different ones"):
        grouped(NODES, [], "f.by")


@given(connectomes())
def test_groups_are_those_of_pandas(connectome):
    nodes = connectome.nodes
    for name in nodes.columns:
        codes, groups = grouped(nodes, name, "f.by")
        assert np.array_equal(groups.take(codes).to_numpy(), nodes[name].to_numpy())
        assert set(codes) == set(range(len(groups)))

"""Nodes chosen and grouped by what they are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
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
    with pytest.raises(OptionError, match=r"f\.by: no property\. Name at least one"):
        grouped(NODES, [], "f.by")
    with pytest.raises(OptionError, match="list of different ones"):
        grouped(NODES, ["layer", "layer"], "f.by")


SPREAD = pd.DataFrame({"y": [5.0, 1.0, 3.0, 2.0, np.nan, 4.0], "ei": ["e", "e", "e", "i", "i", "i"]})


def test_quantiles_number_the_values_from_the_lowest():
    codes, groups = grouped(SPREAD, {"quantiles": {"y": 2}}, "f.by")
    assert codes.tolist() == [1, 0, 0, 0, -1, 1]
    assert (groups.tolist(), groups.name) == ([1, 2], "y_quantile")


def test_quantiles_in_a_list_are_those_within_the_groups_before_them():
    codes, groups = grouped(SPREAD, ["ei", {"quantiles": {"y": 2}}], "f.by")
    assert groups.take(codes[codes >= 0]).tolist() == [("e", 2), ("e", 1), ("e", 1), ("i", 1), ("i", 2)]
    assert groups.names == ["ei", "y_quantile"]


@given(st.lists(st.integers(-500, 500), min_size=2, max_size=40), st.integers(2, 6))
def test_quantiles_are_those_of_pandas_and_ties_stay_together(values, number):
    codes, groups = grouped(pd.DataFrame({"y": values}), {"quantiles": {"y": number}}, "f.by")
    numbers = groups.to_numpy()[codes]
    assert pd.Series(numbers).groupby(values).nunique().max() == 1
    assert (np.diff(numbers[np.argsort(values, kind="stable")]) >= 0).all()
    if len(np.unique(np.quantile(values, np.linspace(0, 1, number + 1)))) == number + 1:
        assert numbers.tolist() == (pd.qcut(pd.Series(values), number, labels=False) + 1).tolist()


def test_expressions_make_named_groups_in_the_order_given():
    codes, groups = grouped(SPREAD, {"upper": "y > 3", "lower": "y <= 3", "none": "y > 99"}, "f.by")
    assert (codes.tolist(), groups.tolist(), groups.name) == ([0, 1, 1, 1, -1, 0], ["upper", "lower"], "part")


def test_wanted_values_are_groups_in_the_order_given():
    codes, groups = grouped(NODES, {"layer": [5, 4], "ei": ["e"]}, "f.by")
    assert (codes.tolist(), groups.tolist()) == ([1, 0, -1, -1], [(5, "e"), (4, "e")])


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ({"a": "y > 1", "b": "y > 2"}, "3 nodes are both in 'a' and in 'b'"),
        ({"a": "z > 1"}, r"f\.by\.a: .*unknown node property 'z'"),
        ({"quantiles": {"ei": 2}}, r"f\.by\.quantiles: node property 'ei' is no number"),
        ({"quantiles": {"z": 2}}, "unknown node property 'z'"),
        ({"quantiles": {"y": 1}}, "a whole number of groups, 2 or more"),
        ({"quantiles": {"y": True}}, "a whole number of groups"),
        ({"quantiles": "y"}, r"give \{property: number of groups\}"),
        ({"y": []}, "no values"),
        ({"ei": ["x"]}, "no node has 'x'; known: 'e', 'i'"),
        ({"tops": {"y": 2}}, "is no value of a node.*Ways to group beside properties: quantiles"),
        ([{"quantiles": {"y": 2}}, {"quantiles": {"y": 3}}], "names something twice"),
        (5, "give a node property"),
        ([5], "5 is no name of a node property"),
        ({}, "Name at least one"),
    ],
)
def test_a_grouping_of_another_form_is_told(by, said):
    with pytest.raises(OptionError, match=said):
        grouped(SPREAD, by, "f.by")


def test_a_property_named_as_a_keyword_or_a_part_is_a_property():
    nodes = pd.DataFrame({"quantiles": [1, 2, 1], "deep": ["y", "z", "y"]})
    assert grouped(nodes, {"quantiles": [1]}, "f.by")[0].tolist() == [0, -1, 0]
    assert grouped(nodes, {"deep": "y"}, "f.by")[1].name == "deep"


def test_infinite_values_and_missing_ones_are_in_no_quantile():
    nodes = pd.DataFrame({"y": [1.0, np.inf, np.nan, 2.0]})
    assert grouped(nodes, {"quantiles": {"y": 2}}, "f.by")[0].tolist() == [0, -1, -1, 1]


def test_every_measure_with_a_grouping_takes_quantiles_from_a_document():
    from conntap.study.steps import find_step

    option = find_step("analyze.modularity").options["by"]
    assert option.check(["layer", {"quantiles": {"y": 4}}], "stages.m") == ["layer", {"quantiles": {"y": 4}}]


@given(connectomes())
def test_groups_are_those_of_pandas(connectome):
    nodes = connectome.nodes
    for name in nodes.columns:
        codes, groups = grouped(nodes, name, "f.by")
        assert np.array_equal(groups.take(codes).to_numpy(), nodes[name].to_numpy())
        assert set(codes) == set(range(len(groups)))

"""Slices: parts of a connectome by its nodes' properties."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.analyze import slices
from conntap.circuits import Connectome
from conntap.errors import OptionError

NODES = pd.DataFrame({"layer": [2, 1, 2, 1], "ei": ["i", "e", "e", "e"]}, index=["a", "b", "c", "d"])


@pytest.fixture
def square():
    return Connectome(NODES, [0, 1, 2, 3], [2, 3, 0, 1])


def test_one_part_for_each_value_in_rising_order(square):
    parts = list(slices(square, by="layer"))
    assert [(label, part.ids.tolist(), part.n_edges) for _, label, part in parts] == [
        ("layer=1", ["b", "d"], 2),
        ("layer=2", ["a", "c"], 2),
    ]


def test_the_variables_are_plain_values(square):
    variables = [each for each, _, _ in slices(square, by=["ei", "layer"])]
    assert variables == [{"ei": "e", "layer": 1}, {"ei": "e", "layer": 2}, {"ei": "i", "layer": 2}]
    assert type(variables[0]["layer"]) is int


def test_several_properties_are_joined_in_the_label(square):
    assert next(label for _, label, _ in slices(square, by=["layer", "ei"])) == "layer=1, ei=e"


def test_wanted_values_stand_in_the_order_given(square):
    assert [label for _, label, _ in slices(square, by={"layer": [2, 1]})] == ["layer=2", "layer=1"]


def test_wanted_values_that_do_not_occur_are_left_out_with_a_warning(square, caplog):
    assert [label for _, label, _ in slices(square, by={"layer": [2, 7, "1"]})] == ["layer=2"]
    assert [(each.levelname, each.message) for each in caplog.records] == [
        ("WARNING", "slices.by.layer: no node has '1', 7, so these give no slice; known: 1, 2.")
    ]


def test_a_wanted_value_that_stands_twice_counts_once_and_warns_of_nothing(square, caplog):
    assert [label for _, label, _ in slices(square, by={"layer": [2, 2]})] == ["layer=2"]
    assert not caplog.records


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (5, r"slices\.by: 5; give a node property, a list of them, or {property: \[values\]}"),
        ([["layer"]], r"\['layer'\] is no name of a node property"),
        ({"layer": []}, r"slices\.by\.layer: no values"),
        ({"layer": {"$gt": 1}}, r"slices\.by\.layer: {'\$gt': 1} is no value of a node"),
        ({"layer": [None]}, r"slices\.by\.layer: None is no value"),
        ({}, "Name at least one"),
    ],
)
def test_a_wish_of_another_form_is_refused(by, said, square):
    with pytest.raises(OptionError, match=said):
        slices(square, by=by)


def test_a_single_wanted_value_needs_no_list(square):
    assert [label for _, label, _ in slices(square, by={"ei": "i"})] == ["ei=i"]


def test_nodes_without_a_value_are_in_no_part_and_that_is_logged(caplog):
    connectome = Connectome(pd.DataFrame({"layer": [1.0, np.nan, 1.0]}), [0], [2])
    with caplog.at_level(logging.INFO):
        parts = [part.n_nodes for _, _, part in slices(connectome, by="layer")]
    assert parts == [2]
    assert "1 of 3 nodes have no layer" in caplog.text


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(["L1", "L2", "L3", None]), max_size=12))
def test_every_node_with_a_value_is_in_one_part(values):
    connectome = Connectome(pd.DataFrame({"kind": pd.Categorical(values)}), [], [])
    found = np.concatenate([[], *(part.ids for _, _, part in slices(connectome, by="kind"))])
    assert sorted(found) == [i for i, value in enumerate(values) if value is not None]


def test_an_unknown_property_is_said_before_the_first_part(square):
    with pytest.raises(OptionError, match=r"slices.by: unknown node property 'layr'.*Did you mean 'layer'"):
        slices(square, by="layr")


def test_wanted_values_none_of_which_occurs_are_refused(square):
    with pytest.raises(OptionError, match=r"slices.by.layer: no node has 'two'; known: 1, 2"):
        slices(square, by={"layer": ["two"]})


def test_no_property_is_refused(square):
    with pytest.raises(OptionError, match="Name at least one"):
        slices(square, by=[])


def test_a_rectangular_connectome_is_refused():
    with pytest.raises(OptionError, match="slices: the connectome is rectangular"):
        slices(Connectome(2, [0], [1], post_nodes=3), by="layer")


def test_the_input_is_untouched(square):
    before = square.nodes.copy()
    list(slices(square, by=["ei", "layer"]))
    pd.testing.assert_frame_equal(square.nodes, before)

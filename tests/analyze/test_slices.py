"""Slices: parts of a connectome by its nodes' properties."""

import logging

import networkx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import connectomes

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


# -- other ways to cut --------------------------------------------------------------------------------

DEEP = pd.DataFrame({"y": [0.0, -100.0, -200.0, -300.0, np.nan], "ei": ["e", "i", "e", "e", "i"]}, index=list("abcde"))


@pytest.fixture
def deep():
    """Edges a>b, a>c, b>c, c>d, d>c (twice), and a loop at e."""
    return Connectome(DEEP, [0, 0, 1, 2, 3, 3, 4], [1, 2, 2, 3, 2, 2, 4])


def told(connectome, by, **options):
    return [(label, "".join(part.ids), part.n_edges) for _, label, part in slices(connectome, by=by, **options)]


def test_named_expressions_may_overlap_and_empty_parts_are_left_out(deep):
    by = {"shallow": "y > -150", "excitatory": "ei == 'e'", "none": "y > 9"}
    assert told(deep, by) == [("part=shallow", "ab", 1), ("part=excitatory", "acd", 4)]


def test_quantiles_rise_from_one(deep):
    assert told(deep, {"quantiles": {"y": 2}}) == [("y_quantile=1", "cd", 3), ("y_quantile=2", "ab", 1)]


def test_each_cut_of_a_list_cuts_the_parts_of_those_before_it(deep):
    inside = told(deep, ["ei", {"quantiles": {"y": 2}}])
    assert [(label, ids) for label, ids, _ in inside] == [
        ("ei=e, y_quantile=1", "cd"),
        ("ei=e, y_quantile=2", "a"),
        ("ei=i, y_quantile=1", "b"),
    ]
    outside = told(deep, [{"quantiles": {"y": 2}}, "ei"])
    assert [ids for _, ids, _ in outside] == ["cd", "a", "b"]


def test_the_best_connected_nodes_are_taken_by_number_fraction_and_threshold(deep):
    assert told(deep, {"top": {"in_degree": [1, 2]}}) == [
        ("top_in_degree=1", "c", 0),
        ("top_in_degree=2", "bc", 1),
    ]
    assert told(deep, {"top": {"out_degree": 0.2}}) == [("top_out_degree=0.2", "a", 0)]
    assert told(deep, {"at_least": {"degree": [2, 4, 9]}}) == [
        ("at_least_degree=2", "abcd", 6),
        ("at_least_degree=4", "c", 0),
    ]
    assert told(deep, {"top": {"y": 2}}) == [("top_y=2", "ab", 1)]


def test_nodes_are_taken_by_the_simplices_they_are_part_of(deep):
    assert told(deep, {"at_least": {"participation_2": [1, 2]}}) == [("at_least_participation_2=1", "abc", 3)]
    assert told(deep, {"at_least": {"participation_9": 1}}) == []
    with pytest.raises(OptionError, match="unknown node property 'participation_0'"):
        slices(deep, by={"top": {"participation_0": 3}})


def test_degrees_in_a_list_are_those_within_the_part(deep):
    assert told(deep, ["ei", {"top": {"in_degree": 1}}])[0] == ("ei=e, top_in_degree=1", "c", 0)
    assert told(deep.subset(list("abd")), {"top": {"in_degree": 1}}) == [("top_in_degree=1", "b", 0)]


def test_subsamples_are_drawn_several_times_and_depend_on_the_seed_alone(deep):
    by = {"subsample": {"nodes": 3, "repeats": 20}}
    one, two = (told(deep, by, rng=np.random.default_rng(5)) for _ in range(2))
    assert one == two
    assert {len(ids) for _, ids, _ in one} == {3}
    assert len({ids for _, ids, _ in one}) > 4
    more = told(deep, {"subsample": {"nodes": 3, "repeats": 25}}, rng=np.random.default_rng(5))
    assert more[:20] == one


def test_every_node_is_sampled_as_often_as_the_others():
    many = Connectome(5, [], [])
    by = {"subsample": {"fraction": 0.4, "repeats": 3000}}
    found = np.concatenate([part.ids for _, _, part in slices(many, by=by, rng=np.random.default_rng(1))])
    assert len(found) == 6000
    assert (np.abs(np.bincount(found) - 1200) < 120).all()


def test_subsamples_within_parts_are_of_these_and_small_parts_give_none(deep, caplog):
    by = ["ei", {"subsample": {"nodes": 3, "repeats": 2}}]
    assert [ids for _, ids, _ in told(deep, by, rng=np.random.default_rng(1))] == ["acd", "acd"]
    assert "{'ei': 'i'} has 2 nodes, fewer than 3; no slice" in caplog.text


def test_pairs_of_groups_are_rectangular_and_hold_each_edge_once(deep):
    parts = {label: part for _, label, part in slices(deep, by={"pairs": "ei"})}
    assert list(parts) == [f"pre_ei={pre}, post_ei={post}" for pre in "ei" for post in "ei"]
    between = parts["pre_ei=e, post_ei=i"]
    assert not between.is_square
    assert (between.n_pre, between.n_post, between.edges.values.tolist()) == (3, 2, [["a", "b"]])
    assert sum(part.n_edges for part in parts.values()) == deep.n_edges


def test_square_pairs_hold_both_groups_and_only_the_edges_between_them(deep):
    parts = {label: part for _, label, part in slices(deep, by={"pairs": {"by": "ei", "shape": "square"}})}
    between = parts["pre_ei=i, post_ei=e"]
    assert (between.ids.tolist(), between.edges.values.tolist()) == (list("abcde"), [["b", "c"]])
    assert parts["pre_ei=e, post_ei=e"].edges.equals(deep.subset(list("acd")).edges)


def test_pairs_may_group_one_side_only_or_each_in_its_way(deep):
    one = [variables for variables, _, _ in slices(deep, by={"pairs": {"post": "ei"}})]
    assert one == [{"post_ei": "e"}, {"post_ei": "i"}]
    two = told_pairs(deep, {"pre": {"quantiles": {"y": 2}}, "post": ["ei"]})
    assert two[0] == ({"pre_y_quantile": 1, "post_ei": "e"}, 3)


def told_pairs(connectome, by):
    return [(variables, part.n_edges) for variables, _, part in slices(connectome, by={"pairs": by})]


def test_pairs_within_parts_and_of_a_rectangular_connectome(deep):
    found = [variables for variables, _, _ in slices(deep, by=[{"top": {"y": 2}}, {"pairs": "ei"}])]
    assert found[1] == {"top_y": 2, "pre_ei": "e", "post_ei": "i"}
    inputs = deep.subset(pre=["a"], post=list("bcd"))
    assert told_pairs(inputs, {"post": "ei"}) == [({"post_ei": "e"}, 1), ({"post_ei": "i"}, 1)]
    with pytest.raises(OptionError, match=r"slices\.by\.pairs\.shape: the connectome is rectangular"):
        told_pairs(inputs, {"post": "ei", "shape": "square"})


def test_a_measure_that_wants_a_square_part_refuses_a_pair_clearly(deep):
    from conntap.analyze import simplex_counts

    (_, _, part), *_ = slices(deep, by={"pairs": "ei"})
    with pytest.raises(OptionError, match="simplex_counts: the connectome is rectangular"):
        simplex_counts(part)


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ({"top": "degree"}, r"slices\.by\.top: 'degree'; give {in_degree"),
        ({"top": {"degree": 0}}, "numbers of nodes from 1, or fractions"),
        ({"top": {"degree": 1.5}}, "numbers of nodes from 1, or fractions"),
        ({"top": {"degre": 3}}, r"slices\.by\.top: unknown node property 'degre'.*Did you mean 'degree'"),
        ({"top": {"ei": 3}}, "node property 'ei' is no number"),
        ({"at_least": {"y": "many"}}, "give numbers"),
        ({"subsample": {"nodes": 3, "fraction": 0.1}}, r"give {nodes: number} or {fraction"),
        ({"subsample": {"nodes": 0.5}}, r"give {nodes: number}"),
        ({"subsample": {"fraction": 0.5, "repeats": 0}}, "repeats: number"),
        ({"subsample": {"node": 5}}, "unknown key 'node'; known: fraction, nodes, repeats"),
        ({"subsample": {"nodes": 6}}, "6 nodes of 5. Give as many or fewer"),
        ({"pairs": {"pre": "ei", "by": "ei"}}, "give a grouping of both sides"),
        ({"pairs": {"by": "ei", "shape": "round"}}, "unknown shape 'round'; known: rectangular, square"),
        ({"pairs": "eye"}, "unknown node property 'eye'"),
        ([{"pairs": "ei"}, "ei"], "Let pairs stand last"),
        (["ei", {"ei": ["e"]}], "names something twice"),
        ({"deep": "why < 3"}, r"slices\.by\.deep: .*unknown node property 'why'"),
        ({"ei": {"e": 1}}, "Ways to group beside properties: at_least, pairs, quantiles, subsample, top"),
    ],
)
def test_another_way_that_makes_no_sense_is_told(by, said, deep):
    with pytest.raises(OptionError, match=said):
        list(slices(deep, by=by, rng=np.random.default_rng(1)))


def test_a_subsample_needs_rng(deep):
    with pytest.raises(OptionError, match=r"slices\.by\.subsample: draws at random\. Give rng"):
        slices(deep, by={"subsample": {"nodes": 2}})


@settings(deadline=None, max_examples=40)
@given(connectomes(), st.sampled_from([{"top": {"degree": [1, 3]}}, {"pairs": {"post": {"all": "id == id"}}}]))
def test_every_part_holds_edges_of_the_connectome_only(connectome, by):
    edges = set(map(tuple, connectome.edges[["pre", "post"]].values.tolist()))
    for _, _, part in slices(connectome, by=by):
        assert set(map(tuple, part.edges[["pre", "post"]].values.tolist())) <= edges


@settings(deadline=None, max_examples=40)
@given(connectomes(min_nodes=1), st.integers(1, 7))
def test_the_top_of_networkx_is_the_top(connectome, number):
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(connectome.n_nodes))
    graph.add_edges_from((i, j) for i, j in zip(connectome.pre.tolist(), connectome.post.tolist()) if i != j)
    ((_, _, part),) = slices(connectome, by={"top": {"in_degree": number}})
    ranks = sorted(dict(graph.in_degree), key=lambda node: (-graph.in_degree[node], node))
    assert set(part.ids.tolist()) == set(connectome.ids[sorted(ranks[:number])].tolist())

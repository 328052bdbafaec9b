"""Statistics of pathways, and degrees between chosen nodes: by hand and against pandas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from conntap.analyze import degrees, degrees_between, pathway_statistics
from conntap.circuits import Connectome
from conntap.errors import OptionError

NODES = pd.DataFrame({"ei": ["e", "e", "i"], "x": [0.0, 10.0, 20.0]}, index=["a", "b", "c"])
SMALL = Connectome(NODES, [0, 0, 0, 2, 2], [1, 1, 0, 0, 1], properties={"w": [1.0, 3.0, 9.0, 4.0, 6.0]})


def random_one(seed, n=40, m=300, same=True):
    source = np.random.default_rng(seed)
    tables = [
        pd.DataFrame(
            {"layer": source.integers(1, 4, n), "ei": source.choice(["e", "i", None], n), "x": source.random(n)}
        )
        for _ in range(2)
    ]
    ends = source.integers(0, n, (2, m))
    return Connectome(
        tables[0], *ends, post_nodes=None if same else tables[1], properties={"w": source.random(m), "n": ends[0]}
    )


def test_a_pathway_is_counted_by_hand():
    table = pathway_statistics(SMALL, by="ei", weights=["w"])
    assert table.index.names == ["pre_ei", "post_ei"]
    row = table.loc[("e", "e")]
    assert row[["pairs", "connections", "edges", "probability", "edges_mean", "w_mean"]].tolist() == [
        2,
        1,
        2,
        0.5,
        2,
        2,
    ]
    assert row["w_sd"] == 1.0
    assert row["edges_sd"] == 0.0
    assert table["pairs"].tolist() == [2, 2, 2, 0]
    assert np.isnan(table.loc[("i", "i"), "probability"])


def test_only_near_pairs_count_within_a_distance():
    table = pathway_statistics(SMALL, by="ei", within_um=10, positions=["x"], weights=["w"])
    assert table["pairs"].to_dict() == {("e", "e"): 2, ("e", "i"): 1, ("i", "e"): 1, ("i", "i"): 0}
    assert table["edges"].to_dict() == {("e", "e"): 2, ("e", "i"): 0, ("i", "e"): 1, ("i", "i"): 0}
    assert table.loc[("i", "e"), "w_mean"] == 6.0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.booleans(), st.booleans(), st.sampled_from(["ei", "layer", ["layer", "ei"]]))
def test_the_table_is_that_of_a_group_by_of_all_pairs(seed, same, near, by):
    connectome = random_one(seed, n=9, m=30, same=same)
    table = pathway_statistics(connectome, by=by, weights=["w"], within_um=0.5 if near else None, positions=["x"])
    names = [by] if isinstance(by, str) else by
    pre, post = (
        t.reset_index(drop=True).rename_axis("row").reset_index() for t in (connectome.pre_nodes, connectome.post_nodes)
    )
    pairs = pre.add_prefix("pre_").merge(post.add_prefix("post_"), how="cross")
    keys = [f"{side}_{name}" for side in ("pre", "post") for name in names]
    edges = pd.DataFrame({"pre_row": connectome.pre, "post_row": connectome.post, "w": connectome.properties["w"]})
    pairs = pairs[abs(pairs["pre_x"] - pairs["post_x"]) <= (0.5 if near else 2)].dropna(subset=keys)
    if same:
        pairs = pairs[pairs["pre_row"] != pairs["post_row"]]
    joined = pairs.merge(edges, on=["pre_row", "post_row"])
    synapses = joined.groupby([*keys, "pre_row", "post_row"]).size().groupby(keys)
    wanted = pd.DataFrame(
        {
            "pairs": pairs.groupby(keys).size(),
            "connections": synapses.size(),
            "edges": joined.groupby(keys).size(),
            "edges_mean": synapses.mean(),
            "edges_sd": synapses.std(ddof=0),
            "w_mean": joined.groupby(keys)["w"].mean(),
            "w_sd": joined.groupby(keys)["w"].std(ddof=0),
        }
    ).reindex(table.index)
    wanted[["pairs", "connections", "edges"]] = wanted[["pairs", "connections", "edges"]].fillna(0).astype(np.int64)
    pd.testing.assert_frame_equal(table.drop(columns="probability"), wanted, check_column_type=False)


def test_pre_and_post_nodes_may_be_grouped_otherwise():
    table = pathway_statistics(random_one(1), by="layer", post_by="ei")
    assert table.index.names == ["pre_layer", "post_ei"]
    near = pathway_statistics(random_one(1), by="layer", post_by="ei", within_um=5, positions=["x"])
    pd.testing.assert_frame_equal(table, near)


def test_near_pairs_are_those_of_the_distance_matrix():
    connectome = random_one(2, n=200)
    found = pathway_statistics(connectome, by="layer", within_um=0.2, positions=["x"])["pairs"].sum()
    x = connectome.nodes[["x"]]
    assert found == (cdist(x, x) <= 0.2).sum() - 200


def test_no_nodes_no_pathways():
    empty = Connectome(pd.DataFrame({"ei": np.empty(0, dtype=object), "x": np.empty(0)}), [], [])
    assert pathway_statistics(empty, by="ei").empty
    assert pathway_statistics(empty, by="ei", within_um=1, positions=["x"]).empty


def test_partners_are_counted_by_what_they_are():
    table = degrees_between(SMALL, by="ei")
    assert table.columns.name == "ei"
    assert table.to_dict("index") == {"a": {"e": 0, "i": 1}, "b": {"e": 1, "i": 1}, "c": {"e": 0, "i": 0}}
    assert degrees_between(SMALL, direction="out", by="ei").loc["c"].tolist() == [2, 0]


def test_only_chosen_nodes_count_and_keep_their_order():
    found = degrees_between(SMALL, pre={"ei": "i"}, post=["b", "a"])
    assert found.index.tolist() == ["b", "a"]
    assert found.tolist() == [1, 1]
    assert (found.name, found.index.name) == ("degree", "id")


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_over_all_nodes_these_are_the_degrees(seed):
    connectome, both = random_one(seed, n=12, m=60), {}
    for direction in ("in", "out"):
        both[direction] = degrees_between(connectome, direction=direction)
        by_layer = degrees_between(connectome, direction=direction, by="layer")
        assert by_layer.sum(axis=1).tolist() == both[direction].tolist()
    pd.testing.assert_frame_equal(pd.DataFrame(both), degrees(connectome)[["in", "out"]])


def test_inputs_from_another_population_are_counted():
    inputs = random_one(3, n=15, m=80, same=False)
    assert degrees_between(inputs).tolist() == np.diff((inputs.adjacency() > 0).tocsc().indptr).tolist()


def test_what_is_unknown_is_told():
    with pytest.raises(OptionError, match=r"pathway_statistics.by: unknown node property 'layers'"):
        pathway_statistics(SMALL, by="layers")
    with pytest.raises(OptionError, match=r"pathway_statistics.weights: unknown edge property 'v'; known: w"):
        pathway_statistics(SMALL, by="ei", weights=["v"])
    with pytest.raises(OptionError, match="within_um: -1"):
        pathway_statistics(SMALL, by="ei", within_um=-1, positions=["x"])
    with pytest.raises(OptionError, match=r"degrees_between.pre: 1 ids are not among the 3 nodes"):
        degrees_between(SMALL, pre=["z"])


def test_an_edge_property_named_edges_is_refused():
    clash = Connectome(NODES, [0], [1], properties={"edges": [1.0]})
    with pytest.raises(OptionError, match=r"pathway_statistics.weights: the columns of 'edges'"):
        pathway_statistics(clash, by="ei", weights=["edges"])


def test_infinite_values_of_edges_give_infinite_means_without_a_warning():
    infinite = Connectome(NODES, [0, 0], [1, 1], properties={"w": [1.0, np.inf]})
    row = pathway_statistics(infinite, by="ei", weights=["w"]).loc[("e", "e")]
    assert row["w_mean"] == np.inf
    assert np.isnan(row["w_sd"])


@pytest.mark.parametrize("value", ["2", 1.5, 0, -1, None])
def test_threads_are_checked_whether_used_or_not(value):
    with pytest.raises(OptionError, match=r"pathway_statistics.threads: .* give a whole number from 1 on"):
        pathway_statistics(SMALL, by="ei", threads=value)


def test_misspelt_choices_and_lengths_that_are_none_are_refused():
    with pytest.raises(OptionError, match=r"degrees_between.direction: unknown value 'inn'.* Did you mean 'in'"):
        degrees_between(SMALL, direction="inn")
    for value in ("10", np.inf, np.nan, True):
        with pytest.raises(OptionError, match=r"pathway_statistics.within_um: .* give a distance from 0 on"):
            pathway_statistics(SMALL, by="ei", within_um=value, positions=["x"])


def test_the_input_is_untouched():
    before = SMALL.edges
    pathway_statistics(SMALL, by="ei", within_um=10, positions=["x"])
    degrees_between(SMALL, by="ei")
    pd.testing.assert_frame_equal(SMALL.edges, before)

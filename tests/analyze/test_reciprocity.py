"""Reciprocity and density: by hand, against networkx and igraph."""

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from strategies import connectomes

from conntap.analyze import compare, density, reciprocity, reciprocity_by_group
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import erdos_renyi


def random(n=60, density=0.15, seed=1):
    adjacency = np.random.default_rng(seed).random((n, n)) < density
    return Connectome(n, *np.nonzero(adjacency))


def graph_of(connectome):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(connectome.n_nodes))
    graph.add_edges_from((a, b) for a, b in zip(connectome.pre.tolist(), connectome.post.tolist()) if a != b)
    return graph


def test_a_pair_both_ways_is_two_returned_connections():
    values = reciprocity(Connectome(3, [0, 0, 1, 1, 2], [1, 1, 0, 2, 2]))
    assert values[["connections", "reciprocal", "pairs"]].tolist() == [3, 2, 1]
    assert values["fraction"] == pytest.approx(2 / 3)
    assert values["correlation"] == pytest.approx((2 / 3 - 1 / 2) / (1 / 2))
    assert values.index.name == "quantity"


@given(connectomes(min_nodes=2, max_edges=40))
def test_the_fraction_is_that_of_networkx_and_igraph(connectome):
    graph = graph_of(connectome)
    if not graph.number_of_edges():
        assert np.isnan(reciprocity(connectome)["fraction"])
        return
    fraction = reciprocity(connectome)["fraction"]
    assert fraction == pytest.approx(nx.overall_reciprocity(graph))
    assert fraction == pytest.approx(igraph.Graph(list(graph.edges), directed=True).reciprocity())


def test_the_expected_pairs_are_the_mean_of_random_graphs():
    connectome = random(40, 0.2)
    drawn = compare(connectome, measure=reciprocity, null=erdos_renyi, draws=60, rng=np.random.default_rng(2))
    assert drawn.loc["pairs", "mean"] == pytest.approx(reciprocity(connectome)["expected_pairs"], rel=0.05)


def test_groups_return_by_pathway():
    nodes = pd.DataFrame({"ei": ["e", "e", "i", None]})
    connectome = Connectome(nodes, [0, 1, 0, 2, 2, 3], [1, 0, 2, 0, 1, 0])
    table = reciprocity_by_group(connectome, by="ei")
    assert table.index.names == ["pre_ei", "post_ei"]
    assert table["connections"].to_dict() == {("e", "e"): 2, ("e", "i"): 1, ("i", "e"): 2, ("i", "i"): 0}
    assert table["reciprocal"].tolist() == [2, 1, 1, 0]
    assert table["expected"].tolist()[:3] == [1, 1, 0.5]
    assert np.isnan(table.loc[("i", "i"), "fraction"])


def test_within_a_group_chance_leaves_out_the_connection_itself():
    rng = np.random.default_rng(3)
    matrix = (rng.random((8, 8)) < 0.3) & ~np.eye(8, dtype=bool)
    connectome = Connectome(pd.DataFrame({"of": ["one"] * 8}), *np.nonzero(matrix))
    row = reciprocity_by_group(connectome, by="of").iloc[0]
    assert row[["expected", "ratio"]].tolist() == reciprocity(connectome)[["expected_fraction", "ratio"]].tolist()
    empty = reciprocity_by_group(Connectome(pd.DataFrame({"of": ["one"] * 3}), [], []), by="of")
    assert empty[["fraction", "expected", "ratio"]].isna().all(axis=None)


@given(connectomes(min_nodes=1, columns=False, max_edges=40))
def test_pathways_add_up_to_the_whole(connectome):
    nodes = connectome.nodes.assign(part=np.arange(connectome.n_nodes) % 2, other="x")
    whole = Connectome(nodes, connectome.pre, connectome.post)
    table, values = reciprocity_by_group(whole, by=["part", "other"]), reciprocity(whole)
    assert table.index.names == ["pre_part", "pre_other", "post_part", "post_other"]
    assert table[["connections", "reciprocal"]].sum().tolist() == values[["connections", "reciprocal"]].tolist()


@given(connectomes(min_nodes=2))
def test_the_density_is_that_of_networkx(connectome):
    graph = graph_of(connectome)
    assert density(connectome) == pytest.approx(nx.density(graph))
    assert density(connectome, kind="undirected") == pytest.approx(nx.density(graph.to_undirected()))
    assert density(connectome, kind="reciprocal") == pytest.approx(nx.density(graph.to_undirected(reciprocal=True)))


def test_pairs_of_two_sets_of_nodes_are_all_possible():
    assert density(Connectome(2, [0, 0, 1], [0, 0, 2], post_nodes=5)) == 0.2
    with pytest.raises(OptionError, match="density: the connectome is rectangular"):
        density(Connectome(2, [0], [0], post_nodes=5), kind="reciprocal")
    with pytest.raises(OptionError, match=r"density\.kind: unknown value 'mutual'"):
        density(Connectome(2, [0], [0]), kind="mutual")


def test_nothing_has_no_density_and_no_reciprocity():
    for n in (0, 1):
        assert np.isnan(density(Connectome(n, [], [])))
        assert reciprocity(Connectome(n, [], []))["connections"] == 0
    assert np.isnan(reciprocity(Connectome(5, [], []))["ratio"])
    full = Connectome(30, *np.nonzero(~np.eye(30, dtype=bool)))
    assert reciprocity(full)[["fraction", "expected_fraction", "ratio"]].tolist() == [1, 1, 1]
    assert reciprocity_by_group(Connectome(pd.DataFrame({"a": []}), [], []), by="a").shape == (0, 5)


@pytest.mark.parametrize("measure", [reciprocity, lambda c: reciprocity_by_group(c, by="kind")])
def test_rectangles_are_refused(measure):
    with pytest.raises(OptionError, match="the connectome is rectangular"):
        measure(Connectome(2, [0], [1], post_nodes=3))


def test_the_input_is_untouched():
    connectome = Connectome(pd.DataFrame({"a": [1, 1, 2]}), [0, 1, 2], [1, 0, 0])
    before = connectome.edges
    reciprocity(connectome)
    reciprocity_by_group(connectome, by="a")
    density(connectome, kind="undirected")
    pd.testing.assert_frame_equal(connectome.edges, before)

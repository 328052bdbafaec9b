"""Clustering and cores against networkx and igraph."""

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from strategies import connectomes

from conntap.analyze import clustering, core_numbers
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.topology.triangles import directed_triangles


def graph_of(connectome):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(connectome.n_nodes))
    graph.add_edges_from((a, b) for a, b in zip(connectome.pre.tolist(), connectome.post.tolist()) if a != b)
    return graph


def random(n=60, density=0.15, seed=1):
    adjacency = np.random.default_rng(seed).random((n, n)) < density
    return Connectome(n, *np.nonzero(adjacency))


def test_a_transitive_triangle_is_closed_at_source_middle_and_sink():
    table = clustering(Connectome(list("abc"), [0, 0, 1], [1, 2, 2]))
    assert table.loc["a", ["source", "all", "transitive"]].tolist() == [0.5, 0.5, 0.5]
    assert table.loc["b", ["middle", "cycle", "all"]].tolist() == [1, 0, 0.5]
    assert np.isnan(table.loc["a", "sink"])


def test_a_complete_digraph_is_wholly_clustered():
    pre, post = np.nonzero(~np.eye(6, dtype=bool))
    assert (clustering(Connectome(6, pre, post)) == 1).all(axis=None)


@given(connectomes(max_edges=30))
def test_clustering_of_all_kinds_is_that_of_networkx(connectome):
    ours = clustering(connectome)["all"].fillna(0).to_numpy()
    assert ours == pytest.approx(list(nx.clustering(graph_of(connectome)).values()))


def test_triangles_are_the_diagonals_of_products():
    connectome = random()
    adjacency = (connectome.adjacency().toarray() > 0).astype(int)
    np.fill_diagonal(adjacency, 0)
    a, t = adjacency, adjacency.T
    found = directed_triangles(*_graph(connectome), threads=2)
    expected = [np.diag(each) for each in (a @ a @ a, a @ t @ a, t @ a @ a, a @ a @ t)]
    assert np.array_equal(found, np.stack(expected, axis=1))


def _graph(connectome):
    from conntap.analyze.graphs import simple

    return simple(connectome, "test")


@pytest.mark.parametrize("direction", ["in", "out", "both"])
def test_core_numbers_are_those_of_igraph(direction):
    for seed in range(5):
        connectome = random(80, 0.05, seed)
        graph = igraph.Graph(80, list(graph_of(connectome).edges), directed=True)
        expected = graph.coreness(mode={"both": "all"}.get(direction, direction))
        assert core_numbers(connectome, direction=direction).tolist() == expected


@given(connectomes(max_edges=30))
def test_core_numbers_are_those_of_networkx(connectome):
    assert core_numbers(connectome).tolist() == list(nx.core_number(graph_of(connectome)).values())


@pytest.mark.parametrize("measure", [clustering, core_numbers])
def test_nothing_and_rectangles(measure):
    assert len(measure(Connectome(0, [], []))) == 0
    assert len(measure(Connectome(1, [0], [0]))) == 1
    with pytest.raises(OptionError, match=f"{measure.__name__}: the connectome is rectangular"):
        measure(Connectome(2, [0], [1], post_nodes=3))


def test_the_input_is_untouched():
    connectome = random()
    before = connectome.edges
    clustering(connectome, threads=2)
    core_numbers(connectome)
    pd.testing.assert_frame_equal(connectome.edges, before)

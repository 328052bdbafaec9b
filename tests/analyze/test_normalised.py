"""Normalised simplex counts: by hand, and against lists of cliques."""

import math

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from strategies import connectomes

from conntap.analyze import neighbourhood, neighbourhood_parameters, normalised_simplex_counts, simplex_lists
from conntap.circuits import Connectome
from conntap.errors import OptionError


def test_a_ring_has_none_of_the_simplices_it_could_have_and_a_complete_graph_all():
    ring = normalised_simplex_counts(Connectome(3, [0, 1, 2], [1, 2, 0]))
    assert ring.to_dict() == {1: 0.5, 2: 0.0}
    assert (ring.index.name, ring.name, ring.dtype) == ("dimension", "share", float)
    complete = Connectome(6, *np.nonzero(~np.eye(6, dtype=bool)))
    assert normalised_simplex_counts(complete).tolist() == [1.0] * 5
    assert normalised_simplex_counts(complete, max_dimension=2).index.tolist() == [1, 2]


def test_an_order_of_nodes_has_one_of_all():
    order = Connectome(7, *np.triu_indices(7, 1))
    expected = {k: 1 / math.factorial(k + 1) for k in range(1, 7)}
    assert normalised_simplex_counts(order).to_dict() == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(connectomes(max_edges=30, columns=False, properties=False))
def test_the_cliques_are_those_of_networkx(connectome):
    graph = nx.Graph()
    graph.add_nodes_from(range(connectome.n_nodes))
    graph.add_edges_from((a, b) for a, b in zip(connectome.pre.tolist(), connectome.post.tolist()) if a != b)
    cliques = np.bincount([len(each) for each in nx.enumerate_all_cliques(graph)])[2:]
    lists = [len(rows) for rows in simplex_lists(connectome)][1:]
    lists += [0] * (len(cliques) - len(lists))
    expected = [
        count / sets / math.factorial(k + 2) for k, (count, sets) in enumerate(zip(lists, cliques, strict=True))
    ]
    values = normalised_simplex_counts(connectome)
    assert values.tolist() == pytest.approx(expected)
    assert values.between(0, 1).all()


def test_those_of_a_neighbourhood_are_those_of_the_part():
    rng = np.random.default_rng(3)
    connectome = Connectome(20, *np.nonzero(rng.random((20, 20)) < 0.2))
    table = neighbourhood_parameters(connectome, parameters=["nsc"], max_dimension=5)
    for node in range(20):
        whole = normalised_simplex_counts(neighbourhood(connectome, around=[node])).reindex(range(2, 6))
        assert table.loc[node].tolist() == pytest.approx(whole.tolist(), nan_ok=True)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_nodes_without_connections_have_none(n):
    assert normalised_simplex_counts(Connectome(n, [], [])).empty


def test_what_makes_no_sense_is_told_and_the_input_is_untouched():
    with pytest.raises(OptionError, match="rectangular"):
        normalised_simplex_counts(Connectome(2, [0], [1], post_nodes=3))
    with pytest.raises(OptionError, match=r"normalised_simplex_counts\.max_dimension: -1; give a whole number"):
        normalised_simplex_counts(Connectome(2, [0], [1]), max_dimension=-1)
    loops = Connectome(2, [0, 0, 1], [0, 1, 1], properties={"weight": [1, 2, 3]})
    before = loops.edges
    assert normalised_simplex_counts(loops).tolist() == [0.5]
    pd.testing.assert_frame_equal(loops.edges, before)

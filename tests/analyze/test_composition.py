"""Composition by hand; assortativity against networkx and igraph."""

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.analyze import assortativity, degree_assortativity, group_composition, property_assortativity
from conntap.circuits import Connectome
from conntap.errors import OptionError


def random_one(seed, n=12, m=50):
    source = np.random.default_rng(seed)
    nodes = pd.DataFrame({"layer": source.integers(1, 4, n), "depth": source.random(n), "size": source.random(n)})
    return Connectome(nodes, *source.integers(0, n, (2, m)))


def as_networkx(connectome):
    graph = nx.DiGraph()
    graph.add_nodes_from((row, values) for row, values in enumerate(connectome.nodes.to_dict("records")))
    graph.add_edges_from(
        (u, v) for u, v in zip(connectome.pre.tolist(), connectome.post.tolist(), strict=True) if u != v
    )
    return graph


def test_the_groups_of_a_subtarget_are_counted():
    nodes = pd.DataFrame({"layer": [5, 4, 5, None], "ei": ["e", "e", "i", "e"]})
    table = group_composition(Connectome(nodes, [], []), by="layer")
    assert (table.index.name, table.index.tolist()) == ("layer", [4, 5])
    assert table.to_dict("list") == {"count": [1, 2], "fraction": [0.25, 0.5]}
    both = group_composition(Connectome(nodes, [], []), by=["layer", "ei"])
    assert both["count"].to_dict() == {(4, "e"): 1, (5, "e"): 1, (5, "i"): 1}


def test_either_side_of_a_rectangular_connectome_is_composed():
    tables = pd.DataFrame({"ei": ["e", "e"]}), pd.DataFrame({"ei": ["i"]})
    connectome = Connectome(tables[0], [], [], post_nodes=tables[1])
    assert group_composition(connectome, by="ei").index.tolist() == ["e"]
    assert group_composition(connectome, by="ei", side="post").index.tolist() == ["i"]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6))
def test_nominal_assortativity_is_that_of_networkx_and_igraph(seed):
    connectome = random_one(seed)
    graph = as_networkx(connectome)
    found = assortativity(connectome, by="layer")
    assert found == pytest.approx(nx.attribute_assortativity_coefficient(graph, "layer"))
    other = igraph.Graph.from_networkx(graph)
    assert found == pytest.approx(other.assortativity_nominal(connectome.nodes["layer"].tolist(), directed=True))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6))
def test_numeric_assortativity_is_that_of_networkx_and_igraph(seed):
    connectome = random_one(seed)
    graph = as_networkx(connectome)
    found = property_assortativity(connectome, property="depth")
    assert found == pytest.approx(nx.numeric_assortativity_coefficient(graph, "depth"))
    other = igraph.Graph.from_networkx(graph)
    values = connectome.nodes[["depth", "size"]].to_numpy().T.tolist()
    both = property_assortativity(connectome, property="depth", post_property="size")
    assert both == pytest.approx(other.assortativity(*values, directed=True))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6))
def test_degree_assortativity_is_that_of_networkx(seed):
    connectome = random_one(seed)
    graph, table = as_networkx(connectome), degree_assortativity(connectome)
    assert table.index.names == ["pre_degree", "post_degree"]
    for one in ("in", "out"):
        for other in ("in", "out"):
            wanted = nx.degree_pearson_correlation_coefficient(graph, x=one, y=other)
            assert table[one, other] == pytest.approx(wanted)


@settings(deadline=None, max_examples=40)
@given(connectomes())
def test_coefficients_lie_between_minus_1_and_1_or_are_missing(connectome):
    values = degree_assortativity(connectome).tolist()
    for name in connectome.nodes.columns:
        values.append(assortativity(connectome, by=name))
        if connectome.nodes[name].dtype.kind in "biuf":
            values.append(property_assortativity(connectome, property=name))
    values = np.array(values)
    assert ((abs(values) <= 1 + 1e-9) | np.isnan(values)).all()


def test_connections_of_nodes_without_a_value_are_left_out():
    nodes = pd.DataFrame({"ei": ["e", "e", "i", "i", None]})
    connectome = Connectome(nodes, [0, 2, 4, 1], [1, 3, 0, 4])
    assert assortativity(connectome, by="ei") == 1.0


def test_without_connections_there_is_no_coefficient():
    alone = Connectome(pd.DataFrame({"ei": ["e"], "x": [1.0]}), [0], [0])
    assert np.isnan(assortativity(alone, by="ei"))
    assert np.isnan(property_assortativity(alone, property="x"))
    assert degree_assortativity(alone).isna().all()


def test_what_cannot_be_is_refused():
    with pytest.raises(OptionError, match=r"group_composition.side: unknown value 'pst'.* Did you mean 'post'"):
        group_composition(random_one(0), by="layer", side="pst")
    with pytest.raises(OptionError, match=r"assortativity.by: unknown node property 'lair'"):
        assortativity(random_one(0), by="lair")
    with pytest.raises(OptionError, match="degree_assortativity: the connectome is rectangular"):
        degree_assortativity(Connectome(2, [0], [1], post_nodes=3))
    text = Connectome(pd.DataFrame({"ei": ["e", "i"]}), [0], [1])
    with pytest.raises(OptionError, match="node property 'ei' is not numeric"):
        property_assortativity(text, property="ei")


def test_the_input_is_untouched():
    connectome = random_one(0)
    before = connectome.edges
    assortativity(connectome, by="layer")
    degree_assortativity(connectome)
    pd.testing.assert_frame_equal(connectome.edges, before)

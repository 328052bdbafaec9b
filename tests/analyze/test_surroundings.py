"""Neighbourhoods against the plain way: subset and measure."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import connectomes

from conntap.analyze import (
    neighbourhood,
    neighbourhood_simplices,
    neighbourhood_values,
    neighbourhoods,
    over_neighbourhoods,
    simplex_counts,
)
from conntap.circuits import Connectome
from conntap.errors import OptionError

DIRECTIONS = st.sampled_from(["in", "out", "both"])
CENTRES = st.sampled_from(["with", "without"])


def graph_of(connectome):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(connectome.n_nodes))
    graph.add_edges_from((a, b) for a, b in zip(connectome.pre.tolist(), connectome.post.tolist()) if a != b)
    return graph


def members(graph, node, direction, centre):
    near = set()
    if direction != "in":
        near |= set(graph.successors(node))
    if direction != "out":
        near |= set(graph.predecessors(node))
    return near | {node} if centre == "with" else near - {node}


@given(connectomes(max_edges=30), DIRECTIONS, CENTRES)
def test_sizes_and_simplices_are_those_of_the_parts_by_networkx(connectome, direction, centre):
    graph = graph_of(connectome)
    how = {"direction": direction, "centre": centre}
    table, simplices = neighbourhoods(connectome, **how), neighbourhood_simplices(connectome, threads=2, **how)
    for node in graph:
        part = graph.subgraph(members(graph, node, **how))
        row = table.iloc[node]
        assert (row["nodes"], row["connections"]) == (len(part), part.number_of_edges())
        assert row["reciprocal"] == sum(part.has_edge(b, a) for a, b in part.edges)
        assert simplices.iloc[node, 0] == len(part)
        if len(part) > 1:
            assert row["density"] == pytest.approx(nx.density(part))


@given(connectomes(min_nodes=1, max_edges=30), DIRECTIONS, CENTRES)
def test_every_way_to_a_neighbourhood_leads_to_the_same(connectome, direction, centre):
    how = {"direction": direction, "centre": centre}
    whole = neighbourhood_simplices(connectome, **how)
    slow = over_neighbourhoods(connectome, measure=simplex_counts, **how).fillna(0).astype(int)
    assert np.array_equal(whole.to_numpy(), slow.to_numpy()[:, : whole.shape[1]])
    node = connectome.ids[0]
    part = neighbourhood(connectome, around=[node], **how)
    assert neighbourhoods(connectome, nodes=[node], **how)["nodes"].tolist() == [part.n_nodes]


def test_values_of_partners_are_summarised():
    nodes = pd.DataFrame({"depth": [1.0, 2.0, 6.0, np.nan]}, index=list("abcd"))
    star = Connectome(nodes, [0, 0, 0, 1], [1, 2, 3, 0])
    assert neighbourhood_values(star, values="depth", direction="out").tolist()[:2] == [4.0, 1.0]
    assert neighbourhood_values(star, values="depth", statistic="sum")["a"] == pytest.approx(8.0)
    assert neighbourhood_values(star, values="depth", statistic="sd")["a"] == pytest.approx(2.0)
    assert neighbourhood_values(star, values="depth", statistic="sem")["a"] == pytest.approx(2.0)
    assert np.isnan(neighbourhood_values(star, values="depth", direction="out")["d"])
    assert neighbourhood_values(star, values="depth", centre="with")["a"] == pytest.approx(3.0)


def test_large_values_keep_their_spread():
    nodes = pd.DataFrame({"depth": [0.0, 1e8, 1e8 + 1, 1e8 + 2, 5.0]})
    star = Connectome(nodes, [0, 0, 0], [1, 2, 3])
    spread = neighbourhood_values(star, values="depth", statistic="sd")
    assert spread[0] == pytest.approx(np.sqrt(2 / 3))
    assert np.isnan(spread[4])


@pytest.mark.parametrize("name", ["direction", "centre", "statistic"])
def test_choices_must_be_known(name):
    star = Connectome(pd.DataFrame({"depth": [1.0, np.inf]}), [0], [1])
    with pytest.raises(OptionError, match=f"neighbourhood_values.{name}: unknown value 'bogus'"):
        neighbourhood_values(star, values="depth", **{name: "bogus"})
    with pytest.raises(OptionError, match="infinite values"):
        neighbourhood_values(star, values="depth")


def test_several_centres_have_one_neighbourhood():
    chain = Connectome(list("abcde"), [0, 1, 2, 3], [1, 2, 3, 4], properties={"weight": [1, 2, 3, 4]})
    part = neighbourhood(chain, around=["b", "c"], centre="without")
    assert part.ids.tolist() == ["a", "d"]
    assert neighbourhood(chain, around="id in ['b']").properties["weight"].tolist() == [1, 2]


def test_threads_change_nothing():
    rng = np.random.default_rng(1)
    connectome = Connectome(300, rng.integers(0, 300, 4000), rng.integers(0, 300, 4000))
    pd.testing.assert_frame_equal(neighbourhoods(connectome), neighbourhoods(connectome, threads=3))
    pd.testing.assert_frame_equal(neighbourhood_simplices(connectome), neighbourhood_simplices(connectome, threads=3))


@pytest.mark.parametrize("measure", [neighbourhoods, neighbourhood_simplices])
def test_nothing_rectangles_and_unknown_nodes(measure):
    assert len(measure(Connectome(0, [], []))) == 0
    with pytest.raises(OptionError, match="rectangular"):
        measure(Connectome(2, [0], [1], post_nodes=3))
    with pytest.raises(OptionError, match="1 ids are not among"):
        measure(Connectome(2, [0], [1]), nodes=[7])


def test_values_that_make_no_sense_are_told():
    nodes = pd.DataFrame({"kind": ["a", "b"]})
    with pytest.raises(OptionError, match="unknown node property 'depth'"):
        neighbourhood_values(Connectome(nodes, [0], [1]), values="depth")
    with pytest.raises(OptionError, match="'kind' holds no numbers"):
        neighbourhood_values(Connectome(nodes, [0], [1]), values="kind")

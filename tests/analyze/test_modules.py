"""Communities and modularity against networkx."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from strategies import connectomes

from conntap.analyze import communities, community_structure, modularity
from conntap.circuits import Connectome
from conntap.errors import OptionError


def blocks(sizes=(40, 30, 20), inside=0.4, outside=0.02):
    rng = np.random.default_rng(1)
    block = np.repeat(np.arange(len(sizes)), sizes)
    chance = np.where(block[:, None] == block, inside, outside)
    pre, post = np.nonzero(rng.random(chance.shape) < chance)
    return Connectome(pd.DataFrame({"block": block}), pre, post, properties={"weight": rng.random(len(pre))})


def test_planted_blocks_are_found_and_numbered_by_size():
    connectome = blocks()
    found = communities(connectome, rng=np.random.default_rng(2))
    assert found.tolist() == connectome.nodes["block"].tolist()
    assert (found.name, found.index.name) == ("community", "id")


def test_one_seed_gives_one_answer():
    connectome = blocks(inside=0.1)
    first, second = (communities(connectome, rng=np.random.default_rng(5)) for _ in range(2))
    assert first.equals(second)


def test_a_node_without_connections_is_alone():
    assert communities(Connectome(4, [0, 1], [1, 0]), rng=np.random.default_rng(1)).tolist() == [0, 0, 1, 2]


def test_modularity_is_that_of_networkx():
    connectome = blocks()
    graph = nx.DiGraph()
    graph.add_nodes_from(range(90))
    weights = connectome.properties["weight"]
    for pre, post, weight in zip(connectome.pre.tolist(), connectome.post.tolist(), weights.tolist()):
        if pre != post:
            graph.add_edge(pre, post, weight=weight)
    groups = [np.flatnonzero(connectome.nodes["block"] == each).tolist() for each in range(3)]
    for weight in (None, "weight"):
        expected = nx.community.modularity(graph, groups, weight=weight, resolution=1.3)
        assert modularity(connectome, by="block", weight=weight, resolution=1.3) == pytest.approx(expected)


@given(connectomes(min_nodes=1))
def test_communities_are_numbered_from_the_largest(connectome):
    found = communities(connectome, rng=np.random.default_rng(0))
    sizes = found.value_counts().sort_index()
    assert sizes.index.tolist() == list(range(len(sizes)))
    assert sizes.is_monotonic_decreasing


def test_what_makes_no_sense_is_told():
    connectome = blocks()
    rng = np.random.default_rng(1)
    with pytest.raises(OptionError, match=r"communities\.resolution: 0"):
        communities(connectome, resolution=0, rng=rng)
    with pytest.raises(OptionError, match="unknown node property 'lair'"):
        modularity(connectome, by="lair")
    for resolution in (-1, np.nan, np.inf, "1"):
        with pytest.raises(OptionError, match=r"modularity\.resolution"):
            modularity(connectome, by="block", resolution=resolution)
    with pytest.raises(OptionError, match="unknown edge property 'nope'"):
        communities(connectome, weight="nope", rng=rng)
    negative = connectome.with_edges([0, 1], [1, 0], properties={"weight": [-1.0, 1.0]})
    with pytest.raises(OptionError, match=r"modularity\.weight: 'weight' holds negative"):
        modularity(negative, by="block", weight="weight")
    assert np.isnan(modularity(connectome.with_edges([], []), by="block"))


def test_the_structure_is_that_of_the_communities_found():
    connectome = blocks()
    found = community_structure(connectome, weight="weight", rng=np.random.default_rng(2))
    labels = communities(connectome, weight="weight", rng=np.random.default_rng(2))
    labelled = connectome.with_nodes(connectome.nodes.assign(community=labels))
    assert found["modularity"] == modularity(labelled, by="community", weight="weight")
    assert found[["communities", "largest"]].tolist() == [3, 40 / 90]
    assert np.isnan(community_structure(Connectome(0, [], []), rng=np.random.default_rng(2))["largest"])

"""The small-world index."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from strategies import connectomes

from conntap.analyze import small_world
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import erdos_renyi


def rewired_ring(chance, seed=1):
    graph = nx.watts_strogatz_graph(400, 8, chance, seed=seed).to_directed()
    return Connectome(400, *np.array(graph.edges).T), graph


def test_its_parts_are_those_of_networkx():
    connectome, graph = rewired_ring(0.1)
    found = small_world(connectome, threads=2)
    assert found["clustering"] == pytest.approx(nx.average_clustering(graph))
    assert found["path_length"] == pytest.approx(nx.average_shortest_path_length(graph))
    assert found["random_clustering"] == pytest.approx(8 / 399)


def test_a_ring_with_shortcuts_is_a_small_world_and_a_random_graph_is_not():
    connectome, _ = rewired_ring(0.1)
    random = erdos_renyi(connectome, rng=np.random.default_rng(1))
    assert small_world(connectome)["index"] > 8
    assert small_world(random)["index"] == pytest.approx(1, abs=0.1)
    assert small_world(random)["path_length"] == pytest.approx(small_world(random)["random_path_length"], rel=0.03)


@given(connectomes())
def test_it_is_never_infinite(connectome):
    assert not np.isinf(small_world(connectome)).any()


def test_rectangles_are_refused():
    with pytest.raises(OptionError, match="small_world: the connectome is rectangular"):
        small_world(Connectome(2, [0], [1], post_nodes=3))

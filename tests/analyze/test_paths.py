"""Paths and components: against networkx, scipy and igraph."""

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from scipy.sparse import csgraph
from strategies import connectomes

from conntap.analyze import (
    closeness,
    component_sizes,
    connected_components,
    diameter,
    eccentricity,
    efficiency,
    largest_component,
    mean_path_length,
    path_length_sample,
    path_lengths,
)
from conntap.analyze.graphs import simple
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.topology.paths import reach

ALL = [path_lengths, mean_path_length, efficiency, diameter, closeness, eccentricity]


def random(n=60, density=0.15, seed=1):
    adjacency = np.random.default_rng(seed).random((n, n)) < density
    return Connectome(n, *np.nonzero(adjacency))


def graph_of(connectome):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(connectome.n_nodes))
    graph.add_edges_from((a, b) for a, b in zip(connectome.pre.tolist(), connectome.post.tolist()) if a != b)
    return graph


def distances(connectome):
    """All distances [pre, post]; 0 where there is no path."""
    found = csgraph.shortest_path(connectome.adjacency() > 0, unweighted=True)
    return np.where(np.isfinite(found), found, 0).astype(int)


def test_a_chain_has_one_path_of_its_length():
    chain = Connectome(list("abcd"), [0, 1, 2, 2], [1, 2, 3, 3])
    assert path_lengths(chain).to_dict() == {1: 3, 2: 2, 3: 1}
    assert path_lengths(chain, kind="undirected").equals(path_lengths(chain))
    assert (diameter(chain), mean_path_length(chain)) == (3, pytest.approx(10 / 6))
    assert efficiency(chain) == pytest.approx((3 + 2 / 2 + 1 / 3) / 12)
    assert eccentricity(chain, direction="both").to_dict() == {"a": 3, "b": 2, "c": 2, "d": 3}


@settings(max_examples=60)
@given(connectomes(max_edges=25))
def test_lengths_are_those_of_networkx(connectome):
    graph = graph_of(connectome)
    lengths = [n for _, ends in nx.all_pairs_shortest_path_length(graph) for n in ends.values() if n]
    assert path_lengths(connectome).to_dict() == pd.Series(lengths, dtype=int).value_counts().sort_index().to_dict()
    assert diameter(connectome) == max(lengths, default=0)
    if connectome.n_nodes > 1:
        efficient = nx.global_efficiency(graph.to_undirected())
        assert efficiency(connectome, kind="undirected") == pytest.approx(efficient)


@settings(max_examples=60)
@given(connectomes(max_edges=25))
def test_closeness_is_that_of_networkx(connectome):
    graph = graph_of(connectome)
    for direction, peer in (("in", graph), ("out", graph.reverse()), ("both", graph.to_undirected())):
        expected = list(nx.closeness_centrality(peer).values())
        assert closeness(connectome, direction=direction).tolist() == pytest.approx(expected)


@settings(max_examples=60)
@given(connectomes(max_edges=25))
def test_closeness_within_components_is_that_of_networkx_in_each_of_them(connectome):
    graph = graph_of(connectome)
    for kind, parts in (("strong", nx.strongly_connected_components), ("weak", nx.weakly_connected_components)):
        for direction, peer in (("in", graph), ("out", graph.reverse()), ("both", graph.to_undirected())):
            found = dict.fromkeys(graph, 0.0)
            for part in parts(graph):
                found |= nx.closeness_centrality(peer.subgraph(part))
            values = closeness(connectome, direction=direction, component=kind)
            assert values.tolist() == pytest.approx([found[node] for node in graph])


def test_closeness_within_components_is_that_of_a_part_alone():
    connectome = random(80, 0.02)
    part = largest_component(connectome)
    assert closeness(connectome, component="strong")[part.ids].tolist() == closeness(part).tolist()
    with pytest.raises(OptionError, match=r"closeness\.component: unknown value 'string'.*Did you mean 'strong'"):
        closeness(connectome, component="string")


@pytest.mark.parametrize(("n", "density"), [(700, 0.01), (700, 0.0025), (400, 0.4), (1000, 0.0008)])
def test_many_sources_are_searched_from_at_once(n, density):
    connectome = random(n, density)
    far = distances(connectome)
    expected = np.bincount(far[far > 0])[1:]
    assert path_lengths(connectome, threads=3).tolist() == path_lengths(connectome).tolist() == expected.tolist()
    assert eccentricity(connectome, threads=2).tolist() == far.max(axis=1).tolist()
    peer = igraph.Graph(n, list(graph_of(connectome).edges), directed=True)
    for direction, mode in (("in", "in"), ("out", "out"), ("both", "all")):
        assert eccentricity(connectome, direction=direction).tolist() == peer.eccentricity(mode=mode)
    assert mean_path_length(connectome) == pytest.approx(peer.average_path_length(unconn=True))


def test_a_long_ring_is_gone_round():
    ring = Connectome(600, np.arange(600), (np.arange(600) + 1) % 600)
    assert (path_lengths(ring) == 600).all()
    assert diameter(ring) == 599
    assert diameter(ring, kind="undirected") == 300


def test_squares_are_those_of_each_source():
    connectome = random(300, 0.01)
    far, graph = distances(connectome), simple(connectome, "test")
    found = reach(*graph, sources=np.arange(0, 300, 7), squares=True, threads=2)
    counts = [(far[::7] == length).sum(axis=1) for length in range(1, len(found.squares))]
    assert found.squares[1:].tolist() == [float(count @ count) for count in counts]
    assert found.pairs[1:].tolist() == [count.sum() for count in counts]


@pytest.mark.parametrize("kind", ["directed", "undirected"])
def test_a_sample_is_within_its_errors_of_the_truth(kind):
    connectome = random(900, 0.008)
    whole = path_lengths(connectome, kind=kind)
    sample = path_length_sample(connectome, sources=200, kind=kind, rng=np.random.default_rng(1))
    again = path_length_sample(connectome, sources=200, kind=kind, rng=np.random.default_rng(1), threads=2)
    assert again.equals(sample)
    score = (sample["pairs"] - whole).iloc[:4] / sample["error"].iloc[:4]
    assert score.abs().max() < 4
    everything = path_length_sample(connectome, sources=10_000, kind=kind, rng=np.random.default_rng(1))
    assert everything["pairs"].tolist() == whole.tolist()
    assert (everything["error"] == 0).all()


def test_a_sample_of_one_source_has_no_error_and_of_none_is_refused():
    sample = path_length_sample(random(), sources=1, rng=np.random.default_rng(1))
    assert sample["error"].isna().all()
    with pytest.raises(OptionError, match=r"path_length_sample\.sources: 0"):
        path_length_sample(random(), sources=0, rng=np.random.default_rng(1))
    assert len(path_length_sample(Connectome(0, [], []), rng=np.random.default_rng(1))) == 0


@given(connectomes(max_edges=15))
def test_components_are_those_of_networkx(connectome):
    graph, table = graph_of(connectome), connected_components(connectome)
    for kind, find in (("weak", nx.weakly_connected_components), ("strong", nx.strongly_connected_components)):
        ours = table.reset_index(drop=True).groupby(kind).groups.values()
        assert {frozenset(each) for each in ours} == {frozenset(each) for each in find(graph)}
        sizes = component_sizes(connectome, kind=kind)
        assert sizes.tolist() == sorted(map(len, find(graph)), reverse=True)
        assert table[kind].value_counts().sort_index().tolist() == sizes.tolist()


def test_equal_components_are_numbered_by_their_first_node():
    table = connected_components(Connectome(5, [4, 1], [3, 0]))
    assert table["weak"].tolist() == [0, 0, 2, 1, 1]
    assert table["strong"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("measure", ALL)
def test_few_nodes_complete_graphs_rectangles_and_threads(measure):
    for connectome in (Connectome(0, [], []), Connectome(1, [0], [0]), Connectome(3, [], []), Connectome(2, [0], [1])):
        measure(connectome)
    full = measure(Connectome(30, *np.nonzero(~np.eye(30, dtype=bool))))
    assert np.all(np.asarray(full) == (870 if measure is path_lengths else 1))
    with pytest.raises(OptionError, match=f"{measure.__name__}: the connectome is rectangular"):
        measure(Connectome(2, [0], [1], post_nodes=3))
    with pytest.raises(OptionError, match="threads: 0"):
        measure(Connectome(2, [0], [1]), threads=0)


@pytest.mark.parametrize("measure", [*ALL, component_sizes])
def test_kinds_and_directions_must_be_known(measure):
    option = "direction" if measure in (closeness, eccentricity) else "kind"
    with pytest.raises(OptionError, match=f"{measure.__name__}.{option}: unknown value 'sideways'"):
        measure(Connectome(2, [0], [1]), **{option: "sideways"})


@pytest.mark.parametrize("measure", [connected_components, component_sizes])
def test_components_of_nothing_and_rectangles(measure):
    assert len(measure(Connectome(0, [], []))) == 0
    with pytest.raises(OptionError, match=f"{measure.__name__}: the connectome is rectangular"):
        measure(Connectome(2, [0], [1], post_nodes=3))


def test_the_input_is_untouched():
    connectome = random()
    before = connectome.edges
    for measure in (*ALL, connected_components, component_sizes):
        measure(connectome)
    path_length_sample(connectome, rng=np.random.default_rng(1))
    pd.testing.assert_frame_equal(connectome.edges, before)


@given(connectomes())
def test_the_largest_component_is_that_of_networkx_with_all_its_edges(connectome):
    graph = graph_of(connectome)
    for kind, parts in (("strong", nx.strongly_connected_components), ("weak", nx.weakly_connected_components)):
        kept = largest_component(connectome, kind=kind)
        rows = min((sorted(part) for part in parts(graph)), key=lambda part: (-len(part), part), default=[])
        assert kept == connectome.subset(np.isin(np.arange(connectome.n_nodes), rows))


def test_the_largest_component_keeps_properties_and_refuses_what_it_does_not_know():
    loops = Connectome(["a", "b", "c"], [0, 1, 1, 2, 2], [1, 2, 2, 1, 2], properties={"weight": [1, 2, 3, 4, 5]})
    kept = largest_component(loops)
    assert (kept.ids.tolist(), kept.properties["weight"].tolist()) == (["b", "c"], [2, 3, 4, 5])
    assert loops.n_edges == 5
    assert largest_component(loops, kind="weak") == loops
    with pytest.raises(OptionError, match=r"largest_component\.kind: unknown value 'any'; known: strong, weak"):
        largest_component(loops, kind="any")
    with pytest.raises(OptionError, match=r"largest_component: .*rectangular"):
        largest_component(Connectome(2, [0], [1], post_nodes=3))

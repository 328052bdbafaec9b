"""Triads: against networkx, igraph, brute force and random graphs."""

from itertools import combinations, product

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from strategies import connectomes

from conntap.analyze import compare, motif_counts, motifs, triad_census, triad_sample
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import erdos_renyi
from conntap.topology.triad_classes import AUTOMORPHISMS, TRIADS, edges_of
from conntap.topology.triads import count_triads

# In the order of Gal et al., 2017, as connalysis lists them.
FIGURES = [
    [(0, 2), (1, 0)],
    [(0, 2), (1, 2)],
    [(0, 1), (0, 2)],
    [(0, 1), (1, 2), (0, 2)],
    [(0, 1), (0, 2), (1, 0)],
    [(0, 1), (1, 0), (2, 0)],
    [(0, 1), (1, 2), (2, 0)],
    [(0, 1), (0, 2), (1, 0), (2, 0)],
    [(0, 1), (0, 2), (1, 0), (2, 1)],
    [(0, 1), (0, 2), (1, 0), (1, 2)],
    [(0, 1), (0, 2), (1, 2), (2, 1)],
    [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0)],
    [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)],
]


def random(n, density, seed=1):
    adjacency = np.random.default_rng(seed).random((n, n)) < density
    return Connectome(n, *np.nonzero(adjacency))


def graph_of(connectome):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(connectome.n_nodes))
    graph.add_edges_from((a, b) for a, b in zip(connectome.pre.tolist(), connectome.post.tolist()) if a != b)
    return graph


@pytest.mark.parametrize(("motif", "edges"), list(enumerate(FIGURES, start=1)))
def test_each_motif_has_its_number(motif, edges):
    counts = motif_counts(Connectome(3, *np.array(edges).T))
    assert counts[counts > 0].to_dict() == {motif: 1}


@given(connectomes(max_edges=40))
def test_the_census_is_that_of_networkx(connectome):
    census = triad_census(connectome)
    assert census.to_dict() == nx.triadic_census(graph_of(connectome))


@pytest.mark.parametrize("density", [0.02, 0.2, 0.6, 1.0])
def test_the_census_of_larger_graphs_is_that_of_igraph(density):
    connectome = random(90, density)
    peer = igraph.Graph(90, list(graph_of(connectome).edges), directed=True).triad_census()
    ours = triad_census(connectome, threads=2)
    assert ours.to_dict() == {name: int(getattr(peer, f"t{name}")) for name in TRIADS}


def test_every_set_of_three_nodes_is_in_one_class():
    assert triad_census(random(50, 0.3)).sum() == 50 * 49 * 48 / 6


def test_long_lists_of_partners_are_counted_right():
    hub = np.arange(1, 70_002)
    wheel = Connectome(70_003, np.append(np.zeros_like(hub), hub), np.append(hub, np.full_like(hub, 70_002)))
    n = len(hub)
    census = triad_census(wheel)
    assert census["021C"] == n
    assert census["021D"] == census["021U"] == n * (n - 1) // 2
    star = Connectome(70_003, [*hub, *hub, 0], [*np.zeros_like(hub), *np.full_like(hub, 70_002), 70_002])
    assert triad_census(star)["030T"] == n


def test_the_census_does_not_depend_on_threads():
    connectome = random(300, 0.1)
    assert triad_census(connectome, threads=3).equals(triad_census(connectome))


def test_four_million_nodes_have_too_many_triads():
    with pytest.raises(OptionError, match="do not fit 64 bits"):
        count_triads(np.zeros(4_000_002, dtype=np.int64), np.zeros(0, dtype=np.int32))


def test_the_motif_table_holds_the_counts_of_the_census():
    connectome = random(40, 0.2)
    table, census = motifs(connectome), triad_census(connectome)
    assert table["count"].tolist() == census[table["triad"]].tolist() == motif_counts(connectome).tolist()
    assert table.index.name == motif_counts(connectome).index.name == "motif"
    assert list(table.columns) == ["triad", "count"]


def test_expectations_of_given_counts_are_means_over_all_graphs_of_four_nodes():
    pairs = [(a, b) for a, b in product(range(4), repeat=2) if a != b]
    graphs = [Connectome(4, *np.array(chosen).T) for chosen in combinations(pairs, 5)]
    counts = np.mean([motif_counts(each) for each in graphs], axis=0)
    assert motifs(graphs[0], expectation="erdos-renyi")["expected"].to_numpy() == pytest.approx(counts)
    mutual = [len({frozenset(edge) for edge in zip(each.pre, each.post)}) == 4 for each in graphs]
    kept = [each for each, one in zip(graphs, mutual) if one]
    counts = np.mean([motif_counts(each) for each in kept], axis=0)
    assert motifs(kept[0], expectation="dyads")["expected"].to_numpy() == pytest.approx(counts)


def test_the_expectation_of_degrees_is_that_of_ends_joined_at_random():
    rng = np.random.default_rng(3)
    out, into = rng.permutation(np.repeat([1, 2, 3, 6], 200)), rng.permutation(np.repeat([1, 2, 3, 6], 200))
    pre, post = np.repeat(np.arange(800), out), np.repeat(np.arange(800), into)
    found, expected = [], []
    for _ in range(30):
        table = motifs(Connectome(800, pre, rng.permutation(post)), expectation="configuration")
        found.append(table["count"])
        expected.append(table["expected"])
    found, expected = np.mean(found, axis=0), np.mean(expected, axis=0)
    assert found[:4] == pytest.approx(expected[:4], rel=0.05)
    assert found[4:7] == pytest.approx(expected[4:7], rel=0.25)
    assert expected.min() >= 0


def test_each_class_has_as_many_forms_as_its_symmetry_leaves():
    assert sum(6 // number for number in AUTOMORPHISMS.values()) == 64
    assert [len(edges_of(name)) for name in TRIADS] == [2 * int(name[0]) + int(name[1]) for name in TRIADS]


def test_a_random_graph_has_the_motifs_that_chance_gives():
    connectome = random(200, 0.1)
    table = motifs(connectome, expectation="erdos-renyi")
    assert table["ratio"].iloc[:7].to_numpy() == pytest.approx(1, abs=0.15)
    compared = compare(connectome, measure=motif_counts, null=erdos_renyi, draws=20, rng=np.random.default_rng(1))
    assert compared["mean"].iloc[:4].to_numpy() == pytest.approx(table["expected"].iloc[:4].to_numpy(), rel=0.02)


def test_a_sample_is_within_its_errors_of_the_truth():
    connectome = random(120, 0.15)
    sample = triad_sample(connectome, draws=50_000, rng=np.random.default_rng(2))
    score = (sample["count"] - motif_counts(connectome)) / sample["error"]
    assert score.abs().max() < 4
    again = triad_sample(connectome, draws=50_000, rng=np.random.default_rng(2))
    assert again.equals(sample)


def test_nothing_to_sample():
    sample = triad_sample(Connectome(3, [0], [1]), rng=np.random.default_rng(1))
    assert (sample[["count", "error"]] == 0).all(axis=None)
    with pytest.raises(OptionError, match="draws: 0"):
        triad_sample(Connectome(3, [0], [1]), draws=0, rng=np.random.default_rng(1))


@pytest.mark.parametrize("measure", [triad_census, motif_counts, motifs])
def test_few_nodes_and_rectangles(measure):
    for n in range(3):
        assert measure(Connectome(n, [0, 0][:n], [0, 0][:n])).size > 0
    with pytest.raises(OptionError, match=f"{measure.__name__}: the connectome is rectangular"):
        measure(Connectome(2, [0], [1], post_nodes=3))
    with pytest.raises(OptionError, match="threads: 0"):
        measure(Connectome(2, [0], [1]), threads=0)


@pytest.mark.parametrize("expectation", ["erdos-renyi", "dyads", "configuration"])
def test_expectations_of_nearly_nothing_are_nothing(expectation):
    for connectome in (Connectome(0, [], []), Connectome(2, [0], [1]), Connectome(5, [], []), Connectome(1, [0], [0])):
        table = motifs(connectome, expectation=expectation)
        assert (table["expected"] == 0).all()
        assert table["ratio"].isna().all()


def test_degrees_too_uneven_for_the_formula_are_refused():
    hubs = np.array([(0, 1), (1, 0), *((hub, other) for hub in (0, 1) for other in range(2, 40))])
    both = np.concatenate([hubs, hubs[2:, ::-1]])
    connectome = Connectome(40, both[:, 0], both[:, 1])
    with pytest.raises(OptionError, match=r"motifs\.expectation: the degrees are too uneven .* degree_preserving"):
        motifs(connectome, expectation="configuration")
    assert (motifs(connectome, expectation="dyads")["expected"] >= 0).all()


def test_the_input_is_untouched():
    connectome = random(30, 0.2)
    before = connectome.edges
    motifs(connectome, expectation="configuration")
    triad_sample(connectome, draws=10, rng=np.random.default_rng(1))
    pd.testing.assert_frame_equal(connectome.edges, before)

"""Chains of swaps that keep degrees, how they mix, and the fast approximation."""

import itertools

import igraph
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from null_models import connectome_of, degrees, edges_of, evenness, graphs_alike, kinds, simple_edges
from scipy import stats
from strategies import connectomes

from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import (
    configuration_approximate,
    degree_and_reciprocity_preserving,
    degree_preserving,
    swap_mixing,
)
from conntap.topology import simple_graph
from conntap.topology._swaps import trade_kinds
from conntap.topology.swaps import degree_sweeps, links, reciprocity_sweeps

CHAINS = [degree_preserving, degree_and_reciprocity_preserving]
RING_OF_DEGREES = [8, 2, 3, 5, 1, 6, 4, 9, 0, 11, 7, 10]
RING_OF_KINDS = [1, 7, 5, 10, 9, 6, 2, 8, 3, 0, 11, 4]


def rng(seed=0):
    return np.random.default_rng(seed)


def random_graph(n, p, seed):
    return Connectome(n, *np.nonzero((rng(seed).random((n, n)) < p) & ~np.eye(n, dtype=bool)))


def states_of_degrees(edges, n, draws, seed, apart=8):
    """Graphs that the chain passes, every eighth."""
    pre, post = np.array(sorted(edges)).T
    indptr, indices = simple_graph(pre, post, n)
    sources = np.repeat(np.arange(n), np.diff(indptr)).tolist()
    sweeps = degree_sweeps(indptr, indices, rng=rng(seed))
    for indices in itertools.islice(sweeps, 0, draws * apart, apart):
        yield frozenset(zip(sources, indices.tolist(), strict=True))


def states_of_kinds(edges, n, draws, seed, apart=8):
    pre, post = np.array(sorted(edges)).T
    sweeps = reciprocity_sweeps(*links(*simple_graph(pre, post, n)), n, rng=rng(seed))
    for state in itertools.islice(sweeps, 0, draws * apart, apart):
        low, high, kind = (part.tolist() for part in state)
        up = [(u, v) for u, v, k in zip(low, high, kind, strict=True) if k & 1]
        yield frozenset(up + [(v, u) for u, v, k in zip(low, high, kind, strict=True) if k & 2])


# -- what stays ------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(connectomes(max_nodes=8, max_edges=40), st.integers(0, 3), st.integers(0, 9))
def test_degrees_stay_and_no_loops_or_doubles_arise(connectome, sweeps, seed):
    n, before = connectome.n_nodes, simple_edges(connectome)
    drawn = degree_preserving(connectome, sweeps=sweeps, rng=rng(seed))
    assert degrees(edges_of(drawn), n) == degrees(before, n)
    assert drawn.nodes.equals(connectome.nodes)


@settings(deadline=None, max_examples=60)
@given(connectomes(max_nodes=8, max_edges=40), st.integers(0, 3), st.integers(0, 9))
def test_numbers_of_reciprocal_and_one_way_connections_of_each_node_stay(connectome, sweeps, seed):
    n, before = connectome.n_nodes, simple_edges(connectome)
    drawn = degree_and_reciprocity_preserving(connectome, sweeps=sweeps, rng=rng(seed))
    assert kinds(edges_of(drawn), n) == kinds(before, n)
    assert drawn.nodes.equals(connectome.nodes)


@pytest.mark.parametrize(("chain", "kept"), [(degree_preserving, degrees), (degree_and_reciprocity_preserving, kinds)])
def test_hubs_and_dense_graphs_keep_theirs_too(chain, kept):
    for p in (0.03, 0.5, 0.97):
        dense = random_graph(60, p, 1)
        hub = dense.with_edges(
            np.append(dense.pre, np.zeros(59, int)), np.append(dense.post, np.arange(1, 60))
        ).connections()
        drawn = chain(hub, sweeps=5, rng=rng())
        assert kept(edges_of(drawn), 60) == kept(simple_edges(hub), 60)
        assert drawn.pre.tolist() == sorted(drawn.pre.tolist())


@pytest.mark.parametrize("chain", CHAINS)
def test_a_complete_graph_can_only_stay_itself(chain):
    pre, post = np.nonzero(~np.eye(30, dtype=bool))
    assert chain(Connectome(30, pre, post), sweeps=3, rng=rng()) == Connectome(30, pre, post)


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_nodes_without_connections_stay_so(chain, n):
    assert chain(Connectome(n, [], []), sweeps=2, rng=rng()).n_edges == 0


@pytest.mark.parametrize("chain", CHAINS)
def test_no_sweeps_give_the_connections_as_they_are(chain):
    assert edges_of(chain(Connectome(3, [0, 0, 1, 2], [1, 1, 1, 0]), sweeps=0, rng=rng())) == {(0, 1), (2, 0)}


# -- every graph alike -----------------------------------------------------------------------------------------------


def test_a_directed_triangle_turns_half_of_the_time():
    turned = [frozenset({(0, 1), (1, 2), (2, 0)}), frozenset({(1, 0), (2, 1), (0, 2)})]
    assert evenness(states_of_degrees(turned[0], 3, 1000, 1), turned) > 0.001
    assert evenness(states_of_kinds(turned[0], 3, 1000, 1), turned) > 0.001


def test_all_graphs_of_the_same_degrees_are_drawn_alike():
    """The 12 largest classes of graphs of four nodes, each by a chain; their p-values must look like p-values."""
    classes = sorted(graphs_alike(4, degrees).values(), key=len)[-12:]
    p_values = [evenness(states_of_degrees(each[0], 4, 300, seed), each) for seed, each in enumerate(classes)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_all_graphs_of_the_same_kinds_of_connections_are_drawn_alike():
    classes = sorted(graphs_alike(4, kinds).values(), key=len)[-12:]
    p_values = [evenness(states_of_kinds(each[0], 4, 300, seed), each) for seed, each in enumerate(classes)]
    assert min(p_values) > 0.001
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.2)


def test_a_trade_of_many_kinds_of_links_leaves_the_uniform_law_as_it_is():
    """Two nodes and six partners, two for each of three ways to differ: 6,000 trades from each of the ten states."""
    ways = [(0, 1), (0, 1), (1, 2), (1, 2), (2, 0), (2, 0)]
    turned = itertools.product(*[(way, way[::-1]) for way in ways])
    states = [state for state in turned if sorted(mine for mine, _ in state) == [0, 0, 1, 1, 2, 2]]
    rows = [
        [[4 * at + each[row] for at, each in enumerate(state, 2) if each[row]] for row in (0, 1)] for state in states
    ]
    keys = np.tile(np.array(rows, np.uint32).reshape(-1, 8), (6000, 1))
    pairs = rng(1).permuted(np.arange(2 * len(keys), dtype=np.uint32).reshape(-1, 2), axis=1)
    indptr = np.arange(0, keys.size + 1, 4).astype(np.uint64)
    own = np.zeros(len(keys), np.uint8)
    trade_kinds(indptr, keys.reshape(-1), own, pairs.ravel(), np.uint64(0), np.uint64(len(keys)), np.uint64(2))
    assert evenness(map(bytes, keys), [bytes(np.array(each, np.uint32)) for each in rows]) > 0.001


def test_every_graph_of_five_nodes_and_these_degrees_is_reached():
    """Counted without the chain: 5 nodes, each with two successors and two predecessors."""
    ring = frozenset((u, (u + step) % 5) for u in range(5) for step in (1, 2))
    possible = [list(itertools.combinations([v for v in range(5) if v != u], 2)) for u in range(5)]
    graphs = [
        frozenset((u, v) for u, row in enumerate(rows) for v in row)
        for rows in itertools.product(*possible)
        if all(count == 2 for count in np.bincount(np.ravel(rows), minlength=5))
    ]
    assert evenness(states_of_degrees(ring, 5, 20 * len(graphs), 3, apart=4), graphs) > 0.001


def test_reciprocity_becomes_that_of_igraph_swaps():
    """Graphs with the degrees of a skewed one: reciprocal connections of 60 draws here and of 60 by igraph."""
    skewed = random_graph(80, 0.15, 2)
    skewed = skewed.filter((skewed.pre < 20) | (skewed.post % 3 == 0))
    ours = [swap_count(degree_preserving(skewed, sweeps=10, rng=rng(seed))) for seed in range(60)]
    graph = igraph.Graph(n=80, edges=sorted(edges_of(skewed)), directed=True)
    theirs = []
    for _ in range(60):
        graph.rewire(n=20 * graph.ecount())
        theirs.append(round(graph.reciprocity() * graph.ecount()))
    assert stats.ttest_ind(ours, theirs).pvalue > 0.001


def swap_count(connectome):
    edges = edges_of(connectome)
    return sum((v, u) in edges for u, v in edges)


# -- seeds, threads, mixing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", CHAINS)
def test_equal_states_give_equal_graphs_with_any_number_of_threads(chain):
    graph = random_graph(5000, 0.001, 3)
    first = chain(graph, sweeps=2, rng=rng(4))
    assert first == chain(graph, sweeps=2, threads=3, rng=rng(4))
    assert first != chain(graph, sweeps=2, rng=rng(5))


def test_kernels_draw_the_same_bits_on_every_machine():
    """Written down once: four sweeps of a ring of twelve."""
    ring = Connectome(12, np.arange(12), np.roll(np.arange(12), -1))
    assert degree_preserving(ring, sweeps=4, rng=rng(6)).post.tolist() == RING_OF_DEGREES
    assert degree_and_reciprocity_preserving(ring, sweeps=4, rng=rng(6)).post.tolist() == RING_OF_KINDS


@pytest.mark.parametrize("model", ["degree_preserving", "degree_and_reciprocity_preserving"])
def test_mixing_follows_the_chain_itself(model):
    graph = random_graph(100, 0.05, 4)
    table = swap_mixing(graph, model=model, sweeps=6, rng=rng(7))
    chain = {"degree_preserving": degree_preserving, "degree_and_reciprocity_preserving": CHAINS[1]}[model]
    last = edges_of(chain(graph, sweeps=6, rng=rng(7)))
    assert table.index.name == "sweep"
    assert table.index.tolist() == list(range(7))
    assert table.in_place[6] == pytest.approx(len(last & edges_of(graph)) / graph.n_edges)
    assert table.reciprocal[6] == sum((v, u) in last for u, v in last)
    assert table.in_place[0] == 1
    assert table.moved[0] == 0
    assert table.moved[1] == pytest.approx(1 - table.in_place[1])


def test_a_chain_comes_down_to_its_floor():
    table = swap_mixing(random_graph(300, 0.05, 5), sweeps=15, rng=rng(8))
    assert table.in_place[10:].mean() == pytest.approx(table.floor[0], abs=0.01)


def test_mixing_of_nothing_is_not_a_number():
    assert swap_mixing(Connectome(3, [], []), sweeps=1, rng=rng())[["in_place", "floor", "moved"]].isna().all(axis=None)


# -- the approximation -----------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(connectomes(max_nodes=8, max_edges=40), st.integers(0, 9))
def test_dropping_never_adds_a_degree(connectome, seed):
    n, before = connectome.n_nodes, simple_edges(connectome)
    after = degrees(edges_of(configuration_approximate(connectome, rng=rng(seed))), n)
    assert (np.array(after) <= np.array(degrees(before, n))).all()


@pytest.mark.parametrize("p", [0.02, 0.2])
def test_rewiring_keeps_all_degrees(p):
    graph = random_graph(100, p, 6)
    drawn = configuration_approximate(graph, conflicts="rewire", rng=rng())
    assert degrees(edges_of(drawn), 100) == degrees(edges_of(graph), 100)
    assert edges_of(drawn) != edges_of(graph)


def test_the_share_that_is_dropped_is_that_of_loops_and_doubles_to_be_expected():
    graph = random_graph(200, 0.1, 7)
    n, m = 200, graph.n_edges
    lost = [m - configuration_approximate(graph, rng=rng(seed)).n_edges for seed in range(50)]
    out, inward = np.array(degrees(edges_of(graph), n)).T
    law = stats.hypergeom(m, out[:, None], inward)  # how often two nodes are matched
    expected = np.trace(law.mean()) + (law.mean() - 1 + law.pmf(0))[~np.eye(n, dtype=bool)].sum()
    assert np.mean(lost) == pytest.approx(expected, rel=0.05)


def test_wiring_again_without_end_is_given_up():
    # three successors for each of four nodes: only the complete graph, and chance hardly ever finds it
    pre, post = np.nonzero(~np.eye(12, dtype=bool))
    with pytest.raises(OptionError, match="still loops or doubles after 200 rounds, as the connectome is too dense"):
        configuration_approximate(Connectome(12, pre, post), conflicts="rewire", rng=rng())


# -- the rest --------------------------------------------------------------------------------------------------------

ALL = [*CHAINS, configuration_approximate, swap_mixing]


@pytest.mark.parametrize("model", ALL)
def test_a_rectangular_connectome_is_refused(model):
    with pytest.raises(OptionError, match=f"{model.__name__}: the connectome is rectangular"):
        model(Connectome(2, [0], [1], post_nodes=3), rng=rng())


@pytest.mark.parametrize("model", [*CHAINS, swap_mixing])
def test_numbers_out_of_range_are_refused(model):
    with pytest.raises(OptionError, match=f"{model.__name__}.sweeps: -1; give a whole number from 0 on"):
        model(connectome_of([(0, 1)], 2), sweeps=-1, rng=rng())
    with pytest.raises(OptionError, match=f"{model.__name__}.threads: 0; give a whole number from 1 on"):
        model(connectome_of([(0, 1)], 2), threads=0, rng=rng())


@pytest.mark.parametrize("model", ALL)
def test_the_input_is_untouched_and_its_edge_properties_go(model):
    nodes = pd.DataFrame({"layer": [1, 2, 3, 4]}, index=list("abcd"))
    connectome = Connectome(nodes, [0, 0, 1, 2, 3], [1, 1, 2, 3, 3], properties={"weight": np.arange(5.0)})
    before = connectome.edges
    drawn = model(connectome, rng=rng())
    pd.testing.assert_frame_equal(connectome.edges, before)
    if isinstance(drawn, Connectome):
        assert drawn.nodes.equals(nodes)
        assert not drawn.properties

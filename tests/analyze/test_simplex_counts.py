"""Simplex counts of connectomes: by hand, and of real connectomes against published tools."""

import itertools

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.analyze import euler_characteristic, simplex_counts
from conntap.circuits import Connectome
from conntap.errors import OptionError

WORM = {
    "chemical": [419, 4647, 14324, 22904, 27602, 30437, 26234, 13653, 2699],
    "electrical": [443, 2684, 6984, 19392, 42420, 62640, 60480, 40320],
    "both": [448, 6579, 33030, 103930, 276513, 629887, 1071320, 1217863, 886540, 348281, 32340],
}
FLY = [45669, 1500851, 12382485, 50284784, 118861088, 176143507, 163305596, 75603117, 13984326]


def test_counts_are_a_series_by_dimension():
    counts = simplex_counts(Connectome(["a", "b", "c"], [0, 0, 1], [1, 2, 2]))
    assert counts.to_dict() == {0: 3, 1: 3, 2: 1}
    assert (counts.index.name, counts.name, counts.dtype) == ("dimension", "count", np.int64)


def test_parallel_edges_count_once_and_loops_not_at_all():
    assert simplex_counts(Connectome(2, [0, 0, 1], [1, 1, 1])).tolist() == [2, 1]


def test_a_reciprocal_pair_doubles_the_simplices_it_is_the_end_of():
    assert simplex_counts(Connectome(3, [0, 0, 1, 2], [1, 2, 2, 1])).tolist() == [3, 4, 2]


def test_a_rectangular_connectome_has_no_simplices():
    with pytest.raises(OptionError, match="rectangular \\(2 pre, 3 post nodes\\)"):
        simplex_counts(Connectome(2, [0], [1], post_nodes=3))


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=40), st.permutations(range(8)))
def test_counts_do_not_depend_on_the_order_of_the_nodes(edges, order):
    pre, post = np.array(edges, dtype=int).reshape(-1, 2).T
    order = np.array(order)
    whole = simplex_counts(Connectome(8, pre, post))
    assert simplex_counts(Connectome(8, order[pre], order[post])).equals(whole)


def test_the_input_is_untouched():
    connectome = Connectome(3, [0, 0, 1, 1], [1, 2, 2, 1], properties={"weight": [1, 2, 3, 4]})
    before = connectome.edges
    simplex_counts(connectome)
    pd.testing.assert_frame_equal(connectome.edges, before)


def brute_force(connectome, keep):
    """Counts of the directed simplices that `keep` says yes to."""
    edges = {(pre, post) for pre, post in zip(connectome.pre, connectome.post, strict=True) if pre != post}
    counts = []
    for size in range(1, connectome.n_nodes + 1):
        tuples = itertools.permutations(range(connectome.n_nodes), size)
        found = [each for each in tuples if all(pair in edges for pair in itertools.combinations(each, 2))]
        counts.append(sum(keep(set(each)) for each in found))
    return np.trim_zeros(counts, "b") or [0]


def cliques(graph):
    sizes = np.bincount([len(each) for each in nx.enumerate_all_cliques(graph)])[1:].tolist()
    return sizes or [0]


@settings(max_examples=40)
@given(connectomes(max_nodes=6, properties=False), st.sets(st.integers(0, 5)))
def test_simplices_that_meet_and_lie_in_nodes_are_those_of_brute_force(connectome, some):
    some = {each for each in some if each < connectome.n_nodes}
    mask = np.isin(np.arange(connectome.n_nodes), list(some))
    lie = simplex_counts(connectome, nodes=mask, within="lie")
    meet = simplex_counts(connectome, nodes=mask, within="meet")
    assert lie.tolist() == brute_force(connectome, lambda nodes: nodes <= some)
    assert meet.tolist() == brute_force(connectome, lambda nodes: bool(nodes & some))


@settings(max_examples=40)
@given(connectomes(max_nodes=7, properties=False))
def test_undirected_and_reciprocal_simplices_are_the_cliques_that_networkx_finds(connectome):
    directed = nx.DiGraph(list(zip(connectome.pre.tolist(), connectome.post.tolist(), strict=True)))
    directed.add_nodes_from(range(connectome.n_nodes))
    directed.remove_edges_from(list(nx.selfloop_edges(directed)))
    for kind, reciprocal in (("undirected", False), ("reciprocal", True)):
        assert simplex_counts(connectome, kind=kind).tolist() == cliques(directed.to_undirected(reciprocal=reciprocal))


def test_a_reciprocal_clique_counts_once():
    complete = Connectome(4, *np.nonzero(1 - np.eye(4)))
    assert simplex_counts(complete, kind="reciprocal").tolist() == [4, 6, 4, 1]
    assert simplex_counts(complete, kind="undirected").tolist() == [4, 6, 4, 1]
    assert simplex_counts(complete).tolist() == [4, 12, 24, 24]


def test_counts_per_node_are_divided_by_the_nodes():
    counts = simplex_counts(Connectome(4, [0, 0, 1], [1, 2, 2]), per="node")
    assert counts.to_dict() == {0: 1.0, 1: 0.75, 2: 0.25}
    assert np.isnan(simplex_counts(Connectome(0, [], []), per="node")[0])


def test_nodes_are_chosen_by_property():
    nodes = pd.DataFrame({"layer": [4, 4, 5]}, index=["a", "b", "c"])
    order = Connectome(nodes, [0, 0, 1], [1, 2, 2])
    assert simplex_counts(order, nodes="layer == 4").tolist() == [2, 1]
    assert simplex_counts(order, nodes={"layer": 5}, within="meet").tolist() == [1, 2, 1]


@pytest.mark.parametrize(("option", "near"), [("kind", "directed"), ("within", "lie"), ("per", "node")])
def test_an_unknown_way_of_counting_is_refused(option, near):
    with pytest.raises(OptionError, match=rf"simplex_counts\.{option}: unknown value .*Did you mean '{near}'"):
        simplex_counts(Connectome(2, [0], [1]), **{option: near[:-1]})


@settings(max_examples=30)
@given(connectomes(max_nodes=6, properties=False), st.sampled_from(["directed", "reciprocal", "undirected"]))
def test_the_euler_characteristic_alternates_over_all_counts(connectome, kind):
    counts = simplex_counts(connectome, kind=kind).to_numpy()
    assert euler_characteristic(connectome, kind=kind) == (counts * (-1) ** np.arange(len(counts))).sum()


def test_the_euler_characteristic_of_a_sphere_is_2():
    """The octahedron, each of its edges in one direction."""
    pre, post = zip(*[pair for pair in itertools.combinations(range(6), 2) if sum(pair) != 5], strict=True)
    assert euler_characteristic(Connectome(6, pre, post)) == 2


def test_no_euler_characteristic_where_not_all_can_be_counted():
    with pytest.raises(OptionError, match="euler_characteristic: there are too many simplices"):
        euler_characteristic(Connectome(30, *np.nonzero(1 - np.eye(30))))


def test_undirected_cliques_of_the_fly_are_those_of_any_order(shared_data):
    edges = pd.read_parquet(shared_data / "fly_visual/edges.parquet")
    fly = Connectome(FLY[0], edges["pre"].to_numpy(), edges["post"].to_numpy())
    turned = Connectome(FLY[0], FLY[0] - 1 - fly.post, FLY[0] - 1 - fly.pre)
    counts = simplex_counts(fly, kind="reciprocal")
    assert counts.tolist()[:2] == [FLY[0], 230258]
    assert simplex_counts(turned, kind="reciprocal").equals(counts)


@pytest.mark.parametrize("kind", WORM)
def test_the_worm_has_the_counts_that_flagser_finds(kind, shared_data):
    edges = pd.read_csv(shared_data / "celegans/herm_full_edgelist.csv").map(lambda v: str(v).strip())
    edges.columns = edges.columns.str.strip()
    edges = edges if kind == "both" else edges[edges["Type"] == kind]
    cells = pd.unique(pd.concat([edges["Source"], edges["Target"]]))
    assert simplex_counts(Connectome.from_ids(cells, edges["Source"], edges["Target"])).tolist() == WORM[kind]


def test_the_fly_has_the_counts_that_flagser_finds(shared_data):
    edges = pd.read_parquet(shared_data / "fly_visual/edges.parquet")
    connectome = Connectome(FLY[0], edges["pre"].to_numpy(), edges["post"].to_numpy())
    assert simplex_counts(connectome).tolist() == FLY

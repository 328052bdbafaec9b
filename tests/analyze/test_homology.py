"""Homology of connectomes: by hand, of the worm in full, and the errors."""

import networkx as nx
import numpy as np
import pandas as pd
import pyflagser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.analyze import betti_bounds, betti_numbers, euler_characteristic, persistence, simplex_counts
from conntap.circuits import Connectome
from conntap.errors import OptionError

WORM = {  # the Euler characteristics of flagser-count's cells, and flagser's Betti numbers where it ends soon
    "chemical": [2, 139, 686, 1046, 631, 509, 470, 485, 27],
    "electrical": [4, 732, 701, 1295, 4492, 11522, 8476, 14833],
}


def loop(**properties):
    return Connectome(["a", "b", "c"], [0, 1, 2, 2, 0], [1, 2, 0, 0, 0], properties=properties)


def worm(folder, kind):
    edges = pd.read_csv(folder / "celegans/herm_full_edgelist.csv").map(lambda v: str(v).strip())
    edges.columns = edges.columns.str.strip()
    edges = edges[edges["Type"] == kind]
    cells = pd.unique(pd.concat([edges["Source"], edges["Target"]]))
    return Connectome.from_ids(cells, edges["Source"], edges["Target"])


def test_betti_numbers_are_a_series_by_dimension():
    holes = betti_numbers(loop())
    assert holes.to_dict() == {0: 1, 1: 1}
    assert (holes.index.name, holes.name, holes.dtype) == ("dimension", "betti", np.int64)


def test_bounds_are_a_table_by_dimension():
    table = betti_bounds(loop())
    assert table.to_dict("list") == {"lower": [1, 1], "upper": [1, 1]}
    assert (table.index.name, set(table.dtypes)) == ("dimension", {np.dtype(np.int64)})


@settings(deadline=None, max_examples=40)
@given(connectomes(max_edges=30))
def test_holes_and_simplices_have_the_same_alternating_sum(connectome):
    holes, simplices = betti_numbers(connectome), simplex_counts(connectome)
    signs = (-1) ** np.arange(len(simplices))
    assert (holes * signs).sum() == (simplices * signs).sum()
    assert betti_bounds(connectome)["lower"].equals(holes.rename("lower"))


def undirected_betti(matrix):
    """Of the clique complex of a symmetric matrix, by flagser; as many as there are dimensions of cliques."""
    np.fill_diagonal(matrix, False)
    found = [int(each) for each in pyflagser.flagser_unweighted(np.triu(matrix), directed=False)["betti"]]
    cliques = nx.enumerate_all_cliques(nx.from_numpy_array(matrix))
    return (found + [0] * 20)[: max(map(len, cliques))]


@settings(deadline=None, max_examples=40)
@given(connectomes(max_edges=40).filter(lambda each: each.n_nodes))
def test_holes_of_cliques_are_those_of_flagser(connectome):
    matrix = connectome.adjacency().toarray() > 0
    assert betti_numbers(connectome, kind="undirected").tolist() == undirected_betti(matrix | matrix.T)
    assert betti_numbers(connectome, kind="reciprocal").tolist() == undirected_betti(matrix & matrix.T)


@pytest.mark.parametrize("kind", ["reciprocal", "undirected"])
def test_holes_of_cliques_of_larger_graphs_are_those_of_flagser(kind):
    matrix = np.random.default_rng(5).random((60, 60)) < (0.6 if kind == "reciprocal" else 0.2)
    np.fill_diagonal(matrix, False)
    both = matrix & matrix.T if kind == "reciprocal" else matrix | matrix.T
    connectome = Connectome(60, *np.nonzero(matrix))
    holes = betti_numbers(connectome, kind=kind)
    assert holes.tolist() == undirected_betti(both)
    assert holes[1:].sum() > 10
    assert betti_bounds(connectome, kind=kind)["upper"].tolist() == holes.tolist()
    assert betti_numbers(connectome, kind=kind, max_dimension=1).tolist() == holes.tolist()[:2]


@settings(deadline=None, max_examples=40)
@given(connectomes(max_edges=40), st.sampled_from(["directed", "reciprocal", "undirected"]))
def test_holes_of_every_kind_have_the_euler_characteristic_of_that_kind(connectome, kind):
    holes = betti_numbers(connectome, kind=kind).tolist()
    assert sum(holes[::2]) - sum(holes[1::2]) == euler_characteristic(connectome, kind=kind)


def test_no_threads_are_told():
    for measure in (betti_numbers, betti_bounds):
        with pytest.raises(OptionError, match=rf"{measure.__name__}\.threads: 0; give"):
            measure(loop(), threads=0)


def test_an_unknown_kind_is_told():
    with pytest.raises(OptionError, match=r"betti_numbers\.kind: unknown value 'reciproca'.*Did you mean 'reciprocal'"):
        betti_numbers(loop(), kind="reciproca")


@pytest.mark.parametrize("kind", WORM)
def test_the_worm_has_the_holes_that_flagser_finds(kind, shared_data):
    connectome = worm(shared_data, kind)
    holes = betti_numbers(connectome)
    assert holes.tolist() == WORM[kind]
    assert betti_bounds(connectome)["upper"].tolist() == WORM[kind]
    matrix = connectome.adjacency().toarray() > 0
    np.fill_diagonal(matrix, False)
    assert holes.tolist()[:2] == pyflagser.flagser_unweighted(matrix, max_dimension=1)["betti"]


def test_holes_live_from_the_weight_that_closes_them_to_the_one_that_fills_them():
    square = [0, 1, 0, 3, 0], [1, 2, 3, 2, 2]
    connectome = Connectome(4, *square, properties={"length": [1.0, 2.0, 3.0, 4.0, 6.0]})
    table = persistence(connectome, weight="length", order="rising", start=0.0)
    assert table[table["dimension"] == 1].to_dict("list") == {"dimension": [1], "birth": [4.0], "death": [6.0]}
    assert table[table["dimension"] == 0]["death"].tolist() == [1.0, 2.0, 3.0, np.inf]
    assert table.index.name == "feature"


def test_the_strongest_come_first_by_default_and_parallel_edges_are_summed():
    table = persistence(loop(synapses=[5, 9, 2, 1, 99]), weight="synapses")
    assert table[table["dimension"] == 1].values.tolist() == [[1, 3.0, -np.inf]]
    assert table[table["dimension"] == 0].values.tolist() == [[0, 9.0, 5.0], [0, 9.0, -np.inf]]


def test_parallel_edges_may_be_merged_in_other_ways():
    table = persistence(loop(delay=[5.0, 9.0, 2.0, 1.0, 99.0]), weight="delay", order="rising", merge="min")
    assert table[table["dimension"] == 0].values.tolist() == [[0, 1.0, 5.0], [0, 1.0, np.inf]]


def test_no_connections_have_components_only():
    table = persistence(Connectome(2, [], [], properties={"w": np.array([], dtype=float)}), weight="w")
    assert table.values.tolist() == [[0, 0.0, -np.inf]] * 2


def test_the_input_is_untouched():
    connectome = loop(w=[1.0, 2.0, 3.0, 4.0, 5.0])
    before = connectome.edges
    betti_numbers(connectome), betti_bounds(connectome), persistence(connectome, weight="w")
    pd.testing.assert_frame_equal(connectome.edges, before)


@pytest.mark.parametrize("measure", [betti_numbers, betti_bounds, lambda each: persistence(each, weight="w")])
def test_a_rectangular_connectome_has_no_homology(measure):
    with pytest.raises(OptionError, match="rectangular \\(2 pre, 3 post nodes\\)"):
        measure(Connectome(2, [0], [1], post_nodes=3, properties={"w": [1.0]}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": "weigt"}, "unknown edge property 'weigt'.*Did you mean 'weight'"),
        ({"weight": "kind"}, "'kind' is no number"),
        ({"weight": "gap"}, "'gap' is missing or infinite at 1 connections"),
        ({"weight": "weight", "order": "up"}, "persistence.order: unknown value 'up'"),
        ({"weight": "weight", "start": 2.0}, "start: 2 comes after the first connection"),
        ({"weight": "weight", "max_dimension": -1}, "max_dimension: -1"),
        ({"weight": "weight", "memory_gb": 0.0}, "memory_gb: 0.0"),
    ],
)
def test_what_persistence_cannot_take_is_told(options, message):
    connectome = Connectome(
        2, [0, 1], [1, 0], properties={"weight": [1.0, 3.0], "kind": pd.Categorical(["a", "b"]), "gap": [1.0, np.nan]}
    )
    with pytest.raises(OptionError, match=message):
        persistence(connectome, **options)


def test_an_unknown_way_of_merging_is_told():
    with pytest.raises(OptionError, match=r"persistence\.merge: unknown value 'most'"):
        persistence(loop(w=[1.0] * 5), weight="w", merge="most")


def test_bounds_take_no_negative_limit():
    with pytest.raises(OptionError, match="dense_rows: -1"):
        betti_bounds(loop(), dense_rows=-1)

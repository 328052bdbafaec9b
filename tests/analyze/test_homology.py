"""Homology of connectomes: by hand, of the worm in full, and the errors."""

import numpy as np
import pandas as pd
import pyflagser
import pytest
from hypothesis import given, settings
from strategies import connectomes

from conntap.analyze import betti_bounds, betti_numbers, persistence, simplex_counts
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

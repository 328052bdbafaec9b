"""Maximal simplices of connectomes: by hand, and of the worm against flagser-count."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.analyze import maximal_simplex_counts, simplex_counts, simplex_lists
from conntap.circuits import Connectome
from conntap.errors import OptionError


def test_counts_are_a_series_by_dimension():
    counts = maximal_simplex_counts(Connectome(["a", "b", "c", "d"], [0, 0, 1, 1], [1, 2, 2, 3]))
    assert counts.to_dict() == {0: 0, 1: 1, 2: 1}
    assert (counts.index.name, counts.name, counts.dtype) == ("dimension", "count", np.int64)


def test_kinds_of_simplices_differ_where_connections_are_reciprocal():
    pair = Connectome(3, [0, 1, 1], [1, 0, 2])
    assert maximal_simplex_counts(pair).tolist() == [0, 3]
    assert maximal_simplex_counts(pair, kind="reciprocal").tolist() == [1, 1]
    assert maximal_simplex_counts(pair, kind="undirected").tolist() == [0, 2]


@settings(deadline=None, max_examples=30)
@given(connectomes(columns=False, properties=False))
def test_the_largest_simplices_are_all_maximal(connectome):
    whole, maximal = simplex_counts(connectome), maximal_simplex_counts(connectome)
    assert maximal.index.equals(whole.index)
    assert maximal.iloc[-1] == whole.iloc[-1]
    assert (maximal <= whole).all()


@settings(deadline=None, max_examples=60)
@given(
    connectomes(min_nodes=7, max_edges=30, columns=False, properties=False),
    st.lists(st.integers(0, 6), max_size=7, unique=True),
    st.sampled_from(["lie", "meet"]),
)
def test_maximal_simplices_of_some_nodes_are_those_of_the_list(connectome, chosen, within):
    there = np.isin(np.arange(connectome.n_nodes), chosen)
    some = np.all if within == "lie" else np.any
    lists = simplex_lists(connectome, only="maximal")
    expected = [int(some(there[rows], axis=1).sum()) for rows in lists]
    counts = maximal_simplex_counts(connectome, nodes=connectome.nodes.index[chosen].tolist(), within=within)
    assert counts.tolist() == (np.trim_zeros(expected, "b") or [0])


def test_what_is_maximal_does_not_depend_on_the_nodes_chosen():
    tail = Connectome(4, [0, 0, 1, 2], [1, 2, 2, 3])
    assert maximal_simplex_counts(tail, nodes=[0, 1]).tolist() == [0]
    assert maximal_simplex_counts(tail.subset([0, 1])).tolist() == [0, 1]
    assert maximal_simplex_counts(tail, nodes=[0, 1], within="meet").tolist() == [0, 0, 1]
    assert maximal_simplex_counts(tail, nodes=[2, 3], kind="undirected").tolist() == [0, 1]


def test_a_rectangular_connectome_has_no_simplices():
    with pytest.raises(OptionError, match="maximal_simplex_counts: the connectome is rectangular"):
        maximal_simplex_counts(Connectome(2, [0], [1], post_nodes=3))


def test_the_input_is_untouched():
    connectome = Connectome(3, [0, 0, 1, 1], [1, 2, 2, 1], properties={"weight": [1, 2, 3, 4]})
    before = connectome.edges
    maximal_simplex_counts(connectome, kind="undirected")
    pd.testing.assert_frame_equal(connectome.edges, before)


def test_the_worm_has_the_maximal_simplices_that_flagser_finds(shared_data):
    from pyflagsercount import flagser_count

    edges = pd.read_csv(shared_data / "celegans/herm_full_edgelist.csv").map(lambda v: str(v).strip())
    edges.columns = edges.columns.str.strip()
    edges = edges[(edges["Type"] == "chemical") & (edges["Source"] != edges["Target"])]
    cells = pd.unique(pd.concat([edges["Source"], edges["Target"]]))
    worm = Connectome.from_ids(cells, edges["Source"], edges["Target"])
    expected = flagser_count(worm.adjacency().tocsr(), max_simplices=True, threads=1)["max_cell_counts"]
    assert maximal_simplex_counts(worm).tolist() == np.trim_zeros(list(expected), "b")

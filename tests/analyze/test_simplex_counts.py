"""Simplex counts of connectomes: by hand, and of real connectomes against published tools."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.analyze import simplex_counts
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

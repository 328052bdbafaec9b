"""Connections inside the simplices of connectomes: by hand, against counts, and of the worm by brute force."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from strategies import connectomes

from conntap.analyze import bedge_counts, simplex_counts, simplex_lists
from conntap.circuits import Connectome
from conntap.errors import OptionError


def test_the_matrix_of_a_dimension_is_a_part_of_the_table():
    table = bedge_counts(Connectome(list("abc"), [0, 0, 1, 2], [1, 2, 2, 1]))
    assert (table.index.names, table.columns.name) == (["dimension", "pre"], "post")
    assert table.loc[1].iloc[:, :2].values.tolist() == [[0, 4], [2, 0]]
    assert table.loc[1, 2].isna().all()
    assert set(table.dtypes) == {pd.Int64Dtype()}


@settings(deadline=None, max_examples=30)
@given(connectomes(columns=False, properties=False))
def test_above_the_diagonal_stand_the_counts(connectome):
    table, counts = bedge_counts(connectome), simplex_counts(connectome)
    for dimension, count in counts.items():
        matrix = table.loc[dimension].iloc[:, : dimension + 1].to_numpy(dtype=np.int64)
        assert (matrix[np.triu_indices(dimension + 1, 1)] == count).all()
        assert (matrix <= count).all()
        assert not matrix.diagonal().any()


def test_the_sums_of_the_worm_are_those_over_its_simplices(shared_data):
    edges = pd.read_csv(shared_data / "celegans/herm_full_edgelist.csv").map(lambda v: str(v).strip())
    edges.columns = edges.columns.str.strip()
    edges = edges[edges["Type"] == "chemical"]
    cells = pd.unique(pd.concat([edges["Source"], edges["Target"]]))
    worm = Connectome.from_ids(cells, edges["Source"], edges["Target"])
    matrix = worm.adjacency().toarray() > 0
    table = bedge_counts(worm, threads=2)
    for dimension, rows in enumerate(simplex_lists(worm)):
        for i, j in np.ndindex(dimension + 1, dimension + 1):
            if i != j:
                assert table.loc[(dimension, i), j] == matrix[rows[:, i], rows[:, j]].sum()


def test_a_rectangular_connectome_is_refused():
    with pytest.raises(OptionError, match="bedge_counts: the connectome is rectangular"):
        bedge_counts(Connectome(2, [0], [1], post_nodes=3))


def test_the_input_is_untouched():
    connectome = Connectome(3, [0, 0, 1, 1], [1, 2, 2, 1], properties={"weight": [1, 2, 3, 4]})
    before = connectome.edges
    bedge_counts(connectome)
    pd.testing.assert_frame_equal(connectome.edges, before)

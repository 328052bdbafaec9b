"""The simplicial rich club: by hand, and against subgraphs that are cut out."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from strategies import connectomes

from conntap.analyze import simplex_lists, simplicial_rich_club
from conntap.circuits import Connectome
from conntap.errors import OptionError


def test_a_triangle_with_a_tail_has_a_club_of_three():
    table = simplicial_rich_club(Connectome(4, [0, 0, 1, 2], [1, 2, 2, 3]), dimensions=[2])
    assert table.loc[(2, 0)].tolist() == [3, 3, 0.5]
    assert table.loc[(2, 1), "nodes"] == 0
    assert (table.index.names, list(table)) == (["dimension", "more_than"], ["nodes", "connections", "density"])


@settings(deadline=None, max_examples=30)
@given(connectomes(columns=False, properties=False))
def test_each_point_is_the_density_of_a_subgraph(connectome):
    lists = simplex_lists(connectome)
    for (dimension, level), row in simplicial_rich_club(connectome).iterrows():
        taken = np.bincount(lists[dimension].ravel(), minlength=connectome.n_nodes)
        matrix = connectome.adjacency().toarray()[np.ix_(taken > level, taken > level)] > 0
        np.fill_diagonal(matrix, False)
        n = len(matrix)
        assert (row["nodes"], row["connections"]) == (n, matrix.sum())
        assert row["density"] == pytest.approx(matrix.sum() / (n * (n - 1)) if n > 1 else np.nan, nan_ok=True)


def test_dimension_1_is_the_rich_club_of_networkx():
    import networkx as nx

    upper = np.triu(np.random.default_rng(0).random((40, 40)) < 0.2, 1)
    graph = nx.from_numpy_array(upper.astype(int))
    table = simplicial_rich_club(Connectome(40, *np.nonzero(upper)), dimensions=1)
    for degree, coefficient in nx.rich_club_coefficient(graph, normalized=False).items():
        if (1, degree) in table.index:
            assert 2 * table.loc[(1, degree), "density"] == pytest.approx(coefficient)


def test_thresholds_are_thinned():
    some = Connectome(60, *np.nonzero(np.random.default_rng(0).random((60, 60)) < 0.3))
    whole, thin = (simplicial_rich_club(some, dimensions=2, points=points) for points in (1000, 10))
    assert len(thin) == 10
    assert thin.index[-1] == whole.index[-1]
    pd.testing.assert_frame_equal(whole.loc[thin.index], thin)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_connectomes_without_connections_have_no_club(n):
    assert len(simplicial_rich_club(Connectome(n, [], []))) == 0
    assert simplicial_rich_club(Connectome(n, [], []), dimensions=2)["nodes"].tolist() == [0]


def test_options_out_of_range_are_refused():
    with pytest.raises(OptionError, match="dimensions: -1"):
        simplicial_rich_club(Connectome(2, [0], [1]), dimensions=-1)
    with pytest.raises(OptionError, match="simplicial_rich_club: the connectome is rectangular"):
        simplicial_rich_club(Connectome(2, [0], [1], post_nodes=3))


def test_the_input_is_untouched():
    connectome = Connectome(3, [0, 0, 1, 1], [1, 2, 2, 1], properties={"weight": [1, 2, 3, 4]})
    before = connectome.edges
    simplicial_rich_club(connectome)
    pd.testing.assert_frame_equal(connectome.edges, before)

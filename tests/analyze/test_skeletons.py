"""Skeletons of connectomes: by hand, under hypothesis, and against networkx."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from strategies import connectomes

from conntap.analyze import edge_participation, simplex_counts, skeleton, skeleton_reciprocity
from conntap.circuits import Connectome
from conntap.errors import OptionError


def two_triangles():
    """0 -> 1 -> 2 with its shortcut, 1 and 2 in both directions, and a tail to 3."""
    return Connectome(4, [0, 0, 1, 2, 2], [1, 2, 2, 1, 3], properties={"weight": [1.0, 2, 3, 4, 5]})


def test_a_skeleton_keeps_the_edges_of_triangles_and_their_properties():
    kept = skeleton(two_triangles(), dimension=2)
    assert list(zip(kept.pre.tolist(), kept.post.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2), (2, 1)]
    assert kept.properties["weight"].tolist() == [1, 2, 3, 4]
    assert kept.n_nodes == 4


def test_the_spine_leaves_the_shortcuts_out():
    plain = Connectome(3, [0, 0, 1], [1, 2, 2])
    assert skeleton(plain, dimension=2, position="spine").post.tolist() == [1, 2]


def test_the_skeleton_of_a_dimension_that_does_not_occur_is_empty():
    assert skeleton(two_triangles(), dimension=5).n_edges == 0


def test_edges_in_fewer_simplices_are_left_out():
    kept = skeleton(two_triangles(), dimension=2, min_participation=2)
    assert list(zip(kept.pre.tolist(), kept.post.tolist(), strict=True)) == [(0, 1), (0, 2)]


def test_parallel_edges_stay_together_and_loops_go():
    connectome = Connectome(3, [0, 0, 0, 1, 1, 2], [1, 1, 2, 2, 1, 0])
    assert skeleton(connectome, dimension=2).edges[["pre", "post"]].to_numpy().tolist() == [
        [0, 1],
        [0, 1],
        [0, 2],
        [1, 2],
    ]


def test_reciprocity_of_skeleta_by_dimension():
    table = skeleton_reciprocity(two_triangles())
    assert table["connections"].to_dict() == {1: 5, 2: 4}
    assert table["reciprocal"].tolist() == [2, 2]
    assert table["fraction"].tolist() == [0.4, 0.5]
    assert table.index.name == "dimension"


def test_reciprocity_of_a_connectome_without_edges_is_an_empty_table():
    table = skeleton_reciprocity(Connectome(3, [1], [1]))
    assert table.empty
    assert table.columns.tolist() == ["connections", "reciprocal", "fraction"]


@settings(max_examples=30)
@given(connectomes(max_edges=30))
def test_skeleta_shrink_with_the_dimension_and_are_counted_right(connectome):
    table = skeleton_reciprocity(connectome)
    assert table.index.tolist() == list(range(1, len(simplex_counts(connectome))))
    before = set(zip(connectome.pre.tolist(), connectome.post.tolist(), strict=True))
    for dimension, row in table.iterrows():
        part = skeleton(connectome, dimension=dimension)
        pairs = set(zip(part.pre.tolist(), part.post.tolist(), strict=True))
        assert pairs <= before
        graph = nx.DiGraph(list(pairs))
        assert row["connections"] == graph.number_of_edges()
        assert row["fraction"] == pytest.approx(nx.overall_reciprocity(graph))
        before = pairs


@settings(max_examples=30)
@given(connectomes(max_edges=30))
def test_a_skeleton_has_the_simplices_it_was_made_for(connectome):
    counts = simplex_counts(connectome)
    for dimension in range(1, len(counts)):
        assert simplex_counts(skeleton(connectome, dimension=dimension)).get(dimension) == counts[dimension]


def test_the_input_is_untouched():
    connectome = two_triangles()
    before = connectome.edges
    skeleton(connectome, dimension=2)
    skeleton_reciprocity(connectome)
    pd.testing.assert_frame_equal(connectome.edges, before)


def test_options_out_of_range_are_told():
    for name, value in (("dimension", 0), ("dimension", 1.5), ("min_participation", 0)):
        with pytest.raises(OptionError, match=rf"skeleton\.{name}: .*; give a whole number from 1 on"):
            skeleton(two_triangles(), **{"dimension": 2, name: value})
    with pytest.raises(OptionError, match="rectangular"):
        skeleton_reciprocity(Connectome(2, [0], [1], post_nodes=3))


def test_the_skeleton_is_what_participation_says():
    rng = np.random.default_rng(1)
    connectome = Connectome(40, rng.integers(0, 40, 400), rng.integers(0, 40, 400))
    for position in ("any", "spine", "first", "last"):
        table = edge_participation(connectome, position=position)
        kept = skeleton(connectome, dimension=3, position=position, min_participation=2)
        assert kept.n_edges == (table[3] >= 2).sum()

"""Simplices that project to single nodes: by hand, by brute force, and in both forms."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.analyze import degrees, degrees_from
from conntap.circuits import Connectome
from conntap.errors import OptionError


def brute_force(inner, cross, target):
    """Simplices by dimension of the graph among the nodes that project to the target."""
    sources = np.flatnonzero(cross[:, target])
    counts = []
    for size in range(1, len(sources) + 1):
        tuples = itertools.permutations(sources, size)
        counts.append(sum(all(inner[u, v] for u, v in itertools.combinations(t, 2)) for t in tuples))
    return counts


def as_brute_force(table, inner, cross, targets):
    for row, target in zip(table.to_numpy(), targets, strict=True):
        expected = brute_force(inner, cross, target)
        if np.trim_zeros(row.tolist(), "b") != np.trim_zeros(expected, "b"):
            return False
    return True


def matrix_of(connectome):
    matrix = connectome.adjacency().toarray() > 0
    if connectome.is_square:
        np.fill_diagonal(matrix, False)
    return matrix


def test_a_target_has_the_simplices_that_project_to_it_wholly():
    two = Connectome(list("abcxy"), [0, 0, 1, 0, 1, 2, 0, 3], [1, 2, 2, 3, 3, 3, 4, 4])
    table = degrees_from(two, pre=["a", "b", "c"], post=["x", "y"])
    assert table.to_numpy().tolist() == [[3, 3, 1], [1, 0, 0]]
    assert (table.index.name, table.columns.name, table.index.tolist()) == ("id", "dimension", ["x", "y"])


def test_a_simplex_with_one_node_that_does_not_project_is_not_counted():
    assert degrees_from(Connectome(3, [0, 0], [1, 2]), pre=[0, 1], post=[2]).to_numpy().tolist() == [[1]]


@settings(deadline=None, max_examples=30)
@given(connectomes(max_nodes=6, columns=False, properties=False), st.data())
def test_square_connectomes_agree_with_brute_force(connectome, data):
    n = connectome.n_nodes
    masks = [np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool) for _ in range(2)]
    table = degrees_from(connectome, pre=masks[0], post=masks[1])
    matrix = matrix_of(connectome)
    matrix[~masks[0]] = False
    assert as_brute_force(table, matrix, matrix, np.flatnonzero(masks[1]))


@settings(deadline=None, max_examples=30)
@given(connectomes(max_nodes=6, columns=False, properties=False), st.data())
def test_projections_agree_with_brute_force(source, data):
    size = data.draw(st.integers(1, 4))
    n = data.draw(st.integers(0, 12)) if source.n_nodes else 0
    pre = data.draw(st.lists(st.integers(0, max(0, source.n_nodes - 1)), min_size=n, max_size=n))
    post = data.draw(st.lists(st.integers(0, size - 1), min_size=n, max_size=n))
    order = data.draw(st.permutations(range(source.n_nodes)))
    ids = source.nodes.iloc[list(order)]
    places = np.argsort(order)[pre] if n else []
    projection = Connectome(ids, np.array(places, dtype=int), np.array(post, dtype=int), post_nodes=size)
    cross = np.zeros((source.n_nodes, size), dtype=bool)
    cross[pre, post] = True
    assert as_brute_force(degrees_from(source, projection), matrix_of(source), cross, range(size))


def test_dimension_0_is_the_in_degree():
    some = Connectome(40, *np.nonzero(np.random.default_rng(0).random((40, 40)) < 0.3))
    assert degrees_from(some, max_dimension=0)[0].tolist() == degrees(some)["in"].tolist()


def test_threads_do_not_change_the_counts():
    some = Connectome(40, *np.nonzero(np.random.default_rng(0).random((40, 40)) < 0.3))
    pd.testing.assert_frame_equal(degrees_from(some, threads=2), degrees_from(some))


def test_a_projection_from_other_nodes_is_refused():
    with pytest.raises(OptionError, match="1 of its 1 pre nodes are not among the nodes of the connectome: z"):
        degrees_from(Connectome(["a"], [], []), Connectome(["z"], [0], [0], post_nodes=2))


@pytest.mark.parametrize("options", [{"threads": "2"}, {"threads": 0}, {"max_dimension": -1}, {"max_dimension": "2"}])
def test_numbers_that_make_no_sense_are_refused(options):
    (name,) = options
    with pytest.raises(OptionError, match=rf"degrees_from.{name}: .*; give a whole number from"):
        degrees_from(Connectome(2, [0], [1]), **options)


def test_a_rectangular_source_is_refused():
    with pytest.raises(OptionError, match="degrees_from: the connectome is rectangular"):
        degrees_from(Connectome(2, [0], [1], post_nodes=3))


def test_the_input_is_untouched():
    connectome = Connectome(3, [0, 0, 1, 1], [1, 2, 2, 1], properties={"weight": [1, 2, 3, 4]})
    before = connectome.edges
    degrees_from(connectome, pre=[0, 1])
    pd.testing.assert_frame_equal(connectome.edges, before)

"""Connections inside directed simplices: by hand, against lists of simplices, and at their limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.errors import OptionError
from conntap.topology import bedges as module
from conntap.topology import count_simplices, simple_graph
from conntap.topology.bedges import count_bedges
from conntap.topology.listing import simplices_of


def graph(matrix):
    matrix = np.asarray(matrix)
    return simple_graph(*np.nonzero(matrix), len(matrix))


def complete(n):
    return graph(np.ones((n, n)))


def by_lists(matrix, dimension):
    rows = simplices_of(*graph(matrix), dimension=dimension)
    places = range(dimension + 1)
    return [[int(matrix[rows[:, i], rows[:, j]].sum()) for j in places] for i in places]


def agrees(matrix, sums):
    return all(each.tolist() == by_lists(matrix, dimension) for dimension, each in enumerate(sums))


matrices = st.integers(1, 7).flatmap(
    lambda n: st.lists(st.booleans(), min_size=n * n, max_size=n * n).map(lambda v: np.array(v).reshape(n, n))
)


def test_a_reciprocal_pair_is_two_simplices_each_with_a_connection_back():
    assert count_bedges(*graph([[0, 1], [1, 0]]))[1].tolist() == [[0, 2], [2, 0]]


def test_a_triangle_with_a_connection_back_from_sink_to_source():
    matrix = [[0, 1, 1], [0, 0, 1], [1, 0, 0]]
    assert count_bedges(*graph(matrix))[2].tolist() == [[0, 1, 1], [0, 0, 1], [1, 0, 0]]


def test_in_a_complete_graph_all_places_are_connected():
    for dimension, each in enumerate(count_bedges(*complete(6))):
        assert np.array_equal(each, math.perm(6, dimension + 1) * (1 - np.eye(dimension + 1)))


@pytest.mark.parametrize("n", [0, 1, 4])
def test_nodes_without_connections_have_none_inside(n):
    assert [each.tolist() for each in count_bedges(*graph(np.zeros((n, n))))] == [[[0]]]


@settings(deadline=None, max_examples=60)
@given(matrices, st.sampled_from([0, 3, 4096]))
def test_sums_are_those_over_lists_whatever_is_kept_as_bits(matrix, most):
    np.fill_diagonal(matrix, False)
    kept, module._MOST_AS_BITS = module._MOST_AS_BITS, most
    try:
        sums = count_bedges(*graph(matrix))
    finally:
        module._MOST_AS_BITS = kept
    assert len(sums) == len(count_simplices(*graph(matrix)))
    assert agrees(matrix, sums)


@pytest.mark.parametrize("most", [0, 70, 4096])
def test_long_rows_of_bits_are_summed_right(most, monkeypatch):
    matrix = np.random.default_rng(0).random((130, 130)) < 0.4
    np.fill_diagonal(matrix, False)
    monkeypatch.setattr(module, "_MOST_AS_BITS", most)
    assert agrees(matrix, count_bedges(*graph(matrix), max_dimension=3))


def test_a_largest_dimension_cuts_the_sums_off():
    assert [len(each) for each in count_bedges(*complete(30), max_dimension=3)] == [1, 2, 3, 4]
    assert len(count_bedges(*complete(5), max_dimension=0)) == 1


def test_threads_do_not_change_the_sums(monkeypatch):
    some = graph(np.random.default_rng(2).random((200, 200)) < 0.15)
    whole = count_bedges(*some)
    monkeypatch.setattr("conntap.topology.maximal._LOOKUPS_A_CHUNK", 1000)
    assert all(np.array_equal(a, b) for a, b in zip(count_bedges(*some, threads=2), whole, strict=True))


def test_too_many_simplices_are_refused(monkeypatch):
    with pytest.raises(OptionError, match=r"about 7e\+32 directed simplices .* give max_dimension"):
        count_bedges(*complete(30))
    monkeypatch.setattr(module, "MOST_VISITS", 100)
    with pytest.raises(OptionError, match=r"more than 1e\+02 simplices to visit"):
        count_bedges(*complete(9))


def test_options_out_of_range_are_refused():
    with pytest.raises(OptionError, match="max_dimension: -1"):
        count_bedges(*complete(3), max_dimension=-1)
    with pytest.raises(OptionError, match="threads: 0"):
        count_bedges(*complete(3), threads=0)

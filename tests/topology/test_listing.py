"""Lists of directed simplices: by hand, by brute force, in chunks of any size, and at their limits."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.errors import OptionError
from conntap.topology import count_simplices, simple_graph
from conntap.topology import listing as module
from conntap.topology.listing import iterate_simplices_of, simplices_of


def graph(matrix):
    matrix = np.asarray(matrix)
    return simple_graph(*np.nonzero(matrix), len(matrix))


def complete(n):
    return graph(np.ones((n, n)))


def brute_force(matrix, dimension):
    tuples = itertools.permutations(range(len(matrix)), dimension + 1)
    return [list(t) for t in tuples if all(matrix[u, v] for u, v in itertools.combinations(t, 2))]


def joined(chunks, dimension):
    return np.concatenate([np.empty((0, dimension + 1), np.int32), *chunks])


matrices = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.booleans(), min_size=n * n, max_size=n * n).map(lambda v: np.array(v).reshape(n, n))
)


def test_a_triangle_is_listed_from_source_to_sink():
    rows = simplices_of(*graph([[0, 0, 0], [1, 0, 0], [1, 1, 0]]), dimension=2)
    assert rows.tolist() == [[2, 1, 0]]
    assert rows.dtype == np.int32


def test_the_simplices_of_a_complete_graph_are_its_ordered_choices():
    assert simplices_of(*complete(5), dimension=2).tolist() == [list(p) for p in itertools.permutations(range(5), 3)]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_graph_without_connections_has_nodes_only(n):
    assert simplices_of(*graph(np.zeros((n, n))), dimension=0).tolist() == [[i] for i in range(n)]
    assert simplices_of(*graph(np.zeros((n, n))), dimension=2).shape == (0, 3)
    assert list(iterate_simplices_of(*graph(np.zeros((n, n))), dimension=2)) == []


@settings(deadline=None, max_examples=60)
@given(matrices, st.integers(0, 5), st.sampled_from([0, 2, 8192]), st.integers(1, 9))
def test_rows_are_those_of_brute_force_whatever_is_kept_as_bits(matrix, dimension, most, chunk_size):
    np.fill_diagonal(matrix, False)
    kept, module._MOST_AS_BITS = module._MOST_AS_BITS, most
    try:
        rows = simplices_of(*graph(matrix), dimension=dimension)
        chunks = list(iterate_simplices_of(*graph(matrix), dimension=dimension, chunk_size=chunk_size))
    finally:
        module._MOST_AS_BITS = kept
    assert rows.tolist() == brute_force(matrix, dimension)
    assert np.array_equal(joined(chunks, dimension), rows)
    assert all(len(chunk) == chunk_size for chunk in chunks[:-1])


@settings(deadline=None, max_examples=40)
@given(matrices, st.integers(0, 4), st.sampled_from([0, 8192]), st.data())
def test_simplices_that_meet_nodes_are_those_of_all_that_do(matrix, dimension, most, data):
    np.fill_diagonal(matrix, False)
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(matrix), max_size=len(matrix))))
    kept, module._MOST_AS_BITS = module._MOST_AS_BITS, most
    try:
        rows = simplices_of(*graph(matrix), dimension=dimension, chosen=chosen)
        chunks = list(iterate_simplices_of(*graph(matrix), dimension=dimension, chunk_size=3, chosen=chosen))
    finally:
        module._MOST_AS_BITS = kept
    assert rows.tolist() == [each for each in brute_force(matrix, dimension) if chosen[each].any()]
    assert np.array_equal(joined(chunks, dimension), rows)


@pytest.mark.parametrize("most", [0, 70, 8192])
def test_long_rows_of_bits_are_listed_right(most, monkeypatch):
    dense = graph(np.random.default_rng(1).random((110, 110)) < 0.5)
    monkeypatch.setattr(module, "_MOST_AS_BITS", most)
    rows = simplices_of(*dense, dimension=3, threads=2)
    assert len(rows) == count_simplices(*dense, max_dimension=3)[3]
    assert np.array_equal(np.lexsort(rows.T[::-1]), np.arange(len(rows)))
    some = joined(itertools.islice(iterate_simplices_of(*dense, dimension=3, chunk_size=17_777), 9), 3)
    assert np.array_equal(some, rows[: len(some)])


def test_rows_of_an_acyclic_graph_are_the_cliques_that_networkx_finds():
    import networkx as nx

    matrix = np.triu(np.random.default_rng(3).random((40, 40)) < 0.4, 1)
    cliques = [sorted(each) for each in nx.enumerate_all_cliques(nx.from_numpy_array(matrix | matrix.T))]
    for dimension in range(5):
        expected = sorted(each for each in cliques if len(each) == dimension + 1)
        assert simplices_of(*graph(matrix), dimension=dimension).tolist() == expected


def test_a_list_that_does_not_fit_is_refused_before_it_is_made():
    with pytest.raises(OptionError, match=r"30,240 simplices of dimension 4 take 0.000605 GB.* iterate_simplices"):
        simplices_of(*complete(10), dimension=4, memory_gb=1e-5)
    with pytest.raises(OptionError, match=r"about 2e\+15 .*choose a lower dimension"):
        simplices_of(*complete(30), dimension=10)
    with pytest.raises(OptionError, match=r"about 2e\+11 simplices .* more than memory_gb = 4"):
        simplices_of(*complete(30), dimension=7)


def test_the_first_chunk_of_a_huge_list_comes_at_once():
    chunk = next(iterate_simplices_of(*complete(30), dimension=12, chunk_size=math.factorial(4)))
    assert chunk[-1].tolist() == [*range(11), 12, 17]


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "3", 99])
def test_a_dimension_is_a_whole_number_from_0_on(wrong):
    with pytest.raises(OptionError, match="give a whole number"):
        simplices_of(*complete(3), dimension=wrong)


def test_a_chunk_has_a_simplex_at_least_and_there_is_a_thread():
    with pytest.raises(OptionError, match="chunk_size: 0"):
        iterate_simplices_of(*complete(3), dimension=1, chunk_size=0)
    with pytest.raises(OptionError, match="threads: 0"):
        simplices_of(*complete(3), dimension=1, threads=0)


def test_the_graph_is_untouched():
    indptr, indices = complete(5)
    before = indptr.copy(), indices.copy()
    simplices_of(indptr, indices, dimension=2)
    assert np.array_equal(indptr, before[0])
    assert np.array_equal(indices, before[1])

"""Maximal directed simplices: by hand, by brute force, against flagser-count and networkx, and at their limits."""

import itertools
import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from conntap.errors import OptionError
from conntap.topology import maximal as module
from conntap.topology import simple_graph
from conntap.topology.maximal import count_maximal_simplices, maximal_simplices_of, oriented


def graph(matrix):
    matrix = np.asarray(matrix)
    return simple_graph(*np.nonzero(matrix), len(matrix))


def complete(n):
    return graph(np.ones((n, n)))


def brute_force(matrix):
    """The maximal simplices by dimension: all simplices less the faces of those one dimension higher."""
    by_dimension = []
    for size in range(1, len(matrix) + 2):
        tuples = itertools.permutations(range(len(matrix)), size)
        by_dimension.append([t for t in tuples if all(matrix[u, v] for u, v in itertools.combinations(t, 2))])
    found = []
    for these, larger in itertools.pairwise(by_dimension):
        faces = {t[:i] + t[i + 1 :] for t in larger for i in range(len(t))}
        found.append([list(t) for t in these if t not in faces])
    return found


matrices = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.booleans(), min_size=n * n, max_size=n * n).map(lambda v: np.array(v).reshape(n, n))
)


def test_a_triangle_with_a_tail_has_two_maximal_simplices():
    assert count_maximal_simplices(*graph([[0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0] * 4])).tolist() == [0, 1, 1]


def test_a_node_that_can_only_stand_in_the_middle_makes_an_edge_not_maximal():
    matrix = np.zeros((3, 3))
    matrix[0, 1] = matrix[1, 2] = matrix[0, 2] = 1
    assert maximal_simplices_of(*graph(matrix), dimension=1).tolist() == []
    assert maximal_simplices_of(*graph(matrix), dimension=2).tolist() == [[0, 1, 2]]


def test_the_maximal_simplices_of_a_complete_graph_are_its_orders():
    assert count_maximal_simplices(*complete(7)).tolist() == [0] * 6 + [math.factorial(7)]


def test_a_transitive_tournament_is_one_simplex():
    assert count_maximal_simplices(*graph(np.triu(np.ones((20, 20)), 1))).tolist() == [0] * 19 + [1]


@pytest.mark.parametrize("n", [0, 1, 5])
def test_nodes_without_connections_are_maximal(n):
    assert count_maximal_simplices(*graph(np.zeros((n, n)))).tolist() == [n]
    assert maximal_simplices_of(*graph(np.zeros((n, n))), dimension=0).tolist() == [[i] for i in range(n)]


@settings(deadline=None, max_examples=60)
@given(matrices, st.sampled_from([0, 8, 2**20]))
def test_simplices_are_those_of_brute_force_whatever_is_kept_as_bits(matrix, most):
    np.fill_diagonal(matrix, False)
    expected = brute_force(matrix)
    kept, module._MOST_WORDS = module._MOST_WORDS, most
    try:
        found = [maximal_simplices_of(*graph(matrix), dimension=k).tolist() for k in range(len(expected))]
        counts = count_maximal_simplices(*graph(matrix)).tolist()
    finally:
        module._MOST_WORDS = kept
    assert found == expected
    assert counts + [0] * (len(expected) - len(counts)) == [len(each) for each in expected]


@settings(deadline=None, max_examples=20)
@given(matrices, st.integers(0, 4))
def test_a_largest_dimension_cuts_the_counts_off(matrix, top):
    whole = count_maximal_simplices(*graph(matrix)).tolist()
    cut = count_maximal_simplices(*graph(matrix), max_dimension=top).tolist()
    assert cut == (np.trim_zeros(whole[: top + 1], "b") or [0])


@pytest.mark.parametrize(("n", "p"), [(40, 0.5), (90, 0.35), (150, 0.2), (300, 0.1)])
def test_counts_are_those_of_flagser_count(n, p):
    from pyflagsercount import flagser_count

    matrix = np.random.default_rng(n).random((n, n)) < p
    np.fill_diagonal(matrix, False)
    expected = flagser_count(sparse.csr_matrix(matrix), max_simplices=True, threads=1)["max_cell_counts"]
    assert count_maximal_simplices(*graph(matrix)).tolist() == np.trim_zeros(list(expected), "b")


@pytest.mark.parametrize("most", [0, 300])
def test_lists_and_bits_agree_on_dense_graphs(most, monkeypatch):
    dense = graph(np.random.default_rng(1).random((90, 90)) < 0.5)
    counts = count_maximal_simplices(*dense, max_dimension=6).tolist()
    rows = maximal_simplices_of(*dense, dimension=5)
    monkeypatch.setattr(module, "_MOST_WORDS", most)
    assert count_maximal_simplices(*dense, max_dimension=6).tolist() == counts
    assert np.array_equal(maximal_simplices_of(*dense, dimension=5), rows)


@settings(deadline=None, max_examples=60)
@given(matrices, st.integers(0, 63), st.sampled_from([0, 8, 2**20]))
def test_maximal_simplices_among_some_nodes_are_those_of_brute_force(matrix, chosen, most):
    np.fill_diagonal(matrix, False)
    among = np.array([bool(chosen >> node & 1) for node in range(len(matrix))])
    expected = [sum(among[each].all() for each in rows) for rows in brute_force(matrix)]
    kept, module._MOST_WORDS = module._MOST_WORDS, most
    try:
        counts = count_maximal_simplices(*graph(matrix), among=among).tolist()
    finally:
        module._MOST_WORDS = kept
    assert counts == (np.trim_zeros([int(each) for each in expected], "b") or [0])


@pytest.mark.parametrize("most", [0, 300, 2**20])
@pytest.mark.parametrize(("n", "density"), [(90, 0.5), (200, 0.15)])
def test_some_nodes_of_dense_graphs_are_searched_right(n, density, most, monkeypatch):
    rng = np.random.default_rng(n)
    some, among = graph(rng.random((n, n)) < density), rng.random(n) < 0.7
    rows = [maximal_simplices_of(*some, dimension=k) for k in (3, 4, 5)]
    monkeypatch.setattr(module, "_MOST_WORDS", most)
    counts = count_maximal_simplices(*some, among=among, max_dimension=5).tolist()
    counts += [0] * (6 - len(counts))
    assert counts[3:] == [int(among[each].all(axis=1).sum()) for each in rows]


def test_hubs_with_many_inputs_or_many_outputs_are_searched_right():
    rng = np.random.default_rng(4)
    matrix = rng.random((120, 120)) < 0.1
    matrix[:, 0] = matrix[1] = True
    np.fill_diagonal(matrix, False)
    from pyflagsercount import flagser_count

    expected = flagser_count(sparse.csr_matrix(matrix), max_simplices=True, threads=1)["max_cell_counts"]
    assert count_maximal_simplices(*graph(matrix)).tolist() == np.trim_zeros(list(expected), "b")


@pytest.mark.parametrize("kind", ["reciprocal", "undirected"])
def test_cliques_are_those_of_networkx(kind):
    matrix = np.random.default_rng(5).random((60, 60)) < 0.5
    undirected = matrix & matrix.T if kind == "reciprocal" else matrix | matrix.T
    np.fill_diagonal(undirected, False)
    sizes = [len(each) for each in nx.find_cliques(nx.from_numpy_array(undirected))]
    counts = count_maximal_simplices(*oriented(*graph(matrix & ~np.eye(60, dtype=bool)), kind=kind))
    assert counts.tolist() == np.bincount(sizes)[1:].tolist()


def test_threads_change_neither_counts_nor_rows(monkeypatch):
    some = graph(np.random.default_rng(2).random((300, 300)) < 0.1)
    counts, rows = count_maximal_simplices(*some), maximal_simplices_of(*some, dimension=3)
    monkeypatch.setattr(module, "_LOOKUPS_A_CHUNK", 1000)
    assert np.array_equal(count_maximal_simplices(*some, threads=2), counts)
    assert np.array_equal(maximal_simplices_of(*some, dimension=3, threads=2), rows)


def test_a_complete_graph_of_30_nodes_is_refused_at_once():
    with pytest.raises(OptionError, match=r"about 7e\+32 directed simplices .* limit the dimension"):
        count_maximal_simplices(*complete(30))
    assert count_maximal_simplices(*complete(30), max_dimension=3).tolist() == [0]


def test_a_search_that_visits_too_much_is_given_up(monkeypatch):
    monkeypatch.setattr(module, "MOST_VISITS", 1000)
    with pytest.raises(OptionError, match="more than 1e\\+03 directed simplices"):
        count_maximal_simplices(*complete(9))


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "3"])
def test_a_dimension_is_a_whole_number_from_0_on(wrong):
    with pytest.raises(OptionError, match="give a whole number"):
        count_maximal_simplices(*complete(3), max_dimension=wrong)


def test_an_unknown_kind_is_refused():
    with pytest.raises(OptionError, match="unknown kind of simplices 'both'"):
        oriented(*complete(3), kind="both")


def test_there_is_at_least_one_thread():
    with pytest.raises(OptionError, match="threads: 0"):
        count_maximal_simplices(*complete(3), threads=0)


def test_the_graph_is_untouched():
    indptr, indices = complete(5)
    before = indptr.copy(), indices.copy()
    count_maximal_simplices(indptr, indices)
    assert np.array_equal(indptr, before[0])
    assert np.array_equal(indices, before[1])

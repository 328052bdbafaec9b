"""Homology of graphs as arrays: closed forms, brute force by ranks, flagser, and its limits."""

import itertools

import numpy as np
import pyflagser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.errors import OptionError
from conntap.topology import _homology, count_simplices, homology, simple_graph
from conntap.topology.homology import betti, betti_bounds, persistence


def graph(matrix):
    matrix = np.asarray(matrix)
    return simple_graph(*np.nonzero(matrix), len(matrix))


def sphere(dimension):
    """The cross-polytope: all nodes linked forwards but opposite ones."""
    matrix = np.triu(np.ones((2 * dimension + 2, 2 * dimension + 2)), 1)
    matrix[np.arange(0, len(matrix), 2), np.arange(1, len(matrix), 2)] = 0
    return matrix


def beside(a, b):
    both = np.zeros((len(a) + len(b), len(a) + len(b)))
    both[: len(a), : len(a)] = a
    both[len(a) :, len(a) :] = b
    return both


def rank_of(rows):
    """The rank over two elements of rows given as sets of columns, the plain way."""
    basis = {}
    for row in rows:
        while row and max(row) in basis:
            row = row ^ basis[max(row)]
        if row:
            basis[max(row)] = row
    return len(basis)


def brute_force(matrix):
    """Betti numbers from all tuples of nodes."""
    cells = []
    for size in range(1, len(matrix) + 1):
        tuples = itertools.permutations(range(len(matrix)), size)
        level = [each for each in tuples if all(matrix[u][v] for u, v in itertools.combinations(each, 2))]
        if not level:
            break
        cells.append(level)
    boundaries = [[frozenset(itertools.combinations(cell, len(cell) - 1)) for cell in level] for level in cells[1:]]
    ranks = [0, *map(rank_of, boundaries), 0]
    return [len(level) - ranks[k] - ranks[k + 1] for k, level in enumerate(cells)]


def square(least, most):
    return st.integers(least, most).flatmap(
        lambda n: st.lists(st.booleans(), min_size=n * n, max_size=n * n).map(lambda v: np.array(v).reshape(n, n))
    )


def loopless(matrix):
    return matrix & ~np.eye(len(matrix), dtype=bool)


def random(n, p, seed):
    return loopless(np.random.default_rng(seed).random((n, n)) < p)


def flagser(matrix, **options):
    """Its Betti numbers, as many as there are dimensions of simplices."""
    found = [int(each) for each in pyflagser.flagser_unweighted(matrix, **options)["betti"]]
    return (found + [0] * 30)[: len(count_simplices(*graph(matrix)))]


@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_a_sphere_has_one_hole_of_its_dimension(dimension):
    assert betti(*graph(sphere(dimension))).tolist() == [1] + [0] * (dimension - 1) + [1]


def test_a_cycle_is_a_circle():
    assert betti(*graph(np.roll(np.eye(9), 1, axis=1))).tolist() == [1, 1]


def test_a_reciprocal_pair_is_a_circle():
    assert betti(*graph([[0, 1], [1, 0]])).tolist() == [1, 1]


def test_a_transitive_tournament_has_no_hole():
    assert betti(*graph(np.triu(np.ones((12, 12)), 1))).tolist() == [1] + [0] * 11


def test_a_complete_graph_is_spheres_of_its_largest_dimension_as_many_as_derangements():
    assert betti(*graph(np.ones((6, 6)))).tolist() == [1, 0, 0, 0, 0, 265]


@pytest.mark.parametrize("n", [0, 1, 4])
def test_nodes_alone_are_components(n):
    assert betti(*graph(np.zeros((n, n)))).tolist() == [n]


@settings(deadline=None, max_examples=60)
@given(square(1, 5))
def test_betti_numbers_are_those_of_brute_force(matrix):
    assert betti(*graph(matrix)).tolist() == brute_force(loopless(matrix))


@settings(deadline=None, max_examples=60)
@given(square(1, 12))
def test_betti_numbers_are_those_of_flagser(matrix):
    assert betti(*graph(matrix)).tolist() == flagser(loopless(matrix))


@pytest.mark.parametrize(("n", "p"), [(50, 0.15), (60, 0.3), (100, 0.1), (100, 0.2)])
def test_betti_numbers_of_random_graphs_are_those_of_flagser(n, p):
    matrix = random(n, p, n)
    assert betti(*graph(matrix)).tolist() == flagser(matrix)


def test_a_matrix_of_many_words_is_eliminated_as_columns_one_by_one_are():
    indptr, indices = graph(random(150, 0.2, 3))
    dimension, _, death = persistence(indptr, indices, np.zeros(len(indices)), 3)
    assert betti(indptr, indices, 3).tolist() == np.bincount(dimension[np.isinf(death)]).tolist()


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_number(threads, monkeypatch):
    monkeypatch.setattr("conntap.topology.homology._WORDS_A_PIECE", 1)
    for each in (graph(random(100, 0.3, 1)), graph(random(60, 0.3, 60))):
        assert betti(*each, 3, threads=threads).tolist() == betti(*each, 3).tolist()
        several, one = (betti_bounds(*each, 3, dense_rows=200, threads=n) for n in (threads, 1))
        assert [each.tolist() for each in several] == [each.tolist() for each in one]


@settings(deadline=None, max_examples=40)
@given(square(1, 8), square(1, 8))
def test_graphs_side_by_side_have_the_sum_of_their_holes(a, b):
    both, *each = (betti(*graph(matrix)) for matrix in (beside(a, b), a, b))
    assert both.tolist() == [sum(map(int, pair)) for pair in itertools.zip_longest(*each, fillvalue=0)]


@settings(deadline=None, max_examples=40)
@given(square(1, 9))
def test_the_alternating_sums_of_holes_and_of_simplices_are_equal(matrix):
    holes, simplices = betti(*graph(matrix)), count_simplices(*graph(matrix))
    assert holes @ (-1) ** np.arange(len(holes)) == simplices @ (-1) ** np.arange(len(simplices))


@settings(deadline=None, max_examples=40)
@given(square(1, 9), st.integers(0, 4))
def test_a_largest_dimension_cuts_the_holes_off(matrix, top):
    assert betti(*graph(matrix), top).tolist() == betti(*graph(matrix)).tolist()[: top + 1]


def test_rows_of_the_graph_are_searched_where_it_is_too_large_for_bits(monkeypatch):
    whole = betti(*graph(random(60, 0.2, 5)))
    monkeypatch.setattr("conntap.topology.homology._ADJACENCY_BYTES", 0)
    assert betti(*graph(random(60, 0.2, 5))).tolist() == whole.tolist()


@settings(deadline=None, max_examples=60)
@given(square(1, 12), st.sampled_from([None, 0, 1, 2]), st.sampled_from([0, 1, 8, 4096]), st.sampled_from([2e-5, 4.0]))
def test_bounds_hold(matrix, top, dense_rows, memory_gb):
    lower, upper = betti_bounds(*graph(matrix), top, dense_rows=dense_rows, memory_gb=memory_gb)
    exact = betti(*graph(matrix), top)
    assert (lower <= exact).all()
    assert (exact <= upper).all()


def test_bounds_meet_where_all_is_eliminated():
    lower, upper = betti_bounds(*graph(random(100, 0.1, 1)))
    assert lower.tolist() == upper.tolist() == flagser(random(100, 0.1, 1))


def test_bounds_stay_apart_where_it_is_not():
    lower, upper = betti_bounds(*graph(random(100, 0.3, 1)), 3, dense_rows=0)
    assert (lower < upper).any()


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 130), st.integers(1, 200), st.floats(0.01, 0.6), st.integers(0, 9))
def test_the_elimination_of_bits_finds_as_many_independent_rows_as_the_plain_one(n_rows, n_columns, p, seed):
    rows = np.random.default_rng(seed).random((n_rows, n_columns)) < p
    packed = np.packbits(np.pad(rows, ((0, 0), (0, -n_columns % 64))), axis=1, bitorder="little").view(np.uint64)
    bits, most = np.ascontiguousarray(packed), min(n_rows, n_columns)
    found = _homology.dense_rank(bits.copy(), np.arange(n_rows), most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(homology, "_WORDS_A_PIECE", 1)
        assert homology._independent(bits.copy(), most, 3).tolist() == found.tolist()
    sets = [frozenset(np.flatnonzero(row)) for row in rows]
    assert len(found) == rank_of(sets) == rank_of([sets[each] for each in found])


@settings(deadline=None, max_examples=80)
@given(square(1, 10), st.integers(0, 99), st.integers(0, 3))
def test_lasting_classes_are_those_of_flagser(matrix, seed, top):
    matrix = loopless(matrix)
    weights = np.random.default_rng(seed).integers(1, 6, matrix.sum()).astype(float)
    full = np.full(matrix.shape, np.inf)
    full[matrix] = weights
    np.fill_diagonal(full, 0)
    diagrams = pyflagser.flagser_weighted(full, max_dimension=top)["dgms"]
    dimension, birth, death = persistence(*graph(matrix), weights, top, start=0.0)
    for k in range(top + 1):
        theirs = diagrams[k].tolist() if k < len(diagrams) else []
        ours = zip(birth[dimension == k].tolist(), death[dimension == k].tolist(), strict=True)
        assert sorted(ours) == sorted((b, d) for b, d in theirs if b != d)


@settings(deadline=None, max_examples=40)
@given(square(1, 9), st.integers(0, 99))
def test_what_stays_for_good_is_as_much_as_the_betti_numbers(matrix, seed):
    indptr, indices = graph(matrix)
    holes = betti(indptr, indices)
    weights = np.random.default_rng(seed).random(len(indices))
    dimension, _, death = persistence(indptr, indices, weights, len(holes))
    assert np.bincount(dimension[np.isinf(death)], minlength=len(holes)).tolist() == holes.tolist()


def test_inputs_are_untouched():
    indptr, indices = graph(random(20, 0.3, 2))
    weights = np.arange(float(len(indices)))
    before = indptr.copy(), indices.copy(), weights.copy()
    betti(indptr, indices), betti_bounds(indptr, indices), persistence(indptr, indices, weights)
    assert all((a == b).all() for a, b in zip(before, (indptr, indices, weights), strict=True))


def test_a_complete_graph_of_thirty_nodes_is_refused_with_what_is_feasible():
    with pytest.raises(OptionError, match=r"17,100,720 simplices of dimension 4 .*about 4.8 GB; .*at most 2, or more"):
        betti(*graph(np.ones((30, 30))), memory_gb=0.2)


def test_what_the_estimate_overlooked_is_refused_when_it_is_met(monkeypatch):
    monkeypatch.setattr("conntap.topology.homology._SMALL", 10**9)
    with pytest.raises(OptionError, match=r"simplices of dimension 3 \(or more\) would take .*at most 1"):
        betti(*graph(np.ones((12, 12))), memory_gb=1e-3)


def test_a_rest_that_would_be_too_large_is_refused(monkeypatch):
    monkeypatch.setattr("conntap.topology.homology._rank", lambda *_, **__: (3, 5))
    with pytest.raises(OptionError, match="boundaries of dimension 1 is from 3 to 5"):
        betti(*graph(sphere(1)))


@pytest.mark.parametrize("function", [betti, betti_bounds])
def test_memory_without_a_limit_is_memory_enough(function):
    circle = graph(np.roll(np.eye(4), 1, axis=1))
    assert np.array_equal(function(*circle, memory_gb=np.inf), function(*circle))


def test_next_to_no_memory_is_told():
    with pytest.raises(
        OptionError, match=r"^betti: 2 simplices of dimension 1 .*memory_gb is 1e-09\. Give more memory"
    ):
        betti(*graph(np.array([[0, 1], [1, 0]])), memory_gb=1e-9)


@pytest.mark.parametrize("memory_gb", [0, -1.0, np.nan, "4", None, True])
def test_memory_is_a_number_above_none(memory_gb):
    with pytest.raises(OptionError, match=r"^betti\.memory_gb: .*; give a number above 0"):
        betti(*graph(np.eye(3)), memory_gb=memory_gb)


@pytest.mark.parametrize("top", [-1, 1.5, True])
def test_a_largest_dimension_is_a_whole_number(top):
    with pytest.raises(OptionError, match=r"max_dimension.*whole number"):
        betti(*graph(np.eye(3)), top)

"""Counting directed simplices: by hand, by brute force, against networkx, and at its limits."""

import itertools
import math
import re

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from conntap.errors import OptionError
from conntap.topology import _kernels, count_simplices, estimate_simplices, simple_graph
from conntap.topology import simplices as module


def graph(matrix):
    matrix = np.asarray(matrix)
    return simple_graph(*np.nonzero(matrix), len(matrix))


def tournament(n):
    return graph(np.triu(np.ones((n, n)), 1))


def complete(n):
    return graph(np.ones((n, n)))


def brute_force(matrix):
    """All ordered tuples of different nodes, those whose every earlier node projects to every later one."""
    counts = []
    for size in range(1, len(matrix) + 1):
        tuples = itertools.permutations(range(len(matrix)), size)
        count = sum(all(matrix[u, v] for u, v in itertools.combinations(each, 2)) for each in tuples)
        if not count:
            break
        counts.append(count)
    return counts


matrices = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.booleans(), min_size=n * n, max_size=n * n).map(lambda v: np.array(v).reshape(n, n))
)


def test_a_transitive_triangle_is_one_simplex_of_dimension_2():
    assert count_simplices(*graph([[0, 1, 1], [0, 0, 1], [0, 0, 0]])).tolist() == [3, 3, 1]


def test_a_cycle_of_three_has_no_simplex_of_dimension_2():
    assert count_simplices(*graph([[0, 1, 0], [0, 0, 1], [1, 0, 0]])).tolist() == [3, 3]


def test_a_complete_graph_has_a_simplex_for_each_ordered_choice():
    assert count_simplices(*complete(7)).tolist() == [math.perm(7, k) for k in range(1, 8)]


def test_a_transitive_tournament_has_a_simplex_for_each_choice():
    assert count_simplices(*tournament(20)).tolist() == [math.comb(20, k) for k in range(1, 21)]


@pytest.mark.parametrize("n", [0, 1, 5])
def test_nodes_without_connections_are_simplices_of_dimension_0(n):
    assert count_simplices(*graph(np.zeros((n, n)))).tolist() == [n]


@settings(deadline=None, max_examples=60)
@given(matrices, st.sampled_from([0, 1, 2, 8192]))
def test_counts_are_those_of_brute_force_whatever_is_kept_as_bits(matrix, most):
    kept, module._MOST_AS_BITS = module._MOST_AS_BITS, most
    try:
        assert count_simplices(*graph(matrix)).tolist() == brute_force(matrix)
    finally:
        module._MOST_AS_BITS = kept


@settings(deadline=None, max_examples=30)
@given(matrices, st.integers(0, 5))
def test_a_largest_dimension_cuts_the_counts_off(matrix, top):
    whole = count_simplices(*graph(matrix)).tolist()
    assert count_simplices(*graph(matrix), max_dimension=top).tolist() == whole[: top + 1]


@pytest.mark.parametrize("seed", range(3))
def test_an_acyclic_graph_has_the_cliques_of_its_underlying_graph(seed):
    """networkx enumerates the cliques; each is one simplex where no connection runs backwards."""
    matrix = np.triu(np.random.default_rng(seed).random((40, 40)) < 0.4, 1)
    sizes = np.bincount([len(each) for each in nx.enumerate_all_cliques(nx.from_numpy_array(matrix | matrix.T))])
    assert count_simplices(*graph(matrix)).tolist() == sizes[1:].tolist()


def test_dense_neighbourhoods_beyond_a_machine_word_are_counted_right():
    matrix = np.random.default_rng(0).random((100, 100)) < 0.8
    np.fill_diagonal(matrix, False)
    counts = count_simplices(*graph(matrix), max_dimension=3)
    a = matrix.astype(np.int64)
    triangles = a * (a @ a)
    last = np.einsum("ij,ik,jk,il,jl,kl->", a, a, a, a, a, a, optimize="greedy")
    assert counts.tolist() == [100, a.sum(), triangles.sum(), last]


@pytest.mark.parametrize("most", [0, 30, 70])
def test_lists_and_bits_agree_on_dense_graphs(most, monkeypatch):
    dense = graph(np.random.default_rng(1).random((130, 130)) < 0.6)
    counts = count_simplices(*dense, max_dimension=3).tolist()
    monkeypatch.setattr(module, "_MOST_AS_BITS", most)
    assert count_simplices(*dense, max_dimension=3).tolist() == counts


@pytest.mark.parametrize("gathered", [_kernels._gathered, _kernels._gathered_by_loop])
def test_bits_are_moved_together_with_and_without_the_instruction(gathered):
    for word, mask in np.random.default_rng(3).integers(0, 2**64, (20, 2), dtype=np.uint64):
        places = [place for place in range(64) if int(mask) >> place & 1]
        expected = sum((int(word) >> place & 1) << rank for rank, place in enumerate(places))
        assert int(gathered(word, mask)) == expected


def test_threads_do_not_change_the_counts(monkeypatch):
    matrix = np.random.default_rng(2).random((400, 400)) < 0.1
    whole = count_simplices(*graph(matrix)).tolist()
    monkeypatch.setattr(module, "_LOOKUPS_A_CHUNK", 1000)
    assert count_simplices(*graph(matrix), threads=2).tolist() == whole


def test_a_complete_graph_of_30_nodes_is_refused_at_once():
    with pytest.raises(OptionError, match=r"about 7e\+32 directed simplices .* give max_dimension, for instance 5"):
        count_simplices(*complete(30))


def test_a_complete_graph_of_30_nodes_is_counted_up_to_a_dimension():
    assert count_simplices(*complete(30), max_dimension=3).tolist() == [math.perm(30, k) for k in range(1, 5)]


def test_a_search_that_goes_too_deep_is_given_up(monkeypatch):
    monkeypatch.setattr(module, "MOST_SIMPLICES", math.inf)
    with pytest.raises(OptionError, match="too many to count; give max_dimension"):
        count_simplices(*tournament(60))


def test_a_search_that_visits_too_much_is_given_up(monkeypatch):
    monkeypatch.setattr(module, "MOST_VISITS", 1000)
    with pytest.raises(OptionError, match="more than 1e\\+03 directed simplices"):
        count_simplices(*complete(9))


def test_the_dimension_that_a_refusal_names_can_be_counted():
    with pytest.raises(OptionError) as caught:
        count_simplices(*complete(18))
    named = int(re.search(r"for instance (\d+)", str(caught.value))[1])
    assert named >= 3
    assert count_simplices(*complete(18), max_dimension=min(named, 4)).tolist() == [
        math.perm(18, k) for k in range(1, 6)
    ]


def layers(*sizes):
    """Nodes in layers, each projecting to all of the later layers: counts are sums of products of sizes."""
    layer = np.repeat(np.arange(len(sizes)), sizes)
    counts = [sum(math.prod(each) for each in itertools.combinations(sizes, k)) for k in range(1, len(sizes) + 1)]
    return graph(layer[:, None] < layer[None, :]), counts


def test_more_than_2_to_the_31_simplices_of_a_dimension_are_counted_exactly():
    wide, counts = layers(220, 220, 220, 220)
    assert counts[3] == 2_342_560_000 > 2**31
    assert count_simplices(*wide, max_dimension=3).tolist() == counts


@pytest.mark.parametrize("sizes", [(2, 3, 70, 80), (3, 130, 2, 40), (70, 1, 1, 1, 66), (1, 65, 65, 3)])
@pytest.mark.parametrize("most", [0, 100, 8192])
def test_layers_have_products_of_their_sizes(sizes, most, monkeypatch):
    monkeypatch.setattr(module, "_MOST_AS_BITS", most)
    wide, counts = layers(*sizes)
    assert count_simplices(*wide).tolist() == counts
    assert count_simplices(*wide, max_dimension=2).tolist() == counts[:3]


def test_counts_that_could_overflow_are_given_up_before(monkeypatch):
    """No visit adds more than the largest out-degree, so fewer visits are allowed where that is larger."""
    monkeypatch.setattr(module, "_LARGEST", 100)
    with pytest.raises(
        OptionError, match="more than 1e\\+01 directed simplices, too many to count; give max_dimension"
    ):
        count_simplices(*complete(9))


@pytest.mark.parametrize("toward", [False, True])
def test_a_star_of_a_million_rays_has_no_triangle(toward):
    n = 1_000_001
    ends = np.zeros(n - 1, int), np.arange(1, n)
    assert count_simplices(*simple_graph(*(ends[::-1] if toward else ends), n)).tolist() == [n, n - 1]


def test_a_star_whose_rays_are_chained_has_a_triangle_a_link():
    n = 200_001
    pre = np.append(np.zeros(n - 1, int), np.arange(1, n - 1))
    post = np.append(np.arange(1, n), np.arange(2, n))
    assert count_simplices(*simple_graph(pre, post, n)).tolist() == [n, 2 * n - 3, n - 2]
    assert count_simplices(*simple_graph(post, pre, n)).tolist() == [n, 2 * n - 3, n - 2]


def test_a_sparse_graph_of_140_000_nodes_has_the_triangles_of_its_matrix():
    rng = np.random.default_rng(7)
    n = 140_000
    indptr, indices = simple_graph(*rng.integers(0, n, (2, 400_000)), n)
    matrix = sparse.csr_array((np.ones(len(indices), np.int64), indices, indptr), shape=(n, n))
    triangles = int((matrix @ matrix).multiply(matrix).sum())
    counts = count_simplices(indptr, indices, max_dimension=2)
    assert [*counts, 0][:3] == [n, len(indices), triangles]


@settings(deadline=None, max_examples=40)
@given(matrices)
def test_the_graph_turned_round_has_the_same_counts(matrix):
    assert count_simplices(*graph(matrix.T)).tolist() == count_simplices(*graph(matrix)).tolist()


@pytest.mark.parametrize("much_less", [0.0, 10.0])
def test_turning_the_graph_round_for_speed_does_not_change_the_counts(much_less, monkeypatch):
    matrix = np.random.default_rng(4).random((90, 90)) < np.linspace(0, 0.7, 90)
    whole = count_simplices(*graph(matrix), max_dimension=5).tolist()
    monkeypatch.setattr(module, "_MUCH_LESS", much_less)
    assert count_simplices(*graph(matrix), max_dimension=5).tolist() == whole


def test_what_nodes_share_is_every_connection_once_at_its_rarer_end():
    indptr, indices = graph(np.random.default_rng(6).random((30, 30)) < 0.2)
    rank = np.random.default_rng(7).permutation(30).astype(np.uint32)
    begins, shares = np.empty(31, np.uint64), np.empty(61, np.uint64)
    ends, shared = np.empty(len(indices), np.uint16), np.empty(len(indices), np.uint16)
    _kernels.relabelled(indptr.astype(np.uint64), indices.astype(np.uint32), rank, begins, ends, shares, shared)
    pairs = sorted(zip(rank[np.repeat(np.arange(30), np.diff(indptr))].tolist(), rank[indices].tolist(), strict=True))
    assert (
        list(zip(np.repeat(np.arange(30), np.diff(begins.astype(int))).tolist(), ends.tolist(), strict=True)) == pairs
    )
    outs = [(v, int(w)) for v in range(30) for w in shared[shares[2 * v] : shares[2 * v + 1]]]
    ins = [(int(w), v) for v in range(30) for w in shared[shares[2 * v + 1] : shares[2 * v + 2]]]
    assert all(v < w for v, w in outs)
    assert all(v > w for v, w in ins)
    assert sorted(outs + ins) == pairs


def test_the_estimate_of_a_complete_graph_is_exact():
    assert estimate_simplices(*complete(6)) == pytest.approx([math.perm(6, k) for k in range(1, 7)])


def test_the_estimate_of_a_random_graph_is_near():
    sparse = graph(np.random.default_rng(3).random((500, 500)) < 0.1)
    counts = count_simplices(*sparse, max_dimension=2)
    assert estimate_simplices(*sparse)[:3] == pytest.approx(counts, rel=0.3)


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "3"])
def test_a_largest_dimension_is_a_whole_number_from_0_on(wrong):
    with pytest.raises(OptionError, match=r"max_dimension: .*give a whole number"):
        count_simplices(*complete(3), max_dimension=wrong)


def test_there_is_at_least_one_thread():
    with pytest.raises(OptionError, match="threads: 0"):
        count_simplices(*complete(3), threads=0)


def test_the_graph_is_untouched():
    indptr, indices = complete(5)
    before = indptr.copy(), indices.copy()
    count_simplices(indptr, indices)
    assert np.array_equal(indptr, before[0])
    assert np.array_equal(indices, before[1])


def test_a_simple_graph_has_no_loops_and_no_doubles_and_rising_rows():
    pre, post = np.array([1, 1, 0, 0, 0, 2]), np.array([2, 2, 2, 1, 0, 0])
    indptr, indices = simple_graph(pre, post, 3)
    assert indptr.tolist() == [0, 2, 3, 4]
    assert indices.tolist() == [1, 2, 2, 0]


def test_three_hundred_parallel_edges_are_one_connection():
    assert simple_graph(np.zeros(300, int), np.ones(300, int), 2)[1].tolist() == [1]

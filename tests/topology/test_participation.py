"""Participation in directed simplices: by hand, by brute force, by its sums, against flagser-count, and at its limits."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyflagsercount import flagser_count
from scipy import sparse

from conntap.errors import OptionError
from conntap.topology import count_simplices, simple_graph
from conntap.topology import participation as module
from conntap.topology.participation import edge_participation, node_participation

PLACES = ["any", "source", "sink", 0, 1, 2, 3]
EDGES = {
    "any": lambda i, j, k: True,
    "spine": lambda i, j, k: j == i + 1,
    "first": lambda i, j, k: (i, j) == (0, 1),
    "last": lambda i, j, k: (i, j) == (k - 1, k),
}


def graph(matrix):
    matrix = np.array(matrix)
    np.fill_diagonal(matrix, 0)
    return simple_graph(*np.nonzero(matrix), len(matrix))


def random(n, p, seed=0):
    return graph(np.random.default_rng(seed).random((n, n)) < p)


def simplices(matrix):
    """All ordered tuples of different nodes whose every earlier node projects to every later one."""
    for size in range(1, len(matrix) + 1):
        for each in itertools.permutations(range(len(matrix)), size):
            if all(matrix[u, v] for u, v in itertools.combinations(each, 2)):
                yield each


def nodes_by_brute_force(matrix, position):
    result = np.zeros((len(matrix), len(matrix)), int)
    for each in simplices(matrix):
        for place, node in enumerate(each):
            wanted = {"any": place, "source": 0, "sink": len(each) - 1}.get(position, position)
            result[node, len(each) - 1] += place == wanted
    return result


def edges_by_brute_force(matrix, position):
    indptr, indices = graph(matrix)
    pre = np.repeat(np.arange(len(matrix)), np.diff(indptr))
    number = {pair: at for at, pair in enumerate(zip(pre.tolist(), indices.tolist(), strict=True))}
    result = np.zeros((len(indices), len(matrix)), int)
    for each in simplices(matrix):
        for i, j in itertools.combinations(range(len(each)), 2):
            result[number[each[i], each[j]], len(each) - 1] += EDGES[position](i, j, len(each) - 1)
    return result[:, 1:]


def padded(table, like):
    result = np.zeros(like.shape, int)
    result[:, : table.shape[1]] = table
    return result


matrices = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.booleans(), min_size=n * n, max_size=n * n).map(lambda v: np.array(v).reshape(n, n))
)


def sums_of_nodes(counts, position):
    k = np.arange(len(counts))
    if position == "any":
        return counts * (k + 1)
    return counts * (k >= (position if isinstance(position, int) else 0))


def sums_of_edges(counts, position):
    k = np.arange(1, len(counts))
    return counts[1:] * {"any": k * (k + 1) // 2, "spine": k}.get(position, 1)


def test_each_node_of_a_triangle_stands_in_all_of_it():
    triangle = graph([[0, 1, 1], [0, 0, 1], [0, 0, 0]])
    assert node_participation(*triangle).tolist() == [[1, 2, 1]] * 3
    assert node_participation(*triangle, position="source").tolist() == [[1, 2, 1], [1, 1, 0], [1, 0, 0]]
    assert node_participation(*triangle, position="sink").tolist() == [[1, 0, 0], [1, 1, 0], [1, 2, 1]]
    assert node_participation(*triangle, position=1).tolist() == [[0, 0, 0], [0, 1, 1], [0, 2, 0]]


def test_the_connections_of_a_triangle_by_position():
    triangle = graph([[0, 1, 1], [0, 0, 1], [0, 0, 0]])
    found = {position: edge_participation(*triangle, position=position)[:, 1].tolist() for position in EDGES}
    assert found == {"any": [1, 1, 1], "spine": [1, 0, 1], "first": [1, 0, 0], "last": [0, 0, 1]}


@settings(deadline=None, max_examples=40)
@given(matrices, st.sampled_from(PLACES), st.sampled_from([0, 2, 8192]))
def test_nodes_stand_where_brute_force_finds_them(matrix, position, most):
    np.fill_diagonal(matrix, False)
    expected = nodes_by_brute_force(matrix, position)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_AS_BITS", most)
        assert (padded(node_participation(*graph(matrix), position=position), expected) == expected).all()


@settings(deadline=None, max_examples=40)
@given(matrices, st.sampled_from(list(EDGES)), st.sampled_from([0, 2, 8192]), st.sampled_from([5, 2**23]))
def test_connections_stand_where_brute_force_finds_them(matrix, position, most, inner):
    np.fill_diagonal(matrix, False)
    expected = edges_by_brute_force(matrix, position)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_AS_BITS", most)
        patch.setattr(module, "_MOST_INNER", inner)
        assert (padded(edge_participation(*graph(matrix), position=position), expected) == expected).all()


@pytest.mark.parametrize(("n", "p", "top"), [(40, 0.5, None), (130, 0.2, None), (150, 0.7, 3), (75, 0.95, 3)])
def test_columns_add_up_to_the_counts(n, p, top):
    g = random(n, p)
    counts = count_simplices(*g, max_dimension=top)
    for position in PLACES:
        table = node_participation(*g, max_dimension=top, position=position)
        assert table.sum(axis=0).tolist() == sums_of_nodes(counts, position).tolist()
    for position in EDGES:
        table = edge_participation(*g, max_dimension=top, position=position)
        assert table.sum(axis=0).tolist() == sums_of_edges(counts, position).tolist()


@pytest.mark.parametrize(("n", "p", "top"), [(100, 0.3, 3), (200, 0.6, 2)])
def test_what_is_kept_as_bits_does_not_change_the_tables(n, p, top, monkeypatch):
    g = random(n, p)
    nodes = {each: node_participation(*g, max_dimension=top, position=each) for each in PLACES}
    edges = {each: edge_participation(*g, max_dimension=top, position=each) for each in EDGES}
    for most, inner in ((10, 2**23), (70, 2**23), (8192, 3000)):
        monkeypatch.setattr(module, "_MOST_AS_BITS", most)
        monkeypatch.setattr(module, "_MOST_INNER", inner)
        for each, table in nodes.items():
            assert np.array_equal(node_participation(*g, max_dimension=top, position=each), table)
        for each, table in edges.items():
            assert np.array_equal(edge_participation(*g, max_dimension=top, position=each), table)


@pytest.mark.parametrize("position", EDGES)
def test_dimensions_that_were_not_expected_get_their_columns(position, monkeypatch):
    g = random(60, 0.4)
    table = edge_participation(*g, position=position)
    assert table.shape[1] > 4
    for most in (8192, 5):
        monkeypatch.setattr(module, "_MOST_AS_BITS", most)
        monkeypatch.setattr(module, "estimate_simplices", lambda indptr, indices: np.array([60.0, 1400.0]))
        assert np.array_equal(edge_participation(*g, position=position), table)


def test_nodes_of_a_complete_graph_all_stand_in_as_many():
    expected = [math.perm(7, k) * k // 7 for k in range(1, 8)]
    assert node_participation(*graph(np.ones((7, 7)))).tolist() == [expected] * 7


def test_a_transitive_tournament_by_place():
    table = node_participation(*graph(np.triu(np.ones((20, 20)), 1)), position=3)
    assert table[5].tolist() == [math.comb(5, 3) * math.comb(14, k - 3) if k >= 3 else 0 for k in range(20)]


@pytest.mark.parametrize(("n", "p"), [(60, 0.3), (150, 0.15)])
def test_tables_are_those_of_flagser_count(n, p, capfd):
    indptr, indices = random(n, p, seed=4)
    matrix = sparse.csr_matrix((np.ones(len(indices)), indices, indptr), shape=(n, n))
    found = flagser_count(matrix, threads=1, containment=True, edge_containment=True)
    nodes = node_participation(indptr, indices)
    expected = np.array([row + [0] * (nodes.shape[1] - len(row)) for row in found["contain_counts"]])
    assert np.array_equal(nodes, expected)
    edges = edge_participation(indptr, indices)
    pre = np.repeat(np.arange(n), np.diff(indptr))
    for pair, row in zip(zip(pre.tolist(), indices.tolist(), strict=True), edges.tolist(), strict=True):
        theirs = found["edge_contain_counts"][pair][1:]
        assert row == theirs + [0] * (len(row) - len(theirs))


@pytest.mark.parametrize("n", [0, 1, 5])
def test_nodes_without_connections_stand_in_themselves(n):
    g = graph(np.zeros((n, n)))
    assert node_participation(*g).tolist() == [[1]] * n
    assert node_participation(*g, position=1).tolist() == [[0]] * n
    assert edge_participation(*g).shape[0] == 0


@pytest.mark.parametrize("top", [0, 1, 2, 3])
def test_a_largest_dimension_cuts_the_tables_off(top):
    g = random(30, 0.4)
    whole = node_participation(*g), edge_participation(*g)
    assert np.array_equal(node_participation(*g, max_dimension=top), whole[0][:, : top + 1])
    assert np.array_equal(edge_participation(*g, max_dimension=top), whole[1][:, :top])


def test_threads_do_not_change_the_tables(monkeypatch):
    g = random(400, 0.1)
    one = node_participation(*g), edge_participation(*g), edge_participation(*g, position="spine")
    monkeypatch.setattr(module, "_LOOKUPS_A_CHUNK", 1000)
    assert np.array_equal(node_participation(*g, threads=3), one[0])
    assert np.array_equal(edge_participation(*g, threads=3), one[1])
    assert np.array_equal(edge_participation(*g, threads=3, position="spine"), one[2])


@pytest.mark.parametrize("measure", [node_participation, edge_participation])
def test_a_complete_graph_of_30_nodes_is_refused_at_once_but_counted_up_to_a_dimension(measure):
    complete = graph(np.ones((30, 30)))
    with pytest.raises(OptionError, match=r"about 7e\+32 directed simplices .* give max_dimension, for instance 5"):
        measure(*complete)
    assert len(set(measure(*complete, max_dimension=3)[:, -1])) == 1


@pytest.mark.parametrize("measure", [node_participation, edge_participation])
def test_a_search_that_goes_too_deep_or_visits_too_much_is_given_up(measure, monkeypatch):
    monkeypatch.setattr(module, "MOST_SIMPLICES", math.inf)
    with pytest.raises(OptionError, match="too many to count; give max_dimension"):
        measure(*graph(np.triu(np.ones((60, 60)), 1)))
    monkeypatch.setattr(module, "MOST_VISITS", 1000)
    with pytest.raises(OptionError, match="more than 1e\\+03 directed simplices"):
        measure(*graph(np.ones((9, 9))))


@pytest.mark.parametrize("measure", [node_participation, edge_participation])
def test_options_out_of_range_are_told(measure):
    g = random(5, 0.5)
    with pytest.raises(OptionError, match=r"max_dimension: 1\.5; give a whole number"):
        measure(*g, max_dimension=1.5)
    with pytest.raises(OptionError, match="threads: 0"):
        measure(*g, threads=0)
    for wrong in ("middle", -1, True, None):
        with pytest.raises(OptionError, match=r"position: .*; known: "):
            measure(*g, position=wrong)


def test_the_graph_is_untouched():
    indptr, indices = random(20, 0.5)
    before = indptr.copy(), indices.copy()
    for each in ("any", "sink"):
        node_participation(indptr, indices, position=each)
    for each in EDGES:
        edge_participation(indptr, indices, position=each)
    assert np.array_equal(indptr, before[0])
    assert np.array_equal(indices, before[1])

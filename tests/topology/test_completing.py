"""Connections that a graph lacks and that would complete simplices."""

import itertools

import numpy as np
import pytest

from conntap.topology.completing import draw_completing
from conntap.topology.graphs import simple_graph


def completing(edges, n, dimension):
    """All pairs that would complete a simplex of the dimension, by trial."""
    return {
        pair
        for each in itertools.permutations(range(n), dimension + 1)
        for pair in itertools.combinations(each, 2)
        if pair not in edges and all(other in edges for other in itertools.combinations(each, 2) if other != pair)
    }


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_all_that_would_complete_a_simplex_are_found_and_nothing_else(dimension, seed):
    n = 7
    pre, post = np.nonzero(np.random.default_rng(seed).random((n, n)) < 0.4)
    edges = {(u, v) for u, v in zip(pre.tolist(), post.tolist(), strict=True) if u != v}
    found = draw_completing(*simple_graph(pre, post, n), dimension=dimension, size=100, rng=np.random.default_rng(1))
    drawn = list(zip(*(rows.tolist() for rows in found), strict=True))
    assert set(drawn) == completing(edges, n, dimension)
    assert len(set(drawn)) == len(drawn)


def test_pairs_that_complete_more_simplices_are_drawn_more_often():
    edges = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 5), (5, 6), (3, 5)]
    graph = simple_graph(*np.array(edges).T, 7)
    first = [
        tuple(int(end[0]) for end in draw_completing(*graph, dimension=2, size=1, rng=np.random.default_rng(seed)))
        for seed in range(600)
    ]
    assert first.count((0, 5)) > 1.3 * first.count((1, 2))


def test_ends_may_be_confined():
    graph = simple_graph(np.array([0, 0, 1, 2]), np.array([1, 2, 3, 3]), 4)
    allowed = np.array([True, True, False, False])
    pre, post = draw_completing(*graph, dimension=2, size=9, rng=np.random.default_rng(0), pre=allowed, post=~allowed)
    assert set(zip(pre.tolist(), post.tolist(), strict=True)) == {(0, 3), (1, 2)}

"""Small worlds: lattices beside networkx and closed forms, and what rewiring keeps."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.build import small_world
from conntap.errors import OptionError


def grown(seed=0, **options):
    return small_world(rng=np.random.default_rng(seed), **options)


def undirected(c):
    return nx.Graph(list(zip(c.pre.tolist(), c.post.tolist(), strict=True)))


def test_a_ring_that_is_not_rewired_is_that_of_networkx():
    c = grown(shape=30, reach=3, rewired=0.0)
    assert nx.utils.graphs_equal(undirected(c), nx.watts_strogatz_graph(30, 6, 0.0))
    assert c.n_edges == 180


@pytest.mark.parametrize("reach", [1, 2, 4])
def test_its_clustering_is_the_closed_form(reach):
    k = 2 * reach
    found = nx.average_clustering(undirected(grown(shape=60, reach=reach, rewired=0.0)))
    assert found == pytest.approx(3 * (k - 2) / (4 * (k - 1)))


@pytest.mark.parametrize("borders", ["periodic", "open"])
def test_sheets_and_blocks_are_the_grids_of_networkx(borders):
    for shape in ([4, 7], [3, 4, 5]):
        expected = nx.grid_graph(shape[::-1], periodic=borders == "periodic")
        names = {node: int(np.ravel_multi_index(node, shape)) for node in expected}
        found = undirected(grown(shape=shape, reach=1, rewired=0.0, borders=borders))
        assert nx.utils.graphs_equal(found, nx.relabel_nodes(expected, names))


def test_positions_are_those_of_the_lattice():
    nodes = grown(shape=[2, 3], reach=0, spacing_um=5.0).nodes
    assert nodes.to_numpy().tolist() == [[0, 0], [0, 5], [0, 10], [5, 0], [5, 5], [5, 10]]


@settings(max_examples=40)
@given(
    st.lists(st.integers(3, 9), min_size=1, max_size=3),
    st.floats(0, 1),
    st.sampled_from(["periodic", "open"]),
    st.integers(0, 99),
)
def test_out_degrees_are_those_of_the_lattice_and_no_pair_comes_twice(shape, rewired, borders, seed):
    before, after = (grown(seed, shape=shape, reach=1, rewired=each, borders=borders) for each in (0.0, rewired))
    assert (np.bincount(before.pre, minlength=1) == np.bincount(after.pre, minlength=1)).all()
    assert (after.pre != after.post).all()
    assert (np.diff(after.pre.astype(np.int64) * after.n_nodes + after.post) > 0).all()


def test_as_many_are_rewired_as_asked_and_go_anywhere():
    lattice = grown(shape=400, reach=2, rewired=0.0).adjacency().astype(bool)
    hits = sum(
        int(lattice.multiply(grown(seed, shape=400, reach=2, rewired=0.3).adjacency().astype(bool)).sum())
        for seed in range(20)
    )
    n = 20 * 1600
    assert 1 - hits / n == pytest.approx(0.3 * (1 - 1.2 / 397), abs=4 * np.sqrt(0.21 / n))
    ends = [grown(seed, shape=40, reach=2, rewired=1.0) for seed in range(300)]
    counts = np.bincount(np.concatenate([(each.post - each.pre) % 40 for each in ends]), minlength=40)
    assert counts[0] == 0
    expected = 300 * 160 / 39
    assert (np.abs(counts[1:] - expected) < 4.5 * np.sqrt(expected)).all()


def test_clustering_falls_with_the_cube_of_what_stays():
    found = nx.average_clustering(undirected(grown(shape=3000, reach=5, rewired=0.2)))
    # either direction may keep a link: what stays of both is 1 - 0.2^2, and links that are not there both ways dilute it
    assert found < 2 / 3
    both = grown(shape=3000, reach=5, rewired=0.2).adjacency().astype(bool).astype(int)
    triangles = (both @ both).multiply(both).sum() / (3000 * 10 * 9)
    assert triangles == pytest.approx(2 / 3 * 0.8**3, abs=0.02)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"shape": 0}, "shape"),
        ({"shape": [2, 2, 2, 2]}, "4 sides"),
        ({"shape": 4, "reach": 2}, "from both sides"),
        ({"shape": 9, "reach": float("nan")}, "reach"),
        ({"shape": 9, "rewired": 1.5}, "rewired"),
        ({"shape": 9, "borders": "closed"}, "borders"),
        ({"shape": 9, "spacing_um": 0.0}, "spacing_um"),
        ({"shape": 2.5}, "shape: 2.5"),
        ({"shape": "ring"}, "shape: 'ring'"),
        ({"shape": 9, "reach": "far"}, "reach: 'far'"),
        ({"shape": 9, "rewired": None}, "rewired: None"),
        ({"shape": [30_000, 30_000], "reach": 9}, "too many connections"),
    ],
)
def test_what_makes_no_sense_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        grown(**options)

"""Spectra against networkx and closed forms."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from strategies import connectomes

from conntap.analyze import spectral_gaps
from conntap.circuits import Connectome
from conntap.errors import OptionError


def random(n=40, density=0.2, seed=1):
    adjacency = np.random.default_rng(seed).random((n, n)) < density
    np.fill_diagonal(adjacency, False)
    return Connectome(n, *np.nonzero(adjacency))


def test_a_complete_digraph_has_its_closed_form():
    pre, post = np.nonzero(~np.eye(5, dtype=bool))
    gaps = spectral_gaps(Connectome(5, pre, post))
    assert gaps.loc["adjacency"].tolist() == pytest.approx([4, 3, 1])
    assert gaps.loc["transition"].tolist() == pytest.approx([1, 0.75, 0.25])
    assert gaps.loc["bauer", "radius"] == pytest.approx(1.25)
    assert gaps.loc["chung", "radius"] == pytest.approx(1.25)


def test_chung_is_that_of_networkx():
    connectome = random()
    graph = nx.DiGraph(list(zip(connectome.pre.tolist(), connectome.post.tolist())))
    part = graph.subgraph(max(nx.strongly_connected_components(graph), key=len))
    moduli = np.sort(np.abs(np.linalg.eigvals(nx.directed_laplacian_matrix(part, walk_type="random"))))
    gaps = spectral_gaps(connectome).loc["chung"]
    assert gaps["radius"] == pytest.approx(moduli[-1])
    assert gaps["low"] == pytest.approx(moduli[1])


def test_many_nodes_give_the_same_radius_and_gap():
    connectome = random(120, 0.1)
    dense, few = spectral_gaps(connectome), spectral_gaps(connectome, most_dense=20)
    pd.testing.assert_frame_equal(dense[["radius"]], few[["radius"]])
    assert few.loc["adjacency", "high"] == pytest.approx(dense.loc["adjacency", "high"])
    assert few["low"].isna().all()


@given(connectomes(max_edges=30))
def test_walks_do_not_grow(connectome):
    gaps = spectral_gaps(connectome)
    assert not (gaps.loc[["transition", "reversed"], "radius"] > 1 + 1e-9).any()
    assert not (gaps.loc[["bauer", "chung"], "radius"] > 2 + 1e-9).any()


@pytest.mark.parametrize("length", [3, 12])
def test_two_loops_through_one_node_have_their_closed_form(length):
    """The characteristic polynomial is x^(length - 1) (x^length - 2): the zero is defective."""
    first, second = np.arange(1, length), np.arange(length, 2 * length - 1)
    loops = [np.concatenate([[0], each, [0]]) for each in (first, second)]
    pre, post = (np.concatenate([loop[cut] for loop in loops]) for cut in (slice(None, -1), slice(1, None)))
    gaps = spectral_gaps(Connectome(2 * length - 1, pre, post))
    root = 2 ** (1 / length)
    assert gaps.loc["adjacency"].tolist() == pytest.approx([root, root, root])
    assert gaps.loc["transition"].tolist() == pytest.approx([1, 1, 1])


def test_a_connectome_without_cycles_has_no_spectrum_but_zero():
    gaps = spectral_gaps(Connectome(3, [0, 0, 1], [1, 2, 2]))
    assert gaps.loc["adjacency", "radius"] == gaps.loc["chung", "radius"] == 0
    assert gaps.loc[["adjacency", "chung"], "low"].isna().all()
    assert gaps.loc["bauer", "radius"] == 1


def test_no_nodes_and_rectangles():
    assert spectral_gaps(Connectome(0, [], [])).isna().all(axis=None)
    assert spectral_gaps(Connectome(1, [0], [0])).loc["adjacency", "radius"] == 0
    with pytest.raises(OptionError, match="rectangular"):
        spectral_gaps(Connectome(2, [0], [1], post_nodes=3))
    with pytest.raises(OptionError, match="most_dense"):
        spectral_gaps(Connectome(2, [0], [1]), most_dense=-1)

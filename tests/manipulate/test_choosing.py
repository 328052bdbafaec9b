"""Which connections are meant, and how many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.circuits import Connectome, Mask
from conntap.errors import OptionError
from conntap.manipulate import enhance_complexity, reciprocal_mask
from conntap.manipulate.choosing import a_fraction, amount, chosen, edges_where, selected_edges
from conntap.manipulate.unconnected import unconnected


@settings(deadline=None)
@given(connectomes(square=None, max_edges=40), st.data())
def test_connections_come_in_the_order_of_their_ends_each_with_its_edges(connectome, data):
    n = connectome.n_edges
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool)
    mask = data.draw(st.sampled_from([None, Mask.of(connectome, keep), ~Mask.of(connectome, keep)]))
    least = data.draw(st.integers(0, 3))
    post = connectome.post_nodes.index[1:].tolist()
    found = chosen(connectome, "x", post=post, mask=mask, synapses=(least, 3))
    ends = list(zip(connectome.pre.tolist(), connectome.post.tolist(), strict=True))
    meant = [True] * n if mask is None else mask.edges(connectome).tolist()
    wanted = sorted(
        pair for pair in set(ends) if pair[1] >= 1 and least <= ends.count(pair) <= 3 and meant[ends.index(pair)]
    )
    assert list(zip(found.pre.tolist(), found.post.tolist(), strict=True)) == wanted
    for number, pair in enumerate(wanted):
        first = found.starts[number]
        rows = found.order[first : first + found.counts[number]].tolist()
        assert rows == [row for row, each in enumerate(ends) if each == pair]
        assert np.flatnonzero(found.edges(np.array([number]))).tolist() == rows
        alone = found.some(np.array([number]))
        assert (alone.n, alone.order.tolist()) == (1, rows)
    assert found.edges().sum() == len(found.order)
    assert np.array_equal(found.edges(np.ones(found.n, dtype=bool)), found.edges())


def test_where_nothing_is_said_all_edges_are_meant():
    connectome = Connectome(3, [2, 0], [1, 1])
    assert selected_edges(connectome, "x") is None
    assert chosen(connectome, "x").order.tolist() == [1, 0]


@given(st.integers(0, 1000), st.floats(0, 1))
def test_a_fraction_is_rounded_and_a_number_is_kept(n, fraction):
    assert amount("x", None, fraction, n) == round(fraction * n)
    assert amount("x", n, None, n) == n


@pytest.mark.parametrize(
    "given_", [(None, None), (1, 0.5), (-1, None), (6, None), (1.0, None), (True, None), (None, 1.1)]
)
def test_what_is_no_number_of_connections_is_refused(given_):
    with pytest.raises(OptionError, match=r"^x"):
        amount("x", *given_, 5)


def test_an_edge_property_comes_before_one_of_nodes():
    connectome = Connectome(2, [0, 1], [1, 0], properties={"pre_id": [5, 6], "a b": [1, 2]})
    assert edges_where(connectome, "pre_id == 6 and `a b` == 2", "x").tolist() == [False, True]


@pytest.mark.parametrize("fraction", ["a", [1], np.array([0.1, 0.2]), 1j, np.nan, np.True_])
def test_what_is_no_number_is_refused_as_a_fraction(fraction):
    with pytest.raises(OptionError, match=r"^x\.fraction: .*; give a number from 0 to 1\."):
        amount("x", None, fraction, 5)
    with pytest.raises(OptionError, match=r"^x: .*; give a number from 0 on\."):
        a_fraction("x", fraction)


@pytest.mark.parametrize("mask", ["spine", np.ones((3, 3)), Connectome(3, [], [])])
def test_what_is_no_mask_is_refused(mask):
    connectome = Connectome(3, [0, 1], [1, 2])
    for ask in (selected_edges, unconnected):
        with pytest.raises(OptionError, match=r"^x\.mask: a (str|ndarray|Connectome); give a mask"):
            ask(connectome, "x", mask=mask)
    with pytest.raises(OptionError, match=r"^reciprocal_mask\.among: a "):
        reciprocal_mask(connectome, among=mask)
    with pytest.raises(OptionError, match=r"^enhance_complexity\.mask: a "):
        enhance_complexity(connectome, dimension=3, mask=mask, fraction=1, rng=np.random.default_rng(0))

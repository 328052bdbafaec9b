"""Which connections are meant, and how many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.circuits import Connectome, Mask
from conntap.errors import OptionError
from conntap.manipulate.choosing import amount, chosen, edges_where, selected_edges


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

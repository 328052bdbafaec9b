"""Patterns of connectomes: sorted by post node, merged, and turned round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from conntap import Connectome
from conntap.errors import OptionError
from conntap.train.pattern import Pattern


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_pattern_is_the_transposed_matrix_of_scipy_in_both_orders(edges):
    pre, post = ([each[n] for each in edges] for n in (0, 1))
    connectome = Connectome(6, pre, post, post_nodes=4)
    pattern, matrix = Pattern.of(connectome), connectome.adjacency()
    by_post, by_pre = sparse.csr_array(matrix.T), sparse.csr_array(matrix)
    by_post.sort_indices(), by_pre.sort_indices()
    assert (pattern.indptr.tolist(), pattern.indices.tolist()) == (by_post.indptr.tolist(), by_post.indices.tolist())
    assert (pattern.back_indptr.tolist(), pattern.back_indices.tolist()) == (
        by_pre.indptr.tolist(),
        by_pre.indices.tolist(),
    )
    counts = pattern.summed(np.ones(len(pre)))
    assert counts.tolist() == by_post.data.tolist()
    assert counts[pattern.back_order.numpy()].tolist() == by_pre.data.tolist()
    assert pattern.post.tolist() == np.repeat(np.arange(4), np.diff(by_post.indptr)).tolist()


def test_each_edge_has_the_place_of_its_connection():
    connectome = Connectome(3, [2, 0, 2, 0], [1, 2, 1, 1])
    pattern = Pattern.of(connectome)
    slots = pattern.slots()
    assert pattern.n_connections == 3
    assert pattern.indices.numpy()[slots].tolist() == connectome.pre.tolist()
    assert pattern.post.numpy()[slots].tolist() == connectome.post.tolist()


def test_a_pattern_is_no_part_of_what_is_saved():
    assert list(Pattern.of(Connectome(2, [0], [1])).state_dict()) == []


def test_values_must_be_one_an_edge():
    with pytest.raises(OptionError, match=r"shape \(3,\) for 2 edges"):
        Pattern.of(Connectome(2, [0, 1], [1, 0])).summed([1, 2, 3])

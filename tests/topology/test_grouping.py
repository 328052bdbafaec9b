"""Edges by their ends, and sums of what is left of groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.topology import grouping
from conntap.topology.grouping import order_by_ends, rescale_groups


@pytest.mark.parametrize("kernels", ["loaded", "not loaded"])
@pytest.mark.parametrize("by", [None, "pre", "post", "both"])
def test_many_edges_are_ordered_as_by_a_stable_sort(by, kernels, monkeypatch):
    monkeypatch.setattr(grouping, "_KERNELS", "sys" if kernels == "loaded" else "nowhere")
    pre, post = np.random.default_rng(1).integers(0, 300, (2, 150_000)).astype(np.int32)
    if by:
        order = np.lexsort((post, pre)) if by == "both" else np.argsort(post if by == "post" else pre, kind="stable")
        pre, post = pre[order], post[order]
    assert np.array_equal(order_by_ends(pre, post, 300, 300), np.lexsort((post, pre)))


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), max_size=6), st.integers(0, 99), st.sampled_from([np.float32, np.float64]))
def test_sums_of_groups_stay_and_whole_groups_are_untouched(sizes, seed, dtype):
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    values, is_gone = (rng.random(n) + 0.1).astype(dtype), rng.random(n) < 0.5
    order, starts = rng.permutation(n), np.cumsum([0, *sizes])[:-1]
    result, impossible = rescale_groups(values, order, starts, is_gone)
    assert (impossible, result.dtype) == (0, dtype)
    for rows, gone in zip(np.split(order, starts[1:]), np.split(is_gone, starts[1:]), strict=True):
        if gone.any() and not gone.all():
            assert np.isclose(result[rows[~gone]].sum(), values[rows].sum(), rtol=1e-5)
            assert np.array_equal(result[rows[gone]], values[rows[gone]])
        else:
            assert np.array_equal(result[rows], values[rows])


def test_a_group_of_which_zero_is_left_is_counted():
    values, gone = np.array([0.0, 1.0, 0.0, 0.0]), np.array([False, True, False, True])
    result, impossible = rescale_groups(values, np.arange(4), np.array([0, 2]), gone)
    assert impossible == 1
    assert result.tolist() == values.tolist()

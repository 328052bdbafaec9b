"""Sorting edges by their ends."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.circuits.sonata.ordering import order_of_pairs


@settings(deadline=None, max_examples=50)
@given(pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=30))
def test_the_order_is_that_of_numpys_lexsort(pairs):
    first, second = (np.array([pair[i] for pair in pairs], dtype=np.int32) for i in (0, 1))
    assert order_of_pairs(first, second, 4, 5).tolist() == np.lexsort((second, first)).tolist()


@pytest.mark.parametrize("bound", [2**20, 2**31 - 1, 2**40])
def test_bounds_of_any_size_sort_alike(bound):
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, bound, (2, 1000))
    assert order_of_pairs(first, second, bound, bound).tolist() == np.lexsort((second, first)).tolist()


def test_the_input_is_untouched():
    first, second = np.array([1, 0]), np.array([0, 1])
    order_of_pairs(first, second, 2, 2)
    assert (first.tolist(), second.tolist()) == ([1, 0], [0, 1])

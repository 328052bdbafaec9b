"""Simplices by their source: against counts of all, and against lists."""

import numpy as np
import pytest

from conntap.errors import OptionError
from conntap.topology import count_simplices, simple_graph
from conntap.topology.listing import simplices_of
from conntap.topology.sources import count_by_source

MATRIX = np.random.default_rng(0).random((50, 50)) < 0.3
GRAPH = simple_graph(*np.nonzero(MATRIX), 50)


def test_over_all_sources_the_counts_add_up():
    assert count_by_source(*GRAPH, np.arange(50), threads=2).sum(axis=0).tolist() == count_simplices(*GRAPH).tolist()


def test_each_source_has_the_simplices_that_are_listed_from_it():
    listed = np.bincount(simplices_of(*GRAPH, dimension=3)[:, 0], minlength=50)
    assert count_by_source(*GRAPH, np.array([7, 3]), max_dimension=3)[:, 3].tolist() == listed[[7, 3]].tolist()


@pytest.mark.parametrize("top", [0, 1, 2])
def test_a_largest_dimension_cuts_the_counts_off(top):
    assert count_by_source(*GRAPH, np.arange(5), max_dimension=top).shape == (5, top + 1)


def test_options_out_of_range_are_refused():
    with pytest.raises(OptionError, match="threads: 0"):
        count_by_source(*GRAPH, np.arange(2), threads=0)
    with pytest.raises(OptionError, match="max_dimension: -1"):
        count_by_source(*GRAPH, np.arange(2), max_dimension=-1)
    complete = simple_graph(*np.nonzero(np.ones((30, 30))), 30)
    with pytest.raises(OptionError, match="give max_dimension"):
        count_by_source(*complete, np.arange(2))

"""Lists of the simplices of connectomes: by hand, restricted to nodes, and against flagser-count."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from strategies import connectomes

from conntap.analyze import iterate_simplices, maximal_simplex_counts, simplex_counts, simplex_lists
from conntap.circuits import Connectome
from conntap.errors import OptionError

TWO = Connectome(pd.DataFrame({"layer": [1, 1, 2, 2]}, index=list("abcd")), [0, 0, 1, 1, 2], [1, 2, 2, 3, 3])


def test_all_dimensions_are_listed_as_positions():
    assert [rows.tolist() for rows in simplex_lists(TWO)] == [
        [[0], [1], [2], [3]],
        [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]],
        [[0, 1, 2], [1, 2, 3]],
    ]


def test_chosen_dimensions_come_in_the_order_asked_for():
    assert [rows.shape for rows in simplex_lists(TWO, dimensions=[2, 0, 5])] == [(2, 3), (4, 1), (0, 6)]
    assert [rows.shape for rows in simplex_lists(TWO, dimensions=1)] == [(5, 2)]


def test_simplices_lie_in_nodes_or_meet_them():
    lying = simplex_lists(TWO, dimensions=[0, 1, 2], nodes={"layer": 1})
    assert [rows.tolist() for rows in lying] == [[[0], [1]], [[0, 1]], []]
    meeting = simplex_lists(TWO, dimensions=[0, 1, 2], nodes=["d"], within="meet")
    assert [rows.tolist() for rows in meeting] == [[[3]], [[1, 3], [2, 3]], [[1, 2, 3]]]


def test_maximal_simplices_are_maximal_in_the_whole_connectome():
    assert [rows.tolist() for rows in simplex_lists(TWO, only="maximal")] == [[], [], [[0, 1, 2], [1, 2, 3]]]
    assert [len(rows) for rows in simplex_lists(TWO, only="maximal", nodes=["a", "b", "c"])] == [0, 0, 1]
    assert [len(rows) for rows in simplex_lists(TWO, only="maximal", nodes=["a"], within="meet")] == [0, 0, 1]


@settings(deadline=None, max_examples=30)
@given(connectomes(columns=False, properties=False))
def test_there_are_as_many_rows_as_counts(connectome):
    assert [len(rows) for rows in simplex_lists(connectome)] == simplex_counts(connectome).tolist()
    maximal = [len(rows) for rows in simplex_lists(connectome, only="maximal")]
    assert maximal == maximal_simplex_counts(connectome).tolist()


def test_chunks_together_are_the_list():
    rng = np.random.default_rng(0)
    some = Connectome(40, *np.nonzero(rng.random((40, 40)) < 0.4))
    chunks = list(iterate_simplices(some, dimension=3, chunk_size=100, nodes="id < 30", within="meet"))
    assert all(len(chunk) == 100 for chunk in chunks[:-1])
    assert np.array_equal(np.concatenate(chunks), simplex_lists(some, dimensions=3, nodes="id < 30", within="meet")[0])


def test_rows_are_those_that_flagser_count_lists():
    from pyflagsercount import flagser_count

    matrix = np.random.default_rng(1).random((60, 60)) < 0.3
    np.fill_diagonal(matrix, False)
    from scipy import sparse

    theirs = flagser_count(sparse.csr_matrix(matrix), return_simplices=True, threads=1)["simplices"]
    ours = simplex_lists(Connectome(60, *np.nonzero(matrix)))
    assert len(ours) == len(theirs)
    for mine, other in itertools.islice(zip(ours, theirs, strict=True), 2, None):
        assert mine.tolist() == sorted(map(list, other))


def test_lists_can_be_kept_in_a_store():
    from conntap.store.codecs import decode, encode

    rows = simplex_lists(TWO)
    assert all(np.array_equal(a, b) for a, b in zip(decode(encode(rows)), rows, strict=True))


def test_a_dimension_may_be_a_number_of_numpy():
    connectome = Connectome(3, [0, 0, 1], [1, 2, 2])
    one, other = (simplex_lists(connectome, dimensions=each) for each in (np.int64(1), np.array([1])))
    assert one[0].tolist() == other[0].tolist() == [[0, 1], [0, 2], [1, 2]]
    with pytest.raises(OptionError, match="dimensions: 'one'"):
        simplex_lists(connectome, dimensions="one")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"within": "cut"}, "simplex_lists.within: unknown value 'cut'"),
        ({"only": "largest"}, "simplex_lists.only: unknown value 'largest'"),
        ({"nodes": ["z"]}, "simplex_lists.nodes: 1 ids are not among"),
        ({"dimensions": -1}, "simplex_lists.dimensions: -1"),
        ({"dimensions": 2, "memory_gb": 1e-9}, "more than memory_gb"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        simplex_lists(TWO, **options)


def test_a_rectangular_connectome_has_no_simplices():
    with pytest.raises(OptionError, match="simplex_lists: the connectome is rectangular"):
        simplex_lists(Connectome(2, [0], [1], post_nodes=3))


def test_the_input_is_untouched():
    before = TWO.edges
    simplex_lists(TWO, nodes=["a", "b"])
    pd.testing.assert_frame_equal(TWO.edges, before)

"""Matrices of all pairs and connectomes of all pairs are each other's inverse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntap import Connectome
from conntap.errors import OptionError
from conntap.infer.pairs import all_pairs, matrix_of


def test_pairs_stand_row_by_row_without_the_diagonal():
    made = all_pairs(["a", "b", "c"], score=np.arange(9.0).reshape(3, 3))
    assert list(zip(made.edges["pre"], made.edges["post"], made.edges["score"])) == [
        ("a", "b", 1),
        ("a", "c", 2),
        ("b", "a", 3),
        ("b", "c", 5),
        ("c", "a", 6),
        ("c", "b", 7),
    ]


@given(st.integers(0, 6), st.sampled_from(["f4", "f8"]))
def test_a_matrix_comes_back_with_its_kind(n, kind):
    matrix = np.random.default_rng(n).normal(size=(n, n)).astype(kind)
    np.fill_diagonal(matrix, 0)
    back = matrix_of(all_pairs(n, score=matrix), "score", "here")
    assert back.dtype == kind
    assert np.array_equal(back, matrix)


def test_self_loops_are_left_out():
    loops = Connectome(2, [0, 0, 1], [0, 1, 1], properties={"w": [5.0, 2.0, 5.0]})
    assert matrix_of(loops, "w", "here", missing=-1).tolist() == [[-1, 2], [-1, -1]]


@pytest.mark.parametrize(
    ("connectome", "match"),
    [
        (Connectome(2, [0, 0], [1, 1], properties={"w": [1, 2]}), "here: some pairs have several edges"),
        (Connectome(2, [0], [1], properties={"v": [1]}), "here: unknown edge property 'w'"),
        (Connectome(2, [0], [1], properties={"w": ["x"]}), "here: 'w' is no number"),
        (Connectome(2, [0], [1], post_nodes=3), "here: pre and post nodes differ"),
    ],
)
def test_what_is_no_matrix_is_refused(connectome, match):
    with pytest.raises(OptionError, match=match):
        matrix_of(connectome, "w", "here")

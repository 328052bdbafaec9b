"""Projections between all or some of two sets of nodes."""

import numpy as np
import pytest
import torch

from conntap.errors import OptionError
from conntap.train.projections import Projection


@pytest.mark.parametrize("kind", ["dense", "one_to_one", "sparse"])
def test_only_those_chosen_take_part(kind):
    projection = Projection(6, 7, kind=kind, out_of=[5, 1, 2], into=[6, 0, 3], sources=2, rng=np.random.default_rng(1))
    matrix = projection(torch.eye(6)).detach().numpy()
    assert set(np.flatnonzero(matrix.any(1))) <= {1, 2, 5}
    assert set(np.flatnonzero(matrix.any(0))) == {0, 3, 6}
    if kind == "one_to_one":
        assert (matrix[5, 6], matrix[1, 0], matrix[2, 3]) == (1, 1, 1)
    if kind == "sparse":
        assert ((matrix != 0).sum(0)[[0, 3, 6]] == 2).all()


@pytest.mark.parametrize("kind", ["dense", "one_to_one", "sparse"])
def test_columns_are_the_same_map(kind):
    projection = Projection(4, 4, kind=kind, sources=2, rng=np.random.default_rng(1))
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    y = projection.columns(x.permute(1, 2, 0))
    torch.testing.assert_close(y.permute(2, 0, 1), projection(x))


def test_equal_states_give_equal_projections():
    a, b = (Projection(5, 8, kind="sparse", sources=3, rng=np.random.default_rng(4)) for _ in range(2))
    assert torch.equal(a(torch.eye(5)), b(torch.eye(5)))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"into": [0, 0]}, "into: a position stands twice"),
        ({"out_of": [4]}, "from 0 to 3"),
        ({"kind": "one_to_one"}, "one to one from 4 nodes to 6"),
        ({"kind": "sparse", "sources": 5}, "5 of 4 nodes"),
        ({"kind": "ho"}, "known: dense, one_to_one, sparse"),
    ],
)
def test_what_makes_no_sense_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        Projection(4, 6, **options, rng=np.random.default_rng(0))


def test_input_of_another_width_is_told():
    with pytest.raises(OptionError, match="the last must be 4"):
        Projection(4, 6, rng=np.random.default_rng(0))(torch.ones(2, 6))


@pytest.mark.parametrize("kind", ["dense", "one_to_one"])
def test_no_nodes_or_no_rows_give_an_empty_or_a_zero_output(kind):
    rng = np.random.default_rng(0)
    assert Projection(4, 4, kind=kind, rng=rng)(torch.ones(0, 3, 4)).shape == (0, 3, 4)
    assert Projection(0, 0, kind=kind, rng=rng)(torch.ones(2, 0)).shape == (2, 0)
    assert Projection(4, 6, kind=kind, out_of=[], into=[], rng=rng)(torch.ones(2, 4)).tolist() == [[0.0] * 6] * 2

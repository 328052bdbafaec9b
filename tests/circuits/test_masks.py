"""Sets of connections by the ids of their nodes."""

from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.circuits import Connectome, Mask, masks
from conntap.errors import OptionError
from conntap.store import decode, encode

PAIRS = st.sets(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), max_size=12)


def mask_of(pairs):
    pairs = sorted(pairs, key=hash)
    return Mask.from_pairs([pre for pre, _ in pairs], [post for _, post in pairs])


def pairs_in(mask):
    return set(mask.pairs().itertuples(index=False, name=None))


@given(PAIRS, PAIRS)
def test_masks_are_joined_as_sets_are(one, other):
    first, second = mask_of(one), mask_of(other)
    assert pairs_in(first & second) == one & other
    assert pairs_in(first | second) == one | other
    assert pairs_in(first - second) == one - other == pairs_in(first & ~second) == pairs_in(~second & first)
    assert (len(first), pairs_in(first)) == (len(one), one)
    assert (first == second) == (one == other)
    assert (first & second) == mask_of(one & other)


@given(PAIRS, PAIRS)
def test_inverted_masks_obey_the_laws_of_sets(one, other):
    first, second = mask_of(one), mask_of(other)
    assert ~(first & second) == ~first | ~second
    assert ~(first | second) == ~first & ~second
    assert ~~first == first != ~first
    assert (first | ~second) == ~mask_of(other - one)
    assert (~first - second).is_inverted


@settings(deadline=None)
@given(connectomes(square=None), st.data())
def test_the_mask_of_edges_is_met_by_all_edges_of_their_connections(connectome, data):
    n = connectome.n_edges
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool)
    mask = Mask.of(connectome, keep)
    ends = list(zip(connectome.pre.tolist(), connectome.post.tolist(), strict=True))
    wanted = {pair for pair, is_kept in zip(ends, keep, strict=True) if is_kept}
    assert mask.edges(connectome).tolist() == [pair in wanted for pair in ends]
    assert (~mask).edges(connectome).tolist() == [pair not in wanted for pair in ends]
    assert len(mask) == len(wanted)
    assert mask == Mask.from_pairs(mask.pairs()["pre"], mask.pairs()["post"])


@settings(deadline=None)
@given(connectomes(square=None))
def test_a_mask_comes_back_from_the_store(connectome):
    mask = Mask.of(connectome)
    assert decode(encode(mask)) == mask
    assert decode(encode(~mask)) == ~mask
    assert decode(encode(mask)).edges(connectome).all()


@pytest.mark.parametrize("by", ["pre", "post", "none"])
@pytest.mark.parametrize("size", [0, 300, 400_000])
def test_many_edges_are_found_in_few_and_in_many_pairs(by, size):
    rng = np.random.default_rng(1)
    pairs = rng.integers(0, 2000, (500_000, 2))
    if by != "none":
        pairs = pairs[np.argsort(pairs[:, int(by == "post")], kind="stable")]
    ids = rng.permutation(2000)
    connectome = Connectome(ids, *pairs.T)
    mask = Mask.from_rows(connectome, *pairs[:size].T)
    codes = pairs[:, 0] * 2000 + pairs[:, 1]
    assert np.array_equal(mask.edges(connectome), np.isin(codes, codes[:size]))
    assert np.array_equal(ids[mask.rows(connectome)[0]], mask.pairs()["pre"])


@settings(deadline=None)
@given(connectomes(), st.data(), st.integers(1, 60))
def test_edges_are_found_block_by_block_too(connectome, data, marks):
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=connectome.n_edges, max_size=connectome.n_edges)), bool)
    mask = Mask.of(connectome, keep)
    expected = mask.edges(connectome)
    with mock.patch.multiple(masks, _FEW=0, _MARKS=marks, _OF_BLOCK=0):
        assert np.array_equal(mask.edges(connectome), expected)


def test_pairs_that_are_not_connected_belong_to_no_edge():
    connectome = Connectome(["a", "b"], [0], [1])
    assert Mask.from_pairs(["b"], ["a"]).edges(connectome).tolist() == [False]


@pytest.mark.parametrize(
    ("pre", "post", "message"),
    [
        ([1, 1, 1], [2, 2, 2], r"file\.npy: 2 of 3 pairs are there already, such as \(1, 2\). Give each pair once"),
        ([1, 1], [2], "file.npy: 2 pre ids and 1 post ids"),
        ([1.5], [2], "file.npy.pre: ids of type float64; give whole numbers or text"),
        ([True], [2], "file.npy.pre: ids of type bool"),
        ([1, "a"], [2, 3], "file.npy.pre: ids of type object"),
        ([1, None], [2, 3], "file.npy.pre: ids of type"),
        (["a", None], [2, 3], "file.npy.pre: ids of type"),
        (np.ones((2, 2)), [2, 3], "file.npy.pre: ndarray is no list of ids"),
        (3, [2], "file.npy.pre: int is no list of ids"),
    ],
)
def test_pairs_that_are_no_set_are_refused(pre, post, message):
    with pytest.raises(OptionError, match=message):
        Mask.from_pairs(pre, post, "file.npy")


def test_ids_that_are_no_nodes_are_an_error_that_names_them():
    with pytest.raises(OptionError, match=r"step.mask: post ids that are not among the 2 nodes: 1, such as 7. Give"):
        Mask.from_pairs([0], [7]).edges(Connectome(2, [0], [1]), "step.mask")
    with pytest.raises(OptionError, match="pre ids that are not among the 2 nodes: 1, such as a"):
        Mask.from_pairs(["a"], [1]).edges(Connectome(2, [0], [1]))


def test_an_inverted_mask_knows_no_number_of_pairs():
    inverted = ~Mask.from_pairs([1], [2])
    for ask in (len, Mask.pairs):
        with pytest.raises(OptionError, match="all connections but 1 are meant"):
            ask(inverted)
    assert bool(inverted)
    assert not Mask.from_pairs([], [])


def test_ids_may_come_in_any_kind_of_list():
    mask = Mask.from_pairs([1, 2], [3, 4])
    kinds = (np.array, tuple, pd.Series, pd.Index, iter, lambda ids: np.array(ids, dtype=object))
    assert all(Mask.from_pairs(kind([1, 2]), kind([3, 4])) == mask for kind in kinds)
    text = Mask.from_pairs(["a"], ["b"])
    assert all(Mask.from_pairs(kind(["a"]), kind(["b"])) == text for kind in kinds)
    assert Mask.from_pairs(pd.array(["a"], dtype="string"), pd.Categorical(["b"]).astype(str)) == text


def test_masks_of_numbers_and_of_text_do_not_meet():
    with pytest.raises(OptionError, match="one mask names nodes by numbers, the other by text"):
        Mask.from_pairs([1], [2]) | Mask.from_pairs(["a"], ["b"])
    assert len(Mask.from_pairs([], []) | Mask.from_pairs(["a"], ["b"])) == 1


def test_ids_that_repeat_across_populations_name_no_node():
    nodes = pd.DataFrame({"population": ["a", "b"]}, index=[0, 0])
    with pytest.raises(OptionError, match="ids repeat across populations"):
        Mask.of(Connectome(nodes, [0], [1]))


def test_what_says_which_edges_has_one_boolean_an_edge():
    with pytest.raises(OptionError, match=r"int64 of shape \(1,\) for 2 edges. Give one boolean an edge"):
        Mask.of(Connectome(2, [0, 1], [1, 0]), np.array([0]))


def test_the_arrays_of_a_mask_cannot_be_written_to():
    mask = Mask.of(Connectome(2, [0, 1], [1, 0]))
    with pytest.raises(ValueError, match="read-only"):
        mask.codes[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        decode(encode(mask)).codes[0] = 1

"""Masks from a connectome: reciprocal pairs, simplices, skeletons, conditions on edges; and parts of masks."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from null_models import connectome_of, simple_edges
from strategies import connectomes

from conntap.circuits import Connectome, Mask
from conntap.errors import OptionError
from conntap.manipulate import (
    combine_masks,
    draw_reciprocal,
    edge_mask,
    reciprocal_mask,
    sample_mask,
    simplex_mask,
    skeleton_mask,
)
from conntap.manipulate.masking import flips


def rng(seed=0):
    return np.random.default_rng(seed)


def rows_in(mask, connectome):
    return set(zip(*(rows.tolist() for rows in mask.rows(connectome)), strict=True))


def simplices(edges, n, dimension, only):
    """All directed simplices of a dimension, by trial."""
    every = [
        each
        for each in itertools.permutations(range(n), dimension + 1)
        if all(pair in edges for pair in itertools.combinations(each, 2))
    ]
    if only == "all":
        return every
    return [
        each
        for each in every
        if not any(
            all(pair in edges for pair in itertools.combinations((*each[:at], new, *each[at:]), 2))
            for new in set(range(n)) - set(each)
            for at in range(len(each) + 1)
        )
    ]


def places(simplex, position):
    spine = list(itertools.pairwise(simplex))
    return {
        "any": list(itertools.combinations(simplex, 2)),
        "spine": spine,
        "first": spine[:1],
        "last": spine[-1:],
    }[position]


@settings(deadline=None, max_examples=60)
@given(
    connectomes(max_nodes=5, max_edges=30, columns=False, properties=False),
    st.lists(st.integers(1, 4), min_size=1, max_size=2, unique=True),
    st.sampled_from(["any", "spine", "first", "last"]),
    st.sampled_from(["all", "maximal"]),
)
def test_the_connections_of_simplices_are_those_found_by_trial(connectome, dimensions, position, only):
    edges = simple_edges(connectome)
    mask = simplex_mask(connectome, dimensions=dimensions, position=position, only=only)
    found = {each for dimension in dimensions for each in simplices(edges, connectome.n_nodes, dimension, only)}
    assert rows_in(mask, connectome) == {pair for each in found for pair in places(each, position)}


def test_a_skeleton_holds_the_connections_of_maximal_simplices():
    connectome = Connectome(list("abcd"), [0, 0, 1, 2], [1, 2, 2, 3])
    assert skeleton_mask(connectome, dimension=1).pairs().values.tolist() == [["c", "d"]]
    assert len(skeleton_mask(connectome, dimension=2)) == 3
    assert len(skeleton_mask(connectome, dimension=3)) == 0


@settings(deadline=None)
@given(connectomes(max_nodes=6, max_edges=30))
def test_reciprocal_pairs_are_those_of_which_both_connections_exist(connectome):
    edges = simple_edges(connectome)
    both = {(u, v) for u, v in edges if (v, u) in edges}
    assert rows_in(reciprocal_mask(connectome), connectome) == both


def test_of_pairs_in_a_mask_either_connection_counts():
    connectome = connectome_of([(0, 1), (1, 0), (1, 2), (2, 1), (0, 2)], 3)
    one_way = Mask.from_pairs([1, 0], [0, 2])
    assert rows_in(reciprocal_mask(connectome, among=one_way), connectome) == {(0, 1), (1, 0)}


@settings(deadline=None)
@given(connectomes(max_nodes=7, max_edges=40), st.floats(0, 1), st.integers(0, 9))
def test_each_pair_drawn_loses_one_direction(connectome, fraction, seed):
    edges = simple_edges(connectome)
    pairs = {frozenset((u, v)) for u, v in edges if (v, u) in edges}
    drawn = rows_in(draw_reciprocal(connectome, fraction=fraction, rng=rng(seed)), connectome)
    assert len(drawn) == len({frozenset(pair) for pair in drawn}) == round(fraction * len(pairs))
    assert all(frozenset(pair) in pairs for pair in drawn)


@pytest.mark.parametrize(
    ("n", "size", "flipped"),
    [
        (14084, 14084, 6989),
        (40044, 40044, 19779),
        (66005, 66005, 33000),
        (81540, 14084, 7121),
        (81540, 40044, 20020),
        (81540, 66005, 33033),
        (81540, 81540, 40764),
    ],
)
def test_published_numbers_of_flips_come_of_the_legacy_generator(n, size, flipped):
    drawn, is_flipped = flips(n, size, np.random.RandomState(9900))
    assert int(is_flipped.sum()) == flipped
    assert len(np.unique(drawn)) == size


def test_a_connectome_of_so_many_pairs_gives_the_published_number_of_flips():
    low, high = np.triu_indices(200, 1)
    low, high = low[:14084], high[:14084]
    connectome = Connectome(200, np.concatenate([low, high]), np.concatenate([high, low]))
    pre, post = draw_reciprocal(connectome, fraction=1, rng=np.random.RandomState(9900)).rows(connectome)
    assert (len(pre), int((pre > post).sum())) == (14084, 6989)


def test_conditions_are_on_edges_nodes_and_synapses():
    nodes = pd.DataFrame({"layer": [1, 1, 2], "a_b": [0.5, 1.5, 2.5]}, index=["a", "b", "c"])
    connectome = Connectome(
        nodes, [0, 0, 1, 2], [1, 1, 2, 0], properties={"weight": [1.0, 3.0, 2.0, 5.0], "kind": list("xyxy")}
    )

    def found(**options):
        return rows_in(edge_mask(connectome, **options), connectome)

    assert found(where="weight > 2") == {(0, 1), (2, 0)}
    assert found(where="pre_layer == post_layer and kind == 'x'") == {(0, 1)}
    assert found(where="post_id == 'a' or pre_a_b > 1 and post_a_b > 2") == {(1, 2), (2, 0)}
    assert found(synapses=(2, None)) == {(0, 1)}
    assert found(pre={"layer": 1}, synapses=(1, 1)) == {(1, 2)}
    assert found(where="weight > 2", post=["b"]) == {(0, 1)}
    assert len(edge_mask(connectome)) == 3


@settings(deadline=None)
@given(connectomes(max_nodes=6, max_edges=30), st.floats(0, 1), st.integers(0, 9))
def test_as_many_of_a_mask_are_drawn_as_asked(connectome, fraction, seed):
    mask = Mask.of(connectome)
    drawn = sample_mask(mask, fraction=fraction, rng=rng(seed))
    assert len(drawn) == round(fraction * len(mask))
    assert len(drawn - mask) == 0


@settings(deadline=None)
@given(connectomes(max_nodes=6, max_edges=30), st.integers(0, 9))
def test_pairs_are_drawn_with_both_connections(connectome, seed):
    mask = Mask.of(connectome)
    pairs = {frozenset(pair) for pair in rows_in(mask, connectome)}
    drawn = rows_in(sample_mask(mask, unit="pair", fraction=0.5, rng=rng(seed)), connectome)
    assert len({frozenset(pair) for pair in drawn}) == round(len(pairs) / 2)
    assert all(turned in drawn for turned in {(v, u) for u, v in drawn} & rows_in(mask, connectome))


def test_masks_are_joined_by_name():
    one, other = Mask.from_pairs([1, 2], [2, 1]), Mask.from_pairs([2, 3], [1, 1])
    assert combine_masks(one, other) == one & other
    assert combine_masks(one, other, how="or", invert="result") == ~(one | other)
    assert combine_masks(one, other, how="minus") == one - other


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda c: simplex_mask(c, dimensions=[]), "simplex_mask.dimensions: none; give at least one dimension"),
        (lambda c: simplex_mask(c, dimensions=[2, 2]), "simplex_mask.dimensions: 2, 2; give at least one"),
        (lambda c: simplex_mask(c, dimensions=[0, 2]), "simplex_mask.dimensions: 0; give a whole number from 1"),
        (lambda c: simplex_mask(c, dimensions=2, only="some"), "simplex_mask.only: unknown value 'some'"),
        (lambda c: edge_mask(c, where="wait > 2"), "edge_mask.where.*unknown edge property 'wait'.*pre_id, weight"),
        (lambda c: edge_mask(c, where="weight >"), "edge_mask.where.*cannot be evaluated"),
        (lambda c: edge_mask(c, where="__import__('os')"), "is not allowed|cannot be evaluated"),
        (lambda c: draw_reciprocal(c, connections=2, rng=rng()), "draw_reciprocal.connections: 2; there are 1"),
        (lambda c: sample_mask(~Mask.of(c), fraction=1, rng=rng()), "all connections but 2 are meant"),
    ],
)
def test_what_does_not_fit_is_refused(ask, message):
    with pytest.raises(OptionError, match=message):
        ask(Connectome(2, [0, 1], [1, 0], properties={"weight": [1, 2]}))


@pytest.mark.parametrize(
    "ask",
    [
        reciprocal_mask,
        lambda c: simplex_mask(c, dimensions=2),
        lambda c: skeleton_mask(c, dimension=2),
        lambda c: draw_reciprocal(c, fraction=1, rng=rng()),
    ],
)
def test_a_rectangular_connectome_is_refused(ask):
    with pytest.raises(OptionError, match="the connectome is rectangular"):
        ask(Connectome(2, [0], [1], post_nodes=3))


@pytest.mark.parametrize("n", [0, 1, 3])
def test_where_nothing_is_connected_masks_are_empty(n):
    connectome = Connectome(n, [], [])
    for mask in (
        reciprocal_mask(connectome),
        simplex_mask(connectome, dimensions=[1, 2], position="spine"),
        skeleton_mask(connectome, dimension=1),
        edge_mask(connectome, where="pre_id == 0"),
        draw_reciprocal(connectome, fraction=1, rng=np.random.RandomState(1)),
        sample_mask(Mask.of(connectome), fraction=1, unit="pair", rng=rng()),
    ):
        assert len(mask) == 0


@pytest.mark.parametrize("where", ["w == 'a'", "kind != 3", "w in [1, 'a']", "w == kind", "pre_id == 'a'"])
def test_text_is_never_compared_with_numbers(where):
    connectome = Connectome(2, [0, 1], [1, 0], properties={"w": [1, 2], "kind": ["a", "b"]})
    with pytest.raises(OptionError, match=r"text is compared with numbers.*Compare a column with values of its kind"):
        edge_mask(connectome, where=where)

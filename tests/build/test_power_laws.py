"""Networks with heavy tails: numbers expected, exponents, and networkx's growth beside ours."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from conntap.build import scale_free
from conntap.build._wiring import grown as edge_by_edge
from conntap.errors import OptionError


def grown(seed=0, **options):
    return scale_free(rng=np.random.default_rng(seed), **options)


def degrees(c):
    return [np.bincount(ends, minlength=c.n_nodes) for ends in (c.post, c.pre)]


def exponent(found, least):
    """The likeliest exponent of a tail of whole numbers (Clauset, Shalizi and Newman, 2009, equation 3.7)."""
    tail = found[found >= least]
    return 1 + len(tail) / np.log(tail / (least - 0.5)).sum()


@pytest.mark.parametrize("model", ["static", "grown"])
def test_tails_have_the_exponents_asked_for(model):
    c = grown(n_nodes=100_000, degree=8, exponent_in=2.5, exponent_out=3.2, model=model)
    found_in, found_out = degrees(c)
    assert exponent(found_in, 60) == pytest.approx(2.5, abs=0.12)
    assert exponent(found_out, 60) == pytest.approx(3.2, abs=0.25)


def test_the_number_of_connections_is_that_expected():
    numbers = [grown(seed, n_nodes=300, degree=20, exponent_in=2.1, exponent_out=2.2).n_edges for seed in range(100)]
    assert np.mean(numbers) == pytest.approx(6000, abs=4 * np.sqrt(6000 / 100))


def test_of_the_static_model_each_pair_has_the_chance_of_its_weights():
    n, hits = 6, np.zeros((6, 6))
    order = np.empty(0)
    for seed in range(600):
        c = grown(seed, n_nodes=n, degree=2, pairing="alike")
        order = np.random.default_rng(seed).permutation(n)  # the first thing drawn: who has which weight
        hits += c.adjacency().toarray()[np.ix_(order, order)]
    weights = ((np.arange(n) + 0.5) / n) ** (-1 / 1.5)
    weights = np.outer(weights, weights)
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        chances = np.minimum(1, middle * weights) * (1 - np.eye(n))
        low, high = (middle, high) if chances.sum() < 12 else (low, middle)
    assert (np.abs(hits - 600 * chances) <= 4.5 * np.sqrt(600 * chances * (1 - chances)) + 1e-6).all()


def test_growth_has_the_degrees_that_networkx_grows():
    degree, new = 2.0, 0.25
    more = degree * (1.5 * (1 - new) - 1)
    ours, theirs = [], []
    for seed in range(8):
        ends = edge_by_edge(np.empty((0, 2), np.int32), 1500, 0, new, new, more, more, np.uint64(seed))
        ours.append([np.bincount(ends[:, side], minlength=1500) for side in (1, 0)])
        graph = nx.scale_free_graph(1500, new, 1 - 2 * new, new, more, more, seed=seed)
        theirs.append([[each for _, each in found] for found in (graph.in_degree, graph.out_degree)])
    for side in (0, 1):
        one, other = (np.concatenate([each[side] for each in found]) for found in (ours, theirs))
        assert ks_2samp(one, other).statistic < 0.025
        assert one.mean() == pytest.approx(other.mean(), rel=0.05)


@pytest.mark.parametrize(("n", "degree"), [(400, 100), (2000, 10), (30, 6)])
def test_growth_comes_to_the_degree_asked_for_in_connections_that_differ(n, degree):
    numbers = [grown(seed, n_nodes=n, degree=degree, model="grown").n_edges / degree for seed in range(20)]
    assert np.mean(numbers) == pytest.approx(n - 1, abs=4 * np.sqrt(n / 20))


def test_what_comes_at_the_end_goes_where_there_are_many_already():
    begun = np.array([[0, 1], [0, 1], [0, 2], [3, 1]], np.int32)
    ends = edge_by_edge(begun, 4, 40_000, 0.0, 0.0, 1.0, 1.0, np.uint64(1))
    assert (ends[:4] == begun).all()
    means = []
    for seed in range(400):
        last = edge_by_edge(begun, 4, 200, 0.0, 0.0, 1.0, 1.0, np.uint64(seed))
        means.append([np.bincount(last[:, side], minlength=4) for side in (0, 1)])
    shares = (np.mean(means, axis=0) + 1) / 208  # a share of an urn stays in the mean
    assert np.abs(shares - [[0.5, 0.125, 0.125, 0.25], [0.125, 0.5, 0.25, 0.125]]).max() < 0.04


def test_in_and_out_degrees_rise_together_where_asked():
    options = {"n_nodes": 5000, "degree": 20}
    together, apart = (
        np.corrcoef(*map(np.log1p, degrees(grown(pairing=each, **options))))[0, 1] for each in ("alike", "independent")
    )
    assert together > 0.8
    assert abs(apart) < 0.08


@settings(max_examples=40)
@given(st.integers(0, 60), st.floats(0, 1), st.sampled_from(["alike", "independent"]), st.integers(0, 99))
def test_no_pair_comes_twice_and_no_node_with_itself(n, share, pairing, seed):
    c = grown(seed, n_nodes=n, degree=share * max(0, n - 1), pairing=pairing)
    assert (c.pre != c.post).all()
    assert (np.diff(c.pre.astype(np.int64) * max(1, n) + c.post) > 0).all()


def test_all_others_are_targets_at_the_highest_degree():
    assert grown(n_nodes=20, degree=19).n_edges == 380


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n_nodes": -1}, "n_nodes"),
        ({"n_nodes": 10, "degree": 10}, "from 0 to 9"),
        ({"n_nodes": 100, "exponent_in": 2.0}, "exponent_in"),
        ({"n_nodes": 100, "exponent_out": float("nan")}, "exponent_out"),
        ({"n_nodes": 100, "model": "grow"}, "model"),
        ({"n_nodes": 100, "pairing": "like"}, "pairing"),
        ({"n_nodes": 100, "degree": 2, "exponent_in": 2.1, "model": "grown"}, r"2\.333 or more"),
        ({"n_nodes": 100, "degree": 0.5, "model": "grown"}, "1 or more"),
        ({"n_nodes": 100, "degree": 99, "model": "grown"}, "again and again"),
        ({"n_nodes": 100, "degree": "many"}, "degree: 'many'"),
        ({"n_nodes": 100, "exponent_in": None}, "exponent_in: None"),
        ({"n_nodes": 2**30, "degree": 10}, "too many connections"),
    ],
)
def test_what_makes_no_sense_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        grown(**options)

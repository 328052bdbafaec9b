"""Pairs by distance: against all pairs looked at one by one, and draws against their chances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from conntap.topology.pair_draws import draw_as_many, draw_pairs
from conntap.topology.pairs import Places, count_pairs


def places(seed, n, n_groups=1, axes=3, sided=False, extent=100.0):
    source = np.random.default_rng(seed)
    points = source.uniform(0, extent, (n, axes))
    return Places(points, source.integers(0, n_groups, n), n_groups, points[:, -1].copy() if sided else None)


def by_hand(pre, post, edges, width, n_bins):
    same, other = post is None, pre if post is None else post
    sides = 1 if pre.heights is None else 3
    pairs, ones = np.zeros((2, pre.n_groups, other.n_groups, sides, n_bins), dtype=int)
    joined = set(zip(*map(np.ndarray.tolist, edges), strict=True))
    for i in range(len(pre.points)):
        for j in range(len(other.points)):
            cell = int(np.sqrt(((other.points[j] - pre.points[i]) ** 2).sum()) / width)
            side = 0 if sides == 1 else 1 + int(np.sign(other.heights[j] - pre.heights[i]))
            if cell < n_bins and not (same and i == j):
                pairs[pre.groups[i], other.groups[j], side, cell] += 1
                ones[pre.groups[i], other.groups[j], side, cell] += (i, j) in joined
    return pairs, ones


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 9),
    st.integers(0, 12),
    st.integers(1, 3),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_counts_are_those_of_all_pairs(seed, n, n_groups, axes, sided, same, coarse):
    pre = places(seed, n, n_groups, axes, sided)
    post = None if same else places(seed + 100, 7, 2, axes, sided)
    if coarse:  # many nodes at one place, and distances at the very ends of bins
        whole = [
            Places(
                np.round(p.points, -1),
                p.groups,
                p.n_groups,
                p.heights if p.heights is None else np.round(p.heights, -1),
            )
            for p in (pre, post)
            if p
        ]
        pre, post = whole[0], None if same else whole[1]
    other = n if same else 7
    edges = np.nonzero((np.random.default_rng(seed).random((n, other)) < 0.3) & ~(same & np.eye(n, other, dtype=bool)))
    found, wanted = count_pairs(pre, post, edges, width=10.0, n_bins=6), by_hand(pre, post, edges, 10.0, 6)
    assert all(np.array_equal(*each) for each in zip(found, wanted, strict=True))


def test_counts_do_not_depend_on_threads():
    cells = places(1, 4000, 3, sided=True)
    edges = np.array([0, 1]), np.array([2, 3])
    one, two = (count_pairs(cells, None, edges, width=1.0, n_bins=64, threads=each) for each in (1, 2))
    assert all(np.array_equal(*each) for each in zip(one, two, strict=True))


def chance(pre, other, numbers, sided):
    distances = np.linalg.norm(other.points[None] - pre.points[:, None], axis=2)
    rates = numbers[pre.groups[:, None], other.groups[None]]
    low, high = (np.minimum(rates[..., side, 0] * np.exp(-rates[..., side, 1] * distances), 1) for side in (0, 1))
    if not sided:
        return low
    step = other.heights[None] - pre.heights[:, None]
    return np.where(step < 0, low, np.where(step > 0, high, (low + high) / 2))


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("sided", [True, False])
def test_each_pair_is_drawn_with_its_chance(sided, same):
    """30 points in 2 groups, 2,000 draws: no pair is off by more than 4.6 standard deviations, and squares add up."""
    pre = places(3, 30, 2, sided=sided)
    other = pre if same else places(4, 25, 2, sided=sided)
    if sided:
        pre.heights[:4] = 50.0
        other.heights[:4] = 50.0
    numbers = np.random.default_rng(5).uniform([0.0, -0.01], [1.5, 0.1], (2, 2, 2, 2))
    chances = chance(pre, other, numbers, sided)
    if same:
        np.fill_diagonal(chances, 0)
    counts, times = np.zeros(chances.shape), 2000
    for seed in range(times):
        np.add.at(counts, draw_pairs(pre, None if same else other, numbers, seed=seed), 1)
    certain = (chances <= 0) | (chances >= 1)
    assert np.array_equal(counts[certain], times * chances[certain])
    spread = np.sqrt(times * chances * (1 - chances))
    told = spread > 3
    score = (counts - times * chances)[told] / spread[told]
    assert np.abs(score).max() < 4.6
    assert 0.001 < stats.chi2(len(score)).sf((score**2).sum()) < 0.999
    rare = ~told & ~certain
    assert counts[rare & (chances < 0.5)].sum() == pytest.approx(
        (times * chances)[rare & (chances < 0.5)].sum(), abs=40
    )


def test_pairs_are_drawn_independently():
    """The number drawn varies as a sum of independent trials does."""
    cells, numbers = places(6, 60), np.full((1, 1, 2, 2), [0.6, 0.03])
    chances = chance(cells, cells, numbers, False) * (1 - np.eye(60))
    sizes = [len(draw_pairs(cells, None, numbers, seed=seed)[0]) for seed in range(1500)]
    assert np.mean(sizes) == pytest.approx(chances.sum(), abs=3 * np.std(sizes) / np.sqrt(1500))
    assert np.var(sizes) == pytest.approx((chances * (1 - chances)).sum(), rel=0.12)


def test_draws_are_sorted_and_the_same_for_any_threads():
    cells, numbers = places(7, 5000, 3, extent=1000.0), np.full((3, 3, 2, 2), [0.5, 0.02])
    one, two = (draw_pairs(cells, None, numbers, seed=9, threads=each) for each in (1, 2))
    assert np.array_equal(one, two)
    assert (np.diff(one[0] * 5000 + one[1]) > 0).all()
    assert not np.array_equal(one[1][:1000], draw_pairs(cells, None, numbers, seed=10)[1][:1000])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 9), st.integers(0, 14), st.integers(1, 3), st.booleans(), st.booleans(), st.floats(0, 1))
def test_as_many_pairs_of_each_kind_are_drawn(seed, n, n_groups, sided, same, density):
    pre = places(seed, n, n_groups, 2, sided)
    post = None if same else places(seed + 100, 9, 2, 2, sided)
    other = n if same else 9
    edges = np.nonzero(
        (np.random.default_rng(seed).random((n, other)) < density) & ~(same & np.eye(n, other, dtype=bool))
    )
    drawn = draw_as_many(pre, post, edges, width=40.0, n_bins=4, rng=np.random.default_rng(seed))
    before, after = (count_pairs(pre, post, each, width=40.0, n_bins=4)[1] for each in (edges, drawn))
    assert np.array_equal(before, after)
    assert len(set(zip(*map(np.ndarray.tolist, map(np.asarray, drawn)), strict=True))) == len(edges[0])


def test_all_sets_of_as_many_pairs_are_equally_likely():
    """On a line of four, two of the six ordered pairs at distance 1: 15 sets, 2,500 draws."""
    line = Places(np.arange(4.0)[:, None], np.zeros(4, dtype=int), 1)
    source, seen = np.random.default_rng(8), {}
    for _ in range(2500):
        pre, post = draw_as_many(line, None, (np.array([0, 1]), np.array([1, 2])), width=1.0, n_bins=5, rng=source)
        key = tuple(zip(pre.tolist(), post.tolist(), strict=True))
        seen[key] = seen.get(key, 0) + 1
    assert len(seen) == 15
    assert stats.chisquare(list(seen.values())).pvalue > 0.01

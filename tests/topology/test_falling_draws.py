"""Pairs drawn by a bound and thinned: each comes with its own chance, on lines and on rings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.topology.falling_draws import draw_falling


def drawn(points, reach, *, periods=None, seed=1):
    """All pairs nearer than `reach`, none else."""

    def chance(pre, post):
        steps = np.abs(points[pre] - points[post])
        if periods is not None:
            steps = np.minimum(steps, np.where(periods > 0, periods - steps, np.inf))
        return (np.linalg.norm(steps, axis=1) < reach).astype(float)

    return draw_falling(
        points,
        points,
        np.arange(len(points)),
        bound=lambda d: (d < reach).astype(float),
        chance=chance,
        periods=periods,
        seed=seed,
    )


@settings(max_examples=30)
@given(st.integers(0, 80), st.floats(0.5, 60), st.sampled_from([None, (100.0, 0.0), (100.0, 50.0)]), st.integers(0, 99))
def test_all_pairs_nearer_than_a_reach_are_found_as_by_brute_force(n, reach, periods, seed):
    periods = None if periods is None else np.array(periods)
    points = np.random.default_rng(seed).random((n, 2)) * [100.0, 50.0]
    steps = np.abs(points[:, None] - points[None])
    if periods is not None:
        steps = np.minimum(steps, np.where(periods > 0, periods - steps, np.inf))
    near = np.argwhere((np.linalg.norm(steps, axis=2) < reach) & ~np.eye(n, dtype=bool))
    pre, post = drawn(points, reach, periods=periods)
    assert sorted(zip(pre.tolist(), post.tolist(), strict=True)) == sorted(map(tuple, near.tolist()))


def test_each_pair_has_its_chance_and_pairs_are_independent():
    points = np.random.default_rng(0).random((9, 3)) * 50
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    chances = 0.8 * np.exp(-distance / 20)
    np.fill_diagonal(chances, 0.0)
    hits, totals = np.zeros((9, 9)), []
    for seed in range(3000):
        ends = draw_falling(
            points,
            points,
            np.arange(9),
            bound=lambda d: np.exp(-d / 20),
            chance=lambda pre, post: 0.8 * np.exp(-distance[pre, post] / 20),
            seed=seed,
        )
        hits[ends] += 1
        totals.append(len(ends[0]))
    spread = np.sqrt(3000 * chances * (1 - chances))
    assert (np.abs(hits - 3000 * chances) <= 4.5 * spread).all()
    assert np.var(totals) == pytest.approx((chances * (1 - chances)).sum(), rel=0.12)


def test_what_a_target_gets_depends_on_no_other_target():
    points = np.random.default_rng(0).random((5000, 2))
    options = {"bound": lambda d: 0.01 + 0 * d, "chance": lambda pre, post: np.full(len(pre), 0.01), "seed": 4}
    pre, post = draw_falling(points, points, np.arange(5000), **options)
    few = draw_falling(points, points[:300], np.arange(300), **options)
    assert pre[post < 300].tolist() == few[0].tolist()
    assert (np.diff(post) >= 0).all()


def test_no_points_have_no_pairs():
    assert [len(each) for each in drawn(np.empty((0, 2)), 1.0)] == [0, 0]

"""Estimates together and resampled: by hand, and better than each alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from conntap import Connectome
from conntap.errors import OptionError
from conntap.infer import combine, lagged_correlation, resampled, score, simulate_hawkes, stability
from conntap.infer.pairs import all_pairs
from conntap.infer.significances import surrogate_estimates


def estimates(seed, n=30, noise=(1.0, 1.0, 1.0)):
    rng = np.random.default_rng(seed)
    true = rng.random((n, n)) < 0.1
    return Connectome.from_adjacency(true * 1.0 * ~np.eye(n, dtype=bool)), [
        all_pairs(n, score=true + each * rng.normal(size=(n, n))) for each in noise
    ]


@pytest.mark.parametrize("how", ["rank-mean", "rank-product", "rank-max", "z-mean", "mean"])
def test_estimates_together_are_better_than_each(how):
    truth, each = estimates(0)
    together = score(combine(*each, how=how), truth)["roc_auc"]
    assert together > max(score(one, truth)["roc_auc"] for one in each)


@given(st.integers(0, 1000))
def test_ranks_are_those_of_scipy_and_order_of_equal_weights_does_not_matter(seed):
    _, (a, b, c) = estimates(seed, n=6)
    ranks = [stats.rankdata(one.properties["score"]) / 30 for one in (a, b, c)]
    assert np.allclose(combine(a, b, c).properties["score"], np.mean(ranks, axis=0))
    assert np.allclose(combine(a, b, c, how="rank-product").properties["score"], stats.gmean(ranks, axis=0))
    assert np.allclose(combine(c, a, b).properties["score"], combine(a, b, c).properties["score"])


def test_weights_and_nodes_in_another_order():
    _, (a, b, _) = estimates(1, n=5)
    assert combine(a, b, how="mean", weights=[1, 0]).properties["score"].tolist() == a.properties["score"].tolist()
    turned = b.subset([4, 3, 2, 1, 0])
    assert np.allclose(combine(a, turned).properties["score"], combine(a, b).properties["score"])


def test_signs_are_voted_and_pairs_that_are_lacking_rank_lowest():
    a = Connectome(2, [0, 1], [1, 0], properties={"score": [1.0, 2.0], "sign": [1, -1], "delay_ms": [1.0, 2.0]})
    b = Connectome(2, [0], [1], properties={"score": [-3.0], "sign": [-1]})
    found = combine(a, b, weights=[1, 2])
    assert found.properties["sign"].tolist() == [-1, -1]
    assert found.properties["score"].tolist() == pytest.approx([(0.5 + 2 * 1.0) / 3, (1.0 + 2 * 0.5) / 3])
    assert found.properties["delay_ms"].tolist() == [1.0, 2.0]


def test_stable_pairs_are_those_that_are_connected():
    truth = Connectome(8, [0, 1, 2], [1, 2, 3], properties={"weight": [0.5, 0.5, 0.5]})
    spikes = simulate_hawkes(truth, duration_s=120, branching=None, rng=np.random.default_rng(0))
    again = surrogate_estimates(
        spikes, infer=lagged_correlation, null=resampled, draws=10, block_s=5, rng=np.random.default_rng(1)
    )
    found = stability(lagged_correlation(spikes), again, n_edges=3).edges.set_index(["pre", "post"])["stability"]
    assert found.sum() == pytest.approx(3)
    assert found.loc[[(0, 1), (1, 2), (2, 3)]].min() >= 0.9


def test_ties_share_what_is_left():
    equal = all_pairs(3, score=np.ones((3, 3)))
    assert stability(equal, [equal], n_edges=2).properties["stability"].tolist() == pytest.approx([1 / 3] * 6)


def test_what_does_not_fit_is_refused():
    _, (a, b, _) = estimates(0, n=4)
    with pytest.raises(OptionError, match="give 2 numbers from 0 on"):
        combine(a, b, weights=[1.0])
    with pytest.raises(OptionError, match="different nodes"):
        combine(a, estimates(0, n=5)[1][0])
    with pytest.raises(OptionError, match=r"combine.how: unknown value 'median'"):
        combine(a, b, how="median")
    with pytest.raises(OptionError, match="none of them; give one at least"):
        stability(a, [])
    with pytest.raises(OptionError, match="give one"):
        stability(a, [b], n_edges=1, density=0.5)

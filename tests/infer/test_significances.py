"""p-values from surrogates are uniform without connections, and discoveries as false as they are said to be."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from conntap import Connectome
from conntap.errors import OptionError
from conntap.infer import pearson, significance, simulate_poisson
from conntap.infer.pairs import all_pairs
from conntap.infer.significances import q_values, surrogate_estimates

NULLS = ["pair", "pooled", "normal"]


def drawn(rng, n=30, shift=None):
    scores = rng.normal(size=(n, n))
    return all_pairs(n, score=scores if shift is None else scores + shift)


@pytest.mark.parametrize("null", NULLS)
def test_p_values_are_uniform_where_nothing_is_connected(null):
    rng = np.random.default_rng(3)
    found = significance(drawn(rng), (drawn(rng) for _ in range(199)), null=null)
    assert stats.kstest(found.properties["p_value"], "uniform").pvalue > 0.01


@pytest.mark.parametrize("correction", ["benjamini-hochberg", "storey"])
def test_the_share_of_false_discoveries_is_what_was_asked_for(correction):
    rng = np.random.default_rng(4)
    false = []
    for _ in range(30):
        true = rng.random((30, 30)) < 0.3
        found = significance(drawn(rng, shift=3.5 * true), [drawn(rng) for _ in range(20)], correction=correction)
        taken = found.properties["q_value"] <= 0.2
        hit = true[found.pre, found.post]
        false.append((taken & ~hit).sum() / max(1, taken.sum()))
    expected = 0.2 if correction == "storey" else 0.2 * 0.7
    assert abs(np.mean(false) - expected) < 4 * np.std(false) / np.sqrt(30) + 0.01


def test_counts_by_hand_with_ties_against_the_discovery():
    found = Connectome(2, [0, 1], [1, 0], properties={"score": [2.0, 0.0]})
    nulls = [Connectome(2, [0, 1], [1, 0], properties={"score": [x, -1.0]}) for x in (2.0, 1.0, 0.0)]
    assert significance(found, nulls, null="pair").properties["p_value"].tolist() == [0.5, 0.25]
    assert significance(found, nulls).properties["p_value"].tolist() == [2 / 7, 4 / 7]
    assert significance(found, nulls[0]).properties["p_value"].tolist() == [2 / 3, 2 / 3]
    assert significance(found, nulls, null="normal").properties["p_value"][1] == 0.25  # all surrogates are equal


def test_the_normal_p_value_is_that_of_a_further_draw():
    found = Connectome(2, [0], [1], properties={"score": [5.0]})
    values = np.array([0.0, 1.0, 2.0, 3.0])
    nulls = (Connectome(2, [0], [1], properties={"score": [x]}) for x in values)
    t = (5 - 1.5) / (values.std(ddof=1) * np.sqrt(1 + 1 / 4))
    assert significance(found, nulls, null="normal").properties["p_value"][0] == pytest.approx(stats.t.sf(t, 3))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_q_values_are_those_of_scipy(p):
    p = np.array(p)
    assert np.allclose(q_values(p), stats.false_discovery_control(p))
    assert (q_values(p, correction="storey") <= q_values(p) + 1e-12).all()


def test_pairs_in_another_order_are_matched_by_their_nodes():
    found = Connectome(["a", "b"], [0, 1], [1, 0], properties={"score": [2.0, 0.0]})
    other = Connectome(["b", "a"], [0, 1], [1, 0], properties={"score": [1.0, 3.0]})
    assert significance(found, [other], null="pair").properties["p_value"].tolist() == [1.0, 1.0]
    swapped = Connectome(["b", "a"], [1, 0], [0, 1], properties={"score": [1.0, -3.0]})
    assert significance(found, [swapped], null="pair").properties["p_value"].tolist() == [0.5, 0.5]


def test_surrogates_of_spikes_are_inferred_one_at_a_time():
    spikes = simulate_poisson(Connectome(6, [], []), rate_hz=20, duration_s=5, rng=np.random.default_rng(0))
    alive = []

    def infer(activity):
        alive.append(len(activity))
        return pearson(activity, bin_ms=5)

    nulls = surrogate_estimates(spikes, infer=infer, draws=9, kind="shift", rng=np.random.default_rng(1))
    assert alive == []
    found = significance(partial(pearson, bin_ms=5)(spikes), nulls, null="pair")
    assert len(alive) == 9
    assert ((found.properties["p_value"] * 10) % 1 < 1e-9).all()


def test_what_cannot_be_compared_is_refused():
    found = drawn(np.random.default_rng(0), n=3)
    with pytest.raises(OptionError, match="'pooled' needs 1 at least"):
        significance(found, [])
    with pytest.raises(OptionError, match="different nodes"):
        significance(found, [drawn(np.random.default_rng(0), n=4)])
    with pytest.raises(OptionError, match=r"significance: unknown edge property 'scor'; known: score"):
        significance(found, [found], property="scor")
    with pytest.raises(OptionError, match="3 pairs have no 'score'"):
        significance(found, [found.filter(np.arange(6) < 3)])


def test_an_estimate_without_pairs_has_none_that_are_significant():
    found = significance(
        Connectome(1, [], [], properties={"score": []}), Connectome(1, [], [], properties={"score": []})
    )
    assert (found.n_edges, sorted(found.properties)) == (0, ["p_value", "q_value", "score"])

"""Thresholds take what they say, and the precision that is expected is that which is found."""

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntap import Connectome
from conntap.errors import OptionError
from conntap.infer import expected_precision, local_fdr, significance, strongest
from conntap.infer.pairs import all_pairs


def drawn(seed, n=80, share=0.1, kind="signed"):
    rng = np.random.default_rng(seed)
    true = rng.random((n, n)) < share
    effect = rng.normal(4.5, 1.2, (n, n)) * (rng.choice([-1, 1], (n, n), p=[0.3, 0.7]) if kind != "signed" else 1)
    values = 0.3 * (kind != "folded") + 1.4 * rng.normal(size=(n, n)) + 1.4 * true * effect
    if kind == "signed":
        found = all_pairs(n, score=values)
    elif kind == "folded":
        found = all_pairs(n, score=np.abs(values))
    else:
        found = all_pairs(n, score=np.abs(values), sign=np.sign(values).astype(np.int8))
    return found, true[found.pre, found.post]


@pytest.mark.parametrize("kind", ["signed", "with signs", "folded"])
def test_expected_precision_is_that_which_is_found(kind):
    off = []
    for seed in range(5):
        found, true = drawn(seed, kind=kind)
        table = expected_precision(found)
        rank = np.argsort(-found.properties["score"])
        for k in (200, 500, 800):
            row = table.index.searchsorted(k)
            at = table.index[row]
            off.append(table["expected_precision"].iloc[row] - true[rank[:at]].mean())
    assert abs(np.mean(off)) < 0.03
    assert np.abs(off).max() < 0.15


def test_peaks_over_lags_have_a_null_of_their_own():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        true = rng.random((80, 80)) < 0.1
        lags = rng.normal(size=(4, 80, 80))
        lags[1] += 4.5 * true
        found = all_pairs(80, score=np.abs(lags).max(axis=0))
        hit = true[found.pre, found.post][np.argsort(-found.properties["score"])]
        table = expected_precision(found)
        for k in (300, 600):
            assert table["expected_precision"].iloc[table.index.searchsorted(k)] == pytest.approx(
                hit[:k].mean(), abs=0.08
            )


def test_pairs_up_to_a_precision_have_it():
    for seed in range(3):
        found, true = drawn(seed)
        kept = strongest(local_fdr(found), precision=0.9)
        assert true[np.isin(found.pre * 80 + found.post, kept.pre * 80 + kept.post)].mean() == pytest.approx(
            0.9, abs=0.07
        )


def test_p_values_of_surrogates_give_probabilities_too():
    found, true = drawn(1)
    nulls = [drawn(seed, share=0.0)[0] for seed in range(20, 40)]
    told = local_fdr(significance(found, nulls), null="p-values").properties["probability"]
    assert told.sum() == pytest.approx(true.sum(), rel=0.35)
    assert told[true].mean() > 0.8 > 0.1 > told[~true].mean()


def test_probabilities_never_fall_as_scores_rise():
    found, _ = drawn(0)
    told = local_fdr(found).properties["probability"][np.argsort(found.properties["score"])]
    assert (np.diff(told) >= 0).all()
    assert told.min() >= 0
    assert told.max() <= 1


@given(st.integers(0, 12), st.integers(1, 5), st.integers(0, 10_000))
def test_counts_are_exact_and_no_edge_that_is_left_out_is_stronger(k, levels, seed):
    found = all_pairs(4, score=np.random.default_rng(seed).integers(levels, size=(4, 4)).astype(float))
    kept = strongest(found, n_edges=k)
    assert kept.n_edges == k
    least = kept.properties["score"].min(initial=np.inf)
    assert (found.properties["score"] > least).sum() <= k
    assert strongest(found, n_edges=k, ties="none").n_edges <= k <= strongest(found, n_edges=k, ties="all").n_edges


def test_ties_at_the_cut_are_told(caplog):
    found = Connectome(3, [0, 1, 2], [1, 2, 0], properties={"score": [1.0, 1.0, 2.0], "delay_ms": [1.0, 2.0, 3.0]})
    with caplog.at_level(logging.WARNING):
        kept = strongest(found, n_edges=2)
    assert "1 of 2 pairs of score 1 are taken" in caplog.text
    assert kept.edges.values.tolist() == [[0, 1, 1, 1], [2, 0, 2, 3]]
    assert found.n_edges == 3


def test_shares_densities_and_false_discovery_rates():
    found = all_pairs(5, score=np.arange(25.0).reshape(5, 5), q_value=np.arange(25.0).reshape(5, 5)[::-1, ::-1] / 24)
    assert strongest(found, fraction=0.5).n_edges == 10
    assert strongest(strongest(found, fraction=0.5), density=0.2).n_edges == 4
    assert strongest(found, q_value=0.05).properties["score"].tolist() == [23.0]
    assert strongest(found, n_edges=0).n_edges == 0


def test_what_cannot_be_chosen_is_refused():
    found = all_pairs(3, score=np.eye(3))
    with pytest.raises(OptionError, match="2 of n_edges, fraction, density, q_value, precision are given; give one"):
        strongest(found, n_edges=1, density=0.1)
    with pytest.raises(OptionError, match=r"strongest.n_edges: 7 of 6 pairs"):
        strongest(found, n_edges=7)
    with pytest.raises(OptionError, match="unknown edge property 'q_value'; known: score"):
        strongest(found, q_value=0.1)
    with pytest.raises(OptionError, match="at least 100 are needed"):
        expected_precision(found)
    with pytest.raises(OptionError, match="most scores are equal"):
        local_fdr(all_pairs(20, score=np.ones((20, 20))))


def test_long_tables_are_thinned_and_pairs_of_no_score_have_no_chance():
    found, _ = drawn(0)
    assert len(expected_precision(found)) <= 1000
    scores = found.properties["score"].copy()
    scores[:79] = 0.0
    assert (
        local_fdr(Connectome(80, found.pre, found.post, properties={"score": scores})).properties["probability"][:79]
        == 0
    ).all()


def test_infinite_scores_are_refused():
    scores = np.random.default_rng(0).random((20, 20))
    scores[0, 1:3] = np.inf
    with pytest.raises(OptionError, match="local_fdr: 2 scores are not finite"):
        local_fdr(all_pairs(20, score=scores))

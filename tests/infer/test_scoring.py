"""Scores of estimates: by hand, against the definitions, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntap import Connectome
from conntap.errors import OptionError
from conntap.infer import precision_recall_curve, roc_curve, score
from conntap.infer.pairs import all_pairs

TRUTH = Connectome(3, [0, 1, 2], [1, 2, 0], properties={"weight": [1.0, 2.0, -4.0]})
GUESS = all_pairs(
    3, score=np.array([[0, 6.0, 5.0], [1.0, 0, 4.0], [3.0, 2.0, 0]])
)  # true, false, true, true, false, false


def drawn(seed, n=6, levels=4, share=0.4):
    rng = np.random.default_rng(seed)
    true = (rng.random((n, n)) < share) * rng.choice([-1.0, 1.0, 2.0], (n, n))
    np.fill_diagonal(true, 0)
    return Connectome.from_adjacency(true), all_pairs(n, score=rng.integers(levels, size=(n, n)).astype(float)), true


def off(matrix):
    return matrix[~np.eye(len(matrix), dtype=bool)]


def test_the_numbers_of_six_pairs_by_hand():
    told = score(GUESS, TRUTH, at=[1, 2])
    assert told["roc_auc"] == pytest.approx(7 / 9)
    assert told["pr_auc"] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert told["precision_at_true"] == pytest.approx(2 / 3)
    assert told["best_f1"] == pytest.approx(6 / 7)
    assert told[["prevalence", "true", "pairs", "precision_at_1", "precision_at_2"]].tolist() == [0.5, 3, 6, 1, 0.5]


def test_of_excitatory_connections_the_inhibitory_are_neither_hits_nor_misses():
    told = score(GUESS, TRUTH, edges="excitatory")
    assert told[["true", "pairs"]].tolist() == [2, 5]
    assert told["roc_auc"] == pytest.approx(5 / 6)
    assert score(GUESS, TRUTH, edges="inhibitory")[["true", "pairs"]].tolist() == [1, 4]


def test_undirected_pairs_take_the_larger_score():
    told = score(GUESS, Connectome(3, [1], [0]), pairs="undirected")
    assert told[["true", "pairs", "roc_auc"]].tolist() == [1, 3, 1]


def test_signs_and_weights_are_compared_where_the_estimate_tells_signs():
    values = np.array([[0, 1.0, 0], [0, 0, 2.0], [4.0, 0, 0]])
    signed = all_pairs(3, score=values, sign=np.array([[0, 1, 0], [0, 0, -1], [-1, 0, 0]], dtype=np.int8))
    told = score(signed, TRUTH)
    assert told["sign_accuracy"] == pytest.approx(2 / 3)
    assert told["weight_correlation"] == pytest.approx(np.corrcoef([1, 0, 0, -2, -4, 0], [1, 0, 0, 2, -4, 0])[0, 1])


@given(st.integers(0, 10_000), st.integers(1, 8))
def test_the_roc_area_is_the_chance_that_a_connected_pair_ranks_higher(seed, levels):
    truth, guess, true = drawn(seed, levels=levels)
    values, connected = guess.edges["score"].to_numpy(), off(true) != 0
    told = score(guess, truth)["roc_auc"]
    if connected.all() or not connected.any():
        assert np.isnan(told)
        return
    a, b = values[connected][:, None], values[~connected]
    assert told == pytest.approx(((a > b) + 0.5 * (a == b)).mean())
    curve = roc_curve(guess, truth)
    assert np.trapezoid(curve["true_positive_rate"], curve["false_positive_rate"]) == pytest.approx(told)


@given(st.integers(0, 10_000))
def test_average_precision_is_the_mean_precision_at_the_connected_pairs_without_ties(seed):
    truth, _, true = drawn(seed)
    guess = all_pairs(6, score=np.random.default_rng(seed).permutation(36).reshape(6, 6).astype(float))
    order = np.argsort(-guess.edges["score"].to_numpy())
    hits = (off(true) != 0)[order]
    if hits.any():
        expected = (np.cumsum(hits) / np.arange(1, 31))[hits].mean()
        assert score(guess, truth)["pr_auc"] == pytest.approx(expected)


@given(st.integers(0, 10_000), st.permutations(range(6)))
def test_the_order_of_nodes_does_not_matter(seed, order):
    truth, guess, _ = drawn(seed)
    moved = truth.subset(np.array(order))
    assert score(guess, moved).equals(score(guess, truth))


def test_pairs_without_an_edge_rank_last():
    kept = Connectome(3, [0, 1], [1, 2], properties={"score": [-5.0, -7.0]})
    assert score(kept, TRUTH)["precision_at_true"] == pytest.approx((2 + 1 / 4) / 3)


def test_nodes_that_were_not_recorded_are_left_out():
    assert score(all_pairs([2, 0], score=np.array([[0, 1.0], [0, 0]])), TRUTH)[["true", "roc_auc"]].tolist() == [1, 1]


def test_the_precision_falls_to_the_prevalence():
    truth, guess, _ = drawn(1)
    curve = precision_recall_curve(guess, truth, points=3)
    assert curve["precision"].iloc[-1] == score(guess, truth)["prevalence"]
    assert curve["recall"].iloc[-1] == 1
    assert len(curve) == 3


@pytest.mark.parametrize("truth", [Connectome(3, [], []), Connectome(0, [], [])])
def test_without_connections_nothing_is_defined(truth):
    guess = GUESS.subset(truth.ids)
    assert np.isnan(score(guess, truth)["roc_auc"])
    assert np.isnan(score(guess, truth)["pr_auc"])
    with pytest.raises(OptionError, match="roc_curve: connected and unconnected pairs are both needed"):
        roc_curve(guess, truth)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"at": [7]}, r"score\.at: 7 of 6 pairs; give numbers from 1 to 6"),
        ({"property": "p"}, "score: unknown edge property 'p'"),
        ({"weight": "w", "edges": "excitatory"}, "score: unknown edge property 'w'"),
    ],
)
def test_what_cannot_be_scored_is_refused(options, match):
    with pytest.raises(OptionError, match=match):
        score(GUESS, TRUTH, **options)


def test_unknown_nodes_and_missing_scores_are_refused():
    with pytest.raises(OptionError, match="score: 1 of 2 nodes of the estimate are unknown to the truth: 9"):
        score(all_pairs([0, 9], score=np.zeros((2, 2))), TRUTH)
    with pytest.raises(OptionError, match="score: 2 scores are NaN"):
        score(all_pairs(2, score=np.full((2, 2), np.nan)), Connectome(2, [0], [1]))


def test_scoring_leaves_its_inputs_as_they_are():
    before = GUESS.edges.copy(), TRUTH.edges.copy()
    score(GUESS, TRUTH)
    assert GUESS.edges.equals(before[0])
    assert TRUTH.edges.equals(before[1])

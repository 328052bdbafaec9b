"""Labels of cells from the signs of what they do: by hand, in noise, and what they do to the scores."""

import numpy as np
import pandas as pd
import pytest

from conntap import Connectome
from conntap.build import typed
from conntap.errors import OptionError
from conntap.infer import cell_types, lagged_correlation, score, score_types, signed_by_type, simulate_lif
from conntap.infer.pairs import all_pairs


def noisy(seed, n=60, share=0.15, strength=5.0):
    """Signed scores of a network whose first fifth is inhibitory, in noise, and the truth."""
    rng = np.random.default_rng(seed)
    true = (rng.random((n, n)) < share) * np.where(np.arange(n) < n // 5, -1.0, 1.0)[:, None]
    np.fill_diagonal(true, 0)
    signed = strength * true + rng.normal(size=(n, n)) + rng.normal(size=n)
    return all_pairs(n, score=np.abs(signed), sign=np.sign(signed).astype(np.int8)), Connectome.from_adjacency(true)


def test_votes_by_hand():
    found = Connectome(
        4, [0, 0, 0, 1, 1], [1, 2, 3, 0, 2], properties={"score": [1.0] * 5, "sign": [1, 1, -1, -1, 1],
                                                         "probability": [1.0, 0.5, 0.5, 0.5, 0.5]}
    )  # fmt: skip
    told = cell_types(found)
    assert told["label"].tolist() == ["E", "unknown", "unknown", "unknown"]
    assert told["evidence"].tolist() == [0.5, 0, 0, 0]
    assert told["pairs"].tolist() == pytest.approx([4 / 1.5, 2, 0, 0])
    assert told["confidence"].round(4).tolist() == [0.7929, 0.5, 0.5, 0.5]


def test_cells_in_noise_with_biased_columns_are_labelled_as_what_they_are():
    for seed in range(3):
        found, truth = noisy(seed)
        told = score_types(cell_types(found), truth)
        assert told["balanced_accuracy"] > 0.95
        assert told["nodes"] == 60


def test_one_outlier_decides_nothing():
    found, truth = noisy(1)
    scores = found.properties["score"].copy()
    scores[::59] *= -1e6 * np.sign(found.properties["sign"][::59])
    again = cell_types(Connectome(60, found.pre, found.post, properties={"score": np.where(
        np.arange(len(scores)) % 59 == 0, scores, scores * found.properties["sign"])}))  # fmt: skip
    assert score_types(again, truth)["balanced_accuracy"] > 0.9


def test_pairs_of_one_neuron_get_one_sign_and_dissenters_lower_scores():
    found, truth = noisy(2, strength=3.0)
    lowered = signed_by_type(found)
    assert (pd.Series(lowered.properties["sign"]).groupby(lowered.pre).nunique() == 1).all()
    assert score(lowered, truth)["pr_auc"] > score(found, truth)["pr_auc"]
    kept = signed_by_type(found, dissent="keep")
    assert np.array_equal(kept.properties["score"], found.properties["score"])


def test_a_simulated_network_shows_its_inhibitory_cells():
    truth = typed(
        counts={"E": 64, "I": 16},
        probability=0.15,
        weight={"E": 1.0, "I": -5.0},
        delay_ms=1.5,
        rng=np.random.default_rng(1),
    )
    spikes = simulate_lif(truth, duration_s=200, rng=np.random.default_rng(2))
    found = lagged_correlation(spikes)
    assert score_types(cell_types(found), truth, property="ei")["balanced_accuracy"] > 0.85
    assert score(signed_by_type(found), truth)["pr_auc"] > score(found, truth)["pr_auc"]


def test_truth_by_a_property_of_the_nodes_and_by_weights():
    nodes = pd.DataFrame({"ei": ["e", "INH", "glia"]}, index=[5, 6, 7])
    truth = Connectome(nodes, [0, 1], [1, 0], properties={"weight": [-1.0, 2.0]})
    labels = pd.DataFrame({"label": ["E", "E", "I"]}, index=[5, 6, 7])
    told = score_types(labels, truth, property="ei")
    assert told[["accuracy", "balanced_accuracy", "nodes"]].tolist() == [0.5, 0.5, 2]
    assert score_types(labels, truth)[["excitatory_accuracy", "inhibitory_accuracy"]].tolist() == [1.0, 0.0]


def test_nodes_and_columns_that_are_not_there_are_told():
    labels = pd.DataFrame({"label": ["E"]}, index=[9])
    with pytest.raises(OptionError, match="1 of the nodes are not in the truth"):
        score_types(labels, Connectome(2, [], [], properties={"weight": []}))
    with pytest.raises(OptionError, match="unknown column 'lable'"):
        score_types(labels, Connectome(2, [], []), label="lable")


def test_nothing_to_vote_with_gives_no_labels():
    assert cell_types(Connectome(3, [], [], properties={"score": []}))["label"].tolist() == ["unknown"] * 3
    silent = all_pairs(3, score=np.zeros((3, 3)))
    assert cell_types(silent)["confidence"].tolist() == [0.5] * 3
    assert signed_by_type(silent).properties["sign"].tolist() == [0] * 6

"""Excitatory or inhibitory: what kind of cell a neuron is, by the signs of what it does to the others."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import ndtr

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, unknown
from conntap.infer.matching import column, signed_column, with_properties
from conntap.infer.two_groups import connected

__all__ = ["cell_types", "score_types", "signed_by_type"]

_LABELS = ["E", "I", "unknown"]
_NOISE = 2.0  # robust standard deviations that a pair must stand out to count
_MOST = 10.0  # beyond which it counts no more


def cell_types(estimate: Connectome, *, property: str = "score") -> pd.DataFrame:
    """Label each neuron excitatory or inhibitory by the signs of its outgoing pairs.

    By Dale's law all of a neuron's connections have one sign. Pairs that are probably connected vote with the sign that the
    estimate gives them; the others are silent.

    Parameters
    ----------
    estimate
        Pairs with a score and either `sign` or scores that have signs themselves. The weight of a pair's vote is its
        `probability`, where it has one, else that which `local_fdr` gives: a single outlier decides nothing. Of fewer than
        100 pairs it is by how much the pair stands out, up to a limit.
    property
        The score.

    Returns
    -------
    A table indexed by id: `label` ("E", "I", or "unknown" where nothing votes or the votes are even), `confidence` (float64,
    0.5 to 1: how probable the majority would be in further votes), `evidence` (-1 to 1: votes for E less those for I, as a
    share), `pairs` (float64: how many votes of equal weight these are worth).

    Raises
    ------
    OptionError
        No such property, or NaN.

    Notes
    -----
    Time for sorting the pairs. Confidence is Phi(|evidence| sqrt(pairs)), with (sum w)^2 / sum w^2
    pairs (Kish, 1965). Common input makes votes dependent and more of them
    excitatory: confidence is then too high, and more neurons are labelled so than are.

    Examples
    --------
    >>> scores = np.array([[0, 5.0, 4.0], [-6.0, 0, -5.0], [0.1, -0.1, 0]])
    >>> found = Connectome.from_adjacency(scores, weight="score")
    >>> found = with_properties(found, probability=np.abs(found.properties["score"]) > 1)
    >>> cell_types(found)["label"].tolist()
    ['E', 'I', 'unknown']
    """
    values = signed_column(estimate, property, "cell_types")
    weight = _votes(estimate, values)
    n = estimate.n_nodes
    for_e, for_i = (np.bincount(estimate.pre, weight * (side * values > 0), minlength=n) for side in (1, -1))
    total, squares = for_e + for_i, np.bincount(estimate.pre, weight**2 * (values != 0), minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        evidence = np.where(total > 0, (for_e - for_i) / total, 0.0)
        pairs = np.where(squares > 0, total**2 / squares, 0.0)
    label = np.where(evidence > 0, "E", np.where(evidence < 0, "I", "unknown"))
    return pd.DataFrame(
        {
            "label": pd.Categorical(label, categories=_LABELS),
            "confidence": ndtr(np.abs(evidence) * np.sqrt(pairs)),
            "evidence": evidence,
            "pairs": pairs,
        },
        index=estimate.nodes.index,
    )


def score_types(
    labels: pd.DataFrame,
    truth: Connectome,
    *,
    label: str = "label",
    property: str | None = None,
    weight: str = "weight",
) -> pd.Series:
    """How many neurons are labelled as what they are.

    Parameters
    ----------
    labels
        A table of neurons by id, as `cell_types` gives it. Neurons that the truth does not label are left out.
    truth
        The true connectome.
    label
        The column of the labels.
    property
        The node property of the truth that tells excitatory from inhibitory: text that begins with e or i. Default: none; a
        neuron is what the sum of its outgoing weights is, positive or negative.
    weight
        The edge property of the truth that has signs, where `property` is not given.

    Returns
    -------
    float64, index "measure": `accuracy` and `balanced_accuracy` (the mean of the next two), `excitatory_accuracy`,
    `inhibitory_accuracy` (of the neurons that are so, which share is labelled so), `labelled` (the share with a label),
    `nodes` (how many are judged). An "unknown" is wrong. NaN where there is no such neuron.

    Raises
    ------
    OptionError
        A column or property that is not there, or nodes that the truth lacks.

    Notes
    -----
    Linear in nodes and edges. Balanced accuracy is 0.5 for a guess, whatever the share of inhibitory neurons.

    Examples
    --------
    >>> truth = Connectome(3, [0, 1, 2], [1, 2, 0], properties={"weight": [1.0, 2.0, -4.0]})
    >>> score_types(pd.DataFrame({"label": ["E", "I", "I"]}, index=[0, 1, 2]), truth)["balanced_accuracy"]
    np.float64(0.75)
    """
    if label not in labels:
        raise OptionError(unknown("score_types.label", "column", label, labels.columns))
    rows = truth.nodes.index.get_indexer(labels.index)
    if (rows < 0).any():
        raise OptionError(
            f"score_types: {(rows < 0).sum()} of the nodes are not in the truth. Give that of this recording."
        )
    true, given = _true_types(truth, property, weight)[rows], _types(labels[label])
    judged = true != 0
    right = (true == given)[judged]
    by_type = [_mean((given == side)[true == side]) for side in (1, -1)]
    told = {
        "accuracy": _mean(right),
        "balanced_accuracy": float(np.mean(by_type)),
        "excitatory_accuracy": by_type[0],
        "inhibitory_accuracy": by_type[1],
        "labelled": _mean((given != 0)[judged]),
        "nodes": float(judged.sum()),
    }
    return pd.Series(told, name="value").rename_axis("measure")


def signed_by_type(
    estimate: Connectome, *, property: str = "score", dissent: Literal["lower", "keep"] = "lower"
) -> Connectome:
    """Give all pairs of a neuron one sign, and lower the scores of those whose own sign is another: Dale's law.

    Keeps nodes, edges and their order, and the scores of the pairs that agree with their neuron.

    Parameters
    ----------
    estimate
        As `cell_types` takes it.
    property
        The score.
    dissent
        "lower" multiplies the score of a pair of the other sign by 2 (1 - confidence) of the label: none is left of it where
        the label is certain, all of it where it is a guess. "keep" changes signs alone.

    Returns
    -------
    The estimate with `sign` (int8: that of the label, where it is unknown as before) and the score without sign.

    Raises
    ------
    OptionError
        No such property, or NaN.

    Notes
    -----
    As `cell_types`. Scores below 0 beside a `sign` are lowered towards the lowest.

    Examples
    --------
    >>> found = Connectome(4, [0, 0, 0], [1, 2, 3], properties={"score": [9.0, 8.0, -1.0], "probability": [1.0, 1.0, 0.5]})
    >>> signed_by_type(found).edges[["score", "sign"]].round(2).values.tolist()
    [[9.0, 1.0], [8.0, 1.0], [0.32, 1.0]]
    """
    found = cell_types(estimate, property=property)
    values = signed_column(estimate, property, "signed_by_type")
    own = np.sign(values).astype(np.int8)
    type_of = _types(found["label"])[estimate.pre]
    scores = (
        np.asarray(estimate.properties[property], dtype=np.float64) if "sign" in estimate.properties else np.abs(values)
    )
    if dissent == "lower":
        factor = np.where(own * type_of < 0, 2 * (1 - found["confidence"].to_numpy()[estimate.pre]), 1.0)
        lowest = min(0.0, scores.min(initial=0.0))
        scores = lowest + (scores - lowest) * factor
    sign = np.where(type_of != 0, type_of, own).astype(np.int8)
    return with_properties(estimate, **{property: scores, "sign": sign})


def _votes(estimate: Connectome, values: np.ndarray) -> np.ndarray:
    """The weight of each pair's vote."""
    if "probability" in estimate.properties:
        return column(estimate, "probability", "cell_types")
    sizes = np.abs(values)
    try:
        return connected(sizes, "cell_types", null="folded")
    except OptionError:  # too few pairs, or too few that differ, to tell two groups
        noise = 1.4826 * float(np.median(sizes)) if len(sizes) else 0.0
        return np.clip(sizes - _NOISE * noise, 0.0, (_MOST - _NOISE) * noise) if noise > 0 else (sizes > 0) * 1.0


def _true_types(truth: Connectome, property: str | None, weight: str) -> np.ndarray:
    """Shape (nodes,): 1 excitatory, -1 inhibitory, 0 neither."""
    if property is not None:
        if property not in truth.nodes:
            raise OptionError(unknown("score_types.property", "node property", property, truth.nodes.columns))
        return _types(truth.nodes[property])
    values = truth.properties.get(weight)
    if values is None or isinstance(values, pd.Categorical):
        raise OptionError(unknown("score_types.weight", "edge property", weight, truth.properties))
    return np.sign(np.bincount(truth.pre, np.asarray(values, dtype=np.float64), minlength=truth.n_nodes)).astype(
        np.int8
    )


def _types(labels: pd.Series) -> np.ndarray:
    first = labels.astype(object).map(lambda each: str(each)[:1].lower()).to_numpy()
    return np.where(first == "e", 1, np.where(first == "i", -1, 0)).astype(np.int8)


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else np.nan

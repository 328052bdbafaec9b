"""How well an estimated connectome ranks the connections of a true one."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.infer.pairs import matrix_of

__all__ = ["precision_recall_curve", "roc_curve", "score"]

Pairs = Literal["directed", "undirected"]
Edges = Literal["any", "excitatory", "inhibitory"]


def score(
    estimate: Connectome,
    truth: Connectome,
    *,
    property: str = "score",
    weight: str = "weight",
    pairs: Pairs = "directed",
    edges: Edges = "any",
    at: list[int] | None = None,
) -> pd.Series:
    """How well the scores of pairs tell connected from unconnected ones, in the numbers that the field uses.

    Parameters
    ----------
    estimate
        Pairs with a score; pairs without an edge rank below all others. All its nodes must be known to the truth; true nodes
        that were not recorded are left out.
    truth
        The true connections; parallel edges are one.
    property
        The property of the estimate that ranks pairs, larger for more probably connected.
    weight
        The property of the truth whose sign says excitatory or inhibitory. Only asked for where `edges` is not "any"; without
        it correlations and signs are NaN.
    pairs
        "undirected" asks whether two nodes are connected in any direction; a pair's score is the larger of its two.
    edges
        Which connections are to be found. Connections of the other sign are then left out: they are neither hits nor misses.
    at
        Numbers k of best pairs whose precision is wanted too.

    Returns
    -------
    float64, index "measure": `roc_auc` (area under the curve of true against false positive rates), `pr_auc` (average
    precision), `prevalence` (what `pr_auc` is by chance), `precision_at_true` (precision of as many best pairs as are
    connected), `best_f1`, `weight_correlation` (Pearson, of score, times the sign where the estimate has one, and true weight,
    over all directed pairs), `sign_accuracy` (of the true connections that the estimate gives a sign), `true` and `pairs`
    (how many), and `precision_at_K` for each of `at`. NaN where something is undefined: no connection, or all connected.

    Raises
    ------
    OptionError
        Nodes of the estimate that the truth lacks, no such property, parallel edges in the estimate, scores that are NaN,
        k beyond the pairs.

    Notes
    -----
    Time for sorting n * (n - 1) pairs; ties count half in the ROC area, and are taken together in precisions (at k: as the mean
    over all orders). Average precision is the sum of precision times step of recall, which is less optimistic than the area
    under straight lines: Davis & Goadrich, 2006, https://doi.org/10.1145/1143844.1143874. ROC area by ranks: Hanley & McNeil,
    1982, https://doi.org/10.1148/radiology.143.1.7063747.

    Examples
    --------
    >>> from conntap.infer.pairs import all_pairs
    >>> truth = Connectome(3, [0, 1], [1, 2], properties={"weight": [1.0, 2.0]})
    >>> guess = all_pairs(3, score=np.array([[0, 0.9, 0.8], [0.1, 0, 0.85], [0.2, 0.3, 0]]))
    >>> score(guess, truth)[["roc_auc", "pr_auc", "precision_at_true"]].tolist()
    [1.0, 1.0, 1.0]
    """
    values, connected = _labelled(estimate, truth, property, weight, pairs, edges, "score")
    curve = _counted(values, connected)
    found, n = int(connected.sum()), len(connected)
    total = curve["true"] + curve["false"]
    precision = curve["true"] / np.maximum(total, 1)
    recall = curve["true"] / found if found else np.full(len(total), np.nan)
    told = {
        "roc_auc": _roc_auc(values, connected),
        "pr_auc": float(np.sum(np.diff(recall, prepend=0.0) * precision)) if found else np.nan,
        "prevalence": found / n if n else np.nan,
        "precision_at_true": _precision_at(found, curve) if found else np.nan,
        "best_f1": float(np.max(2 * curve["true"] / (total + found), initial=0.0)) if found else np.nan,
        **_weighed(estimate, truth, property, weight),
        "true": float(found),
        "pairs": float(n),
    }
    for k in at or []:
        if not 1 <= k <= n:
            raise OptionError(f"score.at: {k} of {n} pairs; give numbers from 1 to {n}.")
        told[f"precision_at_{k}"] = _precision_at(k, curve)
    return pd.Series(told, name="value", dtype=np.float64).rename_axis("measure")


def roc_curve(
    estimate: Connectome,
    truth: Connectome,
    *,
    property: str = "score",
    weight: str = "weight",
    pairs: Pairs = "directed",
    edges: Edges = "any",
    points: int = 1000,
) -> pd.DataFrame:
    """True against false positive rates as the threshold falls.

    Parameters
    ----------
    property, weight, pairs, edges
        As `score` takes them.
    points
        How many points at most, evenly spread along the curve; the first and the last are among them.

    Returns
    -------
    float64, columns `threshold`, `false_positive_rate`, `true_positive_rate`, from (0, 0) to (1, 1); index "point".

    Raises
    ------
    OptionError
        As `score`; a truth without connections or with all of them; fewer than 2 points.

    Notes
    -----
    Time for sorting n * (n - 1) pairs. Source: Fawcett, 2006, https://doi.org/10.1016/j.patrec.2005.10.010.

    Examples
    --------
    >>> from conntap.infer.pairs import all_pairs
    >>> guess = all_pairs(2, score=np.array([[0, 0.9], [0.1, 0]]))
    >>> roc_curve(guess, Connectome(2, [0], [1]))["true_positive_rate"].tolist()
    [0.0, 1.0, 1.0]
    """
    values, connected = _labelled(estimate, truth, property, weight, pairs, edges, "roc_curve")
    curve = _both_kinds(_counted(values, connected), "roc_curve")
    return _thinned(
        {
            "threshold": np.concatenate([[np.inf], curve["threshold"]]),
            "false_positive_rate": np.concatenate([[0.0], curve["false"] / curve["false"][-1]]),
            "true_positive_rate": np.concatenate([[0.0], curve["true"] / curve["true"][-1]]),
        },
        points,
        "roc_curve",
    )


def precision_recall_curve(
    estimate: Connectome,
    truth: Connectome,
    *,
    property: str = "score",
    weight: str = "weight",
    pairs: Pairs = "directed",
    edges: Edges = "any",
    points: int = 1000,
) -> pd.DataFrame:
    """Precision against recall as the threshold falls.

    Parameters
    ----------
    property, weight, pairs, edges
        As `score` takes them.
    points
        How many points at most, evenly spread along the curve.

    Returns
    -------
    float64, columns `threshold`, `recall`, `precision`, `n` (pairs at or above the threshold); index "point".

    Raises
    ------
    OptionError
        As `score`; a truth without connections or with all of them; fewer than 2 points.

    Notes
    -----
    Time for sorting n * (n - 1) pairs. Source: Davis & Goadrich, 2006, https://doi.org/10.1145/1143844.1143874.

    Examples
    --------
    >>> from conntap.infer.pairs import all_pairs
    >>> guess = all_pairs(2, score=np.array([[0, 0.9], [0.1, 0]]))
    >>> precision_recall_curve(guess, Connectome(2, [0], [1]))["precision"].tolist()
    [1.0, 0.5]
    """
    values, connected = _labelled(estimate, truth, property, weight, pairs, edges, "precision_recall_curve")
    curve = _both_kinds(_counted(values, connected), "precision_recall_curve")
    n = curve["true"] + curve["false"]
    columns = {
        "threshold": curve["threshold"],
        "recall": curve["true"] / curve["true"][-1],
        "precision": curve["true"] / n,
    }
    return _thinned(columns | {"n": n.astype(np.float64)}, points, "precision_recall_curve")


def _labelled(
    estimate: Connectome, truth: Connectome, property: str, weight: str, pairs: str, edges: str, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Score, and whether connected, of each pair that counts."""
    values = matrix_of(estimate, property, where, missing=-np.inf)
    if np.isnan(values).any():
        raise OptionError(
            f"{where}: {int(np.isnan(values).sum())} scores are NaN. Score every pair, or drop these edges."
        )
    connected, other = _connected(_among(truth, estimate, where), weight, edges, where)
    if pairs == "undirected":
        values, connected = np.maximum(values, values.T), connected | connected.T
        other = (other | other.T) & ~connected
        counts = np.triu(~other, 1)
    else:
        counts = ~other
        np.fill_diagonal(counts, False)
    return values[counts].astype(np.float64), connected[counts]


def _among(truth: Connectome, estimate: Connectome, where: str) -> Connectome:
    """The truth about the nodes of the estimate, in their order."""
    if not truth.is_square:
        raise OptionError(f"{where}: pre and post nodes of the truth differ; give a connectome of one node table.")
    if estimate.nodes.index.equals(truth.nodes.index):
        return truth
    lacking = estimate.nodes.index.difference(truth.nodes.index)
    if len(lacking):
        some = ", ".join(str(each) for each in lacking[:5])
        raise OptionError(
            f"{where}: {len(lacking)} of {estimate.n_nodes} nodes of the estimate are unknown to the truth: {some}. "
            "Give both the same ids."
        )
    return truth.subset(estimate.ids)


def _connected(truth: Connectome, weight: str, edges: str, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Whether a connection is to be found at [pre, post], and whether there is one of the other sign."""
    there, other = (np.zeros((truth.n_nodes, truth.n_nodes), dtype=bool) for _ in range(2))
    if edges == "any":
        there[truth.pre, truth.post] = True
    else:
        signs = np.sign(_weights(truth, weight, where)) * (1 if edges == "excitatory" else -1)
        there[signs > 0], other[signs < 0] = True, True
    np.fill_diagonal(there, False)
    return there, other


def _weights(truth: Connectome, weight: str, where: str) -> np.ndarray:
    merged = truth.connections(merge={weight: "sum"}) if weight in truth.properties else truth
    return matrix_of(merged, weight, where)


def _counted(values: np.ndarray, connected: np.ndarray) -> dict[str, np.ndarray]:
    """At each distinct score, falling: connected and unconnected pairs at or above it."""
    order = np.argsort(-values, kind="stable")
    ranked, hits = values[order], np.cumsum(connected[order])
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(ranked) else np.empty(0, dtype=np.int64)
    return {"threshold": ranked[last], "true": hits[last], "false": last + 1 - hits[last]}


def _precision_at(k: int, curve: dict[str, np.ndarray]) -> float:
    """Precision of the k best pairs; of pairs that tie at the end, a part in the proportion of their kinds."""
    n = np.concatenate([[0], curve["true"] + curve["false"]])
    return float(np.interp(k, n, np.concatenate([[0], curve["true"]])) / k)


def _roc_auc(values: np.ndarray, connected: np.ndarray) -> float:
    found = int(connected.sum())
    other = len(connected) - found
    if not found or not other:
        return np.nan
    return float((rankdata(values)[connected].sum() - found * (found + 1) / 2) / (found * other))


def _weighed(estimate: Connectome, truth: Connectome, property: str, weight: str) -> dict[str, float]:
    """What needs true weights: the correlation with them, and how many signs are right."""
    told = {"weight_correlation": np.nan, "sign_accuracy": np.nan}
    if weight not in truth.properties:
        return told
    true = _weights(_among(truth, estimate, "score"), weight, "score")
    values = matrix_of(estimate, property, "score")
    off = ~np.eye(len(true), dtype=bool)
    if "sign" in estimate.properties:
        sign = matrix_of(estimate, "sign", "score")
        asked = off & (true != 0) & (sign != 0)
        told["sign_accuracy"] = float(np.mean(sign[asked] == np.sign(true[asked]))) if asked.any() else np.nan
        values = np.abs(values) * sign
    a, b = values[off], true[off]
    a, b = a[np.isfinite(a)], b[np.isfinite(a)]
    if len(a) and a.std() > 0 and b.std() > 0:
        told["weight_correlation"] = float(np.corrcoef(a, b)[0, 1])
    return told


def _both_kinds(curve: dict[str, np.ndarray], where: str) -> dict[str, np.ndarray]:
    if not len(curve["true"]) or not curve["true"][-1] or not curve["false"][-1]:
        raise OptionError(f"{where}: connected and unconnected pairs are both needed; the truth has one kind only.")
    return curve


def _thinned(columns: dict[str, np.ndarray], points: int, where: str) -> pd.DataFrame:
    if points < 2:
        raise OptionError(f"{where}.points: {points}; give at least 2.")
    n = len(columns["threshold"])
    chosen = np.unique(np.linspace(0, n - 1, min(points, n)).round().astype(np.int64))
    return pd.DataFrame({name: values[chosen] for name, values in columns.items()}).rename_axis("point")

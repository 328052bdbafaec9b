"""Which pairs to take as connected, and how many of those are."""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import ndtri

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of
from conntap.infer.matching import column, with_properties
from conntap.infer.two_groups import connected

__all__ = ["expected_precision", "local_fdr", "strongest"]

_log = logging.getLogger(__name__)
_MOST_ROWS = 1000


def strongest(
    estimate: Connectome,
    *,
    n_edges: int | None = None,
    fraction: float | None = None,
    density: float | None = None,
    q_value: float | None = None,
    precision: float | None = None,
    property: str = "score",
    ties: Literal["order", "all", "none"] = "order",
) -> Connectome:
    """The pairs that are most probably connected, as a connectome of these edges alone.

    Keeps nodes, order and properties of the edges. Give exactly one of the first five options.

    Parameters
    ----------
    estimate
        Pairs with a score.
    n_edges
        How many.
    fraction
        Which share of the estimate's pairs (rounded to the nearest whole number).
    density
        As many as give this density: the share of all ordered pairs of different nodes.
    q_value
        All up to this false discovery rate, by the property `q_value` that `significance` adds.
    precision
        As many as there can be of which at least this share is expected to be connected: by the property `probability`,
        else by that which `local_fdr` gives.
    property
        The score that ranks.
    ties
        What to do where equal scores stand on both sides of the cut: take as many as are asked for in the "order" of the
        edges (the log tells how many are tied), "all" of them, or "none".

    Returns
    -------
    The nodes of the estimate with these edges.

    Raises
    ------
    OptionError
        Not exactly one way to choose, values out of range, no such property.

    Notes
    -----
    Time for sorting the pairs.

    Examples
    --------
    >>> found = Connectome(3, [0, 1, 2], [1, 2, 0], properties={"score": [0.5, 3.0, 2.0]})
    >>> strongest(found, n_edges=2).edges.values.tolist()
    [[1.0, 2.0, 3.0], [2.0, 0.0, 2.0]]
    """
    one_of("strongest.ties", ties, ["order", "all", "none"])
    ways = {"n_edges": n_edges, "fraction": fraction, "density": density, "q_value": q_value, "precision": precision}
    given = {name: value for name, value in ways.items() if value is not None}
    if len(given) != 1:
        raise OptionError(f"strongest: {len(given)} of {', '.join(ways)} are given; give one.")
    ((way, value),) = given.items()
    scores = column(estimate, property, "strongest")
    if way == "q_value":
        return estimate.filter(column(estimate, "q_value", "strongest") <= _share(way, value))
    if way == "precision":
        return estimate.filter(scores >= _cut_of_precision(estimate, scores, property, _share(way, value)))
    return estimate.filter(_best(scores, _count(estimate, way, value), ties))


def expected_precision(estimate: Connectome, *, property: str = "score") -> pd.DataFrame:
    """How many of the pairs above each threshold are expected to be connected, without a truth.

    Parameters
    ----------
    estimate
        Pairs with a score and, where a step before gave it, `probability`; else it is that which `local_fdr` gives.
    property
        The score that ranks.

    Returns
    -------
    A table, index "edges" (how many pairs score at least the threshold): `threshold`, `expected_precision` (the mean of
    their probabilities) and `expected_recall` (their sum, as a share of that of all), float64. At most about 1,000 rows, evenly
    spaced in the logarithm of the number; equal scores stand together.

    Raises
    ------
    OptionError
        No such property; without probabilities, fewer than 100 pairs or scores that cannot be told apart.

    Notes
    -----
    Time for sorting the pairs. It is as true as the probabilities: what all pairs have in common (bursts) they can hold
    for connections.

    Examples
    --------
    >>> found = Connectome(3, [0, 1, 2], [1, 2, 0], properties={"score": [5.0, 3.0, 2.0], "probability": [1.0, 0.5, 0.0]})
    >>> expected_precision(found).round(2).values.tolist()
    [[5.0, 1.0, 0.67], [3.0, 0.75, 1.0], [2.0, 0.5, 1.0]]
    """
    scores = column(estimate, property, "expected_precision")
    table = _expected(scores, _probabilities(estimate, property, "expected_precision"))
    if len(table) <= _MOST_ROWS:
        return table
    chosen = np.unique(np.geomspace(1, len(table), _MOST_ROWS).round().astype(np.int64) - 1)
    return table.iloc[chosen]


def local_fdr(
    estimate: Connectome,
    *,
    property: str = "score",
    null: Literal["fit", "p-values"] = "fit",
    tail: Literal["auto", "both", "right"] = "auto",
) -> Connectome:
    """How probable each pair is to be connected, from the shape of all scores: most are of pairs that are not.

    The scores of pairs without connection are taken to be normal, or the largest of several sizes of normal values (peaks
    over lags); which, is fitted to the lower three quarters. What is more above than that is of connections. Only the edge
    property is added.

    Parameters
    ----------
    estimate
        Pairs with a score, few of which are connected (a third at most).
    property
        The score.
    null
        "p-values" takes the null from the property `p_value` that `significance` added, in place of fitting one.
    tail
        Whether scores tell of connections by their size ("both" sides) or on the "right" alone; "auto": by their size where
        none is negative, else on the right.

    Returns
    -------
    The estimate with `probability`: 1 less the local false discovery rate; it never falls as the score rises.
    Pairs of score 0 have 0.

    Raises
    ------
    OptionError
        Fewer than 100 pairs, scores most of which are equal, no such property.

    Notes
    -----
    Time for sorting the pairs. Efron, 2004, https://doi.org/10.1198/016214504000000089: null by maximum likelihood of the
    middle, density by Poisson regression of a histogram. A null that is not normal (heavy tails) makes it too high.

    Examples
    --------
    >>> from conntap.infer.pairs import all_pairs
    >>> rng = np.random.default_rng(0)
    >>> true = rng.random((40, 40)) < 0.1
    >>> found = local_fdr(all_pairs(40, score=rng.normal(size=(40, 40)) + 4 * true))
    >>> bool(abs(found.properties["probability"].mean() - 0.1) < 0.03)
    True
    """
    one_of("local_fdr.null", null, ["fit", "p-values"])
    one_of("local_fdr.tail", tail, ["auto", "both", "right"])
    return with_properties(estimate, probability=_two_groups(estimate, property, "local_fdr", null, tail))


def _two_groups(estimate: Connectome, property: str, where: str, null: str = "fit", tail: str = "auto") -> np.ndarray:
    if null == "p-values":
        z = -ndtri(np.clip(column(estimate, "p_value", where), 1e-300, 1 - 1e-12))
        return connected(np.where(z == 0, 1e-12, z), where, null="standard")
    values = column(estimate, property, where)
    if tail == "auto":
        tail = "both" if (values >= 0).all() else "right"
    return (
        connected(np.abs(values), where, null="folded") if tail == "both" else connected(values, where, null="normal")
    )


def _probabilities(estimate: Connectome, property: str, where: str) -> np.ndarray:
    if "probability" in estimate.properties:
        return column(estimate, "probability", where)
    return _two_groups(estimate, property, where)


def _expected(scores: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
    order = np.argsort(-scores, kind="stable")
    falling, found = scores[order], np.cumsum(probability[order])
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True)) if len(falling) else np.empty(0, np.int64)
    total = found[-1] if len(found) else 0.0
    return pd.DataFrame(
        {
            "threshold": falling[last],
            "expected_precision": found[last] / (last + 1),
            "expected_recall": found[last] / total if total > 0 else np.full(len(last), np.nan),
        },
        index=pd.Index(last + 1, name="edges"),
    )


def _cut_of_precision(estimate: Connectome, scores: np.ndarray, property: str, precision: float) -> float:
    table = _expected(scores, _probabilities(estimate, property, "strongest.precision"))
    reached = table["threshold"].to_numpy()[table["expected_precision"].to_numpy() >= precision]
    return float(reached[-1]) if len(reached) else np.inf


def _count(estimate: Connectome, way: str, value: float) -> int:
    n, held = estimate.n_nodes, estimate.n_edges
    if way == "n_edges":
        if isinstance(value, bool) or int(value) != value or not 0 <= value <= held:
            raise OptionError(f"strongest.n_edges: {value} of {held:,} pairs; give a whole number from 0 to {held}.")
        return int(value)
    count = round(_share(way, value) * (held if way == "fraction" else n * (n - 1)))
    if count > held:
        raise OptionError(f"strongest.density: {value} needs {count:,} pairs; the estimate has {held:,}. Give less.")
    return count


def _share(way: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise OptionError(f"strongest.{way}: {value}; give a share from 0 to 1.")
    return float(value)


def _best(scores: np.ndarray, k: int, ties: str) -> np.ndarray:
    """Shape (pairs,), boolean: the k best."""
    keep = np.zeros(len(scores), dtype=bool)
    if k == 0:
        return keep
    order = np.argsort(-scores, kind="stable")
    cut = scores[order[k - 1]]
    tied = int(np.count_nonzero(scores == cut))
    above = int(np.count_nonzero(scores > cut))
    if above + tied == k:
        ties = "all"
    if ties == "order":
        _log.warning("strongest: %d of %d pairs of score %g are taken, in their order", k - above, tied, cut)
        keep[order[:k]] = True
        return keep
    return scores >= cut if ties == "all" else scores > cut

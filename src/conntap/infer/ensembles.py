"""Several estimates of one connectome together, and how much one of them hangs on what was recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, whole
from conntap.infer.matching import aligned, column, with_properties

__all__ = ["combine", "stability"]

_HOW = ("rank-mean", "rank-product", "rank-max", "z-mean", "mean")


def combine(
    first: Connectome,
    second: Connectome,
    third: Connectome | None = None,
    fourth: Connectome | None = None,
    fifth: Connectome | None = None,
    sixth: Connectome | None = None,
    *,
    how: Literal["rank-mean", "rank-product", "rank-max", "z-mean", "mean"] = "rank-mean",
    weights: list[float] | None = None,
    property: str = "score",
) -> Connectome:
    """One estimate of several: pairs that most methods rank high, rank high.

    Keeps nodes, pairs and properties of the first estimate.

    Parameters
    ----------
    first, second, third, fourth, fifth, sixth
        Estimates of the same nodes, in any order. A pair that one of them lacks ranks lowest there; pairs that the first
        lacks are left out.
    how
        Of what: ranks as shares of the pairs (0 to 1) by their "rank-mean", geometric mean ("rank-product": low in one is
        low) or largest ("rank-max": high in one is enough); scores in standard deviations from their mean ("z-mean", which
        outliers dominate); or the scores as they are ("mean": for those of one unit, such as probabilities).
    weights
        One an estimate; default equal. Of no use to "rank-max" but where it is 0.
    property
        The score of all.

    Returns
    -------
    The first estimate with the combined score and, where any has it, `sign` (int8: what the weights are for, of those that
    tell). `delay_ms` and other properties are those of the first.

    Raises
    ------
    OptionError
        Other nodes, weights that do not fit, no such property, NaN.

    Notes
    -----
    Time for sorting the pairs of each estimate. Marbach et al., 2012, https://doi.org/10.1038/nmeth.2016: the mean rank of
    many methods is as good as the best, and no one knows beforehand which that is.

    Examples
    --------
    >>> a, b = (Connectome(3, [0, 1, 2], [1, 2, 0], properties={"score": s}) for s in ([3.0, 2.0, 1.0], [10.0, 0.0, 5.0]))
    >>> combine(a, b).properties["score"].round(3).tolist()
    [1.0, 0.5, 0.5]
    """
    one_of("combine.how", how, _HOW)
    estimates = [each for each in (first, second, third, fourth, fifth, sixth) if each is not None]
    shares = _weights(weights, len(estimates))
    values = np.stack([_scaled(_scores(first, each, property), how) for each in estimates])
    combined = {property: _combined(values, shares, how)}
    if any("sign" in each.properties for each in estimates):
        combined["sign"] = _sign(first, estimates, shares)
    return with_properties(first, **combined)


def stability(
    estimate: Connectome,
    resamples: Connectome | Iterable[Connectome],
    *,
    n_edges: int | None = None,
    density: float | None = None,
    property: str = "score",
) -> Connectome:
    """In which share of resampled recordings each pair is among the best.

    Only the edge property is added.

    Parameters
    ----------
    estimate
        Pairs with a score.
    resamples
        What the same inference finds in resampled recordings (`resampled`): a connectome, a list, or a generator, of which
        one at a time is in memory.
    n_edges
        How many pairs are the best.
    density
        Or which share of all ordered pairs; default 0.1. Equal scores at the cut share what is left.
    property
        The score.

    Returns
    -------
    The estimate with `stability`, float64 from 0 to 1.

    Raises
    ------
    OptionError
        No resamples, both numbers, more than there are pairs, other nodes or pairs than the estimate.

    Notes
    -----
    Linear in resamples x pairs; memory of one resample. Meinshausen & Buehlmann, 2010,
    https://doi.org/10.1111/j.1467-9868.2010.00740.x.

    Examples
    --------
    >>> found = Connectome(2, [0, 1], [1, 0], properties={"score": [2.0, 0.0]})
    >>> others = [Connectome(2, [0, 1], [1, 0], properties={"score": [x, 1.0]}) for x in (3.0, 2.0, 0.0, 5.0)]
    >>> stability(found, others, n_edges=1).properties["stability"].tolist()
    [0.75, 0.25]
    """
    if n_edges is not None and density is not None:
        raise OptionError("stability: n_edges and density are given; give one.")
    column(estimate, property, "stability")
    k = _best_of(estimate, n_edges, density)
    taken, m = np.zeros(estimate.n_edges), 0
    for each in [resamples] if isinstance(resamples, Connectome) else resamples:
        scores = aligned(estimate, each, property, "stability")
        m += 1
        if k:
            cut = np.partition(scores, -k)[-k]
            above, tied = scores > cut, scores == cut
            taken += above + tied * ((k - above.sum()) / max(1, tied.sum()))
    if m == 0:
        raise OptionError("stability.resamples: none of them; give one at least.")
    return with_properties(estimate, stability=taken / m)


def _best_of(estimate: Connectome, n_edges: int | None, density: float | None) -> int:
    if n_edges is not None:
        whole("stability.n_edges", n_edges, 0)
    share = 0.1 if density is None else density
    if not 0 <= share <= 1:
        raise OptionError(f"stability.density: {density}; give a share from 0 to 1.")
    k = round(share * estimate.n_nodes * (estimate.n_nodes - 1)) if n_edges is None else int(n_edges)
    if k > estimate.n_edges:
        raise OptionError(f"stability: the best {k:,} of {estimate.n_edges:,} pairs. Give fewer.")
    return k


def _weights(weights: list[float] | None, n: int) -> np.ndarray:
    shares = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    if shares.shape != (n,) or not (np.isfinite(shares).all() and (shares >= 0).all() and shares.sum() > 0):
        raise OptionError(f"combine.weights: {weights}; give {n} numbers from 0 on, not all of them 0.")
    return shares / shares.sum()


def _scores(first: Connectome, other: Connectome, property: str) -> np.ndarray:
    """Scores of the first one's pairs; those that are lacking are below all others."""
    lowest = column(other, property, "combine").min(initial=0.0)
    return aligned(first, other, property, "combine", missing=lowest - 1.0)


def _scaled(values: np.ndarray, how: str) -> np.ndarray:
    if how.startswith("rank"):
        return rankdata(values) / max(1, len(values))
    if how == "z-mean" and len(values):
        spread = values.std()
        return (values - values.mean()) / spread if spread > 0 else np.zeros(len(values))
    return values


def _combined(values: np.ndarray, shares: np.ndarray, how: str) -> np.ndarray:
    if how == "rank-product":
        return np.exp(np.tensordot(shares, np.log(values), axes=1))
    if how == "rank-max":
        return values[shares > 0].max(axis=0)
    return np.tensordot(shares, values, axes=1)


def _sign(first: Connectome, estimates: list[Connectome], shares: np.ndarray) -> np.ndarray:
    votes = np.zeros(first.n_edges)
    for each, share in zip(estimates, shares, strict=True):
        if "sign" in each.properties:
            votes += share * np.sign(aligned(first, each, "sign", "combine", missing=0.0))
    return np.sign(np.where(np.abs(votes) < 1e-12, 0.0, votes)).astype(np.int8)

"""Connectomes from cross-correlograms: peaks and troughs of a few milliseconds above what varies slowly."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from conntap.activity import Spikes
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of
from conntap.infer.cross_counts import each_block, in_bins
from conntap.infer.lags import window
from conntap.infer.pairs import all_pairs

__all__ = ["cross_correlogram"]

_HOLLOW = 0.6


def cross_correlogram(
    spikes: Spikes,
    *,
    lags: list[int] | None = None,
    bin_ms: float = 1.0,
    baseline: Literal["hollow", "jitter"] = "hollow",
    width_ms: float = 10.0,
    score: Literal["significance", "transmission"] = "significance",
    threads: int = 1,
) -> Connectome:
    """Score every ordered pair by the peak or trough of its cross-correlogram at synaptic delays, above a slow baseline.

    What the two neurons share over more than `width_ms`, such as rhythms and bursts, is in the baseline.

    Parameters
    ----------
    spikes
        The recording.
    lags
        How many bins later a synapse acts; default: all from the first up to 4 ms, the first at least.
    bin_ms
        Width of the bins in which spikes are counted.
    baseline
        Expected counts: the correlogram smoothed by a Gaussian with a hollow centre (60 % of its top taken out), or, for
        "jitter", its mean over `width_ms` to both sides, which is what spikes moved by up to so much give on average.
    width_ms
        Standard deviation of the Gaussian, or half width of the jitter.
    score
        "significance": the root of twice the log-likelihood ratio of the count against the baseline, a number of standard
        deviations; "transmission": spikes more (or fewer) than the baseline, summed over the lags, per presynaptic spike.
    threads
        How many threads; the values are the same.

    Returns
    -------
    All ordered pairs with `score` (float64, from 0 on), `sign` (int8), `delay_ms` (where the count is farthest from the
    baseline) and `p_value` of that count (Poisson, two-sided, times the number of lags).

    Raises
    ------
    OptionError
        Lags that are no whole numbers, widths that are not positive, or no spikes but traces.
    ActivityError
        A recording of no duration, or of an impossible rate.

    Notes
    -----
    Time: the pairs of spikes within three widths and the lags (some 1 ns each), and neurons^2 x lags; memory: some MB and the
    results. Hollow Gaussian and Poisson probabilities with half the probability of the count itself: Stark & Abeles, 2009,
    doi:10.1016/j.jneumeth.2008.12.029; English et al., 2017, doi:10.1016/j.neuron.2017.09.033. Where nothing falls under the
    baseline, the count expected of independent trains takes its place.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> times = np.sort(rng.uniform(0, 9900, 200))
    >>> spikes = Spikes(np.repeat([0, 1], 200), np.concatenate([times, times + 2.0]), duration_ms=10_000)
    >>> found = cross_correlogram(spikes).edges.iloc[0]
    >>> int(found["pre"]), float(found["delay_ms"]), bool(found["p_value"] < 1e-9)
    (0, 2.0, True)
    """
    where = "cross_correlogram"
    one_of(f"{where}.baseline", baseline, ["hollow", "jitter"])
    one_of(f"{where}.score", score, ["significance", "transmission"])
    if not 0 < width_ms < math.inf:
        raise OptionError(f"{where}.width_ms: {width_ms}; give a positive width.")
    held = in_bins(spikes, where, bin_ms)
    chosen = np.array(window(lags, bin_ms, where))
    around, weights = _weights(chosen, width_ms / bin_ms, baseline)
    sums, _ = held.sums()
    n = held.n_nodes
    strength, p_value, sign = np.zeros((n, n)), np.ones((n, n)), np.zeros((n, n), dtype=np.int8)
    delay = np.full((n, n), float(chosen[0] * bin_ms))

    def use(rows: slice, counts: np.ndarray) -> None:
        counts = counts.reshape(-1, counts.shape[-1]).astype(np.float64)
        independent = np.outer(sums[rows], sums / held.n_bins).reshape(-1, 1)
        expected = counts @ weights
        expected = np.where(expected > 0, expected, independent)
        seen = counts[:, chosen - around[0]]
        apart = _deviations(seen, expected)
        best = np.abs(apart).argmax(axis=1)
        every = np.arange(len(best))
        delay[rows] = (chosen[best] * bin_ms).reshape(-1, n)
        p_value[rows] = _p_values(seen[every, best], expected[every, best], len(chosen)).reshape(-1, n)
        found = apart[every, best].reshape(-1, n)
        if score == "transmission":
            more = (seen - expected).sum(axis=1).reshape(-1, n)
            found = np.divide(more, sums[rows, None], out=np.zeros_like(more), where=sums[rows, None] > 0)
        strength[rows], sign[rows] = np.abs(found), np.sign(found)

    each_block(held, int(around[0]), int(around[-1]), use, where, threads)
    return all_pairs(spikes.nodes, score=strength, sign=sign, delay_ms=delay, p_value=p_value)


def _weights(lags: np.ndarray, width: float, baseline: str) -> tuple[np.ndarray, np.ndarray]:
    """The lags around those given, and the baseline's weights of shape (around, lags)."""
    reach = max(1, math.ceil(3 * width if baseline == "hollow" else math.floor(width)))
    around = np.arange(lags[0] - reach, lags[-1] + reach + 1)
    distance = np.abs(around[:, None] - lags)
    if baseline == "hollow":
        weights = np.exp(-0.5 * (distance / width) ** 2) * np.where(distance == 0, 1 - _HOLLOW, 1.0)
    else:
        weights = np.ones(distance.shape)
    weights[distance > reach] = 0
    return around, weights / weights.sum(axis=0)


def _deviations(seen: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Signed roots of twice the log-likelihood ratio of Poisson counts."""
    ratio = np.divide(seen, expected, out=np.ones_like(seen), where=(seen > 0) & (expected > 0))
    apart = np.maximum(seen * np.log(ratio) - (seen - expected), 0)
    return np.sign(seen - expected) * np.sqrt(2 * apart)


def _p_values(seen: np.ndarray, expected: np.ndarray, n_lags: int) -> np.ndarray:
    """Two-sided, with half of the probability of what was seen, times the lags."""
    from scipy.special import gammainc, gammaincc, gammaln, xlogy

    itself = np.exp(xlogy(seen, expected) - expected - gammaln(seen + 1))
    more = gammainc(seen + 1, expected) + itself / 2
    fewer = gammaincc(seen + 1, expected) - itself / 2
    return np.minimum(1.0, 2 * n_lags * np.minimum(more, fewer))

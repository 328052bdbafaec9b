"""Connectomes from correlations: at lag 0, and of earlier activity with later."""

from __future__ import annotations

from typing import Literal

import numpy as np

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import one_of
from conntap.infer.covariances import of_activity
from conntap.infer.lags import nodes_of, step_ms, window
from conntap.infer.pairs import all_pairs

__all__ = ["lagged_correlation", "pearson"]


def pearson(
    activity: Spikes | Traces,
    *,
    bin_ms: float | None = None,
    score: Literal["absolute", "signed"] = "absolute",
) -> Connectome:
    """Score every pair of neurons by the correlation of their activity in the same bin or frame.

    The score of a pair and of its reverse are equal. Correlation does not tell connections from common input.

    Parameters
    ----------
    activity
        Spikes, or traces of any kind, lazy ones too.
    bin_ms
        Width of the bins in which spikes are counted; default 1 ms. Traces have their own step.
    score
        The "absolute" correlation, by which inhibitory connections score as well, or the "signed" one.

    Returns
    -------
    All ordered pairs with `score` (float64) and `sign` (int8) of the correlation; a dead channel scores 0.

    Raises
    ------
    ActivityError
        Values that are not finite, or fewer than three frames.
    OptionError
        A bin width that is not positive, or one for traces.

    Notes
    -----
    Time grows with frames x neurons^2, of spikes with the pairs of spikes in one bin; memory with neurons^2.

    Examples
    --------
    >>> pearson(Traces([[0, 0, 3], [1, 1, 2], [2, 2, 1]], dt_ms=20.0), score="signed").edges["score"].round(6).tolist()
    [1.0, -1.0, 1.0, -1.0, -1.0, -1.0]
    """
    one_of("pearson.score", score, ["absolute", "signed"])
    matrix = of_activity(activity, "pearson", lags=[0], bin_ms=bin_ms).correlation(0)
    sign = np.sign(matrix).astype(np.int8)
    return all_pairs(nodes_of(activity), score=scored(matrix, score), sign=sign)


def lagged_correlation(
    activity: Spikes | Traces,
    *,
    lags: list[int] | None = None,
    bin_ms: float | None = None,
    combine: Literal["peak", "sum"] = "peak",
    score: Literal["absolute", "signed"] = "absolute",
) -> Connectome:
    """Score every ordered pair by the correlation of the first neuron's activity with the second's shortly after.

    Where activity is sampled as fast as synapses act, this tells who drives whom, how long it takes and with which
    sign. Slowly sampled activity shows both ends of a connection in one frame: take `partial_correlation` there.

    Parameters
    ----------
    activity
        Spikes, or traces of any kind, lazy ones too.
    lags
        How many bins or frames later; default: all from the first up to 4 ms, the first at least.
    bin_ms
        Width of the bins in which spikes are counted; default 1 ms. Traces have their own step.
    combine
        The correlation of largest size among the lags (the "peak"), or the "sum" over the lags.
    score
        The "absolute" value, by which inhibitory connections score as well, or the "signed" one.

    Returns
    -------
    All ordered pairs with `score` (float64), `sign` (int8) of the correlation (for combine="sum", of the sum) and
    `delay_ms`, the lag of the peak; a dead channel scores 0.

    Raises
    ------
    ActivityError
        Values that are not finite, or fewer than three frames.
    OptionError
        Lags that are no whole numbers or not shorter than the recording, a bin width that is not positive or for
        traces.

    Notes
    -----
    Time as of `covariances`: frames x neurons^2 (about twice that for any number of lags), of spikes the pairs of
    spikes at these lags; memory: a matrix for each lag.

    Examples
    --------
    >>> spikes = Spikes([0, 1, 0, 1], [10.0, 12.0, 30.0, 32.0], duration_ms=50, ids=2)
    >>> lagged_correlation(spikes).edges.round(3)[["pre", "post", "score", "sign", "delay_ms"]].values.tolist()
    [[0.0, 1.0, 0.998, 1.0, 2.0], [1.0, 0.0, 0.045, -1.0, 4.0]]
    """
    where = "lagged_correlation"
    one_of(f"{where}.combine", combine, ["peak", "sum"])
    one_of(f"{where}.score", score, ["absolute", "signed"])
    dt = step_ms(activity, where, bin_ms)
    chosen = window(lags, dt, where)
    found = of_activity(activity, where, lags=chosen, bin_ms=bin_ms)
    peak = found.correlation(chosen[0])
    total = peak.copy()
    delay = np.full(peak.shape, chosen[0] * dt)
    for lag in chosen[1:]:
        each = found.correlation(lag)
        total += each
        higher = np.abs(each) > np.abs(peak)
        peak[higher], delay[higher] = each[higher], lag * dt
    strength = peak if combine == "peak" else total
    sign = np.sign(strength).astype(np.int8)
    return all_pairs(nodes_of(activity), score=scored(strength, score), sign=sign, delay_ms=delay)


def scored(strength: np.ndarray, score: str) -> np.ndarray:
    """A strength with its sign as the score that was asked for.

    Examples
    --------
    >>> scored(np.array([-2.0]), "absolute").tolist()
    [2.0]
    """
    return np.abs(strength) if score == "absolute" else strength

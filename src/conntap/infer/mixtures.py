"""Connectomes from a mixture model of lag profiles: what a connection looks like is learnt from the recording itself."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import expit

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, whole
from conntap.infer._mixture import fitted
from conntap.infer.covariances import of_activity
from conntap.infer.lags import nodes_of, step_ms
from conntap.infer.pairs import all_pairs
from conntap.infer.profiles import profiles

__all__ = ["lag_mixture"]

_REACH_MS = 8.0
_MOST_ROWS = 8000
_CHANCE = 1.0  # the median size of a standard error is .67 by chance


def lag_mixture(
    activity: Spikes | Traces,
    *,
    lags: int | None = None,
    bin_ms: float | None = None,
    types: Literal["dale", "excitatory"] = "dale",
    ridge: float = 1e-3,
) -> Connectome:
    """Score every ordered pair by the probability that its profile over lags is that of a connection.

    The profile of a pair holds, for each lag from -p to p, how activity of one neuron goes with that of the other when all
    other neurons and the past are given (see `regression`; at lag 0 partial correlation), in standard errors. Profiles of
    unconnected pairs, of pairs connected one way, the other way, and both, are normal with means and covariances that are
    learnt from all pairs at once; so what delay, indicator and frame rate make of a connection need not be known. A neuron is
    excitatory or inhibitory to all its partners.

    Parameters
    ----------
    activity
        Spikes, or traces of spikes (`deconvolved`), without long bursts of all neurons: for these take `windowed_partial`.
    lags
        The longest lag p in steps; default: up to 8 ms of spikes, and of traces 24 ms, at least 2 and at most 12 steps, fewer
        where p + 1 times the neurons exceed 8,000.
    bin_ms
        Width of the bins in which spikes are counted; default 1 ms. Traces have their own step; `coarsened` makes it longer.
    types
        "dale": each neuron is of one sign, which is found too; "excitatory": all are excitatory.
    ridge
        Added to the variance of each standardised signal before the inverse is taken.

    Returns
    -------
    All ordered pairs with `score` (float64, log(1 + odds), from 0), `probability` (float64), `sign` (int8, that of the pre neuron) and
    `delay_ms` (of the lag with the largest value of that sign, 0 for the same step). Dead channels score 0. The odds are those among
    pairs if any are connected; probabilities are these times how probable that is, and near 0 where
    nothing speaks for connections, or pairs of so many that they do not stand apart.

    Raises
    ------
    ActivityError
        Values that are not finite, or fewer than three frames.
    OptionError
        Options out of range; fewer than ten pairs of live neurons for each value of a profile, or no more frames than p + 1
        times the live neurons.

    Notes
    -----
    Time: covariances at p + 1 lags, ((p + 1) * neurons)^3 for the inverse, and some 60 rounds over all pairs; memory: four
    matrices of ((p + 1) * neurons)^2. Expectation maximisation: Dempster, Laird & Rubin, 1977,
    https://doi.org/10.1111/j.2517-6161.1977.tb01600.x; the covariance of connected pairs is drawn half way to that of
    connections that differ in strength alone; whether any pair is connected: Schwarz, 1978,
    https://doi.org/10.1214/aos/1176344136. Probabilities hold as far as the model does: they are of effective, not
    anatomical connections.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> drive = rng.normal(size=(3000, 20))
    >>> drive[1:, 1::2] += 0.3 * drive[:-1, ::2]
    >>> found = lag_mixture(Traces(drive, dt_ms=5.0), lags=1)
    >>> sorted(found.filter(found.properties["probability"] > 0.5).edges[["pre", "post"]].values.tolist())[:3]
    [[0, 1], [2, 3], [4, 5]]
    """
    where = "lag_mixture"
    one_of(f"{where}.types", types, ["dale", "excitatory"])
    if not 0 < ridge < np.inf:
        raise OptionError(f"{where}.ridge: {ridge}; give a positive number.")
    dt = step_ms(activity, where, bin_ms)
    if lags is None:
        lags = _reach(activity, dt)
    whole(f"{where}.lags", lags, 1)
    found = of_activity(activity, where, lags=list(range(lags + 1)), bin_ms=bin_ms)
    n = len(found.means)
    alive = np.flatnonzero(found.deviations() > 0)
    inside = np.ix_(alive, alive)
    _enough(len(alive), lags, found.frames)
    values = profiles([found.correlation(lag)[inside] for lag in range(lags + 1)], found.frames, where, ridge=ridge)
    if isinstance(activity, Spikes):
        values = _evened(values, found.frames * np.outer(found.means[alive], found.means[alive]))
    i, j = np.triu_indices(len(alive), 1)
    fit = fitted(np.ascontiguousarray(values[:, i, j].T), len(alive), signed=types == "dale")
    odds, sign, delay = np.full((n, n), -np.inf), np.zeros((n, n), dtype=np.int8), np.zeros((n, n))
    odds[inside] = fit.log_odds
    sign[inside] = fit.signs[:, None].astype(np.int8)
    delay[inside] = dt * np.argmax(values[lags:] * fit.signs[:, None], axis=0)
    probability = expit(odds) * expit(fit.support)
    return all_pairs(
        nodes_of(activity), score=np.logaddexp(0.0, odds), probability=probability, sign=sign, delay_ms=delay
    )


def _evened(values: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Standard errors of counts of coincidences, made normal where few are expected: Anscombe, 1948, doi:10.2307/2332343.

    Where bursts make them vary by more than chance they are no such counts, and stay as they are.
    """
    if np.median(np.abs(values)) > _CHANCE:
        return values
    counts = np.maximum(expected + values * np.sqrt(expected) + 0.375, 0.0)
    result = 2.0 * (np.sqrt(counts) - np.sqrt(expected + 0.375))
    result[:, np.arange(len(expected)), np.arange(len(expected))] = 0.0
    return result


def _reach(activity: Spikes | Traces, dt: float) -> int:
    reach = _REACH_MS if isinstance(activity, Spikes) else 3 * _REACH_MS
    fits = max(1, _MOST_ROWS // max(1, activity.n_nodes) - 1)
    return min(12, max(2, int(reach / dt + 1e-9)), fits)


def _enough(n: int, lags: int, frames: int) -> None:
    pairs, asked = n * (n - 1) // 2, 10 * (2 * lags + 1)
    if pairs < asked:
        raise OptionError(
            f"lag_mixture: {pairs} pairs of {n} live neurons are too few to learn profiles of {2 * lags + 1} lags from "
            f"({asked} are needed). Take fewer lags, or infer.regression."
        )
    if frames <= (lags + 1) * n:
        raise OptionError(
            f"lag_mixture: {frames:,} frames are too few to tell {lags} lags of {n} live neurons apart; more than "
            f"{(lags + 1) * n:,} are needed. Take fewer lags, or infer.windowed_partial."
        )

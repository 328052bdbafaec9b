"""Connectomes from total spiking probability edges (TSPE): edges in cross-correlograms, found by filters of many widths."""

from __future__ import annotations

from itertools import product
from typing import Literal

import numpy as np

from conntap.activity import Spikes
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, whole
from conntap.infer.correlations import scored
from conntap.infer.cross_counts import each_block, in_bins
from conntap.infer.pairs import all_pairs

__all__ = ["tspe"]


def tspe(
    spikes: Spikes,
    *,
    bin_ms: float = 1.0,
    surrounding: list[int] | None = None,
    observed: list[int] | None = None,
    crossover: list[int] | None = None,
    delays: int = 25,
    score: Literal["absolute", "signed"] = "absolute",
    threads: int = 1,
) -> Connectome:
    """Score every ordered pair by total spiking probability edges: how far its correlogram stands out from what surrounds it.

    The normalised cross-correlogram is filtered by differences of an observed window and the windows around it, of many
    widths, and summed; the value of largest size over the delays is the score. Inhibition shows as a trough.

    Parameters
    ----------
    spikes
        The recording.
    bin_ms
        Width of the bins in which spikes are counted; all other widths are in bins.
    surrounding, observed, crossover
        Widths of the windows beside the observed one, of the observed one, and of the gaps between them: all
        combinations are used. Default 3 to 8, 2 to 6, and 0.
    delays
        Delays from 0 up to this one, which is left out.
    score
        The "absolute" value, by which inhibitory connections score as well, or the "signed" one.
    threads
        How many threads; the values are the same.

    Returns
    -------
    All ordered pairs with `score` (float64), `sign` (int8) and `delay_ms`. Neurons that never fire score 0.

    Raises
    ------
    OptionError
        Widths or delays that are no whole numbers, a bin width that is not positive, or no spikes but traces.
    ActivityError
        A recording of no duration, or of an impossible rate.

    Notes
    -----
    The filters are one matrix. Time: the pairs of spikes within `delays` and twice the widest surrounding (some 1 ns each), and
    neurons^2 x 1,000 multiplications; memory: some MB and the results. De Blasi et al., 2019,
    doi:10.1016/j.jneumeth.2018.11.013; values as in elephant 1.2 (`total_spiking_probability_edges`, there [post, pre]).

    Examples
    --------
    >>> times = np.arange(20.0, 2000.0, 50.0)
    >>> spikes = Spikes(np.repeat([0, 1], len(times)), np.concatenate([times, times + 3]), duration_ms=2000)
    >>> tspe(spikes).edges[["pre", "post", "sign", "delay_ms"]].values[0].tolist()
    [0.0, 1.0, 1.0, 3.0]
    """
    where = "tspe"
    one_of(f"{where}.score", score, ["absolute", "signed"])
    whole(f"{where}.delays", delays, 1)
    a = _widths(surrounding, range(3, 9), 1, f"{where}.surrounding")
    b = _widths(observed, range(2, 7), 1, f"{where}.observed")
    c = _widths(crossover, [0], 0, f"{where}.crossover")
    if max(b) > delays:
        raise OptionError(f"{where}.observed: {max(b)} bins, but only {delays} delays. Give narrower windows.")
    held = in_bins(spikes, where, bin_ms)
    margin = max(a) + max(c)
    filters = _filters(a, b, c, delays, margin)
    scale = _over_deviations(*held.sums(), held.n_bins)
    n = held.n_nodes
    strength, delay = np.zeros((n, n)), np.zeros((n, n))

    def use(rows: slice, counts: np.ndarray) -> None:
        values = counts.reshape(-1, counts.shape[-1]).astype(np.float64) @ filters
        best = np.abs(values).argmax(axis=1)
        peaks = values[np.arange(len(values)), best].reshape(-1, n)
        strength[rows] = peaks * (scale[rows, None] * scale / held.n_bins)
        delay[rows] = best.reshape(-1, n) * bin_ms

    each_block(held, -margin, delays + margin - 1, use, where, threads)
    sign = np.sign(strength).astype(np.int8)
    return all_pairs(spikes.nodes, score=scored(strength, score), sign=sign, delay_ms=delay)


def _widths(given: list[int] | None, default: range | list[int], least: int, where: str) -> list[int]:
    if given is None:
        return list(default)
    if not isinstance(given, list | tuple | range) or not given:
        raise OptionError(f"{where}: {given!r}; give a list of whole numbers from {least} on.")
    for each in given:
        whole(where, each, least)
    return list(given)


def _filters(surrounding: list[int], observed: list[int], crossover: list[int], delays: int, margin: int) -> np.ndarray:
    """Shape (lags, delays): what each lag's correlation adds to each delay, over all filters."""
    lags = delays + 2 * margin
    unit, total = np.eye(lags), np.zeros((lags, delays))
    for a, b, c in product(surrounding, observed, crossover):
        gap = np.zeros(c)
        edge = np.concatenate([np.full(a, -1 / a), gap, np.full(b, 2 / b), gap, np.full(a, -1 / a)])
        inner = slice(margin - a - c, lags - margin + a + c)
        for lag in range(inner.start, inner.stop):
            told = np.convolve(unit[lag, inner], edge, mode="valid")
            total[lag] += np.convolve(told, np.ones(b), mode="full")
    return total


def _over_deviations(sums: np.ndarray, squares: np.ndarray, n_bins: int) -> np.ndarray:
    """One over the standard deviation of each neuron's counts; 0 where they never change."""
    variance = (squares - sums**2 / n_bins) / max(1, n_bins - 1)
    return np.divide(1.0, np.sqrt(np.maximum(variance, 0)), out=np.zeros(len(sums)), where=variance > 1e-15)

"""The method that won the Connectomics challenge of 2014: partial correlations of rises, averaged over filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from conntap.activity import Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import ActivityError, OptionError, one_of
from conntap.infer.lags import nodes_of
from conntap.infer.pairs import all_pairs
from conntap.infer.precisions import inverse, main_components, mirrored, partial_of
from conntap.infer.recordings import sized

__all__ = ["challenge"]

# smoothing and difference in one: weights of x(t), x(t - 1) ...; each is sum-free, frames are counted from the last
_SHORT = (1.0, 0.0, 0.0, -1.0)  # of x(t - 1) + x(t) + x(t + 1)
_LONG = (1.0, 0.0, 0.0, 0.0, -1.0)  # of four frames
_FADING = (1.0, 0.0, -0.2, -0.4, -0.4)  # of x(t) + x(t - 1) + 0.8 x(t - 2) + 0.4 x(t - 3)

_NOISE = 0.03  # of a frame in the challenge's recordings, in whose units its thresholds are


@dataclass(frozen=True)
class _Filter:
    """A filter, its share in the average, and the exponents of frames by their activity: (share of the most, power)."""

    taps: tuple[float, ...]
    share: float
    quietest: float
    powers: tuple[tuple[float, float], ...]


_FULL = (
    _Filter(_SHORT, 1.0, 0.05, ((0.23, 1.9), (0.75, 1.6), (np.inf, 1.4))),
    _Filter(_FADING, 0.9, 0.05, ((0.23, 1.9), (0.75, 1.6), (np.inf, 1.4))),
    _Filter(_LONG, 0.01, 0.04, ((0.22, 1.9), (0.75, 1.7), (np.inf, 1.5))),
    _Filter(_LONG, 0.7, 0.08, ((0.22, 1.9), (np.inf, 1.5))),
)
_SIMPLE = (_Filter(_SHORT, 1.0, 0.0, ((np.inf, 1.0),)), _Filter(_FADING, 1.0, 0.0, ((np.inf, 1.0),)))


@dataclass(frozen=True)
class _Rises:
    """Values above a threshold, frame by frame: frame t holds those from bounds[t] to bounds[t + 1]."""

    bounds: np.ndarray
    rows: np.ndarray
    values: np.ndarray

    def above(self, threshold: float) -> _Rises:
        keep = self.values >= threshold
        before = np.concatenate([[0], np.cumsum(keep)])
        return _Rises(before[self.bounds], self.rows[keep], self.values[keep])


def challenge(
    traces: Traces,
    *,
    version: Literal["full", "simple"] = "full",
    thresholds: list[float] | None = None,
    components: float = 0.8,
    directivity: float = 0.003,
    scale: float | Literal["noise"] = "noise",
    population: int | None = 1000,
) -> Connectome:
    """Score every pair by averaged partial correlations of filtered fluorescence: the winner of the challenge of 2014.

    Fluorescence is smoothed and differenced, what rises less than a threshold is set to 0, frames of much activity
    count less, and the covariance of the main components is inverted; partial correlations are averaged over filters
    and thresholds. A little of who rises before whom makes the scores directed. For calcium imaging of bursting
    cultures, some tens of frames a second.

    Parameters
    ----------
    traces
        Fluorescence, not deconvolved; lazy values are read once or, to estimate noise, a little more.
    version
        The "full" method as submitted (four filters with weights and powers of their own), or the "simple" one of the
        paper (two filters, one weighting).
    thresholds
        Least rises that count, in the challenge's units; default 0.100, 0.110 ... 0.210. (As submitted: steps of 0.001,
        which cost ten times as much.)
    components
        The fraction of principal components that is kept.
    directivity
        The share of the directed part.
    scale
        What values are multiplied by to be in the challenge's units; "noise" finds the factor by which the white noise
        of the median channel becomes 0.03, as it was there.
    population
        Frames are weighted by how much this many neurons such as these would rise together; None: as many as are
        recorded. The two are the same for the challenge's 1,000 neurons, for which the weights were made.

    Returns
    -------
    All ordered pairs with `score` (float64); negative where activity excludes each other, 0 for channels without rises.

    Raises
    ------
    ActivityError
        Fewer than eight frames, values that are not finite, or channels without noise.
    OptionError
        Options out of range.

    Notes
    -----
    The weight of a frame, a power of 1 + 1 / (sum of its rises), is the published one, in the program too. Summed over
    100 neurons instead of 1,000, the noise of single neurons that pass a threshold alone weighs most: on two bursting
    cultures of 100 neurons that took the area under the ROC curve from 0.71-0.74 to 0.59-0.62.

    Time: reading and filtering once, then for each filter and threshold the pairs of rises in one frame and neurons^3 / 2
    for the inverse. Memory: 12 bytes a rise and filter, and a few matrices. Sutera et al., 2014, arXiv:1406.7865; the
    submitted program's filters: https://github.com/asutera/kaggle-connectomics.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> spikes = (rng.random((3000, 3)) < 0.02) * 1.0
    >>> spikes[:, 1] = np.maximum(spikes[:, 1], spikes[:, 0])
    >>> values = 0.2 * spikes
    >>> for t in range(1, 3000):
    ...     values[t] += 0.98 * values[t - 1]
    >>> found = challenge(Traces(values + rng.normal(0, 0.03, values.shape), dt_ms=20.0))
    >>> found.edges.sort_values("score", ascending=False)[["pre", "post"]].values[:2].tolist() in ([[0, 1], [1, 0]], [[1, 0], [0, 1]])
    True
    """
    where = "challenge"
    one_of(f"{where}.version", version, ["full", "simple"])
    levels = _checked(thresholds, components, directivity)
    if population is not None and not population >= 1:
        raise OptionError(f"{where}.population: {population}; give a number of neurons from 1 on.")
    if not isinstance(traces, Traces):
        raise OptionError(f"{where}: {type(traces).__name__}; give Traces of fluorescence.")
    if traces.n_steps < 8:
        raise ActivityError(f"{where}: {traces.n_steps} frames; give a recording of eight at least.")
    factor = _factor(traces, scale)
    filters = _FULL if version == "full" else _SIMPLE
    power = 0.9 if version == "full" else 1.0
    rises = _rises(traces, {each.taps for each in filters} | {_FADING}, min([*levels, 0.12]) / factor)
    n = traces.n_nodes
    average = np.zeros((n, n))
    for taps in dict.fromkeys(each.taps for each in filters):
        own = [each for each in filters if each.taps == taps]
        for level in levels:
            part = rises[taps].above(level / factor)
            part = _Rises(part.bounds, part.rows, (part.values * factor) ** power)
            for each in own:
                average += each.share * _partial(part, each, n, components, population)
    average /= len(levels) * sum(each.share for each in filters)
    directed = _directed(rises[_FADING], factor, n) if directivity else np.zeros((n, n))
    spread = np.ptp(average), np.ptp(directed)
    if directivity and spread[1] > 0:
        average = (1 - directivity) * average + directivity * (spread[0] / spread[1]) * directed
    return all_pairs(nodes_of(traces), score=average)


def _checked(thresholds: list[float] | None, components: float, directivity: float) -> list[float]:
    levels = [round(0.1 + 0.01 * k, 3) for k in range(12)] if thresholds is None else [float(x) for x in thresholds]
    if not levels or not all(0 < level < np.inf for level in levels):
        raise OptionError(f"challenge.thresholds: {thresholds}; give positive numbers.")
    if not 0 < components <= 1:
        raise OptionError(f"challenge.components: {components}; give a fraction, above 0 and at most 1.")
    if not 0 <= directivity < 1:
        raise OptionError(f"challenge.directivity: {directivity}; give a share from 0 on, below 1.")
    return levels


def _factor(traces: Traces, scale: float | str) -> float:
    if scale != "noise":
        if isinstance(scale, str) or not 0 < scale < np.inf:
            raise OptionError(f"challenge.scale: {scale!r}; give a positive number or 'noise'.")
        return float(scale)
    stretch = np.asarray(traces.values[: min(traces.n_steps, 20_000)])
    _refuse(stretch)
    stretch = stretch.T.astype(np.float64, order="C")
    bends = np.abs(stretch[:, 2:] - 2 * stretch[:, 1:-1] + stretch[:, :-2])
    noise = np.median(bends, axis=1, overwrite_input=True) / (0.6744897501960817 * np.sqrt(6.0))
    if not (noise > 0).any():
        raise ActivityError("challenge: no channel has noise, by which units are told. Give scale=1 or another number.")
    return _NOISE / float(np.median(noise[noise > 0]))


def _refuse(values: np.ndarray) -> None:
    with np.errstate(invalid="ignore", over="ignore"):
        sums = values.sum(axis=0, dtype=np.float64)
    if not np.isfinite(sums).all():
        bad = np.flatnonzero(~np.isfinite(sums))
        raise ActivityError(
            f"challenge: values that are not finite in {len(bad)} of {len(sums)} channels, the first in column {bad[0]}. "
            "Mend the recording: infer.mended."
        )


def _rises(traces: Traces, kinds: set[tuple[float, ...]], least: float) -> dict[tuple[float, ...], _Rises]:
    """The rises of each filter, from one pass over the values."""
    from conntap.infer._winner import count_rises, list_rises

    parts: dict[tuple[float, ...], list[tuple[np.ndarray, ...]]] = {taps: [] for taps in kinds}
    before, base = np.empty((0, traces.n_nodes), dtype=np.float32), None
    for piece in sized(traces.pieces(8192), traces, "challenge"):
        piece = np.asarray(piece)
        _refuse(piece)
        base = piece[:1].astype(np.float64) if base is None else base
        block = np.concatenate([before, (piece - base).astype(np.float32)])
        for taps in kinds:
            weights = np.array(taps, dtype=np.float32)
            own = block[max(0, len(before) - len(taps) + 1) :]
            if len(own) < len(taps):
                continue
            counts = count_rises(own, weights, np.float32(least))
            rows, values = np.empty(counts.sum(), dtype=np.int32), np.empty(counts.sum(), dtype=np.float32)
            list_rises(own, weights, np.float32(least), rows, values)
            parts[taps].append((counts, rows, values))
        before = block[-4:]
    found = {}
    for taps, own in parts.items():
        counts, rows, values = (np.concatenate(each) for each in zip(*own, strict=True))
        found[taps] = _Rises(np.concatenate([[0], np.cumsum(counts)]), rows, values)
    return found


def _partial(rises: _Rises, each: _Filter, n: int, components: float, population: int | None) -> np.ndarray:
    """Partial correlations of the rises, weighted by how active their frames are; 0 for who never rises."""
    from conntap.infer._winner import frame_sums

    sums = frame_sums(rises.bounds, rises.values)
    if each.quietest:  # as submitted: with half of the frame before
        sums[1:] += 0.5 * sums[:-1]
    powers = np.empty(len(sums))
    share = sums / max(sums.max(initial=0.0), 1e-300)
    for below, power in reversed(each.powers):
        powers[share < below] = power
    if each.quietest and len(each.powers) > 1:
        powers[share <= each.quietest] = each.powers[1][1]
    frames = np.diff(rises.bounds)
    crowd = population / max(1, np.count_nonzero(np.bincount(rises.rows))) if population else 1.0
    over = np.divide(1.0, crowd * sums, out=np.zeros_like(sums), where=sums > 0)
    exponents = np.repeat(powers * (1 + over), frames)
    more = np.exp(exponents * np.log1p(rises.values)) - 1  # of (1 + x) ** exponent, which is 1 where nothing rises
    return _partial_of_events(_Rises(rises.bounds, rises.rows, more), n, components)


def _partial_of_events(events: _Rises, n: int, components: float) -> np.ndarray:
    covariance = _event_covariance(events, n)
    alive = np.flatnonzero(np.diagonal(covariance) > 0)
    result = np.zeros((n, n))
    if len(alive) > 1:
        inside = np.ix_(alive, alive)
        try:
            precision = inverse(main_components(covariance[inside], components), "challenge.components")
        except OptionError:  # few rises: channels that rise together only
            own = covariance[inside]
            own[np.diag_indices(len(own))] += 1e-6 * np.trace(own) / len(own)
            precision = inverse(main_components(own, components), "challenge.components")
        result[inside] = partial_of(precision)
    return result


def _event_covariance(events: _Rises, n: int) -> np.ndarray:
    """Quiet frames pair by pair, busy ones as matrix products."""
    from conntap.infer._winner import add_quiet, fill

    busy = max(16, n // 8)
    frames = len(events.bounds) - 1
    values = events.values
    total = np.zeros((n, n))
    add_quiet(events.bounds, events.rows, values, busy, total)
    mirrored(total.T)
    crowded = np.flatnonzero(np.diff(events.bounds) >= busy)
    for first in range(0, len(crowded), 2048):
        some = crowded[first : first + 2048]
        table = np.zeros((len(some), n))
        fill(events.bounds, events.rows, values, some, table)
        total += table.T @ table
    mean = np.bincount(events.rows, weights=values, minlength=n) / frames
    total /= frames
    total -= np.outer(mean, mean)
    return total


def _directed(rises: _Rises, factor: float, n: int) -> np.ndarray:
    """How much more often the second rises by 0.2 to 0.5 above the first one frame later than the reverse."""
    from conntap.infer._winner import count_following

    part = rises.above(0.12 / factor)
    counts = np.zeros((n, n), dtype=np.int32)
    values = ((part.values * factor) ** 0.9).astype(np.float32)
    count_following(part.bounds, part.rows, values, np.float32(0.2), np.float32(0.5), counts)
    result = (counts - counts.T).astype(np.float64)
    silent = np.bincount(part.rows, minlength=n) == 0
    result[silent] = 0.0
    result[:, silent] = 0.0
    return result

"""Connectomes from transfer entropy: how much better one neuron's next state is told with another's past than without."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import ActivityError, OptionError, one_of, unknown, whole
from conntap.infer.lags import checked_lags, nodes_of, step_ms
from conntap.infer.pairs import all_pairs
from conntap.infer.states import Thermometers, calm_level, thermometers
from conntap.topology.threads import mapped

__all__ = ["transfer_entropy"]

_REACH_MS = 4.0
_NODES = 64  # whose states meet at once
_BYTES = 1 << 30  # of states that are kept; beyond, they are made again
_STATES = 4096


def transfer_entropy(
    activity: Spikes | Traces,
    *,
    order: int | None = None,
    pre_order: int | None = None,
    lags: list[int] | None = None,
    edges: list[float] | None = None,
    difference: Literal["backward", "none"] | None = None,
    level: float | Literal["calm", "none"] | None = None,
    bin_ms: float | None = None,
    threads: int = 1,
) -> Connectome:
    """Score every ordered pair by the transfer entropy from the first neuron to the second, generalised as for fluorescence.

    How many bits the pre neuron's states tell of the post neuron's next state beyond what its own past tells. For slow
    recordings the pre neuron's state of the same frame counts too (lag 0: "instant feedback"), and only frames count in which
    the population is calm, as in bursts all neurons follow all. For spikes this is transfer entropy at several delays.

    Parameters
    ----------
    activity
        Spikes, or fluorescence or other traces, lazy ones too.
    order
        How many earlier states of the post neuron are known; default 2, for spikes 1.
    pre_order
        How many states of the pre neuron; default: as many as `order`.
    lags
        How many frames back the latest state of the pre neuron lies; the largest entropy among the lags is the score. Default:
        0 where a step is longer than 4 ms, else all from 1 up to 4 ms.
    edges
        Values, in the unit of the differences, from which on another state begins; default: three robust deviations (of the
        neuron's noise) above its median; for spikes one spike.
    difference
        "backward" takes the change from frame to frame, "none" the values; default: backward for traces, none for spikes.
    level
        Only frames in which the mean over all neurons (of the values, not the changes) is below this level count; "calm": a
        third of the way from its most frequent to its highest value; "none": all frames. Default: calm for traces, none for
        spikes.
    bin_ms
        Width of the bins in which spikes are counted; default 1 ms. Traces have their own step.
    threads
        How many threads; the values are the same.

    Returns
    -------
    All ordered pairs with `score` (float64, bits), `delay_ms` (the lag's) and `p_value`: as 2 frames ln 2 score is distributed
    as chi-squared where nothing is transferred and the post neuron's past beyond `order` does not matter; times the number of
    lags. A dead channel scores 0. Signs are not told.

    Raises
    ------
    OptionError
        Orders, lags, edges or a level that make no sense, more than 4,096 joint states, a bin width for traces.
    ActivityError
        Values that are not finite, fewer than three frames, or none below the level.

    Notes
    -----
    Joint states are counted as common bits of machine words: for two values and the default orders 21 counts a pair of
    frames / 64 words each, some 3 microseconds for an hour at 50 Hz. Memory: bits of the states and two matrices; one pass
    through lazy traces, and stretches for the deviations. Stetter et al., 2012, doi:10.1371/journal.pcbi.1002653; Orlandi et
    al., 2014, doi:10.1371/journal.pone.0098842; delays of spikes: Ito et al., 2011, doi:10.1371/journal.pone.0027431.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> first = np.flatnonzero(rng.random(5000) < 0.1)
    >>> second = first[rng.random(len(first)) < 0.8] + 2
    >>> fired, times = np.repeat([0, 1], [len(first), len(second)]), np.concatenate([first, second])
    >>> transfer_entropy(Spikes(fired, times, duration_ms=5010)).edges[["score", "delay_ms"]].round(2).values.tolist()
    [[0.33, 2.0], [0.0, 4.0]]
    """
    where = "transfer_entropy"
    step = step_ms(activity, where, bin_ms)
    is_spikes = isinstance(activity, Spikes)
    order = (1 if is_spikes else 2) if order is None else order
    pre_order = order if pre_order is None else pre_order
    for name, value, least in (("order", order, 0), ("pre_order", pre_order, 1), ("threads", threads, 1)):
        whole(f"{where}.{name}", value, least)
    chosen = _lags(lags, step, where)
    if difference is not None:
        one_of(f"{where}.difference", difference, ["backward", "none"])
    differenced = difference == "backward" or (difference is None and not is_spikes)
    between = _edges(edges, where)
    n_states = 2 if between is None else len(between) + 1
    if n_states ** (order + 1 + pre_order) > _STATES:
        raise OptionError(
            f"{where}: {n_states ** (order + 1 + pre_order):,} joint states; at most {_STATES:,}. Take lower orders or fewer edges."
        )
    held = thermometers(activity, where, edges=between, differenced=differenced, bin_ms=step)
    frames = _frames(held, level if level is not None else "none" if is_spikes else "calm", where)
    frames = frames[frames >= max(order, chosen[-1] + pre_order - 1) + int(differenced)]
    if len(frames) == 0:
        raise ActivityError(f"{where}: no frame has all the earlier ones that are asked for. Record longer.")
    entropy, freedom, lag = _best(held, frames, n_states, order, pre_order, chosen, threads)
    return all_pairs(
        nodes_of(activity),
        score=entropy / math.log(2),
        delay_ms=lag * step,
        p_value=_p_values(2 * len(frames) * entropy, freedom, len(chosen)),
    )


def _lags(lags: list[int] | None, step: float, where: str) -> tuple[int, ...]:
    if lags is not None:
        return checked_lags(lags, f"{where}.lags", with_zero="as given")
    return (0,) if step > _REACH_MS else tuple(range(1, math.floor(_REACH_MS / step + 1e-9) + 1))


def _edges(edges: list[float] | None, where: str) -> np.ndarray | None:
    if edges is None:
        return None
    between = np.asarray(edges, dtype=np.float64).reshape(-1)
    if not len(between) or not np.isfinite(between).all() or (np.diff(between) <= 0).any():
        raise OptionError(f"{where}.edges: {edges}; give numbers that ascend, one at least.")
    return between


def _frames(held: Thermometers, level: float | str, where: str) -> np.ndarray:
    """The frames in which the population's average is below the level."""
    if isinstance(level, str):
        if level not in ("calm", "none"):
            raise OptionError(unknown(f"{where}.level", "value", level, ["calm", "none"]))
        if level == "none":
            return np.arange(held.n_frames)
        level = calm_level(held.average)
        return np.flatnonzero(held.average <= level)
    found = np.flatnonzero(held.average < level)
    if len(found) == 0:
        raise ActivityError(
            f"{where}: the population's average is nowhere below {level:g}; it runs from {held.average.min():.4g} to "
            f"{held.average.max():.4g}. Give a higher level."
        )
    return found


def _best(
    held: Thermometers,
    frames: np.ndarray,
    n_states: int,
    order: int,
    pre_order: int,
    lags: tuple[int, ...],
    threads: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entropy in nats, degrees of freedom and lag of the largest entropy among the lags, [pre, post]."""
    from conntap.infer._states import counted, informed

    n, _, words = held.bits.shape
    used = np.packbits(np.bincount(frames, minlength=64 * words).astype(bool), bitorder="little").view("<u8")
    post_states, pre_states = n_states ** (order + 1), n_states**pre_order
    starts = range(0, n, _NODES)
    entropy, freedom, best = np.full((n, n), -1.0), np.zeros((n, n), dtype=np.int64), np.zeros((n, n), dtype=np.int64)

    def states(start: int, back: int, depth: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _planes(held.bits[start : start + _NODES], used, back, depth, n_states)

    keep = len(lags) * n * (pre_states - 1) * words * 8 <= _BYTES
    pre_blocks = {(lag, start): states(start, lag, pre_order) for lag in lags for start in starts} if keep else {}

    def work(start: int) -> None:
        post, post_kept, post_sizes = states(start, 0, order + 1)
        columns = slice(start, start + len(post))
        for lag in lags:
            for other in starts:
                pre, pre_kept, pre_sizes = pre_blocks.get((lag, other)) or states(other, lag, pre_order)
                met = np.empty((len(post), len(pre), post_states - 1, pre_states - 1), dtype=np.int32)
                counted(post, post_kept, pre, pre_kept, met)
                nats, free = np.empty((len(pre), len(post))), np.empty((len(pre), len(post)), dtype=np.int64)
                informed(
                    met, post_kept, post_sizes, pre_kept, pre_sizes, n_states**order, len(frames), nats, free
                )  # fmt: skip
                at = slice(other, other + len(pre)), columns
                more = nats > entropy[at]
                entropy[at][more], freedom[at][more], best[at][more] = nats[more], free[more], lag

    for _ in mapped(work, starts, threads):
        pass
    return np.maximum(entropy, 0.0), freedom, best


def _planes(
    held: np.ndarray, used: np.ndarray, start: int, depth: int, n_states: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from conntap.infer._states import planes

    n, states = len(held), n_states**depth
    out = np.empty((n, states - 1, held.shape[2]), dtype=np.uint64)
    kept, sizes = np.empty((n, states), dtype=np.int64), np.empty((n, states), dtype=np.int64)
    planes(held, used.astype(np.uint64, copy=False), start, depth, out, kept, sizes)
    return out, kept, sizes


def _p_values(statistic: np.ndarray, freedom: np.ndarray, n_lags: int) -> np.ndarray:
    from scipy.special import chdtrc

    return np.minimum(1.0, n_lags * np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), statistic), 1.0))

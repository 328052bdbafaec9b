"""Cultures that burst: a network whose coupling is found by trial so that it bursts as often as is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from conntap.activity import Spikes
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, rectangular
from conntap.infer.lif import Cell, Depression, Drive, checked_time, edge_delays, edge_numbers, network, recorded

__all__ = ["bursts", "simulate_culture"]

_DT_MS = 0.5
_WINDOW_MS = 50.0
_APART_MS = 200.0
_SETTLING_MS = 2000.0
_BURSTS_A_TRIAL = 60
_CLOSE = 0.1
_TRIALS = 16
_RANGE_MV = (0.5, 80.0)
_DRIVE = Drive(rate_hz=0.2, weight_mv=25.0)
_CELL = Cell()


def simulate_culture(
    connectome: Connectome,
    *,
    duration_s: float,
    bursts_hz: float = 0.1,
    weight_mv: float | None = None,
    inhibition: Literal["blocked", "active"] = "blocked",
    delay_ms: float | tuple[float, float] = 1.5,
    drive: Drive | None = None,
    depression: Depression | None = None,
    rng: np.random.Generator,
) -> Spikes:
    """Simulate a culture whose neurons fire rarely alone and together in network bursts.

    Leaky integrate-and-fire neurons (20 ms, threshold 20 mV, refractory 2 ms) get rare excitation each of its own, and
    excite each other through synapses that tire. How strong these are is found by trial: short simulations, until bursts
    come as often as asked for within a tenth.

    Parameters
    ----------
    connectome
        Square. Edges may have `weight`: its sign excites or inhibits, its size counts relative to the mean size of the
        excitatory ones; default: all excite alike.
    duration_s
        Simulated time.
    bursts_hz
        How many network bursts a second are aimed at.
    weight_mv
        The mean weight of excitatory connections, instead of one found by trial.
    inhibition
        "blocked": inhibitory connections are without effect, as with bicuculline; "active": they act.
    delay_ms
        One delay, or a range.
    drive
        `{rate_hz, weight_mv}` of what each neuron gets from outside; default 0.2 Hz of 25 mV: a neuron fires now and
        then by itself. A weaker but frequent drive keeps potentials near the threshold: bursts become shorter.
    depression
        `{use, recovery_ms}`; default 0.3 and 500 ms.
    rng
        The source of randomness; equal states give equal spikes.

    Returns
    -------
    Spikes of all nodes, on a grid of 0.5 ms, from 0 to `duration_s`.

    Raises
    ------
    OptionError
        A rectangular connectome, a number out of range, or no weight with which the network bursts as asked for: too
        few connections, or too much activity without bursts.

    Notes
    -----
    A burst is a stretch of 50 ms with at least half as many spikes as there are neurons; a trial lasts as long as 60
    bursts should. An hour of 1,000 neurons takes some 5 s, trials included. Stetter et al., 2012,
    doi:10.1371/journal.pcbi.1002653; the ChaLearn Connectomics challenge, Orlandi et al., 2014.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> c = Connectome.from_adjacency((rng.random((40, 40)) < 0.2).astype(float))
    >>> s = simulate_culture(c, duration_s=60, weight_mv=14.0, rng=rng)
    >>> len(bursts(s)) > 0
    True
    """
    where = "simulate_culture"
    if not connectome.is_square:
        raise OptionError(rectangular(where, connectome.n_pre, connectome.n_post))
    one_of(f"{where}.inhibition", inhibition, ("blocked", "active"))
    n_steps = checked_time(duration_s, _DT_MS, where)
    relative = _relative_weights(connectome, inhibition, where)
    delays = edge_delays(connectome, delay_ms, _DT_MS, where, rng)
    parts = (drive or _DRIVE, _CELL, depression or Depression())

    def simulated(weight: float, steps: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        timing = {"dt_ms": _DT_MS, "n_steps": steps, "where": where}
        return network(connectome, weight * relative, delays, *parts, **timing, rng=rng)

    if weight_mv is None:
        weight_mv = _found_weight(simulated, connectome.n_nodes, bursts_hz, where, int(rng.integers(2**63)))
    elif not (math.isfinite(weight_mv) and weight_mv >= 0):
        raise OptionError(f"{where}.weight_mv: {weight_mv}; give a weight from 0 on.")
    rows, steps = simulated(weight_mv, n_steps, rng)
    return recorded(connectome.nodes, rows, steps * _DT_MS, n_steps * _DT_MS)


def bursts(spikes: Spikes) -> np.ndarray:
    """When network bursts begin: at least half as many spikes as nodes within 50 ms, 200 ms or more after the last.

    Parameters
    ----------
    spikes
        Of all recorded nodes.

    Returns
    -------
    float64, shape (bursts,): times in ms, ascending.

    Examples
    --------
    >>> bursts(Spikes([0, 1, 2, 0], [100.0, 101.0, 102.0, 500.0], duration_ms=1000, ids=4)).tolist()
    [100.0]
    """
    return _bursts(spikes.times_ms, spikes.n_nodes)


def _bursts(times: np.ndarray, n_nodes: int) -> np.ndarray:
    """The first spike of each stretch whose windows are full; windows that overlap or nearly do are one stretch."""
    needed = max(2, math.ceil(n_nodes / 2))
    if len(times) < needed:
        return np.empty(0)
    full = np.flatnonzero(times[needed - 1 :] - times[: len(times) - needed + 1] <= _WINDOW_MS)
    begins = times[full]
    ends = times[full + needed - 1]
    new = np.ones(len(full), dtype=bool)
    new[1:] = begins[1:] - ends[:-1] >= _APART_MS
    return begins[new]


def _relative_weights(connectome: Connectome, inhibition: str, where: str) -> np.ndarray:
    """Weights with a mean of 1 over the excitatory edges."""
    if "weight" not in connectome.properties:
        return np.ones(connectome.n_edges)
    weights = edge_numbers(connectome, "weight", where)
    if inhibition == "blocked":
        weights = np.maximum(weights, 0.0)
    excitatory = weights[weights > 0]
    return weights / excitatory.mean() if len(excitatory) else weights


def _found_weight(
    simulated: Callable[..., tuple[np.ndarray, np.ndarray]], n_nodes: int, bursts_hz: float, where: str, seed: int
) -> float:
    """The weight at which bursts come as often as asked for, by halving its range; all trials use one seed."""
    if not (math.isfinite(bursts_hz) and bursts_hz > 0):
        raise OptionError(f"{where}.bursts_hz: {bursts_hz}; give a rate above 0.")
    trial_ms = _BURSTS_A_TRIAL * 1000 / bursts_hz
    steps = round((trial_ms + _SETTLING_MS) / _DT_MS)
    (low, high), nearest = _RANGE_MV, (math.inf, 0.0)
    for _ in range(_TRIALS):
        weight = math.sqrt(low * high)
        _, fired = simulated(weight, steps, np.random.default_rng(seed))
        times = fired[fired * _DT_MS >= _SETTLING_MS] * _DT_MS
        ratio = len(_bursts(times, n_nodes)) / _BURSTS_A_TRIAL
        nearest = min(nearest, (abs(ratio - 1), weight))
        if nearest[0] <= _CLOSE:
            break
        # a network without quiet has few stretches, yet too much coupling
        busy = len(times) / (n_nodes * trial_ms / 1000) > 20 * bursts_hz + 2
        low, high = (low, weight) if ratio > 1 or busy else (weight, high)
    if nearest[0] > 0.5:
        raise OptionError(
            f"{where}: no weight from {_RANGE_MV[0]:g} to {_RANGE_MV[1]:g} mV gives {bursts_hz:g} bursts a second. Give "
            "weight_mv, another drive, or more connections."
        )
    return nearest[1]

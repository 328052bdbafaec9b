"""Networks of leaky integrate-and-fire neurons, simulated on a connectome."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from conntap.activity import Spikes
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, known, rectangular, unknown

__all__ = [
    "Cell",
    "Depression",
    "Drive",
    "check_parts",
    "checked_time",
    "edge_delays",
    "edge_numbers",
    "network",
    "recorded",
    "simulate_lif",
]

_SPIKES_A_PIECE = 1 << 18


@dataclass(frozen=True)
class Cell:
    """What all neurons of a network have in common; potentials are counted from rest, in mV.

    Examples
    --------
    >>> Cell(tau_ms=10.0).threshold_mv
    20.0
    """

    tau_ms: float = 20.0
    threshold_mv: float = 20.0
    reset_mv: float = 0.0
    refractory_ms: float = 2.0
    synapse_ms: float = 0.0
    """Time constant of synaptic currents; 0: each spike is a jump of the potential. The charge is the same."""


@dataclass(frozen=True)
class Depression:
    """Short-term depression of the synapses (Tsodyks and Markram): a spike uses this share of what is left.

    Examples
    --------
    >>> Depression().recovery_ms
    500.0
    """

    use: float = 0.3
    recovery_ms: float = 500.0


@dataclass(frozen=True)
class Drive:
    """Excitation from outside the network: to each neuron a Poisson train of its own.

    Examples
    --------
    >>> Drive(rate_hz=100.0, weight_mv=2.0).rate_hz
    100.0
    """

    rate_hz: float = 301.0
    weight_mv: float = 2.25


def simulate_lif(
    connectome: Connectome,
    *,
    duration_s: float,
    dt_ms: float = 1.0,
    weight: str = "weight",
    delay_ms: float | tuple[float, float] | None = None,
    drive: Drive | None = None,
    cell: Cell | None = None,
    depression: Depression | None = None,
    rng: np.random.Generator,
) -> Spikes:
    """Simulate leaky integrate-and-fire neurons that are wired as a connectome and driven by Poisson spikes.

    A potential v decays to rest with `tau_ms`; a spike adds the connection's weight to it after the connection's
    delay; at the threshold the neuron fires, is reset, and takes no input for the refractory time. Potentials start
    anywhere between reset and threshold.

    Parameters
    ----------
    connectome
        Square; negative weights inhibit. Parallel edges each deliver; self-loops too.
    duration_s
        Simulated time.
    dt_ms
        Step: spikes fall on its multiples, delays and the refractory time are rounded to it (delays at least to one).
    weight
        Edge property: by how many mV a spike moves the potential from rest.
    delay_ms
        One delay, or a range from which each edge draws one evenly (in whole steps); default: the edge property
        `delay_ms` where there is one, else from 1 to 3 ms.
    drive
        `{rate_hz, weight_mv}` of the background; default 301 Hz of 2.25 mV.
    cell
        `{tau_ms, threshold_mv, reset_mv, refractory_ms, synapse_ms}`; default 20, 20, 0, 2 and 0 (jumps).
    depression
        `{use, recovery_ms}` of short-term depression; default none. A rested synapse delivers its whole weight.
    rng
        The source of randomness; equal states give equal spikes.

    Returns
    -------
    Spikes of all nodes, on a grid of `dt_ms`, from 0 to `duration_s`.

    Raises
    ------
    OptionError
        A rectangular connectome, a property that is missing or no finite number, or a number out of range.

    Notes
    -----
    Time: steps * nodes (some 0.3 ns each) + background spikes (some 5 ns each) + deliveries; 150 neurons for 20
    minutes take some 0.5 s. Memory: longest delay * nodes, and the spikes. Depression: Tsodyks and Markram, 1997,
    doi:10.1073/pnas.94.2.719, without facilitation.

    Examples
    --------
    >>> c = Connectome(2, [0], [1], properties={"weight": [30.0]})
    >>> s = simulate_lif(c, duration_s=1, delay_ms=2.0, rng=np.random.default_rng(1))
    >>> s.n_nodes, bool(s.duration_ms == 1000)
    (2, True)
    """
    where = "simulate_lif"
    if not connectome.is_square:
        raise OptionError(rectangular(where, connectome.n_pre, connectome.n_post))
    weights = edge_numbers(connectome, weight, where)
    n_steps = checked_time(duration_s, dt_ms, where)
    delays = edge_delays(connectome, delay_ms, dt_ms, where, rng)
    parts = (drive or Drive(), cell or Cell(), depression)
    rows, steps = network(connectome, weights, delays, *parts, dt_ms=dt_ms, n_steps=n_steps, where=where, rng=rng)
    return recorded(connectome.nodes, rows, steps * dt_ms, n_steps * dt_ms)


def network(
    connectome: Connectome,
    weights: np.ndarray,
    delays: np.ndarray,
    drive: Drive,
    cell: Cell,
    depression: Depression | None,
    *,
    dt_ms: float,
    n_steps: int,
    where: str,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the nodes and steps of all spikes, ascending; `weights` in mV and `delays` in steps, by edge."""
    from conntap.infer._lif import simulated

    check_parts(drive, cell, depression, where)
    n = connectome.n_nodes
    if n == 0:
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64)
    order = np.argsort(connectome.pre, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(connectome.pre, minlength=n))]).astype(np.int64)
    refractory = round(cell.refractory_ms / dt_ms)
    decay, synaptic, share = _decays(cell, dt_ms)
    state = (
        np.zeros((int(delays.max(initial=1)) + 1, n)),
        rng.uniform(cell.reset_mv, cell.threshold_mv, n),
        np.zeros(n),
        np.zeros(n, dtype=np.int64),
        np.ones(n),
        np.zeros(n, dtype=np.int64),
        np.zeros(n + 1, dtype=np.int64),
        np.array([0, rng.integers(0, 2**64, dtype=np.uint64), 0, 0], dtype=np.uint64),
    )
    size = max(n, _SPIKES_A_PIECE)
    rows, steps = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.int64)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    while state[-1][0] < n_steps:
        count = simulated(
            indptr,
            connectome.post[order].astype(np.int64),
            weights[order].astype(np.float64),
            delays[order].astype(np.int64),
            np.array([decay, synaptic, share, cell.threshold_mv, cell.reset_mv]),
            refractory,
            np.array([0.0, 1.0] if depression is None else [depression.use, dt_ms / depression.recovery_ms]),
            _chances(n * drive.rate_hz * dt_ms / 1000),
            float(drive.weight_mv),
            *state,
            n_steps,
            rows,
            steps,
        )
        found.append((rows[:count].copy(), steps[:count].copy()))
    return np.concatenate([each for each, _ in found]), np.concatenate([each for _, each in found])


def recorded(nodes: pd.DataFrame, rows: np.ndarray, times_ms: np.ndarray, duration_ms: float) -> Spikes:
    """Spikes given by the rows of a node table, which goes with them."""
    return Spikes(nodes.index.to_numpy()[rows], times_ms, duration_ms=duration_ms, nodes=nodes)


def edge_numbers(connectome: Connectome, name: str, where: str) -> np.ndarray:
    """An edge property as finite float64, or an OptionError that says why not."""
    if name not in connectome.properties:
        raise OptionError(unknown(where, "edge property", name, connectome.properties))
    values = connectome.properties[name]
    if isinstance(values, pd.Categorical) or values.dtype.kind not in "biuf":
        raise OptionError(f"{where}: {name!r} is no number; give one of {known(connectome.properties)} that is.")
    if not np.isfinite(values).all():
        raise OptionError(f"{where}: {name!r} holds values that are not finite. Drop or fill these edges.")
    return values.astype(np.float64)


def edge_delays(
    connectome: Connectome,
    delay_ms: float | tuple[float, float] | None,
    dt_ms: float,
    where: str,
    rng: np.random.Generator,
) -> np.ndarray:
    """Shape (edges,): delays in whole steps, at least 1, from what a simulation takes as `delay_ms`."""
    if delay_ms is None and "delay_ms" in connectome.properties:
        values = edge_numbers(connectome, "delay_ms", where)
        if (values < 0).any():
            raise OptionError(f"{where}: 'delay_ms' holds negative delays. Correct them.")
        return np.maximum(1, np.rint(values / dt_ms)).astype(np.int64)
    low, high = (1.0, 3.0) if delay_ms is None else delay_ms if np.ndim(delay_ms) else (delay_ms, delay_ms)
    if not (math.isfinite(high) and 0 <= low <= high):
        raise OptionError(f"{where}.delay_ms: {delay_ms}; give a time from 0 on, or a range of two.")
    first, last = (max(1, round(each / dt_ms)) for each in (low, high))
    return rng.integers(first, last + 1, connectome.n_edges)


def checked_time(duration_s: float, dt_ms: float, where: str) -> int:
    """The number of whole steps in a duration."""
    for name, value in {"duration_s": duration_s, "dt_ms": dt_ms}.items():
        if not (math.isfinite(value) and value > 0):
            raise OptionError(f"{where}.{name}: {value}; give a time above 0.")
    n_steps = round(duration_s * 1000 / dt_ms)
    if n_steps < 1:
        raise OptionError(f"{where}.duration_s: {duration_s} s is less than a step of {dt_ms} ms. Give more.")
    return n_steps


def _decays(cell: Cell, dt_ms: float) -> tuple[float, float, float]:
    """By what potential and current shrink in a step, and what of the current reaches the potential meanwhile.

    A spike of weight w adds w to the current; the current's whole charge moves the potential as a jump of w would.
    """
    decay = math.exp(-dt_ms / cell.tau_ms)
    if cell.synapse_ms == 0:
        return decay, 0.0, 0.0
    synaptic = math.exp(-dt_ms / cell.synapse_ms)
    if math.isclose(cell.synapse_ms, cell.tau_ms, rel_tol=1e-6):
        return decay, synaptic, dt_ms / cell.tau_ms * decay
    return decay, synaptic, cell.tau_ms / (cell.tau_ms - cell.synapse_ms) * (decay - synaptic)


def _chances(mean: float) -> np.ndarray:
    """Chances of at most 0, 1, 2 ... events where `mean` are expected; the last entry is 1."""
    from scipy.stats import poisson

    most = int(mean + 12 * math.sqrt(mean) + 30)
    chances = poisson.cdf(np.arange(most + 1), mean)
    chances[-1] = 1.0
    return chances if mean > 0 else np.ones(1)


def check_parts(drive: Drive, cell: Cell, depression: Depression | None, where: str) -> None:
    """Refuse numbers of a network that are out of range."""
    above = {"cell.tau_ms": cell.tau_ms, "cell.threshold_mv - reset_mv": cell.threshold_mv - cell.reset_mv}
    from_zero = {"cell.refractory_ms": cell.refractory_ms, "cell.synapse_ms": cell.synapse_ms}
    from_zero["drive.rate_hz"] = drive.rate_hz
    if depression is not None:
        above["depression.recovery_ms"] = depression.recovery_ms
        if not 0 < depression.use < 1:
            raise OptionError(f"{where}.depression.use: {depression.use}; give a share above 0 and below 1.")
    if not math.isfinite(drive.weight_mv):
        raise OptionError(f"{where}.drive.weight_mv: {drive.weight_mv}; give a finite weight.")
    for numbers, least in ((above, "above 0"), (from_zero, "from 0 on")):
        for name, value in numbers.items():
            if not math.isfinite(value) or value < 0 or (value == 0 and numbers is above):
                raise OptionError(f"{where}.{name}: {value}; give a number {least}.")

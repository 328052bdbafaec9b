"""Fluorescence of calcium indicators as a microscope would record it, from spikes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from conntap.activity import Spikes, Traces
from conntap.errors import ActivityError, OptionError, known, one_of
from conntap.infer.flowing import Flow, Pointwise, mapped

__all__ = ["INDICATORS", "Indicator", "calcium", "scatter_light"]

_AT_ONCE = 1 << 30  # bytes of traces that are made at once; longer ones when they are read
_EDGE = 1e-9  # of a frame: what rounding may do to a time


@dataclass(frozen=True)
class Indicator:
    """What becomes of a spike: a step of calcium that decays, the indicator's saturation, and noise.

    Examples
    --------
    >>> Indicator(dt_ms=20.0, tau_ms=400.0, noise=0.3).amplitude
    1.0
    """

    dt_ms: float
    tau_ms: float
    rise_ms: float = 0.0
    """0: at once. Else calcium is a difference of exponentials whose highest point is the amplitude."""
    amplitude: float = 1.0
    drift: float = 0.0
    """Standard deviation of what is added to calcium in each frame, and then decays."""
    saturation: float = 0.0
    """The calcium at which fluorescence is half its greatest, 1; 0: fluorescence is calcium itself."""
    noise: float = 0.0
    """Standard deviation of the recording's noise, in units of fluorescence."""
    skipped: int = 0
    """How many frames at the beginning are left out."""


INDICATORS: dict[str, Indicator] = {
    "calnet": Indicator(dt_ms=1.0, tau_ms=100.0, drift=0.01, noise=1.0, skipped=100),
    "challenge": Indicator(dt_ms=20.0, tau_ms=1000.0, amplitude=50.0, saturation=300.0, noise=0.03),
}
"""By name: calnet's (in spikes), and that of the ChaLearn Connectomics challenge (calcium in uM)."""


def calcium(
    spikes: Spikes,
    *,
    indicator: Literal["calnet", "challenge"] | Indicator = "calnet",
    dt_ms: float | None = None,
    tau_ms: float | None = None,
    rise_ms: float | None = None,
    amplitude: float | None = None,
    noise: float | None = None,
    saturation: float | None = None,
    rng: np.random.Generator,
) -> Traces:
    """Make the fluorescence traces that a microscope would record of these spikes.

    With s the spikes of a frame, calcium is c[t] = exp(-dt / tau) c[t-1] + amplitude * s[t] + drift, less (where it takes
    time to rise) the same with the rise's time constant and without drift. Fluorescence is c, or c / (c + saturation);
    noise comes on top. Frames that the recording does not fill are left out. What is long is made while it is read.

    Parameters
    ----------
    spikes
        Of all recorded nodes.
    indicator
        "calnet": frames of 1 ms, decay in 100 ms, a spike is 1, drift 0.01, noise 1, the first 100 frames left out.
        "challenge": frames of 20 ms, decay in 1 s, a spike is 50 uM, half saturation at 300 uM, noise 0.03. Or all numbers
        of one: `{dt_ms, tau_ms, rise_ms, amplitude, drift, saturation, noise, skipped}`.
    dt_ms, tau_ms, rise_ms, amplitude, noise, saturation
        Take the place of the indicator's numbers.
    rng
        The source of randomness; equal states give equal traces.

    Returns
    -------
    Traces, float32, shape (frames, nodes); each frame bears the time at which it begins. Over 1 GiB, the values are lazy:
    computed when they are read, in order fastest, the same in any pieces.

    Raises
    ------
    OptionError
        A number out of range, or a rise as slow as the decay.
    ActivityError
        A recording without a whole frame.

    Notes
    -----
    Some 20 ns a value; 4 bytes a value where made at once. Challenge: Stetter et al., 2012,
    doi:10.1371/journal.pcbi.1002653.

    Examples
    --------
    >>> spikes = Spikes([0], [20.0], duration_ms=60, ids=1)
    >>> traces = calcium(spikes, indicator=Indicator(dt_ms=20, tau_ms=20), rng=np.random.default_rng(1))
    >>> np.allclose(traces.to_numpy().ravel(), [0, 1, np.exp(-1)])
    True
    """
    if isinstance(indicator, str):
        one_of("calcium.indicator", indicator, INDICATORS)
        indicator = INDICATORS[indicator]
    given = {"dt_ms": dt_ms, "tau_ms": tau_ms, "rise_ms": rise_ms}
    given |= {"amplitude": amplitude, "noise": noise, "saturation": saturation}
    indicator = replace(indicator, **{name: value for name, value in given.items() if value is not None})
    _check(indicator)
    step, skipped = indicator.dt_ms, indicator.skipped
    n_frames = math.floor(spikes.duration_ms / step + _EDGE) - skipped
    if n_frames < 1:
        raise ActivityError(
            f"calcium: {spikes.duration_ms:g} ms hold no frame of {step:g} ms after the first {skipped}. Record longer."
        )
    before = Counts(spikes, step, 0, skipped)[:]
    make = partial(Sensor, indicator, before, int(rng.integers(2**63)))
    values = Flow(Counts(spikes, step, skipped, skipped + n_frames), make, "calcium")
    size = n_frames * spikes.n_nodes * np.dtype(values.dtype).itemsize
    start = spikes.start_ms + skipped * step
    return Traces(values if size > _AT_ONCE else values[:], dt_ms=step, start_ms=start, nodes=spikes.nodes)


def scatter_light(traces: Traces, *, strength: float = 0.15, sigma: float | None = None) -> Traces:
    """Add to each trace the light that scatters into it from the other nodes, by their distance.

    F_i becomes F_i + the sum over all others j of strength * exp(-(d_ij / sigma)^2) F_j.

    Parameters
    ----------
    traces
        Their nodes have positions `x`, `y` and perhaps `z`.
    strength
        What a node at the same place adds.
    sigma
        How far light scatters, in the unit of the positions; default: the nodes' mean spacing, (area / nodes)^(1/2) of
        the box that holds them, (volume / nodes)^(1/3), or of their line length / nodes.

    Returns
    -------
    Traces of the same nodes and steps; lazy where the given ones are.

    Raises
    ------
    ActivityError
        Nodes without positions, or values that are not finite.
    OptionError
        A number out of range, or nodes all at one place and no `sigma`.

    Notes
    -----
    One product with a matrix of nodes * nodes. Stetter et al., 2012, doi:10.1371/journal.pcbi.1002653.

    Examples
    --------
    >>> import pandas as pd
    >>> nodes = pd.DataFrame({"x": [0.0, 0.0], "y": [0.0, 0.0]})
    >>> scatter_light(Traces([[1.0, 0.0]], dt_ms=20, nodes=nodes), sigma=1.0).to_numpy().tolist()
    [[1.0, 0.15]]
    """
    if not math.isfinite(strength):
        raise OptionError(f"scatter_light.strength: {strength}; give a finite number.")
    places = _positions(traces)
    if sigma is None:
        sigma = _spacing(places)
    if not (math.isfinite(sigma) and sigma > 0):
        raise OptionError(f"scatter_light.sigma: {sigma}; give a length above 0.")
    square = np.zeros((len(places), len(places)))
    for axis in places.T:
        square += np.subtract.outer(axis, axis) ** 2
    mixing = strength * np.exp(-square / sigma**2)
    np.fill_diagonal(mixing, 1.0)
    return mapped(traces, partial(Pointwise, partial(_mixed, mixing)), where="scatter_light")


class Counts:
    """Spikes of the nodes in each frame, [time, nodes], counted where they are read.

    Examples
    --------
    >>> Counts(Spikes([0, 1, 1], [5.0, 15.0, 16.0], duration_ms=30, ids=2), 10.0, 1, 3)[:].tolist()
    [[0.0, 2.0], [0.0, 0.0]]
    """

    ndim, dtype = 2, np.dtype(np.float32)

    def __init__(self, spikes: Spikes, dt_ms: float, first: int, stop: int) -> None:
        self.spikes, self.dt_ms, self.first = spikes, dt_ms, first
        self.shape = (stop - first, spikes.n_nodes)

    def __getitem__(self, key: slice) -> np.ndarray:
        first, stop, step = key.indices(self.shape[0])
        stop = max(first, stop)
        times, start = self.spikes.times_ms, self.spikes.start_ms
        bounds = start + (np.array([first, stop]) + self.first + [-1, 1]) * self.dt_ms
        low, high = np.searchsorted(times, bounds)
        frames = np.floor((times[low:high] - start) / self.dt_ms + _EDGE).astype(np.int64) - self.first - first
        inside = (frames >= 0) & (frames < stop - first)
        n = self.shape[1]
        cells = frames[inside] * n + self.spikes.rows[low:high][inside]
        counts = np.bincount(cells, minlength=(stop - first) * n).reshape(stop - first, n)
        return counts.astype(self.dtype)[::step]


class Sensor:
    """The filter from spike counts to fluorescence; it remembers calcium, and draws noise frame by frame.

    Examples
    --------
    >>> sensor = Sensor(Indicator(dt_ms=20, tau_ms=20), np.zeros((0, 1)), 7)
    >>> [sensor.push(np.array([[count]])).round(2).item() for count in (2.0, 0.0)]
    [2.0, 0.7400000095367432]
    """

    def __init__(self, indicator: Indicator, before: np.ndarray, seed: int) -> None:
        n = before.shape[1]
        self.decaying, self.rising = np.zeros(n), np.zeros(n)
        self.drifting, self.recording = (
            np.random.Generator(np.random.SFC64(each)) for each in np.random.SeedSequence(seed).spawn(2)
        )
        self.numbers = _numbers(indicator)
        self.push(before)

    def push(self, block: np.ndarray) -> np.ndarray:
        """Fluorescence of these frames, float32."""
        from conntap.infer._calcium import filled

        block, none = block.astype(np.float32, copy=False), np.empty((0, 0), dtype=np.float32)
        drift, noise = (
            source.standard_normal(block.shape, dtype=np.float32) if size > 0 else none
            for source, size in ((self.drifting, self.numbers[3]), (self.recording, self.numbers[5]))
        )
        out = np.empty(block.shape, dtype=np.float32)
        filled(block, drift, noise, self.decaying, self.rising, self.numbers, out)
        return out

    def finish(self) -> np.ndarray:
        """Nothing is held back."""
        return np.empty((0, len(self.decaying)), dtype=np.float32)


def _numbers(indicator: Indicator) -> tuple[float, ...]:
    """What the kernel takes: shrinkage by frame, what a spike adds, and the rest."""
    decay, tau, rise = math.exp(-indicator.dt_ms / indicator.tau_ms), indicator.tau_ms, indicator.rise_ms
    rest = (float(indicator.drift), float(indicator.saturation), float(indicator.noise))
    if rise == 0:
        return (decay, 0.0, float(indicator.amplitude), *rest)
    peak = math.log(tau / rise) * tau * rise / (tau - rise)
    height = math.exp(-peak / tau) - math.exp(-peak / rise)
    return (decay, math.exp(-indicator.dt_ms / rise), indicator.amplitude / height, *rest)


def _check(indicator: Indicator) -> None:
    least = {"dt_ms": "above 0", "tau_ms": "above 0", "rise_ms": "from 0 on", "drift": "from 0 on"}
    least |= {"saturation": "from 0 on", "noise": "from 0 on", "skipped": "from 0 on"}
    for name, wish in least.items():
        value = getattr(indicator, name)
        if not math.isfinite(value) or value < 0 or (value == 0 and wish == "above 0"):
            raise OptionError(f"calcium.{name}: {value}; give a number {wish}.")
    if not math.isfinite(indicator.amplitude):
        raise OptionError(f"calcium.amplitude: {indicator.amplitude}; give a finite number.")
    if indicator.rise_ms >= indicator.tau_ms * (1 - 1e-6):
        raise OptionError(
            f"calcium.rise_ms: {indicator.rise_ms}; give a time shorter than the decay, {indicator.tau_ms:g} ms."
        )


def _positions(traces: Traces) -> np.ndarray:
    """Shape (nodes, axes): x, y and perhaps z."""
    table = traces.nodes
    axes: Sequence[str] = [name for name in ("x", "y", "z") if name in table]
    if not {"x", "y"} <= set(axes):
        raise ActivityError(
            f"scatter_light: nodes without x and y; what is known of them: {known(table.columns)}. Give Traces(nodes=...)."
        )
    places = table[axes].to_numpy(dtype=np.float64)
    if not np.isfinite(places).all():
        raise ActivityError("scatter_light: positions that are not finite. Leave these nodes out.")
    return places


def _spacing(places: np.ndarray) -> float:
    """The side of the square (cube, piece of a line) that each node has for itself."""
    if len(places) < 2:
        return 1.0  # nothing scatters
    sides = np.ptp(places, axis=0)
    sides = sides[sides > 0]
    return float((np.prod(sides) / len(places)) ** (1 / len(sides))) if len(sides) else 0.0


def _mixed(mixing: np.ndarray, block: np.ndarray) -> Any:
    kind = np.float32 if block.dtype == np.float32 else np.float64
    return block.astype(kind, copy=False) @ mixing.astype(kind)

"""Data sets on which inference is measured, each from a seed: five fresh ones of any kind take minutes, not hours.

A0   150 integrate-and-fire neurons (80 % excitatory, p = 0.1, weights log-normal with means 1 and -5 mV, delays of 1 to
     3 ms, some 7 Hz, asynchronous), 20 minutes of spikes on a grid of 1 ms.
A1   A0 as calcium every millisecond, decay 100 ms, noise of one spike (calnet's).
A2   A0 as calcium at 50 Hz, decay 400 ms, noise of 0.3 spikes.
B    a bursting culture of 100 excitatory neurons (some 0.1 bursts a second), one hour at 50 Hz, the ChaLearn challenge's
     sensor, with light scattered from neuron to neuron.
C    the same on the challenge's network normal-1 (1,000 neurons, 12,000 effective connections: the inhibitory ones are
     blocked and no part of what is to be found).

    from inference_data import a, b, c
    data = a(seed=1); data.truth, data.spikes, data.traces["A1"]

Run as a script it prints what each costs and the statistics of its spikes.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import conntap
from conntap.activity import Spikes, Traces
from conntap.build import culture, typed
from conntap.circuits.connectome import Connectome
from conntap.infer import calcium, scatter_light, simulate_culture, simulate_lif
from conntap.infer.cultures import bursts
from conntap.seeds import stream

NORMAL_1 = Path(__file__).resolve().parents[2] / "shared" / "data" / "connectomics" / "normal-1.yaml"


@dataclass(frozen=True)
class Data:
    """What is to be found (edge property `weight`), the spikes, and the recordings by name."""

    truth: Connectome
    spikes: Spikes
    traces: dict[str, Traces]


def a(seed: int, *, duration_s: float = 1200.0, recordings: tuple[str, ...] = ("A1", "A2")) -> Data:
    """The asynchronous network: A0 are its spikes, A1 and A2 its recordings."""
    weight = {"E": 1.0, "I": -5.0}
    truth = typed(
        counts={"E": 120, "I": 30}, probability=0.1, weight=weight, delay_ms=(0.5, 3.5), rng=stream(seed, "a")
    )
    spikes = simulate_lif(truth, duration_s=duration_s, rng=stream(seed, "a", "spikes"))
    options = {"A1": {}, "A2": {"dt_ms": 20.0, "tau_ms": 400.0, "noise": 0.3}}
    made = {name: calcium(spikes, **options[name], rng=stream(seed, name)) for name in recordings}
    return Data(truth, spikes, made)


def b(seed: int, *, duration_s: float = 3600.0) -> Data:
    """The bursting culture of 100 neurons."""
    return _culture("B", culture(n_nodes=100, degree=9.5, rng=stream(seed, "b")), seed, duration_s)


def c(seed: int, *, duration_s: float = 3600.0, path: Path = NORMAL_1) -> Data:
    """Another hour of the challenge's network, which is the same for every seed."""
    return _culture("C", conntap.read(path), seed, duration_s)


def _culture(name: str, network: Connectome, seed: int, duration_s: float) -> Data:
    spikes = simulate_culture(network, duration_s=duration_s, rng=stream(seed, name, "spikes"))
    traces = scatter_light(calcium(spikes, indicator="challenge", rng=stream(seed, name)))
    return Data(network.filter(network.properties["weight"] > 0), spikes, {name: traces})


def main() -> None:
    """Cost and statistics of one seed of each; a first argument is another seed."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    made = {"a": a, "b": b} | ({"c": c} if NORMAL_1.is_file() else {})
    simulate_lif(typed(counts={"E": 2}, probability=1.0, rng=stream(1)), duration_s=1, rng=stream(1))  # compile
    for name, make in made.items():
        begin = time.process_time()
        data = make(seed)
        cost = time.process_time() - begin
        rates = data.spikes.rates_hz()
        often = 1000 * len(bursts(data.spikes)) / data.spikes.duration_ms
        sizes = ", ".join(f"{each}: {' x '.join(map(str, held.values.shape))}" for each, held in data.traces.items())
        print(f"{name}: {cost:6.1f} CPU s; {len(data.spikes):,} spikes, {rates.mean():.2f} Hz (sd {rates.std():.2f}),")
        print(f"   {often:.3f} bursts a second; {data.truth.n_edges:,} connections; {sizes}")
    hand = np.load(NORMAL_1.parents[1] / "recordings" / "lif150.npz") if NORMAL_1.is_file() else None
    if hand is not None:
        begin = time.process_time()
        here = simulate_lif(Connectome.from_adjacency(hand["weight_pre_post"]), duration_s=1200, rng=stream(seed))
        there = np.bincount(hand["neuron"], minlength=150) / 1200
        print(f"lif150 again: {time.process_time() - begin:.1f} CPU s;", end=" ")
        for kind, own in (("E", hand["excitatory"]), ("I", ~hand["excitatory"])):
            print(f"{kind} {here.rates_hz()[own].mean():.2f} Hz (recorded {there[own].mean():.2f})", end=", ")
        print(f"neuron by neuron r = {np.corrcoef(here.rates_hz(), there)[0, 1]:.4f}")


if __name__ == "__main__":
    main()

"""Deconvolution of 1,000 neurons, one hour at 50 Hz, beside oasis-deconv: processor seconds on one core, and agreement.

Simulated: 1 spike per s and neuron, tau 1 s, noise of 0.3 spikes. The peer runs in the interpreter named by PEER (default:
this one), neuron by neuron as it does: oasisAR1 with all given on every neuron, and deconvolve, which estimates by itself, on
every tenth neuron, multiplied. "Streamed" reads from HDF5 and looks at each stretch once.

    python benchmarks/deconvolution.py
    python benchmarks/deconvolution.py --small    # 100 neurons
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

FRAMES, DT_MS, TAU_MS, KEPT = 180_000, 20.0, 1000.0, 10
DECAY = float(np.exp(-DT_MS / TAU_MS))


def simulated(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Shape (time, neurons), float32: fluorescence and the spikes of the first few."""
    values, kept = np.empty((FRAMES, n), np.float32), []
    for node in range(n):
        rng = np.random.default_rng([7, node])
        spikes = rng.poisson(DT_MS / 1000, FRAMES)
        values[:, node] = lfilter([1], [1, -DECAY], spikes) + rng.normal(0, 0.3, FRAMES)
        kept += [spikes] if node < KEPT else []
    return values, np.array(kept).T


def peer(n: int, path: str) -> None:
    """Seconds of the peer, and its spikes of the first neurons."""
    try:
        from oasis.functions import deconvolve
        from oasis.oasis_methods import oasisAR1
    except ImportError:
        print(json.dumps(None))
        return
    columns = np.ascontiguousarray(simulated(n)[0].T, dtype=np.float64)
    oasisAR1(columns[0, :100], DECAY)
    start = time.process_time()
    found = [oasisAR1(each, DECAY)[1] for each in columns]
    given = time.process_time() - start
    start = time.process_time()
    own = [deconvolve(each, penalty=1)[1] for each in columns[::10]]
    np.savez(path, given=np.array(found[:KEPT]).T, own=np.array(own[:1]).T)
    print(json.dumps({"given": given, "estimated": 10 * (time.process_time() - start)}))


def ours(n: int) -> tuple[dict[str, float], np.ndarray, np.ndarray, np.ndarray]:
    """Seconds, spikes with all given, those with all estimated, and the true ones."""
    import h5py

    from conntap import Traces
    from conntap.infer import deconvolved, kinetics

    values, true = simulated(n)
    traces, seconds = Traces(values, dt_ms=DT_MS), {}
    given = {"tau_ms": TAU_MS, "baseline": 0.0}
    deconvolved(Traces(values[:5000, :9], dt_ms=DT_MS), penalty="noise")
    deconvolved(Traces(values[:5000, :9], dt_ms=DT_MS), **given)

    start = time.process_time()
    found = deconvolved(traces, **given).values[:, :KEPT].copy()
    seconds["given"] = time.process_time() - start
    start = time.process_time()
    estimated = deconvolved(traces, penalty="noise").values[:, :KEPT].copy()
    seconds["estimated"] = time.process_time() - start
    start = time.process_time()
    kinetics(traces, tau="autocovariance")
    seconds["kinetics"] = time.process_time() - start
    with tempfile.TemporaryDirectory() as folder, h5py.File(Path(folder) / "f.h5", "w") as file:
        stored = file.create_dataset("f", data=values, chunks=(4096, min(n, 64)))
        start = time.process_time()
        for _ in deconvolved(Traces(stored, dt_ms=DT_MS), **given).pieces(8192):
            pass
        seconds["streamed"] = time.process_time() - start
    return seconds, found, estimated, true


def main() -> None:
    n = 100 if "--small" in sys.argv else 1000
    if "--peer" in sys.argv:
        peer(n, sys.argv[-1])
        return
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "peer.npz")
        size = ["--small"] if n == 100 else []
        command = [os.environ.get("PEER", sys.executable), __file__, *size, "--peer", path]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        other = dict(np.load(path)) if told else {}
    seconds, found, estimated, true = ours(n)

    def agreement(spikes: np.ndarray) -> float:
        return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(spikes.T, true.T, strict=False)]))

    print(f"{n} neurons x {FRAMES} frames, processor seconds")
    for name, words in (
        ("given", "tau given, no penalty"),
        ("estimated", "tau, noise, penalty and baseline estimated"),
    ):
        beside = (
            f"{told[name]:8.1f} oasis-deconv, ratio {told[name] / seconds[name]:.1f}" if told else "peer not installed"
        )
        print(f"{words:44} {seconds[name]:8.1f}   {beside}")
    print(f"{'tau given, streamed from HDF5':44} {seconds['streamed']:8.1f}")
    print(f"{'tau and noise of each, by autocovariance':44} {seconds['kinetics']:8.1f}")
    print(f"correlation with true spikes: given {agreement(found):.4f}, estimated {agreement(estimated):.4f}")
    if told:
        print(
            f"  oasis-deconv: given {agreement(other['given']):.4f}, estimated {agreement(other['own']):.4f} (one neuron)"
        )
        print(f"largest difference of spikes, all given: {np.abs(other['given'][1:] - found[1:]).max():.1e}")


if __name__ == "__main__":
    main()

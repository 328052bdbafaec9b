"""Deconvolution of calcium that takes time to rise: ours beside oasis-deconv, in cost (the sum that is to be least) and CPU time."""

from __future__ import annotations

import time

import numpy as np
from oasis.oasis_methods import oasisAR2
from scipy.signal import lfilter

from conntap import Traces
from conntap.infer import deconvolved

FRAMES, NODES, DT_MS, TAU_MS, RISE_MS, PENALTY = 180_000, 4, 20.0, 400.0, 80.0, 0.5


def main() -> None:
    rng = np.random.default_rng(0)
    decay, rise = np.exp(-DT_MS / TAU_MS), np.exp(-DT_MS / RISE_MS)
    spikes = rng.poisson(0.04, (FRAMES, NODES)).astype(float)
    clean = lfilter([1], [1, -decay - rise, decay * rise], spikes, axis=0)
    noisy = clean + rng.normal(0, 0.3 * clean.std(), clean.shape)
    options = {"tau_ms": TAU_MS, "rise_ms": RISE_MS, "baseline": 0.0, "penalty": PENALTY}
    deconvolved(Traces(noisy[:3000], dt_ms=DT_MS), **options)
    oasisAR2(noisy[:3000, 0].copy(), decay + rise, -decay * rise)

    start = time.process_time()
    ours = deconvolved(Traces(noisy, dt_ms=DT_MS), **options).to_numpy()
    seconds = time.process_time() - start
    calcium = deconvolved(Traces(noisy, dt_ms=DT_MS), give="calcium", **options).to_numpy()
    ours = np.concatenate([calcium[:1], ours[1:]])
    start = time.process_time()
    peer = [oasisAR2(noisy[:, node].copy(), decay + rise, -decay * rise, lam=PENALTY) for node in range(NODES)]
    peers = time.process_time() - start

    costs = [_cost(noisy, calcium, ours), _cost(noisy, *(np.column_stack(each) for each in zip(*peer, strict=True)))]
    likeness = [_likeness(ours, spikes), _likeness(np.column_stack([each[1] for each in peer]), spikes)]
    print(f"cost: ours {costs[0]:,.0f}, oasis-deconv {costs[1]:,.0f} ({100 * (costs[1] / costs[0] - 1):.1f} % more)")
    print(f"correlation with the spikes: ours {likeness[0]:.3f}, oasis-deconv {likeness[1]:.3f}")
    values = 1e-9 * FRAMES * NODES
    print(
        f"CPU ns a value: ours {seconds / values:.0f}, oasis-deconv {peers / values:.0f} ({peers / seconds:.1f} times)"
    )


def _cost(noisy: np.ndarray, calcium: np.ndarray, spikes: np.ndarray) -> float:
    return float(((noisy - calcium) ** 2).sum() / 2 + PENALTY * spikes.sum())


def _likeness(found: np.ndarray, spikes: np.ndarray) -> float:
    return float(np.mean([np.corrcoef(found[:, node], spikes[:, node])[0, 1] for node in range(NODES)]))


if __name__ == "__main__":
    main()

"""Claim: lagged covariances cost a fraction of products lag by lag, spikes far less, and 10,000 neurons stream in 4 GB.

`python benchmarks/linear_inference.py [covariances|spikes|stream|winner] [seconds of recording]`; CPU seconds, one thread.
Peers in the same run: numpy, and scikit-learn where it is installed.
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from conntap.activity import Spikes, Traces
from conntap.infer.counting import spike_covariances
from conntap.infer.covariances import covariances
from conntap.infer.winner import challenge


def cost(function: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds, and the value."""
    begin = time.process_time()
    value = function()
    return time.process_time() - begin, value


def by_numpy(values: np.ndarray, lags: range) -> dict[int, np.ndarray]:
    """Products of deviations lag by lag."""
    deviations = values - values.mean(axis=0)
    return {lag: deviations[: len(values) - lag].T @ deviations[lag:] / len(values) for lag in lags}


def of_covariances(seconds: float) -> None:
    """1,000 neurons at 50 Hz, lags 0 to 5."""
    lags = range(6)
    for kind in (np.float32, np.float64):
        values = np.random.default_rng(1).standard_normal((int(50 * seconds), 1000), dtype=kind)
        covariances([values[:5000]], lags=lags)
        own, found = cost(lambda: covariances(Traces(values, dt_ms=20.0).pieces(4096), lags=lags))  # noqa: B023
        theirs, expected = cost(lambda: by_numpy(values, lags))  # noqa: B023
        apart = max(np.abs(found.at(lag) - expected[lag]).max() for lag in lags)
        print(
            f"{values.shape}, {kind.__name__}, lags 0-5: {own:.1f} s, numpy {theirs:.1f} s ({theirs / own:.1f}x); apart {apart:.0e}"
        )
    try:
        from sklearn.covariance import empirical_covariance
    except ImportError:
        print("scikit-learn is not installed here")
        return
    theirs, _ = cost(lambda: empirical_covariance(values))
    own, _ = cost(lambda: covariances([values], lags=[0]))
    print(f"lag 0 alone, float64: {own:.1f} s, scikit-learn {theirs:.1f} s ({theirs / own:.1f}x)")


def of_spikes(seconds: float) -> None:
    """1,000 neurons at 5 Hz in bins of 1 ms, lags 0 to 5; numpy on a tenth of it."""
    rng, n = np.random.default_rng(1), 1000
    count = int(5 * n * seconds)
    spikes = Spikes(rng.integers(0, n, count), rng.uniform(0, 1000 * seconds, count), duration_ms=1000 * seconds, ids=n)
    spike_covariances(spikes.between(0, 100), bin_ms=1, lags=range(6))
    own, _ = cost(lambda: spike_covariances(spikes, bin_ms=1, lags=range(6)))
    part = spikes.between(0, 100 * seconds).counts(1).astype(np.float32)
    theirs, _ = cost(lambda: by_numpy(part, range(6)))
    print(f"{spikes}, lags 0-5: {own:.2f} s, numpy {10 * theirs:.0f} s (ten times a tenth; {10 * theirs / own:.0f}x)")


def streamed(seconds: float) -> None:
    """10,000 neurons, lags 0 and 1, pieces made while they are read: a slice, and what a million frames would take."""
    rng, frames = np.random.default_rng(1), int(50 * seconds)
    pool = rng.standard_normal((2048, 10_000), dtype=np.float32)
    own, _ = cost(lambda: covariances((pool for _ in range(frames // 2048)), lags=[0, 1]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    done = frames // 2048 * 2048
    print(
        f"10,000 neurons x {done:,} frames: {own:.0f} s, peak {peak:.2f} GB; a million frames: {own * 1e6 / done / 3600:.1f} h"
    )


def published(values: np.ndarray, thresholds: list[float], components: float = 0.8) -> np.ndarray:
    """The paper's averaged method by whole arrays: two filters, difference, threshold, weighting, components, inverse."""
    total = 0.0
    for weights in ({-1: 1.0, 0: 1.0, 1: 1.0}, {0: 1.0, -1: 1.0, -2: 0.8, -3: 0.4}):
        first, last = -min(weights), len(values) - max(weights)
        smooth = sum(weight * values[first + k : last + k].astype(np.float64) for k, weight in weights.items())
        rises = np.diff(smooth, axis=0)
        del smooth
        for threshold in thresholds:
            weighted = np.where(rises >= threshold, rises, 0.0)
            sums = weighted.sum(axis=1)
            busy = np.flatnonzero(sums > 0)
            weighted += 1.0
            weighted[busy] **= (1 + 1 / sums[busy])[:, None]
            weighted -= weighted.mean(axis=0)
            sizes, vectors = np.linalg.eigh(weighted.T @ weighted / len(weighted))
            del weighted
            rest = len(sizes) - int(components * len(sizes))
            sizes[:rest] = sizes[:rest].mean()
            precision = vectors / sizes @ vectors.T
            root = np.sqrt(np.diagonal(precision))
            total = total - precision / root / root[:, None]
    np.fill_diagonal(total, 0)
    return total / 2 / len(thresholds)


def of_winner(seconds: float) -> None:
    """The winner's method on the challenge's network, beside plain numpy."""
    from inference_data import c

    from conntap.infer import score
    from conntap.infer.pairs import all_pairs, matrix_of

    data = c(101, duration_s=seconds)
    values = np.asarray(data.traces["C"].values[:], dtype=np.float32)
    traces = Traces(values, dt_ms=20.0, ids=data.traces["C"].ids)
    challenge(Traces(values[:500, :20], dt_ms=20.0))
    levels = [round(0.1 + 0.01 * k, 3) for k in range(12)]
    cases = {
        "full": lambda: challenge(traces),
        "simple": lambda: challenge(traces, version="simple"),
        "simple, as numpy": lambda: challenge(traces, version="simple", scale=1.0, directivity=0.0),
        "numpy": lambda: all_pairs(traces.ids, score=published(values, levels)),
    }
    for name, function in cases.items():
        spent, found = cost(function)
        scores = score(found, data.truth)
        print(
            f"C, {seconds:.0f} s, {name}: {spent:.1f} CPU s, {scores['roc_auc']:.4f}/{scores['pr_auc']:.4f}", flush=True
        )
        if name == "simple, as numpy":
            own, before = matrix_of(found, "score", "here"), spent
    apart = np.abs(own - matrix_of(found, "score", "here")).max()
    print(f"numpy takes {spent / before:.1f} times as long; largest difference of scores {apart:.0e}")


if __name__ == "__main__":
    faces = {"covariances": of_covariances, "spikes": of_spikes, "stream": streamed, "winner": of_winner}
    lengths = {"covariances": 3600.0, "spikes": 600.0, "stream": 200.0, "winner": 3600.0}
    for name in [sys.argv[1]] if len(sys.argv) > 1 else list(faces):
        faces[name](float(sys.argv[2]) if len(sys.argv) > 2 else lengths[name])

"""Claim: lagged covariances cost a fraction of products lag by lag, spikes far less, and 10,000 neurons stream in 4 GB.

`python benchmarks/linear_inference.py [covariances|spikes|stream|drawn|winner] [seconds of recording; drawn: frames]`; CPU seconds, one thread.
Peers in the same run: numpy here; scikit-learn and elephant in the interpreter named by PEER (default: this one).
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


def cost(function: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds, and the value."""
    begin = time.process_time()
    value = function()
    return time.process_time() - begin, value


def by_numpy(values: np.ndarray, lags: range) -> dict[int, np.ndarray]:
    """Products of deviations lag by lag."""
    deviations = values - values.mean(axis=0)
    return {lag: deviations[: len(values) - lag].T @ deviations[lag:] / len(values) for lag in lags}


def noise(frames: int, kind: type) -> np.ndarray:
    """Shape (frames, 1000)."""
    return np.random.default_rng(1).standard_normal((frames, 1000), dtype=kind)


def peers(name: str, seconds: float) -> None:
    """CPU seconds of what is installed, as JSON; elephant's pairs are a few, multiplied."""
    found = {}
    frames, pairs = int(50 * seconds), 1000 * 999 / 2
    if name == "covariances":
        values = noise(frames, np.float64)
        try:
            from sklearn.covariance import empirical_covariance

            found["scikit-learn, empirical_covariance, lag 0"] = cost(lambda: empirical_covariance(values))[0]
        except ImportError:
            pass
        try:
            import neo
            import quantities as pq
            from elephant.signal_processing import cross_correlation_function

            signal = neo.AnalogSignal(values[:, :21], units="mV", sampling_rate=50.0 * pq.Hz)
            some = [[0, k] for k in range(1, 21)]
            spent, _ = cost(lambda: cross_correlation_function(signal, some, n_lags=5))
            found["elephant, cross_correlation_function, -5 to 5 (20 pairs, multiplied)"] = spent / 20 * pairs
        except ImportError:
            pass
    else:
        try:
            import neo
            import quantities as pq
            from elephant.conversion import BinnedSpikeTrain
            from elephant.spike_train_correlation import covariance, cross_correlation_histogram
        except ImportError:
            return print(json.dumps(found))
        rng = np.random.default_rng(1)
        trains = [
            neo.SpikeTrain(np.sort(rng.uniform(0, 1000 * seconds, int(5 * seconds))), units="ms", t_stop=1000 * seconds)
            for _ in range(1000)
        ]
        binned = BinnedSpikeTrain(trains, bin_size=1 * pq.ms)
        found["elephant, covariance, lag 0"] = cost(lambda: covariance(binned))[0]
        single = [BinnedSpikeTrain(train, bin_size=1 * pq.ms) for train in trains[:21]]
        spent, _ = cost(lambda: [cross_correlation_histogram(single[0], other, window=[-5, 5]) for other in single[1:]])
        found["elephant, cross_correlation_histogram, -5 to 5 (20 pairs, multiplied)"] = spent / 20 * pairs
    print(json.dumps(found))


def show_peers(name: str, seconds: float, own: float) -> None:
    """Run the peers elsewhere, and print them beside what it took here."""
    command = [os.environ.get("PEER", sys.executable), __file__, "peers", name, str(seconds)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    for what, spent in (told or {"scikit-learn and elephant are not installed": np.nan}).items():
        print(f"  {what}: {spent:.1f} s ({spent / own:.1f} times lags 0-5 here)", flush=True)


def of_covariances(seconds: float) -> None:
    """1,000 neurons at 50 Hz; how far apart the results are, against the deviations."""
    from conntap.activity import Traces
    from conntap.infer.covariances import covariances

    whole = np.nan
    for kind in (np.float32, np.float64):
        values = noise(int(50 * seconds), kind)
        covariances([values[:5000]], lags=range(6))
        for lags in (range(6), range(1, 5), range(2), range(1)):
            traces = Traces(values, dt_ms=20.0)
            own, found = cost(lambda: covariances(traces.pieces(4096), lags=lags))  # noqa: B023
            theirs, expected = cost(lambda: by_numpy(values, lags))  # noqa: B023
            apart = max(np.abs(found.at(lag) - expected[lag]).max() for lag in lags)
            print(
                f"{values.shape}, {kind.__name__}, lags {list(lags)}: {own:.1f} s, numpy {theirs:.1f} s "
                f"({theirs / own:.2f}x); apart {apart:.0e}",
                flush=True,
            )
            whole = own if lags == range(6) else whole
            del found, expected
        traces = values = None
    show_peers("covariances", seconds, whole)


def of_spikes(seconds: float) -> None:
    """1,000 neurons at 5 Hz in bins of 1 ms, lags 0 to 5; numpy on a tenth of it."""
    from conntap.activity import Spikes
    from conntap.infer.counting import spike_covariances

    rng, n = np.random.default_rng(1), 1000
    count = int(5 * n * seconds)
    spikes = Spikes(rng.integers(0, n, count), rng.uniform(0, 1000 * seconds, count), duration_ms=1000 * seconds, ids=n)
    spike_covariances(spikes.between(0, 100), bin_ms=1, lags=range(6))
    own, _ = cost(lambda: spike_covariances(spikes, bin_ms=1, lags=range(6)))
    part = spikes.between(0, 100 * seconds).counts(1).astype(np.float32)
    theirs, _ = cost(lambda: by_numpy(part, range(6)))
    print(f"{spikes}, lags 0-5: {own:.2f} s, numpy {10 * theirs:.0f} s (ten times a tenth; {10 * theirs / own:.0f}x)")
    show_peers("spikes", seconds, own)


def streamed(seconds: float) -> None:
    """10,000 neurons in pieces that are read again and again: a slice, and what a million frames would take."""
    from conntap.infer.covariances import covariances

    rng, frames = np.random.default_rng(1), int(50 * seconds)
    pool = rng.standard_normal((2048, 10_000), dtype=np.float32)
    speed = cost(lambda: pool[:, :4000].T @ pool[:, 4000:8000])[0] / (2 * 2048 * 4000**2)
    print(f"matrix products here: {1e-9 / speed:.0f} Gflop/s (32 bits)")
    pieces = [pool[: min(2048, frames - first)] for first in range(0, frames, 2048)]
    for lags in ([0], [0, 1]):
        own, _ = cost(lambda: covariances(pieces, lags=lags))  # noqa: B023
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rate = 2e8 * frames * (len(lags) - 0.5) / own / 1e9
        print(
            f"10,000 neurons x {frames:,} frames, lags {list(lags)}: {own:.0f} s, as if {rate:.0f} Gflop/s, peak {peak:.2f} GB; "
            f"a million frames: {own * 1e6 / frames / 3600:.2f} h",
            flush=True,
        )


def drawn(frames: float) -> None:
    """10,000 neurons and so many frames, drawn piece by piece: nothing is held but a piece and the result."""
    from conntap.infer.covariances import covariances

    def pieces() -> Iterator[np.ndarray]:
        for first in range(0, int(frames), 2048):
            shape = (min(2048, int(frames) - first), 10_000)
            yield np.random.default_rng([7, first]).standard_normal(shape, dtype=np.float32)

    spent, _ = cost(lambda: covariances(pieces(), lags=[0]))
    alone, _ = cost(lambda: [None for _ in zip(range(20), pieces(), strict=False)])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    drawing = alone / 20 * frames / 2048
    print(
        f"10,000 neurons x {frames:,.0f} frames, lag 0: {spent:.0f} s, of which drawing {drawing:.0f} s; {peak:.2f} GB"
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
            powers = 1 + np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)
            weighted += 1.0
            for some in range(0, len(weighted), 4096):  # in memory of its own size
                weighted[some : some + 4096] **= powers[some : some + 4096, None]
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

    from conntap.activity import Traces
    from conntap.infer import score
    from conntap.infer.pairs import all_pairs, matrix_of
    from conntap.infer.winner import challenge

    data = c(101, duration_s=seconds)
    values = np.asarray(data.traces["C"].values[:], dtype=np.float32)
    traces = Traces(values, dt_ms=20.0, ids=data.traces["C"].ids)
    data.traces.clear()
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


def main() -> None:
    if sys.argv[1:2] == ["peers"]:
        return peers(sys.argv[2], float(sys.argv[3]))
    faces = {
        "covariances": of_covariances,
        "spikes": of_spikes,
        "stream": streamed,
        "drawn": drawn,
        "winner": of_winner,
    }
    lengths = {"covariances": 3600.0, "spikes": 600.0, "stream": 200.0, "drawn": 1e6, "winner": 3600.0}
    for name in [sys.argv[1]] if len(sys.argv) > 1 else list(faces):
        faces[name](float(sys.argv[2]) if len(sys.argv) > 2 else lengths[name])
    return None


if __name__ == "__main__":
    main()

"""Claim: what counts spikes and states costs seconds where others take minutes to hours, and finds the connections.

`python benchmarks/spike_methods.py [spikes|tspe|glm|gte|accuracy] [seconds of recording]`; CPU seconds, one thread. Peers in the
same run where they are installed: elephant (TSPE), scikit-learn (Poisson regression).
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
from inference_data import a, b, c

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.infer import cross_correlogram, lagged_correlation, poisson_glm, score, transfer_entropy, tspe
from conntap.infer.pairs import matrix_of

METHODS = (lagged_correlation, transfer_entropy, cross_correlogram, poisson_glm, tspe)


def cost(function: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds, and the value."""
    begin = time.process_time()
    value = function()
    return time.process_time() - begin, value


def scores(found: Connectome, truth: Connectome) -> str:
    """ROC AUC / PR AUC."""
    told = score(found, truth)
    return f"{told['roc_auc']:.3f}/{told['pr_auc']:.3f}"


def compile_all() -> None:
    """So that compiling is no part of what is measured."""
    spikes = Spikes([0, 1, 1], [1.0, 2.0, 30.0], duration_ms=100, ids=3)
    for method in METHODS:
        method(spikes)
    transfer_entropy(Traces(np.random.default_rng(1).random((300, 3)), dt_ms=20.0))


def of_spikes(seconds: float) -> None:
    """All methods on one network A0, with its connections found."""
    data = a(301, duration_s=seconds, recordings=())
    print(data.spikes)
    for method in METHODS:
        own, found = cost(lambda: method(data.spikes))  # noqa: B023
        print(f"  {method.__name__}: {own:.2f} CPU s, {scores(found, data.truth)}")


def of_tspe(seconds: float) -> None:
    """Beside elephant."""
    spikes = a(301, duration_s=seconds, recordings=()).spikes
    own, found = cost(lambda: tspe(spikes, score="signed"))
    print(f"tspe, {spikes}: {own:.2f} CPU s", flush=True)
    try:
        import elephant
        import neo
        import quantities
        from elephant.conversion import BinnedSpikeTrain
        from elephant.functional_connectivity import total_spiking_probability_edges
    except ImportError:
        print("  elephant is not installed here")
        return
    trains = [
        neo.SpikeTrain(spikes.times_ms[spikes.rows == i] * quantities.ms, t_stop=spikes.duration_ms * quantities.ms)
        for i in range(spikes.n_nodes)
    ]
    binned = BinnedSpikeTrain(trains, bin_size=1 * quantities.ms)
    theirs, (expected, _) = cost(lambda: total_spiking_probability_edges(binned))
    expected = np.asarray(expected).T.copy()
    np.fill_diagonal(expected, 0)
    apart = np.abs(matrix_of(found, "score", "t") - expected).max() / np.abs(expected).max()
    print(f"  elephant {elephant.__version__}: {theirs:.1f} CPU s ({theirs / own:.0f}x); apart {apart:.0e}")


def of_glm(seconds: float) -> None:
    """Beside scikit-learn's Poisson regression of one neuron, on the same sparse predictors."""
    spikes = a(301, duration_s=seconds, recordings=()).spikes
    own, found = cost(lambda: poisson_glm(spikes))
    print(f"poisson_glm, {spikes}: {own:.1f} CPU s", flush=True)
    try:
        from scipy import sparse
        from sklearn.linear_model import PoissonRegressor
    except ImportError:
        print("  scikit-learn is not installed here")
        return
    bins, n = np.minimum(spikes.times_ms.astype(int), int(spikes.duration_ms) - 1), spikes.n_nodes
    parts = []
    for lag in (1, 2, 3, 4):
        keep = bins + lag < int(spikes.duration_ms)
        at = bins[keep] + lag, spikes.rows[keep]
        parts.append(sparse.coo_array((np.ones(keep.sum()), at), shape=(int(spikes.duration_ms), n)))
    x = sparse.hstack(parts).tocsr()
    y = np.bincount(bins[spikes.rows == 0], minlength=x.shape[0])
    model = PoissonRegressor(alpha=1.0 / len(y), solver="lbfgs", max_iter=1000, tol=1e-7)
    theirs, _ = cost(lambda: model.fit(x, y))
    expected = model.coef_.reshape(4, n).sum(axis=0)
    apart = np.abs(matrix_of(found, "strength", "t")[1:, 0] - expected[1:]).max()
    print(f"  scikit-learn, one of {n} targets: {theirs:.1f} CPU s (all: {n * theirs / own:.0f}x); apart {apart:.0e}")


def of_gte(seconds: float) -> None:
    """1,000 neurons of the challenge's network."""
    data = c(301, duration_s=seconds)
    for options in ({}, {"lags": [0, 1, 2]}):
        own, found = cost(lambda: transfer_entropy(data.traces["C"], **options))  # noqa: B023
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"transfer_entropy, C, {seconds:.0f} s, {options}: {own:.1f} CPU s, {scores(found, data.truth)}; peak {peak:.2f} GB"
        )


def of_accuracy(seconds: float) -> None:
    """Five fresh seeds: methods of spikes on A0, transfer entropy on B."""
    for seed in range(301, 306):
        data = a(seed, duration_s=seconds, recordings=())
        told = [f"{each.__name__} {scores(each(data.spikes), data.truth)}" for each in METHODS]
        print(f"A0, seed {seed}: {', '.join(told)}", flush=True)
        data = b(seed)
        print(f"B, seed {seed}: transfer_entropy {scores(transfer_entropy(data.traces['B']), data.truth)}", flush=True)


if __name__ == "__main__":
    faces = {"spikes": of_spikes, "tspe": of_tspe, "glm": of_glm, "gte": of_gte, "accuracy": of_accuracy}
    lengths = {"spikes": 1200.0, "tspe": 1200.0, "glm": 1200.0, "gte": 3600.0, "accuracy": 1200.0}
    compile_all()
    for name in [sys.argv[1]] if len(sys.argv) > 1 else list(faces):
        faces[name](float(sys.argv[2]) if len(sys.argv) > 2 else lengths[name])

"""The kernel of weighted sums over neighbouring frames."""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["weigh"]


@compiled
def weigh(values, weights, out):
    """out[t] = sum over k of weights[k] values[t + k], frame by frame, in float64 and in the order of k."""
    n_nodes = values.shape[1]
    sums = np.empty(n_nodes, np.float64)
    for t in range(out.shape[0]):
        sums[:] = 0.0
        for k in range(len(weights)):
            for node in range(n_nodes):
                sums[node] += weights[k] * values[t + k, node]
        for node in range(n_nodes):
            out[t, node] = sums[node]

"""The kernel of coupled Poisson models: expected spikes of many targets at once, visiting only bins that follow spikes."""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["expected"]

_OVER_LN2 = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it leaves the nearest whole number in the lowest bits


@compiled
def _exponential(x, scale, out):
    """out = exp(x), for x of moderate size, in loops that compilers turn into vectors."""
    scale_bits, out_bits = scale.view(np.int64), out.view(np.int64)
    for j in range(len(x)):
        value = min(max(x[j], -600.0), 600.0)
        told = value * _OVER_LN2 + _ROUND
        whole = told - _ROUND
        r = (value - whole * _LN2_HIGH) - whole * _LN2_LOW
        p = 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        out[j] = p * r + 1.0
        scale[j] = told
    for j in range(len(x)):
        out_bits[j] += scale_bits[j] << 52


@compiled
def expected(rows, bins, n_bins, lags, bounds, kinds, values, n_kinds, weights, sums, squares, total):
    """Sums over bins of exp(x w), of x exp(x w) and of about x^2 exp(x w), for the targets, columns of `weights`.

    A spike of node r adds values[q] to the predictor r * n_kinds + kinds[q], q in bounds[l] .. bounds[l + 1], lags[l] bins
    later (lags ascend). `squares` of no row are left out.
    """
    n_targets = weights.shape[1]
    x, scale, mean = np.empty(n_targets), np.empty(n_targets), np.empty(n_targets)
    sums[:] = 0
    total[:] = 0
    squares[:] = 0
    with_squares = len(squares) > 0
    n_lags, events = len(lags), len(bins)
    first = np.zeros(n_lags, dtype=np.int64)  # of each lag the first event that is not yet past
    silent = 0
    t = 0
    while t < n_bins:
        nearest = n_bins
        active = False
        x[:] = 0
        for a in range(n_lags):
            wanted = t - lags[a]
            e = first[a]
            while e < events and bins[e] < wanted:
                e += 1
            first[a] = e
            if e < events:
                nearest = min(nearest, bins[e] + lags[a])
            while e < events and bins[e] == wanted:
                active = True
                for q in range(bounds[a], bounds[a + 1]):
                    row, value = weights[np.int64(rows[e]) * n_kinds + kinds[q]], values[q]
                    for j in range(n_targets):
                        x[j] += value * row[j]
                e += 1
        if not active:
            silent += nearest - t
            t = nearest
            continue
        _exponential(x, scale, mean)
        for j in range(n_targets):
            total[j] += mean[j]
        for a in range(n_lags):
            wanted = t - lags[a]
            e = first[a]
            while e < events and bins[e] == wanted:
                for q in range(bounds[a], bounds[a + 1]):
                    at, value = np.int64(rows[e]) * n_kinds + kinds[q], values[q]
                    row = sums[at]
                    for j in range(n_targets):
                        row[j] += value * mean[j]
                    if with_squares:
                        row = squares[at]
                        for j in range(n_targets):
                            row[j] += value * value * mean[j]
                e += 1
        t += 1
    for j in range(n_targets):
        total[j] += silent

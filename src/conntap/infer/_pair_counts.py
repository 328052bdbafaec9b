"""The kernels that count pairs of spikes by their distance in time; flat, on plain arrays."""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["counted", "firsts"]


@compiled
def firsts(bins, first):
    """For each event, in ascending bins, the earliest event whose bin is at least `first` later (earlier if negative)."""
    found = np.empty(len(bins), dtype=np.int64)
    at = 0
    for e in range(len(bins)):
        least = bins[e] + first
        while at < len(bins) and bins[at] < least:
            at += 1
        found[e] = at
    return found


@compiled
def counted(codes, bins, events, bounds, low, high, first, out):
    """Add to out[r, post * lags + lag - first] how many events of `post` follow one of the r-th node by so many bins.

    events[bounds[r]:bounds[r + 1]] are the places, among all events, of those of the r-th node; low and high the range of
    those that are near each; codes are nodes * lags + bins.
    """
    for r in range(len(bounds) - 1):
        table = out[r]
        for at in range(bounds[r], bounds[r + 1]):
            e = events[at]
            own = bins[e] + first
            for k in range(low[e], high[e]):
                table[np.uint64(codes[k] - own)] += 1

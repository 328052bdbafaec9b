"""The kernel of Hawkes processes; flat, and longer than other functions."""

from __future__ import annotations

import numpy as np

from conntap.topology._random import STEP, mixed
from conntap.topology.bits import compiled

__all__ = ["thinned"]

_UNIT = 1.0 / 9007199254740992.0


@compiled
def thinned(indptr, post, jumps, base, decay_ms, delay_ms, duration_ms, seed):
    """Rows and times of all events; rates are events a ms.

    Ogata, 1981, doi:10.1109/TIT.1981.1056305: between arrivals no rate exceeds its base and what excitation is left, so
    candidates are drawn at that rate, and kept with the share that the rates are of it.
    """
    n = len(base)
    excess = np.zeros(n)
    rows, times = np.empty(1024, np.int32), np.empty(1024)
    n_events, n_arrived, now, state = 0, 0, 0.0, seed
    from_base = base.sum()
    while True:
        bound = from_base
        for i in range(n):
            bound += max(0.0, excess[i])
        state += STEP
        gap = -np.log(1.0 - np.float64(mixed(state) >> np.uint64(11)) * _UNIT)
        candidate = now + gap / bound if bound > 0.0 else np.inf
        if n_arrived < n_events and times[n_arrived] + delay_ms <= candidate:
            arrival = times[n_arrived] + delay_ms
            shrunk = np.exp(-(arrival - now) / decay_ms)
            for i in range(n):
                excess[i] *= shrunk
            node = rows[n_arrived]
            for edge in range(indptr[node], indptr[node + 1]):
                excess[post[edge]] += jumps[edge]
            n_arrived += 1
            now = arrival
            if now >= duration_ms:
                break
            continue
        if candidate >= duration_ms:
            break
        shrunk, total = np.exp(-(candidate - now) / decay_ms), 0.0
        for i in range(n):
            excess[i] *= shrunk
            total += max(0.0, base[i] + excess[i])
        now = candidate
        state += STEP
        left = np.float64(mixed(state) >> np.uint64(11)) * _UNIT * bound
        if left >= total:
            continue
        chosen = n - 1
        for i in range(n):
            left -= max(0.0, base[i] + excess[i])
            if left < 0.0:
                chosen = i
                break
        if n_events == len(rows):
            more_rows, more_times = np.empty(2 * n_events, np.int32), np.empty(2 * n_events)
            more_rows[:n_events], more_times[:n_events] = rows, times
            rows, times = more_rows, more_times
        rows[n_events], times[n_events] = chosen, now
        n_events += 1
    return rows[:n_events], times[:n_events]

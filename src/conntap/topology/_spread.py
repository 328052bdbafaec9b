"""The kernel that lets connections grow along those of a base graph; flat, and longer than other functions."""

from __future__ import annotations

import numpy as np

from conntap.topology._random import STEP, mixed, seeded
from conntap.topology.bits import compiled

__all__ = ["LAST", "REACHED", "REJECTED", "spread_from"]

LAST, REACHED, REJECTED = 0, 1, 2
_ONE = np.uint64(1)


@compiled
def spread_from(indptr, indices, chances, first, last, expected, decay, steps, exclusion, seed):
    """The nodes that each of the sources `first` to `last` reaches: how many of each, and all of them in a row.

    A negative `expected` takes the chances as they are. Source k draws from stream k of `seed`, so the result does not
    depend on how sources are divided among calls.
    """
    n_nodes = len(indptr) - 1
    sizes = np.zeros(last - first, np.int64)
    found = np.empty(1024, np.uint32)
    n_found = 0
    chance = np.zeros(n_nodes, np.float64)
    is_out = np.zeros(n_nodes, np.uint8)  # of the candidates
    is_found = np.zeros(n_nodes, np.uint8)
    here, there = np.empty(n_nodes, np.uint32), np.empty(n_nodes, np.uint32)
    candidates = np.empty(n_nodes, np.uint32)
    barred = np.empty(n_nodes, np.uint32)
    for source in range(first, last):
        state, begin = seeded(seed, np.uint64(source)), n_found
        here[0], n_here, n_barred, rate = source, 1, 0, expected
        for _ in range(steps):
            n_candidates, total = 0, 0.0
            for i in range(n_here):
                node = np.uint64(here[i])
                for place in range(indptr[node], indptr[node + _ONE]):
                    other = indices[place]
                    if other == source or is_out[other] or chances[place] <= 0.0:
                        continue
                    if chance[other] == 0.0:
                        candidates[n_candidates] = other
                        n_candidates += 1
                    chance[other] += chances[place]
            if n_candidates == 0:
                break
            for i in range(n_candidates):
                chance[candidates[i]] = min(1.0, chance[candidates[i]])
                total += chance[candidates[i]]
            factor = rate / total if expected >= 0.0 else 1.0
            if exclusion == LAST:
                for i in range(n_barred):
                    is_out[barred[i]] = 0
                n_barred = 0
            for i in range(n_here):
                if is_out[here[i]] == 0:
                    is_out[here[i]] = 1
                    barred[n_barred] = here[i]
                    n_barred += 1
            n_there = 0
            for i in range(n_candidates):
                other = candidates[i]
                state += STEP
                if np.float64(mixed(state) >> np.uint64(11)) / 9007199254740992.0 < factor * chance[other]:
                    there[n_there] = other
                    n_there += 1
                    if is_found[other] == 0:
                        is_found[other] = 1
                        if n_found == len(found):
                            longer = np.empty(2 * n_found, np.uint32)
                            longer[:n_found] = found
                            found = longer
                        found[n_found] = other
                        n_found += 1
                elif exclusion == REJECTED and is_out[other] == 0:
                    is_out[other] = 1
                    barred[n_barred] = other
                    n_barred += 1
                chance[other] = 0.0
            here, there, n_here = there, here, n_there
            rate *= decay
        for i in range(n_barred):
            is_out[barred[i]] = 0
        for i in range(begin, n_found):
            is_found[found[i]] = 0
        sizes[source - first] = n_found - begin
    return sizes, found[:n_found]

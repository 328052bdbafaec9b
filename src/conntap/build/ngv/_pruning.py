"""Kernels: which edges of a mesh of vessels stay, and the chains of edges between its junctions."""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def prune(edges, lengths, short_first, shuffled, degrees, wanted):
    """Whether each edge stays: taken away until the length wanted is left, short ones first between points of four edges and more,
    then where one has three, then by chance between those of three; what has two keeps them."""
    stays = np.ones(len(edges), dtype=np.bool_)
    total = lengths.sum()
    for need, order in (((4, 4), short_first), ((4, 3), short_first), ((3, 3), shuffled)):
        for i in order:
            if total <= wanted:
                return stays
            a, b = edges[i]
            high, low = max(degrees[a], degrees[b]), min(degrees[a], degrees[b])
            on_wall = low == 1
            if not stays[i] or high < need[0] or (low < need[1] and not on_wall):
                continue
            stays[i] = False
            total -= lengths[i]
            degrees[a] -= 1
            degrees[b] -= 1
    return stays


@numba.njit(cache=True, nogil=True)
def chains(edges, starts, neighbours, through, is_junction):
    """The points of each chain between junctions, one after the other; where each chain begins; and the edges with which it begins and ends."""
    used = np.zeros(len(edges), dtype=np.bool_)
    points = np.empty(2 * len(edges), dtype=np.int64)
    begins = np.empty(len(edges) + 1, dtype=np.int64)
    firsts = np.empty(len(edges), dtype=np.int64)
    lasts = np.empty(len(edges), dtype=np.int64)
    n_points, n_chains = 0, 0
    for start in range(len(starts) - 1):
        if not is_junction[start]:
            continue
        for slot in range(starts[start], starts[start + 1]):
            if used[through[slot]]:
                continue
            begins[n_chains], firsts[n_chains] = n_points, through[slot]
            n_chains += 1
            points[n_points] = start
            n_points += 1
            here, at = neighbours[slot], slot
            used[through[slot]] = True
            while not is_junction[here]:
                points[n_points] = here
                n_points += 1
                at = starts[here]
                if used[through[at]]:
                    at += 1
                used[through[at]] = True
                here = neighbours[at]
            points[n_points] = here
            n_points += 1
            lasts[n_chains - 1] = through[at]
    begins[n_chains] = n_points
    return points[:n_points], begins[: n_chains + 1], firsts[:n_chains], lasts[:n_chains]

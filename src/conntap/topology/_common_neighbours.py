"""Compiled kernels over the neighbours that two nodes share (CSR)."""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["shared_by_connections", "shared_by_pairs"]


@compiled
def shared_by_pairs(begins, ends, back_begins, back, out_begins, out, in_begins, into, first, last, tallies):
    """Tally the pairs u < w, for u from first to last, by 4 (shared neighbours) + (1 if u -> w) + (2 if w -> u).

    Parameters: uint64 begins and uint32 sorted ends of the lists of neighbours, of the lists of whose neighbour each
    node is, of the graph and of its transpose; uint64 first and last; `tallies`, uint64, is added to. Pairs with
    nothing shared and no connection may be left out.
    """
    n_nodes = len(begins) - 1
    one, four = np.uint64(1), np.uint32(4)
    state = np.zeros(n_nodes, np.uint32)
    touched = np.empty(n_nodes, np.uint32)
    starts = np.empty(n_nodes, np.uint64)
    for u in range(first, last):
        work = out_begins[u + one] - out_begins[u] + in_begins[u + one] - in_begins[u]
        for k in range(begins[u], begins[u + one]):
            x = np.uint64(ends[k])
            low, high = back_begins[x], back_begins[x + one]
            while low < high:
                middle = (low + high) >> one
                if np.uint64(back[middle]) > u:
                    high = middle
                else:
                    low = middle + one
            starts[k - begins[u]] = low
            work += back_begins[x + one] - low
        if work * np.uint64(8) < np.uint64(n_nodes) - u:
            found = np.uint64(0)
            for k in range(out_begins[u], out_begins[u + one]):
                w = out[k]
                if np.uint64(w) > u:
                    touched[found] = w
                    found += one
                    state[w] = 1
            for k in range(in_begins[u], in_begins[u + one]):
                w = into[k]
                if np.uint64(w) > u:
                    if state[w] == 0:
                        touched[found] = w
                        found += one
                    state[w] |= np.uint32(2)
            for k in range(begins[u], begins[u + one]):
                x = np.uint64(ends[k])
                for j in range(starts[k - begins[u]], back_begins[x + one]):
                    w = back[j]
                    if state[w] == 0:
                        touched[found] = w
                        found += one
                    state[w] += four
            for k in range(found):
                tallies[state[touched[k]]] += one
                state[touched[k]] = 0
            continue
        for k in range(out_begins[u], out_begins[u + one]):
            if np.uint64(out[k]) > u:
                state[out[k]] = 1
        for k in range(in_begins[u], in_begins[u + one]):
            if np.uint64(into[k]) > u:
                state[into[k]] |= np.uint32(2)
        for k in range(begins[u], begins[u + one]):
            x = np.uint64(ends[k])
            for j in range(starts[k - begins[u]], back_begins[x + one]):
                state[back[j]] += four
        for w in range(u + one, np.uint64(n_nodes)):
            if state[w] != 0:
                tallies[state[w]] += one
                state[w] = 0


@compiled
def shared_by_connections(begins, ends, out_begins, out, first, last, counts):
    """Write to `counts`, int32, how many neighbours the ends of each connection from the nodes first to last share.

    Parameters: uint64 begins and uint32 ends of the lists of neighbours and of the graph; uint64 first and last.
    `counts` has a place for each connection of the graph.
    """
    one = np.uint64(1)
    mark = np.zeros(len(begins) - 1, np.uint8)
    for u in range(first, last):
        for k in range(begins[u], begins[u + one]):
            mark[ends[k]] = 1
        for k in range(out_begins[u], out_begins[u + one]):
            v = np.uint64(out[k])
            shared = np.uint32(0)
            for j in range(begins[v], begins[v + one]):
                shared += np.uint32(mark[ends[j]])
            counts[k] = shared
        for k in range(begins[u], begins[u + one]):
            mark[ends[k]] = 0

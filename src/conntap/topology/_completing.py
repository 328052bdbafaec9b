"""Connections that are not there and would complete a simplex: one for each simplex drawn."""

from __future__ import annotations

import numpy as np

from conntap.topology._random import below, seeded
from conntap.topology.bits import compiled

__all__ = ["complete"]


@compiled
def _has(indptr, indices, node, other):
    """Whether a node's sorted row holds another."""
    low, high = indptr[node], indptr[node + 1]
    while low < high:
        middle = (low + high) // 2
        if indices[middle] < other:
            low = middle + 1
        else:
            high = middle
    return low < indptr[node + 1] and indices[low] == other


@compiled
def complete(indptr, indices, in_indptr, in_indices, simplices, seed, pre, post):
    """For each simplex one pair of nodes that is not connected and would complete one of a dimension more; -1 where none.

    One node of the simplex is taken out, and of all nodes that could stand in the simplex in its stead, at a place drawn
    evenly before or behind it, one is drawn that it has no connection with in that direction.
    """
    size = simplices.shape[1]
    rest = np.empty(size - 1, np.int64)
    for number in range(len(simplices)):
        pre[number], post[number] = -1, -1
        state = seeded(seed, np.uint64(number))
        place, state = below(state, np.uint64(size))
        at = np.int64(place)
        node = np.int64(simplices[number, at])
        for k in range(size - 1):
            rest[k] = simplices[number, k if k < at else k + 1]
        bit, state = below(state, np.uint64(2))
        forward = bit == np.uint64(0)  # from the node taken out to the new one, which then stands behind
        span = size - at if forward else at + 1
        step, state = below(state, np.uint64(span))
        cut = np.int64(step) + (at if forward else 0)
        best, shortest, outward = np.int64(0), np.int64(-1), True
        for k in range(size - 1):
            length = indptr[rest[k] + 1] - indptr[rest[k]] if k < cut else in_indptr[rest[k] + 1] - in_indptr[rest[k]]
            if shortest < 0 or length < shortest:
                shortest, best, outward = length, rest[k], k < cut
        found, chosen = np.uint64(0), np.int64(-1)
        first = indptr[best] if outward else in_indptr[best]
        for step in range(shortest):
            other = np.int64(indices[first + step] if outward else in_indices[first + step])
            if other == node or (_has(indptr, indices, node, other) if forward else _has(indptr, indices, other, node)):
                continue
            fits = True
            for k in range(size - 1):
                if rest[k] == other or not (
                    _has(indptr, indices, rest[k], other) if k < cut else _has(indptr, indices, other, rest[k])
                ):
                    fits = False
                    break
            if fits:  # of those found so far, each with equal chance
                found += np.uint64(1)
                pick, state = below(state, found)
                if pick == np.uint64(0):
                    chosen = other
        if chosen >= 0:
            pre[number], post[number] = (node, chosen) if forward else (chosen, node)

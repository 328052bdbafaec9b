"""Compiled kernels over triangles and cores of a simple graph (CSR)."""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["count_triangles", "peel"]


@compiled
def count_triangles(out_begins, out, in_begins, into, nodes, counts):
    """Add to `counts`, uint64 of shape (nodes, 4), the triangles at each of `nodes`: cycle, middle, sink, source.

    Parameters: uint64 begins and uint32 ends of the graph and of its transpose; uint64 nodes.
    """
    n_nodes = len(out_begins) - 1
    mark = np.zeros(n_nodes, np.uint8)
    one = np.uint64(1)
    for i in range(len(nodes)):
        node = nodes[i]
        for k in range(out_begins[node], out_begins[node + one]):
            mark[out[k]] |= 1
        for k in range(in_begins[node], in_begins[node + one]):
            mark[into[k]] |= 2
        cycle, middle, sink, source = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
        for k in range(out_begins[node], out_begins[node + one]):
            other = np.uint64(out[k])
            for j in range(out_begins[other], out_begins[other + one]):
                found = mark[out[j]]
                source += np.uint64(found & 1)
                cycle += np.uint64(found >> 1)
        for k in range(in_begins[node], in_begins[node + one]):
            other = np.uint64(into[k])
            for j in range(out_begins[other], out_begins[other + one]):
                found = mark[out[j]]
                middle += np.uint64(found & 1)
                sink += np.uint64(found >> 1)
        counts[i, 0], counts[i, 1], counts[i, 2], counts[i, 3] = cycle, middle, sink, source
        for k in range(out_begins[node], out_begins[node + one]):
            mark[out[k]] = 0
        for k in range(in_begins[node], in_begins[node + one]):
            mark[into[k]] = 0


@compiled
def peel(begins, ends, degrees):
    """Core numbers, in place of `degrees`: the nodes by rising degree, each lowering those it counts for.

    Parameters: int64 begins and int32 ends: whose degree falls with a node; int64 degrees.
    """
    n_nodes = len(degrees)
    most = 0
    for node in range(n_nodes):
        most = max(most, degrees[node])
    bins = np.zeros(most + 2, np.int64)
    for node in range(n_nodes):
        bins[degrees[node] + 1] += 1
    for degree in range(most + 1):
        bins[degree + 1] += bins[degree]
    order = np.empty(n_nodes, np.int64)
    place = np.empty(n_nodes, np.int64)
    fill = bins[: most + 1].copy()
    for node in range(n_nodes):
        place[node] = fill[degrees[node]]
        order[place[node]] = node
        fill[degrees[node]] += 1
    for at in range(n_nodes):
        node = order[at]
        bins[degrees[node]] = at + 1
        for k in range(begins[node], begins[node + 1]):
            other = ends[k]
            degree = degrees[other]
            if degree > degrees[node] and place[other] > at:
                first = max(bins[degree], at + 1)
                swapped = order[first]
                order[place[other]], order[first] = swapped, other
                place[swapped], place[other] = place[other], first
                bins[degree] = first + 1
                degrees[other] -= 1

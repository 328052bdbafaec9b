"""Compiled kernels over triads of a simple graph (CSR)."""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["classes_of", "closed", "dyads", "forward"]


@compiled
def dyads(out_begins, out, in_begins, into, kinds):
    """Write to `kinds`, int64 of shape (nodes, 3), the partners of each node: out only, in only, both ways.

    Parameters: int64 begins and int32 sorted ends of the graph and of its transpose.
    """
    for node in range(len(out_begins) - 1):
        i, j, both = out_begins[node], in_begins[node], 0
        i_end, j_end = out_begins[node + 1], in_begins[node + 1]
        while i < i_end and j < j_end:
            a, b = out[i], into[j]
            i += a <= b
            j += b <= a
            both += a == b
        kinds[node, 0] = i_end - out_begins[node] - both
        kinds[node, 1] = j_end - in_begins[node] - both
        kinds[node, 2] = both


@compiled
def forward(out_begins, out, in_begins, into, order, rank, begins, ends):
    """Write the partners of higher rank of each node, in the order of rank, as lists by kind of dyad.

    Row 3 r + c of (`begins`, `ends`) are those of the node of rank r that it projects to (c = 0), that project to it
    (1), or both (2). Parameters: int64 begins and int32 sorted ends of the graph and of its transpose; int32 order
    (the node of each rank) and rank (of each node); uint64 begins of shape (3 nodes + 1,), uint32 ends.
    """
    n_nodes = len(order)
    found = np.uint64(0)
    widest = 0
    for node in range(n_nodes):
        widest = max(widest, out_begins[node + 1] - out_begins[node] + in_begins[node + 1] - in_begins[node])
    kept = np.empty((3, widest), np.uint32)
    begins[0] = 0
    for low in range(n_nodes):
        node = order[low]
        i, j = out_begins[node], in_begins[node]
        i_end, j_end = out_begins[node + 1], in_begins[node + 1]
        sizes = [0, 0, 0]
        while i < i_end or j < j_end:
            if j == j_end or (i < i_end and out[i] < into[j]):
                other, kind = out[i], 0
                i += 1
            elif i == i_end or into[j] < out[i]:
                other, kind = into[j], 1
                j += 1
            else:
                other, kind = out[i], 2
                i += 1
                j += 1
            if rank[other] > low:
                kept[kind, sizes[kind]] = rank[other]
                sizes[kind] += 1
        for kind in range(3):
            for k in range(sizes[kind]):
                ends[found] = kept[kind, k]
                found += np.uint64(1)
            begins[3 * low + kind + 1] = found


@compiled
def closed(begins, ends, first, last, tallies):
    """Count the triangles of partners u < v < w (by rank) by the kinds of their three dyads.

    Parameters: lists as `forward` makes them; uint64 ranks of u from first to last; `tallies`, uint64 of shape (36,),
    is added to at 12 (kind of uv) + 4 (kind of vw) + 1 + (kind of uw).

    The partners of u are marked with 16, 32 or 48 by kind. A look-up adds 1 << mark to a word of four fields of 16 bits
    (the first of which counts what is no triangle), so that nothing waits for memory; 65,535 look-ups fill a field.
    """
    one, three, most = np.uint64(1), np.uint64(3), np.uint64(65535)
    field = np.uint64(0xFFFF)
    n_nodes = (len(begins) - 1) // 3
    mark = np.zeros(n_nodes, np.uint8)
    for u in range(first, last):
        row = u * three
        if begins[row + three] - begins[row] < 2:
            continue
        for kind in range(np.uint64(3)):
            for k in range(begins[row + kind], begins[row + kind + one]):
                mark[ends[k]] = np.uint8(16 * (kind + one))
        for kind in range(np.uint64(3)):
            for k in range(begins[row + kind], begins[row + kind + one]):
                line = np.uint64(ends[k]) * three
                for second in range(np.uint64(3)):
                    at = begins[line + second]
                    end = begins[line + second + one]
                    place = np.uint64(12) * kind + np.uint64(4) * second
                    while at < end:
                        stop = min(end, at + most)
                        word = np.uint64(0)
                        for j in range(at, stop):
                            word += one << np.uint64(mark[ends[j]])
                        at = stop
                        tallies[place + one] += (word >> np.uint64(16)) & field
                        tallies[place + np.uint64(2)] += (word >> np.uint64(32)) & field
                        tallies[place + three] += word >> np.uint64(48)
        for k in range(begins[row], begins[row + three]):
            mark[ends[k]] = 0


@compiled
def connected(begins, ends, pre, post):
    """1 where there is a connection, else 0."""
    one = np.uint64(1)
    low, high = begins[pre], begins[pre + one]
    last = high
    while low < high:
        middle = (low + high) >> one
        if ends[middle] < post:
            low = middle + one
        else:
            high = middle
    return np.int64(low < last and ends[low] == post)


@compiled
def classes_of(begins, ends, centre, one, other, classes, counts):
    """Count the classes of triads of three nodes each; `classes` holds that of each code of three dyads.

    Parameters: uint64 begins and uint32 sorted ends of the graph; uint64 nodes; int64 classes and counts.
    """
    for k in range(len(centre)):
        a, b, c = centre[k], one[k], other[k]
        code = connected(begins, ends, a, b) + 2 * connected(begins, ends, b, a)
        code += 4 * connected(begins, ends, b, c) + 8 * connected(begins, ends, c, b)
        code += 16 * connected(begins, ends, a, c) + 32 * connected(begins, ends, c, a)
        counts[classes[code]] += 1

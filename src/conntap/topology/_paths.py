"""Compiled kernel of breadth-first search from many nodes at once (CSR)."""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import ALL, bits, compiled, lowest

__all__ = ["SOURCES", "search"]

SOURCES = 256
"""Sources of one search: a bit each in four words a node."""


@compiled
def search(out_begins, out, in_begins, into, sources, pairs, squares, far, reached, last):
    """Search from up to 256 sources at once, level by level, and add up what is found.

    Parameters: uint64 begins and uint32 ends of the graph and of its transpose; uint32 sources, all different. Added to:
    `pairs`, int64 of shape (nodes,), at d the pairs of a source and a node at distance d > 0; `squares`, float64 of the
    same shape or empty, at d the squares of each source's number; for each node `far`, int64, the sum of its distances
    from sources, `reached`, int64, from how many it is reached, `last`, int64, the largest (kept).

    Each node has four words: who has seen it, and who is there in this level. A level goes from the nodes on the way to
    their targets, or, where these have many connections, from each node not yet seen by all to the nodes that project
    to it, until nobody is missing.
    """
    n_nodes = len(out_begins) - 1
    one, zero = np.uint64(1), np.uint64(0)
    seen = np.zeros((n_nodes, 4), np.uint64)
    front = np.zeros((n_nodes, 4), np.uint64)
    fresh = np.zeros((n_nodes, 4), np.uint64)
    stamp = np.zeros(n_nodes, np.uint32)
    queue, touched = np.empty(n_nodes, np.uint32), np.empty(n_nodes, np.uint32)
    still_open = np.arange(n_nodes).astype(np.uint32)
    full = np.zeros(4, np.uint64)
    by_source = np.zeros(256, np.int64)
    n_queue, n_open = 0, n_nodes
    for place in range(len(sources)):
        word, bit = place >> 6, one << np.uint64(place & 63)
        full[word] |= bit
        seen[sources[place], word] |= bit
        front[sources[place], word] |= bit
        queue[n_queue] = sources[place]
        n_queue += 1
    full0, full1, full2, full3 = full[0], full[1], full[2], full[3]
    to_pull = np.uint64(len(into))
    level = 0
    while n_queue > 0:
        level += 1
        n_touched = 0
        to_push = zero
        for i in range(n_queue):
            v = np.uint64(queue[i])
            to_push += out_begins[v + one] - out_begins[v]
        if to_push * np.uint64(4) < to_pull:
            for i in range(n_queue):
                v = np.uint64(queue[i])
                a, b, c, d = front[v, 0], front[v, 1], front[v, 2], front[v, 3]
                for k in range(out_begins[v], out_begins[v + one]):
                    w = np.uint64(out[k])
                    if stamp[w] != level:
                        stamp[w] = level
                        touched[n_touched] = w
                        n_touched += 1
                    fresh[w, 0] |= a
                    fresh[w, 1] |= b
                    fresh[w, 2] |= c
                    fresh[w, 3] |= d
        else:
            kept = 0
            to_pull = zero
            for i in range(n_open):
                w = np.uint64(still_open[i])
                a, b, c, d = full0 & ~seen[w, 0], full1 & ~seen[w, 1], full2 & ~seen[w, 2], full3 & ~seen[w, 3]
                if a | b | c | d == zero:
                    continue
                still_open[kept] = w
                kept += 1
                to_pull += in_begins[w + one] - in_begins[w]
                a0, b0, c0, d0 = a, b, c, d
                for k in range(in_begins[w], in_begins[w + one]):
                    v = np.uint64(into[k])
                    a &= ~front[v, 0]
                    b &= ~front[v, 1]
                    c &= ~front[v, 2]
                    d &= ~front[v, 3]
                    if a | b | c | d == zero:
                        break
                a, b, c, d = a0 & ~a, b0 & ~b, c0 & ~c, d0 & ~d
                if a | b | c | d != zero:
                    fresh[w, 0], fresh[w, 1], fresh[w, 2], fresh[w, 3] = a, b, c, d
                    touched[n_touched] = w
                    n_touched += 1
            n_open = kept
        for i in range(n_queue):
            v = np.uint64(queue[i])
            front[v, 0], front[v, 1], front[v, 2], front[v, 3] = zero, zero, zero, zero
        n_queue = 0
        found_all = np.int64(0)
        for i in range(n_touched):
            w = np.uint64(touched[i])
            found = zero
            for word in range(4):
                new = fresh[w, word] & ~seen[w, word]
                fresh[w, word] = zero
                front[w, word] = new
                seen[w, word] |= new
                found += bits(new)
                if len(squares) > 0:
                    while new != zero:
                        by_source[word * 64 + np.int64(lowest(new))] += 1
                        new &= new + ALL
            if found > zero:
                queue[n_queue] = w
                n_queue += 1
                found_all += np.int64(found)
                far[w] += level * np.int64(found)
                reached[w] += np.int64(found)
                last[w] = max(last[w], level)
        if n_queue > 0:
            pairs[level] += found_all
        if len(squares) > 0:
            for place in range(256):
                if by_source[place] > 0:
                    squares[level] += float(by_source[place]) ** 2
                    by_source[place] = 0

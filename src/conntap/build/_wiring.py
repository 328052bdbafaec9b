"""Compiled kernels that wire lattices with shortcuts, and networks whose degrees have heavy tails."""

from __future__ import annotations

import numpy as np

from conntap.topology._random import STEP, below, mixed, seeded
from conntap.topology.bits import compiled

__all__ = ["by_weights", "grown", "redrawn"]

_SHIFT = np.uint64(11)


@compiled
def _next(state):
    """The number of a state, above 0 and up to 1, and the state after it."""
    state += STEP
    return (np.float64(np.int64(mixed(state) >> _SHIFT)) + 1.0) * 1.1102230246251565e-16, state


@compiled
def redrawn(targets, share, seed):
    """Give each target, with the chance `share`, way to another node: not the row's own, nor one that the row has.

    Parameters: int32 targets (nodes, most), -1 where there is none; to be changed. Rows have random numbers of their own.
    """
    n = np.uint64(len(targets))
    seen = np.full(len(targets), -1, np.int64)
    for row in range(len(targets)):
        state = seeded(seed, np.uint64(row))
        seen[row] = row
        for at in range(targets.shape[1]):
            if targets[row, at] >= 0:
                level, state = _next(state)
                if level <= share:
                    targets[row, at] = -2
                else:
                    seen[targets[row, at]] = row
        for at in range(targets.shape[1]):
            while targets[row, at] == -2:
                node, state = below(state, n)
                if seen[node] != row:
                    seen[node], targets[row, at] = row, np.int32(node)


@compiled
def by_weights(out, ins, order, seed):
    """Each pair of different nodes with the chance out * in, at most 1; `ins` falling, that of node order[k] at k.

    Skips the pairs that do not come up (Miller and Hagberg, 2011). Gives int32 ends, shape (connections, 2), by pre node.
    """
    found, n_found, n = np.empty((4096, 2), np.int32), 0, len(ins)
    for row in range(len(out)):
        state, at = seeded(seed, np.uint64(row)), 0
        highest = min(1.0, out[row] * ins[0])
        while at < n and highest > 0.0:
            if highest < 1.0:
                level, state = _next(state)
                skip = np.log(level) / np.log1p(-highest)
                if skip >= n - at:
                    break
                at += np.int64(skip)
            chance = min(1.0, out[row] * ins[at])
            level, state = _next(state)
            if level * highest <= chance and order[at] != row:
                if n_found == len(found):
                    longer = np.empty((2 * n_found, 2), np.int32)
                    longer[:n_found] = found
                    found = longer
                found[n_found, 0], found[n_found, 1] = row, order[at]
                n_found += 1
            highest = chance
            at += 1
    return found[:n_found]


@compiled
def grown(begun, n, n_more, new_pre, new_post, more_out, more_in, seed):
    """A network grown edge by edge to n nodes: with the chances `new_pre` and `new_post` from, or to, a new node, else between
    two that are there; these are taken in proportion to their out-degree + more_out, or in-degree + more_in.

    Parameters: int32 ends of edges that are there, shape (edges, 2), of all n nodes where there are any; then so many edges more
    come. Gives int32 ends, shape (edges, 2), parallel edges and self-loops among them (Bollobas et al., 2003).
    """
    n_found, nodes = len(begun), n if len(begun) > 0 else 1
    found, until = np.empty((n_found + n_more + 4 * n + 4096, 2), np.int32), n_found + n_more
    found[:n_found] = begun
    state, ends = seeded(seed, np.uint64(0)), np.empty(2, np.int64)
    while nodes < n or n_found < until:
        if n_found == len(found):
            longer = np.empty((2 * n_found, 2), np.int32)
            longer[:n_found] = found
            found = longer
        kind, state = _next(state)
        before = nodes
        for side in range(2):
            is_new = kind <= new_pre if side == 0 else new_pre < kind <= new_pre + new_post
            if is_new:
                ends[side] = before
                nodes = before + 1
                continue
            more = more_out if side == 0 else more_in
            level, state = _next(state)
            if level * (n_found + more * before) <= n_found and n_found > 0:
                edge, state = below(state, np.uint64(n_found))
                ends[side] = found[edge, side]
            else:
                node, state = below(state, np.uint64(before))
                ends[side] = node
        found[n_found, 0], found[n_found, 1] = ends[0], ends[1]
        n_found += 1
    return found[:n_found]

"""Kernels that rewire a graph and keep what each node has; flat, and longer than other functions.

All arrays of indices are unsigned, and so are the constants: mixing the kinds would turn sums into floats.

A row is the sorted list of a node's partners. Its length never changes, so rows stay where they are.
"""

from __future__ import annotations

import numpy as np

from conntap.topology._random import STEP, below, mixed, seeded
from conntap.topology.bits import compiled

__all__ = [
    "between",
    "has",
    "in_common",
    "linked",
    "links_of",
    "trade",
    "trade_kinds",
    "transposed",
    "transposed_kinds",
    "turn_cycles",
]

_ONE = np.uint64(1)
_TWO = np.uint64(2)
_THREE = np.uint64(3)
# Cycles among the four kinds of a link (none, out, in, both), each followed in either direction below.
_CYCLES = np.array([[0, 1, 2, 0], [0, 1, 3, 0], [0, 2, 3, 0], [1, 2, 3, 1], [0, 1, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3]])


@compiled
def transposed(indptr, indices, indptr_out, out):
    """Write the graph with every edge turned round: rows of `out` are sorted; `indptr_out` is its own."""
    head = indptr_out.copy()
    for node in range(np.uint64(len(indptr)) - _ONE):
        for place in range(indptr[node], indptr[node + _ONE]):
            other = indices[place]
            out[head[other]] = node
            head[other] += _ONE


@compiled
def trade(indptr, indices, pairs, first, last, seed):
    """Let pairs of rows `first` to `last` share out anew what only one of the two has.

    `pairs` holds the rows: those of pair k are pairs[2 k] and pairs[2 k + 1]. What both have stays, and so does a
    partner that would become a loop at the other. Every division that keeps both lengths is equally likely. Pair k
    draws from stream k of `seed`, so the result does not depend on how pairs are divided among calls.
    """
    largest = np.uint64(0)
    for k in range(first, last):
        one, two = pairs[k + k], pairs[k + k + _ONE]
        largest = max(largest, indptr[one + _ONE] - indptr[one], indptr[two + _ONE] - indptr[two])
    mine = np.empty(largest, np.uint32)
    yours = np.empty(largest, np.uint32)
    for k in range(first, last):
        one, two = np.uint64(pairs[k + k]), np.uint64(pairs[k + k + _ONE])
        start, begin = indptr[one], indptr[two]
        n_mine, n_yours = indptr[one + _ONE] - start, indptr[two + _ONE] - begin
        i, j, both = np.uint64(0), np.uint64(0), np.uint64(0)
        my_loop, your_loop = np.uint64(0), np.uint64(0)
        while i < n_mine and j < n_yours:
            left, right = indices[start + i], indices[begin + j]
            i += np.uint64(left <= right)
            j += np.uint64(right <= left)
            both += np.uint64(left == right)
        for place in range(n_mine):
            mine[place] = indices[start + place]
            my_loop |= np.uint64(mine[place] == two)
        for place in range(n_yours):
            yours[place] = indices[begin + place]
            your_loop |= np.uint64(yours[place] == one)
        to_me, to_you = n_mine - both - my_loop, n_yours - both - your_loop
        if to_me == 0 or to_you == 0:
            continue
        state = seeded(seed, k)
        i, j = np.uint64(0), np.uint64(0)
        put, set_ = start, begin
        while i < n_mine or j < n_yours:
            if j == n_yours or (i < n_mine and mine[i] < yours[j]):
                who, is_fixed, goes = mine[i], mine[i] == two, True
                i += _ONE
            elif i == n_mine or yours[j] < mine[i]:
                who, is_fixed, goes = yours[j], yours[j] == one, False
                j += _ONE
            else:
                indices[put] = mine[i]
                indices[set_] = mine[i]
                put += _ONE
                set_ += _ONE
                i += _ONE
                j += _ONE
                continue
            if not is_fixed:
                drawn, state = below(state, to_me + to_you)
                goes = drawn < to_me
                if goes:
                    to_me -= _ONE
                else:
                    to_you -= _ONE
            if goes:
                indices[put] = who
                put += _ONE
            else:
                indices[set_] = who
                set_ += _ONE


@compiled
def _place(indices, start, stop, who):
    """Where `who` stands, or would stand, in a sorted row."""
    while start < stop:
        middle = (start + stop) >> _ONE
        if indices[middle] < who:
            start = middle + _ONE
        else:
            stop = middle
    return start


@compiled
def has(indptr, indices, node, other):
    """Whether `other` is in the row of `node`."""
    stop = indptr[node + _ONE]
    place = _place(indices, indptr[node], stop, other)
    return place < stop and indices[place] == other


@compiled
def _replace(indptr, indices, node, old, new):
    """Put `new` for `old` into a sorted row."""
    place = _place(indices, indptr[node], indptr[node + _ONE], old)
    while place > indptr[node] and indices[place - _ONE] > new:
        indices[place] = indices[place - _ONE]
        place -= _ONE
    while place + _ONE < indptr[node + _ONE] and indices[place + _ONE] < new:
        indices[place] = indices[place + _ONE]
        place += _ONE
    indices[place] = new


@compiled
def turn_cycles(indptr, indices, sources, attempts, seed):
    """Draw an edge u -> v and a successor w of v; where w -> u and none of the three is reciprocated, turn the cycle
    round with chance one half.

    The cycle turned round is found as often as the cycle itself, as out-degrees stay; the half keeps the chain from
    alternating. `sources` holds the row of each edge: as rows stay where they are, it stays true. Returns how many
    were turned.
    """
    turned = 0
    state = seeded(seed, np.uint64(0))
    n_edges = np.uint64(len(indices))
    for _ in range(attempts):
        edge, state = below(state, n_edges)
        u, v = np.uint64(sources[edge]), np.uint64(indices[edge])
        degree = indptr[v + _ONE] - indptr[v]
        if degree == 0:
            continue
        drawn, state = below(state, degree)
        w = np.uint64(indices[indptr[v] + drawn])
        state += STEP
        if mixed(state) >> np.uint64(63) == 0 or w == u or not has(indptr, indices, w, u):
            continue
        if has(indptr, indices, v, u) or has(indptr, indices, w, v) or has(indptr, indices, u, w):
            continue
        _replace(indptr, indices, u, v, w)
        _replace(indptr, indices, v, w, u)
        _replace(indptr, indices, w, u, v)
        turned += 1
    return turned


@compiled
def in_common(indptr, indices, others):
    """How many entries two graphs share whose rows are equally long and sorted."""
    found = np.uint64(0)
    for node in range(np.uint64(len(indptr)) - _ONE):
        i, j, stop = indptr[node], indptr[node], indptr[node + _ONE]
        while i < stop and j < stop:
            left, right = indices[i], others[j]
            i += np.uint64(left <= right)
            j += np.uint64(right <= left)
            found += np.uint64(left == right)
    return found


# Links: a pair of connected nodes is one entry, low and high node and the kind: 1 low to high, 2 high to low, 3 both.
# In a row of links an entry is 4 x partner + kind as its own node sees it: 1 out, 2 in, 3 both.


@compiled
def _turned(kind):
    return ((kind & _ONE) << _ONE) | (kind >> _ONE)


@compiled
def linked(outward, successors, inward, predecessors, low, high, kind):
    """Write the links of a graph given by its rows of successors and of predecessors; returns their number."""
    found = np.uint64(0)
    for node in range(np.uint64(len(outward)) - _ONE):
        i, j = outward[node], inward[node]
        last, end = outward[node + _ONE], inward[node + _ONE]
        while i < last and successors[i] < node:
            i += _ONE
        while j < end and predecessors[j] < node:
            j += _ONE
        while i < last or j < end:
            low[found] = node
            if j == end or (i < last and successors[i] < predecessors[j]):
                high[found], kind[found] = successors[i], 1
                i += _ONE
            elif i == last or predecessors[j] < successors[i]:
                high[found], kind[found] = predecessors[j], 2
                j += _ONE
            else:
                high[found], kind[found] = successors[i], 3
                i += _ONE
                j += _ONE
            found += _ONE
    return found


@compiled
def between(low, high, kind, side, slot, indptr, keys, own, own_at):
    """Rows of links, not sorted, at the nodes of side 0 for the links that lead to side 1; those that do not are moved
    to the front of the lists, and their number is returned. `indptr` is written too. Of the links within a pair of
    nodes, those of one `slot`, `own` gets the kind and `own_at` the place in the lists; 0 where there is none."""
    n_nodes, kept = np.uint64(len(side)), np.uint64(0)
    indptr[:] = np.uint64(0)
    own[:] = 0
    for link in range(np.uint64(len(low))):
        u, v = np.uint64(low[link]), np.uint64(high[link])
        if side[u] != side[v]:
            indptr[(v if side[u] else u) + _ONE] += _ONE
    for node in range(n_nodes):
        indptr[node + _ONE] += indptr[node]
    head = indptr[:-1].copy()
    for link in range(np.uint64(len(low))):
        u, v, seen = np.uint64(low[link]), np.uint64(high[link]), np.uint64(kind[link])
        if side[u] == side[v]:
            low[kept], high[kept], kind[kept] = u, v, seen
            if slot[u] == slot[v]:
                own[slot[u]], own_at[slot[u]] = seen, kept
            kept += _ONE
        elif side[u]:
            keys[head[v]] = (u << _TWO) | _turned(seen)
            head[v] += _ONE
        else:
            keys[head[u]] = (v << _TWO) | seen
            head[u] += _ONE
    return kept


@compiled
def transposed_kinds(indptr, keys, indptr_out, out):
    """Write the same links at their other nodes: sorted rows of `out`; `indptr_out` is written too."""
    n_nodes = np.uint64(len(indptr)) - _ONE
    indptr_out[:] = np.uint64(0)
    for place in range(indptr[n_nodes]):
        indptr_out[(np.uint64(keys[place]) >> _TWO) + _ONE] += _ONE
    for node in range(n_nodes):
        indptr_out[node + _ONE] += indptr_out[node]
    head = indptr_out[:-1].copy()
    for node in range(n_nodes):
        for place in range(indptr[node], indptr[node + _ONE]):
            key = np.uint64(keys[place])
            other = key >> _TWO
            out[head[other]] = (node << _TWO) | _turned(key & _THREE)
            head[other] += _ONE


@compiled
def links_of(indptr, keys, low, high, kind, kept):
    """Write the links of rows to the lists, from place `kept` on."""
    for node in range(np.uint64(len(indptr)) - _ONE):
        for place in range(indptr[node], indptr[node + _ONE]):
            key = np.uint64(keys[place])
            other, seen = key >> _TWO, key & _THREE
            low[kept], high[kept] = min(node, other), max(node, other)
            kind[kept] = seen if node < other else _turned(seen)
            kept += _ONE


@compiled
def _dealt(counts, x, y, state):
    """Two kinds as they stand or the other way round, by how many of each are still to be dealt."""
    left, turned = counts[x, y], counts[y, x]
    if turned:
        drawn, state = below(state, left + turned)
        if drawn >= left:
            x, y = y, x
    counts[x, y] -= _ONE
    return x, y, state


@compiled
def trade_kinds(indptr, keys, own, pairs, first, last, seed):
    """Let pairs of rows share out anew the links in which they differ, so that each keeps its number of every kind.

    For each partner the two kinds of link, none included, either stay or change places: nothing changes for the
    partner. The link between the two themselves (`own`, as the lower node sees it) does so too: where it leads one way,
    one sees it as out, the other as in. First the number of partners at which they stand one way is moved along cycles
    of kinds, then, for every two kinds, which partners these are is drawn anew. The two nodes are on one side, the
    partners in their rows on the other.

    Of a cycle, a fair coin chooses the direction; for each two kinds that follow one another one partner is drawn, and
    if all stand that way, all are turned round. With n partners of two kinds, c of them standing that way, a count has
    weight C(n, c), the number of graphs it stands for, and C(n, c) c / n = C(n, c - 1) (n - c + 1) / n: a step and the
    opposite one are equally likely under the uniform law, which therefore stays. Both directions in turn would not do:
    what goes one way and comes back at once is not balanced.
    """
    largest = np.uint64(0)
    for k in range(first, last):
        one, two = pairs[k + k], pairs[k + k + _ONE]
        largest = max(largest, indptr[one + _ONE] - indptr[one], indptr[two + _ONE] - indptr[two])
    mine = np.empty(largest, np.uint32)
    yours = np.empty(largest, np.uint32)
    counts = np.zeros((4, 4), np.uint64)
    for k in range(first, last):
        one, two = np.uint64(pairs[k + k]), np.uint64(pairs[k + k + _ONE])
        start, begin = indptr[one], indptr[two]
        n_mine, n_yours = indptr[one + _ONE] - start, indptr[two + _ONE] - begin
        for place in range(n_mine):
            mine[place] = keys[start + place]
        for place in range(n_yours):
            yours[place] = keys[begin + place]
        counts[:, :] = np.uint64(0)
        i, j = np.uint64(0), np.uint64(0)
        while i < n_mine or j < n_yours:
            if j == n_yours or (i < n_mine and mine[i] >> 2 < yours[j] >> 2):
                counts[mine[i] & 3, 0] += _ONE
                i += _ONE
            elif i == n_mine or yours[j] >> 2 < mine[i] >> 2:
                counts[0, yours[j] & 3] += _ONE
                j += _ONE
            else:
                counts[mine[i] & 3, yours[j] & 3] += _ONE
                i += _ONE
                j += _ONE
        seen = np.uint64(own[k]) if one < two else _turned(np.uint64(own[k]))
        counts[seen, _turned(seen)] += _ONE
        state = seeded(seed, k)
        for cycle in _CYCLES:
            size = 3 if cycle[3] == cycle[0] else 4
            possible = True
            for step in range(size):
                x, y = cycle[step], cycle[(step + 1) % size]
                possible &= counts[x, y] + counts[y, x] > 0
            if not possible:
                continue
            for _ in range(2):
                state += STEP
                turn = mixed(state) >> np.uint64(63)
                agree = True
                for step in range(size):
                    x, y = cycle[step], cycle[(step + 1) % size]
                    drawn, state = below(state, counts[x, y] + counts[y, x])
                    agree &= drawn < (counts[y, x] if turn else counts[x, y])
                if agree:
                    for step in range(size):
                        x, y = cycle[step], cycle[(step + 1) % size]
                        if turn:
                            x, y = y, x
                        counts[x, y] -= _ONE
                        counts[y, x] += _ONE
        if seen == 1 or seen == 2:
            seen, _, state = _dealt(counts, seen, _turned(seen), state)
            own[k] = seen if one < two else _turned(seen)
        i, j = np.uint64(0), np.uint64(0)
        put, set_ = start, begin
        while i < n_mine or j < n_yours:
            if j == n_yours or (i < n_mine and mine[i] >> 2 < yours[j] >> 2):
                who, x, y = np.uint64(mine[i] >> 2), np.uint64(mine[i] & 3), np.uint64(0)
                i += _ONE
            elif i == n_mine or yours[j] >> 2 < mine[i] >> 2:
                who, x, y = np.uint64(yours[j] >> 2), np.uint64(0), np.uint64(yours[j] & 3)
                j += _ONE
            else:
                who, x, y = np.uint64(mine[i] >> 2), np.uint64(mine[i] & 3), np.uint64(yours[j] & 3)
                i += _ONE
                j += _ONE
            if x != y:
                x, y, state = _dealt(counts, x, y, state)
            if x:
                keys[put] = (who << _TWO) | x
                put += _ONE
            if y:
                keys[set_] = (who << _TWO) | y
                set_ += _ONE

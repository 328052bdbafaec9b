"""A compiled kernel that sums, over directed simplices, the connections that run back inside them.

A candidate for place p of a partial simplex may project back to nodes at earlier places j. Each level of the search
holds its candidates and, for each j that has any, those that project back to it. A connection back from place p to j
is in as many simplices of dimension k as extend the partial one; their numbers are summed on the way back. The last
node's connections are counted by popcounts. Candidates are lists (with a word each that says where they project back
to) where there are more than `most`; else bits, renumbered where that halves their words.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from conntap.topology._maximal import longer, squeeze
from conntap.topology.bits import ALL, bits, compiled, lowest

__all__ = ["PLACES", "bedges_from"]

PLACES = 46

_0, _1, _2, _6, _63, _64 = (np.uint64(each) for each in (0, 1, 2, 6, 63, 64))


@njit(nogil=True)
def _fill(indptr, indices, nodes, begin, n, mark, place, matrix):
    """The graph among n `nodes` as rows from matrix[0] on: bits of out-neighbours, then bits of in-neighbours."""
    words = (n + _63) >> _6
    stride = words + words
    for i in range(_0, n):
        place[nodes[begin + i]] = i
        mark[nodes[begin + i]] = 1
    for j in range(_0, n * stride):
        matrix[j] = _0
    for i in range(_0, n):
        node = np.uint64(nodes[begin + i])
        for k in range(indptr[node], indptr[node + _1]):
            other = indices[k]
            if mark[other]:
                at = np.uint64(place[other])
                matrix[i * stride + (at >> _6)] |= _1 << (at & _63)
                matrix[at * stride + words + (i >> _6)] |= _1 << (i & _63)
    for i in range(_0, n):
        mark[nodes[begin + i]] = 0


@compiled
def bedges_from(indptr, indices, in_indptr, in_indices, roots, top, most, budget, counts, sums):
    """Add the simplices from dimension 1 to `top` whose source is one of `roots`, and their connections back.

    Parameters: uint64 indptr and uint32 indices of a simple sorted graph and of its transpose; uint64 roots, top, most
    (candidates kept as bits), budget (visits); uint64 `counts` of shape (PLACES,), by dimension; uint64 `sums` of shape
    (PLACES, PLACES, PLACES): by dimension, place of the later node, place of the earlier. Returns the visits: more than
    the budget where it was given up.
    """
    n_nodes = len(indptr) - 1
    mark = np.zeros(n_nodes, np.uint8)
    place = np.empty(n_nodes, np.uint32)
    lists = np.empty(1024, np.uint32)
    backs = np.empty(1024, np.uint64)  # by entry of `lists`: the places that it projects back to
    matrix = np.empty(1024, np.uint64)
    sets = np.empty(1024, np.uint64)  # of each level: its candidates, then those that project back to each place
    before = np.empty(1024, np.uint64)
    kept = np.empty(1024, np.uint64)
    as_bits = np.zeros(PLACES, np.uint8)
    begins = np.zeros(PLACES, np.uint64)
    ends = np.zeros(PLACES, np.uint64)
    words = np.zeros(PLACES, np.uint64)
    bases = np.zeros(PLACES, np.uint64)
    tops = np.zeros(PLACES, np.uint64)
    set_begins = np.zeros(PLACES, np.uint64)
    cursors = np.zeros(PLACES, np.uint64)
    nodes_now = np.zeros(PLACES, np.uint64)  # the candidate of each level that is being extended
    n_back = np.zeros(PLACES, np.uint64)
    back_to = np.zeros((PLACES, PLACES), np.uint64)
    tallies = np.zeros((PLACES, PLACES), np.uint64)
    visits = _0
    for r in range(len(roots)):
        root = roots[r]
        degree = indptr[root + _1] - indptr[root]
        if degree == _0:
            continue
        lists, backs = longer(lists, degree), longer(backs, degree)
        for k in range(in_indptr[root], in_indptr[root + _1]):
            mark[in_indices[k]] = 1
        returning = _0
        for k in range(_0, degree):
            lists[k] = indices[indptr[root] + k]
            backs[k] = np.uint64(mark[lists[k]])
            returning += backs[k]
        for k in range(in_indptr[root], in_indptr[root + _1]):
            mark[in_indices[k]] = 0
        counts[1] += degree
        sums[1, 1, 0] += returning
        if degree < _2 or top < _2:
            continue
        level = _1
        begins[1], ends[1], as_bits[1] = _0, degree, 0
        opened = True
        while True:
            if opened:
                opened = False
                cursors[level] = _0
                for k in range(level, top + _1):
                    tallies[level, k] = _0
                size = ends[level] - begins[level]
                if as_bits[level] == 0 and size <= most:
                    wide = (size + _63) >> _6
                    matrix = longer(matrix, size * (wide + wide))
                    _fill(indptr, indices, lists, begins[level], size, mark, place, matrix)
                    every = _0
                    for k in range(begins[level], ends[level]):
                        every |= backs[k]
                    sets = longer(sets, wide * (_1 + bits(every)))
                    for j in range(_0, wide):
                        sets[j] = ALL
                    if size & _63:
                        sets[wide - _1] = (_1 << (size & _63)) - _1
                    n_back[level] = _0
                    while every != _0:
                        earlier = lowest(every)
                        every &= every - _1
                        back_to[level, n_back[level]] = earlier
                        n_back[level] += _1
                        for j in range(_0, wide):
                            sets[n_back[level] * wide + j] = _0
                        for k in range(_0, size):
                            bit = backs[begins[level] + k] >> earlier & _1
                            sets[n_back[level] * wide + (k >> _6)] |= bit << (k & _63)
                    as_bits[level] = 1
                    words[level], bases[level], tops[level] = wide, _0, size * (wide + wide)
                    set_begins[level] = _0
            done = False
            node, at = _0, _0
            if as_bits[level]:
                wide, base = words[level], set_begins[level]
                at = cursors[level] >> _6
                word = _0
                if at < wide:
                    word = sets[base + at] >> (cursors[level] & _63) << (cursors[level] & _63)
                    while word == _0 and at + _1 < wide:
                        at += _1
                        word = sets[base + at]
                done = word == _0
                if not done:
                    node = (at << _6) + lowest(word)
                    cursors[level] = node + _1
            else:
                done = begins[level] + cursors[level] == ends[level]
                if not done:
                    node = cursors[level]
                    cursors[level] += _1
            if done:
                if level == _1:
                    break
                inner = level
                level -= _1
                node = nodes_now[level]
                for k in range(inner + _1, top + _1):
                    total = tallies[inner, k]
                    if total == _0:
                        break
                    tallies[level, k] += total
                    if as_bits[level]:
                        wide, base = words[level], set_begins[level]
                        for b in range(_0, n_back[level]):
                            row = base + (b + _1) * wide
                            if sets[row + (node >> _6)] >> (node & _63) & _1:
                                sums[k, level, back_to[level, b]] += total
                    else:
                        rest = backs[begins[level] + node]
                        while rest != _0:
                            sums[k, level, lowest(rest)] += total
                            rest &= rest - _1
                continue
            if visits > budget:
                return visits
            nodes_now[level] = node
            new = level + _1
            size = _0
            if as_bits[level]:
                row = bases[level] + node * (wide + wide)
                for j in range(_0, wide):
                    size += bits(sets[base + j] & matrix[row + j])
                visits += _1
                if size == _0:
                    continue
                tallies[level, new] += size
                set_end = base + wide * (_1 + n_back[level])
                sets = longer(sets, set_end + wide * (_2 + n_back[level]))
                for j in range(_0, wide):
                    sets[set_end + j] = sets[base + j] & matrix[row + j]
                n_new = _0
                for b in range(_0, n_back[level] + _1):
                    source, target = base + (b + _1) * wide, set_end + (n_new + _1) * wide
                    returning = _0
                    if b < n_back[level]:
                        earlier = back_to[level, b]
                        if sets[source + (node >> _6)] >> (node & _63) & _1:
                            sums[new, level, earlier] += size
                        for j in range(_0, wide):
                            sets[target + j] = sets[source + j] & matrix[row + j]
                            returning += bits(sets[target + j])
                    else:
                        earlier = level
                        for j in range(_0, wide):
                            sets[target + j] = sets[set_end + j] & matrix[row + wide + j]
                            returning += bits(sets[target + j])
                    if returning != _0:
                        sums[new, new, earlier] += returning
                        back_to[new, n_new] = earlier
                        n_new += _1
                if size < _2 or new >= top:
                    continue
                n_back[new] = n_new
                as_bits[new] = 1
                set_begins[new] = set_end
                words[new], bases[new], tops[new] = wide, bases[level], tops[level]
                new_wide = (size + _63) >> _6
                if _2 * new_wide <= wide and new + _1 < top:
                    kept, before = longer(kept, wide), longer(before, wide)
                    total = _0
                    for j in range(_0, wide):
                        kept[j] = sets[set_end + j]
                        before[j] = total
                        total += bits(kept[j])
                    target = tops[level]
                    matrix = longer(matrix, target + size * (new_wide + new_wide))
                    for j in range(_0, wide):
                        rest = kept[j]
                        while rest != _0:
                            other = bases[level] + ((j << _6) + lowest(rest)) * (wide + wide)
                            rest &= rest - _1
                            squeeze(matrix, other, wide, kept, before, target, new_wide)
                            squeeze(matrix, other + wide, wide, kept, before, target + new_wide, new_wide)
                            target += new_wide + new_wide
                    # the new sets stand behind the old ones, then move to their place
                    scratch = set_end + wide * (_1 + n_new)
                    sets = longer(sets, scratch + new_wide * (_1 + n_new))
                    for b in range(_0, n_new + _1):
                        squeeze(sets, set_end + b * wide, wide, kept, before, scratch + b * new_wide, new_wide)
                    for j in range(_0, new_wide * (_1 + n_new)):
                        sets[set_end + j] = sets[scratch + j]
                    words[new], bases[new], tops[new] = new_wide, tops[level], target
            else:
                own = np.uint64(lists[begins[level] + node])
                visits += ends[level] - begins[level]
                for k in range(in_indptr[own], in_indptr[own + _1]):
                    mark[in_indices[k]] |= 1
                for k in range(indptr[own], indptr[own + _1]):
                    mark[indices[k]] |= 2
                end = ends[level]
                lists = longer(lists, end + end - begins[level])
                backs = longer(backs, end + end - begins[level])
                for k in range(begins[level], ends[level]):
                    each = mark[lists[k]]
                    if each >= 2:
                        lists[end] = lists[k]
                        backs[end] = backs[k] | (np.uint64(each & 1) << level)
                        rest = backs[end]
                        while rest != _0:
                            sums[new, new, lowest(rest)] += _1
                            rest &= rest - _1
                        end += _1
                for k in range(in_indptr[own], in_indptr[own + _1]):
                    mark[in_indices[k]] = 0
                for k in range(indptr[own], indptr[own + _1]):
                    mark[indices[k]] = 0
                size = end - ends[level]
                if size == _0:
                    continue
                tallies[level, new] += size
                rest = backs[begins[level] + node]
                while rest != _0:
                    sums[new, level, lowest(rest)] += size
                    rest &= rest - _1
                if size < _2 or new >= top:
                    continue
                begins[new], ends[new], as_bits[new] = ends[level], end, 0
            level = new
            opened = True
        for k in range(_2, top + _1):
            counts[k] += tallies[1, k]
    return visits

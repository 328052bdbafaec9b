"""A compiled kernel that lists the directed simplices of one dimension, a chunk at a time.

The search goes node by node in rising order, so simplices come in rising order, and the places it has reached on each
level are all that is needed to go on later. The candidates of a level are a list where there are more than `most`;
else a set of bits over the rows of a matrix, compacted again where a level has more than one word and three to follow.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from conntap.topology._maximal import longer, squeeze
from conntap.topology.bits import ALL, bits, compiled, lowest

__all__ = ["list_from"]

_0, _1, _2, _6, _63, _64 = (np.uint64(each) for each in (0, 1, 2, 6, 63, 64))
_DEPTHS = 48


@njit(nogil=True)
def _any_chosen(nodes, begin, end, chosen):
    while begin < end and not chosen[nodes[begin]]:
        begin += _1
    return begin < end


@njit(nogil=True)
def _fill(indptr, indices, nodes, begin, n, mark, place, matrix, base):
    """The graph among n `nodes` from `begin` on, as rows of bits from matrix[base] on; `mark` is zero and stays so."""
    words = (n + _63) >> _6
    for i in range(_0, n):
        place[nodes[begin + i]] = i
        mark[nodes[begin + i]] = 1
    for j in range(base, base + n * words):
        matrix[j] = _0
    for i in range(_0, n):
        row = base + i * words
        node = np.uint64(nodes[begin + i])
        for k in range(indptr[node], indptr[node + _1]):
            other = indices[k]
            if mark[other]:
                at = np.uint64(place[other])
                matrix[row + (at >> _6)] |= _1 << (at & _63)
    for i in range(_0, n):
        mark[nodes[begin + i]] = 0


@compiled
def list_from(indptr, indices, roots, dimension, most, chosen, state, found, counting):
    """Write the simplices of a dimension (from 1 on) whose source is one of `roots` to the rows of `found`.

    Parameters: uint64 indptr and uint32 indices of a simple sorted graph; uint64 roots, dimension, most (candidates
    kept as bits); `chosen`, uint8 a node, of which each simplex has at least one (or empty: any simplex); `state`,
    uint64 of shape (52,), zeros to begin with: where to go on; uint32 `found` of dimension + 1 columns; `counting`, 1
    to count all instead. Returns the number of simplices written or counted; state[0] is len(roots) where all is done.
    """
    n_nodes = len(indptr) - 1
    restricted = len(chosen) > 0
    room = np.uint64(len(found))
    mark = np.zeros(n_nodes, np.uint8)
    place = np.empty(n_nodes, np.uint32)
    lists = np.empty(1024, np.uint32)  # the nodes of each level
    matrix = np.empty(1024, np.uint64)  # the rows of each matrix
    sets = np.empty(1024, np.uint64)  # the candidates of each level that has bits
    path = np.zeros(_DEPTHS, np.uint32)
    met = np.zeros(_DEPTHS, np.uint8)
    as_bits = np.zeros(_DEPTHS, np.uint8)
    begins = np.zeros(_DEPTHS, np.uint64)  # in lists: of the nodes that the bits or the list name
    ends = np.zeros(_DEPTHS, np.uint64)
    words = np.zeros(_DEPTHS, np.uint64)
    bases = np.zeros(_DEPTHS, np.uint64)  # in matrix: of the rows
    tops = np.zeros(_DEPTHS, np.uint64)  # in matrix: behind all rows
    set_begins = np.zeros(_DEPTHS, np.uint64)
    cursors = np.zeros(_DEPTHS, np.uint64)
    before = np.empty(1024, np.uint64)
    members = np.empty(1024, np.uint64)
    resuming = state[1] != _0
    written = _0
    while state[0] < np.uint64(len(roots)):
        root = roots[state[0]]
        degree = indptr[root + _1] - indptr[root]
        lists = longer(lists, degree)
        for k in range(_0, degree):
            lists[k] = indices[indptr[root] + k]
        path[0] = root
        met[0] = 1 if not restricted or chosen[root] else 0
        if degree < dimension or (met[0] == 0 and not _any_chosen(lists, _0, degree, chosen)):
            state[0] += _1
            continue
        level = _1
        begins[1], ends[1] = _0, degree
        opened = True
        child_begin, child_end = _0, degree
        emitting = dimension == _1
        while True:
            if emitting:  # lists[child_begin:child_end] are the last nodes of simplices on the path
                emitting = False
                last = dimension - _1
                k = child_begin + (state[2] if resuming else _0)
                resuming = False
                while k < child_end:
                    node = lists[k]
                    if met[last] or chosen[node]:
                        if counting == _0:
                            if written == room:
                                state[1] = _1
                                state[2] = k - child_begin
                                for j in range(_1, dimension):
                                    state[_2 + j] = cursors[j] - _1
                                return written
                            for j in range(_0, dimension):
                                found[written, j] = path[j]
                            found[written, dimension] = node
                        written += _1
                    k += _1
                if dimension == _1:
                    break
            if opened:
                opened = False
                cursors[level] = state[_2 + level] if resuming else _0
                size = ends[level] - begins[level]
                if as_bits[level] == 0 and size <= most:
                    wide = (size + _63) >> _6
                    base = _0
                    matrix = longer(matrix, base + size * wide)
                    _fill(indptr, indices, lists, begins[level], size, mark, place, matrix, base)
                    sets = longer(sets, wide)
                    for j in range(_0, size >> _6):
                        sets[j] = ALL
                    if size & _63:
                        sets[size >> _6] = (_1 << (size & _63)) - _1
                    as_bits[level] = 1
                    words[level], bases[level], tops[level], set_begins[level] = wide, base, base + size * wide, _0
            if as_bits[level] == 0:
                if begins[level] + cursors[level] >= ends[level]:
                    if level == _1:
                        break
                    level -= _1
                    continue
                node = np.uint64(lists[begins[level] + cursors[level]])
                cursors[level] += _1
                child_begin = ends[level]
                lists = longer(lists, child_begin + indptr[node + _1] - indptr[node])
                for k in range(begins[level], ends[level]):
                    mark[lists[k]] = 1
                child_end = child_begin
                for k in range(indptr[node], indptr[node + _1]):
                    if mark[indices[k]]:
                        lists[child_end] = indices[k]
                        child_end += _1
                for k in range(begins[level], ends[level]):
                    mark[lists[k]] = 0
                path[level] = node
                met[level] = 1 if met[level - _1] or chosen[node] else 0
                if child_end - child_begin < dimension - level:
                    continue
                if met[level] == 0 and not _any_chosen(lists, child_begin, child_end, chosen):
                    continue
                if level + _1 == dimension:
                    emitting = True
                    continue
                level += _1
                begins[level], ends[level], as_bits[level] = child_begin, child_end, 0
                opened = True
                continue
            wide, set_begin = words[level], set_begins[level]
            at = cursors[level] >> _6
            word = _0
            if at < wide:
                word = sets[set_begin + at] >> (cursors[level] & _63) << (cursors[level] & _63)
                while word == _0 and at + _1 < wide:
                    at += _1
                    word = sets[set_begin + at]
            if word == _0:
                if level == _1 or as_bits[level - _1] == 0:
                    as_bits[level] = 0
                if level == _1:
                    break
                level -= _1
                continue
            index = (at << _6) + lowest(word)
            cursors[level] = index + _1
            node = lists[begins[level] + index]
            row = bases[level] + index * wide
            path[level] = node
            met[level] = 1 if met[level - _1] or chosen[node] else 0
            set_end = set_begin + wide
            sets = longer(sets, set_end + wide)
            size = _0
            for j in range(_0, wide):
                both = sets[set_begin + j] & matrix[row + j]
                sets[set_end + j] = both
                size += bits(both)
            if size < dimension - level:
                continue
            last = level + _1 == dimension
            if last and counting and met[level]:
                written += size
                continue
            compact = wide > _1 and level + np.uint64(3) <= dimension
            if last or compact or met[level] == 0:
                child_begin = ends[level]
                lists = longer(lists, child_begin + size)
                child_end = child_begin
                for j in range(_0, wide):
                    rest = sets[set_end + j]
                    while rest != _0:
                        lists[child_end] = lists[begins[level] + (j << _6) + lowest(rest)]
                        rest &= rest - _1
                        child_end += _1
                if met[level] == 0 and not _any_chosen(lists, child_begin, child_end, chosen):
                    continue
                if last:
                    emitting = True
                    continue
            new = level + _1
            as_bits[new] = 1
            set_begins[new] = set_end
            if not compact:
                begins[new], ends[new] = begins[level], ends[level]
                words[new], bases[new], tops[new] = wide, bases[level], tops[level]
            else:
                new_wide = (size + _63) >> _6
                before, members = longer(before, wide), longer(members, wide)
                total = _0
                for j in range(_0, wide):
                    members[j] = sets[set_end + j]
                    before[j] = total
                    total += bits(members[j])
                base = tops[level]
                matrix = longer(matrix, base + size * new_wide)
                target = base
                for j in range(_0, wide):
                    rest = members[j]
                    while rest != _0:
                        other = bases[level] + ((j << _6) + lowest(rest)) * wide
                        rest &= rest - _1
                        squeeze(matrix, other, wide, members, before, target, new_wide)
                        target += new_wide
                for j in range(_0, size >> _6):
                    sets[set_end + j] = ALL
                if size & _63:
                    sets[set_end + (size >> _6)] = (_1 << (size & _63)) - _1
                begins[new], ends[new] = child_begin, child_end
                words[new], bases[new], tops[new] = new_wide, base, target
            level = new
            opened = True
        state[0] += _1
    return written

"""Compiled kernels over directed simplices of a simple graph (CSR).

Indices are unsigned throughout: signed ones make the compiler guard every look-up against wrap-around, and
mixing the two kinds would turn sums into floats. Hence the typed constants.

One search serves any out-degree. The candidates of a partial simplex are the common out-neighbours of its
nodes. While there are more than `most` of them they are kept as lists (scratch: linear); then their graph
becomes a matrix of bits, row by row compacted again to the candidates of the next node; from 64 candidates on
a set is one machine word.

Half of the time goes into these matrices, so each connection among candidates is met once, at that end which is a
candidate more rarely: nodes are named by rising in-degree, and a node's share are its connections, both out and in, with
nodes of higher names. The shares of the next candidates are asked for ahead of time, or else half of it were waiting.
"""

from __future__ import annotations

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from conntap.topology.bits import asked_for, bits, compiled, lowest

__all__ = ["DEEPEST", "count_from", "estimate", "in_degrees", "look_ups", "rarer_ends", "relabelled"]

DEEPEST = 44  # one simplex of this dimension has 2^45 - 1 faces: more than can be visited

_0, _1, _2, _6, _63, _64 = (np.uint64(each) for each in (0, 1, 2, 6, 63, 64))
_AHEAD, _A_LINE = np.uint64(3), np.uint64(16)  # candidates; entries of a share that are asked for together
_DEEPEST = np.uint64(DEEPEST)


@intrinsic
def _pext(typingctx, word, mask):
    """The bits of `word` at the ones of `mask`, moved together (an instruction of x86 processors)."""

    def emit(context, builder, signature, args):
        word = ir.IntType(64)
        function = ir.FunctionType(word, [word, word])
        return builder.call(get_or_insert_function(builder.module, function, "llvm.x86.bmi.pext.64"), args)

    return types.uint64(types.uint64, types.uint64), emit


@njit(nogil=True)
def _gathered_by_loop(word, mask):
    """The bits of `word` at the ones of `mask`, moved together."""
    gathered = _0
    common = word & mask
    while common != _0:
        low = common & (_0 - common)
        gathered |= _1 << bits(mask & (low - _1))
        common ^= low
    return gathered


@njit(nogil=True)
def _gathered_by_pext(word, mask):
    return _pext(word, mask)


def _has_pext() -> bool:
    """Whether code compiled here may use that instruction, and it is quick (it is not on the first two Zens)."""
    if config.CPU_NAME or config.CPU_FEATURES is not None:
        return False
    features = llvmlite.binding.get_host_cpu_features()
    return features.get("bmi2", False) and llvmlite.binding.get_host_cpu_name() not in ("znver1", "znver2")


_gathered = _gathered_by_pext if _has_pext() else _gathered_by_loop


@njit(nogil=True)
def _count_word(rows, n_rows, dimension, top, counts, sets, rests, budget):
    """Count within at most 64 candidates; `counts[dimension]` takes the first popcounts of `rows`.

    `going` are the candidates that project to any other: no search goes on from the rest.
    """
    visits, edges, triangles, going = _0, _0, _0, _0
    for a in range(_0, n_rows):
        going |= np.uint64(rows[a] != _0) << a
    for a in range(_0, n_rows):
        first = rows[a]
        size = bits(first)
        edges += size
        if size < _2 or dimension == top:
            continue
        visits += size
        ahead = first & going
        while ahead != _0:
            second = first & rows[lowest(ahead)]
            ahead &= ahead - _1
            size = bits(second)
            triangles += size
            if size < _2 or dimension + _1 == top:
                if size >= _2 and top == _DEEPEST:
                    return budget + _1
                continue
            depth = _0
            at = dimension + _2
            sets[_0] = second
            rests[_0] = second & going
            while True:
                rest = rests[depth]
                if rest == _0:
                    if depth == _0:
                        break
                    depth -= _1
                    at -= _1
                    continue
                rests[depth] = rest & (rest - _1)
                both = sets[depth] & rows[lowest(rest)]
                size = bits(both)
                counts[at] += size
                visits += _1
                if size < _2:
                    continue
                if at < top:
                    depth += _1
                    at += _1
                    sets[depth] = both
                    rests[depth] = both & going
                elif at == _DEEPEST:
                    return budget + _1
            if visits > budget:
                return visits
    counts[dimension] += edges
    counts[dimension + _1] += triangles
    return visits


@njit(nogil=True)
def _chosen(matrix, base, words, places, members, before):
    """The words of the row at `base` that are not zero, their places, the ones before each; their number, and of ones."""
    n, size = _0, _0
    for j in range(_0, words):
        member = matrix[base + j]
        places[n] = j
        members[n] = member
        before[n] = size
        size += bits(member)
        n += np.uint64(member != _0)
    return n, size


@njit(nogil=True)
def _any(matrix, base, words):
    """1 where any of the words from `base` on is not zero, else 0."""
    some = _0
    for j in range(_0, words):
        some |= matrix[base + j]
    return np.uint64(some != _0)


@njit(nogil=True)
def _squeeze(matrix, base, places, members, before, n, target):
    """Write the row at `base` & the set `members` of n words, renumbered within the set, to the zeros at `target`."""
    for j in range(_0, n):
        gathered = _gathered(matrix[base + places[j]], members[j])
        if gathered == _0:
            continue
        at = target + (before[j] >> _6)
        shift = before[j] & _63
        matrix[at] |= gathered << shift
        rest = gathered >> (_63 - shift) >> _1
        if rest != _0:
            matrix[at + _1] |= rest


@njit(nogil=True)
def _squeeze_word(matrix, base, places, members, before, n):
    """The row at `base` & the set `members` of at most 64, renumbered within the set, as one word."""
    row = _0
    for j in range(_0, n):
        row |= _gathered(matrix[base + places[j]], members[j]) << before[j]
    return row


@njit(nogil=True)
def _count_matrix(matrix, n, dimension, top, counts, sets, rests, budget):
    """Count within the graph of n candidates whose rows of bits begin at matrix[0].

    `going` are, level by level, the candidates whose rows are not empty: no search goes on from the rest. Returns the
    matrix (it may have grown) and the visits.
    """
    begins = np.zeros(DEEPEST + 2, np.uint64)
    sizes = np.zeros(DEEPEST + 2, np.uint64)
    cursors = np.zeros(DEEPEST + 2, np.uint64)
    most_words = (n + _63) >> _6
    places = np.empty(most_words, np.uint64)
    members = np.empty(most_words, np.uint64)
    before = np.empty(most_words, np.uint64)
    rows = np.empty(64, np.uint64)
    going = np.zeros(most_words * np.uint64(DEEPEST + 2), np.uint64)
    for row in range(_0, n):
        going[row >> _6] |= _any(matrix, row * most_words, most_words) << (row & _63)
    sizes[0] = n
    visits = _0
    level = _0
    while True:
        if cursors[level] == sizes[level]:
            if level == _0:
                return matrix, visits
            level -= _1
            continue
        if visits > budget:
            return matrix, visits
        begin = begins[level]
        words = (sizes[level] + _63) >> _6
        row = cursors[level]
        cursors[level] += _1
        visits += _1
        n_words, size = _chosen(matrix, begin + row * words, words, places, members, before)
        at = dimension + level
        counts[at] += size
        if size < _2 or at == top:
            if size >= _2 and at == _DEEPEST:
                return matrix, budget + _1
            continue
        here = level * most_words
        some = _0
        for j in range(_0, n_words):
            some |= members[j] & going[here + places[j]]
        if some == _0:
            continue
        if at + _1 == top and top < _DEEPEST:
            counts[top] += _common(matrix, begin, words, places, members, n_words, going, here)
            visits += size
            continue
        if size <= _64:
            for j in range(_0, size):
                rows[j] = _0
            for j in range(_0, n_words):
                rest = members[j] & going[here + places[j]]
                while rest != _0:
                    new = before[j] + bits(members[j] & ((rest & (_0 - rest)) - _1))
                    other = (places[j] << _6) + lowest(rest)
                    rest &= rest - _1
                    rows[new] = _squeeze_word(matrix, begin + other * words, places, members, before, n_words)
            visits += size + _count_word(rows, size, at + _1, top, counts, sets, rests, budget - visits)
            continue
        end = begin + sizes[level] * words
        new_words = (size + _63) >> _6
        if end + size * new_words > np.uint64(len(matrix)):
            grown = np.empty(_2 * (end + size * new_words), np.uint64)
            for j in range(_0, end):
                grown[j] = matrix[j]
            matrix = grown
        for j in range(end, end + size * new_words):
            matrix[j] = _0
        there = here + most_words
        for j in range(_0, new_words):
            going[there + j] = _0
        for j in range(_0, n_words):
            rest = members[j] & going[here + places[j]]
            while rest != _0:
                new = before[j] + bits(members[j] & ((rest & (_0 - rest)) - _1))
                other = (places[j] << _6) + lowest(rest)
                rest &= rest - _1
                target = end + new * new_words
                _squeeze(matrix, begin + other * words, places, members, before, n_words, target)
                going[there + (new >> _6)] |= _any(matrix, target, new_words) << (new & _63)
        level += _1
        begins[level] = end
        sizes[level] = size
        cursors[level] = _0


@njit(nogil=True)
def _common(matrix, begin, words, places, members, n, going, here):
    """The connections within the set `members` of n words."""
    total = _0
    for j in range(_0, n):
        rest = members[j] & going[here + places[j]]
        while rest != _0:
            base = begin + ((places[j] << _6) + lowest(rest)) * words
            rest &= rest - _1
            for k in range(_0, n):
                total += bits(matrix[base + places[k]] & members[k])
    return total


@njit(nogil=True)
def _fill_matrix(shares, shared, nodes, begin, n, mark, level, place, found, matrix):
    """The graph among n `nodes` from `begin` on (those with mark >= level) as rows of bits from matrix[0] on."""
    words = (n + _63) >> _6
    if n * words > np.uint64(len(matrix)):
        matrix = np.empty(n * words, np.uint64)
    for i in range(_0, n):
        place[nodes[begin + i]] = i
    for j in range(_0, n * words):
        matrix[j] = _0
    for i in range(_0, n):
        node = _2 * np.uint64(nodes[begin + i])
        if i + _AHEAD < n:
            soon = _2 * np.uint64(nodes[begin + i + _AHEAD])
            for k in range(shares[soon], shares[soon + _2], _A_LINE):
                asked_for(shared, k)
        size = _0
        for k in range(shares[node], shares[node + _1]):
            other = shared[k]
            found[size] = other
            size += np.uint64(mark[other] >= level)
        base = i * words
        for k in range(_0, size):
            at = np.uint64(place[found[k]])
            matrix[base + (at >> _6)] |= _1 << (at & _63)
        size = _0
        for k in range(shares[node + _1], shares[node + _2]):
            other = shared[k]
            found[size] = other
            size += np.uint64(mark[other] >= level)
        column, bit = i >> _6, _1 << (i & _63)
        for k in range(_0, size):
            matrix[np.uint64(place[found[k]]) * words + column] |= bit
    return matrix


@compiled
def rarer_ends(indptr, indices, degrees):
    """The sum over all connections of the lesser of their ends' degrees (uint32 by node)."""
    total = _0
    for v in range(_0, np.uint64(len(degrees))):
        for k in range(indptr[v], indptr[v + _1]):
            total += np.uint64(min(degrees[v], degrees[indices[k]]))
    return total


@compiled
def in_degrees(indices, n_nodes):
    """How many connections end at each node, uint32."""
    degrees = np.zeros(n_nodes, np.uint32)
    for k in range(_0, np.uint64(len(indices))):
        degrees[indices[k]] += np.uint32(1)
    return degrees


@compiled
def look_ups(begins, ends, shares):
    """The look-ups for each node, those before it included, uint64 of shape (nodes + 1,)."""
    sums = np.zeros(len(begins), np.uint64)
    for v in range(_0, np.uint64(len(begins)) - _1):
        total = sums[v]
        for k in range(begins[v], begins[v + _1]):
            node = _2 * np.uint64(ends[k])
            total += shares[node + _2] - shares[node]
        sums[v + _1] = total
    return sums


@compiled
def relabelled(indptr, indices, rank, begins, ends, shares, shared):
    """Write the graph in which node v is named rank[v], and what each node shares.

    Parameters: uint64 indptr, uint32 indices and rank; to be written: uint64 begins of shape (nodes + 1,) and ends of
    shape (connections,), of unsigned type, the CSR form with sorted rows; uint64 shares of shape (2 nodes + 1,): from
    shares[2 v] on stand in `shared` (as `ends`) the nodes above v to which v projects, from shares[2 v + 1] on those
    above v that project to v.
    """
    n = np.uint64(len(rank))
    order = np.empty(n, np.uint32)
    into = np.zeros(n + _1, np.uint64)
    for v in range(_0, n):
        order[rank[v]] = v
    for k in range(_0, np.uint64(len(indices))):
        into[rank[indices[k]] + _1] += _1
    for v in range(_0, n):
        into[v + _1] += into[v]
    cursors = into.copy()
    sources = np.empty(len(indices), ends.dtype)
    begins[_0] = _0
    for v in range(_0, n):
        old = order[v]
        for k in range(indptr[old], indptr[old + _1]):
            new = rank[indices[k]]
            sources[cursors[new]] = v
            cursors[new] += _1
        begins[v + _1] = begins[v] + (indptr[old + _1] - indptr[old])
    cursors[:] = begins
    for v in range(_0, n):
        for k in range(into[v], into[v + _1]):
            source = sources[k]
            ends[cursors[source]] = v
            cursors[source] += _1
    total = _0
    for v in range(_0, n):
        shares[_2 * v] = total
        for k in range(begins[v], begins[v + _1]):
            if ends[k] > v:
                shared[total] = ends[k]
                total += _1
        shares[_2 * v + _1] = total
        for k in range(into[v], into[v + _1]):
            if sources[k] > v:
                shared[total] = sources[k]
                total += _1
    shares[_2 * n] = total


@compiled
def count_from(indptr, indices, shares, shared, roots, top, most, budget, counts):
    """Add to `counts` the simplices from dimension 1 to `top` whose source is one of `roots`.

    Parameters: a graph and its shares, as `relabelled` writes them; uint64 roots, top, most (candidates kept as bits),
    budget (visits); uint64 counts of shape (DEEPEST + 2,). Returns the visits: more than the budget where it was given
    up, for their number or because it went beyond DEEPEST.
    """
    n_nodes = len(indptr) - 1
    mark = np.zeros(n_nodes, np.uint8)
    place = np.empty(n_nodes, np.uint32)
    found = np.empty(n_nodes + 1, shared.dtype)
    matrix = np.empty(1024, np.uint64)
    sets = np.empty(66, np.uint64)
    rests = np.empty(66, np.uint64)
    begins = np.zeros(DEEPEST + 3, np.uint64)
    ends = np.zeros(DEEPEST + 3, np.uint64)
    cursors = np.zeros(DEEPEST + 3, np.uint64)
    lists = np.empty(1024, np.uint32)
    visits = _0
    for r in range(len(roots)):
        root = roots[r]
        degree = indptr[root + _1] - indptr[root]
        counts[_1] += degree
        if degree < _2 or top < _2:
            continue
        if degree > np.uint64(len(lists)):
            lists = np.empty(_2 * degree, np.uint32)
        for k in range(_0, degree):
            node = indices[indptr[root] + k]
            lists[k] = node
            mark[node] = 1
        if degree <= most:
            matrix = _fill_matrix(shares, shared, lists, _0, degree, mark, _1, place, found, matrix)
            matrix, more = _count_matrix(matrix, degree, _2, top, counts, sets, rests, budget - visits)
            visits += more
            for k in range(_0, degree):
                mark[lists[k]] = 0
            if visits > budget:
                return visits
            continue
        level = _0
        begins[0], ends[0], cursors[0] = _0, degree, _0
        while True:
            if cursors[level] == ends[level]:
                for k in range(begins[level], ends[level]):
                    mark[lists[k]] = level
                if level == _0:
                    break
                level -= _1
                continue
            node = np.uint64(lists[cursors[level]])
            cursors[level] += _1
            begin = ends[level]
            size = _0
            out = indptr[node + _1] - indptr[node]
            if begin + out > np.uint64(len(lists)):
                longer = np.empty(_2 * (begin + out), np.uint32)
                for k in range(_0, begin):
                    longer[k] = lists[k]
                lists = longer
            for k in range(indptr[node], indptr[node + _1]):
                other = indices[k]
                if mark[other] > level:
                    lists[begin + size] = other
                    size += _1
            counts[level + _2] += size
            visits += _1
            if visits > budget:
                return visits
            if size < _2:
                continue
            if level + _2 == top:
                if top == _DEEPEST:
                    return budget + _1
                continue
            inner = level + _2
            for k in range(begin, begin + size):
                mark[lists[k]] = inner
            if size > most:
                level += _1
                begins[level], ends[level], cursors[level] = begin, begin + size, begin
                continue
            matrix = _fill_matrix(shares, shared, lists, begin, size, mark, inner, place, found, matrix)
            matrix, more = _count_matrix(matrix, size, level + np.uint64(3), top, counts, sets, rests, budget - visits)
            visits += more
            for k in range(begin, begin + size):
                mark[lists[k]] = level + _1
            if visits > budget:
                return visits
    return visits


@compiled
def estimate(indptr, indices, roots, repeats, weights, state, estimates):
    """Add to `estimates` (float64 by dimension) the expected simplices from `roots`, by random descents.

    From each root `repeats` times: choose one candidate with a chance in proportion to its weight (float64 by node),
    count by the inverse chance (Knuth, 1975, doi:10.1090/S0025-5718-1975-0373371-6). `state` seeds the draws.
    """
    n_nodes = len(indptr) - 1
    mark = np.zeros(n_nodes, np.uint8)
    most = _0
    for v in range(n_nodes):
        most = max(most, indptr[v + 1] - indptr[v])
    near = np.empty(most, np.uint32)
    sums = np.empty(most, np.float64)
    for r in range(len(roots)):
        for _ in range(repeats):
            node = roots[r]
            weight = 1.0 / repeats
            level = 0
            while level < DEEPEST + 1:
                size = 0
                total = 0.0
                for k in range(indptr[node], indptr[node + _1]):
                    other = np.uint64(indices[k])
                    if mark[other] == level:
                        mark[other] = level + 1
                        total += weights[other]
                        near[size] = other
                        sums[size] = total
                        size += 1
                if size == 0:
                    break
                level += 1
                estimates[level] += weight * size
                state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
                mixed = (state ^ (state >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
                point = np.float64(mixed >> np.uint64(11)) / 9007199254740992.0 * total
                pick = 0
                while pick < size - 1 and sums[pick] <= point:
                    pick += 1
                weight *= total / (sums[pick] - (sums[pick - 1] if pick else 0.0))
                node = np.uint64(near[pick])
            root = roots[r]
            for k in range(indptr[root], indptr[root + _1]):
                mark[indices[k]] = 0

"""Compiled kernels over the maximal directed simplices of a simple graph (CSR).

A partial simplex has candidates (the common out-neighbours of its nodes, which may follow at its end) and others that
may be inserted at an earlier place. Together they are its surroundings X. With one more node v, those of X that project
to v and the candidates that v projects to stay: a simplex without candidates is maximal where nothing of X projects to
its last node. So one set serves all places of insertion. Where only the simplices of some nodes are wanted, the others
stay in these sets but the search does not go on with them.

Each level is a matrix of bits renumbered within X: a header (the candidates as bits, and how many stand before each
word), then a row for each candidate: whom it projects to among the candidates, and who of X projects to it. From 64
nodes of X on, sets are single words. Where a matrix would take more than `most` words, sets are lists instead.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from conntap.topology._kernels import _gathered
from conntap.topology.bits import ALL, bits, compiled, lowest

__all__ = ["longer", "maximal_from", "squeeze"]

_0, _1, _2, _6, _63, _64 = (np.uint64(each) for each in (0, 1, 2, 6, 63, 64))
_DEPTHS = 48


@njit(nogil=True)
def longer(array, size):
    """The array, or a longer copy where `size` does not fit."""
    if size <= np.uint64(len(array)):
        return array
    grown = np.empty(_2 * size, array.dtype)
    for k in range(len(array)):
        grown[k] = array[k]
    return grown


@njit(nogil=True)
def _write(found, written, path, size):
    """Append the first `size` nodes of the path to the list of simplices."""
    if written < np.uint64(len(found)):
        for k in range(_0, size):
            found[written, k] = path[k]
    return written + _1


@njit(nogil=True)
def _in_words(
    out, into, members, allowed, dimension, top, counts, sets, rests, around, wanted, names, path, found, written
):
    """Search within at most 64 nodes, those `allowed`; returns the visits and the simplices written."""
    visits = _0
    depth = _0
    at = dimension
    sets[0], rests[0], around[0] = members, members & allowed, ALL
    while True:
        rest = rests[depth]
        if rest == _0:
            if depth == _0:
                return visits, written
            depth -= _1
            at -= _1
            continue
        node = lowest(rest)
        rests[depth] = rest & (rest - _1)
        ahead = sets[depth] & out[node]
        beside = around[depth] & into[node]
        visits += _1
        if ahead == _0:
            if beside == _0:
                counts[at] += _1
                if at == wanted:
                    path[at] = names[node]
                    written = _write(found, written, path, at + _1)
        elif at < top:
            if wanted != _0:
                path[at] = names[node]
            depth += _1
            at += _1
            sets[depth] = ahead
            rests[depth] = ahead & allowed
            around[depth] = beside | ahead


@njit(nogil=True)
def squeeze(matrix, base, words, kept, before, target, target_words):
    """Write the row at `base` & the set `kept`, renumbered within the set, to `target`."""
    for j in range(_0, target_words):
        matrix[target + j] = _0
    for j in range(_0, words):
        gathered = _gathered(matrix[base + j], kept[j])
        if gathered == _0:
            continue
        at = target + (before[j] >> _6)
        shift = before[j] & _63
        matrix[at] |= gathered << shift
        rest = gathered >> (_63 - shift) >> _1
        if rest != _0:
            matrix[at + _1] |= rest


@njit(nogil=True)
def _in_matrix(
    matrix,
    names,
    among,
    n,
    n_around,
    dimension,
    top,
    counts,
    sets,
    rests,
    around,
    budget,
    wanted,
    path,
    found,
    written,
):
    """Search within n candidates, the first of n_around surrounding nodes; their matrix stands at matrix[0].

    `names` holds the surrounding nodes where simplices, or only those `among` some nodes, are wanted. Returns the matrix and names (they may have grown),
    the visits and the simplices written.
    """
    begins = np.zeros(_DEPTHS, np.uint64)
    sizes = np.zeros(_DEPTHS, np.uint64)
    out_words = np.zeros(_DEPTHS, np.uint64)
    all_words = np.zeros(_DEPTHS, np.uint64)
    cursors = np.zeros(_DEPTHS, np.uint64)
    name_begins = np.zeros(_DEPTHS, np.uint64)
    name_ends = np.zeros(_DEPTHS, np.uint64)
    out_words[0], all_words[0], sizes[0] = (n + _63) >> _6, (n_around + _63) >> _6, n
    name_ends[0] = n_around
    kept = np.empty(all_words[0], np.uint64)
    before = np.empty(all_words[0], np.uint64)
    out = np.empty(64, np.uint64)
    into = np.empty(64, np.uint64)
    near = np.zeros(64, np.uint32)
    named = wanted != _0 or len(among) > 0
    visits = _0
    level = _0
    while True:
        if cursors[level] == sizes[level] or visits > budget:
            if level == _0 or visits > budget:
                return matrix, names, visits, written
            level -= _1
            continue
        begin, words, wide = begins[level], out_words[level], all_words[level]
        stride = words + wide
        rows = begin + words + words
        row = rows + cursors[level] * stride
        at = dimension + level
        visits += _1
        some, more = _0, _0
        for j in range(_0, words):
            some |= matrix[row + j]
        for j in range(_0, wide):
            more |= matrix[row + words + j]
        if named:  # which of the candidates it is: the cursor-th one of the header
            word = _0
            while word + _1 < words and matrix[begin + words + word + _1] <= cursors[level]:
                word += _1
            member = matrix[begin + word]
            for _ in range(_0, cursors[level] - matrix[begin + words + word]):
                member &= member - _1
            path[at] = names[name_begins[level] + (word << _6) + lowest(member)]
            if len(among) > 0 and not among[path[at]]:
                cursors[level] += _1
                continue
        cursors[level] += _1
        if some == _0:
            if more == _0:
                counts[at] += _1
                if at == wanted:
                    written = _write(found, written, path, at + _1)
            continue
        if at >= top:
            continue
        size, ahead, within = _0, _0, _0
        for j in range(_0, wide):
            each = matrix[row + words + j]
            if j < words:
                each |= matrix[row + j]
                ahead += bits(matrix[row + j])
            kept[j] = each
            before[j] = size
            size += bits(each)
            if j < words:
                within = size
        name_begin = name_ends[level]
        if named:
            names = longer(names, name_begin + size)
            new = name_begin
            for j in range(_0, wide):
                rest = kept[j]
                while rest != _0:
                    names[new] = names[name_begins[level] + (j << _6) + lowest(rest)]
                    rest &= rest - _1
                    new += _1
        visits += ahead
        if size <= _64:
            members = _0
            for j in range(_0, words):
                rest = matrix[row + j]
                while rest != _0:
                    low = rest & (_0 - rest)
                    other = rows + (matrix[begin + words + j] + bits(matrix[begin + j] & (low - _1))) * stride
                    place = before[j] + bits(kept[j] & (low - _1))
                    rest ^= low
                    members |= _1 << place
                    ahead_row, into_row = _0, _0
                    for k in range(_0, words):
                        shift = before[k] & _63
                        ahead_row |= _gathered(matrix[other + k] & matrix[row + k], kept[k]) << shift
                        into_row |= _gathered(matrix[other + words + k], kept[k]) << shift
                    for k in range(words, wide):
                        into_row |= _gathered(matrix[other + words + k], kept[k]) << (before[k] & _63)
                    out[place] = ahead_row
                    into[place] = into_row
            allowed = ALL
            if named:
                for k in range(_0, size):
                    near[k] = names[name_begin + k]
                    if len(among) > 0 and not among[near[k]]:
                        allowed &= ~(_1 << k)
            more, written = _in_words(
                out,
                into,
                members,
                allowed,
                at + _1,
                top,
                counts,
                sets,
                rests,
                around,
                wanted,
                near,
                path,
                found,
                written,
            )
            visits += more
            continue
        new_words, new_wide = (within + _63) >> _6, (size + _63) >> _6
        end = rows + sizes[level] * stride
        new_rows = end + new_words + new_words
        new_stride = new_words + new_wide
        matrix = longer(matrix, new_rows + ahead * new_stride)
        squeeze(matrix, row, words, kept, before, end, new_words)
        total = _0
        for j in range(_0, new_words):
            matrix[end + new_words + j] = total
            total += bits(matrix[end + j])
        new = new_rows
        for j in range(_0, words):
            rest = matrix[row + j]
            while rest != _0:
                low = rest & (_0 - rest)
                other = rows + (matrix[begin + words + j] + bits(matrix[begin + j] & (low - _1))) * stride
                rest ^= low
                squeeze(matrix, other, words, kept, before, new, new_words)
                for k in range(_0, new_words):
                    matrix[new + k] &= matrix[end + k]
                squeeze(matrix, other + words, wide, kept, before, new + new_words, new_wide)
                new += new_stride
        level += _1
        begins[level], sizes[level], cursors[level] = end, ahead, _0
        out_words[level], all_words[level] = new_words, new_wide
        name_begins[level], name_ends[level] = name_begin, name_begin + size


@njit(nogil=True)
def _fill(indptr, indices, in_indptr, in_indices, nodes, begin, n, n_around, mark, place, matrix):
    """Lay out the matrix of n candidates, the first of n_around surrounding nodes[begin:], from matrix[0] on.

    `mark` must be zero everywhere and is so afterwards.
    """
    words, wide = (n + _63) >> _6, (n_around + _63) >> _6
    stride = words + wide
    rows = words + words
    if rows + n * stride > np.uint64(len(matrix)):
        matrix = np.empty(rows + n * stride, np.uint64)
    for j in range(_0, rows + n * stride):
        matrix[j] = _0
    for i in range(_0, n):
        matrix[i >> _6] |= _1 << (i & _63)
    for j in range(_0, words):
        matrix[words + j] = j << _6
    outward, inward = _0, _0
    for i in range(_0, n_around):
        node = np.uint64(nodes[begin + i])
        place[node] = i
        mark[node] = 1 if i < n else 2
        if i < n:
            inward += in_indptr[node + _1] - in_indptr[node]
        else:
            outward += indptr[node + _1] - indptr[node]
    for i in range(_0, n_around if outward <= inward else n):
        node = np.uint64(nodes[begin + i])
        from_bit = _1 << (i & _63)
        from_word = words + (i >> _6)
        if i < n:
            base = rows + i * stride
            for k in range(indptr[node], indptr[node + _1]):
                other = indices[k]
                if mark[other] == 1:
                    at = np.uint64(place[other])
                    matrix[base + (at >> _6)] |= _1 << (at & _63)
                    matrix[rows + at * stride + from_word] |= from_bit
        else:
            for k in range(indptr[node], indptr[node + _1]):
                other = indices[k]
                if mark[other] == 1:
                    matrix[rows + np.uint64(place[other]) * stride + from_word] |= from_bit
    if outward > inward:
        for i in range(_0, n):
            node = np.uint64(nodes[begin + i])
            base = rows + i * stride + words
            for k in range(in_indptr[node], in_indptr[node + _1]):
                other = in_indices[k]
                if mark[other] == 2:
                    at = np.uint64(place[other])
                    matrix[base + (at >> _6)] |= _1 << (at & _63)
    for i in range(_0, n_around):
        mark[nodes[begin + i]] = 0
    return matrix


@compiled
def maximal_from(indptr, indices, in_indptr, in_indices, among, roots, top, most, budget, counts, wanted, found):
    """Add to `counts` the maximal simplices from dimension 1 to `top` whose source is one of `roots`.

    Parameters: uint64 indptr and uint32 indices of a simple sorted graph and of its transpose; uint8 `among`, not zero
    for the nodes that a simplex may consist of (the roots are such), or empty for all; uint64 roots, top, most
    (words of a matrix), budget (visits); uint64 counts; uint64 `wanted`, a dimension whose simplices are written to
    the rows of `found` (uint32, as many as it has), or 0. Returns the visits (more than the budget where it was given
    up) and the simplices of the dimension wanted.
    """
    n_nodes = len(indptr) - 1
    mark = np.zeros(n_nodes, np.uint8)
    place = np.empty(n_nodes, np.uint32)
    matrix = np.empty(1024, np.uint64)
    names = np.empty(1024, np.uint32)
    sets = np.empty(66, np.uint64)
    rests = np.empty(66, np.uint64)
    around = np.empty(66, np.uint64)
    path = np.zeros(_DEPTHS, np.uint32)
    lists = np.empty(1024, np.uint32)
    begins = np.zeros(_DEPTHS, np.uint64)
    middles = np.zeros(_DEPTHS, np.uint64)
    ends = np.zeros(_DEPTHS, np.uint64)
    cursors = np.zeros(_DEPTHS, np.uint64)
    visits, written = _0, _0
    for r in range(len(roots)):
        root = roots[r]
        n = indptr[root + _1] - indptr[root]
        if n == _0:
            continue
        path[0] = root
        longest = n + in_indptr[root + _1] - in_indptr[root]
        if longest > np.uint64(len(lists)):
            lists = np.empty(_2 * longest, np.uint32)
        for k in range(_0, n):
            lists[k] = indices[indptr[root] + k]
            mark[lists[k]] = 1
        end = n
        for k in range(in_indptr[root], in_indptr[root + _1]):
            if mark[in_indices[k]] == 0:
                lists[end] = in_indices[k]
                end += _1
        for k in range(_0, n):
            mark[lists[k]] = 0
        level = _0
        begins[0], middles[0], ends[0], cursors[0] = _0, n, end, _0
        fresh = True
        while True:
            begin, middle, end = begins[level], middles[level], ends[level]
            at = level + _1
            if fresh:  # a level is searched as a matrix where that is small enough, else node by node
                fresh = False
                n, n_around = middle - begin, end - begin
                if (n + _2) * (((n + _63) >> _6) + ((n_around + _63) >> _6)) <= most:
                    matrix = _fill(
                        indptr, indices, in_indptr, in_indices, lists, begin, n, n_around, mark, place, matrix
                    )
                    if wanted != _0 or len(among) > 0:
                        names = longer(names, n_around)
                        for k in range(_0, n_around):
                            names[k] = lists[begin + k]
                    matrix, names, more, written = _in_matrix(
                        matrix,
                        names,
                        among,
                        n,
                        n_around,
                        at,
                        top,
                        counts,
                        sets,
                        rests,
                        around,
                        budget - visits,
                        wanted,
                        path,
                        found,
                        written,
                    )
                    visits += more
                    cursors[level] = middle
            if visits > budget:
                return visits, written
            if cursors[level] == middle:
                if level == _0:
                    break
                level -= _1
                continue
            node = np.uint64(lists[cursors[level]])
            cursors[level] += _1
            if len(among) > 0 and not among[node]:
                continue
            visits += end - begin
            path[at] = node
            for k in range(in_indptr[node], in_indptr[node + _1]):
                mark[in_indices[k]] = 2
            for k in range(indptr[node], indptr[node + _1]):
                mark[indices[k]] = 1
            lists = longer(lists, end + end - begin)
            new = end
            for k in range(begin, middle):
                if mark[lists[k]] == 1:
                    lists[new] = lists[k]
                    new += _1
            new_middle = new
            for k in range(indptr[node], indptr[node + _1]):
                mark[indices[k]] = 0
            for k in range(in_indptr[node], in_indptr[node + _1]):
                mark[in_indices[k]] = 2
            for k in range(end, new_middle):
                mark[lists[k]] = 0
            for k in range(begin, end):
                if mark[lists[k]] == 2:
                    lists[new] = lists[k]
                    new += _1
            for k in range(in_indptr[node], in_indptr[node + _1]):
                mark[in_indices[k]] = 0
            if new_middle == end:
                if new == end:
                    counts[at] += _1
                    if at == wanted:
                        written = _write(found, written, path, at + _1)
            elif at < top:
                level += _1
                begins[level], middles[level], ends[level], cursors[level] = end, new_middle, new, end
                fresh = True
    return visits, written

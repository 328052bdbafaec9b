"""Compiled kernels over the directed simplices of a simple graph (CSR): in how many does each node, each connection stand.

A partial simplex has candidates: the common out-neighbours of its nodes. Their graph is laid out in bits, row by row
compacted to the candidates of the next node; from 64 candidates on a set is one machine word. No simplex of the last
two dimensions is visited: of a set S, the connections from a member v within S are the ones of S & out[v], those to it
the ones of S & into[v]. What is found beneath a set is added once to each node (each pair of nodes) of the path to it.

The graphs among candidates are laid out as for counting (see `_kernels`): nodes are named by rising in-degree, and each
connection is met at that end which is a candidate more rarely.

Arrays by dimension and place: `acc[k * stride + i]` simplices of dimension k with candidate i, `inner[e * width + k - 1]`
those with local connection e.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from conntap.topology._kernels import DEEPEST, _fill_matrix, _gathered
from conntap.topology.bits import ALL, asked_for, bits, compiled, lowest

__all__ = ["MOST_PAIRS", "origins", "participation_from", "scratch_for"]

_LEVELS = DEEPEST + 3
MOST_PAIRS = _LEVELS * 4096

_0, _1, _2, _3, _6, _8, _16, _63, _64, _4096 = (np.uint64(each) for each in (0, 1, 2, 3, 6, 8, 16, 63, 64, 4096))
_DEEPEST = np.uint64(DEEPEST)
_WIDE = np.uint64(_LEVELS)


@intrinsic
def _add_shared(typingctx, array, at, value):
    """array[at] += value while other threads do the same."""

    def emit(context, builder, signature, args):
        view = context.make_array(signature.args[0])(context, builder, args[0])
        builder.atomic_rmw("add", builder.gep(view.data, [args[1]]), args[2], "monotonic")
        return context.get_dummy_value()

    return types.void(array, types.uint64, types.uint64), emit


@njit(nogil=True)
def _nodes_in_word(out, into, n, at, top, acc, totals, as_middle, as_last, sets, rests, path):
    """Search within n candidates, at most 64, that stand at place `at`.

    Adds to acc[k * 64 + i] and totals[k] for k from at + 1 on; returns the last k with a simplex, and the visits.
    """
    k = at + _1
    middle, last = as_middle[at], as_last[k]
    total = _0
    for a in range(_0, n):
        ahead = bits(out[a])
        acc[(k << _6) + a] += (ahead & middle) + (bits(into[a]) & last)
        total += ahead
    totals[k] += total
    deepest = k
    if total < _3:
        return deepest, n
    if k == top:
        return _DEEPEST + _1 if k == _DEEPEST else deepest, n
    visits = n
    for a in range(_0, n):
        first = out[a]
        if bits(first) < _2:
            continue
        depth = _1
        sets[1] = first
        path[0] = a
        fresh = True
        while True:
            if fresh:
                fresh = False
                some = sets[depth]
                k = at + depth + _1
                middle, last = as_middle[at + depth], as_last[k]
                base = k << _6
                total, going = _0, _0
                rest = some
                while rest != _0:
                    b = lowest(rest)
                    rest &= rest - _1
                    ahead = bits(some & out[b])
                    acc[base + b] += (ahead & middle) + (bits(some & into[b]) & last)
                    total += ahead
                    if ahead > _1:
                        going |= _1 << b
                visits += bits(some)
                if total != _0:
                    totals[k] += total
                    deepest = max(deepest, k)
                    for i in range(_0, depth):
                        acc[base + path[i]] += total & as_middle[at + i]
                if total < _3:
                    going = _0
                elif k == _DEEPEST:
                    return _DEEPEST + _1, visits
                elif k == top:
                    going = _0
                rests[depth] = going
            rest = rests[depth]
            if rest == _0:
                depth -= _1
                if depth == _0:
                    break
                continue
            b = lowest(rest)
            rests[depth] = rest & (rest - _1)
            path[depth] = b
            sets[depth + _1] = sets[depth] & out[b]
            depth += _1
            fresh = True
    return deepest, visits


@njit(nogil=True)
def _edges_in_word(out, into, n, at, top, spine, acc, totals, pairs, sets, rests, path):
    """Search within n candidates, at most 64, that stand at place `at`.

    Adds to acc[k * 64 + i] (`spine`: only where i follows next), totals[k], and from k = at + 2 on to
    pairs[k * 4096 + j * n + i] for the connection i -> j; returns the last k with a simplex, and the visits.
    """
    k = at + _1
    total = _0
    for a in range(_0, n):
        ahead = bits(out[a])
        acc[(k << _6) + a] += ahead
        if not spine:
            acc[(k << _6) + a] += bits(into[a])
        total += ahead
    totals[k] += total
    deepest = k
    if total < _3:
        return deepest, n
    if k == top:
        return _DEEPEST + _1 if k == _DEEPEST else deepest, n
    visits = n
    for a in range(_0, n):
        first = out[a]
        if bits(first) < _2:
            continue
        depth = _1
        sets[1] = first
        path[0] = a
        fresh = True
        while True:
            if fresh:
                fresh = False
                some = sets[depth]
                k = at + depth + _1
                base = k * _4096
                total, going = _0, _0
                rest = some
                while rest != _0:
                    b = lowest(rest)
                    rest &= rest - _1
                    both = some & out[b]
                    ahead = bits(both)
                    row = base + b * n
                    if spine:
                        pairs[row + path[depth - _1]] += ahead
                    else:
                        ahead += bits(some & into[b])
                        acc[(k << _6) + b] += ahead
                        for i in range(_0, depth):
                            pairs[row + path[i]] += ahead
                        ahead = bits(both)
                    total += ahead
                    if ahead > _1:
                        going |= _1 << b
                    while both != _0:
                        pairs[base + lowest(both) * n + b] += _1
                        both &= both - _1
                visits += bits(some) + total
                if total != _0:
                    totals[k] += total
                    deepest = max(deepest, k)
                    acc[(k << _6) + path[0]] += total
                    for j in range(_1, depth):
                        row = base + path[j] * n
                        if spine:
                            pairs[row + path[j - _1]] += total
                        else:
                            acc[(k << _6) + path[j]] += total
                            for i in range(_0, j):
                                pairs[row + path[i]] += total
                if total < _3:
                    going = _0
                elif k == _DEEPEST:
                    return _DEEPEST + _1, visits
                elif k == top:
                    going = _0
                rests[depth] = going
            rest = rests[depth]
            if rest == _0:
                depth -= _1
                if depth == _0:
                    break
                continue
            b = lowest(rest)
            rests[depth] = rest & (rest - _1)
            path[depth] = b
            sets[depth + _1] = sets[depth] & out[b]
            depth += _1
            fresh = True
    return deepest, visits


@njit(nogil=True)
def _squeeze(matrix, base, members, before, used, n_used, target, target_words):
    """Write the row at `base` & the set `members`, renumbered within the set, to `target`."""
    for j in range(_0, target_words):
        matrix[target + j] = _0
    for u in range(_0, n_used):
        j = used[u]
        gathered = _gathered(matrix[base + j], members[j])
        at = target + (before[j] >> _6)
        shift = before[j] & _63
        matrix[at] |= gathered << shift
        rest = gathered >> (_63 - shift) >> _1
        if rest != _0:
            matrix[at + _1] |= rest


@njit(nogil=True)
def _local(matrix, ranks, words, i, j):
    """The number of the local connection i -> j."""
    at = i * words + (j >> _6)
    return ranks[at] + bits(matrix[at] & ((_1 << (j & _63)) - _1))


@njit(nogil=True)
def _widened(inner, width, n_edges, wider):
    """`inner` with more dimensions, for at least n_edges."""
    result = np.zeros(max(np.uint64(len(inner)) // width, n_edges) * wider, np.uint64)
    for e in range(_0, min(np.uint64(len(inner)) // width, n_edges)):
        for k in range(_0, width):
            result[e * wider + k] = inner[e * width + k]
    return result


@njit(nogil=True)
def _grown(array, needed):
    """The array, or a longer one that begins with it."""
    if needed <= np.uint64(len(array)):
        return array
    result = np.empty(_2 * needed, array.dtype)
    for k in range(_0, np.uint64(len(array))):
        result[k] = array[k]
    return result


@njit(nogil=True)
def _in_matrix(
    matrix, ranks, n, n_edges, at, top, spine, as_middle, as_last, acc, totals, inner, width, budget,
    levels, words64, word_acc, pairs
):  # fmt: skip
    """Search within the graph of n candidates at place `at` whose rows of bits begin at matrix[0].

    Adds to acc[k * n + i] and totals[k] for k from at + 1 on, and where `pairs` are given to inner, but for the one of
    dimension at + 1 of each. Returns matrix, inner and its
    width (they may have grown), the last k with a simplex, and the visits.
    """
    begins, sizes, cursors, first_names, path, sets, rests, word_path, word_totals = levels
    out, into, near = words64
    all_words = (n + _63) >> _6
    members = np.empty(all_words, np.uint64)
    before = np.empty(all_words, np.uint64)
    used = np.empty(all_words, np.uint64)
    names = np.empty(_2 * n, np.uint32)
    for i in range(_0, n):
        names[i] = i
    begins[0], first_names[0], cursors[0] = _0, _0, _0
    sizes[0] = n
    visits, level, deepest = _0, _0, at
    while True:
        if cursors[level] == sizes[level]:
            if level == _0:
                break
            level -= _1
            continue
        if visits > budget:
            break
        begin = begins[level]
        words = (sizes[level] + _63) >> _6
        row = begin + cursors[level] * words
        name = first_names[level]
        path[level] = names[name + cursors[level]]
        cursors[level] += _1
        k = at + level + _1
        size, n_used = _0, _0
        for j in range(_0, words):
            member = matrix[row + j]
            if member != _0:
                members[j] = member
                before[j] = size
                used[n_used] = j
                n_used += _1
                size += bits(member)
        visits += size + _1
        if size == _0:
            continue
        deepest = max(deepest, k)
        if pairs is not None and k > width:
            inner = _widened(inner, width, n_edges, k + _2)
            width = k + _2
        totals[k] += size
        start = level if spine else _0
        for i in range(_0, level + _1):
            acc[k * n + path[i]] += size & as_middle[at + i]
        if pairs is not None:
            for j in range(_1, level + _1):
                for i in range(j - _1 if spine else _0, j):
                    inner[_local(matrix, ranks, all_words, path[i], path[j]) * width + k - _1] += size
        last = _1 & as_last[k]
        new = _0
        for u in range(_0, n_used):
            j = used[u]
            rest = members[j]
            while rest != _0:
                other = np.uint64(names[name + (j << _6) + lowest(rest)])
                rest &= rest - _1
                acc[k * n + other] += last
                if size <= _64:
                    near[new] = other
                new += _1
                if pairs is not None and level != _0:
                    for i in range(start, level + _1):
                        inner[_local(matrix, ranks, all_words, path[i], other) * width + k - _1] += _1
        if size < _2:
            continue
        if k == _DEEPEST:
            return matrix, inner, width, deepest, budget + _1
        if k == top:
            continue
        if size > _64:
            new_words = (size + _63) >> _6
            end = begin + sizes[level] * words
            new_name = name + sizes[level]
            if end + size * new_words > np.uint64(len(matrix)):
                matrix = _grown(matrix, end + size * new_words)
            if new_name + size > np.uint64(len(names)):
                names = _grown(names, new_name + size)
            target, new = end, new_name
            for u in range(_0, n_used):
                j = used[u]
                rest = members[j]
                while rest != _0:
                    other = (j << _6) + lowest(rest)
                    rest &= rest - _1
                    names[new] = names[name + other]
                    new += _1
                    _squeeze(matrix, begin + other * words, members, before, used, n_used, target, new_words)
                    target += new_words
            level += _1
            begins[level], sizes[level], cursors[level], first_names[level] = end, size, _0, new_name
            continue
        new, some = _0, _0
        for i in range(_0, size):
            into[i] = _0
        for u in range(_0, n_used):
            j = used[u]
            rest = members[j]
            while rest != _0:
                base = begin + ((j << _6) + lowest(rest)) * words
                rest &= rest - _1
                each = _0
                for v in range(_0, n_used):
                    w = used[v]
                    each |= _gathered(matrix[base + w], members[w]) << (before[w] & _63)
                out[new] = each
                some |= each
                ahead = each
                while ahead != _0:
                    into[lowest(ahead)] |= _1 << new
                    ahead &= ahead - _1
                new += _1
        if some == _0:
            continue
        if pairs is not None:
            last, more = _edges_in_word(
                out, into, size, k, top, spine, word_acc, word_totals, pairs, sets, rests, word_path
            )
        else:
            last, more = _nodes_in_word(
                out, into, size, k, top, word_acc, word_totals, as_middle, as_last, sets, rests, word_path
            )
        visits += more
        if last > _DEEPEST:
            return matrix, inner, width, deepest, budget + _1
        deepest = max(deepest, last)
        if pairs is not None and last > width:
            inner = _widened(inner, width, n_edges, last + _2)
            width = last + _2
        for m in range(k + _1, last + _1):
            total = word_totals[m]
            word_totals[m] = _0
            totals[m] += total
            for i in range(_0, level + _1):
                acc[m * n + path[i]] += total & as_middle[at + i]
            if pairs is not None:
                for j in range(_1, level + _1):
                    for i in range(j - _1 if spine else _0, j):
                        inner[_local(matrix, ranks, all_words, path[i], path[j]) * width + m - _1] += total
            if not spine:
                for i in range(_0, size):
                    acc[m * n + near[i]] += word_acc[(m << _6) + i]
        if pairs is not None:
            for a in range(_0, size):
                for i in range(start, level + _1):
                    if level == _0:
                        edge = (ranks[path[0] * all_words] + a) * width
                    else:
                        edge = _local(matrix, ranks, all_words, path[i], near[a]) * width
                    for m in range(k + _1, last + _1):
                        inner[edge + m - _1] += word_acc[(m << _6) + a]
                ahead = out[a]
                while ahead != _0:
                    b = lowest(ahead)
                    ahead &= ahead - _1
                    edge = _local(matrix, ranks, all_words, near[a], near[b]) * width
                    inner[edge + k] += _1
                    for m in range(k + _2, last + _1):
                        inner[edge + m - _1] += pairs[m * _4096 + b * size + a]
                        pairs[m * _4096 + b * size + a] = _0
        for m in range(k + _1, last + _1):
            for i in range(_0, size):
                word_acc[(m << _6) + i] = _0
    return matrix, inner, width, deepest, visits


@njit(nogil=True)
def _fill_with_positions(
    shares, shared, positions, nodes, begin, n, mark, level, place, found, matrix, ranks, where, cells
):  # fmt: skip
    """Lay out the graph among n `nodes` from `begin` on (those with mark >= level) as rows of bits from matrix[0] on.

    `ranks` takes the number of local connections before each word, `where` their positions in the graph. Returns the
    arrays (they may have grown) and the number of local connections.
    """
    words = (n + _63) >> _6
    matrix, ranks = _grown(matrix, n * words), _grown(ranks, n * words)
    for i in range(_0, n):
        place[nodes[begin + i]] = i
    for j in range(_0, n * words):
        matrix[j] = _0
    n_edges = _0
    for i in range(_0, n):
        node = _2 * np.uint64(nodes[begin + i])
        if i + _3 < n:
            soon = _2 * np.uint64(nodes[begin + i + _3])
            for k in range(shares[soon], shares[soon + _2], _16):
                asked_for(shared, k)
        where, cells = _grown(where, n_edges + n + n), _grown(cells, _2 * (n_edges + n + n))
        for side in range(_0, _2):
            size = _0
            for k in range(shares[node + side], shares[node + side + _1]):
                found[size] = k
                size += np.uint64(mark[shared[k]] >= level)
            for k in range(_0, size):
                at = np.uint64(place[shared[found[k]]])
                cell = (i * words << _6) + at if side == _0 else (at * words << _6) + i
                matrix[cell >> _6] |= _1 << (cell & _63)
                cells[_2 * n_edges] = cell
                cells[_2 * n_edges + _1] = positions[found[k]]
                n_edges += _1
    total = _0
    for j in range(_0, n * words):
        ranks[j] = total
        total += bits(matrix[j])
    for e in range(_0, n_edges):
        cell = cells[_2 * e]
        where[_local(matrix, ranks, words, _0, cell)] = cells[_2 * e + _1]
    return matrix, ranks, where, cells, n_edges


@njit(nogil=True)
def _add(table, at, value, threaded):
    if threaded:
        _add_shared(table, at, value)
    else:
        table[at] += value


@njit(nogil=True)
def _position(indptr, indices, node, other):
    """Where the connection node -> other stands in the graph."""
    low, high = indptr[node], indptr[node + _1]
    while low < high:
        middle = (low + high) >> _1
        if indices[middle] < other:
            low = middle + _1
        else:
            high = middle
    return low


@njit(nogil=True)
def _flush_nodes(table, n_nodes, acc, totals, lists, begin, n, first, last, path, level, as_middle):
    for k in range(first, last + _1):
        for i in range(_0, n):
            table[k * n_nodes + lists[begin + i]] += acc[k * n + i]
            acc[k * n + i] = _0
        for i in range(_0, level + _1):
            table[k * n_nodes + path[i]] += totals[k] & as_middle[i]
        totals[k] = _0


@njit(nogil=True)
def _flush_inner(table, width, where, n_edges, inner, inner_width, first, last, threaded):
    """Add the counts of local connections to the table and clear them."""
    ahead = min(n_edges, _8)
    for e in range(_0, n_edges):
        if e + ahead < n_edges:
            asked_for(table, where[e + ahead] * width)
        at = where[e] * width - _1
        base = e * inner_width - _1
        one = _1  # with the node before all candidates
        for k in range(first, last + _1):
            value = inner[base + k] + one
            one = _0
            if value != _0:
                inner[base + k] = _0
                if threaded:
                    _add_shared(table, at + k, value)
                else:
                    table[at + k] += value


@njit(nogil=True)
def _flush_outer(
    table, width, indptr, indices, origin, acc, totals, lists, begin, n, first, last, path, level, adjacent,
    only_first, threaded
):  # fmt: skip
    """Add the counts of connections from the path, and within it, to the table and clear them."""
    for j in range(_0, level):
        for i in range(j if adjacent else _0, j + _1):
            if i == _0 or not only_first:
                at = origin[_position(indptr, indices, path[i], path[j + _1])] * width - _1
                for k in range(first, last + _1):
                    _add(table, at + k, totals[k], threaded)
    for i in range(level if adjacent else _0, level + _1):
        if i > _0 and only_first:
            continue
        at = indptr[path[i]]
        for j in range(_0, n):
            while indices[at] != lists[begin + j]:
                at += _1
            for k in range(first, last + _1):
                value = acc[k * n + j]
                if value != _0:
                    _add(table, origin[at] * width + k - _1, value, threaded)


@njit(nogil=True)
def _keep_beyond(
    indptr, indices, origin, acc, totals, lists, begin, n, first, last, path, level, adjacent, only_first,
    where, n_edges, inner, inner_width, places, values, n_values
):  # fmt: skip
    """Append the counts of dimensions from `first` on that the table is too narrow for, and clear those of inner.

    Returns the arrays (they may have grown) and how many they hold.
    """
    pairs = (level + _2) * (level + _2)
    most = n_values + (pairs + (level + _1) * n + n_edges) * (last + _1 - first)
    places, values = _grown(places, most), _grown(values, most)
    for j in range(_0, level):
        for i in range(j if adjacent else _0, j + _1):
            if i == _0 or not only_first:
                at = origin[_position(indptr, indices, path[i], path[j + _1])] * _WIDE - _1
                for k in range(first, last + _1):
                    places[n_values] = at + k
                    values[n_values] = totals[k]
                    n_values += _1
    for i in range(level if adjacent else _0, level + _1):
        if i == _0 or not only_first:
            for j in range(_0, n):
                at = origin[_position(indptr, indices, path[i], np.uint64(lists[begin + j]))] * _WIDE - _1
                for k in range(first, last + _1):
                    if acc[k * n + j] != _0:
                        places[n_values] = at + k
                        values[n_values] = acc[k * n + j]
                        n_values += _1
    for e in range(_0, n_edges):
        for k in range(first, last + _1):
            value = inner[e * inner_width + k - _1] + np.uint64(k == level + _2)
            if value != _0:
                inner[e * inner_width + k - _1] = _0
                places[n_values] = where[e] * _WIDE + k - _1
                values[n_values] = value
                n_values += _1
    return places, values, n_values


def scratch_for(n_nodes: int, kind: type) -> tuple:
    """Arrays of `participation_from` that do not grow; `kind` is the type of `found`."""
    levels = tuple(np.zeros((9, _LEVELS), np.uint64))
    words64 = tuple(np.zeros((3, 64), np.uint64))
    word_acc = np.zeros(_LEVELS * 64, np.uint64)
    mark, place = np.zeros(n_nodes, np.uint8), np.empty(n_nodes, np.uint32)
    found = np.empty(n_nodes + 1, kind)
    return levels, words64, word_acc, mark, place, found, *np.zeros((5, _LEVELS), np.uint64)


@compiled
def origins(indptr, indices, rank, begins, ends, shares, origin, positions):
    """Write where the connections of the graph that `relabelled` has written stood before.

    Parameters: as for `relabelled`; unsigned `origin` by connection, and `positions` by entry of `shared`.
    """
    n = np.uint64(len(rank))
    for old in range(_0, n):
        for k in range(indptr[old], indptr[old + _1]):
            origin[_position(begins, ends, np.uint64(rank[old]), np.uint64(rank[indices[k]]))] = k
    cursors = np.empty(n, np.uint64)
    for v in range(_0, n):
        cursors[v] = shares[_2 * v + _1]
    for v in range(_0, n):
        at = shares[_2 * v]
        for k in range(begins[v], begins[v + _1]):
            other = np.uint64(ends[k])
            if other > v:
                positions[at] = origin[k]
                at += _1
            else:
                positions[cursors[other]] = origin[k]
                cursors[other] += _1


@compiled
def participation_from(
    indptr, indices, shares, shared, origin, positions, roots, top, spine, as_middle, as_last, most,
    most_inner, budget, table, width, threaded, scratch, pairs
):  # fmt: skip
    """Add to `table` in how many simplices from dimension 1 to `top` whose source is one of `roots` each one stands.

    Parameters: a graph and its shares, as `relabelled` writes them; `origin` and `positions` as `origins` writes them:
    None for nodes, positions None also for the first connections of simplices (each is compiled by itself); uint64
    roots and top; `spine` (bool): only connections between nodes that follow each other; uint64 `as_middle` by place
    and `as_last` by dimension: ALL where a node there counts, else 0; `most` candidates kept as bits; `most_inner`
    counts of local connections (words); `budget` of visits; uint64 table: nodes at [k * nodes + node], connections at
    [origin * width + k - 1], where `threaded` of several threads; `scratch` as `scratch_for` makes it; `pairs`, MOST_PAIRS
    zeros, or None with positions. Returns the visits (more than the budget where it was given up)
    and, for connections, what the table is too narrow for: origins times (DEEPEST + 3) plus dimensions less 1, and
    counts.
    """
    n_nodes = np.uint64(len(indptr) - 1)
    only_first = positions is None
    adjacent = spine or only_first
    levels, words64, word_acc, mark, place, found, totals, begins, ends, cursors, path = scratch
    cells = np.empty(1, np.uint64)
    matrix = np.empty(1024, np.uint64)
    ranks = np.empty(1, np.uint64)
    where = np.empty(1, np.uint64)
    inner_width = max(width, _1)
    inner = np.zeros(inner_width, np.uint64)
    acc = np.zeros(1024, np.uint64)
    lists = np.empty(1024, np.uint32)
    places = np.empty(0, np.uint64)
    values = np.empty(0, np.uint64)
    n_values = _0
    visits = _0
    for r in range(len(roots)):
        root = roots[r]
        n = indptr[root + _1] - indptr[root]
        if n == _0:
            continue
        lists = _grown(lists, n)
        for k in range(_0, n):
            lists[k] = indices[indptr[root] + k]
            mark[lists[k]] = 1
        path[0] = root
        level = _0
        begins[0], ends[0] = _0, n
        fresh = True
        while True:
            begin, end = begins[level], ends[level]
            at = level + _1
            if fresh:  # a set is searched as a matrix where that is small enough, else node by node
                fresh = False
                n = end - begin
                visits += n
                laid_out = False
                deepest = at
                n_edges = _0
                if n > _1 and at < top and n <= most:
                    if positions is not None:
                        matrix, ranks, where, cells, n_edges = _fill_with_positions(
                            shares, shared, positions, lists, begin, n, mark, at, place, found, matrix, ranks,
                            where, cells
                        )  # fmt: skip
                    else:
                        matrix = _fill_matrix(shares, shared, lists, begin, n, mark, at, place, found, matrix)
                    laid_out = n_edges * inner_width <= most_inner
                needed = (_WIDE if laid_out else at + _1) * n
                if needed > np.uint64(len(acc)):
                    acc = np.zeros(needed, np.uint64)
                if laid_out:
                    if n_edges * inner_width > np.uint64(len(inner)):
                        inner = np.zeros(_2 * n_edges * inner_width, np.uint64)
                    if spine:
                        as_middle[at] = ALL
                    matrix, inner, inner_width, deepest, more = _in_matrix(
                        matrix, ranks, n, n_edges, at, top, spine, as_middle, as_last, acc, totals,
                        inner, inner_width, budget - min(visits, budget), levels, words64, word_acc, pairs
                    )  # fmt: skip
                    if spine:
                        as_middle[at] = _0
                    visits += more
                if visits > budget:
                    break
                totals[at] += n
                if origin is None:
                    for i in range(_0, n):
                        acc[at * n + i] += _1 & as_last[at]
                    _flush_nodes(table, n_nodes, acc, totals, lists, begin, n, at, deepest, path, level, as_middle)
                else:
                    for i in range(_0, n):
                        acc[at * n + i] += _1
                    last = min(deepest, width)
                    _flush_outer(
                        table, width, indptr, indices, origin, acc, totals, lists, begin, n, at, last, path, level,
                        adjacent, only_first, threaded
                    )  # fmt: skip
                    if positions is not None and laid_out:
                        _flush_inner(table, width, where, n_edges, inner, inner_width, at + _1, last, threaded)
                    if deepest > width:
                        places, values, n_values = _keep_beyond(
                            indptr, indices, origin, acc, totals, lists, begin, n, max(at, width + _1), deepest, path,
                            level, adjacent, only_first, where, n_edges if laid_out else _0, inner, inner_width,
                            places, values, n_values
                        )  # fmt: skip
                    for k in range(at, deepest + _1):
                        totals[k] = _0
                        for i in range(_0, n):
                            acc[k * n + i] = _0
                if laid_out or n == _1:
                    cursors[level] = end
                elif at == _DEEPEST:
                    visits = budget + _1
                    break
                elif at == top:
                    cursors[level] = end
                else:
                    cursors[level] = begin
            if cursors[level] == end:
                for k in range(begin, end):
                    mark[lists[k]] = level
                if level == _0:
                    break
                level -= _1
                continue
            node = np.uint64(lists[cursors[level]])
            cursors[level] += _1
            out = indptr[node + _1] - indptr[node]
            lists = _grown(lists, end + out)
            new = end
            for k in range(indptr[node], indptr[node + _1]):
                other = indices[k]
                if mark[other] >= at:
                    lists[new] = other
                    mark[other] = at + _1
                    new += _1
            if new > end:
                level += _1
                path[level] = node
                begins[level], ends[level] = end, new
                fresh = True
        if visits > budget:
            break
    return visits, places[:n_values], values[:n_values]

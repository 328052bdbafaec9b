"""Compiled kernels of the homology of directed flag complexes over the field of two elements.

Cells of one dimension stand in a trie: those of dimension k + 1 that continue a cell are neighbours in its list of
children, sorted by their last node. No keys are stored or hashed: a face of a child is a child of the parent's face.
"""

from __future__ import annotations

import heapq

import numpy as np

from conntap.topology.bits import compiled, lowest

__all__ = [
    "adjacency_bits",
    "cleared",
    "cofaces",
    "contracted",
    "dense_rank",
    "labelled",
    "next_faces",
    "next_first",
    "next_last",
    "paired",
    "pivots_of_strip",
    "spanning",
]

_0, _1, _63 = np.uint64(0), np.uint64(1), np.uint64(63)
_SHIFT = 2**32


@compiled
def _search(values, low, high, wanted):
    """The first place from `low` before `high` whose value is not less than `wanted`."""
    while low < high:
        middle = (low + high) >> 1
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _linked(indptr, indices, matrix, node, other):
    if len(matrix):
        return (matrix[node, other >> 6] >> np.uint64(other & 63)) & _1 != _0
    end = indptr[node + 1]
    at = _search(indices, indptr[node], end, other)
    return at < end and indices[at] == other


@compiled
def adjacency_bits(indptr, indices, matrix):
    """Write the graph to `matrix`, uint64 of shape (nodes, words), a bit a connection."""
    for node in range(len(indptr) - 1):
        for k in range(indptr[node], indptr[node + 1]):
            matrix[node, indices[k] >> 6] |= _1 << np.uint64(indices[k] & 63)


@compiled
def next_first(indptr, indices, matrix, first, last, most):
    """Where the children of each cell of a dimension begin; empty where they are more than `most`.

    `first` is that of one dimension below (siblings are neighbours), `last` the cells' last nodes.
    """
    result = np.zeros(len(last) + 1, np.int64)
    total = 0
    for parent in range(len(first) - 1):
        begin, end = first[parent], first[parent + 1]
        for cell in range(begin, end):
            node = last[cell]
            for sibling in range(begin, end):
                total += _linked(indptr, indices, matrix, node, last[sibling])
            result[cell + 1] = total
        if total > most:
            return np.zeros(0, np.int64)
    return result


@compiled
def next_last(indptr, indices, matrix, first, last, total):
    """The last nodes of the `total` children of the cells of a dimension."""
    result = np.empty(total, np.uint32)
    at = 0
    for parent in range(len(first) - 1):
        begin, end = first[parent], first[parent + 1]
        for cell in range(begin, end):
            node = last[cell]
            for sibling in range(begin, end):
                if _linked(indptr, indices, matrix, node, last[sibling]):
                    result[at] = last[sibling]
                    at += 1
    return result


@compiled
def next_faces(first_before, first, last_before, last, faces_before):
    """The faces of the cells of dimension k + 1 from k = 1 on, uint32 of shape (cells, k + 2).

    `first_before` begins the children of the cells of dimension k - 1, `first` of those of k; `last_before` are the
    last nodes of the cells of dimension k, `last` those of k + 1, `faces_before` the faces of those of k.
    """
    width = faces_before.shape[1] + 1
    faces = np.empty((len(last), width), np.uint32)
    for parent in range(len(faces_before)):
        begin, end = first[parent], first[parent + 1]
        if begin == end:
            continue
        for j in range(width - 1):
            face = faces_before[parent, j]
            at, stop = first_before[face], first_before[face + 1]
            for cell in range(begin, end):
                at = _search(last_before, at, stop, last[cell])
                faces[cell, j] = at
        for cell in range(begin, end):
            faces[cell, width - 1] = parent
    return faces


@compiled
def cofaces(faces, row_out, column_out):
    """The columns of each row: where they begin, and all of them, without rows and columns that are out."""
    first = np.zeros(len(row_out) + 1, np.int64)
    for column in range(len(faces)):
        if not column_out[column]:
            for j in range(faces.shape[1]):
                row = faces[column, j]
                if not row_out[row]:
                    first[row + 1] += 1
    for row in range(len(row_out)):
        first[row + 1] += first[row]
    columns = np.empty(first[-1], np.uint32)
    at = first[:-1].copy()
    for column in range(len(faces)):
        if not column_out[column]:
            for j in range(faces.shape[1]):
                row = faces[column, j]
                if not row_out[row]:
                    columns[at[row]] = column
                    at[row] += 1
    return first, columns


@compiled
def _odd_root(faces, column, root, ground, but):
    """The first merged row, not the ground and not `but`, that a column holds an odd number of times."""
    for j in range(faces.shape[1]):
        row = root[faces[column, j]]
        if row != ground and row != but and _counts(faces, column, j, root):
            return row
    return ground


@compiled
def _counts(faces, column, j, root):
    """Whether entry j of a column is the first of its merged row, which it holds an odd number of times."""
    row = root[faces[column, j]]
    for i in range(j):
        if root[faces[column, i]] == row:
            return False
    odd = True
    for i in range(j + 1, faces.shape[1]):
        odd ^= root[faces[column, i]] == row
    return odd


@compiled
def contracted(faces, first, columns, row_out, column_out):
    """Eliminate what costs no fill-in from a boundary matrix, and set rows aside where it would.

    Rows that a column of two entries declares equal are merged (a forest that is not compressed, with the ground as
    one more node); a column of one entry grounds its row; a row of one column leaves with it. Where neither is left
    the merged row with most columns is set aside: grounded under a label of its own. Each row hangs on its parent by
    a sum of labels, kept as a list of earlier ones; the columns without entries are such sums too, and what remains of
    the matrix (as `labelled` writes it).

    Returns the pivots (uint8 flags of columns), the labels (where their lists begin, their parts, and the
    number of the row set aside or -1), the columns left (their numbers, where their lists begin, their parts), and
    the rows set aside.
    """
    n_rows, n_columns, width = len(row_out), len(faces), faces.shape[1]
    ground = np.uint32(n_rows)
    nobody = np.uint32(0xFFFFFFFF)
    root = np.arange(n_rows).astype(np.uint32)
    parent = np.full(n_rows, nobody, np.uint32)
    member = root.copy()
    size = np.ones(n_rows, np.uint32)
    degree = np.zeros(n_rows, np.int64)
    mixed = np.zeros(n_rows, np.uint32)
    weight = np.zeros(n_columns, np.uint8)
    alive = np.zeros(n_columns, np.uint8)
    column_pivot = np.zeros(n_columns, np.uint8)
    label = np.full(n_rows, nobody, np.uint32)  # nobody: the zero
    odd = np.zeros(n_rows, np.uint8)  # by label
    label_first, label_parts, label_aside = [np.int64(0)], [np.uint32(0)], [np.int64(-1)]
    left, left_first, left_parts = [np.uint32(0)], [np.int64(0)], [np.uint32(0)]
    aside = [np.uint32(0)]
    label_first.pop(), label_parts.pop(), label_aside.pop()
    left.pop(), left_first.pop(), left_parts.pop(), aside.pop()
    ones, twos, lonely = [np.uint32(0)], [np.uint32(0)], [np.uint32(0)]
    ones.pop(), twos.pop(), lonely.pop()
    touched = [np.uint32(0)]
    touched.pop()
    label_first.append(0)
    left_first.append(0)
    heap = [np.int64(0)]
    heap.pop()
    stalled = False
    for row in range(n_rows):
        if row_out[row]:
            root[row] = ground
            continue
        degree[row] = first[row + 1] - first[row]
        for k in range(first[row], first[row + 1]):
            mixed[row] ^= columns[k]
            weight[columns[k]] += 1
        if degree[row] == 1:
            lonely.append(np.uint32(row))
    for column in range(n_columns):
        if column_out[column] or weight[column] == 0:
            continue
        alive[column] = 1
        if weight[column] == 1:
            ones.append(np.uint32(column))
        elif weight[column] == 2:
            twos.append(np.uint32(column))
    while True:
        column = nobody
        a = nobody
        b = ground
        put_aside = False
        if len(ones):
            column = ones.pop()
            if not alive[column]:
                continue
            if weight[column] > 0:
                a = _odd_root(faces, column, root, ground, nobody)
        elif len(lonely):
            row = lonely.pop()
            if root[row] != row or degree[row] != 1:
                continue
            column = mixed[row]
            column_pivot[column] = 1
            alive[column] = 0
            for j in range(width):
                other = root[faces[column, j]]
                if other != ground and _counts(faces, column, j, root):
                    degree[other] -= 1
                    mixed[other] ^= column
                    if degree[other] == 1:
                        lonely.append(other)
            continue
        elif len(twos):
            column = twos.pop()
            if not alive[column] or weight[column] != 2:
                continue
            a = _odd_root(faces, column, root, ground, nobody)
            b = _odd_root(faces, column, root, ground, a)
            if size[a] > size[b]:
                a, b = b, a
        else:
            if not stalled:
                stalled = True
                for row in range(n_rows):
                    if root[row] == row and degree[row] > 0:
                        heap.append(-(degree[row] * _SHIFT + row))
                heapq.heapify(heap)
            while len(heap):  # rows whose degree fell meanwhile are put where they belong when they are met
                key = -heapq.heappop(heap)
                row = np.uint32(key % _SHIFT)
                if root[row] != row or degree[row] == 0:
                    continue
                if degree[row] != key // _SHIFT:
                    if degree[row] < key // _SHIFT:
                        heapq.heappush(heap, -(degree[row] * _SHIFT + np.int64(row)))
                    continue
                a = row
                break
            if a == nobody:
                break
            put_aside = True
        # the list of labels
        touched.clear()
        if column != nobody and len(label_aside):
            for j in range(width):
                row = faces[column, j]
                if row_out[row]:
                    continue
                while row != ground and parent[row] != nobody:
                    if label[row] != nobody:
                        odd[label[row]] ^= 1
                        touched.append(label[row])
                    row = parent[row]
        alive_now = column != nobody
        if alive_now and weight[column] == 0:
            alive[column] = 0
            some = False
            for each in touched:
                if odd[each]:
                    odd[each] = 0
                    left_parts.append(each)
                    some = True
            if some:
                left.append(column)
                left_first.append(len(left_parts))
            continue
        some = put_aside
        for each in touched:
            if odd[each]:
                odd[each] = 0
                label_parts.append(each)
                some = True
        if some:
            label[a] = len(label_aside)
            label_first.append(len(label_parts))
            label_aside.append(len(aside) if put_aside else -1)
        if put_aside:
            aside.append(a)
        else:
            column_pivot[column] = 1
            alive[column] = 0
            degree[a] -= 1
            mixed[a] ^= column
            if b != ground:
                degree[b] -= 1
                mixed[b] ^= column
        # a becomes b
        each = a
        while True:
            for k in range(first[each], first[each + 1]):
                other = columns[k]
                if not alive[other]:
                    continue
                if size[a] > 1 or b != ground:
                    mine, yours, begins = 0, 0, nobody
                    for j in range(width):
                        row = faces[other, j]
                        if root[row] == a:
                            if mine == 0 and begins == nobody:
                                begins = row
                            mine ^= 1
                        elif root[row] == b:
                            yours ^= 1
                    if begins != each or mine == 0:
                        continue
                    if b != ground and not yours:
                        degree[b] += 1
                        mixed[b] ^= other
                        continue
                    if b != ground:
                        weight[other] -= 1
                        degree[b] -= 1
                        mixed[b] ^= other
                weight[other] -= 1
                if weight[other] <= 1:
                    ones.append(other)
                elif weight[other] == 2:
                    twos.append(other)
            each = member[each]
            if each == a:
                break
        while True:
            root[each] = b
            each = member[each]
            if each == a:
                break
        parent[a] = b
        if b != ground:
            size[b] += size[a]
            member[a], member[b] = member[b], member[a]
            if degree[b] == 1:
                lonely.append(b)
            elif stalled and degree[b] > 1:
                heapq.heappush(heap, -(degree[b] * _SHIFT + np.int64(b)))
    labels = np.array(label_first), np.array(label_parts), np.array(label_aside)
    return (
        column_pivot,
        labels,
        (np.array(left), np.array(left_first), np.array(left_parts)),
        np.array(aside),
    )


@compiled
def labelled(labels, left, n_rows, base, words):
    """A strip of the matrix that remains: uint64 of shape (n_rows, words), a bit a row set aside from `base` on.

    Its rows are the first columns left; a large matrix is written strip by strip.
    """
    first, parts, aside = labels
    _, left_first, left_parts = left
    values = np.zeros((len(aside), words), np.uint64)
    for each in range(len(aside)):
        at = aside[each] - base
        if aside[each] >= 0 and 0 <= at < 64 * words:
            values[each, at >> 6] = _1 << np.uint64(at & 63)
        for k in range(first[each], first[each + 1]):
            part = parts[k]
            for j in range(words):
                values[each, j] ^= values[part, j]
    matrix = np.zeros((n_rows, words), np.uint64)
    for row in range(len(matrix)):
        for k in range(left_first[row], left_first[row + 1]):
            part = left_parts[k]
            for j in range(words):
                matrix[row, j] ^= values[part, j]
    return matrix


@compiled
def pivots_of_strip(matrix, order, word, rank, most, places):
    """Bring the pivots of 64 columns of a matrix of bits to its rows from `rank` on, reduced among themselves.

    `order` is permuted with the rows; it ends with `most` pivots in all. Gives how many were found here; `places` are
    their bits.
    """
    n_rows, words = matrix.shape
    basis = np.zeros(64, np.uint64)
    found = 0
    for row in range(rank, n_rows):
        value = matrix[row, word]
        taken = _0
        for i in range(found):
            if (value >> places[i]) & _1 != _0:
                value ^= basis[i]
                taken |= _1 << np.uint64(i)
        if value == _0:
            continue
        target = rank + found
        if target != row:
            order[target], order[row] = order[row], order[target]
            for j in range(word, words):
                held = matrix[target, j]
                matrix[target, j] = matrix[row, j]
                matrix[row, j] = held
        for i in range(found):
            if (taken >> np.uint64(i)) & _1 != _0:
                for j in range(word, words):
                    matrix[target, j] ^= matrix[rank + i, j]
        place = lowest(value)
        for i in range(found):
            if (basis[i] >> place) & _1 != _0:
                basis[i] ^= value
                for j in range(word, words):
                    matrix[rank + i, j] ^= matrix[target, j]
        basis[found] = value
        places[found] = place
        found += 1
        if found == 64 or rank + found >= most:
            break
    return found


@compiled
def cleared(matrix, word, begin, places, first_row, last_row):
    """Add the pivot rows of a strip, those just before `begin`, to the rows from `first_row` to before `last_row`, such
    that these have no pivot.

    The method of four Russians: the sums of each 8 pivot rows are tabled (Arlazarov et al., 1970), a tile of the matrix
    at a time.
    """
    words, found = matrix.shape[1], len(places)
    tile = 64
    table = np.empty((8, 256, tile), np.uint64)
    keys = np.empty((last_row - first_row, 8), np.uint8)
    for row in range(first_row, last_row):
        value = matrix[row, word]
        for group in range(8):
            key = 0
            for i in range(8 * group, min(8 * group + 8, found)):
                key |= np.int64((value >> places[i]) & _1) << (i - 8 * group)
            keys[row - first_row, group] = key
    groups = (found + 7) // 8
    for low in range(word, words, tile):
        high = min(low + tile, words)
        for group in range(groups):
            table[group, 0, : high - low] = 0
            for i in range(8 * group, min(8 * group + 8, found)):
                half = 1 << (i - 8 * group)
                source = matrix[begin - found + i, low:high]
                for each in range(half):
                    old, new = table[group, each], table[group, half + each]
                    for j in range(high - low):
                        new[j] = old[j] ^ source[j]
        for row in range(first_row, last_row):
            target_row = matrix[row, low:high]
            for group in range(groups):
                sums = table[group, keys[row - first_row, group]]
                for j in range(high - low):
                    target_row[j] ^= sums[j]


@compiled
def dense_rank(matrix, order, most):
    """Eliminate a matrix of bits in place, 64 columns at a time, and give the rows, of `order`, that are pivots.

    `order` numbers the rows and is permuted with them; it ends with `most` pivots (the rank, where known to be no
    larger).
    """
    n_rows, words = matrix.shape
    rank = 0
    places = np.zeros(64, np.uint64)
    for word in range(words):
        found = pivots_of_strip(matrix, order, word, rank, most, places)
        rank += found
        if rank >= most or rank == n_rows:
            break
        if found:
            cleared(matrix, word, rank, places[:found], rank, n_rows)
    return order[:rank]


@compiled
def _toggle(tree, begins, place):
    """Flip one number of a set kept as bits over bits: a word of a level is not zero where a bit above says so."""
    level = 0
    while level < len(begins):
        at = begins[level] + (place >> 6)
        before = tree[at]
        tree[at] ^= _1 << np.uint64(place & 63)
        if before != _0 and tree[at] != _0:
            return
        place >>= 6
        level += 1


@compiled
def _least(tree, begins):
    """The least number of the set, or -1."""
    level = len(begins) - 1
    place = np.int64(0)
    while level >= 0:
        word = tree[begins[level] + place]
        if word == _0:
            return np.int64(-1)
        place = (place << 6) + np.int64(lowest(word))
        level -= 1
    return place


@compiled
def paired(first, places, order, out, n_rows, most):
    """Reduce a coboundary matrix: for each column the place of its pivot row, -1 where it vanishes or is out.

    `places` from first[column] to first[column + 1] are the rows of a column in the order of the filtration; columns
    are taken in `order` (the latest first), and those flagged in `out` are left out. Only columns that were added to
    are kept, at most `most` numbers in all. Returns the pivots, and whether that was enough.
    """
    n_columns = len(out)
    pivots = np.full(n_columns, -1, np.int64)
    owners = np.full(n_rows, -1, np.int64)
    begins = [np.int64(0)]
    size = (n_rows + 63) // 64
    while size > 1:
        begins.append(begins[-1] + size)
        size = (size + 63) // 64
    tree = np.zeros(begins[-1] + 1, np.uint64)
    kept_first = np.full(n_columns, -1, np.int64)
    kept_end = np.zeros(n_columns, np.int64)
    kept = np.empty(1024, np.uint32)
    n_kept = 0
    for column in order:
        if out[column] or first[column] == first[column + 1]:
            continue
        pivot = np.int64(n_rows)
        for k in range(first[column], first[column + 1]):
            pivot = min(pivot, np.int64(places[k]))
        if owners[pivot] < 0:
            owners[pivot], pivots[column] = column, pivot
            continue
        for k in range(first[column], first[column + 1]):
            _toggle(tree, begins, np.int64(places[k]))
        while pivot >= 0 and owners[pivot] >= 0:
            owner = owners[pivot]
            if kept_first[owner] >= 0:
                for k in range(kept_first[owner], kept_end[owner]):
                    _toggle(tree, begins, np.int64(kept[k]))
            else:
                for k in range(first[owner], first[owner + 1]):
                    _toggle(tree, begins, np.int64(places[k]))
            pivot = _least(tree, begins)
        if pivot < 0:
            continue
        owners[pivot], pivots[column] = column, pivot
        kept_first[column] = n_kept
        place = pivot
        while place >= 0:
            if n_kept == most:
                return pivots, False
            if n_kept == len(kept):
                longer = np.empty(2 * n_kept, np.uint32)
                longer[:n_kept] = kept
                kept = longer
            kept[n_kept] = place
            n_kept += 1
            _toggle(tree, begins, place)
            place = _least(tree, begins)
        kept_end[column] = n_kept
    return pivots, True


@compiled
def spanning(pre, post, order, n_nodes):
    """Flags of the connections that join two components when they come in `order`."""
    parent = np.arange(n_nodes)
    joins = np.zeros(len(pre), np.uint8)
    for each in order:
        a, b = np.int64(pre[each]), np.int64(post[each])
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a != b:
            parent[a] = b
            joins[each] = 1
    return joins

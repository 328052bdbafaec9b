"""Homology of the directed flag complex of a graph in CSR arrays, over the field of two elements."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import numpy as np

from conntap.errors import OptionError
from conntap.topology.threads import mapped

__all__ = ["betti", "betti_bounds", "persistence"]

_ADJACENCY_BYTES = 2**26  # of the graph as a matrix of bits, else rows are searched
_SMALL = 100_000  # simplices of a dimension before which no look ahead is taken
_STRIP = 8  # words a row of the remaining matrix that are written at a time
_WORDS_A_PIECE = 2**16  # of the remaining matrix, below which a strip of it is cleared by one thread


def betti(
    indptr: np.ndarray,
    indices: np.ndarray,
    max_dimension: int | None = None,
    *,
    memory_gb: float = 4.0,
    threads: int = 1,
) -> np.ndarray:
    """Count the independent cycles of each dimension that are no boundaries: the Betti numbers over two elements.

    Parameters
    ----------
    indptr, indices
        The graph in CSR form: shapes (nodes + 1,) and (connections,), rows sorted, no loops, no doubles (as
        `conntap.topology.graphs.simple_graph` makes it).
    max_dimension
        Up to this dimension, which takes the simplices of one more; default: all.
    memory_gb
        Refuse what would take more.
    threads
        Threads that share the elimination of what remains; the result does not depend on it.

    Returns
    -------
    int64, shape (dimensions,): up to the largest dimension of a simplex, at most `max_dimension`.

    Raises
    ------
    OptionError
        An option is out of range, or the simplices or the elimination would take more than `memory_gb`.

    Notes
    -----
    Simplices are listed a dimension at a time. A boundary matrix loses the rows that the one below settled, is
    contracted as far as that costs no fill-in (merging rows that a column declares equal, peeling columns of one row
    and rows of one column), and what then remains is eliminated as a matrix of bits. Small graphs take about a fifth
    of a millisecond a dimension, all of it without the interpreter's lock but for the steps between.
    Memory: about 8 (k + 1) + 100 bytes a simplex of dimension k, one dimension at a time, which may take half of
    `memory_gb`; what remains may take the other half.

    Examples
    --------
    >>> betti(np.array([0, 1, 2, 3]), np.array([1, 2, 0])).tolist()
    [1, 1]
    """
    top = _checked("betti", max_dimension, memory_gb, threads)
    counts, ranks = [len(indptr) - 1], [0]
    for dimension, faces, out in _boundaries("betti", indptr, indices, top, memory_gb):
        rank, most = _rank(faces, *out, dense_bytes=memory_gb * 5e8, dense_rows=None, threads=threads)
        if rank < most:
            raise OptionError(
                f"betti: the rank of the boundaries of dimension {dimension} is from {rank:,} to {most:,}; to know it takes "
                f"more than memory_gb, {memory_gb:g}. Give more, max_dimension={max(0, dimension - 2)}, or ask for bounds."
            )
        counts.append(len(faces))
        ranks.append(rank)
    return _between(counts, ranks, max_dimension)


def betti_bounds(
    indptr: np.ndarray,
    indices: np.ndarray,
    max_dimension: int | None = None,
    *,
    memory_gb: float = 4.0,
    dense_rows: int = 4096,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Bound the Betti numbers from below and above in bounded memory.

    Parameters
    ----------
    indptr, indices, max_dimension
        As for `betti`.
    memory_gb
        Dimensions whose simplices would take more are bounded by their number alone.
    dense_rows
        Where the matrix that remains when all is eliminated that costs no fill-in has more rows and more columns than
        these, so many of them are taken.
    threads
        As for `betti`.

    Returns
    -------
    Two int64 arrays, shape as of `betti`: no Betti number is below the one or above the other.

    Raises
    ------
    OptionError
        An option is out of range, or there are too many simplices to count.

    Notes
    -----
    Every pivot found is one of the exact elimination, so that a rank is at least their number and at most that
    and the smaller side of what remains.

    Examples
    --------
    >>> [each.tolist() for each in betti_bounds(np.array([0, 1, 2, 3]), np.array([1, 2, 0]))]
    [[1, 1], [1, 1]]
    """
    from conntap.topology.simplices import count_simplices

    top = _checked("betti_bounds", max_dimension, memory_gb, threads)
    if dense_rows < 0:
        raise OptionError(f"betti_bounds.dense_rows: {dense_rows}; give 0 or more.")
    counts = count_simplices(indptr, indices, max_dimension=top).tolist()
    low, high = [0], [0]
    for _, faces, out in _boundaries(None, indptr, indices, top, memory_gb):
        rank, most = _rank(faces, *out, dense_bytes=memory_gb * 5e8, dense_rows=dense_rows, threads=threads)
        low.append(rank)
        high.append(min(most, counts[len(low) - 2] - low[-2]))
    while len(low) < len(counts):
        high.append(min(counts[len(low)], counts[len(low) - 1] - low[-1]))
        low.append(0)
    for k in range(len(high) - 2, 0, -1):
        high[k] = min(high[k], counts[k] - low[k + 1])
    return _between(counts, high, max_dimension).clip(0), _between(counts, low, max_dimension)


def persistence(
    indptr: np.ndarray,
    indices: np.ndarray,
    weights: np.ndarray,
    max_dimension: int = 1,
    *,
    start: float | None = None,
    memory_gb: float = 4.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follow the cycles of each dimension while connections come in the order of their weights.

    Parameters
    ----------
    indptr, indices
        As for `betti`.
    weights
        Shape (connections,): when each comes. A simplex comes with the last of its connections.
    max_dimension
        Up to this dimension, which takes the simplices of one more.
    start
        When the nodes come, not after the first connection; default: with it (0 where there is none).
    memory_gb
        Refuse what would take more.

    Returns
    -------
    Three arrays of one length, sorted: `dimension` (int64), `birth` and `death` (float64, inf for what stays) of
    every class that lasts.

    Raises
    ------
    OptionError
        An option is out of range, a weight is no number, `start` comes after a connection, or the work would take
        more than `memory_gb`.

    Notes
    -----
    Persistent cohomology: columns of the coboundary matrices from the latest simplex on, without those that are
    pivots of the dimension below; those whose first coface is nobody's pivot are settled without work (de Silva et
    al., 2011, doi:10.1088/0266-5611/27/12/124003; Bauer, 2021, doi:10.1007/s41468-021-00071-5).

    Examples
    --------
    >>> around = persistence(np.array([0, 1, 2, 3]), np.array([1, 2, 0]), np.array([1.0, 2.0, 3.0]))
    >>> [each.tolist() for each in around]
    [[0, 0, 1], [1.0, 1.0, 3.0], [2.0, inf, inf]]
    """
    top = _checked("persistence", max_dimension, memory_gb)
    weights = np.asarray(weights, dtype=np.float64)
    if np.isnan(weights).any():
        raise OptionError("persistence.weights: some are not a number. Leave those connections out.")
    first = float(weights.min()) if len(weights) else 0.0 if start is None else float(start)
    if start is not None and not start <= first:
        raise OptionError(f"persistence.start: {start} comes after the first connection, {first:g}; give that or less.")
    values = np.full(len(indptr) - 1, first if start is None else start)
    out = np.zeros(len(values), dtype=np.uint8)
    found = []
    for dimension, faces, _ in _boundaries("persistence", indptr, indices, top, memory_gb):
        later = weights if dimension == 1 else values[faces].max(axis=1)
        partner, out_later = _pairs(faces, values, later, out, memory_gb)
        found.append(_lasting(dimension - 1, values, later, partner, out))
        values, out = later, out_later
    if len(found) < top:
        found.append(_lasting(len(found), values, values, np.full(len(values), -1), out))
    dimension, birth, death = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.lexsort((death, birth, dimension))
    return dimension[order], birth[order], death[order]


def _checked(where: str, max_dimension: int | None, memory_gb: float, threads: int = 1) -> int:
    """The largest dimension of the simplices needed."""
    if threads < 1:
        raise OptionError(f"{where}.threads: {threads}; give 1 or more.")
    if isinstance(memory_gb, bool) or not isinstance(memory_gb, int | float | np.number) or not memory_gb > 0:
        raise OptionError(f"{where}.memory_gb: {memory_gb!r}; give a number above 0.")
    if max_dimension is None:
        return np.iinfo(np.int32).max
    if isinstance(max_dimension, bool) or not isinstance(max_dimension, int | np.integer) or max_dimension < 0:
        raise OptionError(f"{where}.max_dimension: {max_dimension!r}; give a whole number from 0 on.")
    return int(max_dimension) + 1


def _boundaries(
    where: str | None, indptr: np.ndarray, indices: np.ndarray, top: int, memory_gb: float
) -> Iterator[tuple[int, np.ndarray, tuple[np.ndarray, np.ndarray]]]:
    """The boundary matrices from dimension 1 to `top`: the dimension, the faces of its cells, and flags of the rows
    and of the columns left out, for the reader to set: those of columns are the next one's of rows.

    Where a dimension would take too much it ends, or raises under the name `where`.
    """
    from conntap.topology import _homology as kernels

    n = len(indptr) - 1
    indptr, indices = np.asarray(indptr).astype(np.int64), np.asarray(indices).astype(np.uint32)
    if not len(indices):
        return
    if len(indices) > _most(1, memory_gb):
        if where is None:
            return
        raise _too_many(where, 1, len(indices), memory_gb)
    words = (n + 63) // 64
    matrix = np.zeros((n, words) if 8 * n * words <= _ADJACENCY_BYTES else (0, 1), dtype=np.uint64)
    if len(matrix):
        kernels.adjacency_bits(indptr, indices, matrix)
    faces = np.stack([indices, np.repeat(np.arange(n, dtype=np.uint32), np.diff(indptr))], axis=1)
    out = np.zeros(n, dtype=np.uint8), np.zeros(len(faces), dtype=np.uint8)
    first, last, dimension = indptr, indices, 1
    looked = where is None
    while True:
        if not looked and len(faces) > _SMALL:
            _look_ahead(where, indptr, indices, top, memory_gb)
            looked = True
        yield dimension, faces, out
        if dimension == top:
            return
        most = _most(dimension + 1, memory_gb)
        first_next = kernels.next_first(indptr, indices, matrix, first, last, most)
        if not len(first_next):
            if where is None:
                return
            raise _too_many(where, dimension + 1, most + 1, memory_gb)
        if first_next[-1] == 0:
            return
        last_next = kernels.next_last(indptr, indices, matrix, first, last, first_next[-1])
        faces = kernels.next_faces(first, first_next, last, last_next, faces)
        out = out[1], np.zeros(len(faces), dtype=np.uint8)
        first, last, dimension = first_next, last_next, dimension + 1


def _most(dimension: int, memory_gb: float) -> int:
    """How many cells of a dimension fit half of the memory (and 32 bits); the rest is for what is left over."""
    return int(min(memory_gb * 1e9 / 2 / (8 * (dimension + 1) + 100), 2**31))


def _look_ahead(where: str, indptr: np.ndarray, indices: np.ndarray, top: int, memory_gb: float) -> None:
    """Refuse early: where an estimate is too large for a dimension, its simplices are counted."""
    from conntap.topology.simplices import count_simplices, estimate_simplices

    for dimension, expected in enumerate(estimate_simplices(indptr, indices)[: min(top, 64) + 1]):
        if dimension > 1 and expected > _most(dimension, memory_gb):
            counts = count_simplices(indptr, indices, max_dimension=dimension)
            if len(counts) > dimension and counts[dimension] > _most(dimension, memory_gb):
                raise _too_many(where, dimension, int(counts[dimension]), memory_gb)
            return


def _too_many(where: str, dimension: int, cells: int, memory_gb: float) -> OptionError:
    gigabytes = 2 * cells * (8 * (dimension + 1) + 100) / 1e9
    advice = f"max_dimension, at most {dimension - 2}, or more memory" if dimension > 1 else "more memory"
    return OptionError(
        f"{where}: {cells:,} simplices of dimension {dimension} (or more) would take about {gigabytes:.2g} GB; "
        f"memory_gb is {memory_gb:g}. Give {advice}."
    )


def _rank(
    faces: np.ndarray,
    row_out: np.ndarray,
    column_out: np.ndarray,
    *,
    dense_bytes: float,
    dense_rows: int | None,
    threads: int,
) -> tuple[int, int]:
    """Bounds of the rank of a boundary matrix without its rows that are out; columns that are pivots are flagged."""
    from conntap.topology import _homology as kernels

    first, columns = kernels.cofaces(faces, row_out, column_out)
    pivots, labels, left, aside = kernels.contracted(faces, first, columns, row_out, column_out)
    column_out |= pivots
    rank, rows, width = int(np.count_nonzero(pivots)), len(left[0]), len(aside)
    most = rank + min(rows, width)
    if not rows or not width:
        return rank, rank
    if dense_rows is not None:
        if min(rows, width) > dense_rows:
            rows = width = dense_rows
        rows = int(min(rows, 8 * dense_bytes / max(width, 1)))
    if rows * width / 8 > dense_bytes or not rows * width:
        return rank, most
    matrix = np.empty((rows, (width + 63) // 64), dtype=np.uint64)

    def write(word: int) -> None:
        words = min(_STRIP, matrix.shape[1] - word)
        matrix[:, word : word + words] = kernels.labelled(labels, left, rows, 64 * word, words)

    for _ in mapped(write, range(0, matrix.shape[1], _STRIP), threads):
        pass
    found = _independent(matrix, min(rows, len(aside)), threads)
    column_out[left[0][found]] = 1
    whole = rows == len(left[0]) and 64 * matrix.shape[1] >= len(aside)
    return rank + len(found), rank + len(found) if whole else most


def _independent(matrix: np.ndarray, most: int, threads: int) -> np.ndarray:
    """As many independent rows as a matrix of bits has, at most `most`; it is eliminated in place."""
    from conntap.topology import _homology as kernels

    order, rank = np.arange(len(matrix)), 0
    if threads == 1 or matrix.size < 2 * _WORDS_A_PIECE:
        return kernels.dense_rank(matrix, order, most)
    places = np.zeros(64, dtype=np.uint64)
    for word in range(matrix.shape[1]):
        found = kernels.pivots_of_strip(matrix, order, word, rank, most, places)
        rank += found
        if rank >= most or rank == len(matrix):
            break
        if found:
            size = (len(matrix) - rank) * (matrix.shape[1] - word)
            cuts = np.linspace(rank, len(matrix), min(threads, max(1, size // _WORDS_A_PIECE)) + 1).astype(np.int64)
            task = partial(_clear, matrix, word, rank, places[:found])
            for _ in mapped(task, pairwise(cuts.tolist()), threads):
                pass
    return order[:rank]


def _clear(matrix: np.ndarray, word: int, begin: int, places: np.ndarray, rows: tuple[int, int]) -> None:
    from conntap.topology import _homology as kernels

    kernels.cleared(matrix, word, begin, places, *rows)


def _between(counts: list[int], ranks: list[int], max_dimension: int | None) -> np.ndarray:
    """Cells of each dimension less the ranks of the boundaries on both sides."""
    n = len(counts) if max_dimension is None else min(len(counts), max_dimension + 1)
    ranks = [*ranks, 0]
    return np.array([counts[k] - ranks[k] - ranks[k + 1] for k in range(n)], dtype=np.int64)


def _pairs(
    faces: np.ndarray, values: np.ndarray, later: np.ndarray, out: np.ndarray, memory_gb: float
) -> tuple[np.ndarray, np.ndarray]:
    """For each cell of a dimension the coface that ends its class (-1: none), and flags of the cofaces that do so."""
    from conntap.topology import _homology as kernels

    order = np.argsort(later, kind="stable")
    ends = np.zeros(len(later), dtype=np.uint8)
    if faces.shape[1] == 2:
        ends = kernels.spanning(faces[:, 1], faces[:, 0], order, len(values))
        partner = np.full(len(values), -1)
        partner[: ends.sum()] = np.flatnonzero(ends)
        return partner, ends
    places = np.empty(len(later), dtype=np.uint32)
    places[order] = np.arange(len(later), dtype=np.uint32)
    first, columns = kernels.cofaces(faces, np.zeros(len(values), np.uint8), ends)
    latest = np.argsort(values, kind="stable")[::-1]
    pivots, whole = kernels.paired(first, places[columns], latest, out, len(later), int(memory_gb * 5e8 / 4))
    if not whole:
        raise OptionError(
            f"persistence: the reduction of dimension {faces.shape[1] - 2} takes more than memory_gb, {memory_gb:g}. "
            f"Give more, or max_dimension={faces.shape[1] - 3}."
        )
    partner = np.where(pivots >= 0, order[pivots], -1)
    ends[partner[partner >= 0]] = 1
    return partner, ends


def _lasting(
    dimension: int, values: np.ndarray, later: np.ndarray, partner: np.ndarray, out: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The classes of one dimension that do not end as they begin."""
    death = np.where(partner >= 0, later[partner], np.inf) if len(later) else np.full(len(values), np.inf)
    lasts = (out == 0) & (death > values)
    birth, death = values[lasts], death[lasts]
    return np.full(len(birth), dimension, dtype=np.int64), birth, death

"""Sets of different whole numbers drawn evenly, and whole numbers in order."""

from __future__ import annotations

import numpy as np

__all__ = ["chosen", "distinct", "distinct_in", "in_order", "united"]

_MANY = 100_000  # from here on the radix sort is worth its compilation
_WIDEST = 32  # as many marks a number are faster than sorting


def distinct(n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """`size` different whole numbers below `n`, rising, every set of them equally likely; int64.

    >>> distinct(4, 4, np.random.default_rng(0)).tolist()
    [0, 1, 2, 3]
    """
    if size > n // 2:
        return _complement(distinct(n, n - size, rng), n) if size < n else np.arange(n, dtype=np.int64)
    if n <= _WIDEST * size:
        return np.flatnonzero(_marked(n, size, rng))
    found = np.empty(0, dtype=np.int64)
    while len(found) < size:
        found = united(found, rng.integers(0, n, size - len(found), dtype=np.int64), n)
    return found


def _marked(n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """The same set as a boolean for each number."""
    is_there, lacking = np.zeros(n, dtype=bool), size
    while lacking:
        is_there[rng.integers(0, n, lacking, dtype=np.int64)] = True
        lacking = size - int(np.count_nonzero(is_there))
    return is_there


def distinct_in(sizes: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same in several ranges at once: of range k, of sizes[k] numbers, counts[k] different ones.

    The ranges follow one another; the result rises. Every set that holds as many of each range is equally likely.

    >>> distinct_in(np.array([3, 5]), np.array([3, 0]), np.random.default_rng(0)).tolist()
    [0, 1, 2]
    """
    ends = np.append(0, np.cumsum(sizes))
    is_dense = 2 * counts > sizes
    wanted = np.where(is_dense, sizes - counts, counts)
    found, owed = np.empty(0, dtype=np.int64), wanted
    while owed.any():
        more = rng.integers(0, np.repeat(sizes, owed), dtype=np.int64) + np.repeat(ends[:-1], owed)
        found = united(found, more, int(ends[-1]))
        owed = wanted - np.diff(np.searchsorted(found, ends))
    return _inverted(found, ends, is_dense) if is_dense.any() else found


def chosen(n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """A mask of shape (n,) with `size` places, every set of them equally likely.

    >>> chosen(3, 2, np.random.default_rng(0)).sum()
    np.int64(2)
    """
    if size <= n // 2 and n <= _WIDEST * size:
        return _marked(n, size, rng)
    mask = np.zeros(n, dtype=bool)
    mask[distinct(n, size, rng)] = True
    return mask


def in_order(numbers: np.ndarray, limit: int) -> np.ndarray:
    """Whole numbers from 0 to `limit` - 1 in rising order; int64.

    >>> in_order(np.array([3, 1, 1]), 4).tolist()
    [1, 1, 3]
    """
    if len(numbers) < _MANY:
        return np.sort(numbers)
    from conntap.topology._sorting import sort_in_place

    words = numbers.astype(np.uint64)
    sort_in_place(words, np.empty_like(words), -(-int(limit).bit_length() // 11))
    return words.view(np.int64)


def united(found: np.ndarray, more: np.ndarray, limit: int) -> np.ndarray:
    """The rising union of a rising set and other numbers."""
    more = in_order(more, limit)
    joined = np.sort(np.concatenate([found, more]), kind="stable") if len(found) else more
    return joined[np.append(True, joined[1:] != joined[:-1])] if len(joined) else joined


def _complement(codes: np.ndarray, n: int) -> np.ndarray:
    keep = np.ones(n, dtype=bool)
    keep[codes] = False
    return np.flatnonzero(keep)


def _inverted(found: np.ndarray, ends: np.ndarray, is_dense: np.ndarray) -> np.ndarray:
    """Numbers of dense ranges replaced by those of the range that are not among them."""
    bounds = np.searchsorted(found, ends)
    whole = [np.empty(0, dtype=np.int64)]
    for place in np.flatnonzero(is_dense):
        start, stop = bounds[place], bounds[place + 1]
        whole.append(_complement(found[start:stop] - ends[place], int(ends[place + 1] - ends[place])) + ends[place])
    kept = found[~np.repeat(is_dense, np.diff(bounds))]
    return np.sort(np.concatenate([kept, *whole]), kind="stable")

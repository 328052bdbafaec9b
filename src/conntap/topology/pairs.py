"""Pairs of points by distance: all of them counted, and as many of each distance drawn anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from conntap.topology.graphs import simple_graph
from conntap.topology.threads import mapped

__all__ = ["Places", "connected_pairs", "count_pairs", "pieces_of"]

_PAIRS_A_PIECE = 20_000_000
_FEWEST_ROWS = 16


@dataclass(frozen=True)
class Places:
    """Where points are: `points` (n, axes), the `groups` they belong to (from 0 to `n_groups` - 1), and their `heights`
    along the axis by which the sides of a pair are told apart, or None where they are not."""

    points: np.ndarray
    groups: np.ndarray
    n_groups: int
    heights: np.ndarray | None = None

    def sorted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The order by group, and then in that order: columns, heights, and where each group begins."""
        order = np.argsort(self.groups, kind="stable")
        columns = np.ascontiguousarray(np.asarray(self.points, dtype=np.float64)[order].T)
        heights = np.zeros(len(order)) if self.heights is None else np.asarray(self.heights, dtype=np.float64)[order]
        sizes = np.bincount(self.groups, minlength=self.n_groups)
        return order, columns, heights, np.append(0, np.cumsum(sizes)).astype(np.int64)


def count_pairs(
    pre: Places,
    post: Places | None,
    edges: tuple[np.ndarray, np.ndarray],
    *,
    width: float,
    n_bins: int,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Count all ordered pairs and the connected ones by distance and pathway.

    A pair at distance d is in bin floor(d / width); those beyond the last bin are left out. Both counts are exact and
    agree: what is connected is also a pair of the same bin.

    Parameters
    ----------
    pre, post
        The points; None for post where they are the same as pre: then no point is paired with itself.
    edges
        The rows of both ends of each connection, none twice.
    width, n_bins
        Of the bins, from a distance of 0 on.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    pairs, connections: int64, shape (pre groups, post groups, sides, bins). One side, or three where heights are given: the
    post point is less high than the pre point, as high, or higher.

    Notes
    -----
    Time: 1 ns a pair or less, each unordered pair once where both are the same; memory: the counts a thread.

    Examples
    --------
    >>> line = Places(np.array([[0.0], [1.0], [3.0]]), np.zeros(3, int), 1)
    >>> pairs, connected = count_pairs(line, None, (np.array([0]), np.array([2])), width=1.0, n_bins=4)
    >>> pairs.ravel().tolist(), connected.ravel().tolist()
    ([0, 2, 2, 2], [0, 0, 0, 1])
    """
    from conntap.topology._pairs import count_between, count_listed

    same, other = post is None, pre if post is None else post
    sided, sides = pre.heights is not None, 1 if pre.heights is None else 3
    order, columns, heights, begins = pre.sorted()
    other_order, others, other_heights, other_begins = (order, columns, heights, begins) if same else other.sorted()
    points = columns, others, heights, other_heights
    shape = other.n_groups, sides * (n_bins + 1)

    def count(piece: tuple[int, int, int]) -> tuple[int, np.ndarray]:
        group, first, last = piece
        even, odd = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        count_between(*points, other_begins, width, n_bins, sided, first, last, same, even, odd)
        return group, even + odd

    pairs = np.zeros((pre.n_groups, *shape), dtype=np.int64)
    for group, counts in mapped(count, pieces_of(begins, max(1, len(other.points)), shape), threads):
        pairs[group] += counts
    connected = np.zeros_like(pairs)
    ends = _ranks(order)[edges[0]], _ranks(other_order)[edges[1]]
    groups = np.repeat(np.arange(pre.n_groups), np.diff(begins)), np.repeat(np.arange(shape[0]), np.diff(other_begins))
    count_listed(*points, *groups, *ends, width, n_bins, sided, connected)
    pairs, connected = (each.reshape(*each.shape[:2], sides, n_bins + 1)[..., :n_bins] for each in (pairs, connected))
    if same:
        pairs = pairs + pairs.transpose(1, 0, 2, 3)[:, :, ::-1]
    return np.ascontiguousarray(pairs), np.ascontiguousarray(connected)


def connected_pairs(
    pre: np.ndarray, post: np.ndarray, n_pre: int, n_post: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of each connection among edges: each pair once, sorted; without self-loops where `n_post` is None, the
    ends being the same points.

    Examples
    --------
    >>> [ends.tolist() for ends in connected_pairs(np.array([0, 0, 1]), np.array([1, 1, 1]), 2)]
    [[0], [1]]
    """
    if n_post is None:
        indptr, indices = simple_graph(pre, post, n_pre)
        return np.repeat(np.arange(n_pre), np.diff(indptr)), indices
    indptr, indices = simple_graph(pre, post + np.int64(n_pre), n_pre + n_post)
    return np.repeat(np.arange(n_pre + n_post), np.diff(indptr)), indices - n_pre


def _ranks(order: np.ndarray) -> np.ndarray:
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order))
    return ranks


def pieces_of(begins: np.ndarray, n_others: int, shape: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """(group, first, last): rows of one group at a time, as many as make work that outweighs a table of counts."""
    rows = max(_FEWEST_ROWS, max(_PAIRS_A_PIECE, 4 * int(np.prod(shape))) // n_others)
    for group, (begin, end) in enumerate(zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True)):
        for first in range(begin, end, rows):
            yield group, first, min(first + rows, end)

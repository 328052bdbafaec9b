"""Pairs of points drawn anew, by a rule of distance or as many of each distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from conntap.topology.pairs import Places, count_pairs, pieces_of
from conntap.topology.threads import mapped

__all__ = ["by_row", "draw_as_many", "draw_pairs"]

_POINTS_A_PIECE = 512
_LEAF = 4


def draw_pairs(
    pre: Places, post: Places | None, numbers: np.ndarray, *, seed: int, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Draw each ordered pair with its probability a exp(-b d), at most 1, independently of all others.

    Parameters
    ----------
    pre, post
        The points; None for post where they are the same as pre: then no point is paired with itself.
    numbers
        float64, shape (pre groups, post groups, 2, 2): a and b of each pathway, where the post point is less high than
        the pre point, and where it is higher (points as high: the mean). Without heights the first pair serves all.
    seed
        From 0 to 2^64 - 1. The pairs depend on it and on the points, not on the threads.
    threads
        Threads that share the work.

    Returns
    -------
    The rows of both ends, whole numbers, sorted by (pre, post).

    Notes
    -----
    Time goes with the pairs drawn (some 100 ns each) rather than with all pairs; memory: 16 to 32 bytes a pair drawn. Exact: candidates of
    boxes of points at nearly one distance are thinned (Lewis and Shedler, 1979, doi:10.1002/nav.3800260304).

    Examples
    --------
    >>> line = Places(np.array([[0.0], [1.0], [2.0]]), np.zeros(3, int), 1)
    >>> [end.tolist() for end in draw_pairs(line, None, np.full((1, 1, 2, 2), [1.0, 0.0]), seed=1)]
    [[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]]
    """
    from conntap.topology._pair_draws import draw_from

    same, other = post is None, pre if post is None else post
    tree = _grown(pre)
    other_tree = tree if same else _grown(other)
    numbers = np.ascontiguousarray(numbers, dtype=np.float64)
    sided = pre.heights is not None

    def draw(piece: tuple[int, int]) -> np.ndarray:
        group, root = piece
        own = np.uint64(np.random.SeedSequence([seed, root]).generate_state(1, np.uint64)[0])
        trees = tree.arrays, other_tree.arrays, tree.heights, other_tree.heights
        return draw_from(*trees, numbers, group, sided, root, same, own)

    ends = np.concatenate([np.empty((0, 2), dtype=np.int32), *mapped(draw, tree.pieces(), threads)])
    return by_row(ends, (len(pre.points), len(other.points)))


def draw_as_many(
    pre: Places,
    post: Places | None,
    edges: tuple[np.ndarray, np.ndarray],
    *,
    width: float,
    n_bins: int,
    rng: np.random.Generator,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw as many pairs of each pathway, side and bin of distance as are connected, all such sets equally likely.

    Parameters
    ----------
    pre, post, edges, width, n_bins
        As for `conntap.topology.pairs.count_pairs`; connections beyond the last bin are dropped.
    rng
        The source of randomness; all of it is drawn before the threads begin.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    The rows of both ends, whole numbers, sorted by (pre, post).

    Notes
    -----
    All pairs of a bin are numbered, in the order of rows; the numbers of those to connect are drawn, and found again. Time:
    some 3 ns an ordered pair and below 1 us a pair drawn; memory: 100 bytes a pair drawn.

    Examples
    --------
    >>> line = Places(np.array([[0.0], [1.0], [2.0]]), np.zeros(3, int), 1)
    >>> source = np.random.default_rng(0)
    >>> drawn = draw_as_many(line, None, (np.array([0]), np.array([2])), width=1.0, n_bins=3, rng=source)
    >>> abs(int(drawn[0][0] - drawn[1][0]))
    2
    """
    same, other = post is None, pre if post is None else post
    _, connected = count_pairs(pre, post, edges, width=width, n_bins=n_bins, threads=threads)
    numbered = _Numbered(pre, other, same, width, n_bins)
    pieces = list(pieces_of(numbered.begins, max(1, len(other.points)), numbered.shape))
    counts = np.array(list(mapped(numbered.count, pieces, threads))).reshape(len(pieces), *numbered.shape)
    group = np.array([piece[0] for piece in pieces], dtype=np.int64)
    tasks = []
    for each in range(pre.n_groups):
        own = np.flatnonzero(group == each)
        until = np.cumsum(counts[own], axis=0)
        inner = np.zeros((*connected.shape[1:3], n_bins + 1), dtype=np.int64)
        inner[..., :n_bins] = connected[each]
        wanted = inner.reshape(numbered.shape)
        total = until[-1] if len(own) else np.zeros(numbered.shape, dtype=np.int64)
        codes, offsets = _chosen(total.ravel(), wanted.ravel(), rng)
        before = until - counts[own]
        at, end = (np.searchsorted(codes, offsets.reshape(numbered.shape) + part) for part in (before, until))
        numbers = codes - np.repeat(offsets, wanted.ravel())
        tasks += [(pieces[piece], before[i], numbers, at[i], end[i]) for i, piece in enumerate(own)]
    found = [np.empty((0, 2), dtype=np.int64), *mapped(numbered.pick, tasks, threads)]
    return by_row(np.concatenate(found), (len(pre.points), len(other.points)))


class _Numbered:
    """The pairs of each pathway and cell in an order of their own: row by row of the points sorted by group."""

    def __init__(self, pre: Places, other: Places, same: bool, width: float, n_bins: int) -> None:
        self.order, columns, heights, self.begins = pre.sorted()
        self.other_order, others, other_heights, other_begins = pre.sorted() if same else other.sorted()
        self.same, sided = same, pre.heights is not None
        self.itself = n_bins + 1 if sided else 0  # the cell of a point with itself
        self.shape = other.n_groups, (3 if sided else 1) * (n_bins + 1)
        self.arguments = columns, others, heights, other_heights, other_begins, width, n_bins, sided

    def count(self, piece: tuple[int, int, int]) -> np.ndarray:
        from conntap.topology._pairs import count_between

        group, first, last = piece
        even, odd = np.zeros(self.shape, dtype=np.int64), np.zeros(self.shape, dtype=np.int64)
        count_between(*self.arguments, first, last, False, even, odd)
        even += odd
        if self.same:
            even[group, self.itself] -= last - first
        return even

    def pick(self, task: tuple) -> np.ndarray:
        from conntap.topology._pairs import pick

        (_, first, last), seen, wanted, at, until = task
        ends = np.empty((int((until - at).sum()), 2), dtype=np.int64)
        pick(*self.arguments, first, last, self.same, seen, wanted, at, until, ends)
        return np.stack([self.order[ends[:, 0]], self.other_order[ends[:, 1]]], axis=1)


def _chosen(sizes: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """For each interval of a whole number of places, laid end to end, as many different places as wanted: sorted."""
    offsets = np.cumsum(sizes) - sizes
    mostly = wanted > sizes // 2
    few = np.where(mostly, sizes - wanted, wanted)
    found = np.empty(0, dtype=np.int64)
    missing = few
    while missing.any():
        of = np.repeat(np.arange(len(sizes)), missing)
        found = np.sort(np.concatenate([found, offsets[of] + rng.integers(0, sizes[of])]))
        found = found[np.append(True, found[1:] != found[:-1])]
        missing = few - np.diff(np.searchsorted(found, np.append(offsets, offsets[-1] + sizes[-1])))
    if not mostly.any():
        return found, offsets
    inside = np.repeat(mostly, few)
    parts = [found[~inside]]
    for interval in np.flatnonzero(mostly):
        keep = np.ones(sizes[interval], dtype=bool)
        begin, end = np.searchsorted(found, (offsets[interval], offsets[interval] + sizes[interval]))
        keep[found[begin:end] - offsets[interval]] = False
        parts.append(np.flatnonzero(keep) + offsets[interval])
    return np.sort(np.concatenate(parts)), offsets


def by_row(ends: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of shape (pairs, 2), none twice, as two columns sorted by (pre, post): put into columns, then into rows.

    Examples
    --------
    >>> [end.tolist() for end in by_row(np.array([[1, 0], [0, 2], [0, 1]]), (2, 3))]
    [[0, 0, 1], [1, 2, 0]]
    """
    ones = np.ones(len(ends), dtype=np.int8)
    rows = sparse.coo_array((ones, (ends[:, 0], ends[:, 1])), shape=shape).tocsc().tocsr()
    return np.repeat(np.arange(shape[0]), np.diff(rows.indptr)), rows.indices


@dataclass(frozen=True)
class _Tree:
    """Boxes of points, one tree a group; box g holds all of group g. Points and heights stand in the order of the boxes."""

    arrays: tuple[np.ndarray, ...]
    heights: np.ndarray
    n_groups: int

    def pieces(self) -> list[tuple[int, int]]:
        """(group, box) of boxes that hold all points once, a few hundred each, and do not depend on threads."""
        _, _, first, last, children, *_ = self.arrays
        found, waiting = [], [(group, group) for group in range(self.n_groups)]
        while waiting:
            group, box = waiting.pop()
            if last[box] - first[box] > _POINTS_A_PIECE and children[box]:
                waiting += [(group, int(children[box])), (group, int(children[box]) + 1)]
            elif last[box] > first[box]:
                found.append((group, box))
        return found


def _grown(places: Places, leaf: int = _LEAF) -> _Tree:
    from conntap.topology._pair_draws import grow

    points = np.ascontiguousarray(places.points, dtype=np.float64)
    heights = np.zeros(len(points)) if places.heights is None else np.asarray(places.heights, dtype=np.float64)
    bounded = points if places.heights is None else np.concatenate([points, heights[:, None]], axis=1)
    order, *_, begins = places.sorted()
    order = order.astype(np.int64)
    most = 2 * len(points) + places.n_groups
    whole = [np.zeros(most, dtype=np.int64) for _ in range(3)]
    corners = [np.zeros((most, bounded.shape[1])) for _ in range(2)]
    count = grow(bounded, order, begins, leaf, *whole, *corners)
    boxes = [np.ascontiguousarray(each[:count]) for each in (*whole, *corners)]
    return _Tree((order, points[order], *boxes), heights[order], places.n_groups)

"""What is missing in recorded values, found in one pass and filled in any piece of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from conntap.activity.lazy import box_of, boxed

__all__ = ["Filled", "Gaps", "Surveyed", "survey"]

_PRIME = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Gaps:
    """Stretches of steps without a finite value; arrays of equal length, sorted by node, then step.

    `left` and `right` are the values before and after, NaN where there are none.
    """

    node: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    left: np.ndarray
    right: np.ndarray


@dataclass(frozen=True)
class Surveyed:
    """What one pass over values of shape (time, nodes) found, of each node."""

    n_steps: int
    finite: np.ndarray  # finite values
    low: np.ndarray  # the least of them, the largest, and their mean; NaN where there are none
    high: np.ndarray
    mean: np.ndarray
    prints: np.ndarray  # uint64: equal columns have equal ones
    gaps: Gaps


def survey(pieces: Iterable[np.ndarray], n_nodes: int) -> Surveyed:
    """Count what is finite, find gaps and fingerprints, in one pass over consecutive pieces."""
    step, found = 0, []
    counts, sums = np.zeros(n_nodes, np.int64), np.zeros(n_nodes)
    low, high = np.full(n_nodes, np.inf), np.full(n_nodes, -np.inf)
    prints = np.zeros(n_nodes, np.uint64)
    open_since, left = np.full(n_nodes, -1), np.full(n_nodes, np.nan)  # of the gap that goes on at the end of a piece
    last = left.copy()
    for piece in pieces:
        piece = np.asarray(piece, dtype=np.float64)
        if not len(piece):
            continue
        bad = ~np.isfinite(piece)
        some = np.flatnonzero(bad.any(axis=0) | (open_since >= 0))
        sound = piece if not len(some) else np.where(bad, 0.0, piece)
        counts += len(piece) - bad.sum(axis=0)
        sums += sound.sum(axis=0)
        low = np.minimum(low, np.where(bad, np.inf, piece).min(axis=0) if len(some) else piece.min(axis=0))
        high = np.maximum(high, np.where(bad, -np.inf, piece).max(axis=0) if len(some) else piece.max(axis=0))
        prints += _prints(sound, step)
        for node in some.tolist():
            found += _gaps_of(piece[:, node], bad[:, node], node, step, open_since, left, last[node])
        last = piece[-1]
        step += len(piece)
    for node in np.flatnonzero(open_since >= 0).tolist():
        found.append((node, int(open_since[node]), step, left[node], np.nan))
    empty = counts == 0
    mean = np.divide(sums, counts, out=np.full(n_nodes, np.nan), where=~empty)
    ends = np.where(empty, np.nan, low), np.where(empty, np.nan, high)
    return Surveyed(step, counts, *ends, mean, prints, _sorted(found))


class Filled:
    """Values without gaps: short ones on a line between their ends, long ones at a value of the node, some nodes 0.

    Read in pieces in any order; each piece depends on its own values and the gaps alone.
    """

    def __init__(self, source: Any, gaps: Gaps, longest: int, rest: np.ndarray, zero: np.ndarray) -> None:
        self.source, self.gaps, self.longest, self.rest, self.zero = source, gaps, longest, rest, zero
        self.shape, self.dtype = tuple(source.shape), np.result_type(source.dtype, np.float32)

    def box(self, first: int, stop: int, left: int, right: int) -> np.ndarray:
        """Rows [first, stop) and columns [left, right)."""
        piece = np.array(box_of(self.source, first, stop, left, right), dtype=self.dtype)
        gaps = self.gaps
        here = (gaps.start < stop) & (gaps.stop > first) & (gaps.node >= left) & (gaps.node < right)
        for at in np.flatnonzero(here).tolist():
            a, b, node = int(gaps.start[at]), int(gaps.stop[at]), int(gaps.node[at])
            steps = np.arange(max(a, first), min(b, stop))
            piece[steps - first, node - left] = self._line(at, steps - a + 1, b - a)
        piece[:, self.zero[(self.zero >= left) & (self.zero < right)] - left] = 0
        return piece

    def __getitem__(self, key: Any) -> np.ndarray:
        return boxed(self.shape, key, self.box)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def _line(self, at: int, steps: np.ndarray, length: int) -> Any:
        """The values of steps 1 ... length of a gap."""
        if length > self.longest:
            return self.rest[self.gaps.node[at]]
        left, right = self.gaps.left[at], self.gaps.right[at]
        left, right = (right if np.isnan(left) else left), (left if np.isnan(right) else right)
        if np.isnan(left):
            return self.rest[self.gaps.node[at]]
        return left + (right - left) * (steps / (length + 1))


def _gaps_of(
    values: np.ndarray, bad: np.ndarray, node: int, step: int, open_since: np.ndarray, left: np.ndarray, last: float
) -> list[tuple[int, int, int, float, float]]:
    """The gaps of a column that end in this piece; the one that goes on is noted in `open_since` and `left`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[open_since[node] >= 0], bad]).astype(np.int8)))
    begun, done = int(open_since[node]), []
    for edge in edges.tolist():
        if begun < 0:
            begun, left[node] = step + edge, values[edge - 1] if edge else last
        else:
            done.append((node, begun, step + edge, left[node], values[edge]))
            begun = -1
    open_since[node] = begun
    return done


def _prints(piece: np.ndarray, step: int) -> np.ndarray:
    """Of each column a sum over its values' bits, each mixed with its step: the same for any pieces."""
    bits = (np.ascontiguousarray(piece) + 0.0).view(np.uint64)
    mixed = (bits ^ (bits >> np.uint64(29))) * _PRIME
    keys = (np.arange(step, step + len(piece), dtype=np.uint64) * np.uint64(2) + np.uint64(1)) * _PRIME
    keys ^= keys >> np.uint64(31)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * (keys | np.uint64(1))[:, None]
    return mixed.sum(axis=0, dtype=np.uint64)


def _sorted(found: list[tuple[int, int, int, float, float]]) -> Gaps:
    columns = list(zip(*sorted(found), strict=True)) if found else [[], [], [], [], []]
    kinds = (np.int64, np.int64, np.int64, np.float64, np.float64)
    return Gaps(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))

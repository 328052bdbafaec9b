"""All pairs of nodes, and the connected ones, counted in bins of what a rule looks at."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import grouped
from conntap.circuits.rules.features import Bin, Feature, columns_of, coordinates, kernel_arguments
from conntap.errors import OptionError

__all__ = ["Counts", "Ends", "count", "ends_of"]

_MOST_CELLS = 20_000_000
_PAIRS_A_PIECE = 20_000_000
_FEWEST_ROWS = 16


@dataclass(frozen=True)
class Ends:
    """The nodes of a connectome that have all it takes, and the connections among them by row."""

    pre: np.ndarray
    post: np.ndarray
    pre_groups: np.ndarray
    post_groups: np.ndarray
    names: tuple[pd.Index, pd.Index]
    rows: np.ndarray
    others: np.ndarray
    same: bool
    left_out: int

    @property
    def n_groups(self) -> tuple[int, int]:
        """How many groups of pre and of post nodes there are."""
        return len(self.names[0]), len(self.names[1])


@dataclass(frozen=True)
class Counts:
    """Pairs and connections: int64, shape (pre groups, post groups, *bins); those without each fold's nodes beside."""

    pairs: np.ndarray
    connections: np.ndarray
    bins: tuple[Bin, ...]
    without: tuple[tuple[np.ndarray, np.ndarray], ...] = ()


def ends_of(connectome: Connectome, features: Sequence[Feature], by: Sequence[str], where: str) -> Ends:
    """The nodes and connections that a rule is fitted to; nodes without a position or a group are left out."""
    names = columns_of(features)
    tables = [connectome.pre_nodes] if connectome.is_square else [connectome.pre_nodes, connectome.post_nodes]
    columns, codes, groups, ranks, left_out = [], [], [], [], 0
    for nodes in tables:
        found = coordinates(nodes, names, f"{where}.positions")
        own, own_groups = (
            grouped(nodes, list(by), f"{where}.by") if by else (np.zeros(len(nodes), int), pd.RangeIndex(1))
        )
        known = np.isfinite(found).all(axis=0) & (own >= 0)
        columns.append(np.ascontiguousarray(found[:, known]))
        codes.append(own[known])
        groups.append(own_groups)
        ranks.append(np.where(known, np.cumsum(known) - 1, -1))
        left_out += int((~known).sum())
    merged = connectome.connections()
    rows, others = ranks[0][merged.pre], ranks[-1][merged.post]
    keep = (rows >= 0) & (others >= 0)
    if connectome.is_square:
        keep &= merged.pre != merged.post
    return Ends(
        *(columns[0], columns[-1], codes[0], codes[-1], (groups[0], groups[-1])),
        *(rows[keep], others[keep], connectome.is_square, left_out),
    )


def count(
    ends: Ends, features: Sequence[Feature], bins: Sequence[Bin], *, folds: int, threads: int, where: str
) -> Counts:
    """Count pairs and connections by group, group and cell, and with folds those without the nodes of each fold.

    Notes
    -----
    About 1.5 ns an ordered pair of nodes for a distance, 1 ns for each further feature; memory: the counts a thread.
    """
    sizes = tuple(each.size for each in bins)
    cells = int(np.prod(sizes, dtype=np.int64))
    total = cells * ends.n_groups[0] * ends.n_groups[1] * folds**2
    if total > _MOST_CELLS:
        raise OptionError(
            f"{where}: {total:.2g} counts of bins, pathways and folds are too many (at most {_MOST_CELLS:.0e}); take wider "
            "bins (bins.width_um), fewer groups or fewer folds."
        )
    split = ends if folds == 1 else _in_folds(ends, folds)
    n_groups = ends.n_groups[0] * folds, ends.n_groups[1] * folds
    pairs, connections = (
        _by_size(split, n_groups) if not features else _counted(split, features, bins, n_groups, threads)
    )
    parts = [_folded(each.reshape(*n_groups, *sizes), folds) for each in (pairs, connections)]
    return Counts(parts[0][0], parts[1][0], tuple(bins), tuple(zip(parts[0][1:], parts[1][1:], strict=True)))


def _in_folds(ends: Ends, folds: int) -> Ends:
    """Groups divided: the k-th node is in fold k modulo `folds`."""
    pre, post = (g * folds + np.arange(len(g)) % folds for g in (ends.pre_groups, ends.post_groups))
    return replace(ends, pre_groups=pre, post_groups=post)


def _by_size(ends: Ends, n_groups: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Without features: from the numbers of nodes alone."""
    sizes = [
        np.bincount(own, minlength=n) for own, n in zip((ends.pre_groups, ends.post_groups), n_groups, strict=True)
    ]
    pairs = np.multiply.outer(sizes[0], sizes[1]).astype(np.int64)
    if ends.same:
        pairs -= np.diag(sizes[0])
    code = ends.pre_groups[ends.rows] * n_groups[1] + ends.post_groups[ends.others]
    return pairs, np.bincount(code, minlength=n_groups[0] * n_groups[1]).reshape(n_groups)


def _counted(
    ends: Ends, features: Sequence[Feature], bins: Sequence[Bin], n_groups: tuple[int, int], threads: int
) -> tuple[np.ndarray, np.ndarray]:
    from conntap.circuits.rules._pair_kernels import count_all, count_listed

    arguments = kernel_arguments(features, bins, columns_of(features))
    stride = int(np.prod([each.size for each in bins])) + 1  # and one cell for what lies outside
    order = np.argsort(ends.pre_groups, kind="stable")
    ranks = np.argsort(order)
    pre, post = np.ascontiguousarray(ends.pre[:, order]), ends.post
    bases = (ends.post_groups * stride).astype(np.int64)
    if ends.same:
        post, bases = pre, bases[order]
    width = n_groups[1] * stride

    def counted(piece: tuple[int, int, int]) -> tuple[int, np.ndarray]:
        group, first, last = piece
        counts = np.zeros(width, dtype=np.int64)
        count_all(*arguments, pre, post, bases, first, last, ends.same, counts)
        return group, counts

    begins = np.append(0, np.cumsum(np.bincount(ends.pre_groups, minlength=n_groups[0])))
    pairs = np.zeros((n_groups[0], width), dtype=np.int64)
    with ThreadPoolExecutor(threads) as pool:
        pieces = list(_pieces(begins, max(1, post.shape[1]), width))
        for at in range(0, len(pieces), threads):  # few tables of counts at a time
            for group, counts in pool.map(counted, pieces[at : at + threads]):
                pairs[group] += counts
    others = ranks[ends.others] if ends.same else ends.others
    connections = np.zeros(n_groups[0] * width, dtype=np.int64)
    pre_bases = np.sort(ends.pre_groups).astype(np.int64) * width
    count_listed(*arguments, pre, post, pre_bases, bases, ranks[ends.rows], others, connections)
    return tuple(each.reshape(*n_groups, stride)[..., :-1] for each in (pairs, connections))


def _pieces(begins: np.ndarray, n_others: int, width: int) -> list[tuple[int, int, int]]:
    """(group, first, last): as many rows of one group as make work that outweighs a table of counts."""
    rows = max(_FEWEST_ROWS, max(_PAIRS_A_PIECE, 4 * width) // n_others)
    return [
        (group, first, min(first + rows, end))
        for group, (begin, end) in enumerate(zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True))
        for first in range(begin, end, rows)
    ]


def _folded(counts: np.ndarray, folds: int) -> list[np.ndarray]:
    """The counts of all nodes, and with several folds those without the pairs of the nodes of each."""
    pre, post, *rest = counts.shape
    if folds == 1:
        return [np.ascontiguousarray(counts)]
    blocks = counts.reshape(pre // folds, folds, post // folds, folds, *rest)
    whole = blocks.sum(axis=(1, 3))
    taken = (blocks[:, i].sum(axis=2) + blocks[:, :, :, i].sum(axis=1) - blocks[:, i, :, i] for i in range(folds))
    return [whole, *(whole - part for part in taken)]

"""Edges read from HDF5 as row positions: whole populations, or what lies among chosen nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from conntap.circuits.sonata.hdf5 import CHUNK, expand_ranges, pieces, take
from conntap.errors import CircuitError

__all__ = ["Ends", "Side", "index_names", "read_ends"]

# Measured: an edge read through an index costs as much as five scanned, a range of the index as much as thirty.
_GATHER_BELOW = 1 / 8
_EDGES_PER_RANGE = 8
_RANGE_NAMES = ("node_id_to_ranges", "node_id_to_range")


@dataclass(frozen=True)
class Ends:
    """The edges found: rows of their pre and post nodes, and their edge ids (None: all, in order)."""

    pre: np.ndarray
    post: np.ndarray
    edge_ids: np.ndarray | None


class Side:
    """One end of the edges: what row of the result each node id becomes, or -1 where it is not chosen.

    Parameters
    ----------
    name
        `source_node_id` or `target_node_id`.
    population
        Sorted ids of the population; None for 0..size-1.
    size
        Number of its nodes.
    chosen
        The ids that are wanted, in the order of the result's rows; None for all in the population's order.
    order
        The population's ids in row order, where that is not sorted.
    """

    def __init__(self, name: str, ids: np.ndarray | None, size: int, chosen: np.ndarray | None) -> None:
        self.name, self.size, self.chosen = name, size, chosen
        self.n_rows = size if chosen is None else len(chosen)
        self._table = self._sorted = None
        self._has_gaps = False
        if ids is None and chosen is None:
            return
        known = np.arange(size) if ids is None else ids
        rows = np.arange(size, dtype=np.int32) if chosen is None else _rows_of_chosen(known, chosen)
        highest = int(known.max(initial=-1))
        if ids is None:
            self._table = rows
        elif known.min(initial=0) >= 0 and highest < 16 * size + (1 << 20):
            self._table = np.full(highest + 1, -2, dtype=np.int32)
            self._table[known] = rows
            self._has_gaps = len(known) <= highest
        else:
            order = np.argsort(known)
            self._sorted = known[order], rows[order]

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Rows of the result for ids as the file has them; -1 for nodes that are not chosen."""
        if self._sorted is not None:
            return self._searched(ids)
        ids = ids.view(np.uint64) if ids.dtype == np.int64 else ids  # negative ids become too large ones
        limit = self.size if self._table is None else len(self._table)
        highest = int(ids.max(initial=0))
        if highest >= limit and len(ids):
            raise self._out_of_range(int(ids.view(np.int64).min()) if highest >= 1 << 63 else highest)
        if self._table is None:
            return ids.astype(np.int32)
        rows = self._table[ids.view(np.int64) if ids.dtype == np.uint64 else ids]
        if self._has_gaps and (rows < -1).any():
            raise self._out_of_range(int(ids[rows < -1][0]))
        return rows

    def _searched(self, ids: np.ndarray) -> np.ndarray:
        known, rows = self._sorted
        ids = ids.astype(np.int64)
        where = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        missing = known[where] != ids
        if missing.any():
            raise self._out_of_range(int(ids[missing][0]))
        return rows[where]

    def _out_of_range(self, wrong: int) -> CircuitError:
        return CircuitError(
            f"{self.name}: id {wrong} is out of range: no such node in its population of {self.size} nodes. "
            "The file is damaged, or belongs to other nodes."
        )


def _rows_of_chosen(known: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    order = np.argsort(known)
    rows = np.full(len(known), -1, dtype=np.int32)
    rows[order[np.searchsorted(known[order], chosen)]] = np.arange(len(chosen), dtype=np.int32)
    return rows


def read_ends(group: h5py.Group, pre: Side, post: Side) -> Ends:
    """The edges whose both ends are chosen, by edge id.

    Notes
    -----
    All edges cost one read of the two id columns. Few chosen nodes cost, where the file has an index, only
    their own edges; else one scan in chunks. Beyond the result a chunk of each column is held.
    """
    if len(group[pre.name]) != len(group[post.name]):
        raise CircuitError(
            f"{group.file.filename}: {group.name}: {len(group[pre.name])} source but {len(group[post.name])} target ids."
        )
    if pre.chosen is None and post.chosen is None:
        return Ends(_column(group, pre), _column(group, post), None)
    side, edge_ids = _through_index(group, pre, post)
    return _scan(group, pre, post) if side is None else _gathered(group, pre, post, side, edge_ids)


def _column(group: h5py.Group, side: Side) -> np.ndarray:
    dataset = group[side.name]
    rows = np.empty(len(dataset), dtype=np.int32)
    for part, ids in _chunks(dataset):
        rows[part] = _at(group, side, ids)
    return rows


def _chunks(dataset: h5py.Dataset) -> Any:
    """Slices of a column and its values there, in one buffer that is used again."""
    buffer = np.empty(min(CHUNK, len(dataset)), dtype=dataset.dtype.newbyteorder("="))
    for part in pieces(len(dataset), CHUNK):
        length = part.stop - part.start
        dataset.read_direct(buffer, part, slice(0, length))
        yield part, buffer[:length]


def _at(group: h5py.Group, side: Side, ids: np.ndarray) -> np.ndarray:
    try:
        return side.rows(ids)
    except CircuitError as error:
        raise CircuitError(f"{group.file.filename}: {group.name}/{error}") from None


def _scan(group: h5py.Group, pre: Side, post: Side) -> Ends:
    source, target = group[pre.name], group[post.name]
    parts: list[tuple[np.ndarray, ...]] = []
    kind = np.int32 if len(target) < 2**31 else np.int64
    for (part, post_ids), (_, pre_ids) in zip(_chunks(target), _chunks(source), strict=True):
        post_rows, pre_rows = _at(group, post, post_ids), _at(group, pre, pre_ids)
        keep = np.flatnonzero((post_rows >= 0) & (pre_rows >= 0))
        parts.append((pre_rows[keep], post_rows[keep], (keep + part.start).astype(kind)))
    if not parts:
        return Ends(*(np.empty(0, dtype=np.int32) for _ in range(3)))
    return Ends(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _through_index(group: h5py.Group, pre: Side, post: Side) -> tuple[Side | None, np.ndarray]:
    """The side whose index spares the most, and the ids of its edges; no side where a scan is cheaper."""
    best, ranges = None, (np.empty(0, dtype=np.int64),) * 2
    most = int(_GATHER_BELOW * len(group[post.name]))
    for side, name in ((post, "target_to_source"), (pre, "source_to_target")):
        names = index_names(group, name)
        if side.chosen is None or names is None or len(side.chosen) > _GATHER_BELOW * side.size:
            continue
        found = _ranges(group[f"indices/{name}"], names, side.chosen, most)
        if found is not None:
            best, ranges, most = side, found, int(found[1].sum())
    return best, expand_ranges(*ranges)


def index_names(group: h5py.Group, name: str) -> tuple[str, str] | None:
    """How an index of edges spells its two datasets, or None where it is not whole."""
    index = group.get(f"indices/{name}")
    if not isinstance(index, h5py.Group) or "range_to_edge_id" not in index:
        return None
    spelling = next((each for each in _RANGE_NAMES if each in index), None)
    return None if spelling is None else (spelling, "range_to_edge_id")


def _ranges(
    index: h5py.Group, names: tuple[str, str], node_ids: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Starts, sorted, and lengths of the ranges of edges of the nodes; None if they are more than `most` edges."""
    nodes, edges = index[names[0]], index[names[1]]
    of_nodes = take(nodes, np.sort(node_ids[node_ids < len(nodes)])).astype(np.int64)
    counts = of_nodes[:, 1] - of_nodes[:, 0]
    if len(counts) and (counts.min() < 0 or of_nodes.min() < 0 or of_nodes.max() > len(edges)):
        raise _wrong_index(index)
    if _EDGES_PER_RANGE * counts.sum() > most:
        return None
    ranges = take(edges, expand_ranges(of_nodes[:, 0], counts)).astype(np.int64)
    ranges = ranges[ranges[:, 1] != ranges[:, 0]]
    starts, ends = ranges[np.argsort(ranges[:, 0], kind="stable")].T
    if (ends < starts).any() or (starts[1:] < ends[:-1]).any():
        raise _wrong_index(index)
    lengths = ends - starts
    return None if lengths.sum() > most else (starts, lengths)


def _gathered(group: h5py.Group, pre: Side, post: Side, indexed: Side, edge_ids: np.ndarray) -> Ends:
    if len(edge_ids) and (edge_ids[0] < 0 or edge_ids[-1] >= len(group[post.name])):
        raise _wrong_index(group["indices"])
    post_rows = _at(group, post, take(group[post.name], edge_ids))
    pre_rows = _at(group, pre, take(group[pre.name], edge_ids))
    if ((post_rows if indexed is post else pre_rows) < 0).any():
        raise _wrong_index(group["indices"])
    others = pre_rows if indexed is post else post_rows
    keep = slice(None) if others.min(initial=0) >= 0 else others >= 0
    return Ends(pre_rows[keep], post_rows[keep], edge_ids[keep])


def _wrong_index(index: h5py.Group) -> CircuitError:
    return CircuitError(
        f"{index.file.filename}: {index.name}: the index does not match the edges. "
        "Write the index again; `tap circuit check` says where it is wrong."
    )

"""The two indices of a population of edges, built from its file in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

import h5py
import numpy as np

from conntap.circuits.sonata.hdf5 import pieces
from conntap.circuits.sonata.ordering import order_of_groups

__all__ = ["write_indices"]

_BYTES_PER_RUN = 40  # while runs of edges are put in the order of their nodes
_PIECE = 1 << 18
_WRITTEN = 1 << 15  # ranges written at a time: as many as the processor's own memory holds


def write_indices(group: h5py.Group, n_source: int, n_target: int, *, memory: int = 1 << 28) -> None:
    """Write indices/source_to_target and indices/target_to_source of a population's edges.

    Parameters
    ----------
    group
        The population; its ids of source and target nodes are there.
    n_source, n_target
        One more than the highest id that either side may have.
    memory
        Bytes that may be used beyond 16 a node.

    Notes
    -----
    Each is a counting sort by node of the runs of consecutive edges of one node: one pass over the ids where all runs fit
    into the memory, else a pass that counts and one for as many nodes at a time as fit.

    Examples
    --------
    >>> import io
    >>> with h5py.File(io.BytesIO(), "w") as file:
    ...     file["source_node_id"], file["target_node_id"] = [1, 0, 1], [0, 1, 1]
    ...     write_indices(file, 2, 2)
    ...     file["indices/source_to_target/range_to_edge_id"][:].tolist()
    [[1, 2], [0, 1], [2, 3]]
    """
    for name, side, n in (("source_to_target", "source", n_source), ("target_to_source", "target", n_target)):
        _write_index(group.create_group(f"indices/{name}"), group[f"{side}_node_id"], n, memory)


def _write_index(index: h5py.Group, ids: h5py.Dataset, n: int, memory: int) -> None:
    most = max(memory // _BYTES_PER_RUN, 1)
    held = _all_runs(ids, n, most)
    if held is None:
        counts = _counted(ids, n)
        few = _few_enough(np.cumsum(counts), most)
        parts = (_of_nodes(ids, n, first, after).by_node(after - first) for first, after in few)
    else:
        found = held.by_node(n)
        counts, parts = found[2], iter([found])
    last = np.cumsum(counts)
    ranges = index.create_dataset("range_to_edge_id", shape=(int(counts.sum()), 2), dtype=np.uint64)
    written = 0
    for runs, order, _ in parts:
        _write_ranges(ranges, written, runs, order)
        written += len(runs.nodes)
    spans = np.column_stack([last - counts, last]).astype(np.uint64)
    spans[counts == 0] = 0
    index.create_dataset("node_id_to_ranges", data=spans)


@dataclass(frozen=True)
class _Runs:
    """Runs of consecutive edges of one node, in the order of the edges: the node of each, its first edge and the next."""

    nodes: np.ndarray
    starts: np.ndarray
    stops: np.ndarray

    def by_node(self, n: int) -> tuple[_Runs, np.ndarray | None, np.ndarray]:
        """These, their places in the order of the nodes (None: as they are), and how many each node has."""
        order, bounds = order_of_groups(self.nodes, n)
        return self, order, np.diff(bounds)

    @property
    def are_edges(self) -> bool:
        """Whether run i is edge i: their number and the last one say so."""
        return len(self.nodes) > 0 and self.starts[0] == 0 and self.stops[-1] == len(self.nodes)


def _kind(size: int) -> type[np.signedinteger]:
    return np.int32 if size < 2**31 - 1 else np.int64


def _firsts(ids: h5py.Dataset, n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The nodes of the runs of a population's edges and their first edges, piece by piece."""
    node = -1
    for part in pieces(len(ids), _PIECE):
        values = ids[part].astype(_kind(n), copy=False)
        is_first = np.empty(len(values), dtype=bool)
        is_first[0] = values[0] != node
        np.not_equal(values[1:], values[:-1], out=is_first[1:])
        firsts = np.flatnonzero(is_first)
        node = values[-1]
        if len(firsts):
            nodes = values if len(firsts) == len(values) else values[firsts]
            yield nodes, (firsts + part.start).astype(_kind(len(ids)))


def _counted(ids: h5py.Dataset, n: int) -> np.ndarray:
    """The runs of each node."""
    counts = np.zeros(n, dtype=np.int64)
    for nodes, _ in _firsts(ids, n):
        counts += np.bincount(nodes, minlength=n)
    return counts


def _all_runs(ids: h5py.Dataset, n: int, most: int) -> _Runs | None:
    """All runs, or None where they are more than `most`."""
    room, size = min(len(ids), most), 0
    found, bounds = np.empty(room, dtype=_kind(n)), np.empty(room + 1, dtype=_kind(len(ids)))
    for nodes, starts in _firsts(ids, n):
        if size + len(nodes) > room:
            return None
        found[size : size + len(nodes)], bounds[size : size + len(nodes)] = nodes, starts
        size += len(nodes)
    bounds[size] = len(ids)
    return _Runs(found[:size], bounds[:size], bounds[1 : size + 1])


def _of_nodes(ids: h5py.Dataset, n: int, first: int, after: int) -> _Runs:
    """The runs of nodes [first, after) of n, numbered from the first."""
    kind, found = _kind(len(ids)), []
    starting = pairwise(chain(_firsts(ids, n), [(np.empty(0, dtype=kind), np.array([len(ids)], dtype=kind))]))
    for (nodes, starts), (_, following) in starting:
        among = np.flatnonzero((nodes >= first) & (nodes < after))
        stops = np.append(starts[1:], following[0])
        found.append((nodes[among] - first, starts[among], stops[among]))
    return _Runs(*(np.concatenate(each) for each in zip(*found, strict=True)))


def _few_enough(last: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Nodes [first, after) with at most so many runs, or one node; `last` are the runs up to each node."""
    first = 0
    while first < len(last):
        done = int(last[first - 1]) if first else 0
        after = max(int(np.searchsorted(last, done + most, side="right")), first + 1)
        yield first, after
        first = after


def _write_ranges(ranges: h5py.Dataset, at: int, runs: _Runs, order: np.ndarray | None) -> None:
    """Runs in an order, from a place on, some at a time."""
    size, are_edges = len(runs.nodes), runs.are_edges
    pairs = np.empty((min(_WRITTEN, size), 2), dtype=np.uint64)
    for part in pieces(size, _WRITTEN):
        some, which = pairs[: part.stop - part.start], part if order is None else order[part]
        if are_edges and order is not None:
            some[:, 0] = which
            np.add(some[:, 0], np.uint64(1), out=some[:, 1])
        else:
            some[:, 0], some[:, 1] = runs.starts[which], runs.stops[which]
        ranges[at + part.start : at + part.stop] = some

"""The two indices of a population of edges, built from its file in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np
from scipy import sparse

from conntap.circuits.sonata.hdf5 import pieces

__all__ = ["write_indices"]

_BYTES_PER_RUN = 80  # of a run of edges while it is sorted
_PIECE = 1 << 20


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
    Each is a counting sort of the runs of edges of one node: a pass that counts, then a pass for as many nodes at a time
    as fit into the memory.

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
    runs = _all_runs(ids, 0, n) if len(ids) <= most else None  # so few are gone through once
    counts = np.zeros(n, dtype=np.int64)
    for nodes, _, _ in _runs(ids) if runs is None else [runs]:
        counts += np.bincount(nodes, minlength=n)
    ends = np.cumsum(counts)
    spans = np.column_stack([ends - counts, ends]).astype(np.uint64)
    spans[counts == 0] = 0
    index.create_dataset("node_id_to_ranges", data=spans)
    total = int(ends[-1]) if n else 0
    ranges = index.create_dataset("range_to_edge_id", shape=(total, 2), dtype=np.uint64)
    first = 0
    while first < n:
        done = int(ends[first] - counts[first])
        last = n if runs else max(int(np.searchsorted(ends, done + most, side="right")), first + 1)
        if int(ends[last - 1]) > done:
            ranges[done : int(ends[last - 1])] = _by_node(*(runs or _all_runs(ids, first, last)), n)
        first = last


def _all_runs(ids: h5py.Dataset, first: int, last: int) -> tuple[np.ndarray, ...]:
    """The runs of edges of nodes [first, last), in order."""
    found = [(np.empty(0, dtype=np.int64),) * 3]
    for nodes, starts, stops in _runs(ids):
        among = (nodes >= first) & (nodes < last)
        found.append((nodes, starts, stops) if among.all() else (nodes[among], starts[among], stops[among]))
    return tuple(np.concatenate(each) for each in zip(*found, strict=True))


def _by_node(nodes: np.ndarray, starts: np.ndarray, stops: np.ndarray, n: int) -> np.ndarray:
    """Runs of edges [from, to) by node; those of a node stay in order."""
    if (nodes[1:] < nodes[:-1]).any():
        highest = int(stops[-1]) + 1  # a matrix in rows of nodes: scipy sorts such by counting
        matrix = sparse.coo_array((starts, (nodes, stops)), shape=(n, highest)).tocsr()
        starts, stops = matrix.data, matrix.indices
    found = np.empty((len(nodes), 2), dtype=np.uint64)
    found[:, 0], found[:, 1] = starts, stops
    return found


def _runs(ids: h5py.Dataset) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The runs of consecutive edges of one node, in order: nodes, starts and stops, some at a time.

    The last run of a piece is held back, since the next piece may go on with it.
    """
    node, start = -1, 0
    for part in pieces(len(ids), _PIECE):
        values = ids[part].astype(np.int64, copy=False)
        changes = np.flatnonzero(values[1:] != values[:-1]) + 1
        if part.start and int(values[0]) != node:
            changes = np.append(0, changes)
        bounds = changes + part.start
        nodes = np.append(node if part.start else values[0], values[changes])
        starts = np.append(start, bounds)
        yield nodes[:-1], starts[:-1], bounds
        node, start = int(nodes[-1]), int(starts[-1])
    if len(ids):
        yield np.array([node]), np.array([start]), np.array([len(ids)])

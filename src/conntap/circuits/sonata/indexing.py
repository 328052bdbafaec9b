"""The two indices of a population of edges, built from its file in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np
from scipy import sparse

from conntap.circuits.sonata.hdf5 import pieces

__all__ = ["write_indices"]

_BYTES_PER_EDGE = 64  # while edges are put in the order of their nodes
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
    Each is a counting sort of the edges by node: a pass that counts, then a pass for as many nodes at a time as fit into
    the memory.

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
    degrees, is_rising = _degrees(ids, n)
    ends = np.cumsum(degrees)
    if is_rising:
        parts = iter([(np.column_stack([ends - degrees, ends])[degrees > 0], np.minimum(degrees, 1))])
    else:
        parts = (_by_node(ids, *nodes) for nodes in _few_enough(ends, max(memory // _BYTES_PER_EDGE, 1)))
    ranges, counts = _Growing(index, "range_to_edge_id"), [np.empty(0, dtype=np.int64)]
    for found, of_nodes in parts:
        ranges.append(found, is_all=len(of_nodes) == n)
        counts.append(of_nodes)
    ranges.close()
    runs = np.concatenate(counts)
    last = np.cumsum(runs)
    spans = np.column_stack([last - runs, last]).astype(np.uint64)
    spans[runs == 0] = 0
    index.create_dataset("node_id_to_ranges", data=spans)


class _Growing:
    """A dataset of ranges, in one piece where it comes in one."""

    def __init__(self, index: h5py.Group, name: str) -> None:
        self._index, self._name, self._dataset = index, name, None

    def append(self, found: np.ndarray, *, is_all: bool) -> None:
        """Add ranges; the dataset is made with the first."""
        found = found.astype(np.uint64, copy=False)
        if self._dataset is None:
            more = {} if is_all else {"maxshape": (None, 2), "chunks": (1 << 16, 2)}
            self._dataset = self._index.create_dataset(self._name, data=found, **more)
        elif len(found):
            self._dataset.resize(len(self._dataset) + len(found), axis=0)
            self._dataset[-len(found) :] = found

    def close(self) -> None:
        """Make the dataset if nothing was added: there are no nodes."""
        if self._dataset is None:
            self._index.create_dataset(self._name, shape=(0, 2), dtype=np.uint64)


def _degrees(ids: h5py.Dataset, n: int) -> tuple[np.ndarray, bool]:
    """The edges of each node, and whether the ids rise: all edges of a node then lie together."""
    degrees, is_rising, last = np.zeros(n, dtype=np.int64), True, -1
    for part in pieces(len(ids), _PIECE):
        values = ids[part].astype(np.int64, copy=False)
        degrees += np.bincount(values, minlength=n)
        is_rising = is_rising and int(values[0]) >= last and bool((values[1:] >= values[:-1]).all())
        last = int(values[-1])
    return degrees, is_rising


def _few_enough(ends: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Nodes [first, last) with at most so many edges, or one node."""
    first = 0
    while first < len(ends):
        done = int(ends[first - 1]) if first else 0
        last = max(int(np.searchsorted(ends, done + most, side="right")), first + 1)
        yield first, last
        first = last


def _by_node(ids: h5py.Dataset, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """The runs of edges [from, to) of nodes [first, last), by node; and how many each has."""
    kind = np.int32 if max(len(ids), last - first) < 2**31 - 1 else np.int64
    nodes, edges = [np.empty(0, dtype=kind)], [np.empty(0, dtype=kind)]
    for part in pieces(len(ids), _PIECE):
        values = ids[part].astype(np.int64, copy=False)
        if values.min() >= first and values.max() < last:
            among: slice | np.ndarray = slice(None)
            positions = np.arange(part.start, part.stop, dtype=kind)
        else:
            among = np.flatnonzero((values >= first) & (values < last))
            positions = (among + part.start).astype(kind)
        nodes.append((values[among] - first).astype(kind))
        edges.append(positions)
    rows, columns = np.concatenate(nodes), np.concatenate(edges)
    del nodes, edges
    none = np.zeros(len(rows), dtype=np.int8)  # scipy sorts by counting, and keeps the order within a row
    matrix = sparse.coo_array((none, (rows, columns)), shape=(last - first, max(len(ids), 1))).tocsr()
    return _runs(matrix.indices, matrix.indptr)


def _runs(edges: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The runs of consecutive edges [from, to) of nodes whose edges lie between bounds; how many each node has."""
    is_first = np.ones(len(edges), dtype=bool)
    np.not_equal(edges[1:], edges[:-1] + 1, out=is_first[1:])
    is_first[bounds[:-1][bounds[:-1] < bounds[1:]]] = True
    firsts = np.flatnonzero(is_first)
    found = np.empty((len(firsts), 2), dtype=np.uint64)
    found[:, 0] = edges[firsts]
    found[:, 1] = found[:, 0] + np.diff(np.append(firsts, len(edges))).astype(np.uint64)
    return found, np.diff(np.searchsorted(firsts, bounds))

"""The two indices of a population of edges, built from its file in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import h5py
import numpy as np
from scipy import sparse

from conntap.circuits.sonata.hdf5 import pieces

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
    counts, held = _counted(ids, n, most)
    last = np.cumsum(counts)
    total = int(last[-1]) if n else 0
    ranges = index.create_dataset("range_to_edge_id", shape=(total, 2), dtype=np.uint64)
    for first, after in [(0, n)] if held is not None else _few_enough(last, most):
        runs = _gathered(ids, first, after) if held is None else held
        held = None
        _write_ranges(ranges, int(last[first - 1]) if first else 0, *runs.by_node(after - first))
    spans = np.column_stack([last - counts, last]).astype(np.uint64)
    spans[counts == 0] = 0
    index.create_dataset("node_id_to_ranges", data=spans)


@dataclass(frozen=True)
class _Runs:
    """Runs of consecutive edges of one node, in the order of the edges: the node of each, its first edge and the next."""

    nodes: np.ndarray
    starts: np.ndarray
    stops: np.ndarray

    def by_node(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Where the runs begin and end, by node; those of a node in the order of the edges."""
        if len(self.nodes) < 2 or (self.nodes[1:] >= self.nodes[:-1]).all():
            return self.starts, self.stops
        kind = np.int32 if len(self.nodes) < 2**31 - 1 else np.int64
        none, rows = np.zeros(len(self.nodes), dtype=np.int8), np.arange(len(self.nodes) + 1, dtype=kind)
        table = sparse.csr_array((none, self.nodes, rows), shape=(len(self.nodes), n))
        order = table.tocsc().indices  # a sort by counting, which keeps the order within a node
        del none, rows, table
        starts = self.starts[order]
        return starts, starts + 1 if self._are_single() else self.stops[order]

    def _are_single(self) -> bool:
        return bool((self.stops - self.starts == 1).all())


def _runs(ids: h5py.Dataset) -> Iterator[_Runs]:
    """The runs of a population's edges, piece by piece; a run ends where the next one begins."""
    kind = np.int32 if len(ids) < 2**31 - 1 else np.int64
    node = start = None  # of the run that is not at its end
    for part in pieces(len(ids), _PIECE):
        values = ids[part].astype(np.int64 if ids.dtype.itemsize > 4 else ids.dtype, copy=False)
        firsts = np.flatnonzero(values[1:] != values[:-1]) + 1
        if values[0] != node:
            firsts = np.append(0, firsts)
        nodes, starts = values[firsts], (firsts + part.start).astype(kind)
        if len(firsts) == 0:
            continue
        if node is not None:
            nodes, starts = np.append(node, nodes), np.append(start, starts)
        node, start = nodes[-1], starts[-1]
        yield _Runs(nodes[:-1], starts[:-1], starts[1:])
    if node is not None:
        yield _Runs(*(np.array([each], dtype=each.dtype) for each in (node, start, kind(len(ids)))))


def _counted(ids: h5py.Dataset, n: int, most: int) -> tuple[np.ndarray, _Runs | None]:
    """The runs of each node; and all of them, where they are no more than `most`."""
    counts, found, size = np.zeros(n, dtype=np.int64), [], 0
    for runs in _runs(ids):
        counts += np.bincount(runs.nodes, minlength=n)
        size += len(runs.nodes)
        found = [*found, _small(runs, n)] if size <= most else []
    return counts, _joined(found) if size <= most else None


def _gathered(ids: h5py.Dataset, first: int, after: int) -> _Runs:
    """The runs of nodes [first, after), numbered from the first."""
    found = []
    for runs in _runs(ids):
        among = np.flatnonzero((runs.nodes >= first) & (runs.nodes < after))
        part = _Runs(runs.nodes[among] - first, runs.starts[among], runs.stops[among])
        found.append(_small(part, after - first))
    return _joined(found)


def _small(runs: _Runs, n: int) -> _Runs:
    return _Runs(runs.nodes.astype(np.int32 if n < 2**31 - 1 else np.int64), runs.starts, runs.stops)


def _joined(parts: list[_Runs]) -> _Runs:
    none = np.empty(0, dtype=np.int32)
    columns = [[getattr(each, name) for each in parts] or [none] for name in ("nodes", "starts", "stops")]
    return _Runs(*(np.concatenate(each) for each in columns))


def _few_enough(last: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Nodes [first, after) with at most so many runs, or one node; `last` are the runs up to each node."""
    first = 0
    while first < len(last):
        done = int(last[first - 1]) if first else 0
        after = max(int(np.searchsorted(last, done + most, side="right")), first + 1)
        yield first, after
        first = after


def _write_ranges(ranges: h5py.Dataset, at: int, starts: np.ndarray, stops: np.ndarray) -> None:
    """Ranges from a place on, some at a time."""
    pairs = np.empty((min(_WRITTEN, len(starts)), 2), dtype=np.uint64)
    for part in pieces(len(starts), _WRITTEN):
        some = pairs[: part.stop - part.start]
        some[:, 0], some[:, 1] = starts[part], stops[part]
        ranges[at + part.start : at + part.stop] = some

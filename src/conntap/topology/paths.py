"""Shortest paths between nodes, counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conntap.errors import OptionError
from conntap.topology.threads import mapped
from conntap.topology.triangles import transposed

__all__ = ["Reach", "reach"]


@dataclass(frozen=True)
class Reach:
    """What searches from some nodes found: `pairs` by distance from 0 on (none at 0) and the `squares` of each source's
    number; and by node the sum of distances from the sources (`far`), from how many others it is reached, and the
    largest distance (`last`, 0 where from none)."""

    pairs: np.ndarray
    squares: np.ndarray
    far: np.ndarray
    reached: np.ndarray
    last: np.ndarray


def reach(
    indptr: np.ndarray,
    indices: np.ndarray,
    *,
    sources: np.ndarray | None = None,
    squares: bool = False,
    threads: int = 1,
) -> Reach:
    """Find how far each node is from each source, along connections.

    Parameters
    ----------
    indptr, indices
        A simple graph in CSR form, as `conntap.topology.graphs.simple_graph` makes it.
    sources
        Positions of the nodes to begin from, all different; default: all.
    squares
        Whether the squares of each source's pairs are added up too.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    All sums over sources.

    Raises
    ------
    OptionError
        `threads` is less than 1.

    Notes
    -----
    256 sources are searched from at once, a bit each. Time: a 256th of sources times connections, times the levels in
    which most nodes are met (one or two); memory: the graph twice and about 130 bytes a node a thread, never a matrix
    of pairs. Then et al., 2014, doi:10.14778/2735496.2735507; both directions: Beamer, Asanovic and Patterson, 2012,
    doi:10.1109/SC.2012.50.

    Examples
    --------
    >>> chain = reach(np.array([0, 1, 2, 2]), np.array([1, 2]))
    >>> chain.pairs.tolist(), chain.far.tolist(), chain.reached.tolist(), chain.last.tolist()
    ([0, 2, 1], [0, 1, 3], [0, 1, 2], [0, 1, 2])
    """
    from conntap.topology._paths import SOURCES, search

    if threads < 1:
        raise OptionError(f"reach.threads: {threads}; give 1 or more.")
    n_nodes = len(indptr) - 1
    sources = np.arange(n_nodes, dtype=np.uint32) if sources is None else np.asarray(sources).astype(np.uint32)
    arrays = (indptr, indices, *transposed(np.asarray(indptr), np.asarray(indices)))
    graph = [array.astype(kind) for array, kind in zip(arrays, (np.uint64, np.uint32) * 2)]
    batches = [sources[first : first + SOURCES] for first in range(0, len(sources), SOURCES)]
    pieces = [batches[first::threads] for first in range(min(threads, len(batches)))]

    def found(piece: list[np.ndarray]) -> list[np.ndarray]:
        pairs, square = np.zeros(n_nodes + 1, dtype=np.int64), np.zeros(n_nodes + 1 if squares else 0)
        far, reached, last = np.zeros((3, n_nodes), dtype=np.int64)
        for batch in piece:
            search(*graph, batch, pairs, square, far, reached, last)
        return [pairs, square, far, reached, last]

    parts = list(mapped(found, pieces or [[]], threads))
    pairs, square, far, reached = (np.sum([part[place] for part in parts], axis=0) for place in range(4))
    length = int(np.flatnonzero(pairs).max(initial=0)) + 1
    return Reach(pairs[:length], square[:length], far, reached, np.max([part[4] for part in parts], axis=0))

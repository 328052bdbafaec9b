"""Connections that a graph lacks and that would complete simplices."""

from __future__ import annotations

import numpy as np

from conntap.topology.listing import simplices_of
from conntap.topology.triangles import transposed

__all__ = ["draw_completing"]

_ROUNDS = 400
_FEWEST = 1024


def draw_completing(
    indptr: np.ndarray,
    indices: np.ndarray,
    *,
    dimension: int,
    size: int,
    rng: np.random.Generator,
    pre: np.ndarray | None = None,
    post: np.ndarray | None = None,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw different pairs of nodes that are not connected and would complete a directed simplex if they were.

    Of all simplices of a dimension less one is drawn, of its nodes one, and which of the two new ends that shall be; then
    one of the nodes that could stand in its stead and that it is not connected with. So pairs that would complete many
    simplices are drawn more often.

    Parameters
    ----------
    indptr, indices
        A simple graph in CSR form.
    dimension
        The dimension of the simplices to complete, from 2 on.
    size
        How many pairs.
    rng
        The source of randomness; equal states give equal pairs.
    pre, post
        Boolean, one a node: whether it may be the pre or the post end; None for all.
    threads
        Threads that list simplices; the result does not depend on it.

    Returns
    -------
    The pre and the post nodes, int64, in the order drawn; fewer than `size` where no more were found in many draws.

    Raises
    ------
    OptionError
        As for `simplices_of`: the simplices of a dimension less do not fit its memory.

    Notes
    -----
    Some microseconds a draw; memory: 4 bytes a node of each simplex of a dimension less.

    Examples
    --------
    >>> graph = np.array([0, 2, 3, 4, 4]), np.array([1, 2, 3, 3])
    >>> pre, post = draw_completing(*graph, dimension=2, size=2, rng=np.random.default_rng(0))
    >>> len({*zip(pre.tolist(), post.tolist())})
    2
    """
    from conntap.topology._completing import complete

    simplices = simplices_of(indptr, indices, dimension=dimension - 1, threads=threads)
    graph = (
        *(each.astype(np.int64) for each in (indptr, indices)),
        *(each.astype(np.int64) for each in transposed(indptr, indices)),
    )
    n_nodes = len(indptr) - 1
    found = np.empty(0, dtype=np.int64)
    for _ in range(_ROUNDS):
        if len(found) >= size or not len(simplices):
            break
        drawn = simplices[rng.integers(0, len(simplices), max(_FEWEST, 2 * (size - len(found))))]
        ends = np.empty((2, len(drawn)), dtype=np.int64)
        complete(*graph, drawn, rng.integers(0, 2**64, dtype=np.uint64), *ends)
        keep = ends[0] >= 0
        for end, allowed in zip(ends, (pre, post), strict=True):
            keep &= True if allowed is None else allowed[end]
        codes = np.concatenate([found, ends[0, keep] * n_nodes + ends[1, keep]])
        found = codes[np.sort(np.unique(codes, return_index=True)[1])]
    first, second = np.divmod(found[:size], max(1, n_nodes))
    return first, second

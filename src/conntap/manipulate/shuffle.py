"""Random connectomes that keep some of what a given one has."""

from __future__ import annotations

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.manipulate.graphs import simple

__all__ = ["erdos_renyi"]


def erdos_renyi(connectome: Connectome, *, rng: np.random.Generator) -> Connectome:
    """Draw as many connections anew, uniformly among all pairs of different nodes.

    Keeps the nodes with their properties and the exact number of connections: parallel edges are merged and
    self-loops dropped before counting. Keeps nothing else; the result has no edge properties.

    Parameters
    ----------
    connectome
        A square connectome.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes, without loops or parallel edges, sorted by (pre, post).

    Raises
    ------
    OptionError
        The connectome is rectangular.

    Notes
    -----
    The draw is uniform over all graphs of that many connections, G(n, m). Time: a sort of the connections, or
    of the absent ones where these are fewer; memory: some 40 bytes a connection. Erdos and Renyi, 1959, "On random
    graphs I".

    Examples
    --------
    >>> ring = Connectome(5, [0, 1, 2, 3, 4], [1, 2, 3, 4, 0])
    >>> drawn = erdos_renyi(ring, rng=np.random.default_rng(1))
    >>> drawn.n_edges, bool((drawn.pre == drawn.post).any())
    (5, False)
    """
    n_connections = len(simple(connectome, "erdos_renyi")[1])
    n_nodes = connectome.n_nodes
    codes = _distinct(n_nodes * (n_nodes - 1), n_connections, rng)
    pre, rest = np.divmod(codes, max(1, n_nodes - 1))
    return connectome.with_edges(pre, rest + (rest >= pre))


def _distinct(n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """`size` different whole numbers below `n`, sorted, every set of them equally likely."""
    if size > n // 2:
        return _complement(_distinct(n, n - size, rng), n) if size < n else np.arange(n, dtype=np.int64)
    found = np.empty(0, dtype=np.int64)
    while len(found) < size:
        more = rng.integers(0, n, size - len(found), dtype=np.int64)
        found = np.sort(np.concatenate([found, more]), kind="stable" if len(found) else None)
        found = found[np.append(True, found[1:] != found[:-1])]
    return found


def _complement(codes: np.ndarray, n: int) -> np.ndarray:
    keep = np.ones(n, dtype=bool)
    keep[codes] = False
    return np.flatnonzero(keep)

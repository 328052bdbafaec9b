"""Random connectomes that keep only numbers of connections."""

from __future__ import annotations

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.manipulate.draws import as_pairs, chosen, distinct, from_codes, from_links
from conntap.manipulate.graphs import simple

__all__ = ["adjusted_erdos_renyi", "erdos_renyi"]


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
    The draw is uniform over all graphs of that many connections, G(n, m). Time: linear, a radix sort of the
    connections, or of the absent ones where these are fewer; memory: some 30 bytes a connection. Erdos and Renyi,
    1959, "On random graphs I".

    Examples
    --------
    >>> ring = Connectome(5, [0, 1, 2, 3, 4], [1, 2, 3, 4, 0])
    >>> drawn = erdos_renyi(ring, rng=np.random.default_rng(1))
    >>> drawn.n_edges, bool((drawn.pre == drawn.post).any())
    (5, False)
    """
    n_connections = len(simple(connectome, "erdos_renyi")[1])
    n_nodes = connectome.n_nodes
    return from_codes(connectome, distinct(n_nodes * (n_nodes - 1), n_connections, rng))


def adjusted_erdos_renyi(connectome: Connectome, *, rng: np.random.Generator) -> Connectome:
    """Draw as many connections and as many reciprocal pairs anew, uniformly among all pairs of different nodes.

    Keeps the nodes with their properties and, exactly, the number of connections and that of pairs of nodes connected
    both ways: parallel edges are merged and self-loops dropped before counting. Keeps nothing else, degrees neither;
    the result has no edge properties.

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
    The draw is uniform over all graphs of those two numbers: a set of pairs of nodes, of which a set is connected both
    ways, the others one way or the other with equal chance. Linear in connections. The law is that of Holland and
    Leinhardt, 1976, doi:10.2307/270703 (U | M, A, N).

    Examples
    --------
    >>> triangle = Connectome(4, [0, 1, 1, 2], [1, 0, 2, 0])
    >>> drawn = adjusted_erdos_renyi(triangle, rng=np.random.default_rng(1))
    >>> drawn.n_edges, len(set(zip(drawn.pre, drawn.post)) & set(zip(drawn.post, drawn.pre)))
    (4, 2)
    """
    from conntap.topology.swaps import links

    kind = links(*simple(connectome, "adjusted_erdos_renyi"))[2]
    n_nodes, n_pairs = connectome.n_nodes, len(kind)
    low, high = as_pairs(distinct(n_nodes * (n_nodes - 1) // 2, n_pairs, rng), n_nodes)
    drawn = rng.integers(1, 3, n_pairs, dtype=np.uint8)
    drawn[chosen(n_pairs, int((kind == 3).sum()), rng)] = 3
    return from_links(connectome, low, high, drawn)

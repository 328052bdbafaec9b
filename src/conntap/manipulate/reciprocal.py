"""Random connectomes on the pairs of nodes that are connected: which way, and whether both ways."""

from __future__ import annotations

from typing import Literal

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, whole
from conntap.manipulate.draws import chosen, distinct, from_links
from conntap.manipulate.graphs import simple

__all__ = ["add_reciprocal", "bishuffled", "shuffle_directions"]


def shuffle_directions(
    connectome: Connectome, *, reciprocal: Literal["moved", "kept"] = "moved", rng: np.random.Generator
) -> Connectome:
    """Draw the direction of every connection anew on the same pairs of nodes, with as many reciprocal ones.

    Keeps the nodes with their properties, the underlying undirected graph and the number of reciprocal pairs, and so
    that of connections, all exactly; each node's number of partners therefore, but not its in- and out-degree.
    Parallel edges are merged and self-loops dropped before; the result has no edge properties.

    Parameters
    ----------
    connectome
        A square connectome.
    reciprocal
        "moved": the reciprocal pairs are drawn anew among the connected pairs. "kept": they stay where they are.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes, without loops or parallel edges, sorted by (pre, post).

    Raises
    ------
    OptionError
        The connectome is rectangular, or `reciprocal` is unknown.

    Notes
    -----
    The draw is uniform over all graphs that keep these: one fair bit for each pair that is not reciprocal. Linear in
    connections; some 40 bytes a connection.

    Examples
    --------
    >>> path = Connectome(3, [0, 1], [1, 2])
    >>> drawn = [shuffle_directions(path, rng=np.random.default_rng(seed)) for seed in range(20)]
    >>> sorted({(*each.pre.tolist(), *each.post.tolist()) for each in drawn})
    [(0, 1, 1, 2), (0, 2, 1, 1), (1, 1, 0, 2), (1, 2, 0, 1)]
    """
    one_of("shuffle_directions.reciprocal", reciprocal, ["moved", "kept"])
    low, high, kind = _links(connectome, "shuffle_directions")
    is_both = kind == 3
    drawn = rng.integers(1, 3, len(kind), dtype=np.uint8)
    drawn[chosen(len(kind), int(is_both.sum()), rng) if reciprocal == "moved" else is_both] = 3
    return from_links(connectome, low, high, drawn)


def bishuffled(connectome: Connectome, *, rng: np.random.Generator) -> Connectome:
    """Place the reciprocal pairs anew among the connected pairs, and keep the directions of the others.

    Each reciprocal pair first loses one of its two connections, either with equal chance; then as many of all connected
    pairs, drawn evenly, become reciprocal. Keeps the nodes with their properties, the underlying undirected graph and
    the number of reciprocal pairs, and so that of connections, exactly, and the direction of every connection that is
    one-way before and after. Does not keep in- and out-degrees, though nearly so where few pairs are reciprocal.
    Parallel edges are merged and self-loops dropped before; the result has no edge properties.

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
    Linear in connections; some 40 bytes a connection. The model is the one of this name in connectome-analysis
    (Egas Santander et al., 2025, doi:10.1016/j.isci.2024.111585).

    Examples
    --------
    >>> drawn = bishuffled(Connectome(3, [0, 1, 1], [1, 0, 2]), rng=np.random.default_rng(2))
    >>> drawn.n_edges, sorted({tuple(sorted(pair)) for pair in zip(drawn.pre.tolist(), drawn.post.tolist())})
    (3, [(0, 1), (1, 2)])
    """
    low, high, kind = _links(connectome, "bishuffled")
    is_both = kind == 3
    drawn = np.where(is_both, rng.integers(1, 3, len(kind), dtype=np.uint8), kind)
    drawn[chosen(len(kind), int(is_both.sum()), rng)] = 3
    return from_links(connectome, low, high, drawn)


def add_reciprocal(
    connectome: Connectome,
    *,
    connections: int | None = None,
    fraction: float | None = None,
    rng: np.random.Generator,
) -> Connectome:
    """Make one-way connections reciprocal: add the opposite of some, drawn evenly.

    Keeps the nodes with their properties and every edge with its own, in order; the new edges follow. The opposite of a
    connection is a copy of it turned round: as many parallel edges with the same properties. The number of connections
    grows exactly as asked, in- and out-degrees grow.

    Parameters
    ----------
    connectome
        A square connectome.
    connections
        How many connections to add, from 0 to the number of one-way connections. Give this or `fraction`.
    fraction
        The same as a fraction of the one-way connections, from 0 to 1, rounded to a whole number.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes with more edges.

    Raises
    ------
    OptionError
        The connectome is rectangular, neither or both numbers are given, or one is out of range.

    Notes
    -----
    Linear in edges.

    Examples
    --------
    >>> added = add_reciprocal(Connectome(3, [0, 1, 1], [1, 0, 2]), connections=1, rng=np.random.default_rng(0))
    >>> added.edges.values.tolist()
    [[0, 1], [1, 0], [1, 2], [2, 1]]
    """
    low, high, kind = _links(connectome, "add_reciprocal")
    one_way = np.flatnonzero(kind != 3)
    size = _number(connections, fraction, len(one_way))
    taken = one_way[distinct(len(one_way), size, rng)]
    n_nodes = connectome.n_nodes
    ends = low[taken].astype(np.int64), high[taken].astype(np.int64)
    codes = np.sort(np.where(kind[taken] == 1, ends[0] * n_nodes + ends[1], ends[1] * n_nodes + ends[0]))
    own = connectome.pre.astype(np.int64) * n_nodes + connectome.post
    place = np.searchsorted(codes, own)
    turned = np.flatnonzero(np.append(codes, -1)[place] == own)
    rows = np.concatenate([np.arange(connectome.n_edges), turned])
    return connectome.with_edges(
        np.concatenate([connectome.pre, connectome.post[turned]]),
        np.concatenate([connectome.post, connectome.pre[turned]]),
        properties={name: column[rows] for name, column in connectome.properties.items()},
    )


def _number(connections: int | None, fraction: float | None, most: int) -> int:
    if (connections is None) == (fraction is None):
        raise OptionError("add_reciprocal: give either connections or fraction, one of the two.")
    if connections is not None:
        whole("add_reciprocal.connections", connections, 0)
        if connections > most:
            raise OptionError(
                f"add_reciprocal.connections: {connections}; there are {most} one-way connections. Give 0 to {most}."
            )
        return int(connections)
    if not 0 <= fraction <= 1:  # type: ignore[operator]
        raise OptionError(f"add_reciprocal.fraction: {fraction}; give a number from 0 to 1.")
    return round(fraction * most)  # type: ignore[operator]


def _links(connectome: Connectome, where: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from conntap.topology.swaps import links

    return links(*simple(connectome, where))

"""Connections added or moved by their place in directed simplices."""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError, known, one_of, whole
from conntap.manipulate.additions import add_connections
from conntap.manipulate.choosing import amount, check_mask, chosen
from conntap.manipulate.draws import distinct
from conntap.manipulate.graphs import simple
from conntap.manipulate.masking import simplex_ends
from conntap.manipulate.unconnected import placed_anew

__all__ = ["add_reciprocal_in_skeleton", "enhance_complexity"]

_log = logging.getLogger(__name__)


def add_reciprocal_in_skeleton(
    connectome: Connectome,
    *,
    factor: float | list[float],
    dimensions: list[int] | None = None,
    added: Literal["reciprocal", "random"] = "reciprocal",
    threads: int = 1,
    rng: np.random.Generator,
) -> Connectome:
    """Multiply the reciprocal connections of the skeletons of maximal simplices, by adding opposites of one-way ones.

    In the skeleton of each dimension, that is among the connections of its maximal directed simplices, as many pairs
    are made reciprocal as make up that many times the pairs that are, rounded down. Skeletons share connections: what is
    turned for one dimension may lie in the skeleton of another too, which then has more than its own factor asks for; where
    a factor is to be met exactly, give its dimension alone. All edges there are stay as they are; the new ones follow. The opposite of a connection is a copy of it turned round: as many edges with the same
    properties.

    Parameters
    ----------
    connectome
        A square connectome.
    factor
        By what the reciprocal pairs of each skeleton are multiplied, from 1 on: one number, or one for each dimension.
    dimensions
        The dimensions, from 1 on; None for all from 2 on that there are.
    added
        "reciprocal": as said. "random", the control: as many connections in all, between any nodes that are not connected,
        as `add_connections` draws and makes them.
    threads
        Threads that share the work; the result does not depend on it.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes with more edges.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is out of range, a skeleton has fewer connections without an opposite than
        asked for, or there are too many simplices.

    Notes
    -----
    Maximal simplices are listed dimension by dimension; the rest is linear in connections. Dimensions are gone through in
    rising order; a connection that is in several skeletons is turned once, so numbers are exact. As
    `add_rc_connections_skeleta` of connectome-analysis, where the same opposite may be added twice; Egas Santander et al.,
    2025, doi:10.1016/j.isci.2024.111585.

    Examples
    --------
    >>> triangle = Connectome(4, [0, 0, 1, 1, 3, 2], [1, 2, 2, 0, 0, 3])
    >>> add_reciprocal_in_skeleton(triangle, factor=2, dimensions=[2], rng=np.random.default_rng(0)).n_edges
    7
    """
    where = "add_reciprocal_in_skeleton"
    one_of(f"{where}.added", added, ["reciprocal", "random"])
    whole(f"{where}.threads", threads, 1)
    indptr, indices = simple(connectome, where)
    wanted = _with_factors(indptr, indices, dimensions, factor, threads, where)
    n_nodes = np.int64(connectome.n_nodes)
    own = np.repeat(np.arange(n_nodes), np.diff(indptr)) * n_nodes + indices
    drawn = np.empty(0, dtype=np.int64)
    for dimension, times in wanted:
        pre, post = simplex_ends(indptr, indices, [dimension], "any", "maximal", threads)
        skeleton = np.unique(pre.astype(np.int64) * n_nodes + post)
        size = int(round((times - 1) * (_reciprocal(skeleton, n_nodes) // 2), 6))  # 0.2 * 10 are 2, as written
        free = np.setdiff1d(skeleton[~_has_opposite(skeleton, own, n_nodes)], drawn, assume_unique=True)
        if size > len(free):
            raise OptionError(
                f"{where}.factor: {times} times the reciprocal pairs of dimension {dimension} are {size} more; its skeleton "
                f"has {len(free)} connections left without an opposite. Give less."
            )
        _log.info("%s: dimension %d: %d of %d one-way connections.", where, dimension, size, len(free))
        drawn = np.concatenate([drawn, free[distinct(len(free), size, rng)]])
    if added == "random":
        return add_connections(connectome, connections=len(drawn), rng=rng)
    return _with_opposites(connectome, np.sort(drawn))


def enhance_complexity(
    connectome: Connectome,
    *,
    dimension: int,
    pre: Selection | None = None,
    post: Selection | None = None,
    mask: Mask | None = None,
    connections: int | None = None,
    fraction: float | None = None,
    threads: int = 1,
    rng: np.random.Generator,
) -> Connectome:
    """Move connections from where they are in few and low simplices to where they complete simplices of a dimension.

    What may be moved are connections that are in no directed simplex of the dimension below; they are drawn evenly. Each
    goes to another pair of nodes that is not connected and that completes at least one simplex of the dimension. So no
    simplex of it or of the one below is lost, and at least as many of it are won as connections are moved. Their number
    stays; moved ones keep their place in the order and their properties, and all other edges stay as they are.

    Parameters
    ----------
    connectome
        A square connectome.
    dimension
        The dimension of the simplices to complete, from 3 to 45.
    pre, post
        Only connections, and new pairs, from these nodes, to these nodes; None for all.
    mask
        Only connections in this mask may be moved; None for all.
    connections
        How many connections to move. Give this or `fraction`.
    fraction
        The same as a fraction, from 0 to 1, of the connections that may be moved; rounded to a whole number.
    threads
        Threads that share the work; the result does not depend on it.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes with as many connections and edges.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is out of range, a selection or mask does not fit the nodes, there are too
        many simplices, or too few pairs that would complete one are found.

    Notes
    -----
    Cost: `simplex_mask` of the dimension below, a list of its simplices (4 bytes a node of each), and some microseconds a
    connection moved. Where they go: a simplex of the dimension below is drawn, one of its nodes, and one of the nodes that
    could stand in its stead and to which, or from which, it has no connection.

    Examples
    --------
    >>> connectome = Connectome(5, [0, 0, 0, 1, 1, 4], [1, 2, 3, 2, 3, 0])
    >>> enhance_complexity(connectome, dimension=3, fraction=1, rng=np.random.default_rng(0)).edges.values.tolist()
    [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [3, 2]]
    """
    where = "enhance_complexity"
    whole(f"{where}.dimension", dimension, 1)
    whole(f"{where}.threads", threads, 1)
    if dimension < 3:
        raise OptionError(
            f"{where}.dimension: {dimension}; every connection is a simplex of dimension 1. Give 3 or more."
        )
    from conntap.topology._kernels import DEEPEST

    if dimension > DEEPEST + 1:
        raise OptionError(f"{where}.dimension: {dimension}; give a whole number from 3 to {DEEPEST + 1}.")
    if mask is not None:
        check_mask(f"{where}.mask", mask)
    graph = simple(connectome, where)
    from conntap.topology.completing import draw_completing

    rows = simplex_ends(*graph, [dimension - 1], "any", "all", threads)
    high = Mask.from_rows(connectome, *rows)
    low = ~high if mask is None else mask & ~high
    found = chosen(connectome, where, pre=pre, post=post, mask=low)
    size = amount(where, connections, fraction, found.n)
    allowed = [_is_in(connectome, choice, f"{where}.{side}") for choice, side in ((pre, "pre"), (post, "post"))]
    new = draw_completing(
        *graph, dimension=dimension, size=size, rng=rng, pre=allowed[0], post=allowed[1], threads=threads
    )
    if len(new[0]) < size:
        raise OptionError(
            f"{where}: {size} to move; {len(new[0])} pairs were found that complete a simplex of dimension {dimension}. Move "
            "less, or give a lower dimension."
        )
    _log.info("%s: %d of %d connections that may be moved.", where, size, found.n)
    going = found.some(distinct(found.n, size, rng))
    return placed_anew(connectome, going.order, going.counts, *new)


def _is_in(connectome: Connectome, choice: Selection | None, where: str) -> np.ndarray | None:
    if choice is None:
        return None
    is_in = np.zeros(connectome.n_nodes, dtype=bool)
    is_in[selected(connectome.nodes, choice, where)] = True
    return is_in


def _with_factors(
    indptr: np.ndarray,
    indices: np.ndarray,
    dimensions: list[int] | None,
    factor: float | list[float],
    threads: int,
    where: str,
) -> list[tuple[int, float]]:
    """Dimensions in rising order, each with its factor."""
    if dimensions is None:
        from conntap.topology.maximal import count_maximal_simplices

        dimensions = list(range(2, len(count_maximal_simplices(indptr, indices, threads=threads))))
    if not isinstance(dimensions, list | tuple):
        raise OptionError(f"{where}.dimensions: {dimensions!r}; give a list, such as [2, 3].")
    for each in dimensions:
        whole(f"{where}.dimensions", each, 1)
    if len(set(dimensions)) < len(dimensions):
        raise OptionError(f"{where}.dimensions: {known(dimensions)}; give each once.")
    factors = list(factor) if isinstance(factor, list | tuple) else [factor] * len(dimensions)
    if len(factors) != len(dimensions):
        raise OptionError(
            f"{where}.factor: {len(factors)} for {len(dimensions)} dimensions. Give one for each, or one."
        )
    for each in factors if isinstance(factor, list | tuple) else [factor]:
        if isinstance(each, bool) or not isinstance(each, int | float | np.number) or not 1 <= each < np.inf:
            raise OptionError(f"{where}.factor: {each}; give a number from 1 on.")
    return sorted(zip(dimensions, factors, strict=True))


def _turned(codes: np.ndarray, n_nodes: np.int64) -> np.ndarray:
    pre, post = np.divmod(codes, n_nodes)
    return post * n_nodes + pre


def _reciprocal(codes: np.ndarray, n_nodes: np.int64) -> int:
    """How many connections of a rising list have their opposite in it."""
    return int(_has_opposite(codes, codes, n_nodes).sum())


def _has_opposite(codes: np.ndarray, among: np.ndarray, n_nodes: np.int64) -> np.ndarray:
    return np.isin(_turned(codes, n_nodes), among, assume_unique=True)


def _with_opposites(connectome: Connectome, codes: np.ndarray) -> Connectome:
    """The same edges, followed by those of some connections turned round."""
    own = connectome.pre.astype(np.int64) * connectome.n_nodes + connectome.post
    turned = np.flatnonzero(np.append(codes, -1)[np.searchsorted(codes, own)] == own)
    rows = np.concatenate([np.arange(connectome.n_edges), turned])
    return connectome.with_edges(
        np.concatenate([connectome.pre, connectome.post[turned]]),
        np.concatenate([connectome.post, connectome.pre[turned]]),
        properties={name: column[rows] for name, column in connectome.properties.items()},
    )

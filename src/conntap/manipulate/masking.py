"""Masks from a connectome itself: reciprocal pairs, simplices, skeletons, and any condition on edges.

Most of its lines are documentation.
"""

from __future__ import annotations

import logging
from typing import Any, Literal, Protocol

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.circuits.selection import Selection
from conntap.errors import OptionError, known, one_of, whole
from conntap.manipulate.choosing import amount, check_mask, chosen, edges_where
from conntap.manipulate.draws import distinct
from conntap.manipulate.graphs import simple

__all__ = [
    "Chooser",
    "combine_masks",
    "draw_reciprocal",
    "edge_mask",
    "flips",
    "reciprocal_mask",
    "sample_mask",
    "simplex_mask",
    "skeleton_mask",
]

_log = logging.getLogger(__name__)
_POSITIONS = ("any", "spine", "first", "last")
Position = Literal["any", "spine", "first", "last"]


class Chooser(Protocol):
    """A source of randomness that chooses: numpy's Generator and its legacy RandomState do."""

    def choice(self, a: int, size: int, replace: bool = True) -> Any:
        """`size` whole numbers below `a`."""


def reciprocal_mask(connectome: Connectome, *, among: Mask | None = None) -> Mask:
    """The connections that run both ways.

    Parameters
    ----------
    connectome
        A square connectome.
    among
        Only pairs of nodes of which one of the two connections at least is in this mask; None for all.

    Returns
    -------
    Mask: both connections of each pair; no self-loops.

    Raises
    ------
    OptionError
        The connectome is rectangular, or `among` holds ids that are no nodes of it.

    Notes
    -----
    Linear in edges.

    Examples
    --------
    >>> connectome = Connectome(3, [0, 1, 1, 2], [1, 0, 2, 2])
    >>> reciprocal_mask(connectome).pairs().values.tolist()
    [[0, 1], [1, 0]]
    """
    low, high = _reciprocal_pairs(connectome, among, "reciprocal_mask")
    return Mask.from_rows(connectome, np.concatenate([low, high]), np.concatenate([high, low]))


def draw_reciprocal(
    connectome: Connectome,
    *,
    among: Mask | None = None,
    connections: int | None = None,
    fraction: float | None = None,
    rng: Chooser,
) -> Mask:
    """Draw one direction of each of some reciprocal pairs: what to remove so that these run one way only.

    Pairs are numbered in the order of their rows in the node table, by the lower one and then the higher one. Those to
    draw are `rng.choice(pairs, drawn, replace=False)`, also where all are; then `rng.choice(2, drawn)` says which
    direction of each goes: 0 from the lower to the higher row, 1 from the higher to the lower.

    Parameters
    ----------
    connectome
        A square connectome.
    among
        Only pairs of nodes of which one of the two connections at least is in this mask; None for all.
    connections
        How many pairs to draw, which is how many connections the mask has. Give this or `fraction`.
    fraction
        The same as a fraction of the pairs from 0 to 1, rounded to a whole number.
    rng
        The source of randomness: anything with numpy's `choice`, a legacy RandomState too.

    Returns
    -------
    Mask: one connection of each pair drawn.

    Raises
    ------
    OptionError
        The connectome is rectangular, `among` holds ids that are no nodes of it, neither or both numbers are given, or one
        is out of range.

    Notes
    -----
    Linear in edges.

    Examples
    --------
    >>> connectome = Connectome(3, [0, 1, 1, 2], [1, 0, 2, 2])
    >>> draw_reciprocal(connectome, fraction=1, rng=np.random.RandomState(1)).pairs().values.tolist()
    [[1, 0]]
    """
    where = "draw_reciprocal"
    low, high = _reciprocal_pairs(connectome, among, where)
    size = amount(where, connections, fraction, len(low))
    drawn, is_flipped = flips(len(low), size, rng)
    _log.info("%s: %d of %d reciprocal pairs, %d of them flipped.", where, size, len(low), int(is_flipped.sum()))
    pre, post = np.where(is_flipped, [high[drawn], low[drawn]], [low[drawn], high[drawn]])
    return Mask.from_rows(connectome, pre, post)


def flips(n: int, size: int, rng: Chooser) -> tuple[np.ndarray, np.ndarray]:
    """`size` different ones of `n` pairs, by one choice without replacement; and a fair bit for each, by one more.

    >>> drawn, is_flipped = flips(14084, 14084, np.random.RandomState(9900))
    >>> int(is_flipped.sum())
    6989
    """
    drawn = np.asarray(rng.choice(n, size, replace=False)) if n else np.empty(0, dtype=np.int64)
    return drawn, np.asarray(rng.choice(2, size)).astype(bool)


def simplex_mask(
    connectome: Connectome,
    *,
    dimensions: int | list[int],
    position: Literal["any", "spine", "first", "last"] = "any",
    only: Literal["all", "maximal"] = "all",
    threads: int = 1,
) -> Mask:
    """The connections that take part in directed simplices of some dimensions.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are one connection, self-loops take part in none.
    dimensions
        The dimension of the simplices, or several, from 1 on.
    position
        Where the connection stands in the simplex (v0 ... vk): between any of its nodes, between some v(i) and v(i + 1)
        (the spine), between v0 and v1 (first), or between v(k - 1) and vk (last).
    only
        "maximal": only simplices that are part of no larger one. "all": every one.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    Mask.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is out of range, or there are too many simplices.

    Notes
    -----
    All: as `analyze.edge_participation` up to the largest dimension. Maximal ones are listed, dimension by dimension:
    4 bytes a node of each. The spine of a simplex is the only path from source to sink through all of its nodes.

    Examples
    --------
    >>> connectome = Connectome(4, [0, 0, 1, 2], [1, 2, 2, 3])
    >>> simplex_mask(connectome, dimensions=2, position="spine").pairs().values.tolist()
    [[0, 1], [1, 2]]
    >>> simplex_mask(connectome, dimensions=1, only="maximal").pairs().values.tolist()
    [[2, 3]]
    """
    where = "simplex_mask"
    one_of(f"{where}.position", position, _POSITIONS)
    one_of(f"{where}.only", only, ["all", "maximal"])
    whole(f"{where}.threads", threads, 1)
    wanted = _dimensions(dimensions, f"{where}.dimensions")
    pre, post = simplex_ends(*simple(connectome, where), wanted, position, only, threads)
    return Mask.from_rows(connectome, pre, post)


def skeleton_mask(connectome: Connectome, *, dimension: int, threads: int = 1) -> Mask:
    """The connections of the skeleton of a dimension: those in maximal directed simplices of it, at any place.

    Parameters
    ----------
    connectome
        A square connectome.
    dimension
        The dimension of the simplices, from 1 on.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    Mask.

    Raises
    ------
    OptionError
        As for `simplex_mask`.

    Notes
    -----
    `simplex_mask` with `only="maximal"`. Egas Santander et al., 2025, doi:10.1016/j.isci.2024.111585.

    Examples
    --------
    >>> len(skeleton_mask(Connectome(4, [0, 0, 1, 2], [1, 2, 2, 3]), dimension=2))
    3
    """
    whole("skeleton_mask.dimension", dimension, 1)
    whole("skeleton_mask.threads", threads, 1)
    graph = simple(connectome, "skeleton_mask")
    return Mask.from_rows(connectome, *simplex_ends(*graph, [dimension], "any", "maximal", threads))


def edge_mask(
    connectome: Connectome,
    *,
    where: str | None = None,
    pre: Selection | None = None,
    post: Selection | None = None,
    synapses: tuple[int, int | None] | None = None,
) -> Mask:
    """The connections that meet conditions on their edges, their nodes and their number of synapses.

    Parameters
    ----------
    connectome
        Any connectome.
    where
        An expression over edge properties, and over those of the nodes as `pre_NAME` and `post_NAME` (`pre_id` and
        `post_id` are their ids): "weight > 2 and pre_layer == post_layer". Of parallel edges one must meet it.
    pre, post
        Only connections from these nodes, to these nodes; None for all.
    synapses
        Only connections of so many edges: the least and the most, both included; None as the most is no bound.

    Returns
    -------
    Mask.

    Raises
    ------
    OptionError
        An expression or a selection that does not fit.

    Notes
    -----
    Linear in edges, apart from sorting those selected.

    Examples
    --------
    >>> connectome = Connectome(3, [0, 1, 2], [1, 2, 0], properties={"weight": [1.0, 5.0, 3.0]})
    >>> edge_mask(connectome, where="weight > 2 and pre_id < post_id").pairs().values.tolist()
    [[1, 2]]
    """
    keep = None if where is None else edges_where(connectome, where, "edge_mask.where")
    if pre is not None or post is not None or synapses is not None:
        found = chosen(connectome, "edge_mask", pre=pre, post=post, synapses=synapses).edges()
        keep = found if keep is None else keep & found
    return Mask.of(connectome, keep)


def combine_masks(
    mask: Mask, other: Mask, *, how: Literal["and", "or", "minus"] = "and", invert: Literal["none", "result"] = "none"
) -> Mask:
    """Join two masks as sets; what `&`, `|`, `-` and `~` do, as a stage of a study.

    Parameters
    ----------
    mask, other
        The masks.
    how
        "and": connections in both. "or": in one of them at least. "minus": in the first and not in the other.
    invert
        "result": all connections but these.

    Returns
    -------
    Mask.

    Raises
    ------
    OptionError
        One names nodes by numbers, the other by text.

    Notes
    -----
    Linear in pairs.

    Examples
    --------
    >>> one, other = Mask.from_pairs([1, 2], [2, 1]), Mask.from_pairs([2], [1])
    >>> combine_masks(one, other, how="minus").pairs().values.tolist()
    [[1, 2]]
    """
    one_of("combine_masks.how", how, ["and", "or", "minus"])
    one_of("combine_masks.invert", invert, ["none", "result"])
    joined = mask & other if how == "and" else mask | other if how == "or" else mask - other
    return ~joined if invert == "result" else joined


def sample_mask(
    mask: Mask,
    *,
    connections: int | None = None,
    fraction: float | None = None,
    unit: Literal["connection", "pair"] = "connection",
    rng: np.random.Generator,
) -> Mask:
    """Draw some connections of a mask evenly.

    Parameters
    ----------
    mask
        The mask; not an inverted one.
    connections
        How many to draw. Give this or `fraction`.
    fraction
        The same as a fraction from 0 to 1, rounded to a whole number.
    unit
        What is drawn and counted. "pair": two nodes with whatever connects them either way, together.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    Mask.

    Raises
    ------
    OptionError
        The mask is inverted, neither or both numbers are given, or one is out of range.

    Notes
    -----
    Linear in pairs, apart from sorting them where `unit` is "pair".

    Examples
    --------
    >>> mask = Mask.from_pairs([0, 1, 0], [1, 0, 2])
    >>> len(sample_mask(mask, connections=2, rng=np.random.default_rng(0)))
    2
    """
    where = "sample_mask"
    one_of(f"{where}.unit", unit, ["connection", "pair"])
    pairs = mask.pairs()
    numbers, n = np.arange(len(pairs)), len(pairs)
    if unit == "pair":
        numbers, n = _numbered(pairs["pre"].array, pairs["post"].array)
    is_drawn = np.zeros(n, dtype=bool)
    is_drawn[distinct(n, amount(where, connections, fraction, n), rng)] = True
    keep = is_drawn[numbers]
    return Mask.from_pairs(pairs["pre"].array[keep], pairs["post"].array[keep])


def simplex_ends(
    indptr: np.ndarray, indices: np.ndarray, dimensions: list[int], position: str, only: str, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the connections of a simple graph in simplices of some dimensions; of maximal ones some twice."""
    if only == "all":
        from conntap.topology.participation import edge_participation

        table = edge_participation(
            indptr,
            indices,
            max_dimension=max(dimensions),
            position=position,
            threads=threads,  # type: ignore[arg-type]
        )
        columns = [each - 1 for each in dimensions if each <= table.shape[1]]
        keep = (table[:, columns] > 0).any(axis=1)
        return np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))[keep], indices[keep]
    from conntap.topology.maximal import maximal_simplices_of

    found = [np.empty((2, 0), dtype=np.int32)]
    for dimension in dimensions:
        simplices = maximal_simplices_of(indptr, indices, dimension=dimension, threads=threads)
        found += [simplices[:, pair].T for pair in _places(dimension, position)]
    pre, post = np.concatenate(found, axis=1)
    return pre, post


def _places(dimension: int, position: str) -> list[list[int]]:
    """The places in a simplex of both ends of its connections at a position."""
    steps = [[at, at + 1] for at in range(dimension)]
    if position == "any":
        return [[low, high] for high in range(dimension + 1) for low in range(high)]
    return {"spine": steps, "first": steps[:1], "last": steps[-1:]}[position]


def _dimensions(dimensions: int | list[int], where: str) -> list[int]:
    listed = list(dimensions) if isinstance(dimensions, list | tuple | np.ndarray) else [dimensions]
    for each in listed:
        whole(where, each, 1)
    if not listed or len(set(listed)) < len(listed):
        raise OptionError(f"{where}: {known(listed)}; give at least one dimension, each once.")
    return sorted(map(int, listed))


def _reciprocal_pairs(connectome: Connectome, among: Mask | None, where: str) -> tuple[np.ndarray, np.ndarray]:
    """The lower and the higher row of each reciprocal pair, in their order."""
    from conntap.topology.swaps import links

    low, high, kind = links(*simple(connectome, where))
    is_wanted = kind == 3
    if among is not None:
        check_mask(f"{where}.among", among)
        pairs = connectome.with_edges(low, high)
        turned = connectome.with_edges(high, low)
        is_wanted &= among.edges(pairs, f"{where}.among") | among.edges(turned, f"{where}.among")
    return low[is_wanted], high[is_wanted]


def _numbered(pre: Any, post: Any) -> tuple[np.ndarray, int]:
    """The number of the unordered pair of each row, by first occurrence of the sorted ids; and how many there are."""
    import pandas as pd

    both = pd.factorize(pd.concat([pd.Series(pre), pd.Series(post)], ignore_index=True), sort=True)[0].astype(np.int64)
    one, other = both[: len(pre)], both[len(pre) :]
    codes = np.minimum(one, other) * (both.max(initial=0) + 1) + np.maximum(one, other)
    numbers, values = pd.factorize(codes, sort=True)
    return numbers, len(values)

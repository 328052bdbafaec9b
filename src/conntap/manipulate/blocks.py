"""Random connectomes that keep the numbers of connections between groups of nodes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import Grouping, grouped
from conntap.errors import one_of
from conntap.manipulate.draws import distinct_in, from_rows, in_order
from conntap.manipulate.graphs import simple

__all__ = ["stochastic_block"]

_MOST_PAIRS = 10_000_000  # of groups, counted in a table; more are sorted


def stochastic_block(
    connectome: Connectome,
    *,
    by: Grouping,
    preserve: Literal["counts", "expectation"] = "counts",
    rng: np.random.Generator,
) -> Connectome:
    """Draw the connections anew between each two groups of nodes, as many as there are or are to be expected.

    Keeps the nodes with their properties and, for every group of pre and every group of post nodes, the number of
    connections from one to the other: exactly, or in expectation. Keeps nothing else, degrees only as far as groups
    have them; parallel edges are merged and self-loops dropped before; the result has no edge properties.

    Parameters
    ----------
    connectome
        A square connectome.
    by
        The node property whose values are the groups, or several. Nodes that lack a value are one more group.
    preserve
        "counts": each two groups keep their number of connections. "expectation": each pair of nodes is connected
        independently, with the fraction of pairs connected between their groups as its chance.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes, without loops or parallel edges, sorted by (pre, post).

    Raises
    ------
    OptionError
        The connectome is rectangular, `preserve` is unknown, or `by` names no node property.

    Notes
    -----
    With "counts", the draw is uniform over all graphs of those numbers. Linear in connections and in pairs of groups
    that are connected; some 60 bytes a connection. Holland, Laskey and Leinhardt, 1983,
    doi:10.1016/0378-8733(83)90021-7; of exact counts ("microcanonical"): Peixoto, 2012,
    doi:10.1103/PhysRevE.85.056122.

    Examples
    --------
    >>> import pandas as pd
    >>> nodes = pd.DataFrame({"ei": ["e", "e", "e", "i"]})
    >>> drawn = stochastic_block(Connectome(nodes, [3, 3, 0], [0, 1, 1]), by="ei", rng=np.random.default_rng(0))
    >>> drawn.n_edges, int((drawn.pre == 3).sum())
    (3, 2)
    """
    one_of("stochastic_block.preserve", preserve, ["counts", "expectation"])
    indptr, indices = simple(connectome, "stochastic_block")
    group_of, groups = grouped(connectome.nodes, by, "stochastic_block.by")
    group_of = np.where(group_of < 0, len(groups), group_of)
    n_groups = len(groups) + 1
    pairs, counts = _counted(indptr, indices, group_of, n_groups)
    members = np.bincount(group_of, minlength=n_groups)
    first, second = np.divmod(pairs, n_groups)
    width = members[second] - (first == second)  # possible partners of a node
    sizes = members[first] * width
    if preserve == "expectation":
        counts = rng.binomial(sizes, counts / np.maximum(sizes, 1))
    codes = distinct_in(sizes, counts, rng)
    return _laid_out(connectome, codes, (first, second, width, counts), group_of, members)


def _counted(
    indptr: np.ndarray, indices: np.ndarray, group_of: np.ndarray, n_groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of groups that are connected, as numbers, and how often."""
    codes = np.repeat(group_of * n_groups, np.diff(indptr)) + group_of[indices]
    if n_groups**2 > _MOST_PAIRS:
        return np.unique(codes, return_counts=True)
    counts = np.bincount(codes)
    pairs = np.flatnonzero(counts)
    return pairs, counts[pairs]


def _laid_out(
    connectome: Connectome, codes: np.ndarray, blocks: tuple[np.ndarray, ...], group_of: np.ndarray, members: np.ndarray
) -> Connectome:
    """The connections that numbers of pairs of nodes stand for, block after block."""
    first, second, width, counts = blocks
    starts = np.append(0, np.cumsum(members[first] * width))[:-1]
    order = np.argsort(group_of, kind="stable")
    begins = np.append(0, np.cumsum(members))
    row, column = np.divmod(codes - np.repeat(starts, counts), np.repeat(width, counts))
    column += np.repeat(first == second, counts) & (column >= row)
    pre, post = order[row + np.repeat(begins[first], counts)], order[column + np.repeat(begins[second], counts)]
    n_nodes = connectome.n_nodes
    sorted_codes = in_order(pre * n_nodes + post, n_nodes * n_nodes)
    starts = np.arange(n_nodes + 1, dtype=np.int64) * n_nodes
    indptr = np.searchsorted(sorted_codes, starts)
    return from_rows(connectome, indptr, sorted_codes - np.repeat(starts[:-1], np.diff(indptr)))

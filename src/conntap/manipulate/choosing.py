"""Which connections a manipulation is about, and how many of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.circuits.selection import Selection
from conntap.errors import OptionError, unknown, whole
from conntap.manipulate.meant import rows_meant, tell_empty
from conntap.store.queries import check_readable, meets, names_in
from conntap.topology.grouping import order_by_ends

__all__ = ["Chosen", "a_fraction", "amount", "check_mask", "chosen", "edges_where", "selected_edges"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Chosen:
    """Connections of a connectome in the order of (pre, post), each with its edges.

    `order` holds the positions of their edges, connection by connection, in each in the connectome's own order; `starts`
    the place in it where each connection begins.
    """

    connectome: Connectome
    order: np.ndarray
    starts: np.ndarray

    @property
    def n(self) -> int:
        """Number of connections."""
        return len(self.starts)

    @property
    def counts(self) -> np.ndarray:
        """Shape (connections,): the edges of each."""
        return np.diff(np.append(self.starts, len(self.order)))

    @property
    def pre(self) -> np.ndarray:
        """Shape (connections,): the row of each one's pre node."""
        return self.connectome.pre[self.order[self.starts]]

    @property
    def post(self) -> np.ndarray:
        """Shape (connections,): the row of each one's post node."""
        return self.connectome.post[self.order[self.starts]]

    def edges(self, connections: np.ndarray | None = None) -> np.ndarray:
        """Which edges of the connectome belong to some of the connections: boolean, shape (edges,).

        Parameters
        ----------
        connections
            Positions among the connections, or a boolean for each of them; None for all.

        Examples
        --------
        >>> chosen(Connectome(3, [0, 1, 0], [1, 2, 1]), "example").edges(np.array([0]))
        array([ True, False,  True])
        """
        keep = np.zeros(self.connectome.n_edges, dtype=bool)
        keep[self.order if connections is None else self.order[self.within(connections)]] = True
        return keep

    def within(self, connections: np.ndarray) -> np.ndarray:
        """Which places of `order` belong to some of the connections: boolean."""
        is_in = np.zeros(self.n, dtype=bool)
        is_in[connections] = True
        return np.repeat(is_in, self.counts)

    def some(self, connections: np.ndarray) -> Chosen:
        """Only some of the connections, as `edges` takes them; in the order of (pre, post) still."""
        is_in = np.zeros(self.n, dtype=bool)
        is_in[connections] = True
        counts = self.counts
        starts = np.cumsum(counts[is_in]) - counts[is_in]
        return Chosen(self.connectome, self.order[np.repeat(is_in, counts)], starts)


def chosen(
    connectome: Connectome,
    where: str,
    *,
    pre: Selection | None = None,
    post: Selection | None = None,
    mask: Mask | None = None,
    synapses: tuple[int, int | None] | list[int] | None = None,
) -> Chosen:
    """The connections from selected pre to selected post nodes, in a mask, of so many synapses.

    Parameters
    ----------
    where
        Whose options these are, for errors and for what is told: "remove_connections".
    pre, post
        Selections of nodes; None for all.
    mask
        Only connections in it; None for all.
    synapses
        The least and the most edges of a connection, both included; None as the most is no bound.

    Raises
    ------
    OptionError
        Selections or a mask that do not fit the nodes; bounds that are no two rising whole numbers.

    Notes
    -----
    Selections of no nodes, masks without pairs, and pairs of a mask that are not connected are told as a warning. A sort of the edges chosen; 40 bytes an
    edge.

    Examples
    --------
    >>> found = chosen(Connectome(3, [0, 1, 0, 2], [1, 2, 1, 0]), "example", pre="id < 2")
    >>> found.n, found.order, found.starts
    (2, array([0, 2, 1]), array([0, 2]))
    """
    keep = selected_edges(connectome, where, pre=pre, post=post, mask=mask)
    rows = None if keep is None else np.flatnonzero(keep)
    found = _grouped(connectome, rows)
    return found if synapses is None else found.some(_of_so_many(found.counts, synapses, f"{where}.synapses"))


def selected_edges(
    connectome: Connectome,
    where: str,
    *,
    pre: Selection | None = None,
    post: Selection | None = None,
    mask: Mask | None = None,
) -> np.ndarray | None:
    """Which edges belong to connections from selected pre to selected post nodes, in a mask; None where all do.

    Takes and raises what `chosen` does.

    Examples
    --------
    >>> selected_edges(Connectome(3, [0, 1, 0], [1, 2, 1]), "example", pre=[0])
    array([ True, False,  True])
    """
    keep = _meant(connectome.pre_nodes, pre, f"{where}.pre", connectome.pre)
    keep = _both(keep, _meant(connectome.post_nodes, post, f"{where}.post", connectome.post))
    if mask is None:
        return keep
    check_mask(f"{where}.mask", mask)
    masked = mask.edges(connectome, f"{where}.mask")
    if not mask.is_inverted:
        _tell_unconnected(connectome, masked, mask, where)
    return _both(keep, masked)


def amount(where: str, connections: int | None, fraction: float | None, n: int, what: str = "connections") -> int:
    """How many of `n`: exactly one of a number and a fraction, which is rounded to a whole number.

    Raises
    ------
    OptionError
        None or both are given, or one is out of range.

    Examples
    --------
    >>> amount("example", None, 0.5, 7), amount("example", 3, None, 7)
    (4, 3)
    >>> amount("example", 8, None, 7)
    Traceback (most recent call last):
    conntap.errors.OptionError: example.connections: 8; there are 7 connections to choose from. Give 0 to 7.
    """
    if (connections is None) == (fraction is None):
        raise OptionError(f"{where}: give either {what} or fraction, one of the two.")
    if connections is not None:
        whole(f"{where}.{what}", connections, 0)
        if connections > n:
            raise OptionError(f"{where}.{what}: {connections}; there are {n} {what} to choose from. Give 0 to {n}.")
        return int(connections)
    return round(a_fraction(f"{where}.fraction", fraction, 1) * n)


def a_fraction(where: str, value: Any, most: float = np.inf) -> float:
    """A number from 0 to 1, or any finite one from 0 on.

    Raises
    ------
    OptionError
        It is another, or no number.

    Examples
    --------
    >>> a_fraction("example", 0.5, 1)
    0.5
    """
    is_number = isinstance(value, int | float | np.number) and not isinstance(
        value, bool | complex | np.complexfloating
    )
    if not is_number or not 0 <= value <= most or value == np.inf:
        raise OptionError(f"{where}: {value}; give a number from 0 {'on' if most == np.inf else f'to {most}'}.")
    return value  # type: ignore[return-value]


def check_mask(where: str, mask: Any) -> None:
    """Refuse what is no mask.

    Examples
    --------
    >>> check_mask("example.mask", "spine")
    Traceback (most recent call last):
    conntap.errors.OptionError: example.mask: a str; give a mask, such as circuits.Mask.from_pairs makes.
    """
    if not isinstance(mask, Mask):
        raise OptionError(f"{where}: a {type(mask).__name__}; give a mask, such as circuits.Mask.from_pairs makes.")


def edges_where(connectome: Connectome, expression: str, where: str) -> np.ndarray:
    """Which edges meet an expression over their properties and those of their nodes: boolean, shape (edges,).

    Parameters
    ----------
    expression
        Over edge properties by their names, and those of nodes as `pre_NAME` and `post_NAME`; `pre_id` and `post_id` are
        ids. An edge property of such a name comes first.
    where
        What the expression is an option of, for errors: "edge_mask.where".

    Raises
    ------
    OptionError
        It names what is not there, compares what cannot be compared, or cannot be read.

    Examples
    --------
    >>> edges_where(Connectome(2, [0, 1], [1, 0], properties={"w": [1, 2]}), "w > 1 and pre_id == 1", "example")
    array([False,  True])
    """
    check_readable(expression, where, what="edge property", error=OptionError)
    sides = {"pre": (connectome.pre_nodes, connectome.pre), "post": (connectome.post_nodes, connectome.post)}
    available = set(connectome.properties)
    for side, (nodes, _) in sides.items():
        available |= {f"{side}_{name}" for name in (*nodes.columns, "id")}
    columns: dict[str, Any] = {}
    for name in names_in(expression):
        if name not in available:
            raise OptionError(unknown(f"{where}: query {expression!r}", "edge property", name, available))
        columns[name] = _column(connectome, sides, name)
    return meets(pd.DataFrame(columns, copy=False), expression, where, what="edge property", error=OptionError)


def _column(connectome: Connectome, sides: dict[str, Any], name: str) -> Any:
    if name in connectome.properties:
        return connectome.properties[name]
    side, _, own = name.partition("_")
    nodes, rows = sides[side]
    return (nodes[own].array if own in nodes else nodes.index.array).take(rows)


def _meant(nodes: Any, choice: Any, where: str, ends: np.ndarray) -> np.ndarray | None:
    if choice is None:
        return None
    is_meant = np.zeros(len(nodes), dtype=bool)
    is_meant[rows_meant(nodes, choice, where)] = True
    return is_meant[ends]


def _both(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _tell_unconnected(connectome: Connectome, masked: np.ndarray, mask: Mask, where: str) -> None:
    tell_empty(mask, where)
    found = int(masked.sum())  # edges, so never fewer than the connections
    if mask.size:
        found = min(found, _grouped(connectome, np.flatnonzero(masked)).n)
    if found < mask.size:
        _log.warning("%s.mask: %d of its %d pairs are not connected.", where, mask.size - found, mask.size)


def _grouped(connectome: Connectome, rows: np.ndarray | None) -> Chosen:
    """All connections among some edges."""
    pre, post = (ends if rows is None else ends[rows] for ends in (connectome.pre, connectome.post))
    order = order_by_ends(pre, post, connectome.n_pre, connectome.n_post)
    pre, post = pre[order], post[order]
    is_first = np.ones(len(pre), dtype=bool)
    np.not_equal(pre[1:], pre[:-1], out=is_first[1:])
    is_first[1:] |= post[1:] != post[:-1]
    return Chosen(connectome, order if rows is None else rows[order], np.flatnonzero(is_first))


def _of_so_many(counts: np.ndarray, synapses: Any, where: str) -> np.ndarray:
    if not isinstance(synapses, tuple | list) or len(synapses) != 2:
        raise OptionError(f"{where}: {synapses!r}; give the least and the most, such as [1, 3].")
    least, most = synapses
    whole(where, least, 0)
    if most is None:
        return counts >= least
    whole(where, most, int(least))
    return (counts >= least) & (counts <= most)

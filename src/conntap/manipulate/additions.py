"""Connections added: as many as asked, those of a mask, or those of another connectome."""

from __future__ import annotations

import logging
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.circuits.selection import Selection
from conntap.errors import OptionError, known, one_of
from conntap.manipulate.choosing import a_fraction, amount, chosen
from conntap.manipulate.draws import distinct
from conntap.manipulate.unconnected import unconnected, with_connections

__all__ = ["add_connections", "merge"]

_log = logging.getLogger(__name__)


def add_connections(
    connectome: Connectome,
    *,
    pre: Selection | None = None,
    post: Selection | None = None,
    mask: Mask | None = None,
    connections: int | None = None,
    fraction: float | None = None,
    by: str | None = None,
    properties: Literal["copied", "sampled"] = "copied",
    rng: np.random.Generator,
) -> Connectome:
    """Connect pairs of nodes that are not connected: as many as asked, drawn evenly, or all those of a mask.

    All edges there are stay as they are; the new ones follow, in the order of (pre, post). No node is connected with
    itself, unless a mask names that pair.

    Parameters
    ----------
    connectome
        Any connectome.
    pre, post
        Only connections from these nodes, to these nodes; None for all.
    mask
        Only pairs in this mask; None for all. Pairs that are connected already are counted and told as a warning.
    connections
        How many connections to add. Give this, or `fraction`, or a mask alone, of which then all pairs are connected.
    fraction
        The same as a fraction, from 0 on, of the connections there are between the nodes selected; rounded to a whole
        number.
    by
        A property of post nodes, such as their type: a new connection is made as one of those onto nodes of the same
        value, or as any where there is none. None: as any.
    properties
        A new connection has as many synapses as one there is, drawn evenly. "copied": and their properties. "sampled":
        each has those of any synapse.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes with more edges.

    Raises
    ------
    OptionError
        A selection or mask that does not fit the nodes, a number or fraction that is out of range, edge properties but no
        connection to take them from, or an unknown property `by`.

    Notes
    -----
    A sort of the connections; pairs are drawn without listing them, however dense the connectome is. What depends on where
    nodes are, such as delays, is that of the model: change it afterwards. Places on the post neuron (afferent_section_pos, ...)
    are NaN until `place_synapses` gives them.

    Examples
    --------
    >>> connectome = Connectome(3, [0, 0, 1], [1, 1, 2], properties={"weight": [1.0, 2.0, 3.0]})
    >>> add_connections(connectome, pre=[2], post=[0], connections=1, rng=np.random.default_rng(1)).edges
       pre  post  weight
    0    0     1     1.0
    1    0     1     2.0
    2    1     2     3.0
    3    2     0     1.0
    4    2     0     2.0
    """
    where = "add_connections"
    one_of(f"{where}.properties", properties, ["copied", "sampled"])
    free = unconnected(connectome, where, pre=pre, post=post, mask=mask)
    if mask is not None and not mask.is_inverted and free.n < mask.size:
        _log.warning(
            "%s.mask: %d of its %d pairs are connected already, or not selected.", where, mask.size - free.n, mask.size
        )
    size = free.n
    if mask is None or mask.is_inverted or connections is not None or fraction is not None:
        size = _size(connectome, pre, post, connections, fraction, free.n)
    _log.info("%s: %d connections of %d pairs that are not connected.", where, size, free.n)
    ends = free.at(distinct(free.n, size, rng))
    return with_connections(connectome, *ends, where, by=by, properties=properties, rng=rng)


def merge(
    connectome: Connectome, other: Connectome, *, shared: Literal["both", "first", "second", "refuse"] = "both"
) -> Connectome:
    """Put the edges of two connectomes of the same nodes together.

    The nodes are those of the first, with their properties; the edges are its own, then those of the other, each in their
    order.

    Parameters
    ----------
    connectome, other
        Connectomes of the same ids, in whatever order, with edge properties of the same names.
    shared
        Of connections that both have, the edges of "both" are kept, of the "first", or of the "second"; or they are an
        error ("refuse").

    Returns
    -------
    A connectome of the nodes of the first. A property of two types has one that holds both; categories are joined.

    Raises
    ------
    OptionError
        Other ids, other edge properties, properties of text and of numbers, or shared connections to refuse.

    Notes
    -----
    Linear in edges; with a choice between shared connections, apart from sorting them.

    Examples
    --------
    >>> one, other = Connectome(["a", "b"], [0], [1]), Connectome(["b", "a"], [0], [1])
    >>> merge(one, other).edges.values.tolist()
    [['a', 'b'], ['b', 'a']]
    """
    one_of("merge.shared", shared, ["both", "first", "second", "refuse"])
    other = _on_nodes_of(connectome, other)
    if set(connectome.properties) != set(other.properties):
        raise OptionError(
            f"merge: edge properties {known(connectome.properties)} here and {known(other.properties)} there. Give both the "
            "same, by with_edges."
        )
    if shared != "both":
        connectome, other = _without_shared(connectome, other, shared)
    return connectome.with_edges(
        np.concatenate([connectome.pre, other.pre]),
        np.concatenate([connectome.post, other.post]),
        properties={
            name: _joined(name, column, other.properties[name]) for name, column in connectome.properties.items()
        },
    )


def _size(
    connectome: Connectome, pre: Any, post: Any, connections: int | None, fraction: float | None, n_free: int
) -> int:
    where = "add_connections"
    if connections is not None or fraction is None:
        return amount(where, connections, fraction, n_free)
    a_fraction(f"{where}.fraction", fraction)
    n = chosen(connectome, where, pre=pre, post=post).n
    size = round(fraction * n)
    if size > n_free:
        raise OptionError(
            f"{where}.fraction: {fraction} of {n} connections are {size}; {n_free} pairs are not connected. Give less."
        )
    return size


def _on_nodes_of(connectome: Connectome, other: Connectome) -> Connectome:
    """The edges of another connectome on the nodes of this one."""
    if connectome.is_square != other.is_square:
        raise OptionError("merge: one connectome is rectangular, the other square. Give two of a kind.")
    new = []
    for side in ("pre", "post"):
        mine, theirs = (getattr(each, f"{side}_nodes").index for each in (connectome, other))
        if not mine.is_unique or not theirs.is_unique:
            raise OptionError(f"merge: {side} ids repeat across populations. Give each node one of its own.")
        differing = mine.symmetric_difference(theirs)
        if len(differing):
            raise OptionError(
                f"merge: {len(differing)} {side} ids are in one connectome only: {known(differing[:5])}. Give two of the "
                "same nodes."
            )
        new.append(mine.get_indexer(theirs)[getattr(other, side)])
    return connectome.with_edges(*new, properties=other.properties)


def _without_shared(one: Connectome, other: Connectome, shared: str) -> tuple[Connectome, Connectome]:
    both = Mask.of(one, where="merge") & Mask.of(other, where="merge")
    if shared == "refuse" and len(both):
        raise OptionError(
            f"merge.shared: {len(both)} connections are in both connectomes. Choose whose edges to keep: both, first, second."
        )
    if shared == "first":
        return one, other.filter(~both.edges(other))
    return one.filter(~both.edges(one)), other


def _joined(name: str, one: Any, other: Any) -> Any:
    kinds = {isinstance(each, pd.Categorical) for each in (one, other)}
    if kinds == {True}:
        try:
            return union_categoricals([one, other], ignore_order=True)
        except TypeError as error:
            raise OptionError(f"merge: categories of edge property {name!r} cannot be joined ({error}).") from None
    if kinds == {True, False}:
        raise OptionError(f"merge: edge property {name!r} is text in one connectome only. Make both alike.")
    return np.concatenate([one, other])

"""Connections and synapses taken away, exactly as many as asked."""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.circuits.selection import Selection
from conntap.errors import OptionError, one_of, rectangular, unknown
from conntap.manipulate.choosing import Chosen, amount, chosen
from conntap.manipulate.draws import chosen as drawn_of
from conntap.manipulate.draws import distinct
from conntap.manipulate.meant import rows_meant

__all__ = ["extract", "remove_connections", "remove_synapses", "subsample"]

_log = logging.getLogger(__name__)


def remove_connections(
    connectome: Connectome,
    *,
    pre: Selection | None = None,
    post: Selection | None = None,
    mask: Mask | None = None,
    synapses: tuple[int, int | None] | None = None,
    connections: int | None = None,
    fraction: float | None = None,
    rng: np.random.Generator,
) -> Connectome:
    """Remove connections, each with all its synapses, drawn evenly among those selected.

    Exactly as many go as asked. All other edges stay as they are: their order, their properties and the types of these;
    so do all nodes.

    Parameters
    ----------
    connectome
        Any connectome.
    pre, post
        Only connections from these nodes, to these nodes; None for all.
    mask
        Only connections in this mask; None for all.
    synapses
        Only connections of so many edges: the least and the most, both included; None as the most is no bound.
    connections
        How many connections to remove, from 0 to the number selected. Give this or `fraction`.
    fraction
        The same as a fraction of the connections selected, from 0 to 1, rounded to a whole number.
    rng
        The source of randomness; equal states give equal results. What is drawn are ranks in the order of (pre, post).

    Returns
    -------
    A connectome of the same nodes with fewer edges.

    Raises
    ------
    OptionError
        A selection or mask that does not fit the nodes, neither or both numbers, or one that is out of range.

    Notes
    -----
    A sort of the selected edges, and one copy of what stays.

    Examples
    --------
    >>> connectome = Connectome(3, [0, 1, 0, 2], [1, 2, 1, 0])
    >>> remove_connections(connectome, post="id == 1", fraction=1, rng=np.random.default_rng(0)).edges.values.tolist()
    [[1, 2], [2, 0]]
    """
    where = "remove_connections"
    found = chosen(connectome, where, pre=pre, post=post, mask=mask, synapses=synapses)
    size = amount(where, connections, fraction, found.n)
    gone = found.edges(None if size == found.n else distinct(found.n, size, rng))
    _log.info("%s: %d of %d connections, %d synapses.", where, size, found.n, int(gone.sum()))
    return connectome.filter(~gone)


def remove_synapses(
    connectome: Connectome,
    *,
    pre: Selection | None = None,
    post: Selection | None = None,
    mask: Mask | None = None,
    synapses: int | None = None,
    fraction: float | None = None,
    keep_connections: Literal["none", "one"] = "none",
    rescale: str | None = None,
    rng: np.random.Generator,
) -> Connectome:
    """Remove synapses, drawn evenly among those of the connections selected.

    Exactly as many go as asked. All other edges stay in their order, with their properties and the types of these, but
    for the one property that is rescaled; so do all nodes.

    Parameters
    ----------
    connectome
        Any connectome.
    pre, post, mask
        Only synapses of connections from these nodes, to these nodes, in this mask; None for all.
    synapses
        How many synapses to remove. Give this or `fraction`.
    fraction
        The same as a fraction, from 0 to 1, of those that may be removed; rounded to a whole number.
    keep_connections
        "one": one synapse of each connection, drawn evenly, is none of those that may be removed. "none": a connection
        may lose all of its synapses.
    rescale
        A property of floats, such as the conductance: what is left of a connection that loses synapses is multiplied so
        that its sum over the connection stays. None: nothing is.
    rng
        The source of randomness; equal states give equal results. What is drawn are ranks of synapses, connection by
        connection in the order of (pre, post).

    Returns
    -------
    A connectome of the same nodes with fewer edges.

    Raises
    ------
    OptionError
        A selection or mask that does not fit the nodes, neither or both numbers, one that is out of range, or a
        property that cannot be rescaled: no floats, or a sum of 0 is left of one that was not 0.

    Notes
    -----
    A sort of the selected edges, and one copy of what stays. The sum of a connection that loses all of its synapses is
    lost. Sums are kept within the rounding of the property's type.

    Examples
    --------
    >>> connectome = Connectome(2, [0, 0, 1], [1, 1, 0], properties={"conductance": [1.0, 1.0, 5.0]})
    >>> rng = np.random.default_rng(0)
    >>> less = remove_synapses(connectome, fraction=1, keep_connections="one", rescale="conductance", rng=rng)
    >>> less.properties["conductance"].tolist()
    [2.0, 5.0]
    """
    where = "remove_synapses"
    one_of(f"{where}.keep_connections", keep_connections, ["none", "one"])
    if rescale is not None:
        _check_floats(connectome, rescale, f"{where}.rescale")
    found = chosen(connectome, where, pre=pre, post=post, mask=mask)
    is_gone = np.ones(len(found.order), dtype=bool)
    if keep_connections == "one":
        is_gone[found.starts + rng.integers(0, found.counts)] = False
    n = int(np.count_nonzero(is_gone))
    size = amount(where, synapses, fraction, n, "synapses")
    if size < n:
        is_gone[is_gone] = drawn_of(n, size, rng)
    keep = np.ones(connectome.n_edges, dtype=bool)
    keep[found.order[is_gone]] = False
    _log.info("%s: %d of %d synapses.", where, size, n)
    if rescale is not None:
        connectome = _with(connectome, rescale, _rescaled(connectome.properties[rescale], found, is_gone, where))
    return connectome.filter(keep)


def subsample(
    connectome: Connectome,
    *,
    pre: Selection | None = None,
    post: Selection | None = None,
    mask: Mask | None = None,
    synapses: int | None = None,
    fraction: float | None = None,
    rng: np.random.Generator,
) -> Connectome:
    """Keep synapses drawn evenly among those selected, whichever connections they belong to.

    Exactly as many stay as asked; edges that are not selected all stay. What stays keeps its order, its properties and
    the types of these; so do all nodes.

    Parameters
    ----------
    connectome
        Any connectome.
    pre, post, mask
        Only synapses of connections from these nodes, to these nodes, in this mask are drawn from; None for all.
    synapses
        How many synapses to keep of those selected. Give this or `fraction`.
    fraction
        The same as a fraction from 0 to 1, rounded to a whole number.
    rng
        The source of randomness; equal states give equal results. What is drawn are ranks in the order of the edges.

    Returns
    -------
    A connectome of the same nodes with fewer edges.

    Raises
    ------
    OptionError
        A selection or mask that does not fit the nodes, neither or both numbers, or one that is out of range.

    Notes
    -----
    Linear in edges, apart from sorting those selected where there is a selection.

    Examples
    --------
    >>> subsample(Connectome(3, [0, 1, 2, 0], [1, 2, 0, 1]), fraction=0.5, rng=np.random.default_rng(0)).n_edges
    2
    """
    where = "subsample"
    keep = np.ones(connectome.n_edges, dtype=bool)
    if pre is not None or post is not None or mask is not None:
        keep = chosen(connectome, where, pre=pre, post=post, mask=mask).edges()
    rows = np.flatnonzero(keep)
    size = amount(where, synapses, fraction, len(rows), "synapses")
    _log.info("%s: %d of %d synapses are kept.", where, size, len(rows))
    keep = ~keep
    keep[rows[drawn_of(len(rows), size, rng)]] = True
    return connectome.filter(keep)


def extract(connectome: Connectome, *, nodes: Selection) -> Connectome:
    """Keep the edges of which both ends are selected.

    All nodes stay, those that lose all their edges too; `Connectome.subset` drops nodes as well. Edges that stay keep
    their order, their properties and the types of these.

    Parameters
    ----------
    connectome
        A square connectome.
    nodes
        The nodes.

    Returns
    -------
    A connectome of the same nodes with fewer edges.

    Raises
    ------
    OptionError
        The connectome is rectangular, or the selection does not fit its nodes.

    Notes
    -----
    Linear in edges.

    Examples
    --------
    >>> extract(Connectome(3, [0, 1, 2], [1, 2, 0]), nodes="id < 2")
    Connectome(3 nodes, 1 edges)
    """
    if not connectome.is_square:
        raise OptionError(rectangular("extract", connectome.n_pre, connectome.n_post))
    is_in = np.zeros(connectome.n_nodes, dtype=bool)
    is_in[rows_meant(connectome.nodes, nodes, "extract.nodes")] = True
    return connectome.filter(is_in[connectome.pre] & is_in[connectome.post])


def _with(connectome: Connectome, name: str, column: np.ndarray) -> Connectome:
    return connectome.with_edges(connectome.pre, connectome.post, properties={**connectome.properties, name: column})


def _check_floats(connectome: Connectome, name: str, where: str) -> None:
    if not isinstance(name, str) or name not in connectome.properties:
        raise OptionError(unknown(where, "edge property", name, connectome.properties))
    column = connectome.properties[name]
    if not isinstance(column, np.ndarray) or column.dtype.kind != "f":
        raise OptionError(
            f"{where}: edge property {name!r} holds {column.dtype}; sums stay only of floats. Make it so."
        )


def _rescaled(column: np.ndarray, found: Chosen, is_gone: np.ndarray, where: str) -> np.ndarray:
    """The property with what is left of each connection multiplied so that its sum stays."""
    if found.n == 0:
        return column
    from conntap.topology.grouping import rescale_groups

    wide = column.astype(np.float32) if column.dtype == np.float16 else column  # of which numba knows nothing
    result, impossible = rescale_groups(wide, found.order, found.starts, is_gone)
    if impossible:
        raise OptionError(
            f"{where}.rescale: of {impossible} connections the synapses that are left add up to 0 and cannot be multiplied "
            "to what they were. Take a property without zeros, or none."
        )
    return result.astype(column.dtype, copy=False)

"""Connections shuffled among nodes, with their synapses."""

from __future__ import annotations

from itertools import islice

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError, rectangular, whole
from conntap.manipulate.made import Models, model_given
from conntap.manipulate.sourcing import Old
from conntap.topology.grouping import order_by_ends
from conntap.topology.row_draws import exchanged

__all__ = ["shuffle_connections"]


def shuffle_connections(
    connectome: Connectome,
    *,
    nodes: Selection | None = None,
    sweeps: int = 20,
    delays: object = None,
    threads: int = 1,
    rng: np.random.Generator,
) -> Connectome:
    """Shuffle who is connected to whom so that every node keeps its numbers of partners, and connections their synapses.

    Keeps, exactly, how many sources and targets each node has, among the nodes selected and altogether. Each connection
    keeps its post node and gets another source, with all its synapses and their properties; edges keep their order. Connections
    of a node with itself and those with nodes that are not selected stay as they are. `degree_preserving` is the null
    model, which has connections alone.

    Parameters
    ----------
    connectome
        A square connectome.
    nodes
        Only connections among these nodes; None for all.
    sweeps
        Sweeps of the chain of swaps, as for `degree_preserving`. 0 changes nothing.
    delays
        A model from which synapses of connections with another source take their `delay`; None keeps them.
    threads
        Threads that share the work; the result does not depend on it.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes. `rewired` tells how many connections have another source.

    Raises
    ------
    OptionError
        The connectome is rectangular, a selection or model does not fit, `sweeps` or `threads` is out of range.

    Notes
    -----
    As for `degree_preserving`, some 40 ns a connection and sweep. Which of the connections of a post node takes which of its new
    sources is drawn evenly. The number of synapses that a node sends may change, where connections have several.

    Examples
    --------
    >>> ring = Connectome(6, range(6), [1, 2, 3, 4, 5, 0], properties={"weight": range(6)})
    >>> after = shuffle_connections(ring, rng=np.random.default_rng(1))
    >>> sorted(after.pre.tolist()), after.post.tolist(), after.properties["weight"].tolist()
    ([0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0], [0, 1, 2, 3, 4, 5])
    """
    from conntap.topology.graphs import simple_graph
    from conntap.topology.swaps import degree_sweeps

    where = "shuffle_connections"
    whole(f"{where}.sweeps", sweeps, 0)
    whole(f"{where}.threads", threads, 1)
    if not connectome.is_square:
        raise OptionError(rectangular(where, connectome.n_pre, connectome.n_post))
    seed = int.from_bytes(rng.bytes(8), "little")
    models = Models(where, seed, delays=model_given(delays, "delays", where))
    rows = np.sort(selected(connectome.nodes, nodes, f"{where}.nodes")).astype(np.int64)
    old = Old(connectome, rows, rows)
    is_swapped = old.pre != old.post
    places = np.full(connectome.n_nodes, -1, dtype=np.int32)
    places[rows] = np.arange(len(rows), dtype=np.int32)
    pre, post = places[old.pre[is_swapped]], places[old.post[is_swapped]]
    indptr, indices = simple_graph(pre, post, len(rows))
    for each in islice(degree_sweeps(indptr, indices, rng=rng, threads=threads), sweeps):
        indices = each
    new = np.repeat(np.arange(len(rows), dtype=np.int32), np.diff(indptr).astype(np.int64))
    new = new[order_by_ends(indices, new, len(rows), len(rows))]
    sizes = np.bincount(post, minlength=len(rows))
    assigned = old.pre.copy()
    assigned[is_swapped] = rows[exchanged((sizes, pre), (sizes, new), rows, seed=seed)[0]]
    after, changed = old.moved(assigned)
    return models.given(after, np.flatnonzero(changed))

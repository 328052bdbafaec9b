"""Random connectomes that keep what each node has: degrees, and reciprocal connections."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Literal

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import one_of, whole
from conntap.manipulate.draws import from_links, from_rows
from conntap.manipulate.graphs import simple

__all__ = ["degree_and_reciprocity_preserving", "degree_preserving", "swap_mixing"]


def degree_preserving(
    connectome: Connectome, *, sweeps: int = 20, threads: int = 1, rng: np.random.Generator
) -> Connectome:
    """Rewire the connections by a chain of swaps that keeps every node's in-degree and out-degree.

    Keeps the nodes with their properties and each node's numbers of pre- and postsynaptic partners, exactly. Loops and
    parallel edges never arise; those of the input are dropped and merged before. The result has no edge properties, and
    reciprocity, clustering and everything else become what these degrees alone make likely.

    Parameters
    ----------
    connectome
        A square connectome.
    sweeps
        Sweeps of the chain; in each, every node shares out its successors and its predecessors anew with a partner.
        0 gives the connections as they are. Look at `swap_mixing` before you trust a number.
    threads
        Threads that share the work; the result does not depend on it.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes, without loops or parallel edges, sorted by (pre, post).

    Raises
    ------
    OptionError
        The connectome is rectangular, or `sweeps` or `threads` is out of range.

    Notes
    -----
    The law is uniform over all simple graphs of these degrees in the limit of many sweeps: every step leaves it as it
    is, and trades together with turned triangles reach every graph (Berger and Mueller-Hannemann, 2010,
    doi:10.1007/978-3-642-16926-7_21). How many sweeps are enough is known from looking only. Trades: Carstens, Berger
    and Strona, 2016, arXiv:1609.05137; of all nodes at once: Carstens et al., 2018, doi:10.4230/LIPIcs.ESA.2018.11.
    A sweep is linear in connections, some 40 ns each; 30 bytes a connection.

    Examples
    --------
    >>> ring = Connectome(6, [0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0])
    >>> drawn = degree_preserving(ring, rng=np.random.default_rng(1))
    >>> sorted(drawn.pre.tolist()) == sorted(drawn.post.tolist()) == [0, 1, 2, 3, 4, 5]
    True
    """
    from conntap.topology.swaps import degree_sweeps

    _check(sweeps, threads, "degree_preserving")
    indptr, indices = simple(connectome, "degree_preserving")
    for each in islice(degree_sweeps(indptr, indices, rng=rng, threads=threads), sweeps):
        indices = each
    return from_rows(connectome, indptr, indices)


def degree_and_reciprocity_preserving(
    connectome: Connectome, *, sweeps: int = 50, threads: int = 1, rng: np.random.Generator
) -> Connectome:
    """Rewire by a chain of swaps that keeps every node's numbers of reciprocal, incoming and outgoing connections.

    Keeps the nodes with their properties and, of each node exactly, the number of partners connected both ways, of
    those that only project to it and of those it only projects to; so no reciprocal pair arises from one-way
    connections. Loops and parallel edges never arise; those of the input are dropped and merged before. The result has
    no edge properties; who is connected to whom is lost.

    Parameters
    ----------
    connectome
        A square connectome.
    sweeps
        Sweeps of the chain; each shares out about half of the connections anew. 0 gives them as they are. Look at
        `swap_mixing` before you trust a number.
    threads
        Threads that share the work; the result does not depend on it.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes, without loops or parallel edges, sorted by (pre, post).

    Raises
    ------
    OptionError
        The connectome is rectangular, or `sweeps` or `threads` is out of range.

    Notes
    -----
    Every step leaves the uniform law over all simple graphs of these numbers as it is, so graphs that the chain reaches
    are equally likely in the limit. It need not reach all: by enumeration it does for graphs of up to four nodes and
    for all but 0.9 % of those of five, and of larger ones it is not known. Two nodes trade as in
    `degree_preserving`, but with the kinds of their links (none, out, in, both) to third nodes and to each other
    instead of their presence. Model: Milo et al., 2002, doi:10.1126/science.298.5594.824;
    Roberts and Coolen, 2012, doi:10.1103/PhysRevE.85.046103. A sweep is linear in connections, some 50 ns each; 50
    bytes a connection.

    Examples
    --------
    >>> both_and_one = Connectome(4, [0, 1, 2], [1, 0, 3])
    >>> drawn = degree_and_reciprocity_preserving(both_and_one, rng=np.random.default_rng(1))
    >>> drawn.edges.values.tolist()
    [[0, 1], [1, 0], [2, 3]]
    """
    from conntap.topology.swaps import links, reciprocity_sweeps

    _check(sweeps, threads, "degree_and_reciprocity_preserving")
    state = links(*simple(connectome, "degree_and_reciprocity_preserving"))
    for each in islice(reciprocity_sweeps(*state, connectome.n_nodes, rng=rng, threads=threads), sweeps):
        state = each
    return from_links(connectome, *state)


def swap_mixing(
    connectome: Connectome,
    *,
    model: Literal["degree_preserving", "degree_and_reciprocity_preserving"] = "degree_preserving",
    sweeps: int = 30,
    threads: int = 1,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Follow a chain of swaps: how much of the connectome is still in place after each sweep.

    A chain has forgotten where it began once `in_place` has fallen to its floor and stays there, and so for the other
    columns. This is needed, not enough: a quantity of interest may be slower.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged and self-loops dropped.
    model
        The chain to follow.
    sweeps
        How many sweeps to follow.
    threads
        Threads that share the work; the result does not depend on it.
    rng
        The source of randomness; with an equal state, `model` of as many sweeps passes through the same graphs.

    Returns
    -------
    A table indexed by "sweep", 0 (the connectome itself) to `sweeps`. `in_place`: fraction of the first connections
    that are there; `floor`: the fraction to be expected by chance, from degrees alone and in the manner of Chung and
    Lu, so only about; `moved`: fraction that the sweep has put elsewhere; `reciprocal`: connections that are
    reciprocated. Fractions are NaN where there are no connections.

    Raises
    ------
    OptionError
        The connectome is rectangular, `model` is unknown, or `sweeps` or `threads` is out of range.

    Notes
    -----
    The time of the chain and a count of the connections in common after each sweep. Chung and Lu, 2002,
    doi:10.1007/PL00012580.

    Examples
    --------
    >>> ring = Connectome(6, [0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0])
    >>> swap_mixing(ring, sweeps=2, rng=np.random.default_rng(0)).columns.tolist()
    ['in_place', 'floor', 'moved', 'reciprocal']
    """
    one_of("swap_mixing.model", model, ["degree_preserving", "degree_and_reciprocity_preserving"])
    _check(sweeps, threads, "swap_mixing")
    indptr, first = simple(connectome, "swap_mixing")
    before, rows = first, []
    graphs = _followed(connectome, model, threads, rng)
    for after in (first, *[None] * sweeps):
        after = next(graphs) if after is None else after
        rows.append((_shared(indptr, first, after), 1 - _shared(indptr, before, after), _reciprocated(indptr, after)))
        before = after
    table = pd.DataFrame(
        rows, columns=["in_place", "moved", "reciprocal"], index=pd.RangeIndex(sweeps + 1, name="sweep")
    )
    table.insert(1, "floor", _floor(indptr, first))
    return table


def _followed(connectome: Connectome, model: str, threads: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The rows of successors after each sweep."""
    from conntap.topology.swaps import degree_sweeps, links, reciprocity_sweeps

    graph = simple(connectome, "swap_mixing")
    if model == "degree_preserving":
        for each in degree_sweeps(*graph, rng=rng, threads=threads):
            yield each.copy()
    for state in reciprocity_sweeps(*links(*graph), connectome.n_nodes, rng=rng, threads=threads):
        yield from_links(connectome, *state).post


def _shared(indptr: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    from conntap.topology._swaps import in_common

    found = in_common(indptr.astype(np.uint64), one.astype(np.uint32), other.astype(np.uint32))
    return float(found) / len(one) if len(one) else np.nan


def _reciprocated(indptr: np.ndarray, indices: np.ndarray) -> int:
    from conntap.topology.swaps import links

    return 2 * int((links(indptr, indices)[2] == 3).sum())


def _floor(indptr: np.ndarray, indices: np.ndarray) -> float:
    """The mean over connections of the chance of one, from degrees."""
    out_degrees = np.diff(indptr)
    in_degrees = np.bincount(indices, minlength=len(out_degrees))
    expected = np.repeat(out_degrees, out_degrees) * in_degrees[indices] / max(1, len(indices))
    return float(np.minimum(expected, 1).mean()) if len(indices) else np.nan


def _check(sweeps: int, threads: int, where: str) -> None:
    whole(f"{where}.sweeps", sweeps, 0)
    whole(f"{where}.threads", threads, 1)

"""Random connectomes that grow along the connections of another."""

from __future__ import annotations

from typing import Literal

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, rectangular, whole
from conntap.topology.threads import mapped

__all__ = ["stochastic_spread"]

_SOURCES_A_CHUNK = 512


def stochastic_spread(
    connectome: Connectome,
    *,
    expected: float | None = 10.0,
    steps: int = 100,
    decay: float = 1.0,
    exclusion: Literal["reached", "rejected", "last"] = "reached",
    weight: str | None = None,
    threads: int = 1,
    rng: np.random.Generator,
) -> Connectome:
    """Grow connections from every node, step by step along the connections of a base connectome.

    Each node begins where it is itself. In a step, candidates are the nodes onto which those reached in the step before
    project; each is reached with its chance, independently, and the node that began becomes connected to it. It goes on
    from those just reached, until none is or the steps are over. Keeps the nodes with their properties; of the base
    nothing else is kept, but connections are found only along its paths. The result has no edge properties.

    Parameters
    ----------
    connectome
        A square connectome: the base. Parallel edges are merged (chances added up), self-loops dropped.
    expected
        How many nodes each node reaches in a step, in the mean: the chances of its candidates are multiplied by one
        factor so that they add up to it (fewer where a chance exceeds one by that). None: as they are.
    steps
        Steps at most; enough that growth ends by itself, or few.
    decay
        From 0 to 1: `expected` is multiplied by it after each step.
    exclusion
        Who is no candidate any more, besides the node that began. "reached": the nodes from which a step has been
        taken. "rejected": these, and candidates that were not reached. "last": those from which the last step was.
    weight
        The edge property that holds the chance, from 0 to 1, of a step along a connection; chances of several
        connections onto one candidate add up, to one at most. None: one for all.
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
        The connectome is rectangular, `exclusion` is unknown, a number or a chance is out of range, or neither `expected` nor `weight` is given.

    Notes
    -----
    Time grows with the connections made times the out-degree of the base. The model of
    doi:10.1101/2025.08.21.671478 as the package connectome-analysis computes it with a target for each node and
    exclusion summed up ("reached") or not ("last"), except that it follows the connections of the base backwards and
    that its documentation speaks of what is "rejected" here.

    Examples
    --------
    >>> path = Connectome(4, [0, 1, 2], [1, 2, 3])
    >>> stochastic_spread(path, expected=1, steps=2, rng=np.random.default_rng(0)).edges.values.tolist()
    [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
    """
    one_of("stochastic_spread.exclusion", exclusion, ["reached", "rejected", "last"])
    _check(expected, steps, decay, weight, threads)
    from conntap.topology import _spread as kernel
    from conntap.topology.graphs import simple_graph

    indptr, indices, chances = _base(connectome, weight)
    n_nodes, seed = connectome.n_nodes, rng.integers(0, 2**64, dtype=np.uint64)
    excluded = {"last": kernel.LAST, "reached": kernel.REACHED, "rejected": kernel.REJECTED}[exclusion]
    rate = -1.0 if expected is None else float(expected)

    def grow(start: int) -> tuple[np.ndarray, np.ndarray]:
        stop = min(start + _SOURCES_A_CHUNK, n_nodes)
        return kernel.spread_from(indptr, indices, chances, start, stop, rate, float(decay), steps, excluded, seed)

    grown = list(mapped(grow, range(0, n_nodes, _SOURCES_A_CHUNK), threads))
    sizes = np.concatenate([np.empty(0, np.int64), *(size for size, _ in grown)])
    post = np.concatenate([np.empty(0, np.int32), *(found.astype(np.int32) for _, found in grown)])
    pre = np.repeat(np.arange(n_nodes, dtype=np.int32), sizes)
    rows, columns = simple_graph(pre, post.astype(np.int32), n_nodes)
    return connectome.with_edges(np.repeat(np.arange(n_nodes, dtype=np.int32), np.diff(rows)), columns)


def _base(connectome: Connectome, weight: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of successors without loops, and the chance of each."""
    if not connectome.is_square:
        raise OptionError(rectangular("stochastic_spread", connectome.n_pre, connectome.n_post))
    matrix = connectome.adjacency(weight).tocoo()
    keep = matrix.row != matrix.col
    chances = matrix.data[keep].astype(np.float64) if weight else np.ones(int(keep.sum()))
    if weight and not ((connectome.properties[weight] >= 0) & (connectome.properties[weight] <= 1)).all():
        raise OptionError(f"stochastic_spread.weight: {weight!r} is not from 0 to 1 throughout. Give chances.")
    indptr = np.append(0, np.cumsum(np.bincount(matrix.row[keep], minlength=connectome.n_nodes)))
    return indptr.astype(np.uint64), matrix.col[keep].astype(np.uint32), chances


def _check(expected: float | None, steps: int, decay: float, weight: str | None, threads: int) -> None:
    if expected is None and weight is None:
        raise OptionError("stochastic_spread: every chance is one; give expected, or a weight that holds chances.")
    if expected is not None and not 0 <= expected < np.inf:
        raise OptionError(f"stochastic_spread.expected: {expected}; give a number from 0 on.")
    if not 0 <= decay <= 1:
        raise OptionError(f"stochastic_spread.decay: {decay}; give a number from 0 to 1.")
    whole("stochastic_spread.steps", steps, 0)
    whole("stochastic_spread.threads", threads, 1)

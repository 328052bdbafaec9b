"""The weights of connections, and the neighbours that their ends share."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, unknown, whole
from conntap.topology.common_neighbours import Direction, shared_of_connections

__all__ = ["common_neighbour_weight_bias", "common_neighbour_weights"]


def common_neighbour_weights(
    connectome: Connectome, *, weight: str | None = None, direction: Direction = "out", threads: int = 1
) -> pd.DataFrame:
    """The weights of connections by the number of neighbours that their ends share.

    Parameters
    ----------
    connectome
        A square connectome; self-loops ignored.
    weight
        An edge property of numbers, summed over parallel edges; default: the number of parallel edges.
    direction
        Whose neighbours, as for `common_neighbours`.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    Indexed by "common", from 0 to the most that the ends of a connection share: int64 `connections`, float64 `mean` and
    `sd` of their weights (divided by n; NaN where there is none).

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is unknown, `threads` is less than 1, or the weight holds something other
        than finite numbers.

    Notes
    -----
    Time: the sum over connections of the second end's neighbours.

    Examples
    --------
    >>> synapses = Connectome(3, [0, 0, 0, 1], [1, 1, 2, 2])
    >>> common_neighbour_weights(synapses)["mean"].tolist()
    [1.0, 2.0]
    """
    shared, weights = _both(connectome, weight, direction, threads, "common_neighbour_weights")
    connections = np.bincount(shared)
    some = np.where(connections > 0, connections, np.nan)
    mean = np.bincount(shared, weights) / some
    spread = np.sqrt(np.bincount(shared, (weights - mean[shared]) ** 2) / some)
    index = pd.RangeIndex(len(connections), name="common")
    return pd.DataFrame({"connections": connections, "mean": mean, "sd": spread}, index=index)


def common_neighbour_weight_bias(
    connectome: Connectome, *, weight: str | None = None, direction: Direction = "out", threads: int = 1
) -> float:
    """Whether connections are stronger where their ends share more neighbours.

    Parameters
    ----------
    connectome
        A square connectome; self-loops ignored.
    weight
        An edge property of numbers, summed over parallel edges; default: the number of parallel edges.
    direction
        Whose neighbours, as for `common_neighbours`.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    Pearson's correlation of weight and neighbours shared over all connections; NaN where either is the same for all.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is unknown, `threads` is less than 1, or the weight holds something other
        than finite numbers.

    Notes
    -----
    Cost: that of `common_neighbour_weights`. Perin, Berger and Markram, 2011, doi:10.1073/pnas.1016051108.

    Examples
    --------
    >>> common_neighbour_weight_bias(Connectome(3, [0, 0, 0, 1], [1, 1, 2, 2]))
    1.0
    """
    shared, weights = _both(connectome, weight, direction, threads, "common_neighbour_weight_bias")
    x, y = shared - shared.mean() if len(shared) else shared, weights - weights.mean() if len(weights) else weights
    size = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / size) if size > 0 else float("nan")


def _both(
    connectome: Connectome, weight: str | None, direction: Direction, threads: int, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """The neighbours that the ends of each connection share, and its weight."""
    one_of(f"{where}.direction", direction, get_args(Direction))
    whole(f"{where}.threads", threads, 1)
    graph = simple(connectome, where)
    weights = _weights(connectome, weight, f"{where}.weight")
    return shared_of_connections(*graph, direction=direction, threads=threads), weights


def _weights(connectome: Connectome, weight: str | None, where: str) -> np.ndarray:
    """The summed weight of each connection, in the order of the simple graph."""
    if weight is None:
        values = np.ones(connectome.n_edges)
    else:
        if weight not in connectome.properties:
            raise OptionError(unknown(where, "edge property", weight, connectome.properties))
        column = pd.Series(connectome.properties[weight])
        values = column.to_numpy(dtype=float) if pd.api.types.is_numeric_dtype(column) else np.array([np.nan])
        if not np.isfinite(values).all():
            raise OptionError(
                f"{where}: {weight!r} holds something other than finite numbers. Name a property of those."
            )
    keep = connectome.pre != connectome.post
    ends, shape = (connectome.pre[keep], connectome.post[keep]), (connectome.n_nodes,) * 2
    matrix = sparse.coo_array((values[keep], ends), shape=shape).tocsr()
    matrix.sort_indices()
    return matrix.data

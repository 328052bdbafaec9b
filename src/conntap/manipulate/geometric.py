"""Random geometric connectomes: connections to near nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.rules.points import places
from conntap.errors import OptionError, rectangular, whole
from conntap.manipulate.graphs import simple

__all__ = ["random_geometric"]

_MOST_CANDIDATES = 500_000_000


def random_geometric(
    connectome: Connectome,
    *,
    nearest: int | None = None,
    radius_um: float | None = None,
    count: int | None = None,
    probability: float | None = None,
    positions: Sequence[str] = ("x", "y", "z"),
    towards: Sequence[float] | None = None,
    bias: float = 0.0,
    rng: np.random.Generator,
) -> Connectome:
    """Connect each node to near nodes, more or fewer of them in one direction.

    Candidates for each node are its `nearest` other nodes or those within `radius_um`; of these `count` are picked, or each
    with `probability`, or, where neither is given, as many of all candidates as the connectome has connections. Keeps
    the nodes with their properties, and the number of connections in that last case alone. The result has no edge
    properties.

    Parameters
    ----------
    connectome
        A square connectome; every node has a position.
    nearest
        Candidates of each node: so many other nodes, the nearest.
    radius_um
        Candidates of each node: all others at this distance or nearer.
    count
        Connections from each node, drawn one after the other among its candidates (all where these are fewer).
    probability
        The chance of each candidate.
    positions
        Node properties that hold the position, in um.
    towards
        A direction: a number for each of `positions`.
    bias
        From -1 to 1: a candidate in a direction at angle t from `towards` counts 1 + bias * cos(t) times.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes, without self-loops or parallel edges, sorted by (pre, post).

    Raises
    ------
    OptionError
        The connectome is rectangular, a node lacks a position, not one of `nearest` and `radius_um` is given or both of
        `count` and `probability`, a number is out of range, a bias makes a probability exceed 1, or there are fewer
        candidates than connections to place.

    Notes
    -----
    Some 200 ns and 50 bytes a candidate. Weighted draws without replacement: Efraimidis and Spirakis, 2006,
    doi:10.1016/j.ipl.2005.11.003. Penrose, 2003, "Random Geometric Graphs".

    Examples
    --------
    >>> import pandas as pd
    >>> nodes = pd.DataFrame({"x": [0.0, 1.0, 5.0]})
    >>> drawn = random_geometric(
    ...     Connectome(nodes, [], []), nearest=1, probability=1.0, positions=["x"], rng=np.random.default_rng(0)
    ... )
    >>> drawn.edges.values.tolist()
    [[0, 1], [1, 0], [2, 1]]
    """
    _check(nearest, radius_um, count, probability, towards, bias, positions)
    if not connectome.is_square:
        raise OptionError(rectangular("random_geometric", connectome.n_pre, connectome.n_post))
    points, _, known = places(connectome.nodes, positions, None, "random_geometric")
    if not known.all():
        raise OptionError(f"random_geometric: {int((~known).sum())} nodes have no position. Leave them out.")
    pre, post = _nearest(points, nearest) if nearest is not None else _within(points, radius_um)
    weights = _weights(points, pre, post, towards, bias)
    if probability is not None:
        keep = _each(weights, probability, rng)
    elif count is not None:
        with np.errstate(divide="ignore"):
            times = rng.standard_exponential(len(pre)) / weights
        keep = _first(pre, times, count)
    else:
        keep = _as_many(weights, len(simple(connectome, "random_geometric")[1]), rng)
    return connectome.with_edges(pre[keep], post[keep])


def _check(
    nearest: int | None,
    radius_um: float | None,
    count: int | None,
    probability: float | None,
    towards: Sequence[float] | None,
    bias: float,
    positions: Sequence[str],
) -> None:
    where = "random_geometric"
    if (nearest is None) == (radius_um is None):
        raise OptionError(f"{where}: give one of nearest and radius_um.")
    if count is not None and probability is not None:
        raise OptionError(f"{where}: give count or probability, not both.")
    for name, value in {"nearest": nearest, "count": count}.items():
        if value is not None:
            whole(f"{where}.{name}", value, 0)
    if radius_um is not None and not 0 <= radius_um < np.inf:
        raise OptionError(f"{where}.radius_um: {radius_um}; give a number from 0 on.")
    if probability is not None and not 0 <= probability <= 1:
        raise OptionError(f"{where}.probability: {probability}; give a number from 0 to 1.")
    if not -1 <= bias <= 1:
        raise OptionError(f"{where}.bias: {bias}; give a number from -1 to 1.")
    if bias and towards is None:
        raise OptionError(f"{where}.bias: {bias} in no direction; give towards.")
    if towards is not None and (len(towards) != len(positions) or not 0 < np.linalg.norm(towards) < np.inf):
        raise OptionError(
            f"{where}.towards: {list(towards)}; give a direction, one number for each of {list(positions)}."
        )


def _nearest(points: np.ndarray, nearest: int) -> tuple[np.ndarray, np.ndarray]:
    """Each node with its nearest others, sorted by (pre, post)."""
    from scipy.spatial import KDTree

    n = len(points)
    nearest = min(nearest, n - 1)
    if nearest < 1:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    _refuse_many(n * nearest)
    _, found = KDTree(points).query(points, k=nearest + 1)
    found = found.reshape(n, nearest + 1).astype(np.int64)
    own = found == np.arange(n)[:, None]
    own[~own.any(axis=1), -1] = True  # among nodes at one place the node itself may not be found
    others = np.sort(found[~own].reshape(n, nearest), axis=1)
    return np.repeat(np.arange(n), nearest), others.ravel()


def _within(points: np.ndarray, radius_um: float) -> tuple[np.ndarray, np.ndarray]:
    """All ordered pairs of nodes at this distance or nearer, sorted by (pre, post)."""
    from scipy.spatial import KDTree

    if len(points) == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    tree = KDTree(points)
    _refuse_many(int(tree.count_neighbors(tree, radius_um)))
    pairs = tree.query_pairs(radius_um, output_type="ndarray")
    codes = np.concatenate([pairs[:, 0] * len(points) + pairs[:, 1], pairs[:, 1] * len(points) + pairs[:, 0]])
    codes.sort()
    return np.divmod(codes, len(points))


def _refuse_many(candidates: int) -> None:
    if candidates > _MOST_CANDIDATES:
        raise OptionError(
            f"random_geometric: {candidates:.3g} candidates are more than {_MOST_CANDIDATES:.0e}; take fewer nearest or "
            "a smaller radius."
        )


def _weights(
    points: np.ndarray, pre: np.ndarray, post: np.ndarray, towards: Sequence[float] | None, bias: float
) -> np.ndarray:
    weights = np.ones(len(pre))
    if towards is None or bias == 0:
        return weights
    steps = points[post] - points[pre]
    lengths = np.linalg.norm(steps, axis=1)
    apart = lengths > 0
    direction = np.asarray(towards, dtype=np.float64) / np.linalg.norm(towards)
    weights[apart] += bias * np.clip(steps[apart] @ direction / lengths[apart], -1.0, 1.0)
    return np.maximum(weights, 0.0)


def _each(weights: np.ndarray, probability: float, rng: np.random.Generator) -> np.ndarray:
    if len(weights) and weights.max() * probability > 1 + 1e-12:
        raise OptionError(
            f"random_geometric.probability: {probability} times {weights.max():.3g}, by the bias, exceeds 1; give a "
            "smaller one."
        )
    return np.flatnonzero(rng.random(len(weights)) < weights * probability)


def _first(pre: np.ndarray, times: np.ndarray, count: int) -> np.ndarray:
    """For each node the candidates of the shortest times; those that would never come (a weight of 0) are left out."""
    order = np.lexsort([times, pre])
    order = order[np.isfinite(times[order])]
    sizes = np.bincount(pre[order]) if len(order) else np.zeros(0, dtype=np.int64)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[rank < count])


def _as_many(weights: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    possible = np.flatnonzero(weights > 0)
    if size > len(possible):
        raise OptionError(
            f"random_geometric: {len(possible)} candidates for {size} connections. Take more nearest or a larger radius."
        )
    times = rng.standard_exponential(len(possible)) / weights[possible]
    return np.sort(possible[np.argpartition(times, size - 1)[:size]]) if size else possible[:0]

"""How the probability of a connection falls with distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from logging import getLogger
from math import prod
from typing import Literal

import numpy as np
import pandas as pd

from conntap.analyze.pathways import check_length, connected, pathway_index, ratio
from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import Grouping, grouped
from conntap.circuits.rules import Fit, fit
from conntap.circuits.rules.points import places
from conntap.errors import OptionError, one_of, rectangular, unknown, whole
from conntap.topology.pairs import Places, count_pairs

__all__ = ["connection_probability_within", "distance_dependence", "distance_fit"]

_log = getLogger(__name__)
_FINE_BINS = 512
_MOST_BINS = 100_000
_MOST_CELLS = 50_000_000
_SIDES = ("negative", "zero", "positive")


def distance_dependence(
    connectome: Connectome,
    *,
    bin_um: float = 50.0,
    max_distance_um: float | None = None,
    positions: Sequence[str] = ("x", "y", "z"),
    by: Grouping | None = None,
    order: Literal[1, 2, 3] = 2,
    axis: str = "y",
    threads: int = 1,
) -> pd.DataFrame:
    """Measure how likely a connection is at each distance, beside the fitted rule.

    All ordered pairs of different nodes are counted, exactly. Parallel edges are merged, self-loops ignored; nodes
    without a position or a group are left out. In a rectangular connectome every pre node makes a pair with every post
    node.

    Parameters
    ----------
    connectome
        Square or rectangular.
    bin_um
        Width of the bins; a bin holds the distances from its lower end up to, but not including, the upper one.
    max_distance_um
        Look no farther than the bin that holds this distance; default: to the farthest pair.
    positions
        Node properties that hold the position, in um: those of a flat map or of an axis serve as well.
    by
        Measure and fit each pathway, from group to group of these node properties, by itself.
    order
        Of the rule: 1, p; 2, a exp(-b d); 3, the same with other numbers by the sign of post - pre on `axis`.
    axis
        For order 3, the node property that tells the sides: "negative" where post has the smaller value. Where it is the depth
        below the surface, "negative" is upward.
    threads
        Threads that share the counting; the result does not depend on it.

    Returns
    -------
    One row a bin, indexed by `distance_um`, its middle (before it `pre_NAME` and `post_NAME` of each property in `by`, and
    `side` for order 3): `pairs`, `connections` (int64), `probability`, its standard `error` (binomial: sqrt(q (1 - q) / pairs)
    with q = (connections + 1/2) / (pairs + 1), so that few pairs without a connection do not look certain), and `fitted`:
    what the rule expects of the pairs of that bin, NaN where `distance_fit` gives NaN. Empty bins beyond the last pair of
    all are left out.

    Raises
    ------
    OptionError
        An unknown or not numeric property, a number out of range, or more bins and pathways than can be counted.

    Notes
    -----
    About 1 ns for each unordered pair of nodes (rectangular: each pair). The fit is that of `distance_fit`. Rules by
    order: Gal et al., 2020, doi:10.1101/656058.

    Examples
    --------
    >>> nodes = pd.DataFrame({"x": [0.0, 10.0, 100.0]})
    >>> table = distance_dependence(Connectome(nodes, [0, 1], [1, 2]), positions=["x"])
    >>> table[["pairs", "connections", "probability"]].loc[[25.0, 75.0]].values.tolist()
    [[2.0, 1.0, 0.5], [2.0, 1.0, 0.5]]
    """
    where = "distance_dependence"
    _check_rule(connectome, order, axis, where)
    check_length(f"{where}.bin_um", bin_um, positive=True)
    height = axis if order == 3 else None
    counted = _counted(connectome, positions, height, by, (bin_um, max_distance_um), threads, where)
    fits = _fits(counted, order, "likelihood", tuple(positions), axis)
    _tell(fits, where)
    return _curves(counted, fits)


def distance_fit(
    connectome: Connectome,
    *,
    max_distance_um: float | None = None,
    positions: Sequence[str] = ("x", "y", "z"),
    by: Grouping | None = None,
    order: Literal[1, 2, 3] = 2,
    axis: str = "y",
    method: Literal["likelihood", "least-squares"] = "likelihood",
    batches: int | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Fit a rule of how the probability of a connection depends on distance.

    Pairs are counted as by `distance_dependence`, in bins of which at least 512 cover the distances (for
    "least-squares" in some 40). "likelihood" takes every pair as one Bernoulli trial; "least-squares" weighs the probability in each
    bin by its inverse variance.

    Parameters
    ----------
    connectome
        Square or rectangular.
    max_distance_um
        Fit to pairs up to this distance (to the end of the bin that holds it); default: to all.
    positions
        Node properties that hold the position, in um.
    by
        Fit each pathway, from group to group of these node properties, by itself.
    order
        1: p. 2: p(d) = a exp(-b d), b in 1/um. 3: `a_negative`, `b_negative` where post has the smaller value on
        `axis`, else `a_positive`, `b_positive`; pairs with equal values are left out of the fit.
    axis
        For order 3, the node property that tells the sides.
    method
        How to fit.
    batches
        Fit again without each of so many batches of nodes, 2 or more, for an error that does not take pairs as
        independent: the k-th of those that have a position and a group is in
        batch k modulo `batches`. Some 10 to 30; default: none.
    threads
        Threads that share the counting; the result does not depend on it.

    Returns
    -------
    One row a number of the rule, indexed by "parameter" (before it `pre_NAME` and `post_NAME` of each property in
    `by`): its `value` and standard `error`, and with `batches` the `batch_error`; NaN where the pairs do not tell: both where all connections lie at one
    distance, the least or the greatest of several, since then no finite a and b fit best (a line in the log says so).

    Raises
    ------
    OptionError
        An unknown or not numeric property, a number out of range, or more bins and pathways than can be counted.

    Notes
    -----
    Time is that of the counting, 1 ns an unordered pair of nodes. The likelihood of (log a, b) is concave, so its maximum
    is found whatever the start; standard errors come from the Fisher information and take pairs as independent.
    `batch_error` is the jackknife's, sqrt((n - 1) / n sum (v - mean v)^2) over the values v without each of n batches, with
    all pairs of its nodes left out. It holds where nodes differ in how many partners they have, and the like, by which
    their pairs depend on each other; where pairs are independent after all, it is up to sqrt(2) times too large, never
    too small on average. The pairs are counted once for all batches. Efron and Stein, 1981, doi:10.1214/aos/1176345462.

    Examples
    --------
    >>> from conntap.circuits.rules import Exponential, draw
    >>> source = np.random.default_rng(0)
    >>> nodes = pd.DataFrame(source.uniform(0, 300, (400, 3)), columns=["x", "y", "z"])
    >>> pre, post = draw(Exponential(0.4, 0.01), nodes, rng=source)
    >>> distance_fit(Connectome(nodes, pre, post))["value"].round(3).to_dict()
    {'a': 0.398, 'b': 0.01}
    """
    where = "distance_fit"
    one_of(f"{where}.method", method, ("likelihood", "least-squares"))
    _check_rule(connectome, order, axis, where)
    height = axis if order == 3 else None
    if batches is not None:
        whole(f"{where}.batches", batches, 2)
    counted = _counted(connectome, positions, height, by, (None, max_distance_um), threads, where, batches or 1)
    fits = _fits(counted, order, method, tuple(positions), axis)
    _tell(fits, where)
    names = list(fits[0].errors) if fits else []
    table = pd.DataFrame(
        {
            "value": [value for each in fits for value in each.values().values()],
            "error": [error for each in fits for error in each.errors.values()],
        },
        dtype=np.float64,
    )
    if batches is not None:
        others = [
            _fits(replace(counted, pairs=pairs, connections=ones), order, method, tuple(positions), axis)
            for pairs, ones in counted.without
        ]
        table["batch_error"] = _jackknifed([[v for each in part for v in each.values().values()] for part in others])
    return table.set_index(_with_level(counted.pathways, len(fits), pd.Index(names, dtype="str", name="parameter")))


def connection_probability_within(
    connectome: Connectome,
    *,
    distance_um: float,
    positions: Sequence[str] = ("x", "y", "z"),
    kind: Literal["directed", "undirected", "reciprocal"] = "directed",
    threads: int = 1,
) -> float:
    """Measure how likely a connection is between nodes within a distance of each other.

    Parallel edges are merged, self-loops ignored, nodes without a position left out.

    Parameters
    ----------
    connectome
        Square; or rectangular, for "directed".
    distance_um
        Pairs at this distance count still.
    positions
        Node properties that hold the position, in um.
    kind
        "directed": connections over ordered pairs; "undirected": pairs connected one way or both over unordered pairs;
        "reciprocal": pairs connected both ways over unordered pairs.
    threads
        Threads that share the counting; the result does not depend on it.

    Returns
    -------
    A probability; NaN where no pair is so near.

    Raises
    ------
    OptionError
        An unknown or not numeric property, a distance below 0, or a rectangular connectome of another kind.

    Notes
    -----
    About 0.7 ns for each unordered pair of nodes.

    Examples
    --------
    >>> nodes = pd.DataFrame({"x": [0.0, 10.0, 100.0]})
    >>> connection_probability_within(Connectome(nodes, [0, 1], [1, 2]), distance_um=10, positions=["x"])
    0.5
    """
    where = "connection_probability_within"
    one_of(f"{where}.kind", kind, ("directed", "undirected", "reciprocal"))
    check_length(f"{where}.distance_um", distance_um)
    whole(f"{where}.threads", threads, 1)
    if kind != "directed" and not connectome.is_square:
        raise OptionError(rectangular(where, connectome.n_pre, connectome.n_post))
    ends = connected(connectome)
    if kind != "directed":
        ends = _undirected(*ends, connectome.n_pre, twice=kind == "reciprocal")
    sides, ends = _sides(connectome, positions, None, None, ends, where)[:2]
    width = float(np.nextafter(distance_um, np.inf))
    pairs, connections = count_pairs(*sides, ends, width=width, n_bins=1, threads=threads)
    total = pairs.sum() if kind == "directed" else pairs.sum() // 2
    return float(connections.sum() / total) if total else float("nan")


@dataclass(frozen=True)
class _Counted:
    """Pairs and connections of each pathway, side and narrow bin, of which `finer` make a wide one."""

    pairs: np.ndarray
    connections: np.ndarray
    pathways: pd.MultiIndex | None
    width: float
    finer: int
    without: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
    """Pairs and connections without those of the nodes of each batch."""

    @property
    def distances(self) -> np.ndarray:
        return (np.arange(self.pairs.shape[2]) + 0.5) * self.width

    def wide(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(*values.shape[:2], values.shape[2] // self.finer, self.finer).sum(axis=3)


def _counted(
    connectome: Connectome,
    positions: Sequence[str],
    axis: str | None,
    by: Grouping | None,
    bins: tuple[float | None, float | None],
    threads: int,
    where: str,
    batches: int = 1,
) -> _Counted:
    whole(f"{where}.threads", threads, 1)
    sides, ends, groups = _sides(connectome, positions, axis, by, connected(connectome), where)
    width, n_bins, finer = _bins(*bins, _reach(*sides), where)
    cells = n_bins * finer * prod(len(each) * batches for each in groups) * (1 if axis is None else 3)
    if cells > _MOST_CELLS:
        raise OptionError(
            f"{where}: {cells:.1g} counts of bins and pathways are too many; take wider bins, fewer groups"
            f"{' or fewer batches' if batches > 1 else ''}."
        )
    if batches > 1:
        sides = tuple(None if each is None else _in_batches(each, batches) for each in sides)
    pairs, connections = count_pairs(*sides, ends, width=width / finer, n_bins=n_bins * finer, threads=threads)
    pathways = None if by is None else pathway_index(*groups)
    counts = [_without(each, batches) for each in (pairs, connections)]
    without = tuple(zip(counts[0][1:], counts[1][1:], strict=True))
    return _Counted(counts[0][0], counts[1][0], pathways, width / finer, finer, without)


def _in_batches(nodes: Places, batches: int) -> Places:
    """Nodes grouped by their group and then their batch."""
    batch = np.arange(len(nodes.points)) % batches
    return replace(nodes, groups=nodes.groups * batches + batch, n_groups=nodes.n_groups * batches)


def _without(counts: np.ndarray, batches: int) -> list[np.ndarray]:
    """The counts of all pathways, and with several batches those without the pairs of the nodes of each."""
    pre, post, *rest = counts.shape
    blocks = counts.reshape(pre // batches, batches, post // batches, batches, *rest)
    flat = ((pre // batches) * (post // batches), *rest)
    total = blocks.sum(axis=(1, 3))
    taken = [blocks[:, i].sum(axis=2) + blocks[:, :, :, i].sum(axis=1) - blocks[:, i, :, i] for i in range(batches)]
    return [each.reshape(flat) for each in (total, *((total - part) for part in taken if batches > 1))]


def _jackknifed(values: list[list[float]]) -> np.ndarray:
    """The standard error of each number from its values without each batch."""
    table = np.array(values, dtype=np.float64)
    return np.sqrt((len(table) - 1) * table.var(axis=0))


def _sides(
    connectome: Connectome,
    positions: Sequence[str],
    axis: str | None,
    by: Grouping | None,
    ends: tuple[np.ndarray, np.ndarray],
    where: str,
) -> tuple[tuple[Places, Places | None], tuple[np.ndarray, np.ndarray], list[pd.Index]]:
    """The places of the nodes that have all it takes, and the connections among these by row."""
    found, groups, ranks = [], [], []
    for nodes in (connectome.pre_nodes, connectome.post_nodes)[: 1 if connectome.is_square else 2]:
        points, heights, known = places(nodes, positions, axis, where)
        codes, names = _grouped(nodes, by, f"{where}.by")
        known &= codes >= 0
        found.append(Places(points[known], codes[known], len(names), None if heights is None else heights[known]))
        groups.append(names)
        ranks.append(np.where(known, np.cumsum(known) - 1, -1))
    pre, post = (rank[end] for rank, end in zip((ranks[0], ranks[-1]), ends, strict=True))
    there = (pre >= 0) & (post >= 0)
    other = None if connectome.is_square else found[1]
    return (found[0], other), (pre[there], post[there]), [groups[0], groups[-1]]


def _grouped(nodes: pd.DataFrame, by: Grouping | None, where: str) -> tuple[np.ndarray, pd.Index]:
    if by is None:
        return np.zeros(len(nodes), dtype=np.int64), pd.RangeIndex(1)
    return grouped(nodes, by, where)


def _reach(pre: Places, post: Places | None) -> float:
    """A length that no distance exceeds: the diagonal of the box of all points."""
    points = pre.points if post is None else np.concatenate([pre.points, post.points])
    return float(np.linalg.norm(np.ptp(points, axis=0))) * (1 + 1e-9) if len(points) else 0.0


def _bins(bin_um: float | None, max_distance_um: float | None, reach: float, where: str) -> tuple[float, int, int]:
    """The width and the number of bins, and the number of narrow bins (a power of 2, so that ends agree) in each."""
    if max_distance_um is not None:
        check_length(f"{where}.max_distance_um", max_distance_um, positive=True)
    far = min(reach, np.inf if max_distance_um is None else max_distance_um)
    width = (far or 1.0) * (1 + 1e-9) / 40 if bin_um is None else bin_um
    if far / width > _MOST_BINS:
        raise OptionError(f"{where}.bin_um: {width} makes {far / width:.3g} bins; give a wider one.")
    n_bins = int(far / width) + 1
    return width, n_bins, 1 << int(np.ceil(np.log2(max(1.0, _FINE_BINS / n_bins))))


def _check_rule(connectome: Connectome, order: int, axis: str, where: str) -> None:
    if isinstance(order, bool) or order not in (1, 2, 3):
        raise OptionError(f"{where}.order: {order!r}; give 1, 2 or 3.")
    if order == 3 or axis == "y":  # checked where it is used; the default need not be there where it is not
        return
    for nodes in (connectome.pre_nodes, connectome.post_nodes):
        if axis not in nodes.columns:
            raise OptionError(unknown(f"{where}.axis", "node property", axis, nodes.columns))


def _tell(fits: list[Fit], where: str) -> None:
    lost = sum(bool(each.unbounded) for each in fits)
    if lost:
        _log.warning(
            "%s: in %d of %d fits all connections lie at one distance, the least or the greatest: no finite numbers fit "
            "best, so these are NaN.",
            *(where, lost, len(fits)),
        )


def _fits(counted: _Counted, order: Literal[1, 2, 3], method: str, positions: tuple[str, ...], axis: str) -> list[Fit]:
    pairs, connections, distances = counted.pairs, counted.connections, counted.distances
    options = {"order": order, "method": method, "positions": positions, "axis": axis}
    if method == "least-squares":
        parts = [
            replace(counted, pairs=pairs[i : i + 1], connections=connections[i : i + 1]) for i in range(len(pairs))
        ]
        try:
            return [_by_wide_bins(part, options) for part in parts]
        except OptionError as error:
            raise OptionError(str(error).replace("rules.fit:", "distance_fit.method:", 1)) from None
    return [fit(each, ones, distances, **options) for each, ones in zip(pairs, connections, strict=True)]


def _by_wide_bins(counted: _Counted, options: dict) -> Fit:
    """Fit to the wide bins, each at the mean distance of its pairs."""
    pairs = counted.wide(counted.pairs)[0]
    mean = ratio(counted.wide(counted.pairs * counted.distances)[0].sum(axis=0), pairs.sum(axis=0))
    return fit(pairs, counted.wide(counted.connections)[0], np.nan_to_num(mean), **options)


def _curves(counted: _Counted, fits: list[Fit]) -> pd.DataFrame:
    expected = np.zeros(counted.pairs.shape)
    for number, each in enumerate(fits):
        expected[number] = counted.pairs[number] * _expected(each, counted.distances, counted.pairs.shape[1])
    pairs, connections, expected = (counted.wide(each) for each in (counted.pairs, counted.connections, expected))
    n_bins = int(np.flatnonzero(pairs.any(axis=(0, 1))).max(initial=-1)) + 1
    sides = [side for side in range(pairs.shape[1]) if side != 1 or pairs[:, 1].any()]
    pairs, connections, expected = (each[:, sides, :n_bins].ravel() for each in (pairs, connections, expected))
    shrunk = (connections + 0.5) / (pairs + 1)
    table = {
        "pairs": pairs,
        "connections": connections,
        "probability": ratio(connections, pairs),
        "error": np.sqrt(ratio(shrunk * (1 - shrunk), pairs)),
        "fitted": ratio(expected, pairs),
    }
    middles = pd.Index((np.arange(n_bins) + 0.5) * counted.width * counted.finer, name="distance_um")
    index = _with_level(counted.pathways, len(fits), middles if len(sides) == 1 else _sided(sides, middles))
    return pd.DataFrame(table).set_index(index)


def _expected(fitted: Fit, distances: np.ndarray, sides: int) -> np.ndarray:
    """The rule's probability at each side and distance; 0 where there were no pairs, NaN where no rule fits best."""
    values = list((fitted.values() if fitted.pairs else dict.fromkeys(fitted.errors, 0.0)).values())
    numbers = [(values[0], 0.0)] if len(values) == 1 else list(zip(values[::2], values[1::2], strict=True))
    with np.errstate(over="ignore"):
        curves = [np.minimum(a * np.exp(-b * distances), 1.0) if a else 0.0 * distances for a, b in numbers]
    return np.stack(curves if sides == 1 else [curves[0], (curves[0] + curves[-1]) / 2, curves[-1]])


def _sided(sides: list[int], middles: pd.Index) -> pd.MultiIndex:
    names = pd.Index([_SIDES[side] for side in sides], dtype="str", name="side")
    return pd.MultiIndex.from_product([names, middles])


def _with_level(pathways: pd.MultiIndex | None, n: int, inner: pd.Index) -> pd.Index:
    """The inner index once for each of n pathways, with the levels of these before its own."""
    if pathways is None:
        return inner
    outer = pathways.take(np.repeat(np.arange(n), len(inner)))
    again = inner.take(np.tile(np.arange(len(inner)), n))
    levels = [each.get_level_values(level) for each in (outer, again) for level in range(each.nlevels)]
    return pd.MultiIndex.from_arrays(levels, names=[*outer.names, *again.names])


def _undirected(pre: np.ndarray, post: np.ndarray, n: int, *, twice: bool) -> tuple[np.ndarray, np.ndarray]:
    """Each pair of nodes connected at all, or those connected both ways, as one pair (lower, higher)."""
    codes, counts = np.unique(np.minimum(pre, post).astype(np.int64) * n + np.maximum(pre, post), return_counts=True)
    return np.divmod(codes[counts == 2] if twice else codes, n)

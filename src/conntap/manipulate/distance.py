"""Random connectomes whose connections depend on distance as those of a given one do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import Grouping, grouped
from conntap.circuits.rules import Bipolar, Constant, Exponential, Pathways, Rule, fit, rule_from_dict
from conntap.circuits.rules.points import places
from conntap.errors import OptionError, unknown, whole
from conntap.topology.pair_draws import draw_as_many, draw_pairs
from conntap.topology.pairs import Places, connected_pairs, count_pairs

__all__ = ["distance_dependent", "distance_preserving"]

_BINS = 1024
_MOST_CELLS = 50_000_000


def distance_dependent(
    connectome: Connectome,
    *,
    order: Literal[1, 2, 3] = 2,
    positions: Sequence[str] = ("x", "y", "z"),
    axis: str = "y",
    by: Grouping | None = None,
    rule: dict[str, Any] | None = None,
    threads: int = 1,
    rng: np.random.Generator,
) -> Connectome:
    """Draw all connections anew by a rule of distance, fitted to the connectome or given.

    Keeps the nodes with their properties and, through the rule, how the probability of a connection depends on distance;
    the number of connections only in the mean. Every pair of different nodes (rectangular: every pair) is drawn
    independently. The result has no edge properties, self-loops or parallel edges.

    Parameters
    ----------
    connectome
        Square or rectangular; every node has a position.
    order
        Of the rule to fit: 1, p; 2, a exp(-b d); 3, the same with other numbers by the sign of post - pre on `axis`.
    positions
        Node properties that hold the position, in um.
    axis
        For order 3, the node property that tells the sides.
    by
        Fit each pathway, from group to group of these node properties, by itself; nodes without a value are one group.
    rule
        A rule to draw by in place of a fitted one, as `conntap.circuits.rules` writes it: {kind: Exponential, a: 0.1, b:
        0.01}, or Constant, Bipolar, or Pathways. It names its own properties, so the options above are not used.
    threads
        Threads that share the work; the result does not depend on it.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes, sorted by (pre, post).

    Raises
    ------
    OptionError
        An unknown order, an unknown or not numeric property, a node without a position, a rule that makes no sense, or too many pathways.

    Notes
    -----
    The fit counts all pairs, about 1 ns each unordered one, and takes the maximum of the likelihood; the drawing takes some
    150 ns a connection and less than 40 bytes, whatever the number of pairs. The rules are those of Gal et al., 2020,
    doi:10.1101/656058 (DD2, DD3).

    Examples
    --------
    >>> nodes = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    >>> drawn = distance_dependent(
    ...     Connectome(nodes, [0], [2]),
    ...     rule={"kind": "Exponential", "a": 1.0, "b": 0.0, "positions": ["x"]},
    ...     rng=np.random.default_rng(0),
    ... )
    >>> drawn.n_edges
    6
    """
    where = "distance_dependent"
    if order not in (1, 2, 3):
        raise OptionError(unknown(f"{where}.order", "value", order, [1, 2, 3]))
    whole(f"{where}.threads", threads, 1)
    seed = int.from_bytes(rng.bytes(8), "little")
    if rule is None:
        height = axis if order == 3 else None
        sides, _ = _sides(connectome, positions, height, by, where)
        numbers = _fitted(connectome, sides, order, threads, where)
    else:
        sides, numbers = _given(connectome, rule_from_dict(rule, where=f"{where}.rule"), where)
    pre, post = draw_pairs(*sides, numbers, seed=seed, threads=threads)
    return connectome.with_edges(pre, post)


def distance_preserving(
    connectome: Connectome,
    *,
    bin_um: float = 25.0,
    positions: Sequence[str] = ("x", "y", "z"),
    axis: str | None = None,
    by: Grouping | None = None,
    threads: int = 1,
    rng: np.random.Generator,
) -> Connectome:
    """Draw as many connections of each distance anew.

    Keeps the nodes with their properties and the exact number of connections in each bin of distance (of each pathway and
    side, where asked for), so the number of all too; parallel edges are merged and self-loops dropped before counting.
    All such connectomes are equally likely. The result has no edge properties.

    Parameters
    ----------
    connectome
        Square or rectangular; every node has a position.
    bin_um
        Width of the bins, from a distance of 0 on.
    positions
        Node properties that hold the position, in um.
    axis
        Keep the numbers also by the sign of post - pre on this node property.
    by
        Keep the numbers of each pathway, from group to group of these node properties; nodes without a value are one group.
    threads
        Threads that share the work; the result does not depend on it.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes, without self-loops or parallel edges, sorted by (pre, post).

    Raises
    ------
    OptionError
        An unknown or not numeric property, a node without a position, a width out of range, or too many bins and pathways.

    Notes
    -----
    Looks at all pairs three times, some 3 ns an ordered pair, and takes below 1 us a connection and some 100 bytes.

    Examples
    --------
    >>> nodes = pd.DataFrame({"x": [0.0, 1.0, 100.0]})
    >>> near = Connectome(nodes, [0], [1])
    >>> drawn = distance_preserving(near, positions=["x"], rng=np.random.default_rng(0))
    >>> sorted([int(drawn.pre[0]), int(drawn.post[0])])
    [0, 1]
    """
    where = "distance_preserving"
    whole(f"{where}.threads", threads, 1)
    if not 0 < bin_um < np.inf:
        raise OptionError(f"{where}.bin_um: {bin_um}; give a length above 0.")
    sides, reach = _sides(connectome, positions, axis, by, where)
    n_bins = reach / bin_um + 1
    _check_size(n_bins, sides, where)
    options = {"width": float(bin_um), "n_bins": int(n_bins), "rng": rng, "threads": threads}
    return connectome.with_edges(*draw_as_many(*sides, _connected(connectome), **options))


def _connected(connectome: Connectome) -> tuple[np.ndarray, np.ndarray]:
    n_post = None if connectome.is_square else connectome.n_post
    return connected_pairs(connectome.pre, connectome.post, connectome.n_pre, n_post)


def _sides(
    connectome: Connectome, positions: Sequence[str], axis: str | None, by: Grouping | None, where: str
) -> tuple[tuple[Places, Places | None], float]:
    """Where the pre and the post nodes are, and a length that no distance exceeds."""
    found = []
    for nodes in _tables(connectome):
        codes, n_groups = np.zeros(len(nodes), dtype=np.int64), 1
        if by is not None:
            codes, groups = grouped(nodes, by, f"{where}.by")
            codes, n_groups = np.where(codes < 0, len(groups), codes), len(groups) + int((codes < 0).any())
        found.append(_placed(nodes, positions, axis, codes, n_groups, where))
    points = np.concatenate([each.points for each in found])
    reach = float(np.linalg.norm(np.ptp(points, axis=0))) * (1 + 1e-9) if len(points) else 0.0
    return (found[0], found[1] if len(found) > 1 else None), reach


def _tables(connectome: Connectome) -> list[pd.DataFrame]:
    return [connectome.nodes] if connectome.is_square else [connectome.pre_nodes, connectome.post_nodes]


def _placed(
    nodes: pd.DataFrame, positions: Sequence[str], axis: str | None, codes: np.ndarray, n_groups: int, where: str
) -> Places:
    points, heights, known = places(nodes, positions, axis, where)
    if not known.all():
        raise OptionError(f"{where}: {int((~known).sum())} of {len(nodes)} nodes have no position. Leave them out.")
    return Places(points, codes, n_groups, heights)


def _fitted(
    connectome: Connectome, sides: tuple[Places, Places | None], order: Literal[1, 2, 3], threads: int, where: str
) -> np.ndarray:
    """The numbers of each pathway's rule, fitted to the pairs and connections of all distances."""
    n_groups = sides[0].n_groups, (sides[1] or sides[0]).n_groups
    _check_size(_BINS, sides, where)
    points = np.concatenate([each.points for each in sides if each is not None])
    reach = float(np.linalg.norm(np.ptp(points, axis=0))) if len(points) else 0.0
    width = (reach or 1.0) * (1 + 1e-9) / _BINS
    counts = count_pairs(*sides, _connected(connectome), width=width, n_bins=_BINS, threads=threads)
    distances = (np.arange(_BINS) + 0.5) * width
    numbers = np.zeros((*n_groups, 2, 2))
    for pathway in np.ndindex(n_groups):
        numbers[pathway] = _numbers(fit(*(each[pathway] for each in counts), distances, order=order).rule)
    return numbers


def _numbers(rule: Rule) -> list[tuple[float, float]]:
    """a and b for either side."""
    if isinstance(rule, Constant):
        return [(rule.p, 0.0)] * 2
    if isinstance(rule, Exponential):
        return [(rule.a, rule.b)] * 2
    if isinstance(rule, Bipolar):
        return [(rule.a_negative, rule.b_negative), (rule.a_positive, rule.b_positive)]
    raise OptionError(
        f"distance_dependent.rule: {type(rule).__name__}; give Constant, Exponential or Bipolar, or Pathways of these."
    )


def _given(connectome: Connectome, rule: Rule, where: str) -> tuple[tuple[Places, Places | None], np.ndarray]:
    """The places and the numbers of a rule that is given, group by group where it is one of pathways."""
    simple = [each for *_, each in rule.rules] if isinstance(rule, Pathways) else [rule]
    for each in simple:
        _numbers(each)  # refuses kinds that are not drawn here
    frames = {(each.positions, getattr(each, "axis", None)) for each in simple if not isinstance(each, Constant)}
    positions = {positions for positions, _ in frames} or {()}
    axes = {axis for _, axis in frames if axis is not None} or {None}
    if len(positions) > 1 or len(axes) > 1:
        raise OptionError(f"{where}.rule: its rules take different positions or axes; give all the same ones.")
    found, indices = [], []
    for nodes in _tables(connectome):
        if isinstance(rule, Pathways):
            codes, groups = grouped(nodes, rule.by, f"{where}.rule.by")
        else:
            codes, groups = np.zeros(len(nodes), dtype=np.int64), pd.RangeIndex(1)
        codes = np.where(codes < 0, len(groups), codes)
        (names,), (axis,) = positions, axes
        nodes = nodes if names else nodes.assign(nowhere=0.0)
        found.append(_placed(nodes, names or ("nowhere",), axis, codes, len(groups) + 1, f"{where}.rule"))
        indices.append(groups)
    pre, post = indices[0], indices[-1]
    numbers = np.zeros((len(pre) + 1, len(post) + 1, 2, 2))
    if not isinstance(rule, Pathways):
        numbers[0, 0] = _numbers(rule)
    else:
        for one, other, each in rule.rules:
            if one in pre and other in post:
                numbers[pre.get_loc(one), post.get_loc(other)] = _numbers(each)
    return (found[0], found[1] if len(found) > 1 else None), numbers


def _check_size(n_bins: float, sides: tuple[Places, Places | None], where: str) -> None:
    cells = n_bins * sides[0].n_groups * (sides[1] or sides[0]).n_groups * (1 if sides[0].heights is None else 3)
    if cells > _MOST_CELLS:
        raise OptionError(
            f"{where}: {cells:.1g} counts of bins and pathways are too many; take wider bins or fewer groups."
        )

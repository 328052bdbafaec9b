"""Rules asked about single pairs, and how far they reach: what drawing by them needs where pairs are too many."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from conntap.circuits.rules.features import Feature
from conntap.circuits.rules.gridded import Gridded, Scaled
from conntap.circuits.rules.points import points
from conntap.circuits.rules.tables import DoubleExponential, Interpolated, Sided
from conntap.circuits.rules.values import Bipolar, Constant, Exponential, Rule, _fallen

__all__ = ["Bound", "Chance", "bound_of", "chance_of"]

Bound = Callable[[np.ndarray], np.ndarray]
Chance = Callable[[np.ndarray, np.ndarray], np.ndarray]


def chance_of(rule: Rule, pre: pd.DataFrame, post: pd.DataFrame) -> Chance:
    """The probability of each of some pairs, by their rows in both tables; rules as `bound_of` takes them.

    >>> line = pd.DataFrame({"x": [0.0, 10.0]})
    >>> chance_of(Exponential(0.5, 0.0, ("x",)), line, line)(np.array([0]), np.array([1])).tolist()
    [0.5]
    """
    match rule:
        case Constant(p=p):
            return lambda rows, columns: np.full(len(rows), float(p))
        case Exponential(a=a, b=b, positions=names):
            distance = _distance(pre, post, names)
            return lambda rows, columns: _fallen(a, b, distance(rows, columns))
        case DoubleExponential(positions=names):
            distance = _distance(pre, post, names)
            return lambda rows, columns: rule.at(distance(rows, columns))
        case Bipolar():
            less, more = _ends(rule)
            return _sided(chance_of(less, pre, post), chance_of(more, pre, post), _step(pre, post, rule.axis))
        case Sided():
            ends = (chance_of(each, pre, post) for each in (rule.negative, rule.positive))
            return _sided(*ends, _step(pre, post, rule.axis))
        case Scaled(rule=inner, factor=factor):
            chance = chance_of(inner, pre, post)
            return lambda rows, columns: np.minimum(chance(rows, columns) * factor, 1.0)
        case Interpolated():
            edges = [each.middles() for each in rule.bins]
            limits = [(each.origin, each.origin + each.width * each.size) for each in rule.bins]
            return _from_table(rule.features, edges, limits, rule.table, pre, post)
        case Gridded():
            edges = [np.array(each) for each in rule.points]
            limits = [
                (-np.inf, np.inf) if len(own) == 1 else (0.0 if feature[0] == "distance" else own[0], own[-1])
                for feature, own in zip(rule.features, edges, strict=True)
            ]
            return _from_table(rule.features, edges, limits, rule.table, pre, post, closed=True)
    raise TypeError(f"no chance of single pairs by a {type(rule).__name__}")


def bound_of(rule: Rule) -> tuple[tuple[str, ...], Bound] | None:
    """Positions, and what no probability exceeds at a distance over these or farther, never rising; None where it is not known.

    >>> names, bound = bound_of(Exponential(0.5, 0.1, ("x",)))
    >>> names, bound(np.array([0.0, 10.0])).round(3).tolist()
    (('x',), [0.5, 0.184])
    """
    match rule:
        case Constant(p=p):
            return (), lambda d: np.full(len(d), float(p))
        case Exponential(a=a, b=b, positions=names):
            if b < 0:
                return tuple(names), lambda d: np.full(len(d), float(a > 0))
            return tuple(names), lambda d: _fallen(a, b, d)
        case DoubleExponential(positions=names):
            return tuple(names), rule.at
        case Bipolar():
            return _either(*map(bound_of, _ends(rule)))
        case Sided():
            return _either(bound_of(rule.negative), bound_of(rule.positive))
        case Scaled(rule=inner, factor=factor):
            inner = bound_of(inner)
            return inner and (inner[0], lambda d: np.minimum(inner[1](d) * factor, 1.0))
        case Interpolated():
            from scipy.ndimage import maximum_filter

            edges = [each.origin + each.width * np.arange(each.size + 1) for each in rule.bins]
            return _falling(rule.features, edges, maximum_filter(rule.table, 3, mode="nearest"))
        case Gridded():
            table, edges = rule.table, []
            for axis, own in enumerate(rule.points):
                edges.append(np.array(own if len(own) > 1 else (-np.inf, np.inf)))
                if len(own) > 1:
                    head, tail = (np.take(table, part, axis) for part in (range(len(own) - 1), range(1, len(own))))
                    table = np.maximum(head, tail)
            return _falling(rule.features, edges, table)
    return None


def _ends(rule: Bipolar) -> tuple[Exponential, Exponential]:
    less = Exponential(rule.a_negative, rule.b_negative, rule.positions)
    return less, Exponential(rule.a_positive, rule.b_positive, rule.positions)


def _either(one: tuple | None, other: tuple | None) -> tuple[tuple[str, ...], Bound] | None:
    """The greater of two bounds; where they are over other positions, that of both at no distance."""
    if one is None or other is None:
        return None
    (names, first), (others, second) = one, other
    if names and others and names != others:
        none = np.zeros(1)
        return (), lambda d: np.full(len(d), max(first(none)[0], second(none)[0]))
    return names or others, lambda d: np.maximum(first(d), second(d))


def _falling(
    features: Sequence[Feature], edges: Sequence[np.ndarray], table: np.ndarray
) -> tuple[tuple[str, ...], Bound]:
    """The highest of the cells of a table that hold pairs so far apart."""
    near = [(place, names) for place, (kind, *names) in enumerate(features) if kind in ("distance", "offset")]
    squares = np.zeros(table.shape)
    for place, _ in near:
        far = np.maximum(np.abs(edges[place][:-1]), np.abs(edges[place][1:])) ** 2
        squares = squares + far.reshape([-1 if axis == place else 1 for axis in range(table.ndim)])
    order = np.argsort(-squares.ravel(), kind="stable")
    farthest = np.sqrt(squares.ravel()[order[::-1]])
    highest = np.append(np.maximum.accumulate(table.ravel()[order])[::-1], 0.0)
    names = tuple(dict.fromkeys(name for _, own in near for name in own))
    if not names:
        return (), lambda d: np.full(len(d), float(table.max()))
    return names, lambda d: highest[np.searchsorted(farthest * (1 + 1e-9), d)]


def _from_table(
    features: Sequence[Feature],
    edges: Sequence[np.ndarray],
    limits: Sequence[tuple[float, float]],
    table: np.ndarray,
    pre: pd.DataFrame,
    post: pd.DataFrame,
    *,
    closed: bool = False,
) -> Chance:
    """Linear between edges, flat from the outer ones to the limits, 0 beyond these; the upper ones belong where closed."""
    told = [_feature(each, pre, post) for each in features]

    def chance(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        inside, below, shares = np.ones(len(rows), dtype=bool), [], []
        for value_of, own, (low, high) in zip(told, edges, limits, strict=True):
            value = value_of(rows, columns)
            inside &= (value >= low) & ((value <= high) if closed else (value < high))
            last = max(len(own) - 2, 0)
            low_place = np.clip(np.searchsorted(own, value, side="right") - 1, 0, last)
            step = own[low_place + 1] - own[low_place] if len(own) > 1 else 1.0
            below.append(low_place)
            shares.append(np.clip((value - own[low_place]) / step, 0.0, 1.0) if len(own) > 1 else np.zeros(len(rows)))
        total = np.zeros(len(rows))
        for corner in np.ndindex(*(min(2, len(own)) for own in edges)):
            weight = np.ones(len(rows))
            for up, share in zip(corner, shares, strict=True):
                weight *= share if up else 1.0 - share
            total += weight * table[tuple(place + up for place, up in zip(below, corner, strict=True))]
        return np.where(inside, np.clip(total, 0.0, 1.0), 0.0)

    return chance


def _feature(feature: Feature, pre: pd.DataFrame, post: pd.DataFrame) -> Chance:
    kind, *names = feature
    if kind == "distance":
        return _distance(pre, post, names)
    if kind == "place":
        (values,) = points(pre, names, "rules.positions").T
        return lambda rows, columns: values[rows]
    step = _step(pre, post, names[0])
    return step if kind == "offset" else lambda rows, columns: np.sign(step(rows, columns))


def _distance(pre: pd.DataFrame, post: pd.DataFrame, names: Sequence[str]) -> Chance:
    one, other = (points(nodes, names, "rules.positions") for nodes in (pre, post))

    def distance(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        squares = np.zeros(len(rows))
        for axis in range(len(names)):
            squares += (other[columns, axis] - one[rows, axis]) ** 2
        return np.sqrt(squares)

    return distance


def _step(pre: pd.DataFrame, post: pd.DataFrame, name: str) -> Chance:
    one, other = (points(nodes, [name], "rules.axis")[:, 0] for nodes in (pre, post))
    return lambda rows, columns: other[columns] - one[rows]


def _sided(less: Chance, more: Chance, step: Chance) -> Chance:
    def chance(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        height, one, other = step(rows, columns), less(rows, columns), more(rows, columns)
        return np.where(height < 0, one, np.where(height > 0, other, (one + other) / 2))

    return chance

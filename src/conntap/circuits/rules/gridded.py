"""Rules made of others or of given points: tables between points, rules that are scaled, rules of other positions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.rules.features import Feature, check_features
from conntap.circuits.rules.points import points as places_of
from conntap.circuits.rules.positions import PositionTable
from conntap.circuits.rules.values import Bipolar, Constant, Exponential, Pathways, Rule, _plain
from conntap.errors import OptionError

__all__ = ["Gridded", "Placed", "Scaled", "scaled"]

_MOST_FEATURES = 6
_XYZ = ("x", "y", "z")


@dataclass(frozen=True, eq=False)
class Gridded:
    """Fourth and fifth order at given points: linear between them, 0 beyond the outer ones.

    A feature of one point is not looked at; a distance below its first point counts as that.

    Parameters
    ----------
    features
        What is told of a pair, as for `Interpolated`.
    points
        The points of each feature, rising.
    table
        The probability at each: float64, shape (points of the first, of the second, ...).

    >>> rule = Gridded((("offset", "x"),), ((0.0, 10.0),), np.array([0.0, 0.4]))
    >>> line = pd.DataFrame({"x": [0.0, 5.0, 30.0]})
    >>> rule.probabilities(line[:1], line).tolist()
    [[0.0, 0.2, 0.0]]
    """

    features: tuple[Feature, ...]
    points: tuple[tuple[float, ...], ...]
    table: np.ndarray

    def __post_init__(self) -> None:
        where = "rules.Gridded"
        check_features(self.features, f"{where}.features")
        table = np.array(self.table, dtype=np.float64)
        if not 1 <= len(self.features) == len(self.points) <= _MOST_FEATURES:
            raise OptionError(f"{where}: {len(self.features)} features; give 1 to {_MOST_FEATURES}, points for each.")
        for each in self.points:
            if not (len(each) and np.isfinite(each).all() and (np.diff(each) > 0).all()):
                raise OptionError(f"{where}.points: {each}; give finite numbers that rise.")
        if table.shape != tuple(map(len, self.points)):
            raise OptionError(f"{where}.table: shape {table.shape} for points {tuple(map(len, self.points))}.")
        if not ((table >= 0) & (table <= 1)).all():
            raise OptionError(f"{where}.table: it holds what is no probability; give numbers from 0 to 1.")
        table.flags.writeable = False
        object.__setattr__(self, "table", table)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Gridded):
            return NotImplemented
        same = (self.features, self.points) == (other.features, other.points)
        return same and np.array_equal(self.table, other.table)

    __hash__ = None  # type: ignore[assignment]

    def probabilities(self, pre: pd.DataFrame, post: pd.DataFrame) -> np.ndarray:
        """Interpolated for each pair: shape (pre, post)."""
        from scipy.interpolate import interpn

        axes, values, table = [], [], self.table
        for axis, (feature, own) in enumerate(zip(self.features, self.points, strict=True)):
            if len(own) == 1:
                continue
            values.append(_told(feature, pre, post))
            if feature[0] == "distance" and own[0] > 0:  # the same on both sides of 0
                own = (*(-each for each in reversed(own)), *own)
                table = np.concatenate([np.flip(table, axis), table], axis=axis)
            axes.append(np.array(own))
        if not axes:
            return np.full((len(pre), len(post)), float(table.ravel()[0]))
        found = interpn(
            axes, np.squeeze(table), np.stack(values, axis=-1), method="linear", bounds_error=False, fill_value=0.0
        )
        return np.clip(found, 0.0, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values."""
        parts = {"features": _plain(self.features), "points": _plain(self.points), "table": self.table.tolist()}
        return {"kind": "Gridded", **parts}


def _told(feature: Feature, pre: pd.DataFrame, post: pd.DataFrame) -> np.ndarray:
    """A feature of each pair: shape (pre, post)."""
    kind, *names = feature
    one, other = (places_of(nodes, names, "rules.Gridded") for nodes in (pre, post))
    steps = other[None, :, :] - one[:, None, :]
    if kind == "distance":
        return np.sqrt((steps**2).sum(axis=2))
    if kind == "place":
        return np.repeat(one, len(post), axis=1)
    return np.sign(steps[:, :, 0]) if kind == "side" else steps[:, :, 0]


@dataclass(frozen=True)
class Scaled:
    """Another rule with its probabilities multiplied by a factor, at most 1.

    >>> nodes = pd.DataFrame(index=[0])
    >>> Scaled(Constant(0.4), 2.0).probabilities(nodes, nodes).tolist()
    [[0.8]]
    """

    rule: Rule
    factor: float

    def __post_init__(self) -> None:
        if not hasattr(self.rule, "probabilities"):
            raise OptionError(f"rules.Scaled.rule: a {type(self.rule).__name__} gives no probability. Give a rule.")
        check_factor(self.factor, "rules.Scaled.factor")

    def probabilities(self, pre: pd.DataFrame, post: pd.DataFrame) -> np.ndarray:
        """Those of the rule, multiplied: shape (pre, post)."""
        return np.minimum(np.asarray(self.rule.probabilities(pre, post)) * self.factor, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values."""
        return {"kind": "Scaled", "rule": self.rule.to_dict(), "factor": self.factor}


def check_factor(factor: Any, where: str) -> None:
    """Refuse what is no finite number from 0 on."""
    number = isinstance(factor, int | float | np.number) and not isinstance(factor, bool) and math.isfinite(factor)
    if not number or factor < 0:
        raise OptionError(f"{where}: {factor!r}; give a number from 0 on.")


def scaled(rule: Rule, factor: float) -> Rule:
    """The rule with its probabilities multiplied, at most 1: one of the same kind where there is such a one.

    >>> scaled(Exponential(0.4, 0.01), 0.5)
    Exponential(a=0.2, b=0.01, positions=('x', 'y', 'z'))
    """
    if factor == 1:
        return rule
    check_factor(factor, "rules.Scaled.factor")
    match rule:
        case Constant(p=p):
            return Constant(min(p * factor, 1.0))
        case Exponential(a=a, b=b) if a <= 1 and b >= 0:
            return Exponential(a * factor, b, rule.positions)
        case Bipolar(a_negative=less, a_positive=more) if max(less, more) <= 1 and _falls(rule):
            ends = (less * factor, rule.b_negative, more * factor, rule.b_positive)
            # where an end is cut off at 1, the mean of both is not that of what was multiplied; nodes of one height are so few
            return Bipolar(*ends, rule.positions, rule.axis) if max(ends[0], ends[2]) <= 1 else Scaled(rule, factor)
        case Pathways():
            return Pathways(rule.by, tuple((pre, post, scaled(each, factor)) for pre, post, each in rule.rules))
    return Scaled(rule, factor)


def _falls(rule: Bipolar) -> bool:
    return rule.b_negative >= 0 and rule.b_positive >= 0


@dataclass(frozen=True)
class Placed:
    """Another rule by other positions: those that tables give take the place of the nodes' own columns of these names.

    >>> table = PositionTable(("x",), np.array([0, 1]), np.array([[0.0], [50.0]]))
    >>> nodes = pd.DataFrame({"x": [0.0, 0.0]})
    >>> Placed(Exponential(1.0, math.log(2) / 50, ("x",)), table, table).probabilities(nodes, nodes).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """

    rule: Rule
    pre: PositionTable
    post: PositionTable

    def __post_init__(self) -> None:
        if not hasattr(self.rule, "probabilities"):
            raise OptionError(f"rules.Placed.rule: a {type(self.rule).__name__} gives no probability. Give a rule.")
        for each in (self.pre, self.post):
            if not isinstance(each, PositionTable):
                raise OptionError(f"rules.Placed: a {type(each).__name__} is no PositionTable. Give one for each side.")

    def probabilities(self, pre: pd.DataFrame, post: pd.DataFrame) -> np.ndarray:
        """By the rule, at the positions of the tables: shape (pre, post)."""
        return self.rule.probabilities(_moved(pre, self.pre), _moved(post, self.post))

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values."""
        ends = {side: _listed(getattr(self, side)) for side in ("pre", "post")}
        return {"kind": "Placed", "rule": self.rule.to_dict(), **ends}


def _moved(nodes: pd.DataFrame, table: PositionTable) -> pd.DataFrame:
    found = table.evaluate(nodes)
    return nodes.assign(**{name: found[:, at] for at, name in enumerate(table.names)})


def positions_from_file(value: Any, *, where: str) -> PositionTable:
    """The positions in a model's file, {path: model.json}: its coordinates in order as x, y, z, 0 where there are fewer.

    Raises
    ------
    OptionError
        No such file, or no positions by id in it.
    """
    from conntap.circuits.rules.fitted import model_of

    table = model_of(value, where)
    if not isinstance(table, PositionTable) or len(table.names) > len(_XYZ):
        raise OptionError(f"{where}: it holds a {type(table).__name__}; give a PositionTable of up to 3 coordinates.")
    places = np.zeros((len(table.ids), len(_XYZ)))
    places[:, : len(table.names)] = table.places
    return PositionTable(_XYZ, table.ids, places)


def _listed(table: PositionTable) -> dict[str, Any]:
    return {"names": list(table.names), "ids": table.ids.tolist(), "places": table.places.tolist()}

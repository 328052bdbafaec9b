"""Connection rules as frozen values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Protocol

import numpy as np
import pandas as pd

from conntap.circuits.grouping import grouped
from conntap.circuits.rules.points import points
from conntap.errors import OptionError, known, unknown

__all__ = ["Bipolar", "Constant", "Exponential", "Pathways", "Rule", "draw", "rule_from_dict"]

_PAIRS_A_BLOCK = 2_000_000


class Rule(Protocol):
    """What every connection rule can do; one of higher order joins by doing the same and a name in `rule_from_dict`."""

    def probabilities(self, pre: pd.DataFrame, post: pd.DataFrame) -> np.ndarray:
        """The probability of a connection for each pair of a row of `pre` and one of `post`: shape (pre, post)."""

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values that JSON can hold."""


@dataclass(frozen=True)
class Constant:
    """First order: all pairs alike.

    >>> Constant(0.1).probabilities(pd.DataFrame(index=[0]), pd.DataFrame(index=[1, 2])).tolist()
    [[0.1, 0.1]]
    """

    p: float

    def __post_init__(self) -> None:
        _check_numbers(self, ("p",))
        if self.p > 1:
            raise OptionError(f"rules.Constant: p is {self.p}; give a probability from 0 to 1.")

    def probabilities(self, pre: pd.DataFrame, post: pd.DataFrame) -> np.ndarray:
        """The same for all pairs: shape (pre, post)."""
        return np.full((len(pre), len(post)), float(self.p))

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values."""
        return _as_dict(self)


@dataclass(frozen=True)
class Exponential:
    """Second order: p(d) = a exp(-b d), at most 1, at a distance of d um.

    >>> line = pd.DataFrame({"x": [0.0, 10.0]})
    >>> Exponential(0.5, math.log(2) / 10, positions=("x",)).probabilities(line, line).round(3).tolist()
    [[0.5, 0.25], [0.25, 0.5]]
    """

    a: float
    b: float
    positions: tuple[str, ...] = ("x", "y", "z")

    def __post_init__(self) -> None:
        _check_numbers(self, ("a",), free=("b",))

    def probabilities(self, pre: pd.DataFrame, post: pd.DataFrame) -> np.ndarray:
        """By the distance of each pair: shape (pre, post)."""
        return _fallen(self.a, self.b, _distances(pre, post, self.positions, "rules.Exponential"))

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values."""
        return _as_dict(self)


@dataclass(frozen=True)
class Bipolar:
    """Third order: a exp(-b d) with other numbers by the sign of post - pre on an axis, and their mean where it is 0.

    Where the axis is the depth below the surface, negative is a target above the source, positive one below it.

    >>> line = pd.DataFrame({"y": [0.0, 1.0]})
    >>> Bipolar(0.1, 0.0, 0.3, 0.0, positions=("y",)).probabilities(line, line).tolist()
    [[0.2, 0.3], [0.1, 0.2]]
    """

    a_negative: float
    b_negative: float
    a_positive: float
    b_positive: float
    positions: tuple[str, ...] = ("x", "y", "z")
    axis: str = "y"

    def __post_init__(self) -> None:
        _check_numbers(self, ("a_negative", "a_positive"), free=("b_negative", "b_positive"))

    def probabilities(self, pre: pd.DataFrame, post: pd.DataFrame) -> np.ndarray:
        """By distance and side of each pair: shape (pre, post)."""
        distances = _distances(pre, post, self.positions, "rules.Bipolar")
        heights = [points(each, [self.axis], "rules.Bipolar.axis")[:, 0] for each in (pre, post)]
        step = heights[1][None, :] - heights[0][:, None]
        less = _fallen(self.a_negative, self.b_negative, distances)
        more = _fallen(self.a_positive, self.b_positive, distances)
        return np.where(step < 0, less, np.where(step > 0, more, np.where(step == 0, (less + more) / 2, np.nan)))

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values."""
        return _as_dict(self)


@dataclass(frozen=True)
class Pathways:
    """A rule for each pathway: (pre group, post group, rule), groups by node properties `by`; 0 for any other pathway.

    A group is the value of the property, or a tuple of values where there are several.

    >>> cells = pd.DataFrame({"ei": ["e", "i"]})
    >>> Pathways(("ei",), (("e", "i", Constant(0.2)),)).probabilities(cells, cells).tolist()
    [[0.0, 0.2], [0.0, 0.0]]
    """

    by: tuple[str, ...]
    rules: tuple[tuple[Any, Any, Rule], ...]

    def __post_init__(self) -> None:
        seen = [each[:2] for each in self.rules]
        if len(set(seen)) < len(seen):
            again = next(each for each in seen if seen.count(each) > 1)
            raise OptionError(f"rules.Pathways: {again} has two rules; give one a pathway.")
        for each in self.rules:
            if len(each) != 3 or not hasattr(each[2], "probabilities"):
                raise OptionError(f"rules.Pathways: {each!r}; give (pre group, post group, rule).")

    def probabilities(self, pre: pd.DataFrame, post: pd.DataFrame) -> np.ndarray:
        """By the rule of each pair's pathway: shape (pre, post)."""
        found = np.zeros((len(pre), len(post)))
        rows, columns = (self._members(nodes) for nodes in (pre, post))
        for one, other, rule in self.rules:
            own, others = rows.get(one, ()), columns.get(other, ())
            if len(own) and len(others):
                found[np.ix_(own, others)] = rule.probabilities(pre.iloc[own], post.iloc[others])
        return found

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values."""
        rules = [{"pre": _plain(pre), "post": _plain(post), "rule": rule.to_dict()} for pre, post, rule in self.rules]
        return {"kind": "Pathways", "by": list(self.by), "rules": rules}

    def _members(self, nodes: pd.DataFrame) -> dict[Any, np.ndarray]:
        codes, groups = grouped(nodes, self.by, "rules.Pathways.by")
        return {group: np.flatnonzero(codes == number) for number, group in enumerate(groups)}


def draw(
    rule: Rule, nodes: pd.DataFrame, post_nodes: pd.DataFrame | None = None, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw connections by a rule, each independently of all others.

    Parameters
    ----------
    rule
        Any rule.
    nodes, post_nodes
        Tables of the pre and the post nodes; None for the same nodes, of which none connects to itself.
    rng
        The source of randomness; equal states give equal connections.

    Returns
    -------
    pre, post: int64, rows in the tables, sorted by (pre, post).

    Raises
    ------
    OptionError
        A node lacks a property that the rule takes.

    Notes
    -----
    Some 20 ns a pair, in blocks of 2 million; `conntap.manipulate.distance_dependent` is faster for whole connectomes.

    Examples
    --------
    >>> pre, post = draw(Constant(1.0), pd.DataFrame(index=[0, 1]), rng=np.random.default_rng(0))
    >>> pre.tolist(), post.tolist()
    ([0, 1], [1, 0])
    """
    others = nodes if post_nodes is None else post_nodes
    rows = max(1, _PAIRS_A_BLOCK // max(1, len(others)))
    found = [np.empty((2, 0), dtype=np.int64)]
    for begin in range(0, len(nodes), rows):
        probabilities = rule.probabilities(nodes.iloc[begin : begin + rows], others)
        if np.isnan(probabilities).any():
            raise OptionError("rules.draw: a node lacks a position that the rule takes; leave such nodes out.")
        pre, post = np.nonzero(rng.random(probabilities.shape) < probabilities)
        pre += begin
        keep = slice(None) if post_nodes is not None else pre != post
        found.append(np.stack([pre[keep], post[keep]]))
    pre, post = np.concatenate(found, axis=1)
    return pre, post


_KINDS: dict[str, type] = {each.__name__: each for each in (Constant, Exponential, Bipolar)}


def rule_from_dict(values: Mapping[str, Any], *, where: str = "rule") -> Rule:
    """The rule that `to_dict` gave.

    Raises
    ------
    OptionError
        An unknown kind, a number that is missing or makes no sense, or a name that is not known.

    Examples
    --------
    >>> rule_from_dict({"kind": "Exponential", "a": 0.2, "b": 0.01})
    Exponential(a=0.2, b=0.01, positions=('x', 'y', 'z'))
    """
    if not isinstance(values, Mapping) or "kind" not in values:
        raise OptionError(f"{where}: {values!r}; give {{kind: Exponential, a: ..., b: ...}} or another kind of rule.")
    kind, given = values["kind"], {name: value for name, value in values.items() if name != "kind"}
    if kind == "Pathways":
        return _pathways(given, where)
    kinds = _KINDS | _higher()
    if not isinstance(kind, str) or kind not in kinds:
        raise OptionError(unknown(where, "kind of rule", kind, [*kinds, "Pathways"]))
    names = [each.name for each in fields(kinds[kind])]
    _check_names(given, names, where)
    lacking = [each.name for each in fields(kinds[kind]) if each.default is MISSING and each.name not in given]
    if lacking:
        raise OptionError(f"{where}: {kind} takes {known(names)}; {known(lacking)} is not given. Give it.")
    try:
        return kinds[kind](**{name: _read(name, value, where) for name, value in given.items()})
    except (TypeError, ValueError, KeyError) as error:
        raise OptionError(f"{where}: {kind} takes {known(names)}; {error}.") from None


def _higher() -> dict[str, type]:
    """The kinds of rules of higher order; their module needs this one."""
    from conntap.circuits.rules.gridded import Gridded, Placed, Scaled
    from conntap.circuits.rules.tables import DoubleExponential, Interpolated, Listed, Sided

    kinds = (DoubleExponential, Gridded, Interpolated, Listed, Placed, Scaled, Sided)
    return {each.__name__: each for each in kinds}


def _read(name: str, value: Any, where: str) -> Any:
    """A value of a rule from plain ones, where these differ."""
    from conntap.circuits.rules.features import Bin
    from conntap.circuits.rules.fitted import model_of
    from conntap.circuits.rules.gridded import positions_from_file
    from conntap.circuits.rules.positions import PositionTable

    match name:
        case "positions":
            return (value,) if isinstance(value, str) else tuple(value)
        case "negative" | "positive" | "rule":
            return model_of(value, f"{where}.{name}")
        case "features" | "points":
            return tuple(tuple(each) for each in value)
        case "pre" | "post":
            if "path" in value:
                return positions_from_file(value, where=f"{where}.{name}")
            return PositionTable(tuple(value["names"]), np.array(value["ids"]), np.array(value["places"]))
        case "bins":
            return tuple(Bin(float(origin), float(width), int(size)) for origin, width, size in value)
        case "table" | "p" if not isinstance(value, int | float):
            return np.array(value, dtype=np.float64)
        case "pre_ids" | "post_ids":
            return np.array(value)
    return value


def _pathways(given: Mapping[str, Any], where: str) -> Pathways:
    _check_names(given, ["by", "rules"], where)
    by, rules = given.get("by", ()), given.get("rules", ())
    if isinstance(rules, str | Mapping) or not all(isinstance(each, Mapping) for each in rules):
        raise OptionError(f"{where}.rules: give a list of {{pre: ..., post: ..., rule: ...}}.")
    found = []
    for number, each in enumerate(rules):
        _check_names(each, ["pre", "post", "rule"], f"{where}.rules.{number}")
        ends = (tuple(end) if isinstance(end, list | tuple) else end for end in (each.get("pre"), each.get("post")))
        found.append((*ends, rule_from_dict(each.get("rule", {}), where=f"{where}.rules.{number}.rule")))
    return Pathways((by,) if isinstance(by, str) else tuple(by), tuple(found))


def _check_names(given: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    for name in given:
        if name not in names:
            raise OptionError(unknown(where, "name", name, names))


def _check_numbers(rule: Any, at_least_0: Sequence[str], free: Sequence[str] = ()) -> None:
    for name in (*at_least_0, *free):
        value = getattr(rule, name)
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)
        if not number or (name in at_least_0 and value < 0):
            wanted = "a number from 0 on" if name in at_least_0 else "a finite number"
            raise OptionError(f"rules.{type(rule).__name__}: {name} is {value!r}; give {wanted}.")


def _as_dict(rule: Any) -> dict[str, Any]:
    return {"kind": type(rule).__name__} | {name: _plain(value) for name, value in asdict(rule).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def _fallen(a: float, b: float, distances: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.minimum(a * np.exp(-b * distances), 1.0) if a else np.where(np.isnan(distances), np.nan, 0.0)


def _distances(pre: pd.DataFrame, post: pd.DataFrame, positions: Sequence[str], where: str) -> np.ndarray:
    ends = [points(nodes, positions, f"{where}.positions") for nodes in (pre, post)]
    squares = np.zeros((len(pre), len(post)))
    for axis in range(len(positions)):
        squares += (ends[1][None, :, axis] - ends[0][:, None, axis]) ** 2
    return np.sqrt(squares)

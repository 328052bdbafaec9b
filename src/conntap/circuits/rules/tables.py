"""Rules of higher order: tables to interpolate in, one rule for each side, a sum of two exponentials, a list of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.rules.features import Bin, Feature, check_features, columns_of, coordinates, kernel_arguments
from conntap.circuits.rules.points import points
from conntap.circuits.rules.values import Rule, _as_dict, _check_numbers, _distances, _plain
from conntap.errors import OptionError

__all__ = ["DoubleExponential", "Interpolated", "Listed", "Sided"]

_MOST_FEATURES = 6


@dataclass(frozen=True)
class DoubleExponential:
    """Second order, complex form: p(d) = a_near exp(-b_near d^power) + a_far exp(-b_far d), at most 1.

    >>> line = pd.DataFrame({"x": [0.0, 10.0]})
    >>> DoubleExponential(0.3, 0.01, 2.0, 0.2, 0.0, positions=("x",)).probabilities(line, line).round(3).tolist()
    [[0.5, 0.31], [0.31, 0.5]]
    """

    a_near: float
    b_near: float
    power: float
    a_far: float
    b_far: float
    positions: tuple[str, ...] = ("x", "y", "z")

    def __post_init__(self) -> None:
        _check_numbers(self, ("a_near", "b_near", "power", "a_far", "b_far"))

    def at(self, distances: np.ndarray) -> np.ndarray:
        """The probability at distances in um."""
        near = self.a_near * np.exp(-self.b_near * distances**self.power)
        return np.minimum(near + self.a_far * np.exp(-self.b_far * distances), 1.0)

    def probabilities(self, pre: pd.DataFrame, post: pd.DataFrame) -> np.ndarray:
        """By the distance of each pair: shape (pre, post)."""
        return self.at(_distances(pre, post, self.positions, "rules.DoubleExponential"))

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values."""
        return _as_dict(self)


@dataclass(frozen=True)
class Sided:
    """Third order of any form: one rule where post - pre on an axis is negative, one where positive, their mean at 0.

    >>> from conntap.circuits.rules.values import Constant
    >>> line = pd.DataFrame({"y": [0.0, 1.0]})
    >>> Sided(Constant(0.1), Constant(0.3)).probabilities(line, line).tolist()
    [[0.2, 0.3], [0.1, 0.2]]
    """

    negative: Rule
    positive: Rule
    axis: str = "y"

    def __post_init__(self) -> None:
        if not all(hasattr(each, "probabilities") for each in (self.negative, self.positive)):
            raise OptionError("rules.Sided: give two rules.")

    def probabilities(self, pre: pd.DataFrame, post: pd.DataFrame) -> np.ndarray:
        """By the rule of each pair's side: shape (pre, post)."""
        heights = [points(each, [self.axis], "rules.Sided.axis")[:, 0] for each in (pre, post)]
        step = heights[1][None, :] - heights[0][:, None]
        less, more = (rule.probabilities(pre, post) for rule in (self.negative, self.positive))
        return np.where(step < 0, less, np.where(step > 0, more, np.where(step == 0, (less + more) / 2, np.nan)))

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values."""
        rules = {"negative": self.negative.to_dict(), "positive": self.positive.to_dict()}
        return {"kind": "Sided", **rules, "axis": self.axis}


@dataclass(frozen=True, eq=False)
class Interpolated:
    """Fourth and fifth order: a table over what is told of a pair, linear between the middles of its bins.

    Beyond the middles of the outer bins the probability stays as there, outside the bins it is 0.

    Parameters
    ----------
    features
        What is told of a pair: ("offset", "x") for post - pre, ("place", "x") of the pre node, ("distance", "x", "y")
        over some axes, ("side", "y") for the sign of post - pre.
    bins
        The bins of each: where the first begins, its width, how many.
    table
        The probability in each: float64 of their shape.

    >>> rule = Interpolated((("offset", "x"),), (Bin(-10.0, 10.0, 2),), np.array([0.0, 0.4]))
    >>> line = pd.DataFrame({"x": [0.0, 5.0, 30.0]})
    >>> rule.probabilities(line[:1], line).tolist()
    [[0.2, 0.4, 0.0]]
    """

    features: tuple[Feature, ...]
    bins: tuple[Bin, ...]
    table: np.ndarray

    def __post_init__(self) -> None:
        where = "rules.Interpolated"
        check_features(self.features, f"{where}.features")
        table = np.ascontiguousarray(self.table, dtype=np.float64)
        if not 1 <= len(self.features) == len(self.bins) <= _MOST_FEATURES:
            raise OptionError(
                f"{where}: {len(self.features)} features and {len(self.bins)} kinds of bins; give 1 to {_MOST_FEATURES}, "
                "bins for each."
            )
        for each in self.bins:
            if not (np.isfinite([each.origin, each.width]).all() and each.width > 0 and each.size > 0):
                raise OptionError(f"{where}.bins: {each}; give a finite origin, a width above 0 and 1 bin or more.")
        if table.shape != tuple(each.size for each in self.bins):
            raise OptionError(f"{where}.table: shape {table.shape} for bins {tuple(each.size for each in self.bins)}.")
        if not ((table >= 0) & (table <= 1)).all():
            raise OptionError(f"{where}.table: it holds what is no probability; give numbers from 0 to 1.")
        table.flags.writeable = False
        object.__setattr__(self, "table", table)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Interpolated):
            return NotImplemented
        same = (self.features, self.bins) == (other.features, other.bins)
        return same and np.array_equal(self.table, other.table)

    __hash__ = None  # type: ignore[assignment]

    def probabilities(self, pre: pd.DataFrame, post: pd.DataFrame) -> np.ndarray:
        """Interpolated for each pair: shape (pre, post)."""
        from conntap.circuits.rules._pair_kernels import interpolate

        names = columns_of(self.features)
        ends = [coordinates(nodes, names, "rules.Interpolated") for nodes in (pre, post)]
        found = np.empty((len(pre), len(post)))
        interpolate(*kernel_arguments(self.features, self.bins, names), self.table.ravel(), *ends, found)
        return found

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values."""
        bins = [[each.origin, each.width, each.size] for each in self.bins]
        return {"kind": "Interpolated", "features": _plain(self.features), "bins": bins, "table": self.table.tolist()}


@dataclass(frozen=True, eq=False)
class Listed:
    """A look-up: the probability of each listed pair of node ids, 0 for all others.

    Parameters
    ----------
    pre_ids, post_ids
        Shape (pairs,): ids of both ends, whole numbers or text; no pair twice.
    p
        Shape (pairs,): the probability of each; default 1.

    >>> rule = Listed(np.array(["a"]), np.array(["b"]))
    >>> nodes = pd.DataFrame(index=["a", "b"])
    >>> rule.probabilities(nodes, nodes).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """

    pre_ids: np.ndarray
    post_ids: np.ndarray
    p: np.ndarray | None = None

    def __post_init__(self) -> None:
        pre, post = (_ids(each) for each in (self.pre_ids, self.post_ids))
        p = np.ones(len(pre)) if self.p is None else np.array(self.p, dtype=np.float64)
        if not (len(pre) == len(post) == len(p)) or p.ndim != 1:
            raise OptionError(f"rules.Listed: {len(pre)} pre ids, {len(post)} post ids, {len(p)} probabilities.")
        if not ((p >= 0) & (p <= 1)).all():
            raise OptionError("rules.Listed.p: it holds what is no probability; give numbers from 0 to 1.")
        twice = int(pd.MultiIndex.from_arrays([pre, post]).duplicated().sum()) if len(pre) else 0
        if twice:
            raise OptionError(f"rules.Listed: {twice} pairs stand there twice; give each once.")
        for name, value in (("pre_ids", pre), ("post_ids", post), ("p", p)):
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Listed):
            return NotImplemented
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in ("pre_ids", "post_ids", "p"))

    __hash__ = None  # type: ignore[assignment]

    def probabilities(self, pre: pd.DataFrame, post: pd.DataFrame) -> np.ndarray:
        """Looked up for each pair: shape (pre, post)."""
        found = np.zeros((len(pre), len(post)))
        rows, columns = pre.index.get_indexer(self.pre_ids), post.index.get_indexer(self.post_ids)
        there = (rows >= 0) & (columns >= 0)
        found[rows[there], columns[there]] = self.p[there]
        return found

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values."""
        return {"kind": "Listed"} | {name: getattr(self, name).tolist() for name in ("pre_ids", "post_ids", "p")}


def _ids(values: Any) -> np.ndarray:
    """Ids as whole numbers or fixed-width text."""
    found = np.array(values)
    if found.dtype.kind == "O":
        found = found.astype(str)
    if found.dtype.kind not in "iuU" and len(found):
        raise OptionError(f"rules.Listed: ids of type {found.dtype}; give whole numbers or text.")
    return found

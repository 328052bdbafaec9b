"""How types of cells are told: how many of each, and what holds from each to each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from conntap.circuits.rules.distributions import Distribution, Fixed, distribution_from_dict
from conntap.errors import OptionError, finite, one_of, real, unknown, whole

__all__ = ["Counts", "Drawn", "Shares", "counts_of", "numbers_of", "shares_of", "weights_of"]

_MOST_NODES = 2**31 - 1
_MOST_SHARE = 1e300  # so that they add up to a number
_MIDDLES = (np.arange(256) + 0.5) / 256


@dataclass(frozen=True)
class Shares:
    """So many cells, of types in proportions.

    Parameters
    ----------
    n_nodes
        How many cells in all.
    proportions
        Type -> its share, of whatever the shares add up to.
    assign
        "exact": counts as near to the proportions as whole numbers go (largest remainders; the first type where equal);
        "drawn": each cell's type is drawn by itself.
    """

    n_nodes: int
    proportions: dict[str, float]
    assign: Literal["exact", "drawn"] = "exact"


Counts = dict[str, int] | Shares
Drawn = dict[str, str | float | list[float] | list[str]]
"""A distribution as plain values: {kind: gamma, mean: 2.0, sd: 1.0}."""


def counts_of(counts: Counts | Mapping[str, Any], rng: np.random.Generator, where: str) -> dict[str, int]:
    """Type -> how many cells.

    >>> counts_of(Shares(101, {"a": 1, "b": 1, "c": 1}), np.random.default_rng(0), "typed.counts")
    {'a': 34, 'b': 34, 'c': 33}
    """
    if isinstance(counts, Mapping) and isinstance(counts.get("proportions"), Mapping):
        odd = [name for name in counts if name not in Shares.__dataclass_fields__]
        if odd or "n_nodes" not in counts:
            raise OptionError(f"{where}: {dict(counts)!r}; give n_nodes and proportions, and assign, nothing else.")
        counts = Shares(**counts)
    if not isinstance(counts, Shares):
        if not isinstance(counts, Mapping):
            raise OptionError(f"{where}: {counts!r}; give type -> number of cells, or n_nodes with proportions.")
        for name, count in counts.items():
            if not finite(count) or int(count) != count or count < 0:
                raise OptionError(f"{where}.{name}: {count!r}; give a whole number from 0 on.")
        _check_size(sum(int(count) for count in counts.values()), where)
        return _named({name: int(count) for name, count in counts.items()}, where)
    whole(f"{where}.n_nodes", counts.n_nodes, 0)
    _check_size(counts.n_nodes, f"{where}.n_nodes")
    one_of(f"{where}.assign", counts.assign, ("exact", "drawn"))
    shares = shares_of(counts.proportions, f"{where}.proportions")
    if counts.assign == "drawn":
        found = rng.multinomial(counts.n_nodes, list(shares.values()))
    else:
        quotas = counts.n_nodes * np.array(list(shares.values()))
        found = np.floor(quotas + 1e-9).astype(np.int64)
        order = np.argsort(-np.round(quotas - found, 9), kind="stable")
        found[order[: counts.n_nodes - int(found.sum())]] += 1
    return dict(zip(shares, map(int, found), strict=True))


def _check_size(n_nodes: int, where: str) -> None:
    if n_nodes > _MOST_NODES:
        raise OptionError(f"{where}: {n_nodes} cells; give up to {_MOST_NODES}.")


def _named(values: Mapping[Any, Any], where: str) -> dict[str, Any]:
    """The same under names that are texts, each once."""
    found = {str(name): value for name, value in values.items()}
    if len(found) < len(values):
        raise OptionError(f"{where}: two types of one name among {list(values)}. Give each a name of its own.")
    return found


def shares_of(proportions: Mapping[str, float], where: str) -> dict[str, float]:
    """The same, adding up to 1.

    >>> shares_of({"E": 4, "I": 1}, "example")
    {'E': 0.8, 'I': 0.2}
    """
    if not isinstance(proportions, Mapping):
        raise OptionError(f"{where}: {proportions!r}; give type -> share.")
    for name, share in proportions.items():
        real(f"{where}.{name}", share, least=0, most=_MOST_SHARE)
    total = math.fsum(proportions.values())
    if not total > 0:
        raise OptionError(f"{where}: they add up to {total:g}; give at least one above 0.")
    return _named({name: share / total for name, share in proportions.items()}, where)


def numbers_of(given: Any, types: Sequence[str], where: str, *, otherwise: float = 0.0, most: float = math.inf) -> Any:
    """A number from each type to each: float64, shape (types, types); of one for all, by pre, by pre and post, or a matrix.

    >>> numbers_of({"E": 0.1, "I": {"E": 0.2}}, ["E", "I"], "example").tolist()
    [[0.1, 0.1], [0.2, 0.0]]
    """
    table = np.full((len(types), len(types)), float(otherwise))
    for row, column, value in _cells(given, types, where):
        table[row, column] = _number(value, (types[row], types[column]), most, where)
    return table


def weights_of(
    given: Any, types: Sequence[str], where: str
) -> tuple[np.ndarray, list[Distribution | None], np.ndarray]:
    """From each type to each the mean weight, and the place of its distribution in the list; None there: a plain number.

    >>> means, kinds, which = weights_of({"E": {"kind": "gamma", "mean": 2.0, "sd": 0.0}}, ["E", "I"], "example")
    >>> means.tolist(), kinds, which.tolist()
    ([[2.0, 2.0], [1.0, 1.0]], [None, Gamma(mean=2.0, sd=0.0)], [[1, 1], [0, 0]])
    """
    means = np.ones((len(types), len(types)))
    which, kinds, places = np.zeros(means.shape, dtype=np.int64), [None], {}
    for row, column, value in _cells(given, types, where):
        if not (_is_distribution(value) or hasattr(value, "quantiles")):
            means[row, column] = _number(value, (types[row], types[column]), math.inf, where)
            which[row, column] = 0
            continue
        if id(value) not in places:
            place = f"{where}.{types[row]}"
            found = distribution_from_dict(value, where=place) if isinstance(value, Mapping) else value
            numbers = found.quantiles(_MIDDLES)
            if numbers.dtype.kind not in "iuf":
                raise OptionError(f"{place}: {found} gives text; give a distribution of numbers.")
            places[id(value)] = len(kinds), float(found.value if isinstance(found, Fixed) else numbers.mean())
            kinds.append(found)
        which[row, column], means[row, column] = places[id(value)]
    return means, kinds, which


def _number(value: Any, block: tuple[str, str], most: float, where: str) -> float:
    """A finite number, from 0 on where it has a highest."""
    if not finite(value) or (most < math.inf and not 0 <= value <= most):
        wish = f"from 0 to {most:g}" if most < math.inf else "that is finite"
        raise OptionError(f"{where}: {value} from {block[0]} to {block[1]}; give a number {wish}.")
    return float(value)


def _cells(given: Any, types: Sequence[str], where: str) -> Any:
    """(row, column, value) of what is given for all, by pre type, by both, or as a matrix."""
    if isinstance(given, list | tuple | np.ndarray):
        if len(given) != len(types) or any(np.ndim(row) == 0 or len(row) != len(types) for row in given):
            raise OptionError(f"{where}: give a matrix of {len(types)} rows (pre) of {len(types)} numbers (post).")
        return [(row, column, value) for row, line in enumerate(given) for column, value in enumerate(line)]
    places = {name: place for place, name in enumerate(types)}
    found = []
    for pre, row in (given if _is_table(given) else dict.fromkeys(types, given)).items():
        if pre not in places:
            raise OptionError(unknown(where, "type", pre, types))
        for post, value in (row if _is_table(row) else dict.fromkeys(types, row)).items():
            if post not in places:
                raise OptionError(unknown(f"{where}.{pre}", "type", post, types))
            found.append((places[pre], places[post], value))
    return found


def _is_distribution(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("kind"), str)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and not _is_distribution(value)

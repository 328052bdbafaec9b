"""The tables of a fit of connection probability: its numbers, the data beside it, and what it foretells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.rules.counting import Counts
from conntap.circuits.rules.features import Feature
from conntap.circuits.rules.tables import DoubleExponential, Interpolated, Sided
from conntap.circuits.rules.values import Bipolar, Constant, Exponential

__all__ = ["bins_table", "expected", "index_of", "numbers_table", "validation_table"]

_SIDES = ("negative", "zero", "positive")


def index_of(names: tuple[pd.Index, pd.Index], by: Sequence[str]) -> pd.MultiIndex | None:
    """All pathways, in the order of counts; None where there are no groups."""
    if not by:
        return None
    pre, post = (each.to_list() if len(by) > 1 else [(value,) for value in each] for each in names)
    rows = [(*one, *other) for one in pre for other in post]
    levels = [f"pre_{name}" for name in by] + [f"post_{name}" for name in by]
    return (
        pd.MultiIndex.from_tuples(rows, names=levels)
        if rows
        else pd.MultiIndex.from_arrays([[]] * len(levels), names=levels)
    )


def expected(rule: Any, distances: np.ndarray) -> np.ndarray:
    """What a rule says in the cells of counts: of shape (bins,), with a side before it for the third order."""
    match rule:
        case Constant():
            return np.array(rule.p)
        case Exponential():
            return _fall(rule.a, rule.b, distances)
        case DoubleExponential():
            return rule.at(distances)
        case Interpolated():
            return rule.table
        case Bipolar():
            sides = (
                _fall(rule.a_negative, rule.b_negative, distances),
                _fall(rule.a_positive, rule.b_positive, distances),
            )
        case Sided():
            sides = rule.negative.at(distances), rule.positive.at(distances)
        case _:
            raise TypeError(f"{type(rule).__name__} is not fitted to counts")
    return np.stack([sides[0], (sides[0] + sides[1]) / 2, sides[1]])


def numbers_table(fits: Sequence[Any], others: Sequence[Sequence[Any]], pathways: pd.MultiIndex | None) -> pd.DataFrame:
    """Each number with its errors, by pathway and parameter."""
    names = list(fits[0].errors) if fits else []
    columns = {
        "value": [value for each in fits for value in each.values().values()],
        "error": [error for each in fits for error in each.errors.values()],
    }
    if others and names:
        without = np.array([[value for each in part for value in each.values().values()] for part in others])
        columns["fold_error"] = np.sqrt((len(without) - 1) * without.var(axis=0))
    table = pd.DataFrame(columns, dtype=np.float64)
    parameters = pd.Index(names, dtype="str", name="parameter")
    if pathways is None:
        return table.set_index(parameters)
    rows = [(*pathway, name) for pathway in pathways for name in names]
    levels = [*pathways.names, "parameter"]
    return table.set_index(
        pd.MultiIndex.from_tuples(rows, names=levels)
        if rows
        else pd.MultiIndex.from_arrays([[]] * len(levels), names=levels)
    )


def bins_table(
    fits: Sequence[Any],
    counts: Counts,
    features: Sequence[Feature],
    names: Sequence[str],
    pathways: pd.MultiIndex | None,
    wide: int,
) -> pd.DataFrame:
    """Pairs, connections, probability with its error, and what the rule says, of each cell that holds pairs.

    Narrow bins of distance are put together, `wide` of them; what the rule says is the mean over their pairs.
    """
    shape = (max(1, len(fits)), *(each.size for each in counts.bins))
    if not fits:
        return pd.DataFrame(columns=["pairs", "connections", "probability", "error", "fitted"])
    pairs, connections = counts.pairs.reshape(shape), counts.connections.reshape(shape)
    distances = counts.bins[-1].middles() if counts.bins else np.zeros(1)
    foretold = np.stack([n * expected(each.rule, distances) for n, each in zip(pairs, fits, strict=True)])
    if wide > 1:
        pairs, connections, foretold = (
            each.reshape(*shape[:-1], shape[-1] // wide, wide).sum(axis=-1) for each in (pairs, connections, foretold)
        )
    cells = np.nonzero(pairs)
    n, k = pairs[cells], connections[cells]
    q = (k + 0.5) / (n + 1)
    table = pd.DataFrame({"pairs": n, "connections": k, "probability": k / n, "error": np.sqrt(q * (1 - q) / n)})
    table["fitted"] = foretold[cells] / n
    levels: dict[str, Any] = {}
    if pathways is not None:
        levels |= {name: pathways.get_level_values(name).take(cells[0]) for name in pathways.names}
    for number, (feature, name, each) in enumerate(zip(features, names, counts.bins, strict=True)):
        middles = each.middles().reshape(-1, wide).mean(axis=1) if number == len(names) - 1 else each.middles()
        levels[name] = np.array(_SIDES)[cells[number + 1]] if feature[0] == "side" else middles[cells[number + 1]]
    if not levels:
        return table
    if len(levels) == 1:
        return table.set_index(pd.Index(next(iter(levels.values())), name=next(iter(levels))))
    return table.set_index(pd.MultiIndex.from_arrays(list(levels.values()), names=list(levels)))


def validation_table(others: Sequence[Sequence[Any]], counts: Counts) -> pd.DataFrame:
    """By fold: the pairs that have a node of it, the connections among them, how many were expected, and the gain over one
    probability for all, in bits a connection."""
    rows = []
    distances = counts.bins[-1].middles() if counts.bins else np.zeros(1)
    shape = (-1, *(each.size for each in counts.bins))
    for fits, (pairs, connections) in zip(others, counts.without, strict=True):
        n, k = (counts.pairs - pairs).reshape(shape), (counts.connections - connections).reshape(shape)
        p = (
            np.stack([np.broadcast_to(expected(each.rule, distances), n.shape[1:]) for each in fits])
            if len(fits)
            else n
        )
        least = 1 / (pairs.sum() + 1.0)
        flat = np.clip(connections.sum() / max(1, pairs.sum()), least, 1 - least)
        gain = _likelihood(n, k, np.clip(p, least, 1 - least)) - _likelihood(n, k, flat)
        total = int(k.sum())
        rows.append((int(n.sum()), total, float((n * p).sum()), gain / np.log(2) / total if total else np.nan))
    names = ["pairs", "connections", "expected", "gain_bits"]
    index = pd.RangeIndex(len(rows), name="fold")
    types = {"pairs": np.int64, "connections": np.int64, "expected": np.float64, "gain_bits": np.float64}
    return pd.DataFrame(rows, columns=names, index=index).astype(types)


def _likelihood(n: np.ndarray, k: np.ndarray, p: Any) -> float:
    return float((k * np.log(p) + (n - k) * np.log1p(-p)).sum())


def _fall(a: float, b: float, distances: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.minimum(a * np.exp(-b * distances), 1.0) if a else np.zeros(len(distances))

"""Networks of types of cells, wired at random from type to type."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, unknown

__all__ = ["typed"]


def typed(
    *,
    counts: dict[str, int],
    probability: float | dict[str, float | dict[str, float]] | None = None,
    n_edges: int | dict[str, int | dict[str, int]] | None = None,
    weight: float | dict[str, float | dict[str, float]] = 1.0,
    weight_spread: float = 0.5,
    delay_ms: float | tuple[float, float] = (1.0, 3.0),
    rng: np.random.Generator,
) -> Connectome:
    """Wire types of cells at random: from each type to each with a probability, or a number, of connections of its own.

    Within a block (from a type to a type) all pairs of different cells are equally likely, at most one edge a pair.

    Parameters
    ----------
    counts
        Type -> number of its cells. Ids run from 0 in this order.
    probability
        Of a connection: one for all, or by pre type, or by pre type and post type; types left out have none.
    n_edges
        Instead: how many connections in each block, exactly. One number counts for each block.
    weight
        The mean weight, in mV: one for all, or by pre type, or by pre and post type; negative ones inhibit.
    weight_spread
        Standard deviation of the logarithm of the weights' sizes; 0: all of a block are equal.
    delay_ms
        One delay, or a range in which delays lie evenly.
    rng
        The source of randomness; equal states give equal networks.

    Returns
    -------
    A square connectome. Nodes: `type` and `ei` ("i" where the mean weight of a type's blocks is negative). Edges sorted by
    pre, then post: `weight`, `delay_ms`.

    Raises
    ------
    OptionError
        A number out of range, an unknown type, more edges than pairs, or not just one of `probability` and `n_edges`.

    Notes
    -----
    Time and memory grow with nodes and edges, not with pairs.

    Examples
    --------
    >>> c = typed(counts={"E": 120, "I": 30}, probability=0.1, weight={"E": 1.0, "I": -5.0},
    ...           rng=np.random.default_rng(1))
    >>> c
    Connectome('typed': 150 nodes, 2,244 edges; node properties: type, ei; edge properties: weight, delay_ms)
    """
    sizes = _sizes(counts)
    if (probability is None) == (n_edges is None):
        raise OptionError("typed: give probability, or n_edges, one of them.")
    density = _blocks("probability", probability, sizes, 0.0) if n_edges is None else None
    numbers = None if n_edges is None else _blocks("n_edges", n_edges, sizes, 0.0)
    means = _blocks("weight", weight, sizes, 1.0)
    low, high = _delays(delay_ms)
    if not (math.isfinite(weight_spread) and weight_spread >= 0):
        raise OptionError(f"typed.weight_spread: {weight_spread}; give a number from 0 on.")
    starts = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))
    found = [(np.empty(0, dtype=np.int64),) * 2 + (np.empty(0),)]
    for (pre, post), mean in means.items():
        n_pairs = sizes[pre] * (sizes[post] - (pre == post))
        number = _number(n_pairs, (pre, post), density, numbers, rng)
        pairs = rng.choice(n_pairs, number, replace=False, shuffle=False) if number else np.empty(0, dtype=np.int64)
        found.append((*_ends(pairs, sizes[post], pre == post, starts[pre], starts[post]), np.full(number, mean)))
    ends_pre, ends_post, weights = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.lexsort((ends_post, ends_pre))
    weights = weights[order] * np.exp(rng.normal(-(weight_spread**2) / 2, weight_spread, len(weights)))
    properties = {"weight": weights, "delay_ms": rng.uniform(low, high, len(weights))}
    return Connectome(_nodes(sizes, means), ends_pre[order], ends_post[order], properties=properties, name="typed")


def _sizes(counts: Mapping[str, int]) -> dict[str, int]:
    for name, count in counts.items():
        if isinstance(count, bool | str) or int(count) != count or count < 0:
            raise OptionError(f"typed.counts.{name}: {count!r}; give a whole number from 0 on.")
    return {str(name): int(count) for name, count in counts.items()}


def _blocks(
    option: str, given: float | Mapping[str, float | Mapping[str, float]], sizes: Mapping[str, int], otherwise: float
) -> dict[tuple[str, str], float]:
    """(pre type, post type) -> number, of one for all, by pre, or by pre and post."""
    table = dict.fromkeys(((pre, post) for pre in sizes for post in sizes), float(otherwise))
    rows = given if isinstance(given, Mapping) else dict.fromkeys(sizes, given)
    for pre, row in rows.items():
        if pre not in sizes:
            raise OptionError(unknown(f"typed.{option}", "type", pre, sizes))
        for post, value in (row if isinstance(row, Mapping) else dict.fromkeys(sizes, row)).items():
            if post not in sizes:
                raise OptionError(unknown(f"typed.{option}.{pre}", "type", post, sizes))
            if isinstance(value, str) or not math.isfinite(value) or (option == "probability" and not 0 <= value <= 1):
                wish = "from 0 to 1" if option == "probability" else "that is finite"
                raise OptionError(f"typed.{option}: {value} from {pre} to {post}; give a number {wish}.")
            table[pre, post] = float(value)
    return table


def _number(
    n_pairs: int,
    block: tuple[str, str],
    density: Mapping[tuple[str, str], float] | None,
    numbers: Mapping[tuple[str, str], float] | None,
    rng: np.random.Generator,
) -> int:
    """How many connections a block of so many pairs gets."""
    if numbers is None:
        return int(rng.binomial(max(0, n_pairs), density[block]))
    if not 0 <= numbers[block] <= max(0, n_pairs) or numbers[block] != int(numbers[block]):
        raise OptionError(
            f"typed.n_edges: {numbers[block]:g} from {block[0]} to {block[1]}, which have {max(0, n_pairs)} pairs. Give a "
            "whole number up to that."
        )
    return int(numbers[block])


def _ends(pairs: np.ndarray, n_post: int, same: bool, first_pre: int, first_post: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of pairs that are numbered row by row, without the diagonal in a block of one type."""
    pre, post = np.divmod(pairs, max(1, n_post - same))
    if same:
        post = post + (post >= pre)
    return pre + first_pre, post + first_post


def _delays(delay_ms: float | tuple[float, float]) -> tuple[float, float]:
    low, high = delay_ms if np.shape(delay_ms) == (2,) else (delay_ms, delay_ms)
    if np.ndim(high) or not (math.isfinite(high) and 0 <= low <= high):
        raise OptionError(f"typed.delay_ms: {delay_ms}; give a time from 0 on, or a range of two.")
    return float(low), float(high)


def _nodes(sizes: Mapping[str, int], means: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    signs = {pre: sum(means[pre, post] for post in sizes) for pre in sizes}
    types = np.repeat(np.array(list(sizes), dtype=object), list(sizes.values()))
    ei = ["i" if signs[each] < 0 else "e" for each in types]
    return pd.DataFrame(
        {
            "type": pd.Categorical(types, categories=list(sizes)),
            "ei": pd.Categorical(ei, categories=["e", "i"]),
        }
    )

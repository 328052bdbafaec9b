"""Networks of types of cells, wired at random from type to type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from conntap.build.block_options import Counts, Drawn, counts_of, numbers_of, weights_of
from conntap.circuits.connectome import Connectome
from conntap.circuits.rules.distributions import Distribution
from conntap.errors import OptionError, finite, one_of, real, unknown
from conntap.topology.grouping import order_by_ends
from conntap.topology.subsets import distinct_in

__all__ = ["typed"]

_MOST_EDGES = 2**31
_WIDEST = 20.0  # of the logarithm of weights


def typed(
    *,
    counts: Counts,
    probability: float | list[list[float]] | dict[str, float | dict[str, float]] | None = None,
    n_edges: int | list[list[int]] | dict[str, int | dict[str, int]] | None = None,
    weight: float | Drawn | list[list[float | Drawn]] | dict[str, float | Drawn | dict[str, float | Drawn]] = 1.0,
    weight_spread: float = 0.5,
    delay_ms: float | tuple[float, float] = (1.0, 3.0),
    inhibitory: dict[str, float] | None = None,
    autapses: Literal["no", "yes"] = "no",
    rng: np.random.Generator,
) -> Connectome:
    """Wire types of cells at random: from each type to each with a probability, or a number, of connections of its own.

    Within a block (from a type to a type) all pairs are equally likely, at most one edge a pair.

    Parameters
    ----------
    counts
        Type -> number of its cells; or {n_nodes: 1000, proportions: {E: 0.8, I: 0.2}} (a `Shares`), where `assign: drawn` draws
        each cell's type in place of taking the nearest counts. Ids run from 0 in the order of types.
    probability
        Of a connection: one for all, or by pre type, or by pre type and post type (types left out have none), or a matrix of
        rows by pre type, in the order of `counts`.
    n_edges
        Instead: how many connections in each block, exactly, in the same forms. One number counts for each block.
    weight
        The mean weight, in mV, in the same forms (1 where left out); negative ones inhibit. In place of any number a
        distribution, as {kind: gamma, mean: 2.0, sd: 1.0}: constant, normal, truncnorm, gamma, poisson, ztpoisson, discrete.
    weight_spread
        Standard deviation of the logarithm of the weights' sizes, up to 20, where no distribution is given; 0: all of a block are
        equal.
    delay_ms
        One delay, or a range in which delays lie evenly.
    inhibitory
        Type -> chance of a cell to be inhibitory (0 where left out). Then the sign of a weight is that of its pre cell, and
        `weight` gives its size alone.
    autapses
        Whether a cell may connect to itself.
    rng
        The source of randomness; equal states give equal networks.

    Returns
    -------
    A square connectome. Nodes: `type` and `ei` ("i" where a cell is inhibitory, or else the mean weight of a type's blocks is
    negative). Edges sorted by pre, then post: `weight`, `delay_ms`.

    Raises
    ------
    OptionError
        A number out of range, an unknown type, a matrix of another shape, more edges than pairs, too many
        edges, or not just one of `probability` and `n_edges`.

    Notes
    -----
    Some 0.3 us and 100 bytes an edge; time and memory grow with nodes and edges, not with pairs.

    Examples
    --------
    >>> c = typed(counts={"E": 120, "I": 30}, probability=[[0.1, 0.1], [0.1, 0.1]], weight={"E": 1.0, "I": -5.0},
    ...           rng=np.random.default_rng(1))
    >>> c.n_nodes, sorted(c.properties), c.nodes["ei"].value_counts().to_dict()
    (150, ['delay_ms', 'weight'], {'e': 120, 'i': 30})
    """
    one_of("typed.autapses", autapses, ("no", "yes"))
    sizes = counts_of(counts, rng, "typed.counts")
    types, n = list(sizes), np.array(list(sizes.values()), dtype=np.int64)
    means, kinds, which = weights_of(weight, types, "typed.weight")
    low, high = _delays(delay_ms)
    real("typed.weight_spread", weight_spread, least=0, most=_WIDEST)
    widths = np.broadcast_to(n, (len(n), len(n))) - (np.diag(np.minimum(n, 1)) if autapses == "no" else 0)
    numbers = _numbers(probability, n_edges, types, n[:, None] * widths, rng)
    pre, post, block = _wired(n, widths, numbers, rng)
    nodes, signs = _nodes(sizes, means, inhibitory, rng)
    weights = _weights(block, means.ravel(), which.ravel(), kinds, weight_spread, rng)
    weights = weights if signs is None else np.abs(weights) * signs[pre]
    properties = {"weight": weights, "delay_ms": rng.uniform(low, high, len(weights))}
    return Connectome(nodes, pre, post, properties=properties, name="typed")


def _numbers(
    probability: object, n_edges: object, types: Sequence[str], n_pairs: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """How many connections each block of so many pairs gets: int64, shape (types, types)."""
    if (probability is None) == (n_edges is None):
        raise OptionError("typed: give probability, or n_edges, one of them.")
    if n_edges is None:
        chances = numbers_of(probability, types, "typed.probability", most=1.0)
        _check_size(float((chances * n_pairs).sum()))
        return rng.binomial(n_pairs, chances)
    numbers = numbers_of(n_edges, types, "typed.n_edges")
    for row, column in np.argwhere((numbers < 0) | (numbers > n_pairs) | (numbers != np.floor(numbers)))[:1]:
        raise OptionError(
            f"typed.n_edges: {numbers[row, column]:g} from {types[row]} to {types[column]}, which have "
            f"{n_pairs[row, column]} pairs. Give a whole number up to that."
        )
    _check_size(float(numbers.sum()))
    return numbers.astype(np.int64)


def _check_size(n_edges: float) -> None:
    if n_edges >= _MOST_EDGES:
        raise OptionError(f"typed: {n_edges:.2g} connections are more than a connectome holds. Give fewer.")


def _wired(
    n: np.ndarray, widths: np.ndarray, numbers: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both ends of each connection and its block, sorted by ends. Pairs of a block are numbered row by row, without the
    diagonal where its width lacks one."""
    n_pairs, rows = (n[:, None] * widths).ravel(), np.int32 if n.sum() < 2**31 else np.int64
    codes = distinct_in(n_pairs, numbers.ravel(), rng)
    block = np.repeat(np.arange(numbers.size, dtype=np.int32), numbers.ravel())
    codes -= (np.cumsum(n_pairs) - n_pairs)[block]
    width = widths.ravel()[block]
    pre = codes // np.maximum(width, 1)
    codes -= pre * width
    lacks_diagonal = (widths < n).ravel()[block]
    codes += lacks_diagonal & (codes >= pre)
    starts = np.cumsum(n) - n
    pre += np.repeat(starts, len(n))[block]
    codes += np.tile(starts, len(n))[block]
    pre, post = pre.astype(rows), codes.astype(rows)
    order = order_by_ends(pre, post, max(1, int(n.sum())), max(1, int(n.sum())))
    return pre[order], post[order], block[order]


def _weights(
    block: np.ndarray,
    means: np.ndarray,
    which: np.ndarray,
    kinds: Sequence[Distribution | None],
    spread: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """By the mean of each edge's block, or its distribution."""
    weights = means[block]
    if len(kinds) == 1:
        weights *= np.exp(rng.normal(-(spread**2) / 2, spread, len(weights)))
        return weights
    kind = which[block]
    for number, each in enumerate(kinds):
        own = np.flatnonzero(kind == number)
        if each is None:
            weights[own] *= np.exp(rng.normal(-(spread**2) / 2, spread, len(own)))
        else:
            weights[own] = each.quantiles(rng.random(len(own)))
    return weights


def _delays(delay_ms: float | tuple[float, float]) -> tuple[float, float]:
    is_range = isinstance(delay_ms, Sequence | np.ndarray) and not isinstance(delay_ms, str) and len(delay_ms) == 2
    low, high = delay_ms if is_range else (delay_ms, delay_ms)
    if not (finite(low) and finite(high) and 0 <= low <= high):
        raise OptionError(f"typed.delay_ms: {delay_ms}; give a time from 0 on, or a range of two.")
    return float(low), float(high)


def _nodes(
    sizes: Mapping[str, int], means: np.ndarray, inhibitory: Mapping[str, float] | None, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray | None]:
    """The table of nodes, and the sign of each where signs are drawn."""
    type_of = np.repeat(np.arange(len(sizes)), list(sizes.values()))
    chances = np.zeros(len(sizes))
    if not isinstance(inhibitory, Mapping | None):
        raise OptionError(f"typed.inhibitory: {inhibitory!r}; give type -> chance of a cell to be inhibitory.")
    for name, chance in (inhibitory or {}).items():
        if name not in sizes:
            raise OptionError(unknown("typed.inhibitory", "type", name, sizes))
        real(f"typed.inhibitory.{name}", chance, least=0, most=1)
        chances[list(sizes).index(name)] = chance
    if inhibitory is None:
        is_inhibitory = (means.sum(axis=1) < 0)[type_of]
    else:
        is_inhibitory = rng.random(len(type_of)) < chances[type_of]
    nodes = pd.DataFrame(
        {
            "type": pd.Categorical.from_codes(type_of, categories=list(sizes)),
            "ei": pd.Categorical.from_codes(is_inhibitory.astype(np.int8), categories=["e", "i"]),
        }
    )
    return nodes, None if inhibitory is None else np.where(is_inhibitory, -1.0, 1.0)

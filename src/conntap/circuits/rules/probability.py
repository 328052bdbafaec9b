"""Fitting rules of connection probability, of order 1 to 5, to a connectome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.rules.binning import TABLES, Shape, bins_of, put_together, read_shape
from conntap.circuits.rules.complex_fit import fit_double
from conntap.circuits.rules.counting import Counts, count, ends_of
from conntap.circuits.rules.features import ORDERS, Bin, Feature, feature_names, features_of
from conntap.circuits.rules.fitted import Fitted
from conntap.circuits.rules.fitting import Fit, fit
from conntap.circuits.rules.probability_tables import bins_table, index_of, numbers_table, validation_table
from conntap.circuits.rules.smoothing import smoothed
from conntap.circuits.rules.tables import Interpolated, Listed, Sided
from conntap.circuits.rules.values import Pathways
from conntap.errors import OptionError, unknown, whole

__all__ = ["fit_probability"]

Order = Literal[1, 2, "2-complex", 3, "3-complex", 4, "4-reduced", 5, "5-reduced", "listed"]


def fit_probability(
    connectome: Connectome,
    *,
    order: Order = 2,
    positions: Sequence[str] = ("x", "y", "z"),
    axis: str = "y",
    by: str | Sequence[str] | None = None,
    bins: dict[str, float] | None = None,
    folds: int | None = None,
    sample: int | None = None,
    threads: int = 1,
    rng: np.random.Generator | None = None,
) -> Fitted:
    """Fit a rule of connection probability to all pairs of nodes.

    Every ordered pair of different nodes (rectangular: every pair) is a trial; parallel edges are merged, self-loops
    ignored, nodes without a position or a group left out.

    Parameters
    ----------
    connectome
        Square or rectangular.
    order
        1: p. 2: a exp(-b d); "2-complex": a_near exp(-b_near d^power) + a_far exp(-b_far d). 3, "3-complex": the same with
        other numbers by the sign of post - pre on `axis`. 4: a table over the offsets post - pre; "4-reduced": over the
        distance across `axis` and the offset along it. 5, "5-reduced": the same with the pre node's place, or that along
        `axis`, before it. "listed": the connections themselves.
    positions
        Node properties that hold the position, in um.
    axis
        The one of them, or for order 3 any node property, that tells the sides or is kept apart.
    by
        One rule for each pathway, from group to group of these node properties; default: one for all.
    bins
        {width_um, max_distance_um, fewest, smooth_um}. `width_um` of the bins of a table (and of those the data are shown
        in; default: 20 bins a feature for order 4, 32, 8, 16 for the others of 4 and 5). Pairs farther than
        `max_distance_um` along a feature are left out (a table says 0 there). Bins of a table with less than `fewest` pairs
        (default 10) take the nearest one's. `smooth_um`: a Gaussian of that standard deviation over pairs and connections of
        tables before they are divided; default 0.
    folds
        Fit again without each of so many sets of nodes, 2 or more, for `validation` and `fold_error`: the k-th node is in
        set k modulo `folds`.
    sample
        Fit to so many nodes, drawn (on each side of a rectangular connectome), where there are more; default: all.
    threads
        Threads that share the counting; the result does not depend on it.
    rng
        The source of randomness; only `sample` takes it.

    Returns
    -------
    The rule as `model`, its `numbers` with errors, the data and what the rule says in `bins`, the `validation` by fold.

    Raises
    ------
    OptionError
        An unknown order, property or name of `bins`, a number out of range, more bins than can be counted, `sample`
        without an rng.

    Notes
    -----
    Maximum likelihood of binomial counts in narrow bins of distance (1024); errors from the Fisher information take pairs as
    independent, `fold_error` (the jackknife's, over folds) does not. About 1.5 ns an ordered pair of nodes for a
    distance, 1 ns for each further feature; memory: the counts, at most 160 MB, a few times. Orders: Gal et al., 2020,
    doi:10.1101/656058; complex form and tables: connectome-manipulator, doi:10.1101/2024.05.24.593860.

    Examples
    --------
    >>> from conntap.circuits.rules import Exponential, draw
    >>> source = np.random.default_rng(0)
    >>> nodes = pd.DataFrame(source.uniform(0, 300, (400, 3)), columns=["x", "y", "z"])
    >>> pre, post = draw(Exponential(0.4, 0.01), nodes, rng=source)
    >>> fit_probability(Connectome(nodes, pre, post)).numbers["value"].round(3).to_dict()
    {'a': 0.398, 'b': 0.01}
    """
    where = "fit_probability"
    if isinstance(order, bool) or order not in (*ORDERS, "listed"):
        raise OptionError(unknown(f"{where}.order", "value", order, [*ORDERS, "listed"]))
    whole(f"{where}.threads", threads, 1)
    if folds is not None:
        whole(f"{where}.folds", folds, 2)
    connectome = _sampled(connectome, sample, rng, where)
    if order == "listed":
        return _listed(connectome)
    by = (by,) if isinstance(by, str) else tuple(by or ())
    shape = read_shape(bins, f"{where}.bins")
    features = features_of(order, tuple(positions), _checked_axis(order, positions, axis, where))
    ends = ends_of(connectome, features, by, where)
    layout = bins_of(order, features, ends, shape, where)
    counts = count(ends, features, layout, folds=folds or 1, threads=threads, where=where)
    task = _Task(order, features, tuple(positions), axis, shape, by)
    fits = _fits(task, counts)
    others = [_fits(task, replace(counts, pairs=p, connections=k, without=())) for p, k in counts.without]
    pathways = index_of(ends.names, by)
    facts = {
        "order": order,
        "by": list(by),
        "nodes": [ends.pre.shape[1], ends.post.shape[1]],
        "left_out": ends.left_out,
    }
    facts |= {"pairs": int(counts.pairs.sum()), "connections": int(counts.connections.sum())}
    return Fitted(
        model=_together(fits, pathways, by),
        numbers=numbers_table(fits, others, pathways),
        bins=bins_table(
            fits, counts, features, feature_names(features), pathways, put_together(layout, features, shape)
        ),
        validation=validation_table(others, counts),
        facts=facts,
    )


@dataclass(frozen=True)
class _Task:
    order: Any
    features: tuple[Feature, ...]
    positions: tuple[str, ...]
    axis: str
    shape: Shape
    by: tuple[str, ...]


@dataclass(frozen=True)
class TableFit:
    """A fitted table: the rule, no numbers, and the probability in each cell."""

    rule: Interpolated
    errors: Mapping[str, float]

    def values(self) -> dict[str, float]:
        """Nothing: a table has no numbers of its own."""
        return {}


def _sampled(connectome: Connectome, sample: int | None, rng: np.random.Generator | None, where: str) -> Connectome:
    if sample is None:
        return connectome
    whole(f"{where}.sample", sample, 1)
    if rng is None:
        raise OptionError(f"{where}.sample: nodes are drawn; give rng, as numpy.random.default_rng(seed).")
    chosen = []
    for n in (connectome.n_pre,) if connectome.is_square else (connectome.n_pre, connectome.n_post):
        chosen.append(np.zeros(n, dtype=bool))
        chosen[-1][rng.choice(n, min(sample, n), replace=False)] = True
    return connectome.subset(chosen[0]) if connectome.is_square else connectome.subset(pre=chosen[0], post=chosen[1])


def _listed(connectome: Connectome) -> Fitted:
    merged = connectome.connections()
    pre, post = merged.pre_nodes.index.to_numpy()[merged.pre], merged.post_nodes.index.to_numpy()[merged.post]
    facts = {"order": "listed", "connections": len(pre)}
    return Fitted(Listed(pre, post), pd.DataFrame(), pd.DataFrame(), facts=facts)


def _checked_axis(order: Any, positions: Sequence[str], axis: str, where: str) -> str:
    if order in ("4-reduced", "5-reduced") and (axis not in positions or len(positions) < 2):
        raise OptionError(f"{where}.axis: {axis!r}; give one of two or more positions: {', '.join(positions)}.")
    return axis


def _fits(task: _Task, counts: Counts) -> list[Fit | TableFit]:
    shape = (-1, *counts.pairs.shape[2:])
    pairs, connections = counts.pairs.reshape(shape), counts.connections.reshape(shape)
    return [_fit_one(task, n, k, counts.bins) for n, k in zip(pairs, connections, strict=True)]


def _fit_one(task: _Task, pairs: np.ndarray, connections: np.ndarray, bins: Sequence[Bin]) -> Fit | TableFit:
    if task.order in TABLES:
        table = smoothed(pairs, connections, bins, fewest=task.shape.fewest, smooth_um=task.shape.smooth_um)
        return TableFit(Interpolated(task.features, tuple(bins), table), {})
    if task.order == 1:
        return fit([pairs], [connections], [0.0], order=1)
    distances = bins[-1].middles()
    if task.order == "2-complex":
        return fit_double(pairs, connections, distances, positions=task.positions)
    if task.order == "3-complex":
        sides = [fit_double(pairs[side], connections[side], distances, positions=task.positions) for side in (0, 2)]
        errors = {
            f"{name}_{side}": value
            for side, each in zip(("negative", "positive"), sides, strict=True)
            for name, value in each.errors.items()
        }
        return _SidedFit(Sided(sides[0].rule, sides[1].rule, task.axis), errors, tuple(sides))
    return fit(pairs, connections, distances, order=task.order, positions=task.positions, axis=task.axis)


@dataclass(frozen=True)
class _SidedFit:
    rule: Sided
    errors: Mapping[str, float]
    sides: tuple[Fit, Fit]

    def values(self) -> dict[str, float]:
        """The numbers of both sides."""
        return dict(zip(self.errors, [each for side in self.sides for each in side.values().values()], strict=True))


def _together(fits: Sequence[Fit | TableFit], pathways: pd.MultiIndex | None, by: tuple[str, ...]) -> Any:
    """The one rule, or one for each pathway."""
    if pathways is None:
        return fits[0].rule
    half = len(by)
    ends = [(_group(each[:half]), _group(each[half:])) for each in pathways.tolist()]
    return Pathways(by, tuple((*end, each.rule) for end, each in zip(ends, fits, strict=True)))


def _group(values: tuple[Any, ...]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)

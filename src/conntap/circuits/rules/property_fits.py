"""Fitting properties of synapses by pathway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.rules.distribution_fits import fit_distribution
from conntap.circuits.rules.distributions import KINDS
from conntap.circuits.rules.fitted import Fitted
from conntap.circuits.rules.properties import Joint, Properties, Property, first_of_connection, property_of
from conntap.circuits.rules.widening import by_names, parts_of, pathway_table
from conntap.errors import OptionError, one_of, unknown

__all__ = ["correlation_of", "fit_properties"]

_OPTIONS = ("kind", "dtype", "within", "lower", "upper")
_BINS = 40


def fit_properties(
    connectome: Connectome,
    *,
    properties: dict[str, str | dict[str, Any]],
    by: str | Sequence[str] | None = None,
    copula: str = "none",
    fewest: int = 20,
) -> Fitted:
    """Fit the distributions of edge properties, by pathway.

    Pathways of less than `fewest` edges take a wider group's, as for `fit_synapses`.

    Parameters
    ----------
    connectome
        Square or rectangular, an edge a synapse.
    properties
        Edge property -> kind: constant, normal, truncnorm, gamma, poisson, ztpoisson or discrete; or -> {kind, dtype,
        within, lower, upper}: the type of what will be drawn (default: that of the values), "synapse" or "connection"
        (default: the latter where it never differs within one), and bounds: those of a truncnorm (default: the least and the
        greatest value), else what is drawn beyond is moved to them.
    by
        Node properties that tell pathways apart; default: one for all.
    copula
        "none": properties are drawn independently; "gaussian": with the correlation of their normal scores.
    fewest
        The least number of edges that a group is fitted to.

    Returns
    -------
    A `Properties` as `model`; `numbers` by pathway, property and parameter: edges, value, error; `bins`: for each
    property and pathway, up to 40 bins of its values with edges `observed` and `expected`.

    Raises
    ------
    OptionError
        An unknown property, kind or option, values that the kind cannot give, no edges.

    Notes
    -----
    Maximum likelihood. A property that is shared within connections counts once a connection. Normal scores are of mean
    ranks, by which properties of few values seem less correlated than they are. Linear in edges for each property, apart
    from sorting; less than 1 us a value.

    Examples
    --------
    >>> edges = Connectome(2, [0, 0, 1], [1, 1, 0], properties={"u": [1.0, 2.0, 3.0]})
    >>> fit_properties(edges, properties={"u": "normal"}).model.pathways[0][2].distributions[0]
    Normal(mean=2.0, sd=0.816496580927726)
    """
    where, by = "fit_properties", by_names(by)
    one_of(f"{where}.copula", copula, ("none", "gaussian"))
    if not connectome.n_edges or not properties:
        raise OptionError(f"{where}: there are no {'properties' if connectome.n_edges else 'edges'} to fit to.")
    firsts = first_of_connection(connectome)
    is_first = firsts == np.arange(connectome.n_edges)
    tasks = [_task(connectome, name, options, firsts, where) for name, options in properties.items()]
    pathways, rows, bins = [], [], []
    for pre, post, own in parts_of(connectome, by, fewest, where):
        found = []
        for told, kind, bounds, values in tasks:
            part = values[own] if told.within == "synapse" else values[own[is_first[own]]]
            place = f"{where}.properties.{told.name}"
            distribution, errors = fit_distribution(part, kind=kind, where=place, **bounds)
            found.append(distribution)
            rows += [(pre, post, each) for each in _numbers(told.name, distribution, errors, len(part))]
            bins += [(pre, post, each) for each in _binned(told.name, distribution, part)]
        scores = None if copula == "none" else correlation_of([values[own] for *_, values in tasks])
        pathways.append((pre, post, Joint(tuple(found), scores)))
    numbers = pathway_table(rows, by).set_index(["property", "parameter"], append=bool(by))
    model = Properties(by, tuple(told for told, *_ in tasks), tuple(pathways))
    facts = {"by": list(by), "edges": connectome.n_edges, "copula": copula}
    return Fitted(
        model,
        numbers,
        pathway_table(bins, by, ("property", "value", "observed", "expected")).set_index(
            ["property", "value"], append=bool(by)
        ),
        facts=facts,
    )


def _task(
    connectome: Connectome, name: str, options: str | Mapping[str, Any], firsts: np.ndarray, where: str
) -> tuple[Property, str, dict[str, float], np.ndarray]:
    """What is told of a property, its kind of distribution, the bounds of that, and its values."""
    where = f"{where}.properties"
    if name not in connectome.properties:
        raise OptionError(unknown(where, "edge property", name, connectome.properties))
    options = {"kind": options} if isinstance(options, str) else dict(options)
    for each in options:
        if each not in _OPTIONS:
            raise OptionError(unknown(f"{where}.{name}", "option", each, _OPTIONS))
    kind = options.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise OptionError(unknown(f"{where}.{name}", "kind of distribution", kind, KINDS))
    column = connectome.properties[name]
    values = np.asarray(column)
    if isinstance(column, pd.Categorical):
        if column.isna().any():
            raise OptionError(f"{where}.{name}: {int(column.isna().sum())} values are missing; leave these edges out.")
        values = values.astype(str)
    told = property_of(name, options, column, lambda: _is_shared(values, firsts), f"{where}.{name}")
    if kind != "truncnorm":
        return told, kind, {}, values
    bounds = {side: options.get(side) for side in ("lower", "upper")}
    if told.lower is None or told.upper is None:
        low, high = (float(each) for each in (values.min(), values.max()))
        told = replace(
            told, lower=low if told.lower is None else told.lower, upper=high if told.upper is None else told.upper
        )
    return told, kind, bounds, values


def _is_shared(values: np.ndarray, firsts: np.ndarray) -> bool:
    """Whether there are connections of several synapses, and the values of none differ."""
    return bool((firsts != np.arange(len(firsts))).any()) and bool((values == values[firsts]).all())


def _numbers(name: str, distribution: Any, errors: Mapping[str, float], n: int) -> list[dict[str, Any]]:
    """A row for each number of a distribution."""
    if hasattr(distribution, "probabilities"):
        values = {str(k): p for k, p in zip(distribution.values, distribution.probabilities, strict=True)}
    else:
        values = {k: getattr(distribution, k) for k in distribution.__dataclass_fields__}
    values = {k: v for k, v in values.items() if not isinstance(v, str)} or {"value": np.nan}
    return [
        {"property": name, "parameter": k, "edges": n, "value": float(v), "error": float(errors.get(k, np.nan))}
        for k, v in values.items()
    ]


def _binned(name: str, distribution: Any, values: np.ndarray) -> list[dict[str, Any]]:
    """Edges and how many are expected in bins of values, from below the least to above the greatest; no text."""
    if values.dtype.kind not in "iufb":
        return []
    numbers = values.astype(np.float64)
    low, high = float(numbers.min()), float(numbers.max())
    whole = bool((numbers == np.rint(numbers)).all()) and high - low < _BINS
    ends = (
        np.arange(low - 0.5, high + 1)
        if whole
        else np.linspace(low, high, _BINS + 1)
        if high > low
        else np.array([low, high])
    )
    counts = np.histogram(numbers, bins=ends)[0] if high > low or whole else np.array([len(numbers)])
    shares = distribution.cdf(ends)
    shares[0], shares[-1] = 0.0, 1.0
    expected = len(numbers) * np.diff(shares)
    return [
        {"property": name, "value": float(middle), "observed": int(n), "expected": float(each)}
        for middle, n, each in zip((ends[1:] + ends[:-1]) / 2, counts, expected, strict=True)
    ]


def correlation_of(columns: Sequence[np.ndarray]) -> tuple[tuple[float, ...], ...]:
    """The correlation of the normal scores of mean ranks; 0 with what does not vary.

    >>> correlation_of([np.arange(5.0), -np.arange(5.0)])
    ((1.0, -1.0), (-1.0, 1.0))
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    codes = [np.unique(each, return_inverse=True)[1] if each.dtype.kind not in "iufb" else each for each in columns]
    scores = np.stack([ndtri(rankdata(each) / (len(each) + 1)) for each in codes])
    scores -= scores.mean(axis=1, keepdims=True)
    sizes = np.sqrt((scores**2).sum(axis=1))
    scores /= np.where(sizes > 1e-12, sizes, 1.0)[:, None]
    matrix = np.clip(scores @ scores.T, -1.0, 1.0).round(12)
    np.fill_diagonal(matrix, 1.0)
    return tuple(tuple(row) for row in matrix.tolist())

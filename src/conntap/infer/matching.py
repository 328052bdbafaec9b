"""Estimates of the same nodes beside each other: their pairs in one order, and further properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, known, unknown

__all__ = ["aligned", "column", "signed_column", "with_properties"]


def column(estimate: Connectome, name: str, where: str) -> np.ndarray:
    """A property of edges as float64 without NaN.

    Examples
    --------
    >>> column(Connectome(2, [0], [1], properties={"score": [3]}), "score", "here").tolist()
    [3.0]
    """
    if not estimate.is_square:
        raise OptionError(f"{where}: pre and post nodes differ; give a connectome of one node table.")
    if name not in estimate.properties:
        raise OptionError(unknown(where, "edge property", name, estimate.properties))
    values = estimate.properties[name]
    if isinstance(values, pd.Categorical) or values.dtype.kind not in "biuf":
        raise OptionError(f"{where}: {name!r} is no number; give one of {known(estimate.properties)} that is.")
    values = values.astype(np.float64)
    if np.isnan(values).any():
        raise OptionError(f"{where}: {name!r} of {np.isnan(values).sum():,} pairs is NaN. Leave these pairs out.")
    return values


def signed_column(estimate: Connectome, name: str, where: str) -> np.ndarray:
    """A score with the sign that the estimate gives: of its property `sign`, else the score's own.

    Examples
    --------
    >>> signed_column(Connectome(2, [0], [1], properties={"score": [3.0], "sign": [-1]}), "score", "here").tolist()
    [-3.0]
    """
    values = column(estimate, name, where)
    return np.abs(values) * column(estimate, "sign", where) if "sign" in estimate.properties else values


def aligned(
    estimate: Connectome, other: Connectome, name: str, where: str, *, missing: float | None = None
) -> np.ndarray:
    """A property of another estimate in the order of the first one's edges.

    Parameters
    ----------
    estimate, other
        Of the same nodes, in any order.
    name
        The property of `other`.
    where
        The function that asks, for messages.
    missing
        What a pair has that `other` lacks; None refuses such pairs.

    Returns
    -------
    float64, shape (edges of `estimate`,).

    Raises
    ------
    OptionError
        Other nodes, missing pairs, parallel edges, no such property.

    Examples
    --------
    >>> a = Connectome([7, 8], [0, 1], [1, 0])
    >>> aligned(a, Connectome([7, 8], [1, 0], [0, 1], properties={"score": [1.0, 2.0]}), "score", "here").tolist()
    [2.0, 1.0]
    """
    values = column(other, name, where)
    if _alike(estimate, other):
        return values
    n = estimate.n_nodes
    ids = pd.Index(estimate.ids)
    rows = ids.get_indexer(pd.Index(other.ids))
    if len(other.ids) != n or (rows < 0).any():
        raise OptionError(f"{where}: the estimates are of different nodes; give those of one recording.")
    wanted = estimate.pre.astype(np.int64) * n + estimate.post
    held = rows[other.pre].astype(np.int64) * n + rows[other.post]
    order = np.argsort(held, kind="stable")
    held = held[order]
    if (held[1:] == held[:-1]).any():
        raise OptionError(f"{where}: some pairs have several edges. Merge them: connectome.connections(merge=...).")
    at = np.minimum(np.searchsorted(held, wanted), max(0, len(held) - 1))
    there = held[at] == wanted if len(held) else np.zeros(len(wanted), dtype=bool)
    if missing is None and not there.all():
        raise OptionError(f"{where}: {np.count_nonzero(~there):,} pairs have no {name!r} in one of the estimates.")
    found = np.full(len(wanted), np.nan if missing is None else missing)
    found[there] = values[order[at[there]]]
    return found


def with_properties(connectome: Connectome, **properties: Any) -> Connectome:
    """The connectome with further properties of its edges, or others in place of those of these names.

    Examples
    --------
    >>> list(with_properties(Connectome(2, [0], [1]), score=[1.0]).properties)
    ['score']
    """
    return connectome.with_edges(connectome.pre, connectome.post, properties={**connectome.properties, **properties})


def _alike(a: Connectome, b: Connectome) -> bool:
    return (
        a.n_edges == b.n_edges
        and np.array_equal(a.ids, b.ids)
        and np.array_equal(a.pre, b.pre)
        and np.array_equal(a.post, b.post)
    )

"""Synapses of new connections: as other connections have them, and as models say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import grouped
from conntap.circuits.rules.delays import Delays
from conntap.circuits.rules.fitted import Fitted, from_file
from conntap.circuits.rules.properties import Properties
from conntap.circuits.rules.storing import together
from conntap.circuits.rules.synapses import SynapseCounts
from conntap.errors import OptionError, known
from conntap.manipulate.choosing import _grouped
from conntap.manipulate.properties import _replaced
from conntap.topology.grouping import order_by_ends
from conntap.topology.row_draws import uniforms_of

__all__ = ["RENAME", "Models", "Pool", "blank", "edge_ranks", "joined", "model_given", "ranks_within", "sub_seed"]

RENAME = "Name it in the model as the edges do (of a Delays, `name: delay_ms`), or leave the model out."
_KINDS = {"synapses": SynapseCounts, "delays": Delays, "properties": Properties, "values": Properties}
_MOST = 20_000  # connections of a pool of each group
_MIXED = 0x9E3779B97F4A7C15


def sub_seed(seed: int, what: str) -> int:
    """Another seed for another purpose of the same draw.

    >>> sub_seed(1, "a") != sub_seed(1, "b")
    True
    """
    return (seed ^ (int.from_bytes(what.encode().ljust(8)[:8], "little") * _MIXED)) % 2**64


def model_given(value: Any, name: str, where: str) -> Any:
    """The model of an option `name`: given, fitted, in a file, or as plain values; None where none is.

    Raises
    ------
    OptionError
        It is another kind of model, or none.

    Examples
    --------
    >>> plain = {"kind": "DelayLine", "a_ms": 1.0, "b_ms_per_um": 0.0, "sd_ms": 0.0, "least_ms": 0.1}
    >>> model_given({"kind": "Delays", "by": [], "pathways": [[[], [], plain]], "positions": ["x"]}, "delays", "wire").by
    ()
    """
    value = from_file(value, part="synapses" if name == "synapses" else "model", where=f"{where}.{name}")
    if isinstance(value, Fitted):
        value = value.model
    elif isinstance(value, Mapping):
        value = together(dict(value), {}, f"{where}.{name}")
    if isinstance(value, str):
        raise OptionError(f"{where}.{name}: {value!r} is text; a model in a file is given as {{path: {value}}}.")
    if value is not None and not isinstance(value, _KINDS[name]):
        what = "model" if isinstance(value, tuple(_KINDS.values())) else "value"
        raise OptionError(
            f"{where}.{name}: {what} {type(value).__name__}; give a model of kind {_KINDS[name].__name__}, as conntap.circuits.rules "
            f"fits it."
        )
    return value


@dataclass(frozen=True, eq=False)
class Models:
    """What models say of synapses, with random numbers that derive from the seed, the post node and the rank there."""

    where: str
    seed: int
    properties: Properties | None = None
    delays: Delays | None = None

    @property
    def names(self) -> list[str]:
        """The edge properties that they give."""
        own = [] if self.properties is None else [each.name for each in self.properties.properties]
        return own + ([] if self.delays is None or self.delays.name in own else [self.delays.name])

    def check(self, columns: Mapping[str, Any]) -> None:
        """Refuse to give what the edges that stay do not have."""
        lacking = [name for name in self.names if name not in columns]
        if lacking:
            raise OptionError(
                f"{self.where}: edges that stay have no property {known(lacking)}, which a model gives; they have: "
                f"{known([name for name in columns if not name.startswith('@')])}. {RENAME}"
            )

    def values(self, edges: Connectome) -> dict[str, Any]:
        """The properties of edges, which are all those of these post nodes that are changed."""
        ranks = edge_ranks(edges)
        found: dict[str, Any] = {}
        if self.properties is not None:
            n = len(self.properties.properties)
            uniforms = [
                uniforms_of(edges.post, n * ranks + each, seed=sub_seed(self.seed, "property")) for each in range(n)
            ]
            found |= self.properties.quantiles(edges, np.stack(uniforms, axis=1))
        if self.delays is not None:
            delays = self.delays.quantiles(edges, uniforms_of(edges.post, ranks, seed=sub_seed(self.seed, "delay")))
            if np.isnan(delays).any():
                raise OptionError(f"{self.where}.delays: a node lacks a position that they take. Leave such nodes out.")
            found[self.delays.name] = delays
        return found

    def given(self, connectome: Connectome, rows: np.ndarray) -> Connectome:
        """The connectome with what the models say of the edges at some rows."""
        if not self.names or not len(rows):
            return connectome
        self.check(connectome.properties)
        own = connectome.with_edges(connectome.pre[rows], connectome.post[rows])
        columns = dict(connectome.properties)
        for name, values in self.values(own).items():
            columns[name] = with_values(columns[name], rows, values, f"{self.where}: {name}")
        return connectome.with_edges(connectome.pre, connectome.post, properties=columns)


def with_values(column: Any, rows: np.ndarray, values: Any, where: str) -> Any:
    """A column with other values in some rows; it keeps its type, and gets categories that it lacks."""
    texts = [isinstance(each, pd.Categorical) for each in (column, values)]
    if texts[0] != texts[1]:
        raise OptionError(f"{where}: the model gives {'text' if texts[1] else 'numbers'}, the edges have other values.")
    if texts[0]:
        lacking = [each for each in values.categories if each not in column.categories]
        column = column.add_categories(lacking) if lacking else column
        values = values.set_categories(column.categories)
    elif column.dtype == bool:
        values = np.asarray(values).astype(bool)
    return _replaced(column, rows, values, where)


def blank(column: Any, n: int) -> Any:
    """n values of the type of a column, to be filled.

    >>> blank(np.array([1, 2]), 1).tolist()
    [0]
    """
    if isinstance(column, pd.Categorical):
        return pd.Categorical.from_codes(np.full(n, -1), dtype=column.dtype)
    return np.zeros(n, dtype=column.dtype)


def edge_ranks(edges: Connectome) -> np.ndarray:
    """The rank of each edge among those of its post node, by pre node, then in their order; int64, shape (edges,).

    >>> edge_ranks(Connectome(3, [2, 0, 1], [1, 1, 2])).tolist()
    [1, 0, 0]
    """
    order = order_by_ends(edges.post, edges.pre, edges.n_post, edges.n_pre)
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = ranks_within(edges.post[order])
    return ranks


def ranks_within(groups: np.ndarray) -> np.ndarray:
    """The rank of each entry among those of its group, which lie together.

    >>> ranks_within(np.array([4, 4, 7])).tolist()
    [0, 1, 0]
    """
    if not len(groups):
        return np.empty(0, dtype=np.int64)
    is_first = np.append(True, groups[1:] != groups[:-1])
    starts = np.flatnonzero(is_first)
    return np.arange(len(groups)) - np.repeat(starts, np.diff(np.append(starts, len(groups))))


@dataclass(eq=False)
class Pool:
    """Connections that new ones are made like, by the group of their post node: all, or 20,000 drawn evenly of each group.

    Which are drawn depends on their ends alone, so the pool may be filled in any parts and order.
    """

    where: str
    seed: int
    groups: np.ndarray
    edges: Connectome | None = field(default=None)

    @classmethod
    def by(cls, connectome: Connectome, by: str | None, seed: int, where: str) -> Pool:
        """An empty pool for the nodes of a connectome."""
        groups = np.zeros(connectome.n_post, dtype=np.int64)
        if by is not None:
            groups = grouped(connectome.post_nodes, by, f"{where}.by")[0] + 1
        return cls(where, sub_seed(seed, "pool"), groups)

    def fill(self, edges: Connectome) -> None:
        """Put all connections of these edges in."""
        self.edges = self._some(edges if self.edges is None else joined(self.edges, edges))

    def models(
        self, post: np.ndarray, pre: np.ndarray, wanted: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """For each new connection, in the order of (post, pre), the rows in `edges` of the one it is made like: how many, and
        which; where so many are wanted, its rows in turn."""
        found = _grouped(self.edges, None) if self.edges is not None else None
        if found is None or not found.n:
            return np.zeros(len(post), dtype=np.int64), np.empty(0, dtype=np.int64)
        keys, groups = self._keys(found.pre, found.post), self.groups[found.post]
        order = np.lexsort((keys, groups))
        sorted_groups = groups[order]
        first, last = (np.searchsorted(sorted_groups, self.groups[post], side=side) for side in ("left", "right"))
        first, last = np.where(first == last, 0, first), np.where(first == last, found.n, last)
        uniforms = uniforms_of(post, ranks_within(post), seed=sub_seed(self.seed, "model"))
        own = order[first + np.floor(uniforms * (last - first)).astype(np.int64)]
        counts = found.counts[own] if wanted is None else wanted
        ranks = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        if wanted is not None:
            ranks %= np.repeat(found.counts[own], counts)
        return counts, found.order[np.repeat(found.starts[own], counts) + ranks]

    def _some(self, edges: Connectome) -> Connectome:
        found = _grouped(edges, None)
        groups = self.groups[found.post]
        if not found.n or np.bincount(groups).max() <= _MOST:
            return edges
        order = np.lexsort((self._keys(found.pre, found.post), groups))
        return edges.filter(found.edges(order[ranks_within(groups[order]) < _MOST]))

    def _keys(self, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
        return uniforms_of(post, pre, seed=self.seed)


def joined(one: Connectome, other: Connectome) -> Connectome:
    """The edges of two connectomes of the same nodes and properties, one after the other."""
    from conntap.manipulate.additions import _joined

    ends = [np.concatenate([getattr(one, side), getattr(other, side)]) for side in ("pre", "post")]
    columns = {name: _joined(name, column, other.properties[name]) for name, column in one.properties.items()}
    return one.with_edges(*ends, properties=columns)

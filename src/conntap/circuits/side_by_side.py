"""The edges of two sources beside each other, some post nodes at a time: what is only in one, and what differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.mask_by_post import MaskByPost
from conntap.circuits.masks import Mask
from conntap.circuits.sonata.hdf5 import expand_ranges
from conntap.circuits.sonata.ordering import order_of_pairs
from conntap.circuits.sonata.streaming import EDGE, EdgeChunk, EdgeStream
from conntap.errors import OptionError

__all__ = ["Pair", "Tallied", "differ", "edges_of", "kind_of", "shown"]

_MOST = 1 << 20
_SORTING = 200  # bytes an edge takes while it is sorted and matched
Values = Any


@dataclass
class Tallied:
    """What was found of the edges of a pair, chunk by chunk."""

    connections: list[int] = field(default_factory=lambda: [0, 0])
    synapses: list[int] = field(default_factory=lambda: [0, 0])
    only_connections: list[int] = field(default_factory=lambda: [0, 0])
    only_synapses: list[int] = field(default_factory=lambda: [0, 0])
    recounted: int = 0
    compared: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """The edges of one side to some post nodes: ends as numbers common to both sides, properties by name."""

    pre: np.ndarray
    post: np.ndarray
    properties: dict[str, Values]


def edges_of(source: Circuit | Connectome, edges: str | None = None, *, mask: Mask | None = None) -> Any:
    """The edges of a circuit or a connectome, to be read by post node; without those of a mask."""
    if isinstance(source, Connectome):
        return _InMemory(source, mask)
    return _OnDisk(source, edges, mask)


class _OnDisk:
    """A population of edges, read chunk by chunk."""

    def __init__(self, circuit: Circuit, edges: str | None, mask: Mask | None) -> None:
        self._stream, self._mask, self.masked = EdgeStream(circuit.edges(edges)), None, 0
        if mask is not None:
            none = np.empty(0, dtype=np.int32)
            self._mask = MaskByPost(mask, self._stream.connectome(EdgeChunk(none, none, {})))
            self._is_inverted = mask.is_inverted
        population = self._stream.population
        self.ends = population.source, population.target
        self.pre_ids, self.post_ids = (
            pd.Index(each.node_ids()) for each in (self._stream.pre_nodes, self._stream.post_nodes)
        )
        self.in_degrees, self.bytes_of_edge = self._stream.in_degrees, self._stream.bytes_of_edge
        self.kinds = {name: self._kind(name) for name in self._names()}

    def _names(self) -> list[str]:
        return list(self._stream.population.properties)

    def _kind(self, name: str) -> str:
        attribute = self._stream.attributes.get(name)
        if attribute is None:
            types = self._stream._table.types
            return kind_of(types[name].array) if name in types else "whole number"
        kind = self._stream.columns[attribute.path][0]
        return "text" if attribute.library is not None or kind.kind in "OS" else str(kind.newbyteorder("="))

    def read(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray, dict[str, Values]]:
        """The rows of both ends of the edges to rows [first, last) of post nodes, and the properties."""
        names = list(self.kinds)
        raw = self._stream.read((first, last), self._stream.paths(names))
        if self._mask is not None:
            gone, connected = self._mask.edges(raw.pre, raw.post)
            if self._is_inverted:
                connected = _n_pairs(raw.pre[gone], raw.post[gone], len(self.pre_ids), len(self.post_ids))
            self.masked += connected
            raw = raw.rows(~gone)
        return raw.pre, raw.post, {name: self._stream.decoded(raw, name) for name in names}


class _InMemory:
    """A connectome, its edges by post node."""

    ends = ("", "")

    def __init__(self, connectome: Connectome, mask: Mask | None) -> None:
        self.masked = 0
        if mask is not None:
            gone = mask.edges(connectome)
            lost = connectome.filter(gone)
            self.masked = _n_pairs(lost.pre, lost.post, lost.n_pre, lost.n_post)
            connectome = connectome.filter(~gone)
        for table in (connectome.pre_nodes, connectome.post_nodes):
            if not table.index.is_unique:
                raise OptionError("compare: ids repeat across populations, so they do not name one node.")
        self.pre_ids, self.post_ids = connectome.pre_nodes.index, connectome.post_nodes.index
        self.in_degrees = np.bincount(connectome.post, minlength=connectome.n_post)
        self._order = order_of_pairs(connectome.post, np.zeros_like(connectome.post), connectome.n_post, 1)
        self._starts = np.append(0, np.cumsum(self.in_degrees))
        self._connectome = connectome
        self.kinds = {name: kind_of(values) for name, values in connectome.properties.items() if name != EDGE}
        self.bytes_of_edge = 8 + 8 * len(self.kinds)

    def read(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray, dict[str, Values]]:
        rows = self._order[self._starts[first] : self._starts[last]]
        columns = {name: self._connectome.properties[name][rows] for name in self.kinds}
        return self._connectome.pre[rows], self._connectome.post[rows], columns


class Pair:
    """Two sources of edges with their nodes under common numbers: rising by post id wherever both do."""

    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b
        self._pre_ids, self._pre = _common(a.pre_ids, b.pre_ids)
        self._post_ids, self._post = _common(a.post_ids, b.post_ids)

    def strange_nodes(self) -> int:
        """How many ids are nodes of one side only."""
        sizes = ((self._pre_ids, self.a.pre_ids, self.b.pre_ids), (self._post_ids, self.a.post_ids, self.b.post_ids))
        return max(2 * len(every) - len(one) - len(other) for every, one, other in sizes)

    def kinds_differ(self) -> dict[str, tuple[str, str]]:
        """The properties that are of two types, with these."""
        both = [name for name in self.a.kinds if name in self.b.kinds]
        pairs = {name: (self.a.kinds[name], self.b.kinds[name]) for name in both}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def tallied(self, mem_gb: float, examples: int) -> Tallied:
        """All that can be said of the edges of both."""
        if not mem_gb > 0:
            raise OptionError(f"compare.mem_gb: {mem_gb}; give a number above 0.")
        differing = self.kinds_differ()
        comparable = [
            name for name in self.a.kinds if name in self.b.kinds and ("text" in differing.get(name, ())) is False
        ]
        found = Tallied(compared=dict.fromkeys(comparable, 0), changed=dict.fromkeys(comparable, 0))
        found.examples = {name: [] for name in ("connections", "synapses", *comparable)}
        of_edge = self.a.bytes_of_edge + self.b.bytes_of_edge + _SORTING
        for first, last in self._ranges(max(1, min(_MOST, int(mem_gb * 1e9 / 2 / of_edge)))):
            parts = [self._part(side, which, first, last) for which, side in enumerate((self.a, self.b))]
            self._tally(found, *parts, comparable, examples)
        return found

    def _ranges(self, most: int) -> Iterator[tuple[int, int]]:
        """Post numbers [first, last) with at most so many edges of both, or one post node."""
        degrees = np.zeros(len(self._post_ids), dtype=np.int64)
        for side, numbers in zip((self.a, self.b), self._post, strict=True):
            degrees[numbers] += side.in_degrees
        ends = np.append(0, np.cumsum(degrees))
        first = 0
        while first < len(degrees):
            last = max(int(np.searchsorted(ends, ends[first] + most, side="right")) - 1, first + 1)
            yield first, last
            first = last

    def _part(self, side: Any, which: int, first: int, last: int) -> Part:
        numbers = self._post[which]
        rows = np.searchsorted(numbers, [first, last])
        pre, post, properties = side.read(*map(int, rows))
        return Part(self._pre[which][pre], numbers[post], properties)

    def _tally(self, found: Tallied, a: Part, b: Part, names: list[str], examples: int) -> None:
        pairs = [_connections(part, len(self._pre_ids), len(self._post_ids)) for part in (a, b)]
        (keys_a, order_a, starts_a, counts_a), (keys_b, order_b, starts_b, counts_b) = pairs
        for i, (keys, counts) in enumerate(((keys_a, counts_a), (keys_b, counts_b))):
            found.connections[i] += len(keys)
            found.synapses[i] += int(counts.sum())
        at = np.minimum(np.searchsorted(keys_b, keys_a), max(len(keys_b) - 1, 0))
        is_in_b = keys_b[at] == keys_a if len(keys_b) else np.zeros(len(keys_a), dtype=bool)
        is_in_a = np.zeros(len(keys_b), dtype=bool)
        is_in_a[at[is_in_b]] = True
        common_a, common_b = np.flatnonzero(is_in_b), at[is_in_b]
        surplus = counts_a[common_a] - counts_b[common_b]
        for i, (alone, counts, more) in enumerate(((~is_in_b, counts_a, surplus), (~is_in_a, counts_b, -surplus))):
            found.only_connections[i] += int(alone.sum())
            found.only_synapses[i] += int(counts[alone].sum() + np.maximum(more, 0).sum())
        found.recounted += int((surplus != 0).sum())
        self._exemplify(found, keys_a[~is_in_b], keys_b[~is_in_a], examples)
        for each in np.flatnonzero(surplus)[: examples - len(found.examples["synapses"])]:
            told = f"{counts_a[common_a[each]]} | {counts_b[common_b[each]]}"
            found.examples["synapses"].append(f"{self._named(keys_a[common_a[each]])}: {told}")
        same = surplus == 0
        counts = counts_a[common_a[same]]
        rows_a = order_a[expand_ranges(starts_a[common_a[same]], counts)]
        rows_b = order_b[expand_ranges(starts_b[common_b[same]], counts)]
        self._tally_values(found, a, b, (rows_a, rows_b, counts, keys_a[common_a[same]]), names, examples)

    def _tally_values(self, found: Tallied, a: Part, b: Part, matched: Any, names: list[str], examples: int) -> None:
        rows_a, rows_b, counts, keys = matched
        wrong = {name: differ(a.properties[name][rows_a], b.properties[name][rows_b]) for name in names}
        if any(each.any() for each in wrong.values()) and (counts > 1).any():
            rows_b = _rematched(a, b, rows_a, rows_b, counts, wrong)
            wrong = {name: differ(a.properties[name][rows_a], b.properties[name][rows_b]) for name in names}
        for name, each in wrong.items():
            found.compared[name] += len(each)
            found.changed[name] += int(each.sum())
            missing = examples - len(found.examples[name])
            for place in np.flatnonzero(each)[: max(missing, 0)] if missing > 0 else ():
                values = (shown(side.properties[name][rows[place]]) for side, rows in ((a, rows_a), (b, rows_b)))
                key = keys[np.searchsorted(np.cumsum(counts), place, side="right")]
                found.examples[name].append(f"{self._named(key)}: {' | '.join(values)}")

    def _exemplify(self, found: Tallied, keys_a: np.ndarray, keys_b: np.ndarray, examples: int) -> None:
        for side, keys in (("a", keys_a), ("b", keys_b)):
            for key in keys[: max(examples - len(found.examples["connections"]), 0)]:
                found.examples["connections"].append(f"{self._named(key)} only in {side}")

    def _named(self, key: int) -> str:
        post, pre = divmod(int(key), max(1, len(self._pre_ids)))
        return f"{self._pre_ids[pre]} -> {self._post_ids[post]}"


def _common(a: pd.Index, b: pd.Index) -> tuple[pd.Index, tuple[np.ndarray, np.ndarray]]:
    """All ids of two sides, and the number of each row of each side among them; rising ids have rising numbers."""
    if a.equals(b):
        numbers = np.arange(len(a))
        return a, (numbers, numbers)
    numeric = [each.dtype.kind in "iu" or len(each) == 0 for each in (a, b)]
    if numeric[0] != numeric[1]:
        raise OptionError("compare: ids are numbers on one side and text on the other. Give the same nodes.")
    both = (
        a.union(b, sort=True) if a.is_monotonic_increasing or b.is_monotonic_increasing else a.append(b.difference(a))
    )
    return both, (both.get_indexer(a), both.get_indexer(b))


def _connections(part: Part, n_pre: int, n_post: int) -> tuple[np.ndarray, ...]:
    """The connections of a part: keys, rising; the order of its edges; where each starts in it; and its edges."""
    keys = part.post.astype(np.int64) * n_pre + part.pre
    if (keys[1:] >= keys[:-1]).all():
        order = np.arange(len(keys))
    else:
        order = order_of_pairs(part.post, part.pre, n_post, n_pre)
        keys = keys[order]
    first = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    return keys[starts], order, starts, np.diff(np.append(starts, len(keys)))


def _n_pairs(pre: np.ndarray, post: np.ndarray, n_pre: int, n_post: int) -> int:
    return len(_connections(Part(pre, post, {}), n_pre, n_post)[0])


def _rematched(a: Part, b: Part, rows_a: np.ndarray, rows_b: np.ndarray, counts: np.ndarray, wrong: Any) -> np.ndarray:
    """The rows of b in another order within connections whose synapses are the same ones in another order."""
    of = np.repeat(np.arange(len(counts)), counts)
    is_wrong = np.logical_or.reduce(list(wrong.values()))
    places = np.flatnonzero(np.isin(of, np.unique(of[is_wrong & (counts[of] > 1)])))
    orders = []
    columns = {name: _numbers(a.properties[name][rows_a[places]], b.properties[name][rows_b[places]]) for name in wrong}
    for side in range(2):
        orders.append(np.lexsort([*(each[side] for each in columns.values()), of[places]]))
    agree = np.ones(len(places), dtype=bool)
    for one, other in columns.values():
        agree &= one[orders[0]] == other[orders[1]]
    owners = of[places][orders[0]]
    same = ~np.isin(owners, np.unique(owners[~agree]))
    result = rows_b.copy()
    result[places[orders[0][same]]] = rows_b[places[orders[1][same]]]
    return result


def _numbers(one: Values, other: Values) -> tuple[np.ndarray, np.ndarray]:
    """Two columns as ranks of their values, equal where the values are."""
    one, other = _alike(one, other)
    ranks = np.unique(np.concatenate([one, other]), return_inverse=True, equal_nan=True)[1]
    return ranks[: len(one)], ranks[len(one) :]


def _alike(one: Values, other: Values) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(one, pd.Categorical) and not isinstance(other, pd.Categorical):
        return np.asarray(one), np.asarray(other)
    one, other = (each if isinstance(each, pd.Categorical) else pd.Categorical(each) for each in (one, other))
    words = one.categories.append(other.categories.difference(one.categories))
    numbers = (np.append(words.get_indexer(each.categories), -1)[each.codes] for each in (one, other))
    return tuple(numbers)  # type: ignore[return-value]


def differ(one: Values, other: Values) -> np.ndarray:
    """Where two columns differ; values that are missing in both do not.

    >>> differ(np.array([1.0, np.nan]), np.array([2.0, np.nan])).tolist()
    [True, False]
    """
    one, other = _alike(one, other)
    wrong = np.asarray(one != other)
    if one.dtype.kind == "f" and other.dtype.kind == "f":
        wrong &= ~(np.isnan(one) & np.isnan(other))
    return wrong


def kind_of(values: Values) -> str:
    """The type of a column: its numpy type, or "text".

    >>> kind_of(pd.Categorical(["a"])), kind_of(np.zeros(1, dtype=np.float32))
    ('text', 'float32')
    """
    if isinstance(values, pd.Series):
        values = values.array
    if isinstance(values, pd.Categorical):
        return "text" if values.categories.dtype.kind not in "iufb" else str(values.categories.dtype)
    kind = getattr(values, "dtype", None)
    return str(kind) if getattr(kind, "kind", "O") in "iufb" else "text"


def shown(value: Any) -> str:
    """A value as people read it."""
    return str(value.item() if hasattr(value, "item") else value)

"""`place_synapses`, `rewire` and `wire` of edges that come in chunks of post nodes."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.circuits.morphologies import Morphologies
from conntap.circuits.sonata.ordering import order_of_pairs
from conntap.circuits.sonata.streaming import EDGE
from conntap.errors import OptionError, known
from conntap.manipulate.among import Among, Nodes
from conntap.manipulate.placing import Placing
from conntap.manipulate.sourcing import Rewiring
from conntap.manipulate.unplaced import COLUMNS
from conntap.manipulate.wiring import Wiring

__all__ = ["PlaceSynapses", "Rewire", "Wire"]


class PlaceSynapses:
    """`place_synapses`, chunk by chunk, on the morphologies that the circuit's configuration names."""

    looks_at_nodes = True

    def __init__(self, options: Mapping[str, Any], nodes: Nodes, rng: np.random.Generator) -> None:
        self._among, stream = Among("place_synapses", options, nodes), nodes.stream
        self.mask = self._among.mask
        given = options.get("morphologies")
        self._work = Placing(options, Morphologies.of(stream.post_nodes) if given is None else given, rng)
        gives = self._work.gives(stream.attributes)
        meant = stream.in_degrees > 0 if self._among.post is None else (stream.in_degrees > 0) & self._among.post
        if self._work.among == "lacking" and set(gives) & set(stream.attributes):
            meant[:] = False  # which of them lack a place is seen chunk by chunk
        self._work.check(stream.post_nodes.table(), np.flatnonzero(meant))
        self.changes: tuple[str, ...] | None = tuple(name for name in gives if name in stream.attributes)
        self.needs, self.adds = self.changes, tuple(name for name in COLUMNS if name not in stream.attributes)

    def counts(self) -> bool:
        return False

    def tally(self, chunk: Connectome) -> None:
        return None

    def settle(self, tallies: list[Any]) -> None:
        return None

    def apply(self, chunk: Connectome, part: int) -> tuple[Connectome, dict[str, int]]:
        rows, told = self._among.rows(chunk)
        chosen = np.zeros(chunk.n_edges, dtype=bool)
        chosen[rows] = True
        placed, numbers = self._work.apply(chunk, chosen)
        return placed, told | numbers


class Rewire:
    """`rewire`, chunk by chunk: connections are counted, and those that others are made like gathered, first."""

    looks_at_nodes = True
    mask: Mask | None = None
    parts: list[tuple[int, int]]

    def __init__(self, options: Mapping[str, Any], nodes: Nodes, rng: np.random.Generator) -> None:
        self._work = Rewiring(_without_edges(nodes), _meant(options, nodes, "rewire"), rng)
        self._work.check(nodes.stream.population.properties)
        self._lock = Lock()
        self.needs: tuple[str, ...] | None = None if self._work.needs_pool else tuple(self._work.models.names)
        self.changes = self.needs

    def counts(self) -> bool:
        return self._work.looks

    def tally(self, chunk: Connectome) -> None:
        own = _numbered(chunk, None)
        with self._lock:
            self._work.look(own)

    def settle(self, tallies: list[Any]) -> None:
        self._work.settle()

    def apply(self, chunk: Connectome, part: int) -> tuple[Connectome, dict[str, int]]:
        pool = self._work.pool
        if pool.edges is not None and EDGE not in pool.edges.properties:
            pool.edges = _numbered(pool.edges, np.full(pool.edges.n_edges, -1, dtype=np.int64))
        rewired, told = self._work.apply(chunk, self.parts[part])
        return _in_order(rewired), told


class Wire:
    """`wire`, chunk by chunk."""

    looks_at_nodes = True
    mask: Mask | None = None
    needs: tuple[str, ...] | None = None
    changes: tuple[str, ...] | None = None
    parts: list[tuple[int, int]]

    def __init__(self, options: Mapping[str, Any], nodes: Nodes, rng: np.random.Generator) -> None:
        self._work = Wiring(_without_edges(nodes), _meant(options, nodes, "wire"), rng)
        if nodes.stream.attributes or nodes.stream.population.size:
            self._work.check([*nodes.stream.attributes])
        self.adds = tuple(name for name in self._work.models.names if name not in nodes.stream.attributes)
        told = self._work.models.properties
        text = [each.name for each in (told.properties if told else ()) if each.dtype == "category"]
        if set(text) & set(self.adds):
            raise OptionError(f"wire.properties: {known(text)} is text, which a population without it cannot be given.")

    def counts(self) -> bool:
        return False

    def tally(self, chunk: Connectome) -> None:
        return None

    def settle(self, tallies: list[Any]) -> None:
        return None

    def apply(self, chunk: Connectome, part: int) -> tuple[Connectome, dict[str, int]]:
        wired, told = self._work.apply(_numbered(chunk, None), self.parts[part])
        rows = np.full(wired.n_edges, -1, dtype=np.int64)
        rows[: chunk.n_edges] = chunk.properties[EDGE]
        return _in_order(_numbered(wired, rows)), told


def _without_edges(nodes: Nodes) -> Connectome:
    pre, post = nodes.stream.node_tables(None)
    return Connectome(pre, [], [], post_nodes=post)


def _meant(options: Mapping[str, Any], nodes: Nodes, name: str) -> dict[str, Any]:
    """The options with the nodes selected: by a node set's name too."""
    return {**options, **{side: nodes.chosen(options.get(side), side, f"{name}.{side}") for side in ("pre", "post")}}


def _in_order(edges: Connectome) -> Connectome:
    """The edges in the order of their post nodes, in which manipulations that follow draw, however large chunks are."""
    if (edges.post[1:] >= edges.post[:-1]).all():
        return edges
    order = order_of_pairs(edges.post, np.zeros_like(edges.post), edges.n_post, 1)
    columns = {name: column[order] for name, column in edges.properties.items()}
    return edges.with_edges(edges.pre[order], edges.post[order], properties=columns)


def _numbered(chunk: Connectome, rows: np.ndarray | None) -> Connectome:
    """The chunk with the rows that its edges come from, or without."""
    columns = {name: column for name, column in chunk.properties.items() if name != EDGE}
    if rows is not None:
        columns[EDGE] = rows
    return chunk.with_edges(chunk.pre, chunk.post, properties=columns)

"""What a manipulation in a stream is about: nodes selected once, connections found chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.mask_by_post import MaskByPost
from conntap.circuits.masks import Mask
from conntap.circuits.selection import selected
from conntap.circuits.sonata.streaming import EdgeChunk
from conntap.errors import NodeSetError, OptionError, known
from conntap.manipulate.choosing import Chosen, chosen
from conntap.manipulate.meant import tell_empty, tell_none

__all__ = ["CONNECTED", "Among", "Nodes"]

CONNECTED = "pairs of the mask connected"
"""What is told beside what was changed: of the pairs that a mask names, how many are connections."""


class Nodes:
    """The tables of nodes on both sides, and how a selection among them is meant: by a node set's name too.

    `place` goes before what is told, to say which of several manipulations it is about.
    """

    def __init__(self, circuit: Any, stream: Any) -> None:
        self.node_sets, self.stream = circuit.node_sets, stream
        self._sides = {"pre": stream.pre_nodes, "post": stream.post_nodes}
        self._tables: dict[str, Any] = {}
        self._told: set[str] = set()
        self.place = ""

    def count(self, side: str) -> int:
        """Number of nodes on a side."""
        return self._sides[side].size

    def connectome(self) -> Connectome:
        """All nodes, without edges or properties."""
        none = np.empty(0, dtype=np.int32)
        return self.stream.connectome(EdgeChunk(none, none, {}))

    def chosen(self, choice: Any, side: str, where: str) -> np.ndarray | None:
        """Which nodes of a side a selection means: boolean; None for all."""
        if choice is None:
            return None
        population = self._sides[side]
        if population.name not in self._tables:
            self._tables[population.name] = population.table()
        table = self._tables[population.name]
        if isinstance(choice, str) and choice in self.node_sets:
            keep = table.index.isin(population.ids(choice))
        else:
            self._refuse_name(choice, table, where)
            keep = np.zeros(len(table), dtype=bool)
            keep[selected(table, choice, where)] = True
        if not keep.any() and self.place + where not in self._told:
            self._told.add(self.place + where)
            tell_none(self.place + where, len(keep))
        return keep

    def _refuse_name(self, choice: Any, table: Any, where: str) -> None:
        """Refuse a single name, which can only be meant as that of a node set."""
        if not isinstance(choice, str) or not choice.isidentifier() or choice in table.columns:
            return
        try:
            self.node_sets[choice]
        except NodeSetError as error:
            raise OptionError(
                f"{where}: {error} A selection by properties is an expression, such as layer == 4; node properties: "
                f"{known(table.columns)}."
            ) from None


class Among:
    """The connections that `pre`, `post` and `mask` leave of a chunk, without a word on what else a mask names."""

    def __init__(self, where: str, options: Mapping[str, Any], nodes: Nodes) -> None:
        self.where, self.mask = where, options.get("mask")
        if self.mask is not None and not isinstance(self.mask, Mask):
            raise OptionError(f"{where}.mask: {type(self.mask).__name__}; give a Mask.")
        if self.mask is not None:
            tell_empty(self.mask, nodes.place + where)
            self._by_post = MaskByPost(self.mask, nodes.connectome(), f"{where}.mask")
        self.pre, self.post = (nodes.chosen(options.get(side), side, f"{where}.{side}") for side in ("pre", "post"))

    def rows(self, chunk: Connectome) -> tuple[np.ndarray, dict[str, int]]:
        """The positions of the edges selected, and how many pairs of the mask are connected here."""
        keep, told = np.ones(chunk.n_edges, dtype=bool), {}
        if self.mask is not None:
            keep, connected = self._by_post.edges(chunk.pre, chunk.post)
            told = {} if self.mask.is_inverted else {CONNECTED: connected}
        for ends, nodes in ((chunk.pre, self.pre), (chunk.post, self.post)):
            if nodes is not None:
                keep &= nodes[ends]
        return np.flatnonzero(keep), told

    def found(self, chunk: Connectome, synapses: Any = None) -> tuple[Chosen, np.ndarray | None, dict[str, int]]:
        """The connections selected, the positions of the edges that they are of (None: of all), and what to tell."""
        if self.mask is None and self.pre is None and self.post is None:
            return chosen(chunk, self.where, synapses=synapses), None, {}
        rows, told = self.rows(chunk)
        return _of_edges(chunk, rows, self.where, synapses), rows, told


def _of_edges(chunk: Connectome, rows: np.ndarray, where: str, synapses: Any = None) -> Chosen:
    return chosen(chunk.with_edges(chunk.pre[rows], chunk.post[rows]), where, synapses=synapses)

"""Connections drawn by a rule, with the synapses that models say."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import _among
from conntap.circuits.rules.fitted import ModelFile
from conntap.circuits.selection import Selection
from conntap.errors import OptionError, known
from conntap.manipulate.draws import in_order
from conntap.manipulate.made import RENAME, Models, blank, joined, model_given, ranks_within, sub_seed
from conntap.manipulate.sources import Sources
from conntap.manipulate.unplaced import POSITIONS, unplaced
from conntap.topology.grouping import order_by_ends
from conntap.topology.row_draws import uniforms_of

__all__ = ["wire"]

_log = logging.getLogger(__name__)


def wire(
    connectome: Connectome,
    *,
    rule: ModelFile | object,
    pre: Selection | None = None,
    post: Selection | None = None,
    synapses: ModelFile | object = None,
    delays: ModelFile | object = None,
    properties: ModelFile | object = None,
    rng: np.random.Generator,
) -> Connectome:
    """Connect nodes by a rule: each pair of selected nodes by itself, with its probability.

    Edges that are there stay as they are, and pairs that are connected already get no more; no node is connected with
    itself. New edges follow, in the order of (pre, post).

    Parameters
    ----------
    connectome
        Square or rectangular; it may have no edges yet.
    rule
        The probability of a connection: a rule, as plain values ({kind: Exponential, a: 0.1, b: 0.01}), or a model; in a
        document {path: model.json} or {from: stages.MODEL}. So are the other models given.
    pre, post
        Only from these nodes, to these nodes; None for all.
    synapses
        A model of how many synapses a connection has; None: one.
    delays
        A model of the property that it names, `delay` mostly; None: none.
    properties
        A model of other properties. Where there are edges already, models must give all properties that these have, and no
        others; but for places on the post neuron (afferent_section_pos, ...), which are NaN until `place_synapses` gives them.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes with more edges.

    Raises
    ------
    OptionError
        A selection, rule or model that does not fit; models that give other properties than edges have.

    Notes
    -----
    Rules of distance and constants take some 200 ns a connection, others some 20 ns for each pair of selected nodes. What is
    drawn for a post node depends on it, the rule and the source of randomness alone, so that it is the same where a circuit is
    wired in chunks.

    Examples
    --------
    >>> after = wire(Connectome(3, [0], [1]), rule={"kind": "Constant", "p": 1.0}, rng=np.random.default_rng(0))
    >>> after.pre.tolist(), after.post.tolist()
    ([0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1])
    """
    given = {"rule": rule, "pre": pre, "post": post, "synapses": synapses, "delays": delays, "properties": properties}
    after, told = Wiring(connectome, given, rng).apply(connectome)
    _log.info("wire: %s.", ", ".join(f"{number} {what}" for what, number in told.items()))
    return after


class Wiring:
    """`wire` with its options, for all post nodes or some at a time."""

    def __init__(self, connectome: Connectome, options: Mapping[str, Any], rng: np.random.Generator) -> None:
        where = "wire"
        self.seed = int.from_bytes(rng.bytes(8), "little")
        self.synapses, delays, properties = (
            model_given(options.get(name), name, where) for name in ("synapses", "delays", "properties")
        )
        self.models = Models(where, self.seed, properties, delays)
        self.sources = Sources(connectome, options.get("rule"), options.get("pre"), options.get("post"), where)

    def check(self, names: list[str]) -> None:
        """Refuse models that give other properties than edges have."""
        lacking, odd = set(names) - {*self.models.names, *POSITIONS}, set(self.models.names) - set(names)
        if lacking:
            raise OptionError(
                f"wire.properties: edges have {known(lacking)}, which no model gives. "
                "Give models: `delays` gives one of them, that of its `name`, `properties` any others."
            )
        if odd:
            raise OptionError(
                f"wire.properties: edges that are there have no {known(odd)}, which a model gives; they "
                f"have: {known(names)}. {RENAME}"
            )

    def apply(self, connectome: Connectome, posts: tuple[int, int] | None = None) -> tuple[Connectome, dict[str, int]]:
        """The edges to post nodes [first, last), which are all those given, and new ones; and what was added."""
        if connectome.n_edges or connectome.properties:
            self.check(list(connectome.properties))
        places = np.arange(len(self.sources.post))
        if posts is not None:
            places = np.arange(*np.searchsorted(self.sources.post, posts))
        counts, pre = self.sources.draw(places, np.full(len(places), -1), seed=sub_seed(self.seed, "sources"))
        post = np.repeat(self.sources.post[places], counts)
        n, n_pre = len(post), max(1, connectome.n_pre)
        if connectome.n_edges:
            there = in_order(connectome.post.astype(np.int64) * n_pre + connectome.pre, connectome.n_post * n_pre)
            new = ~_among(there, post * n_pre + pre)
            pre, post = pre[new], post[new]
        told = {"connections drawn": n, "connected already": n - len(post), "connections": len(post)}
        if not len(post) and connectome.n_edges:
            return connectome, told | {"synapses": 0}
        made = self._made(connectome, pre, post)
        return joined(connectome, made) if connectome.n_edges else made, told | {"synapses": made.n_edges}

    def _made(self, connectome: Connectome, pre: np.ndarray, post: np.ndarray) -> Connectome:
        """New connections, which come in the order of (post, pre), in that of (pre, post)."""
        if self.synapses is not None:
            uniforms = uniforms_of(post, ranks_within(post), seed=sub_seed(self.seed, "synapses"))
            counts = self.synapses.quantiles(connectome.with_edges(pre, post), uniforms)
            pre, post = np.repeat(pre, counts), np.repeat(post, counts)
        order = order_by_ends(pre, post, connectome.n_pre, connectome.n_post)
        edges = connectome.with_edges(pre[order], post[order])
        if connectome.properties:
            blanks = {name: blank(connectome.properties[name], len(order)) for name in connectome.properties}
            edges = edges.with_edges(edges.pre, edges.post, properties=unplaced(blanks))
            return self.models.given(edges, np.arange(len(order)))
        return (
            edges.with_edges(edges.pre, edges.post, properties=self.models.values(edges))
            if self.models.names
            else edges
        )

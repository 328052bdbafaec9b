"""How connections of post nodes get other sources: which go where, and what lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.rules.gridded import check_factor
from conntap.circuits.sonata.streaming import EDGE
from conntap.errors import OptionError, known, one_of
from conntap.manipulate.made import Models, Pool, blank, joined, model_given, ranks_within, sub_seed
from conntap.manipulate.remade import made_of
from conntap.manipulate.sources import Sources
from conntap.manipulate.unplaced import POSITIONS, unplaced
from conntap.topology.grouping import order_by_ends
from conntap.topology.row_draws import exchanged, uniforms_of

__all__ = ["Old", "Rewiring", "check"]

_PRESERVE, _MODES = ("in-degree", "number", "none"), ("both", "add", "delete")


class Rewiring:
    """`rewire` with its options, for all edges or those to some post nodes at a time: `look` at all, `settle`, `apply`."""

    def __init__(self, connectome: Connectome, options: Mapping[str, Any], rng: np.random.Generator) -> None:
        where = "rewire"
        self.preserve, self.mode = options.get("preserve", "in-degree"), options.get("mode", "both")
        check(self.preserve, self.mode, options.get("scale", 1.0), where)
        self.made, model = made_of(options.get("properties", "reuse"), where)
        self.seed = int.from_bytes(rng.bytes(8), "little")
        self.models = Models(where, self.seed, model, model_given(options.get("delays"), "delays", where))
        self._of_new = Models(f"{where}.properties", self.seed, self.made.values)
        self.sources = Sources(connectome, options.get("rule"), options.get("pre"), options.get("post"), where)
        self.sources.scale(options.get("scale", 1.0))
        self.pool = Pool.by(connectome, self.made.by, self.seed, f"{where}.properties")
        self.needs_pool = self.made.how == "sample" or (self.preserve != "in-degree" and self.mode != "delete")
        self.looks, self.present = self.needs_pool or self.preserve == "number", 0

    def check(self, names: Iterable[str]) -> None:
        """Refuse models that give what edges with properties of these names do not have."""
        for each in (self.models, self._of_new):
            each.check(dict.fromkeys(names))

    def look(self, connectome: Connectome) -> None:
        """Count the connections selected among these, and let new ones be made like them."""
        old = Old(connectome, self.sources.pre, self.sources.post)
        self.present += len(old.pre)
        if self.needs_pool:
            self.pool.fill(at(connectome, old.rows))

    def settle(self) -> None:
        """Once all are looked at: scale the rule to the number of connections there are, where that is preserved."""
        if self.preserve == "number":
            self.sources.fit_number(self.present)

    def apply(self, connectome: Connectome, posts: tuple[int, int] | None = None) -> tuple[Connectome, dict[str, int]]:
        """The edges to post nodes [first, last), which are all those given, with their new sources; and what changed."""
        old = Old(connectome, self.sources.pre, self.sources.post)
        places = np.arange(len(self.sources.post))
        if posts is not None:
            places = np.arange(*np.searchsorted(self.sources.post, posts))
        if self.preserve == "in-degree" or self.mode == "delete":
            places = places[old.sizes[places] > 0]
        sizes = old.sizes[places]
        wanted = sizes if self.preserve == "in-degree" else np.full(len(places), -1)
        new = self.sources.draw(places, wanted, seed=sub_seed(self.seed, "sources"))
        assigned, added = exchanged(
            (sizes, old.pre),
            new,
            self.sources.post[places],
            adds=self.mode != "delete",
            deletes=self.mode != "add",
            reuses=self.made.how == "reuse",
            seed=sub_seed(self.seed, "order"),
        )
        told = {"connections": len(old.pre), "rewired": int(((assigned >= 0) & (assigned != old.pre)).sum())}
        told |= {"added": len(added), "deleted": int((assigned < 0).sum())}
        after, changed = old.moved(assigned)
        n = after.n_edges
        told["synapses"] = connectome.n_edges - n + int(changed.sum())
        if len(added):
            made = self._made(connectome, self.sources.post[places][added[:, 0]], added[:, 1])
            told["synapses"] += made.n_edges
            after, changed = joined(after, made), np.append(changed, np.ones(made.n_edges, dtype=bool))
        after = self.models.given(after, np.flatnonzero(changed))
        return self._of_new.given(after, np.arange(n, after.n_edges)), told

    def _made(self, connectome: Connectome, post: np.ndarray, pre: np.ndarray) -> Connectome:
        """New connections with the synapses of others, but for their places, in the order of (pre, post)."""
        wanted = None
        if self.made.synapses is not None:
            uniforms = uniforms_of(post, ranks_within(post), seed=sub_seed(self.seed, "synapses"))
            wanted = self.made.synapses.quantiles(connectome.with_edges(pre, post), uniforms)
        counts, rows = self.pool.models(post, pre, wanted)
        if not len(rows):
            lacking = set(connectome.properties) - {EDGE, *self.models.names, *self._of_new.names, *POSITIONS}
            if lacking:
                raise OptionError(
                    f"rewire.properties: no connection is there whose {known(lacking)} new ones could have. Give models."
                )
            counts = np.ones(len(post), dtype=np.int64) if wanted is None else wanted
            columns = {name: blank(column, int(counts.sum())) for name, column in connectome.properties.items()}
            if EDGE in columns:
                columns[EDGE] -= 1  # from no row of a file
        else:
            columns = {name: column[rows] for name, column in self.pool.edges.properties.items()}
        columns = unplaced(columns)
        post, pre = np.repeat(post, counts), np.repeat(pre, counts)
        order = order_by_ends(pre, post, connectome.n_pre, connectome.n_post)
        return connectome.with_edges(
            pre[order], post[order], properties={name: column[order] for name, column in columns.items()}
        )


class Old:
    """The connections there are between selected nodes, in the order of (post, pre)."""

    def __init__(self, connectome: Connectome, pre_rows: np.ndarray, post_rows: np.ndarray) -> None:
        self.connectome, rows = connectome, None
        if len(pre_rows) < connectome.n_pre or len(post_rows) < connectome.n_post:
            is_in = [np.zeros(n, dtype=bool) for n in (connectome.n_pre, connectome.n_post)]
            is_in[0][pre_rows] = is_in[1][post_rows] = True
            rows = np.flatnonzero(is_in[0][connectome.pre] & is_in[1][connectome.post])
        pre, post = (ends if rows is None else ends[rows] for ends in (connectome.pre, connectome.post))
        order = order_by_ends(post, pre, connectome.n_post, connectome.n_pre)
        self.rows = order if rows is None else rows[order]
        pre, post = pre[order], post[order]
        is_first = np.ones(len(pre), dtype=bool)
        np.not_equal(pre[1:], pre[:-1], out=is_first[1:])
        is_first[1:] |= post[1:] != post[:-1]
        starts = np.flatnonzero(is_first)
        self.counts = np.diff(np.append(starts, len(pre)))
        self.pre, self.post = pre[starts], post[starts]
        self.sizes = np.bincount(self.post, minlength=connectome.n_post)[post_rows]

    def moved(self, assigned: np.ndarray) -> tuple[Connectome, np.ndarray]:
        """The connectome with these sources in place of the old ones, -1 where a connection goes; and which edges have
        another one."""
        each, connectome = np.repeat(assigned, self.counts), self.connectome
        pre, keep = connectome.pre.copy(), np.ones(connectome.n_edges, dtype=bool)
        pre[self.rows], keep[self.rows] = np.maximum(each, 0), each >= 0
        changed = pre != connectome.pre
        after = connectome.with_edges(pre, connectome.post, properties=connectome.properties)
        return (after, changed) if keep.all() else (after.filter(keep), changed[keep])


def check(preserve: str, mode: str, scale: Any, where: str) -> None:
    """Refuse ways to rewire that make no sense together."""
    one_of(f"{where}.preserve", preserve, _PRESERVE)
    one_of(f"{where}.mode", mode, _MODES)
    check_factor(scale, f"{where}.scale")
    if preserve != "none" and mode != "both":
        changed = "in-degrees" if preserve == "in-degree" else "the number of connections"
        raise OptionError(f"{where}.mode: {mode!r} changes {changed}. Give preserve='none', or mode='both'.")
    if preserve != "none" and scale != 1:
        raise OptionError(
            f"{where}.scale: {scale} changes nothing where {preserve!r} is preserved. Give preserve='none', or 1."
        )


def at(connectome: Connectome, rows: np.ndarray) -> Connectome:
    columns = {name: column[rows] for name, column in connectome.properties.items()}
    return connectome.with_edges(connectome.pre[rows], connectome.post[rows], properties=columns)

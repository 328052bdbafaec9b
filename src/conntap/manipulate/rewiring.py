"""Connections get other sources by a rule; their post ends stay."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import _among
from conntap.circuits.selection import Selection
from conntap.errors import OptionError, known, one_of
from conntap.manipulate.draws import in_order
from conntap.manipulate.made import Models, Pool, blank, joined, model_given, sub_seed
from conntap.manipulate.sources import Sources
from conntap.manipulate.unconnected import _once
from conntap.topology.grouping import order_by_ends
from conntap.topology.row_draws import exchanged

__all__ = ["rewire", "rewire_estimate", "rewired"]

_log = logging.getLogger(__name__)
_PRESERVE, _MODES, _PROPERTIES = ("in-degree", "none"), ("both", "add", "delete"), ("reuse", "sample")


def rewire(
    connectome: Connectome,
    *,
    rule: object,
    pre: Selection | None = None,
    post: Selection | None = None,
    preserve: Literal["in-degree", "none"] = "in-degree",
    mode: Literal["both", "add", "delete"] = "both",
    properties: Literal["reuse", "sample"] | object = "reuse",
    delays: object = None,
    by: str | None = None,
    rng: np.random.Generator,
) -> Connectome:
    """Draw the sources of connections anew by a rule; the post end of each stays.

    Each post node selected gets sources among the pre nodes selected, never itself. Its connections from nodes that are
    drawn again stay as they are; the others go to the other sources that were drawn, which takes which at random, with all their
    synapses. Connections that are too many go, those that lack are made like others. Edges that are not meant keep order,
    values and types, those moved keep their place too; new ones follow, in the order of (pre, post).

    Parameters
    ----------
    connectome
        Square or rectangular.
    rule
        The probability of a connection: a rule, as plain values ({kind: Exponential, a: 0.1, b: 0.01}), or a model; in a study
        {from: stages.MODEL}.
    pre, post
        Only connections from these nodes, to these nodes; None for all.
    preserve
        "in-degree": each post node has as many sources as before, drawn one after another with chances in proportion to
        the rule, without replacement. "none": each source is drawn by itself with its probability.
    mode
        "both"; or, where in-degrees are not preserved, only "add" what is drawn and not there, or "delete" what is there and
        not drawn.
    properties
        "reuse": synapses go on with other sources; new connections are made like those onto post nodes of the same group
        (`by`). "sample": those that change are all made so. Or a model of properties, from which synapses of
        connections that change take their values; in a study {from: stages.MODEL}.
    delays
        A model from which synapses that change take their `delay`; None keeps them.
    by
        A property of post nodes, such as their type, by which connections to make others like are chosen; None: any.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes. `rewired` tells what was changed.

    Raises
    ------
    OptionError
        A selection, rule or model that does not fit; more sources than have a chance; edge properties but no connection to take
        them from.

    Notes
    -----
    Rules of distance take some 300 ns a connection, others some 20 ns for each pair of selected nodes. What is drawn for a post
    node depends on it, the rule and the source of randomness alone, so that it is the same where a circuit is rewired in
    chunks. By weight: exponential keys (Efraimidis and Spirakis, 2006, doi:10.1016/j.ipl.2005.11.003). New connections
    are made like others of up to 20,000 of each group, drawn evenly.

    Examples
    --------
    >>> ring = Connectome(4, [0, 1, 2, 3], [1, 2, 3, 0], properties={"weight": [1.0, 2.0, 3.0, 4.0]})
    >>> rule = {"kind": "Constant", "p": 0.5}
    >>> after = rewire(ring, rule=rule, rng=np.random.default_rng(0))
    >>> after.post.tolist(), after.properties["weight"].tolist(), bool((after.pre == after.post).any())
    ([1, 2, 3, 0], [1.0, 2.0, 3.0, 4.0], False)
    """
    options = {"preserve": preserve, "mode": mode, "properties": properties, "delays": delays, "by": by}
    work = Rewiring(connectome, {"rule": rule, "pre": pre, "post": post, **options}, rng)
    if work.needs_pool:
        work.fill(connectome)
    after, told = work.apply(connectome)
    _log.info("rewire: %s.", ", ".join(f"{number} {what}" for what, number in told.items()))
    return after


def rewire_estimate(
    connectome: Connectome,
    *,
    rule: object,
    pre: Selection | None = None,
    post: Selection | None = None,
    preserve: Literal["in-degree", "none"] = "in-degree",
    mode: Literal["both", "add", "delete"] = "both",
) -> pd.DataFrame:
    """Tell what `rewire` would change, without drawing: the numbers expected of each post node.

    Parameters
    ----------
    rule, pre, post, preserve, mode
        As for `rewire`.

    Returns
    -------
    By post node selected ("id"): `connections` from the pre nodes selected, how many of them are expected to `stay`, to lose
    their source (`lost`), how many sources are expected to be new (`gained`), and the connections `after`. Floats, but for
    `connections`.

    Raises
    ------
    OptionError
        A selection or rule that does not fit.

    Notes
    -----
    Looks at all pairs, some 20 ns each. Exact, but for the number that stays where in-degrees are preserved: there a source is
    taken to be drawn with 1 - exp(-t p), t such that as many are expected as are wanted (Rosen, 1997,
    doi:10.1016/S0378-3758(96)00186-3).

    Examples
    --------
    >>> ring = Connectome(4, [0, 1, 2, 3], [1, 2, 3, 0])
    >>> rewire_estimate(ring, rule={"kind": "Constant", "p": 0.5}, preserve="none").loc[0].tolist()
    [1.0, 0.5, 0.5, 1.0, 1.5]
    """
    where = "rewire_estimate"
    _check(preserve, mode, where)
    sources = Sources(connectome, rule, pre, post, where)
    found = _Old(connectome, sources)
    ends = np.append(0, np.cumsum(found.sizes))
    stay, drawn = np.zeros(len(sources.post)), np.zeros(len(sources.post))
    for part, chances in sources.chances(np.arange(len(sources.post))):
        for row, line in zip(range(part.start, part.stop), chances, strict=True):
            if preserve == "in-degree":
                line = _included(line, int(found.sizes[row]))
            own = np.searchsorted(sources.pre, found.pre[ends[row] : ends[row + 1]])
            stay[row], drawn[row] = line[own].sum(), line.sum()
    lost = (found.sizes - stay) * (mode != "add")
    gained = (drawn - stay) * (mode != "delete")
    columns = {"connections": found.sizes, "stay": found.sizes - lost, "lost": lost, "gained": gained}
    index = connectome.post_nodes.index[sources.post]
    return pd.DataFrame({**columns, "after": found.sizes - lost + gained}, index=index.rename("id"))


def rewired(connectome: Connectome, other: Connectome, *, per: Literal["post", "total"] = "post") -> pd.DataFrame:
    """Tell what became of connections: how many have other sources, were added, were deleted.

    Parameters
    ----------
    connectome, other
        Before and after; of the same nodes.
    per
        "post": of each post node; "total": of all.

    Returns
    -------
    By post node ("id"), or one row named "all": int64 numbers of connections `before` and `after`, those that `stay`, and of
    the others as many as can be told `rewired` (a source gone, another come), and the rest `added` or `deleted`.

    Raises
    ------
    OptionError
        The connectomes have other nodes.

    Notes
    -----
    A sort of the connections of both.

    Examples
    --------
    >>> before, after = Connectome(3, [0, 1], [2, 2]), Connectome(3, [1, 2, 0], [2, 0, 0])
    >>> rewired(before, after, per="total")
         before  after  stay  rewired  added  deleted
    all       2      3     1        0      2        1
    """
    one_of("rewired.per", per, ("post", "total"))
    if not (
        connectome.pre_nodes.index.equals(other.pre_nodes.index)
        and connectome.post_nodes.index.equals(other.post_nodes.index)
    ):
        raise OptionError("rewired: the connectomes have other nodes. Give one and what was made of it.")
    n, n_pre = connectome.n_post, max(1, connectome.n_pre)
    codes = [each.post.astype(np.int64) * n_pre + each.pre for each in (connectome, other)]
    codes = [_once(in_order(each, n * n_pre)) for each in codes]
    shared = codes[0][_among(codes[1], codes[0])]
    before, after, stay = (np.bincount(each // n_pre, minlength=n).astype(np.int64) for each in (*codes, shared))
    both = np.minimum(before, after) - stay
    columns = {"before": before, "after": after, "stay": stay, "rewired": both}
    columns |= {"added": after - stay - both, "deleted": before - stay - both}
    table = pd.DataFrame(columns, index=connectome.post_nodes.index.rename("id"))
    return table if per == "post" else pd.DataFrame([table.sum()], index=["all"])


class Rewiring:
    """`rewire` with its options, for all edges or those to some post nodes at a time."""

    def __init__(self, connectome: Connectome, options: Mapping[str, Any], rng: np.random.Generator) -> None:
        where = "rewire"
        self.preserve, self.mode = options.get("preserve", "in-degree"), options.get("mode", "both")
        _check(self.preserve, self.mode, where)
        properties = options.get("properties", "reuse")
        if isinstance(properties, str):
            one_of(f"{where}.properties", properties, _PROPERTIES)
        self.samples = properties == "sample" if isinstance(properties, str) else False
        self.seed = int.from_bytes(rng.bytes(8), "little")
        model = None if isinstance(properties, str) else model_given(properties, "properties", where)
        self.models = Models(where, self.seed, model, model_given(options.get("delays"), "delays", where))
        self.sources = Sources(connectome, options.get("rule"), options.get("pre"), options.get("post"), where)
        self.pool = Pool.by(connectome, options.get("by"), self.seed, where)
        self.needs_pool = self.samples or (self.preserve == "none" and self.mode != "delete")

    def fill(self, connectome: Connectome) -> None:
        """Let new connections be made like the selected ones among these."""
        rows = _Old(connectome, self.sources).rows
        self.pool.fill(_at(connectome, rows))

    def apply(self, connectome: Connectome, posts: tuple[int, int] | None = None) -> tuple[Connectome, dict[str, int]]:
        """The edges to post nodes [first, last), which are all those given, with their new sources; and what changed."""
        old = _Old(connectome, self.sources)
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
            reuses=not self.samples,
            seed=sub_seed(self.seed, "order"),
        )
        told = {"connections": len(old.pre), "rewired": int(((assigned >= 0) & (assigned != old.pre)).sum())}
        told |= {"added": len(added), "deleted": int((assigned < 0).sum())}
        moved = np.repeat(assigned, old.counts)
        is_changed = np.repeat((assigned != old.pre) & (assigned >= 0), old.counts)
        pre, keep = connectome.pre.copy(), np.ones(connectome.n_edges, dtype=bool)
        pre[old.rows] = moved
        keep[old.rows] = moved >= 0
        after = connectome.with_edges(np.maximum(pre, 0), connectome.post, properties=connectome.properties)
        changed = np.zeros(connectome.n_edges, dtype=bool)
        changed[old.rows[is_changed]] = True
        if not keep.all():
            after, changed = after.filter(keep), changed[keep]
        if len(added):
            made = self._made(connectome, self.sources.post[places][added[:, 0]], added[:, 1])
            after, changed = joined(after, made), np.append(changed, np.ones(made.n_edges, dtype=bool))
        return self.models.given(after, np.flatnonzero(changed)), told

    def _made(self, connectome: Connectome, post: np.ndarray, pre: np.ndarray) -> Connectome:
        """New connections with the synapses of others, in the order of (pre, post)."""
        counts, rows = self.pool.models(post, pre)
        if not len(rows):
            lacking = set(connectome.properties) - set(self.models.names)
            if lacking:
                raise OptionError(
                    f"rewire.properties: no connection is there whose {known(lacking)} new ones could have. Give models."
                )
            counts = np.ones(len(post), dtype=np.int64)
            columns = {name: blank(column, len(post)) for name, column in connectome.properties.items()}
        else:
            columns = {name: column[rows] for name, column in self.pool.edges.properties.items()}
        post, pre = np.repeat(post, counts), np.repeat(pre, counts)
        order = order_by_ends(pre, post, connectome.n_pre, connectome.n_post)
        return connectome.with_edges(
            pre[order], post[order], properties={name: column[order] for name, column in columns.items()}
        )


class _Old:
    """The connections there are between selected nodes, in the order of (post, pre)."""

    def __init__(self, connectome: Connectome, sources: Sources) -> None:
        rows = None
        if len(sources.pre) < connectome.n_pre or len(sources.post) < connectome.n_post:
            is_in = [np.zeros(n, dtype=bool) for n in (connectome.n_pre, connectome.n_post)]
            is_in[0][sources.pre] = is_in[1][sources.post] = True
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
        self.sizes = np.bincount(self.post, minlength=connectome.n_post)[sources.post]


def _check(preserve: str, mode: str, where: str) -> None:
    one_of(f"{where}.preserve", preserve, _PRESERVE)
    one_of(f"{where}.mode", mode, _MODES)
    if preserve == "in-degree" and mode != "both":
        raise OptionError(f"{where}.mode: {mode!r} changes in-degrees. Give preserve='none', or mode='both'.")


def _included(chances: np.ndarray, size: int) -> np.ndarray:
    """How likely each is among `size` drawn one after another by weight, about."""
    positive = chances > 0
    if size >= positive.sum():
        return positive.astype(np.float64)
    low, high = 0.0, 1.0
    while size and -np.expm1(-high * chances).sum() < size:
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if -np.expm1(-middle * chances).sum() < size else (low, middle)
    return -np.expm1(-high * chances) if size else np.zeros(len(chances))


def _at(connectome: Connectome, rows: np.ndarray) -> Connectome:
    columns = {name: column[rows] for name, column in connectome.properties.items()}
    return connectome.with_edges(connectome.pre[rows], connectome.post[rows], properties=columns)

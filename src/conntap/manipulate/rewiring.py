"""Connections get other sources by a rule; their post ends stay."""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import _among
from conntap.circuits.rules.fitted import ModelFile
from conntap.circuits.selection import Selection
from conntap.errors import OptionError, one_of
from conntap.manipulate.draws import in_order
from conntap.manipulate.sources import Sources
from conntap.manipulate.sourcing import Old, Rewiring, check
from conntap.manipulate.unconnected import _once

__all__ = ["rewire", "rewire_estimate", "rewired"]

_log = logging.getLogger(__name__)


def rewire(
    connectome: Connectome,
    *,
    rule: ModelFile | object,
    pre: Selection | None = None,
    post: Selection | None = None,
    preserve: Literal["in-degree", "number", "none"] = "in-degree",
    mode: Literal["both", "add", "delete"] = "both",
    scale: float = 1.0,
    properties: Literal["reuse", "sample"] | ModelFile | object = "reuse",
    delays: ModelFile | object = None,
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
        The probability of a connection: a rule, as plain values ({kind: Exponential, a: 0.1, b: 0.01}), or a model; in a
        document {path: model.json} or {from: stages.MODEL}.
    pre, post
        Only connections from these nodes, to these nodes; None for all.
    preserve
        "in-degree": each post node has as many sources as before, drawn one after another with chances in proportion to
        the rule, without replacement. "none": each source is drawn by itself with its probability. "number": the same, the
        rule scaled (at most 1 for each pair) so that as many connections are expected in all as are there.
    mode
        "both"; or, where nothing is preserved, only "add" what is drawn and not there, or "delete" what is there and not drawn.
    scale
        A factor for the probabilities, each at most 1 after it, where nothing is preserved.
    properties
        "reuse": synapses go on with other sources; new connections are made like others, but for places on the post neuron
        (afferent_section_pos, ...), which are NaN until `place_synapses` gives them. "sample": those that change are all made
        so. {how: reuse, by: mtype, synapses: ..., values: ...} (a `Made`): like those onto post nodes of the same type; with
        models of the number of synapses and of properties for new ones. Or a model of properties, from which synapses of all
        connections that change take their values. Models as for `rule`.
    delays
        A model from which synapses that change take the property that it names, `delay` mostly; None keeps them.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes. `rewired` tells what was changed.

    Raises
    ------
    OptionError
        A selection, rule or model that does not fit; more sources than have a chance, or connections than any factor gives;
        edge properties but no connection to take them from; a `scale` or `mode` that goes against what is preserved.

    Notes
    -----
    Rules of distance take some 300 ns a connection, others some 20 ns for each pair of selected nodes. What is drawn for a post
    node depends on it, the rule and the source of randomness alone, so that it is the same where a circuit is rewired in
    chunks. By weight: exponential keys (Efraimidis and Spirakis, 2006, doi:10.1016/j.ipl.2005.11.003). New connections
    are made like others of up to 20,000 of each group, drawn evenly. "number" looks at all pairs before, twice or more, some 20 ns
    each.

    Examples
    --------
    >>> ring = Connectome(4, [0, 1, 2, 3], [1, 2, 3, 0], properties={"weight": [1.0, 2.0, 3.0, 4.0]})
    >>> rule = {"kind": "Constant", "p": 0.5}
    >>> after = rewire(ring, rule=rule, rng=np.random.default_rng(0))
    >>> after.post.tolist(), after.properties["weight"].tolist(), bool((after.pre == after.post).any())
    ([1, 2, 3, 0], [1.0, 2.0, 3.0, 4.0], False)
    """
    options = {"preserve": preserve, "mode": mode, "scale": scale, "properties": properties, "delays": delays}
    work = Rewiring(connectome, {"rule": rule, "pre": pre, "post": post, **options}, rng)
    work.check(connectome.properties)
    if work.looks:
        work.look(connectome)
        work.settle()
    after, told = work.apply(connectome)
    _log.info("rewire: %s.", ", ".join(f"{number} {what}" for what, number in told.items()))
    return after


def rewire_estimate(
    connectome: Connectome,
    *,
    rule: ModelFile | object,
    pre: Selection | None = None,
    post: Selection | None = None,
    preserve: Literal["in-degree", "number", "none"] = "in-degree",
    mode: Literal["both", "add", "delete"] = "both",
    scale: float = 1.0,
) -> pd.DataFrame:
    """Tell what `rewire` would change, without drawing: the numbers expected of each post node.

    Parameters
    ----------
    rule, pre, post, preserve, mode, scale
        As for `rewire`.

    Returns
    -------
    By post node selected ("id"): `connections` from the pre nodes selected, how many of them are expected to `stay`, to lose
    their source (`lost`), how many sources are expected to be new (`gained`), and the connections `after`. Floats, but for
    `connections`.

    Raises
    ------
    OptionError
        As `rewire`: a selection or rule that does not fit, more sources than have a chance, or connections than any factor gives.

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
    check(preserve, mode, scale, where)
    sources = Sources(connectome, rule, pre, post, where)
    sources.scale(scale)
    found = Old(connectome, sources.pre, sources.post)
    if preserve == "number":
        sources.fit_number(len(found.pre))
    every = np.arange(len(sources.post))
    ends = np.append(0, np.cumsum(found.sizes))
    stay, drawn, most = np.zeros(len(every)), np.zeros(len(every)), np.zeros(len(every), dtype=np.int64)
    for part, chances in sources.chances(every):
        most[part] = (chances > 0).sum(axis=1)
        for row, line in zip(range(part.start, part.stop), chances, strict=True):
            if preserve == "in-degree":
                line = _included(line, int(found.sizes[row]))
            own = np.searchsorted(sources.pre, found.pre[ends[row] : ends[row + 1]])
            stay[row], drawn[row] = line[own].sum(), line.sum()
    if preserve == "in-degree":
        sources.check(every, found.sizes, most)
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

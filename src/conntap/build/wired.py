"""Given nodes wired by a rule of connection probability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from conntap.build.drawing import draw_by_rule
from conntap.circuits.connectome import Connectome
from conntap.circuits.rules.delays import Delays
from conntap.circuits.rules.fitted import Fitted, ModelFile, from_file, model_of
from conntap.circuits.rules.properties import Properties
from conntap.circuits.rules.storing import together
from conntap.circuits.rules.synapses import SynapseCounts
from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError
from conntap.topology.grouping import order_by_ends
from conntap.topology.row_draws import uniforms_of

__all__ = ["distance"]

_KINDS = {"synapses": SynapseCounts, "delays": Delays, "properties": Properties}


def distance(
    nodes: Connectome | pd.DataFrame,
    *,
    rule: ModelFile | object,
    pre: Selection | None = None,
    post: Selection | None = None,
    synapses: ModelFile | object = None,
    delays: ModelFile | object = None,
    properties: ModelFile | object = None,
    rng: np.random.Generator,
) -> Connectome:
    """Wire nodes by a rule of order 1 to 5: each pair of different ones by itself, with its probability.

    Parameters
    ----------
    nodes
        A table of nodes by id, with positions in um and what else the rule takes; or a connectome, square or rectangular, whose
        nodes are wired anew: its edges go.
    rule
        The probability of a connection: a rule, as plain values ({kind: Exponential, a: 0.1, b: 0.01}), or a model that was
        fitted; in a document {path: model.json} or {from: stages.MODEL}. So are the other models given.
    pre, post
        Only from these nodes, to these nodes; None for all.
    synapses
        A model of how many synapses a connection has; None: one.
    delays
        A model of the property that it names, `delay` mostly; None: none.
    properties
        A model of other properties; None: none.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of these nodes, an edge a synapse, sorted by (pre, post).

    Raises
    ------
    OptionError
        A selection, rule or model that does not fit; a node without a position.

    Notes
    -----
    Some 1 us a connection drawn (8 us by a table) and some microseconds a node, whatever the number of pairs, where rules fall with
    distance, as those of conntap do or (tables) end somewhere; other rules are asked about all pairs, some 20 ns each. Memory: below 100
    bytes a synapse. `manipulate.wire` adds connections to those that are there.

    Examples
    --------
    >>> line = pd.DataFrame({"x": [0.0, 10.0, 500.0]})
    >>> rule = {"kind": "Exponential", "a": 1.0, "b": 0.1, "positions": ["x"]}
    >>> distance(line, rule=rule, rng=np.random.default_rng(0)).edges[["pre", "post"]].to_numpy().tolist()
    [[0, 1]]
    """
    where = "distance"
    blank = _without_edges(nodes)
    seeds = dict(zip(("pairs", *_KINDS), rng.integers(2**63, size=4).tolist(), strict=True))
    given = model_of(rule, f"{where}.rule")
    if not hasattr(given, "probabilities"):
        raise OptionError(f"{where}.rule: a {type(given).__name__} gives no probability. Give a rule.")
    models = {
        name: _model(value, name, where) for name, value in zip(_KINDS, (synapses, delays, properties), strict=True)
    }
    edges = _drawn(blank, given, (pre, post), seeds["pairs"], where)
    if models["synapses"] is not None:
        counts = models["synapses"].quantiles(edges, uniforms_of(edges.post, edges.pre, seed=seeds["synapses"]))
        edges = blank.with_edges(np.repeat(edges.pre, counts), np.repeat(edges.post, counts))
    columns = _columns(edges, models["delays"], models["properties"], seeds, where)
    return blank.with_edges(edges.pre, edges.post, properties=columns) if columns else edges


def _without_edges(nodes: Connectome | pd.DataFrame) -> Connectome:
    if isinstance(nodes, pd.DataFrame):
        return Connectome(nodes, [], [], name="distance")
    if isinstance(nodes, Connectome):
        return nodes.with_edges([], [])
    raise OptionError(f"distance: a {type(nodes).__name__}; give a table of nodes, or a connectome.")


def _drawn(blank: Connectome, rule: Any, choices: tuple[Any, Any], seed: int, where: str) -> Connectome:
    """One edge a connection, sorted by its ends."""
    tables = blank.pre_nodes, blank.post_nodes
    rows = [
        np.sort(selected(nodes, choice, f"{where}.{side}")).astype(np.int64)
        for nodes, choice, side in zip(tables, choices, ("pre", "post"), strict=True)
    ]
    own = np.full(len(rows[1]), -1, dtype=np.int64)
    if blank.is_square:
        places = np.full(blank.n_pre, -1, dtype=np.int64)
        places[rows[0]] = np.arange(len(rows[0]))
        own = places[rows[1]]
    parts = (nodes.iloc[each] for nodes, each in zip(tables, rows, strict=True))
    found = draw_by_rule(rule, *parts, own, seed=seed, where=f"{where}.rule")
    pre, post = (each[ends] for each, ends in zip(rows, found, strict=True))
    order = order_by_ends(pre, post, max(1, blank.n_pre), max(1, blank.n_post))
    return blank.with_edges(pre[order], post[order])


def _columns(
    edges: Connectome, delays: Delays | None, properties: Properties | None, seeds: Mapping[str, int], where: str
) -> dict[str, Any]:
    """What models say of each synapse, from numbers of its own: those of its ends and its rank among their synapses."""
    starts = np.flatnonzero(np.diff(edges.pre, prepend=-1) | np.diff(edges.post, prepend=-1))
    rank = np.arange(edges.n_edges) - np.repeat(starts, np.diff(np.append(starts, edges.n_edges)))
    key = rank * max(1, edges.n_pre) + edges.pre
    found: dict[str, Any] = {}
    if properties is not None:
        n = len(properties.properties)
        numbers = [uniforms_of(edges.post, n * key + each, seed=seeds["properties"]) for each in range(n)]
        found |= properties.quantiles(edges, np.stack(numbers, axis=1))
    if delays is not None:
        found[delays.name] = delays.quantiles(edges, uniforms_of(edges.post, key, seed=seeds["delays"]))
        if np.isnan(found[delays.name]).any():
            raise OptionError(f"{where}.delays: a node lacks a position that they take. Leave such nodes out.")
    return found


def _model(value: Any, name: str, where: str) -> Any:
    """The model of an option: given, fitted, in a file, or as plain values."""
    value = from_file(value, part="synapses" if name == "synapses" else "model", where=f"{where}.{name}")
    if isinstance(value, Fitted):
        value = value.model
    elif isinstance(value, Mapping):
        value = together(dict(value), {}, f"{where}.{name}")
    if value is not None and not isinstance(value, _KINDS[name]):
        raise OptionError(
            f"{where}.{name}: a {type(value).__name__}; give a model of kind {_KINDS[name].__name__}, as conntap.circuits.rules "
            "fits it, or {path: model.json}."
        )
    return value

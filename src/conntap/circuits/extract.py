"""What a subtarget holds: its nodes, the edges within it, into it, and to another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.edges import EdgePopulation
from conntap.circuits.subtargets import Subtarget
from conntap.circuits.subtargets.selecting import read_nodes
from conntap.errors import CircuitError, ConnectomeError, OptionError, known, unknown

__all__ = ["connectome", "cross", "inputs", "node_table"]


def node_table(target: Circuit | Connectome | Subtarget, *, properties: list[str] | None = None) -> pd.DataFrame:
    """The nodes of a target with their properties.

    Parameters
    ----------
    target
        A circuit (its default nodes), a square connectome, or a subtarget of one.
    properties
        Names of properties; default: all.

    Returns
    -------
    One row a node, indexed by "id"; a column for each property, text as categories.

    Raises
    ------
    CircuitError
        Unknown property or id.
    OptionError
        A subtarget without a source.

    Notes
    -----
    Linear in the nodes.

    Examples
    --------
    >>> node_table(Connectome(pd.DataFrame({"layer": [1, 2]}), [], [])).loc[1, "layer"]
    np.int64(2)
    """
    source, population, ids = _parts(target, "node_table")
    if isinstance(source, Circuit):
        return source.nodes(population).table(properties, ids)
    found, _ = read_nodes(source, None, None, properties)
    return found if ids is None else found.loc[ids]


def connectome(
    target: Circuit | Connectome | Subtarget,
    circuit: Circuit | None = None,
    *,
    edges: str | None = None,
    properties: list[str] | None = None,
) -> Connectome:
    """The edges among the nodes of a target.

    Parameters
    ----------
    target
        A circuit (all of its default nodes), a square connectome, or a subtarget of one.
    circuit
        Another circuit to take edges and nodes from: with the subtarget's population of nodes, such as one made from the
        target's by manipulation. Default: the target's own.
    edges
        The edge population of a circuit; default: the only one among the target's nodes, or the circuit's default.
    properties
        Edge properties to keep; default: all. An empty list reads no more than the ends of the edges.

    Returns
    -------
    A square connectome, named as the subtarget, with all properties of the nodes.

    Raises
    ------
    CircuitError
        Unknown edges, property or id, or edges that do not stay among the target's nodes.
    OptionError
        A subtarget without a source, or `edges` of a connectome.

    Notes
    -----
    One pass over the edges; few nodes read only their own where the file has an index.

    Examples
    --------
    >>> c = Connectome(3, [0, 1], [1, 2])
    >>> connectome(Subtarget("pair", c, None, np.array([0, 1]))).n_edges
    1
    """
    target = _of(target, circuit, "connectome")
    source, population, ids = _parts(target, "connectome")
    if isinstance(source, Circuit):
        population = source.nodes(population).name
        chosen = _edges_between(source, population, population, edges, "connectome")
        found = chosen.connectome(ids, properties=properties, node_properties=None)
    else:
        _no_edges(edges, "connectome")
        found = _with_properties(source if ids is None else source.subset(ids), properties)
    return _named(found, target)


def inputs(
    target: Circuit | Connectome | Subtarget,
    circuit: Circuit | None = None,
    *,
    edges: str | None = None,
    properties: list[str] | None = None,
) -> Connectome:
    """The edges into a target from nodes outside it.

    All nodes of other populations are outside, whatever their ids; so are all pre nodes of a rectangular connectome,
    unless a column `population` of both its node tables says otherwise.

    Parameters
    ----------
    target
        A circuit (its default nodes), a rectangular connectome, or a subtarget of a circuit or of a connectome.
    circuit
        Another circuit to take edges and nodes from: with the subtarget's population of nodes, such as one made from the
        target's by manipulation. Default: the target's own.
    edges
        The edge population of a circuit; default: the only one into the target's population, or the circuit's
        default; for a whole circuit, the only one from another population.
    properties
        Edge properties to keep; default: all.

    Returns
    -------
    A rectangular connectome: pre are the nodes outside the target with an edge into it, post the target's.

    Raises
    ------
    CircuitError
        Unknown edges, property or id, or edges that do not end in the target's population.
    OptionError
        A subtarget without a source, `edges` of a connectome, or a whole that nothing is outside of: a square
        connectome, or a circuit without edges from other populations.

    Notes
    -----
    One pass over the edges; few nodes read only their own where the file has an index.

    Examples
    --------
    >>> found = inputs(Subtarget("last", Connectome(3, [0, 1, 2], [1, 2, 2]), None, np.array([2])))
    >>> found.pre_nodes.index.tolist(), found.n_edges
    ([1], 1)
    """
    target = _of(target, circuit, "inputs")
    source, population, ids = _parts(target, "inputs")
    if isinstance(source, Circuit):
        population = source.nodes(population).name
        chosen = _edges_between(source, None, population, edges, "inputs", from_others=ids is None)
        found = chosen.connectome(post_ids=ids, properties=properties, node_properties=None)
        inside = found.pre_nodes.index.isin(ids) if chosen.source == population else np.zeros(found.n_pre, dtype=bool)
    else:
        _no_edges(edges, "inputs")
        if ids is None and source.is_square:
            raise OptionError("inputs: nothing is outside of a whole connectome. Give a subtarget of it.")
        found = _with_properties(source if ids is None else source.subset(post=ids), properties)
        inside = _among_post_nodes(found, source.is_square)
    return _named(_from_outside(found, inside), target)


def cross(
    pre: Circuit | Connectome | Subtarget,
    post: Circuit | Connectome | Subtarget,
    circuit: Circuit | None = None,
    *,
    edges: str | None = None,
    properties: list[str] | None = None,
) -> Connectome:
    """The edges from one target to another.

    Parameters
    ----------
    pre, post
        Subtargets of one circuit or connectome, or the whole of it (of a circuit, its default nodes); they may
        overlap or be the same.
    circuit
        Another circuit to take edges and nodes from: with the subtargets' populations of nodes, such as one made from the
        targets' by manipulation. Default: the targets' own.
    edges
        The edge population of a circuit; default: the only one between their populations, or the circuit's default.
    properties
        Edge properties to keep; default: all.

    Returns
    -------
    A rectangular connectome [pre, post]; a square one where both are the same nodes.

    Raises
    ------
    CircuitError
        Unknown edges, property or id, or edges that do not run between the two populations.
    OptionError
        Targets without a source or of different ones, or `edges` of a connectome.

    Notes
    -----
    One pass over the edges; few nodes read only their own where the file has an index.

    Examples
    --------
    >>> c = Connectome(3, [0, 1], [2, 2])
    >>> one, other = (Subtarget(name, c, None, np.array(ids)) for name, ids in [("a", [0, 1]), ("b", [2])])
    >>> cross(one, other).adjacency().toarray().tolist()
    [[1], [1]]
    """
    pre, post = _of(pre, circuit, "cross"), _of(post, circuit, "cross")
    (source, pre_population, pre_ids), (other, post_population, post_ids) = _parts(pre, "cross"), _parts(post, "cross")
    if source is not other and (type(source) is not type(other) or source != other):
        raise OptionError(f"cross: {_name(pre)!r} and {_name(post)!r} are of different sources; give two of one.")
    if isinstance(source, Circuit):
        pre_population, post_population = source.nodes(pre_population).name, source.nodes(post_population).name
        chosen = _edges_between(source, pre_population, post_population, edges, "cross")
        found = chosen.connectome(pre_ids=pre_ids, post_ids=post_ids, properties=properties, node_properties=None)
    else:
        _no_edges(edges, "cross")
        found = _with_properties(_block(source, pre_ids, post_ids), properties)
    return _relabelled(found, f"{_name(pre)} -> {_name(post)}")


def _of(
    target: Circuit | Connectome | Subtarget, circuit: Circuit | None, where: str
) -> Circuit | Connectome | Subtarget:
    """The target, or the same nodes of another circuit."""
    if circuit is None:
        return target
    if isinstance(target, Circuit):
        return circuit
    if not isinstance(target, Subtarget) or not isinstance(circuit, Circuit) or isinstance(target.source, Connectome):
        raise OptionError(f"{where}.circuit: goes with a subtarget of a circuit on disk only. Leave it out.")
    population = circuit.default_nodes.name if target.population is None else target.population
    if population not in circuit.node_populations:
        raise OptionError(
            unknown(f"{where}.circuit: {circuit.path}", "node population", population, circuit.node_populations)
        )
    return replace(target, source=circuit)


def _parts(
    target: Circuit | Connectome | Subtarget, where: str
) -> tuple[Circuit | Connectome, str | None, np.ndarray | None]:
    if not isinstance(target, Subtarget):
        return target, None, None
    if target.source is None:
        raise OptionError(
            f"{where}: subtarget {target.name!r} has no source; it was read from a store. "
            "Give it one: dataclasses.replace(subtarget, source=...)."
        )
    return target.source, target.population, target.ids


def _name(target: Circuit | Connectome | Subtarget) -> str:
    return "all" if isinstance(target, Circuit) else target.name or "all"


def _block(source: Connectome, pre_ids: np.ndarray | None, post_ids: np.ndarray | None) -> Connectome:
    """The edges from some nodes to others, None for all; square where both are the same."""
    if pre_ids is None and post_ids is None:
        return source
    if source.is_square and pre_ids is not None and post_ids is not None and np.array_equal(pre_ids, post_ids):
        return source.subset(pre_ids)
    return source.subset(pre=pre_ids, post=post_ids)


def _edges_between(
    circuit: Circuit, source: str | None, target: str, edges: str | None, where: str, *, from_others: bool = False
) -> EdgePopulation:
    """The edges named, else the only ones from `source` (None for any) to `target`, else the default if among them.

    With `from_others` those within `target` do not count.
    """
    fitting = {
        name: each
        for name, each in circuit.edge_populations.items()
        if each.target == target and source in (None, each.source) and not (from_others and each.source == target)
    }
    between = f"from {source!r} to {target!r}" if source else f"to {target!r}"
    if from_others:
        between += " from another population"
        if not fitting:
            raise OptionError(
                f"{where}: no edges run {between}, and no node is outside the whole. Give a subtarget of the circuit."
            )
    if edges is not None:
        circuit.edges(edges)
        if edges not in fitting:
            raise CircuitError(f"{where}: edges {edges!r} do not run {between}; those that do: {known(fitting)}.")
        return fitting[edges]
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if not fitting:
        raise CircuitError(f"{where}: no edges run {between}; there are {known(circuit.edge_populations)}.")
    try:
        default = circuit.default_edges.name
    except CircuitError:
        default = ""
    if default not in fitting:
        raise CircuitError(f"{where}: several edges run {between}: {known(fitting)}. Say edges=NAME.")
    return fitting[default]


def _no_edges(edges: str | None, where: str) -> None:
    if edges is not None:
        raise OptionError(f"{where}: edges {edges!r}: a connectome has one table of edges. Leave edges out.")


def _among_post_nodes(found: Connectome, one_table: bool) -> np.ndarray:
    """Which pre nodes are post nodes too; ids tell only of nodes of one table or one population."""
    pre, post = found.pre_nodes, found.post_nodes
    if one_table:
        return np.asarray(pre.index.isin(post.index))
    if "population" not in pre or "population" not in post:
        return np.zeros(len(pre), dtype=bool)
    keys = [pd.MultiIndex.from_arrays([each["population"].astype(object), each.index]) for each in (pre, post)]
    return np.asarray(keys[0].isin(keys[1]))


def _from_outside(found: Connectome, inside: np.ndarray) -> Connectome:
    sending = np.zeros(found.n_pre, dtype=bool)
    sending[found.pre] = True
    return found.subset(pre=sending & ~np.asarray(inside))


def _with_properties(found: Connectome, properties: list[str] | None) -> Connectome:
    if properties is None:
        return found
    for name in properties:
        if name not in found.properties:
            raise ConnectomeError(unknown("Connectome", "edge property", name, found.properties))
    return found.with_edges(found.pre, found.post, properties={name: found.properties[name] for name in properties})


def _named(found: Connectome, target: Circuit | Connectome | Subtarget) -> Connectome:
    return _relabelled(found, target.name) if isinstance(target, Subtarget) else found


def _relabelled(found: Connectome, name: str) -> Connectome:
    return Connectome(
        found.pre_nodes,
        found.pre,
        found.post,
        post_nodes=None if found.is_square else found.post_nodes,
        properties=found.properties,
        name=name,
    )

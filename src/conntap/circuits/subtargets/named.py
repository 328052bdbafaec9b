"""Subtargets by name: all nodes, values of a property, node sets, a table."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import Grouping, grouped
from conntap.circuits.subtargets.noun import Subtarget, Subtargets, split
from conntap.circuits.subtargets.rows import as_ids, read_rows
from conntap.circuits.subtargets.selecting import NodeSelection, read_nodes
from conntap.errors import OptionError

__all__ = ["groups", "node_sets", "table", "whole"]

_log = logging.getLogger(__name__)


def whole(
    source: Circuit | Connectome, *, population: str | None = None, nodes: NodeSelection = None, label: str = "all"
) -> Subtargets:
    """Take all nodes, or a selection, as one subtarget.

    Parameters
    ----------
    source
        A circuit, or a square connectome.
    population
        The node population; default: the circuit's default.
    nodes
        Only these: a node set's name, names, a rule like `{"layer": [2, 3]}`, or ids.
    label
        The subtarget's name.

    Returns
    -------
    One subtarget; info: `n_nodes`.

    Raises
    ------
    CircuitError
        Unknown population, node set, property or id.
    OptionError
        No node is chosen.

    Notes
    -----
    Linear in the nodes.

    Examples
    --------
    >>> whole(Connectome(3, [], []))["all"].ids.tolist()
    [0, 1, 2]
    """
    chosen, population = read_nodes(source, population, nodes, [])
    ids = chosen.index.to_numpy()
    return split(source, population, ids, np.zeros(len(ids), dtype=np.int64), [(label, {})], where="whole")


def groups(
    source: Circuit | Connectome,
    *,
    by: Grouping,
    population: str | None = None,
    nodes: NodeSelection = None,
    min_nodes: int = 1,
) -> Subtargets:
    """Take one subtarget for each value of a node property, or for each group of another grouping.

    Nodes without a value, or in no group, are in none; how many is logged.

    Parameters
    ----------
    source
        A circuit, or a square connectome.
    by
        The property, or another grouping: {property: [values]}, named expressions, {quantiles: {property: 4}}, or a list
        of these.
    population
        The node population; default: the circuit's default.
    nodes
        Only these: a node set's name, names, a rule like `{"layer": [2, 3]}`, or ids.
    min_nodes
        Leave out values with fewer nodes.

    Returns
    -------
    Subtargets named by the values as text, in rising order (wanted values and expressions: in the order given; of
    several levels "layer=2, y_quantile=1"); info: the value under the property's name (or "part", "y_quantile"), `n_nodes`.

    Raises
    ------
    CircuitError
        Unknown population, node set, property or id, or two values that read alike as text.
    OptionError
        No value has `min_nodes` nodes, or a grouping that does not fit the nodes.

    Notes
    -----
    A sort of the nodes.

    Examples
    --------
    >>> groups(Connectome(pd.DataFrame({"layer": [2, 1, 2]}), [], []), by="layer").names
    ['1', '2']
    """
    if not isinstance(by, str):
        return _grouped(source, by, population, nodes, min_nodes)
    chosen, population = read_nodes(source, population, nodes, [by])
    column = chosen[by]
    if column.isna().any():
        _log.info("groups: %d of %d nodes have no %s and are in no subtarget.", column.isna().sum(), len(column), by)
    found = column.dropna().unique().tolist()
    try:
        values = pd.Index(sorted(found))
    except TypeError:  # numbers and text: as `grouped` has them
        values = pd.Index(sorted(found, key=lambda each: f"{type(each).__name__} {each}"), dtype=object)
    codes = values.get_indexer(pd.Index(column.to_numpy()))
    labels = [(str(value), {by: value}) for value in values.tolist()]
    return split(source, population, chosen.index.to_numpy(), codes, labels, where="groups", min_nodes=min_nodes)


def _grouped(
    source: Circuit | Connectome, by: Grouping, population: str | None, nodes: NodeSelection, min_nodes: int
) -> Subtargets:
    chosen, population = read_nodes(source, population, nodes, None)
    codes, found = grouped(chosen, by, "groups.by")
    if (codes < 0).any():
        _log.info("groups: %d of %d nodes are in no group and in no subtarget.", np.sum(codes < 0), len(codes))
    levels = list(map(str, found.names))
    labels = []
    for group in found.tolist():
        info = dict(zip(levels, group if len(levels) > 1 else [group], strict=True))
        each = [f"{level}={value}" for level, value in info.items()]
        labels.append((", ".join(each) if len(levels) > 1 else str(group), info))
    return split(source, population, chosen.index.to_numpy(), codes, labels, where="groups", min_nodes=min_nodes)


def node_sets(source: Circuit, *, names: list[str], population: str | None = None) -> Subtargets:
    """Take node sets of the circuit as subtargets; they may overlap.

    Parameters
    ----------
    source
        A circuit.
    names
        Names in its file of node sets.
    population
        The node population; default: the circuit's default.

    Returns
    -------
    Subtargets in the order of `names`; info: `n_nodes`.

    Raises
    ------
    NodeSetError
        A node set is unknown or does not fit the population.
    OptionError
        No names, a name twice, or a node set without nodes in the population.

    Notes
    -----
    Linear in nodes times names.

    Examples
    --------
    >>> import json, tempfile
    >>> from conntap.circuits import open_circuit
    >>> from conntap.circuits.formats import write
    >>> folder = Path(tempfile.mkdtemp()) / "circuit"
    >>> _ = write(Connectome(pd.DataFrame({"layer": [1, 2, 2]}), [0], [1]), folder, format="sonata")
    >>> _ = (folder / "sets.json").write_text('{"L2": {"layer": 2}}')
    >>> config = json.loads((folder / "circuit_config.json").read_text()) | {"node_sets_file": "sets.json"}
    >>> _ = (folder / "circuit_config.json").write_text(json.dumps(config))
    >>> node_sets(open_circuit(folder), names=["L2"])["L2"].ids.tolist()
    [1, 2]
    """
    if not names or len(set(names)) < len(names):
        raise OptionError(f"node_sets.names: {names}; give at least one name, each once.")
    if not isinstance(source, Circuit):
        raise OptionError("node_sets: a connectome has no node sets. Use groups, table or hexgrid.")
    chosen = source.nodes(population)
    found = []
    for name in names:
        ids = chosen.ids(name)
        if not len(ids):
            raise OptionError(f"node_sets: node set {name!r} has no nodes in population {chosen.name!r}. Leave it out.")
        found.append(Subtarget(name, source, chosen.name, ids, {"n_nodes": len(ids)}))
    return Subtargets(found)


def table(source: Circuit | Connectome, *, path: Path, population: str | None = None) -> Subtargets:
    """Read subtargets from a CSV file with the columns `subtarget` and `id`, one row a node.

    Parameters
    ----------
    source
        A circuit, or a square connectome.
    path
        The file. Rows may stand in any order; a row that stands twice counts once.
    population
        The node population; default: the circuit's default.

    Returns
    -------
    Subtargets in the order of their first rows; info: `n_nodes`.

    Raises
    ------
    CircuitError
        The file cannot be read, lacks a column or a value, or names an id that the source does not have.

    Notes
    -----
    Linear in rows and nodes.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "groups.csv"
    >>> _ = path.write_text("subtarget,id\\nA,2\\nB,0\\nA,0\\n")
    >>> [(each.name, each.ids.tolist()) for each in table(Connectome(3, [], []), path=path)]
    [('A', [0, 2]), ('B', [0])]
    """
    chosen, population = read_nodes(source, population, None, [])
    rows = read_rows(path, ("subtarget", "id"), text=("subtarget",))
    ids = as_ids(rows["id"], chosen.index, f"{path}: id")
    names = rows["subtarget"].str.strip()
    order = list(dict.fromkeys(names))
    codes = pd.Index(order).get_indexer(names)
    unique = pd.DataFrame({"code": codes, "id": ids}).drop_duplicates()
    labels = [(name, {}) for name in order]
    return split(source, population, unique["id"].to_numpy(), unique["code"].to_numpy(), labels, where="table")

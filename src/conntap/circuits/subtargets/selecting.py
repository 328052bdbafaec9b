"""Nodes of a circuit or a connectome by one way of choosing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.nodesets import NodeSets
from conntap.errors import CircuitError, OptionError, known, unknown

__all__ = ["NodeSelection", "read_nodes"]

NodeSelection = str | list[str] | list[int] | dict[str, Any] | None


def read_nodes(
    source: Circuit | Connectome, population: str | None, nodes: NodeSelection, properties: Sequence[str] | None
) -> tuple[pd.DataFrame, str | None]:
    """The chosen nodes of a source with the wanted properties (None for all), and their population's name.

    Parameters
    ----------
    source
        A circuit, or a square connectome (which has no populations and no node sets).
    population
        The node population of a circuit; None for its default.
    nodes
        A node set's name, names, a rule like `{"layer": [2, 3]}`, ids, or None for all.
    properties
        Names of properties; None for all.

    Raises
    ------
    CircuitError
        Unknown population, node set, property or id.
    OptionError
        A population or a node set of a connectome.

    Examples
    --------
    >>> c = Connectome(pd.DataFrame({"layer": [1, 2, 2]}), [], [])
    >>> read_nodes(c, None, {"layer": 2}, [])[0].index.tolist()
    [1, 2]
    """
    if isinstance(source, Circuit):
        found = source.nodes(population)
        return found.table(properties, nodes), found.name
    if not isinstance(source, Connectome):
        raise OptionError(f"nodes of a {type(source).__name__}; give a Circuit or a Connectome.")
    if population is not None:
        raise OptionError(f"population {population!r}: a connectome has one table of nodes. Leave population out.")
    table = source.nodes
    wanted = list(table.columns) if properties is None else list(properties)
    for name in wanted:
        if name not in table.columns:
            raise CircuitError(unknown("Connectome", "node property", name, table.columns))
    return table.loc[_mask(table, nodes), wanted], None


def _mask(table: pd.DataFrame, nodes: Any) -> np.ndarray:
    if nodes is None:
        return np.ones(len(table), dtype=bool)
    if isinstance(nodes, Mapping):
        return NodeSets({}, where="nodes").mask(nodes, _Rows(table))
    if isinstance(nodes, str):
        raise OptionError(f"nodes: {nodes!r}: a connectome has no node sets. Give a rule or ids.")
    wanted = pd.Index(nodes)
    missing = wanted[~wanted.isin(table.index)]
    if len(missing):
        raise CircuitError(f"nodes: {len(missing)} ids are not among the {len(table)} nodes: {known(missing, most=5)}.")
    return np.asarray(table.index.isin(wanted))


@dataclass(frozen=True)
class _Rows:
    """A connectome's nodes as rules want to see them."""

    table: pd.DataFrame
    name: str = "nodes"

    @property
    def size(self) -> int:
        return len(self.table)

    @property
    def properties(self) -> tuple[str, ...]:
        return tuple(self.table.columns)

    def column(self, name: str) -> np.ndarray | pd.Categorical:
        column = self.table[name]
        if column.dtype.kind in "biuf":
            return column.to_numpy()
        return pd.Categorical(column)

    def node_ids(self) -> np.ndarray:
        return self.table.index.to_numpy()

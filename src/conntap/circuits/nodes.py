"""A circuit's nodes: one population on disk, read when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conntap.circuits.sonata.hdf5 import opened, take
from conntap.circuits.sonata.properties import PropertyTable
from conntap.circuits.sonata.structure import population_group
from conntap.errors import CircuitError, known

if TYPE_CHECKING:
    from conntap.circuits.circuit import Circuit
    from conntap.circuits.morphologies import Morphologies
    from conntap.circuits.tissue import Domains, Vasculature

__all__ = ["NodePopulation", "Selection"]

Selection = str | int | list | tuple | range | np.ndarray | pd.Index | Mapping[str, Any] | None


class NodePopulation:
    """The nodes of one SONATA population, on disk.

    Notes
    -----
    Nothing but the file's structure is read before a table or ids are asked for, and no table is kept.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.circuits import Connectome, open_circuit
    >>> from conntap.circuits.sonata.writing import write_sonata
    >>> nodes = pd.DataFrame({"layer": [1, 2, 2]})
    >>> path = write_sonata(Connectome(nodes, [0, 0, 1], [1, 1, 2], name="cells"), tempfile.mkdtemp())
    >>> cells = open_circuit(path).nodes()
    >>> cells
    NodePopulation('cells': 3 nodes; properties: layer)
    >>> cells.ids({"layer": 2}).tolist()
    [1, 2]
    >>> cells.table(ids=[2, 0])["layer"].to_dict()
    {2: 2, 0: 1}
    """

    def __init__(self, circuit: Circuit, name: str, path: Path, types: Path | None, options: Mapping[str, Any]) -> None:
        self._circuit, self.name, self.path = circuit, name, path
        self.options = dict(options)
        self._table = PropertyTable(path, "nodes", name, types)

    @property
    def circuit(self) -> Circuit:
        """The circuit that this population is part of."""
        return self._circuit

    @property
    def types_path(self) -> Path | None:
        """The table of types that the configuration names, if any."""
        return self._table.types_path

    @property
    def size(self) -> int:
        """Number of nodes."""
        return self._table.layout.size

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of all properties: HDF5 attributes, dynamics_params/NAME, columns of the types table."""
        return self._table.names

    @cached_property
    def explicit_ids(self) -> np.ndarray | None:
        """Ids in the file's order where they are others than 0..size-1, else None. Do not write to them."""
        if "node_id" not in self._table.layout.datasets:
            return None
        with opened(self.path) as file:
            dataset = population_group(file, "nodes", self.name)["node_id"]
            if len(dataset) != self.size:
                raise CircuitError(f"{self.path}: {dataset.name} has {len(dataset)} values for {self.size} nodes.")
            ids = take(dataset, slice(None)).astype(np.int64)
        if np.array_equal(ids, np.arange(len(ids))):
            return None
        values, counts = np.unique(ids, return_counts=True)
        if (counts > 1).any():
            raise CircuitError(
                f"{self.path}: node population {self.name!r}: node_id {values[counts > 1][0]} stands twice."
            )
        return ids

    @property
    def morphologies(self) -> Morphologies:
        """The morphologies of these nodes by name, read when asked for; CircuitError where the configuration names none."""
        from conntap.circuits.morphologies import Morphologies

        return Morphologies.of(self)

    @property
    def domains(self) -> Domains:
        """Of astrocytes: the domain of each, read anew each time; CircuitError where the configuration names none."""
        from conntap.circuits.tissue.opening import domains_of

        return domains_of(self)

    @property
    def vessels(self) -> Vasculature:
        """Of segments of vessels: their network, read anew each time; CircuitError where these nodes are none."""
        from conntap.circuits.tissue.opening import vessels_of

        return vessels_of(self)

    def node_ids(self) -> np.ndarray:
        """All ids in the file's order, shape (nodes,)."""
        return np.arange(self.size) if self.explicit_ids is None else self.explicit_ids.copy()

    def column(self, name: str) -> np.ndarray | pd.Categorical:
        """One property of all nodes in the file's order.

        Raises
        ------
        CircuitError
            Unknown property.
        """
        return self._table.read(name)

    def ids(self, selection: Selection = None) -> np.ndarray:
        """The ids of the nodes that a selection chooses, sorted.

        Parameters
        ----------
        selection
            None for all; the name of a node set or a list of such names (their union); a rule as node sets
            have them, like `{"layer": [2, 3]}`; an id or ids; or a boolean mask of shape (nodes,).

        Returns
        -------
        int64, sorted, each id once.

        Raises
        ------
        CircuitError
            An id that the population does not have.
        NodeSetError
            An unknown node set, or a rule that does not fit the population.
        """
        return np.unique(self.select(selection))

    def select(self, selection: Selection = None) -> np.ndarray:
        """The ids that a selection chooses, in the order given where ids are given, else sorted.

        Parameters
        ----------
        selection
            As for `ids`.

        Returns
        -------
        int64; an id given twice stands twice.

        Raises
        ------
        CircuitError
            An id that the population does not have, or no selection at all.
        NodeSetError
            An unknown node set, or a rule that does not fit the population.
        """
        if selection is None:
            return np.sort(self.node_ids())
        if isinstance(selection, str | Mapping) or _is_names(selection):
            return np.sort(self.node_ids()[self._circuit.node_sets.mask(selection, self)])
        given = np.atleast_1d(np.asarray(selection))
        if given.dtype == bool and given.shape == (self.size,):
            return np.sort(self.node_ids()[given])
        if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
            raise CircuitError(
                f"node population {self.name!r}: a selection of {given.dtype} of shape {given.shape}; "
                "give ids, a node set's name, a rule, or a mask."
            )
        ids = given.astype(np.int64)
        self._rows(ids)
        return ids

    def table(self, properties: str | Iterable[str] | None = None, ids: Selection = None) -> pd.DataFrame:
        """Properties of nodes, one row a node.

        Parameters
        ----------
        properties
            Names; None for all.
        ids
            A selection as for `ids`. Ids given as an array keep their order; None is the file's order.

        Returns
        -------
        Indexed by node id ("id"), a column for each property; text as categories.

        Raises
        ------
        CircuitError
            Unknown property or id.
        NodeSetError
            As for `ids`.

        Notes
        -----
        Linear in the nodes of the population; chosen nodes read only their rows where the file allows it.
        """
        chosen = None if ids is None else self.select(ids)
        rows = None if chosen is None else self._rows(chosen)
        if chosen is None and self.explicit_ids is None:
            index: pd.Index = pd.RangeIndex(self.size, name="id")
        else:
            index = pd.Index(self.node_ids() if chosen is None else chosen, name="id")
        return pd.DataFrame(
            {name: self._table.read(name, rows) for name in self._table.chosen(properties)}, index=index
        )

    def _rows(self, ids: np.ndarray) -> np.ndarray:
        if self.explicit_ids is None:
            rows = np.where((ids >= 0) & (ids < self.size), ids, -1)
        else:
            rows = pd.Index(self.explicit_ids).get_indexer(ids)
        if (rows < 0).any():
            missing = np.unique(ids[rows < 0])
            raise CircuitError(
                f"{self.path}: node population {self.name!r} of {self.size} nodes has no id {known(missing, most=5)}."
            )
        return rows

    def __repr__(self) -> str:
        return f"NodePopulation({self.name!r}: {self.size:,} nodes; properties: {', '.join(self.properties) or 'none'})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _node_population, (self._circuit, self.name)


def _node_population(circuit: Circuit, name: str) -> NodePopulation:
    return circuit.nodes(name)


def _is_names(selection: Any) -> bool:
    if isinstance(selection, np.ndarray):
        return selection.dtype.kind in "UT"
    return isinstance(selection, list | tuple) and any(isinstance(each, str) for each in selection)

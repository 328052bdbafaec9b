"""Populations of a circuit: nodes and edges on disk, read when asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.circuits.connectome import Connectome
from conntap.circuits.extraction import Ends, Side, read_ends
from conntap.circuits.hdf5 import CHUNK, opened, pieces, take
from conntap.circuits.sonata import PropertyTable, population_group
from conntap.errors import CircuitError, known

if TYPE_CHECKING:
    from conntap.circuits.circuit import Circuit

__all__ = ["EdgePopulation", "NodePopulation", "Selection"]

_log = logging.getLogger(__name__)

Selection = str | int | list | tuple | np.ndarray | pd.Index | Mapping[str, Any] | None


class NodePopulation:
    """The nodes of one SONATA population, on disk.

    Notes
    -----
    Nothing but the file's structure is read before a table or ids are asked for, and nothing is kept.
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
    def size(self) -> int:
        """Number of nodes."""
        return self._table.layout.size

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of all properties: HDF5 attributes, dynamics_params/NAME, columns of the types table."""
        return self._table.names

    @cached_property
    def _ids(self) -> np.ndarray | None:
        """Ids in row order; None for 0..size-1."""
        if "node_id" not in self._table.layout.datasets:
            return None
        with opened(self.path) as file:
            dataset = population_group(file, "nodes", self.name)["node_id"]
            if len(dataset) != self.size:
                raise CircuitError(f"{self.path}: {dataset.name} has {len(dataset)} values for {self.size} nodes.")
            ids = take(dataset, slice(0, self.size)).astype(np.int64)
        if np.array_equal(ids, np.arange(len(ids))):
            return None
        values, counts = np.unique(ids, return_counts=True)
        if (counts > 1).any():
            raise CircuitError(
                f"{self.path}: node population {self.name!r}: node_id {values[counts > 1][0]} stands twice."
            )
        return ids

    def node_ids(self) -> np.ndarray:
        """All ids in the file's order, shape (nodes,)."""
        return np.arange(self.size) if self._ids is None else self._ids.copy()

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
        return np.unique(self._chosen(selection))

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
        chosen = None if ids is None else self._chosen(ids)
        rows = None if chosen is None else self._rows(chosen)
        index = pd.Index(self.node_ids() if chosen is None else chosen, name="id")
        if index.equals(pd.RangeIndex(len(index))):
            index = pd.RangeIndex(len(index), name="id")
        return pd.DataFrame({name: self._table.read(name, rows) for name in _names(properties, self)}, index=index)

    def _chosen(self, selection: Selection) -> np.ndarray:
        """The chosen ids: sorted, or as given where they are given."""
        if selection is None:
            return self.node_ids()
        if isinstance(selection, str | Mapping) or _is_names(selection):
            return np.sort(self.node_ids()[self._circuit.node_sets.mask(selection, self)])
        ids = np.atleast_1d(np.asarray(selection))
        if ids.dtype == bool and ids.shape == (self.size,):
            return np.sort(self.node_ids()[ids])
        if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
            raise CircuitError(
                f"node population {self.name!r}: a selection of {ids.dtype} of shape {ids.shape}; "
                "give ids, a node set's name, a rule, or a mask."
            )
        ids = ids.astype(np.int64)
        self._rows(ids)
        return ids

    def _rows(self, ids: np.ndarray) -> np.ndarray:
        if self._ids is None:
            rows = np.where((ids >= 0) & (ids < self.size), ids, -1)
        else:
            rows = pd.Index(self._ids).get_indexer(ids)
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


class EdgePopulation:
    """The edges of one SONATA population, on disk.

    Notes
    -----
    Nothing but the file's structure is read before edges are asked for, and no edges are kept.
    """

    def __init__(self, circuit: Circuit, name: str, path: Path, types: Path | None, options: Mapping[str, Any]) -> None:
        self._circuit, self.name, self.path = circuit, name, path
        self.options = dict(options)
        self._table = PropertyTable(path, "edges", name, types)

    @property
    def circuit(self) -> Circuit:
        """The circuit that this population is part of."""
        return self._circuit

    @property
    def size(self) -> int:
        """Number of edges (synapses)."""
        return self._table.layout.size

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of all properties: HDF5 attributes, dynamics_params/NAME, columns of the types table."""
        return self._table.names

    @cached_property
    def source(self) -> str:
        """The node population that the edges come from."""
        return self._end("source")

    @cached_property
    def target(self) -> str:
        """The node population that the edges go to."""
        return self._end("target")

    def _end(self, side: str) -> str:
        with opened(self.path) as file:
            named = population_group(file, "edges", self.name)[f"{side}_node_id"].attrs.get("node_population")
        name = named.decode() if isinstance(named, bytes) else named
        if name is None:
            name = _guessed_end(self.name, side, self._circuit.node_populations)
            _log.warning("%s: %s: no node_population on %s_node_id; taken as %r.", self.path, self.name, side, name)
        return str(name)

    def connectome(
        self,
        ids: Selection = None,
        *,
        pre_ids: Selection = None,
        post_ids: Selection = None,
        properties: str | Iterable[str] | None = (),
        node_properties: str | Iterable[str] | None = (),
    ) -> Connectome:
        """The edges among chosen nodes, in memory.

        Parameters
        ----------
        ids
            Of a population within one node population: the nodes on both sides, as a selection (see
            `NodePopulation.ids`). Ids given as an array keep their order. None for all.
        pre_ids, post_ids
            The same for one side each.
        properties
            Edge properties to read; none by default, None for all.
        node_properties
            Columns of the node tables; none by default, None for all.

        Returns
        -------
        Square where source and target are one population and both sides have the same nodes; else
        rectangular. Edges in the order of their ids.

        Raises
        ------
        CircuitError
            Unknown node population, id or property; an id stands twice; `ids` for two populations; a file
            whose edges name nodes that are not there, or whose index does not match its edges.
        NodeSetError
            A node set that is unknown or does not fit.

        Notes
        -----
        Time of one pass over the two columns of ids; few chosen nodes take only their own edges where the
        file has an index. Memory: the result and less than as much again.
        """
        pre, post, square = self._sides(ids, pre_ids, post_ids)
        ends = self._read(pre, post)
        rows = None if ends.edge_ids is None else ends.edge_ids
        columns = {name: self._table.read(name, rows) for name in _names(properties, self)}
        tables = [
            self._circuit.nodes(population).table(() if node_properties == () else node_properties, side.chosen)
            for population, side in ((self.source, pre), (self.target, post))[: 1 if square else 2]
        ]
        return Connectome(
            tables[0],
            ends.pre,
            ends.post,
            post_nodes=None if square else tables[1],
            properties=columns,
            name=self.name,
        )

    def adjacency(self, ids: Selection = None) -> sparse.csr_array:
        """The sparse matrix [pre, post] of edge counts.

        Parameters
        ----------
        ids
            As for `connectome`.

        Returns
        -------
        CSR of int32, indices sorted, parallel edges summed; rows and columns in the order of
        `connectome(ids)`.

        Raises
        ------
        CircuitError
            As for `connectome`.

        Notes
        -----
        The two columns of ids are all that is read.
        """
        pre, post, _ = self._sides(ids, None, None)
        ends = self._read(pre, post)
        ones = np.ones(len(ends.pre), dtype=np.int32)
        matrix = sparse.coo_array((ones, (ends.pre, ends.post)), shape=(pre.n_rows, post.n_rows)).tocsr()
        matrix.sort_indices()
        return matrix

    def iter_chunks(
        self, *, size: int = CHUNK, properties: str | Iterable[str] | None = ()
    ) -> Iterator[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray | pd.Categorical]]]:
        """All edges in the order of their ids, some at a time.

        Parameters
        ----------
        size
            Edges in one chunk; the last may have fewer.
        properties
            Edge properties to read; none by default, None for all.

        Returns
        -------
        Tuples of pre ids, post ids (int64, shape (chunk,)) and the properties by name.

        Raises
        ------
        CircuitError
            Unknown property, or a size below 1.
        """
        if size < 1:
            raise CircuitError(f"edge population {self.name!r}: chunks of {size} edges; give at least 1.")
        names = _names(properties, self)
        for part in pieces(self.size, size):
            pre, post = (self._node_ids(side, part) for side in ("source", "target"))
            yield pre, post, {name: self._table.read(name, part) for name in names}

    def table(self, edge_ids: Any = None, properties: str | Iterable[str] | None = None) -> pd.DataFrame:
        """Edges as rows: the ids of their nodes, then their properties.

        Parameters
        ----------
        edge_ids
            Edge ids (positions in the file) in the wanted order; None for all.
        properties
            Names; None for all.

        Returns
        -------
        Indexed by edge id ("edge"), columns `pre`, `post` and the properties; text as categories.

        Raises
        ------
        CircuitError
            Unknown property, or an edge id out of range.
        """
        rows = slice(0, self.size) if edge_ids is None else self._edge_rows(edge_ids)
        index = pd.RangeIndex(self.size, name="edge") if edge_ids is None else pd.Index(rows, name="edge")
        columns = {"pre": self._node_ids("source", rows), "post": self._node_ids("target", rows)}
        return pd.DataFrame(
            columns | {name: self._table.read(name, rows) for name in _names(properties, self)}, index=index
        )

    def _edge_rows(self, edge_ids: Any) -> np.ndarray:
        rows = np.atleast_1d(np.asarray(edge_ids)).astype(np.int64)
        wrong = rows[(rows < 0) | (rows >= self.size)]
        if len(wrong):
            raise CircuitError(
                f"{self.path}: edge population {self.name!r} of {self.size} edges has no edge {wrong[0]}."
            )
        return rows

    def _node_ids(self, side: str, rows: slice | np.ndarray) -> np.ndarray:
        with opened(self.path) as file:
            return take(population_group(file, "edges", self.name)[f"{side}_node_id"], rows).astype(np.int64)

    def _read(self, pre: Side, post: Side) -> Ends:
        with opened(self.path) as file:
            return read_ends(population_group(file, "edges", self.name), pre, post)

    def _sides(self, ids: Selection, pre_ids: Selection, post_ids: Selection) -> tuple[Side, Side, bool]:
        where = f"edge population {self.name!r}"
        if ids is not None and (pre_ids is not None or post_ids is not None):
            raise CircuitError(f"{where}: give ids for both sides, or pre_ids and post_ids, not all.")
        if ids is not None and self.source != self.target:
            raise CircuitError(f"{where} goes from {self.source!r} to {self.target!r}; give pre_ids and post_ids.")
        source, target = self._circuit.nodes(self.source), self._circuit.nodes(self.target)
        if ids is not None:
            pre_ids = post_ids = source._chosen(ids)
        pre, post = _once(source, pre_ids), _once(target, post_ids)
        square = self.source == self.target and (
            (pre is None and post is None) or (pre is not None and post is not None and np.array_equal(pre, post))
        )
        return (
            Side("source_node_id", source._ids, source.size, pre),
            Side("target_node_id", target._ids, target.size, post),
            square,
        )

    def __repr__(self) -> str:
        return (
            f"EdgePopulation({self.name!r}: {self.size:,} edges from {self.source!r} to {self.target!r}; "
            f"properties: {', '.join(self.properties) or 'none'})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _edge_population, (self._circuit, self.name)


def _node_population(circuit: Circuit, name: str) -> NodePopulation:
    return circuit.nodes(name)


def _edge_population(circuit: Circuit, name: str) -> EdgePopulation:
    return circuit.edges(name)


def _names(properties: str | Iterable[str] | None, population: NodePopulation | EdgePopulation) -> list[str]:
    if properties is None:
        return list(population.properties)
    return [properties] if isinstance(properties, str) else list(dict.fromkeys(map(str, properties)))


def _is_names(selection: Any) -> bool:
    return (
        isinstance(selection, list | tuple) and len(selection) > 0 and all(isinstance(each, str) for each in selection)
    )


def _once(nodes: NodePopulation, selection: Selection) -> np.ndarray | None:
    if selection is None:
        return None
    chosen = nodes._chosen(selection)
    if len(np.unique(chosen)) != len(chosen):
        raise CircuitError(f"node population {nodes.name!r}: an id stands twice in the selection; give each once.")
    return chosen


def _guessed_end(name: str, side: str, populations: Mapping[str, Any]) -> str:
    """The node population that an edge population's name speaks of: a_to_b, or a__b__kind."""
    for first in populations:
        for last in populations:
            if name == f"{first}_to_{last}" or name == f"{first}__{last}" or name.startswith(f"{first}__{last}__"):
                return first if side == "source" else last
    if len(populations) == 1:
        return next(iter(populations))
    raise CircuitError(
        f"edge population {name!r}: {side}_node_id does not say its node population, and the name does not tell; "
        f"node populations: {known(populations)}. Write the attribute node_population."
    )

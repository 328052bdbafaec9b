"""A circuit's edges: one population on disk, read when asked for."""

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
from conntap.circuits.nodes import NodePopulation, Selection
from conntap.circuits.sonata.ends import Ends, Side, read_ends
from conntap.circuits.sonata.hdf5 import opened, pieces, take
from conntap.circuits.sonata.properties import PropertyTable
from conntap.circuits.sonata.structure import population_group
from conntap.errors import CircuitError, known

if TYPE_CHECKING:
    from conntap.circuits.circuit import Circuit
    from conntap.circuits.tissue import Endfeet

__all__ = ["EdgePopulation", "end_of"]

_log = logging.getLogger(__name__)


class EdgePopulation:
    """The edges of one SONATA population, on disk.

    Notes
    -----
    Nothing but the file's structure is read before edges are asked for, and no edges are kept.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.circuits import Connectome, open_circuit
    >>> from conntap.circuits.sonata.writing import write_sonata
    >>> nodes = pd.DataFrame({"layer": [1, 2, 2]})
    >>> path = write_sonata(Connectome(nodes, [0, 0, 1], [1, 1, 2], name="cells"), tempfile.mkdtemp())
    >>> edges = open_circuit(path).edges()
    >>> edges
    EdgePopulation('cells__cells__chemical': 3 edges from 'cells' to 'cells'; properties: none)
    >>> edges.adjacency().toarray().tolist()
    [[0, 2, 0], [0, 0, 1], [0, 0, 0]]
    >>> edges.connectome([0, 1], node_properties="layer")
    Connectome('cells__cells__chemical': 2 nodes, 2 edges; node properties: layer)
    >>> [(pre.tolist(), post.tolist()) for pre, post, _ in edges.iter_chunks(size=2)]
    [([0, 0], [1, 1]), ([1], [2])]
    >>> edges.table([2])
          pre  post
    edge
    2       1     2
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

    @property
    def types_path(self) -> Path | None:
        """The table of types that the configuration names, if any."""
        return self._table.types_path

    @property
    def endfeet(self) -> Endfeet:
        """Of edges from vessels to astrocytes: the endfeet, read anew each time; CircuitError where these edges are none."""
        from conntap.circuits.tissue.opening import endfeet_of

        return endfeet_of(self)

    def _end(self, side: str) -> str:
        name, is_guess = end_of(self.path, self.name, side, self._circuit.node_populations)
        if is_guess:
            _log.warning("%s: %s: no node_population on %s_node_id; taken as %r.", self.path, self.name, side, name)
        return name

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
        columns = {name: self._table.read(name, ends.edge_ids) for name in self._table.chosen(properties)}
        nodes = self._circuit.nodes(self.source).table(node_properties, pre.chosen)
        post_nodes = None if square else self._circuit.nodes(self.target).table(node_properties, post.chosen)
        return Connectome(nodes, ends.pre, ends.post, post_nodes=post_nodes, properties=columns, name=self.name)

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
        self, *, size: int = 1 << 20, properties: str | Iterable[str] | None = ()
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
        names = self._table.chosen(properties)
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
            columns | {name: self._table.read(name, rows) for name in self._table.chosen(properties)}, index=index
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
        _ = self._table.layout  # says what is wrong with the file's structure
        with opened(self.path) as file:
            return read_ends(population_group(file, "edges", self.name), pre, post)

    def _sides(self, ids: Selection, pre_ids: Selection, post_ids: Selection) -> tuple[Side, Side, bool]:
        where = f"edge population {self.name!r}"
        if ids is not None and (pre_ids is not None or post_ids is not None):
            raise CircuitError(f"{where}: give ids for both sides, or pre_ids and post_ids, not all.")
        if ids is not None and self.source != self.target:
            raise CircuitError(f"{where} goes from {self.source!r} to {self.target!r}; give pre_ids and post_ids.")
        source, target = self._circuit.nodes(self.source), self._circuit.nodes(self.target)
        pre = _each_once(source, pre_ids if ids is None else ids)
        post = pre if ids is not None else _each_once(target, post_ids)
        same = pre is post or (pre is not None and post is not None and np.array_equal(pre, post))
        return (
            Side("source_node_id", source.explicit_ids, source.size, pre),
            Side("target_node_id", target.explicit_ids, target.size, post),
            same and self.source == self.target,
        )

    def __repr__(self) -> str:
        return (
            f"EdgePopulation({self.name!r}: {self.size:,} edges from {self.source!r} to {self.target!r}; "
            f"properties: {', '.join(self.properties) or 'none'})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _edge_population, (self._circuit, self.name)


def _edge_population(circuit: Circuit, name: str) -> EdgePopulation:
    return circuit.edges(name)


def _each_once(nodes: NodePopulation, selection: Selection) -> np.ndarray | None:
    if selection is None:
        return None
    chosen = nodes.select(selection)
    if len(np.unique(chosen)) != len(chosen):
        raise CircuitError(f"node population {nodes.name!r}: an id stands twice in the selection; give each once.")
    return chosen


def end_of(path: Path, name: str, side: str, populations: Iterable[str]) -> tuple[str, bool]:
    """The node population at the `source` or `target` side of edges, and whether it had to be guessed.

    Raises
    ------
    CircuitError
        The file does not say, and neither the edges' name nor the node populations tell.
    """
    with opened(path) as file:
        attributes = population_group(file, "edges", name)[f"{side}_node_id"].attrs
        named = attributes.get("node_population", attributes.get("network"))  # the latter in the oldest files
    if isinstance(named, bytes):
        named = named.decode()
    return (_guessed_end(name, side, list(populations)), True) if named is None else (str(named), False)


def _guessed_end(name: str, side: str, populations: list[str]) -> str:
    """The node population that an edge population's name speaks of: a_to_b, or a__b__kind."""
    for first in populations:
        for last in populations:
            if name == f"{first}_to_{last}" or name == f"{first}__{last}" or name.startswith(f"{first}__{last}__"):
                return first if side == "source" else last
    if len(populations) == 1:
        return populations[0]
    raise CircuitError(
        f"edge population {name!r}: {side}_node_id does not say its node population, and the name does not tell; "
        f"node populations: {known(populations)}. Write the attribute node_population."
    )

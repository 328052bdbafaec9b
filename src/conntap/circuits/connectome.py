"""The connectome in memory: nodes, edges and their tables; immutable.

Longer than most modules: it is one class, and most of its lines are documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.circuits.selection import selected
from conntap.circuits.sonata.ordering import order_of_pairs
from conntap.errors import ConnectomeError, known, unknown

__all__ = ["Connectome"]

_MERGES = ("sum", "mean", "min", "max", "first")
_COPIES_ON_WRITE = int(pd.__version__.split(".")[0]) >= 3  # a shallow copy of a table is safe from 3 on


class Connectome:
    """Nodes and the edges between them, in memory and immutable.

    Pre and post nodes may be one table (a square connectome) or two (a rectangular one, as for the inputs
    of a population from another). Several edges from one node to another are allowed: each is a synapse.
    Node ids (integers or text, as the source gave them) are the index of the node tables and stay through
    any number of subsets; edges are stored as row positions in these tables. All arrays are read-only and
    all tables taken and handed out are copies (with pandas 3 made only when written to).

    Parameters
    ----------
    nodes
        The (pre) nodes: a table whose index holds unique ids, or an array of ids, or a number of nodes n
        for the ids 0..n-1. A column `population` lets equal ids stand in several populations.
    pre, post
        Shape (edges,): row positions of each edge's ends in `nodes` and in the post nodes.
    post_nodes
        The post nodes where they are not the same as the pre nodes; same forms as `nodes`.
    properties
        Name -> array of shape (edges,). Text becomes categories.
    name
        A label for people, shown in the repr and not compared.

    Raises
    ------
    ConnectomeError
        Positions out of range or not integer, lengths that differ, ids that are not unique.

    Notes
    -----
    8 bytes an edge (int32 positions; 16 where a table has 2^31 rows or more) plus the properties. Arrays of
    the right type are taken over without a copy: do not write to them afterwards.

    Examples
    --------
    >>> c = Connectome(3, [0, 0, 1], [1, 1, 2], properties={"weight": [1.0, 2.0, 5.0]})
    >>> c
    Connectome(3 nodes, 3 edges; edge properties: weight)
    >>> c.adjacency().toarray().tolist()
    [[0, 2, 0], [0, 0, 1], [0, 0, 0]]
    """

    __slots__ = ("_name", "_post", "_post_nodes", "_pre", "_pre_nodes", "_properties")

    def __init__(
        self,
        nodes: pd.DataFrame | int | Iterable[Any],
        pre: Any,
        post: Any,
        *,
        post_nodes: pd.DataFrame | int | Iterable[Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> None:
        pre_table = _node_table(nodes, "nodes")
        post_table = pre_table if post_nodes is None else _node_table(post_nodes, "post_nodes")
        pre_rows = _positions(pre, len(pre_table), "pre")
        post_rows = _positions(post, len(post_table), "post")
        if len(pre_rows) != len(post_rows):
            raise ConnectomeError(
                f"Connectome: pre has {len(pre_rows)} edges and post has {len(post_rows)}; give one pair an edge."
            )
        columns = {str(k): _edge_column(str(k), v, len(pre_rows)) for k, v in (properties or {}).items()}
        self._pre_nodes, self._post_nodes = pre_table, post_table
        self._pre, self._post = pre_rows, post_rows
        self._properties = MappingProxyType(columns)
        self._name = str(name)

    @classmethod
    def from_ids(
        cls,
        nodes: pd.DataFrame | Iterable[Any],
        pre: Any,
        post: Any,
        *,
        post_nodes: pd.DataFrame | Iterable[Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> Connectome:
        """A connectome whose edges are given by node ids instead of row positions.

        Raises
        ------
        ConnectomeError
            An edge names an id that is not among the nodes.

        Examples
        --------
        >>> Connectome.from_ids(["AVA", "AVB"], ["AVA"], ["AVB"]).n_edges
        1
        """
        pre_table = _node_table(nodes, "nodes")
        post_table = pre_table if post_nodes is None else _node_table(post_nodes, "post_nodes")
        rows = [
            _rows_of(table, ids, side) for table, ids, side in ((pre_table, pre, "pre"), (post_table, post, "post"))
        ]
        return cls(
            pre_table,
            *rows,
            post_nodes=None if post_nodes is None else post_table,
            properties=properties,
            name=name,
        )

    @classmethod
    def from_adjacency(cls, matrix: Any, *, nodes: Any = None, weight: str | None = "weight") -> Connectome:
        """A connectome with one edge for each stored entry of a matrix [pre, post].

        Parameters
        ----------
        matrix
            Dense or scipy sparse, shape (pre, post). Zeros of a dense matrix are no edges.
        nodes
            The node table or ids of a square matrix; default 0..n-1.
        weight
            The name of the property that keeps the entries; None drops them.

        Examples
        --------
        >>> Connectome.from_adjacency([[0, 2], [0, 0]]).properties["weight"].tolist()
        [2]
        """
        matrix = sparse.coo_array(matrix)
        if matrix.ndim != 2:
            raise ConnectomeError(f"from_adjacency: the matrix has {matrix.ndim} dimensions; give one of 2.")
        square = matrix.shape[0] == matrix.shape[1]
        if nodes is not None and not square:
            raise ConnectomeError("from_adjacency: nodes are for a square matrix; build a Connectome from its entries.")
        return cls(
            matrix.shape[0] if nodes is None else nodes,
            matrix.coords[0],
            matrix.coords[1],
            post_nodes=None if square else matrix.shape[1],
            properties={} if weight is None else {weight: matrix.data},
        )

    # -- what it holds ---------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The label given at construction; may be empty."""
        return self._name

    @property
    def is_square(self) -> bool:
        """Whether pre and post nodes are one table."""
        return self._pre_nodes is self._post_nodes

    @property
    def nodes(self) -> pd.DataFrame:
        """The node table of a square connectome, indexed by id."""
        return _copied(self._only_nodes())

    @property
    def pre_nodes(self) -> pd.DataFrame:
        """The table of pre nodes, indexed by id."""
        return _copied(self._pre_nodes)

    @property
    def post_nodes(self) -> pd.DataFrame:
        """The table of post nodes, indexed by id."""
        return _copied(self._post_nodes)

    @property
    def ids(self) -> np.ndarray:
        """The node ids of a square connectome, in row order."""
        return _frozen(self._only_nodes().index.to_numpy())

    @property
    def pre(self) -> np.ndarray:
        """Shape (edges,): row of each edge's pre node in `pre_nodes`. Read-only."""
        return self._pre

    @property
    def post(self) -> np.ndarray:
        """Shape (edges,): row of each edge's post node in `post_nodes`. Read-only."""
        return self._post

    @property
    def properties(self) -> Mapping[str, np.ndarray | pd.Categorical]:
        """Edge properties by name, each of shape (edges,). Read-only; text is a pandas Categorical."""
        return self._properties

    @property
    def n_nodes(self) -> int:
        """Number of nodes of a square connectome."""
        return len(self._only_nodes())

    @property
    def n_pre(self) -> int:
        """Number of pre nodes."""
        return len(self._pre_nodes)

    @property
    def n_post(self) -> int:
        """Number of post nodes."""
        return len(self._post_nodes)

    @property
    def n_edges(self) -> int:
        """Number of edges, parallel ones counted each."""
        return len(self._pre)

    @property
    def edges(self) -> pd.DataFrame:
        """The edges as a table: ids of the `pre` and `post` nodes, then the properties."""
        columns = {
            "pre": self._pre_nodes.index.take(self._pre).array,
            "post": self._post_nodes.index.take(self._post).array,
        }
        clash = columns.keys() & self._properties.keys()
        if clash:
            raise ConnectomeError(
                f"Connectome.edges: a property is named {known(clash)}, as an end is. Rename it first."
            )
        return pd.DataFrame(columns | dict(self._properties))

    # -- other forms of it -----------------------------------------------------------------------------

    def adjacency(self, weight: str | None = None) -> sparse.csr_array:
        """The sparse matrix [pre, post]; parallel edges are summed.

        Parameters
        ----------
        weight
            A numeric edge property to sum; None counts the edges (synapses).

        Returns
        -------
        CSR, shape (pre nodes, post nodes), indices sorted, no duplicates. Counts, booleans and whole numbers
        are int32, or int64 where their sums could exceed it (uint64 where unsigned ones could exceed that
        too); floats keep their type (at least 32 bits). A sum of zero stays as a stored entry.

        Raises
        ------
        ConnectomeError
            No such property, one that is not numeric, or whole numbers whose sum exceeds 64 bits.

        Notes
        -----
        Linear in nodes and edges.

        Examples
        --------
        >>> c = Connectome(2, [0, 0], [1, 1], properties={"w": [0.5, 1.0]})
        >>> c.adjacency("w").toarray().tolist()
        [[0.0, 1.5], [0.0, 0.0]]
        """
        if weight is None:
            values = np.ones(self.n_edges, dtype=np.int32)
        else:
            values = _summable(self._numeric(weight))
        matrix = self._matrix(values)
        if _may_wrap(values):
            _refuse_wrapped(matrix.data, self._matrix(values.astype(np.float64)).data, weight)
        return matrix

    def connections(self, *, merge: Mapping[str, str] | None = None) -> Connectome:
        """The same nodes with parallel edges merged into one connection each.

        Parameters
        ----------
        merge
            For each property to keep: `sum`, `mean`, `min`, `max` or `first` over its synapses. Others are
            dropped. Sums have the types that `adjacency` gives.

        Returns
        -------
        A connectome sorted by (pre, post) with the property `count`: synapses of each connection.

        Raises
        ------
        ConnectomeError
            Unknown property or way of merging, a sum of text, or one of whole numbers that exceeds 64 bits.

        Examples
        --------
        >>> Connectome(2, [0, 0, 1], [1, 1, 0]).connections().properties["count"].tolist()
        [2, 1]
        """
        order = order_of_pairs(self._pre, self._post, self.n_pre, self.n_post)
        pre, post = self._pre[order], self._post[order]
        first = np.empty(len(pre), dtype=bool)
        first[:1] = True
        np.not_equal(pre[1:], pre[:-1], out=first[1:])
        first[1:] |= post[1:] != post[:-1]
        starts = np.flatnonzero(first)
        counts = np.diff(np.append(starts, len(pre)))
        properties: dict[str, Any] = {"count": counts.astype(np.int32)}
        for name, how in (merge or {}).items():
            if name == "count":
                raise ConnectomeError(
                    "Connectome.connections: 'count' is the number of synapses; rename that property."
                )
            properties[name] = self._merged(name, how, order, starts, counts)
        return self.with_edges(pre[starts], post[starts], properties=properties)

    def subset(self, nodes: Any = None, *, pre: Any = None, post: Any = None) -> Connectome:
        """The chosen nodes and the edges that lie wholly among them.

        Parameters
        ----------
        nodes
            Of a square connectome: ids in the wanted order, a boolean mask of shape (nodes,), an expression over
            properties ("layer == 4 and y > 0"), or a mapping from properties to the values wanted.
        pre, post
            The same for one side each; the result is rectangular. A side not given keeps all its nodes.

        Returns
        -------
        A connectome of the chosen rows; ids, node columns, edge order and properties are kept.

        Raises
        ------
        ConnectomeError
            An unknown or repeated id, a mask of the wrong length, or `nodes` on a rectangular connectome.
        OptionError
            An expression or a mapping that does not fit.

        Notes
        -----
        Linear in nodes and edges.

        Examples
        --------
        >>> c = Connectome(["a", "b", "c"], [0, 1], [1, 2])
        >>> c.subset(["c", "b"]).edges.values.tolist(), c.subset("id != 'a'").n_nodes
        ([['b', 'c']], 2)
        """
        if nodes is not None:
            if pre is not None or post is not None:
                raise ConnectomeError("Connectome.subset: give nodes for both sides, or pre and post, not all.")
            table = self._only_nodes()
            rows = _chosen(table, nodes, "nodes")
            return self._restricted(rows, rows, table.iloc[rows], None)
        if pre is None and post is None:
            raise ConnectomeError("Connectome.subset: nothing chosen; give nodes, or pre, or post.")
        pre_rows = np.arange(self.n_pre) if pre is None else _chosen(self._pre_nodes, pre, "pre")
        post_rows = np.arange(self.n_post) if post is None else _chosen(self._post_nodes, post, "post")
        return self._restricted(pre_rows, post_rows, self._pre_nodes.iloc[pre_rows], self._post_nodes.iloc[post_rows])

    def filter(self, mask: Any = None, /, **conditions: Any) -> Connectome:
        """The same nodes with only the edges that meet every condition.

        Parameters
        ----------
        mask
            A boolean array of shape (edges,).
        **conditions
            Edge property = a value to equal, a list, set or array of allowed values, or a function from the
            property's array to a boolean array.

        Raises
        ------
        ConnectomeError
            Unknown property, or a mask that is not boolean of shape (edges,).

        Examples
        --------
        >>> c = Connectome(2, [0, 1], [1, 0], properties={"w": [1, 5], "kind": ["e", "i"]})
        >>> c.filter(w=lambda w: w > 2).n_edges, c.filter(kind=["e"]).n_edges
        (1, 1)
        """
        keep = np.ones(self.n_edges, dtype=bool)
        if mask is not None:
            keep &= _edge_mask(mask, self.n_edges, "the mask")
        for name, wanted in conditions.items():
            column = self._property(name)
            keep &= _edge_mask(_meets(column, wanted), self.n_edges, f"the condition on {name!r}")
        return self._picked(keep)

    def with_edges(self, pre: Any, post: Any, *, properties: Mapping[str, Any] | None = None) -> Connectome:
        """The same nodes with other edges, given as row positions.

        Examples
        --------
        >>> Connectome(2, [0], [1]).with_edges([1], [0]).pre.tolist()
        [1]
        """
        return Connectome(
            self._pre_nodes,
            pre,
            post,
            post_nodes=None if self.is_square else self._post_nodes,
            properties=properties,
            name=self._name,
        )

    def with_nodes(self, nodes: pd.DataFrame) -> Connectome:
        """The same edges with another node table of as many rows (a square connectome).

        Examples
        --------
        >>> Connectome(2, [0], [1]).with_nodes(pd.DataFrame({"layer": [1, 2]}, index=[7, 9])).ids.tolist()
        [7, 9]
        """
        if len(nodes) != self.n_nodes:
            raise ConnectomeError(f"Connectome.with_nodes: {len(nodes)} rows for {self.n_nodes} nodes; give one each.")
        return Connectome(nodes, self._pre, self._post, properties=self._properties, name=self._name)

    # -- the protocol of values ------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        """Same nodes in the same order, the same edges in whatever order, and equal properties of both by name."""
        if not isinstance(other, Connectome):
            return NotImplemented
        if (self.is_square, self.n_edges) != (other.is_square, other.n_edges):
            return False
        if self._properties.keys() != other._properties.keys():
            return False
        if not _same_tables(self._pre_nodes, other._pre_nodes):
            return False
        if not self.is_square and not _same_tables(self._post_nodes, other._post_nodes):
            return False
        numbers = self._numbering(other)
        return numbers is not None and all(
            np.array_equal(a, b, equal_nan=a.dtype.kind in "fc" and b.dtype.kind in "fc")
            for a, b in zip(self._sorted_columns(numbers), other._sorted_columns(numbers), strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if self.is_square:
            parts = [f"{self.n_pre:,} nodes, {self.n_edges:,} edges"]
        else:
            parts = [f"{self.n_pre:,} pre nodes, {self.n_post:,} post nodes, {self.n_edges:,} edges"]
        columns = list(dict.fromkeys([*self._pre_nodes.columns, *self._post_nodes.columns]))
        if columns:
            parts.append("node properties: " + ", ".join(map(str, columns)))
        if self._properties:
            parts.append("edge properties: " + ", ".join(self._properties))
        label = f"{self._name!r}: " if self._name else ""
        return f"Connectome({label}{'; '.join(parts)})"

    def __reduce__(self) -> tuple[Any, ...]:
        post_nodes = None if self.is_square else self._post_nodes
        return _rebuilt, (self._pre_nodes, self._pre, self._post, post_nodes, dict(self._properties), self._name)

    def _only_nodes(self) -> pd.DataFrame:
        if not self.is_square:
            raise ConnectomeError(
                f"Connectome.nodes: this connectome is rectangular ({self.n_pre} pre, {self.n_post} post nodes). "
                "Use pre_nodes or post_nodes."
            )
        return self._pre_nodes

    def _property(self, name: str) -> np.ndarray | pd.Categorical:
        if name not in self._properties:
            raise ConnectomeError(unknown("Connectome", "edge property", name, self._properties))
        return self._properties[name]

    def _numeric(self, name: str) -> np.ndarray:
        column = self._property(name)
        if not isinstance(column, np.ndarray) or column.dtype.kind not in "biuf":
            raise ConnectomeError(f"Connectome: edge property {name!r} is not numeric; choose a numeric one.")
        return column

    def _matrix(self, values: np.ndarray) -> sparse.csr_array:
        matrix = sparse.coo_array((values, (self._pre, self._post)), shape=(self.n_pre, self.n_post)).tocsr()
        matrix.sort_indices()
        return matrix

    def _merged(self, name: str, how: str, order: np.ndarray, starts: np.ndarray, counts: np.ndarray) -> Any:
        if how not in _MERGES:
            raise ConnectomeError(unknown("Connectome.connections", "way of merging", how, _MERGES))
        if how == "first":
            return self._property(name)[order[starts]]
        values = self._numeric(name)[order]
        if how == "sum":
            values = _summable(values)
        if len(values) == 0:
            return values
        if how == "mean":
            return np.add.reduceat(values, starts, dtype=float) / counts
        merged = {"sum": np.add, "min": np.minimum, "max": np.maximum}[how].reduceat(values, starts, dtype=values.dtype)
        if how == "sum" and _may_wrap(values):
            _refuse_wrapped(merged, np.add.reduceat(values, starts, dtype=np.float64), name)
        return merged

    def _restricted(
        self, pre_rows: np.ndarray, post_rows: np.ndarray, nodes: pd.DataFrame, post_nodes: pd.DataFrame | None
    ) -> Connectome:
        new_pre, new_post = _renumbering(pre_rows, self.n_pre), _renumbering(post_rows, self.n_post)
        pre, post = new_pre[self._pre], new_post[self._post]
        keep = np.flatnonzero((pre >= 0) & (post >= 0))
        properties = {name: column[keep] for name, column in self._properties.items()}
        return Connectome(nodes, pre[keep], post[keep], post_nodes=post_nodes, properties=properties, name=self._name)

    def _picked(self, keep: np.ndarray) -> Connectome:
        properties = {name: column[keep] for name, column in self._properties.items()}
        return self.with_edges(self._pre[keep], self._post[keep], properties=properties)

    def _numbering(self, other: Connectome) -> dict[str, dict[Any, int]] | None:
        """One numbering of the categories of both by property; None where only one of them has categories."""
        found: dict[str, dict[Any, int]] = {}
        for name, column in self._properties.items():
            pair = [each for each in (column, other._properties[name]) if isinstance(each, pd.Categorical)]
            if len(pair) == 1:
                return None
            if pair:
                every = dict.fromkeys(value for each in pair for value in each.categories)
                found[name] = {value: number for number, value in enumerate(every)}
        return found

    def _sorted_columns(self, numbers: Mapping[str, Mapping[Any, int]]) -> list[np.ndarray]:
        columns = [self._pre, self._post]
        for name in sorted(self._properties):
            column = self._properties[name]
            if isinstance(column, pd.Categorical):
                common = [numbers[name][value] for value in column.categories]
                column = np.array([*common, -1])[column.codes]  # the last is for the code -1: missing
            columns.append(column)
        order = np.lexsort(columns[::-1])
        return [column[order] for column in columns]


def _rebuilt(nodes, pre, post, post_nodes, properties, name):
    return Connectome(nodes, pre, post, post_nodes=post_nodes, properties=properties, name=name)


def _node_table(nodes: Any, where: str) -> pd.DataFrame:
    if isinstance(nodes, int | np.integer) and not isinstance(nodes, bool):
        if nodes < 0:
            raise ConnectomeError(f"Connectome.{where}: {nodes} nodes; give a number from 0 on.")
        table = pd.DataFrame(index=pd.RangeIndex(nodes))
    elif isinstance(nodes, pd.DataFrame):
        table = _copied(nodes)
        table.columns = [str(column) for column in table.columns]
    else:
        table = pd.DataFrame(index=pd.Index(nodes))
    if isinstance(table.index, pd.MultiIndex):
        raise ConnectomeError(f"Connectome.{where}: ids in several levels; make one the index, the rest columns.")
    table.index = table.index.rename("id")
    if table.index.hasnans:
        raise ConnectomeError(
            f"Connectome.{where}: {int(table.index.isna().sum())} ids are missing; give each node one."
        )
    if not table.index.is_unique:
        keys = pd.MultiIndex.from_arrays([table["population"], table.index]) if "population" in table else table.index
        if not keys.is_unique:
            again = keys[keys.duplicated()].tolist()[0]
            raise ConnectomeError(f"Connectome.{where}: id {again!r} stands twice; ids are unique in a population.")
    return table


def _copied(table: pd.DataFrame) -> pd.DataFrame:
    """A table that may be written to without changing this one."""
    return table.copy(deep=not _COPIES_ON_WRITE)


def _positions(values: Any, n: int, where: str) -> np.ndarray:
    rows = np.asarray(values)
    if rows.size == 0:
        rows = rows.astype(np.int32)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise ConnectomeError(
            f"Connectome.{where}: {rows.dtype} of shape {rows.shape}; give row positions, whole numbers of shape (edges,)."
        )
    if rows.size and (int(rows.min()) < 0 or int(rows.max()) >= n):
        wrong = int(rows.max()) if int(rows.max()) >= n else int(rows.min())
        raise ConnectomeError(f"Connectome.{where}: position {wrong} is out of range; there are {n} nodes.")
    return _frozen(rows.astype(np.int32 if n < 2**31 else np.int64, copy=False))


def _frozen(array: np.ndarray) -> np.ndarray:
    """A read-only view; the array that the caller holds keeps its own flag."""
    view = array.view()
    view.flags.writeable = False
    return view


def _edge_column(name: str, values: Any, n: int) -> np.ndarray | pd.Categorical:
    if isinstance(values, pd.Series):
        values = values.array
    if isinstance(values, pd.Categorical):
        column: Any = values
    else:
        column = np.asarray(values)
        if column.dtype.kind in "OUST":
            column = pd.Categorical(column)
    if column.ndim != 1 or len(column) != n:
        raise ConnectomeError(
            f"Connectome.properties[{name!r}]: shape {column.shape} for {n} edges; give one value an edge."
        )
    if isinstance(column, pd.Categorical):
        return pd.Categorical.from_codes(_frozen(column.codes), dtype=column.dtype, validate=False)
    return _frozen(column)


def _summable(values: np.ndarray) -> np.ndarray:
    """Numbers in a type that holds the sum of any of them."""
    if values.dtype.kind == "f":
        return values.astype(np.float32) if values.dtype.itemsize < 4 else values
    if values.dtype.kind == "b" or len(values) == 0:
        return values.astype(np.int32)
    reach = _reach(values)
    if reach < 2**31:
        return values.astype(np.int32, copy=False)
    return values if values.dtype == np.uint64 and reach >= 2**63 else values.astype(np.int64, copy=False)


def _reach(values: np.ndarray) -> int:
    """What no sum of these whole numbers exceeds."""
    return max(abs(int(values.min())), abs(int(values.max()))) * len(values)


def _may_wrap(values: np.ndarray) -> bool:
    """Whether whole numbers might add up to more than their type holds."""
    return values.dtype.kind in "iu" and len(values) > 0 and _reach(values) > np.iinfo(values.dtype).max


def _refuse_wrapped(sums: np.ndarray, as_floats: np.ndarray, name: str | None) -> None:
    """Raise where sums of whole numbers have wrapped: they are then a multiple of 2^64 away from those of floats."""
    wrapped = np.abs(sums.astype(np.float64) - as_floats) > 2.0**62
    if wrapped.any():
        raise ConnectomeError(
            f"Connectome: {int(wrapped.sum())} sums of edge property {name!r} exceed 64 bits. Make it floats first: "
            f"with_edges(..., properties={{{name!r}: values.astype(float)}})."
        )


def _rows_of(table: pd.DataFrame, ids: Any, where: str) -> np.ndarray:
    if not table.index.is_unique:
        raise ConnectomeError(
            f"Connectome.{where}: ids repeat across populations, so they do not name one node. Give a mask or positions."
        )
    wanted = pd.Index(np.asarray(ids))
    rows = table.index.get_indexer(wanted)
    if (rows < 0).any():
        missing = wanted[rows < 0].unique()
        raise ConnectomeError(
            f"Connectome.{where}: {len(missing)} ids are not among the {len(table)} nodes: {known(missing, most=5)}."
        )
    return rows


def _chosen(table: pd.DataFrame, choice: Any, where: str) -> np.ndarray:
    if isinstance(choice, str | Mapping):
        return selected(table, choice, f"Connectome.subset: {where}")
    choice = np.asarray(choice)
    if choice.dtype == bool:
        if choice.shape != (len(table),):
            raise ConnectomeError(f"Connectome.subset: a mask of shape {choice.shape} for {len(table)} {where}.")
        return np.flatnonzero(choice)
    if choice.size == 0:
        return np.empty(0, dtype=np.intp)
    rows = _rows_of(table, choice, where)
    if len(np.unique(rows)) != len(rows):
        raise ConnectomeError(f"Connectome.subset: an id stands twice in {where}; give each once.")
    return rows


def _renumbering(rows: np.ndarray, n: int) -> np.ndarray:
    new = np.full(n, -1, dtype=np.int32 if len(rows) < 2**31 else np.int64)
    new[rows] = np.arange(len(rows), dtype=new.dtype)
    return new


def _edge_mask(mask: Any, n: int, what: str) -> np.ndarray:
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != (n,):
        raise ConnectomeError(
            f"Connectome.filter: {what} is {mask.dtype} of shape {mask.shape}; it must be boolean of shape ({n},)."
        )
    return mask


def _meets(column: np.ndarray | pd.Categorical, wanted: Any) -> Any:
    if isinstance(wanted, Callable):  # type: ignore[arg-type]
        return wanted(column)
    if isinstance(wanted, list | tuple | set | frozenset | np.ndarray | range):
        return pd.Series(column).isin(list(wanted)).to_numpy()
    return np.asarray(column == wanted)


def _same_tables(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    if set(a.columns) != set(b.columns) or not a.index.equals(b.index):
        return False
    return all(_same_columns(a[name], b[name]) for name in a.columns)


def _same_columns(a: pd.Series, b: pd.Series) -> bool:
    left, right = np.asarray(a), np.asarray(b)
    if left.dtype.kind in "iufcb" and right.dtype.kind in "iufcb":
        return np.array_equal(left, right, equal_nan=True)
    return pd.Series(left, dtype=object).equals(pd.Series(right, dtype=object))

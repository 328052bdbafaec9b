"""A population of edges read by its post nodes, some at a time, with everything that its file says of an edge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.sonata.ends import Side, index_names
from conntap.circuits.sonata.hdf5 import expand_ranges, opened, pieces, take, take_text
from conntap.circuits.sonata.ordering import order_of_pairs
from conntap.circuits.sonata.structure import Attribute, population_group
from conntap.errors import CircuitError, known, unknown

if TYPE_CHECKING:
    from conntap.circuits.edges import EdgePopulation

__all__ = ["EDGE", "EdgeChunk", "EdgeStream"]

EDGE = "@edge"
"""The property of a chunk's connectome that says of which of the chunk's edges each edge is; below 0: of none."""

_ENDS = ("source_node_id", "target_node_id")
_PLACES = ("edge_group_id", "edge_group_index")
_PIECE = 1 << 20


@dataclass(frozen=True)
class EdgeChunk:
    """All edges to some consecutive post nodes, rising by post node.

    Parameters
    ----------
    pre, post
        Shape (edges,): rows of the nodes in their populations, which are their ids unless these are explicit.
    columns
        Dataset of the population ("edge_type_id", "0/syn_weight") -> its rows as they lie in the file, shape
        (edges, ...): a library's values are their numbers.

    Examples
    --------
    >>> chunk = EdgeChunk(np.array([3, 1]), np.array([0, 2]), {"0/w": np.array([0.5, 1.5])})
    >>> chunk.rows(np.array([1])).columns["0/w"].tolist()
    [1.5]
    """

    pre: np.ndarray
    post: np.ndarray
    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.pre)

    def rows(self, rows: Any) -> EdgeChunk:
        """Some of the edges: positions, a slice or a boolean for each."""
        if isinstance(rows, np.ndarray) and rows.dtype == bool:
            rows = np.flatnonzero(rows)
        columns = {path: values[rows] for path, values in self.columns.items()}
        return EdgeChunk(self.pre[rows], self.post[rows], columns)


class EdgeStream:
    """A population of edges as a stream of chunks that rise by post node.

    Parameters
    ----------
    population
        The edges on disk; in whatever order they lie there.

    Raises
    ------
    CircuitError
        Several groups of properties, or explicit node ids that do not rise.

    Notes
    -----
    One pass over the target ids counts the edges of each post node. Where they lie by target, a chunk is one slice of
    each column; else its edges are gathered through the index target_to_source, or by a scan of the target ids where
    there is none. Held: 8 bytes a node and one chunk.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.circuits import open_circuit
    >>> from conntap.circuits.sonata.writing import write_sonata
    >>> c = Connectome(3, [0, 2, 1], [2, 1, 2], properties={"w": [1.0, 2.0, 3.0]})
    >>> stream = EdgeStream(open_circuit(write_sonata(c, tempfile.mkdtemp())).edges())
    >>> [(chunk.post.tolist(), chunk.columns["0/w"].tolist()) for chunk in map(stream.read, stream.ranges(2))]
    [([1], [2.0]), ([2, 2], [1.0, 3.0])]
    """

    def __init__(self, population: EdgePopulation) -> None:
        self.population, self._table = population, population._table
        source, target = (population.circuit.nodes(each) for each in (population.source, population.target))
        self.pre_nodes, self.post_nodes = source, target
        for nodes in (source, target):
            ids = nodes.explicit_ids
            if ids is not None and (ids[1:] < ids[:-1]).any():
                raise CircuitError(
                    f"{nodes.path}: node population {nodes.name!r}: node_id does not rise. Sort the nodes."
                )
        self._sides = [
            Side(name, nodes.explicit_ids, nodes.size, None)
            for name, nodes in zip(_ENDS, (source, target), strict=True)
        ]
        groups = self._table.layout.groups
        if len(groups) > 1:
            raise CircuitError(
                f"{population.path}: edge population {population.name!r} has {len(groups)} groups of properties "
                f"({known(groups)}); only one can be streamed. Read it with conntap.read and write it as one."
            )
        self.group = next(iter(groups), None)
        self.attributes: Mapping[str, Attribute] = groups.get(self.group, {})
        self._libraries: dict[str, pd.Index] = {}

    @property
    def size(self) -> int:
        """Number of edges."""
        return self.population.size

    @cached_property
    def columns(self) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        """Every dataset with a row for each edge: its type and the shape of a row; without ends and places in groups."""
        with opened(self.population.path) as file:
            group = population_group(file, "edges", self.population.name)
            return {path: (each.dtype, each.shape[1:]) for path, each in self._datasets(group, "")}

    def _datasets(self, group: h5py.Group, prefix: str) -> Iterator[tuple[str, h5py.Dataset]]:
        for key, each in group.items():
            path = prefix + key
            if isinstance(each, h5py.Group):
                if path.partition("/")[0] == str(self.group) and key != "@library":
                    yield from self._datasets(each, f"{path}/")
            elif isinstance(each, h5py.Dataset) and path not in (*_ENDS, *_PLACES):
                is_property = path in self._paths
                if (each.ndim and len(each) == self.size) or (is_property and not self._table._straight):
                    yield path, each
                elif is_property:
                    raise CircuitError(
                        f"{each.file.filename}: {each.name}: {each.shape} for {self.size} edges. The file is damaged."
                    )

    @cached_property
    def _paths(self) -> set[str]:
        return {each.path for each in self.attributes.values()}

    @property
    def bytes_of_edge(self) -> int:
        """What an edge takes in memory with all its columns, text as pointers."""
        return 8 + sum(kind.itemsize * int(np.prod(shape, dtype=int)) for kind, shape in self.columns.values())

    @cached_property
    def _counted(self) -> tuple[np.ndarray, bool]:
        """The edges of each post node, and whether they lie by post node."""
        counts, rising, last = np.zeros(self.post_nodes.size, dtype=np.int64), True, -1
        with opened(self.population.path) as file:
            group = population_group(file, "edges", self.population.name)
            for part in pieces(self.size, _PIECE):
                rows = self._rows(group, 1, part)
                counts += np.bincount(rows, minlength=len(counts))
                rising = rising and int(rows[0]) >= last and bool((rows[1:] >= rows[:-1]).all())
                last = int(rows[-1])
        return counts, rising

    @property
    def in_degrees(self) -> np.ndarray:
        """Shape (post nodes,): the edges to each."""
        return self._counted[0]

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.append(0, np.cumsum(self.in_degrees))

    def ranges(self, most: int) -> list[tuple[int, int]]:
        """The post nodes [first, last) of each chunk: at most so many edges, or one post node.

        Together they are all post nodes; at least one range, even without edges.
        """
        found, first = [], 0
        while first < self.post_nodes.size:
            end = int(np.searchsorted(self._starts, self._starts[first] + max(most, 1), side="right")) - 1
            last = min(max(end, first + 1), self.post_nodes.size)
            found.append((first, last))
            first = last
        return found or [(0, 0)]

    def read(self, posts: tuple[int, int], paths: Iterable[str] | None = None) -> EdgeChunk:
        """The edges to post nodes [first, last), with the columns named (all by default).

        Raises
        ------
        CircuitError
            The file is damaged: ids out of range, or an index that does not match.
        """
        wanted = list(self.columns if paths is None else paths)
        for path in wanted:
            if path not in self.columns:
                where = f"{self.population.path}: {self.population.name}"
                raise CircuitError(unknown(where, "column", path, self.columns))
        straight = self._table._straight
        with opened(self.population.path) as file:
            group = population_group(file, "edges", self.population.name)
            rows, pre, post = self._of_posts(group, *posts)
            places = rows if straight else take(group["edge_group_index"], rows).astype(np.int64)
            columns = {path: take(group[path], places if "/" in path else rows) for path in wanted}
        return EdgeChunk(pre, post, columns)

    def _of_posts(self, group: h5py.Group, first: int, last: int) -> tuple[Any, np.ndarray, np.ndarray]:
        start, stop = int(self._starts[first]), int(self._starts[last])
        if self._counted[1]:
            part = slice(start, stop)
            return part, self._rows(group, 0, part), self._rows(group, 1, part)
        edge_ids = self._gathered(group, first, last)
        post = self._rows(group, 1, edge_ids)
        wrong = len(post) != stop - start or (edge_ids[1:] == edge_ids[:-1]).any()
        if wrong or (len(post) and (post.min() < first or post.max() >= last)):
            raise CircuitError(
                f"{self.population.path}: {self.population.name}: indices/target_to_source does not match the edges. "
                "Write the index again; `tap circuit check` says where it is wrong."
            )
        order = order_of_pairs(post, np.zeros_like(post), self.post_nodes.size, 1)
        edge_ids = edge_ids[order]
        return edge_ids, self._rows(group, 0, edge_ids), post[order]

    def _gathered(self, group: h5py.Group, first: int, last: int) -> np.ndarray:
        """The ids, rising, of the edges to some post nodes of edges that do not lie by post node."""
        names = index_names(group, "target_to_source") if self.post_nodes.explicit_ids is None else None
        if names is None:
            found = [np.empty(0, dtype=np.int64)]
            for part in pieces(self.size, _PIECE):
                rows = self._rows(group, 1, part)
                found.append(np.flatnonzero((rows >= first) & (rows < last)) + part.start)
            return np.concatenate(found)
        index = group["indices/target_to_source"]
        spans = take(index[names[0]], slice(first, last)).astype(np.int64)
        kept = expand_ranges(spans[:, 0], np.maximum(spans[:, 1] - spans[:, 0], 0))
        kept = np.sort(kept[(kept >= 0) & (kept < len(index[names[1]]))])
        ranges = take(index[names[1]], kept).astype(np.int64)
        lengths = ranges[:, 1] - ranges[:, 0]
        expected = int(self._starts[last] - self._starts[first])
        if ranges.min(initial=0) < 0 or ranges.max(initial=0) > self.size or lengths.min(initial=0) < 0:
            return np.empty(0, dtype=np.int64)  # as many as are expected only where none are
        return np.sort(expand_ranges(ranges[:, 0], lengths)) if lengths.sum() == expected else lengths[:0]

    def _rows(self, group: h5py.Group, side: int, edges: slice | np.ndarray) -> np.ndarray:
        try:
            return self._sides[side].rows(take(group[_ENDS[side]], edges))
        except CircuitError as error:
            raise CircuitError(f"{group.file.filename}: {group.name}/{error}") from None

    # -- properties as people know them ----------------------------------------------------------------

    def connectome(self, chunk: EdgeChunk, properties: Iterable[str] = (), *, nodes: Any = None) -> Connectome:
        """A chunk among all nodes, with some properties by name and with `EDGE`.

        Parameters
        ----------
        properties
            Names of properties that lie in the file.
        nodes
            The tables of pre and post nodes (one for both where they are one population); default: ids alone.
        """
        pre_nodes, post_nodes = nodes if nodes is not None else self.node_tables(())
        columns: dict[str, Any] = {name: self.decoded(chunk, name) for name in properties}
        columns[EDGE] = np.arange(len(chunk), dtype=np.int64)
        return Connectome(
            pre_nodes,
            chunk.pre,
            chunk.post,
            post_nodes=post_nodes,
            properties=columns,
            name=self.population.name,
        )

    def node_tables(self, properties: Iterable[str] | None) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The tables of pre and of post nodes; None for the latter where both are one population."""
        pre = self.pre_nodes.table(properties)
        return pre, None if self.pre_nodes.name == self.post_nodes.name else self.post_nodes.table(properties)

    def paths(self, properties: Iterable[str]) -> list[str]:
        """The columns that hold these properties; those of the types table lie behind edge_type_id.

        Raises
        ------
        CircuitError
            No such property.
        """
        return list(dict.fromkeys(self._path(name) for name in properties))

    def _path(self, name: str) -> str:
        if name in self.attributes:
            return self.attributes[name].path
        if name == "edge_type_id" or name in self._table.types.columns:
            return "edge_type_id"
        where = f"{self.population.path}: edge population {self.population.name!r}"
        raise CircuitError(unknown(where, "property", name, self.population.properties))

    def decoded(self, chunk: EdgeChunk, name: str) -> np.ndarray | pd.Categorical:
        """A property of a chunk's edges as `EdgePopulation` reads it."""
        values = chunk.columns[self._path(name)]
        attribute = self.attributes.get(name)
        if attribute is None:
            return values if name == "edge_type_id" else self._table._of_types(name, values)
        if attribute.library is not None:
            words = self.library(name)
            if len(values) and (int(values.max()) >= len(words) or int(values.min()) < 0):
                raise CircuitError(
                    f"{self.population.path}: {attribute.library} has {len(words)} values, but others are used."
                )
            return pd.Categorical.from_codes(values.astype(np.int64), categories=words)
        if values.dtype.kind in "OS":
            return _as_text(values)
        return values if attribute.column is None else np.ascontiguousarray(values[:, attribute.column])

    def library(self, name: str) -> pd.Index:
        """The words of a property that is an enumeration."""
        attribute = self.attributes[name]
        if name in self._libraries:
            return self._libraries[name]
        with opened(self.population.path) as file:
            library = population_group(file, "edges", self.population.name)[attribute.library]
            words = take_text(library, slice(0, len(library)))
        names = pd.Index([str(each) for each in words])
        if not names.is_unique:
            raise CircuitError(f"{self.population.path}: {attribute.library}: a value stands twice. Keep one.")
        self._libraries[name] = names
        return names

    def encoded(
        self, chunk: EdgeChunk, connectome: Connectome, changed: Iterable[str] = (), *, added: Iterable[str] = ()
    ) -> EdgeChunk:
        """A chunk as a manipulation left it: what its connectome has of it, new values of the properties named, and those of
        numbers named that the file does not have, where the connectome has them.

        Raises
        ------
        CircuitError
            Edges that are new although columns are not known of them, a property of the types table or one of another
            type than the file's, or text that its enumeration does not have.
        """
        rows = (
            np.asarray(connectome.properties[EDGE])
            if EDGE in connectome.properties
            else np.full(len(connectome.pre), -1)
        )
        changed = dict.fromkeys(changed)
        written = {self._path(name) for name in changed if self.attributes.get(name, _NONE).column is None}
        lacking, is_new = sorted(chunk.columns.keys() - written), rows < 0
        columns = {path: _of_rows(chunk.columns[path], rows) for path in lacking}
        if is_new.any() and lacking == ["edge_type_id"] and not len(self._table.types.columns):
            columns["edge_type_id"] = np.where(is_new, -1, columns["edge_type_id"])
        elif is_new.any() and lacking:
            raise CircuitError(
                f"{self.population.name}: {int(is_new.sum())} edges are new, and nothing says their {known(lacking)}."
            )
        for name in changed:
            self._put(columns, name, connectome.properties[name])
        new = {f"{self.group or 0}/{name}": name for name in added if name in connectome.properties}
        columns |= {path: np.asarray(connectome.properties[name]) for path, name in new.items()}
        order = slice(None)
        if np.any(connectome.post[1:] < connectome.post[:-1]):
            order = order_of_pairs(connectome.post, np.zeros_like(connectome.post), connectome.n_post, 1)
        columns = {path: columns[path][order] for path in (*chunk.columns, *new)}
        return EdgeChunk(connectome.pre[order], connectome.post[order], columns)

    def _put(self, columns: dict[str, np.ndarray], name: str, values: Any) -> None:
        """A property's new values, as they lie in the file."""
        attribute, where = self.attributes.get(name), f"{self.population.name}: property {name!r}"
        if attribute is None:
            raise CircuitError(
                f"{where} lies in the table of types, which edges share; it cannot be changed edge by edge."
            )
        kind = self.columns[attribute.path][0]
        if attribute.library is not None:
            values = _codes(values, self.library(name), where)
            if len(values) and int(values.max()) > np.iinfo(kind).max:
                raise CircuitError(f"{where} is {kind} in the file, too few for all values of its enumeration.")
            values = values.astype(kind.newbyteorder("="))
        elif isinstance(values, pd.Categorical):
            values = np.asarray(values.astype(object), dtype=object)
        if kind.kind in "iufb" and not np.can_cast(values.dtype, kind, "same_kind"):
            raise CircuitError(f"{where} is {kind} in the file, and {values.dtype} cannot be kept in it.")
        values = values.astype(kind.newbyteorder("=")) if kind.kind in "iufb" else values
        if attribute.column is None:
            columns[attribute.path] = values
        else:
            columns[attribute.path] = columns[attribute.path].copy()
            columns[attribute.path][:, attribute.column] = values


_NONE = Attribute("", column=0)


def _of_rows(column: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """What a column has at some rows; anything where a row is none of it."""
    return column.take(rows, axis=0) if len(column) else np.zeros((len(rows), *column.shape[1:]), dtype=column.dtype)


def _as_text(values: np.ndarray) -> pd.Categorical:
    codes, raw = pd.factorize(values)
    words = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in raw]
    return pd.Categorical(words)[codes] if words else pd.Categorical([])


def _codes(values: Any, words: pd.Index, where: str) -> np.ndarray:
    text = values if isinstance(values, pd.Categorical) else pd.Categorical(values)
    of_category = words.get_indexer(pd.Index([str(each) for each in text.categories]))
    codes = np.append(of_category, -1)[text.codes]
    if len(codes) and codes.min() < 0:
        wrong = next(iter(text[codes < 0]), None)
        raise CircuitError(unknown(where, "value", wrong, words))
    return codes

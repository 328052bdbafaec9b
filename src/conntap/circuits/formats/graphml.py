"""GraphML, read and written through networkx."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.formats.identifiers import rows_among
from conntap.circuits.formats.limits import unpacked
from conntap.errors import FormatError, MissingExtra, known, unknown

__all__ = ["read_graphml", "write_graphml"]


def read_graphml(path: Path, *, properties: Sequence[str] | None = None) -> Connectome:
    """A connectome from GraphML; each edge of an undirected graph becomes two, one each way.

    Ids that are all whole numbers become numbers.

    Raises
    ------
    FormatError
        No well-formed GraphML, a document type declaration (which could hide a bomb), nested graphs, or an
        edge between unknown nodes.
    MissingExtra
        networkx is not installed.

    Notes
    -----
    networkx holds a Python object for each edge: some 500 bytes. For millions of edges take another format.
    """
    _check(path)
    graph = _parsed(path)
    nodes = pd.DataFrame.from_records(list(graph.nodes.values()), index=list(graph.nodes))
    nodes.index = _numbers_or_text(nodes.index)
    pre, post, records = _edges_of(graph)
    table = _columns_of(records, len(pre), f"{path}: edges")
    if properties is not None:
        lacking = [name for name in properties if name not in table]
        if lacking:
            raise FormatError(f"{path}: edges have no properties {known(lacking)}; there are {known(table)}.")
        table = table[list(properties)]
    index = pd.Index(list(graph.nodes))
    rows = [rows_among(index, pd.Categorical(end), str(path)) for end in (pre, post)] if pre else [[], []]
    return Connectome(_columns_of(nodes, len(nodes), f"{path}: nodes"), *rows, properties=dict(table.items()))


def write_graphml(connectome: Connectome, path: Path, *, properties: Sequence[str] | None = None) -> None:
    """Write a square connectome as GraphML; missing values are left out.

    Raises
    ------
    FormatError
        A rectangular connectome or an unknown property.
    MissingExtra
        networkx is not installed.
    """
    if not connectome.is_square:
        raise FormatError(f"{path}: GraphML holds one set of nodes; this connectome is rectangular. Write hdf5.")
    names = list(connectome.properties if properties is None else properties)
    for name in names:
        if name not in connectome.properties:
            raise FormatError(unknown(str(path), "edge property", name, connectome.properties))
    networkx = _networkx()
    pairs = connectome.pre.astype(np.int64) * connectome.n_nodes + connectome.post
    several = len(np.unique(pairs)) < len(pairs)
    graph = networkx.MultiDiGraph() if several else networkx.DiGraph()
    ids = [str(each) for each in connectome.ids.tolist()]
    graph.add_nodes_from(zip(ids, _records(connectome.nodes), strict=True))
    table = pd.DataFrame({name: connectome.properties[name] for name in names}, index=range(connectome.n_edges))
    pre, post = (np.array(ids, dtype=object)[rows] for rows in (connectome.pre, connectome.post))
    graph.add_edges_from(zip(pre, post, _records(table), strict=True))
    networkx.write_graphml_xml(graph, path)


def _networkx() -> Any:
    try:
        import networkx
    except ImportError:
        raise MissingExtra("formats", package="networkx", needed_for="reading and writing GraphML") from None
    return networkx


def _parsed(path: Path) -> Any:
    networkx = _networkx()
    from xml.etree.ElementTree import ParseError

    try:
        with unpacked(path) as file:
            return networkx.read_graphml(file, force_multigraph=True)
    except (networkx.NetworkXError, ParseError, ValueError, KeyError, UnicodeDecodeError, StopIteration) as error:
        raise FormatError(f"{path}: no GraphML that networkx reads ({error}). Check the file.") from error


def _check(path: Path) -> None:
    """Read once for what networkx lets pass: document types, edges without ends, ends that are no nodes."""
    nodes: set[str] = set()
    ends: set[str] = set()

    def refuse(*_: Any) -> None:
        raise FormatError(f"{path}: it declares a document type (DOCTYPE), which GraphML does not need. Remove it.")

    def note(name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(" ")[2]
        wanted = {"node": ("id",), "edge": ("source", "target")}.get(kind, ())
        if any(attribute not in attributes for attribute in wanted):
            raise FormatError(f"{path}: a {kind} without {' or '.join(wanted)}. Check the file.")
        (nodes if kind == "node" else ends).update(attributes[attribute] for attribute in wanted)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = note
    with unpacked(path) as file:
        try:
            parser.ParseFile(file)
        except (expat.ExpatError, OSError, EOFError) as error:
            raise FormatError(f"{path}: no well-formed XML ({error}). Check the file.") from None
    if ends - nodes:
        raise FormatError(f"{path}: edges name nodes that are not there: {known(ends - nodes, most=5)}. Add them.")


def _edges_of(graph: Any) -> tuple[list[str], list[str], list[dict[str, Any]]]:
    pre, post, records = zip(*graph.edges(data=True), strict=True) if graph.number_of_edges() else ((), (), ())
    if graph.is_directed():
        return list(pre), list(post), list(records)
    other = [i for i, (a, b) in enumerate(zip(pre, post, strict=True)) if a != b]
    return (
        [*pre, *(post[i] for i in other)],
        [*post, *(pre[i] for i in other)],
        [*records, *(records[i] for i in other)],
    )


def _columns_of(records: Any, n: int, where: str) -> pd.DataFrame:
    table = records if isinstance(records, pd.DataFrame) else pd.DataFrame.from_records(records, index=range(n))
    for name in table.columns:
        if table[name].dtype.kind in "OUST":
            found = pd.api.types.infer_dtype(table[name], skipna=True)
            if found not in ("string", "boolean", "empty"):
                raise FormatError(f"{where}: property {name!r} is {found}; give numbers, booleans or text throughout.")
            table[name] = pd.Categorical(table[name].astype("str" if found == "string" else object))
    return table


def _numbers_or_text(index: pd.Index) -> pd.Index:
    text = index.astype("str")
    if len(text) and text.str.fullmatch(r"0|-?[1-9][0-9]{0,17}").all():
        return text.astype(np.int64)
    return text


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries of Python's own numbers and text, missing values left out."""
    columns = [[None if pd.isna(value) else value for value in table[name].tolist()] for name in table.columns]
    names = list(map(str, table.columns))
    if not columns:
        return [{} for _ in range(len(table))]
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in zip(*columns, strict=True)
    ]

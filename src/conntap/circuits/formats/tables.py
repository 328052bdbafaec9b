"""Edge lists and node tables: CSV, TSV, parquet and feather, and folders of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.formats.arrow_tables import arrow_columns, read_arrow_table, write_arrow_table
from conntap.circuits.formats.choosing import checked_names, wanted_rows
from conntap.circuits.formats.columns import find_ends, find_node_id
from conntap.circuits.formats.guess import guess
from conntap.circuits.formats.identifiers import exact_ids, rows_among, same_kind, union_of
from conntap.circuits.formats.text_tables import read_text_table, text_columns, write_text_table
from conntap.errors import ConnectomeError, FormatError, known

__all__ = ["TableOptions", "read_edges", "read_folder", "read_nodes", "write_table"]

_TEXT = ("csv", "tsv")
_EDGE_FILES = ("edges", "connections", "edgelist", "synapses", "traced-total-connections")
_NODE_FILES = ("nodes", "neurons", "cells", "traced-neurons")
_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".feather")


@dataclass(frozen=True)
class TableOptions:
    """What to take from the tables; the names are those of the options of `read`."""

    nodes: Any = None
    pre: str | None = None
    post: str | None = None
    node_id: str | None = None
    properties: Sequence[str] | None = None
    columns: Sequence[str] | None = None
    where: Mapping[str, Any] | None = None


def read_edges(path: Path, kind: str, options: TableOptions) -> Connectome:
    """A connectome from a table with one row an edge.

    Raises
    ------
    FormatError
        Columns that cannot be found, ids that are missing or inexact or not in the node table, or wanted values that
        no edge has.
    """
    names = _columns(path, kind, options.columns)
    pre, post = find_ends(names, pre=options.pre, post=options.post, where=str(path))
    kept = _properties(names, (pre, post), options.properties, path)
    table = _edge_table(path, kind, (pre, post), names, kept, options)
    for name in kept:
        if isinstance(table[name].dtype, pd.Int64Dtype):
            raise FormatError(
                f"{path}: {name}: whole numbers beyond 2^53 beside missing ones. Leave it out: properties=[...]."
            )
    ends = tuple(exact_ids(table[end], f"{path}: {end}") for end in (pre, post))
    if not isinstance(options.nodes, tuple | list):
        ends = same_kind(*ends)
    pre_nodes, post_nodes = _node_tables(options, ends, path)
    rows = [
        _rows(nodes, ids, f"{path}: {end}")
        for nodes, ids, end in zip((pre_nodes, post_nodes), ends, (pre, post), strict=True)
    ]
    try:
        return Connectome(
            pre_nodes,
            *rows,
            post_nodes=None if post_nodes is pre_nodes else post_nodes,
            properties={name: table[name] for name in kept},
        )
    except ConnectomeError as error:
        raise FormatError(f"{path}: {error}") from None


def _edge_table(
    path: Path, kind: str, ends: tuple[str, str], names: Sequence[str], kept: Sequence[str], options: TableOptions
) -> pd.DataFrame:
    """The ends and the kept properties of the wanted edges."""
    asked = {} if options.where is None else options.where
    chosen_by = checked_names(asked, _properties(names, ends, None, path), str(path))
    table = _load(path, kind, wanted=[*ends, *kept, *chosen_by], ids=ends, columns=options.columns)
    if not chosen_by:
        return table
    return table[wanted_rows(table, asked, str(path))].reset_index(drop=True)


def read_folder(path: Path, options: TableOptions) -> Connectome:
    """A connectome from a folder with one edge list and perhaps one node table, found by their names.

    Raises
    ------
    FormatError
        No edge list there, or several.
    """
    edges = _table_in(path, _EDGE_FILES)
    if edges is None:
        raise FormatError(
            f"{path}: a folder without circuit_config.json and without an edge list "
            f"({known(_EDGE_FILES)} with {known(_ENDINGS)}). Give the file itself."
        )
    if options.nodes is None:
        options = TableOptions(**{**vars(options), "nodes": _table_in(path, _NODE_FILES)})
    return read_edges(edges, guess(edges), options)


def read_nodes(source: Any, *, node_id: str | None = None) -> pd.DataFrame:
    """A node table indexed by id, from a file or as given; without a column of ids the row numbers are the ids.

    Raises
    ------
    FormatError
        An unknown column, or ids that are missing or repeated.
    """
    if isinstance(source, pd.DataFrame):
        return source
    path = Path(source)
    kind = guess(path)
    if kind not in (*_TEXT, "parquet", "feather"):
        raise FormatError(f"{path}: a node table is CSV, TSV, parquet or feather; this looks like {kind}. Convert it.")
    names = _columns(path, kind, None)
    ids = find_node_id(names, node_id=node_id, where=str(path))
    table = _load(path, kind, wanted=names, ids=() if ids is None else (ids,), columns=None)
    if ids is None:
        return table
    index = exact_ids(table.pop(ids), f"{path}: {ids}")
    table.index = pd.Index(index.astype("str") if isinstance(index, pd.Categorical) else index, name="id")
    if not table.index.is_unique and "population" not in table:
        again = table.index[table.index.duplicated()].tolist()[0]
        raise FormatError(f"{path}: id {again!r} stands twice in column {ids!r}. Name the column of ids with node_id=.")
    return table


def write_table(table: pd.DataFrame, path: Path, kind: str, *, gz: bool) -> None:
    """Write a table in the format of that name."""
    if kind in _TEXT:
        write_text_table(table, path, separator="," if kind == "csv" else "\t", gz=gz)
    else:
        write_arrow_table(table, path, kind)


def _columns(path: Path, kind: str, columns: Sequence[str] | None) -> list[str]:
    if kind in _TEXT:
        return text_columns(path, columns=columns)
    if columns is not None:
        raise FormatError(f"{path}: columns= is for text without a line of names; {kind} names its own. Leave it out.")
    return arrow_columns(path, kind)


def _load(
    path: Path, kind: str, *, wanted: Collection[str], ids: Collection[str], columns: Sequence[str] | None
) -> pd.DataFrame:
    if kind in _TEXT:
        return read_text_table(path, wanted=wanted, ids=ids, columns=columns)
    return read_arrow_table(path, kind, wanted=wanted, ids=ids)


def _properties(names: Sequence[str], ends: tuple[str, str], chosen: Sequence[str] | None, path: Path) -> list[str]:
    rest = [name for name in names if name not in ends]
    if chosen is None:
        return [name for name in rest if name not in ("", "Unnamed: 0", "__index_level_0__")]
    lacking = [name for name in chosen if name not in rest]
    if lacking:
        raise FormatError(
            f"{path}: no columns {known(lacking)} beside the ends; there are {known(rest)}. Choose of these."
        )
    return list(chosen)


def _node_tables(options: TableOptions, ends: tuple[Any, Any], path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    if isinstance(options.nodes, tuple | list):
        if len(options.nodes) != 2:
            raise FormatError(
                f"{path}: nodes= has {len(options.nodes)} parts; give one table, or one of pre and one of post."
            )
        pre, post = (read_nodes(each, node_id=options.node_id) for each in options.nodes)
        return pre, post
    if options.nodes is not None:
        table = read_nodes(options.nodes, node_id=options.node_id)
        return table, table
    if len(ends[0]) == 0:
        raise FormatError(
            f"{path}: the table has names of columns but no edges. Give edges, or a node table with nodes=."
        )
    table = pd.DataFrame(index=union_of(*ends, str(path)))
    return table, table


def _rows(nodes: pd.DataFrame, ids: Any, where: str) -> np.ndarray:
    if not nodes.index.is_unique:
        raise FormatError(f"{where}: ids repeat across the populations of the node table. Give ids that are unique.")
    if len(ids) == 0:
        return np.empty(0, dtype=np.int32)
    return rows_among(nodes.index, ids, where)


def _table_in(folder: Path, stems: Collection[str]) -> Path | None:
    found = [folder / f"{stem}{ending}" for stem in stems for ending in _ENDINGS]
    found = [path for path in found if path.is_file()]
    if len(found) > 1:
        raise FormatError(
            f"{folder}: several tables may be meant: {known(p.name for p in found)}. Give the file itself."
        )
    return found[0] if found else None

"""Connectomes from files and into files; docs/how-to/formats.md has the table of formats and column names."""

from __future__ import annotations

from collections.abc import Sequence
from logging import getLogger
from pathlib import Path
from typing import Any

import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.formats.guess import guess, guess_by_name
from conntap.errors import FormatError, known, unknown

__all__ = ["FORMATS", "read", "write"]

_log = getLogger(__name__)

_TABLES = ("csv", "tsv", "parquet", "feather", "folder")
_TABLE_OPTIONS = frozenset({"nodes", "pre", "post", "node_id", "properties"})
_READ_OPTIONS: dict[str, frozenset[str]] = {
    "hdf5": frozenset(),
    "sonata": frozenset({"population", "properties"}),
    "csv": _TABLE_OPTIONS | {"columns"},
    "tsv": _TABLE_OPTIONS | {"columns"},
    "parquet": _TABLE_OPTIONS,
    "feather": _TABLE_OPTIONS,
    "folder": _TABLE_OPTIONS,
    "npz": frozenset({"nodes", "node_id", "population"}),
    "npy": frozenset({"nodes", "node_id"}),
    "graphml": frozenset({"properties"}),
    "conntility": frozenset({"population", "properties"}),
    "chalearn": frozenset(),
}
_WRITE_OPTIONS: dict[str, frozenset[str]] = {
    "hdf5": frozenset(),
    "sonata": frozenset({"compression", "population"}),
    "csv": frozenset({"nodes", "properties"}),
    "tsv": frozenset({"nodes", "properties"}),
    "parquet": frozenset({"nodes", "properties"}),
    "feather": frozenset({"nodes", "properties"}),
    "npz": frozenset({"weight"}),
    "npy": frozenset({"weight"}),
    "graphml": frozenset({"properties"}),
}
FORMATS: tuple[str, ...] = tuple(_READ_OPTIONS)
"""Names that `read` takes as format; `write` takes those it lists in its docstring."""


def read(
    path: str | Path,
    *,
    format: str | None = None,
    nodes: Any = None,
    pre: str | None = None,
    post: str | None = None,
    node_id: str | None = None,
    properties: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    population: str | None = None,
) -> Connectome:
    """Read a connectome from a file or folder.

    Ids keep all 64 bits, blanks around labels go, and every row of a table is an edge of its own: parallel
    rows stay (`Connectome.connections` merges them).

    Parameters
    ----------
    path
        A file, a folder with circuit_config.json (SONATA), or a folder with one edge list and perhaps one
        node table (edges.csv and nodes.csv, connections.csv.gz and neurons.csv.gz, traced-total-connections.csv
        and traced-neurons.csv, ...).
    format
        hdf5, sonata, csv, tsv, parquet, feather, folder, npz, npy, graphml, conntility or chalearn; default:
        guessed from the content, then from the name.
    nodes
        Of a table or matrix: the node table, a path or a DataFrame indexed by id; a pair of them for pre and
        post nodes that differ. Default: the ids that the edges name, sorted. A table without a column of ids
        is numbered from 0.
    pre, post
        Columns of the ends of edges; default: a known pair such as pre and post, source and target,
        pre_root_id and post_root_id.
    node_id
        Column of ids in the node table; default: a known name such as id, root_id, bodyId.
    properties
        Which edge columns to keep; default all.
    columns
        Names of the columns of a text file that has no line of names.
    population
        Of a SONATA circuit: which edge population; of conntility's HDF5: which group; of an npz with several
        arrays: which one. Default: the only one.

    Returns
    -------
    A connectome; text columns are categories.

    Raises
    ------
    FormatError
        A file of no known format, columns that cannot be found or chosen, ids missing, inexact or not among
        the nodes, a claim larger than memory, or an option that this format does not have.
    MissingExtra
        The format needs a package that is not installed.

    Notes
    -----
    Linear in the size of the file, apart from sorting the distinct ids; memory about three times the
    connectome's for text.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "edges.csv"
    >>> _ = path.write_text("Source,Target,Weight\\nAVA ,AVB,3\\nAVB,AVA,1\\n")
    >>> read(path)
    Connectome(2 nodes, 2 edges; edge properties: Weight)
    """
    path = Path(path)
    if format is not None and format not in _READ_OPTIONS:
        raise FormatError(unknown("read", "format", format, _READ_OPTIONS))
    if not path.exists():
        raise FormatError(f"{path}: no such file or folder. Check the path.")
    kind = format or guess(path)
    given = {"nodes": nodes, "pre": pre, "post": post, "node_id": node_id, "properties": properties}
    given |= {"columns": columns, "population": population}
    given = {name: value for name, value in given.items() if value is not None}
    _only("read", kind, given, _READ_OPTIONS[kind])
    connectome = _read(path, kind, given)
    _log.debug("read %s as %s: %r", path, kind, connectome)
    return connectome


def write(
    connectome: Connectome,
    path: str | Path,
    *,
    format: str | None = None,
    overwrite: bool = False,
    nodes: Any = None,
    properties: Sequence[str] | None = None,
    weight: str | None = None,
    compression: str | None = None,
    population: str | None = None,
) -> None:
    """Write a connectome to a file, or a SONATA circuit to a folder; whole or not at all.

    hdf5 keeps everything. sonata keeps nodes, edges and properties (ids other than 0..n-1 as the node
    property original_id). Tables keep the edges by id, and the nodes only in the table named by `nodes`. npz
    and npy keep the matrix alone, parallel edges summed. graphml keeps square connectomes.

    Parameters
    ----------
    connectome
        What to write.
    path
        Where; `.gz` after csv or tsv packs the text.
    format
        hdf5, sonata, csv, tsv, parquet, feather, npz, npy or graphml; default: by the ending, and sonata for
        a name without one.
    overwrite
        True replaces what is there; by default that is an error.
    nodes
        Of an edge list: the path for the node table (a pair of paths for a rectangular connectome); default
        none, so that nodes without edges and node properties are lost.
    properties
        Of an edge list or graphml: which edge properties to write; default all.
    weight
        Of a matrix: the edge property to sum; default counts the edges.
    compression
        Of sonata: None (default; libsonata reads nothing else) or gzip.
    population
        Of sonata: the name of the node population; default the connectome's name, else nodes.

    Raises
    ------
    FormatError
        Something is there already, the format cannot be told or cannot hold this, or does not have an option.
    MissingExtra
        The format needs a package that is not installed.

    Notes
    -----
    Linear in nodes and edges; sonata sorts the edges.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "pair.h5"
    >>> pair = Connectome(["a", "b"], [0], [1], name="pair")
    >>> write(pair, path)
    >>> read(path) == pair
    True
    """
    path = Path(path)
    kind = format or guess_by_name(path)
    if kind not in _WRITE_OPTIONS:
        raise FormatError(unknown("write", "format", kind, _WRITE_OPTIONS))
    given = {"nodes": nodes, "properties": properties, "weight": weight}
    given |= {"compression": compression, "population": population}
    given = {name: value for name, value in given.items() if value is not None}
    _only("write", kind, given, _WRITE_OPTIONS[kind])
    if kind == "sonata":
        from conntap.circuits.sonata_write import write_sonata

        write_sonata(connectome, path, overwrite=overwrite, **given)
        return
    _write_file(connectome, path, kind, overwrite, given)
    _log.debug("wrote %s as %s: %r", path, kind, connectome)


def _read(path: Path, kind: str, given: dict[str, Any]) -> Connectome:
    if kind in _TABLES:
        from conntap.circuits.formats import tables

        options = tables.TableOptions(**given)
        return tables.read_folder(path, options) if kind == "folder" else tables.read_edges(path, kind, options)
    if kind in ("npz", "npy"):
        from conntap.circuits.formats import matrices, tables

        table = None if "nodes" not in given else tables.read_nodes(given["nodes"], node_id=given.get("node_id"))
        if kind == "npy":
            return matrices.read_npy(path, nodes=table)
        return matrices.read_npz(path, nodes=table, population=given.get("population"))
    return _reader(kind)(path, **given)


def _reader(kind: str) -> Any:
    match kind:
        case "hdf5":
            from conntap.circuits.formats.native import read_hdf5 as reader
        case "sonata":
            from conntap.circuits.formats.sonata_read import read_sonata as reader
        case "graphml":
            from conntap.circuits.formats.graphml import read_graphml as reader
        case "conntility":
            from conntap.circuits.formats.conntility import read_conntility as reader
        case _:
            from conntap.circuits.formats.chalearn import read_chalearn as reader
    return reader


def _write_file(connectome: Connectome, path: Path, kind: str, overwrite: bool, given: dict[str, Any]) -> None:
    from conntap.store.files import atomic

    nodes = _node_paths(connectome, given.pop("nodes", None), path, kind)
    for target in (path, *nodes):
        _refuse_existing(Path(target), overwrite)
    with atomic(path) as aside:
        _write_one(connectome, aside, kind, path.suffix.lower() == ".gz", given)
    for target, table in nodes.items():
        with atomic(target) as aside:
            _write_nodes(table, target, aside)


def _write_one(connectome: Connectome, aside: Path, kind: str, gz: bool, given: dict[str, Any]) -> None:
    match kind:
        case "hdf5":
            from conntap.circuits.formats.native import write_hdf5

            write_hdf5(connectome, aside)
        case "npz" | "npy":
            from conntap.circuits.formats import matrices

            (matrices.write_npz if kind == "npz" else matrices.write_npy)(connectome, aside, **given)
        case "graphml":
            from conntap.circuits.formats.graphml import write_graphml

            write_graphml(connectome, aside, **given)
        case _:
            from conntap.circuits.formats.tables import write_table

            edges = connectome.edges
            if "properties" in given:
                edges = edges[["pre", "post", *_listed(given["properties"], connectome)]]
            write_table(edges, aside, kind, gz=gz)


def _write_nodes(table: pd.DataFrame, target: Path, aside: Path) -> None:
    from conntap.circuits.formats.tables import write_table

    if "id" in table:
        raise FormatError(f"{target}: a node property is named id, as the column of ids is. Rename it first.")
    write_table(table.reset_index(), aside, guess_by_name(target), gz=target.suffix.lower() == ".gz")


def _node_paths(connectome: Connectome, nodes: Any, path: Path, kind: str) -> dict[Path, pd.DataFrame]:
    if nodes is None:
        if kind in _TABLES and (len(connectome.pre_nodes.columns) or len(connectome.post_nodes.columns)):
            _log.warning(
                "%s: an edge list holds no node properties; give nodes= to keep them in a table beside it", path
            )
        return {}
    paths = [Path(each) for each in nodes] if isinstance(nodes, tuple | list) else [Path(nodes)]
    tables = [connectome.pre_nodes] if connectome.is_square else [connectome.pre_nodes, connectome.post_nodes]
    if len(paths) != len(tables):
        raise FormatError(f"{path}: {len(paths)} paths in nodes= for {len(tables)} node tables. Give one for each.")
    wrong = [each for each in paths if guess_by_name(each) not in ("csv", "tsv", "parquet", "feather")]
    if wrong:
        raise FormatError(f"{wrong[0]}: a node table is written as csv, tsv, parquet or feather. Give such a name.")
    return dict(zip(paths, tables, strict=True))


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise FormatError(f"{path}: a folder of this name is there. Choose another name.")
    if path.exists() and not overwrite:
        raise FormatError(f"{path}: there is a file already. Choose another name, or give overwrite=True.")


def _listed(properties: Sequence[str], connectome: Connectome) -> list[str]:
    lacking = [name for name in properties if name not in connectome.properties]
    if lacking:
        raise FormatError(unknown("write", "edge property", lacking[0], connectome.properties))
    return list(properties)


def _only(verb: str, kind: str, given: dict[str, Any], allowed: frozenset[str]) -> None:
    wrong = sorted(given.keys() - allowed)
    if wrong:
        raise FormatError(
            f"{verb}: format {kind} has no option {wrong[0]}; its options: {known(allowed)}. Leave {wrong[0]} out."
        )

"""Reading a connectome from whatever file or folder holds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from logging import getLogger
from pathlib import Path
from typing import Any

from conntap.circuits.connectome import Connectome
from conntap.circuits.formats.choosing import chosen_edges
from conntap.circuits.formats.guess import guess
from conntap.circuits.formats.limits import check_file
from conntap.circuits.formats.options import READ_OPTIONS, TABLES, only
from conntap.errors import ConntapError, FormatError, unknown

__all__ = ["read"]

_log = getLogger(__name__)


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
    where: Mapping[str, Any] | None = None,
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
    where
        Keep only the edges whose property has a value, or one of a list: {"Type": "chemical", "Weight": [1, 2]}.
        The property need not be among `properties`. A table's nodes without a node table are then those of the edges
        kept; else all nodes stay. Default: all edges.

    Returns
    -------
    A connectome; text columns are categories.

    Raises
    ------
    FormatError
        A file of no known format, columns that cannot be found or chosen, ids missing, inexact or not among
        the nodes, a claim larger than memory, an option that this format does not have, or a property or value of
        `where` that no edge has.
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
    >>> read(path, where={"Weight": 3}).edges.values.tolist()
    [['AVA', 'AVB', 3]]
    """
    path = Path(path)
    if format is not None and format not in READ_OPTIONS:
        raise FormatError(unknown("read", "format", format, READ_OPTIONS))
    if not path.exists():
        raise FormatError(f"{path}: no such file or folder. Check the path.")
    if not path.is_dir():
        check_file(path)
    with _told(path):
        kind = format or guess(path)
    given = {"nodes": nodes, "pre": pre, "post": post, "node_id": node_id, "properties": properties}
    given |= {"columns": columns, "population": population}
    given = {name: value for name, value in given.items() if value is not None}
    only("read", kind, given, READ_OPTIONS[kind])
    with _told(path):
        connectome = _read(path, kind, given) if where is None else _read_where(path, kind, given, where)
    _log.debug("read %s as %s: %r", path, kind, connectome)
    return connectome


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Whatever a library says of a damaged file becomes one FormatError with that as its cause."""
    try:
        yield
    except ConntapError:
        raise
    except MemoryError as error:
        raise FormatError(f"{path}: it asks for more memory than there is. Check the file.") from error
    except Exception as error:  # parsers of damaged files raise whatever they meet
        raise FormatError(
            f"{path}: damaged, or of another format ({error}). Check the file, or say format=."
        ) from error


def _read(path: Path, kind: str, given: dict[str, Any]) -> Connectome:
    if kind in TABLES:
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


def _read_where(path: Path, kind: str, given: dict[str, Any], where: Mapping[str, Any]) -> Connectome:
    if kind in TABLES:
        return _read(path, kind, {**given, "where": where})
    properties = given.get("properties")
    if properties is not None and isinstance(where, Mapping):
        given = {**given, "properties": list(dict.fromkeys([*properties, *where]))}
    return chosen_edges(_read(path, kind, given), where, properties, str(path))


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

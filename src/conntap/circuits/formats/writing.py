"""Writing a connectome to a file or folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from logging import getLogger
from pathlib import Path
from typing import Any

import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.formats.guess import guess_by_name
from conntap.circuits.formats.losses import losses
from conntap.circuits.formats.options import TABLES, WRITE_OPTIONS, only
from conntap.errors import FormatError, unknown

__all__ = ["write"]

_log = getLogger(__name__)


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
    and npy keep the matrix alone, parallel edges summed. graphml keeps square connectomes. What an edge list or a
    matrix does not keep of this connectome is named in one warning of the log.

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
    >>> from conntap.circuits.formats import read
    >>> read(path) == pair
    True
    """
    path = Path(path)
    kind = format or guess_by_name(path)
    if kind not in WRITE_OPTIONS:
        raise FormatError(unknown("write", "format", kind, WRITE_OPTIONS))
    given = {"nodes": nodes, "properties": properties, "weight": weight}
    given |= {"compression": compression, "population": population}
    given = {name: value for name, value in given.items() if value is not None}
    only("write", kind, given, WRITE_OPTIONS[kind])
    if kind == "sonata":
        from conntap.circuits.sonata.writing import write_sonata

        write_sonata(connectome, path, overwrite=overwrite, **given)
        return
    lost = losses(connectome, kind, given)
    _write_file(connectome, path, kind, overwrite, given)
    if lost:
        way_out = "nodes= keeps the nodes in a table beside it" if kind in TABLES else "hdf5 (.h5) keeps everything"
        _log.warning("%s: %s does not keep %s; %s", path, kind, ", ".join(lost), way_out)
    _log.debug("wrote %s as %s: %r", path, kind, connectome)


def _write_file(connectome: Connectome, path: Path, kind: str, overwrite: bool, given: dict[str, Any]) -> None:
    from conntap.store.files import atomic

    nodes = _node_paths(connectome, given.pop("nodes", None), path)
    for target in (path, *nodes):
        _refuse_existing(Path(target), overwrite)
    if kind == "hdf5":
        from conntap.circuits.formats.native import write_hdf5

        write_hdf5(connectome, path)
        return
    with atomic(path) as aside:
        _write_one(connectome, aside, kind, path.suffix.lower() == ".gz", given)
    for target, table in nodes.items():
        with atomic(target) as aside:
            _write_nodes(table, target, aside)


def _write_one(connectome: Connectome, aside: Path, kind: str, gz: bool, given: dict[str, Any]) -> None:
    match kind:
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


def _node_paths(connectome: Connectome, nodes: Any, path: Path) -> dict[Path, pd.DataFrame]:
    if nodes is None:
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

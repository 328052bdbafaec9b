"""Writing SONATA circuits (the dialect of BlueBrain and the Open Brain Institute) that libsonata and bluepysnap open."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.sonata.encoding import put, write_properties
from conntap.circuits.sonata.ordering import order_of_pairs
from conntap.errors import FormatError, known
from conntap.store.files import atomic
from conntap.store.new_hdf5 import hdf5_into

__all__ = ["ORIGINAL_ID", "write_circuit", "write_sonata"]

ORIGINAL_ID = "original_id"
"""The node property that keeps ids other than 0..n-1, which SONATA prescribes."""

_MAGIC = np.uint32(0x0A7A)
_VERSION = np.array([0, 1], dtype=np.uint32)
_CONFIG = "circuit_config.json"


def write_sonata(
    connectome: Connectome,
    path: str | Path,
    *,
    population: str | None = None,
    post_population: str | None = None,
    edges: str | None = None,
    compression: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a connectome as a SONATA circuit in a folder: circuit_config.json, nodes.h5, edges.h5.

    Edges are sorted by target, then source, and indexed in both directions. Text becomes @library
    enumerations, booleans become 0 and 1, nullable numbers floats. A node column `population` is obeyed:
    each of its values becomes a node population and each pair of them with edges an edge population.

    Parameters
    ----------
    connectome
        Square or rectangular; a rectangular one becomes two node populations.
    path
        The folder; made if need be.
    population
        Name of the (pre) node population; default the connectome's name, else `nodes`.
    post_population
        Name of the post node population of a rectangular connectome; default `<population>_post`.
    edges
        Name of the edge population; default `<pre>__<post>__chemical`.
    compression
        None (default: what libsonata's wheels read) or gzip.
    overwrite
        True replaces a circuit that is there; other files in the folder stay.

    Returns
    -------
    The path of circuit_config.json.

    Raises
    ------
    FormatError
        A circuit is there already, a name or column that SONATA cannot hold, or an unknown compression.

    Notes
    -----
    Ids other than 0..n-1 become the node property `original_id`, from which `conntap.read` restores them.
    Sorting the edges costs E log E time; memory 60 bytes an edge.
    Source: https://github.com/AllenInstitute/sonata/blob/master/docs/SONATA_DEVELOPER_GUIDE.md

    Examples
    --------
    >>> import tempfile
    >>> write_sonata(Connectome(2, [0], [1]), Path(tempfile.mkdtemp()) / "pair").name
    'circuit_config.json'
    """
    name = population or connectome.name or "nodes"
    if connectome.is_square and "population" in connectome.nodes:
        return write_circuit(path, **_split(connectome), compression=compression, overwrite=overwrite)
    post_name = name if connectome.is_square else post_population or f"{name}_post"
    if post_name == name and not connectome.is_square:
        raise FormatError(f"{path}: pre and post nodes differ but both populations are named {name!r}. Name another.")
    nodes = {name: connectome.pre_nodes, post_name: connectome.post_nodes}
    return write_circuit(
        path,
        nodes=nodes,
        edges={edges or f"{name}__{post_name}__chemical": (name, post_name, connectome)},
        compression=compression,
        overwrite=overwrite,
    )


def write_circuit(
    path: str | Path,
    *,
    nodes: Mapping[str, pd.DataFrame],
    edges: Mapping[str, tuple[str, str, Connectome]],
    compression: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write several node and edge populations as one SONATA circuit.

    Parameters
    ----------
    path
        The folder; made if need be.
    nodes
        Population -> its node table; row positions become the node ids.
    edges
        Edge population -> (source population, target population, connectome whose rows are theirs).
    compression
        None (default) or gzip.
    overwrite
        True replaces a circuit that is there.

    Returns
    -------
    The path of circuit_config.json, which is written last: a folder without it is not whole.

    Raises
    ------
    FormatError
        As in `write_sonata`; or an edge population between unknown populations or of another size.

    Examples
    --------
    >>> import tempfile
    >>> c = Connectome(2, [0], [1])
    >>> config = write_circuit(tempfile.mkdtemp(), nodes={"v1": c.nodes}, edges={"v1_v1": ("v1", "v1", c)})
    >>> sorted(each.name for each in config.parent.iterdir())
    ['circuit_config.json', 'edges.h5', 'nodes.h5']
    """
    folder = Path(path).parent if Path(path).name == _CONFIG else Path(path)
    _check(folder, nodes, edges, compression, overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / "nodes.h5") as nodes_aside, atomic(folder / "edges.h5") as edges_aside:
        with hdf5_into(nodes_aside) as file:
            sign(file)
            for name, table in nodes.items():
                write_nodes(file.create_group(f"nodes/{name}"), table, compression)
        with hdf5_into(edges_aside) as file:
            sign(file)
            for name, (source, target, connectome) in edges.items():
                write_edges(file.create_group(f"edges/{name}"), source, target, connectome, compression)
        (folder / _CONFIG).unlink(missing_ok=True)  # so that a crash between two renames leaves no mixture
    with atomic(folder / _CONFIG) as aside:
        aside.write_text(json.dumps(_config(nodes, edges), indent=2) + "\n")
    return folder / _CONFIG


def _check(
    folder: Path,
    nodes: Mapping[str, pd.DataFrame],
    edges: Mapping[str, tuple[str, str, Connectome]],
    compression: str | None,
    overwrite: bool,
) -> None:
    if compression not in (None, "gzip"):
        raise FormatError(f"{folder}: unknown compression {compression!r}; known: gzip, or None for none.")
    if folder.is_file():
        raise FormatError(f"{folder}: a file of this name is there; a circuit is a folder. Choose another name.")
    if (folder / _CONFIG).exists() and not overwrite:
        raise FormatError(f"{folder}: there is a circuit already. Choose another folder, or give overwrite=True.")
    for name in (*nodes, *edges):
        if not name or "/" in name or name in (".", ".."):
            raise FormatError(f"{folder}: {name!r} cannot name a population. Leave out slashes.")
    for name, (source, target, connectome) in edges.items():
        if not {source, target} <= nodes.keys():
            raise FormatError(
                f"{folder}: edges {name!r} join {source!r} and {target!r}; node populations: {known(nodes)}."
            )
        if (connectome.n_pre, connectome.n_post) != (len(nodes[source]), len(nodes[target])):
            raise FormatError(
                f"{folder}: edges {name!r} are not among as many nodes as {source!r} and {target!r} have."
            )


def _split(connectome: Connectome) -> dict[str, Any]:
    """The node and edge populations of a connectome whose nodes have a column `population`."""
    table = connectome.nodes
    codes, names = pd.factorize(table["population"], sort=True)
    if (codes < 0).any():
        raise FormatError("write_sonata: nodes without a population. Fill the column, or drop it.")
    nodes = {str(name): table[codes == code].drop(columns="population") for code, name in enumerate(names)}
    local = np.empty(len(codes), dtype=np.int64)
    for code in range(len(names)):
        local[codes == code] = np.arange((codes == code).sum())
    pair = codes[connectome.pre] * len(names) + codes[connectome.post]
    edges = {}
    for both in np.unique(pair):
        source, target = (str(names[code]) for code in divmod(int(both), len(names)))
        keep = pair == both
        properties = {name: column[keep] for name, column in connectome.properties.items()}
        part = Connectome(
            nodes[source],
            local[connectome.pre[keep]],
            local[connectome.post[keep]],
            post_nodes=None if source == target else nodes[target],
            properties=properties,
        )
        edges[f"{source}__{target}__chemical"] = (source, target, part)
    return {"nodes": nodes, "edges": edges}


def sign(file: h5py.File) -> None:
    file.attrs["magic"] = _MAGIC
    file.attrs["version"] = _VERSION


def write_nodes(group: h5py.Group, table: pd.DataFrame, compression: str | None) -> None:
    n = len(table)
    put(group, "node_type_id", np.full(n, -1, dtype=np.int64), compression)
    columns: dict[str, Any] = {name: table[name].array for name in table.columns}
    if not (table.index.dtype.kind in "iu" and np.array_equal(table.index, np.arange(n))):
        if ORIGINAL_ID in columns:
            raise FormatError(f"nodes: the ids need the property {ORIGINAL_ID!r}, which is there already. Rename it.")
        columns[ORIGINAL_ID] = table.index.to_numpy()
    write_properties(group.create_group("0", track_order=True), columns, compression)


def write_edges(group: h5py.Group, source: str, target: str, connectome: Connectome, compression: str | None) -> None:
    order = order_of_pairs(connectome.post, connectome.pre, connectome.n_post, connectome.n_pre)
    pre, post = connectome.pre[order], connectome.post[order]
    for name, population, ids in (("source_node_id", source, pre), ("target_node_id", target, post)):
        put(group, name, ids.astype(np.uint64), compression).attrs["node_population"] = population
    put(group, "edge_type_id", np.full(len(order), -1, dtype=np.int64), compression)
    columns = {name: column[order] for name, column in connectome.properties.items()}
    write_properties(group.create_group("0", track_order=True), columns, compression)
    for name, ids, n in (
        ("source_to_target", pre, connectome.n_pre),
        ("target_to_source", post, connectome.n_post),
    ):
        nodes, ranges = _index(ids, n)
        index = group.create_group(f"indices/{name}")
        put(index, "node_id_to_ranges", nodes, compression)
        put(index, "range_to_edge_id", ranges, compression)


def _index(ids: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """For each node the rows of the second table that are its runs of consecutive edges; the runs [from, to)."""
    order = order_of_pairs(ids, np.zeros_like(ids), n, 1)
    of_node = ids[order]
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = (of_node[1:] != of_node[:-1]) | (order[1:] != order[:-1] + 1)
    first = np.flatnonzero(starts)
    last = np.append(first[1:], len(order))
    ranges = np.column_stack([order[first], order[first] + (last - first)]) if len(order) else np.empty((0, 2))
    runs = np.bincount(of_node[first], minlength=n) if len(order) else np.zeros(n, dtype=np.int64)
    ends = np.cumsum(runs)
    nodes = np.column_stack([ends - runs, ends])
    nodes[runs == 0] = 0
    return nodes.astype(np.uint64), ranges.astype(np.uint64)


def _config(nodes: Mapping[str, Any], edges: Mapping[str, Any]) -> dict[str, Any]:
    networks: dict[str, Any] = {
        "nodes": [{"nodes_file": "$BASE_DIR/nodes.h5", "populations": {name: {"type": "point"} for name in nodes}}],
        "edges": [{"edges_file": "$BASE_DIR/edges.h5", "populations": {name: {"type": "chemical"} for name in edges}}],
    }
    return {"version": 2, "manifest": {"$BASE_DIR": "."}, "networks": networks}

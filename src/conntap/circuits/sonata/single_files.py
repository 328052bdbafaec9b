"""SONATA files of one population each, and the configuration that names them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.sonata.writing import sign, write_edges, write_nodes
from conntap.store.files import atomic
from conntap.store.new_hdf5 import new_hdf5

__all__ = ["write_config", "write_edges_file", "write_nodes_file"]


def write_nodes_file(path: Path, name: str, table: pd.DataFrame) -> None:
    """Write a population of nodes as a file of its own.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "nodes.h5"
    >>> write_nodes_file(path, "cells", pd.DataFrame({"layer": [1, 2]}))
    >>> path.exists()
    True
    """
    with new_hdf5(path) as file:
        sign(file)
        write_nodes(file.create_group(f"nodes/{name}"), table, None)


def write_edges_file(
    path: Path,
    name: str,
    source: str,
    target: str,
    connectome: Connectome,
    *,
    marks: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Write a population of edges, from nodes `source` to nodes `target`, as a file of its own: sorted and indexed.

    Parameters
    ----------
    marks
        Property -> HDF5 attributes of its dataset, such as `edge_population` where it holds numbers of other edges.
    """
    with new_hdf5(path) as file:
        sign(file)
        group = file.create_group(f"edges/{name}")
        write_edges(group, source, target, connectome, None)
        for each, attributes in (marks or {}).items():
            group[f"0/{each}"].attrs.update(attributes)


def write_config(
    path: Path,
    nodes: Mapping[str, tuple[str, Mapping[str, Any]]],
    edges: Mapping[str, tuple[str, Mapping[str, Any]]],
    types: Mapping[str, str] | None = None,
    **more: Any,
) -> Path:
    """Write a circuit's configuration, which is to be the last file of the circuit.

    Parameters
    ----------
    nodes, edges
        Population -> its file, and its entry in the configuration (`type` and so on).
    types
        nodes/NAME or edges/NAME -> the table of types of that population, for those that have one.
    more
        Further keys.

    Returns
    -------
    The path.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "circuit_config.json"
    >>> config = json.loads(write_config(path, {"a": ("$BASE_DIR/a.h5", {"type": "point"})}, {}).read_text())
    >>> config["networks"]["nodes"]
    [{'nodes_file': '$BASE_DIR/a.h5', 'populations': {'a': {'type': 'point'}}}]
    """
    networks = {
        kind: [
            {f"{kind}_file": file}
            | ({f"{kind[:-1]}_types_file": types[f"{kind}/{name}"]} if f"{kind}/{name}" in (types or {}) else {})
            | {"populations": {name: dict(entry)}}
            for name, (file, entry) in each.items()
        ]
        for kind, each in (("nodes", nodes), ("edges", edges))
    }
    config = {"version": 2, "manifest": {"$BASE_DIR": "."}, "networks": networks, **more}
    with atomic(path) as aside:
        aside.write_text(json.dumps(config, indent=2) + "\n")
    return path

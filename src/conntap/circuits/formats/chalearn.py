"""Networks of the ChaLearn Connectomics challenge: YAML, or lines of `from,to,weight` with positions in a second file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.formats.guess import head_of
from conntap.circuits.formats.limits import check_file
from conntap.errors import ConntapError, FormatError

__all__ = ["read_chalearn"]


def read_chalearn(path: Path, *, nodes: Any = None) -> Connectome:
    """A connectome from the challenge's YAML or its network_*.csv: edges with `weight`, nodes from 1 with x and y.

    Weights are 1, or -1 where a connection is inhibitory and blocked. YAML tells other entries of its nodes too. Beside a
    CSV, `nodes` is the file of positions (networkPositions_*.csv: a line of x,y for each node) or a table.

    Raises
    ------
    FormatError
        No YAML, no list `nodes`, a node whose targets and weights differ in number, a target that is no node; lines that are
        not three (positions: two) numbers; positions beside YAML, which has them.

    Notes
    -----
    Parsing YAML takes a few seconds for a thousand nodes.
    """
    text = head_of(path).decode("utf-8-sig", errors="replace").lstrip()
    if not (text.startswith("---") or "nodes:" in text):
        return _from_lines(path, nodes)
    if nodes is not None:
        raise FormatError(f"{path}: YAML holds its nodes and their positions. Leave nodes out.")
    return _from_yaml(path)


def _from_lines(path: Path, nodes: Any) -> Connectome:
    lines = _numbers(path, 3)
    ends = lines[:, :2].astype(np.int64)
    if (ends != lines[:, :2]).any() or ends.min(initial=1) < 1:
        raise FormatError(f"{path}: nodes are numbered from 1; a line names another. Check the file.")
    if isinstance(nodes, pd.DataFrame):
        table = nodes
    elif nodes is None:
        table = pd.DataFrame(index=pd.RangeIndex(1, ends.max(initial=0) + 1))
    else:
        check_file(Path(nodes))
        places = _numbers(Path(nodes), 2)
        table = pd.DataFrame(places, columns=["x", "y"], index=pd.RangeIndex(1, len(places) + 1))
    there = lines[:, 2] != 0
    try:
        return Connectome.from_ids(table, *ends[there].T, properties={"weight": lines[there, 2]})
    except ConntapError as error:
        raise FormatError(f"{path}: {error}") from error


def _numbers(path: Path, columns: int) -> np.ndarray:
    """Lines of so many numbers with commas between, gzip too."""
    try:
        table = np.loadtxt(path, delimiter=",", ndmin=2, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise FormatError(f"{path}: not {columns} numbers in each line ({error}). Check the file.") from error
    if table.shape[1] != columns or not np.isfinite(table).all():
        raise FormatError(f"{path}: lines of {table.shape[1]} entries; give {columns} finite numbers in each.")
    return table


def _from_yaml(path: Path) -> Connectome:
    nodes = _nodes(path)
    try:
        table = pd.DataFrame([_scalars(node) for node in nodes]).set_index("id")
        targets = [node.get("connectedTo") or [] for node in nodes]
        weights = [node.get("weights") or [1.0] * len(own) for node, own in zip(nodes, targets, strict=True)]
        counts = [len(own) for own in targets]
        if counts != [len(own) for own in weights]:
            raise FormatError(f"{path}: a node has other numbers of targets and weights. Check the file.")
        pre = np.repeat(table.index.to_numpy(), counts)
        post = np.array([target for own in targets for target in own], dtype=table.index.dtype)
        weight = np.array([weight for own in weights for weight in own], dtype=float)
        return Connectome.from_ids(table, pre, post, properties={"weight": weight})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(
            f"{path}: not a topology of the Connectomics challenge ({error!r}). Check the file."
        ) from error
    except ConntapError as error:
        raise FormatError(f"{path}: {error}") from error


def _nodes(path: Path) -> list[dict[str, Any]]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe", pure=True).load(path)
    except (YAMLError, UnicodeDecodeError, ValueError) as error:
        raise FormatError(f"{path}: cannot be read as YAML ({error}). Check the file.") from error
    nodes = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(nodes, list) or not nodes:
        raise FormatError(f"{path}: no list of nodes. Give a topology of the Connectomics challenge.")
    return nodes


def _scalars(node: dict[str, Any]) -> dict[str, Any]:
    position = dict(zip(("x", "y", "z"), node.get("pos", ()), strict=False))
    return position | {name: value for name, value in node.items() if isinstance(value, int | float | str)}

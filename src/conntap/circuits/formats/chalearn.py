"""Network topologies of the ChaLearn Connectomics challenge (YAML: nodes with positions, targets and weights)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import ConntapError, FormatError

__all__ = ["read_chalearn"]


def read_chalearn(path: Path) -> Connectome:
    """A connectome from the challenge's YAML: edges with `weight`, nodes with x, y and their scalar entries.

    Raises
    ------
    FormatError
        No YAML, no list `nodes`, a node whose targets and weights differ in number, or a target that is no node.

    Notes
    -----
    Parsing YAML takes a few seconds for a thousand nodes.
    """
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

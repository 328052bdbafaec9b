"""Which nodes are meant: by an expression, by properties, or by ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from conntap.errors import OptionError, known, unknown
from conntap.store.queries import meets

__all__ = ["Selection", "selected", "unknown_property"]

_UNREAD = (
    "These nodes have no properties. Read them too: `circuit.edges().connectome(node_properties=None)` of a circuit on disk, "
    "`nodes=` of a table."
)
Selection: TypeAlias = str | dict[str, Any] | Sequence[int] | Sequence[str]
"""An expression over node properties ("layer == 4 and x > 0"; `id` is the node's id), a mapping from properties to the
value or values wanted, or a list of ids."""


def selected(nodes: pd.DataFrame, choice: Any, where: str) -> np.ndarray:
    """The positions of the nodes that are meant.

    Parameters
    ----------
    nodes
        A table of nodes, indexed by id.
    choice
        None for all nodes; an expression over properties as `Dataset.load` takes it, where `id` is the node's id; a
        mapping from properties to a value or a list of values (all of them must hold); a list of ids, in the order
        wanted; or a mask, boolean, one a node.
    where
        What the choice is an option of, for errors: "simplex_counts.nodes".

    Returns
    -------
    int64, shape (chosen,): positions in `nodes`; rising unless ids were given.

    Raises
    ------
    OptionError
        An unknown property or id, an id given twice, an expression or mask that does not fit.

    Examples
    --------
    >>> nodes = pd.DataFrame({"layer": [1, 4, 4], "ei": ["e", "e", "i"]}, index=["a", "b", "c"])
    >>> selected(nodes, "layer == 4", "example.nodes"), selected(nodes, {"ei": "e"}, "example.nodes")
    (array([1, 2]), array([0, 1]))
    >>> selected(nodes, ["c", "a"], "example.nodes")
    array([2, 0])
    """
    if choice is None:
        return np.arange(len(nodes))
    if isinstance(choice, str):
        return np.flatnonzero(_met(nodes, choice, where))
    if isinstance(choice, Mapping):
        return np.flatnonzero(_with(nodes, choice, where))
    return _by_ids(nodes, choice, where)


def unknown_property(where: str, name: object, columns: Iterable[str]) -> str:
    """What to tell of an unknown node property; where nodes have none at all, how to read them.

    >>> unknown_property("example.by", "layr", ["layer"])
    "example.by: unknown node property 'layr'; known: layer. Did you mean 'layer'?"
    """
    columns = list(columns)
    return unknown(where, "node property", name, columns) + ("" if columns else f" {_UNREAD}")


def _met(nodes: pd.DataFrame, expression: str, where: str) -> np.ndarray:
    columns = nodes if "id" in nodes else nodes.assign(id=nodes.index)
    try:
        return meets(columns, expression, where, what="node property", error=OptionError)
    except OptionError as error:
        if len(nodes.columns) or "unknown node property" not in str(error):
            raise
        raise OptionError(f"{error} {_UNREAD}") from None


def _with(nodes: pd.DataFrame, wanted: Mapping[str, Any], where: str) -> np.ndarray:
    keep = np.ones(len(nodes), dtype=bool)
    for name, values in wanted.items():
        if name not in nodes.columns:
            raise OptionError(unknown_property(where, name, nodes.columns))
        listed = list(values) if isinstance(values, Sequence | np.ndarray) and not isinstance(values, str) else [values]
        keep &= nodes[name].isin(listed).to_numpy()
    return keep


def _by_ids(nodes: pd.DataFrame, choice: Any, where: str) -> np.ndarray:
    choice = np.asarray(choice)
    if choice.dtype == bool:
        if choice.shape != (len(nodes),):
            raise OptionError(f"{where}: a mask of shape {choice.shape} for {len(nodes)} nodes. Give one value a node.")
        return np.flatnonzero(choice)
    if choice.ndim != 1:
        raise OptionError(f"{where}: {choice!r} is no selection. Give an expression, {{property: values}} or ids.")
    if not nodes.index.is_unique:
        raise OptionError(f"{where}: ids repeat across populations, so they do not name one node. Give properties.")
    if choice.size == 0:
        return np.empty(0, dtype=np.int64)
    rows = nodes.index.get_indexer(pd.Index(choice))
    if (rows < 0).any():
        missing = pd.Index(choice)[rows < 0].unique()
        raise OptionError(
            f"{where}: {len(missing)} ids are not among the {len(nodes)} nodes: {known(missing, most=5)}. "
            "Give ids of nodes that are there."
        )
    if len(np.unique(rows)) != len(rows):
        raise OptionError(f"{where}: an id stands twice; give each once.")
    return rows.astype(np.int64)

"""Parts of a connectome by the properties of its nodes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, known, rectangular, unknown

__all__ = ["slices"]

_log = logging.getLogger(__name__)


def slices(
    connectome: Connectome, *, by: str | Sequence[str] | Mapping[str, Sequence[Any]]
) -> Iterator[tuple[dict[str, Any], str, Connectome]]:
    """Cut a connectome into the parts whose nodes share the values of one or more properties.

    Each part holds the nodes of one value (or one combination of values) and the edges among them. Only
    combinations that occur are given. Nodes without a value are in no part; how many is logged, and a wanted value
    that no node has is warned of.

    Parameters
    ----------
    connectome
        A square connectome.
    by
        A node property; or several, whose combinations are the parts; or a mapping from properties to the
        values wanted of each.

    Returns
    -------
    An iterator of (variables, label, part): a dict from property to value, the same as text
    ("layer=4, ei=e"), and the part. Properties stand in the order given; values of a property rise, or stand
    in the order given.

    Raises
    ------
    OptionError
        The connectome is rectangular, a property is unknown, none of its wanted values occurs, or `by` has another form.

    Notes
    -----
    Linear in nodes and edges for each part; one part exists at a time.

    Examples
    --------
    >>> nodes = pd.DataFrame({"layer": [1, 2, 2]})
    >>> [(label, part.n_nodes) for _, label, part in slices(Connectome(nodes, [0, 1], [1, 2]), by="layer")]
    [('layer=1', 1), ('layer=2', 2)]
    """
    if not connectome.is_square:
        raise OptionError(rectangular("slices", connectome.n_pre, connectome.n_post))
    wanted = _wanted(by)
    table = connectome.nodes
    for name in wanted:
        if name not in table.columns:
            raise OptionError(unknown("slices.by", "node property", name, table.columns))
    coded = {name: _coded(table[name], name, values) for name, values in wanted.items()}
    return _parts(connectome, coded)


def _wanted(by: Any) -> dict[str, list[Any] | None]:
    if isinstance(by, str):
        return {by: None}
    if not isinstance(by, Mapping) and not _is_list(by):
        raise OptionError(f"slices.by: {by!r}; give a node property, a list of them, or {{property: [values]}}.")
    if not len(by):
        raise OptionError("slices.by: no property. Name at least one.")
    for name in by:
        if not isinstance(name, str):
            raise OptionError(f"slices.by: {name!r} is no name of a node property. Give text.")
    if isinstance(by, Mapping):
        return {name: _values(name, values) for name, values in by.items()}
    return dict.fromkeys(by)


def _values(name: str, values: Any) -> list[Any]:
    """The wanted values, each once."""
    listed = list(values) if _is_list(values) else [values]
    if not listed:
        raise OptionError(f"slices.by.{name}: no values. Give some, or the property's name alone for all of them.")
    for value in listed:
        if not pd.api.types.is_scalar(value) or pd.isna(value):
            raise OptionError(f"slices.by.{name}: {value!r} is no value of a node. Give numbers, text or booleans.")
    return list(dict.fromkeys(listed))


def _is_list(values: Any) -> bool:
    return isinstance(values, Sequence | np.ndarray | pd.Index) and not isinstance(values, str)


def _coded(column: pd.Series, name: str, wanted: list[Any] | None) -> tuple[np.ndarray, list[Any]]:
    """The position of each node's value among the values (-1 for none), and the values."""
    missing = int(column.isna().sum())
    if missing:
        _log.info("slices: %d of %d nodes have no %s and are in no slice.", missing, len(column), name)
    present = pd.Index(_sorted(column.dropna().unique()))
    values = present if wanted is None else pd.Index([each for each in wanted if each in present])
    lacking = [] if wanted is None else [repr(each) for each in wanted if each not in present]
    there = known(map(repr, present.tolist()))
    if lacking and len(values) == 0 and len(present):
        raise OptionError(f"slices.by.{name}: no node has {known(lacking)}; known: {there}.")
    if lacking:
        _log.warning("slices.by.%s: no node has %s, so these give no slice; known: %s.", name, known(lacking), there)
    return values.get_indexer(pd.Index(column.to_numpy())), values.tolist()


def _sorted(values: Any) -> list[Any]:
    values = np.asarray(values).tolist()
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=lambda each: (type(each).__name__, str(each)))


def _parts(
    connectome: Connectome, coded: Mapping[str, tuple[np.ndarray, list[Any]]]
) -> Iterator[tuple[dict[str, Any], str, Connectome]]:
    codes = np.stack([code for code, _ in coded.values()], axis=1)
    whole = (codes >= 0).all(axis=1)
    combinations, membership = np.unique(codes[whole], axis=0, return_inverse=True)
    part_of = np.full(len(codes), -1)
    part_of[whole] = membership.ravel()
    for number, combination in enumerate(combinations):
        variables = {name: values[code] for code, (name, (_, values)) in zip(combination, coded.items(), strict=True)}
        label = ", ".join(f"{name}={value}" for name, value in variables.items())
        yield variables, label, connectome.subset(part_of == number)

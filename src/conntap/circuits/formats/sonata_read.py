"""One edge population of a SONATA circuit, read whole into memory with its node tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.sonata.writing import ORIGINAL_ID
from conntap.errors import FormatError, known

__all__ = ["read_sonata"]


def read_sonata(path: Path, *, population: str | None = None, properties: Sequence[str] | None = None) -> Connectome:
    """The edges of one population and the tables of the nodes at both ends.

    Raises
    ------
    CircuitError
        The circuit cannot be opened, or has several edge populations and none is named.
    FormatError
        An unknown edge property.
    """
    from conntap.circuits.circuit import open_circuit

    circuit = open_circuit(path, edges=population)
    edges = circuit.default_edges
    wanted = list(edges.properties if properties is None else properties)
    lacking = [name for name in wanted if name not in edges.properties]
    if lacking:
        raise FormatError(
            f"{path}: edges {edges.name!r} have no properties {known(lacking)}; there are {known(edges.properties)}."
        )
    found = edges.connectome(properties=wanted)
    pre = _original(circuit.nodes(edges.source).table())
    post = None if edges.source == edges.target else _original(circuit.nodes(edges.target).table())
    name = edges.source if edges.source == edges.target else edges.name
    return Connectome(pre, found.pre, found.post, post_nodes=post, properties=found.properties, name=name)


def _original(table: pd.DataFrame) -> pd.DataFrame:
    """The table under the ids that it had before it was written as SONATA, where these are kept."""
    if ORIGINAL_ID not in table:
        return table
    ids = table[ORIGINAL_ID]
    ids = ids.astype("str") if isinstance(ids.dtype, pd.CategoricalDtype) else ids
    if ids.isna().any() or not ids.is_unique:
        return table
    return table.drop(columns=ORIGINAL_ID).set_axis(pd.Index(ids, name="id"))

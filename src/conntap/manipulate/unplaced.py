"""Synapses made like others: what they cannot take over is where on the post neuron these lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, known

__all__ = ["CENTRE", "COLUMNS", "POSITIONS", "lacking", "unplaced"]

CENTRE = ("afferent_center_x", "afferent_center_y", "afferent_center_z")
COLUMNS = {
    "afferent_section_id": "u4",
    "afferent_section_pos": "f4",
    "afferent_section_type": "u4",
    "afferent_segment_id": "u4",
    "afferent_segment_offset": "f4",
    **dict.fromkeys(CENTRE, "f4"),
}
"""SONATA's columns of where a synapse lies on its post neuron, with their types."""

POSITIONS = (*COLUMNS, "afferent_surface_x", "afferent_surface_y", "afferent_surface_z")
"""These, and those that follow from them where edges have them."""

_TELLING = ("afferent_section_pos", *CENTRE, "afferent_segment_offset")


def unplaced(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of synapses whose place on the post neuron is not known: NaN, and 0 of whole numbers.

    >>> found = unplaced({"afferent_section_pos": np.array([0.5]), "weight": np.array([2.0])})
    >>> found["afferent_section_pos"].tolist(), found["weight"].tolist()
    ([nan], [2.0])
    """
    found = dict(columns)
    for name in POSITIONS:
        if name in found and not isinstance(found[name], pd.Categorical):
            values = np.zeros_like(found[name])
            if values.dtype.kind == "f":
                values[:] = np.nan
            found[name] = values
    return found


def lacking(connectome: Connectome, where: str) -> np.ndarray:
    """Which synapses have no place on the post neuron: boolean, shape (edges,). All where edges have no such columns.

    Raises
    ------
    OptionError
        Edges have columns of places, but none that tells whether they are known.
    """
    telling = next((name for name in _TELLING if name in connectome.properties), None)
    if telling is not None:
        return np.isnan(np.asarray(connectome.properties[telling], dtype=np.float64))
    there = [name for name in POSITIONS if name in connectome.properties]
    if there:
        raise OptionError(
            f"{where}.among: edges have {known(there)}, but none of {known(_TELLING)}, which would tell which of them have no "
            "place. Give among: all, with a selection or a mask."
        )
    return np.ones(connectome.n_edges, dtype=bool)

"""What a manipulated circuit says of how it was made."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conntap.circuits.circuit import Circuit
from conntap.circuits.masks import Mask
from conntap.errors import CircuitError
from conntap.seeds import digest

__all__ = ["as_text", "changes", "said", "said_of"]

_LONGEST = 32_000  # characters that an HDF5 attribute is given


def changes(circuit: Circuit, *, edges: str | None = None) -> pd.DataFrame:
    """The numbers of each manipulation by which a population of edges was made, as `examine_circuit` tells them beforehand.

    Parameters
    ----------
    edges
        The population; default: the circuit's default one.

    Raises
    ------
    CircuitError
        The population was not made by `manipulate_circuit`.
    """
    population = circuit.edges(edges)
    with h5py.File(population.path) as file:
        told = dict(file[f"edges/{population.name}"].attrs)
    try:
        steps, numbers = (json.loads(told[name]) for name in ("recipe", "changed"))
        rows = [{"do": step["do"], **each} for step, each in zip(steps, numbers, strict=True)]
    except (KeyError, TypeError, ValueError):
        raise CircuitError(
            f"{population.path}: edges {population.name!r} do not tell how they were made. Compare both circuits instead: "
            "`tap circuit diff`."
        ) from None
    return pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="step"))


def said(value: Any) -> Any:
    """An option as JSON: arrays and masks by their sizes and digests.

    >>> said({"pre": np.array([1, 2]), "fraction": np.float64(0.5)})
    {'pre': [1, 2], 'fraction': 0.5}
    """
    if isinstance(value, Mask):
        content = digest(value.pre_ids.to_numpy(), value.post_ids.to_numpy(), value.codes)
        return {"connections": value.size, "inverted": value.is_inverted, "digest": content}
    if isinstance(value, np.ndarray):
        return value.tolist() if value.size <= 100 else {"values": value.size, "digest": digest(value)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        few = len(value) <= 100
        return [said(each) for each in value] if few else {"values": len(value), "digest": digest(list(value))}
    if isinstance(value, dict):
        return {str(key): said(each) for key, each in value.items()}
    return value


def said_of(value: Any, written: Any) -> Any:
    """An option as JSON, with how it was written where that was looked up: a mask's file, a node set and properties.

    >>> said_of(np.array([4, 7]), {"node_set": "upper", "layer": 2})
    {'node_set': 'upper', 'layer': 2, 'ids': [4, 7]}
    """
    own = said(value)
    if not isinstance(value, Mask | np.ndarray) or not isinstance(written, dict):
        return own
    return {**said(written), **(own if isinstance(own, dict) else {"ids": own})}


def as_text(value: Any) -> str:
    """JSON; of a long one its digest."""
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST else json.dumps({"digest": digest(text), "characters": len(text)})

"""What a manipulated circuit says of how it was made."""

from __future__ import annotations

import json

import h5py
import pandas as pd

from conntap.circuits.circuit import Circuit
from conntap.errors import CircuitError

__all__ = ["changes"]


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

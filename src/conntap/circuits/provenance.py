"""What a circuit's edges say of how they were made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conntap.circuits.circuit import Circuit, open_circuit
from conntap.circuits.sonata.hdf5 import opened

if TYPE_CHECKING:
    from conntap.circuits.edges import EdgePopulation

__all__ = ["provenance", "reopened"]

_TEXTS = ("recipe", "changed")


def provenance(population: EdgePopulation) -> dict[str, Any]:
    """The attributes by which a population of edges tells that it was made from another.

    Returns
    -------
    `recipe` and `changed` (a dictionary for each manipulation), `seed` and `source` (the fingerprint of the circuit before),
    as far as they are there and can be read; empty for a population that was not made by manipulation.
    """
    with opened(population.path) as file:
        told = file[f"edges/{population.name}"].attrs
        found = {name: told[name] for name in (*_TEXTS, "seed", "source") if name in told}
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in found.items()}
    return {name: each for name, value in plain.items() if (each := _read(name, value)) is not None}


def _read(name: str, value: Any) -> Any:
    if name not in _TEXTS:
        return value if isinstance(value, int | str) else None
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return None


def reopened(circuit: Circuit, path: str | Path, *, edges: str | None = None) -> Circuit:
    """The circuit at another path, of which the same populations are meant as of `circuit`; or other edges."""
    return open_circuit(path, nodes=circuit._nodes, edges=edges or circuit._edges)

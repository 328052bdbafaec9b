"""Steps of a plugin that take several cases of an input at once."""

from collections.abc import Sequence

import numpy as np

from conntap import store
from conntap.circuits import Circuit, Connectome

STEPS = {
    "numbers": 1,
    "unlucky": 1,
    "whole": 1,
    "above": 1,
    "sizes": 1,
    "on_disk": 1,
    "texts": 1,
    "one": 1,
    "drawn": 1,
}


def numbers(values: Sequence[float]) -> np.ndarray:
    """All of them, in their order."""
    return np.array(list(values))


def whole(values: list[float]) -> str:
    """What they come in."""
    return f"{type(values).__name__} of {len(values)}"


def above(connectome: Connectome, others: Sequence[Connectome], *, least: int = 0) -> np.ndarray:
    """The number of edges, and those of the others."""
    return np.array([connectome.n_edges, *(each.n_edges for each in others if each.n_edges >= least)])


def sizes(connectomes: Sequence[Connectome]) -> np.ndarray:
    """How many nodes each has."""
    return np.array([each.n_nodes for each in connectomes])


def on_disk(circuits: list[Circuit]) -> np.ndarray:
    """How many edges each has on disk."""
    return np.array([each.edges().size for each in circuits])


def texts(files: Sequence[store.File]) -> str:
    """What stands in all of them."""
    return " | ".join(each.read_bytes().decode() for each in files)


def one(value: float) -> float:
    """The value."""
    return value


def drawn(connectomes: Sequence[Connectome], *, rng: np.random.Generator) -> float:
    """A random number."""
    return float(rng.random())


def unlucky(connectome: Connectome, *, rng: np.random.Generator) -> float:
    """A random number, if it is small enough."""
    value = float(rng.random())
    if value > 0.8:
        raise ValueError(f"{value} is too large")
    return value

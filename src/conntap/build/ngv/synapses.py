"""Which synapses each astrocyte holds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from conntap.build.ngv.within_domains import points_within
from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.tissue import Domains
from conntap.errors import CircuitError, known

__all__ = ["astrocyte_synapses"]

_CHUNK = 1 << 22


def astrocyte_synapses(
    domains: Domains,
    neurons: Circuit | Connectome,
    *,
    edges: str | None = None,
    position: str = "afferent_center",
) -> pd.DataFrame:
    """Find the synapses within each astrocyte's domain: the edges from astrocytes to neurons.

    Where domains overlap, a synapse belongs to each of those that hold it. On the border counts as within.

    Parameters
    ----------
    domains
        One for each astrocyte.
    neurons
        The synapses: a circuit on disk, or a connectome whose edges are synapses.
    edges
        Of a circuit: the population of edges; default the one that it has or means.
    position
        The place of a synapse is in the edge properties POSITION_x, POSITION_y, POSITION_z, um.

    Returns
    -------
    Sorted by `astrocyte`, then `synapse_id`; index 0, 1, 2 ... Columns: `astrocyte`, `neuron` (the post node's id in a circuit, its
    row in a connectome), `synapse_id` (the edge's number), all int64; `x`, `y`, `z` (float32, um).

    Raises
    ------
    CircuitError
        Edges without places, or places that are not finite.

    Notes
    -----
    A circuit's edges are read 4 million at a time. 4.3 million synapses in 3,390 domains take some 2 CPU seconds; the table has 40
    bytes a row.

    Examples
    --------
    >>> from conntap.circuits.tissue import Mesh, Meshes
    >>> corner = Mesh(np.vstack([np.zeros(3), 10 * np.eye(3)]), [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    >>> domains = Domains(Meshes.of([corner]), [-1, -1, -1, -1], [1.0])
    >>> place = {"afferent_center_x": [1.0, 9.0], "afferent_center_y": [1.0, 9.0], "afferent_center_z": [1.0, 9.0]}
    >>> neurons = Connectome(2, [0, 1], [1, 0], properties=place)
    >>> astrocyte_synapses(domains, neurons)[["astrocyte", "neuron", "synapse_id"]].to_numpy().tolist()
    [[0, 1, 0]]
    """
    names = [f"{position}_{axis}" for axis in "xyz"]
    parts = [_within(domains, *chunk) for chunk in _chunks(neurons, edges, names)]
    table = {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}
    order = np.lexsort([table["synapse_id"], table["astrocyte"]]) if len(parts) > 1 else slice(None)
    return pd.DataFrame({name: values[order] for name, values in table.items()})


def _within(domains: Domains, first: int, post: np.ndarray, places: np.ndarray) -> dict[str, np.ndarray]:
    wrong = ~np.isfinite(places).all(axis=1)
    if wrong.any():
        raise CircuitError(
            f"astrocyte_synapses: the places of {wrong.sum():,} synapses are not finite, such as of {first + int(wrong.argmax())}. "
            "Place them first (manipulate.place_synapses), or remove them."
        )
    astrocyte, synapse = points_within(domains, places)
    found = {"astrocyte": astrocyte, "neuron": post[synapse].astype(np.int64), "synapse_id": synapse + first}
    return found | dict(zip("xyz", places[synapse].astype(np.float32).T, strict=True))


def _chunks(
    neurons: Circuit | Connectome, edges: str | None, names: list[str]
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """The first edge's number, post nodes, and places of edges, some at a time; at least once."""
    if isinstance(neurons, Connectome):
        where, properties, n = "a connectome", neurons.properties, neurons.n_edges
    else:
        population = neurons.edges(edges)
        where, properties, n = f"edges {population.name!r}", population.properties, population.size
    missing = [name for name in names if name not in properties]
    if missing:
        raise CircuitError(
            f"astrocyte_synapses: {where}: no {known(missing)}; known: {known(properties)}. Say position=NAME where the places are "
            "called NAME_x, NAME_y, NAME_z; manipulate.place_synapses and build.column with edges='synapses' give places."
        )
    if n == 0:
        yield 0, np.empty(0, dtype=np.int64), np.empty((0, 3))
    elif isinstance(neurons, Connectome):
        yield 0, neurons.post, np.column_stack([np.asarray(properties[name], dtype=np.float64) for name in names])
    else:
        first = 0
        for _, post, chunk in population.iter_chunks(size=_CHUNK, properties=names):
            yield first, post, np.column_stack([np.asarray(chunk[name], dtype=np.float64) for name in names])
            first += len(post)

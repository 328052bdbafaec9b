"""A circuit on disk manipulated chunk by chunk into a new one, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from conntap.circuits.circuit import Circuit
from conntap.circuits.sonata.streamed_writing import write_edges_streamed
from conntap.errors import OptionError
from conntap.manipulate.recipes import as_text
from conntap.manipulate.running import SHARE, Listen, Run, step_rng

__all__ = ["examine_circuit", "manipulate_circuit", "step_rng"]


def manipulate_circuit(
    circuit: Circuit,
    path: str | Path,
    *,
    recipe: Sequence[Mapping[str, Any]],
    edges: str | None = None,
    seed: int = 0,
    mem_gb: float = 1.0,
    workers: int = 1,
    others: Literal["refer", "copy"] = "refer",
    listen: Listen | None = None,
    written: Sequence[Mapping[str, Any]] | None = None,
) -> Path:
    """Change a population of edges of a circuit by a chain of manipulations, and write the new circuit.

    Edges are read, changed and written some post nodes at a time. The result is what the functions of the same names give
    in memory, one after the other, edge for edge: with `rng=step_rng(seed, position, name)`, each given the edges in the order
    of their post nodes. The number of chunks and of workers changes nothing.

    Parameters
    ----------
    path
        The new folder; there must be none of this name. See `write_edges_streamed` for what it holds.
    recipe
        The manipulations, in order: `{"do": "remove_connections", "mask": mask, "fraction": 1}`, options as the functions
        of `conntap.manipulate` take them; a selection may be the name of a node set too.
    edges
        The population; default: the circuit's default one.
    seed
        From which the randomness of each manipulation derives.
    mem_gb
        Memory to use, about: a chunk for each worker and the index. A manipulation that draws holds besides up to 17 bytes
        for each connection or synapse that it draws from.
    workers
        Threads.
    others
        Whether other files are referred to or copied.
    listen
        Called with what is done ("counting 1", "writing"), post nodes done and post nodes in all.
    written
        The manipulations as somebody wrote them, where `recipe` holds what was looked up: the attributes then tell the file of
        a mask, the node set and properties of a selection, beside sizes and digests.

    Returns
    -------
    The path of the new circuit_config.json. Attributes of the population in the new file say the number of edges, `seed`,
    `recipe`, `changed` (numbers of each manipulation) and `source`, the fingerprint of the circuit.

    Raises
    ------
    OptionError
        A manipulation that does not run in chunks, a wrong option, a selection or mask that does not fit.
    CircuitError
        The folder is there already, or the circuit is damaged.

    Notes
    -----
    A pass over the edges for each manipulation that counts, and one that writes.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.circuits import Connectome, open_circuit
    >>> from conntap.circuits.sonata.writing import write_sonata
    >>> folder = Path(tempfile.mkdtemp())
    >>> circuit = open_circuit(write_sonata(Connectome(3, [0, 0, 1, 2], [1, 2, 2, 0]), folder / "old"))
    >>> recipe = [{"do": "remove_connections", "pre": "id == 0", "fraction": 0.5}]
    >>> open_circuit(manipulate_circuit(circuit, folder / "new", recipe=recipe)).edges().size
    3
    """
    if not isinstance(path, str | Path):
        raise OptionError(f"manipulate_circuit.path: {path!r}; give the new folder.")
    run = Run(circuit, edges, recipe, seed, mem_gb, workers, listen, written)
    attributes = {
        "recipe": as_text(run.described),
        "seed": seed if seed < 2**64 else str(seed),
        "source": circuit.fingerprint(),
    }
    chunks = run.written(attributes)
    return write_edges_streamed(
        circuit, path, chunks, edges=edges, attributes=attributes, others=others, mem_gb=mem_gb * SHARE
    )


def examine_circuit(
    circuit: Circuit,
    *,
    recipe: Sequence[Mapping[str, Any]],
    edges: str | None = None,
    seed: int = 0,
    mem_gb: float = 1.0,
    workers: int = 1,
    listen: Listen | None = None,
) -> pd.DataFrame:
    """What `manipulate_circuit` would change, without writing anything.

    Parameters
    ----------
    recipe, edges, seed, mem_gb, workers, listen
        As for `manipulate_circuit`.

    Returns
    -------
    One row a manipulation ("step"): its name (`do`) and numbers of connections and synapses.

    Raises
    ------
    OptionError, CircuitError
        As for `manipulate_circuit`.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.circuits import Connectome, open_circuit
    >>> from conntap.circuits.sonata.writing import write_sonata
    >>> circuit = open_circuit(write_sonata(Connectome(3, [0, 0, 1, 2], [1, 2, 2, 0]), tempfile.mkdtemp()))
    >>> examine_circuit(circuit, recipe=[{"do": "remove_connections", "pre": "id == 0", "fraction": 0.5}])
                          do  connections selected  connections  synapses
    step
    0     remove_connections                     2            1         1
    """
    run = Run(circuit, edges, recipe, seed, mem_gb, workers, listen)
    for _ in run.changed("examining"):
        pass
    rows = [{"do": step["do"], **told} for step, told in zip(run.described, run.told, strict=True)]
    return pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="step"))

"""The stage of a study that changes a circuit on disk into another one, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any, Literal

import numpy as np

from conntap.circuits.circuit import Circuit
from conntap.circuits.masks import Mask
from conntap.circuits.provenance import reopened
from conntap.errors import OptionError, unknown
from conntap.manipulate.circuits import manipulate_circuit
from conntap.manipulate.configurations import Configuration, prepared
from conntap.manipulate.streamed import STREAMED

__all__ = ["circuit", "full_recipe", "recipe_seed", "with_fraction"]


def circuit(
    circuit: Circuit,
    *,
    recipe: list[dict[str, Any]],
    fraction: float | None = None,
    masks: dict[str, Path] | None = None,
    edges: str | None = None,
    mem_gb: float = 1.0,
    workers: int = 1,
    others: Literal["refer", "copy"] = "refer",
    folder: Path,
    rng: np.random.Generator,
) -> Circuit:
    """Change a circuit on disk by a chain of manipulations into a new one, some post nodes at a time.

    As `manipulate_circuit`, for a study: its stage has a folder for each circuit that it makes. Nodes, other populations of
    edges and all properties stay; the circuit that it takes is never changed.

    Parameters
    ----------
    circuit
        A SONATA circuit.
    recipe
        The manipulations, in order: `{"do": "remove_connections", "pre": "layer == 4", "fraction": 0.1}`, options as the
        functions take them; a selection may be the name of a node set too. A mask is a Mask (in a study
        `{from: stages.NAME}`), or the name of one of `masks`, or `{"path": NAME, "pre": ..., "post": ...}` where it is of the
        sorted ids of selections.
    fraction
        The fraction of each manipulation that takes one and says none; in a study it can be swept.
    masks
        Masks in files by name: npz, npy, csv as `mask_from_file` reads them.
    edges
        The population; default: the circuit's default one.
    mem_gb
        Memory to use, about (see `manipulate_circuit`). Changes nothing of the result.
    workers
        Threads. They change nothing of the result.
    others
        Whether other files are referred to or copied.
    folder
        The new folder; in a study, given by the runner.
    rng
        Source of randomness: one number is drawn, the `seed` of `manipulate_circuit`, which the new file's attributes tell.

    Returns
    -------
    The new circuit, opened; of its populations the same are meant.

    Raises
    ------
    OptionError
        A manipulation that does not run in chunks, a wrong option, a selection or mask that does not fit, a connectome in
        memory.
    CircuitError
        The circuit is damaged.

    Notes
    -----
    A pass over the edges for each manipulation that counts, and one that writes.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.circuits import Connectome, open_circuit
    >>> from conntap.circuits.sonata.writing import write_sonata
    >>> there = Path(tempfile.mkdtemp())
    >>> old = open_circuit(write_sonata(Connectome(3, [0, 0, 1, 2], [1, 2, 2, 0]), there / "old"))
    >>> recipe = [{"do": "remove_connections", "pre": "id == 0"}]
    >>> circuit(old, recipe=recipe, fraction=0.5, folder=there / "new", rng=np.random.default_rng(1)).edges().size
    3
    """
    if not isinstance(circuit, Circuit):
        raise OptionError(
            "circuit.circuit: a connectome in memory; this takes a SONATA circuit. Use manipulate.remove_connections and the "
            "like, or write it as SONATA first (`tap convert`)."
        )
    path = manipulate_circuit(
        circuit,
        folder,
        recipe=full_recipe(circuit, recipe, fraction=fraction, masks=masks, edges=edges),
        edges=edges,
        seed=recipe_seed(rng),
        mem_gb=mem_gb,
        workers=workers,
        others=others,
        written=recipe,
    )
    return reopened(circuit, path, edges=edges)


def recipe_seed(rng: np.random.Generator) -> int:
    """The seed of `manipulate_circuit` that an `rng` stands for."""
    return int(rng.integers(2**53))


def full_recipe(
    circuit: Circuit,
    recipe: list[dict[str, Any]],
    *,
    fraction: float | None = None,
    masks: Mapping[str, Path] | None = None,
    edges: str | None = None,
) -> list[dict[str, Any]]:
    """The recipe as `manipulate_circuit` takes it: fractions where none is said, masks and node sets looked up.

    Parameters
    ----------
    recipe, fraction, masks, edges
        As for `circuit`.

    Raises
    ------
    OptionError
        An unknown mask, one that does not fit the circuit, an unknown node set.
    """
    steps = [_with_mask(with_fraction(step, fraction), masks or {}, n) for n, step in enumerate(recipe)]
    return prepared(Configuration(circuit=circuit.path, recipe=tuple(steps), edges=edges), circuit)


def with_fraction(step: dict[str, Any], fraction: float | None) -> dict[str, Any]:
    """A manipulation with the fraction of the stage, where it takes one and says none.

    >>> with_fraction({"do": "subsample"}, 0.5), with_fraction({"do": "subsample", "synapses": 3}, 0.5)
    ({'do': 'subsample', 'fraction': 0.5}, {'do': 'subsample', 'synapses': 3})
    """
    from conntap import manipulate

    name = str(step.get("do")).removeprefix("manipulate.")
    if fraction is None or name not in STREAMED or "fraction" not in signature(getattr(manipulate, name)).parameters:
        return step
    counted = "connections" if name == "remove_connections" else "synapses"
    return step if {"fraction", counted} & step.keys() else {**step, "fraction": fraction}


def _with_mask(step: dict[str, Any], masks: Mapping[str, Path], position: int) -> dict[str, Any]:
    mask, where = step.get("mask"), f"circuit.recipe[{position}].mask"
    if mask is None or isinstance(mask, Mask):
        return step
    mask = {"path": mask} if isinstance(mask, str) else mask
    if not isinstance(mask, dict) or not {"path"} <= mask.keys() <= {"path", "pre", "post"}:
        raise OptionError(
            f"{where}: {mask!r}; give the name of one of `masks`, or {{path: NAME, pre: ..., post: ...}}."
        )
    if mask["path"] not in masks:
        raise OptionError(unknown(where, "mask", mask["path"], masks))
    return {**step, "mask": {**mask, "path": masks[mask["path"]]}}

"""A first study: a commented document and a small circuit to run it on."""

from __future__ import annotations

from pathlib import Path

from conntap import store
from conntap.errors import RunError
from conntap.seeds import stream

__all__ = ["init_study"]

_DOCUMENT = """\
# A study is one readable document: what is measured, of what, against which controls, and where it runs.
#   tap check study.yaml     everything is checked before anything runs
#   tap run study.yaml       only what is missing is computed; the store and the page land in study/
#   tap steps                every step that a stage can `do`

study: Simplices across columns
description: >
  Do directed simplices occur more often than chance, and in which classes of cells?

seed: 7                       # the same study and the same seed give the same bits

circuits:                     # SONATA circuits or edge lists; paths are relative to this document
  column: {path: circuit/circuit_config.json}

subtargets:                   # named sets of nodes; each becomes a case of the stages below
  columns: {do: circuits.hexgrid, radius_um: 120, plane: [x, z], min_nodes: 30}

stages:                       # each maps every case of what it is `of` to one value
  cells:
    description: The cells of each column.
    do: circuits.node_table
    of: subtargets.columns
  local:
    description: The connections within each column.
    do: circuits.connectome
    of: subtargets.columns
  counts:
    description: Directed simplices by dimension, in all cells and within each class.
    do: analyze.simplex_counts
    of: local
    controls: [erdos-renyi]   # measured on every draw as well
    slices: [class]           # and within each part
  degrees:
    description: How many connections each cell receives and makes.
    do: analyze.degrees
    of: local

controls:
  erdos-renyi: {do: manipulate.erdos_renyi, draws: 10}

slices:
  class: {by: ei}

run: {where: local, workers: 2}
"""


def init_study(folder: Path, *, n_nodes: int = 1200, seed: int = 7, overwrite: bool = False) -> Path:
    """Write `folder/study.yaml` and `folder/circuit/`, a layered column whose wiring depends on distance.

    Parameters
    ----------
    folder
        Made if it is not there.
    n_nodes
        Size of the circuit.
    seed
        Seed of the circuit; the same gives the same circuit.
    overwrite
        Replace a study and a circuit that are there.

    Returns
    -------
    The path of the study.

    Raises
    ------
    RunError
        A study is there already and `overwrite` is off, or the folder is a file.
    """
    from conntap.build import column
    from conntap.circuits.formats import write

    path = folder / "study.yaml"
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder}: is a file. Name a folder to make.")
    if path.exists() and not overwrite:
        raise RunError(f"{path}: is there already. Choose another folder, or --force to replace it.")
    folder.mkdir(parents=True, exist_ok=True)
    connectome = column(n_nodes=n_nodes, rng=stream(seed, "tap init", n_nodes))
    write(connectome, folder / "circuit", format="sonata", overwrite=overwrite)
    with store.atomic(path) as aside:
        aside.write_text(_DOCUMENT)
    return path

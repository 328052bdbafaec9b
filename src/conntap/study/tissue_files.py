"""Files that tissue is asked for with, looked at before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from conntap.errors import CircuitError, ConntapError, OptionError, known

__all__ = ["box_of_atlas", "box_of_vessels", "check_neurons", "check_room", "check_vessels_in"]

_LEAST_CELLS = 2
_CELLS_PER_MM3 = 80_000.0
_PLACES = [f"afferent_center_{axis}" for axis in "xyz"]


def box_of_atlas(path: Path, *, least_um: float) -> np.ndarray:
    """The box of an atlas, with sides of so many um at least: units that are not what they seem are told by them."""
    from conntap.circuits.tissue.voxel_files import read_volume

    volume = read_volume(path)
    box, sizes = np.asarray(volume.box), np.sqrt((volume.directions**2).sum(axis=1))
    if (box[1] - box[0]).min() < least_um:
        raise OptionError(
            f"--atlas: {path} is {_by(box[1] - box[0])} um large, of voxels of {_by(sizes)} um; this takes sides of {least_um:g} um. "
            "Say in the file how large its voxels are (space directions) and in which units (space units: mm, um, nm; without them um), or "
            "give --box."
        )
    return box


def box_of_vessels(path: Path) -> np.ndarray:
    """The box around vessels of a file."""
    points = _vessels(path).points
    low, high = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
    flat = [axis for axis, side in zip("xyz", high - low, strict=True) if side == 0]
    if flat:
        raise OptionError(
            f"--vessels: those of {path} have no extent in {' and '.join(flat)}. Give the tissue by --box."
        )
    return np.stack([low, high])


def check_vessels_in(path: Path, box: np.ndarray) -> None:
    """Refuse vessels of which none lies in the tissue."""
    vessels = _vessels(path)
    thick = vessels.radii.max(axis=1)[:, None]
    low, high = np.minimum(vessels.starts, vessels.ends) - thick, np.maximum(vessels.starts, vessels.ends) + thick
    if not ((low <= box[1]) & (high >= box[0])).all(axis=1).any():
        points = vessels.points
        raise OptionError(
            f"--vessels: all of {path} lie outside the tissue: they reach from {points.min(axis=0).tolist()} to "
            f"{points.max(axis=0).tolist()} um, the box from {box[0].tolist()} to {box[1].tolist()}. Give the box that they are in, or leave it out."
        )


def _vessels(path: Path) -> Any:
    from conntap.build import vessels_from

    vessels = vessels_from(path=path)
    if not len(vessels):
        raise CircuitError(f"--vessels: {path} has no segments. Give at least one.")
    return vessels


def check_neurons(path: Path, edges: str | None) -> None:
    """Refuse a circuit whose synapses have no places; one that cannot be opened is told of later."""
    from conntap.circuits.circuit import open_circuit

    try:
        population = open_circuit(path).edges(edges)
        missing = [name for name in _PLACES if name not in population.properties]
    except (ConntapError, OSError):
        return
    if missing:
        raise OptionError(
            f"--neurons: edges {population.name!r} of {path} have no {known(missing)}; there is {known(population.properties)}. Synapses "
            "need places: build.synapse_cloud, manipulate.place_synapses and build.column with edges='synapses' give them."
        )


def check_room(box: np.ndarray, *, grown_vessels: bool, grown_neurons: bool) -> None:
    """Refuse a box that is too small for what is to grow in it."""
    from conntap.build.ngv.network import least_side

    sides = box[1] - box[0]
    if grown_vessels and sides.min() < least_side():
        raise OptionError(
            f"--box: {_by(sides)} um; vessels that are grown need sides of {least_side():.0f} um. Give a larger box."
        )
    if grown_neurons and round(_CELLS_PER_MM3 * float(sides.prod()) * 1e-9) < _LEAST_CELLS:
        raise OptionError(f"--box: {_by(sides)} um hold no two neurons. Give a larger box, or --neurons.")


def _by(lengths: np.ndarray) -> str:
    return " x ".join(f"{each:g}" for each in lengths.tolist())

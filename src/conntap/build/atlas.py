"""Neurons placed by an atlas, and atlases made for trial."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.build.atlas_grids import (
    channels_of,
    chosen_voxels,
    density_of,
    numbers_of,
    region_names,
    volume_of,
)
from conntap.build.column_details import per_layer
from conntap.circuits.connectome import Connectome
from conntap.circuits.tissue import Volume, box_of
from conntap.errors import OptionError, known, one_of, real, unknown
from conntap.seeds import stream

__all__ = ["from_atlas", "synthetic_atlas"]

_log = logging.getLogger(__name__)
_MOST_NODES = 200_000_000
_MOST_VOXELS = 1 << 31
_FARTHEST_UM = 1e9
_DENSEST = 1e18  # cells per mm^3, so that noise does not take them beyond float32
_WIDEST = 20.0
_DENSITIES = {"PC": 60_000.0, "BC": 15_000.0}
_PARTS = ("densities", "annotation", "hierarchy", "mask", "flatmap", "orientations")


def from_atlas(
    atlas: dict[str, Any] | None = None,
    *,
    densities: dict[str, Path] | None = None,
    annotation: Path | None = None,
    hierarchy: Path | None = None,
    regions: list[int | str] | None = None,
    mask: Path | None = None,
    flatmap: Path | None = None,
    orientations: Path | None = None,
    inhibitory: list[str] | None = None,
    rng: np.random.Generator,
) -> Connectome:
    """Place neurons by the densities of an atlas, type by type.

    Of each type round(sum of density x volume of a voxel) cells, each in a voxel drawn by the densities and evenly within it.
    They are not wired: `build.distance` does that.

    Parameters
    ----------
    atlas
        What `synthetic_atlas` gives, or such a mapping of what the options below are, as volumes. Options come before it.
    densities
        Type -> an NRRD file of cells per mm^3, all on one grid; NaN is outside.
    annotation
        An NRRD file of the numbers of regions.
    hierarchy
        Names of regions, the Allen Institute's JSON: a region comes with all within it.
    regions
        Cells in these only, by acronym, name or number (which is that of the annotation); default: wherever there is a density.
    mask
        An NRRD file; cells only where it is not 0.
    flatmap
        An NRRD file of two values a voxel: the flat coordinates, as `flat_x` and `flat_y`. Both negative, or NaN: no coordinates.
    orientations
        An NRRD file of four values a voxel, quaternions w, x, y, z: how cells are turned.
    inhibitory
        Which types are inhibitory, for `ei`.
    rng
        The source of randomness; equal states give equal cells. Cells of a type do not depend on the other types.

    Returns
    -------
    A square connectome without edges. Nodes: `x`, `y`, `z` (um), `type`, with an annotation `region` (its acronym or name in the
    hierarchy, else its number), and what else is given: `ei`, `flat_x`, `flat_y`, `orientation_w` ... `orientation_z`.

    Raises
    ------
    OptionError
        No densities; a density that is negative, infinite, or 0 wherever cells may be; grids that differ; regions that are unknown
        or have no voxel; too many cells.
    CircuitError
        A file that is missing, damaged, too large or no such volume.
    MissingExtra
        pynrrd is not installed.

    Notes
    -----
    Voxels may be of any shape and turned; a space origin in a file is the corner of the first one. Memory: some 25 bytes a voxel at
    a time, type after type, and below 100 bytes a cell; 0.3 us a cell.

    Examples
    --------
    >>> atlas = synthetic_atlas(box_um=((0, 0, 0), (100, 200, 100)), layers_um=(100, 100), rng=np.random.default_rng(0),
    ...                         densities_per_mm3={"PC": (0.0, 40_000.0), "BC": 5_000.0})
    >>> from_atlas(atlas, inhibitory=["BC"], rng=np.random.default_rng(0)).nodes.groupby("type", observed=True).size().to_dict()
    {'PC': 40, 'BC': 10}
    """
    where = "from_atlas"
    given = {"densities": densities, "annotation": annotation, "hierarchy": hierarchy, "mask": mask}
    parts = _parts(atlas, given | {"flatmap": flatmap, "orientations": orientations}, where)
    if not isinstance(parts["densities"], Mapping) or not parts["densities"]:
        raise OptionError(f"{where}.densities: none; give type -> NRRD file of cells per mm^3.")
    _check_types(inhibitory, parts["densities"], where)
    seed = int(rng.integers(2**63))
    grid, chosen, cells = None, None, []
    labels: dict[int, str] = {}
    for kind, one in parts["densities"].items():
        density = density_of(one, grid, f"{where}.densities.{kind}")
        if grid is None:
            grid = density
            names, labels = region_names(parts["hierarchy"], where)
            numbered = None if parts["annotation"] is None else volume_of(parts["annotation"], f"{where}.annotation")
            parts["annotation"] = numbered
            numbers = numbers_of(regions, names, numbered, where)
            chosen = chosen_voxels(grid, numbered, numbers, parts["mask"], where)
        cells.append(_placed(density, chosen, kind, stream(seed, "cells", str(kind)), where))
    nodes = _nodes(cells, list(parts["densities"]), inhibitory)
    voxels = np.concatenate([voxels for voxels, _ in cells])
    nodes = nodes.assign(**_looked_up(voxels, grid, parts, labels, where))
    return Connectome(nodes, [], [], name="from_atlas")


def _parts(atlas: Mapping[str, Any] | None, options: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What is given as an option, or else in the atlas."""
    atlas = {} if atlas is None else atlas
    if not isinstance(atlas, Mapping):
        raise OptionError(f"{where}: a {type(atlas).__name__}; give a mapping of {known(_PARTS)}.")
    for name in atlas:
        if name not in _PARTS:
            raise OptionError(unknown(where, "part of an atlas", name, _PARTS))
    return {name: atlas.get(name) if value is None else value for name, value in options.items()}


def _check_types(inhibitory: list[str] | None, types: Mapping[str, Any], where: str) -> None:
    if inhibitory is not None and (not isinstance(inhibitory, Sequence) or isinstance(inhibitory, str)):
        raise OptionError(f"{where}.inhibitory: {inhibitory!r}; give a list of types.")
    for each in inhibitory or ():
        if each not in types:
            raise OptionError(unknown(f"{where}.inhibitory", "type", each, types))


def _placed(
    density: Volume, chosen: np.ndarray | None, kind: str, rng: np.random.Generator, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """The voxels (flat numbers) and places of the cells of a type."""
    values = (density.values if chosen is None else np.where(chosen, density.values, 0.0)).ravel()
    occupied = np.flatnonzero(values)
    steps = np.cumsum(values[occupied])
    if not len(steps):
        part = "everywhere" if chosen is None else "everywhere in the regions and the mask"
        raise OptionError(f"{where}.densities.{kind}: 0 {part}; leave the type out, or give a density.")
    expected = steps[-1] * density.voxel_um3 * 1e-9
    if expected > _MOST_NODES:
        raise OptionError(f"{where}.densities.{kind}: {expected:.2g} cells are too many. Densities are cells per mm^3.")
    n = round(expected)
    if n == 0:
        _log.warning("%s.densities.%s: %.2g cells, so none.", where, kind, expected)
    place = np.searchsorted(steps, rng.random(n) * steps[-1], side="right").clip(max=len(steps) - 1)
    voxels = occupied[place]
    corner = np.stack(np.unravel_index(voxels, density.values.shape), axis=1)
    return voxels, density.origin + (corner + rng.random((n, 3))) @ density.directions


def _nodes(cells: list[tuple[np.ndarray, np.ndarray]], types: list[str], inhibitory: list[str] | None) -> pd.DataFrame:
    places = np.concatenate([places for _, places in cells])
    counts = [len(voxels) for voxels, _ in cells]
    nodes = pd.DataFrame(places, columns=["x", "y", "z"])
    nodes["type"] = pd.Categorical.from_codes(
        np.repeat(np.arange(len(types)), counts), categories=list(map(str, types))
    )
    if inhibitory is not None:
        codes = np.repeat([int(each in inhibitory) for each in types], counts)
        nodes["ei"] = pd.Categorical.from_codes(codes, categories=["e", "i"])
    return nodes


def _looked_up(
    voxels: np.ndarray, grid: Volume, parts: Mapping[str, Any], labels: Mapping[int, str], where: str
) -> dict[str, Any]:
    """What an atlas says of the voxel that each cell is in."""
    found: dict[str, Any] = {}
    if parts["annotation"] is not None:
        numbers = parts["annotation"].values.ravel()[voxels].astype(np.int64)
        known_ones, codes = np.unique(numbers, return_inverse=True)
        called = [labels.get(each, str(each)) for each in known_ones.tolist()]
        names = sorted(set(called))
        codes = np.array([names.index(each) for each in called], dtype=np.int64)[codes] if len(called) else codes
        found["region"] = pd.Categorical.from_codes(codes, categories=names) if labels else numbers
    if parts["flatmap"] is not None:
        flat = [each.ravel()[voxels] for each in channels_of(parts["flatmap"], 2, grid, f"{where}.flatmap")]
        nowhere = (flat[0] < 0) & (flat[1] < 0)
        found |= {f"flat_{axis}": np.where(nowhere, np.nan, each) for axis, each in zip("xy", flat, strict=True)}
    if parts["orientations"] is not None:
        turned = channels_of(parts["orientations"], 4, grid, f"{where}.orientations")
        found |= {f"orientation_{axis}": each.ravel()[voxels] for axis, each in zip("wxyz", turned, strict=True)}
    return found


def synthetic_atlas(
    *,
    box_um: tuple[tuple[float, float, float], tuple[float, float, float]] = ((0, 0, 0), (400, 1800, 400)),
    voxel_um: float | tuple[float, float, float] = 25.0,
    layers_um: tuple[float, ...] = (125.0, 150.0, 300.0, 150.0, 450.0, 600.0),
    densities_per_mm3: dict[str, float | tuple[float, ...]] | None = None,
    mask: Literal["box", "cylinder"] = "box",
    noise: float = 0.0,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Make an atlas of flat layers where there is none: densities by type, regions, mask, flat map.

    Parameters
    ----------
    box_um
        The lower and the upper corner of what it covers; y is the depth.
    voxel_um
        Edge of the voxels, one for all axes or three. The last voxel of an axis may reach beyond the box.
    layers_um
        Thickness of each layer, from the top of the box down; deeper there is nothing.
    densities_per_mm3
        Type -> cells per mm^3, one number for all layers or one each. Default: PC 60,000, BC 15,000.
    mask
        Whether the mask is the whole box, or the "cylinder" within it, upright.
    noise
        Standard deviation of the logarithm of the densities of voxels, up to 20, whose mean stays.
    rng
        The source of randomness, of the noise.

    Returns
    -------
    `densities` (type -> volume, float32), `annotation` (the number of the layer, from 1; 0 outside), `hierarchy` (a table: id, name
    "L1" ...), `mask`, `flatmap` (how far along x and z a voxel's middle lies, um): what `from_atlas` takes. `write_volume` writes each as NRRD.

    Raises
    ------
    OptionError
        No box, a number out of range, too many voxels.

    Notes
    -----
    Linear in voxels.

    Examples
    --------
    >>> atlas = synthetic_atlas(box_um=((0, 0, 0), (100, 100, 100)), layers_um=(50, 50), rng=np.random.default_rng(0))
    >>> atlas["annotation"], atlas["annotation"].at(np.array([[10, 10, 10], [10, 60, 10]])).tolist()
    (Volume(4 x 4 x 4 voxels of uint32), [1, 2])
    """
    where = "synthetic_atlas"
    box, steps = box_of(f"{where}.box_um", box_um), _lengths(f"{where}.voxel_um", voxel_um, "one or three")
    if len(steps) not in (1, 3):
        raise OptionError(f"{where}.voxel_um: {voxel_um!r}; give one length, or three.")
    steps, layers_um = np.broadcast_to(steps, 3), _lengths(f"{where}.layers_um", layers_um, "at least one")
    real(f"{where}.noise", noise, least=0, most=_WIDEST)
    if not isinstance(densities_per_mm3, Mapping | None):
        raise OptionError(f"{where}.densities_per_mm3: {densities_per_mm3!r}; give type -> cells per mm^3.")
    one_of(f"{where}.mask", mask, ["box", "cylinder"])
    sizes = np.ceil((box[1] - box[0]) / steps * (1 - 1e-12))
    if sizes.prod() > _MOST_VOXELS:
        raise OptionError(f"{where}.voxel_um: {sizes.prod():.2g} voxels are too many. Give larger ones.")
    shape = tuple(sizes.astype(int).tolist())
    middles = [low + (np.arange(n) + 0.5) * step for low, n, step in zip(box[0], shape, steps, strict=True)]
    layer = np.searchsorted(np.cumsum(layers_um), middles[1] - box[0, 1], side="right") + 1
    layer = np.where(layer > len(layers_um), 0, layer)

    def volume(values: np.ndarray) -> Volume:
        return Volume(np.broadcast_to(values, shape), box[0], steps)

    densities = {}
    for kind, given in (_DENSITIES if densities_per_mm3 is None else densities_per_mm3).items():
        own = per_layer(given, len(layers_um), f"{where}.densities_per_mm3.{kind}")
        for each in own:
            real(f"{where}.densities_per_mm3.{kind}", each, least=0, most=_DENSEST)
        along = np.append(0.0, np.array(own, dtype=np.float64))[layer][None, :, None]
        spread = np.exp(rng.normal(-(noise**2) / 2, noise, shape)) if noise else 1.0
        densities[kind] = volume((along * spread).astype(np.float32))
    x, z = (middles[axis] - box[:, axis].mean() for axis in (0, 2))
    radius = (box[1] - box[0])[[0, 2]].min() / 2
    inside = np.hypot(x[:, None, None], z[None, None, :]) <= radius if mask == "cylinder" else np.True_
    return {
        "densities": densities,
        "annotation": volume(layer.astype(np.uint32)[None, :, None]),
        "hierarchy": pd.DataFrame(
            {"id": np.arange(1, len(layers_um) + 1), "name": [f"L{each}" for each in range(1, len(layers_um) + 1)]}
        ),
        "mask": volume((inside & (layer > 0)[None, :, None]).astype(np.uint8)),
        "flatmap": {
            name: volume((middles[axis] - box[0, axis]).reshape(shown))
            for name, axis, shown in (("x", 0, (-1, 1, 1)), ("y", 2, (1, 1, -1)))
        },
    }


def _lengths(where: str, given: float | Sequence[float], wish: str) -> np.ndarray:
    """One length or several, checked."""
    several = isinstance(given, Sequence | np.ndarray) and not isinstance(given, str)
    if several and not len(given):
        raise OptionError(f"{where}: none; give {wish} above 0.")
    for each in given if several else [given]:
        real(where, each, above=0, most=_FARTHEST_UM)
    return np.array(given if several else [given], dtype=np.float64)

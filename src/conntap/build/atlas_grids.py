"""Volumes of one atlas: read from files or given, of one grid, without what makes no sense."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.tissue import Volume
from conntap.circuits.tissue.voxel_files import read_channels, read_volume
from conntap.errors import OptionError, finite, unknown
from conntap.store.files import why_unreadable

__all__ = ["channels_of", "chosen_voxels", "density_of", "numbers_of", "region_names", "volume_of"]

_log = logging.getLogger(__name__)


def volume_of(given: Path | Volume, where: str) -> Volume:
    """A volume, or that in a file.

    >>> volume_of(Volume(np.zeros((1, 1, 1)), [0, 0, 0], [1, 1, 1]), "example")
    Volume(1 x 1 x 1 voxels of float64)
    """
    if isinstance(given, Volume):
        return given
    if not isinstance(given, str | Path):
        raise OptionError(f"{where}: a {type(given).__name__}; give a volume, or the path of an NRRD file.")
    return read_volume(Path(given))


def channels_of(
    given: Path | Mapping[str, Volume] | Sequence[Volume], number: int, grid: Volume, where: str
) -> list[np.ndarray]:
    """The values of volumes of so many channels, on a grid; a mapping's in its order."""
    if isinstance(given, str | Path):
        found = read_channels(Path(given))
    elif not isinstance(given, Mapping | Sequence):
        raise OptionError(f"{where}: a {type(given).__name__}; give volumes, or the path of an NRRD file.")
    else:
        found = tuple(given.values() if isinstance(given, Mapping) else given)
    if len(found) != number:
        raise OptionError(f"{where}: {len(found)} values a voxel; give {number}.")
    for each in found:
        if not isinstance(each, Volume):
            raise OptionError(f"{where}: a {type(each).__name__} among them; give volumes.")
        _check_grid(each, grid, where)
    return [each.values.astype(np.float64) for each in found]


def density_of(given: Path | Volume, grid: Volume | None, where: str) -> Volume:
    """A density in mm^-3, of the grid of others; voxels of NaN are outside and get 0.

    Raises
    ------
    OptionError
        Negative or infinite densities, another grid.

    Examples
    --------
    >>> density_of(Volume([[[1.0, np.nan]]], [0, 0, 0], [9, 9, 9]), None, "example").values.tolist()
    [[[1.0, 0.0]]]
    """
    volume = volume_of(given, where)
    if grid is not None:
        _check_grid(volume, grid, where)
    values = volume.values.astype(np.float64)
    outside = np.isnan(values)
    if outside.any():
        _log.info("%s: %d voxels are NaN: outside.", where, int(outside.sum()))
        values[outside] = 0.0
    if np.isinf(values).any() or (values < 0).any():
        wrong = values[np.isinf(values) | (values < 0)][0]
        raise OptionError(f"{where}: a density of {wrong:g}; give cells per mm^3 from 0 on, NaN outside.")
    return Volume(values, volume.origin, volume.directions)


def chosen_voxels(
    grid: Volume, annotation: Volume | None, numbers: set[int] | None, mask: Path | Volume | None, where: str
) -> np.ndarray | None:
    """Which voxels lie in the mask and in regions of these numbers; None for all."""
    chosen = None
    if annotation is not None:
        _check_grid(annotation, grid, f"{where}.annotation")
        if annotation.values.dtype.kind not in "iub":
            raise OptionError(f"{where}.annotation: {annotation.values.dtype}; give whole numbers.")
    if numbers is not None:
        chosen = np.isin(annotation.values, np.array(sorted(numbers), dtype=np.int64))
        if not chosen.any():
            raise OptionError(
                f"{where}.regions: no voxel of the annotation has one of the numbers {sorted(numbers)[:12]}."
            )
    if mask is not None:
        volume = volume_of(mask, f"{where}.mask")
        _check_grid(volume, grid, f"{where}.mask")
        values = volume.values
        inside = (values != 0) & ~np.isnan(values) if values.dtype.kind == "f" else values != 0
        if not inside.any():
            raise OptionError(f"{where}.mask: it is 0 everywhere; give a mask of some voxels.")
        chosen = inside if chosen is None else chosen & inside
        if not chosen.any():
            raise OptionError(f"{where}: no voxel lies both in the mask and in the regions.")
    return chosen


def region_names(hierarchy: Path | pd.DataFrame | None, where: str) -> tuple[dict[str, set[int]], dict[int, str]]:
    """Name and acronym -> the numbers of a region and of all within it; number -> acronym (or name).

    Takes the JSON of the Allen Institute ({msg: [...]} or one root, of id, acronym, name, children), or a table of id and name.

    >>> names, labels = region_names(pd.DataFrame({"id": [7], "name": ["L1"]}), "example")
    >>> names, labels
    ({'L1': {7}}, {7: 'L1'})
    """
    if hierarchy is None:
        return {}, {}
    if isinstance(hierarchy, pd.DataFrame):
        lacking = [name for name in ("id", "name") if name not in hierarchy]
        if lacking or hierarchy["id"].duplicated().any():
            what = f"no column {lacking[0]!r}" if lacking else "an id stands there twice"
            raise OptionError(f"{where}.hierarchy: {what}; give a table of id and name, each id once.")
        labels = dict(zip(hierarchy["id"].tolist(), hierarchy["name"].tolist(), strict=True))
        named: dict[str, set[int]] = {}
        for number, name in labels.items():
            named.setdefault(name, set()).add(number)
        return named, labels
    if not isinstance(hierarchy, str | Path):
        raise OptionError(f"{where}.hierarchy: a {type(hierarchy).__name__}; give the path of a JSON file.")
    roots = _hierarchy(Path(hierarchy), where)
    names: dict[str, set[int]] = {}
    labels: dict[int, str] = {}
    waiting: list[tuple[Any, tuple[set[int], ...]]] = [(root, ()) for root in roots]
    while waiting:
        region, above = waiting.pop()
        if not (isinstance(region, Mapping) and type(region.get("id")) is int):
            raise OptionError(f"{where}.hierarchy: {hierarchy}: a region without a whole number as id.")
        number = region["id"]
        called = [str(region[key]) for key in ("acronym", "name") if region.get(key)]
        if number in labels:
            raise OptionError(f"{where}.hierarchy: {hierarchy}: id {number} stands there twice.")
        labels[number] = called[0] if called else str(number)
        inner = [names.setdefault(name, set()) for name in dict.fromkeys(called)]
        for members in (*inner, *above):
            members.add(number)
        waiting += [(child, (*above, *inner)) for child in region.get("children") or ()]
    return names, labels


def _hierarchy(path: Path, where: str) -> list[Any]:
    why = why_unreadable(path)
    if why is not None:
        raise OptionError(f"{where}.hierarchy: {path} cannot be read ({why}).")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{where}.hierarchy: {path} is no JSON ({error}).") from None
    found = found.get("msg", [found]) if isinstance(found, Mapping) else found
    if not isinstance(found, list) or not found:
        raise OptionError(
            f"{where}.hierarchy: {path}: give a region, or {{msg: [region]}}, of id, acronym, name, children."
        )
    return found


def numbers_of(
    regions: Sequence[int | str] | None, names: Mapping[str, set[int]], annotation: Volume | None, where: str
) -> set[int] | None:
    """The numbers of regions that are given by name or number."""
    if regions is None:
        return None
    if annotation is None:
        raise OptionError(f"{where}.regions: there is no annotation that tells where they are. Give it.")
    if not isinstance(regions, Sequence) or isinstance(regions, str):
        raise OptionError(f"{where}.regions: {regions!r}; give a list of names or numbers.")
    if not regions:
        raise OptionError(f"{where}.regions: none; give a name or number, or leave it out for all.")
    found: set[int] = set()
    for region in regions:
        if isinstance(region, str):
            if region not in names:
                raise OptionError(unknown(f"{where}.regions", "region", region, names))
            found |= names[region]
        elif not finite(region) or int(region) != region or abs(region) >= 2**63:
            raise OptionError(f"{where}.regions: {region!r}; give names or whole numbers.")
        else:
            found |= {int(region)}
    return found


def _check_grid(volume: Volume, grid: Volume, where: str) -> None:
    if volume.values.shape != grid.values.shape:
        shapes = [" x ".join(map(str, each.values.shape)) for each in (volume, grid)]
        raise OptionError(
            f"{where}: a grid of {shapes[0]} voxels, the first density has {shapes[1]}. Give all on one grid."
        )
    size = np.abs(grid.directions).max()
    for name in ("origin", "directions"):
        one, other = getattr(volume, name), getattr(grid, name)
        if np.abs(one - other).max() > 1e-4 * size:
            raise OptionError(
                f"{where}: {name} {one.tolist()} um, that of the first density is {other.tolist()}. Give all on one grid."
            )

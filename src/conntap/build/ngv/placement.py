"""Where astrocytes lie: somata in proportion to a density, off the vessels, spaced from each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.circuits.tissue import Vasculature, Volume, box_of
from conntap.circuits.tissue.truncated import truncated_normal
from conntap.errors import OptionError, one_of, whole

__all__ = ["Spacing", "astrocytes", "expected_astrocytes"]

_KINDS = ("spring", "coulomb", "inverse", "lennard_jones", "none")
_JAMMED = 0.38  # share of space at which spheres placed at random one by one leave no room (Torquato, 2006)
_PROPOSALS = 10_000


@dataclass(frozen=True)
class Spacing:
    """How astrocytes keep their distance: the energy of a soma's distance r to the nearest one, and how it is lowered.

    Parameters
    ----------
    kind
        "spring": k (r - d)^2; "coulomb": k d / r^2; "inverse": k d / r; "lennard_jones": k ((d / r)^12 - 2 (d / r)^6); "none".
    distance_um
        d, the distance at rest.
    strength
        k.
    beta
        A place of higher energy is gone to with the probability exp(-beta times the rise).
    trials
        How many further places are tried for each soma; the one of the lowest energy that was gone to is kept.
    reach_um
        A place with no soma this near is taken at once.
    """

    kind: Literal["spring", "coulomb", "inverse", "lennard_jones", "none"] = "spring"
    distance_um: float = 32.0
    strength: float = 1.0
    beta: float = 0.01
    trials: int = 3
    reach_um: float = 60.0


def astrocytes(
    vessels: Vasculature | None = None,
    atlas: Volume | None = None,
    *,
    box_um: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None,
    density: float | Path = 12_286.0,
    mask: Path | None = None,
    radius_um: tuple[float, float, float, float] = (5.6, 0.74, 0.1, 20.0),
    spacing: Spacing | None = None,
    crowded: Literal["refuse", "fewer"] = "refuse",
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Place the somata of astrocytes.

    There are as many as the density times the volume. One after the other: a voxel is proposed in proportion to its density and a place
    evenly within it; a place where the soma would meet a vessel or another soma is proposed anew. Then other places
    are tried by the rule of Metropolis, with an energy that depends on the distance to the nearest soma. The centres lie inside;
    a soma at a wall may reach beyond it. A soma keeps the radius drawn for it wherever it is placed, so that radii follow their law.

    Parameters
    ----------
    vessels
        Vessels to keep off, as balls whose radius changes evenly along each segment (which hold the segments' frustums); None: there
        are none. Those outside change nothing.
    atlas
        Densities of voxels, astrocytes per mm^3, instead of `density`; voxels of any shape; NaN: outside.
    box_um
        The lower and the upper corner of the box to fill; um. Needed where no voxels are given, else it cuts them.
    density
        Astrocytes per mm^3, everywhere; or an NRRD file of densities of voxels. 12,286: rat cortex (Appaix et al., 2012).
    mask
        An NRRD file: no astrocyte lies in its voxels that are 0 or NaN. Its voxels must be those of the densities, if these are voxels.
    radius_um
        Mean, standard deviation, least and largest of the somata's radii, which follow a normal law cut off there; um.
    spacing
        The energy and how it is lowered; None: the defaults of `Spacing`.
    crowded
        Where no room is found for a soma in 10,000 proposals: "refuse" with an error, or place "fewer", with a warning logged.
    rng
        The source of randomness; one number is drawn, and the radii.

    Returns
    -------
    Index `id` from 0; `x`, `y`, `z`, `radius` (float64, um).

    Raises
    ------
    OptionError
        No box and no voxels; densities that are negative or infinite, or too low for a single astrocyte; voxels of a mask that are others;
        somata that fill more than 38 % of the space, or find no room; other numbers out of range.
    FormatError
        A file that is no volume.

    Notes
    -----
    Linear in the somata and the vessels' segments: some 10 microseconds a soma. Zisis et al., 2021, doi:10.1093/cercor/bhab254; Metropolis
    et al., 1953, doi:10.1063/1.1699114. The limit of random packing: Torquato, Uche and Stillinger, 2006,
    doi:10.1103/PhysRevE.74.061308.

    Examples
    --------
    >>> cells = astrocytes(box_um=((0, 0, 0), (150, 150, 150)), rng=np.random.default_rng(1))
    >>> len(cells), list(cells.columns)
    (41, ['x', 'y', 'z', 'radius'])
    """
    one_of("astrocytes.crowded", crowded, ("refuse", "fewer"))
    spacing = _checked(Spacing() if spacing is None else spacing)
    volume, box = _densities(atlas, density, mask, box_um)
    voxels, weights, expected = _proposed(volume, box)
    n = _number(expected, volume, box, _named(density, mask))
    law = truncated_normal(*_four(radius_um), where="astrocytes.radius_um")
    spheres = np.zeros((n, 4))
    spheres[:, 3] = law.draw(rng, n)
    room = min(float(np.prod(box[1] - box[0])), len(voxels) * volume.voxel_um3)
    _check_room(spheres[:, 3], room, crowded)
    placed = _placed(int(rng.integers(2**63)), spheres, volume, voxels, weights, box, vessels, spacing)
    if placed < n:
        text = f"{placed:,} of {n:,} somata find room" + (" off the vessels and each other." if vessels else ".")
        if crowded == "refuse":
            raise OptionError(f"astrocytes.density: {text} Give a lower density, smaller somata, or crowded='fewer'.")
        getLogger(__name__).warning("astrocytes: %s", text)
    table = pd.DataFrame(spheres[:placed], columns=["x", "y", "z", "radius"])
    return table.rename_axis("id")


def expected_astrocytes(
    *,
    density: float | Path = 12_286.0,
    mask: Path | None = None,
    box_um: Any = None,
    radius_um: tuple[float, float, float, float] = (5.6, 0.74, 0.1, 20.0),
    crowded: Literal["refuse", "fewer"] = "refuse",
) -> int:
    """How many somata `astrocytes` places with these options, before it does.

    Raises
    ------
    OptionError
        As `astrocytes`, of all that is told without placing any.

    Examples
    --------
    >>> expected_astrocytes(box_um=((0, 0, 0), (150, 150, 150)))
    41
    """
    mean, sd, *_ = _four(radius_um)
    volume, box = _densities(None, density, mask, box_um)
    voxels, _, expected = _proposed(volume, box)
    n = _number(expected, volume, box, _named(density, mask))
    filled = n * 4 / 3 * math.pi * (mean**3 + 3 * mean * sd**2)
    _check_share(n, filled / min(float(np.prod(box[1] - box[0])), len(voxels) * volume.voxel_um3), crowded)
    return n


def _named(density: float | Path, mask: Path | None) -> str:
    """The files of densities and mask, for messages."""
    files = [str(each) for each in (None if isinstance(density, int | float) else density, mask) if each is not None]
    return " and ".join(files)


def _checked(spacing: Spacing) -> Spacing:
    where = "astrocytes.spacing"
    one_of(f"{where}.kind", spacing.kind, _KINDS)
    whole(f"{where}.trials", spacing.trials, 0)
    for name in ("distance_um", "strength", "beta", "reach_um"):
        value = getattr(spacing, name)
        if not (math.isfinite(value) and value >= 0) or (value == 0 and name.endswith("_um")):
            raise OptionError(f"{where}.{name}: {value}; give a finite number above 0.")
    return spacing


def _four(radius_um: Any) -> tuple[float, float, float, float]:
    try:
        mean, sd, least, most = (float(each) for each in radius_um)
    except (TypeError, ValueError):
        mean, sd, least, most = (math.nan,) * 4
    if not (math.isfinite(mean + sd + most) and least >= 0):
        raise OptionError(
            f"astrocytes.radius_um: {radius_um!r}; give the mean, the standard deviation, the least and the largest, from 0 on."
        )
    return mean, sd, least, most


def _densities(
    atlas: Volume | None, density: float | Path, mask: Path | None, box_um: Any
) -> tuple[Volume, np.ndarray]:
    """Voxels of densities, 0 outside, and the box to stay in."""
    from conntap.circuits.tissue.voxel_files import read_volume

    masked = None if mask is None else read_volume(Path(mask))
    number = not isinstance(density, str | Path)
    if number and math.isnan(density):
        raise OptionError("astrocytes.density: nan; give astrocytes per mm^3, or a file of voxels.")
    if atlas is not None:
        volume = atlas
    elif not number:
        volume = read_volume(Path(density))
    elif masked is not None:
        volume = Volume(np.full(masked.values.shape, float(density)), masked.origin, masked.directions)
    elif box_um is not None:
        box = box_of("astrocytes.box_um", box_um)
        volume = Volume(np.full((1, 1, 1), float(density)), box[0], box[1] - box[0])
    else:
        raise OptionError("astrocytes.box_um: None; give the box to fill, or voxels of densities.")
    values = np.nan_to_num(volume.values.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)
    wrong = ~np.isfinite(values) | (values < 0)
    if wrong.any():
        of = "" if atlas is not None or number else f"{density}: "
        raise OptionError(
            f"astrocytes.density: {of}densities of {wrong.sum():,} voxels are negative or infinite, such as {values[wrong][0]:g}. "
            "Give astrocytes per mm^3, NaN outside."
        )
    if masked is not None:
        same = all(
            np.shape(a) == np.shape(b) and np.allclose(a, b)
            for a, b in ((masked.origin, volume.origin), (masked.directions, volume.directions))
        )
        if not same or masked.values.shape != values.shape:
            raise OptionError(f"astrocytes.mask: its voxels ({masked!r}) are not those of the densities ({volume!r}).")
        values = np.where(np.nan_to_num(masked.values.astype(np.float64)) != 0, values, 0.0)
    box = volume.box if box_um is None else box_of("astrocytes.box_um", box_um)
    return Volume(values, volume.origin, volume.directions), box


def _proposed(volume: Volume, box: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The voxels that may be proposed, how likely each is, and how many astrocytes are expected inside the box.

    Voxels along the axes are cut by the box exactly; of oblique ones those whose centre lies in it are counted.
    """
    voxels = np.argwhere(volume.values > 0)
    values = volume.values[tuple(voxels.T)]
    if _is_aligned(volume):
        step = np.diag(volume.directions)
        one, two = volume.origin + voxels * step, volume.origin + (voxels + 1) * step
        sides = np.minimum(np.maximum(one, two), box[1]) - np.maximum(np.minimum(one, two), box[0])
        share = (sides.clip(min=0) / np.abs(step)).prod(axis=1)
        voxels, weights = voxels[share > 0], (values * share)[share > 0]
        return voxels, weights, float(weights.sum() * volume.voxel_um3 * 1e-9)
    centres = volume.origin + (voxels + 0.5) @ volume.directions
    half = np.abs(volume.directions).sum(axis=0) / 2
    near = ((centres >= box[0] - half) & (centres <= box[1] + half)).all(axis=1)
    inside = ((centres >= box[0]) & (centres <= box[1])).all(axis=1)
    return voxels[near], values[near], float(values[inside].sum() * volume.voxel_um3 * 1e-9)


def _is_aligned(volume: Volume) -> bool:
    return bool((volume.directions[~np.eye(3, dtype=bool)] == 0).all())


def _number(expected: float, volume: Volume, box: np.ndarray, files: str) -> int:
    n = round(expected)
    if expected == 0 and files:
        within = f"in the box from {box[0].tolist()} to {box[1].tolist()} um"
        told = "no voxel is above 0"
        if (volume.values > 0).any():
            cells = np.argwhere(volume.values > 0)
            low, high = (volume.origin + (cells + step) @ volume.directions for step in (0, 1))
            ends = np.minimum(low, high).min(axis=0).tolist(), np.maximum(low, high).max(axis=0).tolist()
            told = f"no voxel above 0 lies {within}; they lie from {ends[0]} to {ends[1]}"
        raise OptionError(
            f"astrocytes.density: {files}: {told}; so no astrocytes are expected. Give other voxels, or a box."
        )
    if n < 1:
        raise OptionError(
            f"astrocytes.density: {expected:.3g} astrocytes are expected in {volume!r}, in the box from {box[0].tolist()} to "
            f"{box[1].tolist()} um. Give a higher density (per mm^3) or a larger box, or one that the voxels fill."
        )
    if n > 100_000_000:
        raise OptionError(f"astrocytes.density: {n:,} astrocytes. Give astrocytes per mm^3, and lengths in um.")
    return n


def _check_room(radii: np.ndarray, room: float, crowded: str) -> None:
    _check_share(len(radii), 4 / 3 * np.pi * (radii**3).sum() / room, crowded)


def _check_share(n: int, share: float, crowded: str) -> None:
    if share > _JAMMED and crowded == "refuse":
        filled = f"{share:.0%} of the space" if share <= 1 else f"the space {share:,.1f} times"
        raise OptionError(
            f"astrocytes.density: {n:,} somata would fill {filled}; at random at most {_JAMMED:.0%} can be "
            "filled. Give a lower density (per mm^3) or smaller somata."
        )


def _placed(
    seed: int,
    spheres: np.ndarray,
    volume: Volume,
    voxels: np.ndarray,
    weights: np.ndarray,
    box: np.ndarray,
    vessels: Vasculature | None,
    spacing: Spacing,
) -> int:
    """Place the spheres, in place; how many found room."""
    from conntap.build.ngv import _placing

    box = np.stack([np.maximum(box[0], volume.box[0]), np.minimum(box[1], volume.box[1])])
    grid = _bins(box, 2 * len(spheres), 1.0)
    largest = float(spheres[:, 3].max())
    segments = _near(vessels, box, largest)
    bins = _bins(box, 4_000_000, 15.0)
    members = _placing.segment_bins(*segments, *bins, largest)
    law = (_KINDS.index(spacing.kind), spacing.distance_um, spacing.strength, spacing.beta, spacing.reach_um)
    law = (law[0], *(float(each) for each in law[1:]))
    atlas = (voxels, np.cumsum(weights), volume.origin, volume.directions, _is_aligned(volume), box)
    return _placing.place(
        np.uint64(seed), spheres, *atlas, grid, segments, (*bins, *members), law, spacing.trials, _PROPOSALS
    )


def _bins(box: np.ndarray, most: int, least_um: float) -> tuple[np.ndarray, float, np.ndarray]:
    """A grid of cubes over a box: its corner, their size, their numbers along the axes."""
    sides = box[1] - box[0]
    size = max(least_um, float(sides.max()) / 1e6, (float(sides.prod()) / most) ** (1 / 3))
    while np.ceil(sides / size).clip(min=1).prod() > 2 * most + 8:
        size *= 1.26
    return box[0].copy(), float(size), np.ceil(sides / size).clip(min=1).astype(np.int64)


def _near(vessels: Vasculature | None, box: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, ends and radii of the segments that come near a box."""
    if vessels is None:
        return np.empty((0, 3)), np.empty((0, 3)), np.empty((0, 2))
    starts, ends, radii = vessels.starts, vessels.ends, vessels.radii
    thick = radii.max(axis=1, initial=0)[:, None] + reach
    near = ((np.minimum(starts, ends) - thick <= box[1]) & (np.maximum(starts, ends) + thick >= box[0])).all(axis=1)
    return starts[near], ends[near], radii[near]

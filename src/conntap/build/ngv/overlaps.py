"""How much of each astrocyte's domain others hold too, measured exactly."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from conntap.circuits.tissue import Domains
from conntap.errors import CircuitError, OptionError

__all__ = ["domain_overlaps", "ids_within"]

_FINENESS = (1e-12, 1e-10, 1e-13, 1e-9)
_DEEPEST = 24


def domain_overlaps(domains: Domains, *, ids: list[int] | None = None) -> pd.DataFrame:
    """Measure how much of each astrocyte's domain others hold too.

    Exact volumes of common parts of convex polyhedra, which are cut out plane by plane: nothing is sampled.

    Parameters
    ----------
    domains
        Convex domains.
    ids
        Measure these astrocytes alone (with all that overlap them); None: all.

    Returns
    -------
    Index `astrocyte`; `volume`, and `shared`, what of it lies in any other domain too (um^3); `fraction`, the one over the
    other (0 where there is no domain); `pairs`, the sum of what each other domain has in common with it (um^3: a point in two others counts twice).

    Raises
    ------
    OptionError
        An astrocyte that is not there.
    CircuitError
        Domains that overlap so much that more than 24 have a point in common.

    Notes
    -----
    About a millisecond an astrocyte at an overlap of a tenth; grows fast with the number of domains that have a point in common, since
    the volume of a union is told by inclusion and exclusion. Linear in the astrocytes.

    Examples
    --------
    >>> from conntap.build import domains
    >>> cells = pd.DataFrame({"x": [25.0, 75], "y": [50.0, 50], "z": [50.0, 50], "radius": [5.0, 5]})
    >>> two = domains(cells, box_um=((0, 0, 0), (100, 100, 100)), overlap=0.1, rng=np.random.default_rng(0))
    >>> domain_overlaps(two)["fraction"].round(4).tolist()
    [0.0174, 0.0174]
    """
    numbers = np.arange(len(domains)) if ids is None else np.asarray(ids, dtype=np.int64)
    if numbers.size and (numbers.min() < 0 or numbers.max() >= len(domains)):
        raise OptionError(f"domain_overlaps.ids: not all are from 0 to {len(domains) - 1}.")
    volumes, shared, pairs = _measured(domains, numbers)
    fraction = np.divide(shared, volumes, out=np.zeros(len(numbers)), where=volumes > 0)
    table = {"volume": volumes, "shared": shared, "fraction": fraction, "pairs": pairs}
    return pd.DataFrame(table, index=pd.Index(numbers, name="astrocyte"))


def _measured(domains: Domains, numbers: np.ndarray) -> np.ndarray:
    from conntap.build.ngv import _power_cells as kernels

    result = np.zeros((3, len(numbers)))
    if not len(numbers):
        return result
    planes, owners = domains.all_planes()
    plane_starts = np.searchsorted(owners, np.arange(len(domains) + 1))
    low, high = _boxes(domains)
    centres = (low + high) / 2
    others, other_starts = _near(low, high, numbers)
    sides = (high - low).clip(min=1e-9)
    low, high = low - 0.01 * sides, high + 0.01 * sides
    begin, tried, capacity = 0, 0, 256
    while begin < len(numbers):
        rest = slice(begin, None)
        parts = (others, other_starts[begin:], low, high)
        what, far = kernels.shared_volumes(
            numbers[rest], centres, planes, plane_starts, *parts, _FINENESS[tried], capacity, _DEEPEST, *result[:, rest]
        )
        moved, begin = far > 0, begin + far
        tried = 0 if moved else tried
        if what == kernels.LARGER:
            capacity *= 4
        elif what == kernels.ROUGH:
            tried += 1
        if what == kernels.MORE or tried == len(_FINENESS) or capacity > 1_000_000:
            raise CircuitError(
                f"domain_overlaps: the domain of astrocyte {numbers[begin]} overlaps too many others to be measured. Make them smaller."
            )
    return result


def _boxes(domains: Domains) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corners of the boxes that hold the domains; nowhere for those that are empty."""
    meshes, n = domains.meshes, len(domains)
    low, high = np.zeros((n, 3)), np.zeros((n, 3))
    counts = np.diff(meshes.point_starts)
    full = counts > 0
    starts = meshes.point_starts[:-1][full]
    if len(starts):
        low[full] = np.minimum.reduceat(meshes.points, starts, axis=0)
        high[full] = np.maximum.reduceat(meshes.points, starts, axis=0)
    return low, high


def _near(low: np.ndarray, high: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each number the others whose boxes meet its own, and where each one's begin."""
    from scipy.spatial import cKDTree

    full = np.flatnonzero((high > low).all(axis=1))
    centres, half = (low + high) / 2, np.sqrt(((high - low) ** 2).sum(axis=1)) / 2
    found: list[np.ndarray] = [np.empty(0, dtype=np.int64)]
    counts = np.zeros(len(numbers) + 1, dtype=np.int64)
    if len(full):
        tree = cKDTree(centres[full])
        hits = tree.query_ball_point(centres[numbers], half[numbers] + half[full].max(), return_sorted=True)
        for at, (i, hit) in enumerate(zip(numbers.tolist(), hits, strict=True)):
            others = full[np.asarray(hit, dtype=np.int64)]
            meet = ((low[others] <= high[i]) & (high[others] >= low[i])).all(axis=1) & (others != i)
            found.append(others[meet])
            counts[at + 1] = meet.sum()
    return np.concatenate(found), np.cumsum(counts)


def ids_within(domains: Domains, most: int) -> Iterable[int]:
    """Astrocytes, at most so many, evenly among those whose domains touch no wall; of all, where fewer than ten do not."""
    walls = np.zeros(len(domains), dtype=bool)
    walls[domains.meshes.owners[domains.neighbours < 0]] = True
    full = np.diff(domains.meshes.triangle_starts) > 0
    inner = np.flatnonzero(full & ~walls)
    inner = inner if len(inner) >= 10 else np.flatnonzero(full)
    return inner[np.linspace(0, len(inner) - 1, min(most, len(inner))).round().astype(np.int64)].tolist()

"""Thickness of processes: diameters and perimeters."""

from __future__ import annotations

import numpy as np

__all__ = ["LEAST_PERIMETER", "diameters_of", "perimeters_of", "skewed"]

LEAST_PERIMETER = 0.1
"""Where the line with its noise falls below, um."""

_TAPER = 0.08
# (loc, scale, shape, least, most) of exponentially modified normal distributions; trunks and tips of kinds 2 and 3
_TRUNKS = {2: (1.618, 0.562, 0.3, 0.80, 2.29), 3: (1.322, 0.441, 0.3, 0.79, 2.07)}
_TIPS = {2: (0.465, 0.149, 1.55, 0.34, 1.22), 3: (0.543, 0.164, 0.90, 0.36, 1.09)}


def skewed(
    loc: float, scale: float, shape: float, least: float, most: float, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Numbers loc + scale (normal + shape * exponential), drawn again where they are out of range.

    Examples
    --------
    >>> d = skewed(0.5, 0.2, 1.0, 0.3, 1.2, 1000, np.random.default_rng(0))
    >>> bool((d >= 0.3).all() and (d <= 1.2).all())
    True
    """
    found = np.empty(n)
    missing = np.arange(n)
    while len(missing):
        drawn = loc + scale * (rng.normal(size=len(missing)) + shape * rng.exponential(size=len(missing)))
        found[missing] = drawn
        missing = missing[(drawn < least) | (drawn > most)]
    return found


def diameters_of(
    parents: np.ndarray, starts: np.ndarray, trees: np.ndarray, kinds: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Diameters of the points of a cell's sections.

    Parameters
    ----------
    parents, starts, trees
        Of each section; parents stand before children.
    kinds
        Of each tree: 2 or 3.

    Returns
    -------
    Shape (points,), um.

    Notes
    -----
    Tips and trunks are drawn from the distributions measured in the reconstructed astrocytes behind Zisis et al., 2021 (tips 0.69 um
    in the mean, trunks 1.45 perisynaptic and 1.79 perivascular). At a fork d^p = d1^p + d2^p (Rall, 1959, with a power p for each
    tree, such that its trunk has its diameter: about 7); along a section up to 8 % of taper.
    """
    from conntap.build.ngv._finishing import thick

    n_trees = len(kinds)
    tips, trunks = np.zeros(len(parents)), np.zeros(n_trees)
    ends = np.setdiff1d(np.arange(len(parents)), parents)
    for kind in (2, 3):
        mine = ends[kinds[trees[ends]] == kind]
        tips[mine] = skewed(*_TIPS[kind], len(mine), rng)
        rows = np.flatnonzero(kinds == kind)
        trunks[rows] = skewed(*_TRUNKS[kind], len(rows), rng)
    largest = np.zeros(n_trees)
    np.maximum.at(largest, trees[ends], tips[ends])
    return thick(parents, starts, trees, tips, np.maximum(trunks, 1.02 * largest), _TAPER)[0]


def perimeters_of(diameters: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Perimeters 2.060 d + 1.022 + N(0, 1.116), at least 0.1 um (Zisis et al., 2021: a line fitted to reconstructions).

    Examples
    --------
    >>> round(float(perimeters_of(np.ones(100_000), np.random.default_rng(0)).mean()), 1)
    3.1
    """
    return np.maximum(LEAST_PERIMETER, 2.060 * diameters + 1.022 + rng.normal(0.0, 1.116, len(diameters)))

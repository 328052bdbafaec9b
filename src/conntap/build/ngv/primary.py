"""Primary processes: where they leave the soma."""

from __future__ import annotations

import numpy as np

__all__ = ["directions_apart", "reach_of", "roots_of"]

_ROUNDS = 40


def directions_apart(fixed: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Directions that keep apart from each other and from fixed ones.

    They are drawn evenly on the sphere, then repel each other as equal charges do for 40 rounds.

    Parameters
    ----------
    fixed
        Shape (k, 3), unit vectors that stay.
    n
        How many to place.

    Returns
    -------
    Shape (n, 3), unit vectors.

    Examples
    --------
    >>> directions_apart(np.array([[0, 0, 1.0]]), 1, np.random.default_rng(0)).round(2)[0, 2] < -0.9
    np.True_
    """
    free = rng.normal(size=(n, 3))
    free /= np.sqrt((free**2).sum(axis=1, keepdims=True)).clip(min=1e-12)
    for turn in range(_ROUNDS):
        others = np.concatenate([free, np.reshape(fixed, (-1, 3))])
        away = free[:, None] - others
        square = (away**2).sum(axis=2) + 1e-4
        force = (away / square[:, :, None] ** 1.5).sum(axis=1)
        force -= (force * free).sum(axis=1, keepdims=True) * free
        size = np.sqrt((force**2).sum(axis=1, keepdims=True)).clip(min=1e-12)
        free = free + force / size * np.minimum(size, 0.3 * (1 - turn / _ROUNDS) + 0.01)
        free /= np.sqrt((free**2).sum(axis=1, keepdims=True))
    return free


def roots_of(soma: np.ndarray, targets: np.ndarray, step_um: float) -> tuple[np.ndarray, np.ndarray]:
    """Where processes to targets leave the soma (x, y, z, radius), and whither; within it if the target is."""
    away = targets - soma[:3]
    length = np.sqrt((away**2).sum(axis=1, keepdims=True))
    directions = np.where(length > 1e-9, away / length.clip(min=1e-9), [1.0, 0.0, 0.0])
    return targets - directions * np.maximum(length - soma[3], 3 * step_um), directions


def reach_of(roots: np.ndarray, directions: np.ndarray, planes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """How far it is from each root along its direction to the border of a convex domain (normals, offsets); um."""
    normals, offsets = planes
    if not len(normals):
        return np.zeros(len(roots))
    speed, left = directions @ normals.T, offsets - roots @ normals.T
    ahead = np.where(speed > 1e-12, left / np.where(speed > 1e-12, speed, 1.0), np.inf)
    return ahead.min(axis=1).clip(min=0.0)

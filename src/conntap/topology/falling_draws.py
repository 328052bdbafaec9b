"""Pairs of points drawn by chances that any function gives, where it is known how far these reach."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conntap.topology.pair_draws import _grown
from conntap.topology.pairs import Places

__all__ = ["draw_falling"]

_LEAF = 16
_STEPS = 8192
_TARGETS_A_PART = 4096

Bound = Callable[[np.ndarray], np.ndarray]
Chance = Callable[[np.ndarray, np.ndarray], np.ndarray]


def draw_falling(
    sources: np.ndarray,
    targets: np.ndarray,
    own: np.ndarray,
    *,
    bound: Bound,
    chance: Chance,
    periods: np.ndarray | None = None,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw each pair of a source and a target with its chance, independently of all others.

    Parameters
    ----------
    sources, targets
        Points: float64, shape (points, axes).
    own
        Shape (targets,): the source that each target is itself, from which it is not drawn; -1 for none.
    bound
        For rising distances numbers that no chance exceeds at that distance or farther; they never rise.
    chance
        The chance of each of some pairs, by the rows of source and target: shape (pairs,).
    periods
        Shape (axes,): the length of axes that close to rings, 0 for others; default: none does.
    seed
        From 0 to 2^64 - 1.

    Returns
    -------
    Rows of sources and targets, int32, sorted by target, then source.

    Notes
    -----
    Some 0.2 us a pair drawn where the bound is near the chance, and 2 us a target for every power of two of sources; memory: 30 bytes
    a pair drawn. Exact: candidates come up by the bound and are thinned (Lewis and Shedler, 1979, doi:10.1002/nav.3800260304).

    Examples
    --------
    >>> line, one = np.array([[0.0], [1.0], [9.0]]), np.ones(2)
    >>> near = lambda d: np.where(d < 2.0, 1.0, 0.0)
    >>> chance = lambda pre, post: near(np.abs(line[pre, 0] - line[post, 0]))
    >>> [each.tolist() for each in draw_falling(line, line, np.arange(3), bound=near, chance=chance, seed=1)]
    [[1, 0], [0, 1]]
    """
    from conntap.topology._falling_draws import candidates

    found = [np.empty((2, 0), dtype=np.int32)]
    if not (len(sources) and len(targets)):
        return found[0][0], found[0][1]
    rings = np.zeros(sources.shape[1]) if periods is None else np.asarray(periods, dtype=np.float64)
    tree = _grown(Places(sources, np.zeros(len(sources), dtype=np.int64), 1), _LEAF).arrays
    targets = np.ascontiguousarray(targets, dtype=np.float64)
    corners = np.stack([each(part, axis=0) for part in (sources, targets) for each in (np.min, np.max)])
    spans = np.ptp(corners, axis=0)
    reach = float(np.linalg.norm(np.where(rings > 0, np.minimum(spans, rings / 2), spans)))
    width = (reach or 1.0) * (1 + 1e-9) / _STEPS
    bounds = np.clip(bound(np.arange(_STEPS + 1) * width), 0.0, 1.0)
    for begin in range(0, len(targets), _TARGETS_A_PART):
        part = slice(begin, begin + _TARGETS_A_PART)
        numbers = np.arange(begin, min(len(targets), part.stop), dtype=np.int64)
        counts = np.empty(len(numbers), dtype=np.int64)
        ends = np.ascontiguousarray(own[part], dtype=np.int64)
        places, levels = candidates(tree, targets[part], numbers, ends, rings, bounds, width, np.uint64(seed), counts)
        rows = np.repeat(numbers, counts).astype(np.int32)
        keep = levels <= chance(places, rows)
        places, rows = places[keep], rows[keep]
        order = np.lexsort((places, rows))
        found.append(np.stack([places[order], rows[order]]))
    pre, post = np.concatenate(found, axis=1)
    return pre, post

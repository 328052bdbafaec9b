"""How many neighbours two nodes share by chance."""

from __future__ import annotations

from math import comb

import numpy as np
from scipy.special import gammaln, pdtr
from scipy.stats import binom

__all__ = ["from_connections", "from_degrees"]

_STEP = 0.02  # of the grid of means, in their square root


def from_connections(n_nodes: int, connections: int, length: int) -> np.ndarray:
    """The expected number of pairs that share 0, 1 ... neighbours where each connection is as likely.

    Parameters
    ----------
    n_nodes, connections
        Nodes, and connections among their ordered pairs.
    length
        How many numbers are wanted.

    Returns
    -------
    float64, shape (length,).

    Examples
    --------
    >>> from_connections(3, 6, 2).tolist()
    [0.0, 3.0]
    """
    pairs = comb(n_nodes, 2)
    if not pairs:
        return np.zeros(length)
    return pairs * binom.pmf(np.arange(length), n_nodes - 2, (connections / (2 * pairs)) ** 2)


def from_degrees(neighbours: np.ndarray, chosen: np.ndarray, length: int) -> np.ndarray:
    """The expected number of pairs that share 0, 1 ... neighbours where nodes choose them by their degrees.

    Parameters
    ----------
    neighbours, chosen
        int64, shape (nodes,): how many neighbours each node has, and of how many it is one.
    length
        How many numbers are wanted.

    Returns
    -------
    float64, shape (length,).

    Notes
    -----
    Poisson distributions of means d_i d_j c, cut off at n - 2 neighbours (no pair shares more), where c makes the mean over all pairs that of the degrees: sum of
    [chosen]_2 / 2 over pairs. They are laid on a grid of means, the mean kept, and added; each is widened by less than
    0.03 %. Time: the square of the number of different degrees, and 50 `length` sqrt(largest mean).

    Examples
    --------
    >>> from_degrees(np.array([2, 2, 0, 0]), np.array([0, 0, 2, 2]), 3).round(2).tolist()
    [5.2, 0.4, 0.4]
    """
    chosen = np.asarray(chosen, dtype=float)
    degrees, nodes = np.unique(neighbours, return_counts=True)
    total = (degrees @ nodes) ** 2 - degrees**2 @ nodes
    if total <= 0:
        return np.append(float(comb(len(chosen), 2)), np.zeros(length))[:length]
    scale = (chosen @ (chosen - 1)) / total
    weights = np.zeros(int(np.sqrt(scale) * degrees[-1] / _STEP) + 3)
    grid = (_STEP * np.arange(len(weights))) ** 2
    for place, (degree, many) in enumerate(zip(degrees, nodes)):
        means = scale * degree * degrees[place:]
        pairs = np.where(np.arange(len(means)) == 0, many * (many - 1) / 2, float(many) * nodes[place:])
        below = (np.sqrt(means) / _STEP).astype(np.int64)
        below -= grid[below] > means
        share = (means - grid[below]) / (grid[below + 1] - grid[below])
        np.add.at(weights, below, pairs * (1 - share))
        np.add.at(weights, below + 1, pairs * share)
    return _mixed(grid, weights, length, len(chosen) - 2)


def _mixed(means: np.ndarray, weights: np.ndarray, length: int, most: int) -> np.ndarray:
    """The weighted sum of Poisson distributions from 0 to `most`, each of sum 1, of which `length` numbers are wanted."""
    k = np.arange(length)
    result = np.where(k == 0, weights[0], 0.0)
    used = np.flatnonzero(weights[1:]) + 1
    for part in np.array_split(used, max(1, len(used) * length // 2_000_000)):
        exponents = k * np.log(means[part])[:, None] - means[part][:, None] - gammaln(k + 1)
        within = pdtr(most, means[part])
        some = within > 1e-200  # of means so far beyond, all is at the end
        result = result + (weights[part][some] / within[some]) @ np.exp(exponents[some])
        result = result + np.where(k == most, weights[part][~some].sum(), 0.0)
    return result

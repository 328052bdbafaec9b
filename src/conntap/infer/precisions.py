"""Inverses of covariances: shrunk, or of the main components; and the partial correlations that they hold."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from conntap.errors import OptionError

__all__ = ["inverse", "main_components", "partial_of"]


def inverse(matrix: np.ndarray, where: str) -> np.ndarray:
    """The inverse of a symmetric, positive matrix.

    Examples
    --------
    >>> inverse(np.array([[4.0, 0.0], [0.0, 16.0]]), "here").tolist()
    [[0.25, 0.0], [0.0, 0.0625]]
    """
    factor, failed = linalg.lapack.dpotrf(matrix, lower=1)
    pivots = np.diagonal(factor)
    if failed or not (pivots**2 > 1e-13 * np.diagonal(matrix)).all():
        raise OptionError(
            f"{where}: the covariance has no inverse (channels repeat or depend on each other, or there are fewer frames "
            "than channels). Shrink it, or drop the channels that repeat: infer.mended."
        )
    found, _ = linalg.lapack.dpotri(factor, lower=1)
    return np.tril(found) + np.tril(found, -1).T


def main_components(matrix: np.ndarray, components: float) -> np.ndarray:
    """A covariance of which a fraction of the components is kept; the rest becomes noise of their mean variance.

    That is the covariance of probabilistic principal components: Tipping & Bishop, 1999, doi:10.1111/1467-9868.00196.

    Examples
    --------
    >>> main_components(np.diag([1.0, 4.0, 9.0, 3.0]), 0.5).tolist()
    [[2.0, 0.0, 0.0, 0.0], [0.0, 4.0, 0.0, 0.0], [0.0, 0.0, 9.0, 0.0], [0.0, 0.0, 0.0, 2.0]]
    """
    n = len(matrix)
    rest = n - max(1, int(components * n))
    if rest <= 0:
        return matrix
    values, vectors = linalg.eigh(matrix, subset_by_index=[0, rest - 1], check_finite=False)
    return matrix + (vectors * (values.mean() - values)) @ vectors.T


def partial_of(precision: np.ndarray) -> np.ndarray:
    """The partial correlation of each pair, given all others; the diagonal is 0.

    Examples
    --------
    >>> partial_of(np.array([[4.0, -1.0], [-1.0, 1.0]])).tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    """
    root = 1.0 / np.sqrt(np.diagonal(precision))
    result = -precision * root * root[:, None]
    np.fill_diagonal(result, 0.0)
    return result

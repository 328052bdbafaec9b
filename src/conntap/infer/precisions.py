"""Inverses of covariances: shrunk, or of the main components; and the partial correlations that they hold."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from conntap.errors import OptionError

__all__ = ["inverse", "main_components", "mirrored", "partial_of"]


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
    return mirrored(found)


def mirrored(matrix: np.ndarray) -> np.ndarray:
    """The matrix itself, its lower triangle copied to the upper one.

    Examples
    --------
    >>> mirrored(np.array([[1.0, 0.0], [2.0, 3.0]])).tolist()
    [[1.0, 2.0], [2.0, 3.0]]
    """
    for a in range(0, len(matrix), 128):
        b = a + 128
        own = np.tril(matrix[a:b, a:b])
        matrix[a:b, a:b] = own + np.tril(own, -1).T
        matrix[a:b, b:] = matrix[b:, a:b].T
    return matrix


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
    values, vectors = _smallest(matrix, rest)
    result = (vectors * (values.mean() - values)) @ vectors.T
    result += matrix
    return result


def _smallest(matrix: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The smallest eigenvalues and their vectors; LAPACK's own way to some of them costs a fifth more."""
    n = len(matrix)
    if n < 64:
        values, vectors = np.linalg.eigh(matrix)  # asked for some alone, LAPACK fails where many are equal
        return values[:count], vectors[:, :count]
    room, _ = linalg.lapack.dsytrd_lwork(n, lower=1)
    reflectors, diagonal, beside, factors, _ = linalg.lapack.dsytrd(matrix, lower=1, lwork=int(room))
    values, vectors = linalg.eigh_tridiagonal(
        diagonal, beside, select="i", select_range=(0, count - 1), lapack_driver="stemr", check_finite=False
    )
    vectors[1:] = linalg.lapack.dormqr("L", "N", reflectors[1:, :-1], factors, vectors[1:], lwork=64 * count)[0]
    return values, vectors


def partial_of(precision: np.ndarray) -> np.ndarray:
    """The partial correlation of each pair, given all others; the diagonal is 0.

    Examples
    --------
    >>> partial_of(np.array([[4.0, -1.0], [-1.0, 1.0]])).tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    """
    root = 1.0 / np.sqrt(np.diagonal(precision))
    result = precision * -root
    result *= root[:, None]
    np.fill_diagonal(result, 0.0)
    return result

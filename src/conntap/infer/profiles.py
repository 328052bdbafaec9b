"""How pairs of nodes go together at each lag, all other nodes and the past given: profiles in standard errors."""

from __future__ import annotations

import numpy as np

from conntap.infer.precisions import inverse

__all__ = ["profiles"]


def profiles(correlations: list[np.ndarray], frames: int, where: str, *, ridge: float = 1e-3) -> np.ndarray:
    """Coefficients of a vector autoregression and, at lag 0, partial correlations of what it leaves, over their errors.

    Parameters
    ----------
    correlations
        At the lags 0 .. p, each of shape (pre, post).
    frames
        From how many steps they are.
    where
        The function that asks, for messages.
    ridge
        Added to the variance of each standardised signal.

    Returns
    -------
    float64, shape (2 p + 1, nodes, nodes): [p + l, pre, post] is of post l steps after pre; [p - l] is that of [p + l] with pre and
    post exchanged. Diagonals are 0.

    Notes
    -----
    One inverse of (p + 1) * nodes rows gives all: time its cube, memory four such matrices.

    Examples
    --------
    >>> at = [np.eye(2), np.array([[0.0, 0.5], [0.0, 0.0]])]
    >>> profiles(at, 300, "here").round(1)[2].tolist()
    [[0.0, 10.0], [0.0, 0.0]]
    """
    n, lags, at = len(correlations[0]), len(correlations) - 1, correlations
    whole = np.empty(((lags + 1) * n, (lags + 1) * n))
    for a in range(lags + 1):  # block a holds the signals a steps before the present
        for b in range(lags + 1):
            block = at[a - b] if a >= b else at[b - a].T
            whole[a * n : (a + 1) * n, b * n : (b + 1) * n] = block
    whole[np.diag_indices_from(whole)] += ridge
    precision = inverse(whole, where)
    now, mixed = precision[:n, :n], precision[:n, n:]
    left = inverse(now, where)  # covariance of what the past does not tell
    coefficients = -left @ mixed  # [post, lag and pre]
    past = np.diagonal(precision)[n:] + np.einsum("ij,ij->j", mixed, coefficients)
    errors = np.sqrt(np.outer(np.diagonal(left), past) / frames)
    after = (coefficients / errors).reshape(n, lags, n).transpose(1, 2, 0)
    root = 1.0 / np.sqrt(np.diagonal(now))
    at_once = -now * root * root[:, None] * np.sqrt(frames)
    result = np.concatenate([after[::-1].transpose(0, 2, 1), at_once[None], after])
    result[:, np.arange(n), np.arange(n)] = 0.0
    return result

"""How fast calcium rises, told from the autocovariance of traces."""

from __future__ import annotations

import numpy as np

__all__ = ["with_rises"]

_GRID = 25
_ROUNDS = 4
_LEAST, _MOST = 0.001, 0.99  # of the decay time


def with_rises(
    covariance: np.ndarray, decay: np.ndarray, variance: np.ndarray, how: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What calcium shrinks by in a frame as it decays and as it rises, and its variance, of each node's autocovariance.

    Parameters
    ----------
    covariance
        Shape (lags, nodes), from lag 0 on.
    decay, variance
        What fits calcium that rises at once; NaN where nothing decays, which stays so.
    how
        "given": with this decay, from lags of up to the time in which it fell to 1/e; "together": with the decay that fits
        best, from three times as many.

    Examples
    --------
    >>> lags, d, r = np.arange(200), 0.95, 0.7
    >>> curve = d ** (lags + 1) / (1 - d**2) - r ** (lags + 1) / (1 - r**2)
    >>> [each.round(3).item() for each in with_rises(curve[:, None], np.array([0.9]), np.zeros(1), "together")[:2]]
    [0.95, 0.7]
    """
    decay, rising, variance = decay.copy(), np.zeros(len(decay)), variance.copy()
    for node in np.flatnonzero(decay > 0):
        own = covariance[:, node]
        fallen = np.flatnonzero(own[1:] < own[1] / np.e)
        reach = fallen[0] + 1 if len(fallen) else len(own) // 3
        last = int(np.clip(reach if how == "given" else 3 * reach, 6, len(own) - 1))
        tau, share, variance[node] = _fitted(own[1 : last + 1], -1 / np.log(decay[node]), how)
        decay[node], rising[node] = np.exp(-1 / tau), np.exp(-1 / (share * tau))
    return decay, rising, variance


def _fitted(own: np.ndarray, tau: float, how: str) -> tuple[float, float, float]:
    """The best decay time in frames, the rise's share of it, and the variance: by a grid that is narrowed."""
    lags, centred = np.arange(1, len(own) + 1), own - own.mean()
    low, high = np.log(max(0.5, tau / 4)), np.log(tau * 4)
    least, most = _LEAST, _MOST
    for _ in range(_ROUNDS):
        taus = np.array([tau]) if how == "given" else np.exp(np.linspace(low, high, _GRID))
        shares = np.linspace(least, most, _GRID)
        grid = np.repeat(taus, _GRID)
        curves = _curve(lags, grid[:, None], np.tile(shares, len(taus))[:, None])
        level = curves.mean(axis=1, keepdims=True)
        along = (curves - level) @ centred
        squares = ((curves - level) ** 2).sum(axis=1)
        at = int(np.argmax(np.where(along > 0, along**2 / squares, -1.0)))
        tau, share = float(grid[at]), float(shares[at % _GRID])
        about = 1.5 * (most - least) / (_GRID - 1), 1.5 * (high - low) / (_GRID - 1)
        least, most = max(_LEAST, share - about[0]), min(_MOST, share + about[0])
        low, high = np.log(tau) - about[1], np.log(tau) + about[1]
    size = max(0.0, along[at] / squares[at])
    return tau, share, float(size * _curve(np.zeros(1), np.array(tau), np.array(share))[0])


def _curve(lags: np.ndarray, tau: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The autocovariance of white spikes that rise and decay, but for its size."""
    decay, rising = np.exp(-1 / tau), np.exp(-1 / (share * tau))
    return decay ** (lags + 1) / (1 - decay**2) - rising ** (lags + 1) / (1 - rising**2)
